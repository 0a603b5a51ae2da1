//! The protocol of Redis, as much of it as is needed here: commands out, answers in.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A server that says nothing for so long will not.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Text(String),
    Number(i64),
    Many(Vec<Reply>),
    Nothing,
}

pub struct Client {
    reader: BufReader<TcpStream>,
    writer: TcpStream,
    out: Vec<u8>,
}

impl Client {
    pub fn connect(port: u16) -> Self {
        let writer = TcpStream::connect(("127.0.0.1", port)).unwrap();
        writer.set_nodelay(true).unwrap();
        writer.set_read_timeout(Some(ANSWERED_WITHIN)).unwrap();
        Self {
            reader: BufReader::with_capacity(1 << 16, writer.try_clone().unwrap()),
            writer,
            out: Vec::new(),
        }
    }

    /// Puts a command into the next flush.
    pub fn push(&mut self, words: &[&str]) {
        write!(self.out, "*{}\r\n", words.len()).unwrap();
        for word in words {
            write!(self.out, "${}\r\n{word}\r\n", word.len()).unwrap();
        }
    }

    /// Sends what was pushed.
    pub fn flush(&mut self) {
        self.writer.write_all(&self.out).unwrap();
        self.out.clear();
    }

    pub fn ask(&mut self, words: &[&str]) -> Reply {
        self.push(words);
        self.flush();
        self.read()
    }

    /// What was sent without being asked for; nothing when nothing comes for so long.
    pub fn read_within(&mut self, patience: Duration) -> Option<Reply> {
        self.writer.set_read_timeout(Some(patience)).unwrap();
        let is_there = self.reader.fill_buf().is_ok_and(|bytes| !bytes.is_empty());
        self.writer.set_read_timeout(Some(ANSWERED_WITHIN)).unwrap();
        is_there.then(|| self.read())
    }

    pub fn read(&mut self) -> Reply {
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let (kind, rest) = line.trim_end().split_at(1);
        match kind {
            "+" => Reply::Text(rest.to_owned()),
            ":" => Reply::Number(rest.parse().unwrap()),
            "$" => match rest.parse::<i64>().unwrap() {
                ..0 => Reply::Nothing,
                length => {
                    let mut bytes = vec![0; usize::try_from(length).unwrap() + 2];
                    self.reader.read_exact(&mut bytes).unwrap();
                    bytes.truncate(bytes.len() - 2);
                    Reply::Text(String::from_utf8(bytes).unwrap())
                }
            },
            "*" => {
                let count = rest.parse::<i64>().unwrap();
                Reply::Many((0..count).map(|_| self.read()).collect())
            }
            _ => panic!("the server says: {line}"),
        }
    }
}
