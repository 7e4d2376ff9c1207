//! What a deck begins with.

use crate::drill::{DrillEngine, DrillPlan, Wishes};
use crate::source::engine::Engine;
use crate::source::tape::Tape;
use color_eyre::eyre::{Result, bail};
use raftdeck_deck::app::lessons::LessonStart;
use raftdeck_deck::app::scripted::Scripted;
use raftdeck_deck::settings::Preferences;
use std::fmt;
use std::net::SocketAddr;

/// What a deck begins with, besides its cluster.
#[derive(Debug, Default)]
pub struct Beginning {
    /// A script that it plays.
    pub scripted: Option<Scripted>,
    /// Where the updates are recorded.
    pub tape: Option<Tape>,
    /// A drill that it runs at once. The cluster is the one that [`DrillPlan::start`] gave.
    pub play: Option<DrillPlan>,
    /// The exhibit of the museum that is looked at.
    pub exhibit: Option<String>,
    /// A lesson that is played.
    pub lesson: Option<LessonBeginning>,
    /// The themes and the keys.
    pub preferences: Preferences,
    /// It is for a screen reader: lines instead of a picture.
    pub reader: bool,
    /// What its cluster is called among several; the engine's name if it has none.
    pub name: Option<String>,
    /// Further clusters, each in a tab of its own.
    pub beside: Vec<(String, Engine)>,
    /// The clusters that can be attached to while it runs.
    pub named: NamedClusters,
}

/// A lesson that a deck begins with.
#[derive(Debug)]
pub struct LessonBeginning {
    /// The lesson, and where in it.
    pub start: LessonStart,
    /// What its clusters run on.
    pub engine: DrillEngine,
    /// What the command line says of its clusters.
    pub wishes: Wishes,
    /// Where the page for the class's phones is.
    pub audience: Option<SocketAddr>,
}

/// Clusters that a deck can attach to in further tabs, by name.
#[derive(Default)]
pub struct NamedClusters {
    /// Their names, to offer them.
    pub names: Vec<String>,
    /// Finds the one of a name, or says which there are.
    find: Option<Box<FindCluster>>,
}

/// Finds a cluster by its name.
type FindCluster = dyn Fn(&str) -> Result<Engine>;

impl fmt::Debug for NamedClusters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NamedClusters").field("names", &self.names).finish_non_exhaustive()
    }
}

impl NamedClusters {
    /// These.
    pub fn new(names: Vec<String>, find: impl Fn(&str) -> Result<Engine> + 'static) -> Self {
        Self { names, find: Some(Box::new(find)) }
    }

    /// The cluster of this name.
    pub fn find(&self, name: &str) -> Result<Engine> {
        match &self.find {
            Some(find) => find(name),
            None => bail!("this deck attaches to no other cluster"),
        }
    }
}
