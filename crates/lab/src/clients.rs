//! stub
use crate::model::ClientOp;
use crate::outlet::Outlet;
use crate::telemetry::Telemetry;
use crate::whereabouts::Places;
use raftdeck_raft::{LogIndex, NodeId};
pub(crate) struct Clients;
impl Clients {
    pub(crate) fn new(_: Places, _: Telemetry, _: Outlet) -> Self {
        Self
    }
    pub(crate) fn ask(&self, _: u64, _: ClientOp) {}
    pub(crate) fn fetch_log(&self, _: NodeId, _: LogIndex, _: u32) {}
}
