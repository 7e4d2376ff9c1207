//! A program that uses a raftdeck cluster: it connects, writes, reads, compares and sets, watches, lists, and says what went
//! wrong.
//!
//! ```text
//! raftdeck up --base-port 8080                          # in another shell: three nodes
//! cargo run -p raftdeck-client --example embed_client -- 127.0.0.1:8080,127.0.0.1:8081,127.0.0.1:8082
//! ```
//!
//! Everything it stores is under `example/`, and is removed at the end.

use futures::TryStreamExt;
use raftdeck_client::{Client, ClientError, CompareAndSet, ConnectError, Consistency, Options, Read};
use std::process::ExitCode;
use std::time::Duration;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let given = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8080".to_owned());
    let addresses: Vec<&str> = given.split(',').collect();
    // Operations that are given no deadline of their own have this one.
    let options = Options { deadline: Duration::from_secs(10), ..Options::default() };

    let client = match Client::connect(&addresses, options).await {
        Ok(client) => client,
        Err(error @ ConnectError::Address(_)) => {
            eprintln!("{error}");
            return ExitCode::from(2);
        }
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    match tour(&client).await {
        Ok(()) => ExitCode::SUCCESS,
        // The one thing that a program must not mistake for a failure.
        Err(error) if error.may_have_happened() => {
            eprintln!("it may have happened, or may yet: {error}");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("it did not happen: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn tour(client: &Client) -> Result<(), ClientError> {
    // The first item says where the watch begins: what is written afterwards will be told.
    let mut watch = client.watch("example/color".into(), None);
    watch.try_next().await?;

    client.put("example/color", "blue").await?;
    println!("color is {}", text(client.get("example/color").await?.as_deref()));

    // Only if nobody else changed it in between.
    match client.compare_and_set("example/color", Some("blue".into()), "green").await? {
        CompareAndSet::Stored => println!("color was blue and is green"),
        CompareAndSet::Mismatch { current } => println!("color is {} by now", text(current.as_deref())),
    }

    // Both changes, in the order of the log. A watch ends only with an error.
    let mut seen = Vec::new();
    while let (true, Some(told)) = (seen.len() < 2, watch.try_next().await?) {
        seen.extend(told.changes.iter().map(|change| text(change.value.as_deref()).to_owned()));
    }
    println!("the watch saw {}", seen.join(", then "));

    // Many at a time: clones share the connection and the session.
    let writes = (0..100).map(|number| {
        let client = client.clone();
        async move { client.put(format!("example/number/{number:02}"), number.to_string()).await }
    });
    futures::future::try_join_all(writes).await?;

    // All of them, page by page, in the order of the keys.
    let mut sum = 0;
    let mut numbers = client.list("example/number/");
    while let Some((_, value)) = numbers.try_next().await? {
        sum += text(Some(&value)).parse::<u32>().unwrap_or(0);
    }
    println!("the numbers add up to {sum}");

    // The long form: a consistency, a deadline, and who answered.
    let read = Read::Get { key: "example/color".into() };
    let done = client.read_with(read, Consistency::Stale, Duration::from_secs(1)).await?;
    println!("{} has seen all up to index {}", done.node, done.at.index);

    // A mistake comes back at once, and nothing was sent.
    if let Err(error) = client.put("", "value").await {
        println!("refused: {error}");
    }

    let keys: Vec<_> = client.list("example/").map_ok(|(key, _)| key).try_collect().await?;
    for key in keys {
        client.delete(key).await?;
    }
    println!("all gone: {}", client.get("example/color").await?.is_none());
    Ok(())
}

fn text(value: Option<&[u8]>) -> &str {
    value.map_or("nothing", |value| str::from_utf8(value).unwrap_or("no text"))
}
