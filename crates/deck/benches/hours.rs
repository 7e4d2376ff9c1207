//! How much memory a deck takes after eight hours: `cargo bench -p raftdeck-deck --bench hours`.
//!
//! Five nodes under full write load, of which a leader fails every two minutes, with log lines, writes of single keys, and every view
//! painted now and then: the news of eight hours, as fast as the deck takes them.

#[path = "../tests/fixture/mod.rs"]
mod fixture;
mod load;

use crossterm::event::KeyCode;
use fixture::{Scene, elect, n, put, quiet};
use load::{FRAME, Load, NODES, batch};
use raftdeck_deck::app::Settings;
use raftdeck_deck::output_log::OutputLog;
use raftdeck_model::{ClientOutcome, CommandId, LinkState, LogLevel, News, ProcessState, RequestFate};
use std::time::{Duration, Instant};

const HOURS: u32 = 8;
const HOUR: Duration = Duration::from_hours(1);
/// A lab tells so often what has passed, in this benchmark: a tenth of what it does, so that it takes minutes.
const STEP: u32 = 10;
/// A leader fails this often.
const FAILURE: Duration = Duration::from_mins(2);

fn main() {
    let began = Instant::now();
    let before = resident();
    let mut scene = quiet(Settings::default(), NODES);
    let mut log = OutputLog::new();
    let load = Load { writes: true, flood: false };
    let start = scene.now;
    let (mut frame, mut news, mut term) = (0_u64, 0_u64, 1);
    let (mut next_failure, mut hours) = (start + FAILURE, 0);
    println!("hours  news        resident");
    while scene.now < start + HOUR * HOURS {
        frame += 1;
        scene.now += FRAME * STEP;
        let mut batch = batch(load, frame);
        batch.push(request(frame));
        batch.push(line(frame));
        news += batch.len() as u64;
        for news in batch {
            scene.tell(news);
        }
        if scene.now >= next_failure {
            next_failure += FAILURE;
            term += 1;
            fail(&mut scene, term);
            look(&mut scene, &mut log);
        }
        if scene.now >= start + HOUR * (hours + 1) {
            hours += 1;
            let used = resident().zip(before).map(|(now, before)| now.saturating_sub(before) >> 20);
            let used = used.map_or_else(|| "?".to_owned(), |mib| format!("{mib} MiB"));
            println!("{hours:>5}  {news:<10}  {used}");
        }
    }
    println!("target: under 150 MiB; took {:.0} s", began.elapsed().as_secs_f64());
}

/// A write of one of many keys.
fn request(number: u64) -> News {
    let request = put(&format!("key-{}", number % 5000), &format!("value {number}"));
    News::Client {
        id: CommandId(number),
        request: request.into(),
        outcome: ClientOutcome::Failed { reason: "nobody leads".to_owned(), fate: RequestFate::InDoubt },
        took: Duration::from_millis(3),
    }
}

fn line(number: u64) -> News {
    News::Output {
        node: n(1 + number % NODES),
        level: LogLevel::Info,
        line: format!("line {number} of many"),
    }
}

/// The leader is cut off and killed, another is elected, and the node comes back.
fn fail(scene: &mut Scene, term: u64) {
    scene.cut_off(2, LinkState::Cut);
    scene.tell(News::Process { node: n(2), state: ProcessState::Killed });
    let at = u64::try_from(scene.now.as_millis()).unwrap_or(u64::MAX);
    elect(scene, 3, &[1, 4, 5], term, at);
    scene.tell(News::Process { node: n(2), state: ProcessState::Running { pid: Some(4711) } });
    scene.cut_off(2, LinkState::Open);
}

/// Every view is painted.
fn look(scene: &mut Scene, log: &mut OutputLog) {
    for _ in 0..7 {
        scene.fill(log);
        scene.paint(120, 40);
        scene.press(KeyCode::Tab);
    }
}

/// The memory in use, in bytes, where the system tells it.
fn resident() -> Option<u64> {
    let statm = std::fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split_whitespace().nth(1)?.parse().ok()?;
    Some(pages * 4096)
}
