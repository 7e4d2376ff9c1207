//! What on the screen refers to something outside: sections of the paper and of the thesis, and addresses of pages. The terminal can
//! open them (OSC 8). They are found in what is drawn, so that every text has them, whoever wrote it.

use crate::view::landed::Link;
use ratatui::buffer::{Buffer, Cell};
use ratatui::layout::Rect;

/// The paper: Ongaro and Ousterhout, In Search of an Understandable Consensus Algorithm (Extended Version).
const PAPER: &str = "https://raft.github.io/raft.pdf";

/// The thesis: Ongaro, Consensus: Bridging Theory and Practice.
const THESIS: &str = "https://github.com/ongardie/dissertation";

/// The longest address.
const LONGEST: usize = 200;

/// Finds them all.
pub(super) fn find(buf: &Buffer) -> Vec<Link> {
    let width = usize::from(buf.area.width).max(1);
    let rows = buf.content.chunks(width);
    (buf.area.y..)
        .zip(rows)
        .flat_map(|(y, cells)| {
            let symbols: Vec<&str> = if cells.iter().any(may_begin) {
                cells.iter().map(Cell::symbol).collect()
            } else {
                Vec::new()
            };
            in_row(&symbols).into_iter().map(move |(from, to, url)| {
                let x = buf.area.x + u16::try_from(from).unwrap_or(u16::MAX);
                let width = u16::try_from(to - from).unwrap_or(u16::MAX);
                Link { area: Rect { x, y, width, height: 1 }, url }
            })
        })
        .collect()
}

/// Whether a link may begin here or, of an address, soon after: most rows have neither sign.
fn may_begin(cell: &Cell) -> bool {
    matches!(cell.symbol(), "§" | "/")
}

/// The links of a row: the first cell, the one after the last, the address.
fn in_row(symbols: &[&str]) -> Vec<(usize, usize, String)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < symbols.len() {
        let link = match symbols[at] {
            "§" => section(symbols, at),
            "h" => address(symbols, at),
            _ => None,
        };
        let after = link.as_ref().map_or(at + 1, |(_, to, _)| *to);
        found.extend(link);
        at = after;
    }
    found
}

/// `§5.4.2`, `thesis §3.8`; but not a section of anything else that is named before it.
fn section(symbols: &[&str], at: usize) -> Option<(usize, usize, String)> {
    let is_part = |symbol: &&&str| matches!(symbol.as_bytes(), [b'0'..=b'9' | b'.']);
    let mut length = symbols[at + 1..].iter().take_while(is_part).count();
    // A full stop at the end is the sentence's.
    while length > 0 && symbols[at + length] == "." {
        length -= 1;
    }
    let before = symbols[..at].iter().rev().skip_while(|symbol| **symbol == " ");
    let word: Vec<&str> = before.take_while(|symbol| **symbol != " ").copied().collect();
    let word: String = word.into_iter().rev().collect();
    let url = match word.as_str() {
        "thesis" | "(thesis" | "thesis," => THESIS,
        "Raft" | "(Raft" => PAPER,
        other if other.starts_with(char::is_uppercase) && !other.ends_with([',', '.', ':']) => return None,
        _ => PAPER,
    };
    (length > 0).then(|| (at, at + 1 + length, url.to_owned()))
}

/// `https://…`, as far as it is made of what addresses are made of.
fn address(symbols: &[&str], at: usize) -> Option<(usize, usize, String)> {
    let is_part = |symbol: &&&str| matches!(symbol.as_bytes(), [byte] if byte.is_ascii_alphanumeric() || b"-._~:/?#@!$&*+,;=%".contains(byte));
    let text: String = symbols[at..].iter().take_while(is_part).take(LONGEST).copied().collect();
    let text = text.trim_end_matches(['.', ',', ';', ':', '!', '?']);
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    // Every cell of it has one byte.
    (!rest.is_empty()).then(|| (at, at + text.len(), text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(line: &str) -> Vec<(String, String)> {
        let buf = Buffer::with_lines([line]);
        let of = |link: &Link| (link.area.left()..link.area.right()).map(|x| buf[(x, 0)].symbol()).collect();
        find(&buf).into_iter().map(|link| (of(&link), link.url)).collect()
    }

    #[test]
    fn sections_of_the_paper_and_of_the_thesis_are_links() {
        let (paper, thesis) = (PAPER.to_owned(), THESIS.to_owned());
        assert_eq!(
            links(" read: §5.2, thesis §9.6, Omni-Paxos §2. And Raft §5.4.2."),
            [("§5.2".into(), paper.clone()), ("§9.6".into(), thesis), ("§5.4.2".into(), paper)]
        );
        assert_eq!(links("§ and §x"), []);
    }

    #[test]
    fn addresses_are_links_without_the_full_stop_behind_them() {
        let url = "https://raft.github.io/raft.pdf";
        assert_eq!(links(&format!("see ({url}).")), [(url.to_owned(), url.to_owned())]);
        assert_eq!(
            links("http://127.0.0.1:9001/health │"),
            [("http://127.0.0.1:9001/health".to_owned(), "http://127.0.0.1:9001/health".to_owned())]
        );
        assert_eq!(links("https:// h ht http"), []);
    }
}
