//! What the deck sends to the class's phones: the page, and pictures of the cluster at a rate that costs the deck little.

use crate::audience::Audience;
use raftdeck_deck::app::App;
use raftdeck_deck::app::audience::AudiencePage;
use raftdeck_deck::svg::picture;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Pictures are drawn at most this often.
const STEP: Duration = Duration::from_millis(100);

/// The phones of the class.
#[derive(Debug)]
pub(crate) struct Phones {
    audience: Audience,
    /// When the last picture was drawn.
    drawn: Option<Instant>,
    /// Whether something has happened since.
    is_changed: bool,
}

impl Phones {
    pub(crate) fn new(audience: Audience) -> Self {
        Self { audience, drawn: None, is_changed: true }
    }

    /// Shows this on the phones.
    pub(crate) fn show(&self, page: AudiencePage) {
        self.audience.show(page);
    }

    /// Something happened in the cluster.
    pub(crate) fn note_change(&mut self) {
        self.is_changed = true;
    }

    /// When the next picture is due; `None`: nothing has happened.
    pub(crate) fn next_picture(&self) -> Option<Instant> {
        self.is_changed.then(|| self.drawn.map_or_else(Instant::now, |drawn| drawn + STEP))
    }

    /// Draws a picture if one is due and somebody is there to see it.
    pub(crate) fn picture(&mut self, app: &App) {
        if self.next_picture().is_none_or(|due| due > Instant::now()) {
            return;
        }
        (self.drawn, self.is_changed) = (Some(Instant::now()), false);
        if app.lessons().audience.as_ref().is_some_and(|link| link.joined > 0) {
            let marks = BTreeSet::from_iter(app.lessons().marks());
            self.audience.picture(picture(app.world(), &marks).into());
        }
    }
}
