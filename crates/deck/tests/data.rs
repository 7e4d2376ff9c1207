//! What the Data view asks the source and when, and what its keys do.

mod fixture;

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fixture::data::{Pairs, answer, open, pairs, recorded};
use fixture::{Scene, drills, leader, ms, n, node_status, quiet, rate};
use raftdeck_deck::app::data::{HistoryStart, VersionKind, is_look};
use raftdeck_deck::app::{Effect, Msg, Settings, View, update};
use raftdeck_deck::sentences::sentence;
use raftdeck_deck::view::{Pane, Target};
use raftdeck_model::{
    ClientOp, ClientOutcome, ClientRequest, Command, CommandId, News, Order, ProcessState, RequestFate,
};
use raftdeck_protocol::{Consistency, Read};
use raftdeck_raft::LogIndex;

fn opened(pairs: &Pairs) -> Scene {
    let mut scene = quiet(Settings::default(), 3);
    open(&mut scene, pairs);
    scene.paint(120, 40);
    scene
}

fn many() -> Pairs {
    (0..2000).map(|n| (format!("k{n:05}").into_bytes(), b"v".to_vec())).collect()
}

/// The reads of the store among effects.
fn reads(effects: &[Effect]) -> Vec<(CommandId, ClientRequest)> {
    let read = |effect: &Effect| match effect {
        Effect::Send(Command { id, what: Order::Client(request) }) => Some((*id, request.clone())),
        _ => None,
    };
    effects.iter().filter_map(read).collect()
}

fn wake(scene: &mut Scene) -> Vec<Effect> {
    update(&mut scene.app, Msg::Wake, scene.now)
}

fn commits(scene: &mut Scene, index: u64) -> Vec<Effect> {
    let status = node_status(leader(2, 3, &[(1, index)], index));
    scene.tell(News::Status { node: n(2), status: Box::new(status.into()) })
}

fn selected(scene: &Scene) -> String {
    fixture::data::selected(scene)
}

fn text(scene: &mut Scene) -> String {
    let buffer = scene.paint(80, 24);
    let row = |y| (0..80).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..24).map(row).collect::<Vec<_>>().join("\n")
}

#[test]
fn it_reads_only_while_it_is_open_and_only_when_something_was_committed() {
    let mut scene = quiet(Settings::default(), 3);
    assert_eq!(reads(&wake(&mut scene)), [], "another view is open");
    open(&mut scene, &pairs());
    scene.at(20_000);
    assert_eq!(reads(&wake(&mut scene)), [], "nothing was committed");
    assert_eq!(scene.app.next_wake(scene.now), Some(ms(21_000)), "nor is it planned: this is the clock");
    let effects = commits(&mut scene, 43);
    let [(id, request)] = &reads(&effects)[..] else { panic!("one read: {effects:?}") };
    assert!(is_look(*id));
    assert_eq!(request.consistency, Consistency::Lease, "it costs the cluster no message");
    assert_eq!(reads(&commits(&mut scene, 44)), [], "one at a time");
    answer(&mut scene, &effects, &pairs(), 43);
    assert_eq!(reads(&wake(&mut scene)), [], "at most once a second");
    assert_eq!(scene.app.next_wake(scene.now), Some(ms(21_000)));
    scene.at(21_000);
    assert_eq!(reads(&wake(&mut scene)).len(), 1);
}

#[test]
fn in_frozen_time_and_without_a_leader_nothing_is_asked() {
    let mut scene = opened(&pairs());
    rate(&mut scene, 0, 9_000);
    scene.at(12_000);
    assert_eq!(commits(&mut scene, 43), []);
    rate(&mut scene, 1_000_000, 9_000);
    scene.tell(News::Process { node: n(2), state: ProcessState::Killed });
    scene.at(20_000);
    assert_eq!(reads(&wake(&mut scene)), []);
    assert!(text(&mut scene).contains("last known: 42"), "{}", text(&mut scene));
}

