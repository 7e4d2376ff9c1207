//! The catalogue: the list of drills, and beside it what the selected one is about.

use super::text::Text;
use crate::actions::{Action, ActionId};
use crate::app::drills::{DrillRecord, ONE_CLUSTER_A_RECORDING, RECORDING_HAS_NO_DRILLS};
use crate::view::found;
use crate::view::landed::Target;
use crate::view::paint::Paint;
use raftdeck_drills::{Drill, Severity, Verdict, report::bound_told};
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use std::time::Duration;

/// From this width on the description is beside the list, not below it.
const BESIDE: u16 = 70;

/// From this width on the list shows the ids.
const WITH_IDS: u16 = 62;

/// Draws it.
pub(super) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let area = trouble(paint, area);
    if area.width >= BESIDE {
        let width = if area.width >= 110 { (area.width * 13 / 20).min(100) } else { 44 };
        let list = Rect { width, ..area };
        let about = Rect { x: list.right() + 1, width: area.width - width - 1, ..area };
        rows(paint, list);
        describe(paint, about);
        return;
    }
    let wanted = u16::try_from(paint.app.drills.catalogue.shown().count() + 2).unwrap_or(u16::MAX);
    let list = Rect { height: wanted.min(area.height.div_ceil(2)), ..area };
    rows(paint, list);
    describe(paint, Rect { y: list.bottom(), height: area.height - list.height, ..area });
}

/// Says why no drill can be started; returns what remains of the area.
fn trouble(paint: &mut Paint<'_>, area: Rect) -> Rect {
    let drills = &paint.app.drills;
    let why = match &drills.failure {
        Some(why) => format!(" the drill's cluster could not be started: {why} "),
        None if paint.app.capabilities().is_recorded() => format!(" {RECORDING_HAS_NO_DRILLS} "),
        None if drills.is_recording => format!(" {ONE_CLUSTER_A_RECORDING} "),
        None => return area,
    };
    let mut text = Text::new(area.width);
    text.plate(&why, paint.theme.trouble_band());
    super::show(paint, area, text.lines(), 0);
    let used = u16::try_from(text.len()).unwrap_or(u16::MAX).min(area.height);
    Rect { y: area.y + used, height: area.height - used, ..area }
}

fn rows(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let catalogue = &app.drills.catalogue;
    let (shown, all) = (catalogue.shown().count(), catalogue.len());
    let dot = paint.glyphs().dot;
    let find = catalogue.find_text();
    let mut parts = if find.is_empty() {
        vec![counted(all, "drill"), format!("{} passed", catalogue.passed())]
    } else {
        let title = format!("drills{}", found::title(find));
        vec![title, catalogue.match_place().to_string()]
    };
    parts.extend(catalogue.order().name().map(str::to_owned));
    let title = parts.join(&format!(" {dot} "));
    let title = paint.cut(&title, usize::from(area.width).saturating_sub(6));
    paint.rule(area, 0, &title);
    let columns = Columns::of(area.width);
    paint.row(area, 1, &Line::styled(columns.heads(), paint.theme.faint()));
    let area = Rect { y: area.y + 2, height: area.height.saturating_sub(2), ..area };
    let rows = usize::from(area.height);
    let first = (catalogue.place() + 1).saturating_sub(rows);
    let selected = catalogue.selected().map(|drill| &drill.id);
    for (row, (place, drill)) in (0..).zip(catalogue.shown().enumerate().skip(first).take(rows)) {
        let is_selected = Some(&drill.id) == selected;
        let line = columns.row(paint, drill, catalogue.record(&drill.id), is_selected);
        paint.row(area, row, &line);
        paint.mark(Rect { y: area.y + row, height: 1, ..area }, Target::Drill(place));
    }
    if shown == 0 {
        let text = if find.is_empty() {
            " There are no drills."
        } else {
            " No drill has that in its id, title or tags."
        };
        paint.row(area, 0, &Line::styled(text, paint.theme.faint()));
    }
}

/// The widths of the list's columns; 0: the column is left out.
struct Columns {
    title: usize,
    id: usize,
    nodes: usize,
}

impl Columns {
    /// The mark, the level and the result, with the gaps.
    const OTHERS: usize = 3 + 8 + 5;

    fn of(width: u16) -> Self {
        let (id, nodes) = if width >= WITH_IDS { (22, 7) } else { (0, 0) };
        Self { title: usize::from(width).saturating_sub(Self::OTHERS + id + nodes), id, nodes }
    }

    fn heads(&self) -> String {
        let (id, nodes) = if self.id > 0 { ("id", "nodes") } else { ("", "") };
        let Self { title: t, id: i, nodes: n } = *self;
        format!("   {:t$}{id:i$}{:8}{nodes:n$}best", "drill", "level")
    }

