//! Large JSON is read and written on threads of its own, few at a time: the thread that everything else runs on is the one that
//! sends heartbeats.

use crate::http::answer::Refusal;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tracing::Span;

/// Smaller work is done directly.
pub(super) const LARGE: usize = 64 << 10;

/// Threads at a time.
const MOST: usize = 2;

/// Where large JSON is worked on.
#[derive(Clone, Debug)]
pub(super) struct JsonWork(Arc<Semaphore>);

impl Default for JsonWork {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(MOST)))
    }
}

impl JsonWork {
    /// Does something with `size` bytes.
    pub(super) async fn on<T: Send + 'static>(
        &self,
        size: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        if size < LARGE {
            return Ok(work());
        }
        let _place = self.0.acquire().await;
        let span = Span::current();
        let done = spawn_blocking(move || span.in_scope(work)).await;
        // What it panicked with is in the log.
        done.map_err(|_| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error"))
    }

    /// What is made of `size` bytes, as an answer.
    pub(super) async fn answer<T: Serialize>(
        &self,
        size: usize,
        make: impl FnOnce() -> T + Send + 'static,
    ) -> Result<Response, Refusal> {
        let json = self.on(size, move || serde_json::to_vec(&make())).await?;
        let json =
            json.map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
        Ok(([(header::CONTENT_TYPE, "application/json")], json).into_response())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::thread;

    #[tokio::test]
    async fn what_is_large_is_done_elsewhere_and_comes_out_the_same() {
        let work = JsonWork::default();
        let here = thread::current().id();
        let at = async |size| work.on(size, || thread::current().id()).await.unwrap();
        assert_eq!(at(LARGE - 1).await, here);
        assert_ne!(at(LARGE).await, here);
        for size in [0, LARGE] {
            let response = work.answer(size, || [1, 2]).await.unwrap();
            assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
            assert_eq!(axum::body::to_bytes(response.into_body(), 10).await.unwrap(), "[1,2]");
        }
        let failed = work.on(LARGE, || panic!("on purpose")).await;
        assert!(failed.is_err_and(|refusal: Refusal| refusal.into_response().status() == 500));
    }
}
