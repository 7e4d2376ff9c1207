//! The state against a plain model of it, and through images.

use super::*;
use crate::image::{ImageError, StateImage};
use crate::names::MAX_STEP;
use bytes::Bytes;
use proptest::prelude::*;
use raftdeck_protocol::kv::{
    Action, Command, LoggedTime, MAX_NAME, MAX_NAMES, MAX_SESSION_WRITES, MAX_SESSIONS, NamedWrite,
    SESSION_LIFETIME, SessionWrite, Write,
};
use raftdeck_raft::{LogIndex, SnapshotMeta, Term};
use std::collections::BTreeMap;

const LIFETIME: u64 = SESSION_LIFETIME.as_secs() * 1_000_000;

/// A state and the log's end.
#[derive(Clone, Default)]
struct Log {
    state: ReplicatedState,
    last: u64,
}

impl Log {
    fn apply(&mut self, at: u64, action: Action) -> CommandOutcome {
        self.last += 1;
        let id = LogId { term: Term(1), index: LogIndex(self.last) };
        self.state.apply(id, &Command { at: LoggedTime(at), action })
    }

    fn open(&mut self, at: u64) -> u64 {
        match self.apply(at, Action::OpenSession) {
            Ok((Answer::SessionOpened(id), _)) => id.0,
            other => panic!("{other:?}"),
        }
    }

    fn append(&mut self, at: u64, session: u64, sequence: u64, acknowledged: u64) -> CommandOutcome {
        self.apply(at, session_write(session, sequence, acknowledged, append(sequence)))
    }

    /// Creates the key under a name; another attempt would not find it as it was.
    fn create(&mut self, at: u64, name: &str, value: &str) -> CommandOutcome {
        self.apply(at, named_write(name, create(value)))
    }

    fn image(&self) -> StateImage {
        let last = LogId { term: Term(1), index: LogIndex(self.last) };
        StateImage { meta: SnapshotMeta { last, ..SnapshotMeta::default() }, state: self.state.clone() }
    }

    fn bytes(&self) -> Bytes {
        self.image().pieces().collect::<Vec<_>>().concat().into()
    }

    fn reread(&self) -> Result<Self, ImageError> {
        let image = StateImage::decode(self.image().meta, self.image().pieces())?;
        Ok(Self { state: image.state, last: self.last })
    }
}

fn session_write(session: u64, sequence: u64, acknowledged: u64, write: Write) -> Action {
    Action::SessionWrite(SessionWrite { session: SessionId(session), sequence, acknowledged, write })
}

fn named_write(name: &str, write: Write) -> Action {
    Action::NamedWrite(NamedWrite { name: Bytes::copy_from_slice(name.as_bytes()), write })
}

fn create(value: &str) -> Write {
    Write::CompareAndSet { key: "k".into(), expected: None, value: Bytes::copy_from_slice(value.as_bytes()) }
}

/// Changes the map in another way each time that it is applied.
fn append(sequence: u64) -> Write {
    Write::CompareAndSet { key: "k".into(), expected: None, value: format!("{sequence}").into() }
}

#[test]
fn a_repeated_write_is_applied_once_and_answered_alike() {
    let mut log = Log::default();
    let session = log.open(1);
    let first = log.append(2, session, 1, 0);
    assert_eq!(first, Ok((Answer::Stored, LogId { term: Term(1), index: LogIndex(2) })));
    assert!(matches!(log.append(2, session, 2, 0), Ok((Answer::Mismatch { .. }, _))));
    assert_eq!(log.append(3, session, 1, 0), first, "the second time it would not have matched");
}

#[test]
fn an_acknowledged_write_is_neither_applied_nor_answered_again() {
    let mut log = Log::default();
    let session = log.open(1);
    log.append(2, session, 1, 0).unwrap();
    log.append(3, session, 2, 1).unwrap();
    let before = log.state.machine.hash();
    assert!(matches!(log.append(4, session, 1, 0), Err(Failure::Invalid(_))));
    assert!(matches!(log.append(4, session, 0, 0), Err(Failure::Invalid(_))));
    assert!(matches!(log.append(4, session, 2 + MAX_SESSION_WRITES as u64, 1), Err(Failure::Invalid(_))));
    assert_eq!(log.state.machine.hash(), before);
}

