//! The deck's one loop, and its only module that is not pure: threads in, state in the middle, frames out.
//!
//! A key is painted immediately; the lab's updates are gathered to thirty frames a second; without a change nothing is drawn. However
//! the deck ends, the terminal is restored and the nodes are gone.
//!
//! A deck may have several clusters, each in a tab. What they share is this loop, its inbox and the terminal. All else there is once a
//! tab: the [`App`] in [`Tabs`], and behind it a `Cluster` with the source, the recording, the drill and the lesson. Both have the
//! tab's [`TabId`], and so has everything between them: an update waits in the inbox under it, a message goes to the `App` of it
//! (`To`), and an effect comes back with it, for the `Cluster` of it. So a command, a script's file or a drill's cluster never
//! reaches another tab. Keys, the mouse and the wake-up for what moves are for the tab in sight. The phones of a class are the first
//! tab's.

use super::cluster::Cluster;
use crate::audience::Audience;
use crate::drill::records;
use crate::errors::sentence;
use crate::files;
use crate::incoming::inbox::{Batch, EndReason, Inbox, OwnLine};
use crate::incoming::{own_log, signals};
use crate::lesson::{self, progress};
use crate::screen::clipboard;
use crate::screen::phones::Phones;
use crate::screen::settings;
use crate::screen::terminal::{self, Canvas, TerminalModes};
use crate::screen::voice::Voice;
use crate::source::engine::Engine;
use color_eyre::eyre::{Result, WrapErr};
use crossterm::event::{self, Event};
use raftdeck_deck::app::drills::{Catalogue, Drills};
use raftdeck_deck::app::lessons::{AudienceLink, Lessons, Shelf};
use raftdeck_deck::app::{App, Effect, Msg, Settings};
use raftdeck_deck::output_log::OutputLog;
use raftdeck_deck::tabs::{TabEffect, TabId, TabRequest, Tabs};
use raftdeck_deck::view::{Landed, move_on, view};
use raftdeck_drills::museum::museum;
use raftdeck_drills::{catalogue, lessons};
use raftdeck_model::{News, Update};
use ratatui::Terminal;
use ratatui::buffer::Buffer;
use rustix::process::{Signal, kill_current_process_group};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

pub use super::beginning::{Beginning, LessonBeginning, NamedClusters};

/// Frames of telemetry come at most this often.
const FRAME: Duration = Duration::from_millis(33);

/// Where nothing is drawn, what has passed is forgotten this often.
const TIDY: Duration = Duration::from_secs(1);

/// Runs a cluster and its deck until either ends; returns the exit status. Without a cluster, the deck starts those that it needs.
///
/// Errors are returned before the screen opens, or when the terminal fails; everything else is a state of the deck.
pub fn run(engine: Option<Engine>, settings: Settings, mut beginning: Beginning) -> Result<u8> {
    let inbox = Arc::new(Inbox::default());
    signals::watch(&inbox).wrap_err("signals cannot be received")?;
    signals::watch_closing(io::stdout(), &inbox).wrap_err("the terminal cannot be watched")?;
    signals::insist(&inbox, signals::end_status).wrap_err("a thread cannot be started")?;
    terminal::restore_on_panic({
        let inbox = Arc::clone(&inbox);
        move || inbox.end(EndReason::Panicked)
    });
    own_log::hear(&inbox);
    let engine_name = engine.as_ref().map_or("raftdeck", |engine| engine.name().0);
    beginning.name.get_or_insert_with(|| engine_name.to_owned());
    let address = beginning.lesson.as_ref().and_then(|lesson| lesson.audience);
    let audience = address.map(|address| phones(address, &inbox)).transpose()?;
    let first = Cluster::first(engine, &mut beginning, &inbox)?;
    // They end after the terminal is restored, also after a panic.
    let mut clusters = BTreeMap::from([(TabId::FIRST, first)]);
    let status =
        catch_unwind(AssertUnwindSafe(|| on_screen(&mut clusters, inbox, settings, beginning, audience)));
    terminal::leave();
    drop(clusters);
    // The hook has printed the panic.
    status.unwrap_or(Ok(signals::PANICKED))
}

