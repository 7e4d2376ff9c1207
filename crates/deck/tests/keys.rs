//! What each key does, why it sometimes cannot, and that footer, help and table agree.

mod fixture;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fixture::{Scene, drills, joining, joint, leader, ms, n, partition, quiet, rule, sent};
use raftdeck_deck::actions::{ACTIONS, Action, ActionId, Group};
use raftdeck_deck::app::{App, Effect, Msg, Settings, View, update};
use raftdeck_deck::keys::{meant, takes};
use raftdeck_deck::view::Target;
use raftdeck_model::{
    Ability, Capabilities, ChangeStep, Command, LinkState, News, Order, ProcessState, WorkloadFigures,
};
use raftdeck_protocol::{NodeStatus, Notice, NoticeKind};
use raftdeck_raft::{Incarnation, NodeId, Status};
use ratatui::buffer::Buffer;

fn scene() -> Scene {
    quiet(Settings::default(), 3)
}

fn text(buffer: &Buffer) -> String {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}

fn last_rows(scene: &mut Scene) -> String {
    let shown = text(&scene.paint(120, 40));
    shown.lines().skip(38).collect::<Vec<_>>().join("\n")
}

/// Removes the selected node, and confirms it.
fn remove(scene: &mut Scene) -> Vec<Effect> {
    assert_eq!(scene.key('x'), [], "it asks");
    scene.key('y')
}

#[test]
fn digits_and_arrows_select_by_id() {
    let mut scene = scene();
    assert_eq!(scene.app.selected(), Some(n(1)));
    scene.key('3');
    assert_eq!(scene.app.selected(), Some(n(3)));
    scene.press(KeyCode::Right);
    assert_eq!(scene.app.selected(), Some(n(1)), "it goes round");
    scene.press(KeyCode::Up);
    assert_eq!(scene.app.selected(), Some(n(3)));
    scene.key('9');
    assert_eq!(scene.app.selected(), Some(n(3)));
    assert!(last_rows(&mut scene).contains("there is no node n9"));
}

#[test]
fn kill_and_restart_act_on_the_selected_node() {
    let mut scene = scene();
    scene.key('3');
    assert_eq!(scene.key('k'), sent(Order::Kill(n(3))));
    scene.tell(News::Process { node: n(3), state: ProcessState::Killed });
    assert_eq!(scene.key('k'), []);
    assert!(last_rows(&mut scene).contains("n3 is down already: r restarts it"));
    assert_eq!(scene.key('z'), []);
    assert_eq!(scene.key('r'), sent(Order::Restart(n(3))));
    assert_eq!(scene.key('R'), sent(Order::Restart(n(3))));
}

#[test]
fn what_the_source_cannot_do_is_said_by_keys_words_and_menus_before_it_is_asked() {
    let why = "this is a recording: it cannot be changed";
    let capabilities = [Ability::Processes, Ability::Links, Ability::Store]
        .into_iter()
        .fold(Capabilities::all(), |capabilities, ability| capabilities.without(ability, why));
    let mut scene = scene();
    scene.app = std::mem::replace(&mut scene.app, App::new(Settings::default())).over(capabilities);
    for key in ['k', 'K', 'p', 'w'] {
        assert_eq!(scene.key(key), [], "{key}");
        assert!(last_rows(&mut scene).contains(why), "{key}: {}", last_rows(&mut scene));
    }
    for line in ["kill 1", "hold *", "put a 1"] {
        scene.key(':');
        scene.type_in(line);
        assert_eq!(scene.press(KeyCode::Enter), [], "{line}");
        assert!(last_rows(&mut scene).contains(why), "{line}: {}", last_rows(&mut scene));
        scene.press(KeyCode::Esc);
    }
    scene.key(':');
    scene.type_in("isolate ");
    assert!(text(&scene.paint(120, 40)).contains(&format!("command  {why}")), "the palette says it too");
    scene.press(KeyCode::Esc);
    scene.key('f');
    assert!(text(&scene.paint(120, 40)).contains(why), "and the menu");
    assert_eq!(scene.press(KeyCode::Enter), []);
    scene.press(KeyCode::Esc);
    assert_eq!(scene.key('t').len(), 1, "the rest can be done");
}

