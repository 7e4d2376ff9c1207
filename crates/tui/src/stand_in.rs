//! A screen of one line, until the real one is there.
#![allow(missing_docs)] // Not to stay.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseEvent};
use raftdeck_lab::{Command, Update};
use raftdeck_raft::NodeId;
use std::time::Duration;

#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    pub ascii: bool,
    pub colour: ColourChoice,
    pub mouse: bool,
}
#[derive(Clone, Copy, Debug, Default)]
pub enum ColourChoice {
    #[default]
    Terminal,
    Never,
}
#[derive(Debug)]
pub enum Msg {
    Lab(Update),
    Key(KeyEvent),
    Mouse(MouseEvent),
    Paste(String),
    Resize(u16, u16),
    Wake,
}
#[derive(Debug)]
pub enum Effect {
    Lab(Command),
    Quit,
    Suspend,
}
#[derive(Debug, Default)]
pub struct Landed;
#[derive(Debug)]
pub struct App {
    lines: Vec<String>,
    changed: bool,
    teller: crate::words::Teller,
}

impl App {
    pub fn new(_: Settings) -> Self {
        Self { lines: Vec::new(), changed: true, teller: crate::words::Teller::default() }
    }
    pub fn changed(&self) -> bool {
        self.changed
    }
    pub fn set_landed(&mut self, _: Landed) {
        self.changed = false;
    }
    pub fn next_wake(&self, _: Duration) -> Option<Duration> {
        None
    }
}

pub fn update(app: &mut App, msg: Msg, _: Duration) -> Vec<Effect> {
    match msg {
        Msg::Lab(update) => {
            if let Some(said) = app.teller.tell(&update) {
                app.lines.push(said.text);
                app.changed = true;
            }
            vec![]
        }
        Msg::Key(key) => match (key.code, key.modifiers) {
            (KeyCode::Char('q'), _) => vec![Effect::Quit],
            (KeyCode::Char('c'), KeyModifiers::CONTROL) => vec![Effect::Quit],
            (KeyCode::Char('z'), KeyModifiers::CONTROL) => vec![Effect::Suspend],
            (KeyCode::Char('k'), _) => vec![Effect::Lab(Command::Kill(NodeId(1)))],
            (KeyCode::Char('r'), _) => vec![Effect::Lab(Command::Restart(NodeId(1)))],
            _ => vec![],
        },
        Msg::Mouse(_) | Msg::Paste(_) | Msg::Resize(..) | Msg::Wake => vec![],
    }
}

pub fn view(app: &App, _: Duration, frame: &mut ratatui::Frame) -> Landed {
    let rows = usize::from(frame.area().height);
    let from = app.lines.len().saturating_sub(rows);
    frame.render_widget(ratatui::widgets::Paragraph::new(app.lines[from..].join("\n")), frame.area());
    Landed
}
