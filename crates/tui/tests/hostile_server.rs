//! A server that is no node of anybody's, and tries what text can do to a terminal: whatever `raftdeck client` is told by it, no
//! control character, no mark that changes the direction of text and nothing without a width gets to the terminal as it came.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

#[path = "../../client/tests/support/mod.rs"]
mod scripted;
mod support;

use portable_pty::{CommandBuilder, PtyPair, PtySize, native_pty_system};
use raftdeck_protocol::printable::is_unsafe;
use raftdeck_protocol::{
    Answer, Change, Failure, Notice, NoticeKind, Read, RefusalReason, RefusedPeer, RequestBody, ResponseBody,
};
use raftdeck_raft::{Incarnation, LogId, LogIndex, NodeId, Role, Term};
use scripted::{Act, Scripted, failed, free_port, leader, node_status};
use std::io::Read as _;
use std::process::{Command, Output};
use std::sync::mpsc::channel;
use support::LIMIT;
use support::deck::RAFTDECK;

/// Clears the screen, sets the title, is C1, changes the direction, has no width, and breaks lines.
const EVIL: &str = "a\u{1b}[2J\u{1b}]0;owned\u{7}b\u{9b}31m\u{85}c\u{202e}d\u{2066}e\u{200b}f\u{feff}g\u{7f}h\r\u{8}i\u{2028}j";

fn done(answer: Answer) -> Act {
    Act::Say(ResponseBody::Done { answer, at: LogId { term: Term(1), index: LogIndex(5) } })
}

/// Answers everything, and each time with all the text there is room for.
fn evil(body: &RequestBody) -> Act {
    let text = || EVIL.into();
    match body {
        RequestBody::Status => {
            let mut status = node_status(1);
            status.raft.role = Role::Leader;
            status.raft.leader = Some(NodeId(1));
            status.raft.has_quorum = true;
            status.raft.membership.voters.insert(NodeId(1));
            status.raft.membership.addresses.insert(NodeId(1), EVIL.to_owned());
            EVIL.clone_into(&mut status.address);
            let reason = RefusalReason::Cluster { ours: EVIL.to_owned(), theirs: EVIL.to_owned() };
            status.refused = vec![RefusedPeer { id: NodeId(2), reason, since_unix_ms: 1 }];
            let kind = NoticeKind::EmptyDisk { disk: Incarnation([1; 16]), address: EVIL.to_owned() };
            status.notices = vec![Notice { about: NodeId(2), kind, text: EVIL.to_owned() }];
            Act::Say(ResponseBody::Status(Box::new(status)))
        }
        RequestBody::Read(read) | RequestBody::ReadWith { read, .. } => match read {
            Read::List { .. } => done(Answer::Page { pairs: vec![(text(), text())], more: false }),
            Read::Get { .. } => done(Answer::Value(Some(text()))),
        },
        RequestBody::Watch { .. } => {
            let change = |index, value| Change { index, key: text(), value };
            let changes = vec![change(6, Some(text())), change(7, None)];
            Act::SayAll(vec![
                ResponseBody::Watching { after: 5 },
                ResponseBody::Changes { changes, through: 7 },
                ResponseBody::Failed(Failure::Invalid(EVIL.to_owned())),
            ])
        }
        RequestBody::SessionWrite(_) | RequestBody::NamedWrite(_) | RequestBody::Write(_) => {
            done(Answer::Mismatch { current: Some(text()) })
        }
        _ => leader(body),
    }
}

/// Refuses everything, with a sentence.
fn refusing(body: &RequestBody) -> Act {
    match body {
        RequestBody::OpenSession => leader(body),
        _ => failed(Failure::Invalid(EVIL.to_owned())),
    }
}

/// Lets nobody in.
fn closed() -> RefusalReason {
    RefusalReason::Cluster { ours: EVIL.to_owned(), theirs: EVIL.to_owned() }
}

fn client(address: &str, args: &[&str], input: &str) -> Output {
    let mut command = Command::new(RAFTDECK);
    command.args(["client", "--cluster", address, "--timeout", "1"]).args(args);
    support::output_for(command, input)
}

