//! Faults as independent values, so that a run can be repeated with some of them left out, and their descriptions.
//! The world carries them out.

use crate::options::{FaultKind, SECOND};
use raftdeck_raft::NodeId;
use raftdeck_storage::fs::Survival;
use std::fmt;

/// A fault and its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Planned {
    /// In virtual microseconds since the start.
    pub at: u64,
    /// What happens.
    pub fault: Fault,
}

/// Faults in the order of their times.
pub type Schedule = Vec<Planned>;

/// The target of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// This one.
    Node(NodeId),
    /// The leader of the highest term at that moment; none if there is none.
    Leader,
}

/// Which links are cut. A link carries messages in one direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cut {
    /// One link.
    OneWay(NodeId, NodeId),
    /// Both links between two nodes.
    Both(NodeId, NodeId),
    /// All links from and to a node.
    Isolate(Who),
    /// All links to a node.
    Deaf(Who),
    /// All links from a node.
    Mute(Who),
    /// All links between these and the others.
    Halves(Vec<NodeId>),
    /// The same, but the first node sees both sides.
    Bridge(NodeId, Vec<NodeId>),
}

impl Cut {
    /// Whether the link is cut; `leader` leads now.
    pub(crate) fn cuts(&self, from: NodeId, to: NodeId, leader: Option<NodeId>) -> bool {
        let is = |who: Who, node| match who {
            Who::Node(id) => id == node,
            Who::Leader => leader == Some(node),
        };
        match self {
            Self::OneWay(a, b) => (*a, *b) == (from, to),
            Self::Both(a, b) => (*a, *b) == (from, to) || (*b, *a) == (from, to),
            Self::Isolate(who) => is(*who, from) || is(*who, to),
            Self::Deaf(who) => is(*who, to),
            Self::Mute(who) => is(*who, from),
            Self::Halves(half) => half.contains(&from) != half.contains(&to),
            Self::Bridge(bridge, half) => {
                from != *bridge && to != *bridge && half.contains(&from) != half.contains(&to)
            }
        }
    }
}

/// What a link does to messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weather {
    /// This many in a thousand are lost.
    Loss(u64),
    /// Each takes up to this many microseconds longer, in order.
    Delay(u64),
    /// Each takes just this many microseconds longer, in order.
    Late(u64),
    /// This many in a thousand come twice.
    Duplicate(u64),
    /// Each takes up to this many microseconds longer, in any order.
    Reorder(u64),
}

/// One step of a change of the membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MembershipStep {
    /// An empty node starts, if it has never run, and is to become a learner.
    Add(NodeId),
    /// A learner is to become a voter.
    Promote(NodeId),
    /// A member is to go.
    Remove(Who),
}

