//! Everything that a shipped theme shows can be read: each colour on its ground, on widespread terminals.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod fixture;
mod palettes;

use crossterm::event::KeyCode;
use fixture::Scene;
use palettes::{PALETTES, Palette, contrast, luminance};
use raftdeck_deck::app::{App, ColourChoice, Settings};
use raftdeck_deck::settings::{Preferences, SettingsFiles};
use raftdeck_deck::theme::{ColourDepth, SHIPPED, TextRole, Theme, named};
use raftdeck_raft::Term;
use ratatui::buffer::Cell;
use ratatui::style::{Color, Modifier, Style};

/// Text, and large or graphical objects (WCAG 2, 1.4.3 and 1.4.11).
const TEXT: f64 = 4.5;
const LINE: f64 = 3.0;

const SETTINGS: Settings = Settings { ascii: false, colour: ColourChoice::Terminal, mouse: true };

/// The terminals with sixteen colours only are the Linux console and old xterms.
fn palettes(depth: ColourDepth) -> &'static [Palette] {
    if depth == ColourDepth::Sixteen { &PALETTES[..2] } else { &PALETTES }
}

/// Each shipped theme, at each number of colours, on each palette.
fn everywhere(mut check: impl FnMut(&str, Theme, &Palette, ColourDepth)) {
    for (name, _) in SHIPPED {
        for depth in [ColourDepth::Sixteen, ColourDepth::Indexed, ColourDepth::True] {
            let theme = Theme::of(&named(name).unwrap(), depth, false);
            for palette in palettes(depth) {
                check(name, theme, palette, depth);
            }
        }
    }
}

/// A style's text and ground on a screen.
fn pair(style: Style, screen: Style, palette: &Palette) -> ([u8; 3], [u8; 3]) {
    let own = |colour: Option<Color>, of_screen: Option<Color>| {
        colour.filter(|colour| *colour != Color::Reset).or(of_screen).unwrap_or(Color::Reset)
    };
    let ink = palette.shade(own(style.fg, screen.fg), palette.foreground);
    let ground = palette.shade(own(style.bg, screen.bg), palette.background);
    (ink, ground)
}

/// Neither text nor ground has a colour: what the user has chosen for everything.
fn is_terminals_own(fg: Color, bg: Color) -> bool {
    fg == Color::Reset && bg == Color::Reset
}

#[test]
fn every_pair_of_every_theme_has_the_contrast_that_its_role_needs() {
    everywhere(|name, theme, palette, depth| {
        let screen = theme.role(TextRole::Screen);
        for role in TextRole::ALL {
            let style = theme.role(role);
            let (ink, ground) = pair(style, screen, palette);
            let drawn = [style.fg, style.bg, screen.fg, screen.bg].into_iter().flatten();
            if drawn.count() == 0 {
                continue;
            }
            // Entries under way are glyphs; what the list of messages says of them is on the screen, which is painted below.
            let least = if role.is_line() || role == TextRole::Entries { LINE } else { TEXT };
            let ratio = contrast(ink, ground);
            assert!(ratio >= least, "{name} on {} at {depth:?}: {role:?} has {ratio:.2}", palette.name);
        }
        for term in 0..6 {
            let style = theme.term_plate(Term(term));
            if style.bg.is_some() {
                let (ink, ground) = pair(style, screen, palette);
                let ratio = contrast(ink, ground);
                assert!(ratio >= TEXT, "{name} on {} at {depth:?}: term {term} has {ratio:.2}", palette.name);
            }
        }
    });
}

#[test]
fn high_contrast_is_7_to_1_and_more_and_nothing_is_faint_where_there_are_colours() {
    everywhere(|name, theme, palette, depth| {
        if ["terminal", "monochrome"].contains(&name) {
            return;
        }
        let screen = theme.role(TextRole::Screen);
        for role in TextRole::ALL {
            assert!(!theme.role(role).add_modifier.contains(Modifier::DIM), "{name}: {role:?}");
            let (ink, ground) = pair(theme.role(role), screen, palette);
            if name == "high-contrast" && depth != ColourDepth::Sixteen {
                assert!(contrast(ink, ground) >= 7.0, "{role:?} has {:.2}", contrast(ink, ground));
            }
        }
    });
}

