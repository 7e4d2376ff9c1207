//! The meaning of names: `let old = leader`, then `kill $old`; `let t = term 2`, then `wait term 2 $t+1..`.

use crate::figures::whole;
use crate::mistake::Mistake;
use crate::names::node;
use crate::near::hint;
use crate::tokens::{MAX_LINE, Token, scan};
use crate::{Unmet, Value};
use raftdeck_model::World;
use std::collections::BTreeMap;

/// The names that a script has set, and their meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bindings {
    names: BTreeMap<String, BoundValue>,
    /// Names that are not set here may be set elsewhere: their meaning is unknown.
    assumes: bool,
}

/// The meaning of a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BoundValue {
    /// A number: `$t+1` and `$t-1` are numbers too.
    Number(u64),
    /// A text that replaces the name.
    Text(String),
    /// A text that was in quotes: it is not a word, even if it looks like one.
    Quoted(String),
    /// A number that is known only when the script is carried out: the least possible number replaces the name.
    Unknown,
}

impl Bindings {
    /// From now on this name has this meaning.
    pub fn bind(&mut self, name: &str, bound: BoundValue) {
        self.names.insert(name.to_owned(), bound);
    }

    /// From now on a name that is not set here counts as set elsewhere.
    pub(crate) fn assume_set(&mut self) {
        self.assumes = true;
    }

    /// Whether a name in this line has an unknown meaning.
    pub(crate) fn names_unknown(&self, line: &str) -> bool {
        let is_unknown = |token: &Token| {
            token
                .names
                .iter()
                .any(|at| matches!(self.of(after_dollar(&token.text, *at)), Ok(BoundValue::Unknown)))
        };
        scan(line).0.iter().any(is_unknown)
    }

    /// Replaces the names with their meaning.
    pub(crate) fn expand(&self, tokens: Vec<Token>) -> Result<Vec<Token>, Mistake> {
        let mut length = 0;
        let mut expand = |token| {
            let token = self.expand_one(token)?;
            length += token.text.len();
            if length > MAX_LINE {
                let sentence = format!(
                    "the line is longer than {MAX_LINE} bytes after its names are replaced by their values"
                );
                return Err(Mistake::new(sentence).at(token.start));
            }
            Ok(token)
        };
        tokens.into_iter().map(&mut expand).collect()
    }

    fn expand_one(&self, token: Token) -> Result<Token, Mistake> {
        let Token { text, start, names, is_quoted } = &token;
        if names.is_empty() {
            return Ok(token);
        }
        let (mut expanded, mut done, mut is_quoted) = (String::new(), 0, *is_quoted);
        for &at in names.iter().filter(|at| is_name(after_dollar(text, **at))) {
            expanded.push_str(&text[done..at]);
            let name = after_dollar(text, at);
            done = at + 1 + name.len();
            match self.of(name).map_err(|mistake| mistake.at(*start))? {
                BoundValue::Text(bound) => expanded.push_str(bound),
                BoundValue::Quoted(bound) => {
                    expanded.push_str(bound);
                    is_quoted = true;
                }
                number @ (BoundValue::Number(_) | BoundValue::Unknown) => {
                    let rest = &text[done..];
                    let counted = if let BoundValue::Number(number) = number {
                        offset(*number, rest)
                    } else {
                        unknown_offset(least(&expanded), rest)
                    };
                    let (number, used) =
                        counted.ok_or_else(|| Mistake::new(format!("{text} is not a number")).at(*start))?;
                    done += used;
                    expanded.push_str(&number.to_string());
                }
            }
        }
        expanded.push_str(&text[done..]);
        Ok(Token { text: expanded, start: *start, names: Vec::new(), is_quoted })
    }

    fn of(&self, name: &str) -> Result<&BoundValue, Mistake> {
        let assumed = self.assumes.then_some(&BoundValue::Unknown);
        self.names.get(name).or(assumed).ok_or_else(|| {
            let hint = hint(name, self.names.keys().map(String::as_str));
            let end = if hint.is_empty() { format!(": let {name} = leader gives it a value") } else { hint };
            Mistake::new(format!("${name} is not set{end}"))
        })
    }
}

impl Value {
    /// The present value, or why it is not known.
    pub(crate) fn now(self, world: &World) -> Result<BoundValue, Unmet> {
        let named = |named: &str| {
            let node = node(named, world).map_err(|mistake| Unmet::new(mistake.to_string()));
            node.map(|node| BoundValue::Text(node.0.to_string()))
        };
        match self {
            Self::Leader => named("leader"),
            Self::Follower => named("follower"),
            Self::Figure(node, figure) => figure.now(world, node).map(BoundValue::Number),
            Self::Known(bound) => Ok(bound),
        }
    }
}

