//! Finding something in every list, moving in the events, and going back step by step.

mod fixture;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use fixture::{Scene, drills, frozen, in_force, logs, messages, n, partition, quiet, rule, sent};
use raftdeck_deck::actions::{Action, ActionId};
use raftdeck_deck::app::{Effect, Msg, Settings, View, update};
use raftdeck_deck::view::{Pane, Target};
use raftdeck_model::{MessageId, News, Order};
use ratatui::buffer::Buffer;

fn text(buffer: &Buffer) -> String {
    let row = |y| (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    (0..buffer.area.height).map(row).collect::<Vec<_>>().join("\n")
}

fn screen(scene: &mut Scene) -> String {
    text(&scene.paint(120, 40))
}

fn shows(scene: &mut Scene, wanted: &str) {
    let shown = screen(scene);
    assert!(shown.contains(wanted), "{wanted:?} is not in\n{shown}");
}

fn hides(scene: &mut Scene, unwanted: &str) {
    let shown = screen(scene);
    assert!(!shown.contains(unwanted), "{unwanted:?} is in\n{shown}");
}

fn scene() -> Scene {
    quiet(Settings::default(), 3)
}

fn trouble(scene: &mut Scene, reason: &str) {
    scene.tell(News::Trouble { reason: reason.to_owned() });
}

/// Types a text to look for, and keeps it.
fn look_for(scene: &mut Scene, text: &str) {
    scene.key('/');
    scene.type_in(text);
    scene.press(KeyCode::Enter);
}

fn event(scene: &Scene) -> Option<u64> {
    scene.app.selected_event()
}

#[test]
fn the_feed_is_filtered_while_one_types_and_esc_shows_all_again() {
    let mut scene = partition(Settings::default());
    shows(&mut scene, "n1 steps down: no majority");
    scene.key('/');
    scene.type_in("LEADS");
    shows(&mut scene, "No event has that");
    for _ in 0..5 {
        scene.press(KeyCode::Backspace);
    }
    scene.type_in("leads t");
    hides(&mut scene, "n1 steps down: no majority");
    shows(&mut scene, "events with \"leads t\"");
    shows(&mut scene, "2 matches   Enter keeps it");
    scene.press(KeyCode::Esc);
    shows(&mut scene, "n1 steps down: no majority");
    look_for(&mut scene, "leads t");
    shows(&mut scene, "▶ events with \"leads t\" · 2 of 2");
    scene.key('N');
    shows(&mut scene, "1 of 2");
    let first = event(&scene);
    scene.key('N');
    shows(&mut scene, "2 of 2");
    scene.key('n');
    assert_eq!(event(&scene), first, "round the end");
    scene.press(KeyCode::Esc);
    assert_eq!(event(&scene), first, "the filter goes, the event stays selected");
    hides(&mut scene, "events with");
    shows(&mut scene, "n1 leads term 2");
    scene.press(KeyCode::Esc);
    assert_eq!(event(&scene), None, "back among the nodes");
}

#[test]
fn without_a_search_n_says_why_it_does_nothing() {
    let mut scene = scene();
    scene.key('n');
    shows(&mut scene, "nothing is looked for here: / looks for something");
    look_for(&mut scene, "nonsense");
    scene.key('n');
    shows(&mut scene, "nothing has \"nonsense\"");
}

#[test]
fn o_moves_the_arrows_to_the_events_and_back() {
    let mut scene = scene();
    screen(&mut scene);
    scene.key('o');
    assert_eq!(scene.app.focused(), Some(Pane::Feed));
    let newest = event(&scene).expect("there are events");
    scene.press(KeyCode::Up);
    scene.press(KeyCode::Up);
    assert_eq!((event(&scene), scene.app.selected()), (Some(newest - 2), Some(n(1))));
    scene.key('j');
    assert_eq!(event(&scene), Some(newest - 1));
    trouble(&mut scene, "something new");
    assert_eq!(event(&scene), Some(newest - 1), "the cursor stays with its event");
    scene.key('g');
    assert_eq!(event(&scene), Some(0));
    scene.key('G');
    assert_eq!(event(&scene), Some(newest + 1));
    scene.key('o');
    assert_eq!((scene.app.focused(), event(&scene)), (Some(Pane::Nodes), None));
    scene.press(KeyCode::Down);
    assert_eq!(scene.app.selected(), Some(n(2)));
    scene.key('o');
    scene.key('3');
    assert_eq!(scene.app.selected(), Some(n(3)), "nodes are still selected by their number");
    assert_eq!(scene.app.focused(), Some(Pane::Nodes), "and then the keys are for the nodes");
}

#[test]
fn an_event_that_is_no_longer_kept_gives_way_to_the_oldest() {
    let mut scene = scene();
    screen(&mut scene);
    scene.key('o');
    scene.key('g');
    for n in 0..2_100 {
        trouble(&mut scene, &format!("reason {n}"));
    }
    let oldest = event(&scene).expect("the oldest");
    shows(&mut scene, "▶");
    assert!(oldest >= 100, "{oldest}");
    assert_eq!(scene.app.landed().events().map(|(first, _)| first), Some(oldest), "it is in sight");
}

#[test]
fn the_selected_event_is_always_in_sight() {
    let mut scene = partition(Settings::default());
    for (width, height) in [(120, 40), (80, 24), (200, 60), (40, 12)] {
        scene.paint(width, height);
        scene.key('o');
        for key in "ggjjjjGjj".chars().chain("x".repeat(60).chars()) {
            if key == 'x' {
                scene.press(KeyCode::Up)
            } else {
                scene.key(key)
            };
            scene.paint(width, height);
            let Some((first, last)) = scene.app.landed().events() else { continue };
            let selected = event(&scene).expect("one is selected");
            assert!((first..=last).contains(&selected), "{selected} is not in {first} to {last}");
        }
        scene.press(KeyCode::Esc);
    }
}

#[test]
fn a_click_selects_an_event_and_nothing_moves() {
    let mut scene = partition(Settings::default());
    let before = screen(&mut scene);
    let (first, last) = scene.app.landed().events().expect("events are in sight");
    let area = scene.app_area(Target::Event(last - 2));
    let kind = MouseEventKind::Down(MouseButton::Left);
    let click = MouseEvent { kind, column: area.x, row: area.y, modifiers: KeyModifiers::NONE };
    scene.mouse(click);
    assert_eq!(event(&scene), Some(last - 2));
    let after = screen(&mut scene);
    assert_eq!(scene.app.landed().events(), Some((first, last)));
    let differ = before.lines().zip(after.lines()).filter(|(one, other)| one != other).count();
    assert!(differ <= 3, "the title, the row, and a key of the footer: {differ}\n{after}");
}

#[test]
fn pages_and_the_wheel_scroll_the_feed_and_esc_follows_again() {
    let mut scene = scene();
    for n in 0..100 {
        trouble(&mut scene, &format!("reason {n} of many"));
    }
    screen(&mut scene);
    let (first, last) = scene.app.landed().events().expect("events are in sight");
    scene.press(KeyCode::PageUp);
    screen(&mut scene);
    assert_eq!(scene.app.landed().events().map(|(_, last)| last), Some(first), "one row is seen twice");
    trouble(&mut scene, "something new");
    screen(&mut scene);
    assert_eq!(scene.app.landed().events().map(|(_, last)| last), Some(first), "what is being read stays");
    shows(&mut scene, &format!("{} newer below", last - first + 1));
    scene.press(KeyCode::PageDown);
    screen(&mut scene);
    assert_eq!(scene.app.landed().events().map(|(first, _)| first), Some(first));
    scene.press(KeyCode::Home);
    shows(&mut scene, "newer below");
    assert_eq!(scene.app.landed().events().map(|(first, _)| first), Some(0));
    scene.press(KeyCode::Esc);
    shows(&mut scene, "something new");
    hides(&mut scene, "newer below");
}

#[test]
fn messages_are_filtered_by_the_words_of_the_filter_and_by_any_text() {
    let mut scene = messages(Settings::default());
    look_for(&mut scene, "votes 3>");
    shows(&mut scene, "only votes 3> · 2 of 2");
    hides(&mut scene, "#109");
    scene.key('N');
    assert_eq!(scene.app.messages().chosen().map(|message| message.id), Some(MessageId(107)));
    scene.press(KeyCode::Esc);
    shows(&mut scene, "#109");
    look_for(&mut scene, "last entry");
    shows(&mut scene, "only last entry · 2 of 2");
    scene.key('/');
    scene.type_in(" nonsense");
    shows(&mut scene, "No message passes the filter");
    scene.press(KeyCode::Esc);
    shows(&mut scene, "only last entry · 2 of 2");
    scene.key('/');
    let ctrl_u = KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL);
    update(&mut scene.app, Msg::Key(ctrl_u), scene.now);
    scene.press(KeyCode::Enter);
    shows(&mut scene, "#109");
}

