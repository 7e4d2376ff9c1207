//! The moments at which a chapter rested, so that they can be gone back to.

use raftdeck_drills::{Scene, ScenePart};

/// A moment at which a chapter rested.
#[derive(Clone, Debug, PartialEq)]
pub struct Stop {
    /// What was to be seen of the chapter.
    pub scene: Scene,
    /// How many updates the deck had heard.
    pub updates: usize,
}

/// The moments so far, and which of them is looked at.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trail {
    stops: Vec<Stop>,
    /// Which one is looked at; `None`: the present.
    looking: Option<usize>,
}

/// Where one step on leads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TrailStep {
    /// To a moment after this many updates.
    Stop(usize),
    /// To the present.
    Present,
}

/// What makes two scenes one stop.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StopKind {
    Rest,
    Question,
    Reveal,
    Task,
    Play,
}

fn kind(part: &ScenePart) -> Option<StopKind> {
    Some(match part {
        ScenePart::Resting => StopKind::Rest,
        ScenePart::Asking(_) => StopKind::Question,
        ScenePart::Revealed(..) => StopKind::Reveal,
        ScenePart::Acting(_) => StopKind::Task,
        ScenePart::Playing(_) => StopKind::Play,
        ScenePart::Starting
        | ScenePart::CatchingUp(_)
        | ScenePart::Doing(_)
        | ScenePart::Revealing(..)
        | ScenePart::Failed(_)
        | ScenePart::Over => return None,
    })
}

impl Trail {
    /// Notes what is to be seen now, after this many updates. Says whether the chapter rests at a moment that is new.
    pub(super) fn note(&mut self, scene: &Scene, updates: usize) -> bool {
        let Some(what) = kind(&scene.part) else { return false };
        if let Some(last) = self.stops.last_mut()
            && (last.scene.step, kind(&last.scene.part)) == (scene.step, Some(what))
        {
            // The same moment: answers have come, hints were taken.
            last.scene.clone_from(scene);
            return false;
        }
        self.stops.push(Stop { scene: scene.clone(), updates });
        true
    }

    /// The stop that is looked at; `None`: the present.
    #[must_use]
    pub fn looked_at(&self) -> Option<&Stop> {
        self.stops.get(self.looking?)
    }

    /// One stop back from what is looked at. `rests`: the chapter rests at its last stop now. `None`: there is none before it.
    pub(super) fn back(&mut self, rests: bool) -> Option<&Stop> {
        let present = if rests { self.stops.len().saturating_sub(1) } else { self.stops.len() };
        let to = self.looking.unwrap_or(present).checked_sub(1)?;
        self.looking = Some(to);
        self.stops.get(to)
    }

    /// One stop on from what is looked at. `None`: the present is looked at.
    pub(super) fn on(&mut self, rests: bool) -> Option<TrailStep> {
        let to = self.looking? + 1;
        let present = if rests { self.stops.len().saturating_sub(1) } else { self.stops.len() };
        self.looking = Some(to).filter(|to| *to < present);
        let stop = self.looking.and_then(|to| self.stops.get(to));
        Some(stop.map_or(TrailStep::Present, |stop| TrailStep::Stop(stop.updates)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scene(step: usize, part: ScenePart) -> Scene {
        let (caption, notes, marks) = (String::new(), String::new(), Vec::new());
        Scene { step: (step, 9), caption, notes, view: None, marks, part }
    }

    #[test]
    fn back_and_on_go_through_the_stops_and_end_in_the_present() {
        let mut trail = Trail::default();
        assert!(trail.back(true).is_none());
        assert!(!trail.note(&scene(0, ScenePart::Doing(String::new())), 3));
        for step in 0..3 {
            assert!(trail.note(&scene(step, ScenePart::Resting), 10 * (step + 1)));
            assert!(!trail.note(&scene(step, ScenePart::Resting), 99), "it is the same stop");
        }
        assert_eq!(trail.back(true).map(|stop| stop.updates), Some(20));
        assert_eq!(trail.back(true).map(|stop| stop.updates), Some(10));
        assert!(trail.back(true).is_none(), "there is none before the first");
        assert_eq!(trail.on(true), Some(TrailStep::Stop(20)));
        assert_eq!(trail.on(true), Some(TrailStep::Present), "the last stop is the present");
        assert_eq!((trail.on(true), trail.looked_at()), (None, None));
    }

    #[test]
    fn while_something_goes_on_the_last_stop_is_the_past() {
        let mut trail = Trail::default();
        trail.note(&scene(0, ScenePart::Resting), 10);
        assert_eq!(trail.back(false).map(|stop| stop.updates), Some(10));
        assert_eq!(trail.on(false), Some(TrailStep::Present));
    }
}
