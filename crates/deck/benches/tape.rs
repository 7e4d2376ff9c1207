//! What it takes to keep five minutes of five nodes, and to go back in them:
//!
//! `cargo bench -p raftdeck-deck --bench tape`

#[path = "../tests/tape/busy.rs"]
mod busy;

use raftdeck_deck::app::tape;
use raftdeck_deck::app::{App, Msg, Settings, update};
use raftdeck_raft::Timing;
use std::time::{Duration, Instant};

fn main() {
    println!("{:<24} {:>9} {:>9}  going back to", "five nodes, 5 minutes", "updates", "KiB kept");
    for (name, timing) in [("fast", Timing::FAST), ("debug", Timing::DEBUG)] {
        for load in [false, true] {
            let mut app = App::new(Settings::default());
            app.keep_tape();
            busy::busy(timing, load, Duration::from_mins(5), |told| {
                let now = told.at;
                update(&mut app, Msg::Told(told), now);
            });
            let (count, bytes) = (app.tape().len(), app.tape().bytes() >> 10);
            let mut back = String::new();
            for (place, to) in [("start", 0), ("a third", count / 3), ("end", count)] {
                let begun = Instant::now();
                tape::show(&mut app, to);
                back = format!("{back}  {place} {:.0?}", begun.elapsed());
            }
            let load = if load { ", workload" } else { "" };
            println!("{:<24} {count:>9} {bytes:>9}{back}", format!("{name} timing{load}"));
        }
    }
}
