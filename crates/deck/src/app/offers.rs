//! What the palette offers for what is typed: commands and their completions, nodes, drills, views, themes, and whatever has a key.
//!
//! Each offer is a whole line, so that choosing one and typing it are the same. The match is fuzzy (`kl` is `kill leader`); the
//! order is the same for the same letters.

use crate::actions::{ACTIONS, Action, ActionId};
use crate::app::palette::{self, EXPLAIN, PaletteLine, can_be_named, lacking};
use crate::app::{App, View};
use crate::view::labels;
use nucleo_matcher::pattern::{AtomKind, CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32Str};
use raftdeck_model::concepts::Concept;
use raftdeck_raft::NodeId;
use raftdeck_script::{WORDS, complete, word};
use std::cmp::Reverse;
use std::collections::BTreeSet;

/// What an offer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum OfferKind {
    /// A line of the grammar, or a word of one.
    Command,
    /// What a key does.
    Key,
    /// A node, to select it.
    Node,
    /// A view, to go there.
    View,
    /// A drill, to start it.
    Drill,
    /// A theme, to keep it.
    Theme,
    /// A cluster, to show it or to attach to it.
    Cluster,
    /// A term of the field, to explain it.
    Term,
}

impl OfferKind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Key => "key",
            Self::Node => "node",
            Self::View => "view",
            Self::Drill => "drill",
            Self::Theme => "theme",
            Self::Cluster => "cluster",
            Self::Term => "term",
        }
    }
}

/// One thing that can be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// The line up to the cursor, with this.
    pub line: String,
    /// What is shown of it.
    pub text: String,
    /// What it is.
    pub kind: OfferKind,
    /// What it means, or why it cannot be done now; may be empty.
    pub about: String,
    /// The key that does the same.
    pub key: Option<String>,
    /// Whether it can be done now, as far as that is known before it is tried.
    pub is_able: bool,
    /// Which characters of the text were typed.
    pub found: Vec<usize>,
}

/// The most that is offered.
const MAX_OFFERS: usize = 200;

/// The palette's offers for the text before the cursor, the best first.
#[must_use]
pub fn offers(before: &str, app: &App) -> Vec<Offer> {
    let mut offers = match before.trim_start() {
        "" => of_the_moment(app),
        text if has_words_after_command(text) => arguments(before, app),
        text => ranked(everything(app), text),
    };
    let mut lines = BTreeSet::new();
    offers.retain(|offer| lines.insert(offer.line.clone()));
    offers.truncate(MAX_OFFERS);
    offers
}

/// The offer that Enter takes for a line that is not understood: the first one. A line that begins with a word of the grammar means
/// what it says.
#[must_use]
pub fn taken(line: &str, app: &App) -> Option<Offer> {
    let first = line.split_whitespace().next()?;
    if word(first).is_some() || understand(line, app).is_ok() {
        return None;
    }
    // What fits only by what it means is not what was meant.
    offers(line, app).into_iter().next().filter(|offer| !offer.found.is_empty())
}

/// What a line of the palette requests, or why it is not understood.
pub fn understand(line: &str, app: &App) -> Result<PaletteLine, String> {
    palette::understand(line, &app.world).or_else(|why| place(line, app).ok_or(why))
}

/// `n3`, `view charts`, `drill leader-kill`, `theme dark`, `context prod`, `attach prod`.
fn place(line: &str, app: &App) -> Option<PaletteLine> {
    let pieces: Vec<&str> = line.split_whitespace().collect();
    match pieces[..] {
        [node] => {
            let id = NodeId(node.strip_prefix('n')?.parse().ok()?);
            app.world.node(id).map(|node| PaletteLine::Select(node.id))
        }
        ["view", name] => {
            let is_it = |view: &View| view.name().eq_ignore_ascii_case(name);
            View::ALL.into_iter().find(is_it).map(PaletteLine::Show)
        }
        ["drill", id] => app.drills.catalogue.find(id).map(|drill| PaletteLine::StartDrill(drill.id.clone())),
        ["context" | "attach", name] => {
            let label = app.tabs().labels().iter().find(|label| label.name == name);
            let is_shown = |id| app.tabs().shown().is_some_and(|shown| shown.id == id);
            Some(match label {
                Some(label) if !is_shown(label.id) => PaletteLine::ShowTab(label.id),
                Some(_) => PaletteLine::Tell(format!("{name} is in sight")),
                None => PaletteLine::OpenTab(name.to_owned()),
            })
        }
        ["theme", name] => app.preferences.named(name).map(|sheet| PaletteLine::Theme(sheet.name.clone())),
        _ => None,
    }
}

fn has_words_after_command(text: &str) -> bool {
    text.split_once(char::is_whitespace).is_some_and(|(first, _)| word(first).is_some())
}

