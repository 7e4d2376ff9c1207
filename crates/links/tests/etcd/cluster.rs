//! A cluster of real members behind links.

use crate::http;
use raftdeck_links::{ClusterClock, EtcdWire, Links, Listeners, Outlet, Places, Presence};
use raftdeck_model::{
    Effect, FaultId, FrameKind, Matching, MessageId, MessageReport, MessageState, News, Rule, Scope, Update,
};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::NodeId;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// Longer than anything here takes on a busy machine.
const DEADLINE: Duration = Duration::from_mins(1);

/// How long a poll waits for the next attempt.
const PAUSE: Duration = Duration::from_millis(20);

pub(crate) async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    timeout(DEADLINE, future).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// Members, and the links between them.
pub(crate) struct Cluster {
    pub(crate) links: Links<EtcdWire>,
    pub(crate) wire: EtcdWire,
    places: Places,
    presences: BTreeMap<NodeId, Presence>,
    members: BTreeMap<NodeId, Child>,
    updates: mpsc::UnboundedReceiver<Update>,
    /// What has been told and not looked at.
    told: Vec<MessageReport>,
    options: Vec<&'static str>,
    dir: TempDir,
    /// Which cluster of this process it is: each has addresses of its own.
    number: u8,
    _clock: ClusterClock,
}

/// The members' ports. Each member has an address of its own.
const CLIENT: u16 = 2379;
const PEER: u16 = 2380;

impl Cluster {
    /// So many members, with these options beside the necessary ones.
    pub(crate) async fn start(number: u8, members: u64, options: &[&'static str]) -> Self {
        let nodes: Vec<NodeId> = (1..=members).map(NodeId).collect();
        let (mut places, mut presences) = (Places::new(), BTreeMap::new());
        for &node in &nodes {
            let presence = Presence::default();
            places.insert(node, presence.watch());
            presences.insert(node, presence);
        }
        let clock = ClusterClock::start(ClockRate::REAL);
        let (told, updates) = mpsc::unbounded_channel();
        // At the end of a test nobody listens any more.
        let outlet = Outlet::new(clock.reader(), move |update| drop(told.send(update)));
        let (wire, listeners) = (EtcdWire::default(), Listeners::bind_members(&nodes).unwrap());
        let links = Links::open(wire.clone(), listeners, &places, clock.reader(), outlet).unwrap();
        let traffic = links.traffic().clone();
        tokio::spawn(async move { traffic.tell_all().await });
        let mut cluster = Self {
            links,
            wire,
            places,
            presences,
            members: BTreeMap::new(),
            updates,
            told: Vec::new(),
            options: options.to_vec(),
            dir: tempfile::tempdir().unwrap(),
            number,
            _clock: clock,
        };
        for &node in &nodes {
            cluster.launch(node, &nodes, "new");
        }
        cluster.learn_ids(nodes[0], nodes.len()).await;
        cluster
    }

    fn address(&self, node: NodeId, port: u16) -> SocketAddr {
        let process = std::process::id().to_be_bytes();
        let third = process[2] ^ self.number;
        let node = u8::try_from(node.0).unwrap();
        SocketAddr::from((Ipv4Addr::new(127, 16 + node, third, process[3]), port))
    }

    /// Where other members dial this one.
    fn entrance(&self, node: NodeId) -> String {
        format!("http://{}", self.links.entrance(node).unwrap())
    }

    /// Starts a member's process.
    pub(crate) fn launch(&mut self, node: NodeId, all: &[NodeId], state: &str) {
        let [client, peer] = [CLIENT, PEER].map(|port| format!("http://{}", self.address(node, port)));
        let initial: Vec<String> = all.iter().map(|&n| format!("n{n}={}", self.entrance(n))).collect();
        let member = Command::new("etcd")
            .args(["--name", &format!("n{node}"), "--initial-cluster-state", state])
            .args(["--data-dir".as_ref(), self.dir.path().join(node.to_string()).as_os_str()])
            .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
            .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &self.entrance(node)])
            .args(["--initial-cluster", &initial.join(",")])
            .args(["--heartbeat-interval", "30", "--election-timeout", "300", "--logger", "zap"])
            .args(&self.options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(self.log(node)).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("etcd is not in PATH: install it (Debian: etcd-server)");
        self.members.insert(node, member);
        self.presences[&node].starting();
        self.presences[&node].serving(self.address(node, PEER), self.address(node, CLIENT));
    }

    fn log(&self, node: NodeId) -> std::path::PathBuf {
        self.dir.path().join(format!("{node}.log"))
    }

    /// Ends a member's process as if its machine had lost power.
    pub(crate) async fn kill(&mut self, node: NodeId) {
        self.members.remove(&node).unwrap().kill().await.unwrap();
        self.presences[&node].down();
    }

    /// One more node gets an entrance, and is a member in the others' eyes.
    pub(crate) async fn add(&mut self, node: NodeId, asked: NodeId) {
        let presence = Presence::default();
        self.places.insert(node, presence.watch());
        self.presences.insert(node, presence);
        self.links.add(Listeners::bind_members(&[node]).unwrap(), &self.places).unwrap();
        let urls = json!({ "peerURLs": [self.entrance(node)] });
        let added = self.ask(asked, "/v3/cluster/member/add", &urls).await;
        self.wire.learn(node, number(&added["member"]["ID"]));
    }

