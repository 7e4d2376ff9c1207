//! What each view looks like, at the sizes that matter, with colours, without, and in ASCII; styles included.

mod fixture;

use crossterm::event::KeyCode;
use fixture::shown::shown;
use fixture::{
    Scene, charts, data, drills, election, failed, frozen, joining, joint, logs, many_messages, messages, n,
    output, partition, quiet, stale_leader,
};
use raftdeck_deck::app::drills::Drills;
use raftdeck_deck::app::{App, ColourChoice, Settings};
use raftdeck_deck::settings::{Preferences, SettingsFiles};
use raftdeck_deck::theme::{ColourDepth, SHIPPED};
use raftdeck_deck::view::Target;
use raftdeck_model::{
    Ability, Capabilities, ChangeStep, Known, LinkState, News, NodeView, ProcessState, RaftView,
};
use raftdeck_protocol::{NodeStatus, Notice, NoticeKind, RefusalReason, RefusedPeer};
use raftdeck_raft::{Incarnation, LogId, LogIndex, NodeId, Role, Term};
use ratatui::style::Color;

const COLOUR: Settings = Settings { ascii: false, colour: ColourChoice::Terminal, mouse: true };
const PLAIN: Settings = Settings { ascii: false, colour: ColourChoice::Never, mouse: true };
const ASCII: Settings = Settings { ascii: true, colour: ColourChoice::Never, mouse: false };

fn check(name: &str, scene: impl Fn(Settings) -> Scene, sizes: &[(u16, u16)]) {
    for (kind, settings) in [("colour", COLOUR), ("plain", PLAIN), ("ascii", ASCII)] {
        for (width, height) in sizes {
            let buffer = scene(settings).paint(*width, *height);
            insta::assert_snapshot!(format!("{name}-{width}x{height}-{kind}"), shown(&buffer));
        }
    }
}

const SIZES: [(u16, u16); 3] = [(80, 24), (120, 40), (40, 12)];

#[test]
fn the_cluster_view_shows_a_quiet_cluster() {
    check("cluster-quiet", |settings| quiet(settings, 3), &[(80, 24), (120, 40), (40, 12), (200, 60)]);
}

#[test]
fn the_cluster_view_shows_a_partition() {
    check("cluster-partition", partition, &[(80, 24), (120, 40), (40, 12), (200, 60)]);
}

#[test]
fn the_logs_view_shows_a_conflict() {
    check("logs", logs, &SIZES);
}

#[test]
fn who_joins_is_told_apart_from_who_votes() {
    check("joining", joining, &[(80, 24), (120, 40), (200, 60)]);
}

#[test]
fn a_joint_configuration_and_a_transfer_are_shown_while_they_last() {
    check("joint", joint, &[(80, 24), (120, 40)]);
}

#[test]
fn the_logs_view_shows_where_the_snapshot_ends() {
    let oldest = |settings| {
        let mut scene = joining(settings);
        scene.press(KeyCode::Tab);
        scene.paint(120, 40);
        scene.press(KeyCode::Home);
        scene
    };
    check("logs-snapshot", oldest, &[(80, 24), (120, 40)]);
}

#[test]
fn the_charts_view_shows_the_gap_of_a_leader_kill_first() {
    check("charts-leader-kill", charts::leader_kill, &[(80, 24), (120, 40), (200, 60), (40, 12)]);
    check("charts-at-the-gap", charts::at_the_gap, &[(80, 24), (120, 40)]);
}

#[test]
fn the_data_view_shows_keys_values_their_history_and_the_fate_of_writes() {
    check("data-json", data::json, &[(80, 24), (120, 40), (40, 12), (200, 60)]);
    check("data-bytes", data::bytes, &[(80, 24), (120, 40)]);
    check("data-strange", data::strange, &[(80, 24)]);
    check("data-searched", data::searched, &[(80, 24), (40, 12)]);
}

