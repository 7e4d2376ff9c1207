//! Every way out of the deck: the terminal is given back, the nodes are gone, the exit status is right.

mod support;

use portable_pty::CommandBuilder;
use rustix::process::Signal;
use support::deck::{Deck, RAFTDECK, ctrl};
use support::{eventually, processes};

/// A deck of three nodes that has a leader.
fn running() -> Deck {
    let mut deck = Deck::start(&[], 120, 40);
    deck.wait_for_text("leads term");
    deck.nodes(3);
    assert!(deck.look(vt100::Screen::alternate_screen));
    deck
}

fn ends_in_order(mut deck: Deck, status: u32) {
    assert_eq!(deck.end(), status);
    deck.wait_restored();
}

#[test]
fn q_ends_the_deck_with_0() {
    let mut deck = running();
    deck.press("q");
    ends_in_order(deck, 0);
}

#[test]
fn ctrl_c_ends_the_deck_with_0() {
    let mut deck = running();
    deck.press(&ctrl('c'));
    ends_in_order(deck, 0);
}

#[test]
fn sigint_ends_the_deck_with_0() {
    let deck = running();
    deck.signal(Signal::INT);
    ends_in_order(deck, 0);
}

#[test]
fn sigterm_ends_the_deck_with_143() {
    let deck = running();
    deck.signal(Signal::TERM);
    ends_in_order(deck, 143);
}

#[test]
fn sighup_ends_the_deck_with_129() {
    let deck = running();
    deck.signal(Signal::HUP);
    ends_in_order(deck, 129);
}

#[test]
fn a_closed_terminal_ends_the_deck() {
    let mut deck = running();
    deck.close_terminal();
    assert_eq!(deck.end(), 129);
}

#[test]
fn a_killed_deck_leaves_no_node_behind_not_even_a_paused_one() {
    let mut deck = running();
    let nodes = deck.nodes(3);
    processes::stop(nodes[1]);
    deck.signal(Signal::KILL);
    deck.end_killed();
}

#[test]
fn ctrl_z_stops_the_deck_alone_and_fg_brings_the_whole_screen_back() {
    let mut command = CommandBuilder::new("bash");
    command.args(["--norc", "--noprofile", "-i"]);
    command.env("PS1", "shell> ");
    let mut shell = Deck::spawn(command, 120, 40);
    shell.wait_for_text("shell> ");
    // On a busy machine a leader may be late too, by less than this.
    shell.press(&format!("{RAFTDECK} --timing debug\r"));
    shell.wait_for("a leader on the deck's screen", |screen| {
        screen.alternate_screen() && screen.contents().contains(" LEADS TERM ")
    });
    let deck = shell.nodes(1)[0];
    let address = shell.look(|screen| address_in(&screen.contents()));
    let leader = shell.look(|screen| leader_in(&screen.contents()));
    let nodes =
        eventually("three nodes", || Some(processes::children(deck)).filter(|nodes| nodes.len() == 3));

    shell.press(&ctrl('z'));
    shell.wait_for("the shell's screen", |screen| {
        !screen.alternate_screen() && screen.contents().contains("Stopped")
    });
    assert!(processes::is_stopped(deck));
    let host = processes::host(deck).unwrap();
    assert!(processes::is_alive(host) && !processes::is_stopped(host), "the links run on");
    assert!(nodes.iter().all(|node| processes::is_alive(*node) && !processes::is_stopped(*node)));
    shell.wait_for("a visible cursor", |screen| !screen.hide_cursor());

    // A cluster without its links commits nothing and soon has no leader.
    for value in 0..10 {
        let mut client = std::process::Command::new(RAFTDECK);
        client.args(["client", "--cluster", &address, "--timeout", "5", "put", "color", &value.to_string()]);
        let output = support::output(client);
        assert!(output.status.success(), "{value}: {}", String::from_utf8_lossy(&output.stderr));
    }

    shell.press("fg\r");
    shell.wait_for("the deck's whole screen", |screen| {
        screen.alternate_screen() && screen.hide_cursor() && screen.contents().contains(" LEADS TERM ")
    });
    assert_eq!(processes::children(deck), nodes);
    assert_eq!(
        shell.look(|screen| leader_in(&screen.contents())),
        leader,
        "the same one leads the same term"
    );

    shell.press("q");
    shell.wait_for("the shell's screen", |screen| !screen.alternate_screen() && !screen.hide_cursor());
    processes::wait_gone(&nodes);
    shell.wait_for("the third prompt", |screen| screen.contents().matches("shell> ").count() == 3);
    shell.press("echo ended with $?\r");
    shell.wait_for_text("ended with 0");
    shell.press("exit\r");
    shell.end();
}

/// An address of a node, from the table.
fn address_in(screen: &str) -> String {
    let from = screen.find("127.0.0.1:").expect("an address on the screen");
    screen[from..].split_whitespace().next().expect("a word").to_owned()
}

/// Who leads which term, from the band.
fn leader_in(screen: &str) -> String {
    let line = screen.lines().find(|line| line.contains(" LEADS TERM ")).expect("a leader on the screen");
    let words: Vec<&str> =
        line.split_whitespace().skip_while(|word| !word.starts_with('n')).take(4).collect();
    words.join(" ")
}

#[test]
fn when_the_clusters_process_is_killed_the_deck_says_so_and_stays() {
    let mut deck = running();
    let host = processes::host(deck.pid()).unwrap();
    processes::send(host, Signal::KILL);
    deck.wait_for_text("the cluster's process ended (killed by signal 9)");
    deck.wait_for_text("ALL DOWN");
    deck.press("R");
    deck.wait_for_text("the cluster's process takes no more commands");
    deck.press("q");
    ends_in_order(deck, 0);
}

#[test]
fn the_clusters_process_ends_with_a_deck_that_is_killed_while_it_is_stopped() {
    let mut deck = running();
    let host = processes::host(deck.pid()).unwrap();
    processes::stop(deck.pid());
    deck.signal(Signal::KILL);
    deck.end_killed();
    processes::wait_gone(&[host]);
}

#[test]
fn where_no_shell_could_continue_it_ctrl_z_comes_back_at_once() {
    let mut deck = running();
    deck.press(&ctrl('z'));
    deck.press("q");
    ends_in_order(deck, 0);
}
