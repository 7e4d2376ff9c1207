//! By which name a port that asks nobody who he is may be called. A browser takes a page for one of this port's own if the page's
//! name leads here, and whoever owns a name can have it lead to this machine (DNS rebinding). So where nothing but being on this
//! machine lets in, a name from the DNS does not. Looks at nothing but the name.

use crate::http::answer::Refusal;
use crate::ports::Seat;
use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// Lets requests pass that a page of another site's cannot have made. To be used where no token and no certificate is asked for.
pub(super) async fn check(request: Request, next: Next) -> Response {
    let is_from_here = request.extensions().get::<Arc<Seat>>().is_some_and(|seat| seat.is_from_here());
    if is_from_here && !is_called_by_own_name(request.headers()) {
        let message = "this port is for this machine alone, and a name from the DNS may be another site's: ask for 127.0.0.1 or \
                       localhost, or start the node with a client token";
        return Refusal::new(StatusCode::FORBIDDEN, message).into_response();
    }
    next.run(request).await
}

/// Browsers always say whom they mean to ask; who says nothing is none.
fn is_called_by_own_name(headers: &HeaderMap) -> bool {
    headers.get_all(header::HOST).iter().all(|named| {
        let named = named.to_str().ok().and_then(|named| named.parse::<Authority>().ok());
        named.is_some_and(|named| is_own(named.host()))
    })
}

/// An address, or a name that no registry gives away: without a dot, or below `localhost`.
fn is_own(host: &str) -> bool {
    let v6 = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let name = host.strip_suffix('.').unwrap_or(host).to_ascii_lowercase();
    host.parse::<Ipv4Addr>().is_ok()
        || v6.is_some_and(|host| host.parse::<Ipv6Addr>().is_ok())
        || !name.contains('.')
        || name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_name_that_somebody_could_own_is_not_this_ports() {
        let is_own = |host: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            is_called_by_own_name(&headers)
        };
        for own in [
            "127.0.0.1:10080",
            "127.0.0.1",
            "[::1]:10080",
            "localhost:10080",
            "LOCALHOST.",
            "test",
            "n1.localhost",
        ] {
            assert!(is_own(own), "{own}");
        }
        for foreign in
            ["evil.example", "evil.example:10080", "127.0.0.1.evil.example", "evil.example.", "1.2.3", ""]
        {
            assert!(!is_own(foreign), "{foreign:?}");
        }
        assert!(is_called_by_own_name(&HeaderMap::new()));
    }
}
