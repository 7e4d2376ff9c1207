//! `raftdeck client` at a terminal: the prompt, its history and completion, and the watch.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use std::path::Path;
use std::time::{Duration, Instant};
use support::deck::{Deck, RAFTDECK, ctrl};
use support::nodes::Cluster;

const PROMPT: &str = "raftdeck> ";

fn at_terminal(cluster: &Cluster, state: &Path, args: &[&str]) -> Deck {
    let mut command = CommandBuilder::new(RAFTDECK);
    command.args(["client", "--timeout", "20", "--cluster", &cluster.addresses(3)]);
    command.args(args);
    command.env("XDG_STATE_HOME", state);
    Deck::spawn(command, 100, 40)
}

fn prompt(cluster: &Cluster, state: &Path) -> Deck {
    let terminal = at_terminal(cluster, state, &[]);
    wait_for_prompt(&terminal);
    terminal
}

/// What stands behind the last prompt, if that is where the screen ends.
fn typed(screen: &vt100::Screen) -> Option<String> {
    let contents = screen.contents();
    Some(contents.lines().last()?.strip_prefix(PROMPT.trim_end())?.trim().to_owned())
}

fn wait_for_prompt(terminal: &Deck) {
    terminal.wait_for("an empty prompt", |screen| typed(screen).is_some_and(|typed| typed.is_empty()));
}

fn wait_typed(terminal: &Deck, line: &str) {
    terminal.wait_for(&format!("{line:?} at the prompt"), |screen| {
        typed(screen).is_some_and(|typed| typed == line)
    });
}

/// Types a line, and waits for an answer that begins so and for the next prompt.
fn ask(terminal: &mut Deck, line: &str, answer: &str) {
    terminal.press(&format!("{line}\r"));
    terminal.wait_for(&format!("{answer:?} after {line:?}"), |screen| {
        let contents = screen.contents();
        let (_, after) = contents.rsplit_once(&format!("{PROMPT}{line}\n")).unwrap_or_default();
        after.starts_with(answer) && typed(screen).is_some_and(|typed| typed.is_empty())
    });
}

fn ends(mut terminal: Deck) {
    assert_eq!(terminal.end(), 0);
    terminal.wait_restored();
}

#[test]
fn a_session_goes_on_while_the_leader_is_killed() {
    let mut cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = prompt(&cluster, state.path());
    ask(&mut terminal, "put key1 value1", "stored\n");
    ask(&mut terminal, "get key1", "value1\n");
    cluster.kill(cluster.leader());
    ask(&mut terminal, "list", "key1    value1\n");
    ask(&mut terminal, "delete key1", "deleted\n");
    ask(&mut terminal, "get key1", "get key1: no such key\n");
    ask(&mut terminal, "put key2 'two words'", "stored\n");
    ask(&mut terminal, "cas key2 'two words' three", "stored\n");
    ask(&mut terminal, "get key2 --verbose", "three\n");
    ask(&mut terminal, "member list", "n1 voter");
    ask(&mut terminal, "help", "put ");
    terminal.press("quit\r");
    ends(terminal);
}

#[test]
fn a_write_survives_the_leader_that_it_was_sent_to() {
    let mut cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = prompt(&cluster, state.path());
    for round in 0..2 {
        ask(&mut terminal, &format!("put key{round} value"), "stored\n");
        if round == 0 {
            cluster.kill(cluster.leader());
        }
    }
    ask(&mut terminal, "get key1", "value\n");
    terminal.press(&ctrl('d'));
    ends(terminal);
}

#[test]
fn nothing_typed_ends_the_session() {
    let cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = prompt(&cluster, state.path());
    for (line, says) in [
        ("dance", "\"dance\" is not a command"),
        ("put", "the following required arguments"),
        ("put a b c", "unexpected argument 'c'"),
        ("put a 'b", "a ' is missing"),
        ("get ''", "get : the key is empty"),
        ("put a --from-file /nowhere", "the file /nowhere cannot be read"),
        ("transfer 9", "transfer n9: the leadership was not handed over"),
        ("status --watch", "--watch works only on the command line"),
        ("get --consistency eventual a", "invalid value 'eventual'"),
        ("help dance", "\"dance\" is not a command"),
        ("# nothing", "raftdeck>"),
    ] {
        ask(&mut terminal, line, says);
    }
    terminal.press("put a b");
    wait_typed(&terminal, "put a b");
    terminal.press(&ctrl('c'));
    wait_for_prompt(&terminal);
    ask(&mut terminal, "get a", "get a: no such key\n");
    terminal.press(&ctrl('d'));
    ends(terminal);
}

