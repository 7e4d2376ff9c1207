//! The HTTP door: keys and values as JSON. It is a client of this node's own client port like any other, and so
//! finds the leader wherever it is; it has no way past that port.

use axum::body::Bytes;
use axum::extract::rejection::{BytesRejection, QueryRejection};
use axum::extract::{DefaultBodyLimit, FromRequest, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, put};
use axum::{Json, Router};
use raftdeck_client::{AddressError, Client, ClientError, Options};
use raftdeck_protocol::kv::LimitError;
use raftdeck_protocol::{Answer, Read, Write};
use raftdeck_raft::NodeId;
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::time::timeout;
use tower_http::catch_panic::CatchPanicLayer;

/// How long a leader is looked for, and an answer waited for.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long a request's body may take to arrive. Nothing else takes longer than [`DEADLINE`]; a limit around all of it
/// could cut off a write under way, and then nobody would be told that it may have happened.
const ARRIVAL: Duration = Duration::from_secs(10);

/// A value of the greatest length, each byte of it written as a JSON escape, with its key.
const MAX_BODY: usize = 7 << 20;

/// The door of the node whose clients connect to `client`.
pub(crate) fn door(client: SocketAddr, cluster: &str) -> Result<Router, AddressError> {
    let own = reachable(client).to_string();
    let options = Options { cluster: cluster.to_owned(), ..Options::default() };
    let client = Client::new(std::slice::from_ref(&own), options)?;
    Ok(router(Door { client, own }))
}

/// Where a node that listens on every address reaches itself.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

#[derive(Clone, Debug)]
struct Door {
    client: Client,
    /// This node's own client address.
    own: String,
}

fn router(door: Door) -> Router {
    Router::new()
        .route("/set", put(set))
        .route("/get", get(read))
        .route("/delete", delete(remove))
        .route("/health", get(health))
        .method_not_allowed_fallback(async || {
            Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "this method is not allowed here: PUT /set, GET /get, DELETE /delete, GET /health",
            )
        })
        .fallback(async || {
            Refusal::new(
                StatusCode::NOT_FOUND,
                "there is nothing here: PUT /set, GET /get?key=…, DELETE /delete?key=…, GET /health",
            )
        })
        .with_state(door)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(defect))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    key: String,
    value: String,
}

#[derive(Deserialize)]
struct Key {
    key: String,
}

/// Every answer but that of /health: its fields in this order, those it has.
#[derive(Debug, Serialize)]
struct Said {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<String>,
}

impl Said {
    fn done(message: &str, key: String) -> Json<Self> {
        Json(Self { ok: true, message: Some(message.to_owned()), key: Some(key), value: None })
    }
}

type KeyInQuery = Result<Query<Key>, QueryRejection>;

async fn set(State(door): State<Door>, request: Request) -> Result<Json<Said>, Refusal> {
    let body = arrive(request).await?;
    let Pair { key, value } = serde_json::from_slice(&body).map_err(|error| {
        Refusal::bad(format!(
            "the body must be JSON such as {{\"key\":\"name\",\"value\":\"luffy\"}}: {error}"
        ))
    })?;
    let write = Write::Put { key: key.clone().into(), value: value.into() };
    door.client.write(write, DEADLINE).await?;
    Ok(Said::done("stored", key))
}

async fn read(State(door): State<Door>, key: KeyInQuery) -> Result<Json<Said>, Refusal> {
    let key = key_of(key)?;
    let done = door.client.read(Read::Get { key: key.clone().into() }, DEADLINE).await?;
    match done.answer {
        // Never shown as something that it is not.
        Answer::Value(Some(value)) => match String::from_utf8(value.into()) {
            Ok(value) => Ok(Json(Said { ok: true, message: None, key: Some(key), value: Some(value) })),
            Err(error) => {
                let bytes = error.as_bytes().len();
                let message =
                    format!("the value of \"{key}\" is not text ({bytes} bytes): read it with the client");
                Err(Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message))
            }
        },
        _ => Err(no_such(&key)),
    }
}

