//! Prints a run, for whoever writes an exhibit.

use crate::play::Played;
use raftdeck_drills::museum::{Exhibit, ExhibitRun};
use raftdeck_model::{News, Update};

/// Prints what happens in each step.
pub(crate) fn tell(exhibit: &Exhibit, run: ExhibitRun, played: &Played) {
    println!("== {} {run:?}", exhibit.id);
    let mut from = 0;
    for ((step, end), number) in exhibit.steps.iter().zip(&played.marks.steps).zip(1..) {
        println!("-- {number}: {}", step.caption(run));
        played.updates[from..*end].iter().filter_map(words).for_each(|line| println!("{line}"));
        from = *end;
    }
}

fn words(update: &Update) -> Option<String> {
    let what = match &update.what {
        News::Trace { node, trace } => format!("{node} {trace:?}"),
        News::Messages { messages, .. } => {
            let one = |message: &raftdeck_model::MessageReport| {
                format!(
                    "#{} {}>{} {:?} t{} i{:?} {:?} {:?}",
                    message.id.0,
                    message.from.0,
                    message.to.0,
                    message.kind,
                    message.term.0,
                    message.index.map(|index| index.0),
                    message.granted,
                    message.state
                )
            };
            messages.iter().map(one).collect::<Vec<_>>().join("\n           ")
        }
        News::Client { request, outcome, .. } => format!("{request:?} -> {outcome:?}"),
        News::Trouble { reason } => format!("TROUBLE {reason}"),
        News::Process { node, state } => format!("{node} {state:?}"),
        News::Output { node, line, .. } => format!("{node} says {line}"),
        _ => return None,
    };
    Some(format!("{:>9.3} {what}", update.at.as_secs_f64()))
}
