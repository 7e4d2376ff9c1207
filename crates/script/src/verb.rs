//! The meanings of the words, as values: a new word is added here, and the parser does not compile until it handles it.

use crate::group::Group;

/// The meaning of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Node(NodeVerb),
    Cluster(ClusterVerb),
    Link(LinkVerb),
    Shape(ShapeVerb),
    Time(TimeVerb),
    Store(StoreVerb),
    Script(ScriptVerb),
}

/// About a node's process and disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NodeVerb {
    Kill,
    Stop,
    Restart,
    Wipe,
    WipeUnsafe,
    Pause,
    Resume,
    Slow,
    Full,
    Disk,
    LoseTail,
}

/// About the cluster and its clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClusterVerb {
    Add,
    Promote,
    Remove,
    Replace,
    Transfer,
    Elect,
    Propose,
    Align,
    Spread,
    Random,
    Timeouts,
    Heartbeat,
    PreVote,
    CheckQuorum,
    Clock,
    Workload,
    Client,
    Seed,
}

/// About messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkVerb {
    Rule(RuleVerb),
    When,
    Release,
    Drop,
    Undo,
    Heal,
}

/// What happens to a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RuleVerb {
    Cut,
    Refuse,
    Delay,
    Lose,
    Duplicate,
    Reorder,
    Limit,
    Hold,
}

/// A named way in which a network is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShapeVerb {
    Isolate,
    Halves,
    OneWay,
    Bridge,
    Ring,
    Mute,
    Deaf,
    Flaky,
    SlowLink,
    Wan,
}

/// About cluster time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeVerb {
    Rate,
    Freeze,
    Run,
    Step,
    Sleep,
    Seek,
    Slower,
    Faster,
}

/// About the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoreVerb {
    Put,
    Get,
    Delete,
    Cas,
    Create,
    List,
}

/// For scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ScriptVerb {
    Wait,
    Expect,
    Stays,
    Let,
    Repeat,
    End,
    Try,
    Begin,
    As,
    Say,
    Logs,
    Rules,
    Status,
    Save,
    Load,
    Check,
    Help,
    Quit,
}

impl Verb {
    /// What it is about.
    pub(crate) const fn group(self) -> Group {
        match self {
            Self::Node(_) => Group::Process,
            Self::Cluster(_) => Group::Cluster,
            Self::Link(_) => Group::Links,
            Self::Shape(_) => Group::Shapes,
            Self::Time(_) => Group::Time,
            Self::Store(_) => Group::Store,
            Self::Script(_) => Group::Scripts,
        }
    }
}
