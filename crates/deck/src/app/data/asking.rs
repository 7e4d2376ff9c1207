//! What the Data view asks the source, and when: only while it is open and time passes, one page at a time, while there is a leader
//! to answer.
//!
//! Reads are by lease, which cost the cluster no message. Their commands have numbers of their own, so that no list of requests shows
//! them, and those in a recording neither.

use super::history::History;
use super::pages::{AsOf, Page, Turn};
use super::{Data, told};
use crate::app::{App, Effect};
use crate::view::Pane;
use bytes::Bytes;
use raftdeck_model::{
    Ability, ClientOp, ClientOutcome, ClientRequest, Command, CommandId, News, Order, StoreOutcome, Update,
};
use raftdeck_protocol::kv::MAX_LIST;
use raftdeck_protocol::{Answer, Consistency, Read, ResponseBody};
use raftdeck_raft::LogIndex;
use std::time::Duration;

/// The view's reads are numbered after this; a drill's commands from `2 << 32`, a recording's own from `1 << 48`.
const FIRST: CommandId = CommandId(1 << 40);

/// The least number of pairs that are read together.
const LEAST: usize = 64;

/// How many screens full of pairs are read together.
const SCREENS: usize = 4;

/// The store is read again this long after an answer, if there may be something new, and after a failure.
const AFTER_ANSWER: Duration = Duration::from_secs(1);
const AFTER_FAILURE: Duration = Duration::from_secs(2);

/// Whether a command is a read of the Data view.
#[must_use]
pub fn is_look(id: CommandId) -> bool {
    id > FIRST && id.0 < FIRST.0 * 2
}

/// A read under way.
#[derive(Clone, Debug)]
struct Look {
    id: CommandId,
    start: Option<Bytes>,
    turn: Turn,
}

/// The reads of the view.
#[derive(Clone, Debug, Default)]
pub(super) struct Looks {
    sent: u64,
    under_way: Option<Look>,
    /// What is on the screen answers another question.
    is_other: bool,
    /// Not before this time is the next page read, and the present one again.
    turn_at: Duration,
    again_at: Duration,
    /// Why the last read brought nothing.
    failure: Option<String>,
}

impl Looks {
    /// The answer that is awaited is no longer needed: something else is wanted now.
    pub(super) fn forget(&mut self) {
        self.under_way = None;
        self.is_other = true;
        self.turn_at = Duration::ZERO;
        self.again_at = Duration::ZERO;
    }

    /// None under way, their numbers counted on.
    fn anew(&self) -> Self {
        Self { sent: self.sent, ..Self::default() }
    }
}

impl Data {
    /// The same view of another cluster.
    #[must_use]
    pub(crate) fn anew(&self) -> Self {
        Self { form: self.form, looks: self.looks.anew(), ..Self::default() }
    }

    /// Why the last read brought nothing, if it did not.
    #[must_use]
    pub fn failure(&self) -> Option<&str> {
        self.looks.failure.as_deref()
    }

    /// What is to be read next, and when: another page, or the present one again because the leader has committed more than it shows.
    /// What a leader has committed may be unknown.
    fn wish(&self, committed: Option<LogIndex>, rows: usize) -> Option<(Duration, Turn)> {
        if self.looks.under_way.is_some() {
            return None;
        }
        let Some(page) = self.page.as_ref().filter(|_| !self.looks.is_other) else {
            return Some((self.looks.turn_at, Turn::Stay));
        };
        if let Some(turn) = self.starts.wanted(page, self.selected.as_ref(), rows) {
            return Some((self.looks.turn_at, turn));
        }
        let may_be_old = committed.is_none_or(|committed| committed > page.as_of.index);
        may_be_old.then_some((self.looks.again_at, Turn::Stay))
    }

    fn look(&mut self, turn: Turn, rows: usize) -> Command {
        self.looks.sent += 1;
        let id = CommandId(FIRST.0 + self.looks.sent);
        let start = self.starts.after(&turn);
        let limit = u32::try_from((rows * SCREENS).max(LEAST)).unwrap_or(MAX_LIST).min(MAX_LIST);
        let read =
            Read::List { prefix: self.prefix.clone().into_bytes().into(), after: start.clone(), limit };
        self.looks.under_way = Some(Look { id, start, turn });
        let request =
            ClientRequest { consistency: Consistency::Lease, ..ClientRequest::from(ClientOp::Read(read)) };
        Command { id, what: Order::Client(request) }
    }

    /// Takes the outcome of a read that was made here.
    fn looked(&mut self, id: CommandId, outcome: &ClientOutcome, when: Duration, now: Duration) {
        let Some(look) = self.looks.under_way.take_if(|look| look.id == id) else { return };
        if let ClientOutcome::Answered {
            node,
            body: ResponseBody::Done { answer: Answer::Page { pairs, more }, at },
        } = outcome
        {
            let as_of = AsOf { index: at.index, node: *node, when };
            self.looks.is_other = false;
            self.starts.turn(look.turn);
            self.show(Page { start: look.start, pairs: pairs.clone(), more: *more, as_of });
            self.looks.failure = None;
            self.looks.turn_at = now;
            self.looks.again_at = now.saturating_add(AFTER_ANSWER);
            return;
        }
        let why = match outcome.judged() {
            StoreOutcome::Refused(why) | StoreOutcome::InDoubt(why) => why,
            StoreOutcome::Done(_) => "a different request was answered".to_owned(),
        };
        self.failed(why, now);
    }

