//! How each drill went so far on this user's decks: a small JSON file. A file that cannot be read counts as empty, and never keeps
//! the deck from starting.

use crate::commands::paths;
use crate::files;
use raftdeck_deck::app::drills::DrillRecord;
use raftdeck_drills::Verdict;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// The records of all drills.
pub(crate) fn read() -> BTreeMap<String, DrillRecord> {
    let Some(file) = paths::drill_records() else { return BTreeMap::new() };
    let of_drill = |(id, value): (String, Value)| Some((id, record(&value)?));
    objects(&file).unwrap_or_default().into_iter().filter_map(of_drill).collect()
}

/// Keeps the record of one drill; the others stay as the file has them. Where there is no home directory, nothing is kept.
pub(crate) fn keep(id: &str, record: DrillRecord) -> io::Result<()> {
    let Some(file) = paths::drill_records() else { return Ok(()) };
    keep_in(&file, id, record)
}

fn keep_in(file: &Path, id: &str, record: DrillRecord) -> io::Result<()> {
    let DrillRecord { passed, best, last } = record;
    put(file, id, json!({ "passed": passed, "best": best, "last": last.to_string() }))
}

/// Puts a value into a file of one JSON object; the others in it stay.
pub(crate) fn put(file: &Path, id: &str, value: Value) -> io::Result<()> {
    let mut all = match objects(file) {
        Ok(all) => all,
        // It may be of use to somebody: it is put aside.
        Err(error) if error.kind() == io::ErrorKind::InvalidData => {
            fs::rename(file, file.with_extension("json.damaged"))?;
            Map::new()
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Map::new(),
        Err(error) => return Err(error),
    };
    all.insert(id.to_owned(), value);
    if let Some(dir) = file.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    }
    files::replace(file, &format!("{:#}\n", Value::Object(all)))
}

/// What is in a file of one JSON object.
pub(crate) fn objects(file: &Path) -> io::Result<Map<String, Value>> {
    let is_file = fs::metadata(file)?.is_file();
    if !is_file {
        return Err(io::Error::other("it is not a regular file"));
    }
    serde_json::from_slice(&fs::read(file)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

fn record(value: &Value) -> Option<DrillRecord> {
    let passed = u32::try_from(value.get("passed")?.as_u64()?).ok()?;
    let best = value.get("best").and_then(Value::as_u64).and_then(|best| u8::try_from(best).ok());
    let last = value.get("last")?.as_str()?;
    let verdicts = [Verdict::Passed, Verdict::Failed, Verdict::Inconclusive, Verdict::Aborted];
    let last = verdicts.into_iter().find(|verdict| verdict.to_string() == last)?;
    Some(DrillRecord { passed, best, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(file: &Path) -> BTreeMap<String, DrillRecord> {
        let all = objects(file).unwrap_or_default();
        all.into_iter().filter_map(|(id, value)| Some((id, record(&value)?))).collect()
    }

    #[test]
    fn records_are_kept_for_each_drill() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("state/drills.json");
        let passed = DrillRecord { passed: 2, best: Some(93), last: Verdict::Passed };
        let failed = DrillRecord { passed: 0, best: None, last: Verdict::Failed };
        keep_in(&file, "leader-kill", failed).unwrap();
        keep_in(&file, "transfer", failed).unwrap();
        keep_in(&file, "leader-kill", passed).unwrap();
        let expected = [("leader-kill".to_owned(), passed), ("transfer".to_owned(), failed)];
        assert_eq!(read_from(&file), expected.into());
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1, "nothing else is left there");
    }

    #[test]
    fn a_damaged_file_counts_as_empty_and_is_put_aside() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("drills.json");
        fs::write(&file, "{ \"leader-kill\": ").unwrap();
        assert_eq!(read_from(&file), BTreeMap::new());
        let record = DrillRecord { passed: 1, best: None, last: Verdict::Passed };
        keep_in(&file, "transfer", record).unwrap();
        assert_eq!(read_from(&file), [("transfer".to_owned(), record)].into());
        assert_eq!(
            fs::read_to_string(dir.path().join("drills.json.damaged")).unwrap(),
            "{ \"leader-kill\": "
        );
        fs::write(&file, r#"{"a": 1, "b": {"passed": -1, "last": "x"}}"#).unwrap();
        assert_eq!(read_from(&file), BTreeMap::new(), "what is no record is passed over");
    }
}
