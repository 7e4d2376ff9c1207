//! An answer of the palette, over whatever is on the screen: the state of the cluster in words, or a text.

use crate::app::answer::PaletteAnswer;
use crate::sentences::{counted, ids};
use crate::view::drills::text::Text;
use crate::view::labels;
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use raftdeck_model::{Phase, World};
use raftdeck_raft::NodeId;
use ratatui::layout::Rect;
use ratatui::text::Line;
use ratatui::widgets::{Block, Widget};
use std::collections::BTreeSet;

/// The widest that the box is.
const WIDEST: u16 = 76;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, answer: &PaletteAnswer) {
    let width = area.width.min(WIDEST);
    let mut text = Text::new(width.saturating_sub(2));
    let title = match answer {
        PaletteAnswer::Status => {
            status(paint, &mut text);
            "status"
        }
        PaletteAnswer::Text { title, text: words } => {
            text.wrapped(" ", words, paint.theme.text());
            title
        }
    };
    let used = text.lines().iter().map(Line::width).max().unwrap_or(0).max(title.len()) + 4;
    let width = width.min(u16::try_from(used).unwrap_or(u16::MAX));
    let height = u16::try_from(text.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let page =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    paint.clear(page);
    let block = Block::bordered()
        .border_set(paint.glyphs().border)
        .title(Line::styled(format!(" {title} "), paint.theme.strong()))
        .title_bottom(Line::styled(" Esc ", paint.theme.faint()));
    let inner = block.inner(page);
    block.render(page, paint.buf);
    paint.mark(area, Target::Pane(Pane::Feed));
    for (row, line) in (0..inner.height).zip(text.lines()) {
        paint.row(inner, row, line);
    }
}

fn status(paint: &Paint<'_>, text: &mut Text) {
    let world = &paint.app.world;
    let (claim, detail, _) = labels::verdict(&world.verdict());
    text.wrapped(" ", &claim, paint.theme.strong());
    let dot = paint.glyphs().dot;
    for line in [detail.replace('·', dot), commit(world), processes(world), time(paint), in_force(world)] {
        text.wrapped(" ", &line, paint.theme.text());
    }
}

fn commit(world: &World) -> String {
    format!("The log is committed through entry {}, as far as is known.", world.committed())
}

/// Which nodes do not run, and how.
fn processes(world: &World) -> String {
    let of = |is: &dyn Fn(&Phase) -> bool| -> BTreeSet<NodeId> {
        world.nodes().filter(|node| is(&node.phase())).map(|node| node.id).collect()
    };
    let groups = [
        ("down", of(&|phase| matches!(phase, Phase::Killed | Phase::Stopped | Phase::Failed))),
        ("no answer", of(&|phase| matches!(phase, Phase::Unreachable))),
        ("paused", of(&|phase| matches!(phase, Phase::Paused))),
        ("starting", of(&|phase| matches!(phase, Phase::Starting))),
    ];
    let said: Vec<String> = groups
        .into_iter()
        .filter(|(_, nodes)| !nodes.is_empty())
        .map(|(state, nodes)| format!("{state}: {}", ids(&nodes)))
        .collect();
    if said.is_empty() {
        format!("All of {} run.", counted(world.len() as u64, "node"))
    } else {
        format!("Of {}, {}.", counted(world.len() as u64, "node"), said.join("; "))
    }
}

fn time(paint: &Paint<'_>) -> String {
    let rate = paint.app.world.time().rate;
    if rate.is_frozen() { "Time is frozen.".to_owned() } else { format!("Time runs at rate {rate}.") }
}

fn in_force(world: &World) -> String {
    match world.in_force().len() as u64 {
        0 if world.any_cut() => "Links are cut.".to_owned(),
        0 => "Nothing is in force.".to_owned(),
        count => format!("In force: {}; rules lists them.", counted(count, "fault")),
    }
}
