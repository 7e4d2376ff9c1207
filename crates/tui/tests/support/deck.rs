//! The deck in a pseudo-terminal: its screen is read, keys are pressed, its end is judged.

use super::{PATIENCE, alone, eventually, processes};
use portable_pty::{Child, CommandBuilder, ExitStatus, MasterPty, PtySize, SlavePty, native_pty_system};
use rustix::process::Signal;
use std::fs;
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Instant;
use tempfile::TempDir;

/// The program under test.
pub(crate) const RAFTDECK: &str = env!("CARGO_BIN_EXE_raftdeck");

/// A program in a pseudo-terminal. Dropped, it ends with everything it started.
pub(crate) struct Deck {
    child: Box<dyn Child + Send + Sync>,
    pid: u32,
    /// Every node that was seen, to make sure that none is left behind.
    nodes: Vec<u32>,
    keyboard: Box<dyn Write + Send>,
    terminal: Option<Terminal>,
    // A killed deck cannot remove its temporary directory.
    _temporary: TempDir,
    _alone: MutexGuard<'static, ()>,
}

/// The terminal's side.
struct Terminal {
    master: Box<dyn MasterPty + Send>,
    // Held, so that what was written last can be read after the program's end.
    slave: Option<Box<dyn SlavePty + Send>>,
    shown: Arc<Shown>,
    closing: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

/// What was written to the terminal.
struct Shown {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    parser: vt100::Parser<Frames>,
    bytes: u64,
}

/// A frame that is being written: a terminal shows it when it is whole (synchronized update, DEC private mode 2026).
#[derive(Default)]
struct Frames {
    is_open: bool,
}

impl vt100::Callbacks for Frames {
    fn unhandled_csi(
        &mut self,
        _: &mut vt100::Screen,
        first: Option<u8>,
        _: Option<u8>,
        params: &[&[u16]],
        last: char,
    ) {
        if first == Some(b'?') && params.contains(&&[2026][..]) {
            self.is_open = last == 'h';
        }
    }
}

impl Deck {
    /// `raftdeck` with these arguments on a terminal of this size.
    pub(crate) fn start(args: &[&str], columns: u16, rows: u16) -> Self {
        let mut command = CommandBuilder::new(RAFTDECK);
        command.args(args);
        Self::spawn(command, columns, rows)
    }

    /// Any program on a terminal of this size.
    pub(crate) fn spawn(command: CommandBuilder, columns: u16, rows: u16) -> Self {
        Self::spawn_in(command, &[], columns, rows)
    }

    /// A deck with these arguments, which keeps where somebody is in this folder.
    pub(crate) fn spawn_keeping(args: &[&str], state: &Path, (columns, rows): (u16, u16)) -> Self {
        let mut command = CommandBuilder::new(RAFTDECK);
        command.args(args);
        command.env("XDG_STATE_HOME", state);
        Self::spawn(command, columns, rows)
    }

    /// Quits it, and it leaves the terminal as it was.
    pub(crate) fn quits(mut self) {
        self.press("q");
        assert_eq!(self.end(), 0);
        self.wait_restored();
    }

    /// Any program on a terminal of this size, with these variables.
    pub(crate) fn spawn_in(
        mut command: CommandBuilder,
        environment: &[(&str, &str)],
        columns: u16,
        rows: u16,
    ) -> Self {
        let alone = alone();
        let temporary = tempfile::tempdir().expect("a temporary directory can be made");
        command.env("TMPDIR", temporary.path());
        command.env("TERM", "xterm-256color");
        command.env("LC_ALL", "C.UTF-8");
        // Nobody's own settings and progress, and not a first start, unless the test says so.
        command.env("XDG_CONFIG_HOME", temporary.path());
        if command.iter_extra_env_as_str().all(|(name, _)| name != "XDG_STATE_HOME") {
            know_tour(temporary.path());
            command.env("XDG_STATE_HOME", temporary.path());
        }
        for name in ["NO_COLOR", "COLORTERM", "RAFTDECK_THEME"] {
            command.env_remove(name);
        }
        for (name, value) in environment {
            command.env(name, value);
        }
        command.cwd(Path::new("/"));
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size).expect("a pseudo-terminal can be opened");
        let child = pair.slave.spawn_command(command).expect("the program can be started");
        let pid = child.process_id().expect("the program has a process id");
        let keyboard = pair.master.take_writer().expect("the terminal can be written to");
        let terminal = Terminal::new(pair.master, pair.slave, columns, rows);
        let terminal = Some(terminal);
        Self { child, pid, nodes: Vec::new(), keyboard, terminal, _temporary: temporary, _alone: alone }
    }

    /// The program's process.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// The program's children, which must be this many; they are remembered.
    pub(crate) fn nodes(&mut self, count: usize) -> Vec<u32> {
        let pid = self.pid;
        let nodes = eventually(&format!("{count} children"), || {
            Some(processes::children(pid)).filter(|children| children.len() == count)
        });
        self.nodes.extend(&nodes);
        nodes
    }

    /// Waits until the screen is as wanted; panics with the screen if it never is.
    pub(crate) fn wait_for(&self, what: &str, mut wanted: impl FnMut(&vt100::Screen) -> bool) {
        let terminal = self.terminal.as_ref().expect("the terminal is open");
        let deadline = Instant::now() + PATIENCE;
        let mut state = terminal.shown.state.lock().unwrap();
        while state.parser.callbacks().is_open || !wanted(state.parser.screen()) {
            let left = deadline.saturating_duration_since(Instant::now());
            let screen = state.parser.screen().contents();
            assert!(!left.is_zero(), "waited in vain: {what}; the screen:\n{screen}");
            (state, _) = terminal.shown.changed.wait_timeout(state, left).unwrap();
        }
    }

