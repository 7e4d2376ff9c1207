//! Keys that slow, stop and step the world, and that move, hold and lose single messages; menus and the palette.

mod fixture;

use crossterm::event::{KeyCode, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fixture::{Scene, frozen, in_force, messages, ms, n, quiet, rate, rule, sent};
use raftdeck_deck::app::{Effect, Msg, Settings, View, update};
use raftdeck_deck::view::Target;
use raftdeck_model::{
    Command, FaultId, FrameKind, MessageId, MessageSelection, MessageState, News, Order, Step,
};
use raftdeck_protocol::ClockRate;
use ratatui::buffer::Buffer;

fn text(buffer: &Buffer) -> String {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}

fn screen(scene: &mut Scene) -> String {
    text(&scene.paint(120, 40))
}

fn scene() -> Scene {
    quiet(Settings::default(), 3)
}

fn at(millionths: u32) -> ClockRate {
    ClockRate::from_millionths(millionths).expect("a rate")
}

fn click(scene: &mut Scene, target: Target) -> Vec<Effect> {
    let area = scene.app_area(target);
    let kind = MouseEventKind::Down(MouseButton::Left);
    let event = MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE };
    scene.mouse(event)
}

#[test]
fn space_freezes_and_lets_go_on_at_the_rate_of_before() {
    let mut scene = scene();
    assert_eq!(scene.key(' '), sent(Order::SetRate(ClockRate::FROZEN)));
    rate(&mut scene, 10_000, 8_000_000);
    rate(&mut scene, 0, 8_000_100);
    assert_eq!(scene.key(' '), sent(Order::SetRate(at(10_000))));
}

#[test]
fn plus_and_minus_go_the_steps_of_the_rate_and_say_where_they_end() {
    let mut scene = scene();
    assert_eq!(scene.key('-'), sent(Order::SetRate(at(500_000))));
    assert_eq!(scene.key('+'), []);
    assert!(screen(&mut scene).contains("time runs at full rate already"));
    // Pressed again before the lab has answered, it goes a step further.
    assert_eq!(scene.key('-'), sent(Order::SetRate(at(200_000))));
    rate(&mut scene, 500_000, 8_000_000);
    assert_eq!(scene.key('-'), sent(Order::SetRate(at(100_000))));
    rate(&mut scene, 100_000, 8_000_000);
    rate(&mut scene, 1_000, 8_000_000);
    assert_eq!(scene.key('-'), sent(Order::SetRate(ClockRate::FROZEN)));
    rate(&mut scene, 0, 8_000_000);
    assert_eq!(scene.key('-'), []);
    assert!(screen(&mut scene).contains("time is frozen already"));
    assert_eq!(scene.key('+'), sent(Order::SetRate(at(1_000))));
}

#[test]
fn a_step_is_a_message_or_a_timer() {
    let mut scene = scene();
    assert_eq!(scene.key('.'), sent(Order::Step(Step::Message)));
    assert_eq!(scene.key(','), sent(Order::Step(Step::Timer)));
}

#[test]
fn the_header_always_shows_rate_and_cluster_time() {
    let mut scene = scene();
    for (width, height) in [(120, 40), (80, 24), (40, 12)] {
        assert!(text(&scene.paint(width, height)).contains("rate 1 · 0:08"), "{width}x{height}");
    }
    rate(&mut scene, 10_000, 8_500_000);
    scene.now += ms(1_000);
    assert!(screen(&mut scene).contains("RATE 1/100 · 0:08.51"));
    rate(&mut scene, 0, 8_512_000);
    for (width, height) in [(120, 40), (80, 24), (40, 12)] {
        assert!(text(&scene.paint(width, height)).contains("FROZEN · 0:08.512"), "{width}x{height}");
    }
}

#[test]
fn timers_run_on_cluster_time_and_a_frozen_world_is_not_painted_again() {
    let mut scene = scene();
    rate(&mut scene, 0, 8_300_000);
    // What was said, what passed and what a person asked fade away first.
    scene.now += ms(20_000);
    update(&mut scene.app, Msg::Wake, scene.now);
    let before = screen(&mut scene);
    assert_eq!(scene.app.next_wake(scene.now), None, "nothing will change by itself");
    scene.now += ms(600_000);
    assert_eq!(screen(&mut scene), before, "not even the timers");
}

#[test]
fn what_happens_is_told_in_cluster_time() {
    let mut scene = scene();
    rate(&mut scene, 0, 61_234_000);
    scene.tell(News::Trouble { reason: "no such thing".to_owned() });
    assert!(screen(&mut scene).contains("1:01.234"));
}

#[test]
fn v_delivers_the_chosen_message_del_loses_it_and_o_holds_its_like() {
    let mut scene = messages(Settings::default());
    assert_eq!(scene.app.view(), View::Messages);
    assert_eq!(scene.key(']'), []);
    let chosen = |scene: &Scene| scene.app.messages().chosen().map(|message| message.id);
    assert_eq!(chosen(&scene), Some(MessageId(105)), "the one that is held");
    assert_eq!(scene.key('v'), sent(Order::Release(MessageSelection::Message(MessageId(105)))));
    assert_eq!(scene.press(KeyCode::Delete), sent(Order::Drop(MessageSelection::Message(MessageId(105)))));
    assert_eq!(scene.key('o'), sent(Order::Undo(Some(FaultId(1)))), "such are held: no more");
    scene.press(KeyCode::Up);
    assert_eq!(chosen(&scene), Some(MessageId(104)));
    assert_eq!(scene.key('v'), []);
    assert!(screen(&mut scene).contains("this message has arrived already"));
    assert_eq!(scene.key('o'), sent(Order::Disturb(rule("hold 3>2 only AppendReply"))));
    scene.press(KeyCode::End);
    assert_eq!(scene.press(KeyCode::Backspace), sent(Order::Drop(MessageSelection::Message(MessageId(109)))));
}

