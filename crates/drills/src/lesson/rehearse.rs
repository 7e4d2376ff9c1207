//! Plays a chapter over a cluster in virtual time, as fast as that can be computed.

use super::{ChapterRun, LessonInput, Scene, ScenePart};
use raftdeck_model::{ClusterTime, News, VirtualSource, World};
use std::time::Duration;

/// The least time that passes between two rounds in which nothing is sent.
const LEAST: Duration = Duration::from_micros(1);

/// A chapter that takes longer than this, in virtual time, does not come to its end.
const LONGEST: Duration = Duration::from_hours(1);

/// How a chapter came to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rehearsed {
    /// The last step was left.
    Done,
    /// A step did not come about; why.
    Failed(String),
}

/// Plays a chapter to its end. Real time is virtual too: it passes as fast as cluster time at rate 1. Whenever the chapter rests, `say` says
/// what is said to it; `None`: nothing, so that time passes.
///
/// The same cluster, chapter and words give the same scenes.
pub fn rehearse_chapter(
    run: &mut ChapterRun,
    cluster: &mut impl VirtualSource,
    mut say: impl FnMut(&Scene, &World) -> Option<LessonInput>,
) -> Rehearsed {
    let (mut now, mut world) = (Duration::ZERO, World::default());
    let mut time = (ClusterTime::default(), Duration::ZERO);
    while !run.is_over() {
        for update in cluster.take() {
            if let News::Time(told) = update.what {
                time = (told, now);
            }
            world.fold(&update);
            run.hear(&update, now);
        }
        let commands = run.go_on(now, &world);
        if !commands.is_empty() {
            for command in commands {
                cluster.send(command);
            }
            continue;
        }
        if run.is_over() {
            // Nothing more may be due: the last step may have frozen cluster time.
            break;
        }
        let scene = run.scene(now);
        if let ScenePart::Failed(why) = scene.part {
            return Rehearsed::Failed(why);
        }
        if run.rests()
            && let Some(input) = say(&scene, &world)
        {
            run.say(input);
            continue;
        }
        let next = cluster.next().and_then(|next| Some(time.1 + time.0.until(next)?));
        let Some(due) = [run.next_due(), next].into_iter().flatten().min().filter(|due| *due < LONGEST)
        else {
            return Rehearsed::Failed(format!("step {} does not come to its end", run.step() + 1));
        };
        // Time passes in every round, whatever is due.
        now = due.max(now + LEAST);
        cluster.run_until(time.0.after(now.saturating_sub(time.1)));
    }
    Rehearsed::Done
}
