//! Lessons and exhibits on the deck, over simulated clusters: one key goes on, one goes back.

#[path = "lessons/class.rs"]
mod class;
#[path = "fixture/shown.rs"]
mod shown;

use class::{Class, lesson};
use crossterm::event::KeyCode;
use raftdeck_deck::app::audience::PollState;
use raftdeck_deck::app::lessons::{ExhibitStop, LessonStage, PlayedExhibit, PlayedLesson};
use raftdeck_deck::app::{ColourChoice, Settings, View};
use raftdeck_deck::reader::Announcer;
use raftdeck_drills::museum::EXHIBITS;
use raftdeck_drills::{Scene, ScenePart};
use shown::shown;
use std::time::Duration;

const COLOUR: Settings = Settings { ascii: false, colour: ColourChoice::Terminal, mouse: true };
const ASCII: Settings = Settings { ascii: true, colour: ColourChoice::Never, mouse: false };

const ON: KeyCode = KeyCode::PageDown;
const BACK: KeyCode = KeyCode::PageUp;

fn scene(class: &Class) -> Option<Scene> {
    class.app.lessons().scene(class.now)
}

fn step(class: &Class) -> usize {
    scene(class).map_or(usize::MAX, |scene| scene.step.0)
}

/// Whether the chapter waits for somebody.
fn rests(class: &Class) -> bool {
    scene(class).is_some_and(|scene| {
        !matches!(
            scene.part,
            ScenePart::Starting | ScenePart::CatchingUp(_) | ScenePart::Doing(_) | ScenePart::Revealing(..)
        )
    })
}

fn is_asked(class: &Class) -> bool {
    scene(class).is_some_and(|scene| matches!(scene.part, ScenePart::Asking(_)))
}

fn is_revealed(class: &Class) -> bool {
    scene(class).is_some_and(|scene| matches!(scene.part, ScenePart::Revealed(..)))
}

/// Goes on to the first step that asks.
fn to_question(class: &mut Class) {
    while !is_asked(class) {
        class.until("a rest", rests);
        if !is_asked(class) {
            class.press(ON);
        }
    }
}

fn polls() -> Class {
    let mut class = Class::new(COLOUR, 1, true).playing(lesson("raft-in-30-minutes"), 0, true);
    class.press(ON);
    to_question(&mut class);
    class
}

fn alone(seed: u64) -> Class {
    Class::new(COLOUR, seed, false).playing(lesson("raft-in-30-minutes"), 0, false)
}

#[test]
fn one_key_goes_through_a_chapter_and_on_to_the_next() {
    let mut class = Class::new(COLOUR, 3, false).playing(lesson("raft-in-30-minutes"), 0, true);
    let chapter = |class: &Class| class.app.lessons().playing().map(PlayedLesson::chapter_number);
    let mut stops = Vec::new();
    while chapter(&class) == Some(0) {
        class.until("a rest", |class| rests(class) || chapter(class) != Some(0));
        stops.push(step(&class));
        class.press(ON);
    }
    let count = lesson("raft-in-30-minutes").chapters[0].steps.len();
    stops.dedup();
    assert_eq!(stops, (0..count).collect::<Vec<_>>());
    class.until("the second chapter", |class| step(class) == 0 && rests(class));
    assert_eq!((chapter(&class), class.chapters), (Some(1), 2));
    assert_eq!(class.kept["raft-in-30-minutes"].chapter, lesson("raft-in-30-minutes").chapters[1].id.text());
}

#[test]
fn going_back_shows_the_cluster_as_it_was_and_going_on_comes_back_to_the_present() {
    let mut class = alone(5);
    let mut pictures = Vec::new();
    for _ in 0..3 {
        class.until("a rest", rests);
        pictures.push((step(&class), class.app.world().term(), class.app.world().committed()));
        class.press(ON);
    }
    class.until("the fourth rest", rests);
    let present = (step(&class), class.app.world().term(), class.app.world().committed());
    let sent = class.sent;
    for then in pictures.iter().rev() {
        class.press(BACK);
        assert!(class.app.tape().is_behind());
        assert!(class.text(120, 40).contains("PAST"));
        assert_eq!((step(&class), class.app.world().term(), class.app.world().committed()), *then);
    }
    // The cluster goes on behind the past, and nothing is sent to it.
    for _ in 0..50 {
        class.pass();
    }
    assert_eq!(class.sent, sent);
    for _ in &pictures {
        class.press(ON);
        class.until("it has been shown", |class| !class.app.tape().is_playing());
    }
    assert!(!class.app.tape().is_behind());
    let (at, term, committed) = present;
    assert_eq!((step(&class), class.app.world().term()), (at, term));
    assert!(class.app.world().committed() >= committed);
}

