//! Marks what was found in a text.

use crate::app::find::Find;
use ratatui::style::{Modifier, Style};
use ratatui::text::Span;
use std::ops::Range;

/// How a match looks on a text of this style: it can be told without colour.
pub(crate) fn style(on: Style) -> Style {
    on.remove_modifier(Modifier::DIM).add_modifier(Modifier::BOLD | Modifier::UNDERLINED)
}

/// The text in this style, with the matches marked.
pub(crate) fn spans(find: &Find, text: &str, on: Style) -> Vec<Span<'static>> {
    marked(text, &find.spans(text), on)
}

/// The text with these parts of it marked, which are in order.
pub(crate) fn marked(text: &str, parts: &[Range<usize>], on: Style) -> Vec<Span<'static>> {
    let mut spans = Vec::new();
    let mut end = 0;
    for part in parts {
        if part.start > end {
            spans.push(Span::styled(text[end..part.start].to_owned(), on));
        }
        spans.push(Span::styled(text[part.clone()].to_owned(), style(on)));
        end = part.end;
    }
    if end < text.len() || parts.is_empty() {
        spans.push(Span::styled(text[end..].to_owned(), on));
    }
    spans
}

/// What a title says of a filter, such as ` with "killed"`; nothing without one.
pub(crate) fn title(find: &Find) -> String {
    if find.is_empty() { String::new() } else { format!(" with \"{}\"", find.text()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_text_stays_whole_and_only_matches_are_marked() {
        let texts = |text: &str, row: &str| {
            let spans = spans(&Find::new(text), row, Style::new());
            let marked = |span: &Span<'_>| span.style.add_modifier.contains(Modifier::UNDERLINED);
            spans.iter().map(|span| (span.content.to_string(), marked(span))).collect::<Vec<_>>()
        };
        assert_eq!(texts("n2", "n2 leads"), [("n2".to_owned(), true), (" leads".to_owned(), false)]);
        assert_eq!(texts("", "n2"), [("n2".to_owned(), false)]);
        assert_eq!(texts("s", "s"), [("s".to_owned(), true)]);
    }
}
