//! A watch resumes at another node where it stopped, and ends when no node can serve it. Named writes are retried without a
//! session.

mod support;

use bytes::Bytes;
use futures::StreamExt;
use raftdeck_client::{Changes, ClientError, Watch};
use raftdeck_protocol::kv::{LimitError, NamedWrite};
use raftdeck_protocol::{Change, Failure, RefusalReason, RequestBody, ResponseBody, Write};
use support::{Act, LONG, NOBODY, Scripted, client, done, failed, follower_of, free_port, leader};

fn change(index: u64) -> Change {
    Change { index, key: "k".into(), value: Some("v".into()) }
}

fn changes(indices: &[u64], through: u64) -> ResponseBody {
    ResponseBody::Changes { changes: indices.iter().copied().map(change).collect(), through }
}

fn watching(after: u64) -> ResponseBody {
    ResponseBody::Watching { after }
}

/// A node that says this to each watch in turn, by the index after which it is to begin, and closes where it has nothing more to
/// say.
async fn telling(
    id: u64,
    says: impl Fn(Option<u64>) -> Vec<ResponseBody> + Send + Sync + 'static,
) -> Scripted {
    Scripted::start(id, move |body| match body {
        RequestBody::Watch { after, .. } => match says(*after) {
            said if said.is_empty() => Act::Close,
            said => Act::SayAll(said),
        },
        _ => Act::Nothing,
    })
    .await
}

async fn next(watch: &mut Watch) -> Result<Changes, ClientError> {
    tokio::time::timeout(LONG, watch.next()).await.expect("in time").expect("no end without an error")
}

/// The indices that are told until this one.
async fn through(watch: &mut Watch, index: u64) -> Vec<u64> {
    let mut told = Vec::new();
    loop {
        let Changes { changes, through } = next(watch).await.expect("no error");
        told.extend(changes.iter().map(|change| change.index));
        if through >= index {
            return told;
        }
    }
}

#[tokio::test]
async fn it_goes_on_at_another_node_from_where_it_was() {
    // Each tells a little and then something that ends it.
    let first = telling(1, |after| match after {
        None => vec![watching(5), changes(&[6, 8], 9), ResponseBody::Failed(Failure::Stopping)],
        _ => Vec::new(),
    })
    .await;
    let second =
        telling(2, |after| vec![watching(after.unwrap()), changes(&[10], 10), changes(&[], 12)]).await;
    let mut watch = client(&[NOBODY, &first.address, &second.address]).watch(Bytes::new(), None);
    let begins = next(&mut watch).await.unwrap();
    assert_eq!((begins, watch.node().unwrap().0), (Changes { changes: Vec::new(), through: 5 }, 1));
    assert_eq!(through(&mut watch, 12).await, [6, 8, 10]);
    assert_eq!(watch.node().unwrap().0, 2);
}

#[tokio::test]
async fn a_node_that_tells_what_cannot_be_is_left() {
    for nonsense in [
        changes(&[6, 8], 9),
        changes(&[10, 10], 12),
        changes(&[12, 11], 12),
        changes(&[13], 12),
        changes(&[], 8),
        watching(9),
        done(),
    ] {
        let said = nonsense.clone();
        let first =
            telling(1, move |after| vec![watching(after.unwrap()), changes(&[9], 9), said.clone()]).await;
        let second = telling(2, |after| vec![watching(after.unwrap()), changes(&[10], 12)]).await;
        let mut watch = client(&[&first.address, &second.address]).watch(Bytes::new(), Some(8));
        assert_eq!(through(&mut watch, 12).await, [9, 10], "{nonsense:?}");
    }
    let elsewhere = telling(1, |_| vec![watching(7)]).await;
    let right = telling(2, |_| vec![watching(8), changes(&[9], 9)]).await;
    let mut watch = client(&[&elsewhere.address, &right.address]).watch(Bytes::new(), Some(8));
    assert_eq!(through(&mut watch, 9).await, [9], "it begins where it was asked to");
}

#[tokio::test]
async fn what_one_has_forgotten_another_may_know() {
    let forgetful = telling(1, |_| vec![ResponseBody::Failed(Failure::Forgotten { oldest: 90 })]).await;
    let other = telling(2, |_| vec![watching(8), changes(&[9], 9)]).await;
    let mut watch = client(&[&forgetful.address, &other.address]).watch(Bytes::new(), Some(8));
    assert_eq!(through(&mut watch, 9).await, [9]);

    let less = telling(2, |_| vec![ResponseBody::Failed(Failure::Forgotten { oldest: 70 })]).await;
    let mut watch = client(&[&forgetful.address, NOBODY, &less.address]).watch(Bytes::new(), Some(8));
    assert_eq!(next(&mut watch).await, Err(ClientError::Forgotten { oldest: 70 }));
    assert!(watch.next().await.is_none(), "nothing follows an error");
}

