//! Explanations: every kind of thing in several states, what the keys of an explanation do, and that no text claims what is not there.

mod fixture;

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fixture::{
    Scene, election, failed, frozen, in_force, joining, joint, logs, messages, ms, n, partition, quiet, rule,
    sent, stale_leader,
};
use raftdeck_deck::actions::ACTIONS;
use raftdeck_deck::app::subject::{Chart, Subject};
use raftdeck_deck::app::{App, Settings, View};
use raftdeck_deck::explain::{Explanation, explain};
use raftdeck_deck::sentences::situation;
use raftdeck_deck::view::Target;
use raftdeck_model::concepts::Concept;
use raftdeck_model::{
    ClientLinkFault, ClientName, Disturbance, FaultId, LinkState, MessageId, News, Order, ProcessState,
    Timers,
};
use raftdeck_protocol::{ClockFactor, DiskPace};
use raftdeck_raft::{LogIndex, Status, Term};
use std::collections::BTreeSet;
use std::fmt::Write as _;

fn told(scene: &Scene, subject: &Subject) -> Explanation {
    explain(&scene.app, subject, scene.now)
}

/// Explanations as one text, for a snapshot.
fn texts(scene: &Scene, subjects: &[Subject]) -> String {
    let mut text = String::new();
    for subject in subjects {
        let Explanation { title, what, why, change, section, links } = told(scene, subject);
        let section = section.map(|section| format!("  [{section}]")).unwrap_or_default();
        let _ = writeln!(text, "== {title}{section}\nwhat {what}");
        for (label, part) in [("why ", why), ("try ", change)] {
            if !part.is_empty() {
                let _ = writeln!(text, "{label} {part}");
            }
        }
        let links: Vec<String> = links.into_iter().map(|link| link.text).collect();
        let _ = writeln!(text, "see  {}\n", links.join(" | "));
    }
    text
}

fn nodes(scene: &Scene) -> Vec<Subject> {
    scene.app.world().ids().into_iter().map(Subject::Node).collect()
}

fn events(scene: &Scene) -> Vec<Subject> {
    (0..200).map(Subject::Event).filter(|event| told(scene, event).title != "an event").collect()
}

#[test]
fn a_quiet_cluster_is_explained() {
    let scene = quiet(Settings::default(), 3);
    let mut subjects =
        vec![Subject::Cluster, Subject::Vote(n(1)), Subject::Term(Term(1)), Subject::Term(Term(7))];
    subjects.extend(nodes(&scene));
    subjects.push(Subject::Link { from: n(2), to: n(1) });
    subjects.push(Subject::Entry(LogIndex(42)));
    subjects.push(Subject::Entry(LogIndex(99)));
    subjects.extend(events(&scene));
    insta::assert_snapshot!(texts(&scene, &subjects));
}

#[test]
fn a_stale_leader_and_what_follows_are_explained() {
    let stale = stale_leader(Settings::default());
    insta::assert_snapshot!("stale_leader", texts(&stale, &[vec![Subject::Cluster], nodes(&stale)].concat()));
    let scene = partition(Settings::default());
    let mut subjects = nodes(&scene);
    subjects.extend([41, 44, 40].map(|index| Subject::Entry(LogIndex(index))));
    subjects.extend([Term(2), Term(3)].map(Subject::Term));
    subjects.push(Subject::Link { from: n(1), to: n(4) });
    subjects.extend(events(&scene));
    insta::assert_snapshot!("partition", texts(&scene, &subjects));
}

#[test]
fn messages_and_the_faults_on_their_links_are_explained() {
    let scene = messages(Settings::default());
    let mut subjects: Vec<Subject> = (101..=110).map(|id| Subject::Message(MessageId(id))).collect();
    subjects.extend([1, 2, 3].map(|id| Subject::Fault(FaultId(id))));
    for (from, to) in [(2, 1), (3, 2), (2, 3), (1, 9)] {
        subjects.push(Subject::Link { from: n(from), to: n(to) });
    }
    subjects.extend(nodes(&scene));
    insta::assert_snapshot!(texts(&scene, &subjects));
}

