//! The lesson that is played: a band below the view with what the class reads, and what lies over the view: the chapters, the code for the
//! phones, nothing at all.

mod band;
mod beside;
mod code;
mod contents;
mod exhibit;
mod poll;
mod question;
mod result;
mod shelf;
mod tour;

pub(crate) use band::{draw as draw_band, rows as band_rows};
pub(crate) use beside::{draw as draw_beside, fits as beside_fits};
pub(crate) use code::draw as draw_code;
pub(crate) use contents::draw as draw_contents;
pub(crate) use result::draw as draw_result;
pub(crate) use shelf::{draw as draw_shelf, draw_tabs};
pub(crate) use tour::{draw as draw_tour, rows as tour_rows};

use crate::app::App;
use crate::app::lessons::{LessonStage, PlayedLesson};
use crate::view::paint::Paint;
use raftdeck_raft::NodeId;
use ratatui::style::Style;

/// Whether the lesson is over, and its result is shown in place of the view. Its last chapter can still be gone back in.
pub(crate) fn is_over(app: &App) -> bool {
    let is_at_end = |played: &PlayedLesson| {
        matches!(played.stage(), LessonStage::Ended) && played.trail().looked_at().is_none()
    };
    app.lessons.playing().is_some_and(is_at_end)
}

/// Whether the lesson points at a node now.
pub(crate) fn is_marked(paint: &Paint<'_>, node: NodeId) -> bool {
    paint.app.lessons.marks().contains(&node)
}

/// How the name of a node looks in a list: the lesson points at it, it is selected, or neither.
pub(crate) fn name_style(paint: &Paint<'_>, node: NodeId) -> Style {
    if is_marked(paint, node) {
        paint.theme.trouble_band()
    } else if paint.app.selected == Some(node) {
        paint.theme.selected()
    } else {
        paint.theme.strong()
    }
}
