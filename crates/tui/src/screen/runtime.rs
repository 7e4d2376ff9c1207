//! The deck's one loop, and its only module that is not pure: threads in, state in the middle, frames out.
//!
//! A key is painted immediately; the lab's updates are gathered to thirty frames a second; without a change nothing is drawn. However
//! the deck ends, the terminal is restored and the nodes are gone.

use crate::audience::Audience;
use crate::drill::{ClusterPlan, DrillEngine, DrillPlan, Wishes, records};
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
use crate::source::tape::Tape;
use color_eyre::eyre::{Report, Result, WrapErr};
use crossterm::event::{self, Event};
use raftdeck_deck::app::drills::{Catalogue, Drills};
use raftdeck_deck::app::lessons::{AudienceLink, LessonStart, Lessons, Shelf};
use raftdeck_deck::app::scripted::Scripted;
use raftdeck_deck::app::{App, Effect, Msg, Settings, update};
use raftdeck_deck::output_log::OutputLog;
use raftdeck_deck::settings::Preferences;
use raftdeck_deck::view::{Landed, move_on, view};
use raftdeck_drills::museum::museum;
use raftdeck_drills::{ClusterSpec, Context, Drill, catalogue, lessons};
use raftdeck_model::{Command, News, Source, Update};
use ratatui::Terminal;
use ratatui::buffer::Buffer;
use rustix::process::{Signal, kill_current_process_group};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

/// Frames of telemetry come at most this often.
const FRAME: Duration = Duration::from_millis(33);

/// Where nothing is drawn, what has passed is forgotten this often.
const TIDY: Duration = Duration::from_secs(1);

/// What a deck begins with, besides its cluster.
#[derive(Debug, Default)]
pub struct Beginning {
    /// A script that it plays.
    pub scripted: Option<Scripted>,
    /// Where the updates are recorded.
    pub tape: Option<Tape>,
    /// A drill that it runs at once. The cluster is the one that [`DrillPlan::start`] gave.
    pub play: Option<DrillPlan>,
    /// The exhibit of the museum that is looked at.
    pub exhibit: Option<String>,
    /// A lesson that is played.
    pub lesson: Option<LessonBeginning>,
    /// The themes and the keys.
    pub preferences: Preferences,
    /// It is for a screen reader: lines instead of a picture.
    pub reader: bool,
}

/// A lesson that a deck begins with.
#[derive(Debug)]
pub struct LessonBeginning {
    /// The lesson, and where in it.
    pub start: LessonStart,
    /// What its clusters run on.
    pub engine: DrillEngine,
    /// What the command line says of its clusters.
    pub wishes: Wishes,
    /// Where the page for the class's phones is.
    pub audience: Option<SocketAddr>,
}

/// Runs a cluster and its deck until either ends; returns the exit status. Without a cluster, the deck starts those that it needs.
///
/// Errors are returned before the screen opens, or when the terminal fails; everything else is a state of the deck.
pub fn run(engine: Option<Engine>, settings: Settings, beginning: Beginning) -> Result<u8> {
    let inbox = Arc::new(Inbox::default());
    signals::watch(&inbox).wrap_err("signals cannot be received")?;
    signals::watch_closing(io::stdout(), &inbox).wrap_err("the terminal cannot be watched")?;
    signals::insist(&inbox, signals::end_status).wrap_err("a thread cannot be started")?;
    terminal::restore_on_panic({
        let inbox = Arc::clone(&inbox);
        move || inbox.end(EndReason::Panicked)
    });
    own_log::hear(&inbox);
    let is_simulated = engine.as_ref().is_some_and(|engine| engine.name().0 == "sim");
    let engine_name = if is_simulated { DrillEngine::Sim } else { DrillEngine::Lab };
    let drill_engine = beginning.lesson.as_ref().map_or(engine_name, |lesson| lesson.engine);
    let address = beginning.lesson.as_ref().and_then(|lesson| lesson.audience);
    let audience = address.map(|address| phones(address, &inbox)).transpose()?;
    let mut source = engine.map(|engine| start(engine, &inbox)).transpose()?;
    let status = catch_unwind(AssertUnwindSafe(|| {
        on_screen((&mut source, drill_engine), inbox, settings, beginning, audience)
    }));
    terminal::leave();
    drop(source);
    // The hook has printed the panic.
    status.unwrap_or(Ok(signals::PANICKED))
}

