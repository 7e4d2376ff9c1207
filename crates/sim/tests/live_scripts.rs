//! The scripts of `examples` run over virtual time as over real processes, to their end and the same every time.

mod deck;

use deck::{Played, play};
use raftdeck_model::{ClientName, News, StoreOutcome};
use raftdeck_protocol::ClockRate;
use raftdeck_raft::Timing;
use raftdeck_sim::LiveOptions;

fn twice(name: &str, options: &LiveOptions) -> Played {
    let played = play(name, options.clone());
    assert!(played == play(name, options.clone()), "{name} is not the same twice");
    played
}

/// The rows of what `logs` printed, this many times before the last, with single blanks and without marks of commitment.
fn logs(played: &Played, from_end: usize) -> Vec<String> {
    let tables: Vec<_> = played.printed.iter().filter(|text| text.starts_with("logs\n")).collect();
    let table = tables[tables.len() - 1 - from_end];
    let is_row = |line: &&str| line.split_whitespace().next().is_some_and(|word| word.parse::<u64>().is_ok());
    let rows = table.lines().filter(is_row);
    rows.map(|row| row.replace('*', "").split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

fn one_by_one(nodes: u16) -> LiveOptions {
    LiveOptions { append_bytes: Some(1), ..LiveOptions::new(nodes, 1) }
}

#[test]
fn figure_7_is_brought_about_and_mended() {
    let rate = ClockRate::from_millionths(100_000).unwrap();
    let played = twice("figure-7.txt", &LiveOptions { timing: Timing::DEMO, rate, ..one_by_one(7) });
    let picture = logs(&played, 1);
    assert_eq!(picture.len(), 12, "{picture:#?}");
    assert_eq!(picture[3], "4 4 no-op 4 no-op 4 no-op 4 no-op 4 no-op 4 no-op 2 no-op");
    assert_eq!(picture[11], "12 7 put x 16");
    let mended = logs(&played, 0);
    assert_eq!(mended.len(), 11, "{mended:#?}");
    assert_eq!(mended[10], format!("11{}", " 8 no-op".repeat(7)));
}

#[test]
fn figure_8_an_entry_of_an_earlier_term_on_a_majority_is_replaced() {
    let played = twice("figure-8.txt", &LiveOptions { rate: ClockRate::FROZEN, ..one_by_one(5) });
    let picture = [
        format!("1{}", " 1 members n1 n2 n3 n4 n5".repeat(4)),
        "2 2 no-op 2 no-op 2 no-op".to_owned(),
        "3 4 no-op".to_owned(),
    ];
    assert_eq!(logs(&played, 1), picture);
    assert_eq!(logs(&played, 0)[1], "2 3 no-op 3 no-op 3 no-op 3 no-op");
    assert!(played.now.is_zero(), "time is frozen");
}

#[test]
fn figure_8_e_an_entry_of_the_own_term_on_a_majority_stays() {
    let played = twice("figure-8-e.txt", &LiveOptions { rate: ClockRate::FROZEN, ..one_by_one(5) });
    assert_eq!(logs(&played, 0)[2], "3 4 no-op 4 no-op");
}

#[test]
fn a_leader_whose_disk_stands_still_hands_over_and_comes_back() {
    let _ = twice("stalled-leader.txt", &LiveOptions::new(3, 1));
}

#[test]
fn a_client_whose_answer_is_lost_does_not_know_whether_its_write_happened() {
    let played = twice("in-doubt.txt", &LiveOptions { timing: Timing::DEBUG, ..LiveOptions::new(3, 1) });
    let fates = played.told.iter().filter_map(|update| match &update.what {
        News::Client { request, outcome, .. } if request.client == ClientName::Named("alice".to_owned()) => {
            Some(matches!(outcome.judged(), StoreOutcome::InDoubt(_)))
        }
        _ => None,
    });
    assert_eq!(fates.collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn a_wiped_node_is_replaced_and_leads() {
    let _ = twice("wiped-node.txt", &LiveOptions::new(3, 1));
}
