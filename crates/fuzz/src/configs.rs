//! Configuration files, with the names that `raftdeck` knows.

use raftdeck_config::{File, Given, OptionShape};
use std::sync::LazyLock;

static SHAPE: LazyLock<OptionShape> = LazyLock::new(|| raftdeck_tui::cli::program().shape());

/// A file's bytes.
///
/// # Panics
/// If it has a name that is not known, or an error names a line that is not there.
pub fn configs(data: &[u8]) {
    let lines = data.split(|byte| *byte == b'\n').count();
    match File::parse(data, &SHAPE) {
        Ok(file) => {
            for (table, keys) in &file.tables {
                for (key, entry) in keys {
                    assert!(SHAPE.tables[table].contains_key(key), "{key} in {table} is not known");
                    assert!((1..=lines).contains(&entry.line), "{key} is on no line");
                    if let Given::Values(values) = &entry.given {
                        assert!(values.iter().all(|value| value.len() <= data.len().max(40)));
                    }
                }
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}