/// A name begins with a letter; letters, digits and `_` follow.
pub(crate) fn is_name(given: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
    given.starts_with(|c: char| c.is_ascii_alphabetic()) && given.chars().all(rest)
}

/// The letters, digits and `_` behind the `$` here.
fn after_dollar(text: &str, at: usize) -> &str {
    let rest = &text[at + 1..];
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
    &rest[..end]
}

/// A number plus or minus the offset in the text after it, and the length of that text. `None`: there is no such number.
fn offset(number: u64, rest: &str) -> Option<(u64, usize)> {
    let Some(sign) = rest.chars().next().filter(|sign| matches!(sign, '+' | '-')) else {
        return Some((number, 0));
    };
    let digits = &rest[1..];
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    let Some(by) = whole(&digits[..end]) else { return Some((number, 0)) };
    let number = if sign == '+' { number.checked_add(by) } else { number.checked_sub(by) };
    Some((number?, 1 + end))
}

/// The least number that can follow this text: in `7..$c` no number is below 7.
fn least(before: &str) -> u64 {
    let range = before.strip_suffix("..").unwrap_or("");
    whole(&range[range.trim_end_matches(|c: char| c.is_ascii_digit()).len()..]).unwrap_or(1)
}

/// The same as [`offset`] for a number that is not known: it is assumed to be large enough for what is subtracted.
fn unknown_offset(least: u64, rest: &str) -> Option<(u64, usize)> {
    const LARGE: u64 = u64::MAX / 2;
    let (number, used) = offset(LARGE, rest)?;
    Some((least.saturating_add(number.saturating_sub(LARGE)), used))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokens::split;

    fn expanded(line: &str) -> Result<Vec<String>, String> {
        let mut bindings = Bindings::default();
        bindings.bind("old", BoundValue::Text("2".into()));
        bindings.bind("t", BoundValue::Number(7));
        let tokens = bindings.expand(split(line).unwrap()).map_err(|mistake| mistake.to_string())?;
        Ok(tokens.into_iter().map(|token| token.text).collect())
    }

    #[test]
    fn a_number_that_is_not_known_can_be_right_wherever_it_stands() {
        let mut bindings = Bindings::default();
        bindings.bind("c", BoundValue::Unknown);
        for (given, text) in [
            ("$c", "1"),
            ("$c-2..", "1.."),
            ("$c-2..$c", "1..1"),
            ("$c+1..$c+3", "2..5"),
            ("7..$c", "7..7"),
            ("7..$c-2", "7..7"),
            ("..$c", "..1"),
            ("k7..$c", "k7..7"),
            ("é..$c", "é..1"),
        ] {
            assert_eq!(bindings.expand(split(given).unwrap()).unwrap()[0].text, text, "{given}");
        }
        assert!(bindings.names_unknown("wait term 2 $c-2..") && !bindings.names_unknown("let c = \"$c\""));
    }

    #[test]
    fn names_are_replaced_within_pieces_and_numbers_can_be_counted_from() {
        for (given, text) in [
            ("$old", "2"),
            ("1,$old", "1,2"),
            ("$old>3", "2>3"),
            ("$old-3", "2-3"),
            ("$t+1", "8"),
            ("$t-7..", "0.."),
            ("$t..$t+2", "7..9"),
            ("k$t", "k7"),
            ("$t+x", "7+x"),
            ("$5", "$5"),
            ("a$", "a$"),
            ("\"$old\"", "$old"),
        ] {
            assert_eq!(expanded(given).unwrap(), [text], "{given}");
        }
        assert_eq!(expanded("kill $odl").unwrap_err(), "$odl is not set: did you mean old?");
        assert_eq!(
            expanded("kill $other").unwrap_err(),
            "$other is not set: let other = leader gives it a value"
        );
        assert_eq!(expanded("$t-8").unwrap_err(), "$t-8 is not a number");
        let mut bindings = Bindings::default();
        bindings.bind("quoted", BoundValue::Quoted("leader".into()));
        bindings.bind("long", BoundValue::Text("x".repeat(MAX_LINE / 2)));
        assert!(bindings.expand(split("$quoted").unwrap()).unwrap()[0].is_quoted);
        assert!(bindings.expand(split("a $long").unwrap()).is_ok());
        let too_long = bindings.expand(split("$long $long$long").unwrap()).unwrap_err();
        assert!(too_long.to_string().contains("longer than 65536 bytes"), "{too_long}");
    }
}
