//! The Charts view: what it shows, its keys and its mouse, and that it costs nothing while nothing is reported.

mod fixture;

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fixture::charts::{Run, at_the_gap, leader_kill, open};
use fixture::{Scene, election, quiet, rate};
use raftdeck_deck::app::{App, Msg, Settings, View, update};
use raftdeck_deck::view::Target;
use raftdeck_model::{News, Update};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::time::Duration;

fn text(buffer: &Buffer) -> String {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}

fn shown(scene: &mut Scene, width: u16, height: u16) -> String {
    text(&scene.paint(width, height))
}

fn row<'a>(screen: &'a str, name: &str) -> &'a str {
    screen.lines().find(|line| line.contains(name)).unwrap_or_else(|| panic!("no {name:?} in\n{screen}"))
}

fn stands_out(cell: &Cell) -> bool {
    cell.bg != Color::Reset || cell.modifier.contains(Modifier::REVERSED)
}

#[test]
fn the_gap_of_a_leader_kill_is_measured_and_stands_out_at_every_size() {
    for (width, height) in [(80, 24), (120, 40), (200, 60), (40, 12)] {
        let mut scene = leader_kill(Settings::default());
        let buffer = scene.paint(width, height);
        let screen = text(&buffer);
        // The last write before was acknowledged at 14.100 s, the first one after at 14.420 s.
        assert!(row(&screen, " gaps ").contains("320 ms"), "{width}x{height}\n{screen}");
        let strip = buffer.content().iter().filter(|cell| cell.symbol() == "╳");
        assert!(strip.clone().count() >= 1 && strip.clone().all(stands_out));
    }
}

#[test]
fn everything_has_its_unit_and_its_value() {
    let mut scene = leader_kill(Settings::default());
    let screen = shown(&mut scene, 120, 40);
    for (name, figure) in [
        ("availability", "n3 leads term 2"),
        ("throughput", "50 writes acknowledged/s"),
        ("latency", "p50 4"),
        ("replication lag", "0 entries behind"),
        ("fsync", " ms"),
        ("links", "KiB/s delivered"),
        ("leader", "★n3 t2"),
        ("longest gap", "320 ms"),
    ] {
        assert!(row(&screen, name).contains(figure), "{name}: {figure}\n{screen}");
    }
}

#[test]
fn the_cursor_shows_the_values_of_its_moment_in_every_title() {
    let mut scene = at_the_gap(Settings::default());
    let screen = shown(&mut scene, 120, 40);
    assert!(row(&screen, "availability").contains("no write acknowledged for 320 ms"), "{screen}");
    assert!(row(&screen, "throughput").contains(" 20 writes"), "{screen}");
    assert!(screen.contains(" 0:14.000 "), "the axis says which moment it is\n{screen}");
    scene.press(KeyCode::End);
    assert!(row(&shown(&mut scene, 120, 40), "availability").contains("n3 leads"));
}

#[test]
fn keys_go_through_time_and_zoom() {
    let mut scene = leader_kill(Settings::default());
    scene.paint(120, 40);
    scene.press(KeyCode::Home);
    let screen = shown(&mut scene, 120, 40);
    assert!(screen.contains("0:00.000"), "{screen}");
    scene.press(KeyCode::PageDown);
    assert!(!shown(&mut scene, 120, 40).contains(" 0:00.000 "));
    scene.press(KeyCode::PageUp);
    assert!(shown(&mut scene, 120, 40).contains(" 0:00.000 "));
    scene.press(KeyCode::End);
    assert!(row(&shown(&mut scene, 120, 40), "availability").contains("n3 leads term 2"));
    scene.key('<');
    let before = shown(&mut scene, 120, 40);
    scene.key('>');
    assert_ne!(before, shown(&mut scene, 120, 40));
    for _ in 0..20 {
        scene.key('>');
    }
    assert!(shown(&mut scene, 120, 40).contains("a column cannot be less time"));
    assert_eq!(scene.app.view(), View::Charts);
}

