//! Writes SVG. Every text goes through [`Pen::text`] or [`Pen::whole`], which escape it.

use crate::svg::STYLE;
use raftdeck_protocol::printable::visible;
use std::fmt::{self, Write as _};

/// A point of the picture.
pub(super) type Point = (f64, f64);

/// The elements so far.
#[derive(Debug, Default)]
pub(super) struct Pen(String);

/// A text between tags or in an attribute.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in visible(self.0).chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                // No XML document may have them.
                '\u{fffe}' | '\u{ffff}' => f.write_char(char::REPLACEMENT_CHARACTER)?,
                _ => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

impl Pen {
    /// An element without content; `attributes` are written as they are, and are never of anybody else's text.
    pub(super) fn shape(&mut self, element: &str, class: &str, attributes: fmt::Arguments<'_>) {
        self.put(format_args!(r#"<{element} class="{class}" {attributes}/>"#));
    }

    /// A line of text; `class` says how it is aligned.
    pub(super) fn text(&mut self, class: &str, (x, y): Point, text: &str) {
        self.put(format_args!(r#"<text class="{class}" x="{x:.1}" y="{y:.1}">{}</text>"#, Escaped(text)));
    }

    /// The same, no wider than this.
    pub(super) fn squeezed(&mut self, class: &str, (x, y): Point, width: f64, text: &str) {
        if text_width(text) <= width {
            return self.text(class, (x, y), text);
        }
        self.put(format_args!(
            r#"<text class="{class}" x="{x:.1}" y="{y:.1}" textLength="{width:.1}" lengthAdjust="spacingAndGlyphs">{}</text>"#,
            Escaped(text)
        ));
    }

    /// What `inner` draws, moved to a place.
    pub(super) fn group(&mut self, class: &str, (x, y): Point, inner: impl FnOnce(&mut Self)) {
        self.put(format_args!(r#"<g class="{class}" transform="translate({x:.1} {y:.1})">"#));
        inner(self);
        self.0.push_str("</g>");
    }

    /// The document, with what it shows in words.
    pub(super) fn whole(self, width: f64, height: f64, spoken: &str) -> String {
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="rd" viewBox="0 0 {width:.0} {height:.0}" role="img" aria-label="{}"><style>{STYLE}</style>{}</svg>"#,
            Escaped(spoken),
            self.0
        )
    }

    fn put(&mut self, what: fmt::Arguments<'_>) {
        self.0.write_fmt(what).expect("a string takes everything");
    }
}

/// The point at this part of the way.
pub(super) fn along(from: Point, to: Point, part: f64) -> Point {
    (from.0 + (to.0 - from.0) * part, from.1 + (to.1 - from.1) * part)
}

/// About how wide a text of the usual size is.
pub(super) fn text_width(text: &str) -> f64 {
    f64::from(u32::try_from(text.chars().count()).unwrap_or(u32::MAX)) * 7.2
}

/// A text in lines of at most this many characters, if its words allow that.
pub(super) fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_can_leave_its_place() {
        let mut pen = Pen::default();
        pen.text("k", (0.0, 0.0), "</text><script>alert('x')</script>");
        pen.squeezed("k", (0.0, 0.0), 1.0, "\u{1b}[31m & \u{202e}\u{0}\u{ffff}");
        let svg = pen.whole(1.0, 1.0, "\"><script>");
        let document = roxmltree::Document::parse(&svg).unwrap();
        let names = document.descendants().filter(roxmltree::Node::is_element);
        assert!(
            names.clone().all(|node| ["svg", "style", "text"].contains(&node.tag_name().name())),
            "{svg}"
        );
        let texts: Vec<&str> =
            names.filter(|node| node.has_tag_name("text")).filter_map(|node| node.text()).collect();
        assert_eq!(texts, ["</text><script>alert('x')</script>", "␛[31m & <U+202E>␀\u{fffd}"]);
        assert_eq!(document.root_element().attribute("aria-label"), Some("\"><script>"));
    }

    #[test]
    fn lines_break_between_words() {
        assert_eq!(wrapped("one two  three", 7), ["one two", "three"]);
        assert_eq!(wrapped("unbreakable a", 4), ["unbreakable", "a"]);
        assert!(wrapped("", 4).is_empty());
    }
}