    /// Asks a member for all ids.
    async fn learn_ids(&self, asked: NodeId, count: usize) {
        let peer = self.address(asked, PEER);
        let members = within("the members", async {
            loop {
                match http::get(peer, "/members").await {
                    Ok(members) if members.as_array().map(Vec::len) == Some(count) => return members,
                    _ => sleep(PAUSE).await,
                }
            }
        })
        .await;
        for member in members.as_array().unwrap() {
            let id = member["id"].as_u64().unwrap();
            let url = member["peerURLs"][0].as_str().unwrap();
            let node = self.places.keys().find(|&&node| self.entrance(node) == url);
            self.wire.learn(*node.unwrap(), id);
        }
    }

    /// What a member answers, at last.
    pub(crate) async fn ask(&self, node: NodeId, path: &str, request: &Value) -> Value {
        let address = self.address(node, CLIENT);
        within(path, async {
            loop {
                match http::post(address, path, request).await {
                    Ok(answer) => return answer,
                    Err(_) => sleep(PAUSE).await,
                }
            }
        })
        .await
    }

    /// Writes through this member.
    pub(crate) async fn put(&self, node: NodeId, writes: u64) {
        for _ in 0..writes {
            // The key and the value are in base64.
            self.ask(node, "/v3/kv/put", &json!({ "key": "a2V5", "value": "dmFsdWU=" })).await;
        }
    }

    /// The leader in the eyes of this member.
    pub(crate) async fn leader_of(&self, node: NodeId) -> Option<NodeId> {
        let status = self.ask(node, "/v3/maintenance/status", &json!({})).await;
        self.wire.node(number(&status["leader"]))
    }

    pub(crate) async fn term(&self, node: NodeId) -> u64 {
        let status = self.ask(node, "/v3/maintenance/status", &json!({})).await;
        number(&status["raftTerm"])
    }

    /// How this leader takes a follower to be, in etcd's words.
    pub(crate) async fn progress(&self, leader: NodeId, follower: NodeId) -> String {
        let address = self.address(leader, CLIENT);
        within("a leader's variables", async {
            loop {
                let variables = http::get(address, "/debug/vars").await.unwrap_or_default();
                let all = variables["raft.status"]["progress"].as_object();
                let is_it = |id: &str| {
                    u64::from_str_radix(id, 16).ok().and_then(|id| self.wire.node(id)) == Some(follower)
                };
                if let Some((_, progress)) = all.and_then(|all| all.iter().find(|(id, _)| is_it(id))) {
                    return progress["state"].as_str().unwrap().to_owned();
                }
                sleep(PAUSE).await;
            }
        })
        .await
    }

    /// Waits until a leader takes a follower to be like this.
    pub(crate) async fn progresses(&self, leader: NodeId, follower: NodeId, to: &str) {
        within(to, async {
            while self.progress(leader, follower).await != to {
                sleep(PAUSE).await;
            }
        })
        .await;
    }

    /// Waits until these members agree on a leader.
    pub(crate) async fn leader(&self, among: &[NodeId]) -> NodeId {
        within("a leader", async {
            loop {
                let mut leaders = BTreeSet::new();
                for &node in among {
                    leaders.insert(self.leader_of(node).await);
                }
                if let (1, Some(Some(leader))) = (leaders.len(), leaders.first()) {
                    return *leader;
                }
                sleep(PAUSE).await;
            }
        })
        .await
    }

    /// Waits until all members that run have the same content, and none has panicked.
    pub(crate) async fn agree(&self) {
        within("equal content", async {
            loop {
                let mut hashes = BTreeSet::new();
                for &node in self.members.keys() {
                    let hash = self.ask(node, "/v3/maintenance/hash", &json!({})).await;
                    hashes.insert((number(&hash["header"]["revision"]), number(&hash["hash"])));
                }
                if hashes.len() == 1 {
                    return;
                }
                sleep(PAUSE).await;
            }
        })
        .await;
        for &node in self.members.keys() {
            let log = std::fs::read_to_string(self.log(node)).unwrap();
            assert!(!log.contains("panic"), "{node} panicked:\n{log}");
        }
    }

    pub(crate) fn disturb(
        &self,
        id: u64,
        scope: Scope,
        kind: Option<FrameKind>,
        next: Option<u64>,
        effect: Effect,
    ) {
        let matching = Matching { kinds: kind.into_iter().collect(), next, ..Matching::default() };
        self.links.traffic().disturb(FaultId(id), vec![Rule { scope, matching, effect }]);
    }

    pub(crate) fn undo(&self, id: u64) {
        assert!(self.links.traffic().undo(FaultId(id)));
    }

    /// The next message that is told of and is like that.
    pub(crate) async fn told(&mut self, what: &str, like: impl Fn(&MessageReport) -> bool) -> MessageReport {
        within(what, async {
            loop {
                if let Some(at) = self.told.iter().position(&like) {
                    return self.told.drain(..=at).next_back().unwrap();
                }
                self.told.clear();
                if let News::Messages { messages, .. } = self.updates.recv().await.unwrap().what {
                    self.told = messages;
                }
            }
        })
        .await
    }

    /// The next message of this kind that is held.
    pub(crate) async fn held(&mut self, kind: FrameKind) -> MessageId {
        let is_held = |told: &MessageReport| told.kind == kind && told.state == MessageState::Held;
        self.told(kind.name(), is_held).await.id
    }
}

/// A number as the gateway writes it.
pub(crate) fn number(value: &Value) -> u64 {
    match value {
        Value::String(text) => text.parse().unwrap(),
        Value::Number(number) => number.as_u64().unwrap(),
        // What is 0 is left out.
        _ => 0,
    }
}
