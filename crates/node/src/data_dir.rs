//! The default data directory of a node.
//!
//! A member of a cluster has `./raftdeck-data/nID`. A node that is alone, and was named no Raft port, has `./raftdeck-data/n1-PORT`
//! with its HTTP port: several of them can be started side by side, and none takes the directory of a cluster's n1. Earlier
//! releases called that one `n1`, too; it is still found.

use raftdeck_raft::NodeId;
use raftdeck_storage::{Founders, fs::DiskFs, recorded_founders};
use std::path::{Path, PathBuf};

const PARENT: &str = "./raftdeck-data";

/// Where earlier releases served Raft if they were told nothing.
const FORMER_DEFAULT: &str = "127.0.0.1:8080";

/// A data directory, and what is to be said of it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct DataDir {
    pub(crate) path: PathBuf,
    pub(crate) warning: Option<String>,
}

/// The data directory of this node. `alone_at`: its HTTP port, if it is alone and was named no Raft port.
pub(crate) fn find(given: Option<&Path>, id: NodeId, alone_at: Option<u16>) -> DataDir {
    match (given, alone_at) {
        (Some(given), _) => DataDir { path: given.to_owned(), warning: None },
        (None, None) => DataDir { path: of_member(Path::new(PARENT), id), warning: None },
        (None, Some(port)) => of_one_alone(Path::new(PARENT), id, port),
    }
}

/// Whether a member's data directory is there. Whose it is, is found when it is opened.
pub(crate) fn was_started(given: Option<&Path>, id: NodeId) -> bool {
    has_log(&find(given, id, None).path)
}

fn of_member(parent: &Path, id: NodeId) -> PathBuf {
    parent.join(id.to_string())
}

fn of_one_alone(parent: &Path, id: NodeId, port: u16) -> DataDir {
    let path = parent.join(format!("{id}-{port}"));
    let former = of_member(parent, id);
    if has_log(&path) || !has_log(&former) || !is_of_one_alone(&former, id) {
        return DataDir { path, warning: None };
    }
    let (now, then) = (path.display(), former.display());
    let warning = format!(
        "using {then}, where an earlier release kept the data of a node that is started like this; by now it would be {now}: rename \
         it while no node runs, or name it with --data-dir"
    );
    DataDir { path: former, warning: Some(warning) }
}

/// Whether an earlier release made this directory for a node that was told nothing, or may have: the first ones recorded nothing.
fn is_of_one_alone(dir: &Path, id: NodeId) -> bool {
    let alone = Founders::from([(id, FORMER_DEFAULT.to_owned())]);
    recorded_founders(&DiskFs, dir).is_none_or(|recorded| recorded == alone)
}

fn has_log(dir: &Path) -> bool {
    dir.join("raft.log").exists()
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::Incarnation;
    use raftdeck_storage::{LogOptions, LogStore};
    use std::fs;

    const N1: NodeId = NodeId(1);

    /// A directory that was started by n1 with these founding members.
    fn started(dir: &Path, founders: &[(u64, &str)]) {
        let founders: Founders =
            founders.iter().map(|(id, address)| (NodeId(*id), (*address).to_owned())).collect();
        let options = LogOptions::default();
        let (store, ..) =
            LogStore::start_life(&DiskFs, dir, N1, "raftdeck", &options, Incarnation([7; 16])).unwrap();
        store.papers().origin(&founders, true).unwrap();
    }

    #[test]
    fn nodes_alone_have_a_directory_by_their_port_and_members_one_by_their_id() {
        let parent = tempfile::tempdir().unwrap();
        for port in [8080, 8090] {
            let found = of_one_alone(parent.path(), N1, port);
            assert_eq!((found.path, found.warning), (parent.path().join(format!("n1-{port}")), None));
        }
        assert_eq!(find(None, N1, None).path, Path::new("./raftdeck-data/n1"));
        assert_eq!(find(Some(Path::new("./mine")), N1, Some(8080)).path, Path::new("./mine"));
    }

    #[test]
    fn a_directory_of_an_earlier_release_is_found_and_told_of() {
        let parent = tempfile::tempdir().unwrap();
        let former = parent.path().join("n1");
        started(&former, &[(1, FORMER_DEFAULT)]);
        let found = of_one_alone(parent.path(), N1, 8080);
        assert_eq!(found.path, former);
        let warning = found.warning.expect("it is told");
        assert!(warning.contains("n1-8080") && warning.contains("--data-dir"), "{warning}");
        fs::remove_file(former.join("founders")).unwrap();
        assert_eq!(of_one_alone(parent.path(), N1, 8080).path, former, "the first ones recorded nothing");
        started(&parent.path().join("n1-8080"), &[(1, "127.0.0.1:18080")]);
        let found = of_one_alone(parent.path(), N1, 8080);
        assert_eq!((found.path, found.warning), (parent.path().join("n1-8080"), None));
    }

    #[test]
    fn the_directory_of_a_clusters_first_node_is_left_alone() {
        for founders in [&[(1, FORMER_DEFAULT), (2, "127.0.0.1:8081")][..], &[(1, "127.0.0.1:18080")], &[]] {
            let parent = tempfile::tempdir().unwrap();
            started(&parent.path().join("n1"), founders);
            assert_eq!(of_one_alone(parent.path(), N1, 8080).path, parent.path().join("n1-8080"));
        }
    }
}
