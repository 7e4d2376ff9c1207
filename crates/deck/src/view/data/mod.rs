//! The Data view: the keys, the selected one's value and history, and the last writes.
//!
//! When there is little room, first the history gets shorter and the writes go, then the value becomes one line below the list.

mod list;
mod value;
mod versions;
mod writes;

use crate::view::paint::Paint;
use ratatui::layout::Rect;
use unicode_width::UnicodeWidthStr;

/// From this width on the value is beside the list.
const BESIDE: u16 = 60;

/// From this width on the history is beside the value.
const THREE: u16 = 160;

/// From this height on there are writes.
const WITH_WRITES: u16 = 14;

/// The least rows of the value and its title.
const LEAST_VALUE: u16 = 5;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let writes = if area.height >= WITH_WRITES { (area.height / 4).clamp(4, 13) } else { 0 };
    let [upper, lower] = split(area, area.height - writes);
    if area.width < BESIDE {
        let [keys, line] = split(upper, upper.height.saturating_sub(1));
        list::draw(paint, keys);
        value::line(paint, line);
    } else {
        let width = if area.width >= THREE { area.width / 3 } else { area.width * 21 / 50 };
        let keys = Rect { width, ..upper };
        let rest = Rect { x: keys.right() + 1, width: upper.width - width - 1, ..upper };
        list::draw(paint, keys);
        if area.width >= THREE {
            let width = rest.width / 2;
            value::draw(paint, Rect { width, ..rest });
            versions::draw(paint, Rect { x: rest.x + width + 1, width: rest.width - width - 1, ..rest });
        } else {
            let history = (rest.height * 2 / 5).min(rest.height.saturating_sub(LEAST_VALUE));
            let [above, below] = split(rest, rest.height - history);
            value::draw(paint, above);
            versions::draw(paint, below);
        }
    }
    writes::draw(paint, lower);
}

/// The first rows of an area, and the rest of it.
fn split(area: Rect, rows: u16) -> [Rect; 2] {
    let rows = rows.min(area.height);
    [Rect { height: rows, ..area }, Rect { y: area.y + rows, height: area.height - rows, ..area }]
}

/// Text in a column of this width, cut if it must be, with a blank behind it.
fn cell(paint: &Paint<'_>, text: &str, width: usize) -> String {
    let text = paint.cut(text, width.saturating_sub(1));
    let padding = width.saturating_sub(text.width());
    text + &" ".repeat(padding)
}