fn on_screen(
    clusters: &mut BTreeMap<TabId, Cluster>,
    inbox: Arc<Inbox>,
    settings: Settings,
    Beginning { scripted, exhibit, lesson, preferences, reader, name, beside, named, .. }: Beginning,
    audience: Option<Audience>,
) -> Result<u8> {
    let link = audience.as_ref().map(link);
    let modes = TerminalModes { mouse: settings.mouse && !reader, drawn: !reader };
    terminal::enter(modes).wrap_err("the terminal cannot be taken over")?;
    read_input(&inbox).wrap_err("the keyboard's thread cannot be started")?;
    settings::watch(&inbox, settings::read()).wrap_err("the thread of the settings cannot be started")?;
    let mut first = first_app(App::preferring(settings, preferences), clusters.get(&TabId::FIRST), link);
    if let Some(scripted) = scripted {
        first.play(scripted);
    }
    let mut deck = Deck {
        tabs: Tabs::new(&name.unwrap_or_default(), first, named.names.clone()),
        phones: audience.map(Phones::new),
        face: face(reader).wrap_err("the terminal's size cannot be found")?,
        modes,
        settings,
        started: Instant::now(),
        painted: None,
        drawn: Buffer::default(),
        wake_at: None,
        inbox,
        clusters,
        named,
        log: OutputLog::new(),
    };
    let lesson = lesson.map(|lesson| Msg::StartLesson(Box::new(lesson.start)));
    let first = exhibit.map(|id| read_exhibit(&id)).or(lesson);
    let mut msgs: VecDeque<(To, Msg)> = first.map(|msg| (To::Tab(TabId::FIRST), msg)).into_iter().collect();
    msgs.extend(deck.open_beside(beside));
    let ended = deck.run(msgs).wrap_err("the terminal failed");
    deck.end_recordings()?;
    match ended {
        // A closed terminal may show as a failed write of a frame before it shows anywhere else.
        Err(_) if signals::is_closed(&io::stdout()) => Ok(signals::end_status(EndReason::Closed)),
        ended => ended,
    }
}

/// How the deck shows itself.
enum Face {
    /// A picture.
    Drawn(Box<Terminal<Canvas>>),
    /// Lines for a screen reader.
    Read(Box<Voice>),
}

fn face(reader: bool) -> io::Result<Face> {
    if reader {
        Ok(Face::Read(Box::default()))
    } else {
        Ok(Face::Drawn(Box::new(Terminal::new(Canvas::new())?)))
    }
}

/// The state of the tab that the deck begins with.
fn first_app(app: App, cluster: Option<&Cluster>, link: Option<AudienceLink>) -> App {
    let is_recording = cluster.is_some_and(Cluster::is_recording);
    let play = cluster.and_then(Cluster::played);
    let source = cluster.and_then(Cluster::source);
    let mut drills = Drills::new(Catalogue::new(catalogue(), records::read()), is_recording);
    let capabilities = source.map(|source| source.capabilities().clone()).unwrap_or_default();
    if let Some(plan) = play {
        drills = drills.playing_at_once(plan.drill.clone(), plan.context.clone(), capabilities.clone());
    }
    let mut lessons = Lessons::new(Shelf::new(lessons(), museum(), progress::read()));
    if source.is_some()
        && play.is_none()
        && !is_recording
        && !capabilities.is_recorded()
        && progress::is_first_start()
    {
        lessons = lessons.offering_tour();
    }
    if let Some(link) = link {
        lessons = lessons.with_audience(link);
    }
    app.over(capabilities).with_drills(drills).with_lessons(lessons)
}

/// The state of a tab beside it.
fn app_beside(app: App, cluster: &Cluster) -> App {
    let capabilities = cluster.source().map(|source| source.capabilities().clone()).unwrap_or_default();
    let drills = Drills::new(Catalogue::new(catalogue(), records::read()), false);
    let lessons = Lessons::new(Shelf::new(lessons(), museum(), progress::read()));
    app.over(capabilities).with_drills(drills).with_lessons(lessons)
}

/// Starts the page for the class's phones.
fn phones(address: SocketAddr, inbox: &Arc<Inbox>) -> Result<Audience> {
    let inbox = Arc::clone(inbox);
    Audience::start(address, move |news| inbox.audience(news))
}

fn link(audience: &Audience) -> AudienceLink {
    AudienceLink {
        url: audience.join_url().to_owned(),
        code: audience.code(),
        note: audience.note().unwrap_or_default().to_owned(),
        joined: 0,
    }
}

