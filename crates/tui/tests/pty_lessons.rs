//! "Raft in 30 minutes" as a teacher plays it: with the two keys of a presenter remote, forwards and back.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use raftdeck_drills::{Lesson, lessons};
use support::band::{BACK, ON, Stop, band, facts, is_at, stops, wait_band, wait_past, wait_present};
use support::deck::Deck;
use support::table::{Row, rows};

const LESSON: &str = "raft-in-30-minutes";

const SIM: [&str; 6] = ["--engine", "sim", "--seed", "1", "--timing", "fast"];

/// A question to a class, and a second chapter.
const HANDS: &str = r#"schema = 1
id = "hands"
title = "Hands"
description = "Who leads?"
minutes = 2
[[chapter]]
id = "first"
title = "First"
minutes = 1
[[chapter.step]]
caption = "Three nodes."
wait = "all of leader and up"
within = "60T"
[[chapter.step]]
[chapter.step.ask]
question = "Which node leads next?"
options = [
    { text = "Whose timer runs out", right = true, because = "It asks for votes." },
    { text = "The smallest number", misconception = "smallest-id-wins", because = "Numbers play no part." },
    { text = "The best node", misconception = "election-picks-best", because = "Nobody compares nodes." },
]
[chapter.step.reveal]
wait = "leader"
explain = "The first that asked (paper §5.2)."
[[chapter]]
id = "second"
title = "Second"
minutes = 1
[[chapter.step]]
caption = "The leader goes on."
wait = "leader"
"#;

fn lesson() -> Lesson {
    lessons().into_iter().find(|lesson| lesson.id.text() == LESSON).unwrap()
}

/// A deck that teaches a lesson on a terminal of this size.
fn teach(lesson: &str, args: &[&str], size: (u16, u16), state: &tempfile::TempDir) -> Deck {
    Deck::spawn_keeping(&[&["teach", lesson], args].concat(), state.path(), size)
}

/// Plays the chapters from this one on, one after the other, with one key.
fn play(deck: &mut Deck, lesson: &Lesson, from: usize, is_simulated: bool) {
    for chapter in from..lesson.chapters.len() {
        let stops = stops(lesson, chapter);
        // There is something before it, and time is frozen, so that nothing else may have happened afterwards.
        let turn = (2..stops.len()).find(|at| stops[*at].is_frozen).expect("a question");
        for (at, stop) in stops.iter().enumerate() {
            wait_present(deck, lesson.title.text(), stop);
            if at == turn {
                back_and_on(deck, lesson.title.text(), &stops[at - 2..=at], is_simulated);
            }
            deck.press(ON);
        }
    }
}

/// Goes back by two stops and on to the present. Each moment is shown as it was.
fn back_and_on(deck: &mut Deck, title: &str, stops: &[Stop], is_simulated: bool) {
    let [first, second, present] = stops else { panic!("three stops") };
    let (now, table) = deck.look(|screen| (facts(screen), rows(screen)));
    deck.press(BACK);
    let before = wait_past(deck, title, second);
    deck.press(BACK);
    wait_past(deck, title, first);
    // It is played at the pace at which it happened. Until that is over, the key would only end it.
    deck.press(ON);
    let after = wait_past(deck, title, second);
    assert_eq!(after, before, "\n{}\nin place of\n{}", after.join("\n"), before.join("\n"));
    deck.press(ON);
    wait_present(deck, title, present);
    if is_simulated {
        deck.wait_for(&format!("{now:#?}"), |screen| facts(screen) == now);
    } else {
        // Real nodes may have told afterwards what they did before they were frozen. Nothing is undone.
        deck.look(|screen| has_grown(&table, &rows(screen)));
    }
}

fn has_grown(before: &[Row], after: &[Row]) {
    assert_eq!(before.len(), after.len());
    for (before, after) in before.iter().zip(after) {
        let grows = after.term >= before.term && after.last >= before.last && after.commit >= before.commit;
        assert!(after.node == before.node && grows, "{after:?} after {before:?}");
    }
}

