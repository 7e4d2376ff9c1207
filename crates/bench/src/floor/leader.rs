//! The leader of the floor: one batch after another, each with all writes in flight.

use super::disk::Disk;
use super::{FloorRun, Header};
use crate::tally::Latencies;
use rustix::event::{PollFd, PollFlags, poll};
use std::io::{self, BufRead, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The most bytes that are sent in one piece; usual batches are smaller.
const PIECE: usize = 256 << 10;

/// Runs for as many milliseconds as each line of the standard input says, and prints the outcome.
pub(super) fn run(in_flight: usize, entry: usize, followers: &[SocketAddr], disk: Disk) -> io::Result<()> {
    let followers = followers.iter().map(Follower::connect).collect::<io::Result<_>>()?;
    let mut leader = Leader { followers, disk, entry, batch: vec![0x5a; in_flight * entry], last: 0 };
    for line in io::stdin().lock().lines() {
        let millis = line?.trim().parse().map_err(io::Error::other)?;
        println!("{}", serde_json::to_string(&leader.work(Duration::from_millis(millis))?)?);
    }
    Ok(())
}

struct Leader {
    followers: Vec<Follower>,
    disk: Disk,
    /// The size of one entry.
    entry: usize,
    batch: Vec<u8>,
    /// The index of the last entry that was generated.
    last: u64,
}

struct Follower {
    socket: TcpStream,
    /// The follower has everything up to this index on its disk.
    acknowledged: u64,
    /// The beginning of an acknowledgement.
    incoming: Vec<u8>,
}

impl Leader {
    fn work(&mut self, span: Duration) -> io::Result<FloorRun> {
        let in_flight = (self.batch.len() / self.entry) as u64;
        let syncs = self.disk.syncs;
        let mut latencies = Latencies::default();
        let begun = Instant::now();
        let mut now = begun;
        while now < begun + span {
            self.replicate()?;
            let done = Instant::now();
            latencies.note(done - now, in_flight);
            now = done;
        }
        let micros = u64::try_from(begun.elapsed().as_micros()).unwrap_or(u64::MAX);
        Ok(FloorRun { micros, syncs: self.disk.syncs - syncs, latencies: latencies.parts() })
    }

    /// Replicates one batch, until a majority has it on disk. The followers' copies are sent first, so that all disks work
    /// simultaneously; a large batch is sent in pieces, so that they do not wait for the whole of it.
    fn replicate(&mut self) -> io::Result<()> {
        let Self { followers, disk, entry, batch, last } = self;
        for piece in batch.chunks_mut((PIECE / *entry).max(1) * *entry) {
            for entry in piece.chunks_exact_mut(*entry) {
                *last += 1;
                entry[..8].copy_from_slice(&last.to_be_bytes());
            }
            let bytes = u32::try_from(piece.len()).map_err(io::Error::other)?;
            let header = Header { last: *last, bytes }.encode();
            for follower in &mut *followers {
                follower.send(&header, piece)?;
            }
            disk.write(piece)?;
        }
        disk.sync()?;
        while !self.is_on_a_majority() {
            self.listen()?;
        }
        Ok(())
    }

    /// Whether the last batch is on a majority. The leader itself has it.
    fn is_on_a_majority(&self) -> bool {
        let have = self.followers.iter().filter(|follower| follower.acknowledged >= self.last).count();
        have >= self.followers.len().div_ceil(2)
    }

    /// Waits for acknowledgements and takes those that have arrived.
    fn listen(&mut self) -> io::Result<()> {
        let mut files: Vec<_> =
            self.followers.iter().map(|follower| PollFd::new(&follower.socket, PollFlags::IN)).collect();
        poll(&mut files, None)?;
        let speaking: Vec<bool> = files.iter().map(|file| !file.revents().is_empty()).collect();
        for (follower, _) in self.followers.iter_mut().zip(speaking).filter(|(_, speaks)| *speaks) {
            follower.hear()?;
        }
        Ok(())
    }
}

impl Follower {
    fn connect(address: &SocketAddr) -> io::Result<Self> {
        let socket = TcpStream::connect(address)?;
        socket.set_nodelay(true)?;
        Ok(Self { socket, acknowledged: 0, incoming: Vec::new() })
    }

    /// Sends a batch, with one system call if the socket takes it.
    fn send(&mut self, header: &[u8], batch: &[u8]) -> io::Result<()> {
        let parts = [io::IoSlice::new(header), io::IoSlice::new(batch)];
        let sent = self.socket.write_vectored(&parts)?;
        if sent < header.len() {
            self.socket.write_all(&header[sent..])?;
        }
        self.socket.write_all(&batch[sent.saturating_sub(header.len())..])
    }

    fn hear(&mut self) -> io::Result<()> {
        let mut bytes = [0; 4096];
        let count = self.socket.read(&mut bytes)?;
        if count == 0 {
            return Err(io::Error::other("a follower is gone"));
        }
        self.incoming.extend_from_slice(&bytes[..count]);
        let whole = self.incoming.len() / 8 * 8;
        if let Some(last) = self.incoming[..whole].rchunks_exact(8).next() {
            let last = last.try_into().map_err(io::Error::other)?;
            self.acknowledged = u64::from_be_bytes(last);
        }
        self.incoming.drain(..whole);
        Ok(())
    }
}
