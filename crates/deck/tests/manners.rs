//! What a reflex key or a slip of the mouse must not destroy: overlays close first, what cannot be undone is asked, the selection
//! does not slide; and what the message line says.

mod fixture;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fixture::{Scene, in_force, n, quiet, rule, sent};
use raftdeck_deck::actions::ActionId;
use raftdeck_deck::app::confirm::ConfirmReply;
use raftdeck_deck::app::copy::CopyTarget;
use raftdeck_deck::app::drills::{Catalogue, Drills};
use raftdeck_deck::app::{App, Effect, Msg, Settings, update};
use raftdeck_deck::view::{Target, move_on};
use raftdeck_model::{Disturbance, LinkState, News, NodeView, Order, ProcessState};
use ratatui::buffer::Buffer;
use std::collections::BTreeMap;

/// Opens something over the view.
type Opens = fn(&mut Scene);

fn scene() -> Scene {
    quiet(Settings::default(), 3)
}

/// The same while its updates are recorded.
fn recording() -> Scene {
    let mut scene = scene();
    let app = std::mem::replace(&mut scene.app, App::new(Settings::default()));
    scene.app = app.with_drills(Drills::new(Catalogue::new(Vec::new(), BTreeMap::default()), true));
    scene
}

fn ctrl(scene: &mut Scene, c: char) -> Vec<Effect> {
    let key = KeyEvent::new(KeyCode::Char(c), KeyModifiers::CONTROL);
    update(&mut scene.app, Msg::Key(key), scene.now)
}

fn text(buffer: &Buffer) -> String {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}

fn shown(scene: &mut Scene) -> String {
    text(&scene.paint(120, 40))
}

fn click(scene: &mut Scene, target: Target) -> Vec<Effect> {
    scene.paint(120, 40);
    let area = scene.app_area(target);
    let kind = MouseEventKind::Down(MouseButton::Left);
    scene.mouse(MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE })
}

#[test]
fn without_an_overlay_q_and_ctrl_c_quit_at_once() {
    assert_eq!(scene().key('q'), [Effect::Quit]);
    assert_eq!(ctrl(&mut scene(), 'c'), [Effect::Quit]);
}

#[test]
fn what_lies_over_the_view_closes_before_q_or_ctrl_c_mean_anything_else() {
    let open: [(&str, Opens); 5] = [
        ("help", |scene| drop(scene.key('?'))),
        ("the menu of faults", |scene| drop(scene.key('f'))),
        ("a question", |scene| drop(scene.key('x'))),
        ("an answer", |scene| {
            scene.key(':');
            scene.type_in("status");
            scene.press(KeyCode::Enter);
        }),
        ("the menu of what is in force", |scene| {
            in_force(scene, vec![(1, rule("isolate 3"))]);
            scene.key('U');
        }),
    ];
    for (what, open) in open {
        let before = |scene: &mut Scene| {
            scene.at(60_000);
            shown(scene)
        };
        for close in
            [|s: &mut Scene| s.key('q'), |s: &mut Scene| ctrl(s, 'c'), |s: &mut Scene| s.press(KeyCode::Esc)]
        {
            let mut scene = scene();
            open(&mut scene);
            let with = before(&mut scene);
            assert_eq!(close(&mut scene), [], "{what}");
            assert_ne!(shown(&mut scene), with, "{what} is closed");
            assert_eq!(scene.key('q'), [Effect::Quit], "{what} was all that there was");
        }
    }
}

#[test]
fn in_a_prompt_q_is_a_letter_and_ctrl_c_leaves_the_prompt() {
    for key in ['w', ':'] {
        let mut scene = scene();
        scene.key(key);
        assert_eq!(scene.key('q'), []);
        assert!(shown(&mut scene).contains(">  q"), "a letter of the line");
        assert_eq!(ctrl(&mut scene, 'z'), [Effect::Suspend], "Ctrl-Z loses nothing");
        assert_eq!(ctrl(&mut scene, 'c'), []);
        assert!(!shown(&mut scene).contains(">  q"));
        assert_eq!(ctrl(&mut scene, 'c'), [Effect::Quit]);
    }
}

