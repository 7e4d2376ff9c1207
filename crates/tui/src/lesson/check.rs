//! `raftdeck lesson check`: the mistakes of lesson files; each chapter is played in the simulator, so that one whose steps do not come
//! about is found before a class sees it.

use crate::drill::{ClusterPlan, DrillEngine, Wishes, named};
use crate::errors::{complain, sentence};
use clap::Args;
use color_eyre::eyre::Result;
use raftdeck_drills::{
    Chapter, ChapterOptions, ChapterRun, Lesson, LessonInput, Rehearsed, built_in_lesson, rehearse_chapter,
};
use raftdeck_model::CommandId;
use raftdeck_sim::Live;
use std::fmt::Write as _;

/// Which files are checked.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// The files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<String>,
    /// How many seeds each chapter is played with; 0: it is not played
    #[arg(long, value_name = "N", default_value_t = 3)]
    seeds: u64,
}

/// The exit status when a file is wrong, and when a step does not come about.
const MISTAKE: u8 = 2;
const NOT_COME_ABOUT: u8 = 3;

/// The mistakes of files, and the exit status.
pub(super) fn run(args: &CheckArgs) -> Result<(Vec<u8>, u8)> {
    let (mut text, mut status) = (String::new(), 0);
    for file in &args.files {
        let read = match built_in_lesson(file) {
            Some(source) => Ok(source.to_owned()),
            None => named::text_of(file),
        };
        match read.map(|source| Lesson::read(&source)) {
            Ok(Ok(lesson)) => {
                for why in play(&lesson, args.seeds) {
                    writeln!(text, "{file}: {why}")?;
                    status = status.max(NOT_COME_ABOUT);
                }
            }
            Ok(Err(mistakes)) => {
                writeln!(text, "{}", named::lines(file, &mistakes))?;
                status = if status == NOT_COME_ABOUT { status } else { MISTAKE };
            }
            Err(error) => {
                complain(&sentence(&error));
                status = if status == 0 { 1 } else { status };
            }
        }
    }
    Ok((text.into_bytes(), status))
}

/// Plays all chapters, and says which steps do not come about.
fn play(lesson: &Lesson, seeds: u64) -> Vec<String> {
    let chapters = lesson.chapters.iter().filter(|chapter| chapter.drill.is_none());
    let all = chapters.flat_map(|chapter| (1..=seeds).map(move |seed| (chapter, seed)));
    let failed = all.filter_map(|(chapter, seed)| {
        let why = play_one(chapter, seed)?;
        Some(format!("chapter {} with seed {seed}: {why}", chapter.id))
    });
    failed.collect()
}

fn play_one(chapter: &Chapter, seed: u64) -> Option<String> {
    let wishes = Wishes { timing: None, seed: Some(seed) };
    let plan = ClusterPlan::new(chapter.cluster.clone(), Some(DrillEngine::Sim), wishes);
    let t = plan.context("").t();
    let options = ChapterOptions { first: CommandId(0), t, is_class: true, from: 0, first_poll: 1 };
    let mut run = ChapterRun::new(chapter.clone(), options);
    match rehearse_chapter(&mut run, &mut Live::new(plan.simulator()), |_, _| Some(LessonInput::Next)) {
        Rehearsed::Done => None,
        Rehearsed::Failed(why) => Some(why),
    }
}
