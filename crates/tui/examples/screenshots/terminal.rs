//! A program in a pseudo-terminal: its screen as cells, and its keyboard.

use crate::Result;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier};
use std::io::{Read, Write};
use std::num::NonZeroU16;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

pub(crate) struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    keyboard: Box<dyn Write + Send>,
    screen: Arc<Mutex<vt100::Parser>>,
    // Open as long as the program runs in it.
    _master: Box<dyn MasterPty + Send>,
    pub(crate) columns: u16,
    pub(crate) rows: u16,
}

impl Terminal {
    pub(crate) fn start(program: &str, args: &[&str], columns: u16, rows: u16) -> Result<Self> {
        let mut command = CommandBuilder::new(program);
        command.args(args);
        command.env("TERM", "xterm-256color");
        command.env_remove("NO_COLOR");
        let size = PtySize { rows, cols: columns, pixel_width: 0, pixel_height: 0 };
        let pair = native_pty_system().openpty(size)?;
        let child = pair.slave.spawn_command(command)?;
        let (keyboard, mut output) = (pair.master.take_writer()?, pair.master.try_clone_reader()?);
        let screen = Arc::new(Mutex::new(vt100::Parser::new(at_least_one(rows), at_least_one(columns), 0)));
        let shown = screen.clone();
        std::thread::spawn(move || {
            let mut bytes = [0; 8192];
            while let Ok(count @ 1..) = output.read(&mut bytes) {
                shown.lock().unwrap_or_else(PoisonError::into_inner).process(&bytes[..count]);
            }
        });
        Ok(Self { child, keyboard, screen, _master: pair.master, columns, rows })
    }

    pub(crate) fn press(&mut self, keys: &str) -> Result<()> {
        self.keyboard.write_all(keys.as_bytes())?;
        Ok(self.keyboard.flush()?)
    }

    /// Waits until the screen has this text, in one line.
    pub(crate) fn wait_for(&self, text: &str) -> Result<()> {
        self.wait_until(text, |terminal| terminal.shows(text))
    }

    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn(&Self) -> bool) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        while !is_so(self) {
            if Instant::now() > deadline {
                let screen = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
                return Err(format!("waited in vain for {what:?} on\n{}", screen.screen().contents()).into());
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    pub(crate) fn shows(&self, text: &str) -> bool {
        let parser = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        parser.screen().rows(0, self.columns).any(|row| row.contains(text))
    }

    /// The line that has this text.
    pub(crate) fn line_with(&self, text: &str) -> Option<String> {
        let parser = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        parser.screen().rows(0, self.columns).find(|row| row.contains(text))
    }

    /// What is on the screen now.
    pub(crate) fn cells(&self) -> Buffer {
        let parser = self.screen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut buffer = Buffer::empty(Rect::new(0, 0, self.columns, self.rows));
        for y in 0..self.rows {
            for x in 0..self.columns {
                let (Some(from), Some(to)) = (parser.screen().cell(y, x), buffer.cell_mut((x, y))) else {
                    continue;
                };
                if from.has_contents() {
                    to.set_symbol(from.contents());
                }
                to.set_fg(colour(from.fgcolor())).set_bg(colour(from.bgcolor()));
                let is_set = [
                    (from.bold(), Modifier::BOLD),
                    (from.dim(), Modifier::DIM),
                    (from.inverse(), Modifier::REVERSED),
                ];
                to.modifier =
                    is_set.into_iter().filter(|(is_set, _)| *is_set).map(|(_, modifier)| modifier).collect();
            }
        }
        buffer
    }
}

fn at_least_one(cells: u16) -> NonZeroU16 {
    NonZeroU16::new(cells).unwrap_or(NonZeroU16::MIN)
}

fn colour(colour: vt100::Color) -> Color {
    const COLOURS: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    match colour {
        vt100::Color::Idx(number) => {
            COLOURS.get(usize::from(number)).copied().unwrap_or(Color::Indexed(number))
        }
        vt100::Color::Rgb(r, g, b) => Color::Rgb(r, g, b),
        vt100::Color::Default => Color::Reset,
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.press("q");
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.child.try_wait(), Ok(None)) {
            if Instant::now() > deadline {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}