#[test]
fn kill_leader_kills_the_living_leader_of_the_highest_term() {
    assert_eq!(scene().key('K'), sent(Order::Kill(n(2))));
    let mut both = fixture::stale_leader(Settings::default());
    assert_eq!(both.key('K'), sent(Order::Kill(n(4))));
    both.tell(News::Process { node: n(4), state: ProcessState::Paused { pid: Some(7) } });
    assert_eq!(both.key('K'), sent(Order::Kill(n(1))), "a paused leader cannot be reached");
    both.tell(News::Process { node: n(1), state: ProcessState::Killed });
    assert_eq!(both.key('K'), []);
    assert!(last_rows(&mut both).contains("no node leads at the moment"));
}

#[test]
fn pause_stops_and_lets_go_on() {
    let mut scene = scene();
    scene.key('2');
    assert_eq!(scene.key('z'), sent(Order::Pause(n(2))));
    scene.tell(News::Process { node: n(2), state: ProcessState::Paused { pid: Some(7) } });
    assert_eq!(scene.key('z'), sent(Order::Resume(n(2))));
}

#[test]
fn partition_cuts_the_leader_off_once_until_healed() {
    let mut scene = scene();
    assert_eq!(scene.key('p'), sent(Order::Disturb(rule("isolate 2"))));
    scene.cut_off(2, LinkState::Cut);
    // Another leads meanwhile; the key must not cut it off as well.
    scene.status(fixture::leader(3, 3, &[(1, 42), (2, 43)], 43));
    assert_eq!(scene.key('p'), []);
    assert!(last_rows(&mut scene).contains("n2 is cut off already: h heals"));
    assert_eq!(scene.key('h'), sent(Order::Heal));
    scene.cut_off(2, LinkState::Open);
    assert_eq!(scene.key('h'), []);
    assert!(last_rows(&mut scene).contains("nothing to heal"));
    assert!(matches!(scene.key('p')[..], [Effect::Send(Command { what: Order::Disturb(_), .. })]));
}

#[test]
fn isolate_cuts_the_selected_node_off_both_ways() {
    let mut scene = scene();
    scene.key('3');
    assert_eq!(scene.key('i'), sent(Order::Disturb(rule("isolate 3"))));
    scene.cut_off(3, LinkState::Cut);
    assert_eq!(scene.key('i'), []);
    let mut alone = quiet(Settings::default(), 1);
    assert_eq!(alone.key('i'), []);
    assert_eq!(alone.key('p'), []);
}

#[test]
fn a_paused_node_can_be_healed_too() {
    let mut scene = scene();
    scene.tell(News::Process { node: n(1), state: ProcessState::Paused { pid: Some(7) } });
    assert_eq!(scene.key('h'), sent(Order::Heal));
}

#[test]
fn a_reason_stays_for_a_moment_and_goes_by_itself() {
    let mut scene = scene();
    scene.key('h');
    assert!(last_rows(&mut scene).contains("nothing to heal"));
    let until = ms(8_300 + 4_000);
    assert!(scene.app.next_wake(scene.now).is_some_and(|at| at <= until));
    scene.now = until;
    update(&mut scene.app, Msg::Wake, scene.now);
    assert!(!last_rows(&mut scene).contains("nothing to heal"));
}

#[test]
fn a_write_is_typed_waits_and_says_where_it_is_stored() {
    let mut scene = scene();
    scene.key('w');
    scene.type_in("put quick brown");
    assert_eq!(scene.app.selected(), Some(n(1)), "letters go to the prompt");
    assert!(last_rows(&mut scene).contains("put quick brown"));
    let effects = scene.press(KeyCode::Enter);
    let [Effect::Send(Command { id, what: Order::Client(request) })] = &effects[..] else {
        panic!("{effects:?}")
    };
    assert!(last_rows(&mut scene).contains("put quick brown: waiting"));
    let at = raftdeck_raft::LogId { term: raftdeck_raft::Term(2), index: raftdeck_raft::LogIndex(7) };
    let body = raftdeck_protocol::ResponseBody::Done { answer: raftdeck_protocol::Answer::Stored, at };
    let outcome = raftdeck_model::ClientOutcome::Answered { node: n(3), body };
    scene.tell(News::Client { id: *id, request: request.clone(), outcome, took: ms(4) });
    assert!(last_rows(&mut scene).contains("put quick brown: stored at index 7, term 2 by n3 in 4.0 ms"));
}

