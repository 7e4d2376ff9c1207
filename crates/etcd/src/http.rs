//! A GET on a member's client port, for what etcd says over plain HTTP: `/debug/vars`, `/metrics`, `/version`.
//!
//! Each has a connection of its own: etcd's port tells HTTP/1 and gRPC apart by a connection's first bytes.

use crate::access::Alpn;
use crate::connection::with_causes;
use crate::endpoint::Endpoint;
use crate::error::CallError;
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode, header};
use hyper_util::rt::TokioIo;
use std::time::Duration;
use tokio::time::timeout;

/// The largest answer that is read. Metrics of a busy member are about 200 KiB.
const MAX_ANSWER: usize = 8 << 20;

impl Endpoint {
    /// The body at a path; not more than [`MAX_ANSWER`].
    pub(crate) async fn get(&self, path: &'static str, deadline: Duration) -> Result<Vec<u8>, CallError> {
        let got = timeout(deadline, self.get_body(path)).await;
        got.unwrap_or_else(|_elapsed| Err(self.connection().lost(format!("{path}: the deadline passed"))))
    }

    async fn get_body(&self, path: &'static str) -> Result<Vec<u8>, CallError> {
        let stream = self.connection().dialer().dial(self.url(), Alpn::Http1).await;
        let stream = stream.map_err(|why| self.connection().unreached(why))?;
        let lost = |error: &(dyn std::error::Error + 'static)| {
            self.connection().lost(format!("{path}: {}", with_causes(error)))
        };
        let (mut sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| lost(&error))?;
        let request = Request::get(path).header(header::HOST, self.url().authority());
        let request =
            request.body(Empty::<&[u8]>::new()).expect("invariant: a path and a host make a request");
        let asking = async {
            let answer = sender.send_request(request).await.map_err(|error| lost(&error))?;
            if answer.status() != StatusCode::OK {
                return Err(self.connection().lost(format!("{path}: HTTP status {}", answer.status())));
            }
            let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
            body.map(|body| body.to_bytes().into()).map_err(|error| lost(&*error))
        };
        // The connection is driven here, so it ends with this call.
        tokio::pin!(asking);
        tokio::select! {
            answer = &mut asking => answer,
            _ = connection => asking.await,
        }
    }
}