#[test]
fn neighbouring_terms_differ_in_hue_and_lightness_and_none_looks_like_trouble() {
    everywhere(|name, theme, palette, depth| {
        if name == "monochrome" {
            return;
        }
        let ground = |term| palette.shade(theme.term_plate(Term(term)).bg.unwrap(), palette.background);
        let trouble = palette.shade(theme.trouble_plate().bg.unwrap(), palette.background);
        for term in 0..12 {
            let (one, next) = (ground(term), ground(term + 1));
            let place = format!("{name} on {} at {depth:?}: terms {term} and {}", palette.name, term + 1);
            // Half of the steps from black to white apart.
            assert!(contrast(one, next) >= 2.0, "{place} are {:.2} apart", contrast(one, next));
            assert!(angle(one, next) > 20.0 || is_grey(one) || is_grey(next), "{place} have one hue");
            assert!(angle(one, trouble) > 20.0 || is_grey(one), "{place} look like trouble");
        }
    });
}

fn is_grey(rgb: [u8; 3]) -> bool {
    rgb.iter().max().unwrap() - rgb.iter().min().unwrap() < 0x20
}

/// How far apart two hues are on the wheel, in degrees.
fn angle(one: [u8; 3], other: [u8; 3]) -> f64 {
    let hue = |rgb: [u8; 3]| {
        let [r, g, b] = rgb.map(f64::from);
        (3_f64.sqrt() * (g - b)).atan2(2.0 * r - g - b).to_degrees()
    };
    let apart = (hue(one) - hue(other)).abs();
    apart.min(360.0 - apart)
}

/// What eyes without cones for long or medium waves see (Machado, Oliveira and Fernandes 2009, severity 1), in linear light.
const PROTANOPIA: [[f64; 3]; 3] = [
    [0.152_286, 1.052_583, -0.204_868],
    [0.114_503, 0.786_281, 0.099_216],
    [-0.003_882, -0.048_116, 1.051_998],
];
const DEUTERANOPIA: [[f64; 3]; 3] = [
    [0.367_322, 0.860_646, -0.227_968],
    [0.280_085, 0.672_501, 0.047_413],
    [-0.011_820, 0.042_940, 0.968_881],
];

#[test]
fn the_colour_blind_theme_tells_a_leader_from_trouble_whatever_cones_are_missing() {
    let theme = Theme::of(&named("colour-blind").unwrap(), ColourDepth::True, false);
    let shade = |colour: Option<Color>| PALETTES[0].shade(colour.unwrap(), 0);
    let pairs = [
        (theme.leader_plate().bg, theme.trouble_plate().bg),
        (theme.leader_line().fg, theme.trouble_line().fg),
    ];
    for (one, other) in pairs {
        for matrix in [PROTANOPIA, DEUTERANOPIA] {
            let seen = |colour: Option<Color>| {
                let linear = shade(colour).map(|part| luminance([part; 3]));
                matrix.map(|row| {
                    row.iter().zip(linear).map(|(by, part)| by * part).sum::<f64>().clamp(0.0, 1.0)
                })
            };
            let apart = seen(one).iter().zip(seen(other)).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt();
            assert!(apart > 0.3, "{one:?} and {other:?} are {apart:.2} apart");
        }
    }
}

