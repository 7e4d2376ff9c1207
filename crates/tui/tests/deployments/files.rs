//! The files of the examples, and whether the program takes what they say.

use raftdeck_config::Refusal;
use raftdeck_tui::cli::program;
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

/// Variables by name.
pub(crate) type Variables = BTreeMap<String, String>;

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub(crate) fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The documents of a YAML file.
pub(crate) fn documents(path: &str) -> Vec<Value> {
    serde_saphyr::from_multiple(&text(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The text at this place of a document.
pub(crate) fn said<'a>(document: &'a Value, pointer: &str) -> &'a str {
    let at = document.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not there: {document}"));
    at.as_str().unwrap_or_else(|| panic!("{pointer} is no text: {at}"))
}

/// The texts in a list.
pub(crate) fn words(list: &Value) -> Vec<String> {
    let list = list.as_array().unwrap_or_else(|| panic!("it is no list: {list}"));
    list.iter().map(|word| word.as_str().unwrap_or_else(|| panic!("{word} is no text")).to_owned()).collect()
}

/// Panics unless the program takes these words with these variables.
#[track_caller]
pub(crate) fn assert_taken(words: &[String], variables: &Variables) {
    let environment = |name: &str| variables.get(name).map(OsString::from);
    let parsed = program().parse(words.iter().map(OsString::from).collect(), &environment);
    match parsed {
        Ok(_) => {}
        Err(Refusal::Usage(error, notes)) => panic!("{words:?}: {error}{notes:?}"),
        Err(Refusal::Config(error)) => panic!("{words:?}: {error}"),
    }
}

/// Panics unless each variable stands for an option of the node: the program ignores those that it does not know.
#[track_caller]
pub(crate) fn assert_of_node(variables: &Variables) {
    let shape = program().shape();
    for name in variables.keys() {
        let option = name.strip_prefix("RAFTDECK_").map(|rest| rest.to_lowercase().replace('_', "-"));
        let is_known = option.is_some_and(|option| shape.tables["node"].contains_key(&option));
        assert!(is_known, "the node does not know {name}");
    }
}

/// The port of a variable such as `0.0.0.0:18080`.
pub(crate) fn port(variables: &Variables, name: &str) -> u64 {
    variables[name].rsplit_once(':').unwrap().1.parse().unwrap()
}

/// A new folder in another, with these files. Only its owner can read them.
pub(crate) fn folder<'a>(
    path: &Path,
    files: impl IntoIterator<Item = (&'a str, impl AsRef<[u8]>)>,
) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    for (name, content) in files {
        let file = path.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o400)).unwrap();
    }
    fs::create_dir_all(path).unwrap();
    path.to_owned()
}
