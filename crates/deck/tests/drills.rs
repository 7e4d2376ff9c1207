//! Drills at the keyboard: starting one, answering, acting, stopping, and what stays out of the way meanwhile.

mod fixture;

use crossterm::event::KeyCode;
use fixture::{Scene, drills, ms, n, put, sent};
use raftdeck_deck::app::drills::{DrillRecord, Drills};
use raftdeck_deck::app::{App, Effect, Msg, Settings, View, update};
use raftdeck_deck::reader::Announcer;
use raftdeck_drills::{LOAD_OFFSET, PersonResult, Verdict};
use raftdeck_model::{Capabilities, ClientOutcome, CommandId, News, Order, ProcessState, RequestFate};

/// The commands of a run are numbered after this.
const FIRST: u64 = 2 << 32;

fn text(scene: &mut Scene) -> String {
    let buffer = scene.paint(120, 40);
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}

#[track_caller]
fn shows(scene: &mut Scene, words: &str) {
    let text = text(scene);
    assert!(text.contains(words), "{words:?} is not in\n{text}");
}

fn outcome(scene: &Scene) -> &raftdeck_drills::Outcome {
    scene.app.drills().ended().expect("the drill is over")
}

#[test]
fn before_a_drill_the_deck_says_what_is_lost_and_another_key_confirms() {
    let mut scene = drills::choosing(Settings::default());
    assert_eq!(scene.press(KeyCode::Enter), []);
    shows(&mut scene, "The present cluster is stopped, and its data is removed.");
    assert_eq!(scene.press(KeyCode::Enter), [], "the key that asked does not confirm");
    assert_eq!(scene.key('k'), [], "and nothing else acts meanwhile");
    assert_eq!(scene.press(KeyCode::Esc), []);
    assert_eq!(scene.key('y'), [], "it was left");
    scene.press(KeyCode::Enter);
    assert!(matches!(&scene.key('y')[..], [Effect::StartDrill(drill)] if drill.id == "find-the-leader"));
}

#[test]
fn data_that_is_kept_and_what_is_in_force_are_named() {
    let mut scene = drills::choosing(Settings::default());
    scene.tell(News::Cluster {
        nodes: (1..=3).map(n).collect(),
        heartbeat_ms: 50,
        election_ms: (150, 300),
        data_dir: Some("./cluster".to_owned()).into(),
    });
    fixture::in_force(&mut scene, vec![(1, fixture::rule("isolate 2"))]);
    scene.press(KeyCode::Enter);
    shows(&mut scene, "The present cluster is stopped; its data stays in ./cluster.");
    shows(&mut scene, "The fault that is in force ends with it.");
}

#[test]
fn a_drill_begins_on_a_cluster_of_which_nothing_is_known() {
    let mut scene = drills::choosing(Settings::default());
    scene.press(KeyCode::Enter);
    scene.key('y');
    shows(&mut scene, "STARTING");
    let msg = Msg::ClusterStarted { capabilities: Capabilities::all(), context: drills::context() };
    update(&mut scene.app, msg, scene.now);
    assert!(scene.app.world().is_empty());
    assert_eq!(scene.app.next_due(scene.now), None, "there is nothing to do before the cluster reports");
    shows(&mut scene, "THE CLUSTER STARTS");
    drills::settle(&mut scene);
    shows(&mut scene, "WAITING FOR THE STEADY STATE");
    scene.press(KeyCode::BackTab);
    scene.press(KeyCode::BackTab);
    scene.press(KeyCode::BackTab);
    assert!(!text(&mut scene).contains("leads term 9"), "events of the cluster before are gone");
}

#[test]
fn digits_answer_in_the_drills_view_and_select_nodes_elsewhere() {
    let mut scene = drills::question(Settings::default());
    scene.press(KeyCode::Tab);
    scene.key('3');
    assert_eq!(scene.app.selected(), Some(n(3)));
    scene.key('d');
    assert_eq!(scene.app.view(), View::Drills);
    shows(&mut scene, "QUESTION");
    scene.key('9');
    shows(&mut scene, "the answers are 1 to 3");
    scene.key('3');
    drills::pass(&mut scene, 10);
    shows(&mut scene, "RIGHT");
    assert_eq!(scene.app.selected(), Some(n(3)), "an answer selects no node");
    scene.press(KeyCode::Enter);
    drills::pass(&mut scene, 10);
    shows(&mut scene, "YOUR TASK");
    scene.key('1');
    assert_eq!(scene.app.selected(), Some(n(1)), "no question waits");
}

