//! Several clusters on one deck: what the row says, how one of them comes in sight, and that none has to do with another.

mod fixture;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fixture::shown::shown;
use fixture::{n, partition, quiet};
use raftdeck_deck::app::drills::{Catalogue, Drills};
use raftdeck_deck::app::output::LogChange;
use raftdeck_deck::app::scripted::Scripted;
use raftdeck_deck::app::{App, ColourChoice, Effect, Msg, Settings, View};
use raftdeck_deck::reader::Announcer;
use raftdeck_deck::tabs::{TabEffect, TabId, TabRequest, TabState, Tabs};
use raftdeck_deck::view::{Target, view};
use raftdeck_model::{
    Ability, Capabilities, Command, CommandId, LogLevel, News, Order, ProcessState, Update,
};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use std::collections::BTreeMap;
use std::time::Duration;

const COLOUR: Settings = Settings { ascii: false, colour: ColourChoice::Terminal, mouse: true };
const ASCII: Settings = Settings { ascii: true, colour: ColourChoice::Never, mouse: false };

/// Later than all that the scenes tell.
const NOW: Duration = Duration::from_secs(9);

struct Deck {
    tabs: Tabs,
    now: Duration,
}

impl Deck {
    fn new(name: &str, app: App) -> Self {
        let contexts = ["prod", "staging", "kv"].map(str::to_owned).to_vec();
        Self { tabs: Tabs::new(name, app, contexts), now: NOW }
    }

    fn open(&mut self, name: &str, app: App) -> TabId {
        let id = self.tabs.next_id();
        self.tabs.open(id, name, app);
        id
    }

    fn open_in_sight(&mut self, name: &str, app: App) -> TabId {
        let id = self.open(name, app);
        self.tabs.show(id);
        id
    }

    fn give(&mut self, tab: TabId, msg: Msg) -> Vec<TabEffect> {
        let effects = self.tabs.update(tab, msg, self.now);
        self.tabs.settle();
        effects
    }

    fn tell(&mut self, tab: TabId, what: News) -> Vec<TabEffect> {
        self.give(tab, Msg::Told(Update { at: self.now, seq: 0, what }))
    }

    /// A key goes to the tab in sight. The log is left out.
    fn press(&mut self, code: KeyCode, modifiers: KeyModifiers) -> Vec<TabEffect> {
        let effects = self.give(self.tabs.shown_id(), Msg::Key(KeyEvent::new(code, modifiers)));
        effects.into_iter().filter(|effect| !matches!(effect.effect, Effect::Log(_))).collect()
    }

    fn line(&mut self, line: &str) -> Vec<TabEffect> {
        for c in format!(":{line}").chars() {
            self.press(KeyCode::Char(c), KeyModifiers::NONE);
        }
        self.press(KeyCode::Enter, KeyModifiers::NONE)
    }

    fn names(&self) -> Vec<&str> {
        self.tabs.shown().tabs().labels().iter().map(|label| label.name.as_str()).collect()
    }

    fn state(&self, place: usize) -> TabState {
        self.tabs.shown().tabs().labels()[place].state
    }

    fn shown_name(&self) -> &str {
        let row = self.tabs.shown().tabs();
        &row.labels()[row.place()].name
    }

    fn paint(&mut self, width: u16, height: u16) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it has no errors");
        let mut landed = None;
        terminal
            .draw(|frame| landed = Some(view(self.tabs.shown(), self.now, frame)))
            .expect("it has no errors");
        self.tabs.shown_mut().set_landed(landed.expect("it was painted"));
        terminal.backend().buffer().clone()
    }
}

/// Three clusters: a quiet one in sight, one that is partitioned, and one that has not answered yet.
fn three(settings: Settings) -> (Deck, [TabId; 3]) {
    let mut deck = Deck::new("prod", quiet(settings, 3).app);
    let staging = deck.open("staging", partition(settings).app);
    let lab = deck.open("lab", App::new(settings));
    (deck, [TabId::FIRST, staging, lab])
}

fn text(buffer: &Buffer) -> String {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}

fn command(effects: &[TabEffect]) -> Vec<(TabId, Order)> {
    let sent = effects.iter().filter_map(|effect| match &effect.effect {
        Effect::Send(Command { what, .. }) => Some((effect.tab, what.clone())),
        _ => None,
    });
    sent.collect()
}

fn id_of(effects: &[TabEffect]) -> CommandId {
    let sent = effects.iter().find_map(|effect| match &effect.effect {
        Effect::Send(command) => Some(command.id),
        _ => None,
    });
    sent.expect("a command was sent")
}