#[test]
fn the_data_view_says_when_what_it_shows_is_only_the_last_known_or_was_recorded() {
    check("data-last-known", data::last_known, &SIZES);
    check("data-recorded", data::recorded, &SIZES);
}

#[test]
fn the_drills_view_shows_what_there_is_to_choose_from() {
    check("drills-catalogue", drills::choosing, &SIZES);
    let confirm = |settings| {
        let mut scene = drills::choosing(settings);
        scene.press(KeyCode::Enter);
        scene
    };
    check("drills-confirm", confirm, &[(80, 24), (40, 12)]);
}

#[test]
fn the_drills_view_shows_first_what_waits_for_the_person() {
    check("drills-question", drills::question, &SIZES);
    check("drills-answered", drills::answered, &SIZES);
    check("drills-task", drills::task, &SIZES);
    check("drills-elected", drills::elected, &SIZES);
}

#[test]
fn the_drills_view_shows_the_verdict_first() {
    check("drills-result", drills::ended, &SIZES);
}

#[test]
fn the_other_views_show_a_line_of_the_drill() {
    let beside = |scene: fn(Settings) -> Scene| {
        move |settings| {
            let mut scene = scene(settings);
            scene.press(KeyCode::Tab);
            scene.press(KeyCode::Tab);
            scene
        }
    };
    check("drills-beside-question", beside(drills::question), &[(80, 24)]);
    check("drills-beside-task", beside(drills::task), &[(80, 24), (40, 12)]);
    check("drills-beside-result", beside(drills::ended), &[(80, 24)]);
}

#[test]
fn the_messages_view_shows_what_was_sent_when_and_what_became_of_it() {
    check("messages", messages, &[(80, 24), (120, 40), (40, 12), (200, 60)]);
    check("messages-many", many_messages, &[(80, 24), (120, 40)]);
}

#[test]
fn in_a_frozen_world_messages_stand_where_they_are_and_what_is_in_force_is_told() {
    check("frozen", frozen, &[(80, 24), (120, 40), (40, 12), (200, 60)]);
}

#[test]
fn the_menus_stand_over_the_view() {
    let faults = |settings| {
        let mut scene = frozen(settings);
        scene.key('f');
        for _ in 0..4 {
            scene.press(KeyCode::Right);
        }
        scene.press(KeyCode::Down);
        scene
    };
    check("menu-faults", faults, &SIZES);
    let in_force = |settings| {
        let mut scene = frozen(settings);
        scene.key('U');
        scene
    };
    check("menu-in-force", in_force, &[(80, 24)]);
}

#[test]
fn a_question_says_what_is_lost_and_which_key_confirms() {
    let removal = |settings| {
        let mut scene = quiet(settings, 5);
        scene.key('2');
        scene.key('x');
        scene
    };
    check("confirm-remove", removal, &SIZES);
    let quit = |settings| {
        let mut scene = quiet(settings, 3);
        let app = std::mem::replace(&mut scene.app, App::new(settings));
        scene.app = app.with_drills(Drills::new(drills::catalogue(), true));
        scene.key('q');
        scene
    };
    check("confirm-quit", quit, &[(80, 24)]);
}

#[test]
fn the_status_is_said_in_words() {
    let status = |settings| {
        let mut scene = partition(settings);
        scene.key(':');
        scene.type_in("status");
        scene.press(KeyCode::Enter);
        scene
    };
    check("answer-status", status, &SIZES);
}

#[test]
fn the_palette_says_how_a_line_could_go_on() {
    let palette = |settings| {
        let mut scene = frozen(settings);
        scene.key(':');
        scene.type_in("de");
        scene.press(KeyCode::Tab);
        scene
    };
    check("palette", palette, &SIZES);
}

#[test]
fn the_palette_offers_whatever_has_the_letters_and_first_of_all_what_is_useful() {
    let typed = |text: &'static str| {
        move |settings| {
            let mut scene = partition(settings);
            scene.key(':');
            scene.type_in(text);
            scene
        }
    };
    check("palette-letters", typed("kl"), &[(80, 24), (40, 12)]);
    check("palette-empty", typed(""), &[(80, 24), (120, 40), (40, 12)]);
    check("palette-arguments", typed("kill "), &[(80, 24)]);
}

