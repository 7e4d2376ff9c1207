//! What the screen costs, measured at a pseudo-terminal of 120 by 40 with real nodes: `cargo bench -p raftdeck-tui --bench screen`.
//!
//! How long a key waits for the end of its frame, how many frames and bytes a quiet cluster is worth, and, on Linux, how much of a core
//! the deck and the process that hosts the cluster take. The last column is the target.

use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use raftdeck_client::{Client, Options};
use std::io::{Read, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

/// What went wrong, as a sentence.
type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// The mark at the end of each frame: the end of the synchronized output.
const END: &[u8] = b"\x1b[?2026l";

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long a state is observed.
const WATCHED: Duration = Duration::from_secs(10);

/// How many keys are pressed.
const KEYS: usize = 300;

/// Between a key and the frame before it: longer than a frame takes.
const BREATH: Duration = Duration::from_millis(37);

/// Writes under way at the same time, in this many clients.
const WRITERS: usize = 256;
const CLIENTS: usize = 16;

const BASE_PORT: u16 = 23_100;

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    for nodes in [5, 15] {
        let mut screen = Screen::start(nodes)?;
        println!("{nodes} nodes at default timing");
        quiet(&mut screen, nodes)?;
        let target = if nodes == 5 { "p50 2 ms, p99 8 ms" } else { "" };
        keys(&mut screen, "key to the end of its frame, quiet", target)?;
        frozen(&mut screen)?;
        if nodes == 5 {
            under_load(&mut screen)?;
        }
        screen.end()?;
    }
    Ok(())
}

fn row(what: &str, figure: &str, target: &str) {
    println!("  {what:<40} {figure:<34} {target}");
}

fn quiet(screen: &mut Screen, nodes: u16) -> Result<()> {
    screen.watch(Duration::from_secs(4))?;
    let before = screen.processor_times();
    let began = Instant::now();
    let seen = screen.watch(WATCHED)?;
    let time = began.elapsed().as_secs_f64();
    let share = |now: Option<f64>, before: Option<f64>| {
        let used = now.zip(before).map(|(now, before)| now - before);
        used.map_or_else(|| "?".to_owned(), |used| format!("{:.2} % of a core", used / time * 100.0))
    };
    let now = screen.processor_times();
    row("the deck", &share(now[0], before[0]), if nodes == 5 { "1.5 %" } else { "3 %" });
    row("the process that hosts the cluster", &share(now[1], before[1]), "");
    row("frames a second", &format!("{:.1}", float(seen.frames) / time), "");
    row("bytes a frame", &format!("{:.0}", float(seen.bytes) / float(seen.frames.max(1))), "1536");
    Ok(())
}

fn frozen(screen: &mut Screen) -> Result<()> {
    screen.press(b" ")?;
    screen.watch(Duration::from_secs(2))?;
    let seen = screen.watch(WATCHED / 2)?;
    row("frames while the world is frozen", &seen.frames.to_string(), "0");
    screen.press(b" ")?;
    screen.watch(Duration::from_secs(2))?;
    Ok(())
}

