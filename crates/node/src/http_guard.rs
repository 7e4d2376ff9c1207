//! Who may ask anything over HTTP: whoever shows the token, where there is one. All of it is behind the token, /health too: what
//! a node tells of itself is not for everybody.

use crate::ports::Seat;
use crate::tokens::Tokens;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use raftdeck_protocol::Secret;
use serde_json::json;
use std::sync::Arc;

/// The router behind its guard. A connection is a stranger's until it has shown that it may ask.
pub(crate) fn guarded(router: Router, tokens: Tokens) -> Router {
    router.layer(middleware::from_fn_with_state(Arc::new(tokens), admit))
}

async fn admit(State(tokens): State<Arc<Tokens>>, request: Request, next: Next) -> Response {
    if tokens.client.is_some() {
        let shown = bearer(request.headers());
        if !tokens.admit_client(shown.as_ref().ok()) {
            return unauthorized(shown.is_err_and(|missing| missing == Missing::All));
        }
    }
    let seat = request.extensions().get::<Arc<Seat>>();
    if seat.is_some_and(|seat| !seat.admit()) {
        return refusal(StatusCode::SERVICE_UNAVAILABLE, "too many connections are served already");
    }
    next.run(request).await
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Missing {
    /// Nothing was shown.
    All,
    /// What was shown is no token.
    Token,
}

/// The one token that is shown (RFC 6750, section 2.1).
fn bearer(headers: &HeaderMap) -> Result<Secret, Missing> {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(only), None) = (shown.next(), shown.next()) else {
        return Err(if headers.contains_key(header::AUTHORIZATION) { Missing::Token } else { Missing::All });
    };
    let text = only.to_str().map_err(|_| Missing::Token)?;
    let (scheme, token) = text.split_once(' ').ok_or(Missing::Token)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Missing::Token);
    }
    Secret::new(token).map_err(|_| Missing::Token)
}

fn unauthorized(nothing_shown: bool) -> Response {
    let (message, challenge) = if nothing_shown {
        ("a token is needed here: send the header Authorization: Bearer TOKEN", "Bearer realm=\"raftdeck\"")
    } else {
        ("the token is wrong", "Bearer realm=\"raftdeck\", error=\"invalid_token\"")
    };
    let mut response = refusal(StatusCode::UNAUTHORIZED, message);
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

fn refusal(status: StatusCode, message: &str) -> Response {
    let mut response = (status, Json(json!({ "ok": false, "message": message }))).into_response();
    // Whatever comes next on this connection is not read.
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
