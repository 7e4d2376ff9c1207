//! A member's client URL, as etcd writes it: `http://127.0.0.1:2379`.

use std::fmt;
use std::str::FromStr;

/// A member's client URL: how it is spoken to, and where.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClientUrl {
    is_tls: bool,
    /// An IPv6 address without its brackets.
    host: String,
    port: u16,
}

/// A text that is no client URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "\"{}\" is not the address of an etcd member: write http://HOST:PORT or https://HOST:PORT",
    raftdeck_protocol::printable::line(url)
)]
pub struct UrlError {
    /// As given.
    url: String,
}

impl ClientUrl {
    /// Whether TLS is spoken there.
    #[must_use]
    pub fn is_tls(&self) -> bool {
        self.is_tls
    }

    /// The host; an IPv6 address without its brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `HOST:PORT`
    #[must_use]
    pub fn authority(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }
}

impl fmt::Display for ClientUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority())
    }
}

impl FromStr for ClientUrl {
    type Err = UrlError;

    /// Without a scheme it is `http`; a path other than `/` is refused.
    fn from_str(url: &str) -> Result<Self, UrlError> {
        let wrong = || UrlError { url: url.to_owned() };
        let (is_tls, rest) = match url.split_once("://") {
            Some(("https", rest)) => (true, rest),
            Some(("http", rest)) => (false, rest),
            Some(_) => return Err(wrong()),
            None => (false, url),
        };
        let (host, port) = rest.strip_suffix('/').unwrap_or(rest).rsplit_once(':').ok_or_else(wrong)?;
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let host = match bare {
            Some(v6) if v6.parse::<std::net::Ipv6Addr>().is_ok() => v6,
            None if !host.is_empty() && host.chars().all(is_of_host_name) => host,
            _ => return Err(wrong()),
        };
        // `u16::from_str` would take "+80".
        if !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(wrong());
        }
        Ok(Self { is_tls, host: host.to_owned(), port: port.parse().map_err(|_| wrong())? })
    }
}

fn is_of_host_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_read_and_written() {
        for (text, written) in [
            ("http://127.0.0.1:2379", "http://127.0.0.1:2379"),
            ("https://etcd-0.etcd:2379/", "https://etcd-0.etcd:2379"),
            ("https://[::1]:2379", "https://[::1]:2379"),
            ("localhost:2379", "http://localhost:2379"),
        ] {
            assert_eq!(text.parse::<ClientUrl>().expect(text).to_string(), written);
        }
        let url: ClientUrl = "https://[::1]:1".parse().expect("a URL");
        assert_eq!((url.host(), url.port(), url.is_tls()), ("::1", 1, true));
    }

    #[test]
    fn what_is_no_url_is_refused() {
        for wrong in [
            "",
            "http://",
            "2379",
            "unix://a:1",
            "http://a",
            "http://a:+1",
            "http://a:99999",
            "http://a:1/b",
            "::1:2",
            "a b:1",
        ] {
            assert!(wrong.parse::<ClientUrl>().is_err(), "{wrong}");
        }
    }
}