#[test]
fn an_error_in_the_prompt_is_said_below_it() {
    let mut scene = scene();
    scene.key('w');
    scene.type_in("put color");
    assert_eq!(scene.press(KeyCode::Enter), []);
    let rows = last_rows(&mut scene);
    assert!(
        rows.contains("write >  put color") && rows.contains("put needs a value: put KEY VALUE"),
        "{rows}"
    );
    scene.press(KeyCode::Esc);
    assert!(last_rows(&mut scene).contains("k kill"));
}

#[test]
fn tab_goes_round_the_views() {
    let mut scene = scene();
    for view in
        [View::Logs, View::Messages, View::Charts, View::Data, View::Drills, View::Output, View::Cluster]
    {
        scene.press(KeyCode::Tab);
        assert_eq!(scene.app.view(), view);
    }
    scene.press(KeyCode::BackTab);
    assert_eq!(scene.app.view(), View::Output);
}

#[test]
fn the_logs_view_asks_for_the_entry_under_the_cursor_once() {
    let mut scene = partition(Settings::default());
    let effects = scene.press(KeyCode::Tab);
    assert!(
        matches!(effects[..], [Effect::Send(Command { what: Order::FetchLog { .. }, .. })]),
        "{effects:?}"
    );
    assert_eq!(scene.press(KeyCode::Left), [], "the answer is on its way");
    assert!(scene.app.next_wake(scene.now).is_some(), "and asked again if it does not come");
    scene.now += ms(2_500);
    assert!(matches!(
        update(&mut scene.app, Msg::Wake, scene.now)[..],
        [Effect::Send(Command { what: Order::FetchLog { .. }, .. })]
    ));
}

#[test]
fn clicks_select_nodes_tabs_and_keys() {
    let mut scene = scene();
    scene.paint(120, 40);
    let click = |scene: &mut Scene, target| {
        let area = scene.app_area(target);
        let kind = MouseEventKind::Down(MouseButton::Left);
        let event = MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE };
        scene.mouse(event)
    };
    click(&mut scene, Target::Node(n(3)));
    assert_eq!(scene.app.selected(), Some(n(3)));
    assert_eq!(click(&mut scene, Target::Action(ActionId::Kill)), sent(Order::Kill(n(3))));
    click(&mut scene, Target::View(View::Output));
    assert_eq!(scene.app.view(), View::Output);
}

#[test]
fn every_key_of_the_deck_means_one_action_in_each_view() {
    // What shares its key can be taken at its own moments only.
    let of_drills = |action: &&Action| action.is_momentary();
    for view in View::ALL {
        for action in ACTIONS.iter().filter(|action| !of_drills(action)) {
            for (key, scope) in action.keys.iter().filter(|(_, scope)| scope.holds(view)) {
                let others = ACTIONS.iter().filter(|other| {
                    other.keys.iter().any(|(k, s)| k == key && s.holds(view))
                        && other.id != action.id
                        && !of_drills(other)
                });
                assert_eq!(others.count(), 0, "{key} in {view:?} ({scope:?})");
            }
        }
    }
    let mut scene = scene();
    for _ in View::ALL {
        for key in "123456789kKrRzpihwfuUd:.,+- ?q/nNgGjZ".chars() {
            let event = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
            assert!(meant(&scene.app, &event).is_some(), "{key} does nothing in {:?}", scene.app.view());
        }
        scene.press(KeyCode::Tab);
    }
}

#[test]
fn a_key_has_one_meaning_at_each_moment_of_a_drill() {
    let scenes =
        [drills::choosing, drills::question, drills::answered, drills::task, drills::elected, drills::ended];
    for (place, make) in scenes.into_iter().enumerate() {
        let scene = make(Settings::default());
        assert_eq!(scene.app.view(), View::Drills);
        let able: Vec<&Action> = ACTIONS
            .iter()
            .filter(|action| action.group == Group::Drills && action.can(&scene.app).is_ok())
            .collect();
        for action in &able {
            let keys: Vec<_> = action.keys.iter().map(|(key, _)| key).collect();
            let alike = able.iter().filter(|other| other.keys.iter().any(|(key, _)| keys.contains(&key)));
            assert_eq!(alike.count(), 1, "{:?} at moment {place}", action.id);
        }
    }
}

/// What belongs to a moment of a drill is offered at that moment only.
fn is_offered(scene: &Scene, action: &Action) -> bool {
    let is_its_moment =
        !matches!(action.group, Group::Drills | Group::Lessons) || action.can(&scene.app).is_ok();
    is_its_moment && takes(&scene.app, action)
}