fn plays(from: usize, args: &[&str], size: (u16, u16)) {
    let (lesson, state) = (lesson(), tempfile::tempdir().unwrap());
    let args = [args, &["--chapter", lesson.chapters[from].id.text()]].concat();
    let mut deck = teach(LESSON, &args, size, &state);
    play(&mut deck, &lesson, from, args.contains(&"sim"));
    deck.wait_for_text("THE END: Raft in 30 minutes");
    // The last stop can still be looked at.
    let last = stops(&lesson, lesson.chapters.len() - 1).pop().unwrap();
    deck.press(BACK);
    // Nothing may have happened since, so this is not always the past.
    deck.wait_for("the last stop", |screen| is_at(screen, lesson.title.text(), &last));
    deck.press(ON);
    deck.wait_for_text("THE END: Raft in 30 minutes");
    // Nobody raised a hand.
    deck.wait_for_text(&format!("0 of {} questions answered.", lesson.questions()));
    deck.quits();
}

#[test]
fn the_whole_lesson_is_played_in_the_simulator_by_one_key_forwards_and_back() {
    plays(0, &SIM, (80, 24));
}

#[test]
fn a_half_of_the_lesson_is_played_over_real_processes_by_one_key_forwards_and_back() {
    // On a busy machine, real nodes with the shortest timeouts elect leaders all the time. With these the whole lesson takes more than
    // a minute: its second half is the one with most elections and kills.
    plays(lesson().chapter("log-repair").unwrap(), &["--timing", "debug"], (120, 40));
}

/// Raises hands: so many for the right answer, and for the two others.
fn raise(deck: &mut Deck, right: &str, hands: [u32; 3]) {
    let (_, shown) = deck.look(|screen| band(screen, "Hands")).expect("a band");
    let number = |at: &usize| shown.contains(&format!(" {at} {right}"));
    let right = (1..=3).find(number).unwrap_or_else(|| panic!("{right} in: {shown}"));
    let mut counts = hands.map(|count| count.to_string());
    counts[..right].rotate_left(1);
    deck.press(&format!("{}\r", counts.join(" ")));
    wait_band(deck, "Hands", &format!(" {} hands", hands.iter().sum::<u32>()));
}

#[test]
fn hands_are_counted_before_and_after_a_discussion_and_chapters_can_be_gone_back_to() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("hands.toml");
    std::fs::write(&file, HANDS).unwrap();
    let mut deck = teach(file.to_str().unwrap(), &SIM, (120, 40), &folder);
    wait_band(&deck, "Hands", "1/2 First · step 1 of 2 Three nodes.");
    deck.press(BACK);
    deck.wait_for_text("this is the beginning of the lesson");
    deck.press(ON);
    wait_band(&deck, "Hands", "QUESTION: Which node leads next?");
    wait_band(&deck, "Hands", "Raise your hands.");
    let right = "Whose timer runs out";
    raise(&mut deck, right, [5, 4, 1]);
    deck.press(ON);
    wait_band(&deck, "Hands", "50 % (5)");
    wait_band(&deck, "Hands", "Worth two minutes with your neighbour.");
    deck.press(ON);
    wait_band(&deck, "Hands", "DISCUSS WITH YOUR NEIGHBOUR: Which node leads next?");
    deck.press(ON);
    wait_band(&deck, "Hands", "ONCE MORE: Which node leads next?");
    raise(&mut deck, right, [8, 1, 1]);
    deck.press(ON);
    wait_band(&deck, "Hands", "80 % (8) before: 50 %");
    deck.press(ON);
    wait_band(&deck, "Hands", "50 % of the class were right at first, 80 % after the discussion.");
    deck.press(ON);
    wait_band(&deck, "Hands", "2/2 Second · step 1 of 1 The leader goes on.");
    // Back over the beginning of a chapter: to the last step of the one before, on a cluster of its own.
    deck.press(BACK);
    wait_band(&deck, "Hands", "1/2 First · step 2 of 2 QUESTION: Which node leads next?");
    deck.press("S");
    wait_band(&deck, "Hands", "The first that asked (paper §5.2).");
    deck.press(ON);
    wait_band(&deck, "Hands", "2/2 Second · step 1 of 1 The leader goes on.");
    deck.press(ON);
    for line in [
        "THE END: Hands",
        "1 of 1 question answered.",
        "5 of 10 answers were right.",
        "After discussion: 8 of 10.",
        "Somebody thought that an election looks for the best node",
    ] {
        deck.wait_for_text(line);
    }
    deck.quits();
}
