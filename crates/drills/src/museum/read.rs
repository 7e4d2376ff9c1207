//! From TOML to an exhibit: what TOML cannot check is checked here.

use super::{EXHIBIT_SCHEMA, Exhibit, ExhibitQuestion, ExhibitRun, ExhibitStep};
use crate::file::{FORBIDDEN, FileMistake, ID_RULE, MAX_CAPTION, Phrases, is_id, of_toml};
use raftdeck_model::MAX_NODES;

impl Exhibit {
    /// Reads an exhibit and checks all of it that can be checked without a cluster. All mistakes are returned, in order of their
    /// places; of TOML that cannot be parsed, the first.
    pub fn read(source: &str) -> Result<Self, Vec<FileMistake>> {
        let exhibit = Self::parse(source).map_err(|mistake| vec![mistake])?;
        let mut phrases = Phrases::of(source);
        exhibit.check_head(&mut phrases);
        exhibit.check_texts(&mut phrases);
        for run in ExhibitRun::BOTH {
            exhibit.check_steps(run, &mut phrases);
        }
        for question in [&exhibit.rule_question, &exhibit.event_question] {
            check_question(question, &mut phrases);
        }
        let mut mistakes = phrases.mistakes();
        mistakes.sort();
        mistakes.dedup();
        if mistakes.is_empty() { Ok(exhibit) } else { Err(mistakes) }
    }

    /// Reads an exhibit without checking what its values mean: for one that is known to be without a mistake.
    pub(super) fn parse(source: &str) -> Result<Self, FileMistake> {
        toml::from_str(source).map_err(|error| of_toml(source, &error))
    }

    fn check_head(&self, phrases: &mut Phrases<'_>) {
        if self.schema != EXHIBIT_SCHEMA {
            let sentence =
                format!("schema {} is not known: this version reads schema {EXHIBIT_SCHEMA}", self.schema);
            phrases.at_key("schema", sentence);
        }
        if !is_id(&self.id) {
            phrases.at_key("id", ID_RULE);
        }
        if !(1..=MAX_NODES).contains(&self.cluster.nodes) {
            phrases.at_key("nodes", format!("a cluster has 1 to {MAX_NODES} nodes"));
        }
        if self.cluster.timing.is_none() || self.cluster.seed.is_none() {
            phrases.at_key("nodes", "an exhibit names its timing and its seed, so that it can be made again");
        }
        if !(1..=self.steps.len()).contains(&self.violation_step) {
            phrases.at_key("violation-step", format!("there are steps 1 to {}", self.steps.len()));
        }
    }

    fn check_texts(&self, phrases: &mut Phrases<'_>) {
        let texts = [
            ("title", &self.title),
            ("guard", &self.guard),
            ("rule", &self.rule),
            ("property", &self.property),
            ("story", &self.story),
            ("explain", &self.explain),
            ("system", &self.report.system),
            ("title", &self.report.title),
            ("what", &self.report.what),
        ];
        for (key, _) in texts.iter().filter(|(_, text)| text.trim().is_empty()) {
            phrases.at_key(key, format!("the {key} is empty"));
        }
        if self.paper.is_empty() {
            phrases.at_key("paper", "name at least one section");
        }
        if !self.report.link.starts_with("https://") {
            phrases.at_key("link", "a link begins with https://");
        }
    }

    fn is_mark(&self, mark: &str) -> bool {
        let is_node = |id: u64| (1..=u64::from(self.cluster.nodes)).contains(&id);
        mark.split(',').all(|id| id.trim().parse().is_ok_and(is_node))
    }

    fn check_steps<'a>(&'a self, run: ExhibitRun, phrases: &mut Phrases<'a>) {
        for step in &self.steps {
            check_step(step, run, phrases);
            if let Some(mark) = step.mark(run).filter(|mark| !self.is_mark(mark)) {
                phrases.at_key("mark", format!("these are not nodes of the cluster: {mark}"));
            }
        }
        phrases.check_lines(self.cluster.nodes, &FORBIDDEN, "an exhibit");
    }
}

fn check_step<'a>(step: &'a ExhibitStep, run: ExhibitRun, phrases: &mut Phrases<'a>) {
    let caption = step.caption(run);
    if caption.trim().is_empty() || caption.chars().count() > MAX_CAPTION {
        phrases.at_key("caption", format!("a caption has 1 to {MAX_CAPTION} characters: {caption}"));
    }
    if let Some(lines) = step.lines(run) {
        phrases.text(lines);
    }
    if let Some(wait) = step.wait(run) {
        phrases.condition(wait);
    }
    if let Some(within) = &step.within {
        phrases.time(within);
    }
}

fn check_question(question: &ExhibitQuestion, phrases: &mut Phrases<'_>) {
    if question.question.trim().is_empty() {
        phrases.at_key("question", "the question is empty");
    }
    if !(3..=4).contains(&question.options.len()) {
        phrases.at_key("options", format!("three or four options are needed: {}", question.question));
    }
    if question.options.iter().filter(|option| option.right).count() != 1 {
        phrases.at_key("options", format!("exactly one option is right: {}", question.question));
    }
    for option in &question.options {
        if option.text.trim().is_empty() || option.because.trim().is_empty() {
            phrases.at_key("options", format!("an option has a text and a because: {}", option.text));
        }
    }
}
