//! A screen's cells as SVG. Text stands on a fixed grid, a run of it at a time; braille dots, blocks and frames are drawn as
//! shapes. So the picture looks the same whatever fonts a viewer has, and stays small: a colour is a class, a run one element.

use raftdeck_deck::theme::colour::shade;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::ops::Range;

/// A cell's size in the picture's units.
pub(crate) const W: u16 = 8;
pub(crate) const H: u16 = 18;
/// Around the cells, and the height of the bar above them.
pub(crate) const PAD: u16 = 14;
pub(crate) const BAR: u16 = 32;

struct Palette {
    ground: &'static str,
    ink: &'static str,
    bar: &'static str,
    edge: &'static str,
    colours: [&'static str; 16],
}

const DARK: Palette = Palette {
    ground: "#11151c",
    ink: "#d7dce4",
    bar: "#1d232e",
    edge: "#2b3341",
    colours: [
        "#11151c", "#e06c75", "#98c379", "#e8a33d", "#2f6fd6", "#c678dd", "#4fb3c8", "#b9c0cc", "#5c6675",
        "#ff8b94", "#b5e090", "#ffd166", "#6ea8ff", "#dc9bf0", "#74d6e8", "#ffffff",
    ],
};

const LIGHT: Palette = Palette {
    ground: "#fdfdfb",
    ink: "#23272e",
    bar: "#e6e6e1",
    edge: "#c9c9c2",
    colours: [
        "#000000", "#c4343f", "#3e8f3e", "#c99000", "#1f57c3", "#9a3fb5", "#16849c", "#8b9099", "#666c75",
        "#e0525c", "#57a857", "#e0b13a", "#3f7df0", "#b562d0", "#27a3bd", "#ffffff",
    ],
};

const COLOURS: [Color; 16] = [
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

/// A window around `content`, which has `columns` and `rows` of cells. `style` is added to the picture's own.
pub(crate) fn window(
    columns: u16,
    rows: u16,
    light: bool,
    label: &str,
    style: &str,
    content: &str,
) -> String {
    let palette = if light { &LIGHT } else { &DARK };
    let (width, height) = (columns * W + 2 * PAD, rows * H + PAD + BAR);
    let (x, y) = (f64::from(width) - 0.5, f64::from(height) - 0.5);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n<style>{}{}{style}</style>\n",
        escape(label),
        sheet(palette),
        shades(content),
    );
    let _ = writeln!(
        svg,
        "<rect x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"10\" fill=\"{}\" stroke=\"{}\"/>",
        x - 0.5,
        y - 0.5,
        palette.ground,
        palette.edge
    );
    let _ = writeln!(
        svg,
        "<path d=\"M1 {BAR}V10.5a9.5 9.5 0 0 1 9.5-9.5H{}a9.5 9.5 0 0 1 9.5 9.5V{BAR}z\" fill=\"{}\"/>",
        x - 10.0,
        palette.bar
    );
    svg.push_str("<path class=\"b8 r\" d=\"M20 16h0M38 16h0M56 16h0\" stroke-width=\"11\"/>\n");
    let _ = write!(svg, "<g transform=\"translate({PAD} {BAR})\">\n{content}</g>\n</svg>\n");
    svg
}

/// `fN` is text and shapes in a colour, `bN` lines in it; `f` and `b` alone are the terminal's own foreground.
fn sheet(palette: &Palette) -> String {
    let mut sheet = String::from(
        "text{font:13.3px 'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono',monospace}.o{font-weight:bold}.d{opacity:.55}.c{shape-rendering:crispEdges}.r{stroke-linecap:round;stroke-width:2.6}path[class^=b]{fill:none}",
    );
    let _ = write!(sheet, ".f{{fill:{0}}}.b{{stroke:{0}}}", palette.ink);
    for (n, colour) in palette.colours.iter().enumerate() {
        let _ = write!(sheet, ".f{n}{{fill:{colour}}}.b{n}{{stroke:{colour}}}");
    }
    let _ = write!(sheet, ".fg{{fill:{0}}}.bg{{stroke:{0}}}", palette.ground);
    sheet
}

/// Some cells of a row, with their place within the content.
pub(crate) fn cells(buffer: &Buffer, y: u16, columns: Range<u16>) -> String {
    let mut svg = String::new();
    let row: Vec<(u16, &Cell)> = columns.map(|x| (x, &buffer[(x, y)])).collect();
    for run in row.chunk_by(|one, other| ground(one.1) == ground(other.1)) {
        if let Some(class) = ground(run[0].1) {
            let (x, width) = (run[0].0 * W, length(run) * W);
            let _ = write!(svg, "<path class=\"f{class} c\" d=\"M{x} {}h{width}v{H}h-{width}z\"/>", y * H);
        }
    }
    for run in joined(&row).chunk_by(|one, other| one.0 == other.0) {
        let cells: Vec<(u16, &Cell)> = run.iter().map(|(_, cell)| *cell).collect();
        match run[0].0.0 {
            Kind::Text => text(&mut svg, &cells, y),
            Kind::Blank => {}
            kind => shapes(&mut svg, kind, &cells, y),
        }
    }
    svg
}

/// Each cell with its look. A single blank between two words of one look is part of their text.
fn joined<'a>(row: &[(u16, &'a Cell)]) -> Vec<(Look, (u16, &'a Cell))> {
    let looks: Vec<Look> = row.iter().map(|(_, cell)| look(cell)).collect();
    let is_within = |at: usize| {
        let (Some(before), Some(after)) = (at.checked_sub(1).map(|at| &looks[at]), looks.get(at + 1)) else {
            return false;
        };
        looks[at].0 == Kind::Blank && before.0 == Kind::Text && before == after
    };
    let own = |at: usize| if is_within(at) { looks[at - 1].clone() } else { looks[at].clone() };
    row.iter().enumerate().map(|(at, cell)| (own(at), *cell)).collect()
}

fn length(run: &[(u16, &Cell)]) -> u16 {
    u16::try_from(run.len()).unwrap_or(u16::MAX)
}

/// How a symbol is drawn.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Blank,
    Text,
    Dots,
    Thin,
    Dashed,
    Thick,
    Block,
}

