//! Clients and the answers to them: `get KEY stale at 3`, `as alice put KEY VALUE`, `expect get KEY VALUE`, `expect in-doubt`.

use crate::ScriptLine;
use crate::condition::{CONDITIONS, patience};
use crate::mistake::Mistake;
use crate::names::{next_node, nodes};
use crate::near::{hint, nearest};
use crate::phrase::Phrase;
use crate::table::word;
use bytes::Bytes;
use raftdeck_model::{
    ClientLinkFault, ClientName, ClientOp, ClientOutcome, ClientRequest, Disturbance, StoreOutcome, write,
};
use raftdeck_protocol::kv::Printed;
use raftdeck_protocol::{Answer, Consistency, Read};
use std::collections::BTreeSet;

/// What is expected of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expectation {
    /// The client sends this request, and reads this value; `None`: there is no such key.
    Value {
        /// The request.
        request: ClientRequest,
        /// The value.
        value: Option<Bytes>,
    },
    /// The client's last request had this outcome.
    Last {
        /// Which client.
        client: ClientName,
        /// Its outcome.
        came: RequestResult,
    },
}

/// The possible outcomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestResult {
    /// The write was carried out.
    Stored,
    /// It failed and certainly changed nothing.
    Refused,
    /// It may have happened, or may still happen.
    InDoubt,
}

/// What can be expected besides conditions.
pub(crate) const EXPECTATIONS: [&str; 4] = ["get", "stored", "refused", "in-doubt"];

/// The consistencies; [`write::consistency`] names them.
pub(crate) const CONSISTENCIES: [Consistency; 3] =
    [Consistency::Linearizable, Consistency::Lease, Consistency::Stale];

/// The faults of a client's links; [`write::client_link_fault`] names them.
const FAULTS: [ClientLinkFault; 3] =
    [ClientLinkFault::Cut, ClientLinkFault::Hold, ClientLinkFault::LoseAnswers];

/// The words that can follow `client`, and so cannot be a client's name.
pub(crate) const CLIENT: [&str; 5] = ["at", "anywhere", "cut", "hold", "lose-answers"];

impl Expectation {
    /// The client whose request it is about.
    pub(crate) fn client(&self) -> &ClientName {
        match self {
            Self::Value { request, .. } => &request.client,
            Self::Last { client, .. } => client,
        }
    }

    /// Whether the outcome is as expected; if not, the actual outcome, with the request named as in `asked`.
    pub(crate) fn judge(&self, asked: &str, outcome: &ClientOutcome) -> Result<(), String> {
        let judged = outcome.judged();
        let is_so = match self {
            Self::Value { value: wanted, .. } => {
                matches!(&judged, StoreOutcome::Done(Answer::Value(value)) if value == wanted)
            }
            Self::Last { came: RequestResult::Stored, .. } => {
                matches!(judged, StoreOutcome::Done(Answer::Stored | Answer::Deleted { .. }))
            }
            Self::Last { came: RequestResult::Refused, .. } => {
                matches!(judged, StoreOutcome::Refused(_) | StoreOutcome::Done(Answer::Mismatch { .. }))
            }
            Self::Last { came: RequestResult::InDoubt, .. } => matches!(judged, StoreOutcome::InDoubt(_)),
        };
        if is_so { Ok(()) } else { Err(told(asked, &judged)) }
    }

    /// The same for a request that the source refused.
    pub(crate) fn judge_refusal(&self, asked: &str, reason: &str) -> Result<(), String> {
        match self {
            Self::Last { came: RequestResult::Refused, .. } => Ok(()),
            Self::Value { .. } | Self::Last { .. } => Err(format!("{asked} is refused: {reason}")),
        }
    }
}

/// The outcome of a request, in words.
fn told(asked: &str, judged: &StoreOutcome<'_>) -> String {
    match judged {
        StoreOutcome::Done(answer) => match answer {
            Answer::Stored | Answer::Deleted { .. } => format!("{asked} is stored"),
            Answer::Mismatch { current: Some(current) } => {
                format!("{asked} is refused: the value is {}", Printed(current))
            }
            Answer::Mismatch { current: None } => format!("{asked} is refused: there is no such key"),
            Answer::Value(Some(value)) => format!("{asked} reads {}", Printed(value)),
            Answer::Value(None) => format!("{asked} reads nothing: there is no such key"),
            Answer::Page { .. } | Answer::SessionOpened(_) => format!("{asked} is answered"),
        },
        StoreOutcome::Refused(why) => format!("{asked} is refused: {why}"),
        StoreOutcome::InDoubt(why) => format!("{asked} is in doubt: {why}"),
    }
}

/// Takes `stale` and `at 3`, in any order, if they follow.
pub(crate) fn of_whom(phrase: &mut Phrase<'_>, read: Read) -> Result<ClientRequest, Mistake> {
    let mut request = ClientRequest::from(read_op(read)?);
    let mut is_said = false;
    loop {
        let is_next = |one: &Consistency| phrase.is_word(write::consistency(*one));
        if let Some(consistency) = CONSISTENCIES.into_iter().find(is_next) {
            phrase.next();
            if std::mem::replace(&mut is_said, true) {
                return Err(Mistake::new(format!(
                    "{} is a second consistency: give only one",
                    write::consistency(consistency)
                )));
            }
            request.consistency = consistency;
        } else if phrase.is_word("at") {
            phrase.next();
            if request.at.replace(next_node(phrase)?).is_some() {
                return Err(Mistake::new("at is given twice: only one node is asked"));
            }
        } else {
            return Ok(request);
        }
    }
}

