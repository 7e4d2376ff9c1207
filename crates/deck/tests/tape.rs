//! Going back on the deck: every view shows the world as it was, nothing is sent meanwhile, and what follows is as if nobody had gone
//! back.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

#[path = "tape/busy.rs"]
mod busy;
#[path = "fixture/chance.rs"]
mod chance;
#[path = "tape/history.rs"]
mod history;

use chance::Chance;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use history::{History, history};
use proptest::prelude::*;
use raftdeck_deck::app::tape::{self, PAST, Tape};
use raftdeck_deck::app::{App, Effect, Msg, Settings, View, update};
use raftdeck_deck::view::view;
use raftdeck_model::{Ability, Capabilities, ClusterTime, News, Update};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::Timing;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use std::time::Duration;

/// Real time, while the cluster's stands still.
const LONG: Duration = Duration::from_secs(90);

/// The most wakes that playing may take.
const MOST_WAKES: usize = 100;

fn key(app: &mut App, code: KeyCode, now: Duration) -> Vec<Effect> {
    update(app, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)), now)
}

fn paint(app: &mut App, now: Duration, (width, height): (u16, u16)) -> Buffer {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    let mut landed = None;
    terminal.draw(|frame| landed = Some(view(app, now, frame))).unwrap();
    app.set_landed(landed.unwrap());
    terminal.backend().buffer().clone()
}

/// The picture of each view, beginning with the one that is shown. What was painted before decides what is asked, so it is painted twice.
fn all_views(app: &mut App, now: Duration, size: (u16, u16)) -> Vec<(View, Buffer)> {
    let mut views = Vec::new();
    for _ in View::ALL {
        paint(app, now, size);
        update(app, Msg::Wake, now);
        views.push((app.view(), paint(app, now, size)));
        key(app, KeyCode::Tab, now);
    }
    views
}

fn rows(buffer: &Buffer) -> Vec<String> {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect()
}

fn text(buffer: &Buffer) -> String {
    rows(buffer).join("\n")
}

/// Compares two pictures, but for the first row, in which the clock says that this is the past, and the last two, in which the keys are
/// faint that do nothing now and a notice stands for as long as a person needs to read it.
fn assert_same(shown: &Buffer, then: &Buffer, context: &str) {
    assert_eq!(shown.area, then.area, "{context}");
    for y in 1..shown.area.height - 2 {
        let differs = (0..shown.area.width).find(|x| shown[(*x, y)] != then[(*x, y)]);
        let row = usize::from(y);
        assert!(
            differs.is_none(),
            "{context}: at column {differs:?}\n{}\n{}\nof\n{}",
            rows(shown)[row],
            rows(then)[row],
            text(then)
        );
    }
}

fn sent_count(effects: &[Effect]) -> usize {
    effects.iter().filter(|effect| matches!(effect, Effect::Send(_))).count()
}

fn keeping() -> App {
    let mut app = App::new(Settings::default());
    app.keep_tape();
    app
}

/// A deck that heard the messages until it had heard so many updates, and when that was.
fn heard(mut app: App, history: &History, count: usize) -> (App, Duration) {
    let (mut now, mut told) = (Duration::ZERO, 0);
    for (msg, at) in &history.messages {
        if told == count {
            break;
        }
        told += usize::from(matches!(msg, Msg::Told(_)));
        now = *at;
        update(&mut app, msg.clone(), now);
    }
    (app, now)
}

/// The Logs view as it was, and the texts of the entries as they were read at any time: they never change.
fn with_texts(history: &History, count: usize, size: (u16, u16)) -> Buffer {
    let (mut app, now) = heard(keeping(), history, count);
    let at = app.clock().at(now);
    for update_ in history.updates().filter(|update| matches!(update.what, News::Log { .. })) {
        update(&mut app, Msg::Told(Update { at, seq: 0, what: update_.what.clone() }), now);
    }
    while app.view() != View::Logs {
        key(&mut app, KeyCode::Tab, now);
    }
    paint(&mut app, now, size);
    update(&mut app, Msg::Wake, now);
    paint(&mut app, now, size)
}

