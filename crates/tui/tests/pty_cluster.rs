//! What the deck is for, at the keyboard: a live cluster seen, broken and healed.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use support::deck::Deck;
use support::table::{Row, is_healthy, leader, rows};
use support::{eventually, processes};

/// A deck whose cluster is whole.
fn healthy(args: &[&str], count: usize, columns: u16, rows: u16) -> Deck {
    let mut deck = Deck::start(args, columns, rows);
    wait_healthy(&deck, count);
    deck.nodes(count);
    deck
}

fn wait_healthy(deck: &Deck, count: usize) {
    deck.wait_for(&format!("{count} nodes, one leader, equal logs"), |screen| is_healthy(screen, count));
}

fn leader_of(deck: &Deck) -> Row {
    deck.look(|screen| leader(&rows(screen))).expect("there is one leader")
}

/// Waits until some other node leads in a higher term.
fn wait_next_leader(deck: &Deck, old: &Row) -> Row {
    let mut next = None;
    deck.wait_for("another leader in a higher term", |screen| {
        let others: Vec<Row> = rows(screen).into_iter().filter(|row| row.node != old.node).collect();
        next = leader(&others).filter(|row| row.term > old.term);
        next.is_some()
    });
    next.expect("the wait is over")
}

/// Waits for such a row.
fn wait_row(deck: &Deck, what: &str, wanted: impl Fn(&Row) -> bool) -> Row {
    let mut found = None;
    deck.wait_for(what, |screen| {
        found = rows(screen).into_iter().find(|row| wanted(row));
        found.is_some()
    });
    found.expect("the wait is over")
}

/// What the row of a node says now.
fn row_of(screen: &vt100::Screen, node: usize) -> Option<Row> {
    rows(screen).into_iter().find(|row| row.node == node)
}

/// Types an operation at the prompt and waits for this answer.
fn ask(deck: &mut Deck, operation: &str, answer: &str) {
    deck.press("w");
    deck.press(operation);
    deck.press("\r");
    deck.wait_for_text(&format!("{operation}: {answer}"));
}

fn ends(mut deck: Deck) {
    deck.press("q");
    assert_eq!(deck.end(), 0);
    deck.wait_restored();
}

#[test]
fn three_nodes_are_up_with_one_leader_and_heartbeats_age_and_renew() {
    // Two heartbeats a second: slow enough for an age to be seen.
    let deck = healthy(&["--timing", "debug"], 3, 120, 40);
    let is_shown = |screen: &vt100::Screen, ages: [&str; 2]| {
        let followers = rows(screen).into_iter().filter(|row| row.role == "follower");
        followers.into_iter().any(|row| ages.iter().any(|age| row.text.contains(age)))
    };
    for _ in 0..3 {
        deck.wait_for("a fresh heartbeat", |screen| is_shown(screen, ["<100 ms", "<200 ms"]));
        deck.wait_for("a heartbeat that is due", |screen| is_shown(screen, ["<0.5 s", "<1.0 s"]));
    }
    ends(deck);
}

#[test]
fn every_size_of_cluster_fits_every_usual_terminal() {
    for (count, columns, rows) in
        [(1, 80, 24), (3, 80, 24), (5, 80, 24), (9, 80, 24), (5, 120, 40), (9, 120, 40)]
    {
        // Nine nodes on a busy machine answer too late for the shortest election timeouts.
        ends(healthy(&["--nodes", &count.to_string(), "--timing", "debug"], count, columns, rows));
    }
}

#[test]
fn ascii_needs_no_other_characters() {
    let deck = Deck::start(&["--ascii"], 120, 40);
    deck.wait_for("a leader", |screen| screen.contents().contains("LEADS TERM"));
    let strange: String = deck.look(|screen| screen.contents().chars().filter(|c| !c.is_ascii()).collect());
    assert_eq!(strange, "");
    ends(deck);
}

#[test]
fn a_tiny_terminal_is_survived_and_a_resized_one_is_whole() {
    let deck = Deck::start(&[], 10, 3);
    deck.wait_for_text("leads");
    deck.resize(80, 24);
    wait_healthy(&deck, 3);
    deck.resize(1, 1);
    deck.wait_for("a drawn cell", |screen| !screen.contents().trim().is_empty());
    deck.resize(120, 40);
    wait_healthy(&deck, 3);
    ends(deck);
}

#[test]
fn a_killed_leader_is_replaced_and_catches_up_when_it_is_back() {
    let mut deck = healthy(&[], 3, 120, 40);
    let nodes = deck.nodes(3);
    deck.press("K");
    // Whoever led when the key arrived.
    let old = wait_row(&deck, "a killed node", |row| row.role == "killed");
    deck.wait_for_text(&format!("n{} was killed", old.node));
    eventually("its process is gone", || {
        (nodes.iter().filter(|node| processes::is_alive(**node)).count() == 2).then_some(())
    });
    wait_next_leader(&deck, &old);

    ask(&mut deck, "put color blue", "stored");
    deck.wait_for("the entry, committed on both living nodes", |screen| {
        let mut living = rows(screen).into_iter().filter(|row| row.node != old.node);
        // The new leader's own first entry, and the value.
        living.all(|row| row.commit == row.last && row.commit >= old.commit + 2)
    });

    deck.press(&old.node.to_string());
    deck.press("r");
    wait_row(&deck, "the node back as a follower", |row| row.node == old.node && row.role == "follower");
    wait_healthy(&deck, 3);
    deck.nodes(3);
    ask(&mut deck, "get color", "blue");
    ends(deck);
}

