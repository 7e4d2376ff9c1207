//! The blocks of the book after `<!-- run -->`, against one cluster that the book's own first commands start.

use crate::blocks::{Block, blocks};
use crate::generated::{METRICS, hold};
use crate::pages::{page, pages, root};
use crate::support::deck::RAFTDECK;
use crate::support::nodes::own_host;
use crate::support::{alone, eventually, output, output_for, processes};
use crate::tables::{code, table};
use rustix::process::Signal;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use tempfile::TempDir;

/// What a reader has: a folder with the examples, a shell whose PATH has raftdeck, and the nodes that were started so far.
struct Reader {
    folder: TempDir,
    host: String,
    nodes: Vec<Child>,
}

impl Reader {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        symlink(RAFTDECK, folder.path().join("bin/raftdeck")).unwrap();
        symlink(root().join("examples"), folder.path().join("examples")).unwrap();
        // curl draws no progress, which a terminal would not show either.
        fs::write(folder.path().join(".curlrc"), "silent\nshow-error\n").unwrap();
        Self { folder, host: own_host(), nodes: Vec::new() }
    }

    /// The reader's own addresses in place of the book's, so that no other test or program is in the way.
    fn here(&self, text: &str) -> String {
        text.replace("127.0.0.1", &self.host).replace("localhost", &self.host)
    }

    fn path(&self) -> String {
        let own: PathBuf = self.folder.path().join("bin");
        format!("{}:{}", own.display(), std::env::var("PATH").unwrap_or_default())
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).stdin(Stdio::null());
        command.env("PATH", self.path()).env("HOME", self.folder.path()).env("TMPDIR", self.folder.path());
        let nodes: Vec<String> = (8080..=8082).map(|port| format!("{}:{port}", self.host)).collect();
        command.env("RAFTDECK_CLUSTER", nodes.join(",")).env("RAFTDECK_TIMEOUT", "60");
        command
    }

    fn shell(&self, text: &str) -> Output {
        let mut command = self.command("bash");
        command.args(["-c", &format!("set -euo pipefail\n{}", self.here(text))]);
        output(command)
    }

    /// Each command ends well. Nodes go on.
    fn run(&mut self, block: &Block) {
        let (nodes, rest): (Vec<&str>, Vec<&str>) =
            block.text.lines().partition(|line| line.starts_with("raftdeck node "));
        for node in nodes {
            self.start(node);
        }
        let done = self.shell(&rest.join("\n"));
        let (text, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{}: {}\n{text}{said}", block.place, done.status);
    }

    /// A node in the background, as one in a terminal of its own.
    fn start(&mut self, line: &str) {
        let mut node = self.command("bash");
        // A leader stays where it is, also on a busy machine.
        node.args(["-c", &format!("exec {}", self.here(line))]).env("RAFTDECK_DEBUG_MODE", "true");
        node.env_remove("RAFTDECK_CLUSTER").stdout(Stdio::null()).stderr(Stdio::null());
        self.nodes.push(node.spawn().unwrap());
    }

    /// Each command prints what the book says; `…` stands for anything.
    fn compare(&self, block: &Block) {
        let mut rest = block.text.lines().peekable();
        while let Some(line) = rest.next() {
            let typed =
                line.strip_prefix("$ ").unwrap_or_else(|| panic!("{}: {line} is no command", block.place));
            let mut wanted = Vec::new();
            while let Some(line) = rest.next_if(|line| !line.starts_with("$ ")) {
                wanted.push(self.here(line));
            }
            let done = self.shell(&format!("{{ {typed}\n}} 2>&1"));
            let text = String::from_utf8(done.stdout).unwrap();
            let lines: Vec<&str> = text.lines().collect();
            assert!(
                fits(&wanted, &lines),
                "{}: {typed} prints\n{text}\nand not\n{}",
                block.place,
                wanted.join("\n")
            );
        }
    }

    /// The script comes to its end over the simulator.
    fn play(&self, block: &Block) {
        let mut command = self.command(RAFTDECK);
        command.args(["up", "--engine", "sim", "--timing", "debug"]);
        let done = output_for(command, block.text.clone());
        let (text, said) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        assert!(done.status.success(), "{}: {}\n{text}{said}", block.place, done.status);
    }

    fn wait_for_leader(&self) {
        eventually("somebody leads", || {
            let health = self.shell("curl --silent --fail localhost:11080/health");
            String::from_utf8(health.stdout).unwrap().contains(r#""leaderId":"n"#).then_some(())
        });
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            processes::send(node.id(), Signal::TERM);
            let _ = node.wait();
        }
    }
}

