//! When an action is possible, or why not, as sentences for the footer.

use crate::actions::{ActionId, Reason};
use crate::app::data::write_line;
use crate::app::drills::{DrillStage, ONE_CLUSTER_A_RECORDING, PersonWait, Playing, RECORDING_HAS_NO_DRILLS};
use crate::app::finding::{self, List};
use crate::app::lessons::ShelfKind;
use crate::app::{App, View};
use crate::sentences::changing;
use raftdeck_model::MAX_NODES;
use raftdeck_model::{Concern, MemberStanding, MessageState, Node};
use std::borrow::Cow;

pub(super) fn because(text: impl Into<Cow<'static, str>>) -> Result<(), Reason> {
    Err(Reason(text.into()))
}

// All functions of a table have the same signature.
#[expect(clippy::unnecessary_wraps, reason = "one signature for the whole table")]
pub(super) fn always(_: &App) -> Result<(), Reason> {
    Ok(())
}

pub(super) fn script_waits(app: &App) -> Result<(), Reason> {
    match &app.scripted {
        Some(scripted) if scripted.waits() => Ok(()),
        Some(_) => because("the script is running already"),
        None => because("no script is played: raftdeck --script FILE plays one"),
    }
}

pub(super) fn has_nodes(app: &App) -> Result<(), Reason> {
    if app.world.is_empty() { because("there is no node to select yet") } else { Ok(()) }
}

/// Something in the present view is selected that can be explained.
pub(super) fn has_subject(app: &App) -> Result<(), Reason> {
    if app.subject().is_some() { Ok(()) } else { because("there is nothing to explain yet") }
}

/// Why a key that acts on a node cannot.
pub const NO_SELECTION: &str = "no node is selected: its number selects one";

pub(super) fn has_selection(app: &App) -> Result<(), Reason> {
    if app.selected_node().is_none() { because(NO_SELECTION) } else { Ok(()) }
}

pub(super) fn can_kill(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    match app.selected_node() {
        Some(node) if node.is_down() => {
            because(format!("{} is down already: {} restarts it", node.id, app.key_of(ActionId::Restart)))
        }
        _ => Ok(()),
    }
}

pub(super) fn has_leader(app: &App) -> Result<(), Reason> {
    if app.world.leader().is_none() { because("no node leads at the moment") } else { Ok(()) }
}

pub(super) fn any_down(app: &App) -> Result<(), Reason> {
    if app.world.nodes().any(Node::is_down) { Ok(()) } else { because("no node is down") }
}

pub(super) fn can_pause(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    match app.selected_node() {
        Some(node) if node.is_down() => {
            because(format!("{} is down: {} restarts it", node.id, app.key_of(ActionId::Restart)))
        }
        Some(node) if node.process.is_none() => because(format!("{} has not started yet", node.id)),
        _ => Ok(()),
    }
}

pub(super) fn can_partition(app: &App) -> Result<(), Reason> {
    if let Some(id) = app.partition() {
        return because(format!("{id} is cut off already: {} heals", app.key_of(ActionId::Heal)));
    }
    has_leader(app)?;
    match app.world.leader() {
        Some(_) if app.world.len() < 2 => because("one node alone cannot be cut off from anyone"),
        Some(leader) if app.world.is_isolated(leader.id) => {
            because(format!("{} is cut off already: {} heals", leader.id, app.key_of(ActionId::Heal)))
        }
        _ => Ok(()),
    }
}

pub(super) fn can_isolate(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    match app.selected_node() {
        Some(_) if app.world.len() < 2 => because("one node alone cannot be cut off from anyone"),
        Some(node) if app.world.is_isolated(node.id) => {
            because(format!("{} is cut off already: {} heals", node.id, app.key_of(ActionId::Heal)))
        }
        _ => Ok(()),
    }
}

/// Membership and leadership can be changed only through a leader with a majority.
pub(super) fn has_majority(app: &App) -> Result<(), Reason> {
    has_leader(app)?;
    match app.world.leader().and_then(|leader| Some((leader.id, leader.live()?))) {
        Some((id, status)) if status.lacks_quorum() => {
            because(format!("{id} leads but reaches no majority: nothing can be changed"))
        }
        _ => Ok(()),
    }
}

pub(super) fn nothing_under_way(app: &App) -> Result<(), Reason> {
    if let Some(to) = app.world.transfer() {
        return because(format!("the leadership is being handed to {to}: wait a moment"));
    }
    match app.world.changes().next() {
        Some((id, step)) => because(format!("{}: wait until it is done", changing(id, step))),
        None if app.world.is_joint() => {
            because("the cluster is between two configurations: wait until it is done")
        }
        None => Ok(()),
    }
}

