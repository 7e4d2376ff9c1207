//! How the deck is drawn.

use super::traits::TerminalTraits;
use crate::errors::WrongUsage;
use crate::screen::settings;
use clap::Args;
use clap::error::ErrorKind;
use color_eyre::eyre::Result;
use raftdeck_deck::app::Settings;
use raftdeck_deck::settings::{Preferences, SettingsFiles};
use raftdeck_deck::theme::ColourChoice;
use std::io::{self, IsTerminal};

#[expect(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
#[derive(Args, Clone, Debug, Default)]
pub(super) struct ScreenArgs {
    /// Draw with ASCII characters only; the default where the locale is not UTF-8
    #[arg(long, env = "RAFTDECK_ASCII")]
    ascii: bool,
    /// Draw with all characters, whatever the locale
    #[arg(long, env = "RAFTDECK_UNICODE", conflicts_with = "ascii")]
    unicode: bool,
    /// Leave the mouse to the terminal, so that text can be selected
    #[arg(long, env = "RAFTDECK_NO_MOUSE")]
    no_mouse: bool,
    /// The look: terminal, dark, light, high-contrast, colour-blind, monochrome, or a theme of one's own
    #[arg(long, env = "RAFTDECK_THEME", value_name = "NAME")]
    theme: Option<String>,
    /// For a screen reader: lines that are read once instead of a picture, with the same keys; s reads the state
    #[arg(long, env = "RAFTDECK_READER")]
    pub(super) reader: bool,
}

/// How a deck is drawn here, and what its user set.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) settings: Settings,
    pub(super) preferences: Preferences,
}

/// Where there is no screen, why not.
pub(super) enum NoScreen {
    /// The input or the output is no terminal: whoever did that knows it.
    NoTerminal,
    /// The terminal can only print.
    Dumb,
}

impl NoScreen {
    /// What is to be said about it, if anything: events are printed instead.
    pub(super) fn told(&self) -> Option<&'static str> {
        match self {
            Self::NoTerminal => None,
            Self::Dumb => {
                Some("TERM is dumb, so no screen can be drawn: events are printed, as with --plain")
            }
        }
    }
}

/// Whether a screen can be drawn.
pub(super) fn screen() -> Result<(), NoScreen> {
    let is_dumb = TerminalTraits::of(&|name: &str| std::env::var_os(name)).dumb;
    match io::stdin().is_terminal() && io::stdout().is_terminal() {
        false => Err(NoScreen::NoTerminal),
        true if is_dumb => Err(NoScreen::Dumb),
        true => Ok(()),
    }
}

impl ScreenArgs {
    /// How the deck is drawn in this environment, with this user's settings.
    pub(super) fn look(&self) -> Result<Look> {
        self.look_in(TerminalTraits::of(&|name: &str| std::env::var_os(name)), &settings::read())
    }

    fn look_in(&self, traits: TerminalTraits, files: &SettingsFiles) -> Result<Look> {
        let preferences = Preferences::new(traits.depth, files);
        let preferences = match &self.theme {
            Some(name) => preferences
                .with_theme(name)
                .map_err(|why| WrongUsage::new(ErrorKind::InvalidValue, format!("--theme: {why}")))?,
            None => preferences,
        };
        if self.reader {
            let settings = Settings { ascii: true, colour: ColourChoice::Never, mouse: false };
            return Ok(Look { settings, preferences });
        }
        // A theme that is asked for now says more than a variable for all programs.
        let is_colourless = traits.no_colour && self.theme.is_none();
        let colour = if is_colourless { ColourChoice::Never } else { ColourChoice::Terminal };
        let ascii = self.ascii || (traits.ascii && !self.unicode);
        Ok(Look { settings: Settings { ascii, colour, mouse: !self.no_mouse }, preferences })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_deck::settings::SettingsFile;
    use raftdeck_deck::theme::ColourDepth;

    const PLAIN: TerminalTraits =
        TerminalTraits { depth: ColourDepth::True, no_colour: false, ascii: false, dumb: false };

    fn look(args: &ScreenArgs, traits: TerminalTraits) -> Look {
        args.look_in(traits, &SettingsFiles::default()).unwrap()
    }

    #[test]
    fn no_color_means_no_colours_unless_a_theme_is_asked_for() {
        let traits = TerminalTraits { no_colour: true, ..PLAIN };
        assert_eq!(look(&ScreenArgs::default(), traits).settings.colour, ColourChoice::Never);
        let args = ScreenArgs { theme: Some("dark".to_owned()), ..ScreenArgs::default() };
        let look = look(&args, traits);
        assert_eq!((look.settings.colour, look.preferences.theme()), (ColourChoice::Terminal, "dark"));
    }

    #[test]
    fn ascii_is_chosen_by_itself_and_can_be_overruled() {
        let traits = TerminalTraits { ascii: true, ..PLAIN };
        assert!(look(&ScreenArgs::default(), traits).settings.ascii);
        assert!(!look(&ScreenArgs { unicode: true, ..ScreenArgs::default() }, traits).settings.ascii);
        assert!(!look(&ScreenArgs::default(), PLAIN).settings.ascii);
        assert!(look(&ScreenArgs { ascii: true, ..ScreenArgs::default() }, PLAIN).settings.ascii);
    }

    #[test]
    fn the_command_line_says_more_than_the_file_and_a_wrong_name_is_said() {
        let text = Ok("theme = 'light'".to_owned());
        let deck = SettingsFile { path: "deck.toml".to_owned(), name: "deck".to_owned(), text };
        let files = SettingsFiles { deck: Some(deck), themes: Vec::new() };
        let theme = |name: Option<&str>| {
            let args = ScreenArgs { theme: name.map(str::to_owned), ..ScreenArgs::default() };
            args.look_in(PLAIN, &files).map(|look| look.preferences.theme().to_owned())
        };
        assert_eq!(theme(None).unwrap(), "light");
        assert_eq!(theme(Some("dark")).unwrap(), "dark");
        assert!(theme(Some("drak")).unwrap_err().to_string().ends_with("did you mean dark?"));
    }
}
