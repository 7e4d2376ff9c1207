//! How long a key waits for the end of its frame: `cargo bench -p raftdeck-deck --bench keys`.
//!
//! A loop as the program's: thirty times a second a batch of updates comes, behind it a key, and the frame is drawn and written, to
//! nowhere instead of to a terminal. Measured is the whole: a key that waits for its batch, at the worst moment. Five nodes at
//! 120 by 40, in three cases: a quiet cluster; full write load; the same and a flood of 10,000 log lines a second, in the view that shows them.

#[path = "../tests/fixture/mod.rs"]
mod fixture;
mod load;

use crossterm::event::KeyCode;
use fixture::{Scene, quiet};
use load::{FRAME, Load, NODES, batch};
use raftdeck_deck::app::Settings;
use raftdeck_deck::output_log::OutputLog;
use raftdeck_deck::view::view;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io::{self, Sink};
use std::time::{Duration, Instant};

const FRAMES: u64 = 1000;

fn main() {
    println!("{:<44} {:>9} {:>9} {:>9}", "key to the end of its frame", "p50", "p99", "most");
    for (name, load) in [
        ("quiet", Load { writes: false, flood: false }),
        ("50,000 writes a second", Load { writes: true, flood: false }),
        ("the same, and 10,000 log lines a second", Load { writes: true, flood: true }),
    ] {
        let mut took = measure(load);
        took.sort_unstable();
        let at = |percent: usize| millis(took[(took.len() - 1) * percent / 100]);
        println!("{:<44} {:>9} {:>9} {:>9}", name, at(50), at(99), at(100));
    }
}

fn millis(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1000.0)
}

fn measure(load: Load) -> Vec<Duration> {
    let mut scene = quiet(Settings::default(), NODES);
    let mut log = OutputLog::new();
    if load.flood {
        scene.press(KeyCode::BackTab);
    }
    let size = Viewport::Fixed(Rect::new(0, 0, 120, 40));
    let backend = CrosstermBackend::new(io::sink());
    let mut terminal =
        Terminal::with_options(backend, TerminalOptions { viewport: size }).expect("a sink takes all");
    let keys = [KeyCode::Down, KeyCode::Right, KeyCode::PageUp, KeyCode::Left, KeyCode::Up, KeyCode::End];
    let mut took = Vec::new();
    for frame in 1..=FRAMES {
        scene.now += FRAME;
        let batch = batch(load, frame);
        let key = keys[usize::try_from(frame).unwrap_or(0) % keys.len()];
        let started = Instant::now();
        for news in batch {
            scene.tell(news);
        }
        scene.press(key);
        scene.fill(&mut log);
        paint(&mut scene, &mut terminal);
        took.push(started.elapsed());
    }
    took
}

fn paint(scene: &mut Scene, terminal: &mut Terminal<CrosstermBackend<Sink>>) {
    let mut landed = None;
    let drawn = terminal.draw(|frame| landed = Some(view(&scene.app, scene.now, frame)));
    drawn.expect("a sink takes all");
    scene.app.set_landed(landed.expect("it was drawn"));
}