/// Passes on the terminal's events. The thread ends with the process, or when the deck ends.
fn read_input(inbox: &Arc<Inbox>) -> io::Result<()> {
    let inbox = Arc::clone(inbox);
    thread::Builder::new().name("input".to_owned()).spawn(move || {
        loop {
            match event::read() {
                Ok(event) => {
                    if !inbox.input(event) {
                        return;
                    }
                }
                Err(_) => return inbox.end(EndReason::Closed),
            }
        }
    })?;
    Ok(())
}

struct Deck<'a> {
    /// The clusters' pure halves.
    tabs: Tabs,
    /// Their impure ones. A tab that is closed has none.
    clusters: &'a mut BTreeMap<TabId, Cluster>,
    /// The clusters that further tabs can attach to.
    named: NamedClusters,
    face: Face,
    modes: TerminalModes,
    /// What each tab begins with.
    settings: Settings,
    started: Instant,
    /// When the newest frame was painted.
    painted: Option<Instant>,
    /// The newest frame, before anything moved on.
    drawn: Buffer,
    /// When the screen wants to be woken.
    wake_at: Option<Instant>,
    inbox: Arc<Inbox>,
    /// The phones of the class.
    phones: Option<Phones>,
    /// What the Output view shows.
    log: OutputLog,
}

/// For which tabs a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum To {
    /// This one.
    Tab(TabId),
    /// The one in sight when its turn comes: an earlier key may have brought another one.
    InSight,
    /// Those out of sight that are to be tidied up.
    Behind,
    /// All.
    All,
}

/// What the loop does next.
enum LoopStep {
    GoOn,
    Suspend,
    End(u8),
}

