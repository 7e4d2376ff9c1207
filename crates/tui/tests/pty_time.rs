//! Time and single messages at the keyboard, with real nodes: frozen, held, stepped, slowed, undone.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use support::deck::Deck;
use support::table::{is_healthy, leader, rows};

fn healthy() -> Deck {
    let mut deck = Deck::start(&[], 120, 40);
    deck.wait_for("three nodes, one leader, equal logs", |screen| is_healthy(screen, 3));
    deck.nodes(3);
    deck
}

fn command(deck: &mut Deck, line: &str) {
    deck.press(":");
    deck.press(line);
    deck.press("\r");
}

fn ends(mut deck: Deck) {
    deck.press("q");
    assert_eq!(deck.end(), 0);
    deck.wait_restored();
}

/// A cluster that n1 leads, and its term.
fn led_by_n1() -> (Deck, u64) {
    let mut deck = healthy();
    if deck.look(|screen| leader(&rows(screen))).expect("a leader").node != 1 {
        deck.press("1t");
        deck.wait_for("n1 as the leader", |screen| {
            is_healthy(screen, 3) && leader(&rows(screen)).is_some_and(|row| row.node == 1)
        });
    }
    let term = deck.look(|screen| leader(&rows(screen))).expect("a leader").term;
    (deck, term)
}

/// Waits until the table says of n1, n2 and n3 just this: role, term and vote.
fn wait_for_rows(deck: &Deck, what: &str, expected: [(&str, u64, &str); 3]) {
    deck.wait_for(&format!("{what}: {expected:?}"), |screen| {
        let rows = rows(screen);
        rows.iter().map(|row| (row.role.as_str(), row.term, row.vote.as_str())).eq(expected)
    });
}

/// The messages that are held, oldest first: their names, links and kinds.
fn held(screen: &vt100::Screen) -> Vec<(String, String, String)> {
    let message = |row: &str| {
        let mut words = row.get(row.find('#')?..)?.split_whitespace();
        let (name, link, kind) = (words.next()?, words.next()?, words.next()?);
        let is_one = link.starts_with('n') && row.trim_end().ends_with("held");
        is_one.then(|| (name.to_owned(), link.replace('▶', ">"), kind.to_owned()))
    };
    screen.contents().lines().filter_map(message).collect()
}

/// In the Messages view: waits until these are held.
fn wait_for_held(deck: &Deck, wanted: &[(&str, &str)]) {
    deck.wait_for(&format!("held: {wanted:?}"), |screen| {
        let held = held(screen);
        wanted.iter().all(|(link, kind)| held.iter().any(|(_, l, k)| l == link && k == kind))
    });
}

/// From the Cluster view and back: messages are delivered one by one, until this one was, and then these are held. What is
/// older is from before the election.
fn step_to(deck: &mut Deck, link: &str, kind: &str, then: &[(&str, &str)]) {
    deck.press("\t\t");
    wait_for_held(deck, &[(link, kind)]);
    loop {
        let oldest = deck.look(held).first().cloned().expect("a held message");
        deck.press(".");
        deck.wait_for(&format!("the delivery of {oldest:?}"), |screen| !held(screen).contains(&oldest));
        if (oldest.1.as_str(), oldest.2.as_str()) == (link, kind) {
            break;
        }
    }
    wait_for_held(deck, then);
    deck.press("\x1b[Z\x1b[Z");
}

