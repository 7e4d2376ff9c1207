//! What is recorded is read again as it was told, with key frames that agree with it.

mod fixture;

use fixture::{eventful, fold, header, ms, read, record};
use raftdeck_model::{News, Update};
use raftdeck_record::{Ending, Header, Recorder};
use std::io;
use std::time::Duration;

#[test]
fn a_run_is_read_as_it_was_told() {
    let run = eventful();
    let file = record(&run.updates);
    let recording = read(&file);
    assert_eq!(recording.header, header());
    assert_eq!(recording.ending, Ending::Complete);
    assert_eq!(recording.unknown, 0);
    assert!(recording.updates == run.updates, "every update, and no other");
    assert_eq!(fold(&recording.updates), run.world, "the log entries that were fetched change no world");
    assert_eq!(fold(&recording.updates), fold(&read(&file).updates), "folding it twice gives equal worlds");
    let plain: usize = run.updates.iter().map(|update| format!("{update:?}").len()).sum();
    assert!(file.len() < plain / 8, "{} bytes for {plain} of text: it is compressed", file.len());
}

#[test]
fn key_frames_are_the_fold_of_all_before_them() {
    let recording = read(&record(&eventful().updates));
    assert!(!recording.key_frames.is_empty(), "twelve seconds have one");
    for frame in &recording.key_frames {
        let before = &recording.updates[..frame.after];
        assert_eq!(before.last().map(|update| update.at), Some(frame.at));
        assert_eq!(frame.world(), fold(before));
        let mut world = frame.world();
        for update in &recording.updates[frame.after..] {
            world.fold(update);
        }
        assert_eq!(world, fold(&recording.updates), "who begins there comes to the same end");
    }
    let first = &recording.key_frames[0];
    assert_eq!(recording.key_frame_before(first.at).map(|frame| frame.at), Some(first.at));
    assert_eq!(recording.key_frame_before(ms(1)), None);
}

#[test]
fn key_frames_come_though_the_recorder_is_flushed_often() {
    let updates = eventful().updates;
    let often = read(&fixture::record_one_by_one(&updates));
    assert!(!often.key_frames.is_empty());
    assert_eq!(often.updates.len(), updates.len());
}

#[test]
fn what_was_written_before_a_crash_plays() {
    let updates = eventful().updates;
    let mut file = Vec::new();
    let mut recorder = Recorder::new(&mut file, &header()).unwrap();
    for update in &updates {
        recorder.note(update).unwrap();
    }
    drop(recorder);
    let recording = read(&file);
    assert!(matches!(recording.ending, Ending::Cut(_)), "{}", recording.ending);
    let lost = updates.last().unwrap().at.saturating_sub(recording.end());
    assert!(lost <= Duration::from_secs(1), "at most the last second is missing: {lost:?}");
    assert_eq!(recording.updates[..], updates[..recording.updates.len()]);
}

#[test]
fn an_update_that_is_too_large_is_missed_by_name() {
    let lines = |length: usize| News::Trouble { reason: "x".repeat(length) };
    let update = |seq, what| Update { at: ms(seq), seq, what };
    let recording = read(&record(&[update(1, lines(17 << 20)), update(2, lines(3))]));
    let News::Trouble { reason } = &recording.updates[0].what else { panic!("it is told") };
    assert!(reason.contains("it is too large"), "{reason}");
    assert_eq!(recording.updates[1], update(2, lines(3)));
}

/// Takes this many bytes, and then none.
struct Full(usize);

impl io::Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0 < bytes.len() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.0 -= bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn after_an_error_nothing_more_is_written() {
    let what = || News::Trouble { reason: "something".to_owned() };
    let mut recorder = Recorder::new(Full(150), &Header::default()).unwrap();
    recorder.note(&Update { at: Duration::ZERO, seq: 1, what: what() }).unwrap();
    let late = Update {
        at: Duration::from_secs(9),
        seq: 2,
        what: News::Trouble { reason: (0..99_999).map(|n| n.to_string()).collect() },
    };
    assert_eq!(recorder.note(&late).unwrap_err().kind(), io::ErrorKind::StorageFull);
    let error = recorder.note(&late).unwrap_err();
    assert!(error.to_string().contains("earlier error"), "{error}");
    assert!(recorder.finish().is_err());
}

/// The format is a promise: this file is never made anew.
#[test]
fn a_recording_of_the_first_version_is_read() {
    let recording = read(include_bytes!("golden/version_1"));
    assert_eq!(recording.header, header());
    assert_eq!((recording.updates.len(), recording.unknown), (9, 0));
    assert_eq!(recording.ending, Ending::Complete);
    assert_eq!(fold(&recording.updates).ids(), [fixture::N1]);
}