#[test]
fn a_leader_cut_off_loses_the_cluster_to_the_majority_until_it_is_healed() {
    let mut deck = healthy(&[], 3, 120, 40);
    deck.press("p");
    let old = wait_row(&deck, "a node cut off", |row| row.text.contains("cut off"));
    wait_next_leader(&deck, &old);
    ask(&mut deck, "put color blue", "stored");
    deck.wait_for("the old leader, cut off and without the entry", |screen| {
        let rows = rows(screen);
        let of = |node| rows.iter().find(|row| row.node == node);
        let newest = rows.iter().map(|row| row.commit).max();
        of(old.node).is_some_and(|row| {
            row.role != "leader" && row.text.contains("cut off") && Some(row.commit) < newest
        })
    });
    deck.press("h");
    wait_healthy(&deck, 3);
    ask(&mut deck, "get color", "blue");
    ends(deck);
}

#[test]
fn a_paused_leader_is_replaced_and_steps_down_when_it_goes_on() {
    let mut deck = healthy(&[], 3, 120, 40);
    let nodes = deck.nodes(3);
    let old = leader_of(&deck);
    deck.press(&old.node.to_string());
    deck.press("z");
    eventually("one process is stopped", || {
        (nodes.iter().filter(|node| processes::is_stopped(**node)).count() == 1).then_some(())
    });
    wait_next_leader(&deck, &old);
    wait_row(&deck, "the paused node", |row| row.node == old.node && row.text.contains("paused"));
    ask(&mut deck, "put color blue", "stored");
    deck.press("z");
    wait_row(&deck, "the old leader as a follower", |row| row.node == old.node && row.role == "follower");
    wait_healthy(&deck, 3);
    assert!(nodes.iter().all(|node| processes::is_alive(*node) && !processes::is_stopped(*node)));
    ends(deck);
}

#[test]
fn a_value_is_there_again_after_quitting_and_starting_anew() {
    let dir = tempfile::tempdir().unwrap();
    let args = ["--data-dir", dir.path().to_str().unwrap()];
    let mut first = healthy(&args, 3, 120, 40);
    ask(&mut first, "put color blue", "stored");
    ends(first);
    let mut second = healthy(&args, 3, 120, 40);
    ask(&mut second, "get color", "blue");
    ends(second);
}

#[test]
fn a_client_uses_the_cluster_that_the_deck_shows() {
    let mut deck = healthy(&[], 3, 120, 40);
    let address =
        deck.look(|screen| row_of(screen, 1).unwrap().text.split_whitespace().last().unwrap().to_owned());
    let client = |args: &[&str]| {
        let mut command = assert_cmd::Command::new(support::deck::RAFTDECK);
        command.args(["client", "--cluster", &address]).args(args);
        command.assert()
    };
    client(&["put", "color", "blue"]).success().stdout("stored\n");
    ask(&mut deck, "get color", "blue");
    client(&["get", "color"]).success().stdout("blue\n");
    client(&["get", "shape"]).code(1).stdout("").stderr("raftdeck: get shape: no such key\n");
    client(&["cas", "color", "red", "green"])
        .code(1)
        .stderr("raftdeck: cas color red green: not stored, the value is blue\n");
    client(&["cas", "color", "blue", "green"]).success().stdout("stored\n");
    client(&["list"]).success().stdout("color\tgreen\n");
    let listed = client(&["list", "--json"]).success().get_output().stdout.clone();
    let listed: serde_json::Value = serde_json::from_slice(&listed).unwrap();
    assert_eq!(listed["pairs"], serde_json::json!([{ "key": "color", "value": "green" }]));
    client(&["delete", "color"]).success().stdout("deleted\n");
    let status = client(&["status"]).success().get_output().stdout.clone();
    assert!(String::from_utf8(status).unwrap().starts_with("n1: "));
    ends(deck);
}

/// The voters in the table's title: `nodes · voters n1 n2 n3`.
fn voters(screen: &vt100::Screen) -> Option<Vec<String>> {
    let text = screen.contents();
    let (_, after) = text.split_once("nodes · voters ")?;
    Some(after.split([' ', '\n']).take_while(|word| word.starts_with('n')).map(str::to_owned).collect())
}

#[test]
fn nodes_join_the_leadership_is_handed_over_and_the_leader_is_removed() {
    let mut deck = healthy(&[], 3, 120, 40);
    deck.press("aa");
    deck.wait_for("five voters in step", |screen| {
        voters(screen).is_some_and(|voters| voters == ["n1", "n2", "n3", "n4", "n5"]) && is_healthy(screen, 5)
    });
    let children = deck.nodes(5);
    let old = leader_of(&deck);
    let next = if old.node == 5 { 4 } else { 5 };
    deck.press(&next.to_string());
    deck.press("t");
    let new = wait_next_leader(&deck, &old);
    assert_eq!(new.node, next, "the one that was selected leads");
    deck.wait_for("five in step behind it", |screen| is_healthy(screen, 5));
    deck.press("x");
    deck.wait_for_text("from the cluster, with its data?");
    deck.press("y");
    deck.wait_for("four voters and a leader among them", |screen| {
        let left = voters(screen).unwrap_or_default();
        left.len() == 4 && !left.contains(&format!("n{next}")) && is_healthy(screen, 4)
    });
    ask(&mut deck, "put color blue", "stored");
    ends(deck);
    processes::wait_gone(&children);
}
