//! `examples/kubernetes`: the objects fit together and the program, and `secrets.sh` makes the Secrets that they name.

use crate::cluster::{Cluster, succeeds};
use crate::files::{Variables, assert_of_node, assert_taken, documents, folder, port, root, said, words};
use crate::network::{HOSTS, Network, Surroundings};
use crate::support::deck::RAFTDECK;
use crate::support::{alone, output};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

const PROBES: [&str; 3] = ["startupProbe", "livenessProbe", "readinessProbe"];

/// In place of `kubectl`: the files of a Secret, in a folder of its name.
const KUBECTL: &str = r#"#!/bin/sh -eu
[ "$1 $2 $3" = "create secret generic" ]
name=$4
shift 4
mkdir "$SECRETS/$name"
for word in "$@"; do
  case $word in
    --from-file=*=*) word=${word#--from-file=}; cp "${word#*=}" "$SECRETS/$name/${word%%=*}" ;;
    --from-file=*) cp "${word#--from-file=}" "$SECRETS/$name/" ;;
  esac
done
"#;

fn objects() -> Vec<Value> {
    documents("examples/kubernetes/raftdeck.yaml")
}

fn object(kind: &str, name: &str) -> Value {
    let is_it = |object: &Value| object["kind"] == kind && object["metadata"]["name"] == name;
    objects().into_iter().find(is_it).unwrap_or_else(|| panic!("there is no {kind} {name}"))
}

fn pod() -> Value {
    object("StatefulSet", "raftdeck")["spec"]["template"]["spec"].clone()
}

fn container() -> Value {
    pod()["containers"][0].clone()
}

/// The numbers of the pods.
fn ordinals() -> impl Iterator<Item = u64> {
    let spec = object("StatefulSet", "raftdeck")["spec"].clone();
    let (start, replicas) = (spec["ordinals"]["start"].as_u64().unwrap(), spec["replicas"].as_u64().unwrap());
    start..start + replicas
}

/// The pod's name for the others.
fn name(ordinal: u64) -> String {
    format!("raftdeck-{ordinal}.{}", said(&object("StatefulSet", "raftdeck"), "/spec/serviceName"))
}

/// The container's variables in the pod of this number. In values, `$(NAME)` stands for one that came before.
fn variables(ordinal: u64) -> Variables {
    let mut variables = Variables::new();
    for entry in container()["env"].as_array().unwrap() {
        let value = if let Some(value) = entry.get("value") {
            value.as_str().unwrap().to_owned()
        } else {
            let path = said(entry, "/valueFrom/fieldRef/fieldPath");
            assert_eq!(path, "metadata.labels['apps.kubernetes.io/pod-index']");
            ordinal.to_string()
        };
        let value =
            variables.iter().fold(value, |value, (name, known)| value.replace(&format!("$({name})"), known));
        assert!(!value.contains("$("), "{value}");
        variables.insert(said(entry, "/name").to_owned(), value);
    }
    variables
}

/// What a probe runs.
fn probe(name: &str) -> Vec<String> {
    words(&container()[name]["exec"]["command"])
}

/// All that the container runs: the image's program with these arguments.
fn command() -> Vec<String> {
    std::iter::once("raftdeck".to_owned()).chain(words(&container()["args"])).collect()
}

/// The Secrets of the script, each in a folder below this one.
fn secrets(below: &Path) -> PathBuf {
    let (programs, secrets) = (below.join("bin"), below.join("secrets"));
    fs::create_dir(&secrets).unwrap();
    folder(&programs, [("kubectl", KUBECTL)]);
    fs::set_permissions(programs.join("kubectl"), fs::Permissions::from_mode(0o700)).unwrap();
    let mut script = Command::new(root().join("examples/kubernetes/secrets.sh"));
    let path = format!("{}:{}", programs.display(), std::env::var("PATH").unwrap());
    script.env("RAFTDECK", RAFTDECK).env("PATH", path).env("SECRETS", &secrets).env("TMPDIR", below);
    let made = output(script);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    secrets
}

/// What the container sees in the pod of this number.
fn surroundings(ordinal: u64, secrets: &Path, below: &Path) -> Surroundings {
    let mut folders = Vec::new();
    let (pod, container) = (pod(), container());
    for mount in container["volumeMounts"].as_array().unwrap() {
        let (name, there) = (said(mount, "/name"), said(mount, "/mountPath"));
        let here = below.join(format!("{name}-{ordinal}"));
        let volume = pod["volumes"].as_array().unwrap().iter().find(|volume| volume["name"] == name);
        // A node's disk is empty at first, and stays.
        fs::create_dir_all(&here).unwrap();
        for (key, file) in volume.map(contents).unwrap_or_default() {
            let to = here.join(file);
            if !to.exists() {
                fs::copy(secrets.join(key), to).unwrap();
            }
        }
        folders.push((here, there.to_owned()));
    }
    let names = ordinals().zip(HOSTS).map(|(ordinal, (_, address))| (name(ordinal), address));
    let is_read_only = container["securityContext"]["readOnlyRootFilesystem"] == true;
    Surroundings { variables: variables(ordinal), names: names.collect(), folders, is_read_only }
}

