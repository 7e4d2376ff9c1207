//! All that the deck knows from what it heard, apart from what belongs to the person: it can be put aside, and put back.

use crate::app::App;
use crate::app::charts::Charts;
use crate::app::clock::Clock;
use crate::app::data::Data;
use crate::app::feed::Feed;
use crate::app::flights::Flights;
use crate::app::logs::Logs;
use crate::app::messages::Messages;
use crate::app::operations::Operations;
use crate::app::output::OutputLines;
use crate::app::rate::{CommitRate, Rate};
use crate::app::timers::Gauges;
use crate::sentences::Succession;
use raftdeck_model::World;

/// What is known.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    clock: Clock,
    world: World,
    beats: Rate,
    commits: CommitRate,
    succession: Succession,
    gauges: Gauges,
    feed: Feed,
    flights: Flights,
    messages: Messages,
    logs: Logs,
    charts: Charts,
    data: Data,
    operations: Operations,
    output: OutputLines,
}

impl Heard {
    /// A copy of what the deck knows.
    pub(super) fn of(app: &App) -> Self {
        Self {
            clock: app.clock,
            world: app.world.clone(),
            beats: app.beats,
            commits: app.commits,
            succession: app.succession.clone(),
            gauges: app.gauges.clone(),
            feed: app.feed.clone(),
            flights: app.flights.clone(),
            messages: app.messages.clone(),
            logs: app.logs.clone(),
            charts: app.charts.clone(),
            data: app.data.clone(),
            operations: app.operations.clone(),
            output: app.output.copy_lines(),
        }
    }

    /// Puts this in place of what the deck knows, and returns that. What the person set stays: filters, cursors, zoom.
    pub(super) fn put(mut self, app: &mut App) -> Self {
        self.messages.keep_reader(&app.messages);
        self.charts.keep_reader(&app.charts);
        self.data.keep_reader(&app.data);
        self.logs.keep_reader(&app.logs);
        Self {
            clock: std::mem::replace(&mut app.clock, self.clock),
            world: std::mem::replace(&mut app.world, self.world),
            beats: std::mem::replace(&mut app.beats, self.beats),
            commits: std::mem::replace(&mut app.commits, self.commits),
            succession: std::mem::replace(&mut app.succession, self.succession),
            gauges: std::mem::replace(&mut app.gauges, self.gauges),
            feed: std::mem::replace(&mut app.feed, self.feed),
            flights: std::mem::replace(&mut app.flights, self.flights),
            messages: std::mem::replace(&mut app.messages, self.messages),
            logs: std::mem::replace(&mut app.logs, self.logs),
            charts: std::mem::replace(&mut app.charts, self.charts),
            data: std::mem::replace(&mut app.data, self.data),
            operations: std::mem::replace(&mut app.operations, self.operations),
            output: app.output.put_lines(self.output),
        }
    }
}
