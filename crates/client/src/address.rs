//! `HOST:PORT` as people write it. Never resolves a name: that is done when a connection is opened.

use raftdeck_protocol::address::CLIENT_OFFSET;

/// An address that is not `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// Not of that form.
    #[error("\"{address}\" is not an address: write HOST:PORT, for example 127.0.0.1:8080 or [::1]:8080")]
    Form {
        /// As given.
        address: String,
    },
    /// No address was given.
    #[error("no address was given: at least one node's HOST:PORT is needed")]
    None,
}

/// Splits `HOST:PORT`. An IPv6 host keeps its brackets.
pub fn split(address: &str) -> Result<(&str, u16), AddressError> {
    let wrong = || AddressError::Form { address: address.to_owned() };
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let bare_v6 = host.contains(':') && !bracketed;
    if host.is_empty() || bare_v6 || host.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/')
    {
        return Err(wrong());
    }
    // `u16::from_str` would take "+80".
    if !port.bytes().all(|b| b.is_ascii_digit()) {
        return Err(wrong());
    }
    Ok((host, port.parse().map_err(|_| wrong())?))
}

/// The client address that belongs to a Raft address, if there is room for it.
pub(crate) fn client_of(raft: &str) -> Option<String> {
    let (host, port) = split(raft).ok()?;
    Some(format!("{host}:{}", port.checked_add(CLIENT_OFFSET)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_and_ports_are_told_apart() {
        assert_eq!(split("127.0.0.1:8080"), Ok(("127.0.0.1", 8080)));
        assert_eq!(split("[::1]:0"), Ok(("[::1]", 0)));
        assert_eq!(split("node-1.example:65535"), Ok(("node-1.example", 65535)));
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for wrong in [
            "",
            "8080",
            ":8080",
            "a:",
            "a:+80",
            "a:65536",
            "::1:80",
            "http://a:80",
            "a b:80",
            "a:8 0",
            "a\u{1b}[2J:80",
        ] {
            assert!(split(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn the_client_port_is_derived() {
        assert_eq!(client_of("localhost:8080").as_deref(), Some("localhost:9080"));
        assert_eq!(client_of("localhost:65000"), None);
    }
}
