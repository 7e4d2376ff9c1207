//! What a node says of itself: its health, its whole status, its metrics. Needs no leader.

use crate::http::answer::Refusal;
use crate::http::status::{NoticeText, Status};
use crate::http::{DEADLINE, HttpContext, parameters, scrape};
use axum::Json;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderName, header};
use raftdeck_protocol::NodeStatus;
use raftdeck_raft::NodeId;
use serde::Serialize;

/// What this node knows of itself, in short.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Health {
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
    /// Conditions that need an operator.
    notices: Vec<NoticeText>,
}

pub(super) async fn health(
    State(door): State<HttpContext>,
    RawQuery(query): RawQuery,
) -> Result<Json<Health>, Refusal> {
    parameters(query.as_deref(), &[])?;
    let status = door.own_status().await?;
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
        notices: status.notices.into_iter().map(NoticeText::from).collect(),
    }))
}

pub(super) async fn status(
    State(door): State<HttpContext>,
    RawQuery(query): RawQuery,
) -> Result<Json<Status>, Refusal> {
    parameters(query.as_deref(), &[])?;
    Ok(Json(Status::of(door.own_status().await?)))
}

/// The type of the text exposition format of Prometheus.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(super) async fn metrics(
    State(door): State<HttpContext>,
    RawQuery(query): RawQuery,
) -> Result<([(HeaderName, &'static str); 1], String), Refusal> {
    parameters(query.as_deref(), &[])?;
    let status = door.own_status().await?;
    let watches = super::watch::MOST - door.watches.available_permits();
    let text = scrape::text(&status, watches) + &door.meters.text();
    Ok(([(header::CONTENT_TYPE, EXPOSITION)], text))
}

impl HttpContext {
    async fn own_status(&self) -> Result<NodeStatus, Refusal> {
        Ok(self.client.status(&self.own, DEADLINE).await?)
    }
}

pub(super) fn names<'a>(ids: impl IntoIterator<Item = &'a NodeId>) -> Vec<String> {
    ids.into_iter().map(ToString::to_string).collect()
}