    fn row(
        &self,
        paint: &Paint<'_>,
        drill: &Drill,
        record: Option<DrillRecord>,
        selected: bool,
    ) -> Line<'static> {
        let theme = paint.theme;
        let mark = if selected { paint.glyphs().selected } else { " " };
        let cell = |text: &str, width: usize| padded(&paint.cut(text, width.saturating_sub(1)), width);
        let nodes = if self.nodes > 0 { format!("{:>5}  ", drill.cluster.nodes) } else { String::new() };
        let (result, style) = best(paint, record);
        let faint = if selected { theme.selected() } else { theme.faint() };
        let title = if selected { theme.selected() } else { theme.strong() };
        let find = paint.app.drills.catalogue.find_text();
        let mut spans = vec![Span::raw(format!(" {mark} "))];
        spans.extend(found::spans(find, &cell(&drill.title, self.title), title));
        spans.extend(found::spans(find, &cell(&drill.id, self.id), faint));
        spans.push(Span::styled(cell(drill.difficulty.name(), 8), faint));
        spans.push(Span::styled(nodes, faint));
        spans.push(Span::styled(result, style));
        Line::from(spans)
    }
}

fn padded(text: &str, width: usize) -> String {
    let used = Span::raw(text).width();
    format!("{text}{}", " ".repeat(width.saturating_sub(used)))
}

/// The best score, or that no run was passed yet.
fn best(paint: &Paint<'_>, record: Option<DrillRecord>) -> (String, Style) {
    let glyphs = paint.glyphs();
    match record {
        None => (String::new(), paint.theme.text()),
        Some(DrillRecord { passed: 0, .. }) => {
            (format!("{}  {}", glyphs.no, glyphs.none), paint.theme.trouble_line())
        }
        Some(DrillRecord { best, .. }) => {
            let best = best.map_or_else(|| glyphs.none.to_owned(), |best| best.to_string());
            (format!("{}{best:>3}", glyphs.yes), paint.theme.leader_line())
        }
    }
}

fn describe(paint: &mut Paint<'_>, area: Rect) {
    let app = paint.app;
    let Some(drill) = app.drills.catalogue.selected() else { return };
    paint.rule(area, 0, &paint.cut(&drill.title, usize::from(area.width).saturating_sub(6)));
    let area = Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area };
    let text = about(paint, drill, area.width);
    super::note_scroll(paint, text.len(), area.height);
    super::show(paint, area, text.lines(), app.drills.scroll);
}

fn about(paint: &Paint<'_>, drill: &Drill, width: u16) -> Text {
    let theme = paint.theme;
    let dot = paint.glyphs().dot;
    let mut text = Text::new(width);
    let nodes = counted(drill.cluster.nodes.into(), "node");
    text.wrapped(
        " ",
        &format!("{} {dot} {} {dot} {nodes}", drill.id, drill.difficulty.name()),
        theme.faint(),
    );
    text.paragraphs(" ", &drill.description, theme.text());
    if let Some(action) = Action::of(ActionId::StartDrill).filter(|action| action.can(paint.app).is_ok()) {
        let key = paint.app.key_of(action.id);
        text.blank();
        text.led(Span::styled(format!(" {key} "), theme.key()), "starts it on a fresh cluster", theme.text());
    }
    text.heading("what must hold", theme.strong());
    for assert in &drill.asserts {
        let bound =
            assert.bound.as_ref().map(|bound| format!(" {}", bound_told(bound.text(), Duration::ZERO)));
        let should = if assert.severity == Severity::Should { " (should)" } else { "" };
        let what = format!("{}: {}{}{should}", assert.name, assert.expr, bound.unwrap_or_default());
        text.wrapped(&format!(" {dot} "), &what, theme.text());
    }
    for probe in &drill.probes {
        text.wrapped(&format!(" {dot} "), &format!("{}: {}", probe.name, probe.expr), theme.text());
    }
    let always = "and in every drill: Raft's safety properties, and linearizable answers";
    text.wrapped(&format!(" {dot} "), always, theme.faint());
    text.blank();
    text.wrapped(" ", &asked_of_person(drill), theme.text());
    text.wrapped(" ", &so_far(paint.app.drills.catalogue.record(&drill.id)), theme.text());
    for (name, words) in [("read", &drill.paper), ("tags", &drill.tags)] {
        if !words.is_empty() {
            text.wrapped(&format!(" {name}: "), &words.join(", "), theme.faint());
        }
    }
    text
}

/// How many questions and tasks a drill has.
fn asked_of_person(drill: &Drill) -> String {
    let questions = drill.steps.iter().filter(|step| step.ask.is_some()).count();
    let tasks = drill.steps.iter().filter(|step| step.act.is_some()).count();
    match (questions, tasks) {
        (0, 0) => "It asks nothing of you: watch it.".to_owned(),
        (0, _) => format!("You have {} to do.", counted(tasks, "task")),
        (_, 0) => format!("You have {} to answer.", counted(questions, "question")),
        _ => format!(
            "You have {} to answer and {} to do.",
            counted(questions, "question"),
            counted(tasks, "task")
        ),
    }
}

fn so_far(record: Option<DrillRecord>) -> String {
    let Some(DrillRecord { passed, best, last }) = record else {
        return "You have not run it yet.".to_owned();
    };
    if passed == 0 {
        return format!("Not passed yet; the last run: {last}.");
    }
    let best = best.map(|best| format!(", best score {best}")).unwrap_or_default();
    let last = if last == Verdict::Passed { String::new() } else { format!("; the last run: {last}") };
    format!("Passed {}{best}{last}.", if passed == 1 { "once".to_owned() } else { format!("{passed} times") })
}

/// `1 node`, `3 nodes`.
pub(super) fn counted(count: usize, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {noun}{plural}")
}
