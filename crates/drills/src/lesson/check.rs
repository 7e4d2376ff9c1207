//! From TOML to a lesson, with the place of every mistake.

use super::{Chapter, LESSON_SCHEMA, Lesson, LessonAsk, LessonStep, Misconception, Reveal};
use crate::catalogue::CATALOGUE;
use crate::file::{Act, FileMistake, ID_RULE, MAX_CAPTION, Phrase, Phrases, TimingSpec, is_id, of_toml};
use raftdeck_model::MAX_NODES;
use raftdeck_script::nearest;
use std::collections::BTreeSet;

/// The words that a lesson may not use: they read and write files, or end the cluster.
const FORBIDDEN: [&str; 7] = ["quit", "exit", "q", "load", "save", "check", "seek"];

/// The most characters of an explanation: it has to fit beside the picture.
const MAX_EXPLANATION: usize = 420;

/// The word with which the marks of a picture are read as a line.
const MARK: &str = "kill ";

impl Lesson {
    /// Reads a lesson and checks all of it that can be checked without a cluster. All mistakes are returned, in order of their places;
    /// of TOML that cannot be parsed, the first.
    pub fn read(source: &str) -> Result<Self, Vec<FileMistake>> {
        let lesson = Self::parse(source).map_err(|mistake| vec![mistake])?;
        let mut reading = Reading { lesson: &lesson, phrases: Phrases::of(source) };
        reading.head();
        reading.misconceptions();
        lesson.chapters.iter().for_each(|chapter| reading.chapter(chapter));
        let mut mistakes = reading.phrases.mistakes();
        mistakes.sort();
        mistakes.dedup();
        if mistakes.is_empty() { Ok(lesson) } else { Err(mistakes) }
    }

    /// Reads a lesson without checking what its values mean: for one that is known to be without a mistake.
    pub(crate) fn parse(source: &str) -> Result<Self, FileMistake> {
        let mut lesson: Self = toml::from_str(source).map_err(|error| of_toml(source, &error))?;
        for chapter in &mut lesson.chapters {
            // A class can follow this one.
            chapter.cluster.timing.get_or_insert(TimingSpec::Debug);
            for step in &mut chapter.steps {
                step.ask = step.ask.take().map(LessonAsk::mixed);
            }
        }
        Ok(lesson)
    }
}

struct Reading<'a> {
    lesson: &'a Lesson,
    phrases: Phrases<'a>,
}

impl<'a> Reading<'a> {
    fn wrong(&mut self, phrase: &Phrase, sentence: impl std::fmt::Display) {
        self.phrases.in_phrase(phrase, 0, 0, sentence);
    }

    fn head(&mut self) {
        let lesson = self.lesson;
        if lesson.schema != LESSON_SCHEMA {
            let why =
                format!("schema {} is not known: this version reads schema {LESSON_SCHEMA}", lesson.schema);
            self.phrases.at_key("schema", why);
        }
        self.id(&lesson.id);
        self.not_empty(&lesson.title, "title");
        self.not_empty(&lesson.description, "description");
        if lesson.chapters.is_empty() {
            self.wrong(&lesson.id, "a lesson needs at least one [[chapter]]");
        }
        let mut ids = BTreeSet::new();
        for chapter in &lesson.chapters {
            if !ids.insert(chapter.id.text()) {
                self.wrong(&chapter.id, format!("there is another chapter of the id {}", chapter.id));
            }
        }
    }

    fn id(&mut self, id: &Phrase) {
        if !is_id(id.text()) {
            self.wrong(id, ID_RULE);
        }
    }

    fn not_empty(&mut self, phrase: &Phrase, what: &str) {
        if phrase.text().trim().is_empty() {
            self.wrong(phrase, format!("the {what} is empty"));
        }
    }

    fn misconceptions(&mut self) {
        let lesson = self.lesson;
        for Misconception { id, took, truth } in &lesson.misconceptions {
            self.id(id);
            if took.trim().is_empty() || truth.trim().is_empty() {
                self.wrong(id, format!("the misconception {id} needs both took and truth"));
            }
            if super::shared_misconceptions().iter().any(|shared| shared.id == *id) {
                let why =
                    format!("{id} is a shared misconception, which need not be defined: choose another id");
                self.wrong(id, why);
            }
        }
    }

    fn chapter(&mut self, chapter: &'a Chapter) {
        self.id(&chapter.id);
        self.not_empty(&chapter.title, "title");
        if !(1..=MAX_NODES).contains(&chapter.cluster.nodes) {
            self.wrong(&chapter.id, format!("a cluster has 1 to {MAX_NODES} nodes"));
        }
        let options = &chapter.cluster.options;
        [&options.sync_delay, &options.disk_stall]
            .into_iter()
            .flatten()
            .for_each(|time| self.phrases.time(time));
        match &chapter.drill {
            Some(drill) => self.drill(drill, chapter),
            None if chapter.steps.is_empty() => {
                self.wrong(&chapter.id, "a chapter needs at least one [[chapter.step]], or a drill");
            }
            None => {}
        }
        chapter.steps.iter().for_each(|step| self.step(step, chapter));
        self.phrases.check_lines(chapter.cluster.nodes, &FORBIDDEN, "a lesson");
    }

