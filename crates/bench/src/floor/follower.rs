//! A follower of the floor: syncs everything that has arrived with one write and one sync, and acknowledges it.

use super::disk::Disk;
use super::{Header, Listening};
use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

/// The most bytes that are read from the socket in one call.
const READ: usize = 1 << 20;

pub(super) fn run(disk: Disk) -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let listening = Listening { address: listener.local_addr()? };
    println!("{}", serde_json::to_string(&listening)?);
    // The process that started it holds the other end, and has no other way to end it before there is a leader.
    std::thread::spawn(|| {
        let _ = io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let (socket, _) = listener.accept()?;
    match follow(socket, disk) {
        // The leader is ended first, in the middle of its work.
        Err(error) if is_its_end(error.kind()) => Ok(()),
        other => other,
    }
}

fn is_its_end(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::ConnectionReset | ErrorKind::BrokenPipe | ErrorKind::UnexpectedEof)
}

/// Follows until the leader ends.
fn follow(mut socket: TcpStream, mut disk: Disk) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let mut incoming = BufReader::with_capacity(READ, socket.try_clone()?);
    let mut batch = Vec::new();
    loop {
        batch.clear();
        if incoming.fill_buf()?.is_empty() {
            return Ok(());
        }
        let mut last = take(&mut incoming, &mut batch)?;
        while incoming.buffer().len() >= Header::SIZE {
            last = take(&mut incoming, &mut batch)?;
        }
        disk.write(&batch)?;
        disk.sync()?;
        socket.write_all(&last.to_be_bytes())?;
    }
}

/// Reads one batch to the end of `into`; returns the index of its last entry.
fn take(incoming: &mut impl Read, into: &mut Vec<u8>) -> io::Result<u64> {
    let mut header = [0; Header::SIZE];
    incoming.read_exact(&mut header)?;
    let header = Header::decode(header);
    let begin = into.len();
    into.resize(begin + header.bytes as usize, 0);
    incoming.read_exact(&mut into[begin..])?;
    Ok(header.last)
}
