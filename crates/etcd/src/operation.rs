//! Store operations as etcd's requests, and etcd's answers as those of the store. No connection here.
//!
//! Keys and values are bytes here and there, so nothing is lost; raftdeck's limits on them apply, and a key that is not UTF-8 is shown
//! as every such key is ([`Printed`](raftdeck_protocol::kv::Printed)).

use crate::wire::{
    Compare, CompareTarget, CompareValue, DeleteRangeRequest, DeleteRangeResponse, KeyValue, PutRequest,
    RangeRequest, RangeResponse, RequestOp, RequestOpKind, ResponseOpKind, TxnRequest, TxnResponse,
};
use bytes::Bytes;
use raftdeck_protocol::{Answer, Read, Write};

/// From a key to the end of all keys.
const TO_THE_END: &[u8] = &[0];

/// A write as etcd's request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum WriteRequest {
    Put(PutRequest),
    Delete(DeleteRangeRequest),
    /// A compare-and-set: one transaction.
    Transaction(TxnRequest),
}

pub(crate) fn write(write: Write) -> WriteRequest {
    match write {
        Write::Put { key, value } => WriteRequest::Put(PutRequest { key, value }),
        Write::Delete { key } => WriteRequest::Delete(DeleteRangeRequest { key }),
        Write::CompareAndSet { key, expected, value } => {
            WriteRequest::Transaction(compare_and_set(key, expected, value))
        }
    }
}

/// Stores the value if the current one is as expected; otherwise reads the current one.
fn compare_and_set(key: Bytes, expected: Option<Bytes>, value: Bytes) -> TxnRequest {
    // A comparison of values fails where there is no key, and a key that does not exist was created at revision 0.
    let (target, compared) = match expected {
        Some(expected) => (CompareTarget::Value, CompareValue::Value(expected)),
        None => (CompareTarget::CreateRevision, CompareValue::CreateRevision(0)),
    };
    let compare = Compare { target: target.into(), key: key.clone(), value: Some(compared) };
    let put = RequestOpKind::Put(PutRequest { key: key.clone(), value });
    let get = RequestOpKind::Range(RangeRequest { key, ..RangeRequest::default() });
    let only = |kind| vec![RequestOp { kind: Some(kind) }];
    TxnRequest { compare: vec![compare], success: only(put), failure: only(get) }
}

pub(crate) fn deleted(answer: DeleteRangeResponse) -> Answer {
    Answer::Deleted { existed: answer.deleted > 0 }
}

pub(crate) fn compared_and_set(answer: TxnResponse) -> Answer {
    if answer.succeeded {
        return Answer::Stored;
    }
    let read = answer.responses.into_iter().find_map(|response| match response.kind {
        Some(ResponseOpKind::Range(read)) => read.kvs.into_iter().next(),
        _ => None,
    });
    Answer::Mismatch { current: read.map(|pair| pair.value) }
}

pub(crate) fn read(read: &Read, serializable: bool) -> RangeRequest {
    match read {
        Read::Get { key } => RangeRequest { key: key.clone(), serializable, ..RangeRequest::default() },
        Read::List { prefix, after, limit } => {
            let key = match after {
                // The least key that is greater.
                Some(after) if after >= prefix => [after, TO_THE_END].concat().into(),
                _ if prefix.is_empty() => Bytes::from_static(TO_THE_END),
                _ => prefix.clone(),
            };
            RangeRequest { key, range_end: after_prefix(prefix), limit: i64::from(*limit), serializable }
        }
    }
}

pub(crate) fn found(read: &Read, answer: RangeResponse) -> Answer {
    let pair = |KeyValue { key, value }| (key, value);
    match read {
        Read::Get { .. } => Answer::Value(answer.kvs.into_iter().next().map(|found| found.value)),
        Read::List { .. } => {
            Answer::Page { pairs: answer.kvs.into_iter().map(pair).collect(), more: answer.more }
        }
    }
}

/// The first key after all that start with the prefix.
fn after_prefix(prefix: &Bytes) -> Bytes {
    let Some(last) = prefix.iter().rposition(|byte| *byte < u8::MAX) else {
        return Bytes::from_static(TO_THE_END);
    };
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    end.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(prefix: &'static [u8], after: Option<&'static [u8]>) -> (Vec<u8>, Vec<u8>) {
        let after = after.map(Bytes::from_static);
        let list = Read::List { prefix: Bytes::from_static(prefix), after, limit: 7 };
        let range = read(&list, false);
        assert_eq!(range.limit, 7);
        (range.key.into(), range.range_end.into())
    }

    #[test]
    fn a_list_covers_what_starts_with_its_prefix() {
        assert_eq!(list(b"", None), (vec![0], vec![0]));
        assert_eq!(list(b"ab", None), (b"ab".to_vec(), b"ac".to_vec()));
        assert_eq!(list(b"a\xff\xff", None), (b"a\xff\xff".to_vec(), b"b".to_vec()));
        assert_eq!(list(b"\xff", None), (b"\xff".to_vec(), vec![0]));
    }

    #[test]
    fn the_next_page_begins_after_the_last_key() {
        assert_eq!(list(b"a", Some(b"ab")), (b"ab\0".to_vec(), b"b".to_vec()));
        assert_eq!(list(b"", Some(b"x")), (b"x\0".to_vec(), vec![0]));
        assert_eq!(list(b"b", Some(b"a")), (b"b".to_vec(), b"c".to_vec()), "a key before the prefix");
    }

    #[test]
    fn a_value_is_compared_or_its_absence() {
        let compare = |expected: Option<&'static str>| {
            let cas = Write::CompareAndSet {
                key: "k".into(),
                expected: expected.map(Into::into),
                value: "v".into(),
            };
            let WriteRequest::Transaction(txn) = write(cas) else { panic!("a transaction") };
            (txn.compare[0].target, txn.compare[0].value.clone())
        };
        assert_eq!(compare(Some("")), (3, Some(CompareValue::Value(Bytes::new()))));
        assert_eq!(compare(None), (1, Some(CompareValue::CreateRevision(0))));
    }
}
