//! What stands behind a tab of the deck: the source of its cluster, the recording of it, and what its drills and lessons run on.
//!
//! Nothing of it is shared with another tab.

use super::beginning::Beginning;
use crate::drill::{ClusterPlan, DrillEngine, DrillPlan, Wishes};
use crate::errors::sentence;
use crate::incoming::inbox::Inbox;
use crate::source::engine::Engine;
use crate::source::tape::Tape;
use color_eyre::eyre::{Report, Result};
use raftdeck_deck::app::Msg;
use raftdeck_deck::tabs::TabId;
use raftdeck_drills::{ClusterSpec, Context, Drill};
use raftdeck_model::{Command, News, Source, Update};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The impure half of a tab. The cluster ends when it is dropped.
pub(super) struct Cluster {
    tab: TabId,
    /// `None`: that of a drill could not be started.
    source: Option<Box<dyn Source>>,
    /// What drills run on, unless they are for something else.
    drill_engine: DrillEngine,
    /// What the command line says of the clusters of lessons.
    wishes: Wishes,
    /// The drill that the deck was started with.
    played: Option<DrillPlan>,
    /// Updates are recorded here.
    tape: Option<Tape>,
    /// Why they are no longer recorded.
    unrecorded: Option<Report>,
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster").field("tab", &self.tab).finish_non_exhaustive()
    }
}

/// Starts a source. What it says waits in the inbox for this tab.
fn start(engine: Engine, inbox: &Arc<Inbox>, tab: TabId) -> Result<Box<dyn Source>> {
    let inbox = Arc::clone(inbox);
    engine.start(move |said| inbox.hear_of(tab, said))
}

impl Cluster {
    /// The cluster that a deck begins with. Without one, the deck starts those that it needs.
    pub(super) fn first(
        engine: Option<Engine>,
        beginning: &mut Beginning,
        inbox: &Arc<Inbox>,
    ) -> Result<Self> {
        let engine_name = drill_engine(engine.as_ref());
        let lesson = beginning.lesson.as_ref();
        Ok(Self {
            drill_engine: lesson.map_or(engine_name, |lesson| lesson.engine),
            wishes: lesson.map(|lesson| lesson.wishes).unwrap_or_default(),
            source: engine.map(|engine| start(engine, inbox, TabId::FIRST)).transpose()?,
            played: beginning.play.take(),
            tape: beginning.tape.take(),
            unrecorded: None,
            tab: TabId::FIRST,
        })
    }

    /// A cluster beside it.
    pub(super) fn beside(tab: TabId, engine: Engine, inbox: &Arc<Inbox>) -> Result<Self> {
        Ok(Self {
            tab,
            drill_engine: drill_engine(Some(&engine)),
            source: Some(start(engine, inbox, tab)?),
            wishes: Wishes::default(),
            played: None,
            tape: None,
            unrecorded: None,
        })
    }

    pub(super) fn source(&self) -> Option<&dyn Source> {
        self.source.as_deref()
    }

    pub(super) fn played(&self) -> Option<&DrillPlan> {
        self.played.as_ref()
    }

    pub(super) fn is_recording(&self) -> bool {
        self.tape.is_some()
    }

    /// Sends a command to the cluster. Where there is none, it is refused.
    pub(super) fn send(&self, command: Command) -> Option<News> {
        let Some(source) = self.source.as_ref() else {
            let reason = "there is no cluster: start a drill, or raftdeck anew".to_owned();
            return Some(News::Refused { id: command.id, reason });
        };
        source.send(command);
        None
    }

    /// Stops the present cluster; what it told and was not heard yet is forgotten.
    pub(super) fn end(&mut self, inbox: &Inbox) {
        self.source = None;
        inbox.forget_updates(self.tab);
    }

    /// Starts a cluster for this drill.
    pub(super) fn start_drill(&mut self, drill: Drill, inbox: &Arc<Inbox>) -> Msg {
        let again = self.played.clone().filter(|plan| plan.drill == drill);
        let plan = again.unwrap_or_else(|| DrillPlan::on_deck(drill, self.drill_engine));
        self.start_anew(plan.start(), plan.context, inbox)
    }

    /// Starts a cluster for a chapter of a lesson.
    pub(super) fn start_chapter(&mut self, cluster: ClusterSpec, inbox: &Arc<Inbox>) -> Msg {
        let plan = ClusterPlan::new(cluster, Some(self.drill_engine), self.wishes);
        self.start_anew(plan.start(), plan.context("raftdeck lesson run"), inbox)
    }

    fn start_anew(&mut self, engine: Result<Engine>, context: Context, inbox: &Arc<Inbox>) -> Msg {
        match engine.and_then(|engine| start(engine, inbox, self.tab)) {
            Ok(source) => {
                let capabilities = source.capabilities().clone();
                self.source = Some(source);
                Msg::ClusterStarted { capabilities, context }
            }
            Err(error) => Msg::ClusterFailed(sentence(&error)),
        }
    }

    /// The updates, after they have been recorded if there is a recording. A failure of the recording is reported once, and the deck
    /// continues.
    pub(super) fn recorded(&mut self, mut updates: Vec<Update>) -> Vec<Update> {
        let Some(tape) = &mut self.tape else { return updates };
        match tape.note(&mut updates) {
            Ok(commands) => {
                for command in commands {
                    if let Some(source) = self.source.as_ref() {
                        source.send(command);
                    }
                }
            }
            Err(error) => {
                let reason = format!("{error:#}: nothing more is recorded");
                let (at, seq) = updates.last().map_or((Duration::ZERO, 0), |last| (last.at, last.seq));
                updates.push(Update { at, seq, what: News::Trouble { reason } });
                self.unrecorded = Some(error);
                self.tape = None;
            }
        }
        updates
    }

    pub(super) fn end_recording(&mut self) -> Result<()> {
        self.tape.take().map_or(Ok(()), Tape::finish)?;
        self.unrecorded.take().map_or(Ok(()), Err)
    }
}

/// The engine of drills that are started over this cluster.
fn drill_engine(engine: Option<&Engine>) -> DrillEngine {
    if engine.is_some_and(|engine| engine.name().0 == "sim") { DrillEngine::Sim } else { DrillEngine::Lab }
}
