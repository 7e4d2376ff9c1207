use super::*;
use crate::file::FileMistake;
use raftdeck_model::{CommandId, News, World};
use raftdeck_raft::Timing;
use raftdeck_sim::{Live, LiveOptions};
use std::time::Duration;

fn template() -> Lesson {
    Lesson::read(&TEMPLATE.replace("NAME", "mine")).expect("the template has no mistake")
}

fn mistakes_of(change: impl Fn(&str) -> String) -> Vec<String> {
    let source = change(&TEMPLATE.replace("NAME", "mine"));
    let mistakes = Lesson::read(&source).expect_err("it has a mistake");
    mistakes.iter().map(|FileMistake { line, sentence, .. }| format!("{line}: {sentence}")).collect()
}

fn run_of(lesson: &Lesson, is_class: bool, from: usize) -> ChapterRun {
    let options = ChapterOptions {
        first: CommandId(1 << 33),
        t: Timing::FAST.election_min,
        is_class,
        from,
        first_poll: 7,
    };
    ChapterRun::new(lesson.chapters[0].clone(), options)
}

fn cluster(seed: u64) -> Live {
    Live::new(LiveOptions::new(3, seed))
}

#[test]
fn the_template_is_played_by_one_key() {
    let lesson = template();
    for seed in 1..20 {
        let mut run = run_of(&lesson, true, 0);
        let end = rehearse_chapter(&mut run, &mut cluster(seed), |_, _| Some(LessonInput::Next));
        assert_eq!(end, Rehearsed::Done, "seed {seed}");
    }
}

#[test]
fn a_wrong_answer_is_explained_and_after_the_second_the_solution_is_shown() {
    let lesson = template();
    let ask = lesson.chapters[0].steps[1].ask.clone().expect("it asks");
    let wrong: Vec<usize> = (0..ask.options.len()).filter(|option| *option != ask.right()).collect();
    let mut run = run_of(&lesson, false, 0);
    let mut seen = Vec::new();
    let end = rehearse_chapter(&mut run, &mut cluster(3), |scene, _| match &scene.part {
        ScenePart::Asking(question) => {
            seen.push((question.wrong.len(), question.end));
            Some(match question.end {
                None => LessonInput::Answer(wrong[question.wrong.len()]),
                Some(_) => LessonInput::Next,
            })
        }
        ScenePart::Acting(_) => Some(LessonInput::Otherwise),
        _ => Some(LessonInput::Next),
    });
    assert_eq!(end, Rehearsed::Done);
    assert_eq!(seen, [(0, None), (1, None), (2, Some(QuestionEnd::Shown))]);
    let mut progress = LessonProgress::default();
    run.take_answered().into_iter().for_each(|answered| progress.note(answered));
    let result = progress.result(&lesson);
    assert_eq!((result.answered, result.points, result.first), (1, Some(0), (1, 0)));
    assert_eq!(result.misconceptions.iter().map(|known| known.count).sum::<u32>(), 2);
}

#[test]
fn a_right_answer_at_the_second_try_gives_half_of_the_points_and_a_hint_costs() {
    let lesson = template();
    let ask = lesson.chapters[0].steps[1].ask.clone().expect("it asks");
    let wrong = (0..ask.options.len()).find(|option| *option != ask.right()).expect("one is wrong");
    let mut run = run_of(&lesson, false, 0);
    rehearse_chapter(&mut run, &mut cluster(3), |scene, _| match &scene.part {
        ScenePart::Asking(question) => Some(match (question.wrong.len(), question.end) {
            (0, _) => LessonInput::Answer(wrong),
            (_, None) => LessonInput::Answer(ask.right()),
            _ => LessonInput::Next,
        }),
        ScenePart::Acting(_) => Some(LessonInput::Otherwise),
        _ => Some(LessonInput::Next),
    });
    assert_eq!(run.take_answered()[0].points, Some(50));
}