/// How a command could go on, as the grammar says, and what has a key and begins like it; then whatever has the letters.
fn arguments(before: &str, app: &App) -> Vec<Offer> {
    let of_keys = || everything(app).into_iter().filter(|offer| offer.kind == OfferKind::Key);
    let mut offers = completions(before, app);
    let is_begun = !offers.is_empty();
    offers.extend(ranked(of_keys().filter(|offer| offer.text.starts_with(before)), before));
    if !is_begun {
        let start = before.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        offers.extend(ranked(completions(&before[..start], app), &before[start..]));
    }
    offers.extend(ranked(of_keys(), before));
    offers
}

fn completions(before: &str, app: &App) -> Vec<Offer> {
    let offer = |completion: raftdeck_script::Completion| {
        let typed = before.get(completion.start..).map_or(0, |typed| typed.chars().count());
        let line = format!("{}{}", before.get(..completion.start).unwrap_or(before), completion.text);
        let found = (0..typed.min(completion.text.chars().count())).collect();
        Offer { found, ..command(line, completion.text, completion.about, app) }
    };
    complete(before, &app.world).into_iter().map(offer).collect()
}

/// A line of the grammar, or the beginning of one.
fn command(line: String, text: String, about: &str, app: &App) -> Offer {
    let action = ACTIONS.iter().find(|action| action.short == line && can_be_named(action));
    let lacking = lacking(&line, &app.world, app.capabilities());
    Offer {
        key: action.and_then(|action| key_of(action, app)),
        is_able: lacking.is_none(),
        about: lacking.unwrap_or_else(|| match action {
            Some(action) if about.is_empty() => action.long.to_owned(),
            _ => about.to_owned(),
        }),
        kind: OfferKind::Command,
        found: Vec::new(),
        line,
        text,
    }
}

fn key_of(action: &Action, app: &App) -> Option<String> {
    let keymap = app.keymap();
    let elsewhere = || keymap.distinct(action).first().copied();
    keymap.key(action, app.view).or_else(elsewhere).map(|key| key.to_string())
}

/// What has a key.
fn of_action(action: &Action, app: &App) -> Offer {
    let why = action.can(app).err();
    Offer {
        line: action.short.to_owned(),
        text: action.short.to_owned(),
        kind: OfferKind::Key,
        is_able: why.is_none(),
        about: why.map_or_else(|| action.long.to_owned(), |why| why.0.into_owned()),
        key: key_of(action, app),
        found: Vec::new(),
    }
}

fn plain(line: String, kind: OfferKind, about: String) -> Offer {
    Offer { text: line.clone(), line, kind, about, key: None, is_able: true, found: Vec::new() }
}

/// Everything that begins a line.
fn everything(app: &App) -> Vec<Offer> {
    let mut all: Vec<Offer> = WORDS
        .iter()
        .map(|word| command(word.name.to_owned(), word.name.to_owned(), word.about, app))
        .collect();
    let named = ACTIONS.iter().filter(|action| can_be_named(action) && word(action.short).is_none());
    all.extend(named.map(|action| of_action(action, app)));
    all.extend(nodes(app));
    all.extend(views(app));
    all.extend(clusters(app));
    let drills = app.drills.catalogue.all();
    all.extend(
        drills.map(|drill| plain(format!("drill {}", drill.id), OfferKind::Drill, drill.title.clone())),
    );
    let themes = app.preferences.themes().iter().map(|choice| &choice.sheet);
    all.extend(
        themes.map(|sheet| plain(format!("theme {}", sheet.name), OfferKind::Theme, sheet.about.clone())),
    );
    all.extend(Concept::all().map(term));
    all
}

/// The tabs that are out of sight, and the contexts that have none.
fn clusters(app: &App) -> Vec<Offer> {
    let tabs = app.tabs();
    let others = tabs.labels().iter().enumerate().filter(|(place, _)| *place != tabs.place());
    let open = others.map(|(_, label)| {
        let about = format!("{}: show it", label.state.words());
        plain(format!("context {}", label.name), OfferKind::Cluster, about)
    });
    let closed = tabs.closed().map(|name| {
        plain(format!("attach {name}"), OfferKind::Cluster, "attach to it in a tab of its own".to_owned())
    });
    open.chain(closed).collect()
}

fn term(concept: Concept) -> Offer {
    let about = concept.article().section.map_or_else(String::new, |section| section.to_string());
    plain(format!("{EXPLAIN}{}", concept.name()), OfferKind::Term, about)
}

