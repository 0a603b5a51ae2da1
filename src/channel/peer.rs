//! A server on loopback that plays a provider for tests: it notes every request and answers as its provider would, or as scripted.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use p256::ecdsa::signature::Verifier as _;
use p256::ecdsa::{Signature, VerifyingKey};
use serde_json::Value;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::sync::oneshot;
use tokio::task::JoinSet;

/// What a provider speaks.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Protocol {
    Http1,
    Http2,
}

/// A request as it arrived.
#[derive(Clone)]
pub(super) struct Seen {
    pub(super) method: Method,
    pub(super) version: Version,
    pub(super) path: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    /// Did the provider take the message? Then it is shown, whatever became of the answer.
    pub(super) accepted: bool,
}

impl Seen {
    pub(super) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: String,
}

impl Reply {
    pub(super) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(super) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn json(mut self, body: Value) -> Self {
        self.body = body.to_string();
        self
    }
}

/// What goes wrong with the next request that is right.
#[derive(Clone, Debug)]
pub(super) enum Fault {
    /// Refused with this answer.
    Answer(Reply),
    /// Taken, and the connection cut before the answer.
    Drop,
    /// Taken, and never answered.
    Hang,
}

/// What a provider itself says to a request: its own rules.
type Rules = dyn Fn(&Seen) -> Reply + Send + Sync;

struct Book {
    protocol: Protocol,
    rules: Box<Rules>,
    seen: Mutex<Vec<Seen>>,
    faults: Mutex<VecDeque<Fault>>,
    connections: AtomicUsize,
}

/// A running server. It stops when dropped.
pub(super) struct Peer {
    pub(super) address: SocketAddr,
    book: Arc<Book>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Peer {
    /// Starts on a free port of 127.0.0.1, on a thread of its own. `rules` make the provider's answers of its address.
    pub(super) fn start<R>(protocol: Protocol, rules: impl FnOnce(SocketAddr) -> R) -> Self
    where
        R: Fn(&Seen) -> Reply + Send + Sync + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::new(Book {
            protocol,
            rules: Box::new(rules(address)),
            seen: Mutex::default(),
            faults: Mutex::default(),
            connections: AtomicUsize::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let kept = Arc::clone(&book);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(listen(listener, &kept, stopped));
        });
        Self {
            address,
            book,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    pub(super) fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn fail_next(&self, fault: Fault) {
        self.book.faults.lock().unwrap().push_back(fault);
    }

    /// Every request in the order of arrival, refused ones included.
    pub(super) fn seen(&self) -> Vec<Seen> {
        self.book.seen.lock().unwrap().clone()
    }

    /// How many connections were made.
    pub(super) fn connections(&self) -> usize {
        self.book.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn listen(listener: TcpListener, book: &Arc<Book>, mut stopped: oneshot::Receiver<()>) {
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = &mut stopped => return,
            accepted = listener.accept() => {
                let stream = accepted.unwrap().0.into_std().unwrap();
                book.connections.fetch_add(1, Ordering::Relaxed);
                connections.spawn(serve(stream, Arc::clone(book)));
            }
        }
    }
}

/// One connection; an error means that somebody cut it.
async fn serve(stream: TcpStream, book: Arc<Book>) {
    let wire = Arc::new(stream.try_clone().unwrap());
    let protocol = book.protocol;
    let io = TokioIo::new(tokio::net::TcpStream::from_std(stream).unwrap());
    let service = service_fn(move |request| answer(request, Arc::clone(&book), Arc::clone(&wire)));
    match protocol {
        Protocol::Http1 => drop(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(io, service)
                .await,
        ),
        Protocol::Http2 => drop(
            hyper::server::conn::http2::Builder::new(TokioExecutor::new())
                .serve_connection(io, service)
                .await,
        ),
    }
}

async fn answer(
    request: Request<Incoming>,
    book: Arc<Book>,
    wire: Arc<TcpStream>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let mut seen = Seen {
        method: parts.method,
        version: parts.version,
        path: parts.uri.path().to_owned(),
        headers: parts.headers,
        body: body.collect().await.unwrap().to_bytes().to_vec(),
        accepted: false,
    };
    let mut reply = (book.rules)(&seen);
    let mut fault = None;
    if (200..300).contains(&reply.status) {
        fault = book.faults.lock().unwrap().pop_front();
        seen.accepted = !matches!(fault, Some(Fault::Answer(_)));
    }
    book.seen.lock().unwrap().push(seen);
    match fault {
        None => {}
        Some(Fault::Answer(scripted)) => reply = scripted,
        Some(Fault::Drop) => {
            let _ = wire.shutdown(Shutdown::Both);
            std::future::pending::<()>().await;
        }
        Some(Fault::Hang) => std::future::pending::<()>().await,
    }
    let mut response = Response::builder().status(reply.status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    Ok(response.body(Full::from(reply.body)).unwrap())
}

/// Header and claims of a statement (JWT, ES256) that this public key signed; none when it did not.
pub(super) fn verified(statement: &str, public_key: &str) -> Option<(Value, Value)> {
    let (said, signature) = statement.rsplit_once('.')?;
    let (header, claims) = said.split_once('.')?;
    let decoded = |text: &str| URL_SAFE_NO_PAD.decode(text).ok();
    let key = VerifyingKey::from_sec1_bytes(&decoded(public_key)?).ok()?;
    let signature = Signature::from_slice(&decoded(signature)?).ok()?;
    key.verify(said.as_bytes(), &signature).ok()?;
    let json = |text: &str| serde_json::from_slice(&decoded(text)?).ok();
    Some((json(header)?, json(claims)?))
}

/// A private key for tests, as a PEM text and as the bare bytes in base64url, with its public key.
pub(super) fn test_key(byte: u8) -> (String, String, String) {
    use p256::pkcs8::{EncodePrivateKey as _, LineEnding};
    let secret = p256::SecretKey::from_slice(&[byte; 32]).unwrap();
    let pem = secret.to_pkcs8_pem(LineEnding::LF).unwrap().to_string();
    let public_key = URL_SAFE_NO_PAD.encode(secret.public_key().to_sec1_bytes());
    (pem, URL_SAFE_NO_PAD.encode([byte; 32]), public_key)
}