/// Something that goes wrong, or is asked of the cluster at a bad time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A process ends.
    Crash {
        /// The node.
        who: Who,
        /// It carries out this many more effects first.
        effects: u32,
        /// What is left of what was not synced.
        survival: Survival,
        /// How many changes of the disk a write under way still makes.
        changes: u64,
        /// It starts again after this many microseconds.
        down: u64,
    },
    /// The power fails everywhere simultaneously.
    PowerCut {
        /// What is left of what was not synced.
        survival: Survival,
        /// They start again after this many microseconds.
        down: u64,
    },
    /// A sync fails, and the process stops, as it must.
    FailSync {
        /// The node.
        who: Who,
        /// This many syncs succeed first.
        after: u64,
    },
    /// The disk has only this many bytes left until the process has stopped and starts again.
    FillDisk {
        /// The node.
        who: Who,
        /// How many.
        spare: usize,
    },
    /// Syncs take up to this many microseconds.
    SlowDisk {
        /// The node.
        who: Who,
        /// How many.
        sync: u64,
        /// For this long.
        lasts: u64,
    },
    /// The disk finishes nothing for a while, then continues.
    StallDisk {
        /// The node.
        who: Who,
        /// For this long.
        lasts: u64,
    },
    /// A bit of what was synced flips while the process is down. It must refuse to start, or nothing may be wrong.
    FlipBit {
        /// The node.
        who: Who,
        /// Decides which bit.
        pick: u64,
        /// It starts again after this many microseconds.
        down: u64,
    },
    /// A file of a member whose process is down loses its end. The member must refuse to start, or nothing may be missing.
    Shorten {
        /// The node.
        who: Who,
        /// Decides which file, and where it ends.
        pick: u64,
        /// It starts again after this many microseconds.
        down: u64,
    },
    /// A member's disk is replaced by an empty one, where the cluster can bear it: it is one of the few whose disks may be
    /// lost, or has no vote.
    Wipe {
        /// The node.
        who: Who,
        /// It starts again after this many microseconds.
        down: u64,
    },
    /// A copy of a member's directory is made, whether it runs or not.
    Copy {
        /// The node.
        who: Who,
    },
    /// A member's directory is replaced by its newest copy, where the cluster can bear it: the others have met a later start
    /// and refuse it, or it lacks nothing that counts.
    Restore {
        /// The node.
        who: Who,
        /// It starts again after this many microseconds.
        down: u64,
    },
    /// Links are cut.
    Cut {
        /// Which.
        cut: Cut,
        /// For this long.
        lasts: u64,
    },
    /// Links misbehave.
    Weather {
        /// The links from this node; from all if none is named.
        from: Option<Who>,
        /// The links to this node; to all if none is named.
        to: Option<Who>,
        /// How.
        weather: Weather,
        /// For this long.
        lasts: u64,
    },
    /// Messages that were delivered or lost long ago arrive, once more or at last.
    Replay {
        /// Decides which.
        pick: u64,
        /// How many.
        count: u64,
    },
    /// Connections are lost, and made again immediately: both ends notice it. Messages are lost only if they are lost
    /// otherwise.
    Disconnect {
        /// The node.
        who: Who,
        /// The peer; all peers if none is named.
        peer: Option<NodeId>,
    },
    /// A process is stopped.
    Pause {
        /// The node.
        who: Who,
        /// For this long.
        lasts: u64,
        /// Its steady clock stops too, as in a virtual machine that is suspended.
        frozen: bool,
    },
    /// A steady clock runs off by this many parts in a million.
    Drift {
        /// The node.
        who: Who,
        /// How many.
        ppm: i32,
    },
    /// A wall clock is set by this many microseconds.
    WallJump {
        /// The node.
        who: Who,
        /// How many.
        by: i64,
    },
    /// The leader is asked to change the membership.
    Change(Vec<MembershipStep>),
    /// The leader is asked to hand over.
    Transfer {
        /// The receiving node.
        to: NodeId,
    },
    /// A member is told to campaign.
    Campaign {
        /// The node.
        who: Who,
    },
    /// A member is told to take a snapshot.
    Snapshot {
        /// The node.
        who: Who,
    },
    /// A member is tuned.
    Tune {
        /// The node; all nodes if none is named.
        who: Option<Who>,
        /// PreVote.
        pre_vote: bool,
        /// CheckQuorum.
        check_quorum: bool,
    },
    /// Clients begin operations with no rest between them.
    Rush {
        /// How many each.
        count: u64,
        /// Only those that mostly read; else only those that write.
        readers: bool,
    },
    /// Some clients ask only this member, until it says that it does not lead, and all care for one key.
    Loyalty {
        /// The node.
        who: Who,
        /// They write, all of them; else half of them read, and the others write at the leader.
        writers: bool,
        /// For this long.
        lasts: u64,
    },
    /// Guests come, one after the other, and read one key at this member, again and again.
    Visit {
        /// The nodes that they ask.
        who: Who,
        /// The time between two of them.
        gap: u64,
        /// Until this long after the first came.
        lasts: u64,
    },
    /// Clients begin nothing but reads.
    Hush {
        /// For this long.
        lasts: u64,
    },
    /// Each client waits for no more than this many microseconds before it asks again.
    Impatience {
        /// How many.
        patience: u64,
        /// For this long.
        lasts: u64,
    },
}