fn past_only() -> Capabilities {
    Capabilities::only(&[], PAST)
}

fn positions(history: &History, seed: u64) -> Vec<usize> {
    let mut chance = Chance(seed ^ 0xbac4);
    let len = history.count() as u64;
    (0..20).map(|_| usize::try_from(chance.below(len)).unwrap()).collect()
}

#[test]
fn going_back_shows_each_view_as_it_was() {
    let history = history(1, true);
    let (mut app, end) = heard(keeping(), &history, usize::MAX);
    let later = end + LONG;
    for at in positions(&history, 1) {
        tape::show(&mut app, at);
        assert_eq!((app.tape().shown(), app.tape().is_behind()), (at, true));
        for size in [(120, 40), (80, 24)] {
            let (mut then, now) = heard(keeping(), &history, at);
            while then.view() != app.view() {
                key(&mut then, KeyCode::Tab, now);
            }
            let pictures = all_views(&mut app, later, size).into_iter().zip(all_views(&mut then, now, size));
            // The store is not asked in the past: that view has a test of its own.
            for ((name, shown), (other, picture)) in pictures.filter(|((name, _), _)| *name != View::Data) {
                assert_eq!(name, other);
                let then = if name == View::Logs { with_texts(&history, at, size) } else { picture };
                assert_same(&shown, &then, &format!("{name:?} after {at} updates at {now:?}, {size:?}"));
            }
        }
    }
}

#[test]
fn going_back_shows_the_keys_as_they_were_told_and_explains_as_then() {
    let history = history(2, true);
    let (mut app, end) = heard(keeping(), &history, usize::MAX);
    for at in positions(&history, 2) {
        tape::show(&mut app, at);
        let (mut then, now) = heard(App::new(Settings::default()).over(past_only()), &history, at);
        for open in [false, true] {
            if open {
                key(&mut app, KeyCode::Char('e'), end + LONG);
                key(&mut then, KeyCode::Char('e'), now);
            }
            while then.view() != app.view() {
                key(&mut then, KeyCode::Tab, now);
            }
            let shown = all_views(&mut app, end + LONG, (120, 40));
            let pictures = shown.into_iter().zip(all_views(&mut then, now, (120, 40)));
            for ((name, shown), (_, then)) in pictures {
                // This other deck asked for other things, whose answers the charts count.
                if matches!(name, View::Cluster | View::Data) {
                    assert_same(&shown, &then, &format!("{name:?} after {at} updates at {now:?}"));
                }
            }
        }
        key(&mut app, KeyCode::Esc, end + LONG);
    }
}

#[test]
fn the_clock_says_that_this_is_the_past_in_every_view_and_size() {
    let history = history(3, false);
    let (mut app, end) = heard(keeping(), &history, usize::MAX);
    let at = history.count() / 2;
    tape::show(&mut app, at);
    let (then, now) = heard(keeping(), &history, at);
    let time = then.clock().at(now);
    let stamp = format!("{}:{:02}.{:03}", time.as_secs() / 60, time.as_secs() % 60, time.subsec_millis());
    for size in [(120, 40), (80, 24), (60, 12)] {
        for (name, shown) in all_views(&mut app, end + LONG, size) {
            assert!(
                rows(&shown)[0].contains(&format!(" PAST {stamp} ")),
                "{name:?} {size:?}:\n{}",
                text(&shown)
            );
        }
    }
    assert!(text(&paint(&mut app, end + LONG, (20, 5))).contains("PAST"));
    key(&mut app, KeyCode::Char('B'), end + LONG);
    assert!(text(&paint(&mut app, end + LONG, (120, 40))).contains("PAST"), "also for an audience");
    tape::show(&mut app, usize::MAX);
    assert!(!text(&paint(&mut app, end + LONG, (120, 40))).contains("PAST"));
}

