//! The positions of items on the screen, so that the mouse finds them and reducers know the size of a page.

use crate::actions::ActionId;
use crate::app::View;
use crate::app::charts::Charted;
use crate::app::confirm::ConfirmReply;
use crate::app::split::Divider;
use crate::app::timers::Timers;
use crate::tabs::TabId;
use bytes::Bytes;
use raftdeck_model::{FaultId, MessageId};
use raftdeck_raft::{LogIndex, NodeId};
use ratatui::layout::{Position, Rect};
use std::time::Duration;

/// A part of the screen that scrolls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pane {
    /// The nodes: the ring and the table.
    Nodes,
    /// The event feed.
    Feed,
    /// The columns of the Logs view.
    Entries,
    /// The charts.
    Charts,
    /// The keys and values.
    Data,
    /// The selected key's value.
    Value,
    /// The nodes' output.
    Output,
    /// The list of messages.
    Messages,
    /// The text of the Drills view.
    Drill,
    /// A menu.
    Menu,
    /// The help page.
    Help,
    /// The explanation.
    Explain,
}

/// Something on the screen that can be clicked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A node's card or row.
    Node(NodeId),
    /// A view's name in the header.
    View(View),
    /// A cluster's tab.
    Tab(TabId),
    /// A hint in the footer.
    Action(ActionId),
    /// A column of the Logs view.
    Entry(LogIndex),
    /// A column of the charts: the beginning of its time, in microseconds of cluster time.
    Moment(u64),
    /// Something in force.
    Fault(FaultId),
    /// A message.
    Message(MessageId),
    /// An event of the feed, by its number.
    Event(u64),
    /// A row of the palette, by its place.
    Offer(usize),
    /// A key of the Data view: its number among those that were painted.
    Key(usize),
    /// A drill of the catalogue, by its place in the list.
    Drill(usize),
    /// A target of the Output view, by its place in the list.
    LogTarget(usize),
    /// A row of the menu.
    MenuRow(usize),
    /// A button of the open question.
    Reply(ConfirmReply),
    /// A directed link between two nodes.
    Link(NodeId, NodeId),
    /// Who leads, or what is going on.
    Cluster,
    /// The quiet line.
    Quiet,
    /// A link of the explanation, by its place.
    Related(usize),
    /// The line between two panes, which can be moved.
    Divider,
    /// A pane, where nothing else is.
    Pane(Pane),
}

/// Something on the screen that refers to a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Where it is.
    pub area: Rect,
    /// The page's address, in printable ASCII.
    pub url: String,
}

/// The part of the screen in which things move by themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MovingPart {
    /// Where it is.
    pub(crate) area: Rect,
    /// Whether it is drawn for a lecture hall.
    pub(crate) is_large: bool,
    /// When it was painted with all the rest.
    pub(crate) at: Duration,
}

/// What was painted where.
#[derive(Clone, Debug, Default)]
pub struct Landed {
    areas: Vec<(Rect, Target)>,
    links: Vec<Link>,
    rows: Vec<(Pane, usize)>,
    events: Option<(u64, u64)>,
    timers: Vec<(NodeId, Timers)>,
    charted: Option<Charted>,
    divider: Option<Divider>,
    moving: Option<MovingPart>,
    keys: Vec<Bytes>,
    help: usize,
    is_output_behind: bool,
    drill: usize,
    value: usize,
    explain: (usize, usize),
}

impl Landed {
    pub(crate) fn mark(&mut self, area: Rect, target: Target) {
        self.areas.push((area, target));
    }

    pub(crate) fn size(&mut self, pane: Pane, rows: usize) {
        self.rows.push((pane, rows));
    }

    pub(crate) fn show_events(&mut self, first: u64, last: u64) {
        self.events = Some((first, last));
    }

    pub(crate) fn painted(&mut self, node: NodeId, timers: Timers) {
        self.timers.push((node, timers));
    }

    pub(crate) fn moves(&mut self, part: MovingPart) {
        self.moving = Some(part);
    }

