//! The deck's state, and [`update`], the only thing that changes it. Pure: no I/O, no clock, no randomness.
//!
//! The runtime's duties: give every [`Msg`] to [`update`] and carry out the effects; paint when [`App::changed`] says so, immediately
//! after a key, else at most thirty frames a second; hand what [`view`](crate::view::view) returns to [`App::set_landed`]; and send
//! [`Msg::Wake`] at [`App::next_wake`] and [`Msg::Due`] at [`App::next_due`]. `now` is the time since the deck started; it never decreases.

pub mod answer;
pub mod audience;
pub mod charts;
pub mod clock;
pub mod confirm;
pub mod copy;
pub mod data;
pub mod drills;
mod entered;
pub mod entries;
pub mod event;
pub mod events;
pub mod explain;
pub mod feed;
pub mod find;
pub mod finding;
pub mod flights;
pub mod focus;
pub mod lessons;
pub mod logs;
pub mod menu;
pub mod messages;
mod msg;
pub mod notice;
pub mod offers;
pub mod operations;
pub mod output;
pub mod palette;
mod perform;
mod pointer;
pub mod presenter;
pub mod prompt;
mod rate;
mod reduce;
mod routine;
pub mod scripted;
pub mod selection;
mod session;
pub mod sieve;
pub(crate) mod split;
pub mod subject;
pub mod tape;
pub mod themes;
pub mod timers;
pub mod writes;

pub use focus::Focus;
pub use msg::{Effect, Msg};
pub use reduce::update;

use crate::actions::ActionId;
use crate::app::answer::PaletteAnswer;
use crate::app::charts::Charts;
use crate::app::clock::Clock;
use crate::app::confirm::Confirm;
use crate::app::data::Data;
use crate::app::drills::{Drills, Playing};
use crate::app::events::Events;
use crate::app::explain::Explain;
use crate::app::feed::Feed;
use crate::app::finding::Finds;
use crate::app::flights::Flights;
use crate::app::lessons::{Lessons, PlayedLesson};
use crate::app::logs::Logs;
use crate::app::menu::Menu;
use crate::app::messages::Messages;
use crate::app::notice::Notice;
use crate::app::operations::Operations;
use crate::app::output::Output;
use crate::app::presenter::Presenter;
use crate::app::prompt::Prompt;
use crate::app::rate::{CommitRate, Rate};
use crate::app::scripted::Scripted;
use crate::app::split::Split;
use crate::app::tape::Tape;
use crate::app::themes::ThemePicker;
use crate::app::timers::{Gauges, Moment, Timers, on_tick};
use crate::sentences::Succession;
use crate::settings::{Keymap, Preferences};
use crate::tabs::TabRow;
pub use crate::theme::ColourChoice;
use crate::theme::{self, Sheet, Theme};
use crate::view::{Landed, Pane};
use raftdeck_model::{Ability, Capabilities, ClusterTime, Command, CommandId, Node, Order, World};
use raftdeck_raft::{NodeId, Term};
use std::collections::BTreeSet;
use std::time::Duration;

/// While messages move, the Messages view is redrawn this often.
const MESSAGES_STEP: Duration = Duration::from_millis(150);

/// While time is slow, messages move on the ring this often.
const SLOW_STEP: Duration = Duration::from_millis(66);

/// What the deck is started with.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings {
    /// Draw with ASCII characters only.
    pub ascii: bool,
    /// Whether to use colours.
    pub colour: ColourChoice,
    /// Whether the mouse is captured.
    pub mouse: bool,
}

/// What the middle of the screen shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum View {
    /// The ring, the table and the feed.
    #[default]
    Cluster,
    /// The replicated logs side by side.
    Logs,
    /// The messages between the nodes.
    Messages,
    /// How fast and how available the cluster is, over time.
    Charts,
    /// The keys and values.
    Data,
    /// The drills: the catalogue, the one that runs, its result.
    Drills,
    /// The nodes' own logs.
    Output,
}