#[test]
fn what_follows_is_as_if_nobody_had_gone_back() {
    let history = history(4, true);
    let half = history.messages.len() / 2;
    let (mut app, mut straight) = (keeping(), keeping());
    let mut chance = Chance(4);
    for (place, (msg, now)) in history.messages.iter().enumerate() {
        let sent = sent_count(&update(&mut app, msg.clone(), *now));
        let expected = sent_count(&update(&mut straight, msg.clone(), *now));
        if place > half && chance.below(40) == 0 {
            for _ in 0..3 {
                let to = usize::try_from(chance.below(app.tape().len() as u64)).unwrap();
                tape::show(&mut app, to);
            }
            tape::show(&mut app, usize::MAX);
        } else {
            // What the screen shows of logs and keys is asked for, whether or not somebody went back.
            assert_eq!(sent, expected, "at {now:?}");
        }
        assert!(!app.tape().is_behind());
        assert_eq!(app.clock().at(*now), straight.clock().at(*now));
    }
    let now = history.end();
    for size in [(120, 40), (80, 24)] {
        let pictures = all_views(&mut app, now, size).into_iter().zip(all_views(&mut straight, now, size));
        for ((name, shown), (_, straight)) in pictures {
            assert_eq!(text(&shown), text(&straight), "{name:?}");
            assert_eq!(shown, straight, "{name:?}");
        }
    }
}

#[test]
fn nothing_is_sent_while_the_past_is_shown_and_the_keys_say_why() {
    let history = history(5, true);
    let (mut app, end) = heard(keeping(), &history, usize::MAX);
    let mut now = end + LONG;
    tape::show(&mut app, history.count() / 2);
    let is_sent = |effects: &[Effect]| sent_count(effects) > 0;
    for _ in View::ALL {
        for c in "kKrRzpihtexAwWb lnNuU dDsS123 <>+-".chars() {
            let mut effects = key(&mut app, KeyCode::Char(c), now);
            effects.extend(key(&mut app, KeyCode::Enter, now));
            effects.extend(key(&mut app, KeyCode::Esc, now));
            effects.extend(update(&mut app, Msg::Wake, now));
            assert!(!is_sent(&effects), "{c}: {effects:?}");
            now += Duration::from_millis(700);
            paint(&mut app, now, (120, 40));
        }
        key(&mut app, KeyCode::Tab, now);
    }
    for line in ["kill 1", "heal", "put color red", "rate 0.5", "undo", "isolate 2", "workload on"] {
        key(&mut app, KeyCode::Char(':'), now);
        for c in line.chars() {
            key(&mut app, KeyCode::Char(c), now);
        }
        let effects = key(&mut app, KeyCode::Enter, now);
        assert!(!is_sent(&effects), "{line}: {effects:?}");
        assert!(text(&paint(&mut app, now, (120, 40))).contains("this is the past"), "{line}");
        key(&mut app, KeyCode::Esc, now);
        key(&mut app, KeyCode::Esc, now);
    }
    while app.view() != View::Cluster {
        key(&mut app, KeyCode::Tab, now);
    }
    key(&mut app, KeyCode::Char('K'), now);
    assert!(text(&paint(&mut app, now, (120, 40))).contains(PAST));
    // Back in the present the same key acts.
    tape::show(&mut app, usize::MAX);
    assert!(is_sent(&key(&mut app, KeyCode::Char('K'), now)), "the present can be changed");
}

#[test]
fn what_is_told_meanwhile_is_there_after_coming_back() {
    let history = history(6, false);
    let (mut app, end) = heard(keeping(), &history, usize::MAX);
    let now = end + LONG;
    tape::show(&mut app, 10);
    update(&mut app, Msg::Wake, now);
    let at = app.clock().at(now) + Duration::from_secs(200);
    let seq = history.count() as u64 + 1;
    let rate = ClockRate::from_millionths(10_000).unwrap();
    let trouble = News::Trouble { reason: "a sentence of the present".to_owned() };
    for (seq, what) in [(seq, trouble), (seq + 1, News::Time(ClusterTime { rate, now: at }))] {
        let effects = update(&mut app, Msg::Told(Update { at, seq, what }), now);
        assert_eq!(effects, [], "it waits");
    }
    assert!(!text(&paint(&mut app, now, (120, 40))).contains("a sentence of the present"));
    assert_eq!((app.tape().shown(), app.tape().len()), (10, history.count() + 2));
    tape::show(&mut app, history.count() + 2);
    assert!(text(&paint(&mut app, now, (120, 40))).contains("a sentence of the present"));
    assert_eq!((app.clock().rate(), app.clock().at(now)), (rate, at), "the clock is the source's");
}

