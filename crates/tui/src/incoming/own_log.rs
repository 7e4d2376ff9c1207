//! What the deck's own parts write to their logs, with `tracing`: it goes into the inbox, and so to the deck's Output view.
//!
//! tui-logger has a layer too, which writes into its log directly. What comes that way is in no order with the rest, has no cluster
//! time, passes every bound and cannot be searched for: so lines take the way of all others.

use crate::incoming::inbox::{Inbox, OwnLine};
use raftdeck_model::LogLevel;
use std::fmt::{self, Write};
use std::sync::Arc;
use tracing::field::{Field, Visit};
use tracing::subscriber::set_global_default;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::Registry;

/// The crates whose lines count, and their names on the deck. All others of this program are the deck's.
const PARTS: &[(&str, &str)] = &[
    ("raftdeck_lab", "lab"),
    ("raftdeck_links", "links"),
    ("raftdeck_client", "client"),
    ("raftdeck_record", "record"),
    ("raftdeck_sim", "sim"),
];

/// Has the inbox hear them from now on. Where somebody hears them already, that stays so.
pub fn hear(inbox: &Arc<Inbox>) {
    let layer = OwnLog { inbox: Arc::clone(inbox) };
    // The only failure: a program that embeds this one has installed a subscriber of its own.
    let _ = set_global_default(Registry::default().with(layer));
}

struct OwnLog {
    inbox: Arc<Inbox>,
}

impl<S: Subscriber> Layer<S> for OwnLog {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target().starts_with("raftdeck")
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut text = Text(String::new());
        event.record(&mut text);
        let metadata = event.metadata();
        self.inbox.wrote(OwnLine {
            part: part(metadata.target()),
            level: level(*metadata.level()),
            text: text.0,
        });
    }
}

fn part(target: &str) -> &'static str {
    let name = target.split("::").next().unwrap_or_default();
    PARTS.iter().find(|(other, _)| *other == name).map_or("deck", |(_, part)| part)
}

fn level(level: Level) -> LogLevel {
    match level {
        Level::ERROR => LogLevel::Error,
        Level::WARN => LogLevel::Warn,
        Level::INFO => LogLevel::Info,
        Level::DEBUG => LogLevel::Debug,
        Level::TRACE => LogLevel::Trace,
    }
}

/// The message, then the fields: `the link is slow from=n1`.
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // Writing to a string cannot fail.
        let _ = match field.name() {
            "message" => {
                let rest = std::mem::take(&mut self.0);
                write!(self.0, "{value:?}{rest}")
            }
            name => write!(self.0, " {name}={value:?}"),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::subscriber::with_default;

    #[test]
    fn what_a_part_writes_reaches_the_inbox_with_its_part_level_and_fields() {
        let inbox = Arc::new(Inbox::default());
        with_default(Registry::default().with(OwnLog { inbox: Arc::clone(&inbox) }), || {
            tracing::warn!(target: "raftdeck_links::link", from = 1, "the link accepts {}", "nothing");
            tracing::debug!(target: "raftdeck_tui", "painted");
            tracing::error!(target: "hyper", "not ours");
        });
        let line = |part, level, text: &str| OwnLine { part, level, text: text.to_owned() };
        let batch = inbox.wait(None);
        assert_eq!(
            batch.wrote,
            [
                line("links", LogLevel::Warn, "the link accepts nothing from=1"),
                line("deck", LogLevel::Debug, "painted"),
            ]
        );
        assert_eq!(batch.lines_lost, 0);
    }
}
