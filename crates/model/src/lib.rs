//! The vocabulary between a cluster and its observers.
//!
//! A source, such as the lab, sends [`Update`]s and takes [`Command`]s. A screen knows nothing else of a cluster. Every value can be
//! serialized (`serde`), so a recording is the stream of updates, and `raftdeck up --json` prints it. Rules and other disturbances
//! are values too ([`Disturbance`]). [`write`](mod@write) gives them in the words of the grammar, and [`rulebook`] decides by them
//! what happens to a message, wherever messages are. All updates together give a [`World`]. What a source does not know of a node is
//! explicit: [`Known`].

mod client;
mod command;
pub mod concepts;
pub mod concerns;
pub mod glance;
mod insight;
mod known;
mod ledger;
mod message;
mod rule;
pub mod rulebook;
mod shapes;
mod source;
mod tuning;
mod update;
mod view;
mod workload;
mod world;
pub mod write;

pub use client::{
    ClientLinkFault, ClientName, ClientOp, ClientOutcome, ClientRequest, MAX_CLIENTS, RequestFate,
    StoreOutcome, answered_entry,
};
pub use command::{Command, CommandId, MessageSelection, Order, Step};
pub use insight::Insight;
pub use known::Known;
pub use ledger::{Ledger, MAX_IN_FORCE};
pub use message::{FrameFate, FrameKind, FrameReport, LinkState, MessageId, MessageReport, MessageState};
pub use rule::{
    Delay, Disturbance, Effect, Fault, FaultId, Matching, Probability, Rule, Scope, Timers, Watch,
    closing_others, pairs,
};
pub use shapes::{REGIONS, Shape};
pub use source::{Ability, Capabilities, Lacking, Need, SEEK_NEEDS_RECORDING, Source, VirtualSource};
pub use update::{ChangeStep, ClusterTime, LogLevel, MAX_NODES, News, NodeAddresses, ProcessState, Update};
pub use view::{NodeView, PeerView, RaftView};
pub use workload::{EndedGap, Latency, WorkloadFigures, WorkloadTally};
pub use world::{
    Campaign, Concern, Extent, LogRow, MemberStanding, Node, Phase, Reach, Verdict, World, percent,
};
