//! The Output view: what the nodes wrote to their logs, newest at the bottom.

use crate::actions::ActionId;
use crate::app::finding::{self, List};
use crate::app::output::OutputLine;
use crate::view::found;
use crate::view::landed::{Pane, Target};
use crate::view::paint::{Paint, wrap};
use raftdeck_model::LogLevel;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let who = match app.selected {
        Some(id) if app.output.only_selected => id.to_string(),
        _ => "all nodes".to_owned(),
    };
    let back = match app.output.back() {
        0 => String::new(),
        back => format!(", {back} newer below"),
    };
    let filter = finding::place(app, List::Output).map_or_else(String::new, |place| {
        format!("{} {} {place}", found::title(finding::find(app, List::Output)), paint.glyphs().dot)
    });
    let level = level(app.output.level).trim().to_lowercase();
    paint.rule(area, 0, &format!("output of {who}, {level} and above{back}{filter}"));
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    paint.mark(area, Target::Pane(Pane::Output));
    paint.landed.size(Pane::Output, area.height.into());
    let mut row = area.height;
    let find = finding::find(app, List::Output);
    let found = app.output.newest_first(app.selected).filter(|line| find.fits(&[&line.text]));
    for line in found.skip(app.output.back()) {
        for text in lines(paint, line, area.width).into_iter().rev() {
            if row == 0 {
                return;
            }
            row -= 1;
            paint.row(area, row, &text);
        }
    }
    if row == area.height {
        let key = paint.app.key_of(ActionId::Level);
        let text = if find.is_empty() {
            format!(" Nothing has been written yet at this level: {key} shows more.")
        } else {
            " No line has that: Esc shows all again.".to_owned()
        };
        paint.row(area, 0, &Line::styled(text, paint.theme.faint()));
    }
}

fn lines(paint: &Paint<'_>, line: &OutputLine, width: u16) -> Vec<Line<'static>> {
    let name = format!(" {:<4}", line.node);
    let level_style = match line.level {
        LogLevel::Error | LogLevel::Warn => paint.theme.trouble_plate(),
        LogLevel::Info => paint.theme.text(),
        LogLevel::Debug | LogLevel::Trace => paint.theme.faint(),
    };
    let lead = vec![
        Span::styled(name, paint.theme.strong()),
        Span::styled(level(line.level), level_style),
        Span::raw(" "),
    ];
    let indent: usize = lead.iter().map(Span::width).sum();
    let room = usize::from(width).saturating_sub(indent);
    wrap(&line.text, room)
        .into_iter()
        .enumerate()
        .map(|(n, text)| {
            let mut spans = if n == 0 { lead.clone() } else { vec![Span::raw(" ".repeat(indent))] };
            spans.extend(found::spans(finding::find(paint.app, List::Output), &text, paint.theme.text()));
            Line::from(spans)
        })
        .collect()
}

fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "ERROR",
        LogLevel::Warn => "WARN ",
        LogLevel::Info => "INFO ",
        LogLevel::Debug => "DEBUG",
        LogLevel::Trace => "TRACE",
    }
}