/// Whether the next words say how new a read is, or which node is asked.
pub(crate) fn begins_whom(phrase: &Phrase<'_>) -> bool {
    phrase.is_word("at") || CONSISTENCIES.into_iter().any(|one| phrase.is_word(write::consistency(one)))
}

fn read_op(asked: Read) -> Result<ClientOp, Mistake> {
    asked.check().map_err(|limit| Mistake::new(limit.to_string()))?;
    Ok(ClientOp::Read(asked))
}

/// Takes an expectation of an answer, if one follows.
pub(crate) fn expectation(phrase: &mut Phrase<'_>) -> Result<Option<ScriptLine>, Mistake> {
    let last = |came| Expectation::Last { client: ClientName::Own, came };
    let what = match phrase.peek() {
        Some("stored") => last(RequestResult::Stored),
        Some("refused") => last(RequestResult::Refused),
        Some("in-doubt") => last(RequestResult::InDoubt),
        Some("get") => {
            phrase.next();
            let key = bytes(phrase.need("a key and its value, such as expect get color blue")?);
            let is_none = phrase.is_word("none");
            let value = bytes(phrase.need("a value, or none, such as expect get color blue")?);
            let request = of_whom(phrase, Read::Get { key })?;
            let value = (!is_none).then_some(value);
            return Ok(Some(ScriptLine::Judge(Expectation::Value { request, value }, patience(phrase)?)));
        }
        Some(other) if nearest(other, CONDITIONS).is_none() && nearest(other, EXPECTATIONS).is_some() => {
            let hint = hint(other, EXPECTATIONS);
            return Err(Mistake::new(format!("\"{other}\" cannot be expected{hint}")));
        }
        _ => return Ok(None),
    };
    phrase.next();
    Ok(Some(ScriptLine::Judge(what, patience(phrase)?)))
}

/// Takes the name of a client.
pub(crate) fn client_name(given: &str) -> Result<ClientName, Mistake> {
    let is_word = word(given).is_some() || CLIENT.iter().any(|other| other.eq_ignore_ascii_case(given));
    if is_word {
        return Err(Mistake::new(format!("\"{given}\" is a reserved word: give the client another name")));
    }
    let is_fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    let begins = given.starts_with(|c: char| c.is_ascii_alphabetic());
    if !begins || !given.chars().all(is_fit) || given.len() > ClientName::LONGEST {
        let most = ClientName::LONGEST;
        return Err(Mistake::new(format!(
            "\"{given}\" cannot be a client's name: a letter, then letters, digits, - and _, {most} at most"
        )));
    }
    Ok(ClientName::Named(given.to_owned()))
}

/// The meaning of a line that begins with `as` and this client.
pub(crate) fn as_client(named: ClientName, first: &str, said: ScriptLine) -> Result<ScriptLine, Mistake> {
    let twice = || Mistake::new("as is given twice: only one client asks");
    let is_own = |client: &ClientName| *client == ClientName::Own;
    Ok(match said {
        ScriptLine::Store(request) if is_own(&request.client) => {
            ScriptLine::Store(ClientRequest { client: named, ..request })
        }
        ScriptLine::Judge(what, within) if is_own(what.client()) => {
            let what = match what {
                Expectation::Value { request, value } => {
                    Expectation::Value { request: ClientRequest { client: named, ..request }, value }
                }
                Expectation::Last { came, .. } => Expectation::Last { client: named, came },
            };
            ScriptLine::Judge(what, within)
        }
        ScriptLine::Store(_) | ScriptLine::Judge(..) => return Err(twice()),
        _ => {
            return Err(Mistake::new(format!(
                "{first} is not a client request: as takes store requests, and expect with get, stored, refused or in-doubt"
            )));
        }
    })
}

/// Takes what follows `client`.
pub(crate) fn client(phrase: &mut Phrase<'_>) -> Result<Disturbance, Mistake> {
    const PLACES: &str = "client at 1,2, client anywhere or client cut 2";
    let first = phrase.need(&format!("a place or a fault: {PLACES}"))?;
    let (client, what) = if CLIENT.contains(&first) {
        (ClientName::Own, first)
    } else if word(first).is_none() && phrase.peek().is_some() {
        let name = client_name(first)?;
        (name, phrase.need("a place or a fault")?)
    } else {
        return Err(Mistake::new(format!("\"{first}\" is not a place{}", or_hint(first, PLACES))));
    };
    if what == "anywhere" {
        return Ok(Disturbance::ClientAt(client, BTreeSet::new()));
    }
    if what == "at" {
        let place = nodes(phrase.need("nodes, such as client at 1,2")?, phrase.world)?;
        return Ok(Disturbance::ClientAt(client, place));
    }
    let Some(fault) = FAULTS.into_iter().find(|fault| write::client_link_fault(*fault) == what) else {
        return Err(Mistake::new(format!("\"{what}\" is not a place{}", or_hint(what, PLACES))));
    };
    let at = nodes(phrase.need(&format!("nodes, such as client {what} 2"))?, phrase.world)?;
    Ok(Disturbance::ClientLinks(client, at, fault))
}

/// The word that was probably meant, or the existing words.
fn or_hint(given: &str, otherwise: &str) -> String {
    let hint = hint(given, CLIENT);
    if hint.is_empty() { format!(": say {otherwise}") } else { hint }
}

pub(crate) fn bytes(word: &str) -> Bytes {
    Bytes::copy_from_slice(word.as_bytes())
}
