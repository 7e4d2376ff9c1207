//! The picture for a browser shows what the world knows, in words and shapes, and is a document of its own.

mod fixture;

use fixture::{Scene, election, failed, joining, joint, n, partition, quiet, stale_leader};
use raftdeck_deck::app::Settings;
use raftdeck_deck::svg::{STYLE, picture};
use raftdeck_model::{
    Delay, Disturbance, Effect, Fault, FaultId, LinkState, Matching, News, ProcessState, Rule, Scope, World,
};
use raftdeck_raft::NodeId;
use roxmltree::{Document, Node};
use std::collections::BTreeSet;
use std::time::Duration;

fn drawn(scene: &Scene) -> String {
    picture(scene.app.world(), &BTreeSet::new())
}

/// The texts of the picture, in order.
fn texts(svg: &str) -> Vec<String> {
    let document = Document::parse(svg).expect("well-formed");
    document
        .descendants()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text().map(str::to_owned))
        .collect()
}

fn shapes(svg: &str, class: &str) -> usize {
    let document = Document::parse(svg).expect("well-formed");
    document.descendants().filter(|node| node.attribute("class") == Some(class)).count()
}

fn card_of<'a>(document: &'a Document<'_>, id: &str) -> Node<'a, 'a> {
    let is_id = |node: &Node<'_, '_>| node.attribute("class") == Some("id") && node.text() == Some(id);
    document.descendants().find(is_id).and_then(|id| id.parent()).expect("the node has a card")
}

fn words_of(card: Node<'_, '_>) -> Vec<String> {
    card.children()
        .filter(|node| node.has_tag_name("text"))
        .filter_map(|node| node.text().map(str::to_owned))
        .collect()
}

fn slowed(scope: Scope) -> News {
    let rule = Rule {
        scope,
        matching: Matching::default(),
        effect: Effect::Delay(Delay::Fixed(Duration::from_millis(50))),
    };
    let what = Disturbance::Rules { words: String::new(), rules: vec![rule] };
    News::InForce { faults: vec![Fault { id: FaultId(1), what }] }
}

/// Moments of clusters of many sizes.
fn scenes() -> Vec<Scene> {
    let settings = Settings::default();
    let mut scenes = vec![Scene::new(settings)];
    scenes.extend([partition, stale_leader, election, failed, joining, joint].map(|scene| scene(settings)));
    for nodes in [1, 2, 3, 4, 6, 7, 9, 10, 15, 60] {
        scenes.push(Scene::started(settings, nodes));
        let mut scene = quiet(settings, nodes);
        scenes.push(quiet(settings, nodes));
        scene.cut_off(1, LinkState::Cut);
        scene.tell(slowed(Scope::Of([n(2)].into())));
        scene.tell(News::Process { node: n(1), state: ProcessState::Paused { pid: None } });
        scenes.push(scene);
    }
    scenes
}

#[test]
fn every_picture_is_well_formed_small_and_stands_alone() {
    for scene in scenes() {
        let all: BTreeSet<NodeId> = scene.app.world().ids().into_iter().collect();
        let svg = picture(scene.app.world(), &all);
        let document = Document::parse(&svg).expect("well-formed");
        for element in document.descendants().filter(Node::is_element) {
            let name = element.tag_name().name();
            let known = ["svg", "style", "g", "rect", "circle", "path", "line", "text"];
            assert!(known.contains(&name), "{name}");
            for attribute in element.attributes() {
                let name = attribute.name();
                assert!(!name.starts_with("on") && !name.contains("href") && name != "style", "{name}");
                let is_figure = attribute.value().contains("NaN") || attribute.value().contains("inf");
                assert!(!is_figure, "{attribute:?}");
            }
        }
        assert!(document.root_element().attribute("aria-label").is_some_and(|words| !words.is_empty()));
        assert!(svg.len() < 48_000, "{} bytes for {} nodes", svg.len(), scene.app.world().len());
    }
    let svg = drawn(&quiet(Settings::default(), 5));
    assert!(svg.len() < 12_000, "a usual picture is small: {}", svg.len());
}