#[test]
fn a_session_that_is_not_used_expires_by_the_time_in_the_log() {
    let mut log = Log::default();
    let (unused, used) = (log.open(5), log.open(5));
    log.append(LIFETIME, used, 1, 0).unwrap();
    log.append(LIFETIME + 4, used, 2, 1).unwrap();
    assert_eq!(log.state.sessions.len(), 2);
    // Any command lets time pass, also one without a session.
    log.apply(LIFETIME + 5, Action::Write(append(1))).unwrap();
    assert_eq!(log.state.sessions.len(), 1);
    assert_eq!(log.append(LIFETIME + 5, unused, 1, 0), Err(Failure::SessionExpired));
    assert_eq!(log.append(LIFETIME + 5, used + 100, 1, 0), Err(Failure::SessionExpired));
    log.append(LIFETIME + 5, used, 3, 2).unwrap();
}

#[test]
fn time_never_goes_back() {
    let mut log = Log::default();
    let session = log.open(LIFETIME);
    // The next leader's clock is behind, and the one after it is right again.
    log.append(0, session, 1, 0).unwrap();
    assert_eq!(log.state.sessions.now(), LoggedTime(LIFETIME));
    log.append(2 * LIFETIME - 1, session, 2, 0).unwrap();
}

#[test]
fn of_too_many_sessions_the_one_that_was_unused_for_the_longest_time_goes() {
    let mut log = Log::default();
    let first = log.open(1);
    for _ in 1..MAX_SESSIONS {
        log.open(2);
    }
    log.append(3, first, 1, 0).unwrap();
    log.open(3);
    assert_eq!(log.state.sessions.len(), MAX_SESSIONS);
    assert_eq!(log.append(3, first + 1, 1, 0), Err(Failure::SessionExpired), "of equally old the lowest id");
    log.append(3, first, 2, 0).unwrap();
}

#[test]
fn large_answers_are_bounded_and_the_oldest_write_always_gets_on() {
    let mut log = Log::default();
    let session = log.open(1);
    let large: Bytes = vec![b'x'; 1 << 20].into();
    log.apply(1, Action::Write(Write::Put { key: "k".into(), value: large })).unwrap();
    // Each answer holds the large value. The first write is late.
    let refused = (2..100).find(|&sequence| log.append(1, session, sequence, 0) == Err(Failure::Busy));
    let refused = refused.expect("answers are not kept without bound");
    log.append(1, session, 1, 0).unwrap();
    log.append(1, session, refused, refused - 1).unwrap();
}

/// Also in a state that was read from an image.
#[test]
fn answers_in_all_sessions_are_bounded_in_bytes_and_the_one_that_was_unused_for_the_longest_time_goes() {
    let mut log = Log::default();
    let large: Bytes = vec![b'x'; 1 << 20].into();
    log.apply(1, Action::Write(Write::Put { key: "k".into(), value: large })).unwrap();
    let fill = |log: &mut Log, at| {
        let session = log.open(at);
        // Each answer holds the large value.
        for sequence in 1..=4 {
            log.append(at, session, sequence, 0).unwrap();
        }
    };
    for at in 1..=20 {
        fill(&mut log, at);
        let expected = usize::try_from(at).unwrap().min(15);
        assert_eq!(log.state.sessions.len(), expected, "of 4 MiB and a little");
    }
    let mut reread = log.reread().unwrap();
    for log in [&mut log, &mut reread] {
        fill(log, 21);
        assert_eq!(log.state.sessions.len(), 15);
    }
    assert_eq!(log.state.hash(), reread.state.hash());
}

#[test]
fn a_write_repeated_under_its_name_is_applied_once_and_answered_alike() {
    let mut log = Log::default();
    let first = log.create(1, "a", "1");
    assert_eq!(first, Ok((Answer::Stored, LogId { term: Term(1), index: LogIndex(1) })));
    let mismatch = log.create(2, "b", "2");
    assert!(matches!(mismatch, Ok((Answer::Mismatch { .. }, _))));
    log.apply(3, Action::Write(Write::Delete { key: "k".into() })).unwrap();
    let before = log.state.machine.hash();
    assert_eq!(log.create(4, "a", "1"), first, "applied again it would store the key once more");
    assert_eq!(log.create(4, "b", "2"), mismatch, "applied again it would match");
    assert_eq!(log.state.machine.hash(), before);
}

