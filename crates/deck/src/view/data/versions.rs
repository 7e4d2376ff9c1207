//! The selected key's history, newest first, and which entries it is known from.

use super::cell;
use crate::app::data::{HistoryStart, Version, VersionKind};
use crate::times::stamp;
use crate::view::labels::UNKNOWN;
use crate::view::paint::Paint;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

/// Columns of the entry, the term, the time and the node.
const ENTRY: usize = 8;
const TERM: usize = 6;
const WHEN: usize = 11;
const NODE: usize = 4;

/// Draws it.
pub(super) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let (start, last) = (app.data.history_start(&app.world), app.data.history_end());
    let title = match start {
        _ if app.data.selected().is_none() => "history".to_owned(),
        HistoryStart::Nowhere => "history, of writes seen here only".to_owned(),
        HistoryStart::Beginning => format!("history, entries 1-{last}"),
        HistoryStart::Snapshot(first) => format!("history, entries {first}-{last}; older: snapshot"),
        HistoryStart::Entry(first) => format!("history, entries {first}-{last}; older: not read"),
    };
    paint.rule(area, 0, &paint.cut(&title, usize::from(area.width).saturating_sub(6)));
    let body = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let versions = app.data.versions(app.operations.writes().newest_first());
    if versions.is_empty() {
        let text = if app.data.selected().is_some() { " No write of this key is known." } else { "" };
        paint.row(body, 0, &Line::styled(text, paint.theme.faint()));
        return;
    }
    let columns = Columns::of(body.width);
    paint.row(body, 0, &Line::styled(columns.heads(), paint.theme.faint()));
    for (row, version) in (1..body.height).zip(&versions) {
        let line = columns.row(paint, version);
        paint.row(body, row, &line);
    }
}

struct Columns {
    what: usize,
    /// Whether there is room for when it was answered and by which node.
    answered: bool,
}

impl Columns {
    fn of(width: u16) -> Self {
        let room = usize::from(width).saturating_sub(ENTRY + TERM);
        let answered = room >= WHEN + NODE + 12;
        Self { what: room.saturating_sub(if answered { WHEN + NODE } else { 0 }), answered }
    }

    fn heads(&self) -> String {
        let what = self.what;
        let answered = if self.answered { format!("{:<WHEN$}by", "answered") } else { String::new() };
        format!("{:>e$} {:>t$}  {:<what$}{answered}", "entry", "term", "value", e = ENTRY - 1, t = TERM - 2)
    }

    fn row(&self, paint: &Paint<'_>, version: &Version) -> Line<'static> {
        let theme = paint.theme;
        let (index, term) = (version.index.to_string(), version.term.to_string());
        let text = match version.kind {
            VersionKind::Put => version.text.clone(),
            VersionKind::Delete => "deleted".to_owned(),
            VersionKind::Cas => format!("{}, outcome {UNKNOWN}", version.text),
            VersionKind::Set => format!("{}: stored", version.text),
            VersionKind::Mismatch => format!("{}: no match", version.text),
        };
        let is_value = matches!(version.kind, VersionKind::Put | VersionKind::Set);
        let mut spans = vec![
            Span::styled(format!("{index:>e$} {term:>t$}  ", e = ENTRY - 1, t = TERM - 2), theme.faint()),
            Span::styled(cell(paint, &text, self.what), if is_value { theme.strong() } else { theme.text() }),
        ];
        if self.answered {
            let (when, node) = version.answered.map_or_else(
                || (UNKNOWN.to_owned(), UNKNOWN.to_owned()),
                |(when, node)| (stamp(when), node.to_string()),
            );
            spans.push(Span::styled(format!("{when:<WHEN$}{node:<NODE$}"), theme.faint()));
        }
        Line::from(spans)
    }
}