#[test]
fn back_over_the_beginning_of_a_chapter_is_the_last_step_of_the_one_before() {
    let mut class = Class::new(COLOUR, 2, false).playing(lesson("raft-in-30-minutes"), 1, true);
    class.until("a rest", rests);
    class.press(BACK);
    let steps = lesson("raft-in-30-minutes").chapters[0].steps.len();
    class.until("the last step of the first chapter", |class| step(class) == steps - 1 && rests(class));
    assert_eq!(class.app.lessons().playing().map(PlayedLesson::chapter_number), Some(0));
}

#[test]
fn a_wrong_answer_says_why_and_the_solution_comes_after_the_second() {
    let mut class = alone(1);
    to_question(&mut class);
    class.press(ON);
    assert!(class.text(120, 40).contains("choose an answer: 1 to 4"), "one key does not pass the question");
    let Some(ScenePart::Asking(question)) = scene(&class).map(|scene| scene.part) else {
        panic!("no question")
    };
    let right = question.ask.right();
    let wrong: Vec<char> =
        "1234".chars().enumerate().filter(|(at, _)| *at != right).map(|(_, c)| c).collect();
    class.key(wrong[0]);
    class.pass();
    assert!(class.text(120, 40).contains("NOT SO. ONCE MORE"));
    class.key(wrong[1]);
    class.pass();
    assert!(class.text(120, 40).contains("THE ANSWER"));
    class.press(ON);
    class.until("the reveal", is_revealed);
    class.until("the moment that decides is frozen", |class| class.app.clock().is_frozen());
    let kept = &class.app.lessons().playing().expect("it is played").progress().answered;
    assert_eq!((kept.len(), kept[0].points), (1, Some(0)));
}

#[test]
fn phones_see_the_question_then_the_distribution_then_the_answer() {
    let mut class = polls();
    let poll = class.pages.last().and_then(|page| page.poll.clone()).expect("a poll");
    assert_eq!(poll.state, PollState::Open);
    class.phones(30, poll.number, &[15, 5, 5, 5]);
    class.pass();
    assert!(class.text(120, 40).contains("30 of 30 phones have answered"));
    assert_eq!(class.pages.last().and_then(|page| page.poll.clone()).expect("a poll").state, PollState::Open);
    class.press(ON);
    let counted = class.pages.last().and_then(|page| page.poll.clone()).expect("a poll");
    assert_eq!(counted.state, PollState::Counted { counts: vec![15, 5, 5, 5] });
    assert!(class.text(120, 40).contains("50 % (15)"));
    // Late answers, and those to another poll, change nothing.
    class.phones(30, poll.number, &[30, 0, 0, 0]);
    class.phones(30, poll.number + 7, &[30, 0, 0, 0]);
    class.pass();
    assert!(class.text(120, 40).contains("50 % (15)"));
    while !is_revealed(&class) {
        class.press(KeyCode::PageDown);
        class.until("a rest", rests);
    }
    let last = class.pages.last().and_then(|page| page.poll.clone()).expect("a poll");
    assert!(matches!(last.state, PollState::Revealed { .. }));
}

#[test]
fn a_show_of_hands_is_typed_as_numbers() {
    let mut class = Class::new(COLOUR, 1, false).playing(lesson("raft-in-30-minutes"), 0, true);
    to_question(&mut class);
    class.key('3');
    assert!(class.text(120, 40).contains("hands for each answer"));
    for c in " 12 1 x".chars() {
        class.key(c);
    }
    class.press(KeyCode::Enter);
    assert!(class.text(120, 40).contains("is not a number of hands"));
    class.press(KeyCode::Backspace);
    class.press(KeyCode::Enter);
    class.pass();
    assert!(class.text(120, 40).contains("16 hands"));
    class.press(ON);
    assert!(class.text(120, 40).contains("75 % (12)"));
}

