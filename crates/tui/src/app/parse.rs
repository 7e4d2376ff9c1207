//! The language of the write prompt: `put color blue`, `get color`, `list co`.

use bytes::Bytes;
use raftdeck_model::ClientOp;
use raftdeck_protocol::kv::MAX_LIST;
use raftdeck_protocol::{Read, Write};

/// What the prompt understands, for its placeholder.
pub const USAGE: &str = "put k v, get k, delete k, cas k old new, list [prefix]";

/// Understands a line, or says in a sentence why not.
pub(super) fn parse(line: &str) -> Result<ClientOp, String> {
    let words = split(line)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let op = match words[..] {
        ["put" | "set", key, value] => write(Write::Put { key: bytes(key), value: bytes(value) })?,
        ["get", key] => read(Read::Get { key: bytes(key) })?,
        ["delete" | "del", key] => write(Write::Delete { key: bytes(key) })?,
        ["cas", key, old, new] => {
            write(Write::CompareAndSet { key: bytes(key), expected: Some(bytes(old)), value: bytes(new) })?
        }
        ["create", key, value] => {
            write(Write::CompareAndSet { key: bytes(key), expected: None, value: bytes(value) })?
        }
        ["list"] => list("")?,
        ["list", prefix] => list(prefix)?,
        [] => return Err(format!("type one of: {USAGE}")),
        ["put" | "set", ..] => {
            return Err("put takes a key and a value: put color blue (\"dark blue\" in quotes)".into());
        }
        ["get", ..] => return Err("get takes one key: get color".into()),
        ["delete" | "del", ..] => return Err("delete takes one key: delete color".into()),
        ["cas", ..] => {
            return Err("cas takes a key, the value it must have, and the new one: cas color blue red".into());
        }
        ["create", ..] => return Err("create takes a new key and its value: create color blue".into()),
        ["list", ..] => return Err("list takes one prefix or none: list co".into()),
        [other, ..] => return Err(format!("{other} is not known here: {USAGE}")),
    };
    Ok(op)
}

fn bytes(word: &str) -> Bytes {
    Bytes::copy_from_slice(word.as_bytes())
}

fn write(write: Write) -> Result<ClientOp, String> {
    write.check().map_err(|limit| limit.to_string())?;
    Ok(ClientOp::Write(write))
}

fn read(read: Read) -> Result<ClientOp, String> {
    read.check().map_err(|limit| limit.to_string())?;
    Ok(ClientOp::Read(read))
}

fn list(prefix: &str) -> Result<ClientOp, String> {
    read(Read::List { prefix: bytes(prefix), after: None, limit: MAX_LIST })
}

/// Splits at blanks; `"…"` keeps them, and within quotes `\` takes the next character as it is.
fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quoted = false;
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            '\\' if quoted => match chars.next() {
                Some(c) => word.get_or_insert_default().push(c),
                None => break,
            },
            c if c.is_whitespace() && !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    if quoted {
        return Err("the quote is not closed: add a \" at the end".into());
    }
    words.extend(word);
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_command_is_understood() {
        let shown = |line: &str| match parse(line).unwrap() {
            ClientOp::Write(write) => write.to_string(),
            ClientOp::Read(read) => format!("{read:?}"),
        };
        assert_eq!(shown("put color blue"), "put color blue");
        assert_eq!(shown("  set   color   blue "), "put color blue");
        assert_eq!(shown("delete color"), "delete color");
        assert_eq!(shown("cas color blue red"), "cas color blue red");
        assert_eq!(shown("create color blue"), "create color blue");
        assert!(shown("get color").contains("color"));
        assert!(shown("list").contains("List"));
        assert!(shown("list co").contains("co"));
    }

    #[test]
    fn quotes_keep_blanks_and_may_be_empty() {
        let words = split(r#"put "dark \"blue\"" "" a"b c"d"#).unwrap();
        assert_eq!(words, ["put", "dark \"blue\"", "", "ab cd"]);
        assert!(parse("put k \"\"").is_ok(), "an empty value is a value");
    }

    #[test]
    fn what_is_wrong_is_said_in_a_sentence() {
        let why = |line: &str| parse(line).unwrap_err();
        assert!(why("").starts_with("type one of"));
        assert!(why("put color").starts_with("put takes a key and a value"));
        assert!(why("put a b c").contains("in quotes"));
        assert!(why("get").starts_with("get takes one key"));
        assert!(why("frobnicate x").starts_with("frobnicate is not known here"));
        assert!(why("put \"a b").contains("not closed"));
        assert!(why("put \"\" v").contains("key is empty"));
        assert!(why(&format!("get {}", "k".repeat(5000))).contains("over the limit"));
    }
}
