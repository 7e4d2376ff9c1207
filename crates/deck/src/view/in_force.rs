//! One line with everything that is in force now; each part of it is a button that undoes that part. The line is kept while nothing is,
//! so that nothing jumps when a fault comes or goes; then it says how the cluster was set up.

use crate::actions::ActionId;
use crate::view::landed::Target;
use crate::view::paint::Paint;
use raftdeck_model::{Fault, write};
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// How many rows it takes on a screen of this height.
pub(crate) fn rows(paint: &Paint<'_>, height: u16) -> u16 {
    let world = &paint.app.world;
    match height {
        0..12 => 0,
        12..20 => u16::from(!world.in_force().is_empty()),
        _ => u16::from(!world.is_empty()),
    }
}

/// Draws it: the newest first, because that is what `u` undoes.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let faults = app.world.in_force();
    let Some(newest) = faults.last().filter(|_| area.height > 0) else {
        return set_up(paint, area);
    };
    let end = buttons(paint, area, newest);
    let label = " in force ";
    paint.at(area, &Line::styled(label, paint.theme.trouble_plate()));
    let x = area.x + u16::try_from(label.len()).unwrap_or(0) + 1;
    list(paint, Rect { x, width: end.saturating_sub(x), ..area }, faults);
}

/// How the cluster was set up: as much as fits.
fn set_up(paint: &mut Paint<'_>, area: Rect) {
    let world = &paint.app.world;
    let dot = paint.glyphs().dot;
    let nodes = if world.len() == 1 { "1 node".to_owned() } else { format!("{} nodes", world.len()) };
    let beat = format!("heartbeat {} ms", world.heartbeat.as_millis());
    let (least, most) = world.election;
    let timeout = format!("election {} to {} ms", least.as_millis(), most.as_millis());
    let data = world.data_dir.get().and_then(Option::as_ref).map(|dir| format!("data in {dir}"));
    // What others have cut is not among what can be undone here.
    let nothing = (!world.any_cut()).then(|| "nothing in force".to_owned());
    let parts = nothing.into_iter().chain([nodes, beat, timeout]).chain(data);
    let text = parts.collect::<Vec<_>>().join(&format!(" {dot} "));
    let text = paint.cut(&text, usize::from(area.width).saturating_sub(2));
    paint.row(area, 0, &Line::styled(format!(" {text}"), paint.theme.faint()));
}

/// The keys that undo it, at the right; returns where they begin.
fn buttons(paint: &mut Paint<'_>, area: Rect, newest: &Fault) -> u16 {
    let words = [
        (ActionId::InForce, "any".to_owned()),
        (ActionId::Undo, format!("undoes #{}", newest.id.0)),
        (ActionId::Heal, "heal".to_owned()),
    ];
    let mut end = area.right().saturating_sub(1);
    for (id, words) in words.into_iter().skip(usize::from(area.width < 72)) {
        let Some(key) = paint.key(id) else { continue };
        let line = Line::from(vec![
            Span::styled(key, paint.theme.key()),
            Span::styled(format!(" {words}"), paint.theme.text()),
        ]);
        let width = u16::try_from(line.width()).unwrap_or(0);
        let Some(x) = end.checked_sub(width).filter(|x| *x > area.x + area.width / 2) else { break };
        let place = Rect { x, width, ..area };
        paint.at(place, &line);
        paint.mark(place, Target::Action(id));
        end = x.saturating_sub(2);
    }
    end
}

/// The faults, the newest first, and how many more there are.
fn list(paint: &mut Paint<'_>, area: Rect, faults: &[Fault]) {
    let mut x = area.x;
    let end = area.right();
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
}