#[test]
fn ctrl_c_ends_the_wait_and_not_the_session() {
    let cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = prompt(&cluster, state.path());
    ask(&mut terminal, "put color blue", "stored\n");
    cluster.pause();
    for (line, says) in [("get color", "cancelled"), ("put color red", "cancelled: it may have happened")] {
        let asked = Instant::now();
        terminal.press(&format!("{line}\r"));
        terminal.wait_for("the line is taken", |screen| {
            screen.contents().ends_with(&format!("{PROMPT}{line}")) && screen.cursor_position().1 == 0
        });
        // The key may come between the line and the wait for its answer.
        let mut presses = 0;
        support::eventually(says, || {
            if presses % 100 == 0 {
                terminal.press(&ctrl('c'));
            }
            presses += 1;
            terminal.look(|screen| screen.contents().contains(says)).then_some(())
        });
        wait_for_prompt(&terminal);
        assert!(asked.elapsed() < Duration::from_secs(15), "it did not wait for its deadline");
    }
    terminal.press("quit\r");
    ends(terminal);
}

/// Between two lines the terminal makes a signal of Ctrl-C. It takes its time, and must not cancel what comes next.
#[test]
fn an_interrupt_between_two_lines_ends_nothing() {
    let cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = prompt(&cluster, state.path());
    for round in 0..10 {
        terminal.signal(Signal::INT);
        ask(&mut terminal, &format!("put color {round}"), "stored\n");
        terminal.signal(Signal::INT);
        ask(&mut terminal, "get color", &format!("{round}\n"));
    }
    terminal.press(&ctrl('d'));
    ends(terminal);
}

/// In raw mode what one types at the shell afterwards would not be seen.
#[test]
fn a_signal_that_ends_the_prompt_gives_the_terminal_back() {
    let cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    for (signal, status) in [(Signal::TERM, 143), (Signal::HUP, 129), (Signal::QUIT, 131)] {
        let mut terminal = prompt(&cluster, state.path());
        terminal.press("put half a li");
        wait_typed(&terminal, "put half a li");
        assert!(!terminal.is_restored(), "the prompt has it for itself");
        terminal.signal(signal);
        assert_eq!(terminal.end(), status);
        terminal.wait_restored();
    }
}

#[test]
fn lines_that_come_at_once_are_carried_out_one_by_one() {
    let cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = prompt(&cluster, state.path());
    terminal.press("put key1 value1\rput key2 value2\rget key1\r");
    terminal.wait_for("the typed lines' answers", |screen| screen.contents().contains("get key1\nvalue1\n"));
    terminal.press("\x1b[200~put key3 value3\nget key2\nget key3\x1b[201~\r");
    terminal.wait_for("the pasted lines' answers", |screen| {
        screen.contents().contains("stored\nvalue2\nvalue3\n")
            && typed(screen).is_some_and(|typed| typed.is_empty())
    });
    terminal.press(&ctrl('d'));
    ends(terminal);
}

