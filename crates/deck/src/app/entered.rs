//! Carries out a line that was entered, and handles the keys of a menu.

use crate::actions::Action;
use crate::app::answer::PaletteAnswer;
use crate::app::confirm::{Confirm, empties_disk};
use crate::app::menu::{Menu, MenuKind, Row};
use crate::app::notice::Notice;
use crate::app::palette::{PaletteLine, request, understand};
use crate::app::perform::{attempt, start};
use crate::app::prompt::Purpose;
use crate::app::reduce::closes;
use crate::app::sieve::Sieve;
use crate::app::{App, Effect, View};
use crossterm::event::{KeyCode, KeyEvent};
use raftdeck_model::{Ability, Order};
use std::time::Duration;

/// Does what a line says, or has the prompt say why not.
pub(super) fn entered(app: &mut App, purpose: Purpose, line: &str, now: Duration) -> Vec<Effect> {
    let done = match purpose {
        Purpose::Write => request(line, &app.world).map(PaletteLine::Store),
        Purpose::Command => understand(line, &app.world),
        Purpose::Filter => Sieve::parse(line).map(|sieve| {
            app.messages.sieve = sieve;
            app.messages.to_end();
            PaletteLine::Nothing
        }),
        Purpose::Search => app.drills.catalogue.search(line.trim()).map(|()| {
            app.drills.scroll = 0;
            PaletteLine::Nothing
        }),
    };
    match done.and_then(|said| able(app, said)) {
        Ok(said) => {
            app.prompt.accept();
            act(app, said, now)
        }
        Err(why) => {
            app.prompt.refuse(why);
            Vec::new()
        }
    }
}

/// The same line, if the source can do it; if not, the reason.
fn able(app: &App, said: PaletteLine) -> Result<PaletteLine, String> {
    let able = match &said {
        PaletteLine::Do(orders) => orders.iter().try_for_each(|order| app.capabilities().allow(order)),
        PaletteLine::Store(_) => app.capabilities().has(Ability::Store),
        _ => Ok(()),
    };
    able.map_err(|lacking| lacking.to_string())?;
    Ok(said)
}

fn act(app: &mut App, said: PaletteLine, now: Duration) -> Vec<Effect> {
    app.notice = None;
    match said {
        PaletteLine::Nothing => {}
        PaletteLine::Do(orders) => return app.send(orders),
        PaletteLine::Store(op) => return start(app, op, now),
        PaletteLine::Act(id) => {
            return Action::of(id).map(|action| attempt(app, action, None, now)).unwrap_or_default();
        }
        PaletteLine::Logs => app.view = View::Logs,
        PaletteLine::Status => app.answer = Some(PaletteAnswer::Status),
        PaletteLine::Word { usage, about } => {
            app.answer = Some(PaletteAnswer::Text { title: usage, text: about });
        }
        PaletteLine::InForce => app.menu = Some(Menu::in_force(app.world.in_force())),
        PaletteLine::Tell(text) => app.notice = Some(Notice::new(text, now)),
        PaletteLine::Quit => return vec![Effect::Quit],
    }
    Vec::new()
}

/// Takes a key while a menu is open.
pub(super) fn menu_key(app: &mut App, event: KeyEvent, now: Duration) -> Vec<Effect> {
    let Some(mut menu) = app.menu.take() else { return Vec::new() };
    let at = menu.at(app);
    match event.code {
        _ if closes(event) => return Vec::new(),
        KeyCode::Char('f' | 'U') => return Vec::new(),
        KeyCode::Up => menu.choose(at.saturating_sub(1), app),
        KeyCode::Down => menu.choose(at.saturating_add(1), app),
        KeyCode::Home | KeyCode::PageUp => menu.choose(0, app),
        KeyCode::End | KeyCode::PageDown => menu.choose(usize::MAX, app),
        KeyCode::Left if menu.kind == MenuKind::Faults => menu.turn(app, false),
        KeyCode::Right if menu.kind == MenuKind::Faults => menu.turn(app, true),
        KeyCode::Tab if menu.kind == MenuKind::Faults => menu = Menu::in_force(app.world.in_force()),
        KeyCode::Tab => menu = Menu::faults(None),
        KeyCode::Char(':') if menu.kind == MenuKind::Faults => {
            let words = menu.chosen(app).map(|row| row.words).unwrap_or_default();
            app.prompt.open(Purpose::Command, &words);
            return Vec::new();
        }
        KeyCode::Enter | KeyCode::Delete | KeyCode::Backspace => {
            let Some(row) = menu.chosen(app) else { return Vec::new() };
            return choose(app, menu, &row, now);
        }
        _ => {}
    }
    app.menu = Some(menu);
    Vec::new()
}

/// A fault comes into force and its menu closes. A fault in force is undone, and its menu stays open while others are left.
fn choose(app: &mut App, menu: Menu, row: &Row, now: Duration) -> Vec<Effect> {
    if let Some(fault) = row.fault {
        app.menu = (app.world.in_force().len() > 1).then_some(menu);
        return app.send([Order::Undo(Some(fault))]);
    }
    if !row.is_able {
        app.notice = Some(Notice::new(row.about.clone(), now));
        return Vec::new();
    }
    if empties_disk(&row.words) {
        app.confirm = Some(Confirm::Wipe(row.words.clone()));
        return Vec::new();
    }
    act_on(app, &row.words, now)
}

/// Does what a line of the menu says, or says why not.
pub(super) fn act_on(app: &mut App, words: &str, now: Duration) -> Vec<Effect> {
    match understand(words, &app.world).and_then(|said| able(app, said)) {
        Ok(said) => act(app, said, now),
        Err(why) => {
            app.notice = Some(Notice::new(why, now));
            Vec::new()
        }
    }
}
