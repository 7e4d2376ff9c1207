//! The Host header: exactly one (RFC 9112, section 3.2), and on a node without authentication one of the node's own
//! names. Protects against DNS rebinding: an attacker who controls a name, in the DNS or in the local network, can
//! point it to this machine, and a browser then treats the attacker's page as same-origin with this port. So where
//! being on this machine is the only credential, foreign names are refused. Looks at nothing but the name.

use crate::http::answer::Refusal;
use crate::http::guard::closing;
use crate::ports::Seat;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Lets requests pass that have exactly one Host. With two names, a proxy may have looked at the other one.
pub(super) async fn require_one(request: Request, next: Next) -> Response {
    match fault(request.version(), request.headers()) {
        Some(message) => closing(Refusal::bad(message)),
        None => next.run(request).await,
    }
}

fn fault(version: Version, headers: &HeaderMap) -> Option<&'static str> {
    let mut named = headers.get_all(header::HOST).iter();
    match (named.next(), named.next()) {
        // HTTP/1.0 knows no such header.
        (None, _) if version == Version::HTTP_10 => None,
        (None, _) => Some("the header Host is missing: HTTP/1.1 requires it"),
        (Some(_), Some(_)) => Some("the header Host is given twice: send it once"),
        (Some(one), None) if one.is_empty() => None,
        (Some(one), None) => {
            let named = one.to_str().ok().filter(|named| !named.contains('@'));
            let is_one = named.is_some_and(|named| named.parse::<Authority>().is_ok());
            (!is_one).then_some("the header Host is not HOST or HOST:PORT")
        }
    }
}

/// The names that lead to this machine, whatever anybody answers for them.
#[derive(Debug)]
pub(super) struct OwnNames {
    /// What the machine calls itself.
    machine: Option<String>,
}

impl OwnNames {
    pub(super) fn of_this_machine() -> Self {
        let name = rustix::system::uname().nodename().to_string_lossy().to_ascii_lowercase();
        Self { machine: Some(name).filter(|name| !name.is_empty()) }
    }

    /// Browsers always send Host; a client that does not is not a browser.
    fn include_all_in(&self, headers: &HeaderMap) -> bool {
        headers.get_all(header::HOST).iter().all(|named| {
            let named = named.to_str().ok().and_then(|named| named.parse::<Authority>().ok());
            named.is_some_and(|named| self.include(named.host()))
        })
    }

    /// An address, or a name that no resolver is asked for.
    fn include(&self, host: &str) -> bool {
        let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
        let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
        host.parse::<Ipv4Addr>().is_ok()
            || v6.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
            || name == "localhost"
            || name.ends_with(".localhost")
            || self.machine.as_ref() == Some(&name)
    }
}

/// Lets requests pass that a page of another site's cannot have made. To be used where no token and no certificate is asked for.
pub(super) async fn check(State(own): State<Arc<OwnNames>>, request: Request, next: Next) -> Response {
    let is_from_here = request.extensions().get::<Arc<Seat>>().is_some_and(|seat| seat.is_from_here());
    if is_from_here && !own.include_all_in(request.headers()) {
        let message = "this port serves only this machine, and the name in Host may belong to another site: use \
                       127.0.0.1 or localhost, or start the node with a client token";
        return Refusal::new(StatusCode::FORBIDDEN, message).into_response();
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(hosts: &[&str]) -> HeaderMap {
        hosts.iter().map(|host| (header::HOST, host.parse().unwrap())).collect()
    }

    #[test]
    fn only_a_name_that_leads_here_whoever_is_asked_is_this_ports() {
        let own = OwnNames { machine: Some("n1".to_owned()) };
        for named in [
            "127.0.0.1:11080",
            "127.0.0.1",
            "[::1]:11080",
            "localhost:11080",
            "LOCALHOST.",
            "N1:11080",
            "n1.localhost",
        ] {
            assert!(own.include_all_in(&headers(&[named])), "{named}");
        }
        for foreign in [
            "evil.example",
            "evil.example:11080",
            "127.0.0.1.evil.example",
            "evil.example.",
            "1.2.3",
            "evil",
            "router:11080",
            "localhost.evil",
            "",
        ] {
            assert!(!own.include_all_in(&headers(&[foreign])), "{foreign:?}");
        }
        assert!(own.include_all_in(&HeaderMap::new()));
    }

    #[test]
    fn a_request_names_one_host() {
        let is_fit = |version, hosts: &[&str]| fault(version, &headers(hosts)).is_none();
        assert!(!is_fit(Version::HTTP_11, &[]) && is_fit(Version::HTTP_10, &[]));
        assert!(!is_fit(Version::HTTP_11, &["localhost", "localhost"]));
        assert!(!is_fit(Version::HTTP_10, &["localhost", "evil.example"]));
        for fit in ["localhost", "127.0.0.1:80", "[::1]:80", "evil.example", ""] {
            assert!(is_fit(Version::HTTP_11, &[fit]), "{fit:?}");
        }
        for unfit in ["a b", "http://localhost/", "localhost/x", "me@localhost", "localhost, evil.example"] {
            assert!(!is_fit(Version::HTTP_11, &[unfit]), "{unfit:?}");
        }
    }
}