    pub(crate) fn moving(&self) -> Option<MovingPart> {
        self.moving
    }

    pub(crate) fn divide(&mut self, divider: Divider) {
        self.divider = Some(divider);
        self.mark(divider.area, Target::Divider);
    }

    pub(crate) fn divider(&self) -> Option<Divider> {
        self.divider
    }

    pub(crate) fn charts(&mut self, charted: Charted) {
        self.charted = Some(charted);
    }

    /// Notes a key that is painted; returns its number.
    pub(crate) fn paint_key(&mut self, key: &Bytes) -> usize {
        self.keys.push(key.clone());
        self.keys.len() - 1
    }

    pub(crate) fn value_ends(&mut self, last: usize) {
        self.value = last;
    }

    pub(crate) fn help_ends(&mut self, last: usize) {
        self.help = last;
    }

    pub(crate) fn explain_shows(&mut self, first: usize, last: usize) {
        self.explain = (first, last);
    }

    pub(crate) fn drill_ends(&mut self, last: usize) {
        self.drill = last;
    }

    pub(crate) fn output_is_behind(&mut self, is_behind: bool) {
        self.is_output_behind = is_behind;
    }

    /// Whether newer lines of logs than those in sight are shown further down.
    #[must_use]
    pub fn is_output_behind(&self) -> bool {
        self.is_output_behind
    }

    pub(crate) fn refer(&mut self, links: Vec<Link>) {
        self.links = links;
    }

    /// What refers to pages.
    #[must_use]
    pub fn links(&self) -> &[Link] {
        &self.links
    }

    /// The target at this cell; of several, the last one painted.
    #[must_use]
    pub fn at(&self, column: u16, row: u16) -> Option<Target> {
        let here = Position::new(column, row);
        self.areas.iter().rev().find(|(area, _)| area.contains(here)).map(|(_, target)| *target)
    }

    /// Where a target is.
    #[must_use]
    pub fn find(&self, target: Target) -> Option<Rect> {
        self.areas.iter().find(|(_, t)| *t == target).map(|(area, _)| *area)
    }

    /// Everything that can be clicked, and where it is.
    pub fn areas(&self) -> impl Iterator<Item = (Rect, Target)> {
        self.areas.iter().copied()
    }

    /// Every target on the screen.
    pub fn targets(&self) -> impl Iterator<Item = Target> {
        self.areas.iter().map(|(_, target)| *target)
    }

    /// How many lines (in the Logs and Charts views: columns) a pane shows; 0 if it is not on the screen.
    #[must_use]
    pub fn rows(&self, pane: Pane) -> usize {
        self.rows.iter().find(|(p, _)| *p == pane).map_or(0, |(_, rows)| *rows)
    }

    /// The first and the last event that are wholly in sight.
    #[must_use]
    pub fn events(&self) -> Option<(u64, u64)> {
        self.events
    }

    /// The timers shown for a node.
    #[must_use]
    pub fn timers(&self, node: NodeId) -> Option<Timers> {
        self.timers.iter().find(|(id, _)| *id == node).map(|(_, timers)| *timers)
    }

    /// Which charts are on the screen, if any.
    #[must_use]
    pub fn charted(&self) -> Option<Charted> {
        self.charted
    }

    /// The furthest that the text of the Drills view can be scrolled.
    #[must_use]
    pub fn last_drill_line(&self) -> usize {
        self.drill
    }

    /// The first line of the explanation that is shown, and the furthest that it can be scrolled.
    #[must_use]
    pub fn explain_lines(&self) -> (usize, usize) {
        self.explain
    }

    /// The key that was painted as this number.
    #[must_use]
    pub fn key(&self, number: usize) -> Option<&Bytes> {
        self.keys.get(number)
    }

    /// The furthest that the value of the Data view can be scrolled.
    #[must_use]
    pub fn last_value_line(&self) -> usize {
        self.value
    }

    /// The furthest that the help page can be scrolled.
    #[must_use]
    pub fn last_help_line(&self) -> usize {
        self.help
    }
}