#[test]
fn one_cluster_alone_has_no_row_and_quits_at_once() {
    let mut scene = quiet(COLOUR, 3);
    scene.now = NOW;
    let alone = scene.paint(80, 24);
    let mut deck = Deck::new("prod", quiet(COLOUR, 3).app);
    assert_eq!(deck.paint(80, 24), alone);
    let quit = deck.press(KeyCode::Char('q'), KeyModifiers::NONE);
    assert_eq!(quit, [TabEffect { tab: TabId::FIRST, effect: Effect::Quit }]);
    deck.press(KeyCode::Right, KeyModifiers::CONTROL);
    assert!(text(&deck.paint(120, 24)).contains("there is one cluster only"));
}

#[test]
fn the_row_has_every_cluster_with_its_state() {
    for (kind, settings) in [("colour", COLOUR), ("ascii", ASCII)] {
        for (width, height) in [(80, 24), (120, 40), (200, 60), (40, 12)] {
            let buffer = three(settings).0.paint(width, height);
            insta::assert_snapshot!(format!("tabs-{width}x{height}-{kind}"), shown(&buffer));
        }
    }
}

#[test]
fn the_tab_in_sight_is_on_the_row_however_many_there_are() {
    let mut deck = Deck::new("cluster-0", quiet(COLOUR, 3).app);
    for place in 1..12 {
        deck.open_in_sight(&format!("cluster-{place}"), App::new(COLOUR));
    }
    let row = |deck: &mut Deck| text(&deck.paint(60, 24)).lines().next().unwrap_or_default().to_owned();
    assert!(row(&mut deck).contains("12 cluster-11"), "{}", row(&mut deck));
    deck.press(KeyCode::Char('2'), KeyModifiers::ALT);
    assert!(row(&mut deck).contains("2 cluster-1"), "{}", row(&mut deck));
}

#[test]
fn keys_words_and_clicks_bring_a_cluster_in_sight_as_it_was_left() {
    let (mut deck, _) = three(COLOUR);
    deck.press(KeyCode::Tab, KeyModifiers::NONE);
    let left = deck.tabs.shown().view();
    assert_ne!(left, View::Cluster);
    for (code, modifiers, name) in [
        (KeyCode::Right, KeyModifiers::CONTROL, "staging"),
        (KeyCode::Right, KeyModifiers::CONTROL, "lab"),
        (KeyCode::Right, KeyModifiers::CONTROL, "prod"),
        (KeyCode::Left, KeyModifiers::CONTROL, "lab"),
        (KeyCode::Char('2'), KeyModifiers::ALT, "staging"),
        (KeyCode::Char('9'), KeyModifiers::ALT, "staging"),
    ] {
        assert_eq!(deck.press(code, modifiers), []);
        assert_eq!(deck.shown_name(), name, "{code:?}");
        assert!(deck.tabs.shown().changed(), "it is to be painted");
    }
    assert_eq!(deck.tabs.shown().view(), View::Cluster);
    deck.line("context prod");
    assert_eq!((deck.shown_name(), deck.tabs.shown().view()), ("prod", left));
    deck.paint(120, 40);
    let to = deck.tabs.shown().tabs().labels()[2].id;
    let at = deck.tabs.shown().landed().find(Target::Tab(to)).expect("it is on the row");
    let kind = MouseEventKind::Down(MouseButton::Left);
    let click = MouseEvent { kind, column: at.x + 1, row: at.y, modifiers: KeyModifiers::NONE };
    deck.give(deck.tabs.shown_id(), Msg::Mouse(click));
    assert_eq!(deck.shown_name(), "lab");
}

#[test]
fn what_is_out_of_sight_is_heard_and_told_on_the_row() {
    let (mut deck, [prod, staging, _]) = three(COLOUR);
    assert_eq!(deck.state(0), TabState::Leads { leader: n(2), has_concern: false });
    deck.tabs.shown_mut().set_landed(raftdeck_deck::view::Landed::default());
    deck.line("context staging");
    deck.paint(80, 24);
    assert!(!deck.tabs.shown().changed());
    for id in 1..=3 {
        deck.tell(prod, News::Process { node: n(id), state: ProcessState::Killed });
    }
    assert_eq!(deck.state(0), TabState::AllDown);
    assert!(deck.tabs.shown().changed(), "the row changed");
    assert_eq!(deck.tabs.shown_id(), staging);
    assert!(text(&deck.paint(80, 24)).lines().next().unwrap_or_default().contains("all down"));
}

