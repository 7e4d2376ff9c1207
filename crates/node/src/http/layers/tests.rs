//! What holds for every request, tried with routes of the tests' own.

use super::*;
use crate::logging::{Plain, log_panic};
use axum::body::{Body, to_bytes};
use axum::routing::{get, put};
use serde_json::Value;
use std::io;
use std::panic;
use std::sync::{Arc, LazyLock, Mutex};
use tower::ServiceExt;
use tracing_subscriber::fmt::MakeWriter;

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Lines {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

/// What all tests of this process have logged so far. One log for all: what a thread without one meets first is never logged on
/// any other.
fn logged() -> String {
    static LINES: LazyLock<Lines> = LazyLock::new(|| {
        let lines = Lines::default();
        let log = tracing_subscriber::fmt().with_max_level(Level::INFO).with_ansi(false).event_format(Plain);
        tracing::subscriber::set_global_default(log.with_writer(lines.clone()).finish())
            .expect("no other test sets one");
        lines
    });
    LINES.text()
}

fn routes() -> Router {
    let routes = Router::new()
        .route("/fine", get(async || "fine"))
        .route("/health", get(async || "fine"))
        .route("/panics", get(async || -> &'static str { panic!("nobody thought of this") }))
        .route("/set", put(async || "stored"));
    around(routes, Tokens::default(), Meters::new())
}

async fn ask(routes: &Router, request: axum::http::request::Builder) -> Response {
    routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap()
}

fn request(method: &str, uri: &str) -> axum::http::request::Builder {
    Request::builder().method(method).uri(uri).header(header::HOST, "localhost:11080")
}

async fn message(response: Response) -> String {
    let body: Value =
        serde_json::from_slice(&to_bytes(response.into_body(), 1 << 16).await.unwrap()).unwrap();
    assert_eq!(body["ok"], false);
    body["message"].as_str().unwrap().to_owned()
}

fn id(response: &Response) -> &str {
    response.headers()[REQUEST_ID].to_str().unwrap()
}

#[tokio::test]
async fn a_panic_is_answered_in_json_and_logged_with_its_backtrace_under_the_requests_id() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        log_panic(info);
        usual(info);
    }));
    logged();
    let response = ask(&routes(), request("GET", "/panics").header(REQUEST_ID, "mine-1")).await;
    assert_eq!((response.status().as_u16(), id(&response)), (500, "mine-1"));
    assert!(message(response).await.contains("X-Request-Id"));
    let lines = logged();
    let panic = lines.lines().find(|line| line.contains("nobody thought of this"));
    let place = lines.lines().find(|line| line.starts_with("ERROR") && line.contains("mine-1"));
    let place = place.expect("an error is logged");
    assert!(panic.is_some() && place.contains("request{id=\"mine-1\"}: this is a bug"), "{lines}");
    assert!(lines.contains("layers::tests::routes"), "a backtrace: {lines}");
    let answered = lines.lines().find(|line| line.starts_with("INFO") && line.contains("mine-1"));
    let answered = answered.expect("a line for the request");
    assert!(answered.contains("path=/panics status=500"), "{answered}");
}

#[tokio::test]
async fn each_request_has_a_line_without_its_query_and_probes_have_none() {
    logged();
    let routes = routes();
    ask(&routes, request("GET", "/fine?key=secret").header(REQUEST_ID, "line-a")).await;
    ask(&routes, request("GET", "/health").header(REQUEST_ID, "line-b")).await;
    ask(&routes, request("BREW", "/fine").header(REQUEST_ID, "line-c")).await;
    ask(&routes, request("GET", "/%1b%5b2J").header(REQUEST_ID, "line-d")).await;
    let lines = logged();
    let lines: Vec<&str> = lines.lines().filter(|line| line.contains("id=\"line-")).collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    let begin =
        "INFO raftdeck_node::http: request{id=\"line-a\"}: answered method=GET path=/fine status=200 micros=";
    assert!(lines[0].starts_with(begin), "{}", lines[0]);
    assert!(lines[1].contains("method=BREW path=/fine status=405"), "{}", lines[1]);
    assert!(lines[2].contains("status=404"), "{}", lines[2]);
    assert!(!lines.concat().contains("secret"));
}

#[tokio::test]
async fn an_id_that_is_fit_comes_back_and_any_other_is_replaced() {
    let routes = routes();
    let longest = "x".repeat(MOST_ID);
    for fit in ["1", "~!{}", &longest] {
        let response = ask(&routes, request("GET", "/fine").header(REQUEST_ID, fit)).await;
        assert_eq!(id(&response), fit);
    }
    let mut seen = std::collections::BTreeSet::new();
    for unfit in ["", " ", "a b", "a\tb", "é", &"x".repeat(MOST_ID + 1)] {
        for uri in ["/fine", "/nowhere", "/set"] {
            let response = ask(&routes, request("GET", uri).header(REQUEST_ID, unfit)).await;
            let id = id(&response).to_owned();
            assert!(id.len() == 36 && id != unfit && seen.insert(id), "a new one each time");
        }
    }
    let twice = request("GET", "/fine").header(REQUEST_ID, "a").header(REQUEST_ID, "b");
    assert_eq!(id(&ask(&routes, twice).await).len(), 36);
    assert_eq!(id(&ask(&routes, request("GET", "/fine")).await).len(), 36);
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let routes = routes();
    let put = || request("PUT", "/set");
    for (header, value, status) in [
        ("sec-fetch-site", "cross-site", 403),
        ("sec-fetch-site", "same-site", 403),
        ("origin", "http://evil.example", 403),
        ("origin", "null", 403),
        ("sec-fetch-site", "same-origin", 200),
        ("sec-fetch-site", "none", 200),
        ("origin", "http://localhost:11080", 200),
    ] {
        let response = ask(&routes, put().header(header, value)).await;
        assert_eq!(response.status().as_u16(), status, "{header}: {value}");
        if status == 403 {
            assert!(message(response).await.contains("other sites"));
        }
    }
    assert_eq!(ask(&routes, put()).await.status(), 200);
}

#[tokio::test]
async fn a_path_that_is_too_long_is_refused_in_words() {
    let routes = routes();
    let response = ask(&routes, request("GET", &format!("/fine?{}", "x".repeat(MOST_URI)))).await;
    assert_eq!(response.status(), 414);
    assert!(message(response).await.contains("32768"));
    assert_eq!(
        ask(&routes, request("GET", &format!("/fine?{}", "x".repeat(MOST_URI - 6)))).await.status(),
        200
    );
}

#[tokio::test]
async fn whatever_is_asked_the_metrics_know_only_so_many_routes_and_methods() {
    let meters = Meters::new();
    let routes =
        around(Router::new().route("/fine", get(async || "fine")), Tokens::default(), meters.clone());
    for nth in 0..50 {
        ask(&routes, request(&format!("M{nth}"), "/fine")).await;
        ask(&routes, request("GET", &format!("/{nth}"))).await;
    }
    let text = meters.text();
    let series = text.lines().filter(|line| line.starts_with("raftdeck_http_requests_total{")).count();
    assert_eq!(series, 2, "{text}");
    assert!(text.contains(r#"route="other""#) && text.contains(r#"method="other""#), "{text}");
}
