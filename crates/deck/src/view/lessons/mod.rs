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
use crate::app::lessons::LessonStage;
use raftdeck_raft::NodeId;
use std::time::Duration;

/// Whether the lesson is over, and its result is shown in place of the view.
pub(crate) fn is_over(app: &App) -> bool {
    app.lessons.playing().is_some_and(|played| matches!(played.stage(), LessonStage::Ended))
}

/// Whether the lesson points at a node now.
pub(crate) fn is_marked(app: &App, node: NodeId, now: Duration) -> bool {
    app.lessons.scene(now).is_some_and(|scene| scene.marks.contains(&node))
}
