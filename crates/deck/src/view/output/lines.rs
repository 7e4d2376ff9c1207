//! The lines: the time, the target, the level, the text.

use crate::app::find::Find;
use crate::app::output::{Steered, Turn};
use crate::theme::Theme;
use crate::view::found;
use crate::view::paint::{Paint, wrap};
use raftdeck_protocol::printable::visible_in_ascii;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::Widget;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tui_logger::{ExtLogRecord, LogFormatter, TuiLoggerWidget};
use unicode_width::UnicodeWidthStr;

/// From this width on, lines have their time.
const WIDTH_WITH_TIME: u16 = 60;

/// Rows of the unseen page on which the oldest line is looked for.
const UNSEEN_ROWS: u16 = 1000;

/// The most such pages. Each is turned by half.
const GREAT_PAGES: u16 = 12;

/// How lines look.
#[derive(Clone)]
pub(super) struct LogLines {
    theme: Theme,
    is_ascii: bool,
    has_time: bool,
    /// Columns of the longest name of a target.
    name: usize,
    /// Only the numbers of lines matter.
    is_bare: bool,
    /// What is marked.
    find: Find,
    drawn: Arc<Drawn>,
}

/// The numbers of the lines that were drawn, the last one after one more.
#[derive(Default)]
struct Drawn {
    first: AtomicU64,
    after: AtomicU64,
}

impl LogLines {
    pub(super) fn new(paint: &Paint<'_>, width: u16) -> Self {
        let names = paint.app.output.targets().map(|(name, _)| name.width());
        Self {
            theme: paint.theme,
            is_ascii: paint.app.settings.ascii,
            has_time: width >= WIDTH_WITH_TIME,
            name: names.max().unwrap_or(0),
            is_bare: false,
            find: paint.app.output.find_text().clone(),
            drawn: Arc::default(),
        }
    }

    /// Draws the page; returns the numbers of its first and last line.
    pub(super) fn draw(self, paint: &mut Paint<'_>, area: Rect, steered: &mut Steered) -> Option<(u32, u32)> {
        let oldest = paint.app.output.oldest().map(|line| line.number);
        if let Some(oldest) = oldest.filter(|_| std::mem::take(&mut steered.to_oldest)) {
            self.to_oldest(area.height, area.width, oldest, steered);
        }
        self.render(area, paint.buf, steered)
    }

    fn render(&self, area: Rect, buf: &mut Buffer, steered: &Steered) -> Option<(u32, u32)> {
        self.drawn.first.store(u64::MAX, Ordering::Relaxed);
        self.drawn.after.store(0, Ordering::Relaxed);
        TuiLoggerWidget::default().formatter(Box::new(self.clone())).state(steered.state()).render(area, buf);
        let first = u32::try_from(self.drawn.first.load(Ordering::Relaxed)).ok()?;
        let last = u32::try_from(self.drawn.after.load(Ordering::Relaxed).checked_sub(1)?).ok()?;
        Some((first, last))
    }

    /// Turns pages back, unseen, until the oldest line is on one. The widget knows no shorter way: great pages first, then such as are
    /// seen. It must not be asked to turn back beyond the oldest line, since it turns to the newest then.
    fn to_oldest(&self, rows: u16, width: u16, oldest: u32, steered: &Steered) {
        let bare = Self { is_bare: true, ..self.clone() };
        let great = Rect::new(0, 0, 1, UNSEEN_ROWS);
        let seen = Rect::new(0, 0, width, rows.max(2));
        for (lines, page, most) in [(&bare, great, GREAT_PAGES), (self, seen, UNSEEN_ROWS)] {
            let mut buf = Buffer::empty(page);
            for _ in 0..most {
                if lines.render(page, &mut buf, steered).is_none_or(|(first, _)| first <= oldest) {
                    break;
                }
                steered.turn(Turn::Back);
            }
        }
    }

    fn lead(&self, record: &ExtLogRecord) -> Vec<Span<'static>> {
        let mut lead = Vec::new();
        if self.has_time {
            lead.push(Span::styled(format!("{:>9} ", record.file().unwrap_or_default()), self.theme.faint()));
        }
        let name = record.target().trim_start();
        lead.push(Span::styled(format!(" {name:<width$} ", width = self.name), self.theme.strong()));
        let (level, style) = match record.level {
            log::Level::Error => ("ERROR", self.theme.trouble_plate()),
            log::Level::Warn => ("WARN ", self.theme.trouble_plate()),
            log::Level::Info => ("INFO ", self.theme.text()),
            log::Level::Debug => ("DEBUG", self.theme.faint()),
            log::Level::Trace => ("TRACE", self.theme.faint()),
        };
        lead.push(Span::styled(level, style));
        lead.push(Span::raw(" "));
        lead
    }
}

impl LogFormatter for LogLines {
    fn min_width(&self) -> u16 {
        1
    }

    fn format(&self, width: usize, record: &ExtLogRecord) -> Vec<Line<'_>> {
        let number = record.line.unwrap_or_default().into();
        self.drawn.first.fetch_min(number, Ordering::Relaxed);
        self.drawn.after.fetch_max(number + 1, Ordering::Relaxed);
        if self.is_bare {
            return vec![Line::default()];
        }
        let lead = self.lead(record);
        let indent: usize = lead.iter().map(Span::width).sum();
        let text = if self.is_ascii { visible_in_ascii(record.msg()) } else { record.msg().into() };
        let texts = wrap(&text, width.saturating_sub(indent));
        let mut lead = Some(lead);
        let row = |text: String| {
            let mut spans = lead.take().unwrap_or_else(|| vec![Span::raw(" ".repeat(indent))]);
            spans.extend(found::spans(&self.find, &text, self.theme.text()));
            Line::from(spans)
        };
        texts.into_iter().map(row).collect()
    }
}
