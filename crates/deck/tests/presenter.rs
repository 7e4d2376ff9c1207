//! Presenter mode: what a lecture hall sees, and what a remote does.

mod fixture;

use crossterm::event::KeyCode;
use fixture::{Scene, n, quiet, rate, sent};
use raftdeck_deck::app::{Settings, View};
use raftdeck_model::{Order, Step};
use raftdeck_protocol::ClockRate;

fn screen(scene: &mut Scene, width: u16, height: u16) -> String {
    let buffer = scene.paint(width, height);
    let rows = (0..height).map(|y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>());
    rows.collect::<Vec<_>>().join("\n")
}

fn presenting() -> Scene {
    let mut scene = quiet(Settings::default(), 3);
    scene.press(KeyCode::F(5));
    scene
}

#[test]
fn it_shows_the_ring_and_one_sentence_and_no_keys() {
    let mut scene = presenting();
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let text = screen(&mut scene, width, height);
        assert!(text.contains("n2 leads term 1. An entry is committed once"), "{width}x{height}");
        assert!(!text.contains("quit") && !text.contains("events"), "{width}x{height}:\n{text}");
    }
    scene.press(KeyCode::F(5));
    assert!(screen(&mut scene, 80, 24).contains("events"));
}

#[test]
fn a_remote_freezes_steps_and_lets_run_again() {
    let mut scene = presenting();
    assert_eq!(scene.press(KeyCode::PageDown), sent(Order::SetRate(ClockRate::FROZEN)));
    rate(&mut scene, 0, 8_300_000);
    assert_eq!(scene.press(KeyCode::PageDown), sent(Order::Step(Step::Message)));
    assert_eq!(scene.press(KeyCode::PageUp), sent(Order::SetRate(ClockRate::REAL)));
    rate(&mut scene, 1_000_000, 8_300_000);
    assert_eq!(scene.press(KeyCode::PageUp), [], "it runs already");
    scene.press(KeyCode::Tab);
    assert_eq!(scene.app.view(), View::Logs);
    assert_eq!(scene.press(KeyCode::PageDown).len(), 0, "in other views the keys page");
}

#[test]
fn a_number_turns_the_spotlight_and_again_switches_it_off() {
    let mut scene = presenting();
    let dark = |scene: &mut Scene, id: u64| {
        let buffer = scene.paint(120, 40);
        let place = scene.app_area(raftdeck_deck::view::Target::Node(n(id)));
        buffer[(place.x, place.y)].style().add_modifier.contains(ratatui::style::Modifier::DIM)
    };
    assert!(!dark(&mut scene, 1));
    scene.key('3');
    assert_eq!((dark(&mut scene, 1), dark(&mut scene, 3)), (true, false));
    scene.key('3');
    assert!(!dark(&mut scene, 1));
}

#[test]
fn the_names_of_keys_are_hidden_on_request_in_every_view() {
    let mut scene = quiet(Settings::default(), 3);
    scene.tell(raftdeck_model::News::Process { node: n(1), state: raftdeck_model::ProcessState::Killed });
    scene.press(KeyCode::F(6));
    for _ in View::ALL {
        let text = screen(&mut scene, 120, 40);
        assert!(!text.contains("q quit") && !text.contains("restarts it"), "{text}");
        scene.press(KeyCode::Tab);
    }
    scene.press(KeyCode::F(6));
    assert!(screen(&mut scene, 120, 40).contains("q quit"));
}