async fn remove(State(door): State<Door>, key: KeyInQuery) -> Result<Json<Said>, Refusal> {
    let key = key_of(key)?;
    let done = door.client.write(Write::Delete { key: key.clone().into() }, DEADLINE).await?;
    match done.answer {
        Answer::Deleted { existed: true } => Ok(Said::done("deleted", key)),
        _ => Err(no_such(&key)),
    }
}

/// What this node knows of itself; needs no leader.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Health {
    id: String,
    state: String,
    leader_id: Option<String>,
    term: u64,
    commit_index: u64,
    last_applied: u64,
    last_heartbeat_ago_ms: Option<u128>,
    last_log_index: u64,
    has_quorum: bool,
    /// Those that vote, in either half of a change that is under way.
    voters: Vec<String>,
    learners: Vec<String>,
    keys: u64,
    uptime_ms: u64,
}

async fn health(State(door): State<Door>) -> Result<Json<Health>, Refusal> {
    let status = door.client.status(&door.own, DEADLINE).await?;
    let raft = status.raft;
    Ok(Json(Health {
        id: raft.id.to_string(),
        state: raft.role.to_string(),
        leader_id: raft.leader.map(|leader| leader.to_string()),
        term: raft.term.0,
        commit_index: raft.committed.0,
        last_applied: raft.applied.0,
        last_heartbeat_ago_ms: raft.heartbeat_age.map(|age| age.as_millis()),
        last_log_index: raft.last.index.0,
        has_quorum: raft.has_quorum,
        voters: names(raft.membership.voters.union(&raft.membership.outgoing)),
        learners: names(&raft.membership.learners),
        keys: status.keys,
        uptime_ms: status.uptime_micros / 1000,
    }))
}

fn names<'a>(ids: impl IntoIterator<Item = &'a NodeId>) -> Vec<String> {
    ids.into_iter().map(ToString::to_string).collect()
}

fn key_of(key: KeyInQuery) -> Result<String, Refusal> {
    match key {
        Ok(Query(Key { key })) => Ok(key),
        Err(rejection) => {
            Err(Refusal::bad(format!("say which key, as in ?key=name: {}", rejection.body_text())))
        }
    }
}

async fn arrive(request: Request) -> Result<Bytes, Refusal> {
    let late = |_| {
        let message = format!("the body did not arrive within {} s; nothing was changed", ARRIVAL.as_secs());
        Refusal::new(StatusCode::REQUEST_TIMEOUT, message)
    };
    let body = timeout(ARRIVAL, Bytes::from_request(request, &())).await.map_err(late)?;
    body.map_err(|rejection| refused_body(&rejection))
}

fn refused_body(rejection: &BytesRejection) -> Refusal {
    let message = match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => format!("the body is over the limit of {MAX_BODY} bytes"),
        _ => rejection.body_text(),
    };
    Refusal::new(rejection.status(), message)
}

fn no_such(key: &str) -> Refusal {
    Refusal::new(StatusCode::NOT_FOUND, format!("there is no key \"{key}\""))
}

/// An error as every error is answered.
#[derive(Debug)]
struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    fn bad(message: String) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        let status = match &error {
            ClientError::Limit(LimitError::KeyTooLong { .. } | LimitError::ValueTooLong { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            ClientError::Limit(_) => StatusCode::BAD_REQUEST,
            ClientError::NoLeader { .. }
            | ClientError::Unreachable { .. }
            | ClientError::TimedOut { .. }
            | ClientError::Busy => StatusCode::SERVICE_UNAVAILABLE,
            // Asking again is no cure for the rest.
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.to_string())
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = Json(Said { ok: false, message: Some(self.message), key: None, value: None });
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

fn defect(_panic: Box<dyn Any + Send + 'static>) -> Response {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the node failed on this request; its log says why")
        .into_response()
}
