//! The row of tabs, where a deck has several clusters: each one's number, name and state.

use crate::tabs::{TabLabel, TabState};
use crate::view::landed::Target;
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Below this, the row is needed for other things.
const LEAST_HEIGHT: u16 = 10;

/// Names are cut to this where there is no room for them.
const BRIEF_NAME: usize = 8;

/// How much is said of each tab: less where there is less room.
#[derive(Clone, Copy)]
enum TabForm {
    /// The state in words too.
    Whole,
    /// That only of the tab in sight.
    Glyphs,
    /// The same with names that are cut.
    Brief,
    /// No words at all.
    Bare,
}

/// How many rows it takes on a screen of this height.
pub(crate) fn rows(paint: &Paint<'_>, height: u16) -> u16 {
    u16::from(paint.app.tabs().is_several() && height >= LEAST_HEIGHT)
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    if area.is_empty() {
        return;
    }
    let labels = paint.app.tabs().labels().to_vec();
    let shown = paint.app.tabs().place();
    let in_form = |form| -> Vec<Line<'static>> {
        let line = |(place, label)| tab(paint, label, place, place == shown, form);
        labels.iter().enumerate().map(line).collect()
    };
    let width = |lines: &[Line<'_>]| lines.iter().map(|line| line.width() + 1).sum::<usize>();
    let room = usize::from(area.width);
    let forms = [TabForm::Whole, TabForm::Glyphs, TabForm::Brief];
    let form = forms.into_iter().find(|form| width(&in_form(*form)) <= room + 1).unwrap_or(TabForm::Bare);
    let lines = in_form(form);
    // The tab in sight is on the row, whatever else has to be left out.
    let first = (0..=shown).find(|first| width(&lines[*first..=shown]) <= room).unwrap_or(shown);
    let mut x = area.x;
    for (line, label) in lines.iter().zip(&labels).skip(first) {
        let width = u16::try_from(line.width()).unwrap_or(u16::MAX);
        let place = Rect { x, width, ..area }.intersection(area);
        paint.at(place, line);
        paint.mark(place, Target::Tab(label.id));
        x = x.saturating_add(width).saturating_add(1);
        if x >= area.right() {
            break;
        }
    }
}

fn tab(paint: &Paint<'_>, label: &TabLabel, place: usize, is_shown: bool, form: TabForm) -> Line<'static> {
    let name = match form {
        TabForm::Brief | TabForm::Bare if !is_shown => paint.cut(&label.name, BRIEF_NAME),
        _ => label.name.clone(),
    };
    let (glyph, tone) = sign(paint, label.state);
    let words = match form {
        TabForm::Bare => String::new(),
        TabForm::Glyphs | TabForm::Brief if !is_shown => String::new(),
        _ => format!(" {}", label.state.words()),
    };
    let recording = if label.is_recording { " REC" } else { "" };
    let (plain, tone) =
        if is_shown { (paint.theme.selected(), paint.theme.selected()) } else { (paint.theme.faint(), tone) };
    Line::from(vec![
        Span::styled(format!(" {} {name}{recording} ", place + 1), plain),
        Span::styled(format!("{glyph}{words} "), tone),
    ])
}

/// A state's sign, and how it is written.
fn sign(paint: &Paint<'_>, state: TabState) -> (&'static str, Style) {
    let glyphs = paint.glyphs();
    match state {
        TabState::Starting => (glyphs.starting, paint.theme.faint()),
        TabState::Leads { has_concern: false, .. } => (glyphs.leader, paint.theme.text()),
        TabState::Leads { has_concern: true, .. } => ("!", paint.theme.trouble_line()),
        TabState::NoLeader | TabState::NoQuorum => (glyphs.candidate, paint.theme.trouble_line()),
        TabState::AllDown | TabState::Unreachable => (glyphs.dead, paint.theme.trouble_line()),
        TabState::Waits => (glyphs.ask, paint.theme.trouble_line()),
    }
}
