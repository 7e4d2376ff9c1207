//! The palette's offers, above its line.

use crate::app::App;
use crate::app::offers::{Offer, offers, taken};
use crate::app::prompt::Purpose;
use crate::view::found;
use crate::view::landed::Target;
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use std::ops::Range;

/// The most rows.
const MOST: usize = 12;

/// From this width on, what an offer means is shown too.
const WITH_ABOUT: u16 = 60;

/// The width of the column that says what an offer is.
const KIND: usize = 9;

/// Draws them over the bottom of the view, and over a rule that tells them from it.
pub(crate) fn draw(paint: &mut Paint<'_>, body: Rect) {
    let prompt = &paint.app.prompt;
    if !prompt.is_open() || prompt.purpose() != Purpose::Command {
        return;
    }
    let typed = prompt.typed();
    let offers = offers(&typed, paint.app);
    // Half of the view stays in sight.
    let most = MOST.min(usize::from(body.height.saturating_sub(1)) * 2 / 3);
    let rows = offers.len().min(most);
    if rows == 0 {
        return;
    }
    let chosen = chosen(paint.app, &typed);
    let first = prompt.tried().map_or(0, |tried| (tried + 1).saturating_sub(rows)).min(offers.len() - rows);
    let height = u16::try_from(rows).unwrap_or(0) + 1;
    let area = Rect { y: body.bottom() - height, height, ..body };
    paint.clear(area);
    paint.rule(area, 0, &title(chosen, offers.len()));
    let shown = &offers[first..first + rows];
    let width = shown.iter().map(|offer| offer.text.chars().count()).max().unwrap_or(0);
    let width = width.clamp(12, usize::from(area.width / 2).max(12));
    for (row, (place, offer)) in (1..).zip((first..).zip(shown)) {
        let at = Rect { y: area.y + row, height: 1, ..area };
        offer_row(paint, at, offer, width, chosen == Some(place));
        paint.mark(at, Target::Offer(place));
    }
}

/// The offer that Enter takes: the one that is tried, or the first one if the line is no command.
fn chosen(app: &App, typed: &str) -> Option<usize> {
    app.prompt.tried().or_else(|| taken(typed, app).map(|_| 0))
}

fn title(chosen: Option<usize>, of: usize) -> String {
    match chosen {
        Some(place) => format!("{} of {of}", place + 1),
        None if of == 1 => "1 choice".to_owned(),
        None => format!("{of} choices"),
    }
}

fn offer_row(paint: &mut Paint<'_>, area: Rect, offer: &Offer, width: usize, is_chosen: bool) {
    let theme = paint.theme;
    let mark = if is_chosen { paint.glyphs().selected } else { " " };
    let style = match (is_chosen, offer.is_able) {
        (true, _) => theme.selected(),
        (false, true) => theme.text(),
        (false, false) => theme.faint(),
    };
    let text = paint.cut(&offer.text, width);
    let gap = width.saturating_sub(text.chars().count());
    let mut spans = vec![Span::raw(format!(" {mark} "))];
    spans.extend(found::marked(&text, &parts(&text, &offer.found), style));
    spans.push(Span::styled(" ".repeat(gap), style));
    spans.push(Span::styled(format!("  {:<KIND$}", offer.kind.name()), theme.faint()));
    let key = offer.key.clone().unwrap_or_default();
    if area.width >= WITH_ABOUT {
        let used = 3 + width + 2 + KIND + key.chars().count() + 3;
        spans.push(Span::styled(
            paint.cut(&offer.about, usize::from(area.width).saturating_sub(used)),
            theme.faint(),
        ));
    }
    paint.row(area, 0, &Line::from(spans));
    if !key.is_empty() {
        paint.right(
            Rect { width: area.width.saturating_sub(1), ..area },
            0,
            &Line::styled(format!(" {key}"), theme.key()),
        );
    }
}

/// Characters as parts of the text, in bytes.
fn parts(text: &str, found: &[usize]) -> Vec<Range<usize>> {
    let mut parts: Vec<Range<usize>> = Vec::new();
    for (place, (start, c)) in text.char_indices().enumerate() {
        if !found.contains(&place) {
            continue;
        }
        match parts.last_mut() {
            Some(last) if last.end == start => last.end += c.len_utf8(),
            _ => parts.push(start..start + c.len_utf8()),
        }
    }
    parts
}
