//! What the deck shows of the cluster and no update told: its own writes from their beginning, and lines of its own parts.

use crate::app::App;
use crate::app::clock::Clock;
use raftdeck_model::{ClientRequest, CommandId, LogLevel};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Something that the deck took note of, and when, in the deck's time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::app) enum Aside {
    /// The person sent a request.
    Began { id: CommandId, request: ClientRequest, now: Duration },
    /// A part of the deck wrote a line to its log.
    Wrote { part: String, level: LogLevel, text: String, now: Duration },
}

/// Takes note of something now; if the tape is kept, for later too.
pub(in crate::app) fn note(app: &mut App, aside: Aside) {
    if !app.tape.takes_aside(&aside) {
        hear(app, aside);
    }
}

/// Takes note of something, whether it comes now or is heard again.
pub(super) fn hear(app: &mut App, aside: Aside) {
    let time = |clock: &Clock, now| clock.at(now);
    match aside {
        Aside::Began { id, request, now } => {
            app.operations.start(id, request, time(&app.clock, now), now);
        }
        Aside::Wrote { part, level, text, now } => {
            app.output.tell(&part, level, &text, (now, time(&app.clock, now)));
        }
    }
}