#[test]
fn a_click_on_quit_asks_and_the_second_of_a_double_click_answers_nothing() {
    let mut scene = scene();
    assert_eq!(click(&mut scene, Target::Action(ActionId::Quit)), []);
    assert!(shown(&mut scene).contains("Quit?"));
    let kind = MouseEventKind::Down(MouseButton::Left);
    for (column, row) in [(1, 39), (10, 39), (0, 0)] {
        scene.mouse(MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE });
        assert!(shown(&mut scene).contains("Quit?"), "at {column}, {row}");
    }
    assert_eq!(click(&mut scene, Target::Reply(ConfirmReply::No)), []);
    assert!(!shown(&mut scene).contains("Quit?"));
    click(&mut scene, Target::Action(ActionId::Quit));
    assert_eq!(click(&mut scene, Target::Reply(ConfirmReply::Yes)), [Effect::Quit]);
}

#[test]
fn leaving_what_is_recorded_asks_and_neither_key_that_asks_confirms() {
    for ask in [|scene: &mut Scene| scene.key('q'), |scene: &mut Scene| ctrl(scene, 'c')] {
        let mut scene = recording();
        assert_eq!(ask(&mut scene), []);
        assert!(shown(&mut scene).contains("The recording ends here."));
        assert_eq!(ask(&mut scene), [], "the key that asked does not confirm");
        assert!(!shown(&mut scene).contains("The recording ends here."));
        ask(&mut scene);
        assert!(text(&scene.paint(16, 3)).contains("y quit"), "also where there is no room for more");
        assert_eq!(scene.key('y'), [Effect::Quit]);
    }
}

#[test]
fn removing_a_node_asks_says_what_is_lost_and_leaves_nothing_selected() {
    let mut scene = scene();
    scene.key('3');
    assert_eq!(scene.key('x'), []);
    let asked = shown(&mut scene);
    assert!(asked.contains("Remove n3 from the cluster, with its data?"), "{asked}");
    assert!(asked.contains("2 voters stay and 2 of them are needed: 0 may fail."), "{asked}");
    assert_eq!(scene.key('x'), [], "the key that asked does not confirm");
    assert_eq!(scene.key('y'), sent(Order::RemoveNode(n(3))));
    let left = News::Cluster {
        nodes: vec![n(1), n(2)],
        heartbeat_ms: 50,
        election_ms: (150, 300),
        data_dir: None.into(),
    };
    scene.tell(left);
    assert_eq!(scene.app.selected(), None, "the selection does not slide to a neighbour");
    for key in ['x', 'k', 'z', 'i', 't', 'e', 'r', 'X'] {
        assert_eq!(scene.key(key), [], "{key}");
        assert!(shown(&mut scene).contains("no node is selected: its number selects one"), "{key}");
    }
    scene.key('2');
    assert_eq!(scene.app.selected(), Some(n(2)));
}

#[test]
fn a_question_goes_with_the_node_that_it_is_about() {
    let mut scene = scene();
    scene.key('3');
    scene.key('x');
    let nodes = vec![n(1), n(2)];
    scene.tell(News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() });
    assert!(shown(&mut scene).contains("n3 is gone already"));
    assert_eq!(scene.key('y'), []);
}

#[test]
fn keys_that_need_no_selection_work_without_one() {
    let mut scene = scene();
    scene.key('3');
    let nodes = vec![n(1), n(2)];
    scene.tell(News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() });
    scene.tell(News::Process { node: n(1), state: ProcessState::Killed });
    assert_eq!(scene.key('R'), sent(Order::Restart(n(1))));
    in_force(&mut scene, vec![(1, Disturbance::Paused(n(1)))]);
    assert_eq!(scene.key('h'), sent(Order::Heal));
    for (width, height) in [(120, 40), (80, 24), (40, 12), (20, 5)] {
        for _ in 0..7 {
            scene.paint(width, height);
            scene.press(KeyCode::Tab);
        }
    }
    scene.key('f');
    let menu = shown(&mut scene);
    assert!(menu.contains("isolate N "), "{menu}");
    for _ in 0..13 {
        scene.press(KeyCode::Down);
    }
    assert_eq!(scene.press(KeyCode::Enter), []);
    assert!(shown(&mut scene).contains("no node is selected: its number selects one"));
}

