//! An HTTP receiver for tests: takes what is posted over a real socket, writes it down, and fails as it is told.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What was received.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    pub(crate) path: String,
    headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// How a request is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Status(u16),
    /// Status, further header lines, body.
    Full(u16, &'static str, String),
    /// The connection ends once the request was read.
    Drop,
    /// No answer, as long as a test lasts.
    Hang,
    /// The answer comes late.
    Slow(Duration, u16),
}

#[derive(Default)]
struct Book {
    received: Vec<Received>,
    next: VecDeque<Reply>,
    always: Option<Reply>,
}

/// The receiver; it stops when it is dropped.
pub(crate) struct HttpPeer {
    pub(crate) address: SocketAddr,
    book: Arc<Mutex<Book>>,
    _serving: JoinSet<()>,
}

impl HttpPeer {
    pub(crate) async fn start() -> Self {
        Self::start_at("127.0.0.1:0").await
    }

    pub(crate) async fn start_at(bind: &str) -> Self {
        let listener = TcpListener::bind(bind).await.unwrap();
        let address = listener.local_addr().unwrap();
        let book = Arc::<Mutex<Book>>::default();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, Arc::clone(&book)));
        Self {
            address,
            book,
            _serving: serving,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The next request is answered so.
    pub(crate) fn reply_next(&self, reply: Reply) {
        self.book.lock().unwrap().next.push_back(reply);
    }

    /// Every request is answered so, from now on.
    pub(crate) fn reply_always(&self, reply: Reply) {
        self.book.lock().unwrap().always = Some(reply);
    }

    pub(crate) fn received(&self) -> Vec<Received> {
        self.book.lock().unwrap().received.clone()
    }
}

async fn serve(listener: TcpListener, book: Arc<Mutex<Book>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        connections.spawn(answer(stream, Arc::clone(&book)));
    }
}

async fn answer(mut stream: TcpStream, book: Arc<Mutex<Book>>) {
    let Some(received) = read(&mut stream).await else {
        return;
    };
    let reply = {
        let mut book = book.lock().unwrap();
        book.received.push(received);
        let next = book.next.pop_front();
        next.or_else(|| book.always.clone()).unwrap_or(Reply::Status(200))
    };
    let (status, headers, body) = match reply {
        Reply::Status(status) => (status, "", String::new()),
        Reply::Full(status, headers, body) => (status, headers, body),
        Reply::Slow(after, status) => {
            tokio::time::sleep(after).await;
            (status, "", String::new())
        }
        Reply::Drop => return,
        Reply::Hang => std::future::pending().await,
    };
    let head = format!(
        "HTTP/1.1 {status} x\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    // Who has heard enough may be gone already.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Received> {
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4_096];
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let received = parsed(head, body);
            let length = received.header("content-length").parse().unwrap_or(0);
            if body.len() >= length {
                return Some(received);
            }
        }
        let count = stream.read(&mut buffer).await.ok()?;
        if count == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..count]);
    }
}

fn parsed(head: &str, body: &str) -> Received {
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let mut word = || first.next().unwrap_or_default().to_owned();
    let headers = lines.filter_map(|line| line.split_once(": "));
    Received {
        method: word(),
        path: word(),
        headers: headers
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect(),
        body: body.to_owned(),
    }
}