fn under_load(screen: &mut Screen) -> Result<()> {
    let written = Arc::new(AtomicU64::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let count = Arc::clone(&written);
    let writers = thread::spawn(move || runtime.block_on(write(count, stopped)));
    screen.watch(Duration::from_secs(2))?;
    let (began, before) = (Instant::now(), written.load(Ordering::Relaxed));
    keys(screen, "the same under full write load", "p99 16 ms")?;
    let rate = float(written.load(Ordering::Relaxed) - before) / began.elapsed().as_secs_f64();
    row("writes a second meanwhile", &format!("{rate:.0}"), "");
    // The other side may have ended already.
    let _ = stop.send(());
    writers.join().map_err(|_| "the writers panicked")??;
    Ok(())
}

/// Writes small values as fast as the cluster takes them.
async fn write(
    written: Arc<AtomicU64>,
    stopped: tokio::sync::oneshot::Receiver<()>,
) -> std::result::Result<(), String> {
    let address = format!("127.0.0.1:{}", BASE_PORT + 1000);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..CLIENTS {
        let client = Client::new(&[&address], Options::default()).map_err(|error| error.to_string())?;
        for writer in 0..WRITERS / CLIENTS {
            let (client, written) = (client.clone(), Arc::clone(&written));
            tasks.spawn(async move {
                loop {
                    if client.put(format!("key-{writer}"), "value").await.is_ok() {
                        written.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    }
    // An error says that it was dropped, which is a word too.
    let _ = stopped.await;
    tasks.abort_all();
    Ok(())
}

/// Presses keys that change the screen at once, each a moment after the frame before.
fn keys(screen: &mut Screen, what: &str, target: &str) -> Result<()> {
    let mut took = Vec::new();
    for number in 0..KEYS {
        screen.watch(BREATH)?;
        let pressed = Instant::now();
        screen.press(if number.is_multiple_of(2) { b"1" } else { b"3" })?;
        screen.frame()?;
        took.push(pressed.elapsed());
    }
    took.sort_unstable();
    let at = |percent: usize| took[(KEYS - 1) * percent / 100].as_secs_f64() * 1e3;
    row(what, &format!("p50 {:.1} ms, p99 {:.1} ms", at(50), at(99)), target);
    Ok(())
}

#[expect(clippy::cast_precision_loss, reason = "figures for people")]
fn float(count: u64) -> f64 {
    count as f64
}

/// What came within a time.
#[derive(Default)]
struct Seen {
    bytes: u64,
    frames: u64,
}

/// The deck in a pseudo-terminal.
struct Screen {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    output: Receiver<Vec<u8>>,
    /// The end of what was read, in which the beginning of a mark may be.
    tail: Vec<u8>,
    // Open as long as the program runs in it.
    _master: Box<dyn MasterPty + Send>,
}

impl Screen {
    fn start(nodes: u16) -> Result<Self> {
        let mut command = CommandBuilder::new(env!("CARGO_BIN_EXE_raftdeck"));
        command.args(["--nodes", &nodes.to_string(), "--base-port", &BASE_PORT.to_string()]);
        command.env("TERM", "xterm-256color");
        let size = PtySize { rows: 40, cols: 120, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size)?;
        let child = pair.slave.spawn_command(command)?;
        let (keyboard, mut reader) = (pair.master.take_writer()?, pair.master.try_clone_reader()?);
        let (send, output) = channel();
        thread::spawn(move || {
            let mut bytes = vec![0; 1 << 16];
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if send.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self { child, keyboard, output, tail: Vec::new(), _master: pair.master })
    }

    fn press(&mut self, keys: &[u8]) -> Result<()> {
        self.keyboard.write_all(keys)?;
        Ok(self.keyboard.flush()?)
    }

    /// What comes within this time.
    fn watch(&mut self, time: Duration) -> Result<Seen> {
        let until = Instant::now() + time;
        let mut seen = Seen::default();
        loop {
            match self.output.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(bytes) => {
                    seen.bytes += bytes.len() as u64;
                    seen.frames += self.ends(&bytes);
                }
                Err(RecvTimeoutError::Timeout) => return Ok(seen),
                Err(RecvTimeoutError::Disconnected) => return Err("the deck ended".into()),
            }
        }
    }

    /// Waits for the end of a frame.
    fn frame(&mut self) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        loop {
            let bytes = self.output.recv_timeout(until.saturating_duration_since(Instant::now()))?;
            if self.ends(&bytes) > 0 {
                return Ok(());
            }
        }
    }

    /// How many frames end with these bytes.
    fn ends(&mut self, bytes: &[u8]) -> u64 {
        self.tail.extend_from_slice(bytes);
        let count = self.tail.windows(END.len()).filter(|window| *window == END).count();
        let kept = self.tail.len().min(END.len() - 1);
        self.tail.drain(..self.tail.len() - kept);
        count as u64
    }

    /// The processor times of the deck and of the process that hosts its cluster, in seconds, where the system tells them.
    fn processor_times(&self) -> [Option<f64>; 2] {
        let deck = self.child.process_id();
        let host = deck.and_then(|deck| {
            let children = std::fs::read_to_string(format!("/proc/{deck}/task/{deck}/children")).ok()?;
            let is_host = |pid: &u32| {
                std::fs::read(format!("/proc/{pid}/cmdline"))
                    .is_ok_and(|line| line.split(|byte| *byte == 0).any(|word| word == b"host-cluster"))
            };
            children.split_whitespace().filter_map(|pid| pid.parse().ok()).find(is_host)
        });
        [deck, host].map(|pid| pid.and_then(processor_time))
    }

    fn end(mut self) -> Result<()> {
        self.press(b"q")?;
        let until = Instant::now() + PATIENCE;
        while self.child.try_wait()?.is_none() {
            if Instant::now() > until {
                self.child.kill()?;
                return Err("the deck does not quit".into());
            }
            // Its output must be read, or it waits with its last frame.
            let _ = self.output.recv_timeout(Duration::from_millis(10));
        }
        Ok(())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        // It has ended in order already, unless something failed.
        let _ = self.child.kill();
    }
}

/// In seconds; `/proc` counts in hundredths.
fn processor_time(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let after_name = stat.rsplit_once(')')?.1;
    let figures: Vec<&str> = after_name.split_whitespace().collect();
    let ticks = |place: usize| figures.get(place)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}