#[test]
fn the_feed_shows_what_is_looked_for_and_which_event_is_selected() {
    let filtered = |settings| {
        let mut scene = partition(settings);
        scene.key('/');
        scene.type_in("term 3");
        scene
    };
    check("feed-filtered", filtered, &[(80, 24), (120, 40), (40, 12), (200, 60)]);
    let kept = |settings| {
        let mut scene = filtered(settings);
        scene.press(KeyCode::Enter);
        scene.paint(120, 40);
        scene.key('N');
        scene
    };
    check("feed-matches", kept, &[(80, 24), (120, 40)]);
    let selected = |settings| {
        let mut scene = partition(settings);
        scene.paint(120, 40);
        scene.key('o');
        scene.press(KeyCode::Up);
        scene.press(KeyCode::Up);
        scene
    };
    check("feed-cursor", selected, &[(80, 24), (120, 40), (40, 12)]);
    let zoomed = |settings| {
        let mut scene = selected(settings);
        scene.key('Z');
        scene
    };
    check("feed-zoomed", zoomed, &[(80, 24), (40, 12)]);
}

#[test]
fn the_other_lists_show_what_is_looked_for() {
    let help = |settings| {
        let mut scene = quiet(settings, 3);
        scene.key('?');
        scene.key('/');
        scene.type_in("node");
        scene
    };
    check("help-filtered", help, &SIZES);
    let menu = |settings| {
        let mut scene = frozen(settings);
        scene.key('f');
        scene.key('/');
        scene.type_in("vote");
        scene
    };
    check("menu-filtered", menu, &[(80, 24)]);
    let in_messages = |settings| {
        let mut scene = messages(settings);
        scene.key('/');
        scene.type_in("vote");
        scene.press(KeyCode::Enter);
        scene
    };
    check("messages-filtered", in_messages, &[(80, 24), (120, 40)]);
    let in_logs = |settings| {
        let mut scene = logs(settings);
        scene.key('/');
        scene.type_in("color");
        scene
    };
    check("logs-search", in_logs, &[(80, 24), (120, 40)]);
    let in_drills = |settings| {
        let mut scene = drills::choosing(settings);
        scene.key('s');
        scene.key('/');
        scene.type_in("hear");
        scene
    };
    check("drills-filtered", in_drills, &[(80, 24), (120, 40)]);
}

#[test]
fn the_help_page_stands_over_the_view() {
    let help = |settings| {
        let mut scene = quiet(settings, 3);
        scene.key('?');
        scene
    };
    check("help", help, &SIZES);
}

#[test]
fn an_election_shows_its_candidate_and_the_requests_under_way() {
    check("cluster-election", election, &[(80, 24)]);
}

#[test]
fn two_who_think_they_lead_are_told_apart() {
    check("cluster-stale-leader", stale_leader, &[(80, 24)]);
}

#[test]
fn a_node_that_will_not_start_shows_its_last_words() {
    check("cluster-failed", failed, &[(120, 40)]);
}

#[test]
fn on_a_small_screen_the_last_words_are_those_of_the_selected_node() {
    let mut scene = failed(PLAIN);
    let shown = |scene: &mut Scene| shown(&scene.paint(80, 24));
    assert!(!shown(&mut scene).contains("n3 failed: exit status 1 ─"), "the events need the room");
    scene.key('3');
    let screen = shown(&mut scene);
    for text in ["n3 failed: exit status 1 ─", " another process has that port: stop it", "── events"] {
        assert!(screen.contains(text), "{text:?} is not in\n{screen}");
    }
}

