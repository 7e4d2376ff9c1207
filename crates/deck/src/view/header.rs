//! The top of the screen: the tabs, and the most important state on a band that can be read from a distance.

use crate::app::View;
use crate::view::labels::{self, Tone};
use crate::view::landed::Target;
use crate::view::paint::Paint;
use crate::view::stamp;
use raftdeck_model::{Verdict, WorkloadFigures};
use raftdeck_raft::LogIndex;
use ratatui::layout::Rect;
use ratatui::style::Modifier;
use ratatui::text::{Line, Span};

/// From this width on there is room for the program's name before the tabs.
const NAMED: u16 = 76;

/// How many rows the header takes on a screen of this height.
pub(crate) fn rows(height: u16) -> u16 {
    match height {
        0..14 => 1,
        14..30 => 2,
        _ => 4,
    }
}

/// How many rows it takes in presenter mode: the band alone.
pub(crate) fn rows_presenting(height: u16) -> u16 {
    if height < 20 { 1 } else { 3 }
}

/// Draws it.
pub(crate) fn draw(paint: &mut Paint<'_>, area: Rect) {
    let clock = clock(paint, area.width);
    let width = u16::try_from(clock.width()).unwrap_or(0).min(area.width / 2);
    let left = Rect { width: area.width - width, height: 1, ..area };
    let right = Rect { x: left.right(), width, height: 1, ..area };
    if area.height == 1 || paint.app.presenter.is_on {
        let band_rows = Rect { height: area.height, ..left };
        band(paint, band_rows);
        paint.at(Rect { y: area.y + (area.height - 1) / 2, ..right }, &clock);
        return;
    }
    tabs(paint, left);
    paint.at(right, &clock);
    band(paint, Rect { y: area.y + 1, height: area.height - 1, ..area });
}

