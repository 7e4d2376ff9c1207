//! One line with everything that is in force now; each part of it is a button that undoes that part.

use crate::actions::ActionId;
use crate::view::landed::Target;
use crate::view::paint::Paint;
use raftdeck_model::write;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// How many rows it takes on a screen of this height.
pub(crate) fn rows(paint: &Paint<'_>, height: u16) -> u16 {
    u16::from(height >= 12 && !paint.app.world.in_force().is_empty())
}

/// Draws it: the newest first, because that is what `u` undoes.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let faults = app.world.in_force();
    if area.height == 0 || faults.is_empty() {
        return;
    }
    let hint = if area.width >= 60 { " u undoes the first   U any " } else { "" };
    let label = " in force ";
    paint.at(area, &Line::styled(label, paint.theme.trouble_plate()));
    let mut x = area.x + u16::try_from(label.len()).unwrap_or(0) + 1;
    let end = area.right().saturating_sub(u16::try_from(hint.len()).unwrap_or(0));
    let mut left = faults.len();
    for fault in faults.iter().rev() {
        // Leaves room for the count of the others.
        let room = usize::from(end.saturating_sub(x)).saturating_sub(if left > 1 { 10 } else { 0 });
        if room < 8 {
            break;
        }
        let words = paint.cut(&write::disturbance(&fault.what), room.saturating_sub(6).clamp(8, 40));
        let line = Line::from(vec![
            Span::styled(format!("#{} ", fault.id.0), paint.theme.faint()),
            Span::styled(words, paint.theme.strong()),
        ]);
        let width = u16::try_from(line.width()).unwrap_or(0);
        if usize::from(width) > room {
            break;
        }
        let place = Rect { x, width, ..area };
        paint.at(place, &line);
        paint.mark(place, Target::Fault(fault.id));
        x += width + 2;
        left -= 1;
    }
    if left > 0 {
        let text = format!("and {left} more");
        let width = u16::try_from(text.len()).unwrap_or(0).min(end.saturating_sub(x));
        let place = Rect { x, width, ..area };
        paint.at(place, &Line::styled(text, paint.theme.faint()));
        paint.mark(place, Target::Action(ActionId::InForce));
    }
    paint.right(area, 0, &Line::styled(hint, paint.theme.faint()));
}
