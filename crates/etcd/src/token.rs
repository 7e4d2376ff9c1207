//! A user's token, which stands for the name and the password in every call. One for all members of a cluster.

use crate::access::EtcdUser;
use crate::connection::{CallOptions, Connection};
use crate::error::{CallError, Refusal};
use crate::wire::AuthenticateRequest;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use tonic::metadata::{Ascii, MetadataValue};

/// The token of one user, or of none.
pub(crate) struct Token {
    user: Option<EtcdUser>,
    state: Mutex<TokenState>,
}

#[derive(Clone, Default)]
enum TokenState {
    /// None was asked for yet.
    #[default]
    Unasked,
    /// The cluster has no authentication.
    NotNeeded,
    Given(MetadataValue<Ascii>),
}

impl Token {
    pub(crate) fn of(user: Option<EtcdUser>) -> Self {
        Self { user, state: Mutex::default() }
    }

    /// The token, which is fetched through this member if there is none yet. `None`: there is no user, or no authentication.
    pub(crate) async fn get(
        &self,
        through: &Connection,
        until: Instant,
    ) -> Result<Option<MetadataValue<Ascii>>, CallError> {
        let state = self.lock().clone();
        match state {
            TokenState::Given(token) => Ok(Some(token)),
            TokenState::NotNeeded => Ok(None),
            TokenState::Unasked => self.fetch(through, until).await,
        }
    }

    /// Another token than this one, which was refused. `None`: there is no user.
    pub(crate) async fn renew(
        &self,
        through: &Connection,
        refused: Option<MetadataValue<Ascii>>,
        until: Instant,
    ) -> Result<Option<MetadataValue<Ascii>>, CallError> {
        let state = self.lock().clone();
        match state {
            // Another call has renewed it meanwhile.
            TokenState::Given(token) if Some(&token) != refused.as_ref() => Ok(Some(token)),
            _ => self.fetch(through, until).await,
        }
    }

    async fn fetch(
        &self,
        through: &Connection,
        until: Instant,
    ) -> Result<Option<MetadataValue<Ascii>>, CallError> {
        let Some(EtcdUser { name, password }) = self.user.clone() else { return Ok(None) };
        let request = AuthenticateRequest { name, password };
        let state = match through.call(request, None, CallOptions::default(), until).await {
            Ok(answer) => match answer.token.parse() {
                Ok(token) => TokenState::Given(token),
                Err(_) => return Err(through.lost("its token is no token")),
            },
            Err(CallError::Refused { refusal: Refusal::NoAuthentication, .. }) => TokenState::NotNeeded,
            // No request of the caller was sent, whatever became of this one.
            Err(CallError::Lost { url, why }) => return Err(CallError::Unreached { url, why }),
            Err(CallError::Refused { refusal: Refusal::TimedOut | Refusal::Other, text }) => {
                return Err(through.unreached(format!("the user was not authenticated: {text}")));
            }
            Err(refused) => return Err(refused),
        };
        *self.lock() = state.clone();
        Ok(match state {
            TokenState::Given(token) => Some(token),
            TokenState::Unasked | TokenState::NotNeeded => None,
        })
    }

    fn lock(&self) -> MutexGuard<'_, TokenState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