#[test]
fn its_reads_are_told_nowhere_else() {
    let mut scene = quiet(Settings::default(), 3);
    let before = scene.app.feed().entries().len();
    open(&mut scene, &pairs());
    assert_eq!(scene.app.feed().entries().len(), before);
    let request = ClientRequest::from(ClientOp::Read(Read::Get { key: "a".into() }));
    let outcome = ClientOutcome::Failed { reason: "no".into(), fate: RequestFate::NothingChanged };
    let of = |id| News::Client { id, request: request.clone(), outcome: outcome.clone(), took: ms(1) };
    assert_eq!(sentence(&of(CommandId((1 << 40) + 7))), None, "in a recording neither");
    assert!(sentence(&of(CommandId(7))).is_some());
}

#[test]
fn a_failed_read_leaves_what_was_known_and_says_so() {
    let mut scene = opened(&pairs());
    scene.at(20_000);
    let effects = commits(&mut scene, 43);
    let (id, request) = reads(&effects).remove(0);
    let reason = "n2 did not answer in time".to_owned();
    let outcome = ClientOutcome::Failed { reason, fate: RequestFate::NothingChanged };
    scene.tell(News::Client { id, request, outcome, took: ms(5000) });
    let shown = text(&mut scene);
    assert!(shown.contains("last known: 42") && shown.contains("n2 did not"), "{shown}");
    assert!(shown.contains("color"), "{shown}");
    assert_eq!(reads(&wake(&mut scene)), [], "not at once");
    scene.at(22_000);
    let effects = wake(&mut scene);
    answer(&mut scene, &effects, &pairs(), 43);
    let shown = text(&mut scene);
    assert!(!shown.contains("last known"), "{shown}");
}

#[test]
fn many_keys_are_read_a_page_at_a_time_forwards_and_back() {
    let pairs = many();
    let mut scene = opened(&pairs);
    let mut asked = 0;
    for (key, times) in [(KeyCode::PageDown, 30), (KeyCode::PageUp, 40)] {
        for _ in 0..times {
            let effects = scene.press(key);
            asked += answer(&mut scene, &effects, &pairs, 42);
            while let effects @ [_, ..] = &wake(&mut scene)[..] {
                asked += answer(&mut scene, effects, &pairs, 42);
            }
            let key = selected(&scene);
            assert!(scene.app.data().selected_value().is_some(), "{key} is on the page");
            let page = scene.app.data().page().map_or(0, |page| page.pairs.len());
            assert!(page <= 1000, "a page is bounded");
        }
        if key == KeyCode::PageDown {
            assert!(selected(&scene).as_str() > "k00500", "{}", selected(&scene));
        }
    }
    assert_eq!(selected(&scene), "k00000");
    assert!((10..80).contains(&asked), "{asked} pages");
}

#[test]
fn a_prefix_is_searched_by_the_store_and_esc_leaves_it_as_it_was() {
    let mut scene = opened(&pairs());
    scene.key('/');
    scene.type_in("user/0");
    let effects = scene.key('2');
    scene.press(KeyCode::Enter);
    let (_, request) = reads(&effects).remove(0);
    assert!(
        matches!(&request.op, ClientOp::Read(Read::List { prefix, after: None, .. }) if prefix == "user/02"),
        "{request:?}"
    );
    answer(&mut scene, &effects, &pairs(), 42);
    assert_eq!((scene.app.data().rows().len(), selected(&scene)), (10, "user/020".to_owned()));
    scene.key('/');
    scene.type_in("5");
    scene.press(KeyCode::Esc);
    assert_eq!(scene.app.data().prefix(), "user/02");
}

#[test]
fn w_begins_a_put_of_the_selected_key_and_delete_its_deletion_and_nothing_is_sent() {
    let mut keys = pairs();
    keys.insert(b"a key \"quoted\"".to_vec(), b"1".to_vec());
    keys.insert(vec![0xff, 0x00], b"1".to_vec());
    let mut scene = opened(&keys);
    assert_eq!(scene.key('w'), []);
    assert!(text(&mut scene).contains("put \"a key \\\"quoted\\\"\""), "{}", text(&mut scene));
    scene.press(KeyCode::Esc);
    scene.press(KeyCode::Down);
    assert_eq!(scene.press(KeyCode::Delete), []);
    let effects = scene.press(KeyCode::Enter);
    let (_, request) = reads(&effects).remove(0);
    assert!(
        matches!(&request.op, ClientOp::Write(write) if write.to_string() == "delete color"),
        "{request:?}"
    );
    scene.press(KeyCode::End);
    assert_eq!(scene.press(KeyCode::Delete), []);
    assert!(text(&mut scene).contains("cannot be typed"), "{}", text(&mut scene));
}