/// Whether lines are as wanted: a line that is `…` alone stands for any number of them.
fn fits(wanted: &[String], lines: &[&str]) -> bool {
    match (wanted.split_first(), lines.split_first()) {
        (None, None) => true,
        (Some((first, wanted)), _) if first == "…" => {
            fits(wanted, lines)
                || lines
                    .split_first()
                    .is_some_and(|(_, rest)| fits(&[&["…".to_owned()], wanted].concat(), rest))
        }
        (Some((first, wanted)), Some((line, lines))) => fits_line(first, line) && fits(wanted, lines),
        _ => false,
    }
}

fn fits_line(wanted: &str, line: &str) -> bool {
    let Some((before, after)) = wanted.split_once('…') else { return wanted.trim_end() == line.trim_end() };
    let Some(line) = line.strip_prefix(before) else { return false };
    line.char_indices().map(|(at, _)| at).chain([line.len()]).any(|at| fits_line(after, &line[at..]))
}

#[test]
fn an_ellipsis_stands_for_anything() {
    let wanted = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    for (pattern, text, is_so) in [
        ("a", "a", true),
        ("a", "b", false),
        ("a…c", "abc", true),
        ("a…c…", "a1c2", true),
        ("a…c", "abd", false),
        ("…\nb", "x\ny\nb", true),
        ("…\nb", "x\ny", false),
        ("a\n…", "a", true),
        ("a", "a\nb", false),
    ] {
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(fits(&wanted(pattern), &lines), is_so, "{pattern} {text}");
    }
}

/// The chapter whose first commands start the cluster that the others use.
const FIRST: &str = "docs/node.md";

#[test]
fn the_commands_of_the_book_do_what_it_says() {
    let _alone = alone();
    let mut reader = Reader::new();
    let others = pages().into_iter().filter(|page| page.path.to_str() != Some(FIRST));
    let mut count = 0;
    for page in std::iter::once(page(FIRST)).chain(others) {
        for block in blocks(&page).iter().filter(|block| block.runs) {
            match block.kind.as_str() {
                "console" => reader.compare(block),
                "script" => reader.play(block),
                _ => reader.run(block),
            }
            if count == 0 {
                reader.wait_for_leader();
            }
            count += 1;
        }
    }
    assert!(count > 15, "only {count} blocks were run");
    hold(METRICS, &metrics(&reader));
}

/// The metrics that a leader and a follower have, as they describe them.
fn metrics(reader: &Reader) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    for port in 11080..=11082 {
        let scraped = reader.shell(&format!("curl --silent --fail localhost:{port}/metrics"));
        let text = String::from_utf8(scraped.stdout).unwrap();
        for line in text.lines().filter_map(|line| line.strip_prefix("# HELP ")) {
            let (name, what) = line.split_once(' ').unwrap();
            // Some systems tell these and some do not.
            if name.starts_with("process_") {
                continue;
            }
            let kind = text.lines().find_map(|line| line.strip_prefix(&format!("# TYPE {name} ")));
            let row = vec![code(name), kind.unwrap_or_default().to_owned(), what.to_owned()];
            if !rows.contains(&row) {
                rows.push(row);
            }
        }
    }
    rows.sort();
    table(&["metric", "kind", "what it is"], rows)
}
