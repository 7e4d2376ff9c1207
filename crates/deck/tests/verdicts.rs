//! What the deck makes of what it is told: the verdict, when it repaints, and when it wants to be woken.

mod fixture;

use fixture::{Scene, election, follower, leader, ms, n, partition, put, quiet, stale_leader};
use raftdeck_deck::app::{Msg, Settings, update};
use raftdeck_deck::sentences::situation;
use raftdeck_model::{
    FrameFate, FrameKind, Known, LinkState, News, Node, Phase, ProcessState, Reach, Verdict,
};
use raftdeck_raft::{LogIndex, NodeId, Role, Status, Term, TraceEvent};

fn judged(scene: &Scene) -> Verdict {
    scene.app.world().verdict()
}

fn leads(leader: NodeId, term: Term, reach: (usize, usize, usize), stale: Option<(NodeId, Term)>) -> Verdict {
    let (reached, needed, of) = reach;
    let reach = Reach { reached: Known::Is(reached), needed, of, is_enough: true };
    Verdict::Leads { leader, term, reach, stale, transfer: None }
}

fn three() -> Scene {
    quiet(Settings::default(), 3)
}

const LOG: &[(u64, u64)] = &[(1, 42)];

#[test]
fn a_leader_with_its_followers_leads() {
    let leads = leads(n(2), Term(1), (3, 2, 3), None);
    assert_eq!(judged(&three()), leads);
}

#[test]
fn a_follower_that_has_not_heard_its_leader_for_long_does_not_stand_with_it() {
    let mut scene = three();
    scene.status(Status { has_quorum: false, ..follower(3, 3, 2, LOG, 42) });
    assert!(
        matches!(judged(&scene), Verdict::Leads { reach: Reach { reached: Known::Is(2), .. }, .. }),
        "{:?}",
        judged(&scene)
    );
}

#[test]
fn a_follower_that_hangs_does_not_stand_with_its_leader() {
    let mut scene = three();
    let mut status = leader(2, 3, LOG, 42);
    status.peers[1].last_heard = Some(ms(2_000));
    scene.status(status);
    assert!(
        matches!(judged(&scene), Verdict::Leads { reach: Reach { reached: Known::Is(2), .. }, .. }),
        "{:?}",
        judged(&scene)
    );
}

#[test]
fn the_newer_of_two_leaders_leads_and_the_other_is_named() {
    let stale = Some((n(1), Term(2)));
    let leads = leads(n(4), Term(3), (3, 3, 5), stale);
    assert_eq!(judged(&stale_leader(Settings::default())), leads);
}

#[test]
fn a_cut_off_campaigner_is_not_counted_and_no_leader() {
    let leads = leads(n(4), Term(3), (3, 3, 5), None);
    assert_eq!(judged(&partition(Settings::default())), leads);
}

#[test]
fn a_leader_without_a_majority_is_no_verdict_of_a_leader() {
    let mut scene = three();
    scene.status(Status { has_quorum: false, ..leader(2, 3, LOG, 42) });
    assert!(matches!(judged(&scene), Verdict::NoQuorum { leader, .. } if leader == n(2)));
}

/// The leader itself finds out only after an election timeout without answers.
#[test]
fn nothing_can_commit_from_the_moment_that_the_leader_is_cut_off() {
    let mut scene = three();
    scene.cut_off(2, LinkState::Cut);
    let Verdict::NoQuorum { leader, reach, .. } = judged(&scene) else { panic!("{:?}", judged(&scene)) };
    assert_eq!(leader, n(2));
    assert_eq!((reach.reached, reach.needed, reach.of), (Known::Is(1), 2, 3));
    scene.cut_off(2, LinkState::Open);
    assert_eq!(judged(&scene), leads(n(2), Term(1), (3, 2, 3), None));
}

#[test]
fn a_link_that_is_cut_one_way_carries_no_answer() {
    let mut scene = three();
    scene.tell(News::Link { from: n(3), to: n(2), state: LinkState::Cut });
    assert_eq!(judged(&scene), leads(n(2), Term(1), (2, 2, 3), None));
}