#[test]
fn tab_completes_commands_and_keys_and_never_hangs() {
    let cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = prompt(&cluster, state.path());
    ask(&mut terminal, "put color/one 1", "stored\n");
    ask(&mut terminal, "put color/two 2", "stored\n");
    ask(&mut terminal, "put 'a key' 3", "stored\n");
    for (begun, completed) in [
        ("he", "help"),
        ("member pro", "member promote"),
        ("get color/o", "get color/one"),
        ("get co", "get color/"),
        ("get a", "get \"a key\""),
        ("get \"a", "get \"a key\""),
        ("get color/one --cons", "get color/one --consistency"),
        ("get nothing", "get nothing"),
    ] {
        // A terminal that is asked twice for the same key gives the same answer: until it does, the node may lag.
        support::eventually(completed, || {
            terminal.press(&format!("{begun}\t"));
            terminal.press("!");
            let mut line = String::new();
            terminal.wait_for("the completed line", |screen| {
                line = typed(screen).unwrap_or_default();
                line.ends_with('!')
            });
            terminal.press(&ctrl('c'));
            wait_for_prompt(&terminal);
            (line.trim_end_matches('!').trim_end() == completed).then_some(())
        });
    }
    cluster.pause();
    let asked = Instant::now();
    terminal.press("get c\t");
    terminal.press("olor/one");
    wait_typed(&terminal, "get color/one");
    assert!(asked.elapsed() < Duration::from_secs(10), "Tab waited for nodes that say nothing");
    terminal.press(&ctrl('c'));
    wait_for_prompt(&terminal);
    terminal.press(&ctrl('d'));
    ends(terminal);
}

#[test]
fn what_was_typed_is_there_in_the_next_run() {
    let cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = prompt(&cluster, state.path());
    ask(&mut terminal, "put key1 value1", "stored\n");
    ask(&mut terminal, " put secret value", "stored\n");
    // Remembered at once: not even an end without warning loses it.
    terminal.signal(rustix::process::Signal::KILL);
    terminal.end_killed();
    drop(terminal);

    let mut terminal = prompt(&cluster, state.path());
    terminal.press("\x1b[A");
    wait_typed(&terminal, "put key1 value1");
    terminal.press(&ctrl('c'));
    wait_for_prompt(&terminal);
    terminal.press(&ctrl('d'));
    ends(terminal);
    let history = state.path().join("raftdeck/client-history");
    let mode = std::os::unix::fs::PermissionsExt::mode(&history.metadata().unwrap().permissions());
    assert_eq!(mode & 0o077, 0, "it is nobody else's business");
}

#[test]
fn a_prompt_works_where_nothing_can_be_kept() {
    let cluster = Cluster::start();
    let file = tempfile::NamedTempFile::new().unwrap();
    let mut terminal = prompt(&cluster, file.path());
    terminal.wait_for_text("there is no history");
    ask(&mut terminal, "put key1 value1", "stored\n");
    terminal.press("\x1b[A");
    wait_typed(&terminal, "put key1 value1");
    terminal.press(&ctrl('c'));
    wait_for_prompt(&terminal);
    terminal.press(&ctrl('d'));
    ends(terminal);
}

#[test]
fn a_watch_on_a_terminal_is_a_table_in_its_place() {
    let mut cluster = Cluster::start();
    let old = cluster.leader();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = at_terminal(&cluster, state.path(), &["status", "--watch"]);
    let leads = |screen: &vt100::Screen| {
        let contents = screen.contents();
        let first = contents.lines().next()?;
        assert!(contents.matches("Ctrl-C ends it").count() <= 1, "it is one table: {contents}");
        first.strip_prefix('n')?.split_once(" leads in term ")?.0.parse::<usize>().ok()
    };
    terminal.wait_for("the leader", |screen| leads(screen) == Some(old));
    cluster.kill(old);
    terminal.wait_for("another leader", |screen| leads(screen).is_some_and(|next| next != old));
    terminal.wait_for_text("no answer");
    terminal.press(&ctrl('c'));
    ends(terminal);
}

#[test]
fn a_watch_of_keys_at_the_prompt_goes_on_until_ctrl_c() {
    let cluster = Cluster::start();
    let state = tempfile::tempdir().unwrap();
    let mut terminal = prompt(&cluster, state.path());
    ask(&mut terminal, "put color blue", "stored\n");
    for (key, value) in [("shape", "round"), ("size", "small")] {
        terminal.press("watch --after 0\r");
        terminal.wait_for_text("put     color   blue");
        cluster.does(&["put", key, value]);
        terminal.wait_for_text(&format!("put     {key}"));
        terminal.press(&ctrl('c'));
        wait_for_prompt(&terminal);
        terminal.press(&ctrl('l'));
        wait_for_prompt(&terminal);
    }
    ask(&mut terminal, "get size", "small\n");
    terminal.press(&ctrl('d'));
    ends(terminal);
}
