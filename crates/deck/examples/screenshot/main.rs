//! Draws a made-up moment of a cluster as an SVG picture, to look at the screen while it is worked on:
//! `cargo run -p raftdeck-deck --example screenshot -- [SCENE [WIDTH HEIGHT]] > scene.svg`
//!
//! Scenes: partition (the default), quiet3, quiet5, quiet9, quiet15, election, logs, messages, many, frozen, output, failed,
//! help, starting. The variable THEME names a built-in theme, LIGHT=1 is for a light terminal.
//! It shows what the view drew and nothing else; the picture has no fonts, scripts or links of its own.

#[path = "../../tests/fixture/mod.rs"]
mod fixture;
mod svg;

use crossterm::event::KeyCode;
use fixture::Scene;
use raftdeck_deck::app::{ColourChoice, Settings};
use raftdeck_deck::output_log::OutputLog;
use raftdeck_deck::settings::{Preferences, SettingsFiles};
use raftdeck_deck::theme::{self, ColourDepth};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let settings = Settings {
        ascii: std::env::var_os("ASCII").is_some(),
        colour: if std::env::var_os("NO_COLOR").is_some() {
            ColourChoice::Never
        } else {
            ColourChoice::Terminal
        },
        mouse: true,
    };
    let size = |n: usize, default| args.get(n).and_then(|size| size.parse().ok()).unwrap_or(default);
    let (width, height) = (size(1, 120), size(2, 40));
    let name = args.first().map_or("partition", String::as_str);
    let Some(mut scene) = scene(name, settings) else {
        eprintln!("there is no scene called {name}");
        std::process::exit(2);
    };
    let theme = std::env::var("THEME").unwrap_or_else(|_| theme::DEFAULT.to_owned());
    match Preferences::new(ColourDepth::True, &SettingsFiles::default()).with_theme(&theme) {
        Ok(preferences) => scene.app.prefer(preferences),
        Err(why) => {
            eprintln!("{why}");
            std::process::exit(2);
        }
    }
    scene.fill(&mut OutputLog::new());
    let buffer = scene.paint(width, height);
    let light = std::env::var_os("LIGHT").is_some();
    let content: String = (0..height).map(|y| svg::cells(&buffer, y, 0..width) + "\n").collect();
    print!("{}", svg::window(width, height, light, "the deck", "", &content));
}

fn scene(name: &str, settings: Settings) -> Option<Scene> {
    Some(match name {
        "partition" => fixture::partition(settings),
        "stale" => fixture::stale_leader(settings),
        "quiet1" => fixture::quiet(settings, 1),
        "quiet2" => fixture::quiet(settings, 2),
        "quiet3" => fixture::quiet(settings, 3),
        "quiet5" => fixture::quiet(settings, 5),
        "quiet7" => fixture::quiet(settings, 7),
        "quiet9" => fixture::quiet(settings, 9),
        "quiet15" => fixture::quiet(settings, 15),
        "election" => fixture::election(settings),
        "logs" => fixture::logs(settings),
        "output" => fixture::output(settings),
        "messages" => fixture::messages(settings),
        "many" => fixture::many_messages(settings),
        "frozen" => fixture::frozen(settings),
        "failed" => fixture::failed(settings),
        "starting" => Scene::new(settings),
        "help" => {
            let mut scene = fixture::partition(settings);
            scene.press(KeyCode::Char('?'));
            scene
        }
        "prompt" => {
            let mut scene = fixture::quiet(settings, 3);
            scene.key('w');
            scene.type_in("put color");
            scene.press(KeyCode::Enter);
            scene
        }
        _ => return None,
    })
}
