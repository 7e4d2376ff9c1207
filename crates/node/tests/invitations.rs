//! Whom a node believes when its cluster is founded and its secret is handed over: those whom it has dialed where it was told that
//! they are, and nobody who dials it.

#![allow(clippy::unwrap_used, reason = "in a test a panic is the report")]

mod support;

use futures::{SinkExt, StreamExt};
use raftdeck_client::{Dialed, Frames, Transport, codec, dial};
use raftdeck_protocol::founding::{
    FounderReply, FounderRequest, FoundingRecord, Invitation, Note, NoteStage,
};
use raftdeck_protocol::frame::MAX_FRAME;
use raftdeck_protocol::handshake::{Challenge, Nonce, Role};
use raftdeck_protocol::{Hello, HelloReply, Secret, frame};
use raftdeck_raft::{ClusterId, Incarnation, NodeId};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use support::wire::status;
use support::{Cluster, Launch, Node, PATIENCE, QUICK, block_on, eventually, own_host};
use tokio::net::TcpListener;
use tokio_util::codec::Framed;

const THEIRS: ClusterId = ClusterId([9; 16]);

fn secret() -> Secret {
    Secret::new(&"5".repeat(64)).unwrap()
}

/// Dials a node as another founder, which proves nothing, and asks it something.
fn ask(node: &Node, as_member: u64, request: &FounderRequest) -> FounderReply {
    let role = Role::Founder { id: NodeId(as_member), to: NodeId(node.id()) };
    block_on(async {
        let hello = Hello::new("raftdeck", role);
        let Dialed { mut frames, .. } =
            dial(&node.addresses().raft, &hello, PATIENCE).await.expect("is let in");
        frames.send(frame::encode(request)).await.expect("the node listens");
        let reply = tokio::time::timeout(PATIENCE, frames.next()).await.expect("an answer in time");
        frame::decode("founder's reply", &reply.expect("an answer").expect("a frame")).expect("a reply")
    })
}

/// What it says to an invitation; `Err`: why it has not kept it.
fn invite(node: &Node, from: u64, address: &str, cluster: ClusterId) -> Result<(), String> {
    let (from_id, address, secret) = (NodeId(from), address.to_owned(), Some(secret()));
    let invitation = Invitation { from: from_id, address, cluster, secret };
    match ask(node, from, &FounderRequest::Invite(invitation)) {
        FounderReply::Kept => Ok(()),
        FounderReply::NotKept(why) => Err(why),
        other @ FounderReply::Note(_) => panic!("{other:?}"),
    }
}

fn kept_secret(dir: &Path) -> Option<Vec<u8>> {
    fs::read(dir.join("secret")).ok()
}

#[test]
fn an_invitation_is_not_kept_unless_the_member_that_it_names_stands_by_it_where_that_is_known_to_be() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let cluster = [8080, 8081].map(|port| format!("{host}:{port}")).join(",");
    let data = dir.path().join("2");
    let launch = |id: &str| Launch::new(&["--node-id", id, "--cluster", &cluster]).args(&QUICK);
    let node = launch("2").data(&data).ready();
    // Somebody says that it is n1 and elsewhere. n2 looks where it was told that n1 is, and nobody is there.
    let why = invite(&node, 1, "127.0.0.1:1", THEIRS).unwrap_err();
    assert!(why.starts_with(&format!("n1 at {host}:8080, dialed back, ")), "{why}");
    assert_eq!((kept_secret(&data), status(&node).unwrap().cluster), (None, None));
    let line = "an invitation by n1 was not accepted";
    eventually(line, || node.log().contains(line).then_some(()));

    // n1 is there, and knows nothing of such a cluster or secret.
    let first = launch("1").data(&dir.path().join("1")).ready();
    let why = invite(&node, 1, "127.0.0.1:1", THEIRS).unwrap_err();
    assert!(why.contains("n1") || why.contains("belongs to cluster"), "{why}");
    let ours = eventually("they found their own cluster", || status(&node)?.cluster);
    assert_ne!(ours, THEIRS);
    eventually("and it is the same for both", || (status(&first)?.cluster == Some(ours)).then_some(()));
}