/// The same at a terminal: all that is written to it.
fn at_terminal(address: &str, args: &[&str]) -> String {
    let size = PtySize { rows: 40, cols: 200, pixel_width: 0, pixel_height: 0 };
    let PtyPair { master, slave } = native_pty_system().openpty(size).unwrap();
    let mut command = CommandBuilder::new(RAFTDECK);
    command.args(["client", "--cluster", address, "--timeout", "1"]);
    command.args(args);
    let mut child = slave.spawn_command(command).unwrap();
    drop(slave);
    let mut output = master.try_clone_reader().unwrap();
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let mut said = Vec::new();
        // A terminal whose other end is gone gives an error at its end.
        let _ = output.read_to_end(&mut said);
        tell.send(said)
    });
    let said = told.recv_timeout(LIMIT);
    child.kill().unwrap_or_default();
    child.wait().unwrap();
    // The terminal's own line ends.
    String::from_utf8(said.expect("it ends")).unwrap().replace("\r\n", "\n")
}

/// What was said has only what a terminal shows.
fn assert_harmless(said: &str, what: &str) {
    let found = said.chars().find(|c| is_unsafe(*c) && !['\n', '\t'].contains(c));
    assert_eq!(found, None, "{what}: {said:?}");
}

/// All that a program wrote into two pipes.
fn piped(output: &Output) -> String {
    [&output.stdout, &output.stderr].map(|bytes| str::from_utf8(bytes).unwrap()).concat()
}

const ASKED: [&[&str]; 8] = [
    &["get", "color"],
    &["list"],
    &["status"],
    &["watch", "--after", "0"],
    &["cas", "color", "a", "b"],
    &["put", "color", "b"],
    &["member", "list"],
    &["member", "remove", "2"],
];

/// What each server is like, and where it is. They end with the test.
fn servers() -> [(&'static str, String); 3] {
    let (tell, told) = channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let servers = [
                ("evil", Scripted::start(1, evil).await),
                ("refusing", Scripted::start_bare(1, refusing).await),
                ("closed", Scripted::start_on(free_port().await, 1, |_| Some(closed()), leader)),
            ];
            tell.send(servers.each_ref().map(|(name, server)| (*name, server.address.clone()))).unwrap();
            std::future::pending::<()>().await;
        });
    });
    told.recv_timeout(LIMIT).unwrap()
}

/// Asks a server everything, in this form.
fn ask_all(name: &str, address: &str, form: &[&str]) {
    let mut told = String::new();
    let mut hear = |said: &str, what: &str| {
        assert_harmless(said, &format!("{name}: {form:?} {what}"));
        told += said;
    };
    for asked in ASKED {
        let args = [form, asked].concat();
        hear(&at_terminal(address, &args), &format!("{asked:?} at a terminal"));
        // A pipe gets a value as it is, unless it is asked for JSON.
        if asked[0] != "get" || !form.is_empty() {
            hear(&piped(&client(address, &args, "")), &format!("{asked:?}"));
        }
    }
    let script = "list\ncas color a b\nmember list\nstatus\nget\nno such thing\n";
    hear(&piped(&client(address, form, script)), "a script");
    // It is all there, in letters: as a sentence has them, or as JSON has.
    for escaped in [["\\u{1b}[2J", "\\u001b[2J"], ["\\u{202e}", "\\u202e"], ["\\u{200b}", "\\u200b"]] {
        let is_shown = escaped.iter().any(|escaped| told.contains(escaped));
        assert!(is_shown, "{name} {form:?}: {escaped:?} are not in {told}");
    }
}

#[test]
fn nothing_that_a_server_says_obeys_on_a_terminal_or_hides_there() {
    let servers = servers();
    // Most of the time is spent on waiting for a server that lets nobody in.
    std::thread::scope(|scope| {
        for (name, address) in &servers {
            for form in [&[][..], &["--json"]] {
                scope.spawn(move || ask_all(name, address, form));
            }
        }
    });
}