#[test]
fn another_write_under_the_same_name_is_refused() {
    let others = [
        Write::Put { key: "k".into(), value: "1".into() },
        Write::Delete { key: "k".into() },
        create("2"),
        Write::CompareAndSet { key: "k".into(), expected: Some(Bytes::new()), value: "1".into() },
        Write::CompareAndSet { key: "k1".into(), expected: None, value: Bytes::new() },
    ];
    let mut log = Log::default();
    let first = log.create(1, "a", "1");
    let before = log.state.hash();
    for other in others {
        assert_eq!(log.apply(1, named_write("a", other)), Err(Failure::NameInUse));
    }
    assert_eq!(log.state.hash(), before);
    assert_eq!(log.create(1, "a", "1"), first);
}

#[test]
fn a_name_that_is_not_used_is_forgotten_by_the_time_in_the_log() {
    let mut log = Log::default();
    let passes = |log: &mut Log, steps: u64| {
        for _ in 0..steps {
            // Any command lets time pass.
            let now = log.state.sessions.now().0;
            log.apply(now + MAX_STEP, Action::Write(Write::Delete { key: "none".into() })).unwrap();
        }
    };
    log.create(5, "unused", "1").unwrap();
    let used = log.create(5, "used", "2");
    passes(&mut log, LIFETIME / MAX_STEP - 1);
    assert_eq!(log.create(0, "used", "2"), used);
    assert_eq!(log.state.names.len(), 2);
    passes(&mut log, 1);
    assert_eq!(log.state.names.len(), 1);
    assert!(matches!(log.create(0, "unused", "1"), Ok((Answer::Mismatch { .. }, _))));
    passes(&mut log, LIFETIME / MAX_STEP - 2);
    assert_eq!(log.create(0, "used", "2"), used);
    passes(&mut log, LIFETIME / MAX_STEP);
    assert_eq!(log.state.names.len(), 0);
    assert_eq!(log.state.names.hash(), 0, "as if there never had been any");
}

#[test]
fn a_clock_that_leaps_makes_no_name_old() {
    let mut log = Log::default();
    let first = log.create(5, "a", "1");
    let session = log.open(5);
    for leap in 1..10 {
        assert_eq!(log.create(leap * LIFETIME + 5, "a", "1"), first);
    }
    assert_eq!(log.append(0, session, 1, 0), Err(Failure::SessionExpired), "whose client is told");
}

#[test]
fn of_too_many_names_the_one_that_was_unused_for_the_longest_time_goes() {
    let mut log = Log::default();
    let put = |number: usize| Write::Put { key: "k".into(), value: format!("{number}").into() };
    let write = |log: &mut Log, at, number: usize| {
        log.apply(at, named_write(&format!("a name of thirty bytes: {number:06}"), put(number))).unwrap().1
    };
    let first = write(&mut log, 1, 0);
    for number in 1..MAX_NAMES {
        write(&mut log, 1, number);
    }
    assert_eq!(write(&mut log, 2, 0), first);
    write(&mut log, 2, MAX_NAMES);
    assert_eq!(log.state.names.len(), MAX_NAMES);
    assert_eq!(write(&mut log, 2, 0), first);
    assert_eq!(write(&mut log, 2, 1).index.0, log.last, "of equally old ones that of the first entry");
    let reread = log.reread().unwrap();
    assert_eq!(reread.state.hash(), log.state.hash());
}

#[test]
fn answers_to_named_writes_are_bounded_in_bytes() {
    let mut log = Log::default();
    let large: Bytes = vec![b'x'; 1 << 20].into();
    log.apply(1, Action::Write(Write::Put { key: "k".into(), value: large })).unwrap();
    for number in 0..70 {
        // Each answer holds the large value.
        log.create(1, &format!("{number}"), "1").unwrap();
    }
    assert!((32..64).contains(&log.state.names.len()), "{} answers of 1 MiB", log.state.names.len());
}

#[test]
fn an_image_with_everything_in_it_is_read_back() {
    let mut log = Log::default();
    let session = log.open(7);
    for i in 0..2000_u64 {
        let value = vec![b'v'; 100].into();
        let write = Write::Put { key: format!("{i}").into(), value };
        log.apply(8, session_write(session, i + 1, i.saturating_sub(500), write)).unwrap();
    }
    for i in 0..2000 {
        log.create(9, &format!("{i}").repeat(MAX_NAME / 4), "1").unwrap();
    }
    assert!(log.image().pieces().count() > 2, "several pieces");
    assert!(log.image().pieces().all(|piece| piece.len() <= 64 << 10));
    let reread = log.reread().unwrap();
    assert_eq!(reread.state.hash(), log.state.hash());
    assert_eq!(reread.bytes(), log.bytes());
}

