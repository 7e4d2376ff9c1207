//! A network of hosts, each in a namespace with its own address, and processes on them that see the paths and names which a container or
//! a service would. Needs no privileges where users may make namespaces, and leaves nothing behind: all of it is gone with its keeper.

use crate::files::Variables;
use crate::support::deck::RAFTDECK;
use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

/// The hosts of every network: three for nodes, one for those that ask them.
pub(crate) const HOSTS: [(&str, &str); 4] =
    [("n1", "10.0.0.1"), ("n2", "10.0.0.2"), ("n3", "10.0.0.3"), ("desk", "10.0.0.4")];

/// It ends when the network is dropped, at the end of its standard input.
pub(crate) struct Network {
    keeper: Child,
    /// Kept open.
    _lives: ChildStdin,
}

impl Network {
    /// `None`: this machine permits no namespaces.
    pub(crate) fn new() -> Option<Self> {
        let mut keeper = Command::new("unshare")
            .args(["--user", "--map-root-user", "--net", "--mount", "sh", "-euc", &set_up()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let (lives, mut line) = (keeper.stdin.take().unwrap(), String::new());
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let network = Self { keeper, _lives: lives };
        (line == "up\n").then_some(network)
    }

    /// This program on this host, in such surroundings. The process is the program itself, so a signal reaches it.
    pub(crate) fn command(&self, host: &str, surroundings: &Surroundings, words: &[String]) -> Command {
        let mut command = Command::new("nsenter");
        command.args([
            "--target",
            &self.keeper.id().to_string(),
            "--user",
            "--preserve-credentials",
            "--mount",
            "--net",
        ]);
        command.args(["nsenter", &format!("--net=/run/netns/{host}")]);
        command.args(["unshare", "--mount", "sh", "-euc", &surroundings.script(), "sh"]);
        command.args(surroundings.variables.iter().map(|(name, value)| format!("{name}={value}")));
        command.args(words);
        command.stdin(Stdio::null());
        command
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let _ = self.keeper.kill();
        let _ = self.keeper.wait();
    }
}

/// A bridge, and each host on it.
fn set_up() -> String {
    let mut script = "mount -t tmpfs none /run\nmkdir /run/netns\n\
                      ip link add bridge type bridge\nip link set bridge up\n"
        .to_owned();
    for (host, address) in HOSTS {
        let _ = write!(
            script,
            "ip netns add {host}\n\
             ip link add to-{host} type veth peer name eth0 netns {host}\n\
             ip link set to-{host} master bridge up\n\
             ip -n {host} addr add {address}/24 dev eth0\n\
             ip -n {host} link set eth0 up\n\
             ip -n {host} link set lo up\n"
        );
    }
    script + "echo up\nexec cat\n"
}

/// What a process sees.
#[derive(Clone, Default)]
pub(crate) struct Surroundings {
    /// Besides `PATH`.
    pub(crate) variables: Variables,
    /// Names and their addresses.
    pub(crate) names: Vec<(String, &'static str)>,
    /// Folders of this machine, and where they are seen. Below `/etc`, `/run` and `/var/lib` there is nothing else.
    pub(crate) folders: Vec<(PathBuf, String)>,
    /// Nothing else can be written.
    pub(crate) is_read_only: bool,
}

impl Surroundings {
    fn script(&self) -> String {
        let mut script = "mount -t tmpfs none /etc\nmount -t tmpfs none /var/lib\n\
                          echo 127.0.0.1 localhost > /etc/hosts\necho hosts: files > /etc/nsswitch.conf\n"
            .to_owned();
        for (name, address) in &self.names {
            let _ = writeln!(script, "echo {address} {name} >> /etc/hosts");
        }
        for (here, there) in &self.folders {
            let _ = writeln!(script, "mkdir -p {there}\nmount --bind {} {there}", here.display());
        }
        if self.is_read_only {
            script += "mount -o remount,bind,ro /\nmount -o remount,ro /etc\nmount -o remount,ro /var/lib\n";
        }
        let programs = Path::new(RAFTDECK).parent().unwrap().display();
        let _ = writeln!(script, "exec env -i PATH={programs}:/usr/sbin:/usr/bin:/sbin:/bin \"$@\"");
        script
    }
}
