//! A node whose files may not grow any more: an orderly end that says why, and nothing lost.
#![cfg(target_os = "linux")]

mod support;

use raftdeck_storage::fs::DiskFs;
use raftdeck_storage::log_end;
use rustix::process::{Resource, Rlimit, prlimit};
use support::{Launch, eventually, own_host};

#[test]
fn a_full_disk_ends_a_node_with_a_word_and_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let launch = Launch::new(&["--bind", &format!("{}:8080", own_host())]).data(dir.path());
    let mut node = launch.ready();
    eventually("it serves", || {
        (node.http("PUT", "/set", r#"{"key":"0","value":"0"}"#).status == 200).then_some(())
    });
    let end = log_end(&DiskFs, dir.path()).unwrap().unwrap().end;
    let limit = Rlimit { current: Some(end + 20_000), maximum: None };
    prlimit(Some(node.pid()), Resource::Fsize, limit).unwrap();
    let value = "x".repeat(3000);
    let mut acknowledged = 0;
    let put = |node: &support::Node, nth: u32| {
        let body = format!(r#"{{"key":"{nth}","value":"{value}"}}"#);
        support::http(&node.addresses().http, "PUT", "/set", &body)
            .is_some_and(|answered| answered.status == 200)
    };
    while put(&node, acknowledged + 1) {
        acknowledged += 1;
        assert!(acknowledged < 10, "there is no room for so many");
    }
    assert!(acknowledged > 2, "there is room for some");
    assert_eq!(node.wait().code(), Some(1), "it is not killed: {}", node.log());
    let log = node.log();
    assert!(log.contains("nothing more will be acknowledged") && log.contains("disk full"), "{log}");
    let again = launch.ready();
    for nth in 1..=acknowledged {
        eventually("it serves", || {
            (again.http("GET", &format!("/get?key={nth}"), "").status == 200).then_some(())
        });
    }
}