    fn drill(&mut self, drill: &Phrase, chapter: &Chapter) {
        if !chapter.steps.is_empty() {
            self.wrong(drill, "a chapter with a drill has no steps: a drill has a cluster of its own");
        }
        if !CATALOGUE.iter().any(|(id, _)| *id == drill.text()) {
            let known = nearest(drill.text(), CATALOGUE.iter().map(|(id, _)| *id));
            let hint = known.map(|known| format!(": did you mean {known}?")).unwrap_or_default();
            self.wrong(drill, format!("there is no built-in drill {drill}{hint}"));
        }
    }

    fn step(&mut self, step: &'a LessonStep, chapter: &Chapter) {
        let kinds = [step.ask.is_some(), step.act.is_some(), step.free.is_some()];
        let kinds = kinds.into_iter().filter(|is| *is).count();
        let place = step.place().unwrap_or(&chapter.id);
        let is_empty = kinds == 0 && step.caption.is_none() && step.lines.is_none() && step.wait.is_none();
        if kinds > 1 || is_empty {
            self.wrong(place, "a step has a caption, do or wait, or exactly one of ask, act and free");
        }
        if step.free.is_some() && (step.lines.is_some() || step.wait.is_some()) {
            self.wrong(place, "free play has no do and no wait: put them into the step before it");
        }
        if step.caption.as_ref().is_some_and(|caption| caption.chars().count() > MAX_CAPTION) {
            self.wrong(
                place,
                format!("a caption has at most {MAX_CAPTION} characters, so that a class can read it"),
            );
        }
        if let Some(act) = &step.act {
            self.act(act, step, place);
        }
        if let Some(lines) = &step.lines {
            self.phrases.text(lines);
        }
        step.wait.iter().for_each(|wait| self.phrases.condition(wait));
        self.mark(step.mark.as_ref());
        step.within.iter().for_each(|within| self.phrases.time(within));
        match (&step.ask, &step.reveal) {
            (Some(ask), Some(reveal)) => {
                self.ask(ask);
                self.reveal(reveal, place);
            }
            (Some(ask), None) => self.wrong(&ask.question, "a question needs a [chapter.step.reveal]"),
            (None, Some(_)) => self.wrong(place, "a reveal belongs to a step with a question"),
            (None, None) => {}
        }
    }

    fn mark(&mut self, mark: Option<&'a Phrase>) {
        if let Some(mark) = mark {
            self.phrases.after_word(MARK, mark);
        }
    }

    fn reveal(&mut self, reveal: &'a Reveal, place: &Phrase) {
        reveal.lines.iter().for_each(|lines| self.phrases.text(lines));
        reveal.wait.iter().for_each(|wait| self.phrases.condition(wait));
        reveal.within.iter().for_each(|within| self.phrases.time(within));
        self.mark(reveal.mark.as_ref());
        if reveal.explain.trim().is_empty() {
            self.wrong(place, "the reveal of a question needs an explanation: explain = \"...\"");
        }
        let length = reveal.explain.chars().count();
        if length > MAX_EXPLANATION {
            let why = format!(
                "the explanation has {length} characters; at most {MAX_EXPLANATION} fit on the screen"
            );
            self.wrong(place, why);
        }
    }

    fn ask(&mut self, ask: &LessonAsk) {
        self.not_empty(&ask.question, "question");
        if !(3..=4).contains(&ask.options.len()) {
            self.wrong(&ask.question, "a question has 3 or 4 options");
        }
        let right = ask.options.iter().filter(|option| option.right).count();
        if right != 1 {
            self.wrong(&ask.question, format!("exactly one option of a question is right; here {right} are"));
        }
        for option in &ask.options {
            match &option.misconception {
                Some(id) if self.lesson.misconception(id.text()).is_none() => self.unknown_misconception(id),
                None if !option.right => {
                    let why = format!("the wrong option \"{}\" needs a misconception", option.text);
                    self.wrong(&ask.question, why);
                }
                Some(id) if option.right => self.wrong(id, "the right option has no misconception"),
                _ => {}
            }
            if option.because.trim().is_empty() {
                self.wrong(&ask.question, format!("the option \"{}\" needs a because", option.text));
            }
        }
        self.hints(ask.hints.iter().map(|hint| hint.cost), &ask.question);
    }

    fn unknown_misconception(&mut self, id: &Phrase) {
        let own = self.lesson.misconceptions.iter();
        let known = own.chain(super::shared_misconceptions()).map(|known| known.id.text());
        let hint = nearest(id.text(), known).map(|known| format!(", or did you mean {known}?"));
        let why = format!("the misconception {id} is not defined: add it as a [[misconception]]");
        self.wrong(id, why + &hint.unwrap_or_default());
    }

    fn act(&mut self, act: &'a Act, step: &LessonStep, place: &Phrase) {
        self.phrases.condition(&act.goal);
        self.phrases.time(&act.deadline);
        if step.lines.is_none() {
            self.wrong(place, "act needs a do beside it, which is the model solution");
        }
        if step.wait.is_some() {
            self.wrong(place, "a task has a goal and no wait");
        }
        self.hints(act.hints.iter().map(|hint| hint.cost), place);
    }

    fn hints(&mut self, mut costs: impl Iterator<Item = u8>, place: &Phrase) {
        if costs.any(|cost| cost > 100) {
            self.wrong(place, "a hint costs 0 to 100 percent");
        }
    }
}

impl LessonStep {
    /// Something of it that has a place in the file.
    fn place(&self) -> Option<&Phrase> {
        let ask = self.ask.as_ref().map(|ask| &ask.question);
        let act = self.act.as_ref().map(|act| &act.goal);
        self.lines.as_ref().or(ask).or(act).or(self.wait.as_ref()).or(self.mark.as_ref())
    }
}
