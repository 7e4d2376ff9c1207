//! The targets: the first letters of the levels of each, then its name. Shown levels are reversed, others of which lines are captured
//! are plain, and the letters of all others are left out.

use super::LEAST_FOR_LINES;
use crate::app::App;
use crate::app::output::Steered;
use crate::view::landed::Target;
use crate::view::paint::Paint;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use tui_logger::TuiLoggerTargetWidget;
use unicode_width::UnicodeWidthStr;

/// The columns of the letters and of the colon before a name.
const LETTERS: u16 = 6;

/// How many columns they take, of this many.
pub(super) fn columns(app: &App, of: u16) -> u16 {
    if app.output.hides_targets || !has_room(app, of) { 0 } else { wanted(app) }
}

/// Whether there is room for them beside the lines, on so many columns.
pub(crate) fn has_room(app: &App, of: u16) -> bool {
    of >= wanted(app).saturating_add(LEAST_FOR_LINES)
}

fn wanted(app: &App) -> u16 {
    let longest = app.output.targets().map(|(name, _)| name.width()).max().unwrap_or(0);
    u16::try_from((usize::from(LETTERS) + longest).max(LEGEND.width()) + 3).unwrap_or(u16::MAX)
}

const LEGEND: &str = "EWI captured";

/// Draws them, with a line to the right. The widget counts them also where there is no room for them.
pub(super) fn draw(paint: &mut Paint<'_>, area: Rect, steered: &mut Steered) {
    let output = &paint.app.output;
    let unseen = Rect::new(0, 0, 8, 1);
    TuiLoggerTargetWidget::default().state(steered.state()).render(unseen, &mut Buffer::empty(unseen));
    steered.select(output.place());
    let shown = Style::new().add_modifier(Modifier::REVERSED);
    let widget = TuiLoggerTargetWidget::default()
        .state(steered.state())
        .style_show(shown)
        .style_hide(paint.theme.faint())
        .highlight_style(paint.theme.selected());
    if area.width == 0 {
        widget.render(unseen, &mut Buffer::empty(unseen));
        return;
    }
    let list = Rect { x: area.x + 1, width: area.width - 3, ..area };
    widget.render(list, paint.buf);
    // The widget's colon is no part of the table, and between blanks it is in the way.
    for y in list.top()..list.bottom() {
        if let Some(cell) = paint.buf.cell_mut((list.x + LETTERS - 1, y)) {
            cell.set_symbol(" ");
        }
    }
    let count = output.targets().len();
    if count <= usize::from(list.height) {
        for (place, y) in (0..count).zip(list.y..) {
            paint.mark(Rect { y, height: 1, ..list }, Target::LogTarget(place));
        }
    }
    legend(paint, list, count, shown);
    for row in 0..area.height {
        let line = Line::styled(paint.glyphs().border.vertical_left, paint.theme.faint());
        paint.row(Rect { x: area.right() - 1, width: 1, ..area }, row, &line);
    }
}

fn legend(paint: &mut Paint<'_>, list: Rect, count: usize, shown: Style) {
    if usize::from(list.height) < count + 3 {
        return;
    }
    let faint = paint.theme.faint();
    let (letters, word) = LEGEND.split_at(3);
    paint.row(
        list,
        list.height - 2,
        &Line::from(vec![Span::styled(letters, shown), Span::styled(" shown", faint)]),
    );
    paint.row(list, list.height - 1, &Line::styled(format!("{letters}{word}"), faint));
}
