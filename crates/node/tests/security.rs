//! Nodes that speak TLS and ask for tokens do all that others do.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use raftdeck_client::{Access, Client, ClientError, Options};
use raftdeck_protocol::{Answer, NodeStatus, Secret};
use raftdeck_raft::{MembershipChange, NodeId, Role};
use std::time::{Duration, Instant};
use support::pki::{Pki, client_config, flags, tls};
use support::tls::https;
use support::{Launch, Node, PATIENCE, block_on, eventually, get, own_host, put};

const CLIENT: &str = "the-clients-token-01";
const MANAGER: &str = "the-managers-token-1";
const PEER: &str = "the-peers-token-0001";

/// Three nodes that trust each other's certificates and ask for tokens.
struct Secure {
    pki: Pki,
    launches: Vec<Launch>,
    nodes: Vec<Option<Node>>,
    /// Where the nodes serve clients.
    addresses: Vec<String>,
}

impl Secure {
    fn start(args: &[&str]) -> Self {
        let (pki, host) = (Pki::new(), own_host());
        let cluster: Vec<String> = (0..3).map(|nth| format!("{host}:{}", 8080 + nth)).collect();
        let launches: Vec<Launch> = (1..=3)
            .map(|id| {
                let files = flags(&pki.node(id, &host));
                let files: Vec<&str> = files.iter().map(String::as_str).collect();
                Launch::new(&["--node-id", &id.to_string(), "--cluster", &cluster.join(",")])
                    .data(&pki.path(&format!("data{id}")))
                    .args(&files)
                    .args(args)
                    .variable("RAFTDECK_CLIENT_TOKEN", CLIENT)
                    .variable("RAFTDECK_MANAGER_TOKEN", MANAGER)
                    .variable("RAFTDECK_PEER_TOKEN", PEER)
            })
            .collect();
        let mut nodes: Vec<Node> = launches.iter().map(Launch::start).collect();
        nodes.iter_mut().for_each(Node::await_ready);
        let addresses = nodes.iter().map(|node| node.addresses().client.clone()).collect();
        Self { pki, launches, nodes: nodes.into_iter().map(Some).collect(), addresses }
    }

    /// A client with this token.
    fn client(&self, token: &str) -> Client {
        let tls = Some(tls(self.pki.client("client")));
        let access = Access { token: Some(Secret::new(token).unwrap()), tls };
        Client::new(&self.addresses, Options { access, ..Options::default() }).unwrap()
    }

    fn kill(&mut self, id: u64) {
        self.nodes[usize::try_from(id).unwrap() - 1].take().expect("it runs").kill();
    }

    fn restart(&mut self, id: u64) {
        let at = usize::try_from(id).unwrap() - 1;
        self.nodes[at] = Some(self.launches[at].ready());
    }

    fn node(&self, id: u64) -> &Node {
        self.nodes[usize::try_from(id).unwrap() - 1].as_ref().expect("it runs")
    }

    async fn status(&self, client: &Client, id: u64) -> Option<NodeStatus> {
        let address = &self.addresses[usize::try_from(id).unwrap() - 1];
        client.status(address, Duration::from_secs(2)).await.ok()
    }

    async fn leader(&self, client: &Client) -> u64 {
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            for id in 1..=3 {
                let status = self.status(client, id).await;
                if status.is_some_and(|status| status.raft.role == Role::Leader && status.raft.has_quorum) {
                    return id;
                }
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no node leads");
    }
}

async fn value(client: &Client, key: &str) -> Option<Vec<u8>> {
    match client.read(get(key), PATIENCE).await.expect("a read").answer {
        Answer::Value(value) => value.map(Into::into),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_cluster_with_certificates_replaces_its_leader_and_sends_snapshots() {
    let mut cluster =
        Secure::start(&["--heartbeat", "30", "--election", "300..600", "--snapshot-entries", "20"]);
    block_on(async {
        let client = cluster.client(CLIENT);
        client.write(put("first", "1"), PATIENCE).await.expect("a write");
        let leader = cluster.leader(&client).await;
        let away = (1..=3).find(|id| *id != leader).unwrap();
        cluster.kill(away);
        // More than one piece of a snapshot, so that the way is used in earnest.
        let large = "x".repeat(100_000);
        for nth in 0..60 {
            client.write(put(&format!("key-{nth}"), &large), PATIENCE).await.expect("a write");
        }
        cluster.restart(away);
        // Its connection was the killed process's.
        let mut returned = None;
        let until = Instant::now() + PATIENCE;
        while Instant::now() < until {
            returned = cluster.status(&client, away).await.filter(|status| status.keys >= 61);
            if returned.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(returned.expect("it has caught up").raft.purged.0 > 0, "its log starts behind a snapshot");
        let log = cluster.node(away).log();
        assert!(log.contains("installed the leader's snapshot"), "{log}");

        let leader = cluster.leader(&client).await;
        cluster.kill(leader);
        client.write(put("first", "2"), PATIENCE).await.expect("the next leader takes it");
        assert_eq!(value(&client, "first").await, Some(b"2".to_vec()));
        let next = cluster.leader(&client).await;
        assert_ne!(next, leader);
        cluster.restart(leader);
        for token in [CLIENT, MANAGER, PEER] {
            for id in 1..=3 {
                assert!(!cluster.node(id).log().contains(token), "tokens are not logged");
            }
        }
    });
}

#[test]
fn http_is_encrypted_too_and_every_node_answers_for_the_cluster() {
    let cluster = Secure::start(&support::QUICK);
    // With a token nobody has to show a certificate.
    let config = client_config(&cluster.pki.path("ca.pem"), None);
    let bearer = format!("authorization: Bearer {CLIENT}\r\n");
    for id in 1..=3 {
        let http = &cluster.node(id).addresses().http;
        let body = format!("{{\"key\":\"k{id}\",\"value\":\"v\"}}");
        eventually("a write is acknowledged", || {
            let answered = https(http, &config, "PUT", "/set", (&bearer, &body)).expect("HTTPS");
            (answered.status == 200).then_some(())
        });
        for reader in 1..=3 {
            let http = &cluster.node(reader).addresses().http;
            let answered =
                https(http, &config, "GET", &format!("/get?key=k{id}"), (&bearer, "")).expect("HTTPS");
            assert_eq!(answered.json()["value"], "v", "{answered:?}");
        }
        let answered = https(http, &config, "GET", "/health", (&bearer, "")).expect("HTTPS");
        assert_eq!(answered.json()["id"], format!("n{id}"));
    }
}

#[test]
fn members_are_changed_by_managers_alone() {
    let cluster = Secure::start(&support::STEADY);
    block_on(async {
        let (client, manager) = (cluster.client(CLIENT), cluster.client(MANAGER));
        client.write(put("a", "b"), PATIENCE).await.expect("a write");
        let leader = cluster.leader(&client).await;
        let other = NodeId((1..=3).find(|id| *id != leader).unwrap());
        let change = vec![MembershipChange::Remove { node: other }];
        assert_eq!(client.change_membership(change.clone(), PATIENCE).await, Err(ClientError::NotPermitted));
        assert_eq!(client.transfer(other, PATIENCE).await.unwrap_err(), ClientError::NotPermitted);
        manager.write(put("a", "c"), PATIENCE).await.expect("its token is good for that, too");
        let changed = manager.change_membership(change, PATIENCE).await.expect("it may");
        assert_eq!(changed.membership.voters.len(), 2);
    });
}
