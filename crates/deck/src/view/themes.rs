//! The theme picker, at the right of the screen, so that what it shows is seen beside it.

use crate::app::themes::ThemePicker;
use crate::settings::ThemeChoice;
use crate::theme::ColourChoice;
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

/// The widest that the picker is.
const WIDEST: u16 = 60;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, picker: ThemePicker) {
    let themes = paint.app.preferences.themes();
    let names = themes.iter().map(|choice| choice.sheet.name.chars().count()).max().unwrap_or(0);
    let abouts = themes.iter().map(|choice| about(choice).chars().count()).max().unwrap_or(0);
    let has_colours = paint.app.settings.colour != ColourChoice::Never;
    let title = if has_colours { " themes " } else { " themes (NO_COLOR is set) " };
    let width = u16::try_from(names + abouts + 9).unwrap_or(u16::MAX).min(WIDEST).min(area.width);
    let height = u16::try_from(themes.len() + 2).unwrap_or(u16::MAX).min(area.height);
    let page = Rect { x: area.right() - width, y: area.y, width, height };
    paint.clear(page);
    let block = Block::bordered()
        .border_set(paint.glyphs().border)
        .title(Line::styled(title, paint.theme.strong()))
        .title_bottom(Line::styled(" Enter: keep it   Esc: as before ", paint.theme.faint()));
    let inner = block.inner(page);
    block.render(page, paint.buf);
    paint.mark(page, Target::Pane(Pane::Menu));
    let shown = usize::from(inner.height);
    let first = (picker.at() + 1).saturating_sub(shown);
    for (row, (place, choice)) in (0..).zip(themes.iter().enumerate().skip(first).take(shown)) {
        let line = line(paint, choice, place == picker.at(), names, usize::from(inner.width));
        paint.row(inner, row, &line);
        paint.mark(Rect { y: inner.y + row, height: 1, ..inner }, Target::MenuRow(place));
    }
}

fn line(
    paint: &Paint<'_>,
    choice: &ThemeChoice,
    is_shown: bool,
    names: usize,
    width: usize,
) -> Line<'static> {
    let glyphs = paint.glyphs();
    let name = &choice.sheet.name;
    let mark = if is_shown { glyphs.selected } else { " " };
    let in_force = if name == paint.app.preferences.theme() { glyphs.yes } else { " " };
    let style = if is_shown { paint.theme.selected() } else { paint.theme.text() };
    let room = width.saturating_sub(names + 7);
    let about_style =
        if choice.mistake.is_some() { paint.theme.trouble_plate() } else { paint.theme.faint() };
    Line::from(vec![
        Span::raw(format!(" {mark} ")),
        Span::styled(format!("{name:<names$}"), style),
        Span::raw(format!(" {in_force} ")),
        Span::styled(paint.cut(&about(choice), room), about_style),
    ])
}

/// What a theme is for, or why it looks otherwise than its file says.
fn about(choice: &ThemeChoice) -> String {
    if let Some(mistake) = &choice.mistake {
        return format!("not as in {mistake}");
    }
    match (choice.sheet.about.is_empty(), choice.is_own) {
        (true, true) => "your own".to_owned(),
        _ => choice.sheet.about.clone(),
    }
}
