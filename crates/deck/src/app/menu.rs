//! The menus over the screen: what can be done to messages and nodes (each a line of the grammar), and what is in force.

use crate::actions::NO_SELECTION;
use crate::app::finding::{self, List};
use crate::app::{App, palette};
use raftdeck_model::{Fault, FaultId, MessageReport, write};
use raftdeck_raft::NodeId;
use std::borrow::Cow;

/// Which menu.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MenuKind {
    /// What can be brought into force.
    Faults,
    /// What is in force.
    InForce,
}

/// An open menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Menu {
    /// Which.
    pub kind: MenuKind,
    /// The chosen row of [`MenuKind::Faults`].
    row: usize,
    /// The chosen fault of [`MenuKind::InForce`]: by name, so that the choice stays when others are added or removed.
    fault: Option<FaultId>,
    /// The chosen links, in words.
    links: String,
}

/// One row of a menu.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// A line of the grammar.
    pub words: String,
    /// What it does, or why the source cannot do it.
    pub about: Cow<'static, str>,
    /// Whether the source can do it.
    pub is_able: bool,
    /// What is in force, in the other menu.
    pub fault: Option<FaultId>,
}

/// `{L}` are the chosen links, `{N}` is the selected node, `{W}` every node with a region.
const FAULTS: &[(&str, &str)] = &[
    ("hold {L}", "messages stay on the link until released"),
    ("cut {L}", "messages are lost"),
    ("refuse {L}", "connections break: the nodes notice"),
    ("delay {L} 100ms", "messages take longer"),
    ("delay {L} 50ms±20ms", "messages take longer, some more than others"),
    ("lose {L} 10%", "some messages are lost"),
    ("duplicate {L} 10%", "some messages come twice"),
    ("reorder {L} 20% 20ms", "some messages arrive out of order"),
    ("limit {L} 100KB/s", "low bandwidth: messages queue"),
    ("flaky {L}", "a bad link: some lost, some late, some twice"),
    ("slow-link {L}", "low bandwidth, high latency"),
    ("release {L}", "held messages go on"),
    ("drop {L}", "held messages and those under way are lost"),
    ("isolate {N}", "no node reaches it, it reaches none"),
    ("mute {N}", "it can hear but not send"),
    ("deaf {N}", "it can send but not hear"),
    ("bridge {N}", "two halves that only it reaches both"),
    ("halves", "the cluster is split in two"),
    ("ring", "each reaches a majority, no two the same"),
    ("wan {W}", "nodes far apart, by region"),
    ("slow {N} 50%", "its process is stopped half of the time"),
    ("full {N} 64KB", "its disk fills up soon"),
    ("disk {N} delay 50ms", "its disk is slow: every sync takes longer"),
    ("disk {N} stall", "its disk finishes no write"),
    ("disk {N} heal", "its disk recovers"),
    ("wipe {N}", "its disk is emptied: no vote until replaced"),
    ("wipe-unsafe {N}", "unsafe: it votes, and has forgotten its votes"),
    ("replace {N}", "an emptied disk: out, in as learner, voter"),
    ("align", "equal election timers: split votes"),
    ("spread", "election timers far apart: no split vote"),
    ("random", "election timers random again"),
    ("timeouts {N} 1s..2s", "it waits longer for a leader than others"),
    ("heartbeat {N} 20ms", "as a leader it sends heartbeats so often"),
    ("clock {N} 50%", "its clock runs at half the rate"),
    ("prevote off {N}", "cut off, it raises its term; deposes the leader"),
    ("check-quorum off {N}", "it stays leader without a majority"),
];

const REGIONS: [&str; 3] = ["eu", "us", "ap"];

impl Menu {
    /// The menu of faults; about a message's link, where one is given.
    #[must_use]
    pub fn faults(message: Option<&MessageReport>) -> Self {
        let links = message.map_or_else(|| "*".to_owned(), |message| one_way(message.from, message.to));
        Self { kind: MenuKind::Faults, row: 0, fault: None, links }
    }

    /// The menu of what is in force, the newest chosen.
    #[must_use]
    pub fn in_force(faults: &[Fault]) -> Self {
        let newest = faults.last().map(|fault| fault.id);
        Self { kind: MenuKind::InForce, row: 0, fault: newest, links: String::new() }
    }

    /// The chosen links, in words.
    #[must_use]
    pub fn links(&self) -> &str {
        &self.links
    }

