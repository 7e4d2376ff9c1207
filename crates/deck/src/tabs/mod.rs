//! Several clusters on one deck, each in a tab of its own: pure, as all of the deck.
//!
//! A tab is an [`App`] under a [`TabId`], and a whole deck: its world, its tape, its view, its prompt, its script, drill or lesson. No
//! tab sees another. What an `App` knows of the others is the [`TabRow`], to draw it and to choose in it. Two things are the process's
//! and not a tab's, and are kept straight here: the mouse, and the log that the Output view shows, which is filled with the
//! lines of the tab in sight.
//!
//! The runtime's duties are those of [`app`](crate::app), for all tabs: give every message to [`Tabs::update`] with the tab that it
//! is for, and carry out each effect for the tab that wants it; call [`Tabs::settle`] before it asks the tab in sight whether it
//! [changed](App::changed); call [`Tabs::tidy`] at [`Tabs::next_tidy`]. Tabs out of sight hear everything, are drawn never, and ask
//! their clusters nothing that only a picture needs.

mod row;

pub use row::{TabLabel, TabRow, TabState};

use crate::app::output::LogChange;
use crate::app::{App, Effect, Msg, update};
use std::time::Duration;

/// Out of sight, what has passed is forgotten this often.
const TIDY: Duration = Duration::from_secs(1);

/// Names a tab. No two tabs of a deck have the same, also when one is closed before the other is opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TabId(u32);

impl TabId {
    /// The tab that a deck begins with.
    pub const FIRST: Self = Self(0);
}

/// What a tab wants of the deck.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TabRequest {
    /// Show this tab.
    Show(TabId),
    /// Show the tab of this context; if there is none, attach to its cluster in a new one.
    Open(String),
    /// Close the tab that wants it, with its cluster.
    Close,
}

/// An effect, and the tab that wants it.
#[derive(Clone, Debug, PartialEq)]
pub struct TabEffect {
    /// The tab.
    pub tab: TabId,
    /// What it wants.
    pub effect: Effect,
}

/// One cluster.
#[derive(Debug)]
struct Tab {
    id: TabId,
    name: String,
    app: App,
    /// As of the last time that the tabs were settled.
    state: TabState,
    /// It was told something since then.
    is_stale: bool,
    /// When it was last tidied up out of sight.
    tidied: Duration,
}

/// All clusters of a deck. There is always one at least.
#[derive(Debug)]
pub struct Tabs {
    first: Tab,
    others: Vec<Tab>,
    shown: TabId,
    next: u32,
    /// The contexts that are known, to offer them.
    contexts: Vec<String>,
}

impl Tab {
    fn new(id: TabId, name: &str, app: App) -> Self {
        let state = TabState::of(&app);
        Self { id, name: name.to_owned(), app, state, is_stale: true, tidied: Duration::ZERO }
    }

    fn label(&self) -> TabLabel {
        let Self { id, name, app, state, .. } = self;
        TabLabel {
            id: *id,
            name: name.clone(),
            state: *state,
            is_elsewhere: app.is_elsewhere(),
            is_recording: app.drills.is_recording,
        }
    }
}

impl Tabs {
    /// A deck of one cluster, which is [`TabId::FIRST`]. `contexts`: what else it could attach to.
    #[must_use]
    pub fn new(name: &str, app: App, contexts: Vec<String>) -> Self {
        let first = Tab::new(TabId::FIRST, name, app);
        let mut tabs = Self { first, others: Vec::new(), shown: TabId::FIRST, next: 1, contexts };
        tabs.settle();
        tabs
    }

    fn all(&self) -> impl Iterator<Item = &Tab> {
        std::iter::once(&self.first).chain(&self.others)
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Tab> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }

    fn tab_mut(&mut self, id: TabId) -> Option<&mut Tab> {
        self.all_mut().find(|tab| tab.id == id)
    }

    /// The tab in sight.
    #[must_use]
    pub fn shown_id(&self) -> TabId {
        self.shown
    }

    /// The cluster in sight.
    #[must_use]
    pub fn shown(&self) -> &App {
        self.app(self.shown).unwrap_or(&self.first.app)
    }

    /// The same, to note what was painted.
    pub fn shown_mut(&mut self) -> &mut App {
        let shown = self.shown;
        match self.others.iter_mut().find(|tab| tab.id == shown) {
            Some(tab) => &mut tab.app,
            None => &mut self.first.app,
        }
    }

    /// The cluster of a tab; `None`: it is closed.
    #[must_use]
    pub fn app(&self, id: TabId) -> Option<&App> {
        self.all().find(|tab| tab.id == id).map(|tab| &tab.app)
    }

    /// Which tabs there are.
    #[must_use]
    pub fn ids(&self) -> Vec<TabId> {
        self.all().map(|tab| tab.id).collect()
    }

    /// Takes one message for a tab. One for a tab that is closed is forgotten.
    pub fn update(&mut self, id: TabId, msg: Msg, now: Duration) -> Vec<TabEffect> {
        let Some(tab) = self.tab_mut(id) else { return Vec::new() };
        tab.is_stale = true;
        let effects = update(&mut tab.app, msg, now);
        effects.into_iter().flat_map(|effect| self.decide(id, effect)).collect()
    }

