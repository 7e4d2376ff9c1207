//! The way to a node's client port from any of its addresses: a port for others says where it is.

use crate::access::Access;
use crate::address;
use crate::dial::{DialError, Dialed};
use raftdeck_protocol::{Hello, Ports, RefusalReason};
use std::time::Duration;

/// Connects a client or a manager to the node that has this address, be it for peers, clients or HTTP, each attempt within `within`;
/// also gives the address where that worked, if it is another one.
pub(crate) async fn dial(
    address: &str,
    hello: &Hello,
    within: Duration,
    access: &Access,
) -> Result<(Dialed, Option<String>), DialError> {
    let mut last = match access.dial(address, hello, within).await {
        Ok(dialed) => return Ok((dialed, None)),
        Err(error) => error,
    };
    let DialError::Refused { reason: RefusalReason::WrongPort, ports, .. } = &last else { return Err(last) };
    for candidate in candidates(address, ports.as_deref()) {
        match access.dial(&candidate, hello, within).await {
            Ok(dialed) => return Ok((dialed, Some(candidate))),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Where the client port of the node with this address may be. The host that was given goes first: the node need not know by which
/// name it is reached. An earlier release does not say where its ports are; there, only the Raft port can have been meant.
fn candidates(address: &str, ports: Option<&Ports>) -> Vec<String> {
    let Some(Ports { client, .. }) = ports else { return address::client_of(address).into_iter().collect() };
    let (Ok((host, given)), Ok((_, port))) = (address::split(address), address::split(client)) else {
        return Vec::new();
    };
    let here = format!("{host}:{port}");
    let elsewhere = (*client != here).then(|| client.clone());
    // The given port has refused already.
    (given != port).then_some(here).into_iter().chain(elsewhere).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_that_was_given_goes_before_the_one_that_the_node_knows() {
        let ports = |client: &str| Ports { raft: "a:1".into(), client: client.into(), http: "a:3".into() };
        assert_eq!(candidates("127.0.0.1:8080", Some(&ports("127.0.0.1:19080"))), ["127.0.0.1:19080"]);
        assert_eq!(
            candidates("kv.example:80", Some(&ports("10.0.0.1:9080"))),
            ["kv.example:9080", "10.0.0.1:9080"]
        );
        assert_eq!(candidates("a:9080", Some(&ports("b:9080"))), ["b:9080"]);
        assert_eq!(candidates("a:9080", Some(&ports("nonsense"))), [""; 0]);
    }

    #[test]
    fn of_a_node_that_does_not_say_the_raft_port_is_taken_to_be_meant() {
        assert_eq!(candidates("a:8080", None), ["a:9080"]);
        assert_eq!(candidates("a:65000", None), [""; 0]);
    }
}