#[test]
fn a_click_chooses_a_message_in_the_list_and_in_the_diagram() {
    let mut scene = messages(Settings::default());
    screen(&mut scene);
    click(&mut scene, Target::Message(MessageId(106)));
    assert_eq!(scene.app.messages().chosen().map(|message| message.id), Some(MessageId(106)));
}

#[test]
fn u_undoes_the_last_and_a_click_or_the_menu_any() {
    let mut scene = frozen(Settings::default());
    assert_eq!(scene.key('u'), sent(Order::Undo(None)));
    screen(&mut scene);
    assert_eq!(click(&mut scene, Target::Fault(FaultId(1))), sent(Order::Undo(Some(FaultId(1)))));
    scene.key('U');
    scene.press(KeyCode::Up);
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Undo(Some(FaultId(1)))));
    in_force(&mut scene, vec![(2, rule("cut 3>2"))]);
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Undo(Some(FaultId(2)))), "the menu stayed");
    in_force(&mut scene, Vec::new());
    assert_eq!(scene.key('u'), []);
    assert!(screen(&mut scene).contains("nothing is in force"));
}

#[test]
fn in_the_menu_what_is_chosen_stays_chosen_when_others_come_and_go() {
    let mut scene = frozen(Settings::default());
    let three = |last| vec![(2, rule("cut 3>2")), (4, rule("lose * 10%")), last];
    in_force(&mut scene, three((5, rule("cut 1>2"))));
    scene.key('U');
    scene.press(KeyCode::Up);
    in_force(&mut scene, vec![(4, rule("lose * 10%")), (5, rule("cut 1>2")), (6, rule("hold *"))]);
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Undo(Some(FaultId(4)))));
}

#[test]
fn the_menu_of_faults_is_about_the_links_that_left_and_right_choose() {
    let mut scene = scene();
    scene.key('f');
    assert!(screen(&mut scene).contains("hold *"));
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Disturb(rule("hold *"))));
    scene.key('2');
    scene.key('f');
    scene.press(KeyCode::Right);
    scene.press(KeyCode::Right);
    scene.press(KeyCode::Down);
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Disturb(rule("cut 2>"))));
    scene.key('f');
    assert_eq!(scene.key('k'), [], "keys behind the menu do nothing");
    scene.press(KeyCode::Esc);
    assert_eq!(scene.key('k'), sent(Order::Kill(n(2))));
}

#[test]
fn a_line_of_the_menu_can_be_changed_in_the_palette() {
    let mut scene = scene();
    scene.key('f');
    scene.press(KeyCode::Down);
    scene.key(':');
    scene.type_in(" only RequestVote");
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Disturb(rule("cut * only RequestVote"))));
}

#[test]
fn the_palette_does_what_the_words_say_and_completes_them() {
    let mut scene = scene();
    scene.key(':');
    scene.type_in("rate 1/100");
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::SetRate(at(10_000))));
    scene.key(':');
    scene.type_in("isol");
    scene.press(KeyCode::Tab);
    scene.type_in("3");
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Disturb(rule("isolate 3"))));
    scene.key(':');
    scene.type_in("put color blue");
    assert!(matches!(
        scene.press(KeyCode::Enter)[..],
        [Effect::Send(Command { what: Order::Client(_), .. })]
    ));
    scene.key(':');
    scene.type_in("kill 9");
    assert_eq!(scene.press(KeyCode::Enter), []);
    assert!(screen(&mut scene).contains("there is no n9"));
    scene.press(KeyCode::Esc);
    scene.key(':');
    scene.type_in("logs");
    scene.press(KeyCode::Enter);
    assert_eq!(scene.app.view(), View::Logs);
    scene.key(':');
    scene.type_in("kill leader");
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Kill(n(2))));
}

#[test]
fn messages_fly_at_their_place_while_time_is_slow_and_sampled_ones_do_not() {
    let mut scene = scene();
    rate(&mut scene, 10_000, 9_000_000);
    scene.now += ms(5_000);
    scene.paint(120, 40);
    let due = MessageState::UnderWay { due: ms(9_070) };
    let message = fixture::message(7, 2, 1, FrameKind::RequestVote, 9_050_000, due);
    scene.tell(News::Messages { messages: vec![message], skipped: 0 });
    assert!(scene.app.changed());
    let shown = |scene: &Scene| {
        let time = scene.app.clock().at(scene.now);
        scene.app.messages().shown(true, scene.now, time).first().map(|shown| shown.part)
    };
    assert!(shown(&scene).is_some_and(|part| part < 0.05), "{:?}", shown(&scene));
    scene.now += ms(1_000);
    assert!(shown(&scene).is_some_and(|part| (part - 0.5).abs() < 0.05), "{:?}", shown(&scene));
    assert!(scene.app.next_wake(scene.now).is_some_and(|at| at <= scene.now + ms(70)));
}
