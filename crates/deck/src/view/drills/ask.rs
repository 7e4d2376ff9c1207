//! What has to be confirmed, over the view.

use super::text::Text;
use crate::app::drills::Confirm;
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

/// The widest that the box is.
const WIDEST: u16 = 64;

/// Draws it.
pub(crate) fn ask(paint: &mut Paint<'_>, area: Rect, confirm: &Confirm) {
    let width = area.width.min(WIDEST);
    let text = words(paint, width.saturating_sub(2), confirm);
    let height = u16::try_from(text.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let page =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    paint.clear(page);
    let block = Block::bordered().border_set(paint.glyphs().leader_border);
    let inner = block.inner(page);
    block.render(page, paint.buf);
    paint.mark(area, Target::Pane(Pane::Menu));
    super::show(paint, inner, text.lines(), 0);
}

fn words(paint: &Paint<'_>, width: u16, confirm: &Confirm) -> Text {
    let mut text = Text::new(width);
    match confirm {
        Confirm::Start(id) => {
            let drill = paint.app.drills.catalogue.find(id);
            let (title, nodes) = drill.map_or((id.as_str(), 0), |drill| (&drill.title, drill.cluster.nodes));
            text.plate(&format!(" Start \"{title}\"? "), paint.theme.trouble_band());
            let fresh =
                format!("It runs on a fresh cluster: {}.", super::catalogue::counted(nodes.into(), "node"));
            text.wrapped(" ", &fresh, paint.theme.text());
            for line in lost(paint) {
                text.wrapped(" ", &line, paint.theme.strong());
            }
        }
        Confirm::Stop => {
            text.plate(" Stop this drill? ", paint.theme.trouble_band());
            let what = "It heals what it broke, and its verdict is aborted. The cluster stays.";
            text.wrapped(" ", what, paint.theme.text());
        }
    }
    text.blank();
    text.line(ask_keys(paint));
    text
}

/// What is lost with the present cluster.
fn lost(paint: &Paint<'_>) -> Vec<String> {
    let world = &paint.app.world;
    let mut lines = vec![match &world.data_dir {
        Some(dir) => format!("The present cluster is stopped; its data stays in {dir}."),
        None => "The present cluster is stopped, and its data is removed.".to_owned(),
    }];
    match world.in_force().len() {
        0 => {}
        1 => lines.push("The fault that is in force ends with it.".to_owned()),
        faults => lines.push(format!("The {faults} faults that are in force end with it.")),
    }
    lines
}

/// The keys that answer.
pub(crate) fn ask_keys(paint: &Paint<'_>) -> Line<'static> {
    let (yes, no) = match &paint.app.drills.confirm {
        Some(Confirm::Stop) => (" stop it   ", " go on with it"),
        _ => (" start it   ", " leave it as it is"),
    };
    Line::from(vec![
        Span::styled(" y", paint.theme.key()),
        Span::raw(yes),
        Span::styled("Esc", paint.theme.key()),
        Span::raw(no),
    ])
}