#[test]
fn the_contents_lead_to_any_chapter_and_a_blank_screen_shows_nothing() {
    let mut class = alone(4);
    class.until("a rest", rests);
    class.key('C');
    assert!(class.text(80, 24).contains("you are here"));
    class.key('4');
    class.press(KeyCode::Enter);
    class.until("the fourth chapter", |class| rests(class) && step(class) == 0);
    assert_eq!(class.app.lessons().playing().map(PlayedLesson::chapter_number), Some(3));
    class.key('b');
    assert_eq!(class.text(80, 24).trim(), "");
    let before = step(&class);
    class.press(ON);
    assert!(!class.text(80, 24).trim().is_empty());
    assert_eq!(step(&class), before, "the key that brings the screen back does nothing else");
    class.press(KeyCode::Esc);
    assert!(class.app.lessons().playing().is_none());
    class.key('b');
    assert!(!class.text(80, 24).trim().is_empty(), "without a lesson the key has no such meaning");
}

#[test]
fn the_lesson_ends_with_the_misconceptions_by_name() {
    let mut class = Class::new(COLOUR, 1, false).playing(lesson("tour"), 0, false);
    let ended = |class: &Class| {
        class.app.lessons().playing().is_some_and(|played| matches!(played.stage(), LessonStage::Ended))
    };
    while !ended(&class) {
        class.until("a rest", |class| rests(class) || ended(class));
        match scene(&class).map(|scene| scene.part) {
            Some(ScenePart::Asking(question)) if question.end.is_none() => {
                let wrong = (0..4).find(|at| *at != question.ask.right() && !question.wrong.contains(at));
                class.key(char::from(b'1' + u8::try_from(wrong.unwrap_or_default()).unwrap_or_default()));
            }
            Some(ScenePart::Acting(_)) => class.key('S'),
            _ => class.press(ON),
        }
    }
    let text = class.text(120, 40);
    assert!(text.contains("THE END: ") && text.contains("What to look at again"), "{text}");
    assert!(text.contains("You ") && text.contains("(once)"), "{text}");
    assert!(class.kept["tour"].is_finished);
}

#[test]
fn every_exhibit_is_stepped_to_its_violation_and_back_and_then_beside_the_guarded_run() {
    for shipped in EXHIBITS {
        let mut class = Class::new(COLOUR, 1, false).exhibit(shipped.id);
        let stop = |class: &Class| class.app.lessons().exhibit.as_deref().map(PlayedExhibit::stop);
        assert_eq!(stop(&class), Some(ExhibitStop::Story), "{}", shipped.id);
        let mut first_violation = None;
        let mut stops = Vec::new();
        while let Some(at) = stop(&class) {
            stops.push(at);
            let text = class.text(120, 40);
            if text.contains("VIOLATED") && first_violation.is_none() {
                first_violation = Some(at);
            }
            if is_asked(&class) {
                class.key('S');
            }
            let before = stops.len();
            class.press(ON);
            class.until("it has been shown", |class| !class.app.tape().is_playing());
            assert!(before < 60, "{} does not end", shipped.id);
        }
        let expected = shipped.exhibit().violation_step - 1;
        assert_eq!(first_violation, Some(ExhibitStop::Step(expected)), "{}", shipped.id);
        assert_eq!((stops.last(), class.sent), (Some(&ExhibitStop::End), 0), "{}", shipped.id);
        assert_eq!(class.app.view(), View::Drills);
    }
}

#[test]
fn an_exhibit_goes_back_to_its_beginning() {
    let mut class = Class::new(COLOUR, 1, false).exhibit("two-votes");
    let mut terms = Vec::new();
    for _ in 0..5 {
        terms.push(class.app.world().term());
        class.press(ON);
        class.until("it has been shown", |class| !class.app.tape().is_playing());
    }
    for term in terms.iter().rev() {
        class.press(BACK);
        assert_eq!(class.app.world().term(), *term);
    }
    class.press(BACK);
    assert!(class.text(120, 40).contains("this is the beginning of the exhibit"));
}