    /// Its rows in which is found what is looked for.
    #[must_use]
    pub fn rows(&self, app: &App) -> Vec<Row> {
        let mut rows = match self.kind {
            MenuKind::Faults => self.fault_rows(app),
            MenuKind::InForce => app.world.in_force().iter().map(in_force_row).collect(),
        };
        let find = finding::find(app, List::Menu);
        rows.retain(|row| find.fits(&[&row.words, &row.about]));
        rows
    }

    fn fault_rows(&self, app: &App) -> Vec<Row> {
        let node = app.selected.map_or_else(|| "N".to_owned(), |node| node.0.to_string());
        let regions = || {
            let ids = app.world.ids().into_iter().zip(REGIONS.iter().cycle());
            ids.map(|(id, region)| format!("{}={region}", id.0)).collect::<Vec<_>>().join(",")
        };
        let words = |template: &str| {
            template.replace("{L}", &self.links).replace("{N}", &node).replace("{W}", &regions())
        };
        let row = |(template, about): &(&str, &'static str)| {
            let words = words(template);
            let no_node = app.selected.is_none() && template.contains("{N}");
            let lacking = if no_node {
                Some(NO_SELECTION.to_owned())
            } else {
                palette::lacking(&words, &app.world, app.capabilities())
            };
            let is_able = lacking.is_none();
            let about = lacking.map_or(Cow::Borrowed(*about), Cow::Owned);
            Row { words, about, is_able, fault: None }
        };
        FAULTS.iter().map(row).collect()
    }

    /// The place of the chosen row.
    #[must_use]
    pub fn at(&self, app: &App) -> usize {
        let rows = self.rows(app);
        let last = rows.len().saturating_sub(1);
        match self.kind {
            MenuKind::Faults => self.row.min(last),
            MenuKind::InForce => rows.iter().position(|row| row.fault >= self.fault).unwrap_or(last),
        }
    }

    /// The chosen row, unless there is none.
    #[must_use]
    pub fn chosen(&self, app: &App) -> Option<Row> {
        self.rows(app).into_iter().nth(self.at(app))
    }

    /// Chooses a row by its place, or the nearest there is.
    pub fn choose(&mut self, place: usize, app: &App) {
        let rows = self.rows(app);
        self.row = place.min(rows.len().saturating_sub(1));
        self.fault = rows.get(self.row).and_then(|row| row.fault);
    }

    /// Chooses the next links, or the previous ones: all, the selected node's, each pair of it.
    pub fn turn(&mut self, app: &App, on: bool) {
        let choices = choices(&app.world.ids(), app.selected);
        let place = choices.iter().position(|links| *links == self.links);
        let next = match (place, on) {
            (None, _) => 0,
            (Some(place), true) => (place + 1) % choices.len(),
            (Some(place), false) => (place + choices.len() - 1) % choices.len(),
        };
        self.links.clone_from(&choices[next]);
    }
}

fn one_way(from: NodeId, to: NodeId) -> String {
    format!("{}>{}", from.0, to.0)
}

fn in_force_row(fault: &Fault) -> Row {
    let words = write::disturbance(&fault.what);
    Row { words, about: Cow::Borrowed(""), is_able: true, fault: Some(fault.id) }
}

/// Never empty.
fn choices(ids: &[NodeId], selected: Option<NodeId>) -> Vec<String> {
    let mut choices = vec!["*".to_owned()];
    let Some(node) = selected else { return choices };
    let others = || ids.iter().copied().filter(move |other| *other != node);
    choices.extend([node.0.to_string(), format!("{}>", node.0), format!(">{}", node.0)]);
    choices.extend(others().map(|other| format!("{}-{}", node.0, other.0)));
    choices.extend(others().map(|other| one_way(node, other)));
    choices.extend(others().map(|other| one_way(other, node)));
    choices
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::Settings;
    use crate::app::palette::{PaletteLine, understand};
    use raftdeck_model::News;

    fn app() -> App {
        let mut app = App::new(Settings::default());
        let nodes = (1..=5).map(NodeId).collect();
        let update =
            News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() };
        let update = raftdeck_model::Update { at: std::time::Duration::ZERO, seq: 1, what: update };
        crate::app::update(&mut app, crate::app::Msg::Told(update), std::time::Duration::ZERO);
        app
    }

    #[test]
    fn every_line_of_the_menu_is_understood_for_all_links() {
        let app = app();
        let mut menu = Menu::faults(None);
        for _ in 0..choices(&app.world.ids(), app.selected).len() {
            for row in menu.rows(&app) {
                let said = understand(&row.words, &app.world);
                assert!(matches!(said, Ok(PaletteLine::Do(_))), "{}: {said:?}", row.words);
            }
            menu.turn(&app, true);
        }
        assert_eq!(menu.links(), "*", "it goes round");
    }
}
