//! Authentication of HTTP requests: a token, if the node has one; otherwise only the user who runs this node. It
//! covers everything, /health too: a node's state is not public.

use crate::http::answer::Refusal;
use crate::ports::{Seat, Working};
use crate::tokens::Tokens;
use axum::body::{Body, HttpBody};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::{Frame, SizeHint};
use raftdeck_protocol::{RefusalReason, Secret};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Lets a request in, or not. A connection is a stranger's until it has shown that it may ask.
pub(super) async fn admit(State(tokens): State<Arc<Tokens>>, request: Request, next: Next) -> Response {
    if tokens.client.is_some() {
        let shown = bearer(request.headers());
        if !tokens.admit_client(shown.as_ref().ok()) {
            return unauthorized(shown.is_err_and(|missing| missing == Missing::All));
        }
    } else if let Some(Err(reason)) = request.extensions().get::<Result<(), RefusalReason>>() {
        return closing(Refusal::new(StatusCode::FORBIDDEN, reason.to_string()));
    }
    let Some(seat) = request.extensions().get::<Arc<Seat>>().cloned() else { return next.run(request).await };
    if !seat.admit().await {
        let message = "there are too many connections";
        return closing(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message));
    }
    let working = seat.activity().working();
    next.run(request).await.map(|body| Body::new(Answering { body, _working: working }))
}

/// The body of an answer. Its connection is not idle before all of it is sent.
struct Answering {
    body: Body,
    _working: Working,
}

impl HttpBody for Answering {
    type Data = <Body as HttpBody>::Data;
    type Error = <Body as HttpBody>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
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
        ("a token is required: send the header Authorization: Bearer TOKEN", "Bearer realm=\"raftdeck\"")
    } else {
        ("the token is wrong", "Bearer realm=\"raftdeck\", error=\"invalid_token\"")
    };
    let mut response = closing(Refusal::new(StatusCode::UNAUTHORIZED, message));
    response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
    response
}

/// Whatever comes next on this connection is not read.
pub(super) fn closing(refusal: Refusal) -> Response {
    let mut response = refusal.into_response();
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