#[test]
fn killing_the_leader_selects_it_so_that_it_can_be_restarted() {
    let mut scene = scene();
    assert_eq!(scene.app.selected(), Some(n(1)));
    assert_eq!(scene.key('K'), sent(Order::Kill(n(2))));
    assert_eq!(scene.app.selected(), Some(n(2)));
    scene.tell(News::Process { node: n(2), state: ProcessState::Killed });
    assert_eq!(scene.key('r'), sent(Order::Restart(n(2))));
}

#[test]
fn emptying_a_disk_from_the_menu_asks_and_as_a_typed_command_it_does_not() {
    let mut scene = scene();
    scene.key('f');
    while !shown(&mut scene).contains("▶ wipe 1 ") {
        let before = shown(&mut scene);
        scene.press(KeyCode::Down);
        assert_ne!(shown(&mut scene), before, "the row is not there: {before}");
    }
    assert_eq!(scene.press(KeyCode::Enter), []);
    assert!(shown(&mut scene).contains("Empty this disk: wipe 1?"));
    assert_eq!(scene.press(KeyCode::Enter), [], "the key that asked does not confirm");
    assert_eq!(scene.key('y'), sent(Order::Wipe(n(1))));
    scene.key(':');
    scene.type_in("wipe 1");
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Wipe(n(1))));
}

#[test]
fn an_unbound_key_says_so_once_and_the_line_expires() {
    let mut scene = scene();
    let words = "Q does nothing here; ? lists the keys";
    scene.key('Q');
    assert!(shown(&mut scene).contains(words));
    let until = scene.app.next_wake(scene.now);
    scene.key('Q');
    assert_eq!(scene.app.next_wake(scene.now).max(until), until, "it is not shown longer");
    let now = scene.now;
    scene.at(u64::try_from(now.as_millis()).unwrap() + 5_000);
    assert!(!shown(&mut scene).contains(words));
}

#[test]
fn status_and_rules_at_the_palette_show_something() {
    let mut scene = scene();
    in_force(&mut scene, vec![(7, rule("isolate 3"))]);
    scene.tell(News::Process { node: n(1), state: ProcessState::Killed });
    scene.key(':');
    scene.type_in("status");
    scene.press(KeyCode::Enter);
    let answer = shown(&mut scene);
    for words in ["n2 leads term 1", "committed through entry", "down: n1", "In force: 1 fault"] {
        assert!(answer.contains(words), "{words}: {answer}");
    }
    scene.press(KeyCode::Esc);
    scene.key(':');
    scene.type_in("rules");
    scene.press(KeyCode::Enter);
    assert!(shown(&mut scene).contains("#7   isolate 3"), "{}", shown(&mut scene));
    scene.press(KeyCode::Esc);
    scene.key(':');
    scene.type_in("help isolate");
    scene.press(KeyCode::Enter);
    assert!(shown(&mut scene).contains(" isolate N "), "{}", shown(&mut scene));
}

#[test]
fn what_is_selected_is_copied_and_it_is_said_where_it_went() {
    let mut scene = scene();
    scene.key('3');
    let address = "127.0.0.1:9003";
    assert_eq!(scene.key('y'), [Effect::Copy(address.to_owned())]);
    assert_eq!(scene.key('Y'), [Effect::Copy(format!("curl http://{address}/health"))]);
    let copied = |scene: &mut Scene, to| {
        update(&mut scene.app, Msg::Copied { text: address.to_owned(), to }, scene.now);
        shown(scene)
    };
    assert!(copied(&mut scene, Ok(CopyTarget::Terminal)).contains(&format!("clipboard (OSC 52): {address}")));
    let file = CopyTarget::File("/home/me/clipboard.txt".to_owned());
    assert!(
        copied(&mut scene, Ok(file))
            .contains("this terminal has no clipboard: written to /home/me/clipboard.txt")
    );
    assert!(copied(&mut scene, Err("the disk is full".to_owned())).contains("not copied: the disk is full"));
}

