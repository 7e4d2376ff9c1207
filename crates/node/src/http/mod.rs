//! The HTTP interface: keys and values as JSON. It is an ordinary client of this node's client port, and so finds the
//! leader; it cannot bypass that port.

mod about;
pub(crate) mod answer;
pub(crate) mod bare;
mod body;
mod guard;
mod host;
mod keys;
mod layers;
mod openapi;
mod outgoing;
pub(crate) mod query;
mod routes;
mod scrape;
mod status;
mod text;
mod watch;
mod work;

use crate::meters::Meters;
use crate::tokens::Tokens;
use answer::Refusal;
use axum::Router;
use axum::middleware::from_fn_with_state;
use body::Intake;
use host::OwnNames;
use query::Query;
use raftdeck_client::Client;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use work::JsonWork;

/// How long a leader is looked for, and an answer waited for.
const DEADLINE: Duration = Duration::from_secs(5);

/// What a door needs of its node.
pub(crate) struct HttpParts {
    /// Asks the cluster, beginning with this node.
    pub(crate) cluster: Client,
    /// This node's own client address.
    pub(crate) own: String,
    /// What is required of clients.
    pub(crate) tokens: Tokens,
    /// Whether a certificate is asked for.
    pub(crate) encrypted: bool,
    pub(crate) meters: Meters,
    pub(crate) stop: CancellationToken,
}

/// The door of a node. Streams of changes end with `stop`.
pub(crate) fn door(HttpParts { cluster, own, tokens, encrypted, meters, stop }: HttpParts) -> Router {
    let asks_nobody = tokens.client.is_none() && !encrypted;
    let door = HttpContext {
        client: cluster,
        own,
        intake: Intake::default(),
        work: JsonWork::default(),
        lists: Arc::new(Semaphore::new(keys::MOST_LISTS)),
        watches: Arc::new(Semaphore::new(watch::MOST)),
        meters: meters.clone(),
        stop,
    };
    let routes = routes::router(door);
    let routes = if asks_nobody {
        routes.layer(from_fn_with_state(Arc::new(OwnNames::of_this_machine()), host::check))
    } else {
        routes
    };
    layers::around(routes, tokens, meters)
}

/// Where a node that listens on every address reaches itself.
pub(crate) fn reachable(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(if address.is_ipv4() {
            Ipv4Addr::LOCALHOST.into()
        } else {
            Ipv6Addr::LOCALHOST.into()
        });
    }
    address
}

/// What every route has at hand.
#[derive(Clone, Debug)]
struct HttpContext {
    client: Client,
    /// This node's own client address.
    own: String,
    intake: Intake,
    work: JsonWork,
    /// Places for pages on their way.
    lists: Arc<Semaphore>,
    /// Places for streams of changes.
    watches: Arc<Semaphore>,
    meters: Meters,
    stop: CancellationToken,
}

/// A request's parameters, which are among `known`.
fn parameters(query: Option<&str>, known: &[&'static str]) -> Result<Query, Refusal> {
    Query::read(query.unwrap_or_default(), known).map_err(|error| Refusal::bad(error.to_string()))
}
