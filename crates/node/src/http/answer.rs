//! The shapes of answers that several routes share, above all that of errors: `{"ok":false,"message":"…"}`, with every
//! status from one place.

use crate::http::text::{CurrentText, KeyText, ValueText};
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use raftdeck_client::ClientError;
use raftdeck_protocol::kv::LimitError;
use serde::Serialize;

/// The Retry-After of errors that ask for a retry, in seconds.
const RETRY_AFTER: HeaderValue = HeaderValue::from_static("1");

/// The outcome of a question about one key: its fields in this order, those it has.
#[derive(Debug, Serialize)]
pub(super) struct KeyAnswer {
    ok: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'static str>,
    #[serde(flatten)]
    key: KeyText,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    value: Option<ValueText>,
}

impl KeyAnswer {
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
    /// The log ends here.
    Newest { newest: u64 },
    /// The write may have been carried out, or may yet be.
    #[serde(rename_all = "camelCase")]
    InDoubt { may_have_happened: bool },
}

impl Detail {
    fn of(error: &ClientError) -> Option<Self> {
        match error {
            ClientError::Forgotten { oldest } => Some(Self::Oldest { oldest: *oldest }),
            ClientError::BeyondLog { newest } => Some(Self::Newest { newest: *newest }),
            error if error.may_have_happened() => Some(Self::InDoubt { may_have_happened: true }),
            _ => None,
        }
    }
}

#[derive(Debug, Serialize)]
struct Failed {
    ok: bool,
    message: String,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    detail: Option<Detail>,
}

/// The body of an error that says nothing beyond its sentence.
pub(crate) fn error_body(message: &str) -> String {
    let failed = Failed { ok: false, message: message.to_owned(), detail: None };
    serde_json::to_string(&failed).expect("text has a JSON form")
}

/// An error as every error is answered.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
    detail: Option<Box<Detail>>,
    /// Whether the same request may be sent again when that is what the status says.
    is_repeatable: bool,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), detail: None, is_repeatable: true }
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// The key has another value than the expected one, and is unchanged.
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
            ClientError::Unknown { ref why } => {
                let message = format!(
                    "the write may or may not have happened: {why}; repeat it with the same Idempotency-Key"
                );
                let detail = Detail::of(&error).map(Box::new);
                Self { detail, is_repeatable: true, ..Self::new(StatusCode::SERVICE_UNAVAILABLE, message) }
            }
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
            ClientError::Forgotten { .. } | ClientError::BeyondLog { .. } => StatusCode::GONE,
            ClientError::NoLeader { .. }
            | ClientError::Unreachable { .. }
            | ClientError::TimedOut { .. }
            | ClientError::Busy
            | ClientError::DiskStalled { .. }
            | ClientError::NotCaughtUp { .. }
            // The outcome is unknown.
            | ClientError::Unknown { .. }
            // Of reads alone, and of one node's state: it stops, or sheds load.
            | ClientError::Broken { .. } => StatusCode::SERVICE_UNAVAILABLE,
            // Asking again is no cure for the rest.
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        // A write in doubt must not be sent again by a proxy or a library that only looks at the status.
        let is_repeatable = !error.may_have_happened();
        let detail = Detail::of(&error).map(Box::new);
        Self { detail, is_repeatable, ..Self::new(status, error.to_string()) }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { status, message, detail, is_repeatable } = self;
        let body = Json(Failed { ok: false, message, detail: detail.map(|detail| *detail) });
        let mut response = (status, body).into_response();
        if status == StatusCode::SERVICE_UNAVAILABLE && is_repeatable {
            response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::to_bytes;
    use raftdeck_raft::NodeId;
    use serde_json::Value;
    use std::time::Duration;

    #[tokio::test]
    async fn a_write_in_doubt_is_unavailable_and_only_one_with_a_name_is_to_be_repeated() {
        let error = || ClientError::Unknown { why: "the session is forgotten".to_owned() };
        for (refusal, repeatable) in [(Refusal::from(error()), false), (Refusal::of_named(error()), true)] {
            let response = refusal.into_response();
            assert_eq!(response.status().as_u16(), 503);
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), repeatable);
            let body: Value =
                serde_json::from_slice(&to_bytes(response.into_body(), 1 << 16).await.unwrap()).unwrap();
            assert_eq!((&body["ok"], &body["mayHaveHappened"]), (&false.into(), &true.into()), "{body}");
            assert!(body["message"].as_str().unwrap().contains("may or may not have happened"), "{body}");
        }
    }

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
            (ClientError::NotCaughtUp { node: NodeId(2) }, 503),
        ] {
            let said = error.to_string();
            let response = Refusal::from(error).into_response();
            assert_eq!(response.status().as_u16(), status, "{said}");
            assert_eq!(response.headers().contains_key(header::RETRY_AFTER), status == 503, "{said}");
        }
    }
}
