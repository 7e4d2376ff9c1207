//! Committed changes as server-sent events. An event's id is its index in the log, so that a browser or a script that
//! lost its connection resumes where it was, on any node. Keeps no changes: a slow reader lags behind, and gets an
//! error when it lags too far.

use crate::http::answer::Refusal;
use crate::http::text::{KeyText, ValueText, given};
use crate::http::{DEADLINE, HttpContext, parameters};
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{StreamExt, stream};
use raftdeck_client::{Changes, ClientError};
use raftdeck_protocol::Change;
use raftdeck_protocol::kv::Printed;
use serde::Serialize;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// Streams at a time. Each takes up a connection of this port and one of the client port: some connections are always
/// left for plain requests, on both.
pub(super) const MOST: usize = 48;

/// A stream says at least this often that it lives.
const ALIVE: Duration = Duration::from_secs(5);

/// A browser reconnects after this long.
const COME_BACK: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct ChangeEvent {
    index: u64,
    #[serde(flatten)]
    key: KeyText,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    value: Option<ValueText>,
}

/// The last words of a stream, as every error's.
#[derive(Serialize)]
struct StreamEnd {
    ok: bool,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    oldest: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    newest: Option<u64>,
}

pub(super) async fn watch(
    State(door): State<HttpContext>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Refusal> {
    let query = parameters(query.as_deref(), &["prefix", "prefixBase64", "after"])?;
    let prefix = given("prefix", query.get("prefix"), query.get("prefixBase64"))?.unwrap_or_default();
    let last = headers.get("last-event-id").map(|id| Printed(id.as_bytes()).to_string());
    let after = match last.filter(|id| !id.is_empty()) {
        Some(id) => Some(index("Last-Event-ID", &id)?),
        None => query.get("after").map(|after| index("after", after)).transpose()?,
    };
    let place = Arc::clone(&door.watches).try_acquire_owned().map_err(|_| {
        let message =
            format!("this node already serves {MOST} watches: try another node, or try again later");
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message)
    })?;
    let mut changes = door.client.watch_at(&door.own, prefix, after);
    let Ok(Some(first)) = timeout(DEADLINE, changes.next()).await else {
        let message = "this node does not start the watch: try another node, or try again";
        return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message));
    };
    let first = first?;
    let begin = Event::default().retry(COME_BACK);
    let events = stream::iter([Ok(first)])
        .chain(changes)
        .flat_map(|told| stream::iter(events(told)))
        .take_until(door.stop.cancelled_owned());
    let events = stream::iter([begin]).chain(events).map(move |event| {
        // Held for as long as the stream is.
        let _ = &place;
        Ok::<_, Infallible>(event)
    });
    let events = Sse::new(events.boxed()).keep_alive(KeepAlive::new().interval(ALIVE).text("alive"));
    // Proxies such as nginx would otherwise buffer events until they fill a buffer.
    Ok(([("x-accel-buffering", "no")], events))
}

/// The events to send, or why there are no more.
fn events(told: Result<Changes, ClientError>) -> impl Iterator<Item = Event> {
    let (changes, other) = match told {
        // No event for the listener, only the index to continue from.
        Ok(Changes { changes, through }) if changes.is_empty() => {
            (changes, Some(Event::default().id(through.to_string())))
        }
        Ok(Changes { changes, .. }) => (changes, None),
        Err(error) => (Vec::new(), Some(last_words(&error))),
    };
    // One after the other: as JSON they are several times as large.
    changes.into_iter().map(|change| event(&change)).chain(other)
}

fn event(change: &Change) -> Event {
    let value = change.value.as_deref().map(Into::into);
    let told = ChangeEvent { index: change.index, key: (&change.key[..]).into(), value };
    let name = if told.value.is_some() { "put" } else { "delete" };
    data(Event::default().id(change.index.to_string()).event(name), &told)
}

fn last_words(error: &ClientError) -> Event {
    let (oldest, newest) = match error {
        ClientError::Forgotten { oldest } => (Some(*oldest), None),
        ClientError::BeyondLog { newest } => (None, Some(*newest)),
        _ => (None, None),
    };
    data(
        Event::default().event("error"),
        &StreamEnd { ok: false, message: error.to_string(), oldest, newest },
    )
}

fn data(event: Event, content: &impl Serialize) -> Event {
    let json = serde_json::to_string(content).expect("numbers and text have a JSON form");
    event.data(json)
}

fn index(name: &str, text: &str) -> Result<u64, Refusal> {
    text.parse().map_err(|_| {
        Refusal::bad(format!(
            "{name} is the index of an entry, a whole number, not \"{}\"",
            Printed(text.as_bytes())
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;

    async fn text(told: Result<Changes, ClientError>) -> String {
        let events = stream::iter(events(told)).map(Ok::<_, Infallible>);
        let body = to_bytes(Sse::new(events).into_response().into_body(), 1 << 16).await.unwrap();
        String::from_utf8(body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_stream_is_written_as_events_with_the_index_as_their_id() {
        let put = Change { index: 7, key: "a".into(), value: Some("1\n\r2".into()) };
        let delete = Change { index: 9, key: vec![0xff].into(), value: None };
        let told = text(Ok(Changes { changes: vec![put, delete], through: 12 })).await;
        let expected = "id: 7\nevent: put\ndata: {\"index\":7,\"key\":\"a\",\"value\":\"1\\n\\r2\"}\n\n\
                        id: 9\nevent: delete\ndata: {\"index\":9,\"keyBase64\":\"/w==\"}\n\n";
        assert_eq!(told, expected);
        assert_eq!(text(Ok(Changes { changes: Vec::new(), through: 12 })).await, "id: 12\n\n");
    }

    #[tokio::test]
    async fn a_stream_that_fell_behind_ends_with_what_is_kept() {
        let told = text(Err(ClientError::Forgotten { oldest: 40 })).await;
        let data = told.strip_prefix("event: error\ndata: ").expect("an error");
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!((&data["ok"], &data["oldest"]), (&false.into(), &40.into()));
    }
}
