//! The deck for a screen reader: the same state and the same keys, and instead of a picture lines that are added at the bottom, each
//! read once.
//!
//! [`Announcer::announce`] says what is new since it was asked last. It is pure like [`view`](crate::view::view): the program prints the
//! lines, and below them the line that is being typed ([`typed`]).

mod status;

use crate::app::confirm::Confirm;
use crate::app::feed::Feed;
use crate::app::menu::{Menu, MenuKind};
use crate::app::notice::Notice;
use crate::app::prompt::Purpose;
use crate::app::subject::Subject;
use crate::app::{App, View};
use crate::explain::{Explanation, explain};
use crate::tabs::TabId;
use crate::view::read;
use raftdeck_drills::{PollStage, Scene, ScenePart};
use raftdeck_raft::NodeId;
use std::time::Duration;

pub use status::{node, status};

/// More new events than this are not read one by one.
const MOST: usize = 12;

/// What has been announced.
#[derive(Clone, Debug, Default)]
pub struct Announcer {
    has_begun: bool,
    /// The tab in sight, where there are several.
    tab: Option<TabId>,
    /// How many lines of the feed.
    events: u64,
    view: View,
    selected: Option<NodeId>,
    notice: Option<Notice>,
    prompt: Option<Purpose>,
    mistake: Option<String>,
    confirm: Option<Confirm>,
    /// What is read of an open menu: its title and its chosen row.
    menu: Option<(String, String)>,
    /// What is explained.
    explained: Option<Subject>,
    /// Whether a page, such as the help, is open.
    page: bool,
    /// What a drill waited for.
    drill: DrillMoment,
    /// What was to be seen of a lesson, but for what passes by itself.
    lesson: Option<Scene>,
}

impl Announcer {
    /// What is new since the last call: whole sentences, a line each.
    pub fn announce(&mut self, app: &App, real: Duration) -> Vec<String> {
        let now = app.shown_at(real);
        let mut lines = Vec::new();
        if !std::mem::replace(&mut self.has_begun, true) {
            lines.push("raftdeck for a screen reader. s: the state. ?: all keys. q: quit.".to_owned());
        }
        lines.extend(self.of_tab(app));
        lines.extend(self.of_feed(&app.feed, now));
        lines.extend(self.of_notice(app));
        let is_other_view = self.view != app.view;
        lines.extend(self.of_view(app, now));
        let of_drill = self.of_drill(app, real);
        // The view has been read with all of it.
        lines.extend(of_drill.filter(|_| !(is_other_view && app.view == View::Drills)).into_iter().flatten());
        lines.extend(self.of_lesson(app, real));
        lines.extend(self.of_selection(app));
        lines.extend(self.of_menu(app));
        lines.extend(self.of_explanation(app, now));
        lines.extend(self.of_page(app, now));
        lines.extend(self.of_question(app, now));
        lines.extend(self.of_prompt(app));
        lines
    }

    /// When there is something new to announce, if nothing happens until then.
    #[must_use]
    pub fn next_change(&self, app: &App) -> Option<Duration> {
        app.feed.entries_from(self.events).next().map(crate::app::feed::FeedEntry::settles)
    }

    /// Another cluster is in sight. What happened in it meanwhile is in its feed, and is not read.
    fn of_tab(&mut self, app: &App) -> Option<String> {
        let shown = app.tabs().shown()?;
        if self.tab == Some(shown.id) {
            return None;
        }
        let events = app.feed.first_number() + app.feed.entries().len() as u64;
        *self = Self { has_begun: true, tab: Some(shown.id), events, ..Self::default() };
        Some(format!(
            "Cluster {}, {} of {}: {}.",
            shown.name,
            app.tabs().place() + 1,
            app.tabs().labels().len(),
            shown.state.words()
        ))
    }