/// Wakes the deck when it wants to be woken, while it is played; how often, and how much real time passed.
fn play_out(app: &mut App, mut now: Duration) -> (usize, Duration) {
    let began = now;
    for wakes in 0..MOST_WAKES {
        if !app.tape().is_playing() {
            return (wakes, now.saturating_sub(began));
        }
        now = app.next_wake(now).unwrap();
        update(app, Msg::Wake, now);
    }
    panic!("it plays for ever");
}

#[test]
fn playing_goes_at_the_pace_of_then_and_arrives() {
    let history = history(7, false);
    let (mut app, end) = heard(keeping(), &history, usize::MAX);
    let now = end + LONG;
    let (from, to) = (history.count() / 3, history.count() / 3 * 2);
    tape::show(&mut app, from);
    let began = app.clock().at(Duration::ZERO);
    tape::play(&mut app, to, now);
    assert!(app.tape().is_playing());
    assert!(rows(&paint(&mut app, now, (120, 40)))[0].contains(" PAST ▶ "), "it moves");
    let mut shown = vec![app.tape().shown()];
    let mut at = now;
    while app.tape().is_playing() && shown.len() < MOST_WAKES {
        at = app.next_wake(at).unwrap();
        update(&mut app, Msg::Wake, at);
        shown.push(app.tape().shown());
    }
    assert!(shown.is_sorted() && shown.len() > 10, "{shown:?}, from {began:?}");
    assert!(at <= now + Duration::from_secs(4), "{at:?} is too long after {now:?}");
    assert_eq!((app.tape().shown(), app.tape().is_behind()), (to, true));
    let (mut then, then_now) = heard(keeping(), &history, to);
    let shown = paint(&mut app, at, (120, 40));
    assert_same(&shown, &paint(&mut then, then_now, (120, 40)), "where it arrives");
    // To the end, and there the deck is live again.
    tape::play(&mut app, usize::MAX, at);
    let (wakes, _) = play_out(&mut app, at);
    assert!(wakes <= MOST_WAKES && !app.tape().is_behind());
    tape::show(&mut app, from);
    tape::play(&mut app, usize::MAX, at);
    tape::jump(&mut app);
    assert!(!app.tape().is_playing() && !app.tape().is_behind());
}

#[test]
fn a_recording_is_a_tape_in_which_nothing_is_live() {
    let history = history(8, false);
    let updates: Vec<Update> = history.updates().cloned().collect();
    let capabilities = Capabilities::only(&[], "this is a recording: it cannot be changed").recorded();
    let mut app = App::new(Settings::default());
    let now = Duration::from_secs(7);
    app.load_tape(Tape::of(updates.clone()), capabilities, now);
    assert_eq!((app.tape().len(), app.tape().shown()), (updates.len(), 0));
    let size = (120, 40);
    let mut pictures = Vec::new();
    for at in [40, updates.len(), 40] {
        tape::show(&mut app, at);
        assert_eq!(app.tape().is_behind(), at < updates.len());
        let shown = paint(&mut app, now, size);
        assert!(rows(&shown)[0].contains("RECORDING") && !text(&shown).contains("PAST"), "{}", text(&shown));
        pictures.push(shown);
    }
    assert_eq!(pictures[0], pictures[2]);
    assert_ne!(text(&pictures[0]), text(&pictures[1]));
    assert_eq!(app.next_wake(now), None, "it stands still");
    let effects = key(&mut app, KeyCode::Char('K'), now);
    assert_eq!(sent_count(&effects), 0);
    assert!(text(&paint(&mut app, now, size)).contains("this is a recording"));
    assert!(rows(&paint(&mut app, now, size))[0].contains(" RECORDING  ‖ "));
    tape::play(&mut app, usize::MAX, now);
    assert!(rows(&paint(&mut app, now, size))[0].contains(" RECORDING  ▶ "), "it moves");
    play_out(&mut app, now);
    assert_eq!(app.tape().shown(), updates.len());
}

