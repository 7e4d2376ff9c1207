//! Real members of etcd in a lab: started, killed, cut off, added, removed, replaced, asked. Waits are for updates, with a deadline that only a
//! failure meets. Without an `etcd` in `PATH` nothing is tested.

mod life;
mod members;
mod random;

use raftdeck_lab::{EtcdOptions, Lab};
use raftdeck_model::{
    ClientOp, ClientOutcome, ClientRequest, Command, CommandId, News, Order, ProcessState, Source as _,
    Update, World,
};
use raftdeck_protocol::{Answer, Consistency, Read, ResponseBody, Write};
use raftdeck_raft::{NodeId, Role};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// Takes the part of the program that becomes a member, without what ties it to its parent.
const MEMBER: &str = "#!/bin/sh\nshift\nexec \"$@\"\n";

/// A program that can become a member, for all tests of this process.
fn program() -> PathBuf {
    static MADE: OnceLock<tempfile::TempDir> = OnceLock::new();
    let dir = MADE.get_or_init(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("member");
        std::fs::write(&path, MEMBER).expect("a script");
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a program");
        dir
    });
    dir.path().join("member")
}

/// Three members; `None`, which is said: there is no etcd here.
fn options() -> Option<EtcdOptions> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    if std::env::split_paths(&path).any(|folder| folder.join("etcd").is_file()) {
        return Some(EtcdOptions::new(program(), 3));
    }
    eprintln!("skipped: there is no etcd in PATH");
    None
}

struct Deck {
    lab: Lab,
    sent: AtomicU64,
    updates: Receiver<Update>,
    world: World,
    /// Where clients reach each member.
    clients: BTreeMap<NodeId, String>,
    /// What members wrote last, for a failure's message.
    output: Vec<String>,
    /// How processes ended without a command.
    failed: Vec<String>,
}

impl Deck {
    fn start(options: EtcdOptions) -> Self {
        let (sender, updates) = channel();
        let lab = Lab::start_etcd(options, move |update| drop(sender.send(update)));
        let lab = lab.expect("a lab that starts");
        let (world, clients) = (World::default(), BTreeMap::new());
        Self { lab, sent: AtomicU64::new(0), updates, world, clients, output: Vec::new(), failed: Vec::new() }
    }

    fn send(&self, what: Order) -> CommandId {
        let id = CommandId(self.sent.fetch_add(1, Ordering::Relaxed) + 1);
        self.lab.send(Command { id, what });
        id
    }

    /// The first update from now on of which `wanted` makes something.
    fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(&World, &News) -> Option<T>) -> T {
        let until = Instant::now() + PATIENCE;
        loop {
            let left = until.saturating_duration_since(Instant::now());
            let Ok(update) = self.updates.recv_timeout(left) else {
                let output = self.output[self.output.len().saturating_sub(40)..].join("\n");
                panic!("waited in vain for {what}; the members wrote last:\n{output}");
            };
            self.hear(&update);
            if let Some(found) = wanted(&self.world, &update.what) {
                return found;
            }
        }
    }

    fn hear(&mut self, update: &Update) {
        self.world.fold(update);
        match &update.what {
            News::Ready { node, addresses } => drop(self.clients.insert(*node, addresses.client.clone())),
            News::Output { node, line, .. } => self.output.push(format!("{node}: {line}")),
            News::Process { node, state: ProcessState::Failed { how, last_words } } => {
                self.failed.push(format!("{node} {how}: {last_words:?}"));
            }
            _ => {}
        }
    }

    /// What a command is answered.
    fn answer(&mut self, id: CommandId) -> Result<(), String> {
        self.wait("an answer", |_, news| match news {
            News::Done { id: of } if *of == id => Some(Ok(())),
            News::Refused { id: of, reason } if *of == id => Some(Err(reason.clone())),
            _ => None,
        })
    }

    fn order(&mut self, what: Order) -> Result<(), String> {
        let id = self.send(what);
        self.answer(id)
    }

    /// Waits until there is one leader, which `accept` accepts, and all members that run are in its term and know it.
    fn leader(&mut self, accept: impl Fn(NodeId) -> bool) -> NodeId {
        self.wait("a leader", |world, _| agreed(world).filter(|leader| accept(*leader)))
    }

    /// Asks the store.
    fn ask(&mut self, request: impl Into<ClientRequest>) -> ClientOutcome {
        let id = self.send(Order::Client(request.into()));
        self.wait("an outcome", |_, news| match news {
            News::Client { id: of, outcome, .. } if *of == id => Some(outcome.clone()),
            _ => None,
        })
    }

    fn stored(&mut self, write: Write) -> Answer {
        done(self.ask(ClientOp::Write(write)))
    }
}

/// The leader on which all members that run agree.
fn agreed(world: &World) -> Option<NodeId> {
    let leader = world.leader()?;
    let term = leader.status.as_ref()?.raft.term;
    let follows = |node: &&raftdeck_model::Node| {
        let Some(raft) = node.status.as_ref().map(|status| &status.raft) else { return false };
        raft.term == term && (raft.role == Role::Leader || raft.leader == Some(leader.id))
    };
    let down = world.down();
    let running: Vec<_> = world.nodes().filter(|node| !down.contains(&node.id)).collect();
    running.iter().all(follows).then_some(leader.id)
}

fn done(outcome: ClientOutcome) -> Answer {
    match outcome {
        ClientOutcome::Answered { body: ResponseBody::Done { answer, .. }, .. } => answer,
        other => panic!("it should be done: {other:?}"),
    }
}

fn put(key: &str, value: &str) -> Write {
    Write::Put { key: key.to_owned().into(), value: value.to_owned().into() }
}

fn get(key: &str, consistency: Consistency) -> ClientRequest {
    ClientRequest { consistency, ..ClientOp::Read(Read::Get { key: key.to_owned().into() }).into() }
}