#[test]
fn a_message_and_an_entry_are_copied_in_words() {
    let mut scene = fixture::messages(Settings::default());
    let copied = scene.key('y');
    let [Effect::Copy(line)] = &copied[..] else { panic!("{copied:?}") };
    assert!(line.starts_with('#') && line.contains(" of term "), "{line}");
    let mut scene = fixture::logs(Settings::default());
    let copied = scene.key('y');
    let [Effect::Copy(line)] = &copied[..] else { panic!("{copied:?}") };
    assert!(line.starts_with("entry ") && line.contains(" of term "), "{line}");
}

#[test]
fn the_mouse_is_given_to_the_terminal_and_taken_back() {
    let mut scene = quiet(Settings { mouse: true, ..Settings::default() }, 3);
    assert_eq!(scene.key('M'), [Effect::CaptureMouse(false)]);
    assert!(shown(&mut scene).contains("the mouse is the terminal's"));
    assert_eq!(scene.key('M'), [Effect::CaptureMouse(true)]);
}

#[test]
fn the_cursor_of_the_messages_follows_a_pressed_mouse_unless_something_covers_them() {
    let mut scene = fixture::messages(Settings::default());
    scene.paint(120, 40);
    let chosen = |scene: &Scene| scene.app.messages().chosen().map(|message| message.id);
    let before = chosen(&scene);
    let other =
        scene.targets().find(|target| matches!(target, Target::Message(id) if Some(*id) != before)).unwrap();
    let drag = |scene: &mut Scene| {
        let area = scene.app_area(other);
        let kind = MouseEventKind::Drag(MouseButton::Left);
        scene.mouse(MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE });
    };
    scene.key('w');
    drag(&mut scene);
    assert_eq!(chosen(&scene), before);
    scene.press(KeyCode::Esc);
    drag(&mut scene);
    assert_ne!(chosen(&scene), before);
}

/// What a divider is dragged with.
fn drag(scene: &mut Scene, from: (u16, u16), to: (u16, u16)) {
    let event = |kind, (column, row)| MouseEvent { kind, column, row, modifiers: KeyModifiers::NONE };
    scene.mouse(event(MouseEventKind::Down(MouseButton::Left), from));
    scene.mouse(event(MouseEventKind::Drag(MouseButton::Left), to));
    scene.mouse(event(MouseEventKind::Up(MouseButton::Left), to));
}

fn divider(scene: &mut Scene, width: u16, height: u16) -> ratatui::layout::Rect {
    scene.paint(width, height);
    scene.app.landed().find(Target::Divider).expect("there is a divider")
}

#[test]
fn the_line_between_two_panes_follows_the_mouse_within_bounds() {
    for (width, height, is_upright) in [(120, 40, true), (80, 24, false)] {
        let mut scene = scene();
        let before = divider(&mut scene, width, height);
        assert_eq!(before.height > 1, is_upright, "{before:?}");
        let at = (before.x, before.y);
        let to = if is_upright { (before.x - 5, before.y) } else { (before.x, before.y - 2) };
        drag(&mut scene, at, to);
        let after = divider(&mut scene, width, height);
        assert_eq!((after.x, after.y), to);
        // The button was released.
        let event = MouseEventKind::Drag(MouseButton::Left);
        scene.mouse(MouseEvent { kind: event, column: 1, row: 3, modifiers: KeyModifiers::NONE });
        assert_eq!(divider(&mut scene, width, height), after);
        for far in [(0, 0), (width - 1, height - 1)] {
            drag(&mut scene, (after.x, after.y), far);
            let most = divider(&mut scene, width, height);
            assert!(scene.targets().any(|target| target == Target::Node(n(1))), "{most:?}");
            drag(&mut scene, (most.x, most.y), (after.x, after.y));
        }
        // A click on it alone moves nothing.
        let here = divider(&mut scene, width, height);
        drag(&mut scene, (here.x, here.y), (here.x, here.y));
        assert_eq!(divider(&mut scene, width, height), here);
    }
}