    /// Events that cannot grow any more: what several nodes do together is one line.
    fn of_feed(&mut self, feed: &Feed, now: Duration) -> Vec<String> {
        let settled = feed.entries_from(self.events).take_while(|entry| entry.settles() <= now);
        let mut lines: Vec<String> = settled.map(|entry| sentence(&entry.text())).collect();
        let skipped = feed.first_number().saturating_sub(self.events);
        self.events = self.events.max(feed.first_number()) + lines.len() as u64;
        let unread = lines.len().saturating_sub(MOST) as u64 + skipped;
        if unread > 0 {
            lines.drain(..lines.len().saturating_sub(MOST));
            lines.insert(0, format!("{unread} earlier events are not read."));
        }
        lines
    }

    /// A question, what is revealed after its answer, a task and its hints, and how a drill ended: each as it comes, in any view.
    fn of_drill(&mut self, app: &App, now: Duration) -> Option<Vec<String>> {
        let moment = DrillMoment::of(app, now);
        if self.drill == moment {
            return None;
        }
        self.drill = moment;
        (self.drill != DrillMoment::None).then(|| read::drill(app, now))
    }

    /// A caption, a question, an answer, a task: each as it comes, in any view.
    fn of_lesson(&mut self, app: &App, now: Duration) -> Vec<String> {
        let scene = app.lessons.scene(now).map(settled);
        if self.lesson == scene {
            return Vec::new();
        }
        self.lesson = scene;
        if self.lesson.is_none() && !app.lessons.is_on() { Vec::new() } else { read::lesson(app, now) }
    }

    fn of_notice(&mut self, app: &App) -> Option<String> {
        if self.notice == app.notice {
            return None;
        }
        self.notice.clone_from(&app.notice);
        app.notice.as_ref().map(|notice| sentence(&notice.text))
    }

    fn of_view(&mut self, app: &App, now: Duration) -> Vec<String> {
        if std::mem::replace(&mut self.view, app.view) == app.view {
            return Vec::new();
        }
        let mut lines = vec![format!("{} view.", app.view.name())];
        lines.extend(status::of_view(app, now));
        lines
    }

    fn of_selection(&mut self, app: &App) -> Option<String> {
        let is_first = self.selected.is_none();
        if std::mem::replace(&mut self.selected, app.selected) == app.selected || is_first {
            return None;
        }
        app.selected.and_then(|id| node(app, id)).map(|said| format!("Selected: {said}"))
    }

    fn of_menu(&mut self, app: &App) -> Vec<String> {
        let said = app.menu.as_ref().map(|menu| menu_lines(app, menu));
        let was = std::mem::replace(&mut self.menu, said.clone());
        match (was, said) {
            (was, Some(is)) if was.as_ref() == Some(&is) => Vec::new(),
            (Some((title, _)), Some((is, row))) if title == is => vec![row],
            (_, Some((title, row))) => vec![title, row],
            (Some(_), None) => vec!["The menu is closed.".to_owned()],
            (None, None) => Vec::new(),
        }
    }

    fn of_explanation(&mut self, app: &App, now: Duration) -> Vec<String> {
        let was = std::mem::replace(&mut self.explained, app.explain.subject().cloned());
        match &self.explained {
            is if *is == was => Vec::new(),
            None => vec!["The explanation is closed.".to_owned()],
            Some(subject) => explanation(&explain(app, subject, now)),
        }
    }

    fn of_page(&mut self, app: &App, now: Duration) -> Vec<String> {
        let is_open = app.help.is_some() || app.answer.is_some();
        if !is_open || std::mem::replace(&mut self.page, is_open) {
            self.page = is_open;
            return Vec::new();
        }
        if app.help.is_some() { status::keys(app) } else { status::answer(app, now) }
    }

    fn of_question(&mut self, app: &App, now: Duration) -> Vec<String> {
        if self.confirm == app.confirm {
            return Vec::new();
        }
        self.confirm.clone_from(&app.confirm);
        if app.confirm.is_none() {
            return Vec::new();
        }
        let mut lines = read::question(app, now);
        lines.push("y: yes. Escape: no.".to_owned());
        lines
    }

