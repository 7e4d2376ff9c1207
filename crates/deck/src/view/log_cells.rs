//! Entries of a log as cells: for the Logs view, and for the strip of the Cluster view.

use crate::view::labels::UNKNOWN;
use crate::view::paint::{Paint, wrap};
use raftdeck_model::LogRow;
use raftdeck_raft::{LogId, LogIndex, Term};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};

/// Draws what a node has at an index: a committed entry is solid, an uncommitted one hollow. The first row has its term, the others
/// say what it is, as far as that is known. An entry that is only in the snapshot is shaded.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, row: &LogRow<'_>, index: LogIndex) {
    let Some(term) = row.term_at(index) else {
        if row.status.purged >= index {
            let shade = paint.glyphs().purged.repeat(usize::from(area.width));
            for line in 0..area.height {
                paint.row(area, line, &Line::styled(shade.clone(), paint.theme.faint()));
            }
        }
        return;
    };
    let width = usize::from(area.width).saturating_sub(2);
    let look = Look::of(paint, row, index, term);
    let label = format!("{term}{}", mark(row, index));
    let label = if area.height == 1 { format!("{label:^width$}") } else { format!("{label:<width$}") };
    look.row(paint, area, 0, &label);
    let text = paint.app.logs.text(LogId { term, index }).map(short).unwrap_or_default();
    let mut lines = wrap(&text, width);
    if usize::from(area.height) <= lines.len() && area.height > 1 {
        let last = usize::from(area.height) - 2;
        lines[last] = paint.cut(&lines[last..].join(" "), width);
    }
    for (line, text) in (1..area.height).zip(lines.into_iter().chain(std::iter::repeat(String::new()))) {
        let padded = format!("{text}{}", " ".repeat(width.saturating_sub(Span::raw(&text).width())));
        look.row(paint, area, line, &padded);
    }
}

/// How a cell looks.
struct Look {
    edges: [&'static str; 2],
    edge: Style,
    plate: Style,
}

impl Look {
    fn of(paint: &Paint<'_>, row: &LogRow<'_>, index: LogIndex, term: Term) -> Self {
        let (glyphs, theme) = (paint.glyphs(), paint.theme);
        let committed = row.committed >= index;
        let (plate, edge) = match (row.is_last_known, committed) {
            // What is only last known has no plate.
            (true, _) => (theme.faint(), theme.faint()),
            // Without half blocks, the edges of a solid entry show its background.
            (false, true) if !glyphs.braille => (theme.term_plate(term), theme.term_plate(term)),
            (false, true) => (theme.term_plate(term), theme.term_line(term)),
            (false, false) => (Style::new(), Style::new()),
        };
        let edges = if committed { glyphs.committed } else { glyphs.uncommitted };
        Self { edges, edge, plate }
    }

    fn row(&self, paint: &mut Paint<'_>, area: Rect, row: u16, text: &str) {
        let [open, close] = self.edges;
        let line = Line::from(vec![
            Span::styled(open, self.edge),
            Span::styled(text.to_owned(), self.plate),
            Span::styled(close, self.edge),
        ]);
        paint.row(area, row, &line);
    }
}

/// `~`: not on its disk yet; `s`: its snapshot ends here; `?`: nobody says whether it is committed.
fn mark(row: &LogRow<'_>, index: LogIndex) -> &'static str {
    let status = row.status;
    // What the leader knows of the log was confirmed, and so is on the disk.
    if status.durable < index && status.last_index() >= Some(index) {
        "~"
    } else if status.snapshot.is(|snapshot| snapshot.index == index) {
        "s"
    } else if row.committed.is_unknown() {
        UNKNOWN
    } else {
        ""
    }
}

/// `put color "blue"` becomes `color=blue`, as a cell is narrow.
fn short(text: &str) -> String {
    let unquoted = |word: &str| word.trim_matches('"').to_owned();
    match text.split_once(' ') {
        Some(("put", rest)) => match rest.split_once(' ') {
            Some((key, value)) => format!("{}={}", unquoted(key), unquoted(value)),
            None => text.to_owned(),
        },
        Some(("open", "a session")) => "session".to_owned(),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_says_a_write_as_an_equation() {
        assert_eq!(short("put color blue"), "color=blue");
        assert_eq!(short("put shape \"a circle\""), "shape=a circle");
        assert_eq!(short("delete color"), "delete color");
        assert_eq!(short("no-op"), "no-op");
    }
}