fn scenes(preferences: &Preferences) -> Vec<(&'static str, Scene)> {
    let mut scenes = vec![
        ("quiet", fixture::quiet(SETTINGS, 5)),
        ("partition", fixture::partition(SETTINGS)),
        ("stale leader", fixture::stale_leader(SETTINGS)),
        ("election", fixture::election(SETTINGS)),
        ("logs", fixture::logs(SETTINGS)),
        ("messages", fixture::messages(SETTINGS)),
        ("many messages", fixture::many_messages(SETTINGS)),
        ("output", fixture::output(SETTINGS)),
        ("frozen", fixture::frozen(SETTINGS)),
        ("failed", fixture::failed(SETTINGS)),
        ("joining", fixture::joining(SETTINGS)),
        ("joint", fixture::joint(SETTINGS)),
        ("charts", fixture::charts::leader_kill(SETTINGS)),
        ("charts at the gap", fixture::charts::at_the_gap(SETTINGS)),
        ("catalogue", fixture::drills::choosing(SETTINGS)),
        ("question", fixture::drills::question(SETTINGS)),
        ("answered", fixture::drills::answered(SETTINGS)),
        ("task", fixture::drills::task(SETTINGS)),
        ("ended", fixture::drills::ended(SETTINGS)),
    ];
    for (_, scene) in &mut scenes {
        scene.app.prefer(preferences.clone());
    }
    let mut menu = fixture::frozen(SETTINGS);
    menu.app.prefer(preferences.clone());
    menu.key('f');
    scenes.push(("menu", menu));
    let mut help = fixture::quiet(SETTINGS, 3);
    help.app.prefer(preferences.clone());
    help.key('?');
    scenes.push(("help", help));
    for (name, key) in [
        ("presenter", KeyCode::F(5)),
        ("palette", KeyCode::Char(':')),
        ("themes", KeyCode::Char('T')),
        ("question to remove", KeyCode::Char('x')),
    ] {
        let mut scene = fixture::partition(SETTINGS);
        scene.app.prefer(preferences.clone());
        scene.press(key);
        scenes.push((name, scene));
    }
    scenes
}

/// Borders, links, marks and glyphs: all that has neither letters nor digits. The half blocks at the sides of an entry are part of its plate.
fn is_drawn(symbol: &str) -> bool {
    !symbol.chars().any(char::is_alphanumeric)
}

fn check_cell(cell: &Cell, palette: &Palette, place: &str) {
    if cell.symbol().trim().is_empty() || matches!(cell.symbol(), "▐" | "▌") {
        return;
    }
    let is_faint = cell.modifier.contains(Modifier::DIM);
    if is_terminals_own(cell.fg, cell.bg) {
        return;
    }
    assert!(
        !is_faint,
        "{place}: {:?} is faint and has a colour, so its contrast is not known",
        cell.symbol()
    );
    let (ink, ground) = pair(cell.style(), Style::new(), palette);
    let least = if is_drawn(cell.symbol()) { LINE } else { TEXT };
    let ratio = contrast(ink, ground);
    assert!(ratio >= least, "{place}: {:?} in {} on {} has {ratio:.2}", cell.symbol(), cell.fg, cell.bg);
}

#[test]
fn whatever_is_on_the_screen_can_be_read_in_every_theme_on_every_terminal() {
    for (name, _) in SHIPPED {
        for depth in [ColourDepth::Sixteen, ColourDepth::Indexed, ColourDepth::True] {
            let preferences = Preferences::new(depth, &SettingsFiles::default()).with_theme(name).unwrap();
            for (scene_name, mut scene) in scenes(&preferences) {
                for (width, height) in [(120, 40), (40, 12)] {
                    let buffer = scene.paint(width, height);
                    for palette in palettes(depth) {
                        let place =
                            format!("{name} at {depth:?} on {}: {scene_name} {width}x{height}", palette.name);
                        buffer.content().iter().for_each(|cell| check_cell(cell, palette, &place));
                    }
                }
            }
        }
    }
}

#[test]
fn without_colours_every_theme_is_monochrome() {
    let settings = Settings { colour: ColourChoice::Never, ..SETTINGS };
    let painted = |name: &str| {
        let preferences = Preferences::default().with_theme(name).unwrap();
        let mut scene = fixture::partition(settings);
        scene.app.prefer(preferences);
        scene.paint(80, 24)
    };
    let monochrome = painted("monochrome");
    for (name, _) in SHIPPED {
        assert_eq!(painted(name), monochrome, "{name}");
    }
    let app = App::new(settings);
    assert_eq!(app.preferences().theme(), "terminal");
}
