use super::*;
use crate::app::{Msg, Settings, update};
use raftdeck_model::{Command, CommandId, Order};
use raftdeck_sim::{Live, LiveOptions};

/// What a cluster under load tells, until it is so many updates.
fn told(count: usize) -> Vec<Update> {
    let mut live = Live::new(LiveOptions::new(3, 5));
    live.send(Command { id: CommandId(1 << 32), what: Order::Workload(true) });
    let mut told = Vec::new();
    while told.len() < count {
        live.run_until(live.now() + Duration::from_millis(33));
        told.extend(live.take());
    }
    told.truncate(count);
    told
}

fn keeping(spacing: usize, most_bytes: usize) -> App {
    let mut app = App::new(Settings::default());
    app.keep_tape();
    (app.tape.spacing, app.tape.most_bytes) = (spacing, most_bytes);
    app
}

fn tell(app: &mut App, updates: &[Update]) {
    for told in updates {
        update(app, Msg::Told(told.clone()), told.at);
    }
}

/// What the deck knows, as far as it can be compared.
fn known(app: &App) -> String {
    let App { clock, world, beats, commits, succession, gauges, feed, flights, .. } = app;
    let App { messages, charts, operations, .. } = app;
    let first = format!("{clock:?}{world:?}{beats:?}{commits:?}{succession:?}{gauges:?}{feed:?}");
    format!("{first}{flights:?}{messages:?}{charts:?}{operations:?}")
}

#[test]
fn from_any_copy_on_the_same_is_heard_as_from_the_beginning() {
    let updates = told(9 * SEGMENT);
    let (mut near, mut far) = (keeping(SEGMENT, MAX_BYTES), keeping(usize::MAX, MAX_BYTES));
    tell(&mut near, &updates);
    tell(&mut far, &updates);
    assert!((2..=MAX_KEYFRAMES).contains(&near.tape.keyframes.len()) && far.tape.keyframes.len() == 1);
    assert!(near.tape.spacing > SEGMENT, "copies are thinned out");
    for to in [4 * SEGMENT, 4 * SEGMENT + 1, 7 * SEGMENT - 1, 17, 8 * SEGMENT + 100, 0, 2 * SEGMENT] {
        show(&mut near, to);
        show(&mut far, to);
        assert_eq!(near.tape.shown(), to);
        assert!(known(&near) == known(&far), "after {to} updates");
    }
}

#[test]
fn beyond_the_bound_the_oldest_are_forgotten_and_the_tape_says_from_where_it_is_kept() {
    let updates = told(9 * SEGMENT);
    let mut app = keeping(SEGMENT, 400 << 10);
    tell(&mut app, &updates);
    let from = app.tape.from();
    assert!(from >= SEGMENT && from.is_multiple_of(SEGMENT), "{from}");
    assert!(app.tape.bytes() <= (400 << 10) + SEGMENT * 1024, "{}", app.tape.bytes());
    show(&mut app, 0);
    assert_eq!(app.tape.shown(), from, "the oldest that is left");
    let mut straight = keeping(usize::MAX, MAX_BYTES);
    tell(&mut straight, &updates[..from]);
    assert!(known(&app) == known(&straight), "it is the same world");
    show(&mut app, usize::MAX);
    assert_eq!((app.tape.shown(), app.tape.is_behind()), (updates.len(), false));
}

#[test]
fn the_bound_holds_while_the_past_is_shown_too() {
    let updates = told(9 * SEGMENT);
    let mut app = keeping(SEGMENT, 400 << 10);
    tell(&mut app, &updates[..2 * SEGMENT + 10]);
    show(&mut app, 100);
    let shown = known(&app);
    tell(&mut app, &updates[2 * SEGMENT + 10..]);
    let places = (app.tape.from(), app.tape.shown(), app.tape.bytes());
    assert!(places.0 > 100 && places.1 == 100, "{places:?}");
    assert!(known(&app) == shown, "what is shown stays");
    assert!(app.tape.is_behind());
    show(&mut app, usize::MAX);
    let mut straight = keeping(usize::MAX, MAX_BYTES);
    tell(&mut straight, &updates);
    for deck in [&mut app, &mut straight] {
        // What has arrived on the links is forgotten at different times.
        update(deck, Msg::Wake, updates[updates.len() - 1].at);
    }
    assert!(known(&app) == known(&straight), "it is the same world");
}

#[test]
fn what_is_packed_is_what_was_kept() {
    let mut reel = Reel::default();
    let kept = |update: Update| Kept {
        now: update.at,
        time: update.at,
        is_quiet: update.seq.is_multiple_of(7),
        asides: Vec::new(),
        update,
    };
    let all: Vec<Kept> = told(2 * SEGMENT + 5).into_iter().map(kept).collect();
    for one in all.clone() {
        reel.push(one);
    }
    for number in [0, 1, SEGMENT - 1, SEGMENT, 2 * SEGMENT, 2 * SEGMENT + 4] {
        assert_eq!(reel.read(number).first(), all.get(number));
    }
    assert_eq!(reel.read(2 * SEGMENT + 5), []);
    reel.forget(SEGMENT);
    assert_eq!((reel.from(), reel.read(3)), (SEGMENT, &[][..]));
}