#[test]
fn damaged_images_are_refused() {
    let mut log = Log::default();
    let session = log.open(7);
    for i in 1..=3 {
        log.append(8, session, i, 0).unwrap();
    }
    log.open(9);
    log.create(9, "a", "1").unwrap();
    log.apply(9, named_write("b", Write::Delete { key: "k".into() })).unwrap();
    let whole = log.bytes();
    let decode = |bytes: &[u8]| {
        StateImage::decode(log.image().meta, std::iter::once(Bytes::copy_from_slice(bytes))).map(|_| ())
    };
    assert_eq!(decode(&whole), Ok(()));
    for end in 0..whole.len() {
        assert!(decode(&whole[..end]).is_err(), "cut at {end}");
    }
    assert!(decode(&[&whole[..], b"x"].concat()).is_err(), "something is left over");
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.to_vec();
            bytes[at] ^= 1 << bit;
            assert!(decode(&bytes).is_err(), "bit {bit} of byte {at} is flipped");
        }
    }
    let newer = decode(&[&[4], &whole[1..]].concat()).unwrap_err();
    assert!(newer.to_string().contains("use the release that wrote it"), "{newer}");
}

/// What is wrong is said before the hash at the end is looked at, and before memory is taken for it.
#[test]
fn an_image_says_what_is_wrong_in_it() {
    let mut log = Log::default();
    log.apply(5, Action::Write(Write::Put { key: "k".into(), value: "v".into() })).unwrap();
    let without_names = log.bytes();
    log.create(9, "name", "1").unwrap();
    let with_name = log.bytes();
    let decode = |bytes: &[u8], at: usize, number: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[at..at + number.len()].copy_from_slice(number);
        let meta = log.image().meta;
        StateImage::decode(meta, std::iter::once(Bytes::from(bytes))).map(|_| ()).unwrap_err().to_string()
    };
    // The version, the time, the number of pairs; then those of sessions and of names, and their time.
    let (sessions, names, names_time) = (17, 25, 33);
    // One pair of five bytes each; the name.
    let name = names_time + 8 + 10;
    let (most_sessions, most_names) = (MAX_SESSIONS as u64, MAX_NAMES as u64);
    for (at, what, limit) in [(sessions, "sessions", most_sessions), (names, "names", most_names)] {
        let over = decode(&with_name, at, &(limit + 1).to_le_bytes());
        assert!(over.contains(&format!("{what} are over the limit of")), "{over}");
        let most = decode(&with_name, at, &limit.to_le_bytes());
        assert!(!most.contains(&format!("{what} are over the limit of")), "{most}");
    }
    let error = decode(&without_names, names_time, &1_u64.to_le_bytes());
    assert!(error.contains("it ages names that do not exist"), "{error}");
    let length = u32::try_from(MAX_NAME + 1).unwrap();
    let error = decode(&with_name, name, &length.to_le_bytes());
    assert!(error.contains("the length of a name is"), "{error}");
    let used = name + 4 + "name".len();
    let error = decode(&with_name, used, &99_u64.to_le_bytes());
    assert!(error.contains("a name was used after the last entry"), "{error}");
    let index = used + 8 + 16 + 8;
    let error = decode(&with_name, index, &99_u64.to_le_bytes());
    assert!(error.contains("a name was used after the last entry"), "{error}");
}

/// Images of earlier versions, of the state that [`images_of_earlier_versions_are_read_and_checked`] makes.
const EARLIER: [&str; 2] = [
    "01090000000000000001000000000000000200000000000000010000006b0100000031010000000000000008000000000000\
     0001000000000000000300000002000000000000000100000000000000030000000000000004000000020101310300000000\
     0000000100000000000000040000000000000004000000020101310400000000000000010000000000000005000000000000\
     0002000000010006000000000000000900000000000000000000000000000000000000cd3761c021a78fbb",
    "02090000000000000001000000000000000200000000000000010000006b0100000031010000000000000008000000000000\
     0001000000000000000300000002000000000000000100000000000000030000000000000004000000020101310300000000\
     0000000100000000000000040000000000000004000000020101310400000000000000010000000000000005000000000000\
     00020000000100060000000000000009000000000000000000000000000000000000001148a5a20761cd13",
];

