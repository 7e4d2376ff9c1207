//! The class: which phones are here, what they see and what they have answered. Knows no connection and no request.
//!
//! A phone is a random cookie. Its answers of one poll replace each other; with the next poll they are forgotten. How many phones are
//! remembered is bounded: the one that has been away longest and has no answer makes room.

use crate::audience::pace::{Rate, Supply};
use raftdeck_deck::app::audience::{AudienceNews, AudiencePage, PollState};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// The most phones that are remembered.
pub(super) const MOST_PHONES: usize = 1024;

/// The most streams of one phone: of more, the oldest ends. A phone that lost its connection may still have one here.
const MOST_STREAMS: usize = 3;

/// How often one phone may ask for anything.
const PACE: Rate = Rate { burst: 30, refill: Duration::from_millis(200) };

/// A phone: the number in its cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct PhoneId(pub(super) u128);

/// Why an answer does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum AnswerRefusal {
    #[error("This phone is not known any more: load the page again.")]
    Stranger,
    #[error("Too many requests came from this phone: wait a moment.")]
    TooOften,
    #[error("There is no question at the moment.")]
    NoQuestion,
    #[error("The question has changed: answer the one that is shown now.")]
    OtherPoll,
    #[error("The poll is closed: your answer came too late.")]
    Closed,
    #[error("The question has no such option.")]
    NoSuchOption,
}

/// Why a phone is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("Too many phones have joined. Ask the teacher.")]
    Full,
    #[error("Too many requests came from this phone: wait a moment.")]
    TooOften,
}

#[derive(Debug)]
struct Phone {
    /// Larger: seen later.
    seen: u64,
    /// Open streams, the oldest first, with what ends them.
    streams: Vec<(u64, CancellationToken)>,
    answer: Option<usize>,
    supply: Supply,
}

#[derive(Debug)]
struct Poll {
    number: u64,
    options: usize,
    is_open: bool,
}

#[derive(Debug)]
struct State {
    page: AudiencePage,
    phones: HashMap<PhoneId, Phone>,
    poll: Option<Poll>,
    /// The last number that was given to a stream or a visit.
    newest: u64,
}

/// The class.
#[derive(Debug)]
pub(super) struct Class {
    state: Mutex<State>,
    /// What all phones see, as JSON.
    page: watch::Sender<Arc<str>>,
    changed: Notify,
}

/// A stream to a phone. The phone has left when its last one is dropped.
#[derive(Debug)]
pub(super) struct StreamPlace {
    class: Arc<Class>,
    pub(super) phone: PhoneId,
    number: u64,
    /// Cancelled when a newer stream takes its place.
    pub(super) replaced: CancellationToken,
}

impl Class {
    pub(super) fn new() -> Arc<Self> {
        let page = AudiencePage::default();
        let shown = watch::Sender::new(json(&page));
        let state = State { page, phones: HashMap::new(), poll: None, newest: 0 };
        Arc::new(Self { state: Mutex::new(state), page: shown, changed: Notify::new() })
    }

    /// What all phones see from now on. A poll with another number begins without answers.
    pub(super) fn show(&self, page: AudiencePage) {
        let mut state = self.lock();
        if state.page == page {
            return;
        }
        let before = state.poll.as_ref().map(|poll| poll.number);
        if let Some(poll) = &page.poll {
            if before != Some(poll.number) {
                state.phones.values_mut().for_each(|phone| phone.answer = None);
            }
            let is_open = poll.state == PollState::Open;
            state.poll = Some(Poll { number: poll.number, options: poll.options.len(), is_open });
        } else if let Some(poll) = &mut state.poll {
            poll.is_open = false;
        }
        // While the state is locked, so that no phone sees a page with the answer to another.
        self.page.send_replace(json(&page));
        state.page = page;
        drop(state);
        self.changed.notify_one();
    }

    /// What all phones see, and when that changes.
    pub(super) fn page(&self) -> watch::Receiver<Arc<str>> {
        self.page.subscribe()
    }