#[test]
fn of_a_long_last_line_the_beginning_is_shown() {
    let mut scene = failed(PLAIN);
    let last_words =
        vec!["INFO before".to_owned(), format!("ERROR the log is damaged {}", "and so on ".repeat(60))];
    let state = ProcessState::Failed { how: "exit status 1".to_owned(), last_words };
    scene.tell(News::Process { node: NodeId(3), state });
    scene.key('3');
    let screen = shown(&scene.paint(80, 24));
    assert!(screen.contains("\n ERROR the log is damaged"), "{screen}");
    assert!(screen.contains("…\n── events"), "it says that there is more:\n{screen}");
}

#[test]
fn before_anything_is_known_a_calm_screen_says_so() {
    check("starting", Scene::new, &[(80, 24)]);
}

#[test]
fn presenter_mode_is_for_the_back_row() {
    let scene = |settings| {
        let mut scene = partition(settings);
        scene.press(KeyCode::F(5));
        scene
    };
    check("presenter", scene, &[(80, 24), (120, 40), (200, 60), (40, 12)]);
    let three = |settings| {
        let mut scene = quiet(settings, 3);
        scene.press(KeyCode::F(5));
        scene.key('2');
        scene
    };
    check("presenter-spotlight", three, &[(80, 24), (120, 40)]);
}

#[test]
fn from_one_node_to_fifty_one_each_has_its_place() {
    for nodes in [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 51] {
        for (width, height) in [(80, 24), (120, 40)] {
            let buffer = quiet(COLOUR, nodes).paint(width, height);
            insta::assert_snapshot!(format!("cluster-{nodes}-nodes-{width}x{height}"), shown(&buffer));
        }
    }
    for (nodes, width, height) in [(9, 40, 12), (15, 40, 12), (15, 200, 60), (51, 200, 60)] {
        let buffer = quiet(COLOUR, nodes).paint(width, height);
        insta::assert_snapshot!(format!("cluster-{nodes}-nodes-{width}x{height}"), shown(&buffer));
    }
}

/// Past nine nodes, a grid: who leads, who lags, who is cut off, who is down.
#[test]
fn a_large_cluster_still_shows_who_lags_and_who_is_cut_off() {
    for nodes in [15, 51] {
        let scene = |settings| {
            let mut scene = quiet(settings, nodes);
            let mut leads = fixture::leader(2, nodes, &[(1, 42)], 42);
            leads.peers[2].matched = LogIndex(7);
            scene.status(leads);
            scene.cut_off(9, LinkState::Cut);
            scene.tell(News::Process { node: n(11), state: ProcessState::Killed });
            scene
        };
        check(&format!("cluster-{nodes}-nodes-trouble"), scene, &[(80, 24), (120, 40)]);
    }
}

#[test]
fn a_screen_too_small_for_anything_still_says_who_leads() {
    for (width, height) in [(10, 3), (1, 1), (12, 1), (23, 30)] {
        let buffer = partition(COLOUR).paint(width, height);
        insta::assert_snapshot!(format!("tiny-{width}x{height}"), shown(&buffer));
    }
}

#[test]
fn ascii_means_ascii() {
    for scene in vec![
        quiet(ASCII, 3),
        partition(ASCII),
        election(ASCII),
        logs(ASCII),
        output(ASCII),
        failed(ASCII),
        joining(ASCII),
        joint(ASCII),
        frozen(ASCII),
        messages(ASCII),
        many_messages(ASCII),
        charts::leader_kill(ASCII),
        charts::at_the_gap(ASCII),
        drills::choosing(ASCII),
        drills::answered(ASCII),
        drills::task(ASCII),
        drills::ended(ASCII),
    ] {
        let mut scene = scene;
        for (width, height) in [(120, 40), (80, 24), (40, 12), (10, 3)] {
            let buffer = scene.paint(width, height);
            let odd = buffer.content().iter().find(|cell| !cell.symbol().is_ascii());
            assert!(odd.is_none(), "at {width}x{height}: {odd:?}");
        }
    }
}