#[test]
fn images_of_earlier_versions_are_read_and_checked() {
    let mut log = Log::default();
    let session = log.open(7);
    for i in 1..=3 {
        log.append(8, session, i, 0).unwrap();
    }
    log.apply(8, session_write(session, 4, 1, Write::Delete { key: "none".into() })).unwrap();
    log.open(9);
    let decode =
        |bytes: &[u8]| StateImage::decode(log.image().meta, std::iter::once(Bytes::copy_from_slice(bytes)));
    for earlier in EARLIER {
        let digit = |place: usize| u8::from_str_radix(&earlier[place..place + 2], 16).unwrap();
        let mut bytes: Vec<u8> = (0..earlier.len()).step_by(2).map(digit).collect();
        let read = decode(&bytes).unwrap();
        assert_eq!(read.state_hash(), log.state.hash());
        assert_eq!(
            read.pieces().collect::<Vec<_>>().concat(),
            log.bytes(),
            "written again, it is of this version"
        );
        for at in 0..bytes.len() {
            bytes[at] ^= 1;
            assert!(decode(&bytes).is_err(), "byte {at} is changed");
            bytes[at] ^= 1;
        }
    }
}

#[test]
fn what_is_forgotten_is_what_was_unused_for_the_longest_time_also_after_an_image() {
    let mut log = Log::default();
    let sessions: Vec<_> = (0..4).map(|i| log.open(i)).collect();
    // In another order than they were opened in, and the third one never.
    for (at, i) in [(LIFETIME / 2, 1), (LIFETIME / 2 + 1, 0), (LIFETIME / 2 + 2, 3)] {
        log.append(at, sessions[i], 1, 0).unwrap();
    }
    for mut log in [log.reread().unwrap(), log] {
        let mut left = |at| {
            log.apply(at, Action::Write(append(1))).unwrap();
            let (open, iter) = (log.state.sessions.len(), log.state.sessions.iter());
            let left: Vec<_> =
                iter.map(|(id, _)| sessions.iter().position(|s| *s == id.0).unwrap()).collect();
            assert_eq!(open, left.len());
            left
        };
        assert_eq!(left(LIFETIME + 1), [0, 1, 2, 3]);
        assert_eq!(left(LIFETIME + 2), [0, 1, 3]);
        assert_eq!(left(LIFETIME + LIFETIME / 2 - 1), [0, 1, 3]);
        assert_eq!(left(LIFETIME + LIFETIME / 2), [0, 3]);
        assert_eq!(left(LIFETIME + LIFETIME / 2 + 1), [3]);
        assert_eq!(left(LIFETIME + LIFETIME / 2 + 2), [] as [usize; 0]);
    }
}

/// One step of a random history: the kind, whose session, which number, the key, how much time passes.
type Step = (u8, usize, u64, u8, u64);

/// The log that the steps make: each is one entry. Now and then a leader's clock is behind.
fn commands(steps: &[Step]) -> Vec<(u64, Action)> {
    let (mut now, mut sessions, mut commands) = (0_u64, Vec::new(), Vec::new());
    for &(kind, whose, number, key, passes) in steps {
        let key = Bytes::from(vec![b'a' + key]);
        let value = format!("{number}").into();
        // Of a great while much is written, so that it counts for names, or nothing.
        for _ in 0..if number % 2 == 0 { passes / MAX_STEP } else { 0 } {
            now += MAX_STEP;
            commands.push((now, Action::Write(Write::Delete { key: "none".into() })));
        }
        let at = if passes == 0 { now / 2 } else { now + passes };
        now = now.max(at);
        let action = if kind >= 6 {
            // Few names, so that some come again, with the same write or with another one.
            let write = Write::CompareAndSet { key, expected: None, value };
            named_write(["a", "b", "a longer name, of thirty bytes"][whose % 3], write)
        } else if kind == 0 || sessions.is_empty() {
            sessions.push(commands.len() as u64 + 1);
            Action::OpenSession
        } else if kind == 1 {
            Action::Write(Write::Delete { key })
        } else {
            let acknowledged = if kind == 2 { number / 2 } else { 0 };
            let write = Write::CompareAndSet { key, expected: None, value };
            session_write(sessions[whose % sessions.len()], number, acknowledged, write)
        };
        commands.push((at, action));
    }
    commands
}

