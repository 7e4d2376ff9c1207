//! How long a key waits for the end of its frame: `cargo bench -p raftdeck-deck --bench keys`.
//!
//! A loop as the program's: thirty times a second a batch of updates comes, behind it a key, and the frame is drawn and written, to
//! nowhere instead of to a terminal. Measured is the whole: a key that waits for its batch, at the worst moment. Five nodes at
//! 120 by 40, in three cases: a quiet cluster; full write load; the same and a flood of 10,000 log lines a second, in the view that shows them.

#[path = "../tests/fixture/mod.rs"]
mod fixture;

use crossterm::event::KeyCode;
use fixture::{Scene, n, quiet};
use raftdeck_deck::app::Settings;
use raftdeck_deck::output_log::OutputLog;
use raftdeck_deck::view::view;
use raftdeck_model::{
    FrameFate, FrameKind, FrameReport, Known, LogLevel, MessageId, MessageReport, MessageState, News,
};
use raftdeck_raft::{LogIndex, Term, TraceEvent};
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Terminal, TerminalOptions, Viewport};
use std::io::{self, Sink};
use std::time::{Duration, Instant};

const FRAMES: u64 = 1000;
const FRAME: Duration = Duration::from_millis(33);
const NODES: u64 = 5;
const LEADER: u64 = 2;
/// Lines in a frame's time at 10,000 a second.
const LINES: u64 = 330;
/// Writes in a frame's time at 50,000 a second.
const WRITES: u64 = 1650;

#[derive(Clone, Copy)]
struct Load {
    name: &'static str,
    writes: bool,
    flood: bool,
}

fn main() {
    println!("{:<44} {:>9} {:>9} {:>9}", "key to the end of its frame", "p50", "p99", "most");
    for load in [
        Load { name: "quiet", writes: false, flood: false },
        Load { name: "50,000 writes a second", writes: true, flood: false },
        Load { name: "the same, and 10,000 log lines a second", writes: true, flood: true },
    ] {
        let mut took = measure(load);
        took.sort_unstable();
        let at = |percent: usize| millis(took[(took.len() - 1) * percent / 100]);
        println!("{:<44} {:>9} {:>9} {:>9}", load.name, at(50), at(99), at(100));
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

/// What a lab tells in a frame's time.
fn batch(load: Load, frame: u64) -> Vec<News> {
    let index = 42 + if load.writes { frame * WRITES } else { 0 };
    let mut batch: Vec<News> = (1..=NODES).map(|id| status(id, index)).collect();
    if load.writes {
        batch.extend((0..100).map(|step| committed(1 + step % NODES, index + step)));
        batch.push(News::Frames { frames: (1..=NODES).map(frames).collect() });
        let messages = (0..200).map(|step| message(frame * 200 + step, index)).collect();
        batch.push(News::Messages { messages, skipped: 4 * WRITES });
    }
    if load.flood {
        batch.extend((0..LINES).map(line));
    }
    batch
}

fn status(id: u64, index: u64) -> News {
    let log = [(1, index)];
    let status = match id {
        LEADER => fixture::leader(id, NODES, &log, index),
        _ => fixture::follower(id, NODES, LEADER, &log, index),
    };
    News::Status { node: n(id), status: Box::new(fixture::node_status(status).into()) }
}

fn committed(id: u64, index: u64) -> News {
    News::Trace { node: n(id), trace: TraceEvent::Committed { through: LogIndex(index) } }
}

fn frames(to: u64) -> FrameReport {
    FrameReport {
        from: n(LEADER),
        to: n(to),
        kind: FrameKind::AppendEntries,
        term: Term(1),
        index: None,
        granted: None,
        fate: FrameFate::Delivered,
        count: 300,
        entries: WRITES,
        bytes: Known::Is(64 * WRITES),
    }
}

fn message(id: u64, index: u64) -> MessageReport {
    MessageReport {
        id: MessageId(id),
        from: n(LEADER),
        to: n(1 + id % NODES),
        kind: FrameKind::AppendEntries,
        term: Term(1),
        index: Some(LogIndex(index)),
        granted: None,
        entries: 8,
        fields: format!("prev {index} in term 1, commit {index}"),
        sent: Duration::ZERO,
        state: MessageState::Delivered { at: Duration::ZERO },
    }
}

fn line(number: u64) -> News {
    News::Output {
        node: n(1 + number % NODES),
        level: if number.is_multiple_of(3) { LogLevel::Debug } else { LogLevel::Info },
        line: format!(
            "raftdeck_node::narrate: line {number} of a flood, with \u{1b}[31mcolours\u{1b}[0m in it"
        ),
    }
}