/// The rate of cluster time, and the time: always shown, and emphasized when time is not real. Before it, if the source is a
/// recording, a note that says so.
fn clock(paint: &Paint<'_>, width: u16) -> Line<'static> {
    let clock = &paint.app.clock;
    if let Some(past) = past(paint) {
        return past;
    }
    let dot = paint.glyphs().dot;
    let shown = clock.shown(paint.now);
    let (text, style) = match (clock.is_frozen(), clock.is_slow()) {
        (true, _) => {
            (format!(" {} FROZEN {dot} {shown} ", paint.glyphs().paused), paint.theme.trouble_plate())
        }
        (false, true) => (format!(" RATE {} {dot} {shown} ", clock.rate()), paint.theme.trouble_plate()),
        (false, false) => (format!(" rate 1 {dot} {shown} "), paint.theme.strong()),
    };
    let mut spans = vec![Span::styled(text, style)];
    if paint.app.capabilities().is_recorded() {
        let word = if width < 60 { " REC " } else { " RECORDING " };
        spans.insert(0, Span::styled(word, paint.theme.selected()));
    }
    Line::from(spans)
}

/// The same while the past is shown, or a moment of a recording: when that was, and whether it is being played or is frozen.
fn past(paint: &Paint<'_>) -> Option<Line<'static>> {
    let tape = paint.app.tape();
    let shown = stamp(paint.time);
    if tape.has_present() {
        let played = if tape.is_playing() { format!("{} ", paint.glyphs().selected) } else { String::new() };
        return Some(Line::styled(format!(" PAST {played}{shown} "), paint.theme.trouble_plate()));
    }
    let glyph = if tape.is_playing() { paint.glyphs().selected } else { paint.glyphs().paused };
    let word = Span::styled(" RECORDING ", paint.theme.selected());
    let time = Span::styled(format!(" {glyph} {shown} "), paint.theme.strong());
    tape.is_past().then(|| Line::from(vec![word, time]))
}

fn tabs(paint: &mut Paint<'_>, area: Rect) {
    let mut x = area.x;
    if area.width >= NAMED {
        paint.at(area, &Line::styled(" raftdeck ", paint.theme.strong()));
        x += 11;
    }
    let names: usize = View::ALL.iter().map(|view| view.name().len() + 3).sum();
    // Without the gaps all of them have room beside a long clock.
    let gap = u16::from(usize::from(area.right().saturating_sub(x)) >= names);
    for view in View::ALL {
        let chosen = view == paint.app.view;
        let style = if chosen { paint.theme.selected() } else { paint.theme.faint() };
        let text = format!(" {} ", view.name());
        let width = u16::try_from(text.len()).unwrap_or(0);
        let place = Rect { x, width, ..area }.intersection(area);
        paint.at(place, &Line::styled(text, style));
        paint.mark(place, Target::View(view));
        x = x.saturating_add(width + gap);
    }
}

fn band(paint: &mut Paint<'_>, area: Rect) {
    let verdict = paint.app.world.verdict();
    let (claim, detail, tone) = match &paint.app.drills.failure {
        Some(_) if paint.app.world.is_empty() => {
            ("NO CLUSTER".to_owned(), "that of the drill could not be started".to_owned(), Tone::Trouble)
        }
        _ => labels::verdict(&verdict),
    };
    let glyphs = paint.glyphs();
    let (glyph, style) = match tone {
        Tone::Good => (glyphs.leader, paint.theme.leader_plate()),
        Tone::Trouble => (glyphs.candidate, paint.theme.trouble_band()),
        Tone::Calm | Tone::Alone | Tone::Gone => (glyphs.starting, paint.theme.selected()),
    };
    paint.fill(area, style);
    let middle = Rect { y: area.y + (area.height - 1) / 2, height: 1, ..area };
    let light = style.remove_modifier(Modifier::BOLD);
    let [claim, detail] = fitting(paint, &verdict, [&claim, &detail], usize::from(area.width), glyph);
    let line = Line::from(vec![Span::styled(claim, style), Span::styled(detail, light)]);
    let used = u16::try_from(line.width()).unwrap_or(u16::MAX).min(area.width);
    paint.at(middle, &line);
    let rest = Rect { x: area.x + used, width: area.width - used, ..middle };
    for text in figures(paint) {
        if paint.right(rest, 0, &Line::from(Span::styled(text, light))) {
            break;
        }
    }
}

/// The claim and the remark, in the longest forms that fit.
fn fitting(
    paint: &Paint<'_>,
    verdict: &Verdict,
    [claim, detail]: [&str; 2],
    width: usize,
    glyph: &str,
) -> [String; 2] {
    let dot = paint.glyphs().dot;
    let whole = |claim: &str, detail: &str| {
        [format!(" {glyph} {}", loud(claim)), format!("  {dot}  {} ", detail.replace('·', dot))]
    };
    let remarks = labels::brief_remarks(verdict);
    let mut forms = vec![whole(claim, detail)];
    forms.extend(remarks.iter().map(|remark| whole(claim, remark)));
    if let Some(remark) = remarks.last() {
        forms.push([format!(" {glyph} {}", loud(&labels::brief(verdict))), format!(" {dot} {remark} ")]);
    }
    let fits = |[claim, detail]: &&[String; 2]| Span::raw(claim).width() + Span::raw(detail).width() <= width;
    if let Some(form) = forms.iter().find(fits) {
        return form.clone();
    }
    let [claim, detail] = forms.pop().unwrap_or_default();
    let room = width.saturating_sub(Span::raw(&claim).width());
    [claim, paint.cut(&detail, room)]
}

/// The figures at the band's right: in full, and a shorter form.
fn figures(paint: &Paint<'_>) -> Vec<String> {
    let world = &paint.app.world;
    if world.is_empty() {
        return Vec::new();
    }
    let committed = world.committed();
    let beats = paint.app.beats.per_second(paint.now);
    let dot = paint.glyphs().dot;
    let mut figures = Vec::new();
    if let Some(load) = paint.app.world.workload().filter(|load| load.running) {
        figures = workload(load, committed, dot);
    }
    let plural = |count| if count == 1 { "" } else { "s" };
    let commits = paint.app.commits.per_second(paint.now);
    // Under load the heartbeats matter less.
    figures.push(match commits {
        // Nothing moves, and none is missing.
        0 if paint.app.clock.is_frozen() => format!("committed {committed} "),
        0 => format!("committed {committed}  {dot}  {beats} heartbeat{}/s ", plural(beats)),
        _ => format!("committed {committed}  {dot}  {commits} commit{}/s ", plural(commits)),
    });
    figures.push(format!("committed {committed} "));
    figures
}

/// The results of the steady workload: in full, and a shorter form.
fn workload(load: WorkloadFigures, committed: LogIndex, dot: &str) -> Vec<String> {
    let WorkloadFigures { per_second, failed, unknown, longest_gap_ms: gap, .. } = load;
    let doubt = if unknown > 0 { format!(" {dot} {unknown} in doubt") } else { String::new() };
    vec![
        format!(
            "{per_second} writes/s {dot} longest gap {gap} ms {dot} {failed} failed{doubt} {dot} committed {committed} "
        ),
        format!("{per_second} writes/s {dot} longest gap {gap} ms {dot} {failed} failed{doubt} "),
        format!("{per_second} writes/s {dot} gap {gap} ms {dot} {failed} failed "),
        format!("{per_second}/s {dot} gap {gap} ms {dot} {failed} failed "),
        format!("{per_second}/s {dot} gap {gap} ms "),
    ]
}

/// `n2 leads term 3` becomes `n2 LEADS TERM 3`: a node's name is unchanged.
fn loud(claim: &str) -> String {
    let is_name = |word: &str| {
        word.strip_prefix('n').is_some_and(|id| !id.is_empty() && id.chars().all(|c| c.is_ascii_digit()))
    };
    let words =
        claim.split(' ').map(|word| if is_name(word) { word.to_owned() } else { word.to_uppercase() });
    words.collect::<Vec<_>>().join(" ")
}
