//! What a link without rules costs: a frame's way through it against the same way over a direct connection, and how many
//! frames a second go through either.
//!
//! ```sh
//! cargo bench -p raftdeck-lab --bench links
//! ```
//!
//! The lab runs two nodes that are this program itself: one sends and measures, the other sends everything back. A round trip
//! is two frames through two links, or over two direct connections (`direct`).

use raftdeck_lab::{Lab, LabOptions};
use raftdeck_model::News;
use raftdeck_protocol::handshake::{Challenge, Confirmation, Nonce};
use raftdeck_protocol::{Hello, HelloReply, PeerFrame, Role, frame};
use raftdeck_raft::{AppendEntries, Entry, LogId, LogIndex, Message, NodeId, Payload, Term};
use socket2::{Domain, Socket, Type};
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

const WARM_UP: usize = 3_000;
const ROUND_TRIPS: usize = 20_000;
const STREAM: u64 = 100_000;
/// Link and direct by turns, so that a machine that is busy for a while harms both.
const ROUNDS: usize = 5;
const LIMIT_MICROS: f64 = 30.0;

fn main() {
    let args: Vec<String> = std::env::args().collect();
    if args.iter().any(|arg| arg == "fake-node") {
        return node(&args);
    }
    let (mut direct, mut linked) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        direct.push(figures(true));
        linked.push(figures(false));
    }
    let (direct_micros, linked_micros) = (median(&direct, |f| f.micros), median(&linked, |f| f.micros));
    let (direct_rate, linked_rate) = (median(&direct, |f| f.per_second), median(&linked, |f| f.per_second));
    let cost = linked_micros - direct_micros;
    println!("one frame, median:   direct {direct_micros:.1} us, through a link {linked_micros:.1} us");
    println!("a link costs:        {cost:.1} us a frame (at most {LIMIT_MICROS} us is the aim)");
    println!(
        "frames one after the other, a second: direct {direct_rate:.0}, through a link {linked_rate:.0}"
    );
}

#[derive(Debug)]
struct Figures {
    /// One frame's way: half of a round trip, the median.
    micros: f64,
    per_second: f64,
}

