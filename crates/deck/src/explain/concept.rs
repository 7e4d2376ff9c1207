//! Explains the field's terms: their definitions do not depend on the state.

use super::{Explanation, Link};
use crate::app::subject::Subject;
use raftdeck_model::concepts::Concept;

/// Explains a term of the field.
pub(super) fn of(concept: Concept) -> Explanation {
    let mut told = Explanation::by(concept, concept.name().to_owned());
    for related in concept.article().related {
        told.see_concept(*related);
    }
    told.see("all terms", Subject::Glossary);
    told
}

/// All terms of the field.
pub(super) fn glossary() -> Explanation {
    let link = |concept: Concept| Link { text: concept.name().to_owned(), to: Subject::Concept(concept) };
    Explanation {
        title: "all terms".to_owned(),
        what: "The words that the screen uses, most of them the Raft paper's.".to_owned(),
        links: Concept::all().map(link).collect(),
        ..Explanation::default()
    }
}
