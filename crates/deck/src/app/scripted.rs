//! A script that is played on the deck: its lines are carried out as if they were entered, and where it shows the logs it waits for
//! the user.

use crate::app::notice::Notice;
use crate::app::{App, Effect, View};
use raftdeck_model::{CommandId, News};
use raftdeck_script::{Script, ScriptEffect};
use std::time::Duration;

/// The script's commands are numbered after this, the user's from 1.
const FIRST: CommandId = CommandId(1 << 32);

/// A script and its state.
#[derive(Debug)]
pub struct Scripted {
    script: Script,
    /// Why it ended before its last line.
    failure: Option<String>,
}

/// The state of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptStatus {
    /// It carries this line out.
    Doing(String),
    /// It waits to be continued.
    Waits,
    /// It ended before its last line; why.
    Failed(String),
}

impl Scripted {
    /// The lines of a file of this name.
    #[must_use]
    pub fn new(file: &str, text: &[u8]) -> Self {
        Self { script: Script::to_watch(file, text, FIRST), failure: None }
    }

    /// Its state.
    #[must_use]
    pub fn said(&self) -> ScriptStatus {
        match &self.failure {
            Some(why) => ScriptStatus::Failed(why.clone()),
            None if self.script.is_stopped() => ScriptStatus::Waits,
            None => ScriptStatus::Doing(self.script.line().unwrap_or_else(|| "the script begins".to_owned())),
        }
    }

    /// Whether it waits for the user: to continue it, or to read why it failed.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.script.is_stopped() || self.failure.is_some()
    }

    pub(crate) fn hear(&mut self, news: &News) {
        self.script.hear(news);
    }

    pub(crate) fn loaded(&mut self, contents: Result<Vec<u8>, String>) {
        self.script.loaded(contents);
    }

    pub(crate) fn written(&mut self, result: Result<(), String>) {
        self.script.written(result);
    }

    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.script.next_due().filter(|_| self.failure.is_none())
    }
}

/// The user continues: the script runs on, or a failed one is removed.
pub(super) fn resume(app: &mut App) {
    if let Some(scripted) = &mut app.scripted {
        if scripted.failure.is_some() {
            app.scripted = None;
        } else {
            scripted.script.resume();
        }
    }
}

/// Runs the script as far as it can.
pub(super) fn go_on(app: &mut App, now: Duration) -> Vec<Effect> {
    let Some(scripted) = app.scripted.as_mut().filter(|scripted| scripted.failure.is_none()) else {
        return Vec::new();
    };
    let before = scripted.said();
    let mut effects = Vec::new();
    let mut is_over = false;
    for deed in scripted.script.go_on(now, &app.world) {
        match deed {
            ScriptEffect::Send(command) => effects.push(Effect::Send(command)),
            ScriptEffect::Read(file) => effects.push(Effect::Read(file)),
            ScriptEffect::Write { file, text } => effects.push(Effect::Write { file, text }),
            ScriptEffect::Answer("logs", _) => app.view = View::Logs,
            ScriptEffect::Answer("status", _) => app.view = View::Cluster,
            ScriptEffect::Answer(_, lines) => {
                app.notice = lines.into_iter().next().map(|line| Notice::new(line, now));
            }
            ScriptEffect::Mistake(why) | ScriptEffect::Unmet(_, why) => scripted.failure = Some(why),
            // The deck stays open, so that the result can be seen and explored.
            ScriptEffect::Quit => is_over = true,
        }
    }
    let is_changed = scripted.said() != before;
    if is_over || (scripted.script.is_over() && !scripted.waits()) {
        app.scripted = None;
        app.notice = Some(Notice::new("the script is over", now));
    }
    if is_changed || app.scripted.is_none() {
        app.mark_changed();
    }
    effects
}
