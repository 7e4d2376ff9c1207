//! A whole cluster inside one program: three nodes, each with its own ports, threads and data directory. It writes, reads and
//! watches, stops the leader, and goes on.
//!
//! ```text
//! cargo run -p raftdeck-node --example embed_node
//! cargo run -p raftdeck-node --example embed_node -- 127.0.0.1:18080,127.0.0.1:18081,127.0.0.1:18082 ./data
//! ```
//!
//! The first argument has the nodes' Raft addresses, clients are served 1000 and HTTP 3000 ports above; the second says where
//! the data stays. Without it, it goes with the program. The nodes touch nothing that is the program's: no signal, no logger,
//! no panic hook. Ctrl-C ends the program as it would without them.

use futures::TryStreamExt;
use raftdeck_client::Client;
use raftdeck_node::{Node, NodeId, NodeOptions, StartError};
use std::error::Error;
use std::path::Path;
use std::time::Duration;

const DEADLINE: Duration = Duration::from_secs(30);

fn main() -> Result<(), Box<dyn Error>> {
    let given = std::env::args().nth(1);
    let given = given.as_deref().unwrap_or("127.0.0.1:18080,127.0.0.1:18081,127.0.0.1:18082");
    let addresses: Vec<&str> = given.split(',').collect();
    let temporary = tempfile::tempdir()?;
    let data = std::env::args().nth(2).map_or_else(|| temporary.path().to_owned(), Into::into);

    let nodes = start(&addresses, &data)?;
    // The nodes need no runtime of the program's; its client does.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(use_them(nodes))
}

fn start(addresses: &[&str], data: &Path) -> Result<Vec<Node>, StartError> {
    let ids = (1..).map(NodeId).zip(addresses);
    let node = |(id, _): (NodeId, &&str)| {
        let node = Node::start(NodeOptions::new(id, addresses, data.join(id.to_string())))?;
        println!("{id} serves peers at {} and HTTP at {}", node.addresses().raft, node.addresses().http);
        Ok(node)
    };
    // If one of them does not start, those before it stop.
    ids.map(node).collect()
}

async fn use_them(mut nodes: Vec<Node>) -> Result<(), Box<dyn Error>> {
    let client = nodes[0].client();
    let leader = client.find_leader(DEADLINE).await?;
    println!("{} leads", leader.node);

    // The first item says where the watch begins: what is written afterwards will be told.
    let mut watch = client.watch("color".into(), None);
    watch.try_next().await?;
    client.put("color", "blue").await?;
    println!("color is {}", color(&client).await?);

    // Two of three are a majority.
    let at = nodes.iter().position(|node| node.id() == leader.node).ok_or("the leader is none of these")?;
    let stopped = nodes.remove(at);
    tokio::task::spawn_blocking(|| stopped.stop()).await??;
    println!("{} is stopped", leader.node);
    client.put("color", "green").await?;
    println!("color is {}, says {}", color(&client).await?, client.find_leader(DEADLINE).await?.node);

    // Both changes, each once, although the node that told them may be the one that stopped.
    let mut seen = Vec::new();
    while seen.len() < 2 {
        let told = watch.try_next().await?.ok_or("a watch ends only with an error")?;
        seen.extend(told.changes.into_iter().filter_map(|change| change.value));
    }
    println!("the watch saw {}", seen.iter().map(|value| text(value)).collect::<Vec<_>>().join(", then "));

    // Dropped, a node stops as well; stop says whether it had ended before, and why.
    tokio::task::spawn_blocking(|| nodes.into_iter().try_for_each(Node::stop)).await??;
    println!("all are stopped");
    Ok(())
}

async fn color(client: &Client) -> Result<String, Box<dyn Error>> {
    let value = client.get("color").await?.ok_or("there is no color")?;
    Ok(text(&value).to_owned())
}

fn text(value: &[u8]) -> &str {
    str::from_utf8(value).unwrap_or("no text")
}
