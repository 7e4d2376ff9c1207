//! Recordings: whole files, and lines in files whose checksums are right.

use crc32c::{crc32c, crc32c_append};
use raftdeck_model::{Command, CommandId, Order, Step, Update, World};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::LogIndex;
use raftdeck_record::format::{MAGIC, VERSION};
use raftdeck_record::{Entries, Player, Recorder, Recording};
use std::time::Duration;

/// Steps that a player is told to take; then it plays to its end.
const STEPS: [Step; 5] =
    [Step::Message, Step::Timer, Step::Role, Step::Commit, Step::For(Duration::from_millis(1))];

/// A recording, or the lines of one.
///
/// # Panics
/// If what is read and recorded again is read as something else, or a player does not come to its end, leaves numbers out, or leaves a
/// command unanswered.
pub fn recordings(data: &[u8]) {
    check(data);
    if let Some(file) = file(data) {
        check(&file);
    }
}

/// A recording whose updates, and whose only key frame, are these lines. `None`: they are too many.
fn file(lines: &[u8]) -> Option<Vec<u8>> {
    let mut file = [&MAGIC[..], &VERSION.to_be_bytes()].concat();
    for (place, kind, lines) in [(0_u64, 1_u8, &b"{}"[..]), (1, 2, lines), (2, 3, lines)] {
        // One block of deflate that is not compressed.
        let size = u16::try_from(lines.len()).ok()?;
        let body = [&[1][..], &size.to_le_bytes(), &(!size).to_le_bytes(), lines].concat();
        let length = u32::try_from(body.len()).ok()?.to_be_bytes();
        let head = crc32c_append(crc32c(&place.to_be_bytes()), &[kind]);
        let checksum = crc32c_append(crc32c_append(head, &length), &body);
        file.extend([&[kind][..], &length, &checksum.to_be_bytes(), &body].concat());
    }
    Some(file)
}

fn check(file: &[u8]) {
    let recording = match Recording::read(file) {
        Ok(recording) => recording,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    assert!(!recording.ending.to_string().is_empty());
    for frame in &recording.key_frames {
        assert_eq!(frame.world(), fold(&frame.world().as_updates()), "a world is told anew as it is");
    }
    let again = Recording::read(&record(&recording)[..]).expect("what was recorded can be read");
    assert_eq!(again.updates, recording.updates);
    ask(&recording);
    play(recording);
}

fn fold(updates: &[Update]) -> World {
    let mut world = World::default();
    for update in updates {
        world.fold(update);
    }
    world
}

fn record(recording: &Recording) -> Vec<u8> {
    let mut recorder = Recorder::new(Vec::new(), &recording.header).expect("memory takes everything");
    for update in &recording.updates {
        recorder.note(update).expect("memory takes everything");
    }
    recorder.finish().expect("memory takes everything")
}

fn ask(recording: &Recording) {
    let mut entries = Entries::default();
    for (update, id) in recording.updates.iter().zip(0..) {
        entries.note(update);
        if let Some(command) = entries.next(CommandId(id)) {
            assert_eq!(command.id, CommandId(id));
        }
    }
}

fn play(recording: Recording) {
    let nodes = fold(&recording.updates).ids();
    let logs = nodes.into_iter().map(|node| Order::FetchLog { node, first: LogIndex(0), limit: 9 });
    let orders: Vec<Order> = STEPS.into_iter().map(Order::Step).chain(logs).collect();
    let mut player = Player::new(recording);
    let mut seq = 0;
    for (what, id) in orders.into_iter().chain([Order::SetRate(ClockRate::REAL)]).zip(0..) {
        player.send(Command { id: CommandId(id), what });
        seq = count(&player.take(), seq);
    }
    while let Some(next) = player.next() {
        player.run_until(next);
        let told = seq;
        seq = count(&player.take(), seq);
        assert!(seq > told || player.next() != Some(next), "it neither tells nor goes on");
    }
}

/// Says which number comes last.
fn count(told: &[Update], before: u64) -> u64 {
    for (update, seq) in told.iter().zip(before + 1..) {
        assert_eq!(update.seq, seq);
    }
    before + told.len() as u64
}
