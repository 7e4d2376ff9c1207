//! The shapes of answers that several routes share, above all that of errors: `{"ok":false,"message":"…"}`, with every
//! status from one place.

use crate::http::text::{CurrentText, KeyText, ValueText};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use raftdeck_client::ClientError;
use raftdeck_protocol::kv::LimitError;
use serde::Serialize;

/// Who is told to come back is told to do so after this many seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// What came of a question about one key: its fields in this order, those it has.
#[derive(Debug, Serialize)]
pub(super) struct Said {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    #[serde(flatten)]
    key: KeyText,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    value: Option<ValueText>,
}

impl Said {
    pub(super) fn done(message: &'static str, key: &[u8]) -> Json<Self> {
        Json(Self { ok: true, message: Some(message), key: key.into(), value: None })
    }

    pub(super) fn value(key: &[u8], value: &[u8]) -> Self {
        Self { ok: true, message: None, key: key.into(), value: Some(value.into()) }
    }
}

/// What an error says beyond its sentence.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Detail {
    /// The value that was not the expected one.
    Current(CurrentText),
    /// Changes by entries after this index are kept.
    Oldest { oldest: u64 },
}

#[derive(Debug, Serialize)]
struct Failed {
    ok: bool,
    message: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
}

/// An error as every error is answered.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    detail: Option<Box<Detail>>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), detail: None }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The key has another value than the expected one, and is as it was.
    pub(super) fn mismatch(current: Option<&[u8]>) -> Self {
        let message = match current {
            Some(_) => "the key has another value than the expected one; nothing was changed",
            None => "there is no such key, and a value was expected; nothing was changed",
        };
        let detail = Some(Box::new(Detail::Current(current.into())));
        Self { detail, ..Self::new(StatusCode::CONFLICT, message) }
    }

    /// For a write with a name, which may be repeated: then a doubt is no reason to give up.
    pub(super) fn of_named(error: ClientError) -> Self {
        match error {
            ClientError::Unknown { why } => Self::new(
                StatusCode::SERVICE_UNAVAILABLE,
                format!(
                    "the write may or may not have happened: {why}; repeat it with the same Idempotency-Key"
                ),
            ),
            other => other.into(),
        }
    }
}

impl From<ClientError> for Refusal {
    fn from(error: ClientError) -> Self {
        let status = match &error {
            ClientError::Limit(LimitError::KeyTooLong { .. } | LimitError::ValueTooLong { .. }) => {
                StatusCode::PAYLOAD_TOO_LARGE
            }
            ClientError::Limit(_) => StatusCode::BAD_REQUEST,
            ClientError::NotPermitted => StatusCode::FORBIDDEN,
            ClientError::NameInUse => StatusCode::UNPROCESSABLE_ENTITY,
            ClientError::Forgotten { .. } => StatusCode::GONE,
            ClientError::NoLeader { .. }
            | ClientError::Unreachable { .. }
            | ClientError::TimedOut { .. }
            | ClientError::Busy
            | ClientError::DiskStalled { .. }
            // Of reads alone, and of one node's state: it stops, or sheds load.
            | ClientError::Broken { .. } => StatusCode::SERVICE_UNAVAILABLE,
            // Asking again is no cure for the rest.
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let detail = match &error {
            ClientError::Forgotten { oldest } => Some(Box::new(Detail::Oldest { oldest: *oldest })),
            _ => None,
        };
        Self { detail, ..Self::new(status, error.to_string()) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, message, detail } = self;
        let body = Json(Failed { ok: false, message, detail: detail.map(|detail| *detail) });
        let mut response = (status, body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn what_passes_is_unavailable_and_says_when_to_come_back() {
        let (address, why, last) = ("n1".to_owned(), "it closed".to_owned(), String::new());
        let after = Duration::from_secs(5);
        for (error, status) in [
            (ClientError::Busy, 503),
            (ClientError::DiskStalled { waited: after }, 503),
            (ClientError::NoLeader { after, last: last.clone() }, 503),
            (ClientError::Unreachable { after, tried: last.clone() }, 503),
            (ClientError::TimedOut { after, last }, 503),
            (ClientError::Broken { address, why: why.clone() }, 503),
            // It is not safe to ask this again.
            (ClientError::Unknown { why }, 500),
        ] {
            let said = error.to_string();
            let response = Refusal::from(error).into_response();
            assert_eq!(response.status().as_u16(), status, "{said}");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), status == 503, "{said}");
        }
    }
}
