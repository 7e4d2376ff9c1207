//! Keys and values: set, get, delete, compare-and-set, list.

use crate::http::answer::{KeyAnswer, Refusal};
use crate::http::body::{MOST, MOST_WITH_TWO_VALUES};
use crate::http::query::Query;
use crate::http::text::{KeyText, ValueText, given, present};
use crate::http::{DEADLINE, HttpContext, parameters};
use axum::Json;
use axum::extract::{RawQuery, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use bytes::Bytes;
use raftdeck_client::Completed;
use raftdeck_protocol::kv::{MAX_LIST, Printed};
use raftdeck_protocol::{Answer, Consistency, Read, Write};
use serde::{Deserialize, Serialize};
use tokio::time::timeout;

/// The header that makes a write safe to repeat.
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// The longest name of a write in that header.
const MOST_NAME: usize = 255;

/// Pages that are on their way from the store to an answer at a time. Each may have several MiB.
pub(super) const MOST_LISTS: usize = 4;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Pair {
    #[serde(default, deserialize_with = "present")]
    key: Option<String>,
    #[serde(default, deserialize_with = "present")]
    key_base64: Option<String>,
    #[serde(default, deserialize_with = "present")]
    value: Option<String>,
    #[serde(default, deserialize_with = "present")]
    value_base64: Option<String>,
}

impl Pair {
    const EXAMPLE: &str = r#"{"key":"name","value":"luffy"}"#;

    fn write(&self) -> Result<Write, Refusal> {
        let key = field("key", self.key.as_deref(), self.key_base64.as_deref(), Self::EXAMPLE)?;
        let value = field("value", self.value.as_deref(), self.value_base64.as_deref(), Self::EXAMPLE)?;
        Ok(Write::Put { key, value })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Swap {
    #[serde(default, deserialize_with = "present")]
    key: Option<String>,
    #[serde(default, deserialize_with = "present")]
    key_base64: Option<String>,
    #[serde(default, deserialize_with = "present")]
    expected: Option<Expected>,
    #[serde(default, deserialize_with = "present")]
    expected_base64: Option<String>,
    #[serde(default, deserialize_with = "present")]
    value: Option<String>,
    #[serde(default, deserialize_with = "present")]
    value_base64: Option<String>,
}

/// The value that a key must have; null: no such key, which differs from a missing field.
#[derive(Deserialize)]
#[serde(transparent)]
struct Expected(Option<String>);

impl Swap {
    const EXAMPLE: &str = r#"{"key":"name","expected":"luffy","value":"zoro"}"#;

    fn write(&self) -> Result<Write, Refusal> {
        let key = field("key", self.key.as_deref(), self.key_base64.as_deref(), Self::EXAMPLE)?;
        let expected = match (&self.expected, &self.expected_base64) {
            (Some(Expected(None)), None) => None,
            (expected, base64) => {
                // Null beside bytes is as much of a contradiction as text beside them.
                let text = expected.as_ref().map(|Expected(text)| text.as_deref().unwrap_or_default());
                let bytes = given("expected", text, base64.as_deref())?;
                Some(bytes.ok_or_else(|| {
                    Refusal::bad(
                        "the field expected is missing: it is the value that the key must have, or null if there must \
                         be no such key",
                    )
                })?)
            }
        };
        let value = field("value", self.value.as_deref(), self.value_base64.as_deref(), Self::EXAMPLE)?;
        Ok(Write::CompareAndSet { key, expected, value })
    }
}

/// A field of a body that must be there, as text or in Base64.
fn field(name: &str, text: Option<&str>, base64: Option<&str>, example: &str) -> Result<Bytes, Refusal> {
    given(name, text, base64)?.ok_or_else(|| {
        Refusal::bad(format!("the body must be JSON such as {example}: missing field `{name}`"))
    })
}

pub(super) async fn set(
    State(door): State<HttpContext>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Json<KeyAnswer>, Refusal> {
    parameters(query.as_deref(), &[])?;
    let name = name_of(request.headers())?;
    let (pair, _room) = door.intake.json::<Pair>(&door.work, request, MOST, Pair::EXAMPLE).await?;
    let write = pair.write()?;
    let key = write.key().clone();
    door.write(name, write).await?;
    Ok(KeyAnswer::done("stored", &key))
}

pub(super) async fn compare_and_set(
    State(door): State<HttpContext>,
    RawQuery(query): RawQuery,
    request: Request,
) -> Result<Json<KeyAnswer>, Refusal> {
    parameters(query.as_deref(), &[])?;
    let name = name_of(request.headers())?;
    let (swap, _room) =
        door.intake.json::<Swap>(&door.work, request, MOST_WITH_TWO_VALUES, Swap::EXAMPLE).await?;
    let write = swap.write()?;
    let key = write.key().clone();
    match door.write(name, write).await?.answer {
        Answer::Mismatch { current } => Err(Refusal::mismatch(current.as_deref())),
        _ => Ok(KeyAnswer::done("stored", &key)),
    }
}

pub(super) async fn remove(
    State(door): State<HttpContext>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Json<KeyAnswer>, Refusal> {
    let key = key_of(&parameters(query.as_deref(), &["key", "keyBase64"])?)?;
    let done = door.write(name_of(&headers)?, Write::Delete { key: key.clone() }).await?;
    match done.answer {
        Answer::Deleted { existed: true } => Ok(KeyAnswer::done("deleted", &key)),
        _ => Err(no_such(&key)),
    }
}

pub(super) async fn read(
    State(door): State<HttpContext>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let query = parameters(query.as_deref(), &["key", "keyBase64", "consistency"])?;
    let (key, consistency) = (key_of(&query)?, consistency_of(&query)?);
    let done = door.read(Read::Get { key: key.clone() }, consistency).await?;
    match done.answer {
        Answer::Value(Some(value)) => {
            door.work.answer(value.len(), move || KeyAnswer::value(&key, &value)).await
        }
        _ => Err(no_such(&key)),
    }
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    key: KeyText,
    #[serde(flatten)]
    value: ValueText,
}

/// A page of pairs.
#[derive(Serialize)]
struct Page {
    ok: bool,
    pairs: Vec<Listed>,
    more: bool,
    /// What the answer includes: a watch that begins here misses nothing.
    index: u64,
}

pub(super) async fn list(
    State(door): State<HttpContext>,
    RawQuery(query): RawQuery,
) -> Result<Response, Refusal> {
    let known = ["prefix", "prefixBase64", "limit", "after", "afterBase64", "consistency"];
    let query = parameters(query.as_deref(), &known)?;
    let limit = match query.get("limit") {
        None => MAX_LIST,
        Some(text) => text.parse().map_err(|_| {
            Refusal::bad(format!(
                "the limit is a number from 1 to {MAX_LIST}, not \"{}\"",
                Printed(text.as_bytes())
            ))
        })?,
    };
    let prefix = given("prefix", query.get("prefix"), query.get("prefixBase64"))?.unwrap_or_default();
    let after = given("after", query.get("after"), query.get("afterBase64"))?;
    let (read, consistency) = (Read::List { prefix, after, limit }, consistency_of(&query)?);
    let Ok(Ok(_place)) = timeout(DEADLINE, door.lists.acquire()).await else {
        return Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "too many lists are in progress: try again",
        ));
    };
    let done = door.read(read, consistency).await?;
    let Answer::Page { pairs, more } = done.answer else {
        return Err(Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the answer does not match the request"));
    };
    let size = pairs.iter().map(|(key, value)| key.len() + value.len()).sum();
    door.work.answer(size, move || Page::of(&pairs, more, done.at.index.0)).await
}

impl Page {
    fn of(pairs: &[(Bytes, Bytes)], more: bool, index: u64) -> Self {
        let listed =
            |(key, value): &(Bytes, Bytes)| Listed { key: (&key[..]).into(), value: (&value[..]).into() };
        Self { ok: true, pairs: pairs.iter().map(listed).collect(), more, index }
    }
}

impl HttpContext {
    async fn write(&self, name: Option<Bytes>, write: Write) -> Result<Completed, Refusal> {
        match name {
            None => Ok(self.client.write(write, DEADLINE).await?),
            Some(name) => {
                let done = self.client.write_named(name, write, DEADLINE).await;
                done.map_err(Refusal::of_named)
            }
        }
    }

    async fn read(&self, read: Read, consistency: Consistency) -> Result<Completed, Refusal> {
        Ok(match consistency {
            // Of this node, not of any node that happens to answer.
            Consistency::Stale => self.client.stale_at(&self.own, read, DEADLINE).await?,
            _ => self.client.read_with(read, consistency, DEADLINE).await?,
        })
    }
}

/// The name that the client has given to the write.
fn name_of(headers: &HeaderMap) -> Result<Option<Bytes>, Refusal> {
    let mut names = headers.get_all(IDEMPOTENCY_KEY).iter();
    let Some(name) = names.next() else { return Ok(None) };
    if names.next().is_some() {
        return Err(Refusal::bad("Idempotency-Key is given twice: send it once"));
    }
    let name = name.as_bytes();
    if !(1..=MOST_NAME).contains(&name.len()) || !name.iter().all(u8::is_ascii_graphic) {
        let message = format!(
            "Idempotency-Key takes 1 to {MOST_NAME} visible ASCII characters, such as a random UUID for each write"
        );
        return Err(Refusal::bad(message));
    }
    Ok(Some(Bytes::copy_from_slice(name)))
}

fn key_of(query: &Query) -> Result<Bytes, Refusal> {
    given("key", query.get("key"), query.get("keyBase64"))?
        .ok_or_else(|| Refusal::bad("the key is missing: give it as in ?key=name"))
}

fn consistency_of(query: &Query) -> Result<Consistency, Refusal> {
    match query.get("consistency") {
        None | Some("linearizable") => Ok(Consistency::Linearizable),
        Some("lease") => Ok(Consistency::Lease),
        Some("stale") => Ok(Consistency::Stale),
        Some(other) => Err(Refusal::bad(format!(
            "there is no consistency \"{}\": use linearizable, lease or stale",
            Printed(other.as_bytes())
        ))),
    }
}

fn no_such(key: &[u8]) -> Refusal {
    let key = std::str::from_utf8(key).map_or_else(|_| Printed(key).to_string(), str::to_owned);
    Refusal::new(StatusCode::NOT_FOUND, format!("there is no key \"{key}\""))
}