    fn refused(&mut self, id: CommandId, why: &str, now: Duration) {
        if self.looks.under_way.take_if(|look| look.id == id).is_some() {
            self.failed(why.to_owned(), now);
        }
    }

    fn failed(&mut self, why: String, now: Duration) {
        self.looks.failure = Some(why);
        self.looks.turn_at = now.saturating_add(AFTER_FAILURE);
        self.looks.again_at = self.looks.turn_at;
    }

    /// From now on shows what the source told, and asks nothing.
    pub(in crate::app) fn show_told(&mut self) {
        self.is_told = true;
        self.looks = self.looks.anew();
        self.page = None;
        self.reread_told();
    }

    /// Shows what a source told that cannot be asked.
    pub(super) fn reread_told(&mut self) {
        if let Some(page) = self.told.page(&self.prefix) {
            self.show(page);
        }
    }
}

/// Hears an update that answers a read of the view. Says whether it was one: then it concerns nothing else.
pub(crate) fn hear_look(app: &mut App, update: &Update, now: Duration) -> bool {
    match &update.what {
        News::Client { id, outcome, .. } if is_look(*id) => {
            app.data.looked(*id, outcome, update.at, now);
            hear_told(app, update);
        }
        News::Refused { id, reason } if is_look(*id) => app.data.refused(*id, reason, now),
        // The answer comes before this, unless it was dropped where more came than could be taken.
        News::Done { id } if is_look(*id) => {
            app.data.refused(*id, "the answer was lost on its way here", now);
        }
        _ => return false,
    }
    let shows = app.view == crate::app::View::Data;
    app.mark_changed_if(shows);
    true
}

/// Hears what tells something about keys: the answers to clients, and entries of logs.
pub(crate) fn hear(app: &mut App, update: &Update, now: Duration) {
    if let News::Log { node, lines } = &update.what {
        let committed = app.world.node(*node).and_then(|node| node.raft()?.committed.copied());
        app.data.history.tell(lines, committed.unwrap_or_default(), now);
    }
    hear_told(app, update);
}

/// A source that cannot be asked is known by what it tells.
fn hear_told(app: &mut App, update: &Update) {
    let is_asked = app.capabilities().has(Ability::Store).is_ok();
    // The past cannot be asked.
    if is_asked && !app.tape.is_on() {
        return;
    }
    let committed = |node| app.world.node(node).and_then(|node| node.raft()?.committed.copied());
    app.data.is_told |= !is_asked;
    if told::hear(&mut app.data.told, update, committed) && app.data.is_told {
        app.data.reread_told();
    }
}

/// The requests of the view now.
pub(crate) fn ask(app: &mut App, now: Duration) -> Vec<Effect> {
    let rows = app.landed.rows(Pane::Data);
    let mut effects = Vec::new();
    if let Some((at, turn)) = wish(app)
        && at <= now
    {
        effects.push(Effect::Send(app.data.look(turn, rows)));
    }
    if let Some((at, order)) = history_wish(app)
        && at <= now
    {
        app.data.history.asked(&order, now);
        effects.extend(app.send_quietly([order]));
    }
    effects
}

/// When the view is to ask something, or a write has waited another second, without any message.
pub(crate) fn next_change(app: &App, now: Duration) -> Option<Duration> {
    let look = wish(app).map(|(at, _)| at);
    let history = history_wish(app).map(|(at, _)| at);
    let waiting = app.operations.writes().next_change(now);
    [look, history, waiting].into_iter().flatten().min().map(|at| at.max(now))
}

fn wish(app: &App) -> Option<(Duration, Turn)> {
    if app.clock.is_frozen() || app.capabilities().has(Ability::Store).is_err() {
        return None;
    }
    let leader = app.world.leader()?.live().filter(|status| !status.lacks_quorum())?;
    app.data.wish(leader.committed.copied(), app.landed.rows(Pane::Data))
}

fn history_wish(app: &App) -> Option<(Duration, Order)> {
    if app.data.selected.is_none() || app.capabilities().has(Ability::Logs).is_err() {
        return None;
    }
    // In frozen time a request may wait for as long.
    let history: &History = &app.data.history;
    (!app.clock.is_frozen()).then(|| history.wish(&app.world)).flatten()
}

/// Why what is shown may be out of date; `None`: it is read again whenever something is committed.
pub(crate) fn trouble(app: &App) -> Option<String> {
    if app.capabilities().has(Ability::Store).is_err() {
        return None;
    }
    match app.world.leader() {
        None => Some("no node leads".to_owned()),
        Some(leader) if leader.live().is_some_and(raftdeck_model::RaftView::lacks_quorum) => {
            Some(format!("{} reaches no majority", leader.id))
        }
        Some(_) => app.data.failure().map(str::to_owned),
    }
}
