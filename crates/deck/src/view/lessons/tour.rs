//! The line that offers the tour to somebody who starts the deck for the first time.

use crate::actions::ActionId;
use crate::app::App;
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// How many rows it takes.
pub(crate) fn rows(app: &App) -> u16 {
    u16::from(app.lessons.is_tour_offered)
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let theme = paint.theme;
    let (tour, dismiss) = (paint.app.key_of(ActionId::Tour), paint.app.key_of(ActionId::DismissTour));
    let line = Line::from(vec![
        Span::styled(" NEW HERE? ", theme.selected()),
        Span::styled(format!(" {tour}"), theme.key()),
        Span::styled(" takes the tour: what this screen shows, in five minutes.", theme.text()),
        Span::styled(format!("  {dismiss}"), theme.key()),
        Span::styled(" no", theme.text()),
    ]);
    paint.row(area, 0, &line);
}
