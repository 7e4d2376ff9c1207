//! Whatever is told can be written as JSON and read again.

use raftdeck_model::{Known, News, NodeView, RaftView, Update};
use raftdeck_protocol::NodeStatus;
use raftdeck_raft::{
    Config, Incarnation, LogIndex, NodeId, Raft, Restored, Role, Term, Timestamp, Timing, TraceEvent,
};
use std::time::Duration;

/// A status of a member that knows disks and addresses.
fn status() -> NodeStatus {
    let config = Config::new(NodeId(1), [NodeId(1)].into(), Timing::FAST);
    let raft = Raft::new(config, 1, Restored::default(), Timestamp::default()).expect("an empty disk");
    let mut status: NodeStatus = raft.status(Timestamp::default()).into();
    let membership = &mut status.raft.membership;
    membership.incarnations.insert(NodeId(1), Incarnation([7; 16]));
    membership.addresses.insert(NodeId(12), "127.0.0.1:7001".to_owned());
    status
}

#[test]
fn the_nodes_that_maps_are_by_are_read_again() {
    let status = status();
    let membership = status.raft.membership.clone();
    let changed = TraceEvent::MembershipChanged { index: LogIndex(3), membership };
    for what in [
        News::Status { node: NodeId(1), status: Box::new(status.into()) },
        News::Trace { node: NodeId(1), trace: changed },
    ] {
        let update = Update { at: Duration::from_nanos(1), seq: 1, what };
        let json = serde_json::to_string(&update).expect("it can be written");
        let again: Update = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
        assert_eq!(again, update);
    }
    for wrong in ["\"one\"", "-1", "1.5", "{}"] {
        assert!(serde_json::from_str::<NodeId>(wrong).is_err(), "{wrong}");
    }
}

/// A recording has the same JSON as before there were views, and those made then are read.
#[test]
fn a_view_of_all_there_is_looks_like_the_status_that_it_is_of() {
    let status = status();
    let json = serde_json::to_value(&status).expect("it can be written");
    let view = NodeView::from(status);
    assert_eq!(serde_json::to_value(&view).expect("it can be written"), json);
    assert_eq!(serde_json::from_value::<NodeView>(json).expect("it can be read"), view);
}

#[test]
fn what_is_not_known_is_left_out_and_none_is_null() {
    let mut view = NodeView::new(RaftView::new(NodeId(2), Term(4), Role::Follower));
    let json = r#"{"raft":{"id":2,"term":4,"role":"Follower"}}"#;
    assert_eq!(serde_json::to_string(&view).expect("it can be written"), json);
    assert_eq!(serde_json::from_str::<NodeView>(json).expect("it can be read"), view);
    view.raft.vote = Known::Is(None);
    let json = r#"{"raft":{"id":2,"term":4,"role":"Follower","vote":null}}"#;
    assert_eq!(serde_json::to_string(&view).expect("it can be written"), json);
    assert_eq!(serde_json::from_str::<NodeView>(json).expect("it can be read"), view);
}
