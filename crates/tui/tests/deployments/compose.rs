//! `examples/compose/compose.yaml`, and the image that it builds.

use crate::cluster::{Cluster, succeeds};
use crate::files::{Variables, assert_of_node, assert_taken, documents, port, root, said, text, words};
use crate::network::{HOSTS, Network, Surroundings};
use crate::support::{alone, output};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;

const FILE: &str = "examples/compose/compose.yaml";
const NODES: [&str; 3] = ["n1", "n2", "n3"];

fn file() -> Value {
    documents(FILE).pop().unwrap()
}

fn service<'a>(file: &'a Value, name: &str) -> &'a Value {
    file.pointer(&format!("/services/{name}")).unwrap_or_else(|| panic!("there is no service {name}"))
}

fn variables(service: &Value) -> Variables {
    let Some(named) = service.get("environment").and_then(Value::as_object) else { return Variables::new() };
    named.iter().map(|(name, value)| (name.clone(), value.as_str().unwrap().to_owned())).collect()
}

/// The part of the Dockerfile that makes this image, and those that it is made from.
fn stage(target: &str) -> String {
    let dockerfile = text("assets/packaging/Dockerfile");
    let all: Vec<&str> = dockerfile.split("\nFROM ").collect();
    let ends = format!(" AS {target}");
    let stage = all.iter().find(|stage| stage.lines().next().unwrap().ends_with(&ends));
    let stage = stage.unwrap_or_else(|| panic!("the Dockerfile has no {target}"));
    let from = stage.split(' ').next().unwrap();
    let before =
        if dockerfile.contains(&format!(" AS {from}\n")) { self::stage(from) } else { String::new() };
    format!("{before}\n{stage}")
}

fn entry_point(target: &str) -> Vec<String> {
    let stage = stage(target);
    let line = stage.lines().find_map(|line| line.strip_prefix("ENTRYPOINT ")).unwrap();
    serde_json::from_str(line).unwrap()
}

/// All that a service runs. In the file a dollar sign is doubled.
fn command(service: &Value) -> Vec<String> {
    let command = service.get("command").map(words).unwrap_or_default();
    let entry = service.get("entrypoint").map_or_else(|| entry_point(said(service, "/build/target")), words);
    entry.into_iter().chain(command).map(|word| word.replace("$$", "$")).collect()
}

/// What it sees: a folder of its own for each volume, which others of the same name share.
fn surroundings(service: &Value, volumes: &Path) -> Surroundings {
    let mounted = words(&service["volumes"]).into_iter().map(|volume| {
        let mut parts = volume.split(':');
        let (name, there) = (parts.next().unwrap(), parts.next().unwrap());
        let here = volumes.join(name);
        fs::create_dir_all(&here).unwrap();
        (here, there.to_owned())
    });
    Surroundings {
        variables: variables(service),
        names: HOSTS.map(|(name, address)| (name.to_owned(), address)).into(),
        folders: mounted.collect(),
        is_read_only: service["read_only"] == true,
    }
}

#[test]
fn the_program_takes_what_the_services_say() {
    let file = file();
    for name in NODES.into_iter().chain(["deck"]) {
        let service = service(&file, name);
        assert_taken(&command(service), &variables(service));
        assert_eq!(service["read_only"], true, "{name}");
    }
    for name in NODES {
        let service = service(&file, name);
        let variables = variables(service);
        assert_of_node(&variables);
        let probe = words(&service["healthcheck"]["test"]);
        assert_eq!(probe[0], "CMD");
        assert_taken(&probe[1..], &variables);
        assert!(probe.contains(&format!("127.0.0.1:{}", port(&variables, "RAFTDECK_BIND"))), "{probe:?}");
        let published = words(&service["ports"]).concat();
        assert!(published.ends_with(&format!(":{}", port(&variables, "RAFTDECK_HTTP"))), "{published}");
        assert!(published.starts_with("127.0.0.1:"), "{published}");
    }
}

#[test]
fn the_image_is_there_and_has_the_folders_that_volumes_take_the_place_of() {
    let file = file();
    for name in NODES.into_iter().chain(["deck", "secrets"]) {
        let service = service(&file, name);
        let build = &service["build"];
        let context = root().join("examples/compose").join(said(build, "/context"));
        assert_eq!(context.canonicalize().unwrap(), root());
        let stage = stage(said(build, "/target"));
        assert!(context.join(said(build, "/dockerfile")).exists());
        // A new volume belongs to whom the folder in the image belongs to.
        for volume in words(&service["volumes"]) {
            let there = volume.split(':').nth(1).unwrap();
            let made = format!("--chown=65532:65532 --chmod=700 /empty {there}\n");
            assert!(stage.contains(&made), "{there} is not made in the image for {name}");
        }
    }
}

#[test]
fn three_nodes_as_the_file_starts_them_are_a_cluster() {
    let Some(network) = Network::new() else { return };
    let _alone = alone();
    let (file, volumes) = (file(), tempfile::tempdir().unwrap());
    let run = |host: &str, name: &str, words: &[String]| -> Command {
        network.command(host, &surroundings(service(&file, name), volumes.path()), words)
    };
    // Also a second time, when all is there.
    for _ in 0..2 {
        let made = output(run("desk", "secrets", &command(service(&file, "secrets"))));
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    let mut cluster = Cluster::default();
    for name in NODES {
        cluster.start(run(name, name, &command(service(&file, name))));
    }
    for name in NODES {
        let probe = words(&service(&file, name)["healthcheck"]["test"]);
        succeeds("a node is healthy", || run(name, name, &probe[1..]));
    }
    let client = |asked: &[&str]| {
        let words = ["client", "--timeout", "60"].iter().chain(asked).map(|word| (*word).to_owned());
        let entry = entry_point(said(service(&file, "deck"), "/build/target"));
        run("desk", "deck", &entry.into_iter().chain(words).collect::<Vec<_>>())
    };
    cluster.serves_and_ends(client);
}