#[test]
fn a_hint_and_a_refused_key_cost_points_and_keys_that_look_do_not() {
    let mut scene = drills::task(Settings::default());
    shows(&mut scene, "The header says which node leads.");
    scene.press(KeyCode::Tab);
    scene.key('9');
    scene.key('d');
    assert_eq!(scene.key('h'), [], "there is nothing to heal");
    assert_eq!(scene.key('K'), sent(Order::Kill(n(2))));
    scene.tell(News::Process { node: n(2), state: ProcessState::Killed });
    drills::pass(&mut scene, 10);
    scene.press(KeyCode::Esc);
    scene.key('y');
    drills::pass(&mut scene, 20_000);
    let task = outcome(&scene).person.iter().find_map(|result| match result {
        PersonResult::Task { wrong_keys, hints, took, .. } => Some((*wrong_keys, *hints, took.is_some())),
        PersonResult::Answer { .. } => None,
    });
    assert_eq!(task, Some((1, 1, true)));
}

#[test]
fn a_task_can_be_given_up_and_then_the_drill_does_it() {
    let mut scene = drills::task(Settings::default());
    let effects = scene.key('S');
    let effects: Vec<Effect> = effects.into_iter().chain(drills::pass(&mut scene, 10)).collect();
    let kills =
        |effect: &Effect| matches!(effect, Effect::Send(command) if command.what == Order::Kill(n(2)));
    assert!(effects.iter().any(kills), "{effects:?}");
}

#[test]
fn escape_asks_before_it_stops_a_drill_which_then_heals() {
    let mut scene = drills::elected(Settings::default());
    scene.press(KeyCode::Esc);
    shows(&mut scene, "Stop this drill?");
    scene.press(KeyCode::Esc);
    assert!(scene.app.drills().playing().is_some());
    scene.press(KeyCode::Esc);
    let effects = scene.key('y');
    let effects: Vec<Effect> = effects.into_iter().chain(drills::pass(&mut scene, 10)).collect();
    assert!(
        effects.iter().any(|effect| matches!(effect, Effect::Send(c) if c.what == Order::Restart(n(2)))),
        "what it broke is healed: {effects:?}"
    );
    let effects = drills::pass(&mut scene, 20_000);
    let record = DrillRecord { passed: 0, best: None, last: Verdict::Aborted };
    assert!(
        effects.contains(&Effect::KeepRecord { id: "find-the-leader".to_owned(), record }),
        "{effects:?}"
    );
    shows(&mut scene, "ABORTED");
    shows(&mut scene, "LEFT IN FORCE AT THE END: n2 is down");
}

#[test]
fn the_result_leads_to_the_same_drill_the_next_one_and_the_catalogue() {
    let mut scene = drills::ended(Settings::default());
    assert_eq!(outcome(&scene).verdict, Verdict::Passed, "{}", outcome(&scene).reason);
    assert!(matches!(&scene.key('a')[..], [Effect::StartDrill(drill)] if drill.id == "find-the-leader"));
    let mut scene = drills::ended(Settings::default());
    assert!(matches!(&scene.key('n')[..], [Effect::StartDrill(drill)] if drill.id == "one-way"));
    let mut scene = drills::ended(Settings::default());
    scene.press(KeyCode::Enter);
    assert!(scene.app.drills().ended().is_none());
    shows(&mut scene, "Passed once, best score 67.");
    assert_eq!(scene.app.world().len(), 3, "the cluster stays to be looked at");
}

#[test]
fn requests_of_the_workload_make_no_events_and_no_notices() {
    let mut scene = drills::question(Settings::default());
    while scene.app.view() != View::Cluster {
        scene.press(KeyCode::BackTab);
    }
    let before = text(&mut scene);
    let id = CommandId(FIRST + LOAD_OFFSET + 7);
    let outcome =
        ClientOutcome::Failed { reason: "no leader was found".to_owned(), fate: RequestFate::NothingChanged };
    scene.tell(News::Client { id, request: put("a", "1").into(), outcome, took: ms(3) });
    scene.tell(News::Refused { id, reason: "too many requests".to_owned() });
    assert_eq!(text(&mut scene), before);
}

