//! What the Output view looks like. Its lines are in the log of the process, so that all its pictures are taken in one test, which has a
//! process of its own: one scene after the other fills the log and is painted.

mod fixture;

use crossterm::event::KeyCode;
use fixture::shown::shown;
use fixture::{Scene, logs, n, output, quiet};
use proptest::prelude::{Strategy, any, prop_assert, prop_oneof, proptest};
use raftdeck_deck::app::{ColourChoice, Settings};
use raftdeck_deck::output_log::OutputLog;
use raftdeck_model::{LogLevel, News, ProcessState};
use raftdeck_protocol::LogLine;
use raftdeck_protocol::printable::is_unsafe;
use raftdeck_raft::{LogId, LogIndex, Term};
use ratatui::buffer::Buffer;

const COLOUR: Settings = Settings { ascii: false, colour: ColourChoice::Terminal, mouse: true };
const PLAIN: Settings = Settings { ascii: false, colour: ColourChoice::Never, mouse: true };
const ASCII: Settings = Settings { ascii: true, colour: ColourChoice::Never, mouse: false };

const SIZES: [(u16, u16); 4] = [(80, 24), (120, 40), (200, 60), (40, 12)];

fn paint(scene: &mut Scene, (width, height): (u16, u16)) -> Buffer {
    scene.fill(&mut OutputLog::new());
    scene.paint(width, height)
}

fn check(name: &str, scene: impl Fn(Settings) -> Scene, sizes: &[(u16, u16)]) {
    for (kind, settings) in [("colour", COLOUR), ("plain", PLAIN), ("ascii", ASCII)] {
        for size in sizes {
            let buffer = paint(&mut scene(settings), *size);
            let (width, height) = size;
            insta::assert_snapshot!(format!("{name}-{width}x{height}-{kind}"), shown(&buffer));
            let is_ascii = buffer.content().iter().all(|cell| cell.symbol().is_ascii());
            assert!(is_ascii || !settings.ascii, "{name} at {width}x{height}");
        }
    }
}

fn text(buffer: &Buffer) -> String {
    let rows = buffer.content().chunks(buffer.area.width.into());
    rows.map(|row| row.iter().map(ratatui::buffer::Cell::symbol).collect::<String>() + "\n").collect()
}

/// One node's lines, debugging too.
fn focused(settings: Settings) -> Scene {
    let mut scene = output(settings);
    scene.press(KeyCode::Right);
    scene.key('o');
    scene
}

/// Lines in which something is found.
fn searched(settings: Settings) -> Scene {
    let mut scene = output(settings);
    scene.key('/');
    scene.type_in("n1");
    scene.press(KeyCode::Enter);
    scene
}

/// What a malicious node writes.
fn hostile(settings: Settings) -> Scene {
    let mut scene = output(settings);
    for line in [
        "\u{1b}[31mred\u{1b}[0m and \u{1b}]0;title\u{7}",
        "user \u{202e}nimda\u{202c} of a\u{200b}b\u{feff}",
        "\u{9b}2J\u{85}next\u{2028}line\r\tend\u{7f}",
    ] {
        scene.tell(News::Output { node: n(2), level: LogLevel::Warn, line: line.to_owned() });
    }
    scene
}

/// Many lines.
fn long(settings: Settings, lines: u64) -> Scene {
    let mut scene = output(settings);
    for number in 1..=lines {
        scene.now += fixture::ms(10);
        let line = format!("line {number} of {lines}");
        scene.tell(News::Output { node: n(1 + number % 3), level: LogLevel::Info, line });
    }
    scene
}

#[test]
fn the_log_is_shown_paged_focused_and_searched() {
    check("output", output, &SIZES);
    check("output-focused", focused, &[(80, 24)]);
    check("output-searched", searched, &[(80, 24)]);
    check("output-hostile", hostile, &[(80, 24)]);
    no_cell_holds_what_a_terminal_would_obey();
    whatever_is_written_is_safe_and_visible();
    every_size_can_be_painted();
    pages_are_turned_and_what_is_read_stays_in_place();
    levels_focus_and_targets_follow_the_keys();
    lines_are_searched();
    a_new_deck_begins_with_an_empty_log();
}

