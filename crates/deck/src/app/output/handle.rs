//! The deck's handle of the state of tui-logger's widgets.
//!
//! That state can be told and not asked: so the deck keeps what matters itself ([`Output`](super::Output): levels, focus, the selected
//! target), and each drawing brings the widgets there first. Only where the log is scrolled to is the widgets' own, since they alone
//! know what fits on a page. [`update`](crate::app::update) tells them to turn pages and never asks where they are.

use super::Output;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tui_logger::{TuiWidgetEvent, TuiWidgetState};

/// Where to scroll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// Towards older lines.
    Back,
    /// Towards newer lines.
    On,
    /// To the oldest line: at the next drawing, which knows the lines.
    Oldest,
    /// To the newest line, and from then on with it.
    Newest,
}

/// The state of the widgets.
#[derive(Default)]
pub(crate) struct LogHandle(Mutex<Steered>);

/// The state, and what it was told so far.
#[derive(Default)]
pub(crate) struct Steered {
    state: TuiWidgetState,
    place: usize,
    is_focused: bool,
    /// The oldest line is to be shown.
    pub(crate) to_oldest: bool,
}

impl fmt::Debug for LogHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LogHandle")
    }
}

impl LogHandle {
    /// Scrolls.
    pub(crate) fn turn(&self, turn: Turn) {
        let mut steered = self.lock();
        steered.to_oldest = turn == Turn::Oldest;
        steered.turn(turn);
    }

    /// For drawing.
    pub(crate) fn lock(&self) -> MutexGuard<'_, Steered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Steered {
    /// What the widgets are drawn with.
    pub(crate) fn state(&self) -> &TuiWidgetState {
        &self.state
    }

    pub(crate) fn turn(&self, turn: Turn) {
        match turn {
            Turn::Back => self.state.transition(TuiWidgetEvent::PrevPageKey),
            Turn::On => self.state.transition(TuiWidgetEvent::NextPageKey),
            Turn::Newest => self.state.transition(TuiWidgetEvent::EscapeKey),
            Turn::Oldest => {}
        }
    }

    /// Brings the levels and the focus to what the deck says.
    pub(crate) fn level(&mut self, output: &Output) {
        for (name, levels) in output.targets() {
            self.state = std::mem::take(&mut self.state).set_level_for_target(name, levels.shown);
        }
        if self.is_focused != output.is_focused {
            self.state.transition(TuiWidgetEvent::FocusKey);
            self.is_focused = output.is_focused;
        }
    }

    /// Brings the selection to this place. The widgets must have counted the targets, which they do when they are drawn.
    pub(crate) fn select(&mut self, place: usize) {
        while self.place < place {
            self.state.transition(TuiWidgetEvent::DownKey);
            self.place += 1;
        }
        while self.place > place {
            self.state.transition(TuiWidgetEvent::UpKey);
            self.place -= 1;
        }
    }
}