#[test]
fn without_colours_there_are_none() {
    for scene in SCENES {
        let buffer = scene(PLAIN).paint(120, 40);
        let reset = |colour| colour == Color::Reset;
        assert!(buffer.content().iter().all(|cell| reset(cell.fg) && reset(cell.bg)));
    }
}

/// A scene of each view and state.
const SCENES: [fn(Settings) -> Scene; 6] =
    [|settings| quiet(settings, 3), partition, election, logs, output, messages];

#[test]
fn a_terminal_with_sixteen_colours_gets_no_others() {
    for (theme, _) in SHIPPED {
        let preferences = Preferences::new(ColourDepth::Sixteen, &SettingsFiles::default());
        let preferences = preferences.with_theme(theme).unwrap();
        for scene in SCENES {
            let mut scene = scene(COLOUR);
            scene.app.prefer(preferences.clone());
            let buffer = scene.paint(120, 40);
            let beyond = |colour| matches!(colour, Color::Rgb(..) | Color::Indexed(_));
            assert!(!buffer.content().iter().any(|cell| beyond(cell.fg) || beyond(cell.bg)), "{theme}");
        }
    }
}

#[test]
fn the_theme_picker_stands_beside_what_it_shows() {
    let picker = |settings| {
        let mut scene = partition(settings);
        scene.key('T');
        scene.press(KeyCode::Down);
        scene
    };
    check("themes", picker, &[(80, 24), (40, 12)]);
}

#[test]
fn each_theme_has_its_look() {
    for (theme, _) in SHIPPED {
        let preferences = Preferences::new(ColourDepth::True, &SettingsFiles::default());
        let mut scene = partition(COLOUR);
        scene.app.prefer(preferences.with_theme(theme).unwrap());
        insta::assert_snapshot!(format!("theme-{theme}-80x24"), shown(&scene.paint(80, 24)));
    }
}

/// A leader and followers of another engine: each tells what its engine knows.
fn unknowns(settings: Settings) -> Scene {
    let mut scene = Scene::started(settings, 3);
    scene.at(400);
    let view = |id, role| RaftView::new(n(id), Term(7), role);
    let leader = RaftView {
        vote: Known::Is(Some(n(1))),
        committed: Known::Is(LogIndex(42)),
        applied: Known::Is(LogIndex(42)),
        ..view(1, Role::Leader)
    };
    let voted_for_nobody = RaftView {
        vote: Known::Is(None),
        leader: Known::Is(Some(n(1))),
        last: Known::Is(LogId { term: Term(7), index: LogIndex(42) }),
        ..view(3, Role::Follower)
    };
    for raft in [leader, view(2, Role::Follower), voted_for_nobody] {
        scene.tell(News::Status { node: raft.id, status: Box::new(NodeView::new(raft)) });
    }
    scene
}

#[test]
fn the_header_says_that_it_is_a_recording() {
    let mut scene = quiet(PLAIN, 3);
    assert!(!shown(&scene.paint(80, 24)).contains("REC"));
    scene.app = scene.app.over(Capabilities::only(&[Ability::Time], "this is a recording").recorded());
    for (columns, rows, word) in [(80, 24, "RECORDING"), (120, 40, "RECORDING"), (40, 12, "REC")] {
        let screen = shown(&scene.paint(columns, rows));
        let header = screen.lines().next().unwrap();
        assert!(header.contains(word) && header.contains("rate 1"), "{columns}x{rows}\n{screen}");
    }
}

#[test]
fn what_is_not_known_is_shown_as_unknown_and_not_as_none() {
    check("unknown", unknowns, &[(80, 24), (120, 40), (200, 60)]);
    let in_logs = |settings| {
        let mut scene = unknowns(settings);
        scene.press(KeyCode::Tab);
        scene
    };
    check("unknown-logs", in_logs, &[(80, 24)]);
    let screen = shown(&unknowns(ASCII).paint(200, 60));
    let vote = |id: &str| {
        let row = screen.lines().find(|line| line.split_whitespace().next() == Some(id));
        row.and_then(|row| row.split_whitespace().nth(4)).map(str::to_owned)
    };
    assert_eq!((vote("n2").as_deref(), vote("n3").as_deref()), (Some("?"), Some("-")), "{screen}");
}

