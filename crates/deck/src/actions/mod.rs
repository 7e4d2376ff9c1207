//! Every action of the deck, defined once: the footer, the help page and the keys are made from this table.

mod charts;
mod conditions;
mod data;
mod drills;
mod explain;
mod find;
mod lessons;
mod manners;
mod output;
mod presenter;
mod settings;
mod status;
mod table;
mod tabs;

pub use conditions::NO_SELECTION;
pub use table::ACTIONS;

use crate::app::App;
use crate::keys::{Key, Scope};
use raftdeck_model::Ability;
use std::borrow::Cow;

/// Names an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table below says in words what each does")]
pub enum ActionId {
    Kill,
    KillLeader,
    Restart,
    RestartDown,
    Pause,
    Partition,
    Isolate,
    Heal,
    Transfer,
    Elect,
    AddNode,
    RemoveNode,
    ReplaceNode,
    Write,
    Workload,
    SelectNumber,
    SelectPrevious,
    SelectNext,
    NextView,
    PreviousView,
    EntryBack,
    EntryOn,
    PageBack,
    PageOn,
    ToStart,
    ToEnd,
    TargetPrevious,
    TargetNext,
    FocusTarget,
    ShowLess,
    ShowMore,
    CaptureLess,
    CaptureMore,
    ShowTargets,
    Help,
    Quit,
    Suspend,
    LinkFaults,
    Undo,
    InForce,
    Freeze,
    Step,
    StepTimer,
    Faster,
    Slower,
    Palette,
    Status,
    Find,
    FindNext,
    FindPrevious,
    PreviousRow,
    NextRow,
    OtherPane,
    Zoom,
    Back,
    MessageBack,
    MessageOn,
    ReleaseMessage,
    DropMessage,
    HoldAlike,
    NextOpen,
    FoldHeartbeats,
    Present,
    HideKeys,
    MomentBack,
    MomentOn,
    ZoomOut,
    ZoomIn,
    Drills,
    DrillPrevious,
    DrillNext,
    SortDrills,
    StartDrill,
    StopDrill,
    Answer,
    Continue,
    Hint,
    GiveUp,
    Again,
    NextDrill,
    ToCatalogue,
    LessonNext,
    LessonBack,
    LessonAnswer,
    LessonOtherwise,
    LessonHint,
    LessonContents,
    LessonNotes,
    LessonBlank,
    LessonCode,
    StopLesson,
    StartLesson,
    ShelfPrevious,
    ShelfNext,
    Tour,
    DismissTour,
    GoOn,
    Themes,
    KeyPrevious,
    KeyNext,
    DeleteKey,
    ValueForm,
    ValueBack,
    ValueOn,
    Copy,
    CopyCurl,
    Mouse,
    Explain,
    PreviousTab,
    NextTab,
    TabNumber,
    CloseTab,
}

/// What an action is about; the help page's sections, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// Injecting and undoing faults.
    Faults,
    /// Messages on their way, and how time passes.
    Time,
    /// The leadership and the membership.
    Members,
    /// Using the store.
    Store,
    /// Drills.
    Drills,
    /// Lessons.
    Lessons,
    /// Looking around.
    Look,
    /// The deck itself.
    Deck,
}

impl Group {
    /// All groups in order.
    pub const ALL: [Self; 8] = [
        Self::Faults,
        Self::Time,
        Self::Members,
        Self::Store,
        Self::Drills,
        Self::Lessons,
        Self::Look,
        Self::Deck,
    ];

    /// Its heading.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Faults => "Break and heal",
            Self::Time => "Messages and time",
            Self::Members => "Leadership and membership",
            Self::Store => "Use the store",
            Self::Drills => "Drills",
            Self::Lessons => "Lessons",
            Self::Look => "Look around",
            Self::Deck => "The deck",
        }
    }
}

/// Why an action cannot be taken now: a sentence for the footer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason(pub Cow<'static, str>);

/// One action.
#[derive(Debug)]
pub struct Action {
    /// Its name in code.
    pub id: ActionId,
    /// Its section in the help page.
    pub group: Group,
    /// Its keys unless others are set, and the views in which they apply.
    pub keys: &'static [(Key, Scope)],
    /// In a word or two, for the footer.
    pub short: &'static str,
    /// In a sentence without a full stop, for the help page.
    pub long: &'static str,
    /// Whether it breaks something.
    pub dangerous: bool,
    /// Its rank in the footer: 1 is kept longest when there is no room; 0: not in the footer.
    pub footer: u8,
    /// Whether it is possible now, or why not.
    enabled: fn(&App) -> Result<(), Reason>,
}

impl ActionId {
    /// Its name in `deck.toml`: that of the code, in lower case with hyphens. People's files have it, so it stays; a test holds all of them.
    #[must_use]
    pub fn name(self) -> String {
        let mut name = String::new();
        for c in format!("{self:?}").chars() {
            if c.is_uppercase() && !name.is_empty() {
                name.push('-');
            }
            name.push(c.to_ascii_lowercase());
        }
        name
    }

