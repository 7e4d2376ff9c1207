//! Conditions that need an operator, as sentences: disks that are not in the membership, foundings that wait, nodes
//! that refuse each other.

use super::{Sentence, Weight};
use raftdeck_model::News;
use raftdeck_protocol::{Notice, NoticeKind, RefusalReason};
use raftdeck_raft::NodeId;
use std::collections::BTreeMap;

/// The sentence for such an update, regardless of earlier ones.
pub(super) fn sentence(update: &News) -> Option<Sentence> {
    let (weight, node, text) = match update {
        News::Notice { node, notice: Notice { about, kind, text } } => match kind {
            NoticeKind::Founding => (Weight::Minor, node, format!("{node}: {text}")),
            NoticeKind::EmptyDisk { .. } => {
                let text =
                    format!("{about} is back with an empty disk and does not vote until it is replaced");
                (Weight::Major, about, text)
            }
            NoticeKind::Removed => (Weight::Major, about, text.clone()),
        },
        News::NoticeOver { node, notice: Notice { about, kind, .. } } => {
            let what = match kind {
                NoticeKind::Founding => "has joined its cluster: the founding is complete".to_owned(),
                NoticeKind::EmptyDisk { .. } => format!("no longer reports an empty disk of {about}"),
                NoticeKind::Removed => "no longer reports that it was removed".to_owned(),
            };
            (Weight::Detail, node, format!("{node} {what}"))
        }
        News::PeerRefused { reason: RefusalReason::Incarnation { id, known, shown }, .. } => {
            let text = format!("{id} is refused: it has disk {shown}, and the membership lists disk {known}");
            (Weight::Minor, id, text)
        }
        News::PeerRefused { node, peer, reason } => {
            (Weight::Minor, node, format!("no connection between {node} and {peer}: {reason}"))
        }
        News::PeerAdmitted { node, peer } => {
            (Weight::Detail, node, format!("{node} no longer reports a refused connection with {peer}"))
        }
        _ => return None,
    };
    Some(Sentence::new(weight, Some(*node), text))
}

/// The nodes' present reports, so that a condition that several of them report counts as news only once.
#[derive(Clone, Debug, Default)]
pub(super) struct Reported {
    /// By reporting node and subject.
    reports: BTreeMap<NodeId, BTreeMap<ReportSubject, String>>,
}

/// What a report is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ReportSubject {
    /// A founding, an empty disk, a removal: of this node.
    Founding(NodeId),
    EmptyDisk(NodeId),
    Removal(NodeId),
    /// A connection with this node.
    Refusal(NodeId),
    /// A connection that is refused because this node has another disk than the cluster knows.
    OtherDisk(NodeId, NodeId),
}

impl Reported {
    /// The same sentence. It is only a detail if any node has reported the same already, or if it is expected: each node that starts
    /// with an empty disk waits for others for a moment, and one that is known to have lost its disk is refused everywhere.
    /// `is_late`: there is a cluster already, or a node whose process has ended. `is_changing`: a node that is being taken in waits
    /// too.
    pub(super) fn tell(
        &mut self,
        update: &News,
        is_late: bool,
        is_changing: impl Fn(NodeId) -> bool,
    ) -> Option<Sentence> {
        let told = sentence(update)?;
        let is_repeated = match update {
            News::Notice { node, notice } => {
                let about = about(notice);
                let of_founding = matches!(about, ReportSubject::Founding(_));
                let is_first = self.reports.get(node).is_none_or(|reports| !reports.contains_key(&about));
                let is_known = self.enter(*node, about, notice.text.clone());
                let is_expected = self.has_lost_its_disk(notice.about) || is_changing(notice.about);
                is_known || of_founding && (!is_late || is_first || is_expected)
            }
            News::PeerRefused { node, peer, reason } => {
                self.enter(*node, refusal(*peer, reason), reason.to_string())
            }
            News::NoticeOver { node, notice } => {
                let about = about(notice);
                self.strike(*node, |other| *other == about);
                false
            }
            News::PeerAdmitted { node, peer } => {
                self.strike(
                    *node,
                    |about| matches!(about, ReportSubject::Refusal(of) | ReportSubject::OtherDisk(of, _) if of == peer),
                );
                false
            }
            _ => false,
        };
        Some(if is_repeated { Sentence { weight: Weight::Detail, ..told } } else { told })
    }

    /// The node's process has ended, and with it all its reports.
    pub(super) fn forget(&mut self, node: NodeId) {
        self.reports.remove(&node);
    }

    fn enter(&mut self, node: NodeId, about: ReportSubject, text: String) -> bool {
        let is_repeated = self.reports.values().flatten().any(|(_, said)| *said == text);
        self.reports.entry(node).or_default().insert(about, text);
        is_repeated
    }

    fn has_lost_its_disk(&self, node: NodeId) -> bool {
        let says_so = |about: &ReportSubject| matches!(about, ReportSubject::EmptyDisk(lost) | ReportSubject::OtherDisk(_, lost) if *lost == node);
        self.reports.values().flat_map(BTreeMap::keys).any(says_so)
    }

    fn strike(&mut self, node: NodeId, is_over: impl Fn(&ReportSubject) -> bool) {
        if let Some(reports) = self.reports.get_mut(&node) {
            reports.retain(|about, _| !is_over(about));
        }
    }
}

fn about(notice: &Notice) -> ReportSubject {
    match notice.kind {
        NoticeKind::Founding => ReportSubject::Founding(notice.about),
        NoticeKind::EmptyDisk { .. } => ReportSubject::EmptyDisk(notice.about),
        NoticeKind::Removed => ReportSubject::Removal(notice.about),
    }
}

fn refusal(peer: NodeId, reason: &RefusalReason) -> ReportSubject {
    match reason {
        RefusalReason::Incarnation { id, .. } => ReportSubject::OtherDisk(peer, *id),
        _ => ReportSubject::Refusal(peer),
    }
}
