//! What a class on its phones costs the deck: `cargo bench -p raftdeck-tui --bench audience`.
//!
//! How long a key takes, from the press to the drawn frame: without a class, and with 300 phones that follow the picture of the cluster
//! at ten a second and answer. The phones are simulated by this process, so they take processor time that real ones bring along.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use raftdeck_deck::app::audience::{AudiencePage, PollPage, PollState};
use raftdeck_deck::app::{App, Msg, Settings, update};
use raftdeck_deck::svg::picture;
use raftdeck_deck::view::view;
use raftdeck_model::{News, NodeView, ProcessState, RaftView, Update};
use raftdeck_raft::{LogId, LogIndex, NodeId, Role, Term};
use raftdeck_tui::audience::Audience;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

const PHONES: usize = 300;
const NODES: u64 = 5;

/// Between two pictures of the cluster.
const STEP: Duration = Duration::from_millis(100);

/// How many keys are pressed, and how long after each other.
const KEYS: usize = 400;
const BREATH: Duration = Duration::from_millis(23);

fn main() -> Result<()> {
    let mut deck = Deck::new();
    deck.measure("without a class", None);
    let audience = Audience::start((Ipv4Addr::LOCALHOST, 0).into(), drop)?;
    audience.show(question());
    let place = audience.join_url().strip_prefix("http://").ok_or("an address of HTTP")?;
    let (address, code) = place.split_once('/').ok_or("an address with a code")?;
    let phones = (0..PHONES).map(|_| join(address, code)).collect::<Result<Vec<_>>>()?;
    let bytes = Arc::new(AtomicU64::new(0));
    let read = Arc::clone(&bytes);
    thread::spawn(move || follow(phones, &read));
    let (began, before) = (Instant::now(), bytes.load(Ordering::Relaxed));
    deck.measure(&format!("with {PHONES} phones following"), Some(&audience));
    let seconds = began.elapsed().as_secs_f64();
    let sent = bytes.load(Ordering::Relaxed) - before;
    println!("  {:<40} {:.1} MB/s", "sent to the phones", float(sent) / seconds / 1e6);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn float(count: u64) -> f64 {
    count as f64
}

fn question() -> AudiencePage {
    let options = ["At once", "After an election timeout", "Never"].map(str::to_owned).to_vec();
    let question = "When does it step down?".to_owned();
    let poll = PollPage { number: 1, question, options, state: PollState::Open };
    AudiencePage { poll: Some(poll), ..AudiencePage::default() }
}

/// Loads the page, answers the question, and asks for the stream with the picture.
fn join(address: &str, code: &str) -> Result<TcpStream> {
    let mut page = BufReader::new(TcpStream::connect(address)?);
    write!(page.get_mut(), "GET /{code} HTTP/1.1\r\nhost: class.test\r\nconnection: close\r\n\r\n")?;
    let mut line = String::new();
    let cookie = loop {
        line.clear();
        if page.read_line(&mut line)? == 0 {
            return Err("the page sets no cookie".into());
        }
        if let Some(cookie) = line.to_lowercase().strip_prefix("set-cookie: ") {
            let name_ends = cookie.find('=').ok_or("a cookie has a value")?;
            let value = cookie[name_ends..].split(';').next().unwrap_or_default();
            break format!("raftdeck-{code}{value}");
        }
    };
    let (host, body) = ("host: class.test", "{\"poll\":1,\"option\":1}");
    let mut answer = TcpStream::connect(address)?;
    let length = body.len();
    write!(
        answer,
        "POST /{code}/answer HTTP/1.1\r\n{host}\r\ncookie: {cookie}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )?;
    let mut said = String::new();
    answer.read_to_string(&mut said)?;
    if !said.starts_with("HTTP/1.1 200") {
        return Err(format!("the answer was refused: {said}").into());
    }
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET /{code}/events?picture HTTP/1.1\r\n{host}\r\ncookie: {cookie}\r\n\r\n")?;
    stream.set_nonblocking(true)?;
    Ok(stream)
}

/// Reads what comes, until the process ends.
fn follow(phones: Vec<TcpStream>, bytes: &Arc<AtomicU64>) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut all = tokio::task::JoinSet::new();
        for phone in phones {
            let (mut phone, bytes) = (tokio::net::TcpStream::from_std(phone)?, Arc::clone(bytes));
            all.spawn(async move {
                let mut buffer = vec![0; 1 << 14];
                while let Ok(count @ 1..) = phone.read(&mut buffer).await {
                    bytes.fetch_add(count as u64, Ordering::Relaxed);
                }
            });
        }
        all.join_all().await;
        Ok(())
    })
}

/// A deck that draws into memory.
struct Deck {
    app: App,
    terminal: Terminal<TestBackend>,
    began: Instant,
    updates: u64,
}

impl Deck {
    fn new() -> Self {
        let backend = TestBackend::new(120, 40);
        let terminal = Terminal::new(backend).unwrap_or_else(|error| match error {});
        let mut deck =
            Self { app: App::new(Settings::default()), terminal, began: Instant::now(), updates: 0 };
        let nodes = (1..=NODES).map(NodeId).collect();
        deck.tell(News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() });
        for id in 1..=NODES {
            deck.tell(News::Process { node: NodeId(id), state: ProcessState::Running { pid: None } });
        }
        deck
    }

    fn tell(&mut self, what: News) {
        self.updates += 1;
        let at = self.began.elapsed();
        // Where there is a cluster, its effects go to it.
        drop(update(&mut self.app, Msg::Told(Update { at, seq: self.updates, what }), at));
    }

    /// Something that changes the picture: every node reports that its log has grown.
    fn grow(&mut self, index: u64) {
        for id in (1..=NODES).map(NodeId) {
            let role = if id.0 == 1 { Role::Leader } else { Role::Follower };
            let raft = RaftView {
                leader: Some(NodeId(1)).into(),
                last: LogId { term: Term(1), index: LogIndex(index) }.into(),
                committed: LogIndex(index).into(),
                ..RaftView::new(id, Term(1), role)
            };
            self.tell(News::Status { node: id, status: Box::new(NodeView::new(raft)) });
        }
    }

    fn measure(&mut self, what: &str, audience: Option<&Audience>) {
        let mut took = Vec::with_capacity(KEYS);
        let (mut drawn_at, mut index) = (Instant::now(), 1);
        for number in 0..KEYS {
            thread::sleep(BREATH);
            if drawn_at.elapsed() >= STEP {
                drawn_at = Instant::now();
                index += 1;
                self.grow(index);
            }
            let pressed = Instant::now();
            if let Some(audience) = audience {
                // The deck's own part, which a key may have to wait for.
                audience.picture(picture(self.app.world(), &BTreeSet::new()).into());
            }
            self.press(if number.is_multiple_of(2) { '1' } else { '2' });
            took.push(pressed.elapsed());
        }
        took.sort_unstable();
        let at = |percent: usize| took[(KEYS - 1) * percent / 100].as_secs_f64() * 1e3;
        println!("  {what:<40} p50 {:.2} ms, p99 {:.2} ms", at(50), at(99));
    }

    fn press(&mut self, key: char) {
        let now = self.began.elapsed();
        let key = Msg::Key(KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE));
        drop(update(&mut self.app, key, now));
        let app = &self.app;
        let mut landed = None;
        let Ok(_) = self.terminal.draw(|frame| landed = Some(view(app, now, frame)));
        if let Some(landed) = landed {
            self.app.set_landed(landed);
        }
    }
}
