//! What has to be confirmed, over the view: what is asked, what is lost, and the two answers, which are buttons too.

use crate::app::confirm::{Confirm, ConfirmReply};
use crate::sentences::counted;
use crate::tabs::TabLabel;
use crate::view::drills::text::Text;
use crate::view::landed::{Pane, Target};
use crate::view::paint::Paint;
use raftdeck_model::MemberStanding;
use raftdeck_raft::NodeId;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Widget};

/// The widest that the box is.
const WIDEST: u16 = 64;

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect, confirm: &Confirm) {
    let width = area.width.min(WIDEST);
    let text = words(paint, width.saturating_sub(2), confirm);
    let height = u16::try_from(text.len() + 4).unwrap_or(u16::MAX).min(area.height);
    let page =
        Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    paint.clear(page);
    let block = Block::bordered().border_set(paint.glyphs().leader_border);
    let inner = block.inner(page);
    block.render(page, paint.buf);
    paint.mark(area, Target::Pane(Pane::Menu));
    // Where there is no room for all, the answers are shown rather than the end of the text.
    let rows = inner.height.saturating_sub(if inner.height > 2 { 2 } else { 1 });
    for (row, line) in (0..rows).zip(text.lines()) {
        paint.row(inner, row, line);
    }
    let buttons = Rect { y: inner.bottom().saturating_sub(1), height: inner.height.min(1), ..inner };
    replies(paint, buttons, confirm);
}

fn replies(paint: &mut Paint<'_>, area: Rect, confirm: &Confirm) {
    let mut x = area.x + 1;
    for (reply, key, word) in choices(confirm) {
        let line = Line::from(vec![Span::styled(key, paint.theme.key()), Span::raw(format!(" {word}"))]);
        let width = u16::try_from(line.width()).unwrap_or(0);
        let place = Rect { x, width, ..area }.intersection(area);
        paint.at(place, &line);
        paint.mark(place, Target::Reply(reply));
        x = x.saturating_add(width + 3);
    }
}

/// On a very small screen: the keys, and above them the question if there is room.
pub(crate) fn brief(paint: &mut Paint<'_>, area: Rect, confirm: &Confirm) {
    let rows = area.height.min(2);
    paint.clear(Rect { height: rows, ..area });
    if rows > 1 {
        let question = paint.cut(&question(paint, confirm), area.width.into());
        paint.row(area, 0, &Line::styled(question, paint.theme.strong()));
    }
    let keys = keys(paint, confirm);
    paint.row(area, rows.saturating_sub(1), &keys);
}

