//! How the deck is drawn.

use clap::Args;
use raftdeck_deck::app::Settings;
use raftdeck_deck::theme::ColourChoice;

#[derive(Args, Debug)]
pub(super) struct ScreenArgs {
    /// Draw with ASCII characters only
    #[arg(long, env = "RAFTDECK_ASCII")]
    ascii: bool,
    /// Leave the mouse to the terminal, so that text can be selected
    #[arg(long, env = "RAFTDECK_NO_MOUSE")]
    no_mouse: bool,
}

impl ScreenArgs {
    pub(super) fn settings(&self) -> Settings {
        // https://no-color.org: any value but an empty one.
        let colour = match std::env::var_os("NO_COLOR") {
            Some(value) if !value.is_empty() => ColourChoice::Never,
            _ => ColourChoice::Terminal,
        };
        Settings { ascii: self.ascii, colour, mouse: !self.no_mouse }
    }
}
