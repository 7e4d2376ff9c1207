//! The part of etcd's client API (`etcdserverpb`) that is used here: its messages, and which call each request makes.
//!
//! The messages are written by hand, so that a build needs no `protoc`. Field numbers are etcd's and never change; fields that are not
//! used here are skipped when a message is read.

mod auth;
mod cluster;
mod kv;
mod maintenance;

pub(crate) use auth::AuthenticateRequest;
pub(crate) use cluster::{
    MemberAddRequest, MemberListRequest, MemberMessage, MemberPromoteRequest, MemberRemoveRequest,
};
pub(crate) use kv::{
    Compare, CompareTarget, CompareValue, DeleteRangeRequest, DeleteRangeResponse, KeyValue, PutRequest,
    RangeRequest, RangeResponse, RequestOp, RequestOpKind, ResponseOpKind, TxnRequest, TxnResponse,
};
pub(crate) use maintenance::{AlarmRequest, HashKvRequest, MoveLeaderRequest, StatusRequest};

/// A request of the client API.
pub(crate) trait ApiRequest: prost::Message + Clone + Default + 'static {
    /// Its answer.
    type Answer: prost::Message + Default + 'static;
    /// The call, as the path of its HTTP/2 request.
    const PATH: &'static str;
}

/// Says which call a request makes, and which answer it gets.
macro_rules! call {
    ($request:ty => $answer:ty, $path:literal) => {
        impl $crate::wire::ApiRequest for $request {
            type Answer = $answer;
            const PATH: &'static str = $path;
        }
    };
}
use call;

/// What every answer of the client API begins with.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub(crate) struct ResponseHeader {
    /// The cluster.
    #[prost(uint64, tag = "1")]
    pub(crate) cluster_id: u64,
    /// The member that answered.
    #[prost(uint64, tag = "2")]
    pub(crate) member_id: u64,
    /// The store's revision when the request was applied.
    #[prost(int64, tag = "3")]
    pub(crate) revision: i64,
    /// The member's term.
    #[prost(uint64, tag = "4")]
    pub(crate) raft_term: u64,
}
