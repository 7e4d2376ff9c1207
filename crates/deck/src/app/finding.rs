//! Which list is searched, and what a search does to it: typing, going from match to match, and leaving again.
//!
//! Each list has its text for itself. The lists over the view (help, menus) lose theirs when they close.

use crate::actions::{ACTIONS, Action};
use crate::app::drills::DrillStage;
use crate::app::entries;
use crate::app::events::InSight;
use crate::app::find::{self, Find, MatchPlace};
use crate::app::logs::LogBookmark;
use crate::app::notice::Notice;
use crate::app::perform::turn_output;
use crate::app::prompt::Purpose;
use crate::app::sieve::{self, Sieve};
use crate::app::{App, Focus, View, data};
use std::time::Duration;

/// A list in which something can be found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// The event feed.
    Events,
    /// The entries of the logs.
    Entries,
    /// The messages.
    Messages,
    /// The keys of the store.
    Keys,
    /// The drills' catalogue.
    Drills,
    /// The nodes' output.
    Output,
    /// The help page.
    Help,
    /// The menu that is open.
    Menu,
}

impl List {
    /// The list that the keys are about now.
    #[must_use]
    pub fn of(app: &App) -> Option<Self> {
        if app.help.is_some() {
            return Some(Self::Help);
        }
        if app.menu.is_some() {
            return Some(Self::Menu);
        }
        match app.view {
            View::Cluster => Some(Self::Events),
            View::Logs => Some(Self::Entries),
            View::Messages => Some(Self::Messages),
            View::Data => Some(Self::Keys),
            View::Drills if matches!(app.drills.stage, DrillStage::Choosing) => Some(Self::Drills),
            View::Output => Some(Self::Output),
            View::Charts | View::Drills => None,
        }
    }

    /// Whether only what fits is shown; if not, the cursor goes to it.
    #[must_use]
    pub fn is_filtered(self) -> bool {
        self != Self::Entries
    }

    /// What can be typed.
    #[must_use]
    pub fn usage(self) -> &'static str {
        match self {
            Self::Events => "words of an event, such as n2 leads; \"quotes\" keep blanks",
            Self::Entries => "42 an index, t3 where a term begins, or words of an entry",
            Self::Messages => sieve::USAGE,
            Self::Keys => "how the keys begin, such as user/",
            Self::Drills => "words of a drill's id, title or tags, such as election",
            Self::Output => "words of a line, its node or its level; \"quotes\" keep blanks",
            Self::Help => "a key, or words of what it does",
            Self::Menu => "words of a row",
        }
    }
}

/// What is looked for in the lists that do not keep it themselves.
#[derive(Clone, Debug, Default)]
pub struct Finds {
    entries: Find,
    keys: Find,
    help: Find,
    menu: Find,
    /// What to come back to when the prompt is left.
    before: Option<Before>,
}

/// A list before something else was typed.
#[derive(Clone, Debug)]
struct Before {
    list: List,
    text: String,
    entries: LogBookmark,
}

/// What is looked for in a list.
#[must_use]
pub fn find(app: &App, list: List) -> &Find {
    match list {
        List::Events => &app.events.find,
        List::Messages => app.messages.sieve.line(),
        List::Drills => app.drills.catalogue.find_text(),
        List::Entries => &app.finds.entries,
        List::Keys => &app.finds.keys,
        List::Output => app.output.find_text(),
        List::Help => &app.finds.help,
        List::Menu => &app.finds.menu,
    }
}

/// Whether the help page shows an action.
#[must_use]
pub fn fits_help(app: &App, action: &Action) -> bool {
    app.finds.help.fits(&[&app.keymap().shown(action), action.short, action.long])
}

/// Whether something is looked for in the present list.
#[must_use]
pub fn is_active(app: &App) -> bool {
    List::of(app).is_some_and(|list| !find(app, list).is_empty())
}

/// Whether something is looked for in the menu, whose keys are just being handled.
pub(crate) fn is_active_in_menu(app: &App) -> bool {
    !app.finds.menu.is_empty()
}

/// Looks for a text in a list, from the newest row on.
fn look_for(app: &mut App, list: List, text: &str) {
    let wanted = Find::new(text);
    match list {
        List::Events => {
            let selected = app.selected_event();
            let found = app.feed.shown(&wanted);
            let is_held = selected.is_some_and(|number| found.binary_search(&number).is_ok());
            app.events.look_for(wanted, is_held);
        }
        List::Messages => {
            app.messages.sieve = Sieve::parse(text);
            app.messages.to_end();
        }
        List::Drills => {
            app.drills.catalogue.look_for(wanted);
            app.drills.scroll = 0;
        }
        List::Entries => app.finds.entries = wanted,
        List::Keys => {
            app.data.search(text.trim());
            app.finds.keys = wanted;
        }
        List::Output => app.output.look_for(wanted),
        List::Help => {
            app.finds.help = wanted;
            app.help = app.help.map(|_| 0);
        }
        List::Menu => {
            app.finds.menu = wanted;
            choose_menu_row(app, 0);
        }
    }
}

fn choose_menu_row(app: &mut App, row: usize) {
    if let Some(mut menu) = app.menu.take() {
        menu.choose(row, app);
        app.menu = Some(menu);
    }
}

