//! The phones of the class: what they are shown, and what comes from them.

use crate::app::App;
use crate::app::audience::{AudienceNews, AudiencePage, PollPage, PollState};
use raftdeck_drills::{LessonInput, Poll, PollStage, Question, Scene, ScenePart};
use std::time::Duration;

/// The way to the phones of the class.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AudienceLink {
    /// The address that phones open.
    pub url: String,
    /// The code to join, which is a part of the address.
    pub code: String,
    /// What is worth saying about the address, such as that only this machine can join; empty: nothing.
    pub note: String,
    /// How many phones are connected.
    pub joined: u32,
}

/// Takes in what the phones say.
pub(crate) fn hear_audience(app: &mut App, news: AudienceNews, now: Duration) {
    app.mark_changed();
    let Some(link) = &mut app.lessons.audience else { return };
    link.joined = news.joined;
    let Some(played) = &mut app.lessons.played else { return };
    let open = played.question(now).and_then(|question| question.poll);
    if open.is_some_and(|poll| poll.number == news.poll && poll.stage == PollStage::Open) {
        played.say(LessonInput::Counts(news.counts));
    }
}

/// What the phones show of this scene of the chapter, if that has changed.
pub(super) fn page(app: &mut App, scene: Option<&Scene>) -> Option<AudiencePage> {
    app.lessons.audience.as_ref()?;
    let page = page_of(app, scene)?;
    if app.lessons.told.as_ref() == Some(&page) {
        return None;
    }
    app.lessons.told = Some(page.clone());
    Some(page)
}

fn page_of(app: &App, scene: Option<&Scene>) -> Option<AudiencePage> {
    let played = app.lessons.playing()?;
    let (caption, poll) = match scene.map(|scene| &scene.part) {
        Some(ScenePart::Asking(question) | ScenePart::Revealing(question, _)) => {
            (String::new(), poll(question, None))
        }
        Some(ScenePart::Revealed(question, explanation)) => {
            (String::new(), poll(question, Some(explanation.clone())))
        }
        Some(ScenePart::Playing(text)) => (text.clone(), None),
        Some(ScenePart::Acting(task)) => (task.task.clone(), None),
        _ => (scene.map(|scene| scene.caption.clone()).unwrap_or_default(), None),
    };
    Some(AudiencePage {
        lesson: played.lesson().title.text().to_owned(),
        chapter: played.chapter().map(|chapter| chapter.title.text().to_owned()).unwrap_or_default(),
        caption,
        poll,
    })
}

fn poll(question: &Question, explanation: Option<String>) -> Option<PollPage> {
    let Poll { number, stage, counts, .. } = question.poll.as_ref()?;
    let state = match (explanation, stage) {
        (Some(explanation), _) => {
            PollState::Revealed { counts: counts.clone(), right: question.ask.right(), explanation }
        }
        (None, PollStage::Open) => PollState::Open,
        (None, PollStage::Counted { .. } | PollStage::Discussing { .. }) => {
            PollState::Counted { counts: counts.clone() }
        }
    };
    let options = question.ask.options.iter().map(|option| option.text.clone()).collect();
    Some(PollPage { number: *number, question: question.ask.question.text().to_owned(), options, state })
}
