//! The obligation to answer a command exactly once.

use raftdeck_links::Outlet;
use raftdeck_model::{CommandId, News};
use std::sync::{Arc, Mutex, PoisonError};

/// The answer to a command whose receipt was dropped: something replaced it, or the lab ends.
const GIVEN_UP: &str = "it was abandoned before it was done";

/// The obligation to answer one command. It moves with the work, and can be split where that is done in several places: the command
/// is done when all parts are done, and refused if one is refused.
///
/// Each part is to be consumed by [`done`](Receipt::done) or [`refuse`](Receipt::refuse); one that is dropped refuses.
#[must_use = "a command is to be answered"]
pub struct Receipt {
    answer: Arc<Answer>,
    is_open: bool,
}

/// Sends the answer when its last part is dropped.
struct Answer {
    id: CommandId,
    outlet: Outlet,
    reasons: Mutex<Vec<String>>,
}

impl Receipt {
    /// For the command of this id, which is answered through this outlet.
    pub fn new(id: CommandId, outlet: Outlet) -> Self {
        Self { answer: Arc::new(Answer { id, outlet, reasons: Mutex::default() }), is_open: true }
    }

    /// The command's name.
    #[must_use]
    pub fn id(&self) -> CommandId {
        self.answer.id
    }

    /// A part for other work that belongs to the command.
    pub fn part(&self) -> Self {
        Self { answer: Arc::clone(&self.answer), is_open: true }
    }

    /// The effect is in force and has been reported.
    pub fn done(mut self) {
        self.is_open = false;
    }

    /// It is not carried out, or not completely.
    pub fn refuse(mut self, reason: impl Into<String>) {
        self.is_open = false;
        self.answer.note(reason.into());
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if self.is_open {
            self.answer.note(GIVEN_UP.to_owned());
        }
    }
}

impl Answer {
    fn note(&self, reason: String) {
        self.reasons.lock().unwrap_or_else(PoisonError::into_inner).push(reason);
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        let reasons = std::mem::take(self.reasons.get_mut().unwrap_or_else(PoisonError::into_inner));
        let id = self.id;
        self.outlet.tell(if reasons.is_empty() {
            News::Done { id }
        } else {
            News::Refused { id, reason: reasons.join("; ") }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_links::ClusterClock;
    use raftdeck_protocol::ClockRate;

    const ID: CommandId = CommandId(7);

    fn receipt() -> (Receipt, Arc<Mutex<Vec<News>>>) {
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&told);
        let clock = ClusterClock::start(ClockRate::REAL).reader();
        let outlet = Outlet::new(clock, move |update| listener.lock().unwrap().push(update.what));
        (Receipt::new(ID, outlet), told)
    }

    fn refused(reason: &str) -> News {
        News::Refused { id: ID, reason: reason.to_owned() }
    }

    #[test]
    fn a_command_is_done_when_all_its_parts_are() {
        let (receipt, told) = receipt();
        let part = receipt.part();
        receipt.done();
        assert_eq!(*told.lock().unwrap(), []);
        part.done();
        assert_eq!(*told.lock().unwrap(), [News::Done { id: ID }]);
    }

    #[test]
    fn one_part_that_is_refused_refuses_the_command_and_all_reasons_are_told() {
        let (receipt, told) = receipt();
        let (first, second) = (receipt.part(), receipt.part());
        first.refuse("there is no n4");
        second.refuse("there is no n5");
        receipt.done();
        assert_eq!(*told.lock().unwrap(), [refused("there is no n4; there is no n5")]);
    }

    #[test]
    fn whoever_lets_go_of_a_command_has_given_it_up() {
        let (receipt, told) = receipt();
        drop(receipt);
        assert_eq!(*told.lock().unwrap(), [refused(GIVEN_UP)]);
    }
}