#[test]
fn nodes_that_join_fail_or_are_paused_are_explained() {
    let joining = joining(Settings::default());
    insta::assert_snapshot!("joining", texts(&joining, &nodes(&joining)));
    let joint = joint(Settings::default());
    insta::assert_snapshot!("joint", texts(&joint, &[vec![Subject::Cluster], nodes(&joint)].concat()));
    let failed = failed(Settings::default());
    insta::assert_snapshot!("failed", texts(&failed, &nodes(&failed)));
    let mut paused = quiet(Settings::default(), 3);
    paused.tell(News::Process { node: n(2), state: ProcessState::Paused { pid: None } });
    insta::assert_snapshot!("paused", texts(&paused, &[vec![Subject::Cluster], nodes(&paused)].concat()));
    let election = election(Settings::default());
    insta::assert_snapshot!(
        "election",
        texts(&election, &[vec![Subject::Cluster], nodes(&election)].concat())
    );
}

#[test]
fn entries_that_differ_are_explained() {
    let scene = logs(Settings::default());
    let last = scene.app.world().last_index().0;
    let subjects: Vec<Subject> =
        (1..=last).rev().take(6).map(|index| Subject::Entry(LogIndex(index))).collect();
    insta::assert_snapshot!(texts(&scene, &subjects));
}

/// A fault of each kind.
fn faults() -> Vec<(u64, Disturbance)> {
    let words = [
        "isolate 2",
        "cut 1>3",
        "delay * 50ms",
        "lose 1 10%",
        "hold 2>1 only AppendEntries",
        "duplicate * 5%",
        "reorder * 20% 30ms",
        "limit * 1M/s",
        "when 2> only RequestVote then cut 2>3",
    ];
    let mut all: Vec<Disturbance> = words.iter().map(|words| rule(words)).collect();
    let at = || BTreeSet::from([n(1), n(2)]);
    all.extend([
        Disturbance::Paused(n(1)),
        Disturbance::Slowed(n(2), 40),
        Disturbance::DiskFull(n(3), 1_000_000),
        Disturbance::Disk(n(1), DiskPace::Stalled),
        Disturbance::Disk(n(1), DiskPace::Delayed(ms(20))),
        Disturbance::Timers(Timers::Aligned),
        Disturbance::Timers(Timers::Spread),
        Disturbance::PreVote(None, false),
        Disturbance::CheckQuorum(Some(n(2)), false),
        Disturbance::Timeouts(n(1), ms(300), ms(500)),
        Disturbance::Heartbeat(n(1), ms(20)),
        Disturbance::Clock(n(3), ClockFactor::TRUE),
        Disturbance::ClientAt(ClientName::Own, at()),
        Disturbance::ClientLinks(ClientName::Own, at(), ClientLinkFault::LoseAnswers),
    ]);
    (1..).zip(all).collect()
}

#[test]
fn every_kind_of_fault_is_explained() {
    let mut scene = quiet(Settings::default(), 3);
    let faults = faults();
    let subjects: Vec<Subject> = faults.iter().map(|(id, _)| Subject::Fault(FaultId(*id))).collect();
    in_force(&mut scene, faults);
    insta::assert_snapshot!(texts(&scene, &subjects));
}

#[test]
fn charts_and_keys_are_explained() {
    let scene = quiet(Settings::default(), 3);
    let mut subjects: Vec<Subject> = Chart::ALL.into_iter().map(Subject::Chart).collect();
    subjects.push(Subject::Key("color".into()));
    insta::assert_snapshot!(texts(&scene, &subjects));
}

#[test]
fn a_follower_without_a_leader_says_what_it_waits_for() {
    let mut scene = quiet(Settings::default(), 3);
    scene.tell(News::Process { node: n(2), state: ProcessState::Killed });
    scene.cut_off(1, LinkState::Cut);
    let alone = fixture::follower(1, 3, 2, &[(1, 42)], 42);
    scene.status(Status { leader: None, has_quorum: false, heartbeat_age: None, ..alone });
    let text = told(&scene, &Subject::Node(n(1)));
    assert!(text.why.starts_with("It knows no leader. It is cut off from n2 and n3."), "{}", text.why);
    assert!(text.why.contains("it asks for pre-votes"), "{}", text.why);
    assert_eq!(told(&scene, &Subject::Cluster).title, "no leader");
}

