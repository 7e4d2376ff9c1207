//! The exhibits of the museum: without the guard each shows its violation at the stated step, and with the guard it shows none.

#[path = "support/museum.rs"]
mod judge;

use judge::{judged, reported};
use raftdeck_drills::museum::{EXHIBITS, Exhibit, ExhibitRun, RecordingMarks, ShippedExhibit};
use raftdeck_model::{Command, CommandId, News, Order, Update};
use raftdeck_protocol::ClockRate;
use raftdeck_record::{Ending, Player, Recording};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

/// A recording that is shipped with each of two runs takes no more than this.
const LARGEST: usize = 60 << 10;

struct Shown {
    exhibit: Exhibit,
    run: ExhibitRun,
    recording: Recording,
    marks: RecordingMarks,
}

/// Both recordings of every exhibit.
fn shown() -> Vec<Shown> {
    let both = |shipped: &ShippedExhibit| {
        ExhibitRun::BOTH.map(|run| Shown {
            exhibit: shipped.exhibit(),
            run,
            recording: Recording::read(shipped.recording(run)).expect("the recording can be read"),
            marks: shipped.marks(run),
        })
    };
    EXHIBITS.iter().flat_map(both).collect()
}

#[test]
fn there_are_at_least_twelve_exhibits_and_all_files_are_shipped() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/museum");
    let files = |folder: &Path, extension: &str| -> BTreeSet<String> {
        let entries = std::fs::read_dir(folder).expect("the museum has a folder");
        let names = entries.map(|entry| entry.expect("a readable entry").path());
        let with = names.filter(|path| path.extension().is_some_and(|found| found == extension));
        with.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect()
    };
    let ids: BTreeSet<String> = EXHIBITS.iter().map(|shipped| shipped.id.to_owned()).collect();
    assert!(ids.len() >= 12, "{}", ids.len());
    assert_eq!(files(&folder, "toml"), ids);
    assert_eq!(files(&folder.join("recordings"), "json"), ids);
    let recordings = ids.iter().flat_map(|id| [id.clone(), format!("{id}-guarded")]).collect();
    assert_eq!(files(&folder.join("recordings"), "raftdeck"), recordings);
}

#[test]
fn every_recording_is_whole_and_small() {
    for Shown { exhibit, run, recording, .. } in shown() {
        assert_eq!(recording.ending, Ending::Complete, "{} {run:?}", exhibit.id);
        assert_eq!(recording.unknown, 0, "{} {run:?}", exhibit.id);
        let numbers: Vec<u64> = recording.updates.iter().map(|update| update.seq).collect();
        assert!(numbers.into_iter().eq(1..=recording.updates.len() as u64), "{} {run:?}", exhibit.id);
    }
    for shipped in EXHIBITS {
        let largest = ExhibitRun::BOTH.map(|run| shipped.recording(run).len()).into_iter().max();
        assert!(largest <= Some(LARGEST), "{}: {largest:?}", shipped.id);
    }
}

#[test]
fn without_the_guard_the_violation_is_reported_in_the_stated_step_and_in_no_earlier_one() {
    for Shown { exhibit, recording, marks, .. } in shown().into_iter().filter(is_without_guard) {
        let violation = marks.violation.clone().expect("a violation is marked");
        assert_eq!(violation.property, exhibit.property, "{}", exhibit.id);
        assert_eq!(marks.violation_step(), Some(exhibit.violation_step - 1), "{}", exhibit.id);
        let found = reported(&recording.updates).expect("a violation is reported");
        assert_eq!(found.place, violation.place, "{}", exhibit.id);
        assert_eq!(
            (found.property, found.sentence),
            (violation.property, violation.sentence),
            "{}",
            exhibit.id
        );
    }
}

/// What the recording says of the violation is not believed: the nodes' traces and the clients' answers are judged anew.
#[test]
fn the_violation_is_one_by_what_the_nodes_and_the_clients_told() {
    for Shown { exhibit, recording, marks, .. } in shown().into_iter().filter(is_without_guard) {
        let found = judged(&recording.updates).expect("it is a violation");
        assert_eq!(found.property, exhibit.property, "{}: {}", exhibit.id, found.sentence);
        assert_eq!(Some(found.place + 1), marks.violation.map(|violation| violation.place), "{}", exhibit.id);
    }
}

#[test]
fn with_the_guard_the_same_steps_end_without_a_violation() {
    for Shown { exhibit, recording, marks, .. } in
        shown().into_iter().filter(|shown| !is_without_guard(shown))
    {
        assert_eq!(marks.violation, None, "{}", exhibit.id);
        assert_eq!(reported(&recording.updates), None, "{}", exhibit.id);
        assert_eq!(judged(&recording.updates), None, "{}", exhibit.id);
    }
}

#[test]
fn every_step_ends_at_a_mark_and_the_last_one_at_the_end() {
    for Shown { exhibit, run, recording, marks } in shown() {
        assert_eq!(marks.steps.len(), exhibit.steps.len(), "{} {run:?}", exhibit.id);
        assert!(marks.steps.is_sorted(), "{} {run:?}: {:?}", exhibit.id, marks.steps);
        assert_eq!(marks.steps.last(), Some(&recording.updates.len()), "{} {run:?}", exhibit.id);
    }
}

/// Up to the step in which the guard first makes a difference, both runs do the same. What a node says of its lease may differ before.
#[test]
fn both_runs_are_the_same_up_to_the_first_difference_that_the_exhibit_names() {
    for pair in shown().chunks(2) {
        let [without, with] = pair else { panic!("two runs of each") };
        let (id, steps) = (&without.exhibit.id, &without.exhibit.steps);
        let same = steps.iter().take_while(|step| step.guarded.is_none()).count();
        assert!(same > 0 && same < steps.len(), "{id}: the guard makes a difference, and not at once");
        let [one, other] = [without, with].map(|shown| {
            let updates = &shown.recording.updates[..shown.marks.steps[same - 1]];
            let is_event = |update: &&Update| !matches!(update.what, News::Status { .. });
            updates.iter().filter(is_event).map(|update| (update.at, &update.what)).collect::<Vec<_>>()
        });
        assert!(one == other, "{id}");
    }
}

#[test]
fn the_deck_can_play_every_recording_to_its_end() {
    for Shown { exhibit, run, recording, marks } in shown() {
        let mut player = Player::new(recording.clone());
        player.send(Command { id: CommandId(1), what: Order::SetRate(ClockRate::REAL) });
        player.run_until(recording.end() + Duration::from_secs(1));
        let told = player.take();
        let is_over = |update: &Update| matches!(&update.what, News::Trouble { reason } if reason == "the recording ends here");
        assert!(told.iter().any(is_over), "{} {run:?}", exhibit.id);
        assert_eq!(reported(&told).is_some(), marks.violation.is_some(), "{} {run:?}", exhibit.id);
    }
}

fn is_without_guard(shown: &Shown) -> bool {
    shown.run == ExhibitRun::WithoutGuard
}
