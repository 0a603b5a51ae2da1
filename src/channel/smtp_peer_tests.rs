//! A mail server for tests: speaks SMTP over a real socket, keeps the mail, and fails as it is told.
#![allow(clippy::unwrap_used, reason = "tests may panic")]

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// What the server is told to say, once, at one place of the exchange.
#[derive(Debug, Clone)]
pub(crate) enum Refuse {
    /// At this command (`MAIL`, `RCPT`, `DATA`, `AUTH`, or `.` for the end of the mail) this line.
    At(&'static str, &'static str),
    /// The connection ends once the mail was read.
    Drop,
    /// No answer to the end of the mail.
    Hang,
}

/// One mail that was taken.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) text: String,
}

#[derive(Default)]
struct Book {
    taken: Vec<Taken>,
    next: VecDeque<Refuse>,
    /// Every line a client said, in order.
    said: Vec<String>,
}

/// The server; it stops when it is dropped.
pub(crate) struct SmtpPeer {
    pub(crate) address: SocketAddr,
    book: Arc<Mutex<Book>>,
    _serving: JoinSet<()>,
}

impl SmtpPeer {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
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

    pub(crate) fn refuse_next(&self, refuse: Refuse) {
        self.book.lock().unwrap().next.push_back(refuse);
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.book.lock().unwrap().taken.clone()
    }

    pub(crate) fn said(&self) -> Vec<String> {
        self.book.lock().unwrap().said.clone()
    }
}

async fn serve(listener: TcpListener, book: Arc<Mutex<Book>>) {
    let mut connections = JoinSet::new();
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        let book = Arc::clone(&book);
        connections.spawn(async move {
            // A client that goes away ends the exchange.
            let _ = exchange(stream, book).await;
        });
    }
}

async fn exchange(stream: TcpStream, book: Arc<Mutex<Book>>) -> std::io::Result<()> {
    let mut refuse = book.lock().unwrap().next.pop_front();
    let mut stream = BufReader::new(stream);
    let mut mail = Taken::default();
    stream.write_all(b"220 peer ready\r\n").await?;
    let mut line = String::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        book.lock().unwrap().said.push(line.trim_end().to_owned());
        let verb = line.split([' ', ':']).next().unwrap_or_default().trim().to_uppercase();
        if let Some(Refuse::At(at, answer)) = &refuse
            && *at == verb
        {
            let answer = format!("{answer}\r\n");
            refuse = None;
            stream.write_all(answer.as_bytes()).await?;
            continue;
        }
        let answer = match verb.as_str() {
            "EHLO" => "250-peer\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME\r\n",
            "AUTH" => "235 2.7.0 welcome\r\n",
            "MAIL" => {
                line.trim_end().clone_into(&mut mail.from);
                "250 2.1.0 ok\r\n"
            }
            "RCPT" => {
                line.trim_end().clone_into(&mut mail.to);
                "250 2.1.5 ok\r\n"
            }
            "DATA" => {
                stream.write_all(b"354 go ahead\r\n").await?;
                mail.text = text(&mut stream).await?;
                let end = match refuse.take() {
                    Some(Refuse::Drop) => return Ok(()),
                    Some(Refuse::Hang) => std::future::pending().await,
                    Some(Refuse::At(".", answer)) => format!("{answer}\r\n"),
                    Some(Refuse::At(..)) | None => {
                        book.lock().unwrap().taken.push(std::mem::take(&mut mail));
                        "250 2.0.0 taken\r\n".to_owned()
                    }
                };
                stream.write_all(end.as_bytes()).await?;
                continue;
            }
            "QUIT" => {
                stream.write_all(b"221 bye\r\n").await?;
                return Ok(());
            }
            _ => "502 not here\r\n",
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// The mail up to the lone dot.
async fn text(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut text = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == ".\r\n" {
            return Ok(text);
        }
        text.push_str(&line);
    }
}