#[test]
fn a_node_that_waits_to_be_added_keeps_no_invitation_of_a_node_that_is_not_the_one_it_names() {
    let dir = tempfile::tempdir().unwrap();
    let other = Launch::new(&["--bind", &format!("{}:0", own_host())]).args(&QUICK);
    let other = other.data(&dir.path().join("other")).ready();
    let data = dir.path().join("4");
    let node = Launch::new(&["--join", "--node-id", "4", "--bind", &format!("{}:0", own_host())]);
    let node = node.args(&QUICK).data(&data).ready();
    let addresses = ["127.0.0.1:1", &other.addresses().raft, &node.addresses().raft];
    for (from, address) in [7, other.id(), 7].into_iter().zip(addresses) {
        let why = invite(&node, from, address, THEIRS).unwrap_err();
        assert!(why.starts_with(&format!("n{from} at {address}, dialed back, ")), "{why}");
    }
    assert_eq!((kept_secret(&data), status(&node).unwrap().cluster), (None, None));
}

#[test]
fn members_take_no_second_secret_and_no_other_cluster() {
    let mut cluster = Cluster::start(3, &QUICK);
    cluster.leader();
    let secrets: Vec<_> =
        (1..=3).map(|id| eventually("it has the secret", || kept_secret(&cluster.data_dir(id)))).collect();
    let ours = eventually("a cluster", || status(cluster.node(2))?.cluster);
    let why = invite(cluster.node(2), 1, "127.0.0.1:1", THEIRS).unwrap_err();
    assert_eq!(why, format!("n2 belongs to cluster {ours}, not to {THEIRS}"));
    // It has all that a member needs, so there is nothing to keep.
    assert_eq!(invite(cluster.node(2), 1, "127.0.0.1:1", ours), Ok(()));
    cluster.kill(2);
    cluster.restart(2);
    cluster.assert_serves("still");
    for (id, secret) in (1..=3).zip(secrets) {
        assert_eq!(kept_secret(&cluster.data_dir(id)).as_ref(), Some(&secret), "n{id}");
    }
}

/// Answers as a founder at an address, to one node, with this note. Says when it has been asked twice.
async fn pretend(listener: &TcpListener, note: &Note) {
    let mut asked = 0;
    while asked < 2 {
        let (stream, _) = listener.accept().await.unwrap();
        let mut frames: Frames = Framed::new(Transport::Plain(stream), codec(MAX_FRAME));
        asked += converse(&mut frames, note).await.unwrap_or(0);
    }
}

/// One connection: how often it was asked. `None`: it was no founder's.
async fn converse(frames: &mut Frames, note: &Note) -> Option<u32> {
    let hello: Hello = frame::decode("hello", &frames.next().await?.ok()?).ok()?;
    let Role::Founder { to, .. } = hello.role else { return None };
    let challenge = Challenge { id: to, standing: None, challenge: Nonce::default(), proofs: Vec::new() };
    frames.send(frame::encode(&HelloReply::Challenge(challenge))).await.ok()?;
    frames.next().await?.ok()?;
    let accepted = HelloReply::Accepted { id: to, cluster: "raftdeck".to_owned() };
    frames.send(frame::encode(&accepted)).await.ok()?;
    let mut asked = 0;
    while asked < 2 && frames.next().await.is_some() {
        frames.send(frame::encode(&FounderReply::Note(note.clone()))).await.ok()?;
        asked += 1;
    }
    Some(asked)
}

