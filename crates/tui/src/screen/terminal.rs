//! The terminal: taking it over, restoring it on every exit path, and one write per frame.
//!
//! There is one terminal, so its state is the process's. Whichever restores it first, the loop or a panic on any thread, does so for
//! all, and nothing is drawn after that.

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste};
use crossterm::queue;
use crossterm::style::ResetColor;
use crossterm::terminal::{
    BeginSynchronizedUpdate, Clear, ClearType, EndSynchronizedUpdate, EnterAlternateScreen,
    LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use raftdeck_deck::view::Link;
use ratatui::backend::{Backend, CrosstermBackend, WindowSize};
use ratatui::buffer::Cell;
use ratatui::layout::{Position, Size};
use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;
use std::sync::{Mutex, MutexGuard, TryLockError};
use std::thread;
use std::time::Duration;

/// What is switched on and must be switched off.
#[derive(Clone, Copy, Debug)]
pub struct TerminalModes {
    /// The mouse is reported.
    pub mouse: bool,
    /// The whole screen is drawn on, the alternate one. Otherwise lines are added to what is there.
    pub drawn: bool,
}

/// Reports presses, movements while a button is pressed, and the wheel, in the form without a limit to the column. Not every
/// movement, as crossterm's own command would: each would wake the deck needlessly.
const CLICKS_DRAGS_AND_WHEEL: &[u8] = b"\x1b[?1002h\x1b[?1006h";

/// `None`: the terminal is as the shell left it. Locked while a frame is written, so that none is cut in two.
static TAKEN: Mutex<Option<TerminalModes>> = Mutex::new(None);

/// Takes the terminal over: raw mode, bracketed paste, and the alternate screen and the mouse if wanted. Called again after a stop:
/// everything is set again, whatever the shell changed meanwhile.
pub fn enter(modes: TerminalModes) -> io::Result<()> {
    let mut taken = lock();
    // A shell may have restored its own modes while the deck was stopped; crossterm keeps the first ones it saw.
    if taken.is_some() {
        disable_raw_mode()?;
    }
    enable_raw_mode()?;
    *taken = Some(modes);
    let mut bytes = Vec::new();
    queue!(bytes, EnableBracketedPaste)?;
    if modes.drawn {
        queue!(bytes, EnterAlternateScreen, Hide, Clear(ClearType::All))?;
    }
    if modes.mouse {
        bytes.extend_from_slice(CLICKS_DRAGS_AND_WHEEL);
    }
    write(&bytes)
}

/// Has a terminal that was taken over report the mouse, or keep it.
pub fn capture_mouse(is_wanted: bool) -> io::Result<()> {
    let mut taken = lock();
    let Some(modes) = &mut *taken else { return Ok(()) };
    modes.mouse = is_wanted;
    if is_wanted {
        return write(CLICKS_DRAGS_AND_WHEEL);
    }
    let mut bytes = Vec::new();
    queue!(bytes, DisableMouseCapture)?;
    write(&bytes)
}

/// Restores the terminal, once. Errors are ignored here: everything possible is restored.
pub fn leave() {
    let Some(mut state) = lock_soon() else { return give_back(TerminalModes { mouse: true, drawn: true }) };
    if let Some(taken) = state.take() {
        give_back(taken);
    }
}

fn give_back(modes: TerminalModes) {
    let mut bytes = Vec::new();
    if modes.drawn {
        let _ = queue!(bytes, EndSynchronizedUpdate);
    }
    if modes.mouse {
        let _ = queue!(bytes, DisableMouseCapture);
    }
    let _ = queue!(bytes, DisableBracketedPaste);
    if modes.drawn {
        let _ = queue!(bytes, ResetColor, LeaveAlternateScreen, Show);
    }
    let _ = write(&bytes);
    let _ = disable_raw_mode();
}

/// Has every panic, on any thread, restore the terminal before it is printed, and `then` do the rest.
pub fn restore_on_panic(then: impl Fn() + Send + Sync + 'static) {
    let report = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        leave();
        report(panic);
        then();
    }));
}

/// Writes to the terminal, at once.
pub(super) fn write(bytes: &[u8]) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(bytes)?;
    out.flush()
}

