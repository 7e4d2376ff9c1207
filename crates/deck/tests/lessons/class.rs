//! A deck that plays lessons over simulated clusters, in virtual time.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use raftdeck_deck::app::audience::{AudienceNews, AudiencePage};
use raftdeck_deck::app::drills::{Catalogue, Drills};
use raftdeck_deck::app::lessons::{AudienceLink, ExhibitFiles, LessonStart, Lessons, Shelf};
use raftdeck_deck::app::{App, Effect, Msg, Settings, update};
use raftdeck_deck::view::view;
use raftdeck_drills::museum::{ExhibitRun, museum, shipped_exhibit};
use raftdeck_drills::{ClusterSpec, Context, Lesson, LessonProgress, catalogue, lessons};
use raftdeck_model::Capabilities;
use raftdeck_raft::Timing;
use raftdeck_record::Recording;
use raftdeck_sim::{Live, LiveOptions};
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::buffer::Buffer;
use std::collections::BTreeMap;
use std::time::Duration;

/// In virtual time, everything that is waited for comes within this.
const LONGEST: Duration = Duration::from_mins(10);

/// A deck, its cluster, and what it wants done that is no command.
pub(crate) struct Class {
    pub(crate) app: App,
    pub(crate) now: Duration,
    pub(crate) kept: BTreeMap<String, LessonProgress>,
    /// What the phones were shown, newest last.
    pub(crate) pages: Vec<AudiencePage>,
    /// How many commands were sent.
    pub(crate) sent: usize,
    pub(crate) chapters: usize,
    seed: u64,
    live: Option<Live>,
    /// The deck's time when the present cluster began.
    origin: Duration,
}

/// A lesson of the catalogue.
pub(crate) fn lesson(id: &str) -> Lesson {
    lessons().into_iter().find(|lesson| lesson.id.text() == id).expect("it is in the catalogue")
}

impl Class {
    pub(crate) fn new(settings: Settings, seed: u64, audience: bool) -> Self {
        let mut shown = Lessons::new(Shelf::new(lessons(), museum(), BTreeMap::new()));
        if audience {
            let (url, code) = ("http://127.0.0.1:40123/KX7M2P".to_owned(), "KX7M2P".to_owned());
            shown = shown.with_audience(AudienceLink { url, code, note: String::new(), joined: 0 });
        }
        Self {
            app: App::new(settings).with_lessons(shown),
            now: Duration::ZERO,
            kept: BTreeMap::new(),
            pages: Vec::new(),
            sent: 0,
            chapters: 0,
            seed,
            live: None,
            origin: Duration::ZERO,
        }
    }

    /// Somebody starts the deck for the first time.
    pub(crate) fn offer_tour(&mut self) {
        let lessons = Lessons::new(Shelf::new(lessons(), museum(), BTreeMap::new())).offering_tour();
        let drills = Drills::new(Catalogue::new(catalogue(), BTreeMap::new()), false);
        self.app = App::new(Settings::default()).with_drills(drills).with_lessons(lessons);
    }

    /// The same with a lesson that begins.
    pub(crate) fn playing(mut self, lesson: Lesson, chapter: usize, is_class: bool) -> Self {
        let (chapter, progress) = (Some(chapter), LessonProgress::default());
        self.give(Msg::StartLesson(Box::new(LessonStart { lesson, chapter, is_class, progress })));
        self
    }

    /// The same with an exhibit of the museum.
    pub(crate) fn exhibit(mut self, id: &str) -> Self {
        let shipped = shipped_exhibit(id).expect("it is in the museum");
        let updates = |run| Recording::read(shipped.recording(run)).expect("it is a recording").updates;
        let files = ExhibitFiles {
            exhibit: shipped.exhibit(),
            marks: ExhibitRun::BOTH.map(|run| shipped.marks(run)),
            updates: ExhibitRun::BOTH.map(updates),
        };
        self.give(Msg::Exhibit(Ok(Box::new(files))));
        self
    }

    pub(crate) fn give(&mut self, msg: Msg) {
        let mut msgs = vec![msg];
        while let Some(msg) = msgs.pop() {
            for effect in update(&mut self.app, msg, self.now) {
                match effect {
                    Effect::Send(command) => {
                        self.sent += 1;
                        if let Some(live) = &mut self.live {
                            live.send(command);
                        }
                    }
                    Effect::StartChapter(spec) => msgs.push(self.start(&spec)),
                    Effect::KeepProgress { id, progress } => {
                        self.kept.insert(id, *progress);
                    }
                    Effect::Audience(page) => self.pages.push(page),
                    _ => {}
                }
            }
        }
    }

    fn start(&mut self, spec: &ClusterSpec) -> Msg {
        self.chapters += 1;
        let options = LiveOptions {
            timing: Timing::FAST,
            snapshot_entries: spec.options.snapshot_entries,
            append_bytes: spec.options.append_bytes,
            ..LiveOptions::new(spec.nodes.into(), self.seed)
        };
        self.live = Some(Live::new(options));
        self.origin = self.now;
        let context = Context { engine: "sim".to_owned(), election_ms: (150, 300), ..Context::default() };
        Msg::ClusterStarted { capabilities: Capabilities::all(), context }
    }

    /// Lets pass what is due next, in the cluster and on the deck.
    pub(crate) fn pass(&mut self) {
        let told = self.live.as_mut().map(Live::take).unwrap_or_default();
        if !told.is_empty() {
            for told in told {
                self.give(Msg::Told(told));
            }
            return;
        }
        let Some(live) = &mut self.live else {
            self.now += Duration::from_millis(50);
            return self.give(Msg::Wake);
        };
        // The simulator's time is that since its beginning while it is not frozen; here it is never slowed down.
        self.now += Duration::from_millis(10);
        let until = live.now() + Duration::from_millis(10);
        live.run_until(until);
        self.give(Msg::Due);
        self.give(Msg::Wake);
    }

    /// Lets time pass until this holds.
    pub(crate) fn until(&mut self, what: &str, holds: impl Fn(&Self) -> bool) {
        let end = self.now + LONGEST;
        while !holds(self) {
            assert!(self.now < end, "{what} was waited for in vain:\n{}", self.text(120, 40));
            self.pass();
        }
    }

    pub(crate) fn press(&mut self, code: KeyCode) {
        self.give(Msg::Key(KeyEvent::new(code, KeyModifiers::NONE)));
    }

    pub(crate) fn key(&mut self, c: char) {
        self.press(KeyCode::Char(c));
    }

    pub(crate) fn phones(&mut self, joined: u32, poll: u64, counts: &[u32]) {
        self.give(Msg::Audience(AudienceNews { joined, poll, counts: counts.to_vec() }));
    }

    pub(crate) fn paint(&mut self, width: u16, height: u16) -> Buffer {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it is in memory");
        let mut landed = None;
        let painted = terminal.draw(|frame| landed = Some(view(&self.app, self.now, frame)));
        painted.expect("it is in memory");
        self.app.set_landed(landed.expect("it was painted"));
        terminal.backend().buffer().clone()
    }

    pub(crate) fn text(&self, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("it is in memory");
        let drawn = terminal.draw(|frame| {
            let _ = view(&self.app, self.now, frame);
        });
        drawn.expect("it is in memory");
        let buffer = terminal.backend().buffer();
        let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(row).collect::<Vec<_>>().join("\n")
    }
}