impl Fault {
    /// Its kind.
    #[must_use]
    pub fn kind(&self) -> FaultKind {
        match self {
            Self::Crash { .. } | Self::PowerCut { .. } => FaultKind::Crash,
            Self::FailSync { .. }
            | Self::FillDisk { .. }
            | Self::SlowDisk { .. }
            | Self::FlipBit { .. }
            | Self::Shorten { .. } => FaultKind::Disk,
            Self::Wipe { .. } => FaultKind::Wipe,
            Self::Copy { .. } | Self::Restore { .. } => FaultKind::Restore,
            Self::StallDisk { .. } => FaultKind::Stall,
            Self::Cut { .. } => FaultKind::Partition,
            Self::Weather { .. } | Self::Replay { .. } | Self::Disconnect { .. } => FaultKind::Network,
            Self::Pause { .. } => FaultKind::Pause,
            Self::Drift { .. } | Self::WallJump { .. } => FaultKind::Clock,
            Self::Change(_) => FaultKind::Membership,
            Self::Transfer { .. } | Self::Campaign { .. } => FaultKind::Transfer,
            Self::Snapshot { .. } => FaultKind::Snapshot,
            Self::Tune { .. } => FaultKind::Tune,
            Self::Rush { .. }
            | Self::Loyalty { .. }
            | Self::Visit { .. }
            | Self::Hush { .. }
            | Self::Impatience { .. } => FaultKind::Client,
        }
    }

    /// The same with half of what it lasts, if it lasts.
    pub(crate) fn shorter(&self) -> Option<Self> {
        let mut shorter = self.clone();
        let lasts = match &mut shorter {
            Self::Crash { down, .. }
            | Self::PowerCut { down, .. }
            | Self::FlipBit { down, .. }
            | Self::Shorten { down, .. }
            | Self::Wipe { down, .. }
            | Self::Restore { down, .. } => down,
            Self::SlowDisk { lasts, .. }
            | Self::StallDisk { lasts, .. }
            | Self::Cut { lasts, .. }
            | Self::Weather { lasts, .. }
            | Self::Pause { lasts, .. }
            | Self::Loyalty { lasts, .. }
            | Self::Visit { lasts, .. }
            | Self::Hush { lasts }
            | Self::Impatience { lasts, .. } => lasts,
            Self::Replay { count, .. } | Self::Rush { count, .. } => count,
            _ => return None,
        };
        *lasts /= 2;
        (*lasts > 0).then_some(shorter)
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(id) => id.fmt(f),
            Self::Leader => f.write_str("the leader"),
        }
    }
}

impl fmt::Display for MembershipStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Add(id) => write!(f, "add {id}"),
            Self::Promote(id) => write!(f, "promote {id}"),
            Self::Remove(who) => write!(f, "remove {who}"),
        }
    }
}

/// Microseconds for people.
pub(crate) struct Span(pub(crate) u64);

impl fmt::Display for Span {
    #[expect(clippy::cast_precision_loss, reason = "a virtual time has few digits")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= SECOND {
            write!(f, "{:.2} s", self.0 as f64 / SECOND as f64)
        } else {
            write!(f, "{:.1} ms", self.0 as f64 / 1000.0)
        }
    }
}

fn list(nodes: &[NodeId]) -> String {
    nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneWay(a, b) => write!(f, "cut {a} to {b}"),
            Self::Both(a, b) => write!(f, "cut {a} and {b} from each other"),
            Self::Isolate(who) => write!(f, "isolate {who}"),
            Self::Deaf(who) => write!(f, "cut everything to {who}"),
            Self::Mute(who) => write!(f, "cut everything from {who}"),
            Self::Halves(half) => write!(f, "cut {} from the others", list(half)),
            Self::Bridge(bridge, half) => {
                write!(f, "cut {} from the others, but {bridge} sees both sides", list(half))
            }
        }
    }
}