#[test]
fn an_impostor_at_a_founders_address_founds_nothing_by_a_lie_and_the_real_one_is_believed_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let host = own_host();
    let (one, two) = (format!("{host}:8080"), format!("{host}:8081"));
    let launch =
        |id: &str| Launch::new(&["--node-id", id, "--cluster", &format!("{one},{two}")]).args(&QUICK);
    let node = launch("2").data(&dir.path().join("2")).ready();
    let own = status(&node).unwrap().incarnation.unwrap();
    let forged = Incarnation([0xee; 16]);
    let says = |id: u64, stage| Note { id: NodeId(id), incarnation: forged, stage, has_secret: true };
    let adopted =
        |two: Incarnation| NoteStage::Adopted(FoundingRecord([(NodeId(1), forged), (NodeId(2), two)].into()));
    let lies = [
        // It says that it is somebody else.
        says(3, adopted(own)),
        // Its founding is another node's.
        says(1, adopted(Incarnation([0xdd; 16]))),
        // It was started with other members.
        says(1, NoteStage::Gathering { with: [NodeId(1), NodeId(2), NodeId(3)].into() }),
        // Its cluster exists, and knows another disk of this node.
        says(
            1,
            NoteStage::Member {
                cluster: Some(THEIRS),
                members: [(NodeId(1), Some(forged)), (NodeId(2), Some(Incarnation([0xdd; 16])))].into(),
                index: raftdeck_raft::LogIndex(1),
            },
        ),
    ];
    for lie in lies {
        block_on(async {
            let listener = TcpListener::bind(&one).await.expect("nobody is there");
            let asked = tokio::time::timeout(PATIENCE, pretend(&listener, &lie)).await;
            asked.expect("it is asked, twice at least");
        });
        let status = status(&node).unwrap();
        assert_eq!((status.cluster, status.raft.term.0), (None, 0), "{lie:?}");
    }
    let first = launch("1").data(&dir.path().join("1")).ready();
    for node in [&first, &node] {
        eventually("they found their cluster", || {
            let status = status(node)?;
            let disks = &status.raft.membership.incarnations;
            (disks.get(&NodeId(2)) == Some(&own) && !disks.values().any(|disk| *disk == forged)).then_some(())
        });
    }
}

#[test]
fn everything_in_a_data_directory_is_for_its_user_alone_and_what_was_open_is_closed_with_a_line() {
    let mut cluster = Cluster::start(2, &[QUICK.as_slice(), &["--snapshot-bytes", "4096"]].concat());
    for nth in 0..200 {
        let body = format!(r#"{{"key":"k{nth}","value":"{}"}}"#, "v".repeat(100));
        eventually("it is stored", || {
            (cluster.node(1).http("PUT", "/set", &body).status == 200).then_some(())
        });
    }
    let dir = cluster.data_dir(1);
    let names = || -> Vec<_> { fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().path()).collect() };
    let mode = |path: &Path| fs::symlink_metadata(path).map(|found| found.permissions().mode() & 0o777);
    eventually("all kinds of files are there", || {
        let has = |kind: &str| {
            names().iter().any(|path| path.file_name().unwrap().to_str().unwrap().starts_with(kind))
        };
        ["LOCK", "raft.log", "log-", "log.end", "identity", "founders", "secret", "snapshot-"]
            .into_iter()
            .all(has)
            .then_some(())
    });
    let is_private = || {
        assert_eq!(mode(&dir).unwrap(), 0o700);
        // What goes meanwhile is no concern.
        for path in names() {
            assert!(mode(&path).is_ok_and(|mode| mode == 0o600) || !path.exists(), "{}", path.display());
        }
    };
    is_private();

    cluster.kill(1);
    let all = names();
    for (path, mode) in all.iter().map(|path| (path, 0o644)).chain([(&dir, 0o755)]) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }
    cluster.restart(1);
    is_private();
    for (path, mode) in all.iter().map(|path| (path, "0644")).chain([(&dir, "0755")]) {
        let line = format!("{} was open to other users of this machine (mode {mode})", path.display());
        eventually(&line, || cluster.node(1).log().contains(&line).then_some(()));
    }
}