impl View {
    /// All views, in the order of their tabs.
    pub const ALL: [Self; 7] =
        [Self::Cluster, Self::Logs, Self::Messages, Self::Charts, Self::Data, Self::Drills, Self::Output];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Cluster => "Cluster",
            Self::Logs => "Logs",
            Self::Messages => "Messages",
            Self::Charts => "Charts",
            Self::Data => "Data",
            Self::Drills => "Drills",
            Self::Output => "Output",
        }
    }

    fn step(self, forward: bool) -> Self {
        let len = Self::ALL.len();
        let place = Self::ALL.iter().position(|view| *view == self).unwrap_or(0);
        Self::ALL[(place + if forward { 1 } else { len - 1 }) % len]
    }
}

/// All that the deck knows and shows.
#[derive(Debug)]
pub struct App {
    pub(crate) settings: Settings,
    /// What the person set: themes, keys.
    pub(crate) preferences: Preferences,
    pub(crate) theme: Theme,
    /// The theme picker, while it is open.
    pub(crate) picker: Option<ThemePicker>,
    capabilities: Capabilities,
    pub(crate) view: View,
    pub(crate) clock: Clock,
    /// What is known of the cluster.
    pub(crate) world: World,
    /// The node that the partition key cut off, while that is in force.
    partition: Option<NodeId>,
    /// Heartbeats that arrived.
    pub(crate) beats: Rate,
    /// Entries that were committed.
    pub(crate) commits: CommitRate,
    /// Why the present leader leads and not the one before.
    pub(crate) succession: Succession,
    /// What the nodes' timers showed lately.
    pub(crate) gauges: Gauges,
    pub(crate) selected: Option<NodeId>,
    pub(crate) feed: Feed,
    /// Where a person reads in it.
    pub(crate) events: Events,
    /// The pane of the Cluster view in which the arrow keys move.
    pub(crate) focus: Focus,
    /// The view whose focused pane has all of it.
    zoomed: Option<View>,
    /// Where the screen is divided.
    pub(crate) split: Split,
    /// What is looked for.
    pub(crate) finds: Finds,
    pub(crate) flights: Flights,
    pub(crate) messages: Messages,
    pub(crate) logs: Logs,
    pub(crate) charts: Charts,
    pub(crate) data: Data,
    pub(crate) output: Output,
    pub(crate) prompt: Prompt,
    pub(crate) operations: Operations,
    /// The script that is being played, if any.
    pub(crate) scripted: Option<Scripted>,
    pub(crate) drills: Drills,
    /// What was heard, to go back to.
    pub(crate) tape: Tape,
    pub(crate) lessons: Lessons,
    /// The clusters of this deck, of which this is one.
    tabs: TabRow,
    /// Whether it is the one that is shown.
    is_in_sight: bool,
    /// The explanation that is open, if any.
    pub(crate) explain: Explain,
    pub(crate) notice: Option<Notice>,
    /// What the palette was asked for, while it is shown.
    pub(crate) answer: Option<PaletteAnswer>,
    /// What is asked, while it is.
    pub(crate) confirm: Option<Confirm>,
    /// The menu over the screen, while it is open.
    pub(crate) menu: Option<Menu>,
    /// The help page's first line shown, while it is open.
    pub(crate) help: Option<usize>,
    pub(crate) presenter: Presenter,
    pub(crate) landed: Landed,
    /// Under which leader the client's session was asked for.
    session_under: Option<(NodeId, Term)>,
    /// The number of the last command.
    sent: u64,
    /// Commands that the deck sent on its own: a refusal of these is not shown.
    pub(crate) quiet: BTreeSet<CommandId>,
    changed: bool,
    /// What moves by itself is in another place than on the screen.
    moved: bool,
}

