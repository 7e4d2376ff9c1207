//! Requests and messages for the sample outcomes.

use super::{T, micros, ms};
use crate::outcome::{Moments, PhaseFigures, RequestEnd, RequestFigures, RequestPoint};
use raftdeck_model::FrameKind::{
    self, AppendEntries, AppendReply, Heartbeat, PreVote, PreVoteReply, RequestVote, VoteReply,
};
use raftdeck_model::{MessageId, MessageReport, MessageState};
use raftdeck_raft::{NodeId, Term};
use std::time::Duration;

/// Twelve requests for each T. Those that are due without a leader wait for the next one, are in doubt, fail or are not sent.
pub(super) fn load(from: u64, until: u64, (lost, back): (u64, u64)) -> Vec<RequestPoint> {
    let mut chance: u64 = 1;
    let mut requests = Vec::new();
    let mut due = from * 1000;
    while due < until * 1000 {
        chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let dice = chance >> 33;
        let is_out = (lost * 1000..back * 1000).contains(&due);
        let (end, ended) = match dice % 8 {
            0 if is_out => (RequestEnd::InDoubt, due + 300_000),
            1 if is_out => (RequestEnd::Failed, due + 90_000),
            2 if is_out => (RequestEnd::NotSent, due),
            _ if is_out => (RequestEnd::Acknowledged, back * 1000 + dice % 30_000),
            7 => (RequestEnd::Acknowledged, due + 2400 + dice % 16_000),
            _ => (RequestEnd::Acknowledged, due + 1300 + dice % 1900),
        };
        requests.push(RequestPoint {
            due: micros(due),
            ended: micros(ended),
            reads: dice.is_multiple_of(5),
            end,
        });
        due += T * 1000 / 12;
    }
    requests
}

/// These requests in numbers.
pub(super) fn figures(requests: &[RequestPoint], moments: &Moments) -> RequestFigures {
    let (fault, heal) = (moments.fault.unwrap(), moments.heal.unwrap());
    let phase = |from: Duration, until: Duration| {
        let due: Vec<&RequestPoint> = requests.iter().filter(|r| (from..until).contains(&r.due)).collect();
        let mut latencies: Vec<Duration> = due
            .iter()
            .filter(|r| r.end == RequestEnd::Acknowledged)
            .map(|r| r.ended.saturating_sub(r.due))
            .collect();
        latencies.sort_unstable();
        let count = |end| due.iter().filter(|r| r.end == end).count() as u64;
        PhaseFigures {
            due: due.len() as u64,
            in_time: latencies.iter().filter(|latency| **latency <= ms(T)).count() as u64,
            acknowledged: latencies.len() as u64,
            failed: count(RequestEnd::Failed) + count(RequestEnd::NotSent),
            in_doubt: count(RequestEnd::InDoubt),
            p50: latencies.get(latencies.len() / 2).copied(),
            p99: latencies.get(latencies.len() * 99 / 100).copied(),
            max: latencies.last().copied(),
        }
    };
    RequestFigures {
        before: phase(moments.steady.unwrap(), fault),
        during: phase(fault, heal),
        after: phase(heal, moments.ended),
        within: ms(T),
        longest_gap: Some(moments.write.unwrap().saturating_sub(ms(4992))),
    }
}

/// The messages of a takeover without n1.
pub(super) fn messages() -> Vec<MessageReport> {
    let mut id = 0;
    let mut message = |kind, from, to, term, sent, end: Option<u64>, granted| {
        id += 1;
        let at = end.map_or(micros(sent), micros);
        MessageReport {
            id: MessageId(id),
            from: NodeId(from),
            to: NodeId(to),
            kind,
            term: Term(term),
            index: None,
            granted,
            entries: u64::from(kind == FrameKind::AppendEntries),
            fields: "prev 40 in term 3, commit 40".to_owned(),
            sent: micros(sent),
            state: if end.is_some() { MessageState::Delivered { at } } else { MessageState::Lost { at } },
        }
    };
    vec![
        message(AppendEntries, 1, 2, 3, 5_000_000, None, None),
        message(AppendEntries, 1, 3, 3, 5_000_000, Some(5_002_100), None),
        message(AppendReply, 3, 1, 3, 5_002_400, None, Some(true)),
        message(PreVote, 2, 1, 4, 5_180_000, None, None),
        message(PreVote, 2, 3, 4, 5_180_000, Some(5_182_600), None),
        message(PreVoteReply, 3, 2, 4, 5_182_700, Some(5_185_300), Some(true)),
        message(RequestVote, 2, 1, 4, 5_186_000, None, None),
        message(RequestVote, 2, 3, 4, 5_186_000, Some(5_189_800), None),
        message(VoteReply, 3, 2, 4, 5_191_500, Some(5_195_700), Some(true)),
        message(Heartbeat, 2, 1, 4, 5_196_200, None, None),
        message(Heartbeat, 2, 3, 4, 5_196_200, Some(5_200_000), None),
        message(AppendReply, 3, 2, 4, 5_200_200, Some(5_203_100), Some(true)),
        message(AppendEntries, 2, 1, 4, 5_204_000, None, None),
        message(AppendEntries, 2, 3, 4, 5_204_000, Some(5_208_300), None),
        message(AppendReply, 3, 2, 4, 5_210_900, Some(5_214_100), Some(true)),
    ]
}