#[test]
fn refused_connections_are_explained_at_their_link_and_at_who_misses_them() {
    let mut scene = quiet(Settings::default(), 3);
    in_force(&mut scene, vec![(1, rule("refuse 2>1"))]);
    scene.tell(News::Link { from: n(2), to: n(1), state: LinkState::Refused });
    let link = told(&scene, &Subject::Link { from: n(2), to: n(1) });
    assert_eq!(link.title, "link n2 -> n1, refused one way");
    assert!(link.why.starts_with("Connections on it are refused"), "{}", link.why);
    assert!(link.why.ends_with("#1: connections are refused."), "{}", link.why);
    let fault = told(&scene, &Subject::Fault(FaultId(1)));
    assert!(fault.what.contains("closed, and each new one at once"), "{}", fault.what);
    let follower = told(&scene, &Subject::Node(n(1)));
    assert!(follower.why.contains("The connections from n2 to it are refused"), "{}", follower.why);
}

#[test]
fn a_pre_candidate_that_nobody_can_answer_cannot_win_and_one_that_is_answered_can() {
    let mut scene = partition(Settings::default());
    let why = |scene: &Scene| told(scene, &Subject::Node(n(1))).why;
    assert!(why(&scene).contains("no other voter can answer, so it cannot win"), "{}", why(&scene));
    scene.cut_off(1, LinkState::Open);
    assert!(why(&scene).contains("With a majority of yes"), "{}", why(&scene));
}

#[test]
fn an_entry_of_an_earlier_term_is_not_committed_by_counting() {
    let mut scene = quiet(Settings::default(), 3);
    let log = [(1, 42), (2, 43)];
    let leader = fixture::leader(2, 3, &log, 42);
    scene.status(Status { term: Term(4), ..leader });
    for id in [1, 3] {
        scene.status(Status { term: Term(4), ..fixture::follower(id, 3, 2, &log, 42) });
    }
    let text = told(&scene, &Subject::Entry(LogIndex(43)));
    assert!(text.why.contains("3 of 3 voters have it on disk, and 2 are needed"), "{}", text.why);
    assert!(text.why.contains("may not commit it by counting"), "{}", text.why);
    assert_eq!(text.section.map(|section| section.to_string()).as_deref(), Some("paper §5.4.2"));
}

#[test]
fn enter_explains_what_is_selected_and_links_are_followed_and_gone_back_from() {
    let mut scene = quiet(Settings::default(), 3);
    scene.paint(80, 24);
    scene.key('1');
    assert_eq!(scene.press(KeyCode::Enter), []);
    let subject = |app: &App| app.explanation().subject().cloned();
    assert_eq!(subject(&scene.app), Some(Subject::Node(n(1))));
    scene.press(KeyCode::Enter);
    assert_eq!(subject(&scene.app), Some(Subject::Node(n(2))), "the first link: its leader");
    let links = told(&scene, &Subject::Node(n(2))).links;
    scene.press(KeyCode::Tab);
    scene.press(KeyCode::Down);
    scene.press(KeyCode::Up);
    scene.press(KeyCode::Right);
    assert_eq!(subject(&scene.app), Some(links[1].to.clone()));
    scene.press(KeyCode::Backspace);
    scene.key('3');
    assert_eq!(subject(&scene.app), Some(links[2].to.clone()));
    for _ in 0..2 {
        scene.press(KeyCode::Esc);
    }
    assert_eq!(subject(&scene.app), Some(Subject::Node(n(1))));
    scene.press(KeyCode::Left);
    assert_eq!(subject(&scene.app), None);
    scene.press(KeyCode::Enter);
    scene.press(KeyCode::Enter);
    assert_eq!(scene.key('q'), [], "q closes what is open before it means anything else");
    assert_eq!(subject(&scene.app), None);
}

#[test]
fn other_keys_act_while_an_explanation_is_open_and_its_text_follows() {
    let mut scene = quiet(Settings::default(), 3);
    scene.paint(120, 40);
    scene.key('1');
    scene.press(KeyCode::Enter);
    assert_eq!(scene.key('k'), sent(Order::Kill(n(1))));
    scene.tell(News::Process { node: n(1), state: ProcessState::Killed });
    assert!(scene.app.explanation().is_open());
    let text = told(&scene, &Subject::Node(n(1)));
    assert_eq!(text.title, "n1, killed");
    assert!(text.change.starts_with("r restarts it"), "{}", text.change);
}