/// The class answers like this in its polls; which stages are seen?
fn polled(first: &[u32], second: &[u32]) -> (Vec<String>, Vec<Answered>) {
    let lesson = template();
    let mut run = run_of(&lesson, true, 0);
    let mut seen = Vec::new();
    let end = rehearse_chapter(&mut run, &mut cluster(5), |scene, _| {
        let ScenePart::Asking(question) = &scene.part else { return Some(LessonInput::Next) };
        let poll = question.poll.clone().expect("it is a class");
        let counts = if poll.is_second() { second } else { first };
        if poll.stage == PollStage::Open && poll.counts != counts {
            return Some(LessonInput::Counts(counts.to_vec()));
        }
        seen.push(match poll.stage {
            PollStage::Open => format!("open {}", poll.number),
            PollStage::Counted { is_discussion_proposed } => format!("counted {is_discussion_proposed}"),
            PollStage::Discussing { .. } => "discussing".to_owned(),
        });
        Some(LessonInput::Next)
    });
    assert_eq!(end, Rehearsed::Done);
    (seen, run.take_answered())
}

#[test]
fn a_discussion_is_proposed_where_it_helps_and_the_class_answers_again() {
    let right = template().chapters[0].steps[1].ask.as_ref().expect("it asks").right();
    let counts = |rights: u32, wrongs: u32| {
        let mut counts = vec![wrongs; 3];
        counts[right] = rights;
        counts
    };
    let (seen, answered) = polled(&counts(10, 5), &counts(18, 1));
    assert_eq!(seen, ["open 7", "counted true", "discussing", "open 8", "counted false"]);
    assert_eq!((answered[0].first.clone(), answered[0].second.clone()), (counts(10, 5), counts(18, 1)));
    assert_eq!(polled(&counts(18, 1), &[]).0, ["open 7", "counted false"], "nearly all were right");
    assert_eq!(polled(&counts(1, 9), &[]).0, ["open 7", "counted false"], "nearly none was right");
}

#[test]
fn without_answers_the_reveal_comes_at_once_and_nothing_is_kept() {
    let (seen, answered) = polled(&[0, 0, 0], &[]);
    assert_eq!((seen, answered), (vec!["open 7".to_owned()], Vec::new()));
}

#[test]
fn cluster_time_is_frozen_while_a_question_is_open_and_at_the_moment_that_decides() {
    let lesson = template();
    let mut run = run_of(&lesson, true, 0);
    let mut cluster = cluster(2);
    let mut frozen = Vec::new();
    rehearse_chapter(&mut run, &mut cluster, |scene, world| {
        let name = match scene.part {
            ScenePart::Asking(_) => "asking",
            ScenePart::Revealed(..) => "revealed",
            _ => "other",
        };
        assert!(name != "revealed" || world.leader().is_some() && !scene.marks.is_empty(), "{scene:?}");
        frozen.push((name, world.time().rate.is_frozen()));
        Some(LessonInput::Next)
    });
    assert_eq!(frozen[0], ("other", false));
    // The command that freezes it was just sent with the first, and is carried out before the second.
    assert_eq!(frozen[1..3], [("asking", true), ("revealed", true)]);
    assert_eq!(frozen[3..], [("other", false), ("other", false)]);
}

#[test]
fn a_chapter_goes_to_a_step_by_itself_and_asks_nothing_on_the_way() {
    let lesson = template();
    let mut run = run_of(&lesson, false, 2);
    let mut seen = Vec::new();
    let end = rehearse_chapter(&mut run, &mut cluster(2), |scene, world| {
        seen.push((scene.step.0, world.down().len()));
        Some(LessonInput::Otherwise)
    });
    assert_eq!(end, Rehearsed::Done);
    assert_eq!(seen.first(), Some(&(2, 1)), "the reveal before it was carried out");
    assert!(run.take_answered().is_empty());
}

#[test]
fn a_step_that_does_not_come_about_says_why() {
    let source = TEMPLATE
        .replace("NAME", "mine")
        .replace("do = \"wait all", "wait = \"leader none\"\ndo = \"wait all");
    let lesson = Lesson::read(&source).expect("it can be read");
    let mut run = run_of(&lesson, true, 0);
    let end = rehearse_chapter(&mut run, &mut cluster(1), |_, _| Some(LessonInput::Next));
    let Rehearsed::Failed(why) = end else { panic!("it ended well") };
    assert!(why.starts_with("step 1: leader none was waited for in vain"), "{why}");
}