fn median(all: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = all.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// What the measuring node says.
fn figures(direct: bool) -> Figures {
    let (sender, said) = channel();
    let program = std::env::current_exe().expect("this program");
    let options = LabOptions { direct, ..LabOptions::new(program, &["fake-node"], 2) };
    let lab = Lab::start(options, move |update| {
        if let News::Output { line, .. } = update.what {
            let _ = sender.send(line);
        }
    })
    .expect("a lab that starts");
    let figures = loop {
        let line = said.recv_timeout(Duration::from_mins(2)).expect("figures in time");
        let Some(figures) = line.split_once("figures ").map(|(_, figures)| figures) else { continue };
        let mut figures = figures.split(' ').map(|figure| figure.parse().expect("a figure"));
        let (Some(micros), Some(per_second)) = (figures.next(), figures.next()) else { continue };
        break Figures { micros, per_second };
    };
    lab.stop();
    figures
}

/// A node that only sends frames.
fn node(args: &[String]) {
    let value = |name: &str| {
        let at = args.iter().position(|arg| arg == name).expect("an argument that the lab gives");
        args[at + 1].clone()
    };
    let id: u64 = value("--node-id").parse().expect("an id");
    let listener = listen(value("--bind").parse().expect("an address")).expect("a port");
    let own = listener.local_addr().expect("an address");
    println!(r#"{{"event":"ready","id":{id},"raft":"{own}","client":"127.0.0.1:1","http":"127.0.0.1:1"}}"#);
    let (sender, received) = channel();
    thread::spawn(move || accept(&listener, id, &sender));
    let other = 3 - id;
    let cluster = value("--cluster");
    let address = cluster.split(',').nth(usize::from(other == 2)).expect("the other's address");
    let connection = dial(address.parse().expect("an address"), id, other);
    thread::spawn(move || if id == 1 { measure(connection, &received) } else { echo(connection, &received) });
    // The end of this pipe is the end of the lab.
    let _ = io::copy(&mut io::stdin(), &mut io::sink());
}

/// As a managed node listens: a port that was chosen beforehand is held for it by the lab.
fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    #[cfg(target_os = "linux")]
    socket.set_reuse_port(true)?;
    socket.bind(&address.into())?;
    socket.listen(8)?;
    Ok(socket.into())
}

fn accept(listener: &TcpListener, id: u64, received: &Sender<u64>) {
    while let Ok((connection, _)) = listener.accept() {
        let received = received.clone();
        thread::spawn(move || serve(&connection, id, &received));
    }
}

/// Takes frames in and says how many entries each has.
fn serve(mut connection: &TcpStream, id: u64, received: &Sender<u64>) -> io::Result<()> {
    connection.set_nodelay(true)?;
    let mut reader = BufReader::with_capacity(256 << 10, connection.try_clone()?);
    read(&mut reader)?;
    let id = NodeId(id);
    let challenge = Challenge { id, standing: None, challenge: Nonce::default(), proofs: Vec::new() };
    write(&mut connection, &frame::encode(&HelloReply::Challenge(challenge)))?;
    read(&mut reader)?;
    let accepted = HelloReply::Accepted { id, cluster: String::new() };
    write(&mut connection, &frame::encode(&accepted))?;
    loop {
        let content = read(&mut reader)?;
        let Ok(PeerFrame { message: Message::AppendEntries(append), .. }) = frame::decode("peer", &content)
        else {
            continue;
        };
        let _ = received.send(append.round);
    }
}

fn dial(address: SocketAddr, id: u64, other: u64) -> TcpStream {
    let role = Role::Peer {
        id: NodeId(id),
        to: NodeId(other),
        client_address: String::new(),
        raft_address: String::new(),
    };
    let hello = frame::encode(&Hello::new("", role));
    loop {
        let dialed = TcpStream::connect(address).and_then(|mut connection| {
            connection.set_nodelay(true)?;
            write(&mut connection, &hello)?;
            read(&mut connection)?;
            write(&mut connection, &frame::encode(&Confirmation::Proof(None)))?;
            read(&mut connection)?;
            Ok(connection)
        });
        match dialed {
            Ok(connection) => return connection,
            Err(_) => thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Asks for an answer with round 1, and counts with round 0.
fn append(from: u64, round: u64) -> Vec<u8> {
    let entry = |index| Entry {
        id: LogId { term: Term(1), index: LogIndex(index) },
        payload: Payload::Command(vec![7; 100].into()),
    };
    let message = AppendEntries {
        term: Term(1),
        prev: LogId::default(),
        entries: (1..=4).map(entry).collect(),
        commit: LogIndex(0),
        round,
    };
    frame::encode(&PeerFrame {
        from: NodeId(from),
        incarnation: raftdeck_raft::Incarnation([7; 16]),
        message: Message::AppendEntries(message),
    })
    .to_vec()
}

fn echo(mut connection: TcpStream, received: &Receiver<u64>) {
    let answer = append(2, 1);
    for round in received {
        if round == 1 && write(&mut connection, &answer).is_err() {
            return;
        }
    }
}

fn measure(mut connection: TcpStream, received: &Receiver<u64>) {
    let (asks, counts) = (append(1, 1), append(1, 0));
    let mut round_trip = || {
        let begun = Instant::now();
        write(&mut connection, &asks).expect("a connection");
        received.recv().expect("an answer");
        begun.elapsed()
    };
    // The other's connection back may not be there yet.
    for _ in 0..WARM_UP {
        round_trip();
    }
    let mut took: Vec<Duration> = (0..ROUND_TRIPS).map(|_| round_trip()).collect();
    took.sort_unstable();
    let micros = took[took.len() / 2].as_secs_f64() * 1e6 / 2.0;

    let mut batch = Vec::new();
    for _ in 0..100 {
        write(&mut batch, &counts).expect("memory");
    }
    let begun = Instant::now();
    for _ in 0..STREAM / 100 {
        connection.write_all(&batch).expect("a connection");
    }
    write(&mut connection, &asks).expect("a connection");
    received.recv().expect("an answer");
    #[expect(clippy::cast_precision_loss, reason = "a small number")]
    let per_second = STREAM as f64 / begun.elapsed().as_secs_f64();
    eprintln!("figures {micros} {per_second}");
}

fn read(mut from: impl Read) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let mut content = vec![0; u32::from_be_bytes(length) as usize];
    from.read_exact(&mut content)?;
    Ok(content)
}

fn write(mut to: impl Write, content: &[u8]) -> io::Result<()> {
    let length = u32::try_from(content.len()).map_err(io::Error::other)?;
    let mut framed = length.to_be_bytes().to_vec();
    framed.extend_from_slice(content);
    to.write_all(&framed)
}