#[test]
fn footer_help_and_table_agree() {
    let mut scene = scene();
    for view in View::ALL {
        assert_eq!(scene.app.view(), view);
        let footer = text(&scene.paint(400, 60)).lines().last().map(str::to_owned).unwrap_or_default();
        for action in ACTIONS.iter().filter(|action| action.footer > 0) {
            let Some(key) = scene.app.keymap().key(action, view).filter(|_| is_offered(&scene, action))
            else {
                continue;
            };
            let hint = format!("{key} {}", action.short);
            assert!(footer.contains(&hint), "{hint:?} is not in {footer:?}");
        }
        let buttons = |scene: &Scene| scene.targets().filter(|t| matches!(t, Target::Action(_))).count();
        let hinted = ACTIONS.iter().filter(|action| action.footer > 0 && is_offered(&scene, action)).count();
        assert_eq!(buttons(&scene), hinted);
        scene.press(KeyCode::Tab);
    }
    scene.key('?');
    let help = text(&scene.paint(140, 130));
    for action in ACTIONS {
        let keys = action.keys.iter().map(|(key, _)| key.to_string()).collect::<Vec<_>>().join(" ");
        assert!(help.contains(&format!("{keys}  {}", action.long)), "{keys} is not in the help page");
    }
}

#[test]
fn ids_in_the_table_are_unique() {
    for action in ACTIONS {
        assert!(Action::of(action.id).is_some_and(|found| std::ptr::eq(found, action)), "{:?}", action.id);
    }
}

#[test]
fn help_scrolls_and_closes() {
    let mut scene = scene();
    scene.key('?');
    assert!(text(&scene.paint(80, 24)).contains("Break and heal"));
    for _ in 0..200 {
        scene.press(KeyCode::Down);
    }
    let end = text(&scene.paint(80, 24));
    assert!(end.contains("Ctrl-Z") && !end.contains("Break and heal"), "{end}");
    assert_eq!(scene.key('k'), [], "keys behind the page do nothing");
    scene.press(KeyCode::Esc);
    assert!(text(&scene.paint(80, 24)).contains("k kill"));
}

#[test]
fn updates_about_strangers_are_ignored() {
    let mut scene = scene();
    let stranger = NodeId(77);
    scene.tell(News::Process { node: stranger, state: ProcessState::Killed });
    scene.tell(News::Link { from: stranger, to: n(1), state: LinkState::Cut });
    scene.status(fixture::leader(77, 3, &[(9, 99)], 99));
    assert_eq!(scene.app.world().ids(), [n(1), n(2), n(3)]);
    assert!(!scene.app.world().any_cut());
}

/// Presses a key that cannot act now, and says why it cannot.
fn why_not(scene: &mut Scene, c: char) -> String {
    assert_eq!(scene.key(c), [], "{c} acts");
    last_rows(scene).lines().next().unwrap_or_default().trim().to_owned()
}

#[test]
fn members_come_and_go_and_lead_by_the_selected_node() {
    let mut scene = scene();
    scene.key('3');
    assert_eq!(scene.key('t'), sent(Order::Transfer(n(3))));
    assert_eq!(scene.key('e'), sent(Order::Campaign(n(3))));
    assert_eq!(scene.key('a'), sent(Order::AddNode));
    assert_eq!(remove(&mut scene), sent(Order::RemoveNode(n(3))));
    scene.key('2');
    assert_eq!(remove(&mut scene), sent(Order::RemoveNode(n(2))), "the leader can be removed too");
    assert_eq!(why_not(&mut scene, 't'), "n2 leads already");
    assert_eq!(why_not(&mut scene, 'e'), "n2 leads already: t hands over to another node");
}