fn nodes(app: &App) -> impl Iterator<Item = Offer> {
    app.world.nodes().map(|node| {
        let number = node.id.0;
        let key = (1..=9).contains(&number).then(|| number.to_string());
        let (_, role) = labels::role(app.theme, node, &app.world);
        let about = format!("{role}: select it and show it");
        Offer { key, ..plain(node.id.to_string(), OfferKind::Node, about) }
    })
}

fn views(app: &App) -> impl Iterator<Item = Offer> {
    let others = View::ALL.into_iter().filter(|view| *view != app.view);
    others.map(|view| {
        plain(
            format!("view {}", view.name().to_lowercase()),
            OfferKind::View,
            format!("go to {}", view.name()),
        )
    })
}

/// For nothing typed: what is most useful at the moment, then everything else.
fn of_the_moment(app: &App) -> Vec<Offer> {
    const USEFUL: [ActionId; 11] = [
        ActionId::GoOn,
        ActionId::Undo,
        ActionId::Heal,
        ActionId::RestartDown,
        ActionId::KillLeader,
        ActionId::Partition,
        ActionId::Write,
        ActionId::Workload,
        ActionId::Freeze,
        ActionId::LinkFaults,
        ActionId::Help,
    ];
    let useful = USEFUL.into_iter().filter_map(Action::of).filter(|action| action.can(app).is_ok());
    let mut offers: Vec<Offer> = useful.map(|action| of_action(action, app)).collect();
    offers.extend(nodes(app));
    offers.extend(views(app));
    offers.extend(everything(app));
    offers
}

/// Those that have the letters of what was typed, in order; the best match first. Of equals the shorter one, then a command before a
/// key, a node, a view, a drill, a theme and a term.
fn ranked(offers: impl IntoIterator<Item = Offer>, typed: &str) -> Vec<Offer> {
    let mut matching = Matching::new(typed);
    let mut ranked: Vec<(u32, Offer)> =
        offers.into_iter().filter_map(|offer| matching.scored(offer)).collect();
    ranked.sort_by_key(|(score, offer)| (Reverse(*score), offer.text.chars().count(), offer.kind));
    ranked.into_iter().map(|(_, offer)| offer).collect()
}

struct Matching<'a> {
    typed: &'a str,
    matcher: Matcher,
    letters: Pattern,
    words: Pattern,
    buffer: Vec<char>,
}

impl<'a> Matching<'a> {
    fn new(typed: &'a str) -> Self {
        let mut config = Config::DEFAULT;
        config.prefer_prefix = true;
        let pattern = |kind| Pattern::new(typed, CaseMatching::Smart, Normalization::Never, kind);
        Self {
            typed,
            matcher: Matcher::new(config),
            letters: pattern(AtomKind::Fuzzy),
            words: pattern(AtomKind::Substring),
            buffer: Vec::new(),
        }
    }

