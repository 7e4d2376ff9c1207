//! What members of etcd write and serve as text: lines of their logs, `/debug/vars`, `/metrics`, addresses, versions.

use raftdeck_etcd::{ClientUrl, EtcdVersion, LogReader, MemberId, MemberIds, Metrics, RaftStatus};
use raftdeck_raft::NodeId;

/// Text from a member: a log, line by line, and each of the other texts at once.
///
/// # Panics
/// If a line that is shown has what a terminal obeys, or if what was read, written out again, is read as something else.
pub fn etcd(data: &[u8]) {
    let _ = RaftStatus::from_debug_vars(data);
    let text = String::from_utf8_lossy(data);
    let _ = Metrics::parse(&text);
    log(&text);
    match text.parse::<ClientUrl>() {
        Ok(url) => assert_eq!(url.to_string().parse(), Ok(url)),
        Err(error) => shown(&error.to_string()),
    }
    match EtcdVersion::of_program(&text) {
        Ok(version) => assert_eq!(version.to_string().parse(), Ok(version)),
        Err(error) => shown(&error.to_string()),
    }
}

fn log(text: &str) {
    let mut ids = MemberIds::default();
    for (node, member) in (1..).zip([0x864e_a93f_7ba6_c45b, 0x2122_7de8_2b9c_bbee, 0xa028_de8f_2d81_c3bc]) {
        ids.learn(NodeId(node), MemberId(member));
    }
    let mut reader = LogReader::default();
    for line in text.lines() {
        shown(&reader.read(line, &ids).text);
    }
}

fn shown(text: &str) {
    assert!(!text.contains(char::is_control), "{text:?} has a control character");
}