/// The files of a volume: `SECRET/KEY` and the name there.
fn contents(volume: &Value) -> Vec<(String, String)> {
    if let Some(secret) = volume.get("secret") {
        let tokens = ["client-token", "manager-token"];
        let name = said(secret, "/secretName");
        return tokens.map(|token| (format!("{name}/{token}"), token.to_owned())).into();
    }
    let sources = volume["projected"]["sources"].as_array().unwrap();
    let of = |source: &Value| {
        let (secret, items) = (said(source, "/secret/name").to_owned(), source["secret"]["items"].clone());
        let items = items.as_array().unwrap().clone().into_iter();
        items.map(move |item| (format!("{secret}/{}", said(&item, "/key")), said(&item, "/path").to_owned()))
    };
    sources.iter().flat_map(of).collect()
}

#[test]
fn the_program_takes_what_the_pods_say() {
    for ordinal in ordinals() {
        let variables = variables(ordinal);
        assert_of_node(&variables);
        assert_taken(&command(), &variables);
        for probe in PROBES.map(probe) {
            assert_taken(&probe, &variables);
            assert!(probe.contains(&format!("127.0.0.1:{}", port(&variables, "RAFTDECK_BIND"))), "{probe:?}");
        }
        let own = format!("{}:{}", name(ordinal), port(&variables, "RAFTDECK_BIND"));
        let cluster: Vec<&str> = variables["RAFTDECK_CLUSTER"].split(',').collect();
        let rank = usize::try_from(ordinal - 1).unwrap();
        assert_eq!((cluster.len(), cluster[rank]), (ordinals().count(), own.as_str()), "its rank is its id");
    }
}

#[test]
fn the_objects_fit_together() {
    let (set, variables) = (object("StatefulSet", "raftdeck"), variables(1));
    let raft = port(&variables, "RAFTDECK_BIND");
    let ports = [("raft", raft), ("client", raft + 1000), ("http", port(&variables, "RAFTDECK_HTTP"))];
    let named = |list: &Value, key: &str| -> BTreeSet<(String, u64)> {
        let list = list.as_array().unwrap().iter();
        list.map(|port| (said(port, "/name").to_owned(), port[key].as_u64().unwrap())).collect()
    };
    let ports: BTreeSet<_> = ports.into_iter().map(|(name, port)| (name.to_owned(), port)).collect();
    assert_eq!(named(&container()["ports"], "containerPort"), ports);
    let peers = object("Service", said(&set, "/spec/serviceName"));
    assert_eq!(named(&peers["spec"]["ports"], "port"), ports);
    assert_eq!(
        (&peers["spec"]["clusterIP"], &peers["spec"]["publishNotReadyAddresses"]),
        (&"None".into(), &true.into())
    );
    assert_eq!(object("Service", "raftdeck-http")["spec"]["ports"][0]["targetPort"], "http");
    let labels = &set["spec"]["template"]["metadata"]["labels"];
    let selectors = objects().into_iter().filter_map(|object| {
        let selector = object["spec"]["selector"].clone();
        selector.get("matchLabels").cloned().or(Some(selector))
    });
    assert_eq!(selectors.filter(|selector| selector == labels).count(), objects().len());
    // All founding members at once; then at most one is missing by intention.
    assert_eq!(set["spec"]["podManagementPolicy"], "Parallel");
    assert_eq!(object("PodDisruptionBudget", "raftdeck")["spec"]["maxUnavailable"], 1);
}

#[test]
fn cert_manager_makes_the_secrets_that_the_script_makes() {
    let below = tempfile::tempdir().unwrap();
    let secrets = secrets(below.path());
    let by_script: BTreeSet<String> = fs::read_dir(&secrets)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let certificates = documents("examples/kubernetes/cert-manager.yaml");
    let certificates: Vec<&Value> = certificates
        .iter()
        .filter(|one| one["kind"] == "Certificate" && one["spec"]["isCA"] != true)
        .collect();
    let by_manager = certificates.iter().map(|one| said(one, "/spec/secretName").to_owned());
    assert_eq!(by_manager.chain(["raftdeck-tokens".to_owned()]).collect::<BTreeSet<_>>(), by_script);
    for ordinal in ordinals() {
        let secret = format!("raftdeck-n{ordinal}");
        let one = certificates.iter().find(|one| one["spec"]["secretName"] == secret.as_str()).unwrap();
        let names = words(&one["spec"]["dnsNames"]);
        assert_eq!(names[..2], [format!("n{ordinal}.raftdeck"), name(ordinal)]);
    }
}

#[test]
fn three_nodes_as_the_pods_start_them_are_a_cluster() {
    let Some(network) = Network::new() else { return };
    let _alone = alone();
    let below = tempfile::tempdir().unwrap();
    let secrets = secrets(below.path());
    let run = |host: &str, ordinal: u64, words: &[String]| {
        network.command(host, &surroundings(ordinal, &secrets, below.path()), words)
    };
    let pods: Vec<(u64, &str)> = ordinals().zip(HOSTS.map(|(host, _)| host)).collect();
    let mut cluster = Cluster::default();
    let (first, its_host) = pods[0];
    cluster.start(run(its_host, first, &command()));
    succeeds("one node is alive", || run(its_host, first, &probe("livenessProbe")));
    let is_ready = output(run(its_host, first, &probe("readinessProbe"))).status.success();
    assert!(!is_ready, "one node of three is no cluster");
    for (ordinal, host) in &pods[1..] {
        cluster.start(run(host, *ordinal, &command()));
    }
    for (ordinal, host) in &pods {
        for name in PROBES {
            succeeds(name, || run(host, *ordinal, &probe(name)));
        }
    }
    cluster.serves_and_ends(|asked| {
        let words = ["raftdeck", "client", "--timeout", "60"].iter().chain(asked);
        run("desk", first, &words.map(|word| (*word).to_owned()).collect::<Vec<_>>())
    });
}
