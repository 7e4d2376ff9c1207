//! What is done in front of the camera.

use crate::Result;
use crate::film::{Film, still};
use crate::terminal::Terminal;
use std::time::Duration;

type Tell = fn(&str) -> Result<String>;

pub(crate) const STORIES: [(&str, Tell); 10] = [
    ("failover", failover),
    ("cluster", cluster),
    ("messages", messages),
    ("logs", logs),
    ("charts", charts),
    ("data", data),
    ("drills", drills),
    ("output", output),
    ("explain", explain),
    ("presenter", presenter),
];

const SIZE: (u16, u16) = (120, 36);

/// The number of the node that leads, as the header says it.
fn leader(terminal: &Terminal) -> Option<String> {
    let line = terminal.line_with(" LEADS TERM ")?;
    let (before, _) = line.split_once(" LEADS")?;
    Some(before.rsplit('n').next()?.to_owned())
}

fn term(terminal: &Terminal) -> u64 {
    let line = terminal.line_with(" LEADS TERM ").unwrap_or_default();
    let digits = line.split(" LEADS TERM ").nth(1).unwrap_or_default().split(' ').next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// Kills the leader, and waits until another one leads.
fn kill_leader(terminal: &mut Terminal) -> Result<()> {
    let first = term(terminal);
    terminal.press("K")?;
    terminal.wait_until("another leader", |terminal| term(terminal) > first)
}

/// Types a command into the palette.
fn command(terminal: &mut Terminal, words: &str) -> Result<()> {
    terminal.press(":")?;
    terminal.press(words)?;
    terminal.press("\r")
}

fn after(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A leader is killed under load.
fn failover(program: &str) -> Result<String> {
    let mut deck = Terminal::start(program, &["--nodes", "5", "--timing", "debug"], SIZE.0, SIZE.1)?;
    deck.wait_for(" LEADS TERM ")?;
    // The first entry is committed everywhere, and the events of the start are told.
    deck.wait_for("configuration is committed")?;
    let now = |_: &Terminal| true;
    let mut film = Film::default();
    film.shoot(&deck, "raftdeck: five nodes, one leader", now, after(960));
    deck.press("W")?;
    film.shoot(&deck, "W: a steady load of writes", now, after(1440));
    let (first, old) = (term(&deck), leader(&deck).unwrap_or_default());
    deck.press("K")?;
    let gone = |deck: &Terminal| deck.shows("NO LEADER");
    film.shoot(&deck, "K: the leader is killed", gone, after(0));
    let other = |deck: &Terminal| term(deck) > first;
    film.shoot(&deck, "K: the leader is killed, and nothing can be written", other, after(0));
    film.shoot(&deck, "another leads, in a higher term; writes go on", now, after(1680));
    deck.press("R")?;
    let follows = format!("n{old}   ● follower");
    film.shoot(&deck, "R: the old leader is back, as a follower", |deck| deck.shows(&follows), after(1680));
    Ok(film.developed("The deck: a leader is killed, another one is elected, and writes go on"))
}

/// One node is cut off, the leader is killed, and another leads.
fn cluster(program: &str) -> Result<String> {
    let mut deck = Terminal::start(program, &["--nodes", "5", "--timing", "debug"], SIZE.0, SIZE.1)?;
    deck.wait_for(" LEADS TERM ")?;
    deck.press("W")?;
    let old = leader(&deck).ok_or("no leader")?;
    // A follower, and beside it in the ring: the picture is calmer when the two are neighbours.
    let cut = if old == "5" { "1".to_owned() } else { (old.parse::<u8>()? + 1).to_string() };
    deck.press(&cut)?;
    deck.press("i")?;
    deck.wait_for("is cut off")?;
    kill_leader(&mut deck)?;
    let new = leader(&deck).ok_or("no leader")?;
    deck.press(&new)?;
    // The load goes on, and messages are on their way.
    std::thread::sleep(after(1700));
    Ok(still(&deck, "The deck: five nodes, one cut off, one killed, a new leader"))
}

/// A frozen world before an election.
fn messages(program: &str) -> Result<String> {
    let args = ["--nodes", "5", "--timing", "debug", "--append-bytes", "1"];
    let mut deck = Terminal::start(program, &args, SIZE.0, 32)?;
    deck.wait_for(" LEADS TERM ")?;
    deck.wait_for("configuration is committed")?;
    command(&mut deck, "put color blue")?;
    deck.wait_for("stored")?;
    deck.press("\t\t")?;
    command(&mut deck, "freeze")?;
    deck.wait_for("FROZEN")?;
    // What the leader sends stays on its links, heartbeats too: the others will elect one of themselves.
    command(&mut deck, "hold leader>")?;
    command(&mut deck, "put size large")?;
    deck.wait_for("held")?;
    command(&mut deck, "step role")?;
    deck.wait_for("PreVote  ")?;
    deck.wait_for("FROZEN")?;
    // So slowly that an answer is on its way for two seconds.
    command(&mut deck, "rate 1/1000")?;
    deck.wait_for("RATE 1/1000")?;
    deck.wait_for("PreVoteReply ")?;
    deck.press(" ")?;
    deck.wait_for("FROZEN")?;
    settle();
    Ok(still(
        &deck,
        "The Messages view of a frozen world: entries and heartbeats are held, and pre-votes are on their way",
    ))
}

/// Goes to a view.
fn show(terminal: &mut Terminal, view: &str) -> Result<()> {
    command(terminal, &format!("view {view}"))
}

/// Three nodes with a leader, whose first entry is committed.
fn three(program: &str, timing: &str, size: (u16, u16)) -> Result<Terminal> {
    let deck = Terminal::start(program, &["--nodes", "3", "--timing", timing], size.0, size.1)?;
    deck.wait_for(" LEADS TERM ")?;
    deck.wait_for("configuration is committed")?;
    Ok(deck)
}

/// What was said of the last command goes by itself.
fn settle() {
    std::thread::sleep(after(12_000));
}

/// The leader was cut off with an entry that nobody else has; the others have elected one of themselves.
fn logs(program: &str) -> Result<String> {
    let mut deck = three(program, "debug", (SIZE.0, 28))?;
    let old = leader(&deck).ok_or("no leader")?;
    for line in ["put color blue", "put shape round"] {
        command(&mut deck, line)?;
        deck.wait_for(&format!("{line}: stored at"))?;
    }
    let first = term(&deck);
    command(&mut deck, &format!("isolate {old}"))?;
    deck.wait_for("is cut off")?;
    command(&mut deck, &format!("propose {old} color red"))?;
    deck.wait_until("another leader", |deck| term(deck) > first)?;
    for line in ["put color green", "put size 9"] {
        command(&mut deck, line)?;
        deck.wait_for(&format!("{line}: stored at"))?;
    }
    show(&mut deck, "logs")?;
    deck.press("\x1b[D\x1b[D")?;
    settle();
    Ok(still(&deck, "The Logs view: a leader that was cut off holds an entry that nobody else has"))
}

/// Under a steady load the leader was killed.
fn charts(program: &str) -> Result<String> {
    let mut deck = three(program, "fast", SIZE)?;
    deck.press("W")?;
    std::thread::sleep(after(5_000));
    kill_leader(&mut deck)?;
    std::thread::sleep(after(4_000));
    deck.press("R")?;
    show(&mut deck, "charts")?;
    std::thread::sleep(after(3_000));
    Ok(still(
        &deck,
        "The Charts view: the leader was killed under a steady load, and for a moment nothing was acknowledged",
    ))
}

/// A few keys, one of them with JSON in it.
fn data(program: &str) -> Result<String> {
    let mut deck = three(program, "fast", (SIZE.0, 28))?;
    for line in [
        "put config \"{\\\"replicas\\\":3,\\\"zones\\\":[\\\"a\\\",\\\"b\\\"]}\"",
        "put color red",
        "put color blue",
        "delete shape",
        "put owner alice",
        "as bob cas color blue green",
        "put config \"{\\\"replicas\\\":5,\\\"zones\\\":[\\\"a\\\",\\\"b\\\",\\\"c\\\"]}\"",
    ] {
        command(&mut deck, line)?;
        std::thread::sleep(after(400));
    }
    show(&mut deck, "data")?;
    deck.wait_for("3 keys")?;
    // The second key.
    deck.press("\x1b[B")?;
    deck.wait_for("JSON")?;
    settle();
    Ok(still(&deck, "The Data view: the keys, a value as JSON, how it came to be, and the last writes"))
}

/// The catalogue.
fn drills(program: &str) -> Result<String> {
    let mut deck = three(program, "fast", SIZE)?;
    deck.press("d")?;
    deck.wait_for("what must hold")?;
    settle();
    Ok(still(&deck, "The Drills view: the catalogue"))
}

/// A node was killed, and the others say what they notice of it.
fn output(program: &str) -> Result<String> {
    let mut deck = three(program, "fast", (SIZE.0, 28))?;
    kill_leader(&mut deck)?;
    deck.press("R")?;
    show(&mut deck, "output")?;
    settle();
    Ok(still(&deck, "The Output view: what the nodes and the deck's own parts log"))
}

/// A follower that was cut off, explained.
fn explain(program: &str) -> Result<String> {
    let mut deck = three(program, "debug", SIZE)?;
    let follower = if leader(&deck).as_deref() == Some("1") { "2" } else { "1" };
    deck.press(follower)?;
    deck.press("i")?;
    deck.wait_for("pre-candidate")?;
    deck.press("\r")?;
    deck.wait_for("what A node")?;
    settle();
    Ok(still(&deck, "An explanation: what a pre-candidate is, why this node is one, what would change that"))
}

/// The same screen for a lecture hall.
fn presenter(program: &str) -> Result<String> {
    let mut deck = three(program, "debug", (100, 30))?;
    let id = leader(&deck).ok_or("no leader")?;
    deck.press(&id)?;
    // F5
    deck.press("\x1b[15~")?;
    deck.wait_until("no tabs", |deck| !deck.shows("Charts"))?;
    std::thread::sleep(after(1_500));
    Ok(still(&deck, "Presenter mode: larger, with one sentence of what is going on"))
}
