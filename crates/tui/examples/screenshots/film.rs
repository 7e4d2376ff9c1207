//! Frames become a picture, or a picture that moves. What several frames share is drawn once: each row is cut into two parts, each
//! different part is defined once, and a frame only names its parts.

use crate::svg::{self, BAR, H, W};
use crate::terminal::Terminal;
use ratatui::buffer::Buffer;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

/// How long a frame stands.
const FRAME: Duration = Duration::from_millis(240);
/// For how many frames the last one stands.
const REST: usize = 12;
/// Left of this column the nodes move, right of it sentences come.
const SEAM: u16 = 74;

#[derive(Default)]
pub(crate) struct Film {
    frames: Vec<(String, Buffer)>,
}

impl Film {
    /// Films with this caption until `done`, and then for `then` more.
    pub(crate) fn shoot(
        &mut self,
        terminal: &Terminal,
        caption: &str,
        mut done: impl FnMut(&Terminal) -> bool,
        then: Duration,
    ) {
        let mut until: Option<Instant> = None;
        loop {
            let now = Instant::now();
            if until.is_none() && done(terminal) {
                until = Some(now + then);
            }
            if until.is_some_and(|until| now >= until) {
                return;
            }
            self.frames.push((caption.to_owned(), terminal.cells()));
            std::thread::sleep(FRAME.saturating_sub(now.elapsed()));
        }
    }

    /// The film as a picture that moves, over and over.
    pub(crate) fn developed(mut self, label: &str) -> String {
        let last = self.frames.last().expect("a film has frames").clone();
        self.frames.extend(std::iter::repeat_n(last, REST));
        let area = self.frames[0].1.area;
        let mut parts = Parts::default();
        let shots: Vec<Vec<usize>> = self.frames.iter().map(|frame| parts.of(frame)).collect();
        // What stands in every frame is drawn once, below all of them.
        let still: Vec<usize> =
            shots[0].iter().copied().filter(|part| shots.iter().all(|shot| shot.contains(part))).collect();
        let mut content = String::from("<defs>\n");
        for (text, number) in &parts.numbers {
            if !still.contains(number) {
                let _ = writeln!(content, "<g id=\"p{number}\">{text}</g>");
            }
        }
        content.push_str("</defs>\n");
        for (text, _) in parts.numbers.iter().filter(|(_, number)| still.contains(number)) {
            let _ = writeln!(content, "{text}");
        }
        for (nth, shot) in shots.iter().enumerate() {
            let delay = FRAME.as_secs_f64() * f64::from(u32::try_from(nth).unwrap_or(u32::MAX));
            let _ = write!(content, "<g class=\"s\" style=\"animation-delay:{delay:.1}s\">");
            for part in shot.iter().filter(|part| !still.contains(part)) {
                let _ = write!(content, "<use href=\"#p{part}\"/>");
            }
            content.push_str("</g>\n");
        }
        svg::window(area.width, area.height, false, label, &sheet(shots.len()), &content)
    }
}

/// Each frame is seen for its share of the whole. Who wants no motion sees the last one.
fn sheet(frames: usize) -> String {
    let count = f64::from(u32::try_from(frames).unwrap_or(u32::MAX));
    let (whole, share) = (FRAME.as_secs_f64() * count, 100.0 / count);
    format!(
        ".s{{visibility:hidden;animation:s {whole:.1}s step-end infinite}}@keyframes s{{0%{{visibility:visible}}{share:.4}%{{visibility:hidden}}}}@media(prefers-reduced-motion:reduce){{.s{{animation:none}}.s:last-child{{visibility:visible}}}}"
    )
}

/// The different parts of frames, numbered.
#[derive(Default)]
struct Parts {
    numbers: BTreeMap<String, usize>,
}

impl Parts {
    fn of(&mut self, (caption, buffer): &(String, Buffer)) -> Vec<usize> {
        let (width, height) = (buffer.area.width, buffer.area.height);
        let seam = SEAM.min(width);
        let rows =
            (0..height).flat_map(|y| [svg::cells(buffer, y, 0..seam), svg::cells(buffer, y, seam..width)]);
        let texts = std::iter::once(title(caption, width)).chain(rows).filter(|text| !text.is_empty());
        texts
            .map(|text| {
                let next = self.numbers.len();
                *self.numbers.entry(text).or_insert(next)
            })
            .collect()
    }
}

/// What is done, in the window's bar.
fn title(caption: &str, columns: u16) -> String {
    let middle = columns * W / 2;
    let y = i32::from(H) - i32::from(BAR) + 3;
    format!(
        "<text class=\"f15 o\" x=\"{middle}\" y=\"{y}\" text-anchor=\"middle\">{}</text>",
        svg::escape(caption)
    )
}

/// One frame as a picture.
pub(crate) fn still(terminal: &Terminal, label: &str) -> String {
    let buffer = terminal.cells();
    let (width, height) = (buffer.area.width, buffer.area.height);
    let mut content = title("raftdeck", width) + "\n";
    content.extend((0..height).map(|y| svg::cells(&buffer, y, 0..width) + "\n"));
    svg::window(width, height, false, label, "", &content)
}