    /// The same message for all tabs: one of the process, and not of a cluster.
    pub fn update_all(&mut self, msg: &Msg, now: Duration) -> Vec<TabEffect> {
        self.ids().into_iter().flat_map(|id| self.update(id, msg.clone(), now)).collect()
    }

    /// What the next tab will be called, before its cluster is started: what that tells is for this tab.
    pub fn next_id(&mut self) -> TabId {
        let id = TabId(self.next);
        self.next += 1;
        id
    }

    /// Opens a tab out of sight. [`show`](Self::show) brings it in sight.
    pub fn open(&mut self, id: TabId, name: &str, mut app: App) {
        app.set_in_sight(false);
        self.others.push(Tab::new(id, name, app));
        self.settle();
    }

    /// What a tab wants of the deck is done here as far as it needs nobody else.
    fn decide(&mut self, tab: TabId, effect: Effect) -> Vec<TabEffect> {
        let passed = |effect| vec![TabEffect { tab, effect }];
        match effect {
            // The log holds the lines of the tab in sight; it is filled anew when another one comes.
            Effect::Log(_) if tab != self.shown => Vec::new(),
            Effect::CaptureMouse(is_wanted) => {
                self.all_mut().for_each(|tab| tab.app.settings.mouse = is_wanted);
                passed(effect)
            }
            Effect::Tab(TabRequest::Show(id)) => self.show(id),
            Effect::Tab(TabRequest::Open(ref name)) => {
                let open = self.all().find(|tab| tab.name == *name).map(|tab| tab.id);
                open.map_or_else(|| passed(effect), |id| self.show(id))
            }
            Effect::Tab(TabRequest::Close) => {
                let mut effects = self.close(tab);
                if self.tab_mut(tab).is_none() {
                    effects.extend(passed(effect));
                }
                effects
            }
            effect => passed(effect),
        }
    }

    /// Shows a tab, if it is there. Its log is among the effects.
    pub fn show(&mut self, id: TabId) -> Vec<TabEffect> {
        if id == self.shown || self.tab_mut(id).is_none() {
            return Vec::new();
        }
        self.shown = id;
        let mut log = Vec::new();
        for tab in self.all_mut() {
            let is_in_sight = tab.id == id;
            tab.app.set_in_sight(is_in_sight);
            if is_in_sight {
                log = tab.app.output.all_anew();
            }
        }
        self.settle();
        let effect = |change: LogChange| TabEffect { tab: id, effect: Effect::Log(change) };
        log.into_iter().map(effect).collect()
    }

    /// Closes a tab, unless it is the last one. The one before it is shown then.
    fn close(&mut self, id: TabId) -> Vec<TabEffect> {
        let ids = self.ids();
        let Some(place) = ids.iter().position(|known| *known == id).filter(|_| ids.len() > 1) else {
            return Vec::new();
        };
        let effects = if id == self.shown {
            self.show(ids[if place == 0 { 1 } else { place - 1 }])
        } else {
            Vec::new()
        };
        if place == 0 {
            self.first = self.others.remove(0);
        } else {
            self.others.remove(place - 1);
        }
        self.settle();
        effects
    }

    /// Tells the tab in sight how all of them are.
    pub fn settle(&mut self) {
        let is_alone = self.others.is_empty();
        for tab in self.all_mut().filter(|tab| tab.is_stale && !is_alone) {
            tab.state = TabState::of(&tab.app);
            tab.is_stale = false;
        }
        let row = TabRow::new(self.all().map(Tab::label).collect(), self.shown, &self.contexts);
        self.shown_mut().know_tabs(row);
    }

    /// When a drill, a lesson, or out of sight a script, has something to do without any message: send [`Msg::Due`] to that tab then.
    #[must_use]
    pub fn next_due(&self, now: Duration) -> Option<(Duration, TabId)> {
        self.all().filter_map(|tab| Some((tab.app.next_due(now)?, tab.id))).min()
    }

    /// When [`tidy`](Self::tidy) has something to do; it may be over already.
    #[must_use]
    pub fn next_tidy(&self, now: Duration) -> Option<Duration> {
        let behind = self.all().filter(|tab| tab.id != self.shown);
        let moving = behind.filter(|tab| tab.app.next_wake(now).is_some());
        moving.map(|tab| tab.tidied.saturating_add(TIDY)).min()
    }

    /// Has the tabs out of sight forget what has passed.
    pub fn tidy(&mut self, now: Duration) -> Vec<TabEffect> {
        let mut due = Vec::new();
        let shown = self.shown;
        for tab in self.all_mut().filter(|tab| tab.id != shown) {
            if now >= tab.tidied.saturating_add(TIDY) {
                tab.tidied = now;
                due.push(tab.id);
            }
        }
        due.into_iter().flat_map(|id| self.update(id, Msg::Wake, now)).collect()
    }
}