fn no_cell_holds_what_a_terminal_would_obey() {
    for settings in [COLOUR, ASCII] {
        for size in [(120, 40), (80, 24), (61, 20), (40, 12), (25, 7)] {
            let shown = text(&paint(&mut hostile(settings), size));
            assert!(!shown.contains(|c| is_unsafe(c) && c != '\n'), "at {size:?}: {shown}");
        }
    }
    let unicode = text(&paint(&mut hostile(COLOUR), (120, 40)));
    let ascii = text(&paint(&mut hostile(ASCII), (120, 40)));
    for (shown, red) in [(unicode, "␛[31mred"), (ascii, "^[[31mred")] {
        for visible in [red, "<U+202E>nimda", "a<U+200B>b", "<U+009B>2J<U+0085>next<U+2028>line"] {
            assert!(shown.contains(visible), "{visible} in {shown}");
        }
    }
}

fn whatever_is_written_is_safe_and_visible() {
    let odd =
        prop_oneof![any::<char>(), any::<u8>().prop_map(char::from), (0x2000..0x2070u32).prop_map(char_of)];
    proptest!(|(odd in odd, ascii in any::<bool>(), width in 30..130u16)| {
        let mut scene = output(if ascii { ASCII } else { COLOUR });
        scene.tell(News::Output { node: n(2), level: LogLevel::Warn, line: format!("before{odd}after") });
        let shown = text(&paint(&mut scene, (width, 30)));
        prop_assert!(!shown.contains(|c| is_unsafe(c) && c != '\n'), "{shown:?}");
        prop_assert!(!shown.contains('\u{fffd}') || odd == '\u{fffd}', "made visible before the last guard: {shown}");
        prop_assert!(!is_unsafe(odd) || !shown.contains("beforeafter"), "{odd:?} leaves a trace: {shown}");
    });
}

fn char_of(number: u32) -> char {
    char::from_u32(number).expect("a character")
}

fn every_size_can_be_painted() {
    let mut log = OutputLog::new();
    let mut scene = long(COLOUR, 60);
    scene.tell(News::Output { node: n(2), level: LogLevel::Warn, line: "日本 ".repeat(400) });
    scene.fill(&mut log);
    for width in (1..60).chain([80, 120, 300]) {
        for height in (1..12).chain([24, 100]) {
            scene.paint(width, height);
            scene.press(if (width + height) % 3 == 0 { KeyCode::Home } else { KeyCode::PageUp });
        }
    }
}

fn pages_are_turned_and_what_is_read_stays_in_place() {
    let mut log = OutputLog::new();
    let mut scene = long(COLOUR, 3000);
    let mut look = |scene: &mut Scene| {
        scene.fill(&mut log);
        text(&scene.paint(80, 24))
    };
    let newest = look(&mut scene);
    assert!(newest.contains("line 3000 of") && !newest.contains("newer below"), "{newest}");
    scene.press(KeyCode::PageUp);
    let back = look(&mut scene);
    assert!(back.contains("line 2985 of") && !back.contains("line 3000 of"), "{back}");
    assert!(back.contains("newer below"), "{back}");
    scene.tell(News::Output { node: n(1), level: LogLevel::Info, line: "one more".to_owned() });
    assert_eq!(look(&mut scene), back, "what is being read stays in place");
    scene.press(KeyCode::Home);
    let oldest = look(&mut scene);
    assert!(oldest.contains("listening") && oldest.contains("line 5 of"), "{oldest}");
    scene.press(KeyCode::PageDown);
    scene.press(KeyCode::Esc);
    let newest = look(&mut scene);
    assert!(newest.contains("one more") && !newest.contains("newer below"), "{newest}");
    scene.press(KeyCode::Home);
    look(&mut scene);
    scene.press(KeyCode::End);
    assert!(look(&mut scene).contains("one more"));
}