#[test]
fn over_a_recording_and_into_a_recording_no_drill_can_be_started() {
    let capabilities = Capabilities::all().recorded();
    let mut scene = Scene::new(Settings::default());
    scene.app = scene.app.over(capabilities).with_drills(Drills::new(drills::catalogue(), false));
    drills::settle(&mut scene);
    scene.key('d');
    shows(&mut scene, "this is a recording");
    assert_eq!(scene.press(KeyCode::Enter), []);
    assert_eq!(scene.key('y'), []);

    let mut scene = Scene::new(Settings::default());
    scene.app = scene.app.with_drills(Drills::new(drills::catalogue(), true));
    drills::settle(&mut scene);
    scene.key('d');
    shows(&mut scene, "--record records one cluster only");
    assert_eq!(scene.press(KeyCode::Enter), []);
}

#[test]
fn a_cluster_that_cannot_be_started_is_a_state_of_the_deck() {
    let mut scene = drills::choosing(Settings::default());
    scene.press(KeyCode::Enter);
    scene.key('y');
    update(&mut scene.app, Msg::ClusterFailed("no port is free".to_owned()), scene.now);
    shows(&mut scene, "the drill's cluster could not be started: no port is free");
    shows(&mut scene, "NO CLUSTER");
    scene.press(KeyCode::Tab);
    shows(&mut scene, "There is no cluster");
    scene.key('d');
    assert!(matches!(scene.press(KeyCode::Enter)[..], [Effect::StartDrill(_)]), "another try loses nothing");
}

#[test]
fn the_deck_can_begin_with_a_drill() {
    let catalogue = drills::catalogue();
    let drill = catalogue.find("one-way").expect("it is there").clone();
    let drills = Drills::new(catalogue, true).playing_at_once(drill, drills::context(), Capabilities::all());
    let mut scene = Scene::new(Settings::default());
    scene.app = App::new(Settings::default()).with_drills(drills);
    assert_eq!(scene.app.view(), View::Drills);
    shows(&mut scene, "A node that can send but not hear");
    drills::settle(&mut scene);
    assert!(scene.app.next_due(scene.now).is_some());
}

#[test]
fn an_update_of_a_command_of_the_run_is_heard_by_the_run_alone() {
    let mut scene = drills::task(Settings::default());
    scene.tell(News::Refused { id: CommandId(FIRST + 3), reason: "it is down already".to_owned() });
    assert!(!text(&mut scene).contains("it is down already"));
}

#[test]
fn a_drill_says_to_a_reader_by_itself_what_it_waits_for_and_how_it_ended() {
    let mut scene = drills::question(Settings::default());
    let mut announcer = Announcer::default();
    let mut said = |scene: &Scene| announcer.announce(&scene.app, scene.now).join("\n");
    let has = |said: &str, words: &[&str]| {
        for words in words {
            assert!(said.contains(words), "{words:?} is not in\n{said}");
        }
    };
    said(&scene);
    // It is the same question as before.
    scene.now += ms(1_000);
    assert_eq!(said(&scene), "");
    scene.press(KeyCode::Tab);
    assert!(!said(&scene).contains("QUESTION"), "another view");
    let mut scene = drills::question(Settings::default());
    scene.press(KeyCode::Tab);
    let mut announcer = Announcer::default();
    let mut said = |scene: &Scene| announcer.announce(&scene.app, scene.now).join("\n");
    has(&said(&scene), &["QUESTION: The leader is about to die.", "1 About one heartbeat interval"]);
    scene.key('d');
    said(&scene);
    scene.key('1');
    has(&said(&scene), &["WRONG: The leader is about to die.", "the right answer"]);
    scene.press(KeyCode::Enter);
    drills::pass(&mut scene, 1_500);
    has(&said(&scene), &["YOUR TASK: Find the leader and kill it."]);
    scene.key('H');
    has(&said(&scene), &["hint 1 The header says which node leads."]);
    drills::pass(&mut scene, 500);
    assert_eq!(said(&scene), "", "the time that is left is not read again and again");
    let ended = drills::ended(Settings::default());
    has(&said(&ended), &["PASSED", "what to take from it"]);
}
