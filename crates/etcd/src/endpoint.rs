//! One member, by its client URL, with the user that it is asked as.

use crate::address::ClientUrl;
use crate::connection::{CallOptions, Connection};
use crate::dial::Dialer;
use crate::error::{CallError, Refusal};
use crate::token::Token;
use crate::wire::ApiRequest;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// One member's client URL, and the connection to it. Cheap to clone; all clones share the connection.
#[derive(Clone)]
pub struct Endpoint {
    connection: Arc<Connection>,
    token: Arc<Token>,
}

impl Endpoint {
    pub(crate) fn new(url: ClientUrl, dialer: Arc<Dialer>, token: Arc<Token>) -> Self {
        Self { connection: Arc::new(Connection::to(url, dialer)), token }
    }

    /// Where the member is reached.
    #[must_use]
    pub fn url(&self) -> &ClientUrl {
        self.connection.url()
    }

    pub(crate) fn connection(&self) -> &Connection {
        &self.connection
    }

    /// Makes one call. A user's token is fetched first, and anew when it is no longer valid.
    pub(crate) async fn call<Q: ApiRequest>(
        &self,
        message: Q,
        options: CallOptions,
        deadline: Duration,
    ) -> Result<Q::Answer, CallError> {
        let until = Instant::now() + deadline;
        let token = self.token.get(&self.connection, until).await?;
        let first = self.connection.call(message.clone(), token.as_ref(), options, until).await;
        // The token is checked before anything is done.
        if first.as_ref().is_err_and(|error| error.refusal() == Some(Refusal::TokenExpired))
            && let Some(renewed) = self.token.renew(&self.connection, token, until).await?
        {
            return self.connection.call(message, Some(&renewed), options, until).await;
        }
        first
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Endpoint").field(&self.url().to_string()).finish()
    }
}
