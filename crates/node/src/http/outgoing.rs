//! Large answers share a bound for as long as they wait to be sent, so that clients that do not read their answers
//! cannot exhaust memory.

use crate::http::answer::Refusal;
use axum::body::{Body, HttpBody, to_bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// An answer up to this size does not count: the number of connections is limited.
const FREE: usize = 64 << 10;

/// The most bytes of all larger ones together. A page of the greatest values, all of them written as JSON escapes, fits twice.
const SHARED: usize = 64 << 20;

/// How much of large answers may wait yet.
#[derive(Clone, Debug)]
pub(super) struct Outgoing(Arc<Semaphore>);

impl Default for Outgoing {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(SHARED)))
    }
}

/// An answer that takes up its part of the bound until the connection has sent it.
struct BoundedAnswer {
    bytes: Bytes,
    _part: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for BoundedAnswer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

pub(super) async fn bound(
    State(Outgoing(shared)): State<Outgoing>,
    request: Request,
    next: Next,
) -> Response {
    let response = next.run(request).await;
    // A stream has no size: only a little of it waits at a time.
    let Some(size) = response.body().size_hint().exact().filter(|size| *size > FREE as u64) else {
        return response;
    };
    let part = u32::try_from(size).ok().and_then(|size| shared.try_acquire_many_owned(size).ok());
    let Some(part) = part else {
        let message =
            "too many large answers are waiting to be read: try again in a moment, or ask for less at once";
        return Refusal::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response();
    };
    let (head, body) = response.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) => {
            Response::from_parts(head, Body::from(Bytes::from_owner(BoundedAnswer { bytes, _part: part })))
        }
        Err(error) => Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::Router;
    use axum::middleware::from_fn_with_state;
    use axum::routing::get;
    use tower::ServiceExt;

    #[tokio::test]
    async fn large_answers_share_a_bound_until_they_are_gone() {
        let routes = Router::new()
            .route("/large", get(async || vec![0; 10 << 20]))
            .route("/small", get(async || vec![0; FREE]))
            .layer(from_fn_with_state(Outgoing::default(), bound));
        let ask = async |path: &str| {
            let request = Request::builder().uri(path).body(Body::empty()).unwrap();
            routes.clone().oneshot(request).await.unwrap()
        };
        let mut waiting = Vec::new();
        for _ in 0..6 {
            let response = ask("/large").await;
            assert_eq!(
                (response.status().as_u16(), response.body().size_hint().exact()),
                (200, Some(10 << 20))
            );
            waiting.push(response);
        }
        assert_eq!(ask("/large").await.status(), 503);
        assert_eq!(ask("/small").await.status(), 200);
        let sent = to_bytes(waiting.remove(0).into_body(), usize::MAX).await.unwrap();
        assert_eq!(ask("/large").await.status(), 503, "it is still held");
        drop(sent);
        assert_eq!(ask("/large").await.status(), 200);
    }
}
