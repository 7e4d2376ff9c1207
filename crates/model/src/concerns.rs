//! Conditions that a node reports for an operator, and the nodes that it has no connection with because one of the two refuses the
//! other. Statuses repeat them; here each change becomes one update. Pure.

use crate::update::News;
use raftdeck_protocol::{NodeStatus, Notice, NoticeKind, RefusedPeer};
use raftdeck_raft::NodeId;
use std::mem::discriminant;

/// What one node reported last.
#[derive(Debug, Default)]
pub struct Concerns {
    notices: Vec<Notice>,
    refused: Vec<RefusedPeer>,
}

impl Concerns {
    /// What this status of a node reports that the one before did not, and what it no longer reports.
    #[must_use]
    pub fn news(&mut self, node: NodeId, status: &NodeStatus) -> Vec<News> {
        let NodeStatus { notices, refused, .. } = status;
        if self.notices == *notices && self.refused == *refused {
            return Vec::new();
        }
        let mut news = Vec::new();
        for old in self.notices.iter().filter(|old| !notices.iter().any(|new| is_same(old, new))) {
            news.push(News::NoticeOver { node, notice: old.clone() });
        }
        for old in self.refused.iter().filter(|old| !refused.iter().any(|new| new.id == old.id)) {
            news.push(News::PeerAdmitted { node, peer: old.id });
        }
        for new in notices.iter().filter(|new| !self.notices.contains(new)) {
            news.push(News::Notice { node, notice: new.clone() });
        }
        let is_known =
            |new: &RefusedPeer| self.refused.iter().any(|old| (old.id, &old.reason) == (new.id, &new.reason));
        for new in refused.iter().filter(|new| !is_known(new)) {
            news.push(News::PeerRefused { node, peer: new.id, reason: new.reason.clone() });
        }
        (self.notices, self.refused) = (notices.clone(), refused.clone());
        news
    }
}

/// Whether the two report the same condition: about the same node, and of the same kind.
fn is_same(old: &Notice, new: &Notice) -> bool {
    let kind = |notice: &Notice| discriminant::<NoticeKind>(&notice.kind);
    old.about == new.about && kind(old) == kind(new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_protocol::{ClockRate, RefusalReason};
    use raftdeck_raft::{Config, Raft, Restored, Timestamp, Timing};
    use std::collections::BTreeSet;

    const N1: NodeId = NodeId(1);
    const N3: NodeId = NodeId(3);

    fn status(notices: &[Notice], refused: &[RefusedPeer]) -> NodeStatus {
        let voters = BTreeSet::from([N1]);
        let config = Config::new(N1, voters, Timing::FAST);
        let raft = Raft::new(config, 1, Restored::default(), Timestamp(0)).unwrap();
        NodeStatus {
            raft: raft.status(Timestamp(0)),
            keys: 0,
            state_hash: 0,
            uptime_micros: 0,
            fsync_micros: 0,
            sessions: 0,
            clock_rate: ClockRate::REAL,
            next_timer_micros: 0,
            fsyncs: 0,
            refused: refused.to_vec(),
            incarnation: None,
            cluster: None,
            address: String::new(),
            notices: notices.to_vec(),
        }
    }

    fn waits(text: &str) -> Notice {
        Notice { about: N1, kind: NoticeKind::Founding, text: text.to_owned() }
    }

    fn removed() -> Notice {
        Notice { about: N1, kind: NoticeKind::Removed, text: "n1 was removed".to_owned() }
    }

    fn refused(reason: RefusalReason, since_unix_ms: u64) -> RefusedPeer {
        RefusedPeer { id: N3, reason, since_unix_ms }
    }

    #[test]
    fn a_notice_is_told_when_it_comes_when_it_changes_and_when_it_is_over() {
        let mut concerns = Concerns::default();
        let mut news = |notices: &[Notice]| concerns.news(N1, &status(notices, &[]));
        let told = |notice: Notice| News::Notice { node: N1, notice };
        assert_eq!(news(&[]), []);
        assert_eq!(news(&[waits("for two")]), [told(waits("for two"))]);
        assert_eq!(news(&[waits("for two")]), [], "it was told");
        assert_eq!(news(&[waits("for one"), removed()]), [told(waits("for one")), told(removed())]);
        let over = News::NoticeOver { node: N1, notice: waits("for one") };
        assert_eq!(news(&[removed()]), [over]);
    }

    #[test]
    fn a_refusal_is_told_once_for_each_reason() {
        let mut concerns = Concerns::default();
        let mut news = |refused: &[RefusedPeer]| concerns.news(N1, &status(&[], refused));
        let told = |reason| News::PeerRefused { node: N1, peer: N3, reason };
        let (token, secret) = (RefusalReason::Token, RefusalReason::Secret { id: N3 });
        assert_eq!(news(&[refused(token.clone(), 1)]), [told(token.clone())]);
        assert_eq!(news(&[refused(token, 2)]), [], "the same again");
        assert_eq!(news(&[refused(secret.clone(), 3)]), [told(secret)]);
        assert_eq!(news(&[]), [News::PeerAdmitted { node: N1, peer: N3 }]);
    }
}