#[test]
fn a_task_is_done_by_a_person_or_by_the_lesson() {
    let lesson = template();
    let (mut run, mut source) = (run_of(&lesson, false, 0), cluster(4));
    let (mut world, mut now) = (World::default(), Duration::ZERO);
    let mut restarted = false;
    let mut tasks = Vec::new();
    while !run.is_over() {
        for update in source.take() {
            world.fold(&update);
            run.hear(&update, now);
            assert!(!matches!(update.what, News::Refused { .. }), "{update:?}");
        }
        run.go_on(now, &world).into_iter().for_each(|command| source.send(command));
        match run.scene(now).part {
            ScenePart::Acting(task) => {
                tasks.push((task.hints.len(), task.hints_left));
                if task.hints_left > 0 {
                    run.say(LessonInput::Hint);
                } else if !restarted {
                    restarted = true;
                    let down = world.down().into_iter().next().expect("one is down");
                    let what = raftdeck_model::Order::Restart(down);
                    source.send(raftdeck_model::Command { id: CommandId(1), what });
                }
            }
            ScenePart::Asking(question) => run.say(match question.end {
                Some(_) => LessonInput::Next,
                None => LessonInput::Answer(question.ask.right()),
            }),
            ScenePart::Failed(why) => panic!("{why}"),
            _ => run.say(LessonInput::Next),
        }
        now += Duration::from_millis(1);
        source.run_until(now);
        assert!(now < Duration::from_mins(5), "it does not come to its end");
    }
    assert!(restarted);
    assert_eq!((tasks.first(), tasks.last()), (Some(&(0, 1)), Some(&(1, 0))));
}

#[test]
fn every_mistake_is_named_with_its_line() {
    let wrong = mistakes_of(|source| source.replace("smallest-id-wins", "smallest-id-win"));
    assert!(
        wrong[0].contains("misconception smallest-id-win is not defined")
            && wrong[0].contains("smallest-id-wins?")
    );
    let wrong =
        mistakes_of(|source| source.replace(", right = true", ", misconception = \"smallest-id-wins\""));
    assert!(wrong.iter().any(|wrong| wrong.contains("here 0 are")), "{wrong:?}");
    let wrong = mistakes_of(|source| source.replace("kill $old\"", "kil $old\""));
    assert!(wrong[0].contains("kil"), "{wrong:?}");
    let wrong = mistakes_of(|source| source.replace("not leader $old\"", "not leader $odl\""));
    assert!(wrong[0].contains("odl"), "{wrong:?}");
    let wrong = mistakes_of(|source| source.replace("[chapter.step.reveal]", "[chapter.step.reveals]"));
    assert!(wrong[0].contains("did you mean reveal?"), "{wrong:?}");
    let wrong = mistakes_of(|source| source.replace("do = \"restart down\"\n", ""));
    assert!(wrong[0].contains("model solution"), "{wrong:?}");
    let wrong = mistakes_of(|source| source.replace("mark = \"leader\"", "mark = \"laeder\""));
    assert!(wrong[0].contains("laeder"), "{wrong:?}");
    let wrong = mistakes_of(|source| {
        source.replace("id = \"election\"", "id = \"election\"\ndrill = \"leader-kil\"")
    });
    assert!(wrong.iter().any(|wrong| wrong.contains("did you mean leader-kill?")), "{wrong:?}");
}

#[test]
fn the_shared_misconceptions_can_be_read_and_have_different_names() {
    let shared = shared_misconceptions();
    let ids: std::collections::BTreeSet<&str> = shared.iter().map(|known| known.id.text()).collect();
    assert!(ids.len() == shared.len() && shared.len() >= 20);
    assert!(shared.iter().all(|known| !known.took.ends_with('.') && known.truth.ends_with('.')));
}

#[test]
fn every_built_in_lesson_can_be_read_and_is_named_as_its_file() {
    for (id, source) in LESSONS {
        let lesson = Lesson::read(source).unwrap_or_else(|mistakes| {
            let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
            panic!("{id}:\n{}", mistakes.join("\n"))
        });
        assert_eq!(lesson.id.text(), *id);
    }
}
