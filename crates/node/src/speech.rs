//! The protocol of a connection, by its first bytes, and the answer of a port that speaks another one: in the protocol of the
//! connection, so that programs report it as an error of their own. Reads and writes nothing itself.

use crate::http::answer::error_body;
use bytes::Bytes;
use raftdeck_protocol::handshake::MAGIC;
use raftdeck_protocol::{HelloReply, Ports, RefusalReason, frame};
use raftdeck_raft::NodeId;
use std::net::SocketAddr;

/// This many bytes suffice to tell all kinds apart.
pub(crate) const ENOUGH: usize = 8;

/// The first byte of a TLS connection. A frame begins with its length, and none is that long.
pub(crate) const RECORD: u8 = 0x16;

/// The beginning of HTTP/2 with prior knowledge (RFC 9113, section 3.4).
pub(crate) const HTTP_2: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The beginnings of a request of HTTP/1, each four bytes.
const REQUESTS: [&[u8; 4]; 9] =
    [b"GET ", b"PUT ", b"POST", b"HEAD", b"DELE", b"OPTI", b"PATC", b"CONN", b"TRAC"];

/// A TLS record with the alert "handshake failure" (RFC 8446, section 6): a client that uses TLS reports it on its own.
pub(crate) const NO_TLS: [u8; 7] = [0x15, 3, 3, 0, 2, 2, 40];

/// What is spoken on a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speech {
    Tls,
    /// A request of HTTP/1; whether its answer has a body.
    Http {
        has_body: bool,
    },
    Http2,
    /// The handshake of a node or of a client.
    Raftdeck,
    Unknown,
}

impl Speech {
    /// By the first bytes, of which four at least are needed for all but TLS.
    pub(crate) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [RECORD, ..] => Self::Tls,
            _ if bytes.len() >= 4 && HTTP_2.starts_with(&bytes[..bytes.len().min(HTTP_2.len())]) => {
                Self::Http2
            }
            _ if REQUESTS.iter().any(|request| bytes.starts_with(*request)) => {
                Self::Http { has_body: !bytes.starts_with(b"HEAD") }
            }
            [_, _, _, _, rest @ ..] if rest.starts_with(&MAGIC) => Self::Raftdeck,
            _ => Self::Unknown,
        }
    }
}

/// The ports of a node, for connections that came to the wrong one.
#[derive(Clone, Debug)]
pub(crate) struct Signpost {
    pub(crate) id: NodeId,
    pub(crate) ports: Ports,
    /// Whether all ports speak TLS.
    pub(crate) encrypted: bool,
}

impl Signpost {
    /// To a request of HTTP that came to the port of this name: where HTTP is served (RFC 9110, section 15.5.20).
    pub(crate) fn to_http(&self, port: &str, has_body: bool) -> Bytes {
        let Self { id, ports, encrypted } = self;
        let scheme = if *encrypted { "https" } else { "http" };
        let place = match ports.http.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_unspecified() => format!("{scheme} on port {}", address.port()),
            _ => format!("{scheme}://{}", ports.http),
        };
        let message = format!("this is the {port} port of {id}, not its HTTP port: use {place}");
        let body = error_body(&message);
        let length = body.len();
        let head = format!(
            "HTTP/1.1 421 Misdirected Request\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
             cache-control: no-store\r\nconnection: close\r\n\r\n"
        );
        (if has_body { head + &body } else { head }).into()
    }

    /// To a client's or a node's handshake on a port for others: the refusal, and behind it where to go.
    pub(crate) fn to_raftdeck(&self) -> Bytes {
        let refused = frame::encode(&HelloReply::Refused(RefusalReason::WrongPort));
        [framed(&refused), framed(&frame::encode(&self.ports))].concat().into()
    }
}

/// With its length before it.
pub(crate) fn framed(content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).expect("invariant: what a port says of itself is short");
    [&length.to_be_bytes()[..], content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn signpost(encrypted: bool) -> Signpost {
        let ports = Ports {
            raft: "127.0.0.1:8080".into(),
            client: "127.0.0.1:9080".into(),
            http: "127.0.0.1:11080".into(),
        };
        Signpost { id: NodeId(1), ports, encrypted }
    }

    #[test]
    fn what_is_spoken_is_told_by_the_first_bytes() {
        let http = Speech::Http { has_body: true };
        for (bytes, speech) in [
            (&b"GET / HTTP/1.1\r\n"[..], http),
            (b"PUT /", http),
            (b"DELE", http),
            (b"HEAD / H", Speech::Http { has_body: false }),
            (b"PRI ", Speech::Http2),
            (HTTP_2, Speech::Http2),
            (b"\x16", Speech::Tls),
            (b"\x16\x03\x01\x02\x00\x01\x00\x01", Speech::Tls),
            (b"\x00\x00\x00\x40RFTD\x04", Speech::Raftdeck),
            (b"\x00\x00\x00\x40RFTE", Speech::Unknown),
            (b"GETTING on", Speech::Unknown),
            (b"GE", Speech::Unknown),
            (b"hello\r\n", Speech::Unknown),
            (b"", Speech::Unknown),
        ] {
            assert_eq!(Speech::of(bytes), speech, "{bytes:?}");
        }
    }

    #[test]
    fn a_request_of_http_is_sent_to_the_http_port() {
        let answer = String::from_utf8(signpost(false).to_http("Raft", true).to_vec()).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
        assert!(head.starts_with("HTTP/1.1 421 Misdirected Request\r\n"), "{head}");
        assert!(
            head.contains(&format!("content-length: {}", body.len())) && head.contains("connection: close")
        );
        let body: serde_json::Value = serde_json::from_str(body).unwrap();
        assert_eq!(body["ok"], false);
        assert_eq!(
            body["message"],
            "this is the Raft port of n1, not its HTTP port: use http://127.0.0.1:11080"
        );
        let mut everywhere = signpost(true);
        let told = |signpost: &Signpost| {
            let answer = signpost.to_http("Client", true);
            String::from_utf8_lossy(&answer).into_owned()
        };
        assert!(told(&everywhere).contains("use https://127.0.0.1:11080"));
        everywhere.ports.http = "0.0.0.0:11080".into();
        assert!(told(&everywhere).contains("use https on port 11080"));
        let bare = signpost(false).to_http("Raft", false);
        assert!(bare.ends_with(b"\r\n\r\n"), "a HEAD has no body");
    }
}
