//! The lists of lessons and of exhibits in the Drills view, and beside them what the selected one is about.

use crate::actions::ActionId;
use crate::app::lessons::{Shelf, ShelfKind};
use crate::sentences::counted;
use crate::view::drills::text::Text;
use crate::view::landed::Target;
use crate::view::paint::Paint;
use raftdeck_drills::museum::Exhibit;
use raftdeck_drills::{Chapter, Lesson, LessonProgress};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// From this width on the description is beside the list, not below it.
const BESIDE: u16 = 70;

/// Draws the names of the lists in a row.
pub(crate) fn draw_tabs(paint: &mut Paint<'_>, area: Rect) {
    let theme = paint.theme;
    let kind = paint.app.lessons.shelf.kind();
    let mut spans = Vec::new();
    for one in ShelfKind::ALL {
        let style = if one == kind { theme.selected() } else { theme.faint() };
        spans.push(Span::raw(" "));
        spans.push(Span::styled(format!(" {} ", one.name()), style));
    }
    paint.row(area, 0, &Line::from(spans));
}

/// Draws the list of lessons or of exhibits.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let (list, about) = if area.width >= BESIDE {
        let width = if area.width >= 110 { area.width / 2 } else { 38 };
        let list = Rect { width, ..area };
        (list, Rect { x: list.right() + 1, width: area.width - width - 1, ..area })
    } else {
        let list = Rect { height: area.height.div_ceil(2), ..area };
        (list, Rect { y: list.bottom(), height: area.height - list.height, ..area })
    };
    rows(paint, list);
    let text = describe(paint, about.width);
    for (row, line) in (0..about.height).zip(text.lines()) {
        paint.row(about, row, line);
    }
}

fn rows(paint: &mut Paint<'_>, area: Rect) {
    let shelf = &paint.app.lessons.shelf;
    let (title, lines) = match shelf.kind() {
        ShelfKind::Drills => return,
        ShelfKind::Lessons => {
            (counted(shelf.lessons().len() as u64, "lesson"), lesson_rows(paint, shelf, area.width))
        }
        ShelfKind::Museum => {
            (counted(shelf.exhibits().len() as u64, "exhibit"), exhibit_rows(paint, shelf, area.width))
        }
    };
    let at = shelf.at();
    paint.rule(area, 0, &title);
    let shown = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let first = (at + 1).saturating_sub(usize::from(shown.height));
    for (row, (place, line)) in (0..shown.height).zip(lines.iter().enumerate().skip(first)) {
        paint.row(shown, row, line);
        paint.mark(Rect { y: shown.y + row, height: 1, ..shown }, Target::Drill(place));
    }
}

fn lesson_rows(paint: &Paint<'_>, shelf: &Shelf, width: u16) -> Vec<Line<'static>> {
    let room = usize::from(width).saturating_sub(20);
    let row = |(place, lesson): (usize, &Lesson)| {
        let standing = match shelf.progress(lesson.id.text()) {
            Some(LessonProgress { is_finished: true, .. }) => "done",
            Some(_) => "begun",
            None => "",
        };
        let title = format!("{:room$}", paint.cut(lesson.title.text(), room));
        line(paint, place == shelf.at(), title, &format!("{:3} min  {standing}", lesson.minutes))
    };
    shelf.lessons().iter().enumerate().map(row).collect()
}

fn exhibit_rows(paint: &Paint<'_>, shelf: &Shelf, width: u16) -> Vec<Line<'static>> {
    let room = usize::from(width).saturating_sub(6);
    let row = |(place, exhibit): (usize, &Exhibit)| {
        line(paint, place == shelf.at(), paint.cut(&exhibit.title, room), "")
    };
    shelf.exhibits().iter().enumerate().map(row).collect()
}

fn line(paint: &Paint<'_>, is_selected: bool, title: String, more: &str) -> Line<'static> {
    let theme = paint.theme;
    let (mark, style): (&str, Style) =
        if is_selected { (paint.glyphs().selected, theme.selected()) } else { (" ", theme.text()) };
    Line::from(vec![
        Span::raw(format!(" {mark} ")),
        Span::styled(title, style),
        Span::styled(format!("  {more}"), theme.faint()),
    ])
}

fn describe(paint: &Paint<'_>, width: u16) -> Text {
    let mut text = Text::new(width);
    let theme = paint.theme;
    let shelf = &paint.app.lessons.shelf;
    if let Some(lesson) = shelf.lesson() {
        text.line(Line::styled(format!(" {}", lesson.title), theme.strong()));
        text.paragraphs(" ", lesson.description.text(), theme.text());
        starts(paint, &mut text, "starts it, on clusters of its own");
        text.heading("chapters", theme.strong());
        for Chapter { title, minutes, .. } in &lesson.chapters {
            text.wrapped(
                &format!(" {} ", paint.glyphs().dot),
                &format!("{title} ({minutes} min)"),
                theme.text(),
            );
        }
        text.blank();
        text.wrapped(" ", &format!("For a class: raftdeck teach {}", lesson.id), theme.faint());
    } else if let Some(exhibit) = shelf.exhibit() {
        text.line(Line::styled(format!(" {}", exhibit.title), theme.strong()));
        text.paragraphs(" ", &exhibit.story, theme.text());
        starts(paint, &mut text, "shows it; the present cluster is stopped");
        text.heading("violated", theme.strong());
        text.wrapped(" ", &exhibit.property, theme.text());
        text.heading("seen in", theme.strong());
        text.wrapped(" ", &format!("{}: {}", exhibit.report.system, exhibit.report.title), theme.text());
    }
    text
}

fn starts(paint: &Paint<'_>, text: &mut Text, does: &str) {
    let key = paint.app.key_of(ActionId::StartLesson);
    text.blank();
    text.led(Span::styled(format!(" {key} "), paint.theme.key()), does, paint.theme.text());
}