#[test]
fn a_command_reaches_the_cluster_of_its_tab_alone() {
    let (mut deck, [prod, staging, _]) = three(COLOUR);
    let killed = deck.press(KeyCode::Char('K'), KeyModifiers::NONE);
    assert_eq!(command(&killed), [(prod, Order::Kill(n(2)))]);
    deck.press(KeyCode::Right, KeyModifiers::CONTROL);
    let killed = deck.line("kill 1");
    assert_eq!(command(&killed), [(staging, Order::Kill(n(1)))]);
}

#[test]
fn a_script_goes_on_out_of_sight_and_says_when_it_waits() {
    let mut app = quiet(COLOUR, 3).app;
    app.play(Scripted::new("script.txt", b"kill 1\nkill 3\nkill 2\n"));
    let mut deck = Deck::new("prod", app);
    let first = deck.give(TabId::FIRST, Msg::Wake);
    assert_eq!(command(&first), [(TabId::FIRST, Order::Kill(n(1)))]);
    deck.open_in_sight("staging", partition(COLOUR).app);
    assert!(
        deck.tabs.next_due(deck.now).is_some_and(|(_, tab)| tab == TabId::FIRST),
        "it does not wait forever"
    );
    let second = deck.tell(TabId::FIRST, News::Done { id: id_of(&first) });
    assert_eq!(command(&second), [(TabId::FIRST, Order::Kill(n(3)))]);
    deck.tell(TabId::FIRST, News::Refused { id: id_of(&second), reason: "n3 is not here".to_owned() });
    assert_eq!(deck.state(0), TabState::Waits, "for the reason to be read");
    assert_eq!(deck.shown_name(), "staging");
}

#[test]
fn quitting_asks_once_for_all() {
    let (mut deck, _) = three(COLOUR);
    assert_eq!(deck.press(KeyCode::Char('q'), KeyModifiers::NONE), []);
    let asked = text(&deck.paint(80, 24));
    assert!(
        asked.contains("Quit, with all 3 clusters?") && asked.contains("The cluster staging is stopped too."),
        "{asked}"
    );
    let quit = deck.press(KeyCode::Char('y'), KeyModifiers::NONE);
    assert_eq!(quit, [TabEffect { tab: TabId::FIRST, effect: Effect::Quit }]);
}

#[test]
fn a_recording_out_of_sight_is_named_before_it_ends() {
    let mut deck = Deck::new(
        "lab",
        quiet(COLOUR, 3).app.with_drills(Drills::new(Catalogue::new(Vec::new(), BTreeMap::default()), true)),
    );
    deck.open_in_sight("prod", partition(COLOUR).app);
    assert!(text(&deck.paint(80, 24)).lines().next().unwrap_or_default().contains("1 lab REC"));
    deck.press(KeyCode::Char('c'), KeyModifiers::CONTROL);
    assert!(text(&deck.paint(80, 24)).contains("The cluster lab is stopped too, and its recording ends."));
}

#[test]
fn a_tab_is_closed_when_that_is_confirmed_and_the_last_one_is_not() {
    let (mut deck, [prod, staging, lab]) = three(COLOUR);
    deck.line("context staging");
    assert_eq!(deck.line("close tab"), []);
    assert!(text(&deck.paint(80, 24)).contains("Close the tab staging?"));
    let closed = deck.press(KeyCode::Char('y'), KeyModifiers::NONE);
    assert_eq!(closed, [TabEffect { tab: staging, effect: Effect::Tab(TabRequest::Close) }]);
    assert_eq!((deck.names(), deck.shown_name()), (vec!["prod", "lab"], "prod"));
    assert_eq!(deck.tell(staging, News::Trouble { reason: "late".to_owned() }), [], "it is forgotten");
    deck.line("close tab");
    let closed = deck.press(KeyCode::Char('y'), KeyModifiers::NONE);
    assert_eq!(closed, [TabEffect { tab: prod, effect: Effect::Tab(TabRequest::Close) }]);
    assert_eq!((deck.tabs.ids(), deck.tabs.shown_id()), (vec![lab], lab));
    assert!(!text(&deck.paint(80, 24)).contains("lab"), "no row any more");
    assert_eq!(deck.line("close tab"), []);
    assert!(text(&deck.paint(120, 24)).contains("there is one cluster only"));
    let again = deck.open("staging", App::new(COLOUR));
    assert!(![prod, staging, lab].contains(&again), "no name is used twice");
}

