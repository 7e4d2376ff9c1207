//! Plays the exhibits of the museum in the simulator, without their guard and with it, and compares the recordings that come with the
//! program; with `--write` it writes them anew. `cargo xtask museum` calls it:
//!
//! `cargo run -p raftdeck-drills --features mutants --example museum [-- [--write] [--tell] [FILE…]]`
//!
//! `--tell` prints what happens in each step. Exit status 1 if a run cannot be played, 3 if a recording is not up to date.

#[path = "../../tests/support/museum.rs"]
#[allow(dead_code, reason = "the tests use all of it")]
mod judge;
mod play;
mod tell;

use play::{Played, play};
use raftdeck_drills::museum::{Exhibit, ExhibitMarks, ExhibitRun};
use raftdeck_record::{Header, Recorder, Recording};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The exhibits' folder.
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/museum");

fn main() -> ExitCode {
    let mut files: Vec<PathBuf> = Vec::new();
    let (mut writes, mut tells) = (false, false);
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--write" => writes = true,
            "--tell" => tells = true,
            file => files.push(file.into()),
        }
    }
    if files.is_empty() {
        files = exhibits();
    }
    let mut status = 0;
    for file in files {
        match make(&file, tells) {
            Ok(made) if writes => made.write(),
            Ok(made) if !made.is_up_to_date() => {
                println!("{}: its recordings are not up to date: cargo xtask museum --write", made.id);
                status = status.max(3);
            }
            Ok(_) => {}
            Err(why) => {
                println!("{}: {why}", file.display());
                status = status.max(1);
            }
        }
    }
    ExitCode::from(status)
}

fn exhibits() -> Vec<PathBuf> {
    let entries = fs::read_dir(FOLDER).expect("the museum has a folder");
    let files = entries.map(|entry| entry.expect("a readable entry").path());
    let mut files: Vec<PathBuf> =
        files.filter(|file| file.extension().is_some_and(|extension| extension == "toml")).collect();
    files.sort();
    files
}

/// The files of an exhibit, made anew.
struct Made {
    id: String,
    marks: String,
    recordings: [Vec<u8>; 2],
}

fn make(file: &Path, tells: bool) -> Result<Made, String> {
    let source = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let exhibit = Exhibit::read(&source)
        .map_err(|mistakes| mistakes.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))?;
    let [without, with] = ExhibitRun::BOTH.map(|run| {
        let (played, result) = play(&exhibit, run);
        if tells || result.is_err() {
            tell::tell(&exhibit, run, &played);
        }
        result.map(|()| played)
    });
    let (without, with) = (without?, with?);
    let seed = exhibit.cluster.seed;
    let recordings = [record(&without, seed), record(&with, seed)];
    let violation = without.marks.violation.as_ref().map(|violation| violation.property.clone());
    println!(
        "{:<24} {:<32} step {:?} {:?} {}+{} bytes",
        exhibit.id,
        violation.as_deref().unwrap_or("no violation"),
        without.marks.violation_step().map(|step| step + 1),
        with.marks.violation.as_ref().map(|violation| &violation.sentence),
        recordings[0].len(),
        recordings[1].len()
    );
    let marks = ExhibitMarks { without_guard: without.marks, with_guard: with.marks };
    let marks = serde_json::to_string_pretty(&marks).expect("marks are JSON") + "\n";
    Ok(Made { id: exhibit.id, marks, recordings })
}

fn record(played: &Played, seed: Option<u64>) -> Vec<u8> {
    let header = Header {
        program: "cargo xtask museum".to_owned(),
        engine: "sim".to_owned(),
        seed,
        ..Header::default()
    };
    let write = || {
        let mut recorder = Recorder::new(Vec::new(), &header)?;
        played.updates.iter().try_for_each(|update| recorder.note(update))?;
        recorder.finish()
    };
    write().expect("memory can be written to")
}

impl Made {
    fn files(&self) -> [PathBuf; 3] {
        let id = &self.id;
        [format!("{id}.json"), format!("{id}.raftdeck"), format!("{id}-guarded.raftdeck")]
            .map(|name| Path::new(FOLDER).join("recordings").join(name))
    }

    fn write(&self) {
        let contents = [self.marks.as_bytes(), &self.recordings[0], &self.recordings[1]];
        for (file, content) in self.files().iter().zip(contents) {
            fs::write(file, content).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        }
    }

    /// Whether the shipped recordings tell the same. How they are compressed does not matter.
    fn is_up_to_date(&self) -> bool {
        let [marks, without, with] = self.files();
        let is_same = |file: &Path, made: &Vec<u8>| {
            fs::read(file).ok().and_then(|bytes| Recording::read(&bytes[..]).ok())
                == Recording::read(&made[..]).ok()
        };
        fs::read_to_string(marks).is_ok_and(|marks| marks == self.marks)
            && is_same(&without, &self.recordings[0])
            && is_same(&with, &self.recordings[1])
    }
}
