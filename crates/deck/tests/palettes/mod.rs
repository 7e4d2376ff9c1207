//! The sixteen colours, foreground and background of widespread terminals, and how light a colour is.

use raftdeck_deck::theme::colour::{NAMES, shade};
use ratatui::style::Color;

/// A terminal's own colours, as 0xrrggbb.
pub(crate) struct Palette {
    pub(crate) name: &'static str,
    pub(crate) foreground: u32,
    pub(crate) background: u32,
    colours: [u32; 16],
}

const SOLARIZED: [u32; 16] = [
    0x0007_3642,
    0x00dc_322f,
    0x0085_9900,
    0x00b5_8900,
    0x0026_8bd2,
    0x00d3_3682,
    0x002a_a198,
    0x00ee_e8d5,
    0x0000_2b36,
    0x00cb_4b16,
    0x0058_6e75,
    0x0065_7b83,
    0x0083_9496,
    0x006c_71c4,
    0x0093_a1a1,
    0x00fd_f6e3,
];

/// xterm: XTerm-col.ad. Linux console: drivers/tty/vt/vt.c, `default_red`, `default_grn`, `default_blu`. Solarized:
/// ethanschoonover.com/solarized. GNOME: gnome-terminal, src/terminal-profile-editor.cc, "GNOME". Campbell: Windows Terminal,
/// defaults.json. Terminal: macOS, profile Basic. Dracula: draculatheme.com/contribute.
pub(crate) const PALETTES: [Palette; 8] = [
    Palette {
        name: "xterm",
        foreground: 0x0000_0000,
        background: 0x00ff_ffff,
        colours: [
            0x0000_0000,
            0x00cd_0000,
            0x0000_cd00,
            0x00cd_cd00,
            0x0000_00ee,
            0x00cd_00cd,
            0x0000_cdcd,
            0x00e5_e5e5,
            0x007f_7f7f,
            0x00ff_0000,
            0x0000_ff00,
            0x00ff_ff00,
            0x005c_5cff,
            0x00ff_00ff,
            0x0000_ffff,
            0x00ff_ffff,
        ],
    },
    Palette {
        name: "Linux console",
        foreground: 0x00aa_aaaa,
        background: 0x0000_0000,
        colours: [
            0x0000_0000,
            0x00aa_0000,
            0x0000_aa00,
            0x00aa_5500,
            0x0000_00aa,
            0x00aa_00aa,
            0x0000_aaaa,
            0x00aa_aaaa,
            0x0055_5555,
            0x00ff_5555,
            0x0055_ff55,
            0x00ff_ff55,
            0x0055_55ff,
            0x00ff_55ff,
            0x0055_ffff,
            0x00ff_ffff,
        ],
    },
    Palette { name: "Solarized dark", foreground: 0x0083_9496, background: 0x0000_2b36, colours: SOLARIZED },
    Palette { name: "Solarized light", foreground: 0x0065_7b83, background: 0x00fd_f6e3, colours: SOLARIZED },
    Palette {
        name: "GNOME",
        foreground: 0x00d0_cfcc,
        background: 0x0017_1421,
        colours: [
            0x0017_1421,
            0x00c0_1c28,
            0x0026_a269,
            0x00a2_734c,
            0x0012_488b,
            0x00a3_47ba,
            0x002a_a1b3,
            0x00d0_cfcc,
            0x005e_5c64,
            0x00f6_6151,
            0x0033_d17a,
            0x00e9_ad0c,
            0x002a_7bde,
            0x00c0_61cb,
            0x0033_c7de,
            0x00ff_ffff,
        ],
    },
    Palette {
        name: "Campbell",
        foreground: 0x00cc_cccc,
        background: 0x000c_0c0c,
        colours: [
            0x000c_0c0c,
            0x00c5_0f1f,
            0x0013_a10e,
            0x00c1_9c00,
            0x0000_37da,
            0x0088_1798,
            0x003a_96dd,
            0x00cc_cccc,
            0x0076_7676,
            0x00e7_4856,
            0x0016_c60c,
            0x00f9_f1a5,
            0x003b_78ff,
            0x00b4_009e,
            0x0061_d6d6,
            0x00f2_f2f2,
        ],
    },
    Palette {
        name: "Terminal",
        foreground: 0x0000_0000,
        background: 0x00ff_ffff,
        colours: [
            0x0000_0000,
            0x0099_0000,
            0x0000_a600,
            0x0099_9900,
            0x0000_00b2,
            0x00b2_00b2,
            0x0000_a6b2,
            0x00bf_bfbf,
            0x0066_6666,
            0x00e5_0000,
            0x0000_d900,
            0x00e5_e500,
            0x0000_00ff,
            0x00e5_00e5,
            0x0000_e5e5,
            0x00e5_e5e5,
        ],
    },
    Palette {
        name: "Dracula",
        foreground: 0x00f8_f8f2,
        background: 0x0028_2a36,
        colours: [
            0x0021_222c,
            0x00ff_5555,
            0x0050_fa7b,
            0x00f1_fa8c,
            0x00bd_93f9,
            0x00ff_79c6,
            0x008b_e9fd,
            0x00f8_f8f2,
            0x0062_72a4,
            0x00ff_6e6e,
            0x0069_ff94,
            0x00ff_ffa5,
            0x00d6_acff,
            0x00ff_92df,
            0x00a4_ffff,
            0x00ff_ffff,
        ],
    },
];

impl Palette {
    /// The shade of a colour here; `otherwise`: that of the terminal's own.
    pub(crate) fn shade(&self, colour: Color, otherwise: u32) -> [u8; 3] {
        let bytes = |rgb: u32| {
            let [_, r, g, b] = rgb.to_be_bytes();
            [r, g, b]
        };
        match colour {
            Color::Rgb(r, g, b) => [r, g, b],
            Color::Indexed(number) => {
                shade(number).unwrap_or_else(|| bytes(self.colours[usize::from(number)]))
            }
            named => {
                let place = NAMES.iter().position(|(_, known)| *known == named);
                bytes(place.map_or(otherwise, |place| self.colours[place]))
            }
        }
    }
}

/// The relative luminance of WCAG 2.
pub(crate) fn luminance(rgb: [u8; 3]) -> f64 {
    let part = |value: u8| {
        let value = f64::from(value) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    let [r, g, b] = rgb.map(part);
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

/// The contrast ratio of WCAG 2, from 1 to 21.
pub(crate) fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}
