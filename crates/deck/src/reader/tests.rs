use super::*;
use crate::app::{Msg, Settings, update};
use crate::theme::ColourChoice;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use raftdeck_model::{Known, News};
use raftdeck_model::{NodeView, ProcessState, RaftView, Update};
use raftdeck_raft::{LogId, LogIndex, Role, Term, TraceEvent};

/// A deck for a reader, and what it says.
struct Heard {
    app: App,
    announcer: Announcer,
    now: Duration,
}

impl Heard {
    /// Three nodes, of which n1 leads term 4.
    fn new() -> Self {
        let settings = Settings { ascii: true, colour: ColourChoice::Never, mouse: false };
        let mut heard =
            Self { app: App::new(settings), announcer: Announcer::default(), now: Duration::from_secs(1) };
        let nodes = (1..=3).map(NodeId).collect();
        heard.tell(News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() });
        for id in 1..=3 {
            heard.tell(News::Process { node: NodeId(id), state: ProcessState::Running { pid: None } });
            heard.status(id);
        }
        heard.later();
        heard.say();
        heard
    }

    fn status(&mut self, id: u64) {
        let role = if id == 1 { Role::Leader } else { Role::Follower };
        let mut view = NodeView::new(RaftView::new(NodeId(id), Term(4), role));
        view.raft.leader = Known::Is(Some(NodeId(1)));
        view.raft.last = Known::Is(LogId { term: Term(4), index: LogIndex(8) });
        view.raft.committed = Known::Is(LogIndex(7));
        self.tell(News::Status { node: NodeId(id), status: Box::new(view) });
    }

    fn tell(&mut self, what: News) {
        let update_told = Update { at: self.now, seq: 0, what };
        update(&mut self.app, Msg::Told(update_told), self.now);
    }

    fn press(&mut self, code: KeyCode) -> Vec<String> {
        update(&mut self.app, Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)), self.now);
        self.say()
    }

    fn key(&mut self, key: char) -> Vec<String> {
        self.press(KeyCode::Char(key))
    }

    fn later(&mut self) {
        self.now += Duration::from_secs(10);
    }

    fn say(&mut self) -> Vec<String> {
        let said = self.announcer.announce(&self.app, self.now);
        self.app.close_read_pages();
        said
    }
}

#[test]
fn what_happens_is_read_once_when_it_can_not_grow_any_more() {
    let mut heard = Heard::new();
    let follows = |node| News::Trace {
        node: NodeId(node),
        trace: TraceEvent::LeaderChanged { leader: Some(NodeId(1)), term: Term(5) },
    };
    heard.tell(follows(3));
    assert_eq!(heard.say(), Vec::<String>::new(), "another node may follow too");
    heard.tell(follows(2));
    let due = heard.announcer.next_change(&heard.app).unwrap();
    assert!(due > heard.now && due < heard.now + Duration::from_secs(1));
    heard.now = due;
    assert_eq!(heard.say(), ["n2, n3 follow n1 in term 5."]);
    heard.later();
    assert_eq!(heard.say(), Vec::<String>::new());
    assert_eq!(heard.announcer.next_change(&heard.app), None);
}

#[test]
fn a_flood_is_not_read_one_by_one() {
    let mut heard = Heard::new();
    for n in 0..30 {
        heard.tell(News::Trouble { reason: format!("reason {n}") });
    }
    heard.app.notice = None;
    heard.later();
    let said = heard.say();
    assert_eq!((said.len(), said[0].as_str()), (13, "18 earlier events are not read."));
    assert_eq!(said[12], "reason 29.");
}

#[test]
fn the_state_is_read_when_it_is_asked_for_and_no_key_is_swallowed_after_it() {
    let mut heard = Heard::new();
    let said = heard.key('s');
    assert!(said[0].starts_with("n1 leads term 4."), "{said:?}");
    assert!(
        said.contains(&"n1: leader, term 4, log through entry 8, committed through 7.".to_owned()),
        "{said:?}"
    );
    assert!(
        said.contains(&"n2: follower of n1, term 4, log through entry 8, committed through 7.".to_owned())
    );
    assert_eq!(
        heard.key('2'),
        ["Selected: n2: follower of n1, term 4, log through entry 8, committed through 7."]
    );
    heard.tell(News::Process { node: NodeId(2), state: ProcessState::Killed });
    let said = heard.key('s').join("\n");
    assert!(said.contains("n2: killed, term 4 when it was last heard, log through entry 8"), "{said}");
}

#[test]
fn views_questions_menus_and_prompts_are_read_as_they_open() {
    let mut heard = Heard::new();
    let said = heard.press(KeyCode::Tab);
    assert_eq!(said[0], "Logs view.");
    assert!(said[1].starts_with("n1: log through entry 8, committed through 7"), "{said:?}");
    let said = heard.key('x');
    assert!(said[0].contains("Remove n1"), "{said:?}");
    assert_eq!(said.last().map(String::as_str), Some("y: yes. Escape: no."));
    heard.press(KeyCode::Esc);
    let said = heard.key('f');
    assert!(said[0].starts_with("Faults of the links *.") && said[1].starts_with("1 of "), "{said:?}");
    let said = heard.press(KeyCode::Down);
    assert!(said.len() == 1 && said[0].starts_with("2 of "), "{said:?}");
    assert_eq!(heard.press(KeyCode::Esc), ["The menu is closed."]);
    assert_eq!(heard.key('w'), ["Type a line: write. Enter does it. Escape leaves."]);
    assert_eq!(heard.key('p'), Vec::<String>::new(), "the terminal echoes it");
    assert_eq!(typed(&heard.app), Some(("write: p".to_owned(), 8)));
    assert_eq!(heard.press(KeyCode::Esc), ["Left the line."]);
    let said = heard.key('?').join("\n");
    assert!(said.contains("K: kill the current leader"), "{said}");
}

#[test]
fn an_explanation_is_read_when_it_opens_and_its_links_have_numbers() {
    let mut heard = Heard::new();
    heard.key('2');
    let said = heard.press(KeyCode::Enter);
    assert!(said[0].starts_with("n2, "), "{said:?}");
    assert!(said.iter().any(|line| line.starts_with("1: n1, its leader.")), "{said:?}");
    assert_eq!(heard.say(), Vec::<String>::new(), "once");
    let said = heard.key('1');
    assert!(said[0].starts_with("n1, leader"), "{said:?}");
    assert!(heard.press(KeyCode::Esc)[0].starts_with("n2, "));
    assert_eq!(heard.press(KeyCode::Esc), ["The explanation is closed."]);
}

#[test]
fn nothing_is_said_in_signs_that_a_reader_spells() {
    let mut heard = Heard::new();
    let mut said = heard.key('s');
    for _ in View::ALL {
        said.extend(heard.press(KeyCode::Tab));
    }
    heard.press(KeyCode::Esc);
    heard.key('2');
    said.extend(heard.press(KeyCode::Enter));
    for line in &said {
        let is_sign = |c: char| !c.is_ascii() && c != '\u{a7}';
        assert!(!line.contains(is_sign) && !line.contains("->") && !line.contains("--"), "{line}");
    }
}