impl fmt::Display for Weather {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Loss(rate) => write!(f, "lose {rate} of 1000 messages"),
            Self::Delay(by) => write!(f, "delay messages by up to {}", Span(by)),
            Self::Duplicate(rate) => write!(f, "repeat {rate} of 1000 messages"),
            Self::Late(by) => write!(f, "delay messages by {}", Span(by)),
            Self::Reorder(by) => write!(f, "reorder messages within {}", Span(by)),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Crash { who, effects, survival, down, .. } => write!(
                f,
                "crash {who} after {effects} more effects, {}; start it again after {}",
                words(*survival),
                Span(*down)
            ),
            Self::PowerCut { survival, down } => {
                write!(f, "crash everybody, {}; start them again after {}", words(*survival), Span(*down))
            }
            Self::FailSync { who, after } => write!(f, "fail a sync of {who} after {after} more"),
            Self::FillDisk { who, spare } => write!(f, "leave {spare} bytes on the disk of {who}"),
            Self::SlowDisk { who, sync, lasts } => {
                write!(f, "let syncs of {who} take up to {} for {}", Span(*sync), Span(*lasts))
            }
            Self::StallDisk { who, lasts } => {
                write!(f, "let the disk of {who} finish nothing for {}", Span(*lasts))
            }
            Self::FlipBit { who, pick, down } => {
                write!(f, "stop {who}, flip bit {pick} (modulo its files), start it after {}", Span(*down))
            }
            Self::Shorten { who, pick, down } => write!(
                f,
                "stop {who}, cut a file short (pick {pick}, modulo its files), start it after {}",
                Span(*down)
            ),
            Self::Wipe { who, down } => {
                write!(f, "stop {who}, replace its disk by an empty one, start it after {}", Span(*down))
            }
            Self::Copy { who } => write!(f, "copy the directory of {who}"),
            Self::Restore { who, down } => {
                write!(f, "stop {who}, put back the copy of its directory, start it after {}", Span(*down))
            }
            Self::Cut { cut, lasts } => write!(f, "{cut} for {}", Span(*lasts)),
            Self::Weather { from, to, weather, lasts } => {
                let name = |who: &Option<Who>| who.map_or_else(|| "all".to_owned(), |who| who.to_string());
                write!(f, "on links from {} to {} {weather} for {}", name(from), name(to), Span(*lasts))
            }
            Self::Replay { pick, count } => write!(f, "deliver {count} old messages again (pick {pick})"),
            Self::Disconnect { who, peer: Some(peer) } => {
                write!(f, "break the connection of {who} with {peer}")
            }
            Self::Disconnect { who, peer: None } => write!(f, "break all connections of {who}"),
            Self::Pause { who, lasts, frozen: false } => write!(f, "pause {who} for {}", Span(*lasts)),
            Self::Pause { who, lasts, frozen: true } => {
                write!(f, "pause {who} and its clock for {}", Span(*lasts))
            }
            Self::Drift { who, ppm } => write!(f, "let the clock of {who} run off by {ppm} ppm"),
            Self::WallJump { who, by } => write!(f, "set the wall clock of {who} by {} s", by / 1_000_000),
            Self::Change(steps) => {
                let steps = steps.iter().map(ToString::to_string).collect::<Vec<_>>();
                write!(f, "change the membership: {}", steps.join(", "))
            }
            Self::Transfer { to } => write!(f, "hand the leadership to {to}"),
            Self::Campaign { who } => write!(f, "let {who} campaign"),
            Self::Snapshot { who } => write!(f, "let {who} take a snapshot"),
            Self::Tune { who, pre_vote, check_quorum } => {
                let on = |on: &bool| if *on { "on" } else { "off" };
                let who = who.map_or_else(|| "everybody".to_owned(), |who| who.to_string());
                write!(f, "tune {who}: PreVote {}, CheckQuorum {}", on(pre_vote), on(check_quorum))
            }
            Self::Rush { count, readers } => {
                let who = if *readers { "reads" } else { "writes" };
                write!(f, "let each client that {who} do {count} operations without a rest")
            }
            Self::Loyalty { who, writers, lasts } => {
                let what = if *writers { "all clients write" } else { "half of the clients read" };
                write!(f, "let {what} at {who} only, for {}", Span(*lasts))
            }
            Self::Visit { who, gap, lasts } => {
                write!(f, "let a guest read at {who} every {} for {}", Span(*gap), Span(*lasts))
            }
            Self::Hush { lasts } => write!(f, "let clients only read for {}", Span(*lasts)),
            Self::Impatience { patience, lasts } => {
                write!(f, "let clients wait for {} only, for {}", Span(*patience), Span(*lasts))
            }
        }
    }
}

fn words(survival: Survival) -> String {
    match survival {
        Survival::Process => "keeping what was written".to_owned(),
        Survival::Nothing => "losing what was not synced".to_owned(),
        Survival::Prefix(bytes) => format!("keeping {bytes} bytes of what was not synced"),
        Survival::Sectors(seed) => format!("keeping some sectors of what was not synced (seed {seed})"),
    }
}