/// The selected node runs, and may lead.
pub(super) fn may_lead(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    let Some(node) = app.selected_node() else { return Ok(()) };
    let id = node.id;
    match app.world.standing(id) {
        _ if node.is_down() => {
            because(format!("{id} is down: {} restarts it", app.key_of(ActionId::Restart)))
        }
        _ if node.is_paused() => {
            because(format!("{id} is paused: {} resumes it", app.key_of(ActionId::Pause)))
        }
        _ if !node.is_running() => because(format!("{id} has not started yet")),
        MemberStanding::Learner => because(format!("{id} is a learner: only voters can lead")),
        MemberStanding::Outside => because(format!("{id} is not a member of the cluster")),
        MemberStanding::Voter => Ok(()),
    }
}

pub(super) fn can_transfer(app: &App) -> Result<(), Reason> {
    may_lead(app)?;
    has_majority(app)?;
    match app.world.leader() {
        Some(leader) if app.selected == Some(leader.id) => because(format!("{} leads already", leader.id)),
        _ => nothing_under_way(app),
    }
}

pub(super) fn can_elect(app: &App) -> Result<(), Reason> {
    may_lead(app)?;
    match app.world.leader() {
        Some(leader) if app.selected == Some(leader.id) => because(format!(
            "{} leads already: {} hands over to another node",
            leader.id,
            app.key_of(ActionId::Transfer)
        )),
        _ => Ok(()),
    }
}

pub(super) fn can_add(app: &App) -> Result<(), Reason> {
    has_nodes(app)?;
    if app.world.len() >= usize::from(MAX_NODES) {
        return because(format!("there are {MAX_NODES} nodes already, which is the maximum"));
    }
    has_majority(app)
}

pub(super) fn can_remove(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    let Some(id) = app.selected else { return Ok(()) };
    if app.world.voters().iter().eq([&id]) {
        return because(format!("{id} is the last voter: without it there is no cluster"));
    }
    has_majority(app)?;
    nothing_under_way(app)
}

/// An interrupted replacement leaves a learner, or no member; it can be continued.
pub(super) fn can_replace(app: &App) -> Result<(), Reason> {
    has_selection(app)?;
    let Some(node) = app.selected_node() else { return Ok(()) };
    let id = node.id;
    match (app.world.standing(id), app.world.concern(id)) {
        _ if node.is_down() => {
            return because(format!("{id} is down: {} restarts it", app.key_of(ActionId::Restart)));
        }
        _ if node.is_paused() => {
            return because(format!("{id} is paused: {} resumes it", app.key_of(ActionId::Pause)));
        }
        (MemberStanding::Voter, Some(Concern::EmptyDisk { too_many: true })) => {
            return because("too many disks are lost: the remaining members have no majority");
        }
        (MemberStanding::Voter, Some(Concern::EmptyDisk { .. }))
        | (MemberStanding::Learner | MemberStanding::Outside, _) => {}
        (MemberStanding::Voter, _) => {
            return because(format!("{id} has the disk in the membership: there is nothing to replace"));
        }
    }
    has_majority(app)?;
    nothing_under_way(app)
}

pub(super) fn can_heal(app: &App) -> Result<(), Reason> {
    if app.world.in_force().is_empty() && !app.world.any_cut() && !app.world.nodes().any(Node::is_paused) {
        return because("nothing to heal: no link is cut and no node is paused");
    }
    Ok(())
}

pub(super) fn can_undo(app: &App) -> Result<(), Reason> {
    if app.world.in_force().is_empty() {
        because("nothing is in force: there is nothing to undo")
    } else {
        Ok(())
    }
}

pub(super) fn can_slow(app: &App) -> Result<(), Reason> {
    has_nodes(app)?;
    if app.clock.is_frozen() {
        because(format!("time is frozen already: {} resumes it", app.key_of(ActionId::Freeze)))
    } else {
        Ok(())
    }
}

pub(super) fn can_speed(app: &App) -> Result<(), Reason> {
    has_nodes(app)?;
    if app.clock.is_slow() {
        Ok(())
    } else {
        because(format!("time runs at full rate already: {} slows it down", app.key_of(ActionId::Slower)))
    }
}

pub(super) fn has_message(app: &App) -> Result<(), Reason> {
    if app.messages.chosen().is_some() {
        return Ok(());
    }
    if app.messages.sieve.is_open() {
        because("no message has been sent yet")
    } else {
        because(format!("no message passes the filter: {} changes it", app.key_of(ActionId::Find)))
    }
}

pub(super) fn can_move(app: &App) -> Result<(), Reason> {
    has_message(app)?;
    match app.messages.chosen().map(|message| message.state) {
        Some(MessageState::Delivered { .. }) => because(format!(
            "this message has arrived already: {} selects one that has not",
            app.key_of(ActionId::NextOpen)
        )),
        Some(MessageState::Lost { .. }) => because(format!(
            "this message is lost: {} selects one that is not",
            app.key_of(ActionId::NextOpen)
        )),
        _ => Ok(()),
    }
}