#[test]
fn what_a_lesson_looks_like() {
    let sizes = [(80, 24), (120, 40), (200, 60)];
    let check = |name: &str, class: &mut Class| {
        for (width, height) in sizes {
            let buffer = class.paint(width, height);
            insta::assert_snapshot!(format!("lesson-{name}-{width}x{height}"), shown(&buffer));
        }
    };
    let mut class = alone(1);
    class.until("a rest", rests);
    check("caption", &mut class);
    to_question(&mut class);
    check("question", &mut class);
    class.key('S');
    class.press(ON);
    class.until("the reveal", is_revealed);
    check("revealed", &mut class);
    class.press(BACK);
    class.press(BACK);
    check("past", &mut class);

    let mut class = Class::new(COLOUR, 1, true).playing(lesson("raft-in-30-minutes"), 0, true);
    class.until("a rest", rests);
    check("join", &mut class);
    let mut class = polls();
    let number = class.pages.last().and_then(|page| page.poll.clone()).expect("a poll").number;
    class.phones(31, number, &[15, 8, 5, 2]);
    class.pass();
    check("poll-open", &mut class);
    class.press(ON);
    check("poll-counted", &mut class);
    class.key('C');
    check("contents", &mut class);

    let mut class = Class::new(ASCII, 1, true).playing(lesson("raft-in-30-minutes"), 0, true);
    class.until("a rest", rests);
    check("join-ascii", &mut class);

    let mut class = Class::new(COLOUR, 1, false).exhibit("figure-8");
    for _ in 0..shipped_steps("figure-8") {
        class.press(ON);
        class.press(ON);
    }
    check("violated", &mut class);
    for _ in 0..8 {
        if is_asked(&class) {
            class.key('S');
        }
        class.press(ON);
        class.until("it has been shown", |class| !class.app.tape().is_playing());
    }
    check("beside", &mut class);

    let mut class = Class::new(COLOUR, 1, false);
    class.key('d');
    class.press(KeyCode::Right);
    check("shelf", &mut class);
    class.press(KeyCode::Right);
    check("museum", &mut class);
}

/// Half of the presses that lead to the violation: the first shows a step as it happens, the second ends that.
fn shipped_steps(id: &str) -> usize {
    EXHIBITS.iter().find(|shipped| shipped.id == id).map_or(0, |shipped| shipped.exhibit().violation_step)
}

#[test]
fn a_screen_reader_reads_each_step_once() {
    let mut class = alone(1);
    let mut reader = Announcer::default();
    class.until("a rest", rests);
    let first = reader.announce(&class.app, class.now).join(" ");
    assert!(first.contains("step 1 of 7") && first.contains("Five nodes"), "{first}");
    for _ in 0..5 {
        class.pass();
        let again = reader.announce(&class.app, class.now).join(" ");
        assert!(!again.contains("Five nodes"), "{again}");
    }
    to_question(&mut class);
    let question = reader.announce(&class.app, class.now).join(" ");
    assert!(question.contains("QUESTION: ") && question.contains("4 "), "{question}");
}

#[test]
fn a_discussion_counts_down() {
    let mut class = polls();
    let number = class.pages.last().and_then(|page| page.poll.clone()).expect("a poll").number;
    class.phones(4, number, &[1, 1, 1, 1]);
    class.pass();
    class.press(ON);
    if class.text(120, 40).contains("Worth two minutes") {
        class.press(ON);
    } else {
        class.key('S');
    }
    assert!(class.text(120, 40).contains("2:00 left"), "{}", class.text(120, 40));
    let end = class.now + Duration::from_mins(2);
    while class.now < end {
        class.pass();
    }
    assert!(class.text(120, 40).contains("The two minutes are over"));
    class.press(ON);
    let second = class.pages.last().and_then(|page| page.poll.clone()).expect("a poll");
    assert!(second.number > number && second.state == PollState::Open);
}

#[test]
fn the_offer_of_the_tour_goes_when_a_drill_starts() {
    let mut class = Class::new(COLOUR, 1, false);
    class.offer_tour();
    assert!(class.text(80, 24).contains("NEW HERE?"));
    class.key('d');
    class.press(KeyCode::Enter);
    assert!(!class.app.lessons().is_tour_offered, "Esc stops the drill from now on");
    let mut class = Class::new(COLOUR, 1, false);
    class.offer_tour();
    class.press(KeyCode::Esc);
    assert!(!class.text(80, 24).contains("NEW HERE?"));
}
