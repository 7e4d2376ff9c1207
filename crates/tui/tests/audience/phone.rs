//! A phone without a browser: requests as bytes, and answers as they come.

use crate::{PATIENCE, Server};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    /// Its fields, in lower case, without the date.
    pub(crate) head: Vec<String>,
    pub(crate) body: String,
}

impl Answered {
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
    }

    /// The sentence of a refusal.
    pub(crate) fn message(&self) -> String {
        let body: Value = serde_json::from_str(&self.body).unwrap();
        body["message"].as_str().unwrap().to_owned()
    }
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Sends these bytes and reads an answer. The rest of what is sent may be refused unread.
pub(crate) fn exchange(address: SocketAddr, request: &[u8]) -> Answered {
    let mut stream = connect(address);
    let _ = stream.write_all(request);
    answer_of(&mut BufReader::new(stream))
}

fn answer_of(stream: &mut impl BufRead) -> Answered {
    let (status, mut head) = head_of(stream);
    let length =
        head.iter().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    head.retain(|line| !line.starts_with("date: "));
    Answered { status, head, body: String::from_utf8(body).unwrap() }
}

fn head_of(stream: &mut impl BufRead) -> (u16, Vec<String>) {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "the connection ended after {lines:?}");
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let status = lines.remove(0).split(' ').nth(1).unwrap().parse().unwrap();
    let lower = |line: String| match line.split_once(':') {
        Some((name, value)) => format!("{}:{value}", name.to_lowercase()),
        None => line,
    };
    (status, lines.into_iter().map(lower).collect())
}

/// A phone that has loaded the page.
#[derive(Debug)]
pub(crate) struct Phone {
    pub(crate) address: SocketAddr,
    pub(crate) base: String,
    pub(crate) cookie: String,
}

impl Phone {
    pub(crate) fn join(server: &Server) -> Self {
        let (address, base) = server.place();
        let page = exchange(address, get(&base, "").as_bytes());
        assert_eq!(page.status, 200, "{page:?}");
        let cookie = page.field("set-cookie").unwrap().split(';').next().unwrap().to_owned();
        Self { address, base, cookie }
    }

    /// The bytes that answer a poll.
    pub(crate) fn answer_request(&self, body: &str) -> String {
        post(&self.base, &format!("cookie: {}\r\n", self.cookie), body)
    }

    pub(crate) fn answers(&self, poll: u64, option: u64) -> Answered {
        let body = format!("{{\"poll\":{poll},\"option\":{option}}}");
        exchange(self.address, self.answer_request(&body).as_bytes())
    }

    /// Sends a request; the answer is for others to read.
    pub(crate) fn ask(&self, request: &str) -> TcpStream {
        let mut stream = connect(self.address);
        stream.write_all(request.as_bytes()).unwrap();
        stream
    }

    /// The stream of what the class sees.
    pub(crate) fn follow(&self, picture: bool) -> Events {
        let mut stream = BufReader::new(self.ask(&self.follow_request(picture)));
        let (status, head) = head_of(&mut stream);
        assert_eq!(status, 200, "{head:?}");
        assert!(head.contains(&"content-type: text/event-stream".to_owned()), "{head:?}");
        Events { stream, rest: String::new() }
    }

    pub(crate) fn follow_request(&self, picture: bool) -> String {
        let query = if picture { "?picture" } else { "" };
        get(&format!("{}/events{query}", self.base), &format!("cookie: {}\r\n", self.cookie))
    }
}

pub(crate) fn get(path: &str, fields: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nhost: class.test\r\n{fields}\r\n")
}

pub(crate) fn post(base: &str, fields: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST {base}/answer HTTP/1.1\r\nhost: class.test\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
    )
}

/// An event: its name and its text.
pub(crate) type Event = (String, String);

/// Events as they come.
pub(crate) struct Events {
    stream: BufReader<TcpStream>,
    rest: String,
}

impl Events {
    /// The next event; `None`: the stream ended.
    pub(crate) fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = event_of(&mut self.rest) {
                return Some(event);
            }
            let mut size = String::new();
            self.stream.read_line(&mut size).unwrap();
            let size = usize::from_str_radix(size.trim(), 16).unwrap_or(0);
            let mut chunk = vec![0; size + 2];
            if size == 0 || self.stream.read_exact(&mut chunk).is_err() {
                return None;
            }
            self.rest.push_str(std::str::from_utf8(&chunk[..size]).unwrap());
        }
    }

    /// The next page.
    pub(crate) fn page(&mut self) -> Value {
        loop {
            let (name, text) = self.next().expect("the stream goes on");
            if name == "page" {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}

/// Takes the first event off a text.
pub(crate) fn event_of(text: &mut String) -> Option<Event> {
    let end = text.find("\n\n")?;
    let event: String = text.drain(..end + 2).collect();
    let of = |field: &'static str| event.lines().filter_map(move |line| line.strip_prefix(field));
    let name = of("event: ").next().unwrap().to_owned();
    Some((name, of("data: ").collect::<Vec<_>>().join("\n")))
}