#[test]
fn a_disk_that_finishes_no_write_is_said_in_the_table() {
    let mut scene = quiet(PLAIN, 3);
    let mut status = fixture::follower(1, 3, 2, &[(1, 42)], 42);
    status.disk_wait = Some(std::time::Duration::from_millis(100));
    scene.status(status.clone());
    assert!(!shown(&scene.paint(120, 40)).contains("disk"), "an ordinary disk takes so long now and then");
    status.disk_wait = Some(std::time::Duration::from_millis(312));
    scene.status(status.clone());
    assert!(shown(&scene.paint(120, 40)).contains("n1's disk has not finished a write for 312 ms"));
    status.disk_wait = Some(std::time::Duration::from_millis(1_250));
    status.disk_stalled = true;
    scene.status(status);
    let mut leads = fixture::leader(2, 3, &[(1, 42)], 42);
    leads.peers[0].disk_stalled = Some(std::time::Duration::from_millis(1_250));
    scene.status(leads);
    let screen = shown(&scene.paint(120, 40));
    for text in ["n1's disk has not finished a write for 1.2 s", "disk stalled", "43/42 stalled"] {
        assert!(screen.contains(text), "{text:?} is not in\n{screen}");
    }
}

#[test]
fn a_node_with_an_empty_disk_is_said_where_one_looks_and_what_to_do() {
    let mut scene = quiet(PLAIN, 3);
    let kind = NoticeKind::EmptyDisk { disk: Incarnation([7; 16]), address: "127.0.0.1:7003".to_owned() };
    let notice = Notice { about: n(3), kind, text: "n3 is back with an empty disk".to_owned() };
    let report = |id, notices: &[Notice]| {
        let raft = match id {
            2 => fixture::leader(2, 3, &[(1, 42)], 42),
            _ => fixture::follower(id, 3, 2, &[(1, 42)], 42),
        };
        let status = NodeStatus { notices: notices.to_vec(), ..fixture::node_status(raft) };
        News::Status { node: n(id), status: Box::new(status.into()) }
    };
    assert!(!shown(&scene.paint(80, 24)).contains("empty disk"));
    for (columns, rows) in [(80, 24), (120, 40), (200, 60)] {
        scene.tell(report(2, std::slice::from_ref(&notice)));
        let screen = shown(&scene.paint(columns, rows));
        let sentence = "n3 has an empty disk and does not vote (X or :replace 3)";
        assert!(screen.contains(sentence), "{columns}x{rows}\n{screen}");
        let of_n3 = |line: &&str| line.contains(" n3 ") && line.contains("empty disk");
        assert!(screen.lines().filter(of_n3).count() >= 2, "in its row too: {columns}x{rows}\n{screen}");
        assert!(
            columns < 120 || screen.contains("not counted"),
            "what the leader knows is of its old disk\n{screen}"
        );
        // The leader's status says so no more.
        scene.tell(report(2, &[]));
        assert!(!shown(&scene.paint(columns, rows)).contains("empty disk"), "{columns}x{rows}");
    }
    // As n1 has seen it too, nothing but n2 is left: two of three disks are lost, and nothing can be decided.
    let other = Notice { about: n(1), ..notice.clone() };
    scene.tell(report(2, &[notice, other]));
    let screen = shown(&scene.paint(120, 40));
    assert_eq!(screen.matches("too many disks are lost to replace it").count(), 2, "{screen}");
}

