//! How things look: glyphs and styles, in one place, so that no view names a colour.
//!
//! Only the terminal's own sixteen colours and its own foreground and background are used. Blue represents a leader, yellow a
//! problem; each role also has a glyph and a word, so nothing is expressed by colour alone. Text in colour appears on a coloured
//! ground (visible on dark and light terminals alike), and "faint" is the terminal's own faint attribute, never a grey that some
//! palettes hide.

use raftdeck_raft::{Role, Term};
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::border;

/// Whether colours may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ColourChoice {
    /// The terminal's sixteen colours.
    #[default]
    Terminal,
    /// None; bold, faint and reversed remain.
    Never,
}

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

const UNICODE: Glyphs = Glyphs {
    leader: "★",
    follower: "●",
    candidate: "◆",
    pre_candidate: "◇",
    learner: "◎",
    outside: "□",
    dead: "✖",
    paused: "‖",
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

const ASCII: Glyphs = Glyphs {
    leader: "*",
    follower: "o",
    candidate: "?",
    pre_candidate: "~",
    learner: "l",
    outside: "-",
    dead: "x",
    paused: "=",
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

/// The look of the deck.
#[derive(Clone, Copy, Debug)]
pub struct Theme {
    colour: bool,
    glyphs: &'static Glyphs,
}

impl Theme {
    /// The default look, with or without colours, in Unicode or ASCII.
    #[must_use]
    pub fn new(colour: ColourChoice, ascii: bool) -> Self {
        Self { colour: colour == ColourChoice::Terminal, glyphs: if ascii { &ASCII } else { &UNICODE } }
    }

    /// The characters to draw with.
    #[must_use]
    pub fn glyphs(&self) -> &'static Glyphs {
        self.glyphs
    }

    fn on(self, ground: Color) -> Style {
        if self.colour {
            Style::new().fg(Color::Black).bg(ground).add_modifier(Modifier::BOLD)
        } else {
            Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
        }
    }

    fn ink(self, ink: Color) -> Style {
        if self.colour { Style::new().fg(ink) } else { Style::new() }
    }

    /// A leader's name plate.
    #[must_use]
    pub fn leader_plate(self) -> Style {
        if self.colour {
            Style::new().fg(Color::White).bg(Color::Blue).add_modifier(Modifier::BOLD)
        } else {
            Style::new().add_modifier(Modifier::REVERSED | Modifier::BOLD)
        }
    }

    /// A leader's border and its links.
    #[must_use]
    pub fn leader_line(self) -> Style {
        self.ink(Color::LightBlue)
    }

    /// A present problem, as a name plate.
    #[must_use]
    pub fn trouble_plate(self) -> Style {
        if self.colour { self.on(Color::Yellow) } else { self.strong().add_modifier(Modifier::UNDERLINED) }
    }

    /// The band across the screen when there is trouble.
    #[must_use]
    pub fn trouble_band(self) -> Style {
        self.on(Color::Yellow)
    }

    /// A present problem, as a line.
    #[must_use]
    pub fn trouble_line(self) -> Style {
        self.ink(Color::Yellow)
    }

    /// Ordinary text.
    #[must_use]
    pub fn text(self) -> Style {
        Style::new()
    }

    /// Text that matters more than its surroundings.
    #[must_use]
    pub fn strong(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Text that matters less than its surroundings.
    #[must_use]
    pub fn faint(self) -> Style {
        Style::new().add_modifier(Modifier::DIM)
    }

    /// The selected item, whatever its background.
    #[must_use]
    pub fn selected(self) -> Style {
        Style::new().fg(Color::Reset).bg(Color::Reset).add_modifier(Modifier::REVERSED | Modifier::BOLD)
    }

    /// A key in the footer.
    #[must_use]
    pub fn key(self) -> Style {
        self.ink(Color::LightBlue).add_modifier(Modifier::BOLD)
    }

    /// An entry under way, and other good news in small.
    #[must_use]
    pub fn entries(self) -> Style {
        self.ink(Color::LightCyan).add_modifier(Modifier::BOLD)
    }

    /// A term's background, so that neighbouring terms can be told apart. The label says which term it is.
    #[must_use]
    pub fn term_plate(self, term: Term) -> Style {
        self.on(term_colour(term)).remove_modifier(Modifier::BOLD)
    }

    /// A term's line.
    #[must_use]
    pub fn term_line(self, term: Term) -> Style {
        self.ink(term_colour(term))
    }

    /// A role's glyph.
    #[must_use]
    pub fn role_glyph(self, role: Role) -> &'static str {
        match role {
            Role::Leader => self.glyphs.leader,
            Role::Follower => self.glyphs.follower,
            Role::Candidate => self.glyphs.candidate,
            Role::PreCandidate => self.glyphs.pre_candidate,
        }
    }
}

/// Neighbours differ in hue and in lightness.
fn term_colour(term: Term) -> Color {
    const CYCLE: [Color; 5] =
        [Color::LightBlue, Color::Yellow, Color::LightMagenta, Color::Gray, Color::LightCyan];
    let place = usize::try_from(term.0 % CYCLE.len() as u64).unwrap_or(0);
    CYCLE[place]
}
