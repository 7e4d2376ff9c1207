//! Connections that break after a request went out on them: whether it was carried out is not known.

use raftdeck_etcd::{Etcd, EtcdAccess};
use raftdeck_model::{ClientOp, ClientOutcome, RequestFate};
use raftdeck_protocol::{Read, Write};
use raftdeck_raft::NodeId;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

const KEY: &str = "color";

/// A cluster whose only member takes each request and closes the connection; and how many it took.
async fn swallowing() -> (Etcd, Arc<AtomicUsize>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut bytes = Vec::new();
            while !bytes.windows(KEY.len()).any(|window| window == KEY.as_bytes()) {
                if stream.read_buf(&mut bytes).await.unwrap_or(0) == 0 {
                    break;
                }
            }
            counter.fetch_add(1, Ordering::SeqCst);
        }
    });
    let etcd = Etcd::new(EtcdAccess::default()).expect("no files");
    etcd.set_member(NodeId(1), url.parse().expect("a URL"), None);
    (etcd, taken)
}

#[tokio::test]
async fn a_write_is_in_doubt_and_is_not_sent_again() {
    let (etcd, taken) = swallowing().await;
    let write = ClientOp::Write(Write::Put { key: KEY.into(), value: "blue".into() });
    let outcome = etcd.ask(&write.into(), Duration::from_secs(5)).await;
    assert!(matches!(outcome, ClientOutcome::Failed { fate: RequestFate::InDoubt, .. }), "{outcome:?}");
    assert_eq!(taken.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_read_is_sent_again() {
    let (etcd, taken) = swallowing().await;
    let read = ClientOp::Read(Read::Get { key: KEY.into() });
    let outcome = etcd.ask(&read.into(), Duration::from_secs(1)).await;
    assert!(
        matches!(outcome, ClientOutcome::Failed { fate: RequestFate::NothingChanged, .. }),
        "{outcome:?}"
    );
    assert!(taken.load(Ordering::SeqCst) > 1);
}
