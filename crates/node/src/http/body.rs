//! Request bodies: their content type, size and time limits, and strict JSON. The memory for all bodies together is
//! bounded, so that many large ones cannot exhaust it.

use crate::http::answer::Refusal;
use crate::http::work::JsonWork;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use http_body_util::BodyExt;
use mime::Mime;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a request's body may take to arrive. Nothing else takes longer than [`DEADLINE`](super::DEADLINE); a limit around
/// all of it could cut off a write under way, and the client would not learn that it may have happened.
const ARRIVAL: Duration = Duration::from_secs(10);

/// A value of the greatest length, each byte of it written as a JSON escape, with its key.
pub(super) const MOST: usize = 7 << 20;

/// Two such values.
pub(super) const MOST_WITH_TWO_VALUES: usize = 13 << 20;

/// A body's first bytes are free; beyond them, all bodies that are being taken in or carried out share this many.
const FREE: usize = 64 << 10;
const SHARED: usize = 64 << 20;

/// Where the bodies of one node arrive.
#[derive(Clone, Debug)]
pub(super) struct Intake {
    shared: Arc<Semaphore>,
}

/// A place among the large bodies; it is free again when this is dropped.
#[derive(Debug, Default)]
pub(super) struct Room(Option<OwnedSemaphorePermit>);

impl Default for Intake {
    fn default() -> Self {
        Self { shared: Arc::new(Semaphore::new(SHARED)) }
    }
}

impl Intake {
    /// A body of at most `most` bytes as JSON such as `example`. The room that it takes up is to be held while it is used.
    pub(super) async fn json<T: DeserializeOwned + Send + 'static>(
        &self,
        work: &JsonWork,
        request: Request,
        most: usize,
        example: &str,
    ) -> Result<(T, Room), Refusal> {
        check_content(request.headers())?;
        let late = |_| {
            let message =
                format!("the body did not arrive within {} s; nothing was changed", ARRIVAL.as_secs());
            Refusal::new(StatusCode::REQUEST_TIMEOUT, message)
        };
        let (bytes, room) =
            timeout(ARRIVAL, self.arrive(request.into_body(), most)).await.map_err(late)??;
        let read = work.on(bytes.len(), move || object(&bytes)).await?;
        let value =
            read.map_err(|why| Refusal::bad(format!("the body must be JSON such as {example}: {why}")))?;
        Ok((value, room))
    }

    async fn arrive(&self, mut body: Body, most: usize) -> Result<(Vec<u8>, Room), Refusal> {
        let mut whole = Vec::new();
        let mut room = Room::default();
        if axum::body::HttpBody::size_hint(&body).lower() > most as u64 {
            return Err(too_large(most));
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                Refusal::bad(format!("the body ended early: {error}; nothing was changed"))
            })?;
            let Ok(data) = frame.into_data() else { continue };
            if whole.len() + data.len() > most {
                return Err(too_large(most));
            }
            self.make_room(&mut room, whole.len(), &data)?;
            whole.extend_from_slice(&data);
        }
        Ok((whole, room))
    }

    fn make_room(&self, room: &mut Room, before: usize, data: &Bytes) -> Result<(), Refusal> {
        let shared = |length: usize| length.saturating_sub(FREE);
        let more = shared(before + data.len()) - shared(before);
        let Ok(more @ 1..) = u32::try_from(more) else { return Ok(()) };
        let Ok(permit) = Arc::clone(&self.shared).try_acquire_many_owned(more) else {
            let message = "too many large bodies are arriving: try again in a moment; nothing was changed";
            return Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message));
        };
        match &mut room.0 {
            Some(held) => held.merge(permit),
            none => *none = Some(permit),
        }
        Ok(())
    }
}

/// Fields have names: serde would also take a list of their values.
fn object<T: DeserializeOwned>(json: &[u8]) -> Result<T, String> {
    match json.trim_ascii_start().first() {
        None | Some(b'{') => serde_json::from_slice(json).map_err(|error| error.to_string()),
        Some(_) => Err("it is not an object".to_owned()),
    }
}

fn too_large(most: usize) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over the limit of {most} bytes"))
}

/// Whether the body is said to be something that it can be read as. Without a type, or with curl's default type, it
/// is assumed to be JSON.
fn check_content(headers: &HeaderMap) -> Result<(), Refusal> {
    let unsupported = |message: String| Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, message);
    if let Some(encoding) = headers.get(header::CONTENT_ENCODING)
        && encoding != "identity"
    {
        return Err(unsupported(
            "encoded bodies are not supported: send it without Content-Encoding".to_owned(),
        ));
    }
    let Some(given) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let kind = given.to_str().ok().and_then(|text| text.parse::<Mime>().ok());
    if kind.is_some_and(|kind| is_json(&kind)) {
        return Ok(());
    }
    let given = given.as_bytes().escape_ascii().to_string();
    let given: String = given.chars().take(80).collect();
    Err(unsupported(format!(
        "the body type {given} is not supported: send JSON as application/json, in UTF-8"
    )))
}

fn is_json(kind: &Mime) -> bool {
    let is_utf8 = kind.get_param(mime::CHARSET).is_none_or(|charset| charset == mime::UTF_8);
    let essence = kind.essence_str();
    let is_suffixed = kind.type_() == mime::APPLICATION && kind.suffix() == Some(mime::JSON);
    is_utf8
        && (essence == mime::APPLICATION_JSON.essence_str()
            || essence == mime::APPLICATION_WWW_FORM_URLENCODED.essence_str()
            || is_suffixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_taken(name: header::HeaderName, value: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(name, value.parse().unwrap());
        check_content(&headers).is_ok()
    }

    #[test]
    fn only_what_can_be_json_is_taken() {
        assert!(check_content(&HeaderMap::new()).is_ok());
        for taken in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/merge-patch+json",
            "application/x-www-form-urlencoded",
        ] {
            assert!(is_taken(header::CONTENT_TYPE, taken), "{taken}");
        }
        for refused in
            ["text/xml", "text/plain", "application/json; charset=latin1", "json", "", "a/b/c", "*/*"]
        {
            assert!(!is_taken(header::CONTENT_TYPE, refused), "{refused}");
        }
        assert!(is_taken(header::CONTENT_ENCODING, "identity"));
        assert!(!is_taken(header::CONTENT_ENCODING, "gzip"));
    }

    #[tokio::test]
    async fn large_bodies_share_a_bound_and_small_ones_always_fit() {
        let intake = Intake::default();
        let large = || Body::from(vec![b'1'; MOST]);
        let mut held = Vec::new();
        let refused = loop {
            match intake.arrive(large(), MOST).await {
                Ok((_, room)) => held.push(room),
                Err(refusal) => break refusal,
            }
        };
        assert!(format!("{refused:?}").contains("try again"), "{refused:?}");
        assert_eq!(held.len(), SHARED / (MOST - FREE));
        assert!(intake.arrive(Body::from(vec![b'1'; FREE]), MOST).await.is_ok());
        held.pop();
        assert!(intake.arrive(large(), MOST).await.is_ok(), "there is room again");
    }
}