    /// Waits until this text is on the screen.
    pub(crate) fn wait_for_text(&self, text: &str) {
        self.wait_for(&format!("\"{text}\" on the screen"), |screen| screen.contents().contains(text));
    }

    /// Looks at the screen.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&vt100::Screen) -> T) -> T {
        let mut look = Some(look);
        let mut seen = None;
        self.wait_for("a whole frame", |screen| {
            seen = look.take().map(|look| look(screen));
            true
        });
        seen.expect("the wait is over")
    }

    /// How many bytes were written to the terminal so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.terminal.as_ref().expect("the terminal is open").shown.state.lock().unwrap().bytes
    }

    /// Presses keys.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
        self.keyboard.flush().unwrap();
    }

    /// Changes the terminal's size.
    pub(crate) fn resize(&self, columns: u16, rows: u16) {
        let terminal = self.terminal.as_ref().expect("the terminal is open");
        terminal.shown.state.lock().unwrap().parser.screen_mut().set_size(cells(rows), cells(columns));
        terminal.master.resize(PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 }).unwrap();
    }

    /// Closes the terminal, as a closed window does. The program must be drawing from time to time.
    pub(crate) fn close_terminal(&mut self) {
        let mut terminal = self.terminal.take().expect("the terminal is open");
        terminal.closing.store(true, Ordering::SeqCst);
        // Has the program draw, so that the reader wakes and sees that it is to stop.
        self.press("?");
        terminal.reader.take().unwrap().join().unwrap();
        self.keyboard = Box::new(std::io::sink());
    }

    /// Sends a signal to the program.
    pub(crate) fn signal(&self, signal: Signal) {
        processes::send(self.pid, signal);
    }

    /// Waits until the program has ended by itself and every node that was seen is gone; its exit status.
    pub(crate) fn end(&mut self) -> u32 {
        let status = self.wait_gone();
        assert_eq!(status.signal(), None, "it ends by itself");
        status.exit_code()
    }

    /// Waits until the program was ended by a signal and every node that was seen is gone.
    pub(crate) fn end_killed(&mut self) {
        let status = self.wait_gone();
        assert!(status.signal().is_some(), "it ended by itself, with {}", status.exit_code());
    }

    fn wait_gone(&mut self) -> ExitStatus {
        let child = &mut self.child;
        let status = eventually("the deck ends", || child.try_wait().unwrap());
        if !self.nodes.is_empty() {
            processes::wait_gone(&self.nodes);
        }
        status
    }

    /// Whether the terminal is as a shell wants it: main screen, visible cursor, no mouse reports, cooked input.
    pub(crate) fn is_restored(&self) -> bool {
        let terminal = self.terminal.as_ref().expect("the terminal is open");
        let cooked = terminal.master.get_termios().is_some_and(|termios| {
            let modes = format!("{:?}", termios.local_flags);
            modes.contains("ECHO") && modes.contains("ICANON")
        });
        let plain = self.look(|screen| {
            !screen.alternate_screen()
                && !screen.hide_cursor()
                && !screen.bracketed_paste()
                && screen.mouse_protocol_mode() == vt100::MouseProtocolMode::None
        });
        cooked && plain
    }

    /// Waits until the terminal is given back; what was written last may still be on its way.
    pub(crate) fn wait_restored(&self) {
        eventually("the terminal is given back", || self.is_restored().then_some(()));
    }
}

impl Drop for Deck {
    fn drop(&mut self) {
        // After a failed assertion: leave nobody behind. The nodes follow the deck.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Terminal {
    fn new(
        master: Box<dyn MasterPty + Send>,
        slave: Box<dyn SlavePty + Send>,
        columns: u16,
        rows: u16,
    ) -> Self {
        let shown = Arc::new(Shown {
            state: Mutex::new(State {
                parser: vt100::Parser::new_with_callbacks(cells(rows), cells(columns), 0, Frames::default()),
                bytes: 0,
            }),
            changed: Condvar::new(),
        });
        let closing = Arc::new(AtomicBool::new(false));
        let mut output = master.try_clone_reader().expect("the terminal can be read");
        let reader = std::thread::spawn({
            let (shown, closing) = (Arc::clone(&shown), Arc::clone(&closing));
            move || {
                let mut bytes = [0; 1 << 13];
                while let Ok(count @ 1..) = output.read(&mut bytes) {
                    let mut state = shown.state.lock().unwrap();
                    state.parser.process(&bytes[..count]);
                    state.bytes += count as u64;
                    shown.changed.notify_all();
                    if closing.load(Ordering::SeqCst) {
                        return;
                    }
                }
            }
        });
        Self { master, slave: Some(slave), shown, closing, reader: Some(reader) }
    }
}

/// The decks whose state is kept here were started before, as far as they know.
fn know_tour(state: &Path) {
    let folder = state.join("raftdeck");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("lessons.json"), r#"{ "tour offered": true }"#).unwrap();
}

fn cells(count: u16) -> NonZeroU16 {
    NonZeroU16::new(count).expect("a terminal has at least one row and column")
}

/// Control and a letter.
pub(crate) fn ctrl(letter: char) -> String {
    char::from(letter.to_ascii_uppercase() as u8 - b'@').to_string()
}