    /// The ability that it requires of the deck's source; `None`: every source can do it.
    #[expect(clippy::too_many_lines, reason = "a list of all actions, so that none is forgotten")]
    fn needs(self) -> Option<Ability> {
        Some(match self {
            Self::Kill | Self::KillLeader | Self::Restart | Self::RestartDown | Self::Pause => {
                Ability::Processes
            }
            Self::Partition | Self::Isolate | Self::ReleaseMessage | Self::DropMessage | Self::HoldAlike => {
                Ability::Links
            }
            Self::Transfer | Self::Elect => Ability::Leadership,
            Self::AddNode | Self::RemoveNode | Self::ReplaceNode => Ability::Members,
            Self::Write | Self::Workload | Self::DeleteKey => Ability::Store,
            Self::Freeze | Self::Step | Self::StepTimer | Self::Faster | Self::Slower => Ability::Time,
            Self::Heal
            | Self::SelectNumber
            | Self::SelectPrevious
            | Self::SelectNext
            | Self::NextView
            | Self::PreviousView
            | Self::EntryBack
            | Self::EntryOn
            | Self::PageBack
            | Self::PageOn
            | Self::ToStart
            | Self::ToEnd
            | Self::TargetPrevious
            | Self::TargetNext
            | Self::FocusTarget
            | Self::ShowLess
            | Self::ShowMore
            | Self::CaptureLess
            | Self::CaptureMore
            | Self::ShowTargets
            | Self::Help
            | Self::Quit
            | Self::Suspend
            | Self::LinkFaults
            | Self::Undo
            | Self::InForce
            | Self::Palette
            | Self::Status
            | Self::Find
            | Self::FindNext
            | Self::FindPrevious
            | Self::PreviousRow
            | Self::NextRow
            | Self::OtherPane
            | Self::Zoom
            | Self::Back
            | Self::MessageBack
            | Self::MessageOn
            | Self::NextOpen
            | Self::FoldHeartbeats
            | Self::Present
            | Self::HideKeys
            | Self::MomentBack
            | Self::MomentOn
            | Self::ZoomOut
            | Self::ZoomIn
            | Self::Drills
            | Self::DrillPrevious
            | Self::DrillNext
            | Self::SortDrills
            | Self::StartDrill
            | Self::StopDrill
            | Self::Answer
            | Self::Continue
            | Self::Hint
            | Self::GiveUp
            | Self::Again
            | Self::NextDrill
            | Self::ToCatalogue
            | Self::LessonNext
            | Self::LessonBack
            | Self::LessonAnswer
            | Self::LessonOtherwise
            | Self::LessonHint
            | Self::LessonContents
            | Self::LessonNotes
            | Self::LessonBlank
            | Self::LessonCode
            | Self::StopLesson
            | Self::StartLesson
            | Self::ShelfPrevious
            | Self::ShelfNext
            | Self::Tour
            | Self::DismissTour
            | Self::GoOn
            | Self::Themes
            | Self::KeyPrevious
            | Self::KeyNext
            | Self::ValueForm
            | Self::ValueBack
            | Self::ValueOn
            | Self::Copy
            | Self::CopyCurl
            | Self::Mouse
            | Self::Explain
            | Self::PreviousTab
            | Self::NextTab
            | Self::TabNumber
            | Self::CloseTab => return None,
        })
    }
}

impl Action {
    /// Whether it can be taken now: the source supports it, and the state permits it. If not, the reason.
    pub fn can(&self, app: &App) -> Result<(), Reason> {
        if app.tape().is_past() && self.is_of_the_present() {
            return Err(Reason(app.tape().why_not().into()));
        }
        let able = self.id.needs().map_or(Ok(()), |ability| app.capabilities().has(ability));
        able.map_err(|lacking| Reason(lacking.to_string().into()))?;
        (self.enabled)(app)
    }

    /// Whether it is meant to change something at the cluster.
    #[must_use]
    pub fn acts_on_cluster(&self) -> bool {
        matches!(self.group, Group::Faults | Group::Members | Group::Store) && self.id != ActionId::InForce
    }

    /// Whether it does something to the cluster, or to a drill or a script that runs on it: not while the past is shown.
    fn is_of_the_present(&self) -> bool {
        let on_a_run = matches!(
            self.id,
            ActionId::Undo
                | ActionId::GoOn
                | ActionId::StartDrill
                | ActionId::StopDrill
                | ActionId::Answer
                | ActionId::Continue
                | ActionId::Hint
                | ActionId::GiveUp
                | ActionId::Again
                | ActionId::NextDrill
        );
        let only_looks = matches!(self.id, ActionId::LinkFaults | ActionId::ValueForm);
        on_a_run || self.id.needs().is_some() || (self.acts_on_cluster() && !only_looks)
    }

    /// Whether it can be taken at moments of a drill, a lesson or a script only. It shares its keys with others, and comes first at those.
    #[must_use]
    pub fn is_momentary(&self) -> bool {
        matches!(self.group, Group::Drills | Group::Lessons) || self.id == ActionId::GoOn
    }

    /// Whether its keys mean anything now: those of lessons mean nothing where none is played.
    pub(crate) fn is_there(&self, app: &App) -> bool {
        self.group != Group::Lessons || app.lessons().is_on() || self.can(app).is_ok()
    }

    /// The action of this name.
    #[must_use]
    pub fn of(id: ActionId) -> Option<&'static Self> {
        ACTIONS.iter().find(|action| action.id == id)
    }
}