#[test]
fn a_campaign_is_told_with_its_votes() {
    let Verdict::Electing { campaign: Some(campaign) } = judged(&election(Settings::default())) else {
        panic!("nobody campaigns")
    };
    assert_eq!((campaign.node, campaign.term, campaign.votes, campaign.needed), (n(3), Term(2), 1, 2));
    assert!(!campaign.pre_vote);
}

#[test]
fn a_pre_candidate_asks_about_the_next_term() {
    let mut scene = three();
    scene.tell(News::Process { node: n(2), state: ProcessState::Killed });
    scene.status(Status {
        role: Role::PreCandidate,
        leader: None,
        has_quorum: false,
        ..follower(3, 3, 2, LOG, 42)
    });
    let Verdict::Electing { campaign: Some(campaign) } = judged(&scene) else { panic!("nobody campaigns") };
    assert_eq!((campaign.term, campaign.pre_vote), (Term(2), true));
}

#[test]
fn too_few_living_nodes_are_no_majority_and_none_is_all_down() {
    let mut scene = three();
    for id in [1, 3] {
        scene.tell(News::Process { node: n(id), state: ProcessState::Killed });
    }
    assert_eq!(judged(&scene), Verdict::NoMajority { alive: 1, needed: 2, of: 3 });
    scene.tell(News::Process { node: n(2), state: ProcessState::Killed });
    assert_eq!(judged(&scene), Verdict::AllDown);
}

#[test]
fn before_any_status_the_cluster_is_starting() {
    assert_eq!(judged(&Scene::new(Settings::default())), Verdict::Starting { ready: 0, of: 0 });
    assert_eq!(judged(&Scene::started(Settings::default(), 3)), Verdict::Starting { ready: 0, of: 3 });
}

#[test]
fn a_late_status_of_a_killed_node_does_not_bring_it_back() {
    let mut scene = three();
    scene.tell(News::Process { node: n(2), state: ProcessState::Killed });
    scene.status(leader(2, 3, LOG, 42));
    let phase = |scene: &Scene| scene.app.world().node(n(2)).map(Node::phase);
    assert_eq!(phase(&scene), Some(Phase::Killed));
    assert!(scene.app.world().leader().is_none());
    scene.tell(News::Process { node: n(2), state: ProcessState::Running { pid: Some(9) } });
    assert_eq!(phase(&scene), Some(Phase::Starting), "what it was before its death it need not be now");
    scene.status(follower(2, 3, 1, LOG, 42));
    assert_eq!(phase(&scene), Some(Phase::Running(Role::Follower)));
}

#[test]
fn a_status_that_only_renews_timers_does_not_repaint_by_itself() {
    let mut scene = three();
    scene.paint(120, 40);
    scene.status(Status { election_remaining: ms(150), ..follower(1, 3, 2, LOG, 42) });
    assert!(!scene.app.changed());
    assert!(
        scene.app.next_wake(scene.now).is_some_and(|at| at <= scene.now + ms(200)),
        "it waits for the tick"
    );
    scene.status(follower(1, 3, 2, &[(1, 43)], 43));
    assert!(scene.app.changed());
}

#[test]
fn moving_messages_change_the_screen_at_most_fifteen_times_a_second() {
    let mut scene = three();
    scene.at(20_000);
    scene.frame(2, 1, FrameKind::AppendEntries, None, FrameFate::Delivered);
    scene.paint(120, 40);
    let mut frames = 0;
    while let Some(at) = scene.app.next_wake(scene.now).filter(|at| *at < ms(21_000)) {
        scene.now = at;
        update(&mut scene.app, Msg::Wake, at);
        scene.paint(120, 40);
        frames += 1;
    }
    assert!((5..=15).contains(&frames), "{frames} frames in a second");
}

#[test]
fn a_cluster_that_says_nothing_more_is_painted_less_and_less() {
    let mut scene = three();
    for id in [1, 2, 3] {
        scene.tell(News::Process { node: n(id), state: ProcessState::Killed });
    }
    scene.at(60_000);
    update(&mut scene.app, Msg::Wake, scene.now);
    scene.paint(120, 40);
    assert_eq!(
        scene.app.next_wake(scene.now),
        Some(ms(61_000)),
        "cluster time passes all the same, by seconds"
    );
    fixture::rate(&mut scene, 0, 60_000_000);
    scene.paint(120, 40);
    assert_eq!(scene.app.next_wake(scene.now), None, "a frozen world is not painted again");
}

