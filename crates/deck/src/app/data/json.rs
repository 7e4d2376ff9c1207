//! JSON indented, token by token: numbers, keys and their order stay as they were written.

use serde::de::IgnoredAny;

/// Deep nesting makes much of little; beyond this many bytes the text is shown as it is.
const MOST: usize = 512 << 10;

/// A JSON object or array with a line for each member; `None` if the text is none, or not valid.
pub(super) fn indented(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with(['{', '[']) || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return None;
    }
    let mut shown = String::with_capacity(text.len() * 2);
    let mut depth = 0;
    let mut in_string = false;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if shown.len() > MOST {
            return None;
        }
        if in_string {
            shown.push(c);
            match c {
                '\\' => shown.extend(chars.next()),
                '"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match c {
            ' ' | '\t' | '\n' | '\r' => {}
            '{' | '[' => {
                shown.push(c);
                while chars.next_if(char::is_ascii_whitespace).is_some() {}
                if let Some(end) = chars.next_if(|next| matches!(next, '}' | ']')) {
                    shown.push(end);
                } else {
                    depth += 1;
                    break_line(&mut shown, depth);
                }
            }
            '}' | ']' => {
                depth -= 1;
                break_line(&mut shown, depth);
                shown.push(c);
            }
            ',' => {
                shown.push(c);
                break_line(&mut shown, depth);
            }
            ':' => shown.push_str(": "),
            '"' => {
                in_string = true;
                shown.push(c);
            }
            other => shown.push(other),
        }
    }
    Some(shown)
}

fn break_line(shown: &mut String, depth: usize) {
    shown.push('\n');
    shown.extend(std::iter::repeat_n("  ", depth));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_but_blanks_changes() {
        let written = r#" { "b" : 1.0e400 , "a":[ ] ,"c" : "x, {\"y\": \u202e}", "d":{}, "e":[true,null] } "#;
        let expected = "{\n  \"b\": 1.0e400,\n  \"a\": [],\n  \"c\": \"x, {\\\"y\\\": \\u202e}\",\n  \"d\": {},\n  \"e\": [\n    true,\n    null\n  ]\n}";
        assert_eq!(indented(written).as_deref(), Some(expected));
    }

    #[test]
    fn only_valid_objects_and_arrays_are_indented() {
        for text in ["", "blue", "7", "\"a\"", "{a:1}", "[1,]", "{} {}", "[1"] {
            assert_eq!(indented(text), None, "{text}");
        }
        let deep = format!("{}{}", "[".repeat(1000), "]".repeat(1000));
        assert_eq!(indented(&deep), None, "too deep to be read");
    }
}