fn kind(symbol: &str) -> Kind {
    match symbol.chars().next().unwrap_or(' ') {
        ' ' => Kind::Blank,
        '\u{2800}'..='\u{28ff}' => Kind::Dots,
        '━' | '┃' | '┏' | '┓' | '┗' | '┛' => Kind::Thick,
        '╌' | '╎' | '┄' | '┆' => Kind::Dashed,
        '─' | '│' | '╭' | '╮' | '╰' | '╯' => Kind::Thin,
        '█' | '▀' | '▄' | '▌' | '▐' => Kind::Block,
        _ => Kind::Text,
    }
}

/// What one element can show: one kind in one colour, bold or not, faint or not.
type Look = (Kind, (String, bool, bool));

fn look(cell: &Cell) -> Look {
    let ink = (ink(cell), cell.modifier.contains(Modifier::BOLD), cell.modifier.contains(Modifier::DIM));
    match kind(cell.symbol()) {
        Kind::Blank => (Kind::Blank, (String::new(), false, false)),
        kind => (kind, ink),
    }
}

/// A colour's class without its first letter: a number of the sixteen, or `x` and its shade.
fn number(colour: Color) -> Option<String> {
    let shade = match colour {
        Color::Rgb(r, g, b) => Some([r, g, b]),
        Color::Indexed(number) => shade(number),
        _ => None,
    };
    if let Some([r, g, b]) = shade {
        return Some(format!("x{r:02x}{g:02x}{b:02x}"));
    }
    COLOURS.iter().position(|other| *other == colour).map(|n| n.to_string())
}

/// The classes of the shades that some content uses.
fn shades(content: &str) -> String {
    let class = |rest: &str| {
        rest.get(..6).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit())).map(str::to_owned)
    };
    let found: BTreeSet<String> =
        content.split("fx").chain(content.split("bx")).skip(1).filter_map(class).collect();
    found.iter().fold(String::new(), |mut rules, hex| {
        let _ = write!(rules, ".fx{hex}{{fill:#{hex}}}.bx{hex}{{stroke:#{hex}}}");
        rules
    })
}

fn ink(cell: &Cell) -> String {
    if cell.modifier.contains(Modifier::REVERSED) {
        number(cell.bg).unwrap_or_else(|| "g".to_owned())
    } else {
        number(cell.fg).unwrap_or_default()
    }
}

fn ground(cell: &Cell) -> Option<String> {
    if cell.modifier.contains(Modifier::REVERSED) {
        Some(number(cell.fg).unwrap_or_default())
    } else {
        number(cell.bg)
    }
}

fn faint(cell: &Cell) -> &'static str {
    if cell.modifier.contains(Modifier::DIM) { " d" } else { "" }
}