#[test]
fn another_cluster_begins_another_tape_and_a_plain_deck_keeps_nothing() {
    let history = history(9, false);
    let (plain, _) = heard(App::new(Settings::default()), &history, usize::MAX);
    assert_eq!((plain.tape().len(), plain.tape().bytes()), (0, 0));
    let (mut app, end) = heard(keeping(), &history, usize::MAX);
    tape::show(&mut app, 12);
    app.load_tape(Tape::default(), Capabilities::all(), end);
    assert!(app.tape().is_empty() && !app.tape().is_behind());
    assert_eq!(app.capabilities().has(Ability::Store), Ok(()));
}

#[test]
fn a_busy_cluster_takes_little_memory() {
    let mut app = keeping();
    busy::busy(Timing::FAST, true, Duration::from_secs(20), |told| {
        let now = told.at;
        update(&mut app, Msg::Told(told), now);
    });
    let per_update = app.tape().bytes() / app.tape().len();
    assert!(app.tape().len() > 8000, "{}", app.tape().len());
    assert!(per_update < 200, "{per_update} bytes for each update");
}

#[derive(Clone, Debug)]
enum Step {
    Hear(usize),
    Show(usize),
    Play(usize),
    Jump,
    Wait(u64),
    Paint(u16, u16),
    Press(char),
}

fn step() -> impl Strategy<Value = Step> {
    let place = prop_oneof![4 => 0..400usize, 1 => Just(usize::MAX)];
    prop_oneof![
        4 => (1..60usize).prop_map(Step::Hear),
        3 => place.clone().prop_map(Step::Show),
        3 => place.prop_map(Step::Play),
        1 => Just(Step::Jump),
        3 => (0..3000u64).prop_map(Step::Wait),
        2 => (1..130u16, 1..45u16).prop_map(|(width, height)| Step::Paint(width, height)),
        1 => prop::sample::select(vec!['\t', 'K', ' ', 'w', ':', '\u{1b}', 'G', 'g']).prop_map(Step::Press),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 20, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn whatever_is_shown_and_played_the_end_is_that_of_a_deck_that_never_went_back(
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let history = history::short();
        let mut updates = history.updates().cloned();
        let (mut app, mut straight) = (keeping(), keeping());
        let mut now = Duration::ZERO;
        for step in steps {
            match step {
                Step::Hear(count) => {
                    for told in updates.by_ref().take(count) {
                        now = now.max(told.at);
                        update(&mut app, Msg::Told(told.clone()), now);
                        update(&mut straight, Msg::Told(told), now);
                    }
                }
                Step::Show(to) => tape::show(&mut app, to),
                Step::Play(to) => tape::play(&mut app, to, now),
                Step::Jump => tape::jump(&mut app),
                Step::Wait(millis) => {
                    now += Duration::from_millis(millis);
                    update(&mut app, Msg::Wake, now);
                }
                Step::Paint(width, height) => drop(paint(&mut app, now, (width, height))),
                Step::Press(c) => {
                    let code = match c {
                        '\t' => KeyCode::Tab,
                        '\u{1b}' => KeyCode::Esc,
                        c => KeyCode::Char(c),
                    };
                    let is_past = app.tape().is_past();
                    let effects = key(&mut app, code, now);
                    prop_assert!(!is_past || !effects.iter().any(|effect| matches!(effect, Effect::Send(_))));
                }
            }
            prop_assert!(app.tape().shown() <= app.tape().len());
        }
        tape::show(&mut app, usize::MAX);
        prop_assert!(!app.tape().is_behind() && !app.tape().is_past());
        prop_assert_eq!(app.world(), straight.world());
        prop_assert_eq!(app.feed().entries(), straight.feed().entries());
        prop_assert_eq!(app.succession(), straight.succession());
        prop_assert_eq!(app.clock().at(now), straight.clock().at(now));
        prop_assert_eq!(app.capabilities(), straight.capabilities());
        prop_assert_eq!(app.messages().held(), straight.messages().held());
    }
}