/// What the rules say, in the plainest way.
#[derive(Default)]
struct Model {
    sessions: BTreeMap<u64, ModelSession>,
    names: BTreeMap<Bytes, ModelName>,
    now: u64,
    /// The names' time. That it stands while there are none is not to be seen from outside.
    names_now: u64,
}

struct ModelName {
    last_used: u64,
    write: Write,
    answer: CommandOutcome,
}

#[derive(Default)]
struct ModelSession {
    last_used: u64,
    acknowledged: u64,
    answers: BTreeMap<u64, CommandOutcome>,
}

impl Model {
    /// Applies a command to the log and judges its outcome.
    fn apply(&mut self, log: &mut Log, at: u64, action: Action) {
        self.names_now += at.saturating_sub(self.now).min(MAX_STEP);
        self.now = self.now.max(at);
        self.sessions.retain(|_, session| self.now - session.last_used < LIFETIME);
        self.names.retain(|_, name| self.names_now - name.last_used < LIFETIME);
        let before = log.state.machine.hash();
        let outcome = log.apply(at, action.clone());
        match action {
            Action::Write(_) => assert!(outcome.is_ok()),
            Action::NamedWrite(NamedWrite { name, write }) => {
                let first = self.judge_named(name, write, &outcome);
                assert!(first || log.state.machine.hash() == before, "only the first one changes anything");
            }
            Action::OpenSession => {
                let session = ModelSession { last_used: self.now, ..ModelSession::default() };
                self.sessions.insert(log.last, session);
            }
            Action::SessionWrite(write) => {
                let first = self.judge(&write, &outcome);
                assert!(
                    first || log.state.machine.hash() == before,
                    "only the first attempt changes anything"
                );
            }
        }
        assert_eq!(log.state.sessions.len(), self.sessions.len());
        assert_eq!(log.state.names.len(), self.names.len());
    }

    /// Whether it was the first one under its name.
    fn judge_named(&mut self, name: Bytes, write: Write, outcome: &CommandOutcome) -> bool {
        let Some(known) = self.names.get_mut(&name) else {
            assert!(outcome.is_ok());
            let known = ModelName { last_used: self.names_now, write, answer: outcome.clone() };
            self.names.insert(name, known);
            return true;
        };
        if known.write == write {
            known.last_used = self.names_now;
            assert_eq!(*outcome, known.answer);
        } else {
            assert_eq!(*outcome, Err(Failure::NameInUse));
        }
        false
    }

    /// Whether it was the first attempt, and may have changed something.
    fn judge(&mut self, write: &SessionWrite, outcome: &CommandOutcome) -> bool {
        let Some(session) = self.sessions.get_mut(&write.session.0) else {
            assert_eq!(outcome, &Err(Failure::SessionExpired));
            return false;
        };
        session.last_used = self.now;
        session.acknowledged = session.acknowledged.max(write.acknowledged);
        if write.sequence <= session.acknowledged {
            assert!(matches!(outcome, Err(Failure::Invalid(_))), "{outcome:?}");
            return false;
        }
        if let Some(earlier) = session.answers.get(&write.sequence) {
            assert_eq!(outcome, earlier);
            return false;
        }
        assert!(outcome.is_ok());
        session.answers.insert(write.sequence, outcome.clone());
        true
    }
}

proptest! {
    #[test]
    fn sessions_and_names_agree_with_a_plain_model_and_a_state_read_from_an_image_goes_on_alike(
        steps in prop::collection::vec(
            (0_u8..8, 0_usize..4, 1_u64..9, 0_u8..3, prop_oneof![Just(0), 1_u64..1000, (LIFETIME / 3)..LIFETIME]),
            1..60
        ),
        cut in 0_usize..60,
    ) {
        let commands = commands(&steps);
        let (before, after) = commands.split_at(cut.min(commands.len()));
        let (mut model, mut log) = (Model::default(), Log::default());
        for (at, action) in before {
            model.apply(&mut log, *at, action.clone());
        }
        let mut copy = log.reread().unwrap();
        prop_assert_eq!(copy.state.hash(), log.state.hash());
        for (at, action) in after {
            let mut shared = log.clone();
            let outcome = shared.apply(*at, action.clone());
            prop_assert_eq!(copy.apply(*at, action.clone()), outcome);
            model.apply(&mut log, *at, action.clone());
            prop_assert_eq!(copy.state.hash(), log.state.hash());
        }
        prop_assert_eq!(copy.bytes(), log.bytes());
    }
}
