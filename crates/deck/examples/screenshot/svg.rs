//! A screen buffer as an SVG picture. Text stands on a fixed grid; braille dots, blocks and frames are drawn as
//! shapes, so that the picture looks the same whatever fonts a viewer has.

use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write as _;

const W: f64 = 8.4;
const H: f64 = 18.0;
const PAD: f64 = 14.0;
const BAR: f64 = 30.0;

struct Palette {
    ground: &'static str,
    ink: &'static str,
    frame: &'static str,
    colours: [&'static str; 16],
}

const DARK: Palette = Palette {
    ground: "#11151c",
    ink: "#d7dce4",
    frame: "#1d232e",
    colours: [
        "#11151c", "#e06c75", "#98c379", "#e8a33d", "#2f6fd6", "#c678dd", "#4fb3c8", "#b9c0cc", "#5c6675",
        "#ff8b94", "#b5e090", "#ffd166", "#6ea8ff", "#dc9bf0", "#74d6e8", "#ffffff",
    ],
};

const LIGHT: Palette = Palette {
    ground: "#fdfdfb",
    ink: "#23272e",
    frame: "#e6e6e1",
    colours: [
        "#000000", "#c4343f", "#3e8f3e", "#c99000", "#1f57c3", "#9a3fb5", "#16849c", "#8b9099", "#666c75",
        "#e0525c", "#57a857", "#e0b13a", "#3f7df0", "#b562d0", "#27a3bd", "#ffffff",
    ],
};

/// Draws it, in a window.
pub(crate) fn draw(buffer: &Buffer, light: bool) -> String {
    let palette = if light { &LIGHT } else { &DARK };
    let (columns, rows) = (f64::from(buffer.area.width), f64::from(buffer.area.height));
    let (width, height) = (columns * W + 2.0 * PAD, rows * H + 2.0 * PAD + BAR);
    let mut svg = String::new();
    let _ = writeln!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" role=\"img\" aria-label=\"the deck\">\n\
         <rect width=\"{width:.0}\" height=\"{height:.0}\" rx=\"10\" fill=\"{}\"/>\n\
         <path d=\"M0 {BAR} V10 Q0 0 10 0 H{:.0} Q{width:.0} 0 {width:.0} 10 V{BAR} Z\" fill=\"{}\"/>",
        palette.ground,
        width - 10.0,
        palette.frame
    );
    for n in 0..3 {
        let _ = writeln!(
            svg,
            "<circle cx=\"{}\" cy=\"15\" r=\"5.5\" fill=\"{}\" opacity=\".6\"/>",
            20 + 18 * n,
            palette.colours[8]
        );
    }
    let _ = writeln!(
        svg,
        "<g font-family=\"'JetBrains Mono','DejaVu Sans Mono',Menlo,Consolas,monospace\" font-size=\"14\" fill=\"{}\">",
        palette.ink
    );
    for y in 0..buffer.area.height {
        row(&mut svg, buffer, y, palette);
    }
    svg.push_str("</g>\n</svg>");
    svg
}

fn row(svg: &mut String, buffer: &Buffer, y: u16, palette: &Palette) {
    let top = PAD + BAR + f64::from(y) * H;
    let cells: Vec<&Cell> = (0..buffer.area.width).map(|x| &buffer[(x, y)]).collect();
    // Grounds first, each run of equal ones as one rectangle.
    for (x, run) in runs(&cells, |cell| look(cell, palette).1) {
        if let Some(ground) = look(run[0], palette).1 {
            let _ = writeln!(
                svg,
                "<rect x=\"{:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{H}\" fill=\"{ground}\"/>",
                left(x),
                across(run.len()) + 0.3
            );
        }
    }
    for (x, run) in runs(&cells, |cell| (look(cell, palette).0, cell.modifier, shape(cell.symbol()))) {
        let text: String = run.iter().map(|cell| cell.symbol()).collect();
        if text.trim().is_empty() {
            continue;
        }
        let (ink, _) = look(run[0], palette);
        let faint = if run[0].modifier.contains(Modifier::DIM) { " opacity=\".55\"" } else { "" };
        if shape(run[0].symbol()) {
            let _ = write!(svg, "<g fill=\"{ink}\" stroke=\"{ink}\"{faint}>");
            for (n, cell) in run.iter().enumerate() {
                draw_shape(svg, left(x + n), top, cell.symbol().chars().next().unwrap_or(' '));
            }
            svg.push_str("</g>\n");
            continue;
        }
        let bold = if run[0].modifier.contains(Modifier::BOLD) { " font-weight=\"bold\"" } else { "" };
        let trimmed = text.trim_start();
        let skipped = text.chars().count() - trimmed.chars().count();
        let trimmed = trimmed.trim_end();
        let count = trimmed.chars().count();
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" xml:space=\"preserve\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\" fill=\"{ink}\"{bold}{faint}>{}</text>",
            left(x + skipped),
            top + 13.4,
            across(count),
            escape(trimmed)
        );
    }
}

/// The width of so many columns.
fn across(columns: usize) -> f64 {
    f64::from(u32::try_from(columns).unwrap_or(u32::MAX)) * W
}

fn left(x: usize) -> f64 {
    PAD + across(x)
}

