//! Lessons as one person takes them at the keyboard: the tour, answers, hints, tasks, the result, and what is kept of it.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use raftdeck_drills::museum::{Exhibit, ExhibitRun, shipped_exhibit};
use raftdeck_drills::{Lesson, lessons};
use std::fs;
use std::path::Path;
use support::band::{BACK, ON, band, is_played, stops, wait_band, wait_present};
use support::deck::Deck;
use support::processes;
use support::table::{leader, rows};
use tempfile::TempDir;

/// Two questions in two chapters, with one misconception.
const SHORT: &str = r#"schema = 1
id = "short"
title = "Short"
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
hints = [{ text = "Think of the timers.", cost = 20 }]
[chapter.step.reveal]
wait = "leader"
explain = "The first that asked (paper §5.2)."
[[chapter.step]]
caption = "The leader goes on."
[[chapter]]
id = "second"
title = "Second"
minutes = 1
[[chapter.step]]
[chapter.step.ask]
question = "And after that?"
options = [
    { text = "Whose timer runs out", right = true, because = "It asks for votes." },
    { text = "The smallest number", misconception = "smallest-id-wins", because = "Still not." },
    { text = "The best node", misconception = "election-picks-best", because = "Nobody compares nodes." },
]
[chapter.step.reveal]
wait = "leader"
explain = "The same again (paper §5.2)."
"#;

const SIM: [&str; 6] = ["--engine", "sim", "--seed", "1", "--timing", "fast"];

fn spawn(args: &[&str], state: &Path) -> Deck {
    Deck::spawn_keeping(args, state, (120, 40))
}

fn built_in(id: &str) -> Lesson {
    lessons().into_iter().find(|lesson| lesson.id.text() == id).unwrap()
}

/// The lesson in a file of this folder, and its name.
fn short(folder: &TempDir) -> String {
    let file = folder.path().join("short.toml");
    fs::write(&file, SHORT).unwrap();
    file.display().to_string()
}

fn progress(state: &Path, lesson: &str) -> serde_json::Value {
    let text = fs::read(state.join("raftdeck/lessons.json")).unwrap();
    serde_json::from_slice::<serde_json::Value>(&text).unwrap()[lesson].clone()
}

#[test]
fn the_tour_is_taken_in_eight_steps_on_a_live_cluster() {
    let (state, tour) = (TempDir::new().unwrap(), built_in("tour"));
    let title = tour.title.text();
    let mut deck = spawn(&["learn"], state.path());
    let steps = stops(&tour, 0);
    for step in &steps[..3] {
        wait_present(&deck, title, step);
        deck.press(ON);
    }
    wait_band(&deck, title, "YOUR TASK: Write a value: press w");
    deck.nodes(3);
    deck.press(ON);
    deck.wait_for_text("the task is yours: do it on the deck");
    deck.press("H");
    wait_band(&deck, title, "hint 1 w opens a line");
    deck.press("wput color blue\r");
    deck.wait_for_text("put color blue: stored");
    deck.wait_for("no task", |screen| {
        band(screen, title).is_some_and(|(_, text)| !text.contains("YOUR TASK"))
    });
    deck.press(ON);
    wait_present(&deck, title, &steps[4]);
    deck.press(ON);
    wait_band(&deck, title, "YOUR TASK: Kill the leader: press K");
    let old = deck.look(|screen| leader(&rows(screen))).expect("there is one leader");
    deck.press("K");
    deck.wait_for("another leader, and no task", |screen| {
        let is_done = band(screen, title).is_some_and(|(_, text)| !text.contains("YOUR TASK"));
        is_done && leader(&rows(screen)).is_some_and(|row| row.node != old.node && row.term > old.term)
    });
    deck.press(ON);
    wait_band(&deck, title, "QUESTION: The dead node starts again");
    deck.press(ON);
    deck.wait_for_text("choose an answer: 1 to 3");
    answer(&mut deck, title, "It leads again, because it led before");
    wait_band(&deck, title, "NOT SO. ONCE MORE: The dead node starts again");
    wait_band(&deck, title, "Nobody stores who leads.");
    answer(&mut deck, title, "It starts empty, and has lost your write");
    wait_band(&deck, title, "THE ANSWER: The dead node starts again");
    wait_band(&deck, title, "It starts as a follower, learns the new term");
    deck.press("\r");
    wait_band(&deck, title, "✔ It follows the new leader and catches up");
    deck.press("\r");
    wait_band(&deck, title, "step 8 of 8 That is all you need to begin.");
    deck.press(ON);
    deck.wait_for_text("THE END: A tour of the deck");
    deck.wait_for_text("0 of 1 first answers were right.");
    deck.wait_for_text("At the second try: 0 of 1.");
    deck.wait_for_text("You thought that a leader that returns leads again (once).");
    deck.wait_for_text("You thought that a restarted node has forgotten its log (once).");
    deck.press(ON);
    deck.wait_for("the cluster without the lesson", |screen| {
        screen.contents().contains("LEADS TERM") && rows(screen).len() == 3 && band(screen, title).is_none()
    });
    assert_eq!(progress(state.path(), "tour")["is_finished"], true);
    let nodes = deck.nodes(3);
    deck.quits();
    processes::wait_gone(&nodes);
}