fn levels_focus_and_targets_follow_the_keys() {
    let mut log = OutputLog::new();
    let mut scene = output(COLOUR);
    let mut look = |scene: &mut Scene| {
        scene.fill(&mut log);
        text(&scene.paint(80, 24))
    };
    assert!(!look(&mut scene).contains("appended 42"));
    scene.key('1');
    scene.press(KeyCode::Right);
    assert!(look(&mut scene).contains("appended 42"), "debugging is shown of n1");
    scene.press(KeyCode::Right);
    assert!(look(&mut scene).contains("n1 is captured up to DEBUG: ] captures more"));
    scene.key(']');
    scene.press(KeyCode::Right);
    assert!(look(&mut scene).contains("EWIDT   n1"), "all levels of n1");
    scene.key('o');
    let one = look(&mut scene);
    assert!(one.contains("output of n1") && !one.contains("leader of term 1"), "{one}");
    scene.press(KeyCode::Down);
    let next = look(&mut scene);
    assert!(next.contains("output of n2") && next.contains("leader of term 1"), "{next}");
    assert!(!next.contains("appended 42"), "{next}");
    assert_eq!(scene.app.selected(), Some(n(2)));
    for _ in 0..5 {
        scene.press(KeyCode::Left);
    }
    scene.press(KeyCode::Left);
    assert!(look(&mut scene).contains("Nothing of this target at this level"));
    scene.key('c');
    assert!(!look(&mut scene).contains("EWID"), "the targets are hidden");
    scene.key('3');
    scene.press(KeyCode::Down);
    assert!(look(&mut scene).contains("output of deck"), "targets can be selected while they are hidden");
}

fn lines_are_searched() {
    let mut log = OutputLog::new();
    let mut scene = long(COLOUR, 1200);
    let mut look = |scene: &mut Scene| {
        scene.fill(&mut log);
        text(&scene.paint(80, 24))
    };
    look(&mut scene);
    scene.key('/');
    scene.type_in("fsync");
    let typed = look(&mut scene);
    assert!(typed.contains("fsync took 212 ms") && !typed.contains("line 1200"), "as it is typed: {typed}");
    scene.press(KeyCode::Enter);
    let found = look(&mut scene);
    assert!(found.contains("with \"fsync\" · 1 match"), "{found}");
    scene.key('/');
    scene.type_in(" nowhere");
    assert!(look(&mut scene).contains("No line has that."));
    scene.press(KeyCode::Esc);
    assert!(look(&mut scene).contains("with \"fsync\""), "as before");
    scene.press(KeyCode::Esc);
    let all = look(&mut scene);
    assert!(all.contains("line 1200 of") && !all.contains("with"), "{all}");
    scene.key('/');
    scene.type_in("line");
    scene.press(KeyCode::Enter);
    look(&mut scene);
    scene.key('N');
    let back = look(&mut scene);
    assert!(back.contains("1,200 matches") || back.contains("1200 matches"), "{back}");
    assert!(back.contains("newer below") && !back.contains("line 1200 of"), "{back}");
    scene.press(KeyCode::Esc);
    scene.press(KeyCode::Esc);
    assert!(look(&mut scene).contains("line 1200 of"));
}

fn a_new_deck_begins_with_an_empty_log() {
    paint(&mut output(COLOUR), (80, 24));
    let mut other = Scene::started(COLOUR, 3);
    other.press(KeyCode::BackTab);
    assert!(text(&paint(&mut other, (80, 24))).contains("Nothing has been written yet"));
}

#[test]
fn what_a_terminal_would_obey_is_visible_wherever_it_comes_from() {
    let odd = "a\u{1b}[31mb\u{202e}c";
    for (settings, visible) in [(COLOUR, "a␛[31mb<U+202E>c"), (ASCII, "a^[[31mb<U+202E>c")] {
        let shown = |mut scene: Scene, what: News| {
            scene.tell(what);
            text(&scene.paint(120, 40))
        };
        let failed = ProcessState::Failed { how: odd.to_owned(), last_words: vec![odd.to_owned()] };
        let failed = shown(quiet(settings, 3), News::Process { node: n(3), state: failed });
        assert!(failed.matches(visible).count() >= 2, "how it failed, and its last words: {failed}");
        let notice = shown(quiet(settings, 3), News::Trouble { reason: odd.to_owned() });
        assert!(notice.lines().rev().take(2).any(|line| line.contains(visible)), "{notice}");
        let id = LogId { term: Term(3), index: LogIndex(42) };
        let line = LogLine { id, text: odd.to_owned() };
        let entry = shown(logs(settings), News::Log { node: n(2), lines: vec![line] });
        assert!(entry.contains(visible), "{entry}");
    }
}
