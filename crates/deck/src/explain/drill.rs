//! Explains the drill that the Drills view shows, by the terms of the field in its text.

use super::Explanation;
use crate::app::App;
use crate::app::drills::DrillStage;
use crate::app::subject::Subject;
use raftdeck_model::concepts::Concept;

/// The most terms that are linked.
const MOST: usize = 12;

/// Explains it.
pub(super) fn of(app: &App) -> Explanation {
    let Some((title, text)) = text(app) else {
        return Explanation::gone("drills".to_owned(), "No drill is selected.");
    };
    let mut told = Explanation {
        title: format!("drill: {title}"),
        what: "These terms of the field are in the text of the drill.".to_owned(),
        ..Explanation::default()
    };
    for concept in terms(text) {
        told.see_concept(concept);
    }
    told.see("all terms", Subject::Glossary);
    told
}

/// The terms that a text of a drill names.
pub(crate) fn terms(text: &str) -> Vec<Concept> {
    let mut terms = Concept::named_in(text);
    terms.truncate(MOST);
    terms
}

/// The title and the text that is shown: how the last drill ended, or what the selected one is.
pub(crate) fn text(app: &App) -> Option<(&str, &str)> {
    match &app.drills.stage {
        DrillStage::Ended(outcome) => Some((&outcome.title, &outcome.debrief)),
        DrillStage::Starting(drill) => Some((&drill.title, &drill.description)),
        DrillStage::Choosing | DrillStage::Playing(_) => {
            app.drills.catalogue.selected().map(|drill| (drill.title.as_str(), drill.description.as_str()))
        }
    }
}