#[test]
fn in_the_logs_a_search_goes_to_an_index_a_term_or_a_text_and_esc_comes_back() {
    let mut scene = logs(Settings::default());
    screen(&mut scene);
    shows(&mut scene, "entry 42 of 44");
    scene.key('/');
    scene.type_in("41");
    shows(&mut scene, "entry 41 of 44 · search: 41 · 1 of 1");
    scene.press(KeyCode::Esc);
    shows(&mut scene, "entry 42 of 44");
    hides(&mut scene, "search");
    look_for(&mut scene, "t2");
    shows(&mut scene, "entry 13 of 44 · search: t2 · 1 of 1");
    look_for(&mut scene, "x");
    scene.press(KeyCode::Esc);
    look_for(&mut scene, "color");
    shows(&mut scene, "entry 41 of 44 · search: color · 1 of 3");
    scene.key('n');
    shows(&mut scene, "entry 42 of 44 · search: color · 2 of 3");
    scene.key('n');
    scene.key('n');
    shows(&mut scene, "1 of 3");
    look_for(&mut scene, "99");
    shows(&mut scene, "no match");
}

#[test]
fn drills_are_filtered_and_listed_in_other_orders() {
    let mut scene = drills::choosing(Settings::default());
    look_for(&mut scene, "partition hear");
    shows(&mut scene, "1 of 1");
    scene.press(KeyCode::Esc);
    shows(&mut scene, "3 drills");
    scene.key('s');
    shows(&mut scene, "by title");
    scene.key('/');
    scene.type_in("nonsense");
    shows(&mut scene, "No drill has that");
    assert_eq!(scene.press(KeyCode::Enter), []);
    assert_eq!(scene.press(KeyCode::Enter), [], "there is nothing to start");
    shows(&mut scene, "there is no drill to start");
}

