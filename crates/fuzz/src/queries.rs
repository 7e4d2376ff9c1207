//! Query strings of HTTP requests, with the parameters that a node's routes know.

use raftdeck_node::fuzzing::Query;

const KNOWN: &[&str] =
    &["key", "keyBase64", "prefix", "prefixBase64", "after", "afterBase64", "limit", "consistency"];

/// The longest sentence about a query of any length.
const LONGEST: usize = 1000;

/// A query string, without its question mark.
///
/// # Panics
/// If what was read is not what the same values written out in full would give, or an error shows what a terminal obeys.
pub fn queries(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Query::read(text, KNOWN) {
        Ok(query) => {
            let parts: Vec<_> = KNOWN
                .iter()
                .filter_map(|name| Some(format!("{}={}", escaped(name), escaped(query.get(name)?))))
                .collect();
            assert_eq!(Query::read(&parts.join("&"), KNOWN), Ok(query));
        }
        Err(error) => {
            let sentence = error.to_string();
            assert!(!sentence.contains(char::is_control), "{sentence:?} has a control character");
            assert!(sentence.chars().count() < LONGEST, "{sentence:?} is too long");
        }
    }
    if let Ok(query) = Query::read(text, &[]) {
        assert_eq!(query, Query::default());
    }
}

/// Every byte as an escape.
fn escaped(text: &str) -> String {
    text.bytes().flat_map(|byte| ["%".to_owned(), format!("{byte:02x}")]).collect()
}
