use super::*;
use crate::app::{Msg, Settings, update};
use raftdeck_model::{News, Update};

const N1: NodeId = NodeId(1);

fn ms(ms: u64) -> (Duration, Duration) {
    (Duration::from_millis(ms), Duration::from_millis(ms))
}

fn shown(output: &Output) -> Vec<&str> {
    let (selected, _) = output.selected();
    output
        .lines
        .iter()
        .filter(|kept| output.shows(kept, selected))
        .map(|kept| kept.line.text.as_str())
        .collect()
}

fn app() -> App {
    let mut app = App::new(Settings::default());
    let nodes = (1..=12).map(NodeId).collect();
    tell(&mut app, News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() });
    app.view = View::Output;
    app
}

fn tell(app: &mut App, what: News) {
    let told = Update { at: Duration::ZERO, seq: 0, what };
    update(app, Msg::Told(told), Duration::ZERO);
}

fn press(app: &mut App, code: crossterm::event::KeyCode) {
    update(app, Msg::Key(code.into()), Duration::ZERO);
}

#[test]
fn lines_are_bounded_and_what_a_terminal_would_obey_is_visible() {
    let mut output = Output::default();
    for n in 0..MAX_LINES as u64 + 10 {
        output.tell(&node_target(N1), LogLevel::Info, "a\x1b[31mb\u{202e}c", ms(n));
    }
    assert_eq!(output.len(), MAX_LINES);
    assert_eq!(output.newest().map(|line| line.text.as_str()), Some("a␛[31mb<U+202E>c"));
    output.tell("lab", LogLevel::Info, &"x".repeat(1 << 20), ms(0));
    assert_eq!(output.newest().map(|line| line.text.len()), Some(MAX_LINE));
    for n in 0..1000 {
        output.tell(&node_target(NodeId(n)), LogLevel::Info, "many nodes", ms(100 * n));
    }
    assert!(output.targets().len() <= MAX_TARGETS + 1, "{}", output.targets().len());
}

#[test]
fn levels_are_captured_and_shown_by_target() {
    let mut output = Output::default();
    let write = |output: &mut Output| {
        for (target, level, text) in [
            ("  n1", LogLevel::Info, "one info"),
            ("  n1", LogLevel::Debug, "one debug"),
            ("  n2", LogLevel::Debug, "two debug"),
            ("  n2", LogLevel::Trace, "two trace"),
            ("  n2", LogLevel::Error, "two error"),
        ] {
            output.tell(target, level, text, ms(0));
        }
    };
    write(&mut output);
    assert_eq!(shown(&output), ["one info", "two error"]);
    assert_eq!(output.len(), 4, "traces are not captured");
    output.select_node(N1);
    output.show(true);
    assert_eq!(shown(&output), ["one info", "one debug", "two error"], "what was captured before is shown");
    output.capture(false);
    output.capture(false);
    assert_eq!(output.selected().1, Levels { shown: LevelFilter::Warn, captured: LevelFilter::Warn });
    assert_eq!(shown(&output), ["two error"], "what is not captured is not shown");
    output.take_changes();
    write(&mut output);
    assert_eq!(output.len(), 6);
    output.is_focused = true;
    assert_eq!(shown(&output), <[&str; 0]>::default());
    assert_eq!(output.newest(), None);
    output.capture(true);
    let captured = LogChange::Capture("  n1".to_owned(), LevelFilter::Info);
    assert_eq!(output.take_changes().last(), Some(&captured));
}