#[test]
fn the_help_page_is_filtered_and_forgets_it_when_it_closes() {
    let mut scene = scene();
    scene.key('?');
    scene.key('/');
    scene.type_in("leader");
    shows(&mut scene, "kill the current leader");
    hides(&mut scene, "restart the selected node");
    scene.press(KeyCode::Enter);
    shows(&mut scene, "keys with \"leader\"");
    scene.press(KeyCode::Esc);
    shows(&mut scene, "restart the selected node");
    look_for(&mut scene, "leader");
    scene.key('?');
    scene.key('?');
    shows(&mut scene, "restart the selected node");
}

#[test]
fn the_help_page_leaves_the_line_in_sight_that_is_typed() {
    let mut scene = scene();
    scene.key('?');
    scene.key('/');
    scene.type_in("leader");
    let shown = text(&scene.paint(80, 24));
    assert!(shown.contains("filter >  leader"), "{shown}");
}

#[test]
fn a_menu_is_filtered_and_what_is_chosen_is_what_is_shown() {
    let mut scene = scene();
    scene.key('f');
    look_for(&mut scene, "queue");
    shows(&mut scene, "1 of 1");
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Disturb(rule("limit * 100KB/s"))));
    let mut scene = frozen(Settings::default());
    in_force(&mut scene, vec![(1, rule("hold 2>1")), (2, rule("cut 3>2")), (3, rule("cut 1>3"))]);
    scene.key('U');
    look_for(&mut scene, "cut");
    scene.key('n');
    shows(&mut scene, "in force with \"cut\" · 2 of 2");
    scene.press(KeyCode::Esc);
    shows(&mut scene, "hold 2>1");
    scene.press(KeyCode::Esc);
    hides(&mut scene, "Enter: undo it");
}

