use super::*;

fn link(from: u64, to: u64, state: LinkState) -> News {
    News::Link { from: NodeId(from), to: NodeId(to), state }
}

fn texts(feed: &Feed) -> Vec<String> {
    feed.entries().iter().map(FeedEntry::text).collect()
}

fn told(what: News) -> Update {
    Update { at: Duration::ZERO, seq: 0, what }
}

#[test]
fn what_several_nodes_do_together_is_one_line() {
    let mut feed = Feed::default();
    let grants =
        |candidate| TraceEvent::VoteGranted { candidate: NodeId(candidate), term: Term(4), pre_vote: false };
    let follows = || TraceEvent::LeaderChanged { leader: Some(NodeId(2)), term: Term(4) };
    for (node, trace) in [(3, grants(2)), (3, follows()), (1, grants(2)), (1, follows()), (5, grants(4))] {
        feed.tell(&told(News::Trace { node: NodeId(node), trace }), Duration::ZERO);
    }
    feed.tell(&told(News::Trace { node: NodeId(5), trace: follows() }), Duration::from_secs(1));
    assert_eq!(
        texts(&feed),
        [
            "n1, n3 vote for n2 in term 4",
            "n1, n3 follow n2 in term 4",
            "n5 votes for n4 in term 4",
            "n5 follows n2 in term 4"
        ]
    );
}

fn asks(node: u64, term: u64, pre_vote: bool) -> News {
    News::Trace { node: NodeId(node), trace: TraceEvent::ElectionStarted { term: Term(term), pre_vote } }
}

fn follows(node: u64, leader: u64, term: u64) -> News {
    let trace = TraceEvent::LeaderChanged { leader: Some(NodeId(leader)), term: Term(term) };
    News::Trace { node: NodeId(node), trace }
}

fn of(news: impl IntoIterator<Item = News>) -> Feed {
    let mut feed = Feed::default();
    for (n, news) in news.into_iter().enumerate() {
        feed.tell(&told(news), Duration::from_secs(n as u64));
    }
    feed
}

#[test]
fn a_node_that_asks_again_and_again_is_one_line_until_something_else_happens_to_it() {
    let feed = of((0..7).map(|_| asks(2, 3, true)));
    assert_eq!(texts(&feed), ["n2 asks for pre-votes in term 3 (7 times)"]);
    let feed = of([asks(2, 3, true), follows(1, 3, 2), asks(2, 3, true), follows(2, 3, 2), asks(2, 3, true)]);
    assert_eq!(
        texts(&feed),
        ["n2 asks for pre-votes in term 3 (2 times)", "n1 follows n3 in term 2", "n2 follows n3 in term 2",],
        "what it asked before it followed a leader is not told after that"
    );
    let feed = of((3..9).map(|term| asks(2, term, false)));
    assert_eq!(texts(&feed), ["n2 asks for votes in terms 3 to 8 (6 times)"], "without PreVote");
}

#[test]
fn snapshots_are_one_line_under_load() {
    let snapshot = |node, index| {
        let last = raftdeck_raft::LogId { term: Term(1), index: LogIndex(index) };
        News::Trace { node: NodeId(node), trace: TraceEvent::SnapshotTaken { last, size: 12_345 } }
    };
    assert_eq!(texts(&of([snapshot(1, 10)])), ["n1 took a snapshot through entry 10 (12 kB)"]);
    let feed = of((1..=4).flat_map(|n| [snapshot(2, n * 10), snapshot(1, n * 10)]));
    assert_eq!(texts(&feed), ["n1, n2 took snapshots, the newest through entry 40 (8 times)"]);
}

#[test]
fn a_sentence_that_is_said_twice_in_a_row_is_one_line() {
    let trouble = || News::Trouble { reason: "the link from n1 to n2 is full".to_owned() };
    assert_eq!(texts(&of([trouble(), trouble(), trouble()])), ["the link from n1 to n2 is full (3 times)"]);
}

#[test]
fn lost_updates_are_a_line_and_stamps_never_go_back() {
    let mut feed = Feed::default();
    let at = |at, seq, what| Update { at: Duration::from_secs(at), seq, what };
    feed.tell(&at(5, 1, follows(1, 2, 1)), Duration::ZERO);
    // The program's own words have an estimated time.
    feed.tell(&at(9, 0, News::Trouble { reason: "no".to_owned() }), Duration::ZERO);
    feed.hear(&at(6, 2, News::Done { id: raftdeck_model::CommandId(1) }), Duration::ZERO);
    feed.tell(&at(4, 5, follows(3, 2, 1)), Duration::ZERO);
    assert_eq!(
        texts(&feed),
        ["n1 follows n2 in term 1", "no", "2 updates were lost here", "n3 follows n2 in term 1"]
    );
    let times: Vec<u64> = feed.entries().iter().map(|entry| entry.time.as_secs()).collect();
    assert_eq!(times, [5, 5, 6, 6]);
}