#[test]
fn a_refused_connection_is_said_at_the_node_that_is_to_blame_unless_it_is_being_replaced() {
    let mut scene = quiet(PLAIN, 3);
    let refused = |id, reason, since_unix_ms| RefusedPeer { id: n(id), reason, since_unix_ms };
    let known =
        RefusalReason::Incarnation { id: n(3), known: Incarnation([1; 16]), shown: Incarnation([2; 16]) };
    let refusals = vec![refused(3, RefusalReason::Secret { id: n(3) }, 1), refused(3, known, 2)];
    let raft = fixture::leader(2, 3, &[(1, 42)], 42);
    let status = NodeStatus { refused: refusals, ..fixture::node_status(raft) };
    scene.tell(News::Status { node: n(2), status: Box::new(status.into()) });
    let screen = shown(&scene.paint(200, 60));
    assert!(screen.contains("no connection between n2 and n3: the membership lists disk"), "{screen}");
    assert!(!screen.contains("does not know the secret"), "an older one");
    let row = screen.lines().find(|line| line.contains("refused")).unwrap();
    assert!(row.contains(" n3 "), "{row}");
    scene.tell(News::Change { node: n(3), step: ChangeStep::Replacing });
    let screen = shown(&scene.paint(200, 60));
    assert!(!screen.contains("no connection"), "{screen}");
    assert!(screen.contains("n3 is being replaced: its old disk is removed first"), "{screen}");
}

#[test]
fn an_explanation_stands_beside_the_view_or_over_it() {
    let node = |settings| {
        let mut scene = partition(settings);
        scene.key('1');
        scene.press(KeyCode::Enter);
        scene
    };
    check("explain-node", node, &[(80, 24), (120, 40), (200, 60), (40, 12)]);
    let message = |settings| {
        let mut scene = messages(settings);
        scene.key(']');
        scene.press(KeyCode::Enter);
        scene
    };
    check("explain-message", message, &[(80, 24), (120, 40)]);
    let entry = |settings| {
        let mut scene = logs(settings);
        scene.paint(80, 24);
        scene.press(KeyCode::Left);
        scene.press(KeyCode::Left);
        scene.press(KeyCode::Enter);
        scene
    };
    let explained = |mut scene: Scene| {
        scene.press(KeyCode::Enter);
        scene
    };
    check("explain-chart", |settings| explained(charts::leader_kill(settings)), &[(80, 24), (120, 40)]);
    check("explain-key", |settings| explained(data::json(settings)), &[(80, 24), (120, 40)]);
    check("explain-entry", entry, &[(80, 24), (200, 60)]);
    let all_terms = |settings| {
        let mut scene = quiet(settings, 3);
        scene.key(':');
        scene.type_in("explain terms");
        scene.press(KeyCode::Enter);
        for _ in 0..30 {
            scene.press(KeyCode::Tab);
        }
        scene
    };
    check("explain-terms", all_terms, &[(80, 24), (120, 40), (40, 12)]);
}

#[test]
fn the_quiet_line_says_one_thing_while_nothing_happens() {
    let later = |settings| {
        let mut scene = quiet(settings, 3);
        scene.at(18_000);
        scene
    };
    check("quiet-line", later, &[(80, 24), (120, 40)]);
}

#[test]
fn on_a_screen_without_room_for_the_ring_no_node_lies_over_another() {
    for nodes in 1..=9 {
        for (width, height) in [(24, 23), (24, 12), (30, 18), (26, 30), (40, 20)] {
            for presents in [false, true] {
                let mut scene = quiet(Settings::default(), nodes);
                if presents {
                    scene.press(KeyCode::F(5));
                }
                scene.paint(width, height);
                let places: Vec<_> =
                    scene.app.landed().areas().filter(|(_, of)| matches!(of, Target::Node(_))).collect();
                for (n, (one, first)) in places.iter().enumerate() {
                    for (other, second) in &places[n + 1..] {
                        assert!(
                            first == second || !one.intersects(*other),
                            "{nodes} nodes at {width}x{height}: {first:?} and {second:?}"
                        );
                    }
                }
                assert!(
                    places.iter().any(|(_, of)| *of == Target::Node(n(1))),
                    "the selected one is in sight"
                );
            }
        }
    }
}
