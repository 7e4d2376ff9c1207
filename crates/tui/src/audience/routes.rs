//! What a phone asks for: the page, the stream of what the class sees, and to take its answer.

use crate::audience::class::{AnswerRefusal, Class, PhoneId, Refusal};
use crate::audience::code::JoinCode;
use crate::audience::gate::{Gate, nothing};
use crate::audience::page::Page;
use crate::audience::port::PhoneAddress;
use crate::audience::stream::PhoneStream;
use axum::body::{Body, to_bytes};
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tower_http::csrf::CsrfLayer;
use tower_http::set_header::SetResponseHeaderLayer;

/// The most bytes of an answer. The page sends about thirty.
const MOST_BODY: usize = 512;

/// The time in which an answer must have arrived.
const BODY: Duration = Duration::from_secs(5);

/// What the routes have at hand.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) code: JoinCode,
    pub(super) gate: Arc<Gate>,
    pub(super) class: Arc<Class>,
    pub(super) page: Arc<Page>,
    pub(super) pictures: watch::Receiver<Bytes>,
    pub(super) stop: CancellationToken,
}

/// An answer of a phone.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PhoneAnswer {
    poll: u64,
    option: usize,
}

/// All routes, behind the gate.
pub(super) fn router(door: Door) -> Router {
    let below = |rest: &str| format!("/{}{rest}", door.code);
    let cross_site = CsrfLayer::new().with_rejection_response(|_| {
        refuse(StatusCode::FORBIDDEN, "An answer can only be sent from the page itself.")
    });
    let fixed = |name: HeaderName, value| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    Router::new()
        .route(&below(""), get(page))
        .route(&below("/events"), get(events))
        .route(&below("/answer"), post(answer))
        .method_not_allowed_fallback(async || {
            refuse(StatusCode::METHOD_NOT_ALLOWED, "This method is not supported here.")
        })
        .fallback(elsewhere)
        .layer(cross_site)
        .layer(from_fn_with_state(door.clone(), guard))
        .layer(fixed(header::CACHE_CONTROL, "no-store"))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "no-referrer"))
        .layer(fixed(header::X_FRAME_OPTIONS, "DENY"))
        .layer(fixed(HeaderName::from_static("cross-origin-resource-policy"), "same-origin"))
        .with_state(door)
}

/// Lets in who has the join code.
async fn guard(
    State(door): State<Door>,
    Extension(PhoneAddress(address)): Extension<PhoneAddress>,
    request: Request,
    next: Next,
) -> Response {
    let is_known = || phone(&door, request.headers()).is_some_and(|id| door.class.knows(id));
    if door.gate.admits(request.uri().path(), address, is_known) {
        next.run(request).await
    } else {
        nothing()
    }
}

async fn page(State(door): State<Door>, headers: HeaderMap) -> Response {
    let mut bytes = [0; 16];
    if getrandom::fill(&mut bytes).is_err() {
        return refuse(StatusCode::INTERNAL_SERVER_ERROR, "The system gives no random numbers.");
    }
    let new = PhoneId(u128::from_ne_bytes(bytes));
    let PhoneId(id) = match door.class.visit(phone(&door, &headers), new, Instant::now()) {
        Ok(id) => id,
        Err(refusal @ Refusal::Full) => return refuse(StatusCode::SERVICE_UNAVAILABLE, &refusal.to_string()),
        Err(refusal @ Refusal::TooOften) => {
            return refuse(StatusCode::TOO_MANY_REQUESTS, &refusal.to_string());
        }
    };
    let name = cookie_name(&door);
    let cookie = format!("{name}={id:032x}; Path=/{}; Max-Age=86400; HttpOnly; SameSite=Strict", door.code);
    let headers = [(header::SET_COOKIE, cookie), (header::CONTENT_SECURITY_POLICY, door.page.policy.clone())];
    (headers, Html(door.page.document.clone())).into_response()
}

async fn events(State(door): State<Door>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let known = phone(&door, &headers).and_then(|id| door.class.join(id, Instant::now()));
    let place = match known {
        Some(Ok(place)) => place,
        Some(Err(refusal)) => return refuse(StatusCode::TOO_MANY_REQUESTS, &refusal.to_string()),
        None => return refuse(StatusCode::FORBIDDEN, &AnswerRefusal::Stranger.to_string()),
    };
    let picture = (query.as_deref() == Some("picture")).then(|| door.pictures.clone());
    let page = door.class.page();
    PhoneStream { class: door.class, place, page, picture, stop: door.stop }.respond()
}

async fn answer(State(door): State<Door>, headers: HeaderMap, body: Body) -> Response {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.and_then(|kind| kind.split(';').next()).map(str::trim) != Some("application/json") {
        return refuse(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the answer as application/json.");
    }
    let body = match timeout(BODY, to_bytes(body, MOST_BODY)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            return closing(StatusCode::PAYLOAD_TOO_LARGE, "The answer is too large, or ended too early.");
        }
        Err(_) => return closing(StatusCode::REQUEST_TIMEOUT, "The answer took too long to arrive."),
    };
    let Ok(PhoneAnswer { poll, option }) = serde_json::from_slice(&body) else {
        return refuse(StatusCode::BAD_REQUEST, "An answer is {\"poll\": NUMBER, \"option\": NUMBER}.");
    };
    let taken = match phone(&door, &headers) {
        Some(id) => door.class.answer(id, poll, option, Instant::now()),
        None => Err(AnswerRefusal::Stranger),
    };
    match taken {
        Ok(()) => Json(json!({ "poll": poll, "chosen": option })).into_response(),
        Err(refusal) => refuse(status(refusal), &refusal.to_string()),
    }
}

fn status(refusal: AnswerRefusal) -> StatusCode {
    match refusal {
        AnswerRefusal::Stranger => StatusCode::FORBIDDEN,
        AnswerRefusal::TooOften => StatusCode::TOO_MANY_REQUESTS,
        AnswerRefusal::NoSuchOption => StatusCode::BAD_REQUEST,
        AnswerRefusal::NoQuestion | AnswerRefusal::OtherPoll | AnswerRefusal::Closed => StatusCode::CONFLICT,
    }
}

/// The code typed in lower case or with a slash after it leads to the page; elsewhere below the code there is nothing.
async fn elsewhere(State(door): State<Door>, request: Request) -> Response {
    let path = request.uri().path();
    if path.trim_matches('/').eq_ignore_ascii_case(&door.code.to_string()) {
        return Redirect::permanent(&format!("/{}", door.code)).into_response();
    }
    refuse(StatusCode::NOT_FOUND, "There is nothing here.")
}

/// The phone that a request is from, by its cookie.
fn phone(door: &Door, headers: &HeaderMap) -> Option<PhoneId> {
    let name = cookie_name(door);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|cookies| cookies.to_str().ok());
    let mut pairs =
        cookies.flat_map(|cookies| cookies.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    (value.len() == 32).then(|| u128::from_str_radix(value, 16).ok()).flatten().map(PhoneId)
}

/// Cookies do not tell the ports of a machine apart: each session's has a name of its own.
fn cookie_name(door: &Door) -> String {
    format!("raftdeck-{}", door.code)
}

fn refuse(status: StatusCode, message: &str) -> Response {
    (status, Json(json!({ "message": message }))).into_response()
}

/// Whatever comes next on this connection is not read.
fn closing(status: StatusCode, message: &str) -> Response {
    let mut response = refuse(status, message);
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}
