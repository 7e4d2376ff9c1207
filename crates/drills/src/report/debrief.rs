//! What to learn from a run: paragraphs, and links to read on.

use crate::outcome::Outcome;
use maud::{Markup, html};

/// The section. Nothing at all if there is nothing to say.
pub(super) fn debrief(outcome: &Outcome) -> Markup {
    let paragraphs = paragraphs(&outcome.debrief);
    if paragraphs.is_empty() && outcome.links.is_empty() {
        return html! {};
    }
    html! {
        section id="debrief" {
            h2 { "Debrief" }
            @for paragraph in paragraphs { p class="prose" { (paragraph) } }
            @if !outcome.links.is_empty() {
                p { "Read on:" }
                ul { @for link in &outcome.links { li { (anchor(link)) } } }
            }
        }
    }
}

/// Parts of a text between empty lines.
fn paragraphs(text: &str) -> Vec<String> {
    let mut paragraphs = vec![String::new()];
    for line in text.lines().map(str::trim) {
        match paragraphs.last_mut() {
            Some(last) if !line.is_empty() => {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(line);
            }
            _ => paragraphs.push(String::new()),
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs
}

/// An address that a browser may follow; any other text stays text.
fn anchor(link: &str) -> Markup {
    let is_address = ["https://", "http://"]
        .iter()
        .any(|scheme| link.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)));
    let is_clean = !link.chars().any(|c| c.is_control() || c.is_whitespace());
    html! {
        @if is_address && is_clean { a href=(link) rel="noreferrer" { (link) } }
        @else { (link) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_become_anchors() {
        for link in ["https://raft.github.io/raft.pdf", "HTTP://example.org/a?b=c&d"] {
            assert!(anchor(link).into_string().starts_with("<a href=\""), "{link}");
        }
        for link in
            ["javascript:alert(1)", "data:text/html,x", " https://x", "httpsx://y", "https://a\nb", "ü", ""]
        {
            assert!(!anchor(link).into_string().contains("<a"), "{link}");
        }
        assert!(anchor("https://x/\"onclick=\"y").into_string().contains("&quot;onclick"));
    }

    #[test]
    fn empty_lines_part_paragraphs() {
        assert_eq!(paragraphs("\n a\n b\n\n\n c \n"), ["a b", "c"]);
        assert!(paragraphs(" \n").is_empty());
    }
}
