//! What stands in the band beside an exhibit of the museum.

use super::band::goes_on;
use super::question;
use crate::app::lessons::{ExhibitStop, PlayedExhibit};
use crate::view::drills::text::Text;
use crate::view::paint::Paint;
use raftdeck_drills::ScenePart;

/// The story, the step with what it violates, a question, the explanation with the real bug.
pub(super) fn words(paint: &Paint<'_>, text: &mut Text, exhibit: &PlayedExhibit) {
    let theme = paint.theme;
    let scene = exhibit.scene();
    let facts = exhibit.exhibit();
    match (exhibit.stop(), &scene.part) {
        (_, ScenePart::Asking(asked)) => question::asked(paint, text, asked),
        (_, ScenePart::Revealed(_, explanation)) => {
            text.plate(&format!(" {} ", facts.rule), theme.leader_plate());
            text.wrapped(" ", explanation, theme.strong());
            let report = &facts.report;
            text.wrapped(" ", &format!("Seen in {}: {}", report.system, report.what.trim()), theme.text());
            text.wrapped(" ", &report.link, theme.faint());
        }
        (ExhibitStop::End, _) => {
            text.wrapped(" ", "The same schedule, and nothing is violated.", theme.strong());
            goes_on(paint, text, "leaves the exhibit");
        }
        (ExhibitStop::Step(_), _) => {
            if let Some((property, sentence)) = exhibit.violation() {
                text.plate(&format!(" VIOLATED: {property} "), theme.trouble_band());
                text.wrapped(" ", &scene.caption, theme.strong());
                text.wrapped(" ", sentence, theme.faint());
            } else {
                text.wrapped(" ", &scene.caption, theme.strong());
            }
        }
        (ExhibitStop::Beside(_), _) => {
            text.led(
                ratatui::text::Span::styled(" with the guard: ", theme.leader_line()),
                &scene.caption,
                theme.strong(),
            );
        }
        _ => text.wrapped(" ", &scene.caption, theme.strong()),
    }
}