/// Presses the digit before this answer.
fn answer(deck: &mut Deck, lesson: &str, text: &str) {
    let (_, shown) = deck.look(|screen| band(screen, lesson)).expect("a band");
    let (before, _) = shown.split_once(&format!(" {text}")).unwrap_or_else(|| panic!("{text} in: {shown}"));
    deck.press(before.split(' ').next_back().unwrap());
}

#[test]
fn answers_are_counted_and_the_result_names_misconceptions() {
    let (state, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let mut deck = spawn(&[&["lesson", "run", &short(&folder)][..], &SIM].concat(), state.path());
    wait_band(&deck, "Short", "Three nodes.");
    deck.press(ON);
    wait_band(&deck, "Short", "QUESTION: Which node leads next?");
    deck.press("4");
    deck.wait_for_text("the answers are 1 to 3");
    deck.press("H");
    wait_band(&deck, "Short", "hint 1 Think of the timers.");
    answer(&mut deck, "Short", "The smallest number");
    wait_band(&deck, "Short", "NOT SO. ONCE MORE: Which node leads next?");
    wait_band(&deck, "Short", "Numbers play no part.");
    answer(&mut deck, "Short", "Whose timer runs out");
    wait_band(&deck, "Short", "✔ RIGHT: Which node leads next?");
    wait_band(&deck, "Short", "It asks for votes.");
    deck.press(ON);
    wait_band(&deck, "Short", "The first that asked (paper §5.2).");
    deck.press(ON);
    wait_band(&deck, "Short", "step 3 of 3 The leader goes on.");
    deck.press(ON);
    wait_band(&deck, "Short", "QUESTION: And after that?");
    answer(&mut deck, "Short", "The smallest number");
    wait_band(&deck, "Short", "NOT SO. ONCE MORE: And after that?");
    deck.press("S");
    wait_band(&deck, "Short", "THE ANSWER: And after that?");
    deck.press(ON);
    wait_band(&deck, "Short", "The same again (paper §5.2).");
    deck.press(ON);
    deck.wait_for_text("THE END: Short");
    for line in [
        "2 of 2 questions answered.",
        "0 of 2 first answers were right.",
        "At the second try: 1 of 1.",
        // Half of 100 for the second try, less 20 % for the hint; nothing for the second question.
        "20 of 100 points.",
        "(twice).",
    ] {
        deck.wait_for_text(line);
    }
    deck.quits();
}

#[test]
fn a_lesson_goes_on_where_it_was_left_unless_it_is_begun_anew() {
    let (state, folder) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let file = short(&folder);
    let run = |more: &[&str]| spawn(&[&["lesson", "run", &file][..], &SIM, more].concat(), state.path());
    let mut deck = run(&[]);
    wait_band(&deck, "Short", "Three nodes.");
    deck.press(ON);
    wait_band(&deck, "Short", "QUESTION: Which node leads next?");
    answer(&mut deck, "Short", "Whose timer runs out");
    deck.press(ON);
    wait_band(&deck, "Short", "The first that asked (paper §5.2).");
    deck.press(ON);
    wait_band(&deck, "Short", "step 3 of 3 The leader goes on.");
    deck.quits();
    assert_eq!(progress(state.path(), "short")["step"], 2);

    let mut deck = run(&[]);
    wait_band(&deck, "Short", "step 3 of 3 The leader goes on.");
    deck.press(ON);
    wait_band(&deck, "Short", "QUESTION: And after that?");
    deck.press("\x1b");
    deck.wait_for("the cluster without the lesson", |screen| {
        screen.contents().contains("LEADS TERM") && band(screen, "Short").is_none()
    });
    deck.quits();
    assert_eq!(progress(state.path(), "short")["chapter"], "second");

    // What was answered before counts in the result.
    let mut deck = run(&[]);
    wait_band(&deck, "Short", "2/2 Second · step 1 of 1 QUESTION: And after that?");
    answer(&mut deck, "Short", "Whose timer runs out");
    deck.press(ON);
    wait_band(&deck, "Short", "The same again (paper §5.2).");
    deck.press(ON);
    deck.wait_for_text("2 of 2 questions answered.");
    deck.wait_for_text("100 of 100 points.");
    deck.wait_for_text("No answer was wrong.");
    deck.quits();

    let deck = run(&["--restart"]);
    wait_band(&deck, "Short", "1/2 First · step 1 of 3 Three nodes.");
    deck.quits();
    assert_eq!(progress(state.path(), "short")["answered"], serde_json::json!([]));
}

#[test]
fn the_contents_go_to_any_chapter_and_a_blank_screen_comes_back_with_any_key() {
    let state = TempDir::new().unwrap();
    let lesson = built_in("raft-in-30-minutes");
    let title = lesson.title.text();
    let mut deck = Deck::spawn_keeping(
        &[&["lesson", "run", "raft-in-30-minutes"][..], &SIM].concat(),
        state.path(),
        (80, 24),
    );
    wait_present(&deck, title, &stops(&lesson, 0)[0]);
    deck.press("C");
    deck.wait_for_text("1 Election  4 min  you are here");
    deck.press("\x1b");
    deck.wait_for("no contents", |screen| !screen.contents().contains("you are here"));
    deck.press("C4\r");
    wait_present(&deck, title, &stops(&lesson, 3)[0]);
    deck.press("b");
    deck.wait_for("nothing at all", |screen| screen.contents().trim().is_empty());
    // The key that brings the screen back does nothing else.
    deck.press(ON);
    wait_present(&deck, title, &stops(&lesson, 3)[0]);
    deck.press(ON);
    wait_present(&deck, title, &stops(&lesson, 3)[1]);
    deck.quits();
}

#[test]
fn the_tour_is_offered_at_the_first_start_only() {
    let state = TempDir::new().unwrap();
    let start = || {
        let deck = spawn(&["--engine", "sim"], state.path());
        deck.wait_for_text("LEADS TERM");
        deck
    };
    let mut deck = start();
    deck.wait_for_text("NEW HERE?");
    deck.press("\x1b");
    deck.wait_for("no offer", |screen| !screen.contents().contains("NEW HERE?"));
    deck.quits();
    let mut deck = start();
    assert!(!deck.look(|screen| screen.contents().contains("NEW HERE?")));
    // It can be taken all the same.
    deck.press("L");
    deck.wait_for_text("Start \"A tour of the deck\"?");
    deck.press("y");
    wait_band(&deck, "A tour of the deck", "step 1 of 8 Three boxes");
    deck.quits();
}

#[test]
fn the_offer_of_the_tour_is_taken_by_one_key() {
    let state = TempDir::new().unwrap();
    let mut deck = spawn(&["--engine", "sim"], state.path());
    deck.wait_for_text("NEW HERE?");
    deck.press("L");
    // There is a cluster already, which somebody may have used.
    deck.wait_for_text("Start \"A tour of the deck\"?");
    deck.press("y");
    wait_band(&deck, "A tour of the deck", "step 1 of 8 Three boxes");
    assert!(!deck.look(|screen| screen.contents().contains("NEW HERE?")));
    deck.press("\x1b");
    deck.wait_for("the cluster without the tour", |screen| {
        screen.contents().contains("LEADS TERM") && band(screen, "A tour of the deck").is_none()
    });
    deck.quits();
}

/// The title and the words of each stop of an exhibit, in order.
fn exhibit_stops(exhibit: &Exhibit) -> Vec<String> {
    let steps = |run| exhibit.steps.iter().map(move |step| step.caption(run).to_owned());
    let mut words = vec![exhibit.story.trim().to_owned()];
    words.extend(steps(ExhibitRun::WithoutGuard));
    words.extend([exhibit.rule_question.question.clone(), exhibit.event_question.question.clone()]);
    words.push(exhibit.explain.trim().to_owned());
    words.extend(steps(ExhibitRun::WithGuard));
    words.push("The same schedule, and nothing is violated.".to_owned());
    words
}

fn exhibit_is_played(size: (u16, u16)) {
    let state = TempDir::new().unwrap();
    let exhibit = shipped_exhibit("two-votes").unwrap().exhibit();
    let stops = exhibit_stops(&exhibit);
    let mut deck = Deck::spawn_keeping(&["museum", "two-votes"], state.path(), size);
    let wait_stop = |deck: &Deck, at: usize| {
        // The step at the end has no number.
        let number =
            if at + 1 < stops.len() { format!("step {} of {}", at + 1, stops.len()) } else { String::new() };
        let words = stops[at].split_whitespace().collect::<Vec<_>>().join(" ");
        deck.wait_for(&format!("{number}: {words}"), |screen| {
            !is_played(screen)
                && band(screen, "The museum of bugs").is_some_and(|(title, text)| {
                    title.contains(&exhibit.title) && title.ends_with(&number) && text.contains(&words)
                })
        });
    };
    let (rule, event) = (1 + exhibit.steps.len(), 2 + exhibit.steps.len());
    let violated = exhibit.violation_step;
    for at in 0..stops.len() {
        wait_stop(&deck, at);
        if at == rule || at == event {
            deck.press(ON);
            deck.wait_for_text("choose an answer: 1 to 4");
            let question = if at == rule { &exhibit.rule_question } else { &exhibit.event_question };
            let right = question.options.iter().find(|option| option.right).unwrap();
            answer(&mut deck, "The museum of bugs", &right.text);
            wait_band(&deck, "The museum of bugs", "✔ RIGHT");
        }
        if at == violated {
            wait_band(&deck, "The museum of bugs", &format!("VIOLATED: {}", exhibit.property));
        }
        if at == event + 1 {
            wait_band(&deck, "The museum of bugs", &format!("Seen in {}", exhibit.report.system));
        }
        if at > event + 1 {
            deck.wait_for_text("WITHOUT THE GUARD");
            deck.wait_for_text("WITH THE GUARD");
        }
        if at + 1 < stops.len() {
            deck.press(ON);
        }
    }
    for at in (0..stops.len() - 1).rev() {
        deck.press(BACK);
        wait_stop(&deck, at);
    }
    deck.press(BACK);
    deck.wait_for_text("this is the beginning of the exhibit");
    deck.press("\x1b");
    deck.wait_for("no exhibit", |screen| band(screen, "The museum of bugs").is_none());
    deck.quits();
}

#[test]
fn an_exhibit_is_seen_to_its_end_and_back_to_its_beginning() {
    exhibit_is_played((120, 40));
}

#[test]
fn an_exhibit_has_room_on_a_small_screen() {
    exhibit_is_played((80, 24));
}