    fn of_prompt(&mut self, app: &App) -> Vec<String> {
        let prompt = &app.prompt;
        let purpose = prompt.is_open().then(|| prompt.purpose());
        let was = std::mem::replace(&mut self.prompt, purpose);
        let mistake = prompt.error().filter(|_| purpose.is_some()).map(str::to_owned);
        let is_new_mistake = mistake.is_some() && mistake != self.mistake;
        self.mistake = mistake;
        let mut lines = Vec::new();
        match (was, purpose) {
            (None, Some(purpose)) => {
                lines.push(format!("Type a line: {}. Enter does it. Escape leaves.", purpose.name()));
            }
            (Some(_), None) => lines.push("Left the line.".to_owned()),
            _ => {}
        }
        if is_new_mistake {
            lines.extend(self.mistake.as_deref().map(sentence));
        }
        lines
    }
}

/// A scene without what changes while nothing has to be read anew: countdowns, counts, what is waited for.
fn settled(mut scene: Scene) -> Scene {
    match &mut scene.part {
        ScenePart::Acting(task) => task.left = Duration::ZERO,
        ScenePart::Asking(question) => {
            if let Some(poll) = question.poll.as_mut().filter(|poll| poll.stage == PollStage::Open) {
                poll.counts.clear();
            }
        }
        ScenePart::CatchingUp(what) | ScenePart::Doing(what) | ScenePart::Revealing(_, what) => what.clear(),
        _ => {}
    }
    scene
}

/// What a running drill waits for from the person, or that one has ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
enum DrillMoment {
    #[default]
    None,
    /// An answer, or that what follows it is read.
    Question { question: String, chosen: Option<usize> },
    /// That the person does something.
    Task { task: String, hints: usize },
    /// Nothing more: it has ended.
    Ended,
}

impl DrillMoment {
    fn of(app: &App, now: Duration) -> Self {
        if app.drills.ended().is_some() {
            return Self::Ended;
        }
        let Some(status) = app.drills.playing().map(|playing| playing.status(now)) else { return Self::None };
        match (status.ask, status.act) {
            (Some(ask), _) => Self::Question { question: ask.ask.question.clone(), chosen: ask.chosen },
            (None, Some(act)) => Self::Task { task: act.act.task.clone(), hints: act.hints.len() },
            (None, None) => Self::None,
        }
    }
}

/// An explanation, and the numbers that follow its links.
fn explanation(told: &Explanation) -> Vec<String> {
    let parts =
        [&told.title, &told.what, &told.why, &told.change].into_iter().filter(|part| !part.is_empty());
    let mut lines: Vec<String> = parts.map(|part| sentence(part)).collect();
    lines.extend(told.section.map(|section| format!("Read {section}.")));
    let numbered = (1..10).zip(&told.links);
    let related: Vec<String> =
        numbered.map(|(number, link)| format!("{number}: {}", link.text.replace(" -> ", " to "))).collect();
    if !related.is_empty() {
        lines.push(format!("{}. Escape goes back.", related.join(". ")));
    }
    lines
}

/// The title of a menu, and its chosen row.
fn menu_lines(app: &App, menu: &Menu) -> (String, String) {
    let title = match menu.kind {
        MenuKind::Faults => format!(
            "Faults of the links {}. Up and Down choose. Left and Right: the links. Enter does it.",
            menu.links()
        ),
        MenuKind::InForce => "In force. Up and Down choose. Enter undoes it.".to_owned(),
    };
    let rows = menu.rows(app).len();
    let row = menu.chosen(app).map_or_else(
        || "Nothing is in force.".to_owned(),
        |row| {
            let about = if row.about.is_empty() { String::new() } else { format!(": {}", row.about) };
            format!("{} of {rows}: {}{about}.", menu.at(app) + 1, row.words)
        },
    );
    (title, row)
}

/// The line that is being typed, and how many of its characters are before the cursor; `None`: none is.
#[must_use]
pub fn typed(app: &App) -> Option<(String, usize)> {
    let prompt = &app.prompt;
    let label = format!("{}: ", prompt.purpose().name());
    let before = label.chars().count() + prompt.cursor();
    prompt.is_open().then(|| (label + &prompt.line().iter().collect::<String>(), before))
}

/// With a full stop.
fn sentence(text: &str) -> String {
    let stop = if text.ends_with(['.', '?', '!', ':']) { "" } else { "." };
    format!("{text}{stop}")
}

#[cfg(test)]
mod tests;