#[test]
fn a_click_sets_the_cursor_and_the_wheel_scrolls() {
    let mut scene = leader_kill(Settings::default());
    let screen = shown(&mut scene, 120, 40);
    let y = u16::try_from(screen.lines().position(|line| line.contains(" served ")).unwrap()).unwrap();
    let x = row(&screen, " served ").chars().position(|c| c == '╳').unwrap();
    let x = u16::try_from(x).unwrap();
    let event = |kind| MouseEvent { kind, column: x, row: y, modifiers: KeyModifiers::NONE };
    scene.mouse(event(MouseEventKind::Down(MouseButton::Left)));
    let screen = shown(&mut scene, 120, 40);
    assert!(row(&screen, "availability").contains("no write acknowledged for 320 ms"), "{screen}");
    scene.mouse(event(MouseEventKind::ScrollUp));
    let screen = shown(&mut scene, 120, 40);
    assert!(row(&screen, "availability").contains("n2 leads term 1"), "{screen}");
    scene.mouse(event(MouseEventKind::Drag(MouseButton::Left)));
    let screen = shown(&mut scene, 120, 40);
    assert!(row(&screen, "availability").contains("no write acknowledged for 320 ms"), "{screen}");
    assert!(scene.targets().any(|target| matches!(target, Target::Moment(_))));
}

#[test]
fn without_a_workload_the_time_without_a_leader_is_the_gap_and_commits_are_counted() {
    let mut scene = election(Settings::default());
    open(&mut scene);
    let screen = shown(&mut scene, 120, 40);
    assert!(row(&screen, "availability").contains("no leader that can commit for"), "{screen}");
    assert!(row(&screen, "throughput").contains("entries committed/s"), "{screen}");
}

#[test]
fn what_is_not_known_is_no_zero() {
    let mut scene = quiet(Settings::default(), 3);
    open(&mut scene);
    let screen = shown(&mut scene, 120, 40);
    assert!(row(&screen, "latency").contains("4 ms, one request"), "{screen}");
    assert!(row(&screen, "links").contains(" ? "), "frames without sizes\n{screen}");
    scene.now += Duration::from_secs(2);
    scene.tell(News::Frames { frames: Vec::new() });
    assert!(row(&shown(&mut scene, 120, 40), "latency").contains(" ? "), "it was two seconds ago");
}

#[test]
fn nothing_is_drawn_again_without_news_and_little_with_it() {
    let mut run = Run::started(Settings::default());
    run.load();
    run.until(5_000);
    let mut scene = std::mem::replace(&mut run.scene, Scene::new(Settings::default()));
    open(&mut scene);
    scene.paint(120, 40);
    rate(&mut scene, 0, 5_000_000);
    scene.paint(120, 40);
    scene.now += Duration::from_mins(1);
    assert_eq!(scene.app.next_wake(scene.now), None, "frozen");
    // While heartbeats pass and nothing else happens, four times a second are enough.
    rate(&mut scene, 1_000_000, 5_000_000);
    let mut frames = 0;
    for _ in 0..400 {
        let before = scene.now;
        scene.now += Duration::from_millis(10);
        let wake = scene.app.next_wake(before);
        if wake.is_some_and(|at| at <= scene.now) || scene.app.changed() {
            frames += 1;
            update(&mut scene.app, Msg::Wake, scene.now);
            scene.paint(120, 40);
        }
        scene.tell(News::Frames { frames: Vec::new() });
    }
    assert!((4..=24).contains(&frames), "{frames} frames in 4 s");
}

#[test]
fn hours_of_updates_leave_the_view_as_fast_as_seconds() {
    // Not measured by a clock: it is drawn from as many columns as there are on the screen, whatever was heard.
    let mut app = App::new(Settings::default());
    let mut scene = quiet(Settings::default(), 3);
    std::mem::swap(&mut app, &mut scene.app);
    let mut at = Duration::from_secs(10);
    for seq in 1..=8 * 120_u64 {
        at += Duration::from_secs(30);
        let told = Update { at, seq, what: News::Frames { frames: Vec::new() } };
        update(&mut app, Msg::Told(told), at);
    }
    std::mem::swap(&mut app, &mut scene.app);
    scene.now = at;
    open(&mut scene);
    for key in ['<'; 8] {
        scene.key(key);
    }
    let screen = shown(&mut scene, 200, 60);
    assert!(row(&screen, "availability").contains("8 h in view"), "{screen}");
    let targets = scene.targets().filter(|target| matches!(target, Target::Moment(_))).count();
    assert!(targets <= 200, "{targets} columns are drawn");
    scene.press(KeyCode::Home);
    assert!(row(&shown(&mut scene, 200, 60), "availability").contains("n2 leads term 1"));
}
