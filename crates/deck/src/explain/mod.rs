//! Explanations: what something on the screen is, why it is in this state now, and what would change it.
//!
//! [`explain`] is a pure function of the state and the time. It says only what is known at this moment; what is not known is said to be
//! unknown. The definitions of the field's terms come from [`raftdeck_model::concepts`], the keys from the action table.

mod chart;
mod cluster;
mod concept;
pub(crate) mod drill;
mod entry;
mod event;
mod fault;
mod key;
mod link;
mod message;
mod node;
mod quiet;
mod role;
mod term;
mod words;

pub use quiet::{Quiet, cluster_trouble, quiet};

use crate::app::App;
use crate::app::subject::Subject;
use raftdeck_model::concepts::{Concept, Section};
use std::time::Duration;

/// An explanation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// What is explained, and its state, in a few words.
    pub title: String,
    /// What it is.
    pub what: String,
    /// Why it is in this state now; empty for what has no state.
    pub why: String,
    /// What would change it, with the keys that do that; may be empty.
    pub change: String,
    /// Where the paper or the thesis says so.
    pub section: Option<Section>,
    /// What is related.
    pub links: Vec<Link>,
}

/// A link to something related.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// In a few words.
    pub text: String,
    /// What it leads to.
    pub to: Subject,
}

impl Explanation {
    /// One that begins with a term of the field: its definition, its section, and at the end a link to it.
    fn by(concept: Concept, title: String) -> Self {
        let article = concept.article();
        Self { title, what: article.text.to_owned(), section: article.section, ..Self::default() }
    }

    /// Of something that is no longer there.
    fn gone(title: String, what: &str) -> Self {
        let mut told = Self { title, what: what.to_owned(), ..Self::default() };
        told.see("the cluster", Subject::Cluster);
        told
    }

    /// Adds a sentence to the reason.
    fn because(&mut self, sentence: impl AsRef<str>) {
        add(&mut self.why, sentence.as_ref());
    }

    /// Adds a sentence about what would change it.
    fn advise(&mut self, sentence: impl AsRef<str>) {
        add(&mut self.change, sentence.as_ref());
    }

    /// Adds a link, unless there is one to the same subject.
    fn see(&mut self, text: impl Into<String>, to: Subject) {
        if self.links.iter().all(|link| link.to != to) {
            self.links.push(Link { text: text.into(), to });
        }
    }

    /// Adds a link to a term of the field.
    fn see_concept(&mut self, concept: Concept) {
        self.see(concept.name(), Subject::Concept(concept));
    }
}

fn add(text: &mut String, sentence: &str) {
    if !text.is_empty() && !sentence.is_empty() {
        text.push(' ');
    }
    text.push_str(sentence);
}

/// Explains a subject as of `now`, the deck's time.
#[must_use]
pub fn explain(app: &App, subject: &Subject, now: Duration) -> Explanation {
    let mut told = match subject {
        Subject::Cluster => cluster::of(app),
        Subject::Node(id) => node::of(app, *id, now),
        Subject::Vote(id) => node::vote(app, *id),
        Subject::Link { from, to } => link::of(app, *from, *to),
        Subject::Entry(index) => entry::of(app, *index),
        Subject::Message(id) => message::of(app, *id, now),
        Subject::Event(number) => event::of(app, *number),
        Subject::Term(term) => term::of(app, *term),
        Subject::Key(key) => key::of(app, key),
        Subject::Drill => drill::of(app),
        Subject::Fault(id) => fault::of(app, *id),
        Subject::Chart(chart) => chart::of(app, *chart),
        Subject::Concept(concept) => concept::of(*concept),
        Subject::Glossary => concept::glossary(),
    };
    // A text of a node, a client or a file may contain anything.
    for text in [&mut told.title, &mut told.what, &mut told.why, &mut told.change] {
        *text = words::one_line(text);
    }
    told
}