pub(super) fn any_open(app: &App) -> Result<(), Reason> {
    if app.messages.held() + app.messages.under_way() > 0 {
        Ok(())
    } else {
        because("no message is held or under way")
    }
}

pub(super) fn has_key(app: &App) -> Result<(), Reason> {
    if app.data.selected().is_some() { Ok(()) } else { because("there is no key to select") }
}

pub(super) fn can_delete_key(app: &App) -> Result<(), Reason> {
    has_key(app)?;
    match write_line(app, "delete") {
        Some(_) => Ok(()),
        None => because("this key has bytes that cannot be typed: the client library can delete it"),
    }
}

fn waits_for(app: &App) -> Option<PersonWait> {
    app.drills.playing().and_then(Playing::waits_for)
}

pub(super) fn question_waits(app: &App) -> Result<(), Reason> {
    match waits_for(app) {
        Some(PersonWait::Answer(_)) => Ok(()),
        _ => because("no question waits for an answer"),
    }
}

pub(super) fn answer_is_read(app: &App) -> Result<(), Reason> {
    match waits_for(app) {
        Some(PersonWait::Reading) => Ok(()),
        _ => because("no answer waits to be read"),
    }
}

pub(super) fn task_waits(app: &App) -> Result<(), Reason> {
    match waits_for(app) {
        Some(PersonWait::Task { .. }) => Ok(()),
        _ => because("no task waits for you"),
    }
}

pub(super) fn has_hint(app: &App) -> Result<(), Reason> {
    task_waits(app)?;
    match waits_for(app) {
        Some(PersonWait::Task { hints: 0 }) => because("there are no more hints for this task"),
        _ => Ok(()),
    }
}

pub(super) fn drill_runs(app: &App) -> Result<(), Reason> {
    if app.drills.playing().is_some() { Ok(()) } else { because("no drill is running") }
}

pub(super) fn drill_ended(app: &App) -> Result<(), Reason> {
    if app.drills.ended().is_some() { Ok(()) } else { because("no drill has ended") }
}

pub(super) fn is_choosing(app: &App) -> Result<(), Reason> {
    match &app.drills.stage {
        DrillStage::Choosing => Ok(()),
        DrillStage::Starting(_) => because("the cluster of the drill is starting"),
        DrillStage::Playing(_) => {
            because(format!("a drill is running: {} stops it", app.key_in(View::Drills, ActionId::StopDrill)))
        }
        DrillStage::Ended(_) => {
            because(format!("{} leaves this result first", app.key_in(View::Drills, ActionId::ToCatalogue)))
        }
    }
}

/// Why this deck can start no drill at all.
pub(super) fn may_start(app: &App) -> Result<(), Reason> {
    if app.capabilities().is_recorded() {
        return because(RECORDING_HAS_NO_DRILLS);
    }
    if app.drills.is_recording {
        return because(ONE_CLUSTER_A_RECORDING);
    }
    Ok(())
}

pub(super) fn can_start_drill(app: &App) -> Result<(), Reason> {
    is_choosing(app)?;
    if app.lessons().shelf.kind() != ShelfKind::Drills {
        return because("no drill is selected");
    }
    if app.lessons().is_on() {
        return because("a lesson is played: leave it first");
    }
    may_start(app)?;
    if app.drills.catalogue.selected().is_some() { Ok(()) } else { because("there is no drill to start") }
}

pub(super) fn can_play_again(app: &App) -> Result<(), Reason> {
    drill_ended(app)?;
    may_start(app)
}

pub(super) fn can_zoom_in(app: &App) -> Result<(), Reason> {
    if app.charts.can_zoom(true) { Ok(()) } else { because("a column cannot be less time than this") }
}

pub(super) fn can_zoom_out(app: &App) -> Result<(), Reason> {
    if app.charts.can_zoom(false) { Ok(()) } else { because("a column cannot be more time than this") }
}

/// Something can be looked for.
pub(super) fn has_list(app: &App) -> Result<(), Reason> {
    match List::of(app) {
        Some(_) => Ok(()),
        None if app.view() == View::Drills => is_choosing(app),
        None => because("this view has no list to filter"),
    }
}

/// Something is looked for.
pub(super) fn is_finding(app: &App) -> Result<(), Reason> {
    if finding::is_active(app) {
        Ok(())
    } else {
        because(format!("nothing is looked for here: {} looks for something", app.key_of(ActionId::Find)))
    }
}

pub(super) fn has_panes(app: &App) -> Result<(), Reason> {
    has_nodes(app)?;
    if app.focused().is_some() { Ok(()) } else { because("this view has one pane only") }
}