#[test]
fn nothing_is_painted_for_messages_the_view_does_not_show() {
    let mut scene = three();
    scene.press(crossterm::event::KeyCode::Tab);
    scene.paint(120, 40);
    scene.frame(2, 1, FrameKind::AppendEntries, None, FrameFate::Delivered);
    assert!(!scene.app.changed());
}

#[test]
fn an_answer_to_someone_else_is_not_shown_as_ours() {
    let mut scene = Scene::started(Settings::default(), 3);
    let outcome = raftdeck_model::ClientOutcome::Failed {
        reason: "no leader".to_owned(),
        fate: raftdeck_model::RequestFate::NothingChanged,
    };
    scene.tell(News::Client {
        id: raftdeck_model::CommandId(4711),
        request: put("a", "b").into(),
        outcome,
        took: ms(1),
    });
    let shown = scene.paint(120, 40);
    let row: String = (0..120).map(|x| shown[(x, 38)].symbol()).collect();
    assert!(!row.contains("put a") && !row.contains("refused"), "{row}");
}

#[test]
fn what_is_going_on_is_said_most_important_first() {
    let said = |scene: &Scene| situation(scene.app.world(), scene.app.succession());
    assert_eq!(said(&three()), ["n2 leads term 1. An entry is committed once 2 of 3 voters have it."]);
    let mut scene = three();
    scene.cut_off(2, LinkState::Cut);
    assert_eq!(
        said(&scene),
        [
            "n2 leads term 1, but reaches too few voters: 1 of 3, and 2 are needed. It cannot commit anything. It steps down \
          unless it hears from a majority again."
        ]
    );
    let partition = said(&partition(Settings::default()));
    assert!(partition[0].ends_with(" Only 3 are in reach, so none of them may fail."), "{partition:?}");
    assert_eq!(
        partition[1..],
        [
            "n1 is cut off and asks for pre-votes in vain. n5 is down.",
            "n4 leads since 0:14.528: n1, the leader of term 2, was cut off at 0:14.310."
        ]
    );
    let stale = said(&stale_leader(Settings::default()));
    assert_eq!(
        stale[1..3],
        ["n1 still believes that it leads term 2: nothing that it accepts can be committed.", "n5 is down."]
    );
    assert!(
        said(&election(Settings::default()))[0].starts_with("n3 asks for votes in term 2 and has 1 of 2.")
    );
    assert!(said(&Scene::new(Settings::default())).is_empty(), "nothing is known");
}

#[test]
fn a_small_screen_says_why_somebody_else_leads_and_a_detail_does_not_push_out_the_story() {
    let mut scene = three();
    let text = |scene: &mut Scene| {
        let buffer = scene.paint(80, 24);
        let row = |y| (0..80).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..24).map(row).collect::<Vec<_>>().join("\n")
    };
    scene.now += ms(20_000);
    scene.tell(News::Process { node: n(2), state: ProcessState::Killed });
    scene.now += ms(200);
    let at = u64::try_from(scene.now.as_millis()).unwrap();
    fixture::elect(&mut scene, 3, &[1], 2, at);
    let log = [(1, 42), (2, 43)];
    scene.status(fixture::leader(3, 3, &log, 43));
    scene.status(fixture::follower(1, 3, 3, &log, 43));
    for next in (2..9).rev() {
        let trace = TraceEvent::Conflict { follower: n(1), next: LogIndex(next) };
        scene.tell(News::Trace { node: n(3), trace });
    }
    let told = text(&mut scene);
    assert!(told.contains("n3 leads term 2") && !told.contains("moves the next index"), "{told}");
    scene.now += ms(5_000);
    let shown = text(&mut scene);
    assert!(shown.contains("n2 was killed") && shown.contains("n3 leads term 2 with 2 votes"), "{shown}");
    assert!(!shown.contains("moves the next index"), "{shown}");
    scene.now += ms(10_000);
    let shown = text(&mut scene);
    assert!(shown.contains(" new leader  n3, after n2 was killed"), "{shown}");
    scene.key('o');
    assert!(text(&mut scene).contains("moves the next index"), "among the events all are there");
}
