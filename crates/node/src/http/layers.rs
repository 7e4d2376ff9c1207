//! The layers of every request: an id, a line in the log, metrics, and an answer even when its handler panics.

use crate::http::answer::Refusal;
use crate::http::outgoing::{Outgoing, bound};
use crate::http::{guard, host};
use crate::meters::Meters;
use crate::ports::Seat;
use crate::refusals;
use crate::tokens::Tokens;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state, map_request};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use raftdeck_protocol::printable::Printable;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;
use tower_http::csrf::CsrfLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, RequestId, SetRequestIdLayer};
use tower_http::set_header::SetResponseHeaderLayer;
use tracing::{Instrument, Level};

pub(super) const REQUEST_ID: &str = "x-request-id";

/// The longest request id that is taken over.
const MOST_ID: usize = 128;

/// The longest path with its query. Two keys of the greatest length fit, with each byte percent-encoded.
const MOST_URI: usize = 32 << 10;

/// The most characters of a path that are logged.
const MOST_LOGGED: usize = 100;

/// The methods that the metrics distinguish: clients must not be able to add others.
const METHODS: [Method; 6] =
    [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE, Method::OPTIONS];

/// These are asked again and again by programs that watch over the node.
const PROBES: [&str; 2] = ["/health", "/metrics"];

/// Puts the layers around the routes, the innermost first. Authentication comes before [`check_uri`]: refused
/// requests have an id, a line in the log and a place in the metrics too.
pub(super) fn around(routes: Router, tokens: Tokens, meters: Meters) -> Router {
    let cross_site = CsrfLayer::new().with_rejection_response(|_| {
        let message = "requests from pages of other sites cannot change anything here";
        Refusal::new(StatusCode::FORBIDDEN, message).into_response()
    });
    routes
        .layer(from_fn_with_state(Outgoing::default(), bound))
        .layer(cross_site)
        .layer(from_fn(check_uri))
        .layer(from_fn_with_state(Arc::new(tokens), guard::admit))
        .layer(from_fn(host::require_one))
        .layer(from_fn_with_state(meters, account))
        // What is true now need not be so in a moment.
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(PropagateRequestIdLayer::x_request_id())
        .layer(SetRequestIdLayer::x_request_id(MakeRequestUuid))
        .layer(map_request(drop_unfit_id))
}

/// An id that could not be logged as it is is replaced.
async fn drop_unfit_id(mut request: Request) -> Request {
    let mut ids = request.headers().get_all(REQUEST_ID).iter();
    let is_fit = |id: &HeaderValue| {
        (1..=MOST_ID).contains(&id.len()) && id.as_bytes().iter().all(u8::is_ascii_graphic)
    };
    let keeps = ids.next().is_some_and(is_fit) && ids.next().is_none();
    if !keeps {
        request.headers_mut().remove(REQUEST_ID);
    }
    request
}

async fn check_uri(request: Request, next: Next) -> Response {
    let length = request.uri().path_and_query().map_or(0, |path| path.as_str().len());
    if length > MOST_URI {
        let message = format!("the path and query have {length} bytes, over the limit of {MOST_URI}");
        return Refusal::new(StatusCode::URI_TOO_LONG, message).into_response();
    }
    next.run(request).await
}

/// Logs and counts a request. Everything that is logged on the way, a panic above all, is logged under its id.
async fn account(State(meters): State<Meters>, request: Request, next: Next) -> Response {
    let id = request.extensions().get::<RequestId>().and_then(|id| id.header_value().to_str().ok());
    // At the error level, so that errors are always logged with their request's id.
    let span = tracing::error_span!(target: "raftdeck_node::http", "request", id = id.unwrap_or_default());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let from = request.extensions().get::<Arc<Seat>>().map(|seat| seat.address());
    let start = Instant::now();
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().instrument(span.clone()).await;
    let response = answered.unwrap_or_else(|_| {
        let message = "internal error; the node's log has the details, under the id in X-Request-Id";
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, message).into_response()
    });
    let took = start.elapsed();
    let _entered = span.enter();
    // Whoever may not ask anything must not fill the log.
    let is_refused = response.status() == StatusCode::UNAUTHORIZED;
    if !is_refused || from.is_none_or(|from| refusals::is_told("HTTP", from)) {
        log(&method, &path, response.status(), took.as_micros());
    }
    let route = route.as_ref().map_or("other", MatchedPath::as_str);
    let method = METHODS.iter().find(|known| **known == method).map_or("other", Method::as_str);
    meters.answered(route, method, response.status().as_u16(), took);
    response
}

/// One line. Without the query: it holds keys, which are the users' own business, and so do not belong into a log that others
/// read and keep.
fn log(method: &Method, path: &str, status: StatusCode, micros: u128) {
    let status = status.as_u16();
    let beginning: String = path.chars().take(MOST_LOGGED).collect();
    let shown = Printable(&beginning);
    macro_rules! line {
        ($level:expr) => {
            tracing::event!(target: "raftdeck_node::http", $level, %method, path = %shown, status, micros, "answered")
        };
    }
    if PROBES.contains(&path) {
        line!(Level::DEBUG);
    } else {
        line!(Level::INFO);
    }
}

#[cfg(test)]
mod tests;