#[test]
fn a_click_selects_the_key_that_was_painted_there_even_if_the_list_has_changed_since() {
    let mut scene = opened(&pairs());
    scene.paint(80, 24);
    let third = scene.app_area(Target::Key(2));
    let mut fewer = pairs();
    fewer.remove(&b"config"[..]);
    scene.at(20_000);
    let effects = commits(&mut scene, 43);
    answer(&mut scene, &effects, &fewer, 43);
    let click = MouseEvent {
        kind: MouseEventKind::Down(MouseButton::Left),
        column: third.x + 3,
        row: third.y,
        modifiers: KeyModifiers::NONE,
    };
    scene.mouse(click);
    assert_eq!(selected(&scene), "counter");
}

#[test]
fn the_wheel_scrolls_the_value_over_the_value_and_selects_over_the_list() {
    let mut scene = fixture::data::bytes(Settings::default());
    scene.paint(80, 24);
    let value = scene.app_area(Target::Pane(Pane::Value));
    let wheel = |column, row| MouseEvent {
        kind: MouseEventKind::ScrollDown,
        column,
        row,
        modifiers: KeyModifiers::NONE,
    };
    scene.mouse(wheel(value.x, value.y));
    assert_eq!((scene.app.data().scroll, selected(&scene)), (3, "picture".to_owned()));
    for _ in 0..100 {
        scene.press(KeyCode::Right);
    }
    assert!(text(&mut scene).contains("lines 10-17 of 17"), "{}", text(&mut scene));
    scene.mouse(wheel(3, value.y + 3));
    assert_eq!((scene.app.data().scroll, selected(&scene)), (0, "strange".to_owned()));
}

#[test]
fn the_history_says_what_the_log_and_the_answers_told_and_from_where_on() {
    let mut scene = opened(&pairs());
    let versions = scene.app.data().versions(scene.app.operations().writes().newest_first());
    let told: Vec<_> = versions.iter().map(|v| (v.index.0, v.kind, v.answered.is_some())).collect();
    assert_eq!(
        told,
        [
            (42, VersionKind::Put, true),
            (39, VersionKind::Delete, false),
            (5, VersionKind::Cas, false),
            (3, VersionKind::Put, false)
        ]
    );
    assert_eq!(scene.app.data().history_start(scene.app.world()), HistoryStart::Beginning);
    // More was committed than one request brings: the part between is not known, and not claimed.
    scene.at(20_000);
    let effects = commits(&mut scene, 2000);
    let fetch = Order::FetchLog { node: n(2), first: LogIndex(1489), limit: 512 };
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Send(Command { what, .. }) if *what == fetch))
    );
    fixture::data::log(&mut scene, 1489, &["put color late"]);
    let start = scene.app.data().history_start(scene.app.world());
    assert_eq!(start, HistoryStart::Entry(LogIndex(1489)));
}

#[test]
fn a_recording_shows_what_it_told_and_is_not_asked_for_keys() {
    let mut scene = recorded(Settings::default());
    scene.at(30_000);
    assert_eq!(reads(&wake(&mut scene)), []);
    let shown = text(&mut scene);
    assert!(shown.contains("as recorded, up to 42"), "{shown}");
    assert!(shown.contains("owner") && !shown.contains("size"), "{shown}");
}

#[test]
fn the_requests_of_a_drills_workload_are_no_writes_of_this_list() {
    let mut scene = drills::task(Settings::default());
    let count = |scene: &Scene| scene.app.operations().writes().newest_first().count();
    let before = count(&scene);
    let request: ClientRequest = fixture::put("load", "1").into();
    let outcome = ClientOutcome::Failed { reason: "no".into(), fate: RequestFate::InDoubt };
    let of = |id| News::Client { id, request: request.clone(), outcome: outcome.clone(), took: ms(1) };
    scene.tell(of(CommandId((2 << 32) + (1 << 31))));
    assert_eq!(count(&scene), before, "of the workload");
    scene.tell(of(CommandId((2 << 32) + 1)));
    assert_eq!(count(&scene), before + 1, "a step of the drill");
    assert_ne!(scene.app.view(), View::Data);
}