    /// With its score; `None`: it does not fit. What fits only by what it means comes after all others.
    fn scored(&mut self, offer: Offer) -> Option<(u32, Offer)> {
        /// More than any match of letters brings.
        const WHOLE: u32 = 100_000;
        /// Fewer letters are in every sentence.
        const LEAST_WORD: usize = 3;
        let mut found = Vec::new();
        let text = Utf32Str::new(&offer.text, &mut self.buffer);
        if let Some(score) = self.letters.indices(text, &mut self.matcher, &mut found) {
            let whole = if offer.text == self.typed.trim_end() { WHOLE } else { 0 };
            found.sort_unstable();
            found.dedup();
            let found = found.into_iter().filter_map(|at| usize::try_from(at).ok()).collect();
            return Some((score + whole + 1, Offer { found, ..offer }));
        }
        if self.typed.trim().chars().count() < LEAST_WORD {
            return None;
        }
        let about = Utf32Str::new(&offer.about, &mut self.buffer);
        self.words.score(about, &mut self.matcher).map(|_| (0, offer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::drills::{Catalogue, Drills};
    use crate::app::{Msg, Settings, update};
    use raftdeck_drills::Drill;
    use raftdeck_model::{News, Update};
    use std::collections::BTreeMap;
    use std::time::Duration;

    fn app() -> App {
        let drill = |id: &str, title: &str| {
            let text = format!(
                "schema = 1\nid = \"{id}\"\ntitle = \"{title}\"\ndescription = \"d\"\n[[step]]\ndo = \"kill leader\"\nverify = \"down 1\"\n"
            );
            Drill::read(&text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
        };
        let drills =
            vec![drill("find-the-leader", "Find the leader"), drill("one-way", "A node that cannot hear")];
        let mut app = App::new(Settings::default())
            .with_drills(Drills::new(Catalogue::new(drills, BTreeMap::new()), false));
        let nodes = (1..=3).map(NodeId).collect();
        let what = News::Cluster { nodes, heartbeat_ms: 50, election_ms: (150, 300), data_dir: None.into() };
        update(&mut app, Msg::Told(Update { at: Duration::ZERO, seq: 1, what }), Duration::ZERO);
        app
    }

    fn lines(before: &str) -> Vec<String> {
        offers(before, &app()).into_iter().map(|offer| offer.line).collect()
    }

    #[test]
    fn the_best_match_comes_first() {
        for (typed, first) in [
            ("kl", "kill leader"),
            ("kill", "kill"),
            ("kil", "kill"),
            ("kill l", "kill leader"),
            ("kill 2", "kill 2"),
            ("leader kill", "kill leader"),
            ("n3", "n3"),
            ("3", "n3"),
            ("iso", "isolate"),
            ("part", "partition"),
            ("undo", "undo"),
            ("heal", "heal"),
            ("frz", "freeze"),
            ("mess", "view messages"),
            ("vl", "view logs"),
            ("log", "logs"),
            ("findlead", "drill find-the-leader"),
            ("drone", "drill one-way"),
            ("q", "quit"),
            ("zoo", "zoom"),
            ("nextm", "next match"),
            ("explain", "explain"),
            ("explain quo", "explain quorum"),
            ("quorum", "explain quorum"),
        ] {
            assert_eq!(lines(typed).first().map(String::as_str), Some(first), "{typed}: {:?}", lines(typed));
        }
        assert_eq!(lines("frobnicate"), Vec::<String>::new());
    }

    #[test]
    fn the_second_best_is_what_one_would_expect_too() {
        assert_eq!(lines("kil")[..2], ["kill", "kill leader"]);
        assert_eq!(lines("kill ")[..2], ["kill 1", "kill 2"], "as the grammar goes on");
        assert!(lines("cannot hear").contains(&"drill one-way".to_owned()), "what it means");
        assert!(lines("kill r").contains(&"kill leader".to_owned()), "any letter of it");
    }

    #[test]
    fn the_same_letters_always_give_the_same_order_and_nothing_twice() {
        for typed in ["", "k", "e", "re", "kill ", "dr"] {
            let once = lines(typed);
            assert_eq!(once, lines(typed));
            let different: BTreeSet<&String> = once.iter().collect();
            assert_eq!(different.len(), once.len(), "{typed}");
        }
    }

    #[test]
    fn an_offer_tells_what_it_is_its_key_and_why_it_cannot_be_done() {
        let app = app();
        let offer = |typed: &str| offers(typed, &app).into_iter().next().unwrap();
        let kill_leader = offer("kl");
        assert_eq!((kill_leader.kind, kill_leader.key.as_deref()), (OfferKind::Key, Some("K")));
        assert_eq!((kill_leader.is_able, kill_leader.about.as_str()), (false, "no node leads at the moment"));
        assert_eq!(kill_leader.found, [0, 5], "the letters that were typed");
        assert_eq!((offer("n3").kind, offer("n3").key.as_deref()), (OfferKind::Node, Some("3")));
        assert_eq!(offer("heal").key.as_deref(), Some("h"), "a command that has a key");
        assert_eq!(offer("drone").about, "A node that cannot hear");
        assert_eq!(offer("isol").found, [0, 1, 2, 3]);
        assert_eq!(offer("isolate 2").line, "isolate 2");
    }

    #[test]
    fn with_nothing_typed_the_most_useful_comes_first_and_all_of_it_can_be_reached() {
        let all = lines("");
        assert_eq!(all[0], "write", "nothing leads, nothing is in force");
        for line in ["n1", "view logs", "drill one-way", "isolate", "help"] {
            assert!(all.contains(&line.to_owned()), "{line} is not in {all:?}");
        }
    }

    #[test]
    fn a_line_that_is_no_command_stands_for_the_first_offer() {
        let app = app();
        let taken = |line: &str| taken(line, &app).map(|offer| offer.line);
        assert_eq!(taken("kl").as_deref(), Some("kill leader"));
        assert_eq!(taken("mess").as_deref(), Some("view messages"));
        for line in ["kill 9", "kill", "isolate 2", "frobnicate", "n3", "view logs", "sigkill", ""] {
            assert_eq!(taken(line), None, "{line}");
        }
    }

    #[test]
    fn places_are_understood() {
        let app = app();
        let understood = |line: &str| understand(line, &app);
        assert_eq!(understood("n3"), Ok(PaletteLine::Select(NodeId(3))));
        assert_eq!(understood("view charts"), Ok(PaletteLine::Show(View::Charts)));
        assert_eq!(understood("drill one-way"), Ok(PaletteLine::StartDrill("one-way".to_owned())));
        for line in ["n9", "view nothing", "drill nothing", "n3 n1"] {
            assert!(understood(line).is_err(), "{line}");
        }
    }
}