fn start(engine: Engine, inbox: &Arc<Inbox>) -> Result<Box<dyn Source>> {
    let inbox = Arc::clone(inbox);
    engine.start(move |said| inbox.hear(said))
}

fn on_screen(
    (source, drill_engine): (&mut Option<Box<dyn Source>>, DrillEngine),
    inbox: Arc<Inbox>,
    settings: Settings,
    Beginning { scripted, tape, play, exhibit, lesson, preferences, reader }: Beginning,
    audience: Option<Audience>,
) -> Result<u8> {
    let link = audience.as_ref().map(link);
    let modes = TerminalModes { mouse: settings.mouse && !reader, drawn: !reader };
    terminal::enter(modes).wrap_err("the terminal cannot be taken over")?;
    read_input(&inbox).wrap_err("the keyboard's thread cannot be started")?;
    settings::watch(&inbox, settings::read()).wrap_err("the thread of the settings cannot be started")?;
    let mut deck = Deck {
        app: app(
            App::preferring(settings, preferences),
            source.as_deref(),
            tape.is_some(),
            play.as_ref(),
            link,
        ),
        phones: audience.map(Phones::new),
        wishes: lesson.as_ref().map(|lesson| lesson.wishes).unwrap_or_default(),
        face: face(reader).wrap_err("the terminal's size cannot be found")?,
        modes,
        started: Instant::now(),
        painted: None,
        drawn: Buffer::default(),
        wake_at: None,
        inbox,
        source,
        drill_engine,
        played: play,
        tape,
        unrecorded: None,
        log: OutputLog::new(),
    };
    if let Some(scripted) = scripted {
        deck.app.play(scripted);
    }
    let lesson = lesson.map(|lesson| Msg::StartLesson(Box::new(lesson.start)));
    let first = exhibit.map(|id| read_exhibit(&id)).or(lesson);
    let ended = deck.run(first);
    deck.end_recording()?;
    match ended {
        // A closed terminal may show as a failed write of a frame before it shows anywhere else.
        Err(_) if signals::is_closed(&io::stdout()) => Ok(signals::end_status(EndReason::Closed)),
        ended => ended.wrap_err("the terminal failed"),
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

/// The deck's state at first.
fn app(
    app: App,
    source: Option<&dyn Source>,
    is_recording: bool,
    play: Option<&DrillPlan>,
    link: Option<AudienceLink>,
) -> App {
    let catalogue = Catalogue::new(catalogue(), records::read());
    let mut drills = Drills::new(catalogue, is_recording);
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
    app: App,
    face: Face,
    modes: TerminalModes,
    started: Instant,
    /// When the newest frame was painted.
    painted: Option<Instant>,
    /// The newest frame, before anything moved on.
    drawn: Buffer,
    /// When the screen wants to be woken.
    wake_at: Option<Instant>,
    inbox: Arc<Inbox>,
    /// The cluster; `None`: that of a drill could not be started.
    source: &'a mut Option<Box<dyn Source>>,
    /// The phones of the class.
    phones: Option<Phones>,
    /// What drills run on, unless they are for something else.
    drill_engine: DrillEngine,
    /// What the command line says of the clusters of lessons.
    wishes: Wishes,
    /// The drill that the deck was started with.
    played: Option<DrillPlan>,
    /// Updates are recorded here.
    tape: Option<Tape>,
    /// Why they are no longer recorded.
    unrecorded: Option<Report>,
    /// What the Output view shows.
    log: OutputLog,
}

/// What the loop does next.
enum LoopStep {
    GoOn,
    Suspend,
    End(u8),
}

impl Deck<'_> {
    fn run(&mut self, first: Option<Msg>) -> io::Result<u8> {
        if let LoopStep::End(status) = self.take(first.into_iter().collect())? {
            return Ok(status);
        }
        self.paint()?;
        loop {
            let due = self.app.next_due(self.started.elapsed()).map(|at| self.started + at);
            let picture = self.phones.as_ref().and_then(Phones::next_picture);
            let deadline = [self.deadline(), due, picture].into_iter().flatten().min();
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
            if let Some(phones) = &mut self.phones {
                phones.picture(&self.app);
            }
            let is_due = at_once || self.frame_due() <= Instant::now();
            if self.app.changed() && is_due {
                self.paint()?;
            } else if self.app.moved() && is_due {
                self.move_on()?;
            }
        }
    }

    /// `due`: when the app wants to be called if nothing arrives.
    fn take_in(&mut self, batch: Batch, due: Option<Instant>) -> io::Result<LoopStep> {
        if let Some(end) = batch.end {
            return Ok(LoopStep::End(signals::end_status(end)));
        }
        if let Some(phones) = self.phones.as_mut().filter(|_| !batch.updates.is_empty()) {
            phones.note_change();
        }
        let updates = self.recorded(batch.updates).into_iter().map(Msg::Told);
        let wrote = batch.wrote.into_iter().map(wrote);
        let lost = (batch.lines_lost > 0).then_some(Msg::LinesLost(batch.lines_lost));
        let input = batch.input.into_iter().filter_map(message);
        let due = due.filter(|due| *due <= Instant::now()).map(|_| Msg::Due);
        let settings = batch.settings.map(Msg::Settings);
        let updates = settings.into_iter().chain(updates).chain(wrote).chain(lost);
        let audience = batch.audience.map(Msg::Audience);
        let msgs = updates.chain(audience).chain(input).chain(self.wake()).chain(due).collect();
        self.take(msgs)
    }

    /// Takes these messages, and all that follow from them.
    fn take(&mut self, mut msgs: VecDeque<Msg>) -> io::Result<LoopStep> {
        let mut next = LoopStep::GoOn;
        while let Some(msg) = msgs.pop_front() {
            for effect in update(&mut self.app, msg, self.started.elapsed()) {
                match effect {
                    Effect::Send(command) => msgs.extend(self.send(command)),
                    // A script's file, and small: the delay of the keys is not noticeable.
                    Effect::Read(file) => msgs.push_front(Msg::Loaded(files::read(&file))),
                    Effect::Write { file, text } => msgs.push_front(Msg::Written(files::write(&file, &text))),
                    Effect::StartDrill(drill) => {
                        // It says that the cluster is being started, which takes a moment.
                        self.paint()?;
                        self.end_cluster(&mut msgs);
                        msgs.push_front(self.start_drill(*drill));
                    }
                    Effect::StartChapter(cluster) => {
                        self.paint()?;
                        self.end_cluster(&mut msgs);
                        msgs.push_front(self.start_chapter(*cluster));
                    }
                    Effect::ReadExhibit(id) => {
                        self.end_cluster(&mut msgs);
                        msgs.push_front(read_exhibit(&id));
                    }
                    Effect::KeepProgress { id, progress } => {
                        if let Err(error) = progress::keep(&id, &progress) {
                            let reason = format!("where you are in the lesson is not kept: {error}");
                            msgs.push_back(self.told(News::Trouble { reason }));
                        }
                    }
                    Effect::Audience(page) => {
                        if let Some(phones) = &self.phones {
                            phones.show(page);
                        }
                    }
                    Effect::KeepRecord { id, record } => {
                        if let Err(error) = records::keep(&id, record) {
                            let reason = format!("how the drill went is not kept: {error}");
                            msgs.push_back(self.told(News::Trouble { reason }));
                        }
                    }
                    Effect::Log(change) => self.log.carry_out(change),
                    Effect::KeepTheme(name) => msgs.push_front(Msg::ThemeKept(settings::keep_theme(&name))),
                    Effect::Copy(text) => {
                        let (sequence, to) = clipboard::copy(&text);
                        match &mut self.face {
                            Face::Drawn(screen) => screen.backend_mut().pass(&sequence),
                            Face::Read(_) => terminal::write(&sequence)?,
                        }
                        msgs.push_front(Msg::Copied { text, to });
                    }
                    Effect::CaptureMouse(is_wanted) => {
                        self.modes.mouse = is_wanted;
                        terminal::capture_mouse(is_wanted)?;
                    }
                    Effect::Suspend => next = LoopStep::Suspend,
                    Effect::Quit => return Ok(LoopStep::End(0)),
                }
            }
        }
        Ok(next)
    }

    /// Sends a command to the cluster. Where there is none, it is refused.
    fn send(&self, command: Command) -> Option<Msg> {
        let Some(source) = self.source.as_ref() else {
            let reason = "there is no cluster: start a drill, or raftdeck anew".to_owned();
            return Some(self.told(News::Refused { id: command.id, reason }));
        };
        source.send(command);
        None
    }

    /// Something that the program itself says.
    fn told(&self, what: News) -> Msg {
        Msg::Told(Update { at: self.app.clock().at(self.started.elapsed()), seq: 0, what })
    }

    /// Stops the present cluster; what it told and was not heard yet is forgotten.
    fn end_cluster(&mut self, msgs: &mut VecDeque<Msg>) {
        *self.source = None;
        self.inbox.forget_updates();
        msgs.retain(|msg| !matches!(msg, Msg::Told(_)));
    }

    /// Starts a cluster for this drill.
    fn start_drill(&mut self, drill: Drill) -> Msg {
        let again = self.played.clone().filter(|plan| plan.drill == drill);
        let plan = again.unwrap_or_else(|| DrillPlan::on_deck(drill, self.drill_engine));
        self.start_anew(plan.start(), plan.context)
    }

    /// Starts a cluster for a chapter of a lesson.
    fn start_chapter(&mut self, cluster: ClusterSpec) -> Msg {
        let plan = ClusterPlan::new(cluster, Some(self.drill_engine), self.wishes);
        self.start_anew(plan.start(), plan.context("raftdeck lesson run"))
    }

    fn start_anew(&mut self, engine: Result<Engine>, context: Context) -> Msg {
        match engine.and_then(|engine| start(engine, &self.inbox)) {
            Ok(source) => {
                let capabilities = source.capabilities().clone();
                *self.source = Some(source);
                Msg::ClusterStarted { capabilities, context }
            }
            Err(error) => Msg::ClusterFailed(sentence(&error)),
        }
    }

    /// The updates, after they have been recorded if there is a recording. A failure of the recording is reported once, and the deck
    /// continues.
    fn recorded(&mut self, mut updates: Vec<Update>) -> Vec<Update> {
        let Some(tape) = &mut self.tape else { return updates };
        match tape.note(&mut updates) {
            Ok(commands) => {
                for command in commands {
                    if let Some(source) = self.source.as_ref() {
                        source.send(command);
                    }
                }
            }
            Err(error) => {
                let reason = format!("{error:#}: nothing more is recorded");
                let (at, seq) = updates.last().map_or((Duration::ZERO, 0), |last| (last.at, last.seq));
                updates.push(Update { at, seq, what: News::Trouble { reason } });
                self.unrecorded = Some(error);
                self.tape = None;
            }
        }
        updates
    }

    fn end_recording(&mut self) -> Result<()> {
        self.tape.take().map_or(Ok(()), Tape::finish)?;
        self.unrecorded.take().map_or(Ok(()), Err)
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
            Face::Drawn(_) => self.app.next_wake(now),
            // Nothing moves, but what has passed is tidied up.
            Face::Read(voice) => {
                [self.app.next_wake(now).map(|at| at.max(now + TIDY)), voice.next_change(&self.app)]
                    .into_iter()
                    .flatten()
                    .min()
            }
        };
        let wish = wish.map(|at| (self.started + at).max(self.frame_due()));
        self.wake_at = [self.wake_at, wish].into_iter().flatten().min();
        if self.app.changed() || self.app.moved() { Some(self.frame_due()) } else { self.wake_at }
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
                    let painted = view(&self.app, now, frame);
                    links.replace(painted.links().to_vec());
                    landed = Some(painted);
                })?;
                self.drawn.clone_from(drawn.buffer);
                if let Some(landed) = landed {
                    self.app.set_landed(landed);
                }
                screen.backend_mut().present()?;
            }
            Face::Read(voice) => {
                voice.say(&self.app, now)?;
                self.app.set_landed(Landed::default());
                self.app.close_read_pages();
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
                    move_on(&self.app, now, frame.buffer_mut());
                } else {
                    // The terminal has another size; the message that says so is on its way.
                    let _ = view(&self.app, now, frame);
                }
            })?;
            screen.backend_mut().present()?;
        }
        self.app.note_motion();
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
