//! What clients ask, by name and of which node, and what is expected of their answers.

use super::*;

fn request(line: &str) -> ClientRequest {
    match said(line) {
        ScriptLine::Store(request) => request,
        other => panic!("{line}: {other:?}"),
    }
}

fn named(name: &str) -> ClientName {
    ClientName::Named(name.to_owned())
}

#[test]
fn reads_say_how_new_they_are_and_which_node_is_asked() {
    let get = |consistency, at| ClientRequest {
        client: ClientName::Own,
        op: ClientOp::Read(Read::Get { key: "a".into() }),
        at,
        consistency,
    };
    assert_eq!(request("get a"), get(Consistency::Linearizable, None));
    assert_eq!(request("get a linearizable"), get(Consistency::Linearizable, None));
    assert_eq!(request("get a lease"), get(Consistency::Lease, None));
    assert_eq!(request("get a at 3"), get(Consistency::Linearizable, Some(N3)));
    assert_eq!(request("get a stale at leader"), get(Consistency::Stale, Some(N2)));
    assert_eq!(request("get a at n2 stale"), get(Consistency::Stale, Some(N2)));
    let prefix = |line: &str| match request(line).op {
        ClientOp::Read(Read::List { prefix, .. }) => String::from_utf8(prefix.to_vec()).unwrap(),
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(prefix("list stale"), "", "no prefix");
    assert_eq!(request("list stale").consistency, Consistency::Stale);
    assert_eq!(prefix("list \"stale\""), "stale", "a text");
    assert_eq!(request("list \"stale\"").consistency, Consistency::Linearizable);
    assert_eq!((prefix("list co at 1"), request("list co at 1").at), ("co".to_owned(), Some(N1)));
    assert!(why("get a stale lease").contains("a second consistency"));
    assert!(why("get a at 1 at 2").contains("given twice"));
    assert!(why("get a at 9").contains("there is no n9"));
    assert!(why("get a sometimes").contains("unexpected"));
    assert!(why("put a b stale").contains("unexpected"));
}

#[test]
fn clients_have_names_that_are_no_words() {
    assert_eq!(request("as alice put a b").client, named("alice"));
    assert_eq!(request("as n_1-b get a stale at 1").client, named("n_1-b"));
    assert!(
        matches!(said("try as alice put a b"), ScriptLine::Try(line) if matches!(&*line, ScriptLine::Store(_)))
    );
    assert!(why("as put put a b").contains("a reserved word"));
    assert!(why("as CUT put a b").contains("a reserved word"));
    assert!(why("as lose-answers put a b").contains("a reserved word"));
    for name in ["1", "é", "a.b", "-a", &"a".repeat(33)] {
        assert!(why(&format!("as {name} get a")).contains("cannot be a client's name"), "{name}");
    }
    assert!(why("as alice").contains("a store request"));
    assert!(why("as").contains("the name of a client"));
    assert!(why("as alice kill 1").contains("kill is not a client request"));
    assert!(why("as alice propose 1 a b").contains("not a client request"));
    assert!(why("as alice expect leader").contains("not a client request"));
    assert!(why("as alice as bob get a").contains("given twice"));
    assert!(why("as alice try get a").contains("not a client request"));
}

#[test]
fn links_of_clients_are_disturbed_by_name() {
    let alice = || named("alice");
    let links = Disturbance::ClientLinks;
    for (line, meant) in [
        ("client alice at 1,3", Disturbance::ClientAt(alice(), nodes(&[1, 3]))),
        ("client alice anywhere", Disturbance::ClientAt(alice(), [].into())),
        ("client cut leader", links(ClientName::Own, nodes(&[2]), ClientLinkFault::Cut)),
        ("client alice hold 1,2", links(alice(), nodes(&[1, 2]), ClientLinkFault::Hold)),
        ("client alice lose-answers 1", links(alice(), nodes(&[1]), ClientLinkFault::LoseAnswers)),
    ] {
        assert_eq!(disturbance(line), meant, "{line}");
    }
    assert!(why("client alice").contains("is not a place"));
    assert!(why("client alice lose-answer 1").contains("did you mean lose-answers?"));
    assert!(why("client alice cut").contains("nodes, such as client cut 2"));
    assert!(why("client put cut 1").contains("is not a place"));
    assert!(why("client ct 1").len() > 10);
    let place = |client, at: &[u64]| Disturbance::ClientAt(client, nodes(at));
    assert!(place(alice(), &[1]).replaces(&place(alice(), &[2])));
    assert!(!place(alice(), &[1]).replaces(&place(named("bob"), &[2])));
}

#[test]
fn answers_are_expected() {
    let judged = |line: &str| match said(line) {
        ScriptLine::Judge(what, within) => (what, within.as_secs()),
        other => panic!("{line}: {other:?}"),
    };
    let last = |client, came| Expectation::Last { client, came };
    assert_eq!(judged("expect stored"), (last(ClientName::Own, RequestResult::Stored), 10));
    assert_eq!(judged("as al expect in-doubt within 20s"), (last(named("al"), RequestResult::InDoubt), 20));
    assert_eq!(judged("expect refused"), (last(ClientName::Own, RequestResult::Refused), 10));
    let value =
        |request, value: Option<&'static str>| Expectation::Value { request, value: value.map(Into::into) };
    assert_eq!(judged("expect get a b"), (value(request("get a"), Some("b")), 10));
    let line = "as al expect get a none stale at 3 within 1s";
    assert_eq!(judged(line), (value(request("as al get a stale at 3"), None), 1));
    assert_eq!(judged("expect get a \"none\""), (value(request("get a"), Some("none")), 10));
    assert!(why("expect get a").contains("a value, or none"));
    assert!(why("expect stord").contains("cannot be expected: did you mean stored?"));
    assert!(why("expect laeder").contains("did you mean leader?"));
    assert!(why("wait stored").contains("not a condition"));
    assert!(why("try expect stored").contains("never refused"));
    assert!(why("begin kill 1").contains("no change of the cluster"));
    assert!(why("begin").contains("a change of the cluster"));
}

/// At a prompt, no earlier line could have set a name.
#[test]
fn outside_of_scripts_a_dollar_is_an_ordinary_character() {
    let put = |value: &str| Write::Put { key: "home".into(), value: value.to_owned().into() };
    assert_eq!(request("put home $HOME").op, ClientOp::Write(put("$HOME")));
    let mistake = parse_with("put home $HOME", &world(), &Bindings::default()).unwrap_err();
    assert!(mistake.to_string().starts_with("$HOME is not set"), "{mistake}");
}