/// Opens the prompt on the present list.
pub(crate) fn open(app: &mut App) {
    let Some(list) = List::of(app) else { return };
    let text = find(app, list).text().to_owned();
    app.finds.before = Some(Before { list, text: text.clone(), entries: app.logs.bookmark() });
    app.prompt.open(Purpose::Find, &text);
}

/// The list that the prompt is open on.
#[must_use]
pub fn typed_on(app: &App) -> Option<List> {
    let is_open = app.prompt.is_open() && app.prompt.purpose() == Purpose::Find;
    app.finds.before.as_ref().map(|before| before.list).filter(|_| is_open)
}

/// The prompt's line has changed: the list follows.
pub(crate) fn typed(app: &mut App) {
    let Some(Before { list, entries, .. }) = app.finds.before.clone() else { return };
    let text: String = app.prompt.line().iter().collect();
    look_for(app, list, &text);
    if list == List::Entries {
        app.logs.go_back(entries);
        if let Some(first) = find::next(&entries::matches(app), None, true) {
            entries::go_to(app, first);
        }
    }
}

/// The prompt was left: the list is as it was before.
pub(crate) fn cancelled(app: &mut App) {
    if let Some(Before { list, text, entries }) = app.finds.before.take() {
        look_for(app, list, &text);
        app.logs.go_back(entries);
    }
}

/// What was typed stays. In the feed, the keys now move among what was found.
pub(crate) fn entered(app: &mut App) {
    typed(app);
    let Some(before) = app.finds.before.take() else { return };
    let shown = app.shown_events();
    if before.list == List::Events && !app.events.find.is_empty() && !shown.is_empty() {
        app.focus = Focus::Events;
        app.events.hold(&shown, None);
    }
}

/// Nothing is looked for any more in the present list. Says whether anything was.
pub(crate) fn clear(app: &mut App) -> bool {
    let Some(list) = List::of(app).filter(|list| !find(app, *list).is_empty()) else { return false };
    look_for(app, list, "");
    true
}

/// Goes to the next match of the present list, or the one before.
pub(crate) fn turn(app: &mut App, on: bool, now: Duration) {
    let Some(list) = List::of(app) else { return };
    let place = place(app, list);
    if place.is_some_and(|place| place.of == 0) {
        app.notice = Some(Notice::new(format!("nothing has \"{}\"", find(app, list).text()), now));
        return;
    }
    match list {
        List::Events => {
            let (shown, sight) = (app.shown_events(), app.events_in_sight());
            app.focus = Focus::Events;
            app.events.turn(&shown, sight, on);
        }
        List::Entries => {
            let cursor = app.logs.cursor(app.world.extent());
            if let Some(next) = find::next(&entries::matches(app), Some(cursor), on) {
                entries::go_to(app, next);
            }
        }
        List::Messages => app.messages.turn(on),
        List::Drills => {
            app.drills.catalogue.turn(on);
            app.drills.scroll = 0;
        }
        List::Output => turn_output(app, on),
        List::Help => turn_page(app, on),
        List::Menu => turn_menu(app, on),
        List::Keys => data::step(app, 1, on),
    }
}

/// In the page every line is a match: it scrolls by one.
fn turn_page(app: &mut App, on: bool) {
    let end = app.landed.last_help_line();
    let step = |first: usize| if on { (first + 1).min(end) } else { first.saturating_sub(1) };
    app.help = app.help.map(step);
}

fn turn_menu(app: &mut App, on: bool) {
    let Some((at, rows)) = app.menu.as_ref().map(|menu| (menu.at(app), menu.rows(app).len())) else { return };
    let places: Vec<usize> = (0..rows).collect();
    if let Some(next) = find::next(&places, Some(at), on) {
        choose_menu_row(app, next);
    }
}

/// Where the cursor is among the matches of a list; `None`: nothing is looked for, or the list counts them itself.
#[must_use]
pub fn place(app: &App, list: List) -> Option<MatchPlace> {
    if find(app, list).is_empty() {
        return None;
    }
    Some(match list {
        List::Events => {
            let shown = app.shown_events();
            let cursor = app.events.cursor(&shown).filter(|_| app.focus == Focus::Events);
            MatchPlace::among(&shown, cursor)
        }
        List::Entries => MatchPlace::among(&entries::matches(app), Some(app.logs.cursor(app.world.extent()))),
        List::Messages => app.messages.place(),
        List::Drills => app.drills.catalogue.match_place(),
        List::Menu => {
            let menu = app.menu.as_ref()?;
            let of = menu.rows(app).len();
            MatchPlace { at: (of > 0).then(|| menu.at(app)), of }
        }
        List::Help => {
            MatchPlace { at: None, of: ACTIONS.iter().filter(|action| fits_help(app, action)).count() }
        }
        List::Output => MatchPlace { at: None, of: app.output.found() },
        List::Keys => return None,
    })
}

/// Forgets what was looked for in the help page or a menu once that is closed.
pub(crate) fn tidy(app: &mut App) {
    if app.help.is_none() {
        app.finds.help = Find::default();
    }
    if app.menu.is_none() {
        app.finds.menu = Find::default();
    }
}

impl App {
    /// The numbers of the events that are shown, oldest first.
    #[must_use]
    pub(crate) fn shown_events(&self) -> Vec<u64> {
        self.feed.shown(&self.events.find)
    }

    /// The first and the last event on the screen.
    pub(crate) fn events_in_sight(&self) -> InSight {
        self.landed.events()
    }
}
