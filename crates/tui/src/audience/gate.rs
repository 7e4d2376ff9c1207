//! In front of every route: without the join code there is nothing but one 404, the same for each path and method.
//!
//! Guesses are counted by address and together. Where there were too many, the right code is refused too, or a guesser would learn it;
//! phones that have joined already are let through by their cookies.

use crate::audience::code::{JoinCode, LENGTH};
use crate::audience::pace::{Pace, Rate};
use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// Wrong codes of one address: a class behind one address mistypes some.
const GUESSES: Rate = Rate { burst: 60, refill: Duration::from_secs(1) };

/// Wrong codes of all addresses together.
const ALL_GUESSES: Rate = Rate { burst: 500, refill: Duration::from_millis(100) };

/// Everything that a stranger gets.
const NOTHING: &str = concat!(
    "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">",
    "<link rel=\"icon\" href=\"data:,\"><title>Not found</title><h1>Not found</h1>",
    "<p>Is the code at the end of the address the one on the screen? Scan it again, or type it again.</p></html>\n",
);

/// Looks at join codes.
#[derive(Debug)]
pub(super) struct Gate {
    code: JoinCode,
    guesses: Mutex<Pace>,
}

impl Gate {
    pub(super) fn new(code: JoinCode) -> Self {
        Self { code, guesses: Mutex::new(Pace::new(GUESSES, ALL_GUESSES, Instant::now())) }
    }

    /// Whether a request of this path may be answered. `is_known`: it is from a phone that has joined.
    pub(super) fn admits(&self, path: &str, address: IpAddr, is_known: impl FnOnce() -> bool) -> bool {
        let given = path.strip_prefix('/').unwrap_or(path).split('/').next().unwrap_or_default();
        let is_right = self.code.is(given);
        let mut guesses = self.guesses.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if is_right {
            guesses.has_some(address, now) || is_known()
        } else {
            // What cannot be a code is no guess: browsers ask for icons.
            if given.len() == LENGTH {
                guesses.take(address, now);
            }
            false
        }
    }
}

/// What a stranger gets.
pub(super) fn nothing() -> Response {
    let mut response = Response::new(Body::from(NOTHING));
    *response.status_mut() = StatusCode::NOT_FOUND;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static("default-src 'none'; img-src data:; frame-ancestors 'none'"),
    );
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn gate() -> (Gate, String) {
        let code = JoinCode::new().unwrap();
        (Gate::new(code), code.to_string())
    }

    #[test]
    fn the_code_opens_every_path_below_it_and_nothing_else_does() {
        let (gate, code) = gate();
        for path in [
            format!("/{code}"),
            format!("/{code}/"),
            format!("/{code}/events"),
            format!("/{}", code.to_lowercase()),
        ] {
            assert!(gate.admits(&path, HERE, || false), "{path}");
        }
        for path in [
            "",
            "/",
            "//",
            "/events",
            "/favicon.ico",
            &format!("//{code}"),
            &format!("/x/{code}"),
            &format!("/{code}x"),
        ] {
            assert!(!gate.admits(path, HERE, || true), "{path}");
        }
    }

    #[test]
    fn after_many_guesses_only_phones_that_have_joined_are_let_in() {
        let (gate, code) = gate();
        let (right, elsewhere) = (format!("/{code}"), IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7)));
        for _ in 0..200 {
            assert!(!gate.admits("/favicon.ico", HERE, || false));
        }
        assert!(gate.admits(&right, HERE, || false), "icons are no guesses");
        for _ in 0..200 {
            assert!(!gate.admits("/AAAAAA", HERE, || false));
        }
        assert!(!gate.admits(&right, HERE, || false));
        assert!(gate.admits(&right, HERE, || true));
        assert!(gate.admits(&right, elsewhere, || false));
    }
}
