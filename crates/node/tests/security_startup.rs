//! Certificates and tokens that are invalid: a node says so and does not start.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod support;

use raftdeck_client::TlsFiles;
use std::os::unix::fs::PermissionsExt;
use support::pki::{Pki, flags, write_secret};
use support::{Launch, eventually, own_host};

fn with(files: &TlsFiles) -> Launch {
    let files = flags(files);
    Launch::new(&["--bind", &format!("{}:0", own_host())])
        .args(&files.iter().map(String::as_str).collect::<Vec<_>>())
}

#[track_caller]
fn assert_refused(launch: &Launch, parts: &[&str]) {
    let (code, said) = launch.fails();
    assert_eq!(code, Some(2), "{said}");
    for part in parts {
        assert!(said.contains(part), "{said:?} does not say {part:?}");
    }
}

#[test]
fn certificates_that_nobody_would_take_are_refused_at_the_start() {
    let (pki, other, host) = (Pki::new(), Pki::new(), own_host());
    let good = pki.node(1, &host);
    let foreign = other.node(1, &host);
    std::fs::write(pki.path("empty.pem"), "").unwrap();
    std::fs::write(pki.path("cut.pem"), "-----BEGIN CERTIFICATE-----\nAAAA\n").unwrap();
    let at = |name: &str| pki.path(name);
    let cases = [
        (TlsFiles { ca: at("none.pem"), ..good.clone() }, vec!["none.pem cannot be read"]),
        (TlsFiles { cert: at("empty.pem"), ..good.clone() }, vec!["empty.pem holds no certificate"]),
        (TlsFiles { ca: at("cut.pem"), ..good.clone() }, vec!["cut.pem cannot be used"]),
        (TlsFiles { key: good.cert.clone(), ..good.clone() }, vec!["n1.pem holds no private key"]),
        (
            TlsFiles { key: foreign.key.clone(), ..good.clone() },
            vec!["does not belong to the certificate in"],
        ),
        (TlsFiles { ca: foreign.ca.clone(), ..good.clone() }, vec!["would be refused", "has not signed it"]),
        (pki.sign("old", &["n1.raftdeck"], 2020), vec!["old.pem would be refused: it has expired"]),
        (pki.node(2, &host), vec!["it must name n1.raftdeck and names", "n2.raftdeck"]),
        (pki.client("alice"), vec!["it must name n1.raftdeck and names nobody"]),
    ];
    for (files, parts) in &cases {
        assert_refused(&with(files), parts);
    }
    let half = Launch::new(&["--tls-ca", "ca.pem", "--tls-key", "n1-key.pem"]);
    assert_refused(&half, &["--tls-cert is missing"]);
}

#[test]
fn tokens_that_are_none_are_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let short = dir.path().join("short");
    write_secret(&short, "short\n");
    let launch = || Launch::new(&["--bind", &format!("{}:0", own_host())]);
    let file = |path: &std::path::Path| launch().args(&["--client-token-file", &path.display().to_string()]);
    assert_refused(&file(&short), &["short holds no token: a token has 16 to 256 bytes, this one has 5"]);
    assert_refused(&file(&dir.path().join("none")), &["none cannot be read"]);
    let empty = launch().variable("RAFTDECK_PEER_TOKEN", "");
    assert_refused(&empty, &["RAFTDECK_PEER_TOKEN holds no token"]);
    let same = "one-token-for-all-01";
    let same = launch().variable("RAFTDECK_CLIENT_TOKEN", same).variable("RAFTDECK_MANAGER_TOKEN", same);
    assert_refused(&same, &["the client token and the manager token are the same"]);
}

#[test]
fn a_secret_that_others_can_read_is_warned_of() {
    let dir = tempfile::tempdir().unwrap();
    let open = dir.path().join("open");
    write_secret(&open, "a-token-for-clients-1\n");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let node = Launch::new(&["--bind", &format!("{}:0", own_host())])
        .args(&["--client-token-file", &open.display().to_string()])
        .data(&dir.path().join("data"))
        .ready();
    eventually("the log says so", || node.log().contains("chmod 600").then_some(()));
    assert!(node.log().contains("no manager token"), "{}", node.log());
    assert!(node.log().contains("neither TLS nor a peer token"), "{}", node.log());
}

#[test]
fn an_open_address_needs_certificates_and_a_token_or_to_be_called_insecure() {
    let (pki, token) = (Pki::new(), "a-token-for-clients-1");
    let files = pki.node(1, "localhost");
    let tls = flags(&files);
    let tls: Vec<&str> = tls.iter().map(String::as_str).collect();
    let open = || Launch::new(&["--bind", "0.0.0.0:0"]).data(&pki.path("data"));
    let (encrypted, asked) = ("neither encrypted nor authenticated", "clients need no token");
    assert_refused(&open(), &[encrypted, asked, "--insecure"]);
    assert_refused(&open().args(&tls), &["0.0.0.0:0 can be reached", asked]);
    assert_refused(&open().variable("RAFTDECK_CLIENT_TOKEN", token), &[encrypted]);
    let only_http = Launch::new(&["--bind", &format!("{}:0", own_host()), "--http", "0.0.0.0:0"]);
    assert_refused(&only_http, &[encrypted, asked]);
    drop(open().args(&tls).variable("RAFTDECK_CLIENT_TOKEN", token).ready());
    let insecure = open().args(&["--insecure"]).ready();
    eventually("the log says so", || insecure.log().contains("--insecure: 0.0.0.0:0 can be").then_some(()));
}
