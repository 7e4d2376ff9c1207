//! The theme picker: a theme is on the screen while it is looked at, and stays only if it is kept.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod fixture;

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fixture::Scene;
use raftdeck_deck::app::{Effect, Settings};
use raftdeck_deck::settings::{Preferences, SettingsFiles};
use raftdeck_deck::theme::{ColourDepth, names};
use raftdeck_deck::view::Target;
use ratatui::style::Color;

fn scene() -> Scene {
    let mut scene = fixture::quiet(Settings { mouse: true, ..Settings::default() }, 3);
    scene.app.prefer(Preferences::new(ColourDepth::True, &SettingsFiles::default()));
    scene
}

/// The ground in the lower left corner, where nothing lies over the view.
fn ground(scene: &mut Scene) -> Color {
    let buffer = scene.paint(120, 40);
    buffer[(0, 39)].bg
}

const DARK: Color = Color::Rgb(0x11, 0x15, 0x1c);
const LIGHT: Color = Color::Rgb(0xfd, 0xfd, 0xfb);

#[test]
fn moving_shows_a_theme_and_esc_brings_back_the_one_before() {
    let mut scene = scene();
    scene.key('T');
    assert_eq!(ground(&mut scene), Color::Reset);
    assert_eq!(scene.press(KeyCode::Down), []);
    assert_eq!(ground(&mut scene), DARK);
    scene.press(KeyCode::Down);
    assert_eq!(ground(&mut scene), LIGHT);
    assert_eq!(scene.press(KeyCode::Esc), []);
    assert_eq!(ground(&mut scene), Color::Reset);
    assert_eq!(scene.app.preferences().theme(), "terminal");
}

#[test]
fn enter_keeps_the_theme_and_has_it_written() {
    let mut scene = scene();
    scene.key('T');
    scene.press(KeyCode::Down);
    assert_eq!(scene.press(KeyCode::Enter), [Effect::KeepTheme("dark".to_owned())]);
    assert_eq!((ground(&mut scene), scene.app.preferences().theme()), (DARK, "dark"));
    scene.key('T');
    scene.press(KeyCode::End);
    scene.press(KeyCode::End);
    assert_eq!(scene.press(KeyCode::Enter), [Effect::KeepTheme((*names().last().unwrap()).to_owned())]);
}

#[test]
fn a_click_shows_a_theme_and_a_second_one_keeps_it() {
    let mut scene = scene();
    scene.key('T');
    let mut click = |row: usize| {
        scene.paint(120, 40);
        let area = scene.app_area(Target::MenuRow(row));
        let kind = MouseEventKind::Down(MouseButton::Left);
        scene.mouse(MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE })
    };
    assert_eq!(click(2), []);
    assert_eq!(click(2), [Effect::KeepTheme("light".to_owned())]);
}

#[test]
fn a_theme_survives_a_drills_fresh_cluster() {
    let mut scene = scene();
    scene.app.prefer(scene.app.preferences().clone().with_theme("dark").unwrap());
    scene.restart();
    assert_eq!((ground(&mut scene), scene.app.preferences().theme()), (DARK, "dark"));
}

#[test]
fn the_palette_finds_a_theme_and_keeps_it() {
    let mut scene = scene();
    scene.key(':');
    scene.type_in("theme li");
    scene.paint(120, 40);
    assert_eq!(scene.press(KeyCode::Enter), [Effect::KeepTheme("light".to_owned())]);
    assert_eq!((ground(&mut scene), scene.app.preferences().theme()), (LIGHT, "light"));
}