    /// A phone that loads the page: the one that it was, if it is remembered, or `new`.
    pub(super) fn visit(
        &self,
        known: Option<PhoneId>,
        new: PhoneId,
        now: Instant,
    ) -> Result<PhoneId, Refusal> {
        let mut state = self.lock();
        state.newest += 1;
        let seen = state.newest;
        if let Some((id, phone)) = known.and_then(|id| Some((id, state.phones.get_mut(&id)?))) {
            phone.seen = seen;
            return if phone.supply.take(PACE, now) { Ok(id) } else { Err(Refusal::TooOften) };
        }
        if state.phones.len() >= MOST_PHONES {
            let idle =
                state.phones.iter().filter(|(_, phone)| phone.streams.is_empty() && phone.answer.is_none());
            let oldest = idle.min_by_key(|(_, phone)| phone.seen).map(|(id, _)| *id).ok_or(Refusal::Full)?;
            state.phones.remove(&oldest);
        }
        let supply = Supply::full(PACE, now);
        state.phones.insert(new, Phone { seen, streams: Vec::new(), answer: None, supply });
        Ok(new)
    }

    /// Whether a phone is remembered.
    pub(super) fn knows(&self, phone: PhoneId) -> bool {
        self.lock().phones.contains_key(&phone)
    }

    /// Begins a stream to a phone. `None`: it is not remembered, and has to load the page.
    pub(super) fn join(self: &Arc<Self>, id: PhoneId, now: Instant) -> Option<Result<StreamPlace, Refusal>> {
        let mut state = self.lock();
        state.newest += 1;
        let number = state.newest;
        let phone = state.phones.get_mut(&id)?;
        if !phone.supply.take(PACE, now) {
            return Some(Err(Refusal::TooOften));
        }
        let replaced = CancellationToken::new();
        phone.seen = number;
        phone.streams.push((number, replaced.clone()));
        if phone.streams.len() > MOST_STREAMS {
            phone.streams.remove(0).1.cancel();
        }
        drop(state);
        self.changed.notify_one();
        Some(Ok(StreamPlace { class: Arc::clone(self), phone: id, number, replaced }))
    }