#[test]
fn esc_goes_one_step_back_each_time_and_then_says_how_one_leaves() {
    let mut scene = partition(Settings::default());
    screen(&mut scene);
    scene.key('o');
    scene.press(KeyCode::Up);
    scene.key('Z');
    look_for(&mut scene, "n1");
    scene.key('?');
    scene.key('/');
    for _ in 0..2 {
        scene.press(KeyCode::Esc);
        assert_eq!(scene.app.zoomed(), Some(Pane::Feed), "the prompt, then the page");
    }
    shows(&mut scene, "with \"n1\"");
    scene.press(KeyCode::Esc);
    hides(&mut scene, "with \"n1\"");
    assert_eq!(scene.app.zoomed(), Some(Pane::Feed));
    scene.press(KeyCode::Esc);
    assert_eq!((scene.app.zoomed(), scene.app.focused()), (None, Some(Pane::Feed)));
    scene.press(KeyCode::Esc);
    assert_eq!(scene.app.focused(), Some(Pane::Nodes));
    scene.press(KeyCode::Home);
    shows(&mut scene, "newer below");
    scene.press(KeyCode::Esc);
    hides(&mut scene, "newer below");
    assert_eq!(scene.press(KeyCode::Esc), []);
    shows(&mut scene, "q quits");
    scene.press(KeyCode::Tab);
    scene.press(KeyCode::Left);
    scene.press(KeyCode::Esc);
    shows(&mut scene, "following the newest entry");
}

#[test]
fn a_zoomed_pane_has_the_whole_view() {
    let mut scene = partition(Settings::default());
    screen(&mut scene);
    scene.key('Z');
    hides(&mut scene, "─ events");
    shows(&mut scene, "election");
    scene.key('o');
    assert_eq!(scene.app.zoomed(), Some(Pane::Feed), "the zoom follows");
    screen(&mut scene);
    assert!(scene.app.landed().rows(Pane::Feed) > 25, "{}", scene.app.landed().rows(Pane::Feed));
    scene.key('Z');
    shows(&mut scene, "election");
    let mut scene = messages(Settings::default());
    let before = {
        screen(&mut scene);
        scene.app.landed().rows(Pane::Messages)
    };
    scene.key('Z');
    screen(&mut scene);
    assert!(scene.app.landed().rows(Pane::Messages) >= before);
    scene.press(KeyCode::Tab);
    scene.key('Z');
    shows(&mut scene, "this view has one pane only");
}

#[test]
fn the_first_and_the_last_are_at_g_and_g_in_every_view() {
    for view in View::ALL {
        for (id, key) in [(ActionId::ToStart, 'g'), (ActionId::ToEnd, 'G')] {
            let action = Action::of(id).expect("it is in the table");
            let event = KeyEvent::new(KeyCode::Char(key), KeyModifiers::NONE);
            let applies = action.keys.iter().any(|(key, scope)| key.matches(&event) && scope.holds(view));
            assert!(applies, "{key} in {view:?}");
        }
    }
    let mut scene = logs(Settings::default());
    screen(&mut scene);
    scene.key('g');
    shows(&mut scene, "entry 1 of 44");
    scene.key('l');
    shows(&mut scene, "entry 2 of 44");
    scene.key('G');
    shows(&mut scene, "following the newest entry");
}

fn command(scene: &mut Scene, line: &str) -> Vec<Effect> {
    scene.key(':');
    scene.type_in(line);
    scene.press(KeyCode::Enter)
}

