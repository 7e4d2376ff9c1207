//! How a client's bytes pass a relay to a member: as they are, as gRPC's frames concern nobody on the way.

use crate::requests::relay::{Passage, PathRules};
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

/// Bytes read at a time.
const CHUNK: usize = 16 << 10;

/// A stream of bytes.
#[derive(Debug)]
pub(super) enum Bytes {}

impl Passage for Bytes {
    async fn requests(
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        mut gate: watch::Receiver<PathRules>,
    ) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = from.read(&mut chunk).await?;
            if read == 0 || gate.wait_for(|gate| !gate.holds).await.is_err() {
                return Ok(());
            }
            to.write_all(&chunk[..read]).await?;
        }
    }

    async fn answers(
        mut from: OwnedReadHalf,
        mut to: OwnedWriteHalf,
        mut gate: watch::Receiver<PathRules>,
    ) -> io::Result<()> {
        let mut chunk = vec![0; CHUNK];
        let mut has_lost = false;
        loop {
            let read = tokio::select! {
                read = from.read(&mut chunk) => read?,
                _ = gate.wait_for(|gate| !gate.loses_answers), if has_lost => return Ok(()),
            };
            if read == 0 {
                return Ok(());
            }
            if gate.borrow().loses_answers {
                has_lost = true;
            } else {
                to.write_all(&chunk[..read]).await?;
            }
        }
    }
}
