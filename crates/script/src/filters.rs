//! Filters of messages: `only RequestVote,VoteReply`, `term 5..7`, `index 3`, `next 3`, in any order.

use crate::figures::{range, whole};
use crate::mistake::Mistake;
use crate::near::nearest;
use crate::phrase::Phrase;
use raftdeck_model::{FrameKind, Matching};
use raftdeck_raft::{LogIndex, Term};

/// Takes all filters that follow.
pub(crate) fn filters(phrase: &mut Phrase<'_>) -> Result<Matching, Mistake> {
    let mut matching = Matching::default();
    loop {
        let twice = |given| Mistake::new(format!("{given} is given twice: once is enough"));
        if phrase.skip("only") {
            if !matching.kinds.is_empty() {
                return Err(twice("only"));
            }
            let given = phrase.need("a kind of message after only, such as RequestVote,VoteReply")?;
            matching.kinds = given.split(',').map(kind).collect::<Result<_, _>>()?;
        } else if phrase.skip("term") {
            let given = range(phrase.need("a term, such as 5 or 5..7")?)?;
            if matching.terms.replace(Term(*given.start())..=Term(*given.end())).is_some() {
                return Err(twice("term"));
            }
        } else if phrase.skip("index") {
            let given = range(phrase.need("an index, such as 3 or 3..9")?)?;
            if matching.indices.replace(LogIndex(*given.start())..=LogIndex(*given.end())).is_some() {
                return Err(twice("index"));
            }
        } else if phrase.skip("next") {
            let given = phrase.need("a number of messages, such as next 3")?;
            let next = whole(given).filter(|next| *next > 0).ok_or_else(|| {
                Mistake::new(format!("\"{given}\" is not a number of messages: write next 1 or next 3"))
            })?;
            if matching.next.replace(next).is_some() {
                return Err(twice("next"));
            }
        } else {
            return Ok(matching);
        }
    }
}

fn kind(given: &str) -> Result<FrameKind, Mistake> {
    if let Some(kind) = FrameKind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(given)) {
        return Ok(kind);
    }
    let names = FrameKind::ALL.map(FrameKind::name);
    Err(Mistake::new(match nearest(given, names) {
        Some(meant) => format!("there is no message \"{given}\": did you mean {meant}?"),
        None => format!("there is no message \"{given}\": the kinds are {}", names.join(", ")),
    }))
}