#[test]
fn a_second_click_explains_and_while_it_is_open_any_click_does() {
    let mut scene = quiet(Settings::default(), 3);
    let click = |scene: &mut Scene, target| {
        scene.paint(120, 40);
        let area = scene.app_area(target);
        let kind = MouseEventKind::Down(MouseButton::Left);
        scene.mouse(MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE });
    };
    click(&mut scene, Target::Node(n(3)));
    assert_eq!((scene.app.selected(), scene.app.explanation().is_open()), (Some(n(3)), false));
    click(&mut scene, Target::Node(n(3)));
    assert_eq!(scene.app.explanation().subject(), Some(&Subject::Node(n(3))));
    click(&mut scene, Target::Node(n(1)));
    assert_eq!(scene.app.explanation().subject(), Some(&Subject::Node(n(1))));
    let first = told(&scene, &Subject::Node(n(1))).links[0].to.clone();
    click(&mut scene, Target::Related(0));
    assert_eq!(scene.app.explanation().subject(), Some(&first));
    assert_eq!(scene.app.explanation().depth(), 2);
}

#[test]
fn an_event_is_selected_by_key_or_click_and_explained() {
    let mut scene = quiet(Settings::default(), 3);
    scene.paint(120, 40);
    scene.key('o');
    scene.press(KeyCode::Up);
    scene.press(KeyCode::Enter);
    let Some(Subject::Event(number)) = scene.app.explanation().subject().cloned() else { panic!("an event") };
    scene.press(KeyCode::Esc);
    scene.press(KeyCode::Down);
    scene.press(KeyCode::Enter);
    assert_eq!(scene.app.explanation().subject(), Some(&Subject::Event(number + 1)));
    scene.press(KeyCode::Esc);
    scene.key('1');
    scene.press(KeyCode::Enter);
    assert_eq!(scene.app.explanation().subject(), Some(&Subject::Node(n(1))), "a node is selected again");
}

#[test]
fn entries_messages_and_faults_are_explained_where_they_are_selected() {
    let mut scene = messages(Settings::default());
    scene.paint(80, 24);
    scene.key(']');
    scene.press(KeyCode::Enter);
    assert_eq!(scene.app.explanation().subject(), Some(&Subject::Message(MessageId(105))));
    scene.press(KeyCode::Esc);
    scene.key('U');
    scene.key('?');
    assert!(matches!(scene.app.explanation().subject(), Some(Subject::Fault(_))));
    scene.press(KeyCode::Esc);
    let mut scene = logs(Settings::default());
    assert_eq!(scene.app.view(), View::Logs);
    scene.paint(80, 24);
    scene.press(KeyCode::Enter);
    assert!(matches!(scene.app.explanation().subject(), Some(Subject::Entry(_))));
    scene.press(KeyCode::Esc);
    scene.key(':');
    scene.type_in("explain split vote");
    scene.press(KeyCode::Enter);
    assert_eq!(scene.app.explanation().subject(), Some(&Subject::Concept(Concept::SplitVote)));
}

#[test]
fn a_key_says_as_of_when_its_value_is_known_and_which_entry_wrote_it() {
    let mut scene = fixture::data::json(Settings::default());
    scene.paint(120, 40);
    scene.press(KeyCode::Enter);
    let key = scene.app.data().selected().cloned().expect("a key is selected");
    assert_eq!(scene.app.explanation().subject(), Some(&Subject::Key(key.clone())));
    let text = told(&scene, &Subject::Key(key));
    let page = scene.app.data().page().expect("it was read").as_of;
    let as_of =
        format!("It has the value that is shown as of entry {}, as {} answered", page.index, page.node);
    assert!(text.why.starts_with(&as_of), "{}", text.why);
    assert!(text.why.contains("The newest write of it that is known is entry "), "{}", text.why);
    assert!(text.change.starts_with("w opens the prompt"), "{}", text.change);
    let other = told(&scene, &Subject::Key("no-such-key".into()));
    assert!(other.why.contains("not among those that were read last"), "{}", other.why);
}

#[test]
fn a_chart_is_explained_and_leads_to_the_others() {
    let mut scene = fixture::charts::leader_kill(Settings::default());
    scene.paint(120, 40);
    scene.press(KeyCode::Enter);
    assert_eq!(scene.app.explanation().subject(), Some(&Subject::Chart(Chart::Availability)));
    let text = told(&scene, &Subject::Chart(Chart::Availability));
    let others = text.links.iter().filter(|link| matches!(link.to, Subject::Chart(_))).count();
    assert_eq!(others, Chart::ALL.len() - 1);
}

#[test]
fn nothing_is_explained_before_anything_is_there() {
    let mut scene = Scene::new(Settings::default());
    scene.press(KeyCode::Enter);
    assert!(!scene.app.explanation().is_open());
    let painted = scene.paint(80, 24);
    let text: String = painted.content.iter().map(ratatui::buffer::Cell::symbol).collect();
    assert!(text.contains("there is nothing to explain yet"));
}

