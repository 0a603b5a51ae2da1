//! One connection of the load: HTTP/1.1 kept alive, without the comforts that cost more than the server under test.

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, RETRY_AFTER};
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// What was answered.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub says_when: bool,
    pub body: Bytes,
}

/// A connection to one server. What drives it ends with it.
pub struct Connection {
    address: SocketAddr,
    host: HeaderValue,
    sender: SendRequest<Full<Bytes>>,
    _driver: JoinSet<()>,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// Nobody listens there.
    pub async fn open(address: SocketAddr) -> Result<Self, String> {
        let stream = TcpStream::connect(address).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let (sender, connection) = handshake(TokioIo::new(stream))
            .await
            .map_err(|error| error.to_string())?;
        let mut driver = JoinSet::new();
        driver.spawn(async move {
            // The requests under way learn of an error themselves.
            let _ = connection.await;
        });
        let host = HeaderValue::from_str(&address.to_string()).map_err(|error| error.to_string())?;
        Ok(Self {
            address,
            host,
            sender,
            _driver: driver,
        })
    }

    /// Sends one request and waits for the whole answer. After an error the connection is made anew by the next request.
    ///
    /// # Errors
    /// The connection broke, or cannot be made again.
    pub async fn exchange(
        &mut self,
        method: Method,
        path: &str,
        bearer: &HeaderValue,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        if self.sender.is_closed() {
            *self = Self::open(self.address).await?;
        }
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.host.clone())
            .header(AUTHORIZATION, bearer.clone())
            .header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| error.to_string())?;
        self.sender.ready().await.map_err(|error| error.to_string())?;
        let answer = self
            .sender
            .send_request(request)
            .await
            .map_err(|error| error.to_string())?;
        let status = answer.status().as_u16();
        let says_when = answer.headers().contains_key(RETRY_AFTER);
        let body = answer
            .into_body()
            .collect()
            .await
            .map_err(|error| error.to_string())?
            .to_bytes();
        Ok(Answer {
            status,
            says_when,
            body,
        })
    }
}

/// The header of a credential.
///
/// # Errors
/// A credential with characters no header may hold.
pub fn bearer(token: &str) -> Result<HeaderValue, String> {
    HeaderValue::from_str(&format!("Bearer {token}")).map_err(|error| error.to_string())
}
