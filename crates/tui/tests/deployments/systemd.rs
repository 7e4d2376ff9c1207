//! `examples/systemd`: the unit of a node, with what it needs on a host that others reach.

use crate::cluster::Cluster;
use crate::files::{Variables, assert_taken, folder, root, text};
use crate::network::{HOSTS, Network, Surroundings};
use crate::support::deck::RAFTDECK;
use crate::support::{LIMIT, alone, output};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const UNIT: &str = "examples/raftdeck-node.service";
const DROP_IN: &str = "examples/systemd/tls.conf";
const CREDENTIALS: &str = "/run/credentials/raftdeck-node.service";

/// The settings of the unit and of its drop-in, in order. A line that ends with a backslash goes on.
fn settings() -> Vec<(String, String)> {
    let text = format!("{}\n{}", text(UNIT), text(DROP_IN)).replace("\\\n", " ");
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// What the service runs. An empty setting takes back those before it.
fn command() -> Vec<String> {
    let starts = settings().into_iter().filter(|(name, _)| name == "ExecStart").map(|(_, value)| value);
    let starts: Vec<String> = starts.collect();
    let [_, empty, line] = &starts[..] else { panic!("{starts:?}") };
    assert!(empty.is_empty());
    let line = line.replace("%S", "/var/lib").replace("%d", CREDENTIALS);
    let words = line.split_whitespace().map(str::to_owned);
    words.collect()
}

/// The same by the program that is tested, which is the node as well.
fn command_here() -> Vec<String> {
    let command = command();
    assert_eq!(command[0], "/usr/local/bin/raftdeck-node");
    [&["raftdeck".to_owned(), "node".to_owned()], &command[1..]].concat()
}

/// Credentials by name, and where they come from.
fn credentials() -> Vec<(String, String)> {
    let loaded = settings().into_iter().filter(|(name, _)| name == "LoadCredential");
    loaded
        .map(|(_, value)| {
            value.split_once(':').map(|(name, from)| (name.to_owned(), from.to_owned())).unwrap()
        })
        .collect()
}

fn config(host: &str) -> String {
    text(&format!("examples/systemd/{host}.toml"))
}

/// What is in `/etc/raftdeck` of each host: its configuration, its certificate, and the tokens of all.
fn etc(host: &str, below: &Path) -> PathBuf {
    let tls = |name: &str| fs::read_to_string(below.join("tls").join(name)).unwrap();
    let files = [
        ("config.toml", config(host)),
        ("tls/ca.pem", tls("ca.pem")),
        ("tls/node.pem", tls(&format!("{host}.pem"))),
        ("tls/node-key.pem", tls(&format!("{host}-key.pem"))),
        ("client-token", "a-token-for-clients".to_owned()),
        ("manager-token", "a-token-for-managers".to_owned()),
    ];
    folder(&below.join(host).join("etc"), files)
}

/// What the service sees on this host.
fn surroundings(host: &str, below: &Path) -> Surroundings {
    let etc = etc(host, below);
    let loaded = credentials().into_iter().map(|(name, from)| {
        let from = from.strip_prefix("/etc/raftdeck/").unwrap();
        (name, fs::read(etc.join(from)).unwrap())
    });
    let loaded: Vec<(String, Vec<u8>)> = loaded.collect();
    let files = loaded.iter().map(|(name, content)| (name.as_str(), content));
    let credentials = folder(&below.join(host).join("credentials"), files);
    let data = folder(&below.join(host).join("data"), [("", ""); 0]);
    Surroundings {
        folders: vec![
            (etc, "/etc/raftdeck".to_owned()),
            (credentials, CREDENTIALS.to_owned()),
            (data, "/var/lib/raftdeck".to_owned()),
        ],
        is_read_only: settings().contains(&("ProtectSystem".to_owned(), "strict".to_owned())),
        ..Surroundings::default()
    }
}

#[test]
fn the_program_takes_what_the_unit_and_each_host_say() {
    for (nth, (host, address)) in HOSTS[..3].iter().enumerate() {
        let config = root().join(format!("examples/systemd/{host}.toml"));
        let words: Vec<String> = command_here()
            .into_iter()
            .map(|word| word.replace("/etc/raftdeck/config.toml", &config.display().to_string()))
            .collect();
        assert_taken(&words, &Variables::new());
        let text = self::config(host);
        for said in [format!("node-id = {}", nth + 1), format!("bind = \"{address}:8080\"")] {
            assert!(text.lines().any(|line| line == said), "{host}: {said}");
        }
    }
    for (name, _) in credentials() {
        assert!(command().contains(&format!("{CREDENTIALS}/{name}")), "{name} is loaded and not used");
    }
}

/// Where systemd is at hand, it says so itself.
#[test]
fn systemd_takes_the_unit_with_its_drop_in() {
    let dir = tempfile::tempdir().unwrap();
    let here = |text: String| text.replace("/usr/local/bin/raftdeck-node", RAFTDECK);
    folder(
        dir.path(),
        [
            ("raftdeck-node.service", here(text(UNIT))),
            ("raftdeck-node.service.d/tls.conf", here(text(DROP_IN))),
        ],
    );
    let mut verify = assert_cmd::Command::new("systemd-analyze");
    let Ok(verified) =
        verify.arg("verify").arg(dir.path().join("raftdeck-node.service")).timeout(LIMIT).output()
    else {
        return;
    };
    let said = String::from_utf8(verified.stderr).unwrap();
    assert!(verified.status.success() && !said.contains("raftdeck-node.service"), "{said}");
}

#[test]
fn three_nodes_as_the_hosts_start_them_are_a_cluster() {
    let Some(network) = Network::new() else { return };
    let _alone = alone();
    let below = tempfile::tempdir().unwrap();
    let addresses: Vec<&str> = HOSTS[..3].iter().map(|(_, address)| *address).collect();
    let mut tls = Command::new(RAFTDECK);
    tls.args(["tls", "new", "--hosts", &addresses.join(","), "--dir"]).arg(below.path().join("tls"));
    assert!(output(tls).status.success());
    let mut cluster = Cluster::default();
    for (host, _) in &HOSTS[..3] {
        cluster.start(network.command(host, &surroundings(host, below.path()), &command_here()));
    }
    let mut desk = Surroundings {
        folders: vec![(below.path().join("tls"), "/etc/raftdeck".to_owned())],
        ..Surroundings::default()
    };
    desk.variables.insert("RAFTDECK_CLIENT_TOKEN".to_owned(), "a-token-for-clients".to_owned());
    let cluster_addresses =
        addresses.iter().map(|address| format!("{address}:8080")).collect::<Vec<_>>().join(",");
    cluster.serves_and_ends(|asked| {
        let with = ["raftdeck", "client", "--timeout", "60", "--cluster", &cluster_addresses];
        let tls = "--tls-ca /etc/raftdeck/ca.pem --tls-cert /etc/raftdeck/client.pem --tls-key /etc/raftdeck/client-key.pem";
        let words = with.into_iter().chain(tls.split(' ')).chain(asked.iter().copied());
        network.command("desk", &desk, &words.map(str::to_owned).collect::<Vec<_>>())
    });
}