impl App {
    /// A deck that knows nothing yet.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        Self::preferring(settings, Preferences::default())
    }

    /// The same with what a person set.
    #[must_use]
    pub fn preferring(settings: Settings, preferences: Preferences) -> Self {
        let theme = resolve(settings, &preferences, &preferences.sheet());
        let mut app = Self {
            settings,
            preferences,
            theme,
            picker: None,
            capabilities: Capabilities::all(),
            view: View::default(),
            clock: Clock::default(),
            world: World::default(),
            partition: None,
            beats: Rate::default(),
            commits: CommitRate::default(),
            succession: Succession::default(),
            gauges: Gauges::default(),
            selected: None,
            feed: Feed::default(),
            events: Events::default(),
            focus: Focus::default(),
            zoomed: None,
            split: Split::default(),
            finds: Finds::default(),
            flights: Flights::default(),
            messages: Messages::default(),
            logs: Logs::default(),
            charts: Charts::default(),
            data: Data::default(),
            output: Output::default(),
            prompt: Prompt::default(),
            operations: Operations::default(),
            scripted: None,
            drills: Drills::default(),
            tape: Tape::default(),
            lessons: Lessons::default(),
            tabs: TabRow::default(),
            is_in_sight: true,
            explain: Explain::default(),
            notice: None,
            answer: None,
            confirm: None,
            menu: None,
            help: None,
            presenter: Presenter::default(),
            landed: Landed::default(),
            session_under: None,
            sent: 0,
            quiet: BTreeSet::new(),
            changed: true,
            moved: false,
        };
        themes::say_mistakes(&mut app, Duration::ZERO);
        app
    }

    /// What a person set.
    #[must_use]
    pub fn preferences(&self) -> &Preferences {
        &self.preferences
    }

    /// The keys in force.
    #[must_use]
    pub fn keymap(&self) -> &Keymap {
        self.preferences.keymap()
    }

    /// What an action is called in a sentence that says how to take it in the present view: by its key, else by its words in the palette.
    #[must_use]
    pub fn key_of(&self, id: ActionId) -> String {
        self.keymap().called(id, self.view)
    }

    /// The same in another view.
    #[must_use]
    pub fn key_in(&self, view: View, id: ActionId) -> String {
        self.keymap().called(id, view)
    }

    /// Brings settings into force.
    pub fn prefer(&mut self, preferences: Preferences) {
        self.preferences = preferences;
        self.restyle();
    }

    /// Resolves the theme anew: the one that the picker shows, else the one in force.
    pub(crate) fn restyle(&mut self) {
        let preferences = &self.preferences;
        let shown = self.picker.and_then(|picker| preferences.themes().get(picker.at()));
        let sheet = shown.map_or_else(|| preferences.sheet(), |choice| choice.sheet.clone());
        self.theme = resolve(self.settings, preferences, &sheet);
        self.changed = true;
    }

    /// The same for a source that cannot do everything.
    #[must_use]
    pub fn over(self, capabilities: Capabilities) -> Self {
        Self { capabilities, ..self }
    }

    /// The same with drills. If one of them runs already, its view is shown.
    #[must_use]
    pub fn with_drills(mut self, drills: Drills) -> Self {
        if drills.playing().is_some() {
            self.view = View::Drills;
        }
        self.drills = drills;
        self
    }

    /// Forgets the cluster that was shown: another one is in its place, which can do this.
    pub(crate) fn begin_anew(&mut self, capabilities: Capabilities, now: Duration) {
        let preferences = std::mem::take(&mut self.preferences);
        let mut anew = Self::preferring(self.settings, preferences).over(capabilities);
        anew.clock.tell(ClusterTime::default(), now);
        // Commands are numbered on: an answer to an earlier one must not be taken for that of a later one.
        anew.sent = self.sent;
        anew.view = self.view;
        anew.presenter = Presenter { spotlight: None, ..self.presenter };
        anew.output = std::mem::take(&mut self.output);
        anew.output.clear();
        anew.data = self.data.anew();
        anew.drills = std::mem::take(&mut self.drills);
        anew.lessons = std::mem::take(&mut self.lessons);
        anew.prompt = std::mem::take(&mut self.prompt);
        anew.landed = std::mem::take(&mut self.landed);
        anew.tabs = std::mem::take(&mut self.tabs);
        anew.is_in_sight = self.is_in_sight;
        if self.tape.is_keeping() {
            anew.begin_tape(now);
        }
        *self = anew;
    }

    /// The keys and values.
    #[must_use]
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// The store requests of the deck and of scripts.
    #[must_use]
    pub fn operations(&self) -> &Operations {
        &self.operations
    }

    /// The events.
    #[must_use]
    pub fn feed(&self) -> &Feed {
        &self.feed
    }

    /// The drills.
    #[must_use]
    pub fn drills(&self) -> &Drills {
        &self.drills
    }

    /// The lessons.
    #[must_use]
    pub fn lessons(&self) -> &Lessons {
        &self.lessons
    }

    /// The same with lessons.
    #[must_use]
    pub fn with_lessons(self, lessons: Lessons) -> Self {
        Self { lessons, ..self }
    }

    /// Whether something else than the deck started the cluster's nodes: it goes on without the deck.
    pub(crate) fn is_elsewhere(&self) -> bool {
        let capabilities = self.present_capabilities();
        capabilities.has(Ability::Processes).is_err() && !capabilities.is_recorded()
    }

    /// What the source can do, also while the past is shown.
    fn present_capabilities(&self) -> &Capabilities {
        self.tape.capabilities().unwrap_or(&self.capabilities)
    }

    /// The clusters of this deck, of which this is one.
    #[must_use]
    pub fn tabs(&self) -> &TabRow {
        &self.tabs
    }

    /// Takes the row of tabs as it is now.
    pub(crate) fn know_tabs(&mut self, tabs: TabRow) {
        if self.tabs != tabs {
            self.changed |= self.tabs.is_several() || tabs.is_several();
            self.tabs = tabs;
        }
    }

    /// It is shown from now on, or another one of the tabs is. Out of sight it hears everything, and asks for nothing that is only to
    /// be drawn.
    pub(crate) fn set_in_sight(&mut self, is_in_sight: bool) {
        self.is_in_sight = is_in_sight;
        self.changed |= is_in_sight;
    }

    /// Whether a script or a drill goes on only when a person has done something.
    pub(crate) fn waits_for_person(&self) -> bool {
        self.scripted.as_ref().is_some_and(Scripted::waits)
            || self.drills.playing().is_some_and(|playing| playing.waits_for().is_some())
    }

    /// What the source can do.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    /// Plays a script while the user keeps control of the keys.
    pub fn play(&mut self, scripted: Scripted) {
        self.scripted = Some(scripted);
    }

    /// Whether the screen would show something other than what was painted last. [`next_wake`](Self::next_wake) covers the mere
    /// passing of time.
    #[must_use]
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// Whether only what moves by itself is in another place than on the screen: [`move_on`](crate::view::move_on) draws it.
    #[must_use]
    pub fn moved(&self) -> bool {
        self.moved && !self.changed
    }

    /// What moves is on the screen now as it is.
    pub fn note_motion(&mut self) {
        self.moved = false;
    }

    /// Stores what [`view`](crate::view::view) returned: that is on the screen now, and mouse events refer to it.
    pub fn set_landed(&mut self, landed: Landed) {
        self.landed = landed;
        self.changed = false;
        self.moved = false;
    }

    /// Why the present leader leads and not the one before.
    #[must_use]
    pub fn succession(&self) -> &Succession {
        &self.succession
    }

    /// Where things are on the screen.
    #[must_use]
    pub fn landed(&self) -> &Landed {
        &self.landed
    }

    /// When the screen next changes, or something is due, without any message: send [`Msg::Wake`] then. `None`: not before a message comes.
    #[must_use]
    pub fn next_wake(&self, now: Duration) -> Option<Duration> {
        if self.tape.is_past() {
            return self.next_change_of_past(now);
        }
        let moving = if self.view == View::Cluster { self.flights.next_change(now) } else { None };
        // Never immediately: a runtime that obeys this cannot spin.
        let soonest = now.saturating_add(Duration::from_millis(1));
        let next = self.next_change_at_rest(now).into_iter().chain(moving).min();
        next.map(|at| at.max(soonest))
    }

    /// The same while the past is shown: nothing happens in it by itself, unless it is played.
    fn next_change_of_past(&self, now: Duration) -> Option<Duration> {
        let soonest = now.saturating_add(Duration::from_millis(1));
        let notice = self.notice.as_ref().map(|notice| notice.until);
        [notice, self.tape.next_change(now)].into_iter().flatten().min().map(|at| at.max(soonest))
    }

    /// Whether since the last frame only what moves by itself is in another place.
    fn is_only_motion(&self, now: Duration) -> bool {
        let is_bare = self.view == View::Cluster && !self.is_covered() && !self.explain.is_open();
        let Some(part) = self.landed.moving().filter(|_| is_bare && self.picker.is_none()) else {
            return false;
        };
        self.next_change_at_rest(part.at).is_none_or(|at| at > now)
    }

    /// When the screen next changes by the mere passing of time, but for what moves on the links.
    fn next_change_at_rest(&self, now: Duration) -> Option<Duration> {
        let notice = self.notice.as_ref().map(|notice| notice.until);
        let rates = self.beats.next_change(now).into_iter().chain(self.commits.next_change(now)).min();
        let waiting = self.operations.next_change(now);
        let of_view = match self.view {
            View::Cluster => self.at_rest_change(now),
            View::Logs => {
                let ask = self.logs.next_ask(&self.world, self.landed.rows(Pane::Entries), now);
                self.logs.next_end(&self.world).into_iter().chain(ask).min()
            }
            View::Messages => self.messages_change(now, MESSAGES_STEP),
            View::Charts => self.charts.next_change(self.landed.charted()),
            View::Data => data::next_change(self, now),
            View::Drills | View::Output => None,
        };
        let clock = if self.world.is_empty() { None } else { self.clock.next_change(now) };
        let script = self.scripted.as_ref().and_then(Scripted::next_due);
        let drill = self.drills.next_change(self.view == View::Drills, now);
        let lesson = self.lessons.next_change(now);
        let output = self.output.next_change();
        [notice, rates, waiting, of_view, clock, script, drill, lesson, output].into_iter().flatten().min()
    }

    /// When the running drill or lesson, or out of sight the script, has something to do without any message: send [`Msg::Due`] then, whether or not a frame is due.
    #[must_use]
    pub fn next_due(&self, now: Duration) -> Option<Duration> {
        // Before the cluster reports there is nothing to do, and in the past neither.
        if self.world.is_empty() || self.tape.is_past() {
            return None;
        }
        let drill = self.drills.playing().and_then(Playing::next_due);
        let lesson = self.lessons.playing().and_then(PlayedLesson::next_due);
        // In sight, it is woken often enough.
        let script = self.scripted.as_ref().filter(|_| !self.is_in_sight).and_then(Scripted::next_due);
        let due = [drill, lesson, script].into_iter().flatten().min()?;
        Some(due.max(now.saturating_add(Duration::from_millis(1))))
    }

    fn at_rest_change(&self, now: Duration) -> Option<Duration> {
        let messages = self.messages_change(now, SLOW_STEP);
        [messages, self.next_timer(now)].into_iter().flatten().min()
    }

    fn messages_change(&self, now: Duration, step: Duration) -> Option<Duration> {
        self.messages.next_change(self.clock.is_frozen(), self.clock.is_slow(), now, step)
    }

    fn next_timer(&self, now: Duration) -> Option<Duration> {
        let soonest = now.saturating_add(Duration::from_millis(1));
        let next = |node: &Node| {
            if self.landed.timers(node.id).is_some_and(|painted| painted != self.timers(node, now)) {
                return Some(soonest);
            }
            self.gauges.next_change(&self.world, node, self.moment(now))
        };
        self.world.nodes().filter_map(next).min().map(|at| on_tick(at.max(soonest)))
    }

    fn moment(&self, now: Duration) -> Moment {
        let now = self.shown_at(now);
        Moment { now, time: self.clock.at(now), rate: self.clock.rate() }
    }

    /// A node's timers as shown at `now`.
    #[must_use]
    pub fn timers(&self, node: &Node, now: Duration) -> Timers {
        self.gauges.shown(&self.world, node, self.moment(now))
    }

    /// Whether something lies over the view, which takes keys and clicks first.
    pub(crate) fn is_covered(&self) -> bool {
        let is_asked = self.confirm.is_some() || self.prompt.is_open();
        is_asked || self.help.is_some() || self.menu.is_some() || self.answer.is_some()
    }

    /// The node that the keys act on.
    #[must_use]
    pub fn selected(&self) -> Option<NodeId> {
        self.selected
    }

    /// The view that is shown.
    #[must_use]
    pub fn view(&self) -> View {
        self.view
    }

    /// The explanation.
    #[must_use]
    pub fn explanation(&self) -> &Explain {
        &self.explain
    }

    /// What is known of the cluster.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }

    /// The clock of the cluster.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The messages on the links.
    #[must_use]
    pub fn messages(&self) -> &Messages {
        &self.messages
    }

    /// Remembers the node that the partition key cuts off.
    pub(crate) fn set_partition(&mut self, id: NodeId) {
        self.partition = Some(id);
    }

    /// The node that the partition key cut off.
    #[must_use]
    pub fn partition(&self) -> Option<NodeId> {
        self.partition.filter(|id| self.world.is_isolated(*id))
    }

    /// Forgets the partition once it was healed, so that it does not reappear when the same links are cut by other means.
    pub(crate) fn forget_healed_partition(&mut self) {
        let is_cut = |(from, to): &(NodeId, NodeId)| self.world.is_cut(*from, *to);
        if self.partition.is_some_and(|id| !self.world.links_of(id).iter().any(is_cut)) {
            self.partition = None;
        }
    }

    pub(crate) fn selected_node(&self) -> Option<&Node> {
        self.world.node(self.selected?)
    }

    /// A command under a new name.
    pub(crate) fn command(&mut self, what: Order) -> Command {
        self.sent += 1;
        Command { id: CommandId(self.sent), what }
    }

    pub(crate) fn send(&mut self, orders: impl IntoIterator<Item = Order>) -> Vec<Effect> {
        orders.into_iter().map(|order| Effect::Send(self.command(order))).collect()
    }

    /// The same for orders that the screen needs and the user did not request.
    pub(crate) fn send_quietly(&mut self, orders: impl IntoIterator<Item = Order>) -> Vec<Effect> {
        let mut effects = Vec::new();
        for order in orders {
            let command = self.command(order);
            self.quiet.insert(command.id);
            effects.push(Effect::Send(command));
        }
        effects
    }

    /// Closes the pages that only show a text, once a screen reader has read it: the next key means what it says.
    pub fn close_read_pages(&mut self) {
        (self.help, self.answer) = (None, None);
    }

    pub(crate) fn mark_changed(&mut self) {
        self.changed = true;
    }

    pub(crate) fn mark_changed_if(&mut self, changed: bool) {
        self.changed |= changed;
    }
}

/// What a theme looks like here. Without colours there is one look only.
fn resolve(settings: Settings, preferences: &Preferences, sheet: &Sheet) -> Theme {
    let depth = preferences.depth;
    let without = theme::named(theme::MONOCHROME).filter(|_| settings.colour == ColourChoice::Never);
    Theme::of(without.as_ref().unwrap_or(sheet), depth, settings.ascii)
}
