//! The one connection to a member that all gRPC calls share.
//!
//! It is opened by the first call, and opened anew when it has ended or a call got no answer in time. A call never waits longer than its
//! deadline. Whether a request was sent at all is known: hyper gives back what it did not begin to send.

use crate::access::Alpn;
use crate::address::ClientUrl;
use crate::dial::Dialer;
use crate::error::CallError;
use crate::wire::ApiRequest;
use hyper::client::conn::http2::{Builder, SendRequest};
use hyper::http::uri::PathAndQuery;
use hyper_util::rt::{TokioExecutor, TokioIo};
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};
use tonic::body::Body;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::{Request, Status};
use tonic_prost::ProstCodec;

/// How long it may take to open a connection.
const DIAL_TIMEOUT: Duration = Duration::from_secs(2);

/// The largest answer that is read: a page of the largest values that raftdeck takes would be larger, and is refused.
const MAX_ANSWER: usize = 64 << 20;

/// The connection to one member, which may not be open.
pub(crate) struct Connection {
    url: ClientUrl,
    dialer: Arc<Dialer>,
    open: Mutex<Option<SendRequest<Body>>>,
}

/// What a call asks for besides its message.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CallOptions {
    /// A member that knows no leader refuses at once, before it does anything.
    pub(crate) needs_leader: bool,
}

/// Why a request has no answer. tonic keeps it as the source of its status.
#[derive(Debug, thiserror::Error)]
enum SendError {
    /// It was not sent, so it certainly was not carried out.
    #[error("{}", with_causes(.0))]
    Unsent(hyper::Error),
    /// It was sent, at least in part.
    #[error("{}", with_causes(.0))]
    Broken(hyper::Error),
}

impl Connection {
    pub(crate) fn to(url: ClientUrl, dialer: Arc<Dialer>) -> Self {
        Self { url, dialer, open: Mutex::new(None) }
    }

    pub(crate) fn url(&self) -> &ClientUrl {
        &self.url
    }

    pub(crate) fn dialer(&self) -> &Dialer {
        &self.dialer
    }

    /// Makes one call with this token. What was not sent because the connection had ended is sent once more on a new one.
    pub(crate) async fn call<Q: ApiRequest>(
        &self,
        message: Q,
        token: Option<&MetadataValue<Ascii>>,
        options: CallOptions,
        until: Instant,
    ) -> Result<Q::Answer, CallError> {
        let request = |message: Q| {
            let mut request = Request::new(message);
            if let Some(token) = token {
                request.metadata_mut().insert("token", token.clone());
            }
            if options.needs_leader {
                request.metadata_mut().insert("hasleader", MetadataValue::from_static("true"));
            }
            request
        };
        match self.send(request(message.clone()), until).await {
            Err(CallError::Unreached { .. }) if self.forget_ended().await => {
                self.send(request(message), until).await
            }
            done => done,
        }
    }

    async fn send<Q: ApiRequest>(&self, request: Request<Q>, until: Instant) -> Result<Q::Answer, CallError> {
        let connection = self.connected(until).await?;
        let service = tower::service_fn(move |request: hyper::Request<Body>| {
            let sending = connection.clone().try_send_request(request);
            async move {
                sending.await.map_err(|mut failed| {
                    let is_unsent = failed.take_message().is_some();
                    let error = failed.into_error();
                    if is_unsent { SendError::Unsent(error) } else { SendError::Broken(error) }
                })
            }
        });
        let origin = self.url.to_string().parse().expect("invariant: a client URL is a URI");
        let mut client =
            tonic::client::Grpc::with_origin(service, origin).max_decoding_message_size(MAX_ANSWER);
        let path = PathAndQuery::from_static(Q::PATH);
        let codec: ProstCodec<Q, Q::Answer> = ProstCodec::default();
        match timeout_at(until, client.unary(request, path, codec)).await {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.judge(&status)),
            Err(_elapsed) => {
                // The path may be dead without a sign of it: the next call opens another connection.
                self.open.lock().await.take();
                Err(self.lost("the deadline passed"))
            }
        }
    }

    /// The connection, which is opened if there is none.
    async fn connected(&self, until: Instant) -> Result<SendRequest<Body>, CallError> {
        let until = until.min(Instant::now() + DIAL_TIMEOUT);
        let connecting = async {
            let mut kept = self.open.lock().await;
            if let Some(connection) = kept.as_ref().filter(|connection| !connection.is_closed()) {
                return Ok(connection.clone());
            }
            let connection = self.dial().await?;
            *kept = Some(connection.clone());
            Ok(connection)
        };
        match timeout_at(until, connecting).await {
            Ok(connected) => connected.map_err(|why: String| self.unreached(why)),
            Err(_elapsed) => Err(self.unreached("no connection was opened in time")),
        }
    }

    async fn dial(&self) -> Result<SendRequest<Body>, String> {
        let stream = self.dialer.dial(&self.url, Alpn::Http2).await?;
        let opened = Builder::new(TokioExecutor::new()).handshake(TokioIo::new(stream)).await;
        let (sender, connection) = opened.map_err(|error| with_causes(&error))?;
        let url = self.url.clone();
        // It ends when the connection ends, or when nobody can send on it any more.
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!("the connection to {url} ended: {}", with_causes(&error));
            }
        });
        Ok(sender)
    }

    /// Forgets the connection if it has ended. Says whether there was one that has.
    async fn forget_ended(&self) -> bool {
        let mut kept = self.open.lock().await;
        let has_ended = kept.as_ref().is_some_and(SendRequest::is_closed);
        if has_ended {
            *kept = None;
        }
        has_ended
    }

    fn judge(&self, status: &Status) -> CallError {
        let Some(source) = status.source() else { return CallError::refused(status) };
        match source.downcast_ref() {
            Some(SendError::Unsent(error)) => self.unreached(with_causes(error)),
            Some(SendError::Broken(error)) => self.lost(with_causes(error)),
            None => self.lost(with_causes(source)),
        }
    }

    pub(crate) fn unreached(&self, why: impl Into<String>) -> CallError {
        CallError::Unreached { url: self.url.to_string(), why: why.into() }
    }

    pub(crate) fn lost(&self, why: impl Into<String>) -> CallError {
        CallError::Lost { url: self.url.to_string(), why: why.into() }
    }
}

/// An error with all its causes, in one line.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        // Some errors repeat their cause.
        if !text.contains(&next) {
            text = format!("{text}: {next}");
        }
        cause = error.source();
    }
    text
}
