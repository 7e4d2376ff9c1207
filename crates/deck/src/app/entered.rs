//! Carries out a line that was entered, and handles the keys of a menu.

use crate::actions::Action;
use crate::app::answer::PaletteAnswer;
use crate::app::confirm::{Confirm, empties_disk};
use crate::app::menu::{Menu, MenuKind, Row};
use crate::app::notice::Notice;
use crate::app::offers::Offer;
use crate::app::palette::{PaletteLine, request, understand};
use crate::app::perform::{attempt, select, start};
use crate::app::prompt::Purpose;
use crate::app::reduce::closes;
use crate::app::subject::Subject;
use crate::app::{App, Effect, View, drills, finding, lessons, offers, themes};
use crate::tabs::TabRequest;
use crossterm::event::{KeyCode, KeyEvent};
use raftdeck_model::{Ability, Order};
use std::time::Duration;

/// Does what a line says, or has the prompt say why not.
pub(super) fn entered(app: &mut App, purpose: Purpose, line: &str, now: Duration) -> Vec<Effect> {
    let done = match purpose {
        Purpose::Write => request(line, &app.world).map(PaletteLine::Store),
        Purpose::Command => return command(app, line, now),
        Purpose::Hands => lessons::hands_entered(app, line, now).map(|()| PaletteLine::Nothing),
        Purpose::Find => {
            finding::entered(app);
            Ok(PaletteLine::Nothing)
        }
    };
    carry_out(app, done, now)
}

/// Does what was understood and closes the prompt, or has the prompt say why not.
fn carry_out(app: &mut App, said: Result<PaletteLine, String>, now: Duration) -> Vec<Effect> {
    match said.and_then(|said| able(app, said)) {
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

/// A line of the palette. One that is no command stands for what is offered first.
fn command(app: &mut App, line: &str, now: Duration) -> Vec<Effect> {
    let said = offers::understand(line, app);
    match offers::taken(line, app).filter(|_| said.is_err()) {
        Some(offer) => take(app, &offer, now),
        None => carry_out(app, said, now),
    }
}

/// Takes the offer at this place of the palette.
pub(super) fn take_offer(app: &mut App, place: usize, now: Duration) -> Vec<Effect> {
    if !app.prompt.is_open() || app.prompt.purpose() != Purpose::Command {
        return Vec::new();
    }
    let offer = offers::offers(&app.prompt.typed(), app).into_iter().nth(place);
    offer.map(|offer| take(app, &offer, now)).unwrap_or_default()
}

/// Does what an offer says; if it needs more words, they are asked for.
fn take(app: &mut App, offer: &Offer, now: Duration) -> Vec<Effect> {
    app.prompt.put(&offer.line);
    let said = offers::understand(&offer.line, app);
    if said.is_ok() {
        return carry_out(app, said, now);
    }
    app.prompt.put(&format!("{} ", offer.line));
    Vec::new()
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
        PaletteLine::Show(view) => app.view = view,
        PaletteLine::Select(id) => {
            select(app, Some(id));
            app.view = View::Cluster;
        }
        PaletteLine::StartDrill(id) => {
            app.view = View::Drills;
            return drills::ask_to_start(app, &id);
        }
        PaletteLine::Theme(name) => return themes::keep(app, &name),
        PaletteLine::ShowTab(id) => return vec![Effect::Tab(TabRequest::Show(id))],
        PaletteLine::OpenTab(name) => {
            app.notice = Some(Notice::new(format!("attaching to {name}"), now));
            return vec![Effect::Tab(TabRequest::Open(name))];
        }
        PaletteLine::Explain(subject) => app.explain.open(subject),
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
        KeyCode::Esc if finding::is_active_in_menu(app) => {
            app.menu = Some(menu);
            finding::clear(app);
            return Vec::new();
        }
        _ if closes(event) => return Vec::new(),
        KeyCode::Char('/' | 'n' | 'N') => {
            app.menu = Some(menu);
            find_in_menu(app, event.code, now);
            return Vec::new();
        }
        KeyCode::Char('f' | 'U') => return Vec::new(),
        KeyCode::Up => menu.choose(at.saturating_sub(1), app),
        KeyCode::Down | KeyCode::Char('j') => menu.choose(at.saturating_add(1), app),
        KeyCode::Home | KeyCode::PageUp | KeyCode::Char('g') => menu.choose(0, app),
        KeyCode::End | KeyCode::PageDown | KeyCode::Char('G') => menu.choose(usize::MAX, app),
        KeyCode::Left if menu.kind == MenuKind::Faults => menu.turn(app, false),
        KeyCode::Right if menu.kind == MenuKind::Faults => menu.turn(app, true),
        KeyCode::Tab if menu.kind == MenuKind::Faults => menu = Menu::in_force(app.world.in_force()),
        KeyCode::Tab => menu = Menu::faults(None),
        KeyCode::Char(':') if menu.kind == MenuKind::Faults => {
            let words = menu.chosen(app).map(|row| row.words).unwrap_or_default();
            app.prompt.open(Purpose::Command, &words);
            return Vec::new();
        }
        KeyCode::Char('?') => {
            if let Some(fault) = menu.chosen(app).and_then(|row| row.fault) {
                app.explain.open(Subject::Fault(fault));
                return Vec::new();
            }
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

fn find_in_menu(app: &mut App, code: KeyCode, now: Duration) {
    match code {
        KeyCode::Char('/') => finding::open(app),
        _ if finding::is_active(app) => finding::turn(app, code == KeyCode::Char('n'), now),
        _ => {}
    }
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