#[test]
fn what_is_searched_for_replaces_the_log_and_its_end_brings_all_back() {
    let mut output = Output::default();
    for text in ["fsync took 212 ms", "leader of term 1", "FSYNC again"] {
        output.tell("  n1", LogLevel::Info, text, ms(0));
    }
    let refilled = |output: &mut Output| match &output.take_changes()[..] {
        [LogChange::Refill(lines)] => lines.iter().map(|line| line.text.clone()).collect::<Vec<_>>(),
        other => panic!("{other:?}"),
    };
    output.look_for(Find::new("fsync"));
    assert_eq!(refilled(&mut output), ["fsync took 212 ms", "FSYNC again"]);
    output.tell("  n1", LogLevel::Info, "follows n2", ms(0));
    assert_eq!(output.take_changes(), [], "it does not contain the text");
    assert_eq!(output.newest().map(|line| line.number), Some(2));
    output.look_for(Find::new("n1 info fsync"));
    assert_eq!(refilled(&mut output).len(), 2, "the target and the level can be looked for too");
    output.look_for(Find::default());
    assert_eq!(refilled(&mut output).len(), 4, "also what came meanwhile");
}

#[test]
fn ten_thousand_lines_a_second_are_taken_and_what_is_beyond_the_bound_is_counted_and_said() {
    let mut output = Output::default();
    for line in 0..20_000 {
        output.tell("  n1", LogLevel::Info, "flood", ms(line / 10));
        output.take_changes();
    }
    assert_eq!(output.next_change(), None, "none was dropped in two seconds");
    let mut flooded = 0;
    for line in 0..10_000 {
        output.tell("  n1", LogLevel::Info, "flood", ms(3000 + line / 200));
        flooded += output.take_changes().len();
    }
    assert_eq!(flooded, 2000);
    let due = output.next_change().expect("there is something to say");
    assert!(!output.settle(ms(3050).0, due), "the moment is not over");
    assert!(output.settle(due, due));
    let said = output.newest().expect("it is shown");
    assert_eq!((said.target.as_str(), said.level), ("deck", LogLevel::Warn));
    assert_eq!(said.text, "8,000 lines were dropped because they arrived faster than they could be kept");
    output.lose(1);
    output.settle(due + Duration::from_secs(1), due);
    let said = "1 line was dropped because it arrived faster than it could be kept";
    assert_eq!(output.newest().map(|line| line.text.as_str()), Some(said));
}

#[test]
fn the_selected_node_and_the_selected_target_are_the_same_and_stay_when_others_come() {
    use crossterm::event::KeyCode;
    let mut app = app();
    let names = |app: &App| app.output.targets().map(|(name, _)| name.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&app)[8..], ["n9", "n10", "n11", "n12", "deck"]);
    press(&mut app, KeyCode::Char('3'));
    assert_eq!(app.output.selected().0, "  n3");
    press(&mut app, KeyCode::Down);
    assert_eq!((app.output.selected().0, app.selected), ("  n4", Some(NodeId(4))));
    for _ in 0..20 {
        press(&mut app, KeyCode::Down);
    }
    assert_eq!((app.output.selected().0, app.selected), ("deck", Some(NodeId(12))), "the deck is no node");
    let text = "a relay cannot accept".to_owned();
    update(&mut app, Msg::Wrote { part: "client".to_owned(), level: LogLevel::Warn, text }, Duration::ZERO);
    assert_eq!(names(&app)[11..], ["n12", "client", "deck"]);
    assert_eq!(app.output.selected().0, "deck", "the selection does not slide");
    press(&mut app, KeyCode::Up);
    assert_eq!(app.output.selected().0, "client");
}

#[test]
fn another_cluster_begins_with_an_empty_log_and_the_same_levels() {
    let mut app = app();
    app.output.select_node(N1);
    app.output.show(true);
    tell(&mut app, News::Output { node: N1, level: LogLevel::Info, line: "old".to_owned() });
    let effects = update(&mut app, Msg::ClusterFailed("no".to_owned()), Duration::ZERO);
    assert!(effects.contains(&crate::app::Effect::Log(LogChange::Refill(Vec::new()))), "{effects:?}");
    assert!(app.output.is_empty());
    assert_eq!(app.output.selected().1.shown, LevelFilter::Debug);
}

#[test]
fn thousands_are_set_apart() {
    let all = [0, 999, 1000, 2140, 123_456, 1_234_567].map(grouped);
    assert_eq!(all, ["0", "999", "1,000", "2,140", "123,456", "1,234,567"]);
}