#[tokio::test]
async fn it_ends_with_what_trying_again_does_not_cure() {
    let node = telling(1, |_| vec![ResponseBody::Failed(Failure::NotPermitted)]).await;
    let mut watch = client(&[&node.address]).watch(Bytes::new(), None);
    assert_eq!(next(&mut watch).await, Err(ClientError::NotPermitted));

    // The node has asked the leader: no other one will know better.
    let node = telling(1, |_| vec![ResponseBody::Failed(Failure::BeyondLog { newest: 7 })]).await;
    let mut watch = client(&[NOBODY, &node.address]).watch(Bytes::new(), Some(9));
    assert_eq!(next(&mut watch).await, Err(ClientError::BeyondLog { newest: 7 }));

    let refuses = |_: &raftdeck_protocol::Hello| Some(RefusalReason::Token);
    let node = Scripted::start_on(free_port().await, 1, refuses, leader);
    let mut watch = client(&[&node.address]).watch(Bytes::new(), None);
    let answer = next(&mut watch).await;
    assert!(matches!(answer, Err(ClientError::Refused { reason: RefusalReason::Token, .. })), "{answer:?}");

    let mut watch = client(&[NOBODY]).watch(vec![b'k'; 5000].into(), None);
    assert_eq!(next(&mut watch).await, Err(ClientError::Limit(LimitError::KeyTooLong { len: 5000 })));
}

#[tokio::test]
async fn a_watch_of_one_node_ends_with_its_connection() {
    let node =
        telling(1, |_| vec![watching(8), changes(&[9], 9), ResponseBody::Failed(Failure::Stopping)]).await;
    let other = telling(2, |_| vec![watching(9)]).await;
    let client = client(&[&other.address]);
    let mut watch = client.watch_at(&node.address, Bytes::new(), Some(8));
    assert_eq!(through(&mut watch, 9).await, [9]);
    assert!(matches!(next(&mut watch).await, Err(ClientError::Broken { .. })));
    let mut watch = client.watch_at(NOBODY, Bytes::new(), Some(8));
    assert!(matches!(next(&mut watch).await, Err(ClientError::Unreachable { .. })));
    assert_eq!((node.connections(), other.connections()), (1, 0));
}

fn put() -> Write {
    Write::Put { key: "k".into(), value: "v".into() }
}

fn named(body: &RequestBody) -> bool {
    *body == RequestBody::NamedWrite(NamedWrite { name: "n".into(), write: put() })
}

#[tokio::test]
async fn a_named_write_in_doubt_is_asked_again_under_its_name_and_opens_no_session() {
    let leading = Scripted::start_bare(1, leader).await;
    let dying = Scripted::start_bare(2, |_| Act::Close).await;
    let follower = Scripted::start_bare(3, follower_of(1, Some(leading.address.clone()))).await;
    let client = client(&[&dying.address, &follower.address]);
    let done = client.write_named("n".into(), put(), LONG).await.expect("is taken");
    assert_eq!(done.node.0, 1);
    for node in [&dying, &follower, &leading] {
        assert_eq!((node.count(named), node.count(|body| !named(body))), (1, 0));
    }
}

#[tokio::test]
async fn a_name_in_use_is_told_and_so_is_a_doubt() {
    for (failure, after_a_doubt) in
        [(Failure::NameInUse, false), (Failure::NotPermitted, false), (Failure::NotPermitted, true)]
    {
        let says = failure.clone();
        let node = Scripted::start_bare(1, move |_| failed(says.clone())).await;
        let dying = Scripted::start_bare(2, |_| Act::Close).await;
        let client =
            if after_a_doubt { client(&[&dying.address, &node.address]) } else { client(&[&node.address]) };
        let error = client.write_named("n".into(), put(), LONG).await.expect_err("is refused");
        match (failure, after_a_doubt) {
            (Failure::NameInUse, _) => assert_eq!(error, ClientError::NameInUse),
            (_, false) => assert_eq!(error, ClientError::NotPermitted),
            (_, true) => assert!(matches!(error, ClientError::Unknown { .. }), "{error}"),
        }
        assert_eq!(error.may_have_happened(), after_a_doubt);
    }
}