fn lock() -> MutexGuard<'static, Option<TerminalModes>> {
    TAKEN.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// The lock, unless a frame is stuck on its way to a stalled terminal, or this very thread panicked writing it.
fn lock_soon() -> Option<MutexGuard<'static, Option<TerminalModes>>> {
    for _ in 0..50 {
        match TAKEN.try_lock() {
            Ok(guard) => return Some(guard),
            Err(TryLockError::Poisoned(guard)) => return Some(guard.into_inner()),
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(10)),
        }
    }
    None
}

/// The backend for ratatui: gathers a frame and writes it in one call, and writes nothing for a frame without changes.
#[derive(Debug)]
pub struct Canvas {
    /// The bytes of the frame.
    bytes: Vec<u8>,
    /// Where the cursor is shown, as the terminal knows it.
    cursor: Option<Position>,
    /// The cursor position of this frame.
    wanted: Cursor,
    /// Whether this frame changes anything.
    changed: bool,
    /// What in the next frame refers to pages.
    links: FrameLinks,
    /// Whether the terminal gets them: one that does not know OSC 8 may show their marks.
    has_links: bool,
}

/// What in a frame refers to pages. Shared, because it is known only while the frame is drawn.
pub type FrameLinks = Rc<RefCell<Vec<Link>>>;

#[derive(Clone, Copy, Debug, Default)]
struct Cursor {
    position: Position,
    shown: bool,
}

impl Canvas {
    /// For a terminal that [`enter`] took over, with its cursor hidden.
    #[must_use]
    pub fn new() -> Self {
        let term = std::env::var("TERM").unwrap_or_default();
        let has_links = !matches!(term.as_str(), "" | "dumb" | "linux");
        let (bytes, wanted, links) = (Vec::new(), Cursor::default(), FrameLinks::default());
        Self { bytes, cursor: None, wanted, changed: false, links, has_links }
    }

    /// Where the links of the next frame are put before it is drawn.
    #[must_use]
    pub fn links(&self) -> FrameLinks {
        Rc::clone(&self.links)
    }

    /// Draws cells; those of a link between its marks (OSC 8).
    fn draw_linked(&mut self, cells: &[(u16, u16, &Cell)]) -> io::Result<()> {
        let links = self.links.borrow();
        let link_at = |(x, y, _): &(u16, u16, &Cell)| {
            links.iter().position(|link| link.area.contains(Position::new(*x, *y)))
        };
        for run in cells.chunk_by(|one, next| link_at(one) == link_at(next)) {
            let link = run.first().and_then(link_at).map(|place| &links[place]);
            if let Some(Link { url, .. }) = link {
                write!(self.bytes, "\x1b]8;;{url}\x1b\\")?;
            }
            CrosstermBackend::new(&mut self.bytes).draw(run.iter().copied())?;
            if link.is_some() {
                self.bytes.extend_from_slice(b"\x1b]8;;\x1b\\");
            }
        }
        Ok(())
    }

    /// The terminal was taken over again: its cursor is hidden again.
    pub fn forget(&mut self) {
        self.cursor = None;
    }

    /// Adds a sequence that is for the terminal itself to the next frame.
    pub fn pass(&mut self, sequence: &[u8]) {
        self.changed |= !sequence.is_empty();
        self.bytes.extend_from_slice(sequence);
    }

    /// Writes the frame that was drawn, if it changes anything; returns the number of bytes written.
    pub fn present(&mut self) -> io::Result<usize> {
        let wanted = self.wanted.shown.then_some(self.wanted.position);
        if !self.changed && wanted == self.cursor {
            self.bytes.clear();
            return Ok(0);
        }
        let mut bytes = Vec::with_capacity(self.bytes.len() + 64);
        queue!(bytes, BeginSynchronizedUpdate)?;
        if self.cursor.is_some() {
            queue!(bytes, Hide)?;
        }
        bytes.append(&mut self.bytes);
        if let Some(Position { x, y }) = wanted {
            queue!(bytes, MoveTo(x, y), Show)?;
        }
        queue!(bytes, EndSynchronizedUpdate)?;
        self.cursor = wanted;
        self.changed = false;
        let taken = lock();
        if taken.is_none() {
            // A panic elsewhere restored the terminal: the frame would land in the shell.
            return Ok(0);
        }
        write(&bytes)?;
        Ok(bytes.len())
    }
}