    /// Takes an answer. It replaces an earlier one of the same phone.
    pub(super) fn answer(
        &self,
        id: PhoneId,
        poll: u64,
        option: usize,
        now: Instant,
    ) -> Result<(), AnswerRefusal> {
        let mut state = self.lock();
        let State { phones, poll: current, .. } = &mut *state;
        let phone = phones.get_mut(&id).ok_or(AnswerRefusal::Stranger)?;
        if !phone.supply.take(PACE, now) {
            return Err(AnswerRefusal::TooOften);
        }
        let current = current.as_ref().ok_or(AnswerRefusal::NoQuestion)?;
        if current.number != poll {
            return Err(AnswerRefusal::OtherPoll);
        }
        if !current.is_open {
            return Err(AnswerRefusal::Closed);
        }
        if option >= current.options {
            return Err(AnswerRefusal::NoSuchOption);
        }
        phone.answer = Some(option);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    /// What a phone sees: the page and its own answer to its poll.
    pub(super) fn seen_by(&self, id: PhoneId) -> (Arc<str>, Option<usize>) {
        let state = self.lock();
        let page = Arc::clone(&self.page.borrow());
        (page, state.phones.get(&id).and_then(|phone| phone.answer))
    }

    /// What the deck is told.
    pub(super) fn news(&self) -> AudienceNews {
        let state = self.lock();
        let joined = state.phones.values().filter(|phone| !phone.streams.is_empty()).count();
        let (poll, options) = state.poll.as_ref().map_or((0, 0), |poll| (poll.number, poll.options));
        let mut counts = vec![0; options];
        for option in state.phones.values().filter_map(|phone| phone.answer) {
            if let Some(count) = counts.get_mut(option) {
                *count += 1;
            }
        }
        AudienceNews { joined: u32::try_from(joined).unwrap_or(u32::MAX), poll, counts }
    }

    /// Ends when the news may have changed.
    pub(super) async fn changed(&self) {
        self.changed.notified().await;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds this lock can panic half-way through a change.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for StreamPlace {
    fn drop(&mut self) {
        if let Some(phone) = self.class.lock().phones.get_mut(&self.phone) {
            phone.streams.retain(|(number, _)| *number != self.number);
        }
        self.class.changed.notify_one();
    }
}

fn json(page: &AudiencePage) -> Arc<str> {
    serde_json::to_string(page).expect("text and numbers have a JSON form").into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_deck::app::audience::PollPage;

    fn poll(number: u64, state: PollState) -> AudiencePage {
        let options = vec!["yes".to_owned(), "no".to_owned(), "perhaps".to_owned()];
        let poll = PollPage { number, question: "Is it?".to_owned(), options, state };
        AudiencePage { poll: Some(poll), ..AudiencePage::default() }
    }

    fn class_of(phones: u128) -> (Arc<Class>, Instant) {
        let (class, now) = (Class::new(), Instant::now());
        for id in 1..=phones {
            class.visit(None, PhoneId(id), now).unwrap();
        }
        (class, now)
    }

    #[test]
    fn the_last_answer_of_a_phone_counts_once_while_the_poll_is_open() {
        let (class, now) = class_of(2);
        let answer = |phone, poll, option| class.answer(PhoneId(phone), poll, option, now);
        assert_eq!(answer(1, 1, 0), Err(AnswerRefusal::NoQuestion));
        class.show(poll(1, PollState::Open));
        for option in [0, 0, 2] {
            answer(1, 1, option).unwrap();
        }
        answer(2, 1, 2).unwrap();
        assert_eq!(class.news(), AudienceNews { joined: 0, poll: 1, counts: vec![0, 0, 2] });
        assert_eq!(answer(1, 1, 3), Err(AnswerRefusal::NoSuchOption));
        assert_eq!(answer(1, 0, 1), Err(AnswerRefusal::OtherPoll));
        assert_eq!(answer(7, 1, 1), Err(AnswerRefusal::Stranger));
        class.show(poll(1, PollState::Closed));
        assert_eq!(answer(1, 1, 1), Err(AnswerRefusal::Closed));
        assert_eq!(class.news().counts, [0, 0, 2], "closing changes no answer");
        assert_eq!(class.seen_by(PhoneId(1)).1, Some(2));
        class.show(poll(2, PollState::Open));
        assert_eq!(answer(1, 1, 1), Err(AnswerRefusal::OtherPoll));
        assert_eq!((class.news().counts, class.seen_by(PhoneId(1)).1), (vec![0, 0, 0], None));
    }

    #[test]
    fn a_page_without_a_question_ends_the_poll_and_keeps_its_counts() {
        let (class, now) = class_of(1);
        class.show(poll(1, PollState::Open));
        class.answer(PhoneId(1), 1, 1, now).unwrap();
        class.show(AudiencePage::default());
        assert_eq!(class.answer(PhoneId(1), 1, 0, now), Err(AnswerRefusal::Closed));
        assert_eq!(class.news().counts, [0, 1, 0]);
    }

    #[test]
    fn a_phone_with_two_streams_is_one_and_has_left_with_the_last() {
        let (class, now) = class_of(2);
        let join = |phone| class.join(PhoneId(phone), now).unwrap().unwrap();
        let (first, second, other) = (join(1), join(1), join(2));
        assert_eq!(class.news().joined, 2);
        drop(first);
        assert_eq!(class.news().joined, 2);
        drop((second, other));
        assert_eq!(class.news().joined, 0);
        assert!(class.join(PhoneId(3), now).is_none());
    }

    #[test]
    fn of_too_many_streams_of_a_phone_the_oldest_ends() {
        let (class, now) = class_of(1);
        let streams: Vec<StreamPlace> =
            (0..=MOST_STREAMS).map(|_| class.join(PhoneId(1), now).unwrap().unwrap()).collect();
        let ended: Vec<bool> = streams.iter().map(|stream| stream.replaced.is_cancelled()).collect();
        assert_eq!(ended, [true, false, false, false]);
    }

    #[test]
    fn phones_are_bounded_and_those_that_take_part_stay() {
        let (class, now) = class_of(1);
        class.show(poll(1, PollState::Open));
        class.answer(PhoneId(1), 1, 0, now).unwrap();
        for id in 2..5000 {
            class.visit(None, PhoneId(id), now).unwrap();
        }
        assert_eq!(class.lock().phones.len(), MOST_PHONES);
        assert!(class.knows(PhoneId(1)) && class.knows(PhoneId(4999)) && !class.knows(PhoneId(2)));
        assert_eq!(class.visit(Some(PhoneId(4999)), PhoneId(9000), now), Ok(PhoneId(4999)));
        let ids: Vec<PhoneId> = class.lock().phones.keys().copied().collect();
        for id in ids {
            class.answer(id, 1, 1, now).unwrap();
        }
        assert_eq!(class.visit(None, PhoneId(9001), now), Err(Refusal::Full));
    }

    #[test]
    fn a_phone_that_asks_too_often_has_to_wait() {
        let (class, now) = class_of(1);
        class.show(poll(1, PollState::Open));
        let answers: Vec<_> = (0..40).map(|_| class.answer(PhoneId(1), 1, 0, now)).collect();
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 30);
        assert_eq!(answers[39], Err(AnswerRefusal::TooOften));
        assert_eq!(class.answer(PhoneId(1), 1, 2, now + Duration::from_secs(1)), Ok(()));
    }
}
