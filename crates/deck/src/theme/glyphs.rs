//! The characters that draw the deck, in Unicode and in ASCII.

use raftdeck_raft::Role;
use ratatui::symbols::border;

/// The characters that draw the deck.
#[derive(Debug)]
pub struct Glyphs {
    /// A leader.
    pub leader: &'static str,
    /// A follower.
    pub follower: &'static str,
    /// A candidate.
    pub candidate: &'static str,
    /// A pre-candidate.
    pub pre_candidate: &'static str,
    /// A learner.
    pub learner: &'static str,
    /// A node that does not belong to the cluster.
    pub outside: &'static str,
    /// A process that was killed or failed.
    pub dead: &'static str,
    /// A process that is stopped.
    pub paused: &'static str,
    /// A node that does not answer.
    pub unreachable: &'static str,
    /// A process that is not ready yet.
    pub starting: &'static str,
    /// Points at the selected node.
    pub selected: &'static str,
    /// Points back at the selected node.
    pub selected_end: &'static str,
    /// On a cut link.
    pub cut: &'static str,
    /// Where a message was lost.
    pub lost: &'static str,
    /// A heartbeat under way.
    pub heartbeat: &'static str,
    /// Entries under way.
    pub entries: &'static str,
    /// A piece of a snapshot under way.
    pub snapshot: &'static str,
    /// An order to campaign immediately (`TimeoutNow`), under way.
    pub hand_over: &'static str,
    /// A request for votes under way.
    pub ask: &'static str,
    /// A yes under way.
    pub yes: &'static str,
    /// A no under way.
    pub no: &'static str,
    /// A plain acknowledgement under way.
    pub ack: &'static str,
    /// The direction in which a half-cut link still carries messages: right, left, up, down.
    pub arrows: [&'static str; 4],
    /// A full step of a bar.
    pub bar_full: &'static str,
    /// An empty step of a bar.
    pub bar_empty: &'static str,
    /// A step of a bar that may be full.
    pub bar_maybe: &'static str,
    /// Between two parts of a line.
    pub dot: &'static str,
    /// For what is not known.
    pub none: &'static str,
    /// A rule between panes.
    pub rule: &'static str,
    /// Something was cut off.
    pub ellipsis: &'static str,
    /// Left and right of a committed entry.
    pub committed: [&'static str; 2],
    /// Left and right of an uncommitted entry.
    pub uncommitted: [&'static str; 2],
    /// An entry that is only in the snapshot.
    pub purged: &'static str,
    /// Logs differ here.
    pub conflict: &'static str,
    /// The border of a node.
    pub border: border::Set<'static>,
    /// The border of a leader.
    pub leader_border: border::Set<'static>,
    /// The border of a node that is down.
    pub dead_border: border::Set<'static>,
    /// Whether links are drawn in braille dots.
    pub braille: bool,
}

pub(super) static UNICODE: Glyphs = Glyphs {
    leader: "★",
    follower: "●",
    candidate: "◆",
    pre_candidate: "◇",
    learner: "◎",
    outside: "□",
    dead: "✖",
    paused: "‖",
    unreachable: "?",
    starting: "○",
    selected: "▶",
    selected_end: "◀",
    cut: "✂",
    lost: "✖",
    heartbeat: "•",
    entries: "■",
    snapshot: "▣",
    hand_over: "»",
    ask: "?",
    yes: "✔",
    no: "✘",
    ack: "∙",
    arrows: ["▶", "◀", "▲", "▼"],
    bar_full: "━",
    bar_empty: "╌",
    bar_maybe: "╍",
    dot: "·",
    none: "–",
    rule: "─",
    ellipsis: "…",
    committed: ["▐", "▌"],
    uncommitted: ["[", "]"],
    purged: "░",
    conflict: "≠",
    border: border::ROUNDED,
    leader_border: border::THICK,
    dead_border: DASHED,
    braille: true,
};

const DASHED: border::Set<'static> = border::Set {
    horizontal_top: "╌",
    horizontal_bottom: "╌",
    vertical_left: "╎",
    vertical_right: "╎",
    ..border::ROUNDED
};

pub(super) static ASCII: Glyphs = Glyphs {
    leader: "*",
    follower: "o",
    candidate: "?",
    pre_candidate: "~",
    learner: "l",
    outside: "-",
    dead: "x",
    paused: "=",
    unreachable: "?",
    starting: ".",
    selected: ">",
    selected_end: "<",
    cut: "X",
    lost: "x",
    heartbeat: "o",
    entries: "#",
    snapshot: "S",
    hand_over: "!",
    ask: "?",
    yes: "y",
    no: "n",
    ack: "o",
    arrows: [">", "<", "^", "v"],
    bar_full: "#",
    bar_empty: "-",
    bar_maybe: "=",
    dot: "|",
    none: "-",
    rule: "-",
    ellipsis: "~",
    committed: ["[", "]"],
    uncommitted: ["(", ")"],
    purged: ":",
    conflict: "!",
    border: PLAIN_ASCII,
    leader_border: HEAVY_ASCII,
    dead_border: DASHED_ASCII,
    braille: false,
};

const PLAIN_ASCII: border::Set<'static> = border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};

const HEAVY_ASCII: border::Set<'static> = border::Set {
    vertical_left: "#",
    vertical_right: "#",
    horizontal_top: "=",
    horizontal_bottom: "=",
    top_left: "#",
    top_right: "#",
    bottom_left: "#",
    bottom_right: "#",
};

const DASHED_ASCII: border::Set<'static> = border::Set {
    horizontal_top: ".",
    horizontal_bottom: ".",
    vertical_left: ":",
    vertical_right: ":",
    ..PLAIN_ASCII
};

impl Glyphs {
    /// A role's glyph.
    #[must_use]
    pub fn role(&self, role: Role) -> &'static str {
        match role {
            Role::Leader => self.leader,
            Role::Follower => self.follower,
            Role::Candidate => self.candidate,
            Role::PreCandidate => self.pre_candidate,
        }
    }
}