#[test]
fn a_node_with_an_empty_disk_is_replaced_and_no_other() {
    let mut scene = scene();
    scene.key('3');
    assert_eq!(why_not(&mut scene, 'X'), "n3 has the disk in the membership: there is nothing to replace");
    let kind = NoticeKind::EmptyDisk { disk: Incarnation([7; 16]), address: "127.0.0.1:7003".to_owned() };
    let notices = vec![Notice { about: n(3), kind, text: "n3 is back with an empty disk".to_owned() }];
    let status = NodeStatus { notices, ..fixture::node_status(leader(2, 3, &[(1, 42)], 42)) };
    scene.tell(News::Status { node: n(2), status: Box::new(status.into()) });
    assert_eq!(scene.key('X'), sent(Order::ReplaceNode(n(3))));
    scene.tell(News::Change { node: n(3), step: ChangeStep::Replacing });
    let why = why_not(&mut scene, 'X');
    assert_eq!(why, "n3 is being replaced: its old disk is removed first: wait until it is done");
    scene.tell(News::Change { node: n(3), step: ChangeStep::GivenUp });
    scene.tell(News::Process { node: n(3), state: ProcessState::Killed });
    assert_eq!(why_not(&mut scene, 'X'), "n3 is down: r restarts it");
    let mut scene = joining(Settings::default());
    scene.tell(News::Change { node: n(4), step: ChangeStep::GivenUp });
    scene.tell(News::Change { node: n(5), step: ChangeStep::GivenUp });
    scene.key('4');
    assert_eq!(scene.key('X'), sent(Order::ReplaceNode(n(4))), "one that broke off goes on");
}

#[test]
fn who_cannot_lead_is_told_why() {
    let mut scene = joining(Settings::default());
    scene.key('4');
    assert_eq!(why_not(&mut scene, 't'), "n4 is a learner: only voters can lead");
    assert_eq!(why_not(&mut scene, 'e'), "n4 is a learner: only voters can lead");
    scene.key('5');
    assert_eq!(why_not(&mut scene, 't'), "n5 is not a member of the cluster");
    scene.key('3');
    assert_eq!(why_not(&mut scene, 't'), "n4 catches up as a learner: wait until it is done");
    assert_eq!(why_not(&mut scene, 'x'), "n4 catches up as a learner: wait until it is done");
    assert_eq!(scene.key('a'), sent(Order::AddNode), "the lab lets additions take turns");
    scene.tell(News::Process { node: n(3), state: ProcessState::Killed });
    assert_eq!(why_not(&mut scene, 'e'), "n3 is down: r restarts it");
    scene.tell(News::Change { node: n(4), step: ChangeStep::Joined });
    scene.tell(News::Change { node: n(5), step: ChangeStep::GivenUp });
    assert_eq!(remove(&mut scene), sent(Order::RemoveNode(n(3))), "also one that is down");
}

#[test]
fn nothing_is_changed_between_two_configurations_without_a_majority_or_at_the_limit() {
    let mut scene = joint(Settings::default());
    scene.key('3');
    assert_eq!(why_not(&mut scene, 'x'), "the leadership is being handed to n3: wait a moment");
    let mut scene = quiet(Settings::default(), 3);
    scene.status(Status { has_quorum: false, ..leader(2, 3, &[(1, 42)], 42) });
    for c in ['t', 'a', 'x'] {
        let why = why_not(&mut scene, c);
        assert_eq!(why, "n2 leads but reaches no majority: nothing can be changed", "{c}");
    }
    let mut scene = quiet(Settings::default(), 15);
    assert_eq!(why_not(&mut scene, 'a'), "there are 15 nodes already, which is the maximum");
    let mut scene = quiet(Settings::default(), 1);
    assert_eq!(why_not(&mut scene, 'x'), "n1 is the last voter: without it there is no cluster");
}

#[test]
fn the_workload_is_switched_on_and_off() {
    let mut scene = scene();
    assert_eq!(scene.key('W'), sent(Order::Workload(true)));
    let running = WorkloadFigures { running: true, per_second: 50, longest_gap_ms: 21, ..Default::default() };
    scene.tell(News::Workload(running));
    assert!(text(&scene.paint(120, 40)).contains("50 writes/s"));
    assert_eq!(scene.key('W'), sent(Order::Workload(false)));
    scene.tell(News::Workload(WorkloadFigures { running: false, ..running }));
    assert!(!text(&scene.paint(120, 40)).contains("50 writes/s"));
    assert_eq!(scene.key('W'), sent(Order::Workload(true)));
}

#[test]
fn the_selection_stays_with_its_node_when_others_come_and_go() {
    let mut scene = scene();
    scene.key('3');
    let mut cluster = |ids: &[u64]| {
        scene.tell(News::Cluster {
            nodes: ids.iter().copied().map(NodeId).collect(),
            heartbeat_ms: 50,
            election_ms: (150, 300),
            data_dir: None.into(),
        });
        scene.app.selected()
    };
    assert_eq!(cluster(&[1, 2, 3, 4]), Some(n(3)));
    assert_eq!(cluster(&[3, 4]), Some(n(3)));
    assert_eq!(cluster(&[4]), None, "it does not slide");
}