#[test]
fn links_cut_together_are_one_line_that_names_who_is_cut_off() {
    let mut feed = Feed::default();
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
        feed.tell(&told(link(from, to, LinkState::Cut)), Duration::from_millis(5));
    }
    assert_eq!(texts(&feed), ["n1 is cut off from n2, n3"]);
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
        feed.tell(&told(link(from, to, LinkState::Open)), Duration::from_millis(900));
    }
    assert_eq!(texts(&feed), ["n1 is cut off from n2, n3", "the links between n1 and n2, n3 are open again"]);
}

#[test]
fn a_link_cut_one_way_or_later_is_a_line_of_its_own() {
    let mut feed = Feed::default();
    feed.tell(&told(link(1, 2, LinkState::Cut)), Duration::ZERO);
    feed.tell(&told(link(2, 1, LinkState::Cut)), Duration::from_secs(2));
    assert_eq!(texts(&feed), ["the link from n1 to n2 is cut", "the link from n2 to n1 is cut"]);
}

#[test]
fn refused_connections_are_a_line_of_their_own() {
    let mut feed = Feed::default();
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
        feed.tell(&told(link(from, to, LinkState::Cut)), Duration::from_millis(5));
    }
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
        feed.tell(&told(link(from, to, LinkState::Refused)), Duration::from_millis(6));
    }
    feed.tell(&told(link(2, 3, LinkState::Refused)), Duration::from_secs(2));
    feed.tell(&told(link(2, 3, LinkState::Open)), Duration::from_secs(4));
    assert_eq!(
        texts(&feed),
        [
            "n1 is cut off from n2, n3",
            "connections between n1 and n2, n3 are refused",
            "connections from n2 to n3 are refused",
            "the link from n2 to n3 is open again"
        ]
    );
}

#[test]
fn the_feed_is_bounded_and_a_number_names_the_same_entry_as_long_as_it_is_kept() {
    let mut feed = Feed::default();
    let trouble = |n: usize| News::Trouble { reason: format!("reason {n}") };
    for n in 0..MAX_ENTRIES {
        feed.tell(&told(trouble(n)), Duration::ZERO);
    }
    let text = |feed: &Feed, number| feed.numbered(number).map(FeedEntry::text);
    assert_eq!(text(&feed, 12).as_deref(), Some("reason 12"));
    for n in 0..10 {
        feed.tell(&told(trouble(n)), Duration::ZERO);
    }
    assert_eq!(feed.entries().len(), MAX_ENTRIES);
    assert_eq!((text(&feed, 9), text(&feed, 12).as_deref()), (None, Some("reason 12")));
    assert!(feed.shown(&Find::new("Reason 1999")).is_empty(), "a capital letter means it");
    assert_eq!(feed.shown(&Find::new("reason 1999")), [1999]);
    assert_eq!(feed.shown(&Find::default()).len(), MAX_ENTRIES);
}

#[test]
fn links_that_join_the_newest_line_keep_its_number() {
    let mut feed = Feed::default();
    feed.tell(&told(News::Trouble { reason: "first".to_owned() }), Duration::ZERO);
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
        feed.tell(&told(link(from, to, LinkState::Cut)), Duration::ZERO);
    }
    assert_eq!(feed.shown(&Find::default()), [0, 1]);
    assert_eq!(feed.numbered(1).map(FeedEntry::text).as_deref(), Some("n1 is cut off from n2, n3"));
}

#[test]
fn an_entry_keeps_its_number_and_knows_what_it_is_about() {
    let mut feed = Feed::default();
    let refused = |n: usize| News::Trouble { reason: format!("reason {n}") };
    for n in 0..5 {
        feed.tell(&told(refused(n)), Duration::ZERO);
    }
    for (from, to) in [(1, 2), (2, 1), (1, 3), (3, 1)] {
        feed.tell(&told(link(from, to, LinkState::Cut)), Duration::from_millis(5));
    }
    let numbers: Vec<u64> = feed.newest_first().map(|(number, _)| number).collect();
    assert_eq!(numbers, [5, 4, 3, 2, 1, 0], "links cut together are one entry");
    let about = |number| feed.numbered(number).and_then(|entry| entry.about.as_ref());
    assert_eq!(about(4), Some(&EventKind::Trouble));
    assert!(matches!(about(5), Some(EventKind::Links { .. })));
}