fn text(svg: &mut String, run: &[(u16, &Cell)], y: u16) {
    let words: String = run.iter().map(|(_, cell)| cell.symbol()).collect();
    let (x, cell) = run[0];
    let bold = if cell.modifier.contains(Modifier::BOLD) { " o" } else { "" };
    let fit = if run.len() > 1 { format!(" textLength=\"{}\"", length(run) * W) } else { String::new() };
    let _ = write!(
        svg,
        "<text class=\"f{}{bold}{}\" x=\"{}\" y=\"{}\"{fit}>{}</text>",
        ink(cell),
        faint(cell),
        x * W,
        y * H + 13,
        escape(&words)
    );
}

fn shapes(svg: &mut String, kind: Kind, run: &[(u16, &Cell)], y: u16) {
    let mut path = String::new();
    for (at, cell) in run {
        let symbol = cell.symbol().chars().next().unwrap_or(' ');
        let (x, top) = (f64::from(at * W), f64::from(y * H));
        match kind {
            Kind::Dots => dots(&mut path, x, top, symbol),
            Kind::Block => block(&mut path, x, top, symbol),
            _ => line(&mut path, x, top, symbol),
        }
    }
    let cell = run[0].1;
    let (class, more) = match kind {
        Kind::Dots => (format!("b{} r{}", ink(cell), faint(cell)), ""),
        Kind::Block => (format!("f{}{}", ink(cell), faint(cell)), ""),
        Kind::Thick => (format!("b{}{}", ink(cell), faint(cell)), " stroke-width=\"2.6\""),
        Kind::Dashed => {
            (format!("b{}{}", ink(cell), faint(cell)), " stroke-width=\"1.2\" stroke-dasharray=\"2.2 1.8\"")
        }
        _ => (format!("b{}{}", ink(cell), faint(cell)), " stroke-width=\"1.2\""),
    };
    let _ = write!(svg, "<path class=\"{class}\"{more} d=\"{path}\"/>");
}

/// A line of a frame. Horizontal ones are joined, so that dashes do not begin anew in each cell.
fn line(path: &mut String, x: f64, y: f64, symbol: char) {
    let (middle, centre) = (x + f64::from(W) / 2.0, y + f64::from(H) / 2.0);
    let (right, bottom) = (x + f64::from(W), y + f64::from(H));
    let _ = match symbol {
        '─' | '━' | '╌' | '┄' if path.ends_with(&format!(" {centre}H{x}")) => {
            path.truncate(path.rfind('H').unwrap_or(path.len()));
            write!(path, "H{right}")
        }
        '─' | '━' | '╌' | '┄' => write!(path, "M{x} {centre}H{right}"),
        '│' | '┃' | '╎' | '┆' => write!(path, "M{middle} {y}V{bottom}"),
        '╭' => write!(path, "M{middle} {bottom}Q{middle} {centre} {right} {centre}"),
        '╮' => write!(path, "M{middle} {bottom}Q{middle} {centre} {x} {centre}"),
        '╰' => write!(path, "M{middle} {y}Q{middle} {centre} {right} {centre}"),
        '╯' => write!(path, "M{middle} {y}Q{middle} {centre} {x} {centre}"),
        '┏' => write!(path, "M{middle} {bottom}V{centre}H{right}"),
        '┓' => write!(path, "M{middle} {bottom}V{centre}H{x}"),
        '┗' => write!(path, "M{middle} {y}V{centre}H{right}"),
        '┛' => write!(path, "M{middle} {y}V{centre}H{x}"),
        _ => Ok(()),
    };
}

fn block(path: &mut String, x: f64, y: f64, symbol: char) {
    let (w, h) = (f64::from(W), f64::from(H));
    let (x, y, w, h) = match symbol {
        '▀' => (x, y, w, h / 2.0),
        '▄' => (x, y + h / 2.0, w, h / 2.0),
        '▌' => (x, y, w / 2.0, h),
        '▐' => (x + w / 2.0, y, w / 2.0, h),
        _ => (x, y, w, h),
    };
    let _ = write!(path, "M{x} {y}h{w}v{h}h-{w}z");
}

/// A dot is a line without a length and with round ends.
fn dots(path: &mut String, x: f64, y: f64, symbol: char) {
    const DOTS: [(u32, f64, f64); 8] = [
        (0x01, 2.0, 2.0),
        (0x02, 2.0, 6.5),
        (0x04, 2.0, 11.0),
        (0x40, 2.0, 15.5),
        (0x08, 6.0, 2.0),
        (0x10, 6.0, 6.5),
        (0x20, 6.0, 11.0),
        (0x80, 6.0, 15.5),
    ];
    let mask = u32::from(symbol) - 0x2800;
    for (_, dx, dy) in DOTS.iter().filter(|(bit, ..)| mask & bit != 0) {
        let _ = write!(path, "M{} {}h0", x + dx, y + dy);
    }
}

pub(crate) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