#[test]
fn an_election_is_stepped_through_message_by_message() {
    let (mut deck, old) = led_by_n1();
    // n3 may have voted for itself when n1 was elected.
    let vote_of = |deck: &Deck, node: usize| deck.look(|screen| rows(screen)[node - 1].vote.clone());
    let (vote, third) = (vote_of(&deck, 1), vote_of(&deck, 3));
    let new = old + 1;
    deck.press(" ");
    deck.wait_for_text("FROZEN");
    command(&mut deck, "hold *");
    deck.wait_for_text("hold *");
    deck.press("2e");
    let (n1, n3) = (("leader", old, vote.as_str()), ("follower", old, third.as_str()));
    wait_for_rows(&deck, "n2 campaigns, nobody knows", [n1, ("candidate", new, "n2"), n3]);
    deck.press("\t\t");
    wait_for_held(&deck, &[("n2>n1", "RequestVote"), ("n2>n3", "RequestVote")]);
    deck.press("\x1b[Z\x1b[Z");

    let voted = ("follower", new, "n2");
    step_to(&mut deck, "n2>n1", "RequestVote", &[("n1>n2", "VoteReply")]);
    wait_for_rows(&deck, "n1 has heard of it", [voted, ("candidate", new, "n2"), n3]);
    step_to(&mut deck, "n2>n3", "RequestVote", &[("n3>n2", "VoteReply")]);
    wait_for_rows(&deck, "n3 has heard of it", [voted, ("candidate", new, "n2"), voted]);
    step_to(&mut deck, "n1>n2", "VoteReply", &[("n2>n1", "AppendEntries"), ("n2>n3", "AppendEntries")]);
    wait_for_rows(&deck, "n2 has a majority", [voted, ("leader", new, "n2"), voted]);

    // The first entry of the new term: n2 has it, then n1, then n3, and it is committed when n2 knows that of one of them.
    let logs = |screen: &vt100::Screen| rows(screen).iter().map(|row| row.last).collect::<Vec<_>>();
    let first = deck.look(|screen| logs(screen)[1]);
    assert_eq!(deck.look(logs), [first - 1, first, first - 1]);
    step_to(&mut deck, "n3>n2", "VoteReply", &[]);
    step_to(&mut deck, "n2>n1", "AppendEntries", &[("n1>n2", "AppendReply")]);
    deck.wait_for("the entry at n1", |screen| logs(screen) == [first, first, first - 1]);
    step_to(&mut deck, "n2>n3", "AppendEntries", &[("n3>n2", "AppendReply")]);
    deck.wait_for("the entry at n3", |screen| logs(screen) == [first; 3]);
    let commits = |screen: &vt100::Screen| rows(screen).iter().map(|row| row.commit).collect::<Vec<_>>();
    assert_eq!(deck.look(commits), [first - 1; 3]);
    step_to(&mut deck, "n1>n2", "AppendReply", &[]);
    deck.wait_for("the commit at n2", |screen| commits(screen) == [first - 1, first, first - 1]);

    deck.press("h");
    deck.press(" ");
    deck.wait_for("n2 as everybody's leader", |screen| {
        is_healthy(screen, 3)
            && leader(&rows(screen)).is_some_and(|row| (row.node, row.term) == (2, new))
            && screen.contents().contains("nothing in force")
            && !screen.contents().contains("FROZEN")
    });
    ends(deck);
}

#[test]
fn the_cluster_keeps_its_leader_in_slow_motion_and_messages_are_seen_to_fly() {
    let mut deck = healthy();
    let old = deck.look(|screen| leader(&rows(screen))).expect("a leader");
    command(&mut deck, "rate 1/100");
    deck.wait_for_text("RATE 1/100");
    deck.press("\t\t");
    deck.wait_for("heartbeats on their way", |screen| {
        let text = screen.contents();
        text.contains(" under way") && !text.contains(" 0 under way")
    });
    deck.press("+");
    deck.wait_for_text("RATE 1/50");
    command(&mut deck, "rate 1");
    deck.wait_for_text("rate 1 ");
    deck.press("\x1b[Z\x1b[Z");
    deck.wait_for("the same leader in the same term", |screen| {
        leader(&rows(screen)).is_some_and(|row| (row.node, row.term) == (old.node, old.term))
    });
    ends(deck);
}

#[test]
fn what_is_in_force_is_shown_and_undone_one_by_one() {
    let mut deck = healthy();
    deck.press("i");
    deck.wait_for_text("isolate 1");
    deck.press("f");
    deck.wait_for_text("messages stay on the link");
    deck.press("\x1b[B\x1b[B\r");
    deck.wait_for_text("delay * 100ms");
    deck.press("u");
    deck.wait_for("only the first", |screen| {
        let text = screen.contents();
        text.contains("isolate 1") && !text.contains("delay * 100ms")
    });
    deck.press("u");
    deck.wait_for("nothing in force, and a whole cluster", |screen| {
        screen.contents().contains("nothing in force") && is_healthy(screen, 3)
    });
    ends(deck);
}

#[test]
fn a_script_on_the_deck_waits_where_it_shows_the_logs_and_leaves_the_deck_to_the_person() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("lesson");
    std::fs::write(
        &script,
        "wait leader\nput color blue\nwait answered\nfreeze\nlogs\nrun\nput color red\nwait answered\n",
    )
    .unwrap();
    let mut deck = Deck::start(&["--script", script.to_str().unwrap()], 120, 40);
    deck.wait_for("the logs, and the script waiting", |screen| {
        let text = screen.contents();
        text.contains("Enter goes on") && text.contains("put color blue") && text.contains("FROZEN")
    });
    deck.nodes(3);
    deck.press("\r");
    deck.wait_for("the end of the script", |screen| {
        let text = screen.contents();
        text.contains("the script is over") && text.contains("put color red") && text.contains("rate 1")
    });
    ends(deck);
}

#[test]
fn a_script_that_fails_says_where_and_the_deck_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let script = dir.path().join("lesson");
    std::fs::write(&script, "wait leader\nexpect down 1\n").unwrap();
    let mut deck = Deck::start(&["--script", script.to_str().unwrap()], 120, 40);
    deck.wait_for("the reason", |screen| screen.contents().contains("line 2: not as expected"));
    deck.nodes(3);
    deck.press("\r");
    deck.wait_for("a healthy cluster and no script", |screen| {
        is_healthy(screen, 3) && !screen.contents().contains("the script ends")
    });
    ends(deck);
}