impl Default for Canvas {
    fn default() -> Self {
        Self::new()
    }
}

impl Backend for Canvas {
    type Error = io::Error;

    fn draw<'a, I>(&mut self, content: I) -> io::Result<()>
    where
        I: Iterator<Item = (u16, u16, &'a Cell)>,
    {
        let mut content = content.peekable();
        if content.peek().is_none() {
            return Ok(());
        }
        self.changed = true;
        if self.has_links && !self.links.borrow().is_empty() {
            return self.draw_linked(&content.collect::<Vec<_>>());
        }
        CrosstermBackend::new(&mut self.bytes).draw(content)
    }

    fn hide_cursor(&mut self) -> io::Result<()> {
        self.wanted.shown = false;
        Ok(())
    }

    fn show_cursor(&mut self) -> io::Result<()> {
        self.wanted.shown = true;
        Ok(())
    }

    /// The position that was set last: asking the terminal would take the answer from the thread that reads the keys.
    fn get_cursor_position(&mut self) -> io::Result<Position> {
        Ok(self.wanted.position)
    }

    fn set_cursor_position<P: Into<Position>>(&mut self, position: P) -> io::Result<()> {
        self.wanted.position = position.into();
        Ok(())
    }

    fn clear(&mut self) -> io::Result<()> {
        self.changed = true;
        CrosstermBackend::new(&mut self.bytes).clear()
    }

    fn clear_region(&mut self, region: ratatui::backend::ClearType) -> io::Result<()> {
        self.changed = true;
        CrosstermBackend::new(&mut self.bytes).clear_region(region)
    }

    fn size(&self) -> io::Result<Size> {
        CrosstermBackend::new(io::sink()).size()
    }

    fn window_size(&mut self) -> io::Result<WindowSize> {
        CrosstermBackend::new(io::sink()).window_size()
    }

    /// A frame is written by [`Canvas::present`].
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::style::Color;

    fn cell() -> Cell {
        let mut cell = Cell::new("x");
        cell.set_fg(Color::Blue);
        cell
    }

    #[test]
    fn a_frame_that_changes_nothing_is_not_written() {
        let mut canvas = Canvas::new();
        canvas.draw(std::iter::empty()).unwrap();
        canvas.hide_cursor().unwrap();
        assert!(!canvas.changed);
        assert_eq!(canvas.present().unwrap(), 0);
        assert!(canvas.bytes.is_empty());
    }

    #[test]
    fn a_link_is_marked_and_nothing_beside_it() {
        let mut canvas = Canvas { has_links: true, ..Canvas::new() };
        let area = ratatui::layout::Rect::new(1, 0, 2, 1);
        canvas.links().replace(vec![Link { area, url: "https://raft.github.io".to_owned() }]);
        let (a, b) = (Cell::new("a"), Cell::new("b"));
        canvas.draw([(0, 0, &a), (1, 0, &b), (2, 0, &b), (3, 0, &a)].into_iter()).unwrap();
        let drawn = String::from_utf8(canvas.bytes.clone()).unwrap();
        let (before, linked) = drawn.split_once("\x1b]8;;https://raft.github.io\x1b\\").unwrap();
        let (linked, after) = linked.split_once("\x1b]8;;\x1b\\").unwrap();
        assert!(before.contains('a') && !before.contains('b'));
        assert_eq!((linked.matches('b').count(), linked.matches('a').count()), (2, 0));
        assert!(after.contains('a') && !after.contains("]8;"));
        canvas.has_links = false;
        canvas.bytes.clear();
        canvas.draw([(1, 0, &b)].into_iter()).unwrap();
        assert!(!String::from_utf8(canvas.bytes.clone()).unwrap().contains("]8;"));
    }

    #[test]
    fn nothing_is_drawn_on_a_terminal_that_was_given_back() {
        let mut canvas = Canvas::new();
        let cell = cell();
        canvas.draw(std::iter::once((0, 0, &cell))).unwrap();
        assert!(canvas.changed);
        assert_eq!(canvas.present().unwrap(), 0, "the terminal was never taken");
        assert!(canvas.bytes.is_empty() && !canvas.changed);
    }
}