fn runs<'a, K: PartialEq>(cells: &[&'a Cell], key: impl Fn(&Cell) -> K) -> Vec<(usize, Vec<&'a Cell>)> {
    let mut runs: Vec<(usize, Vec<&Cell>)> = Vec::new();
    for (x, cell) in cells.iter().enumerate() {
        match runs.last_mut() {
            Some((_, run)) if key(run[0]) == key(cell) => run.push(cell),
            _ => runs.push((x, vec![cell])),
        }
    }
    runs
}

/// Ink and ground.
fn look(cell: &Cell, palette: &Palette) -> (&'static str, Option<&'static str>) {
    let (ink, ground) = (colour(cell.fg, palette), colour(cell.bg, palette));
    if cell.modifier.contains(Modifier::REVERSED) {
        (ground.unwrap_or(palette.ground), Some(ink.unwrap_or(palette.ink)))
    } else {
        (ink.unwrap_or(palette.ink), ground)
    }
}

fn colour(colour: Color, palette: &Palette) -> Option<&'static str> {
    const ORDER: [Color; 16] = [
        Color::Black,
        Color::Red,
        Color::Green,
        Color::Yellow,
        Color::Blue,
        Color::Magenta,
        Color::Cyan,
        Color::Gray,
        Color::DarkGray,
        Color::LightRed,
        Color::LightGreen,
        Color::LightYellow,
        Color::LightBlue,
        Color::LightMagenta,
        Color::LightCyan,
        Color::White,
    ];
    ORDER.iter().position(|other| *other == colour).map(|place| palette.colours[place])
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Whether a symbol is drawn as a shape.
fn shape(symbol: &str) -> bool {
    symbol.chars().next().is_some_and(|c| matches!(c, '\u{2500}'..='\u{259f}' | '\u{2801}'..='\u{28ff}'))
}

fn draw_shape(svg: &mut String, x: f64, y: f64, c: char) {
    if ('\u{2800}'..='\u{28ff}').contains(&c) {
        braille(svg, x, y, c);
        return;
    }
    let (mx, my, ex, ey) = (x + W / 2.0, y + H / 2.0, x + W, y + H);
    let (thin, thick) = (1.2, 2.6);
    let mut line = |x1: f64, y1: f64, x2: f64, y2: f64, width: f64, dash: &str| {
        let _ = write!(
            svg,
            "<path d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\" stroke-width=\"{width}\" fill=\"none\"{dash}/>"
        );
    };
    let dash = " stroke-dasharray=\"2.2 2\"";
    match c {
        '─' => line(x, my, ex, my, thin, ""),
        '━' => line(x, my, ex, my, thick, ""),
        '╌' => line(x, my, ex, my, thin, dash),
        '│' => line(mx, y, mx, ey, thin, ""),
        '┃' => line(mx, y, mx, ey, thick, ""),
        '╎' => line(mx, y, mx, ey, thin, dash),
        '╭' | '╮' | '╰' | '╯' => {
            let end_x = if matches!(c, '╭' | '╰') { ex } else { x };
            let end_y = if matches!(c, '╭' | '╮') { ey } else { y };
            let _ = write!(
                svg,
                "<path d=\"M{end_x:.1} {my:.1}Q{mx:.1} {my:.1} {mx:.1} {end_y:.1}\" stroke-width=\"{thin}\" fill=\"none\"/>"
            );
        }
        '┏' | '┓' | '┗' | '┛' => {
            let end_x = if matches!(c, '┏' | '┗') { ex } else { x };
            let end_y = if matches!(c, '┏' | '┓') { ey } else { y };
            let _ = write!(
                svg,
                "<path d=\"M{end_x:.1} {my:.1}H{mx:.1}V{end_y:.1}\" stroke-width=\"{thick}\" fill=\"none\"/>"
            );
        }
        '█' => rect(svg, x, y, W, H),
        '▀' => rect(svg, x, y, W, H / 2.0),
        '▄' => rect(svg, x, my, W, H / 2.0),
        '▌' => rect(svg, x, y, W / 2.0, H),
        '▐' => rect(svg, mx, y, W / 2.0, H),
        _ => {}
    }
}

fn rect(svg: &mut String, x: f64, y: f64, width: f64, height: f64) {
    let _ = write!(
        svg,
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{height:.1}\" stroke=\"none\"/>",
        width + 0.2
    );
}

fn braille(svg: &mut String, x: f64, y: f64, c: char) {
    const DOTS: [(u32, f64, f64); 8] = [
        (0x01, 0.0, 0.0),
        (0x02, 0.0, 1.0),
        (0x04, 0.0, 2.0),
        (0x40, 0.0, 3.0),
        (0x08, 1.0, 0.0),
        (0x10, 1.0, 1.0),
        (0x20, 1.0, 2.0),
        (0x80, 1.0, 3.0),
    ];
    let mask = c as u32 - 0x2800;
    for (_, column, row) in DOTS.iter().filter(|(bit, ..)| mask & bit != 0) {
        let (cx, cy) = (x + W * (0.25 + 0.5 * column), y + H * (0.125 + 0.25 * row));
        let _ = write!(svg, "<circle cx=\"{cx:.1}\" cy=\"{cy:.1}\" r=\"1.35\" stroke=\"none\"/>");
    }
}