/// The row of the table's titles.
fn titles(scene: &mut Scene, width: u16, height: u16) -> String {
    let shown = text(&scene.paint(width, height));
    shown
        .lines()
        .find(|line| line.trim_start().starts_with("node "))
        .expect("the table has titles")
        .trim_end()
        .to_owned()
}

#[test]
fn the_columns_of_the_table_stay_where_they_are_while_figures_grow_and_nodes_fail() {
    for (width, height) in [(80, 24), (120, 40), (200, 60)] {
        let mut scene = quiet(Settings::default(), 5);
        let before = titles(&mut scene, width, height);
        for last in [7, 1_234, 98_765] {
            for id in 1..=5 {
                let log = [(1, last)];
                let status = match id {
                    2 => fixture::leader(id, 5, &log, last),
                    _ => fixture::follower(id, 5, 2, &log, last),
                };
                scene.status(status);
            }
            assert_eq!(titles(&mut scene, width, height), before, "{width}x{height}, entry {last}");
        }
        scene.tell(News::Process { node: n(3), state: ProcessState::Killed });
        assert_eq!(titles(&mut scene, width, height), before);
        scene.tell(News::Process { node: n(3), state: ProcessState::Running { pid: Some(4_123_456) } });
        assert_eq!(titles(&mut scene, width, height), before);
    }
}

#[test]
fn past_the_usual_figures_the_same_columns_stay() {
    let names = |titles: String| titles.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    for (width, height, last) in [(80, 24, 1_234_567), (120, 40, 987_654)] {
        let mut scene = quiet(Settings::default(), 5);
        let before = names(titles(&mut scene, width, height));
        let log = [(1, last)];
        scene.status(fixture::leader(2, 5, &log, last));
        scene.status(fixture::follower(1, 5, 2, &log, last));
        assert_eq!(names(titles(&mut scene, width, height)), before, "{width}x{height}");
    }
}

#[test]
fn a_frame_in_which_only_messages_moved_is_what_a_whole_frame_would_be() {
    let cut_off = || {
        let mut scene = quiet(Settings::default(), 5);
        scene.cut_off(4, LinkState::Cut);
        in_force(&mut scene, vec![(1, rule("isolate 4"))]);
        scene
    };
    let presented = || {
        let mut scene = quiet(Settings::default(), 5);
        scene.press(KeyCode::F(5));
        scene
    };
    let scenes = vec![
        ("three", quiet(Settings::default(), 3)),
        ("nine", quiet(Settings::default(), 9)),
        ("cut off", cut_off()),
        ("presenter", presented()),
    ];
    let mut moved = 0;
    for (name, mut scene) in scenes {
        let mut last = scene.paint(120, 40);
        let end = scene.now + fixture::ms(2_000);
        while let Some(at) = scene.app.next_wake(scene.now).filter(|at| *at < end) {
            scene.now = at;
            // All goes on as before.
            for id in scene.app.world().ids() {
                let what = scene.app.world().node(id).and_then(|node| node.status.clone());
                let status = Box::new(NodeView::clone(&what.expect("it has reported")));
                scene.tell(News::Status { node: id, status });
            }
            update(&mut scene.app, Msg::Wake, scene.now);
            if scene.app.moved() {
                let mut drawn = last.clone();
                move_on(&scene.app, scene.now, &mut drawn);
                scene.app.note_motion();
                assert!(!scene.app.changed() && !scene.app.moved());
                let (base, landed) = (last.clone(), scene.app.landed().clone());
                let whole = scene.paint(120, 40);
                assert_eq!(text(&whole), text(&drawn), "{name} at {at:?}");
                assert_eq!(whole, drawn, "{name} at {at:?}: the styles differ");
                // The deck would not have painted the whole.
                scene.app.set_landed(landed);
                moved += usize::from(drawn != base);
            } else {
                last = scene.paint(120, 40);
            }
        }
    }
    assert!(moved > 10, "{moved} frames");
}