#[test]
fn a_cluster_that_something_else_started_goes_on_and_says_nothing_when_none_answers() {
    let elsewhere = Capabilities::all().without(Ability::Processes, "something else started them");
    let mut deck = Deck::new("lab", quiet(COLOUR, 3).app);
    let prod = deck.open_in_sight("prod", quiet(COLOUR, 3).app.over(elsewhere));
    deck.line("close tab");
    let asked = text(&deck.paint(80, 24));
    assert!(asked.contains("leaves the cluster, which goes on") && !asked.contains("is removed"), "{asked}");
    deck.press(KeyCode::Esc, KeyModifiers::NONE);
    deck.press(KeyCode::Left, KeyModifiers::CONTROL);
    deck.press(KeyCode::Char('q'), KeyModifiers::NONE);
    assert!(text(&deck.paint(80, 24)).contains("The deck leaves prod, which goes on."));
    deck.press(KeyCode::Esc, KeyModifiers::NONE);
    for id in 1..=3 {
        deck.tell(prod, News::Process { node: n(id), state: ProcessState::Killed });
    }
    assert_eq!(deck.state(1), TabState::Unreachable);
}

#[test]
fn a_context_is_attached_to_once() {
    let (mut deck, _) = three(COLOUR);
    let asked = deck.line("attach kv");
    let open = Effect::Tab(TabRequest::Open("kv".to_owned()));
    assert_eq!(asked, [TabEffect { tab: TabId::FIRST, effect: open }]);
    assert_eq!(deck.line("attach staging"), []);
    assert_eq!(deck.shown_name(), "staging", "there is a tab for it already");
    deck.give(deck.tabs.shown_id(), Msg::TabRefused("there is no context called kvv".to_owned()));
    assert!(text(&deck.paint(80, 24)).contains("there is no context called kvv"));
    deck.press(KeyCode::Char(':'), KeyModifiers::NONE);
    for c in "kv".chars() {
        deck.press(KeyCode::Char(c), KeyModifiers::NONE);
    }
    assert!(text(&deck.paint(80, 24)).contains("attach kv"), "it is offered");
}

#[test]
fn the_log_of_the_process_has_the_lines_of_the_cluster_in_sight() {
    let (mut deck, [prod, staging, _]) = three(COLOUR);
    let line = |line: &str| News::Output { node: n(1), level: LogLevel::Warn, line: line.to_owned() };
    let lines = |effects: &[TabEffect]| -> Vec<String> {
        let of = |effect: &TabEffect| match &effect.effect {
            Effect::Log(LogChange::Line(line)) => vec![line.text.clone()],
            Effect::Log(LogChange::Refill(lines)) => lines.iter().map(|line| line.text.clone()).collect(),
            _ => Vec::new(),
        };
        effects.iter().flat_map(of).collect()
    };
    assert_eq!(lines(&deck.tell(prod, line("of prod"))), ["of prod"]);
    assert_eq!(lines(&deck.tell(staging, line("of staging"))), Vec::<String>::new());
    let right = KeyEvent::new(KeyCode::Right, KeyModifiers::CONTROL);
    let shown = deck.give(prod, Msg::Key(right));
    assert!(shown.iter().any(|effect| matches!(&effect.effect, Effect::Log(LogChange::Refill(_)))));
    assert!(
        lines(&shown).contains(&"of staging".to_owned()) && !lines(&shown).contains(&"of prod".to_owned())
    );
}

#[test]
fn out_of_sight_nothing_is_asked_that_only_a_picture_needs() {
    let (mut deck, [prod, ..]) = three(COLOUR);
    let asked = deck.line("view data");
    deck.tell(prod, News::Refused { id: id_of(&asked), reason: "no node leads".to_owned() });
    deck.press(KeyCode::Right, KeyModifiers::CONTROL);
    deck.now += Duration::from_mins(1);
    assert_eq!(command(&deck.give(prod, Msg::Wake)), []);
    deck.press(KeyCode::Left, KeyModifiers::CONTROL);
    assert!(!command(&deck.give(prod, Msg::Wake)).is_empty(), "again in sight");
}

#[test]
fn what_has_passed_is_forgotten_out_of_sight_once_a_second() {
    let (mut deck, _) = three(COLOUR);
    assert!(deck.tabs.next_tidy(deck.now).expect("a cluster is out of sight") <= deck.now);
    deck.tabs.tidy(deck.now);
    assert_eq!(deck.tabs.next_tidy(deck.now), Some(deck.now + Duration::from_secs(1)));
}

#[test]
fn a_screen_reader_is_told_which_cluster_is_in_sight() {
    let (mut deck, _) = three(ASCII);
    let mut announcer = Announcer::default();
    announcer.announce(deck.tabs.shown(), deck.now);
    deck.press(KeyCode::Right, KeyModifiers::CONTROL);
    let said = announcer.announce(deck.tabs.shown(), deck.now);
    assert!(said[0].starts_with("Cluster staging, 2 of 3: "), "{said:?}");
    assert!(said.len() < 4, "what happened before is not read: {said:?}");
}
