//! What keys and the mouse do to the Data view.

use crate::actions::ActionId;
use crate::app::App;
use crate::app::prompt::Purpose;
use crate::view::Pane;
use raftdeck_protocol::printable::is_unsafe;

/// How many lines of the value one key scrolls.
const LINES: usize = 1;

/// Does what a key of the view says.
pub(crate) fn perform(app: &mut App, id: ActionId) {
    match id {
        ActionId::KeyPrevious => step(app, 1, false),
        ActionId::KeyNext => step(app, 1, true),
        ActionId::ValueForm => app.data.next_form(),
        ActionId::ValueBack => scroll_value(app, LINES, false),
        ActionId::ValueOn => scroll_value(app, LINES, true),
        ActionId::DeleteKey => {
            if let Some(line) = write_line(app, "delete") {
                app.prompt.open(Purpose::Write, line.trim_end());
            }
        }
        _ => {}
    }
}

/// Selects the key so many rows further down, or up.
pub(crate) fn step(app: &mut App, by: usize, on: bool) {
    app.data.step(by, on, app.landed.rows(Pane::Data));
}

/// Scrolls the value by so many lines.
pub(crate) fn scroll_value(app: &mut App, by: usize, on: bool) {
    app.data.scroll(by, on, app.landed.last_value_line());
}

/// The beginning of a line of the write prompt about the selected key: `put color `. `None`: there is no key that can be typed.
pub(crate) fn write_line(app: &App, verb: &str) -> Option<String> {
    let key = std::str::from_utf8(app.data.selected()?).ok().filter(|key| !key.contains(is_unsafe))?;
    let is_plain = |c: char| !c.is_whitespace() && !matches!(c, '"' | '#' | '$' | '\\');
    if key.chars().all(is_plain) {
        return Some(format!("{verb} {key} "));
    }
    let key = key.replace('\\', "\\\\").replace('"', "\\\"");
    Some(format!("{verb} \"{key}\" "))
}
