//! What reaches the deck and what leaves it.

use crossterm::event::{KeyEvent, MouseEvent};

/// Something that happened, to be given to [`update`](super::update).
#[derive(Clone, Debug)]
pub enum Msg {
    /// The source sent an update.
    Told(raftdeck_model::Update),
    /// The content of the file that [`Effect::Read`] named, or why it cannot be read.
    Loaded(Result<Vec<u8>, String>),
    /// The file of [`Effect::Write`] is written, or why it cannot be.
    Written(Result<(), String>),
    /// The text of [`Effect::Copy`] went there, or why it could not.
    Copied {
        /// The text.
        text: String,
        /// Where it is.
        to: Result<super::copy::CopyTarget, String>,
    },
    /// The cluster of [`Effect::StartDrill`] is there, in place of the one before, whose updates have ended.
    ClusterStarted {
        /// What it can do.
        capabilities: raftdeck_model::Capabilities,
        /// On what the drill runs.
        context: raftdeck_drills::Context,
    },
    /// The cluster of [`Effect::StartDrill`] could not be started; why. The one before is gone.
    ClusterFailed(String),
    /// A lesson is to be played.
    StartLesson(Box<super::lessons::LessonStart>),
    /// The files of the exhibit of [`Effect::ReadExhibit`], or why they cannot be read.
    Exhibit(Result<Box<super::lessons::ExhibitFiles>, String>),
    /// The phones of the class have done something.
    Audience(super::audience::AudienceNews),
    /// The files of settings, read anew because one of them changed.
    Settings(crate::settings::SettingsFiles),
    /// The file into which the theme of [`Effect::KeepTheme`] was written, or why it was not.
    ThemeKept(Result<String, String>),
    /// The tab that [`TabRequest::Open`](crate::tabs::TabRequest::Open) asked for cannot be opened; why.
    TabRefused(String),
    /// A part of the deck itself wrote a line to its log.
    Wrote {
        /// Which part.
        part: String,
        /// The line's level.
        level: raftdeck_model::LogLevel,
        /// The line.
        text: String,
    },
    /// So many lines of logs were lost before they came here.
    LinesLost(u64),
    /// A key.
    Key(KeyEvent),
    /// The mouse.
    Mouse(MouseEvent),
    /// Pasted text (bracketed paste).
    Paste(String),
    /// The terminal has this many columns and rows now.
    Resize(u16, u16),
    /// The time that [`App::next_wake`](super::App::next_wake) gave has come.
    Wake,
    /// The time that [`App::next_due`](super::App::next_due) gave has come: the screen need not be painted.
    Due,
}

/// Something the deck wants done.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Send this command to the source.
    Send(raftdeck_model::Command),
    /// Read this file.
    Read(String),
    /// Write this file.
    Write {
        /// Its path.
        file: String,
        /// What is to be in it.
        text: String,
    },
    /// Stop the present cluster and start a fresh one for this drill; then comes [`Msg::ClusterStarted`] or [`Msg::ClusterFailed`].
    StartDrill(Box<raftdeck_drills::Drill>),
    /// Stop the present cluster and start a fresh one for a chapter of a lesson; then comes [`Msg::ClusterStarted`] or [`Msg::ClusterFailed`].
    StartChapter(Box<raftdeck_drills::ClusterSpec>),
    /// Stop the present cluster and read the exhibit of this id; then comes [`Msg::Exhibit`].
    ReadExhibit(String),
    /// Keep how far somebody is in a lesson, for later decks.
    KeepProgress {
        /// The lesson.
        id: String,
        /// How far.
        progress: Box<raftdeck_drills::LessonProgress>,
    },
    /// Show this on the phones of the class.
    Audience(super::audience::AudiencePage),
    /// Keep how a drill went so far, for later decks.
    KeepRecord {
        /// The drill.
        id: String,
        /// How it went.
        record: super::drills::DrillRecord,
    },
    /// Write this theme's name into `deck.toml`, and leave all else in it as it is; then comes [`Msg::ThemeKept`].
    KeepTheme(String),
    /// Change the log that the Output view shows, with [`OutputLog::carry_out`](crate::output_log::OutputLog::carry_out).
    Log(super::output::LogChange),
    /// Copy this text; then comes [`Msg::Copied`].
    Copy(String),
    /// Have the terminal report the mouse, or keep it.
    CaptureMouse(bool),
    /// Show, open or close a tab. [`Tabs`](crate::tabs::Tabs) does that, as far as no cluster is started or left.
    Tab(crate::tabs::TabRequest),
    /// End the deck and everything it started.
    Quit,
    /// Give the terminal back and stop, until the shell continues it.
    Suspend,
}
