//! A look-alike of Firebase Cloud Messaging on loopback, for tests: the token endpoint, `messages:send`, scripted faults,
//! and a model of what the phones show.
//!
//! It checks every request against Google's discovery document and answers with the error bodies of the real service.
//! [`TestServer::fail_next`] scripts what goes wrong; [`TestServer::screen`] tells what a person would see in the end,
//! also when an answer was lost on the way.

mod book;
mod complaint;
mod fault;
mod grant;
mod key;
mod rules;
mod schema;
mod screen;
mod send;
mod tls;

pub use book::{Connection, Received, TestClock};
pub use fault::{Fault, FcmCode};
pub use screen::Shown;

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::dev::{Server, ServerHandle, Service, ServiceRequest};
use actix_web::http::Version;
use actix_web::{App, HttpServer, rt, web};
use serde_json::json;

use book::Book;
use key::Key;
use tls::Tls;

/// The Firebase project of the test server.
pub const PROJECT_ID: &str = "fcm-test";
/// Larger bodies are refused before they are read. FCM's own payload limit is far below.
const BODY_MAX_BYTES: usize = 1_024 * 1_024;

/// A running server. It stops when dropped.
pub struct TestServer {
    address: SocketAddr,
    book: Arc<Book>,
    handle: ServerHandle,
    thread: Option<std::thread::JoinHandle<()>>,
    certificate_pem: Option<String>,
}

/// What the server's thread reports once it listens.
struct Started {
    address: SocketAddr,
    book: Arc<Book>,
    handle: ServerHandle,
}

impl TestServer {
    /// Starts on a free port of 127.0.0.1, on a thread of its own so that it does not depend on the caller's runtime.
    ///
    /// # Errors
    /// If no port can be had or no key can be made.
    pub async fn start() -> io::Result<Self> {
        Self::start_with(None).await
    }

    /// Starts behind TLS, with HTTP/2 for those who ask for it: clients must trust [`TestServer::certificate_pem`]. Faults that
    /// cut a connection cannot reach below TLS, and answer instead: this one is for measurements.
    ///
    /// # Errors
    /// As [`TestServer::start`], or if no certificate can be made.
    pub async fn start_tls() -> io::Result<Self> {
        Self::start_with(Some(Tls::make()?)).await
    }

    async fn start_with(tls: Option<Tls>) -> io::Result<Self> {
        let certificate_pem = tls.as_ref().map(|tls| tls.certificate_pem.clone());
        let (report, started) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("fcm-test-server".to_owned())
            .spawn(move || {
                rt::System::new().block_on(async move {
                    match prepare(tls) {
                        Ok((started, server)) => {
                            // Nobody listens if the caller has given up; the handle then goes with the report and is not needed.
                            if report.send(Ok(started)).is_ok() {
                                let _ = server.await;
                            }
                        }
                        Err(error) => drop(report.send(Err(error))),
                    }
                });
            })?;
        let Started { address, book, handle } = started
            .await
            .map_err(|_| io::Error::other("the test server's thread ended early"))??;
        Ok(Self {
            address,
            book,
            handle,
            thread: Some(thread),
            certificate_pem,
        })
    }

    /// What a client of [`TestServer::start_tls`] must trust; none without TLS.
    pub fn certificate_pem(&self) -> Option<&str> {
        self.certificate_pem.as_deref()
    }

    /// The connections that were opened so far, in that order.
    pub fn connections(&self) -> Vec<Connection> {
        self.book.connections()
    }

    /// Stops now: open connections are cut. Dropping does the same.
    pub async fn stop(self) {
        self.book.close();
        self.handle.stop(false).await;
    }

    /// The address for [`crate::Settings::endpoint`].
    pub fn endpoint(&self) -> String {
        self.book.endpoint().to_owned()
    }

    /// The credentials for [`crate::Settings::new`]: a service account whose key was made for this process.
    pub fn service_account_json(&self) -> String {
        json!({
            "type": "service_account",
            "project_id": PROJECT_ID,
            "private_key_id": key::KEY_ID,
            "private_key": self.book.key.private_pem(),
            "client_email": key::CLIENT_EMAIL,
            "client_id": "1",
            "token_uri": self.book.token_uri(),
        })
        .to_string()
    }

    /// Settings that lead a client here.
    pub fn settings(&self) -> crate::Settings {
        crate::Settings::new(self.service_account_json()).endpoint(self.endpoint())
    }