#[test]
fn a_node_is_shown_with_its_role_term_and_log() {
    let svg = drawn(&partition(Settings::default()));
    let document = Document::parse(&svg).unwrap();
    for (id, class, words) in [
        ("n4", "lead", ["n4", "leader", "term", "3", "log", "44", "commit", "44"].as_slice()),
        ("n2", "calm", &["n2", "follower", "term", "3", "log", "44", "commit", "44"]),
        ("n1", "ask", &["n1", "pre-candidate", "term", "2", "log", "42", "commit", "40", "cut off"]),
        ("n5", "gone", &["n5", "killed", "term", "2", "log", "40", "commit", "40"]),
    ] {
        let card = card_of(&document, id);
        assert_eq!(card.attribute("class"), Some(class), "{id}");
        assert_eq!(words_of(card), words, "{id}");
    }
    assert_eq!(texts(&svg)[..2], ["n4 leads term 3", "3 of 5 reachable, 3 needed"]);
    assert_eq!(
        document
            .root_element()
            .attribute("aria-label")
            .unwrap()
            .matches("n1 is pre-candidate of term 2.")
            .count(),
        1
    );
}

#[test]
fn a_leader_that_was_deposed_is_told_from_the_one_that_leads() {
    let svg = drawn(&stale_leader(Settings::default()));
    let document = Document::parse(&svg).unwrap();
    assert_eq!(card_of(&document, "n4").attribute("class"), Some("lead"));
    assert_eq!(card_of(&document, "n1").attribute("class"), Some("old"));
    assert!(texts(&svg)[1..3].join(" ").contains("n1 still thinks it leads term 2"), "{:?}", texts(&svg));
}

#[test]
fn links_are_shown_as_they_are() {
    let mut scene = quiet(Settings::default(), 3);
    let svg = drawn(&scene);
    assert_eq!((shapes(&svg, "l on"), shapes(&svg, "l"), shapes(&svg, "l cut")), (2, 1, 0));
    scene.tell(News::Link { from: n(1), to: n(2), state: LinkState::Cut });
    let svg = drawn(&scene);
    assert_eq!(
        (shapes(&svg, "l cut"), shapes(&svg, "c"), shapes(&svg, "sign")),
        (1, 1, 2),
        "one half is open"
    );
    scene.tell(News::Link { from: n(2), to: n(1), state: LinkState::Cut });
    let svg = drawn(&scene);
    assert_eq!((shapes(&svg, "l cut"), shapes(&svg, "c"), shapes(&svg, "sign")), (1, 1, 1));
    scene.tell(slowed(Scope::Of([n(3)].into())));
    assert_eq!(texts(&drawn(&scene)).iter().filter(|text| *text == "+50 ms").count(), 2);
    scene.tell(slowed(Scope::All));
    assert!(texts(&drawn(&scene)).contains(&"All links: +50 ms.".to_owned()));
}

#[test]
fn what_has_no_place_on_the_picture_is_said_below_it() {
    let mut scene = quiet(Settings::default(), 12);
    scene.cut_off(1, LinkState::Cut);
    scene.tell(slowed(Scope::Links([(n(2), n(3))].into())));
    let words = texts(&drawn(&scene));
    for expected in ["cut off", "cut from 1 node", "n2→n3: +50 ms."] {
        assert!(words.iter().any(|text| text == expected), "{expected}: {words:?}");
    }
    let words = texts(&drawn(&quiet(Settings::default(), 60)));
    assert!(words.contains(&"12 more nodes are not shown.".to_owned()), "{words:?}");
}

#[test]
fn a_marked_node_has_a_frame_and_an_arrow() {
    let scene = quiet(Settings::default(), 3);
    let svg = picture(scene.app.world(), &[n(2)].into());
    let document = Document::parse(&svg).unwrap();
    let card = card_of(&document, "n2");
    let has = |class| card.children().any(|node| node.attribute("class") == Some(class));
    assert!(has("mark") && has("point"));
    assert_eq!((shapes(&svg, "mark"), shapes(&svg, "point")), (1, 1));
}

#[test]
fn equal_worlds_give_equal_pictures_and_time_alone_changes_none() {
    let mut scene = quiet(Settings::default(), 5);
    let before = drawn(&scene);
    scene.at(8_900);
    scene.trace(1, raftdeck_raft::TraceEvent::TimedOut { waited: Duration::from_millis(1) });
    assert_eq!(drawn(&scene), before);
}

#[test]
fn the_style_has_both_grounds_and_loads_nothing() {
    assert!(STYLE.contains("prefers-color-scheme:dark"));
    assert!(
        !STYLE.contains("url(") && !STYLE.contains("@import") && !STYLE.contains('<') && !STYLE.contains('&')
    );
    assert!(
        picture(&World::default(), &BTreeSet::new()).contains(STYLE),
        "as it is, or its hash would not fit"
    );
}