impl Deck<'_> {
    fn run(&mut self, first: VecDeque<(To, Msg)>) -> io::Result<u8> {
        if let LoopStep::End(status) = self.take(first)? {
            return Ok(status);
        }
        self.paint()?;
        loop {
            let due = self.tabs.next_due(self.started.elapsed());
            let due = due.map(|(at, tab)| (self.started + at, tab));
            let tidy = self.tabs.next_tidy(self.started.elapsed()).map(|at| self.started + at);
            let picture = self.phones.as_ref().and_then(Phones::next_picture);
            let deadline =
                [self.deadline(), due.map(|(at, _)| at), tidy, picture].into_iter().flatten().min();
            let batch = self.inbox.wait(deadline);
            let at_once = !batch.input.is_empty();
            if batch.continued {
                self.take_over_anew()?;
            }
            match self.take_in(batch, due)? {
                LoopStep::GoOn => {}
                LoopStep::Suspend => self.suspend()?,
                LoopStep::End(status) => return Ok(status),
            }
            if let (Some(phones), Some(app)) = (&mut self.phones, self.tabs.app(TabId::FIRST)) {
                phones.picture(app);
            }
            let is_due = at_once || self.frame_due() <= Instant::now();
            if self.tabs.shown().changed() && is_due {
                self.paint()?;
            } else if self.tabs.shown().moved() && is_due {
                self.move_on()?;
            }
        }
    }

    /// `due`: when a tab wants to be called if nothing arrives.
    fn take_in(&mut self, batch: Batch, due: Option<(Instant, TabId)>) -> io::Result<LoopStep> {
        if let Some(end) = batch.end {
            return Ok(LoopStep::End(signals::end_status(end)));
        }
        if let Some(phones) = self.phones.as_mut().filter(|_| !batch.updates.is_empty()) {
            phones.note_change();
        }
        let mut msgs = VecDeque::new();
        msgs.extend(batch.settings.map(|files| (To::All, Msg::Settings(files))));
        self.hear(TabId::FIRST, batch.updates, &mut msgs);
        msgs.extend(batch.wrote.into_iter().map(|line| (To::All, wrote(line))));
        msgs.extend(lost(TabId::FIRST, batch.lines_lost));
        for told in batch.beside {
            self.hear(told.tab, told.updates, &mut msgs);
            msgs.extend(lost(told.tab, told.lines_lost));
        }
        msgs.extend(batch.audience.map(|news| (To::Tab(TabId::FIRST), Msg::Audience(news))));
        msgs.extend(batch.input.into_iter().filter_map(message).map(|msg| (To::InSight, msg)));
        msgs.extend(self.wake().map(|msg| (To::InSight, msg)));
        let now = self.started.elapsed();
        msgs.extend(self.tabs.next_tidy(now).filter(|at| *at <= now).map(|_| (To::Behind, Msg::Wake)));
        let due = due.filter(|(at, _)| *at <= Instant::now());
        msgs.extend(due.map(|(_, tab)| (To::Tab(tab), Msg::Due)));
        self.take(msgs)
    }

    /// What the cluster of a tab told, after it was recorded.
    fn hear(&mut self, tab: TabId, updates: Vec<Update>, msgs: &mut VecDeque<(To, Msg)>) {
        if let Some(cluster) = self.clusters.get_mut(&tab) {
            let updates = cluster.recorded(updates);
            msgs.extend(updates.into_iter().map(|update| (To::Tab(tab), Msg::Told(update))));
        }
    }

    /// Takes these messages, and all that follow from them.
    fn take(&mut self, mut msgs: VecDeque<(To, Msg)>) -> io::Result<LoopStep> {
        let mut next = LoopStep::GoOn;
        while let Some((to, msg)) = msgs.pop_front() {
            let now = self.started.elapsed();
            let effects = match to {
                To::Tab(tab) => self.tabs.update(tab, msg, now),
                To::InSight => self.tabs.update(self.tabs.shown_id(), msg, now),
                To::Behind => self.tabs.tidy(now),
                To::All => self.tabs.update_all(&msg, now),
            };
            for TabEffect { tab, effect } in effects {
                match self.carry_out(tab, effect, &mut msgs)? {
                    LoopStep::GoOn => {}
                    LoopStep::Suspend => next = LoopStep::Suspend,
                    end @ LoopStep::End(_) => return Ok(end),
                }
            }
        }
        self.tabs.settle();
        Ok(next)
    }

    /// Carries out what a tab wants; what it is to hear of it comes before all else.
    fn carry_out(
        &mut self,
        tab: TabId,
        effect: Effect,
        msgs: &mut VecDeque<(To, Msg)>,
    ) -> io::Result<LoopStep> {
        let heard = match effect {
            Effect::Send(command) => {
                let refused = self.clusters.get(&tab).and_then(|cluster| cluster.send(command));
                msgs.extend(refused.and_then(|news| self.told(tab, news)));
                None
            }
            // A script's file, and small: the delay of the keys is not noticeable.
            Effect::Read(file) => Some(Msg::Loaded(files::read(&file))),
            Effect::Write { file, text } => Some(Msg::Written(files::write(&file, &text))),
            Effect::StartDrill(_) | Effect::StartChapter(_) | Effect::ReadExhibit(_) => {
                self.start_anew(tab, effect, msgs)?
            }
            Effect::KeepProgress { id, progress } => {
                let kept = progress::keep(&id, &progress);
                let trouble = |error| format!("where you are in the lesson is not kept: {error}");
                msgs.extend(kept.err().and_then(|error| self.trouble(tab, trouble(error))));
                None
            }
            Effect::Audience(page) => {
                if let Some(phones) = self.phones.as_ref().filter(|_| tab == TabId::FIRST) {
                    phones.show(page);
                }
                None
            }
            Effect::KeepRecord { id, record } => {
                let kept = records::keep(&id, record);
                let trouble = |error| format!("how the drill went is not kept: {error}");
                msgs.extend(kept.err().and_then(|error| self.trouble(tab, trouble(error))));
                None
            }
            Effect::Log(change) => {
                self.log.carry_out(change);
                None
            }
            Effect::KeepTheme(name) => Some(Msg::ThemeKept(settings::keep_theme(&name))),
            Effect::Copy(text) => {
                let (sequence, to) = clipboard::copy(&text);
                match &mut self.face {
                    Face::Drawn(screen) => screen.backend_mut().pass(&sequence),
                    Face::Read(_) => terminal::write(&sequence)?,
                }
                Some(Msg::Copied { text, to })
            }
            Effect::CaptureMouse(is_wanted) => {
                self.modes.mouse = is_wanted;
                terminal::capture_mouse(is_wanted)?;
                None
            }
            Effect::Tab(TabRequest::Open(name)) => {
                // It says so, as finding a cluster may take seconds.
                self.paint()?;
                self.open_named(&name).err().map(|error| Msg::TabRefused(sentence(&error)))
            }
            Effect::Tab(TabRequest::Close) => {
                let trouble =
                    |error| format!("the recording of that cluster is not whole: {}", sentence(&error));
                let ended = self.close(tab);
                msgs.extend(ended.err().and_then(|error| self.trouble(self.tabs.shown_id(), trouble(error))));
                None
            }
            // The tabs did it.
            Effect::Tab(TabRequest::Show(_)) => None,
            Effect::Suspend => return Ok(LoopStep::Suspend),
            Effect::Quit => return Ok(LoopStep::End(0)),
        };
        if let Some(msg) = heard {
            msgs.push_front((To::Tab(tab), msg));
        }
        Ok(LoopStep::GoOn)
    }

    /// Ends the cluster of a tab, and starts what a drill, a lesson or an exhibit needs in its place.
    fn start_anew(
        &mut self,
        tab: TabId,
        effect: Effect,
        msgs: &mut VecDeque<(To, Msg)>,
    ) -> io::Result<Option<Msg>> {
        // It says that the cluster is being started, which takes a moment.
        self.paint()?;
        let Some(cluster) = self.clusters.get_mut(&tab) else { return Ok(None) };
        cluster.end(&self.inbox);
        msgs.retain(|(to, msg)| *to != To::Tab(tab) || !matches!(msg, Msg::Told(_)));
        Ok(match effect {
            Effect::StartDrill(drill) => Some(cluster.start_drill(*drill, &self.inbox)),
            Effect::StartChapter(chapter) => Some(cluster.start_chapter(*chapter, &self.inbox)),
            Effect::ReadExhibit(id) => Some(read_exhibit(&id)),
            _ => None,
        })
    }

    /// Opens a tab for a cluster, out of sight.
    fn open(&mut self, name: &str, engine: Engine) -> Result<TabId> {
        let tab = self.tabs.next_id();
        let cluster = Cluster::beside(tab, engine, &self.inbox)?;
        let preferences = self.tabs.shown().preferences().clone();
        // The mouse is where it is now.
        let settings = Settings { mouse: self.modes.mouse, ..self.settings };
        let app = app_beside(App::preferring(settings, preferences), &cluster);
        self.tabs.open(tab, name, app);
        self.clusters.insert(tab, cluster);
        Ok(tab)
    }

    /// Opens the tabs that the deck begins with beside the first. The deck goes on without those that cannot be opened, and says so.
    fn open_beside(&mut self, clusters: Vec<(String, Engine)>) -> Vec<(To, Msg)> {
        let mut refused = Vec::new();
        for (name, engine) in clusters {
            if let Err(error) = self.open(&name, engine) {
                let why = format!("{name}: {}", sentence(&error));
                refused.push((To::InSight, Msg::TabRefused(why)));
            }
        }
        refused
    }

    /// Opens a tab for the cluster of this name, and shows it.
    fn open_named(&mut self, name: &str) -> Result<()> {
        let tab = self.open(name, self.named.find(name)?)?;
        for TabEffect { effect, .. } in self.tabs.show(tab) {
            if let Effect::Log(change) = effect {
                self.log.carry_out(change);
            }
        }
        Ok(())
    }

    /// Ends the cluster of a tab that is closed. What it told and was not heard yet is forgotten.
    fn close(&mut self, tab: TabId) -> Result<()> {
        let Some(mut cluster) = self.clusters.remove(&tab) else { return Ok(()) };
        cluster.end(&self.inbox);
        cluster.end_recording()
    }

    /// Something that the program itself says to a tab.
    fn told(&self, tab: TabId, what: News) -> Option<(To, Msg)> {
        let at = self.tabs.app(tab)?.clock().at(self.started.elapsed());
        Some((To::Tab(tab), Msg::Told(Update { at, seq: 0, what })))
    }

    fn trouble(&self, tab: TabId, reason: String) -> Option<(To, Msg)> {
        self.told(tab, News::Trouble { reason })
    }

    fn end_recordings(&mut self) -> Result<()> {
        self.clusters.values_mut().try_for_each(Cluster::end_recording)
    }

    fn wake(&mut self) -> Option<Msg> {
        self.wake_at.take_if(|at| *at <= Instant::now()).map(|_| Msg::Wake)
    }

    /// When the loop has something to do even if nothing arrives.
    fn deadline(&mut self) -> Option<Instant> {
        let now = self.started.elapsed();
        // An earlier deadline is kept: in a stream of updates, one that is always a moment ahead would never come. And a screen that
        // wants to be woken all the time is woken once a frame.
        let wish = match &self.face {
            Face::Drawn(_) => self.tabs.shown().next_wake(now),
            // Nothing moves, but what has passed is tidied up.
            Face::Read(voice) => [
                self.tabs.shown().next_wake(now).map(|at| at.max(now + TIDY)),
                voice.next_change(self.tabs.shown()),
            ]
            .into_iter()
            .flatten()
            .min(),
        };
        let wish = wish.map(|at| (self.started + at).max(self.frame_due()));
        self.wake_at = [self.wake_at, wish].into_iter().flatten().min();
        let shown = self.tabs.shown();
        if shown.changed() || shown.moved() { Some(self.frame_due()) } else { self.wake_at }
    }

    fn frame_due(&self) -> Instant {
        self.painted.map_or(self.started, |at| at + FRAME)
    }

    fn paint(&mut self) -> io::Result<()> {
        let now = self.started.elapsed();
        self.log.settle();
        match &mut self.face {
            Face::Drawn(screen) => {
                let mut landed = None;
                let links = screen.backend().links();
                let drawn = screen.draw(|frame| {
                    let painted = view(self.tabs.shown(), now, frame);
                    links.replace(painted.links().to_vec());
                    landed = Some(painted);
                })?;
                self.drawn.clone_from(drawn.buffer);
                if let Some(landed) = landed {
                    self.tabs.shown_mut().set_landed(landed);
                }
                screen.backend_mut().present()?;
            }
            Face::Read(voice) => {
                voice.say(self.tabs.shown(), now)?;
                self.tabs.shown_mut().set_landed(Landed::default());
                self.tabs.shown_mut().close_read_pages();
            }
        }
        self.painted = Some(Instant::now());
        Ok(())
    }

    /// Paints what moves over the last frame.
    fn move_on(&mut self) -> io::Result<()> {
        let now = self.started.elapsed();
        if let Face::Drawn(screen) = &mut self.face {
            screen.draw(|frame| {
                if frame.area() == self.drawn.area {
                    frame.buffer_mut().clone_from(&self.drawn);
                    move_on(self.tabs.shown(), now, frame.buffer_mut());
                } else {
                    // The terminal has another size; the message that says so is on its way.
                    let _ = view(self.tabs.shown(), now, frame);
                }
            })?;
            screen.backend_mut().present()?;
        }
        self.tabs.shown_mut().note_motion();
        self.painted = Some(Instant::now());
        Ok(())
    }

    /// Restores the terminal and stops, with everything that the shell takes for this job, until the shell continues it. The cluster
    /// is in a process of its own, and goes on.
    fn suspend(&mut self) -> io::Result<()> {
        terminal::leave();
        // Where no shell could continue it, the system does not stop the job, and the deck returns immediately.
        kill_current_process_group(Signal::TSTP)?;
        self.take_over_anew()
    }

    fn take_over_anew(&mut self) -> io::Result<()> {
        terminal::enter(self.modes)?;
        if let Face::Drawn(screen) = &mut self.face {
            screen.backend_mut().forget();
            screen.clear()?;
        }
        self.paint()
    }
}

fn read_exhibit(id: &str) -> Msg {
    Msg::Exhibit(lesson::museum::read(id).map(Box::new).map_err(|error| sentence(&error)))
}

/// Lines of a cluster's nodes were dropped.
fn lost(tab: TabId, count: u64) -> Option<(To, Msg)> {
    (count > 0).then_some((To::Tab(tab), Msg::LinesLost(count)))
}

fn wrote(OwnLine { part, level, text }: OwnLine) -> Msg {
    Msg::Wrote { part: part.to_owned(), level, text }
}

fn message(event: Event) -> Option<Msg> {
    match event {
        Event::Key(key) => Some(Msg::Key(key)),
        Event::Mouse(mouse) => Some(Msg::Mouse(mouse)),
        Event::Paste(text) => Some(Msg::Paste(text)),
        Event::Resize(columns, rows) => Some(Msg::Resize(columns, rows)),
        Event::FocusGained | Event::FocusLost => None,
    }
}