#[test]
fn the_palette_takes_a_few_letters_for_what_it_offers_first() {
    let mut scene = scene();
    assert_eq!(command(&mut scene, "kl"), sent(Order::Kill(n(2))));
    assert_eq!(command(&mut scene, "n3"), []);
    assert_eq!((scene.app.selected(), scene.app.view()), (Some(n(3)), View::Cluster));
    command(&mut scene, "mess");
    assert_eq!(scene.app.view(), View::Messages);
    command(&mut scene, "n2");
    assert_eq!((scene.app.selected(), scene.app.view()), (Some(n(2)), View::Cluster), "it is shown");
    command(&mut scene, "zoom");
    assert_eq!(scene.app.zoomed(), Some(Pane::Nodes));
    command(&mut scene, "events");
    assert_eq!(scene.app.focused(), Some(Pane::Feed));
    command(&mut scene, "frobnicate");
    shows(&mut scene, "is not known");
    scene.press(KeyCode::Esc);
    command(&mut scene, "dela");
    shows(&mut scene, "command >  delay ");
    scene.type_in("* 50ms");
    assert_eq!(
        scene.press(KeyCode::Enter),
        sent(Order::Disturb(rule("delay * 50ms"))),
        "it needed more words"
    );
    scene.key(':');
    scene.press(KeyCode::Up);
    shows(&mut scene, "command >  delay * 50ms");
}

#[test]
fn the_palette_starts_drills() {
    let mut scene = drills::choosing(Settings::default());
    scene.press(KeyCode::BackTab);
    assert_eq!(command(&mut scene, "drone"), []);
    shows(&mut scene, "Start \"A node that can send");
    assert!(matches!(&scene.key('y')[..], [Effect::StartDrill(drill)] if drill.id == "one-way"));
}

#[test]
fn in_the_palette_the_arrows_choose_and_completion_is_as_before() {
    let mut scene = scene();
    scene.key(':');
    scene.type_in("kill l");
    scene.press(KeyCode::Tab);
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Kill(n(2))));
    scene.key(':');
    shows(&mut scene, " choices ");
    shows(&mut scene, "kill leader");
    scene.type_in("kill ");
    scene.press(KeyCode::Down);
    scene.press(KeyCode::Down);
    shows(&mut scene, "command >  kill 1");
    shows(&mut scene, "2 of ");
    scene.press(KeyCode::Up);
    shows(&mut scene, "command >  kill leader");
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Kill(n(2))));
}

#[test]
fn a_click_on_an_offer_takes_it() {
    let mut scene = scene();
    scene.key(':');
    scene.type_in("kl");
    screen(&mut scene);
    let area = scene.app_area(Target::Offer(0));
    let kind = MouseEventKind::Down(MouseButton::Left);
    let click = MouseEvent { kind, column: area.x + 4, row: area.y, modifiers: KeyModifiers::NONE };
    assert_eq!(scene.mouse(click), sent(Order::Kill(n(2))));
}

#[test]
fn a_paste_goes_into_the_prompt_and_nowhere_else() {
    let mut scene = scene();
    let paste =
        |scene: &mut Scene, text: &str| update(&mut scene.app, Msg::Paste(text.to_owned()), scene.now);
    assert_eq!(paste(&mut scene, "kq"), [], "no key is pressed by it");
    shows(&mut scene, "text can be pasted into a prompt");
    scene.key('w');
    paste(&mut scene, "put color\r\nblue\u{1b}[2J\n");
    shows(&mut scene, "write >  put color blue[2J");
    scene.press(KeyCode::Esc);
    scene.key(':');
    paste(&mut scene, "kill\n2\n");
    assert_eq!(scene.press(KeyCode::Enter), sent(Order::Kill(n(2))));
    scene.key('/');
    paste(&mut scene, "zzz");
    shows(&mut scene, "No event has that");
    scene.press(KeyCode::Esc);
    hides(&mut scene, "No event has that");
}

#[test]
fn a_search_stays_in_its_list() {
    let mut scene = partition(Settings::default());
    look_for(&mut scene, "killed");
    scene.press(KeyCode::Tab);
    hides(&mut scene, "killed\"");
    scene.press(KeyCode::BackTab);
    shows(&mut scene, "events with \"killed\"");
    assert_eq!(scene.app.focused(), Some(Pane::Feed));
}