/// The scenes, and every subject that links lead to from what is in them.
fn reachable(scene: &Scene) -> Vec<Subject> {
    let mut found = vec![Subject::Cluster];
    found.extend(nodes(scene));
    found.extend(events(scene));
    let mut next = 0;
    while next < found.len() && found.len() < 2000 {
        for link in told(scene, &found[next]).links {
            if !found.contains(&link.to) {
                found.push(link.to);
            }
        }
        next += 1;
    }
    found
}

type Made = fn(Settings) -> Scene;

const SCENES: [Made; 8] = [stale_leader, partition, election, frozen, joining, joint, failed, logs];

#[test]
fn every_link_leads_somewhere_and_every_term_of_the_field_is_reached() {
    for make in SCENES {
        let scene = make(Settings::default());
        let found = reachable(&scene);
        for subject in &found {
            let text = told(&scene, subject);
            assert!(!text.title.is_empty() && !text.what.is_empty(), "{subject:?}");
            assert!(!text.what.contains("no longer"), "{subject:?} is linked and gone: {}", text.what);
            assert!(!text.links.is_empty(), "{subject:?} leads nowhere");
        }
        let concepts = found.iter().filter(|subject| matches!(subject, Subject::Concept(_))).count();
        assert_eq!(concepts, Concept::all().count());
    }
}

/// The keys at the beginning of the sentences of what can be tried.
fn keys_named(change: &str) -> Vec<&str> {
    let sentences = change.split(". ").filter(|sentence| !sentence.is_empty());
    let first = sentences.filter_map(|sentence| sentence.split(' ').next());
    first.filter(|word| !["Then", "Only", "The"].contains(word)).collect()
}

#[test]
fn a_key_that_is_named_is_in_the_action_table_and_texts_are_plain_sentences() {
    for make in SCENES {
        let scene = make(Settings::default());
        for subject in reachable(&scene) {
            let text = told(&scene, &subject);
            for key in keys_named(&text.change) {
                let is_key = ACTIONS.iter().any(|action| scene.app.key_of(action.id) == key);
                assert!(is_key || key.starts_with(':'), "{key} in {}", text.change);
            }
            for part in [&text.what, &text.why, &text.change] {
                assert!(!part.contains("  ") && !part.contains("..") && !part.contains(" ."), "{part}");
                assert!(part.is_empty() || part.ends_with(['.', '?']), "{part}");
                assert!(part.len() < 700, "{} characters: {part}", part.len());
            }
        }
    }
}

#[test]
fn the_quiet_line_tells_trouble_first_and_changes_only_with_the_state() {
    let line = |scene: &mut Scene| {
        let painted = scene.paint(120, 40);
        (0..120).map(|x| painted[(x, 38)].symbol().to_owned()).collect::<String>()
    };
    let mut scene = quiet(Settings::default(), 3);
    assert!(line(&mut scene).contains("stored"), "what was just done: {}", line(&mut scene));
    scene.at(18_000);
    let calm = line(&mut scene);
    assert!(calm.contains("leader") && calm.contains("takes all writes"), "{calm}");
    scene.tell(News::Process { node: n(1), state: ProcessState::Killed });
    scene.key('1');
    assert!(line(&mut scene).contains("n1, killed"), "{}", line(&mut scene));
    let mut scene = partition(Settings::default());
    scene.at(60_000);
    assert!(line(&mut scene).contains("n1, pre-candidate in term 2"), "{}", line(&mut scene));
}

#[test]
fn without_the_pane_beside_the_ring_the_quiet_line_says_what_is_wrong_in_whole_words() {
    let mut scene = election(Settings::default());
    scene.at(60_000);
    let painted = scene.paint(80, 24);
    let line: String = (0..80).map(|x| painted[(x, 22)].symbol()).collect();
    let said = situation(scene.app.world(), scene.app.succession()).swap_remove(0);
    let shown = line.trim().trim_end_matches(['…', ' ']);
    assert!(said.starts_with(shown) && shown.len() > 40, "{line}");
    assert!(said[shown.len()..].is_empty() || said[shown.len()..].starts_with(' '), "{line}");
    let painted = scene.paint(120, 40);
    let line: String = (0..120).map(|x| painted[(x, 38)].symbol()).collect();
    assert!(!line.contains(shown), "the pane says that already: {line}");
}
