//! Heads of HTTP/1.1 requests and responses: cut from the bytes, made to close their connection, and read.

use bytes::{BufMut, Bytes, BytesMut};
use std::io;

/// The longest head.
pub(super) const MAX_HEAD: usize = 16 << 10;

/// The end of a head.
const END: &[u8] = b"\r\n\r\n";

/// How HTTP/2 begins: it has no head to change.
const HTTP_2: &[u8] = b"PRI * HTTP/2.0\r\n\r\n";

/// What each request of a member says of its sender, apart from what the request is for.
const OF_SENDER: [&str; 5] =
    ["x-server-from", "x-server-version", "x-min-cluster-version", "x-etcd-cluster-id", "x-peerurls"];

/// Takes a whole head from the front, and has it close its connection after this request and its response, on either side: Go would
/// send others on the same connection. `None`: it is not all there.
pub(super) fn take(buffer: &mut BytesMut) -> io::Result<Option<Bytes>> {
    let whole = &buffer[..buffer.len().min(MAX_HEAD)];
    match whole.windows(END.len()).position(|bytes| bytes == END) {
        Some(at) => {
            let head = buffer.split_to(at + END.len()).freeze();
            Ok(Some(if head == HTTP_2 { head } else { closing(&head) }))
        }
        None if buffer.len() >= MAX_HEAD => {
            Err(io::Error::other(format!("the head of an HTTP message is longer than {MAX_HEAD} bytes")))
        }
        None => Ok(None),
    }
}

fn closing(head: &[u8]) -> Bytes {
    const CLOSE: &[u8] = b"Connection: close\r\n\r\n";
    let mut closing = BytesMut::with_capacity(head.len() + CLOSE.len());
    for line in lines(head) {
        let is_about_connection = name_of(line).is_some_and(|name| {
            name.eq_ignore_ascii_case(b"connection") || name.eq_ignore_ascii_case(b"keep-alive")
        });
        if !is_about_connection {
            closing.put_slice(line);
            closing.put_slice(b"\r\n");
        }
    }
    closing.put_slice(CLOSE);
    closing.freeze()
}

/// The lines of a head, without the empty one.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    head.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}

fn name_of(line: &[u8]) -> Option<&[u8]> {
    line.iter().position(|byte| *byte == b':').map(|at| &line[..at])
}

/// A head, read.
pub(super) struct Head<'a> {
    /// The first line.
    start: &'a str,
    headers: Vec<(&'a str, &'a str)>,
}

impl<'a> Head<'a> {
    /// `None`: it is no text.
    pub(super) fn read(head: &'a [u8]) -> Option<Self> {
        let text = std::str::from_utf8(head).ok()?;
        let mut lines = text.split("\r\n");
        let start = lines.next()?;
        let headers = lines.filter_map(|line| line.split_once(':'));
        Some(Self { start, headers: headers.map(|(name, value)| (name, value.trim())).collect() })
    }

    /// Of a request: its method and its path.
    pub(super) fn request(&self) -> Option<(&'a str, &'a str)> {
        let mut words = self.start.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        Some((method, path))
    }

    /// Of a response: its status.
    pub(super) fn status(&self) -> Option<u16> {
        self.start.strip_prefix("HTTP/1.1 ")?.get(..3)?.parse().ok()
    }

    pub(super) fn header(&self, name: &str) -> Option<&'a str> {
        self.headers.iter().find(|(other, _)| other.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    }

    /// A member's id, as etcd writes it.
    pub(super) fn member_id(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(self.header(name)?, 16).ok()
    }

    /// What it says of its sender. `None`: it is not from a member.
    pub(super) fn sender(&self) -> Option<SenderHeaders> {
        self.header("x-server-from")?;
        self.header("x-etcd-cluster-id")?;
        let is_of_sender = |name: &str| OF_SENDER.iter().any(|other| name.eq_ignore_ascii_case(other));
        let headers = self.headers.iter().filter(|(name, _)| is_of_sender(name));
        Some(SenderHeaders(headers.flat_map(|(name, value)| [*name, ": ", *value, "\r\n"]).collect()))
    }
}

/// What a member says of itself in each of its requests.
#[derive(Clone, Debug)]
pub(super) struct SenderHeaders(String);

impl SenderHeaders {
    /// The head of a request of this member that brings a message of this many bytes.
    pub(super) fn post(&self, bytes: usize) -> Bytes {
        let Self(headers) = self;
        format!(
            "POST /raft HTTP/1.1\r\nHost: etcd\r\nContent-Type: application/protobuf\r\nContent-Length: {bytes}\r\n\
             {headers}Connection: close\r\n\r\n"
        )
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_taken_whole_and_closes_its_connection() {
        let sent = b"GET /version HTTP/1.1\r\nHost: a\r\nconnection: keep-alive\r\n\r\nrest";
        let mut buffer = BytesMut::new();
        for (at, byte) in sent.iter().enumerate() {
            buffer.put_u8(*byte);
            if at + 1 < sent.len() - "rest".len() {
                assert_eq!(take(&mut buffer).unwrap(), None);
            }
        }
        let head = take(&mut buffer).unwrap().unwrap();
        assert_eq!(head, "GET /version HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(buffer, "rest");
        assert_eq!(Head::read(&head).unwrap().request(), Some(("GET", "/version")));
        assert_eq!(Head::read(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap().status(), Some(404));
    }

    #[test]
    fn the_beginning_of_http_2_stays_as_it_is() {
        let mut buffer = BytesMut::from(HTTP_2);
        buffer.put_slice(b"SM\r\n\r\n");
        assert_eq!(take(&mut buffer).unwrap().unwrap(), HTTP_2);
    }

    #[test]
    fn a_head_without_end_is_refused() {
        let mut buffer = BytesMut::new();
        buffer.resize(MAX_HEAD - 1, b'x');
        assert_eq!(take(&mut buffer).unwrap(), None);
        buffer.put_u8(b'x');
        assert!(take(&mut buffer).unwrap_err().to_string().contains("longer than"));
    }

    #[test]
    fn a_request_in_the_name_of_a_member_says_what_that_one_says() {
        let head = b"GET /raft/stream/msgapp/1 HTTP/1.1\r\nHost: a\r\nX-Server-From: 8e9e05c52164694d\r\n\
            X-Etcd-Cluster-Id: cdf818194e3a8c32\r\nX-Raft-To: 1\r\n\r\n";
        let head = Head::read(head).unwrap();
        assert_eq!(head.member_id("X-Server-From"), Some(0x8e9e_05c5_2164_694d));
        let post = head.sender().unwrap().post(7);
        let post = Head::read(&post).unwrap();
        assert_eq!(post.request(), Some(("POST", "/raft")));
        assert_eq!(post.header("Content-Length"), Some("7"));
        assert_eq!(post.header("X-Etcd-Cluster-ID"), Some("cdf818194e3a8c32"));
        assert_eq!(post.header("X-Raft-To"), None);
        assert!(Head::read(b"GET /version HTTP/1.1\r\n\r\n").unwrap().sender().is_none());
    }
}
