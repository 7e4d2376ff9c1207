//! What the copy keys copy: what is selected in the view, as text for elsewhere.

use crate::actions::NO_SELECTION;
use crate::app::{App, View};
use raftdeck_model::MessageReport;
use raftdeck_raft::LogId;
use std::borrow::Cow;

/// A text, or why there is none, in a sentence without its full stop.
type Copied = Result<String, Cow<'static, str>>;

/// Where a copied text has gone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CopyTarget {
    /// To the terminal, which was asked to keep it (OSC 52). It does not answer, so whether it did is unknown.
    Terminal,
    /// Into this file, because the terminal cannot take it.
    File(String),
}

/// What is selected: in the Messages view a message, in the Logs view an entry, else a node's HTTP address.
pub(crate) fn selected(app: &App) -> Copied {
    match app.view {
        View::Messages => match app.messages.chosen() {
            Some(message) => Ok(message_line(message)),
            None => Err("no message is selected".into()),
        },
        View::Logs => entry(app),
        _ => http(app).map(str::to_owned),
    }
}

/// Says where a text has gone.
pub(super) fn told(text: &str, to: Result<CopyTarget, String>) -> String {
    match to {
        Ok(CopyTarget::Terminal) => format!("sent to the terminal's clipboard (OSC 52): {text}"),
        Ok(CopyTarget::File(file)) => format!("this terminal has no clipboard: written to {file}"),
        Err(why) => format!("not copied: {why}"),
    }
}

/// A line for a shell that asks the selected node how it is.
pub(crate) fn curl(app: &App) -> Copied {
    http(app).map(|address| format!("curl http://{address}/health"))
}

/// The entry under the cursor, as the log of the selected node has it, else that of any other.
fn entry(app: &App) -> Copied {
    let index = app.logs.cursor(app.world.extent());
    let others = app.world.nodes().filter(|node| Some(node.id) != app.selected);
    let id = app.selected_node().into_iter().chain(others).find_map(|node| {
        let term = node.raft()?.term_at(index)?;
        Some(LogId { term, index })
    });
    let Some(id) = id else { return Err(format!("no log is known to have an entry {index}").into()) };
    let text = app.logs.text(id).map(|text| format!(": {text}")).unwrap_or_default();
    Ok(format!("entry {} of term {}{text}", id.index, id.term))
}

fn http(app: &App) -> Result<&str, Cow<'static, str>> {
    let node = app.selected_node().ok_or(NO_SELECTION)?;
    let addresses = node.addresses.as_ref();
    addresses
        .map(|addresses| addresses.http.as_str())
        .ok_or_else(|| format!("{} has told no address yet", node.id).into())
}

/// `#7 1>3 AppendEntries of term 2, index 4, 1 entry: prev 3 in term 2`.
fn message_line(message: &MessageReport) -> String {
    let MessageReport { id, from, to, kind, term, index, granted, entries, fields, .. } = message;
    let mut line = format!("#{} {}>{} {} of term {term}", id.0, from.0, to.0, kind.name());
    line.extend(index.map(|index| format!(", index {index}")));
    match entries {
        0 => {}
        1 => line.push_str(", 1 entry"),
        more => line.extend([", ", &more.to_string(), " entries"]),
    }
    line.extend(granted.map(|granted| if granted { ", yes" } else { ", no" }));
    if !fields.is_empty() {
        line.extend([": ", fields]);
    }
    line
}
