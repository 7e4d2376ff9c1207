//! Server-sent events to a phone: what the class sees, and, where it is wanted, the picture of the cluster.
//!
//! Nothing is queued for a phone: whenever its connection takes something, it gets the newest of each. So a slow one misses what is
//! between, and costs no memory.

use crate::audience::class::{Class, StreamPlace};
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::Stream;
use std::convert::Infallible;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A stream says at least this often that it lives. The page gives up a stream that is silent for twice as long.
const ALIVE: Duration = Duration::from_secs(10);

/// Pictures and pages come at most this often.
pub(super) const STEP: Duration = Duration::from_millis(100);

/// What a stream is made of.
pub(super) struct PhoneStream {
    pub(super) class: Arc<Class>,
    pub(super) place: StreamPlace,
    pub(super) page: watch::Receiver<Arc<str>>,
    /// Events with the picture; `None`: this phone does not want it.
    pub(super) picture: Option<watch::Receiver<Bytes>>,
    pub(super) stop: CancellationToken,
}

/// What comes next.
enum Next {
    Page,
    Picture(Bytes),
    Alive,
    End,
    Replaced,
}

impl PhoneStream {
    /// The answer that carries it.
    pub(super) fn respond(mut self) -> Response {
        self.page.mark_changed();
        if let Some(picture) = &mut self.picture {
            picture.mark_changed();
        }
        let headers = [(header::CONTENT_TYPE, "text/event-stream")];
        // Proxies such as nginx would otherwise buffer events until they fill a buffer.
        let unbuffered = [("x-accel-buffering", "no")];
        (headers, unbuffered, Body::from_stream(self.events())).into_response()
    }

    fn events(self) -> impl Stream<Item = Result<Bytes, Infallible>> + Send + 'static {
        futures::stream::unfold(Some(self), |stream| async move {
            let mut stream = stream?;
            match stream.next().await {
                Next::Page => {
                    let event = stream.page_event();
                    Some((Ok(event), Some(stream)))
                }
                Next::Picture(event) => Some((Ok(event), Some(stream))),
                Next::Alive => Some((Ok(Bytes::from_static(b"event: alive\ndata:\n\n")), Some(stream))),
                Next::End => Some((Ok(Bytes::from_static(b"event: end\ndata:\n\n")), None)),
                Next::Replaced => None,
            }
        })
    }

    async fn next(&mut self) -> Next {
        let picture = async {
            loop {
                let Some(picture) = &mut self.picture else { return std::future::pending().await };
                if picture.changed().await.is_err() {
                    self.picture = None;
                    continue;
                }
                let event = picture.borrow_and_update().clone();
                if !event.is_empty() {
                    return event;
                }
            }
        };
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Next::End,
            () = self.place.replaced.cancelled() => Next::Replaced,
            changed = self.page.changed() => if changed.is_ok() { Next::Page } else { Next::End },
            event = picture => Next::Picture(event),
            () = sleep(ALIVE) => Next::Alive,
        }
    }

    fn page_event(&mut self) -> Bytes {
        self.page.mark_unchanged();
        let (page, chosen) = self.class.seen_by(self.place.phone);
        let chosen = chosen.map_or_else(|| "null".to_owned(), |option| option.to_string());
        format!("event: page\ndata: {{\"chosen\":{chosen},\"page\":{page}}}\n\n").into()
    }
}

/// A text as an event. Each of its lines is one of the event.
pub(super) fn event(name: &str, text: &str) -> Bytes {
    let mut event = format!("event: {name}\n");
    for line in text.split(['\n', '\r']) {
        writeln!(event, "data: {line}").expect("a string takes everything");
    }
    event.push('\n');
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_whatever_lines_its_text_has() {
        let text = "<svg>\n<style>a\r\n\nevent: end</style></svg>";
        let event = String::from_utf8(event("picture", text).to_vec()).unwrap();
        assert_eq!(event.matches("\n\n").count(), 1);
        assert!(event.ends_with("</svg>\n\n"));
        assert!(event.lines().skip(1).filter(|line| !line.is_empty()).all(|line| line.starts_with("data: ")));
    }
}