/// The same in the footer, where they are no buttons: the click that asked may have been there.
pub(crate) fn keys(paint: &Paint<'_>, confirm: &Confirm) -> Line<'static> {
    let spans = choices(confirm).into_iter().flat_map(|(_, key, word)| {
        [Span::raw(" "), Span::styled(key, paint.theme.key()), Span::raw(format!(" {word}  "))]
    });
    spans.collect()
}

/// The answers: the key and what it does.
fn choices(confirm: &Confirm) -> [(ConfirmReply, &'static str, &'static str); 2] {
    let (yes, no) = match confirm {
        Confirm::Quit => ("quit", "stay"),
        Confirm::Remove(_) => ("remove it", "keep it"),
        Confirm::Wipe(_) => ("wipe it", "keep its data"),
        Confirm::StartDrill(_) | Confirm::StartLesson(_) => ("start it", "leave it as it is"),
        Confirm::StopDrill => ("stop it", "go on with it"),
        Confirm::CloseTab => ("close it", "leave it open"),
    };
    [(ConfirmReply::Yes, "y", yes), (ConfirmReply::No, "Esc", no)]
}

fn words(paint: &Paint<'_>, width: u16, confirm: &Confirm) -> Text {
    let mut text = Text::new(width);
    text.plate(&format!(" {} ", question(paint, confirm)), paint.theme.trouble_band());
    for (line, is_loss) in consequences(paint, confirm) {
        let style = if is_loss { paint.theme.strong() } else { paint.theme.text() };
        text.wrapped(" ", &line, style);
    }
    text
}

fn question(paint: &Paint<'_>, confirm: &Confirm) -> String {
    match confirm {
        Confirm::Quit if paint.app.tabs().is_several() => {
            format!("Quit, with all {} clusters?", paint.app.tabs().labels().len())
        }
        Confirm::Quit => "Quit?".to_owned(),
        Confirm::CloseTab => {
            let tab = paint.app.tabs().shown();
            format!("Close the tab {}?", tab.map_or("", |tab| tab.name.as_str()))
        }
        Confirm::Remove(node) => format!("Remove {node} from the cluster, with its data?"),
        Confirm::Wipe(words) => format!("Empty this disk: {words}?"),
        Confirm::StartDrill(id) => {
            let drill = paint.app.drills.catalogue.find(id);
            format!("Start \"{}\"?", drill.map_or(id.as_str(), |drill| &drill.title))
        }
        Confirm::StartLesson(id) => {
            let lesson = paint.app.lessons.find(id).map(|lesson| lesson.title.text());
            let mut exhibits = paint.app.lessons.shelf.exhibits().iter();
            let exhibit = exhibits.find(|exhibit| exhibit.id == *id).map(|exhibit| exhibit.title.as_str());
            format!("Start \"{}\"?", lesson.or(exhibit).unwrap_or(id))
        }
        Confirm::StopDrill => "Stop this drill?".to_owned(),
    }
}

/// The clusters that are out of sight, which end with the deck too.
fn others(paint: &Paint<'_>) -> Vec<(String, bool)> {
    let tabs = paint.app.tabs();
    let others = tabs.labels().iter().enumerate().filter(|(place, _)| *place != tabs.place());
    let line = |TabLabel { name, is_elsewhere, is_recording, .. }: &TabLabel| {
        let ends = if *is_recording { ", and its recording ends" } else { "" };
        if *is_elsewhere {
            (format!("The deck leaves {name}, which goes on{ends}."), *is_recording)
        } else {
            (format!("The cluster {name} is stopped too{ends}."), true)
        }
    };
    others.map(|(_, label)| line(label)).collect()
}

fn recording(paint: &Paint<'_>) -> Option<(String, bool)> {
    paint.app.drills.is_recording.then(|| ("The recording ends here.".to_owned(), true))
}

/// What follows, and whether it is a loss.
fn consequences(paint: &Paint<'_>, confirm: &Confirm) -> Vec<(String, bool)> {
    match confirm {
        Confirm::Quit => {
            let mut lines = lost(paint);
            lines.extend(others(paint));
            lines.extend(recording(paint));
            lines
        }
        Confirm::CloseTab => [lost(paint), recording(paint).into_iter().collect()].concat(),
        Confirm::Remove(node) => removal(paint, *node),
        Confirm::Wipe(words) => wiping(words.starts_with("wipe-unsafe")),
        Confirm::StartDrill(id) => {
            let nodes = paint.app.drills.catalogue.find(id).map_or(0, |drill| drill.cluster.nodes);
            let fresh = format!("It runs on a fresh cluster: {}.", counted(nodes.into(), "node"));
            [vec![(fresh, false)], lost(paint)].concat()
        }
        Confirm::StartLesson(_) => lost(paint),
        Confirm::StopDrill => {
            let what = "It heals what it broke, and its verdict is aborted. The cluster stays.";
            vec![(what.to_owned(), false)]
        }
    }
}

/// What is lost with the present cluster.
fn lost(paint: &Paint<'_>) -> Vec<(String, bool)> {
    let world = &paint.app.world;
    if paint.app.capabilities().is_recorded() {
        return vec![("The recording that is played stays as it is.".to_owned(), false)];
    }
    if paint.app.is_elsewhere() {
        return vec![("This deck leaves the cluster, which goes on.".to_owned(), false)];
    }
    let mut lines = vec![match world.data_dir.get().and_then(Option::as_ref) {
        Some(dir) => format!("The present cluster is stopped; its data stays in {dir}."),
        None => "The present cluster is stopped, and its data is removed.".to_owned(),
    }];
    match world.in_force().len() {
        0 => {}
        1 => lines.push("The fault that is in force ends with it.".to_owned()),
        faults => lines.push(format!("The {faults} faults that are in force end with it.")),
    }
    lines.into_iter().map(|line| (line, true)).collect()
}

/// What follows from the removal of a node.
fn removal(paint: &Paint<'_>, node: NodeId) -> Vec<(String, bool)> {
    let world = &paint.app.world;
    let mut lines = vec![("Its process ends, and its log and snapshots are deleted.".to_owned(), true)];
    if world.leader().is_some_and(|leader| leader.id == node) {
        lines.push(("It leads: afterwards another node has to lead.".to_owned(), false));
    }
    let voters = world.voters().len();
    let quorum = match world.standing(node) {
        MemberStanding::Voter if voters > 1 => {
            let left = voters - 1;
            let needed = left / 2 + 1;
            let spare = left - needed;
            let stay = if left == 1 { "1 voter stays".to_owned() } else { format!("{left} voters stay") };
            format!("{stay} and {needed} of them are needed: {spare} may fail.")
        }
        MemberStanding::Voter => return lines,
        MemberStanding::Learner | MemberStanding::Outside => {
            "It does not vote: the quorum stays as it is.".to_owned()
        }
    };
    lines.push((quorum, false));
    lines
}

fn wiping(is_unsafe: bool) -> Vec<(String, bool)> {
    let then = if is_unsafe {
        "It votes on as if nothing were lost, although it has forgotten its votes and entries: acknowledged writes can be lost."
    } else {
        "It does not vote until it is replaced."
    };
    vec![("Its log, its vote and its snapshots are deleted.".to_owned(), true), (then.to_owned(), false)]
}
