//! Every chapter of every built-in lesson comes to its end, whatever the seed, the timing, and who answers.

use crate::support::{cluster, in_parallel};
use raftdeck_drills::{
    Chapter, ChapterOptions, ChapterRun, Lesson, LessonInput, Misconception, Rehearsed, Scene, ScenePart,
    TEMPLATE, lessons, rehearse_chapter, shared_misconceptions,
};
use raftdeck_model::CommandId;
use raftdeck_raft::Timing;
use raftdeck_sim::Live;
use std::path::Path;

/// How a chapter is played.
#[derive(Clone, Copy, Debug)]
struct Play {
    timing: Timing,
    seed: u64,
    is_class: bool,
    from: usize,
}

impl Play {
    const CLASS: Self = Self { timing: Timing::DEBUG, seed: 1, is_class: true, from: 0 };

    fn to_the_end(self, chapter: &Chapter, mut say: impl FnMut(&Scene) -> LessonInput) -> Rehearsed {
        let options = ChapterOptions {
            first: CommandId(0),
            t: self.timing.election_min,
            is_class: self.is_class,
            from: self.from,
            first_poll: 0,
        };
        let mut run = ChapterRun::new(chapter.clone(), options);
        let mut source = Live::new(cluster(&chapter.cluster, self.timing, self.seed));
        rehearse_chapter(&mut run, &mut source, |scene, _| Some(say(scene)))
    }
}

/// The lessons that somebody begins with who writes one: what a new file holds, and the examples.
fn examples() -> Vec<Lesson> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/lessons");
    let files = std::fs::read_dir(folder).expect("the examples are there");
    let files = files.map(|file| file.expect("the folder can be read").path());
    let files: Vec<_> = files.filter(|file| file.extension().is_some_and(|ext| ext == "toml")).collect();
    assert!(!files.is_empty(), "there is an example");
    let sources = files.iter().map(|file| std::fs::read_to_string(file).expect("it can be read"));
    let read = |source: String| Lesson::read(&source).unwrap_or_else(|mistakes| panic!("{mistakes:?}"));
    std::iter::once(TEMPLATE.replace("NAME", "mine")).chain(sources).map(read).collect()
}

/// The chapters that have steps, each with the id of its lesson. One that is a drill is played as a drill.
fn chapters() -> Vec<(String, Chapter)> {
    let of_lesson = |lesson: Lesson| {
        let id = lesson.id.text().to_owned();
        lesson.chapters.into_iter().map(move |chapter| (id.clone(), chapter))
    };
    let all = lessons().into_iter().chain(examples());
    all.flat_map(of_lesson).filter(|(_, chapter)| !chapter.steps.is_empty()).collect()
}

/// How many seeds a chapter is played with: fewer under a steady load, which takes most of the time of these tests.
fn seeds(chapter: &Chapter) -> u64 {
    let mut lines = chapter.steps.iter().filter_map(|step| step.lines.as_ref());
    if lines.any(|lines| lines.text().contains("workload on")) { 1 } else { 2 }
}

/// What went wrong with the chapters when they were played so, each in these ways.
fn failures(
    ways: impl Fn(&Chapter) -> Vec<Play> + Sync,
    say: impl Fn(&Scene) -> LessonInput + Sync,
) -> Vec<String> {
    in_parallel(&chapters(), |(lesson, chapter)| {
        ways(chapter).into_iter().find_map(|play| match play.to_the_end(chapter, &say) {
            Rehearsed::Done => None,
            Rehearsed::Failed(why) => Some(format!("{lesson}, chapter {}, {play:?}: {why}", chapter.id)),
        })
    })
}

#[test]
fn the_book_lists_every_shared_misconception() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/lessons.md");
    let page = std::fs::read_to_string(page).expect("it can be read");
    for Misconception { id, took, .. } in shared_misconceptions() {
        assert!(page.contains(&format!("| `{id}` | {took} |\n")), "{id}");
    }
}

#[test]
fn every_chapter_is_played_by_one_key() {
    let ways = |chapter: &Chapter| {
        let timings = [Timing::DEBUG, Timing::FAST];
        let of_seed = |seed| timings.map(|timing| Play { timing, seed, ..Play::CLASS });
        (1..=seeds(chapter)).flat_map(of_seed).collect()
    };
    let failures = failures(ways, |_| LessonInput::Next);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_chapter_can_be_entered_at_its_steps() {
    let ways = |chapter: &Chapter| {
        // On the way to a step all steps before it are passed, so every third one is enough.
        let steps = (1..chapter.steps.len()).rev().step_by(3);
        steps.map(|from| Play { seed: 20, from, ..Play::CLASS }).collect()
    };
    let failures = failures(ways, |_| LessonInput::Next);
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn no_task_is_done_before_somebody_did_it() {
    for (lesson, chapter) in chapters() {
        let tasks = chapter.steps.iter().filter(|step| step.act.is_some()).count();
        let mut met = 0;
        let play = Play { seed: 30, is_class: false, ..Play::CLASS };
        let end = play.to_the_end(&chapter, |scene| match &scene.part {
            ScenePart::Asking(question) => match question.end {
                Some(_) => LessonInput::Next,
                None => LessonInput::Answer(question.ask.right()),
            },
            ScenePart::Acting(_) => {
                met += 1;
                LessonInput::Otherwise
            }
            _ => LessonInput::Next,
        });
        assert_eq!((end, met), (Rehearsed::Done, tasks), "{lesson}, chapter {}", chapter.id);
    }
}

#[test]
fn every_lesson_asks_and_takes_as_long_as_its_chapters() {
    for lesson in lessons().into_iter().chain(examples()) {
        let minutes: u16 = lesson.chapters.iter().map(|chapter| chapter.minutes).sum();
        assert_eq!(minutes, lesson.minutes, "{}", lesson.id);
        assert!(lesson.questions() > 0, "{}", lesson.id);
    }
}

#[test]
fn neither_the_place_nor_the_length_of_an_option_tells_whether_it_is_right() {
    let asks = chapters().into_iter().flat_map(|(_, chapter)| chapter.steps).filter_map(|step| step.ask);
    let (mut places, mut longest, mut all) = ([0_usize; 4], 0, 0);
    for ask in asks {
        let length = |at: usize| ask.options[at].text.chars().count();
        let right = ask.right();
        places[right] += 1;
        all += 1;
        longest += usize::from((0..ask.options.len()).all(|at| length(at) <= length(right)));
    }
    assert!(places.iter().all(|count| count * 2 < all), "{places:?}");
    assert!(longest * 2 < all, "the right option is the longest one in {longest} of {all} questions");
}
