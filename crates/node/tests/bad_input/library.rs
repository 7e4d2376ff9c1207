//! The client library, asked for what it cannot do: a typed error at once, and nothing that hangs.

use crate::row::Row;
use crate::support::{PATIENCE, Ready, block_on, get, put};
use raftdeck_client::{Client, ClientError, Options};
use raftdeck_protocol::kv::{MAX_KEY, MAX_LIST, MAX_VALUE};
use raftdeck_protocol::{Answer, Read, Write};
use raftdeck_raft::NodeId;
use std::time::{Duration, Instant};

/// What needs nobody's answer takes no longer.
const AT_ONCE: Duration = Duration::from_secs(20);

fn client(node: &Ready) -> Client {
    Client::new(std::slice::from_ref(&node.client), Options::default()).unwrap()
}

/// Something that fails at once.
fn refused<F>(
    name: &'static str,
    ask: impl Fn(Client) -> F + Send + Sync + 'static,
    is: fn(&ClientError) -> bool,
) -> Row
where
    F: Future<Output = Result<(), ClientError>>,
{
    Row::new(name, move |node| {
        let began = Instant::now();
        let error = block_on(ask(client(node))).expect_err(name);
        assert!(is(&error), "{name}: {error:?}");
        assert!(!error.to_string().is_empty());
        assert!(began.elapsed() < AT_ONCE, "{name}: {:?}", began.elapsed());
    })
}

fn list(prefix: usize, limit: u32) -> Read {
    Read::List { prefix: vec![b'k'; prefix].into(), after: None, limit }
}

pub(crate) fn rows() -> Vec<Row> {
    fn is_limit(error: &ClientError) -> bool {
        matches!(error, ClientError::Limit(_))
    }
    let write = |write: Write| {
        move |client: Client| {
            let write = write.clone();
            async move { client.write(write, PATIENCE).await.map(drop) }
        }
    };
    let read = |read: Read| {
        move |client: Client| {
            let read = read.clone();
            async move { client.read(read, PATIENCE).await.map(drop) }
        }
    };
    let sized = |key: usize, value: usize| put(&"k".repeat(key), &"v".repeat(value));
    vec![
        refused("library: an empty key", write(sized(0, 1)), is_limit),
        refused("library: a longer key", write(sized(MAX_KEY + 1, 1)), is_limit),
        refused("library: a longer value", write(sized(1, MAX_VALUE + 1)), is_limit),
        refused("library: a list of nothing", read(list(0, 0)), is_limit),
        refused("library: a list of too much", read(list(0, MAX_LIST + 1)), is_limit),
        refused(
            "library: a write with an empty name",
            |client| async move { client.write_named("".into(), put("a", "b"), PATIENCE).await.map(drop) },
            is_limit,
        ),
        // Whoever is quick enough may be answered; nobody waits, and what is said of a write is true.
        Row::new("library: a write with a deadline of 0", |node| {
            let client = client(node);
            let key = format!("at-once-{}", node.id);
            let began = Instant::now();
            let (written, read) = block_on(async {
                let written = client.write(put(&key, "b"), Duration::ZERO).await;
                assert!(began.elapsed() < AT_ONCE);
                (written, client.read(get(&key), PATIENCE).await.unwrap())
            });
            if written.is_err_and(|error| !error.may_have_happened()) {
                assert_eq!(read.answer, Answer::Value(None), "it was said not to have happened");
            }
        }),
        Row::new("library: reads with a deadline of 0", |node| {
            let client = client(node);
            let began = Instant::now();
            block_on(async {
                let read = client.read(get("a"), Duration::ZERO).await;
                assert!(read.is_ok() || read.is_err_and(|error| !error.may_have_happened()));
                let status = client.status(&node.client, Duration::ZERO).await;
                assert!(status.is_ok() || status.is_err_and(|error| !error.may_have_happened()));
            });
            assert!(began.elapsed() < AT_ONCE);
        }),
        Row::new("library: a deadline beyond all clocks", |node| {
            block_on(async {
                let client = client(node);
                client.write(put("a", "b"), Duration::MAX).await.unwrap();
                client.read(get("a"), Duration::MAX).await.unwrap();
                client.status(&node.client, Duration::MAX).await.unwrap();
            });
        }),
        Row::new("library: addresses that are none", |_| {
            for address in
                ["", "nowhere", "127.0.0.1:", "127.0.0.1:99999", ":1", "a b:1", "[::1:1", "127.0.0.1:-1"]
            {
                let error =
                    Client::new(&[address.to_owned()], Options::default()).map(drop).expect_err(address);
                assert!(error.to_string().contains("HOST:PORT"), "{address:?}: {error}");
            }
        }),
        Row::new("library: another cluster", |node| {
            let options = Options { cluster: "other".to_owned(), ..Options::default() };
            let client = Client::new(std::slice::from_ref(&node.client), options).unwrap();
            let error = block_on(client.read(get("a"), Duration::from_millis(300))).unwrap_err();
            assert!(error.to_string().contains("belongs to cluster \"raftdeck\""), "{error}");
        }),
        Row::new("library: the HTTP port", |node| {
            let client = Client::new(std::slice::from_ref(&node.http), Options::default()).unwrap();
            let status = block_on(client.status(&node.http, AT_ONCE)).expect("it finds the client port");
            assert_eq!(status.raft.id, NodeId(node.id));
        }),
    ]
}
