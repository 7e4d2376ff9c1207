//! The routes: one table, from which come the router, the `Allow` of each path, and the errors for unknown paths.

use crate::http::answer::Refusal;
use crate::http::{HttpContext, about, keys, openapi, watch};
use axum::Router;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};

/// One path.
pub(super) struct Route {
    pub(super) path: &'static str,
    /// Its methods, as `Allow` lists them.
    pub(super) allow: &'static str,
    /// How it is used, for people.
    pub(super) usage: &'static str,
    serves: MethodRouter<HttpContext>,
}

const READS: &str = "GET, HEAD, OPTIONS";

/// All paths.
pub(super) fn table() -> Vec<Route> {
    let route = |path, allow, usage, serves| Route { path, allow, usage, serves };
    vec![
        route("/set", "PUT, OPTIONS", "PUT /set", put(keys::set)),
        route("/get", READS, "GET /get?key=…", get(keys::read)),
        route("/delete", "DELETE, OPTIONS", "DELETE /delete?key=…", delete(keys::remove)),
        route("/cas", "POST, OPTIONS", "POST /cas", post(keys::compare_and_set)),
        route("/list", READS, "GET /list?prefix=…", get(keys::list)),
        route("/watch", READS, "GET /watch?prefix=…", get(watch::watch)),
        route("/health", READS, "GET /health", get(about::health)),
        route("/status", READS, "GET /status", get(about::status)),
        route("/metrics", READS, "GET /metrics", get(about::metrics)),
        route("/openapi.json", READS, "GET /openapi.json", get(openapi::description)),
    ]
}

pub(super) fn router(door: HttpContext) -> Router {
    let usages: Vec<&str> = table().iter().map(|route| route.usage).collect();
    let usages = usages.join(", ");
    let mut router = Router::new();
    for Route { path, allow, serves, .. } in table() {
        let usages = usages.clone();
        router =
            router.route(path, serves.fallback(async move |method| other_method(&method, allow, &usages)));
    }
    router
        .fallback(async move || {
            Refusal::new(StatusCode::NOT_FOUND, format!("there is no such path: {usages}"))
        })
        .with_state(door)
}

/// To a method that a path does not serve. `OPTIONS` asks which it does.
fn other_method(method: &Method, allow: &'static str, usages: &str) -> Response {
    let mut response = if method == Method::OPTIONS {
        StatusCode::NO_CONTENT.into_response()
    } else {
        let message = format!("this method is not allowed here: {usages}");
        Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message).into_response()
    };
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allow));
    response
}