    /// Scripts the next valid request for this token (or FID). Several faults are used up in order, one per request.
    pub fn fail_next(&self, token: &str, fault: Fault) {
        self.book.script(Some(token), fault);
    }

    /// Scripts the next valid request for any receiver. A fault for the receiver itself goes first.
    pub fn fail_next_any(&self, fault: Fault) {
        self.book.script(None, fault);
    }

    /// Scripts the next request to the token endpoint.
    pub fn fail_next_grant(&self, fault: Fault) {
        self.book.script_grant(fault);
    }

    /// Answers `UNREGISTERED` for this token until [`TestServer::register`].
    pub fn unregister(&self, token: &str) {
        self.book.set_registered(token, false);
    }

    /// Lets a token live again, as when the app reports it anew.
    pub fn register(&self, token: &str) {
        self.book.set_registered(token, true);
    }

    /// Sets how long access tokens live that are issued from now on; an hour to begin with.
    pub fn set_token_lifetime(&self, lifetime: Duration) {
        self.book.set_token_lifetime(lifetime);
    }

    /// Lets all access tokens end now.
    pub fn expire_access_tokens(&self) {
        self.book.expire_access_tokens();
    }

    /// How often the token endpoint was asked.
    pub fn token_requests(&self) -> usize {
        self.book.token_requests()
    }

    /// Every request to `messages:send` in the order of arrival, refused ones included.
    pub fn received(&self) -> Vec<Received> {
        self.book.received()
    }

    /// Looks at the same without a copy: for logs of a hundred thousand.
    pub fn look<T>(&self, look: impl FnOnce(&[Received]) -> T) -> T {
        self.book.look(look)
    }

    /// How many requests to `messages:send` there were.
    pub fn count(&self) -> usize {
        self.book.count()
    }

    /// Only counts requests from now on, and shows nothing: for measurements.
    pub fn forget(&self) {
        self.book.forget();
    }

    /// Has requests noted by this clock from now on. What lives for a time, such as access tokens, goes by the machine's.
    pub fn set_clock(&self, clock: TestClock) {
        self.book.set_clock(clock);
    }

    /// What the phone with this token (or FID) shows now, oldest first. A message that was accepted is shown even if its
    /// answer was lost. A notification replaces the one with the same tag.
    pub fn screen(&self, token: &str) -> Vec<Shown> {
        self.book.screen(token)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        self.book.close();
        // The command is queued by the call itself; its future only waits for the end, as the join below does.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for TestServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestServer")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// The number of a connection.
struct Number(usize);

/// Notes each request with the connection it came by.
fn count<S: Service<ServiceRequest>>(request: ServiceRequest, service: &S) -> S::Future {
    let book = request.app_data::<web::Data<Book>>();
    if let (Some(book), Some(Number(connection))) = (book, request.conn_data()) {
        book.asked_over(*connection, request.version() == Version::HTTP_2);
    }
    service.call(request)
}

fn prepare(tls: Option<Tls>) -> io::Result<(Started, Server)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    let scheme = if tls.is_some() { "https" } else { "http" };
    let endpoint = format!("{scheme}://{address}");
    let book = Arc::new(Book::new(Key::of_this_process()?, endpoint, schema::Schemas::load()?));
    let counting = Arc::clone(&book);
    let shared = web::Data::from(Arc::clone(&book));
    let server = HttpServer::new(move || {
        App::new()
            .app_data(shared.clone())
            .app_data(web::PayloadConfig::new(BODY_MAX_BYTES))
            .wrap_fn(count)
            .service(web::resource("/token").route(web::post().to(grant::issue)))
            .service(web::resource("/v1/projects/{project}/messages:send").route(web::post().to(send::accept)))
            .default_service(web::to(async || complaint::not_found()))
    })
    .on_connect(move |connection, extensions| {
        extensions.insert(Number(counting.connected()));
        fault::keep_wire(connection, extensions);
    })
    .workers(1)
    .disable_signals()
    .shutdown_timeout(0);
    let server = match tls {
        Some(tls) => server.listen_rustls_0_23(listener, tls.config)?,
        None => server.listen(listener)?,
    };
    let server = server.run();
    Ok((
        Started {
            address,
            book,
            handle: server.handle(),
        },
        server,
    ))
}

#[cfg(test)]
#[path = "server_tests.rs"]
mod tests;
