//! The drills: the catalogue, the one that runs, and how the last one ended.
//!
//! A drill always runs on a fresh cluster of its own, because what it measures must begin from a known state. [`Effect::StartDrill`](crate::app::Effect::StartDrill)
//! asks for that cluster; [`Msg::ClusterStarted`](crate::app::Msg::ClusterStarted) says that it is there, and the deck begins anew.

mod catalogue;
mod playing;
mod record;
mod steer;

pub use catalogue::Catalogue;
pub use playing::{PersonWait, Playing, is_of_run, is_of_workload};
pub use record::DrillRecord;
pub(crate) use steer::{
    answer, ask_to_start, ask_to_stop, began, go_on, hear, note_refusal, person, refused, scroll, select,
    start, step, stop, to_catalogue,
};

use raftdeck_drills::{Context, Drill, Outcome};
use raftdeck_model::Capabilities;
use std::time::Duration;

/// Why no drill can be started over a recording.
pub const RECORDING_HAS_NO_DRILLS: &str =
    "a drill needs a cluster that runs, and this is a recording: start raftdeck without replay";

/// Why no drill can be started while the updates are recorded.
pub const ONE_CLUSTER_A_RECORDING: &str =
    "a drill starts a cluster of its own, and --record records one cluster only: start raftdeck without it";

/// While a drill runs, what is shown of it is drawn again this often.
const STEP: Duration = Duration::from_millis(100);

/// The same in views that show only a line of it.
const LINE_STEP: Duration = Duration::from_millis(250);

/// The drills as the deck knows them.
#[derive(Debug, Default)]
pub struct Drills {
    /// The drills to choose from.
    pub catalogue: Catalogue,
    /// Which of its pages the Drills view shows.
    pub stage: DrillStage,
    /// The first line that is shown of the text that scrolls.
    pub scroll: usize,
    /// Why the last drill's cluster could not be started.
    pub failure: Option<String>,
    /// Whether the present cluster was started for a drill: nobody keeps anything in it.
    pub owns_cluster: bool,
    /// Whether the updates are recorded: a recording has one cluster only.
    pub is_recording: bool,
}

/// The pages of the Drills view.
#[derive(Debug, Default)]
pub enum DrillStage {
    /// The drills to choose from.
    #[default]
    Choosing,
    /// The cluster of this drill is being started.
    Starting(Box<Drill>),
    /// A drill runs.
    Playing(Box<Playing>),
    /// How the last one ended.
    Ended(Box<Outcome>),
}

impl Drills {
    /// These drills to choose from. `is_recording`: the updates are recorded, so that no drill can be started.
    #[must_use]
    pub fn new(catalogue: Catalogue, is_recording: bool) -> Self {
        Self { catalogue, is_recording, ..Self::default() }
    }

    /// The same on a cluster that was started for this drill, which begins at once.
    #[must_use]
    pub fn playing_at_once(mut self, drill: Drill, context: Context, capabilities: Capabilities) -> Self {
        self.catalogue.take_in(drill.clone());
        let playing = Playing::new(drill, context, capabilities, Duration::ZERO);
        self.stage = DrillStage::Playing(Box::new(playing));
        self.owns_cluster = true;
        self
    }

    /// The drill that runs.
    #[must_use]
    pub fn playing(&self) -> Option<&Playing> {
        match &self.stage {
            DrillStage::Playing(playing) => Some(playing),
            _ => None,
        }
    }

    pub(crate) fn playing_mut(&mut self) -> Option<&mut Playing> {
        match &mut self.stage {
            DrillStage::Playing(playing) => Some(playing),
            _ => None,
        }
    }

    /// How the last drill ended, until the person goes back to the catalogue.
    #[must_use]
    pub fn ended(&self) -> Option<&Outcome> {
        match &self.stage {
            DrillStage::Ended(outcome) => Some(outcome),
            _ => None,
        }
    }

    /// When what is shown of the running drill next changes by itself.
    pub(crate) fn next_change(&self, is_shown: bool, now: Duration) -> Option<Duration> {
        self.playing()?;
        let step = if is_shown { STEP } else { LINE_STEP };
        Some(now.saturating_add(step))
    }
}
