//! Bad input, a row a case: each gets the stated answer, in JSON, and nothing is changed by it.

use crate::exchange::{Ask, assert_error};
use crate::support::{Cluster, QUICK};

#[test]
fn a_body_that_is_not_what_is_expected_is_refused() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    let deep = "[".repeat(100_000);
    let cases: &[(&str, &[u8], &str)] = &[
        ("/set", b"", "EOF"),
        ("/set", b"null", "JSON"),
        ("/set", br#"["a"]"#, "JSON"),
        ("/set", br#"["a","b"]"#, "JSON"),
        ("/cas", br#"["a"]"#, "JSON"),
        ("/set", b"{}", "missing field `key`"),
        ("/set", br#"{"key":"a"}"#, "missing field `value`"),
        ("/set", br#"{"value":"a"}"#, "missing field `key`"),
        ("/set", br#"{"key":null,"value":"b"}"#, "null, expected a string"),
        ("/set", br#"{"key":"a","value":null}"#, "null, expected a string"),
        ("/set", br#"{"key":1,"value":"b"}"#, "expected a string"),
        ("/set", br#"{"key":["a"],"value":"b"}"#, "expected a string"),
        ("/set", br#"{"key":"a","value":"b","ttl":1}"#, "unknown field `ttl`"),
        ("/set", br#"{"Key":"a","value":"b"}"#, "unknown field `Key`"),
        ("/set", br#"{"key":"a","key":"a","value":"b"}"#, "duplicate field `key`"),
        ("/set", br#"{"key":"a","value":"b","value":"c"}"#, "duplicate field `value`"),
        ("/set", br#"{"key":"a","keyBase64":"YQ==","value":"b"}"#, "both key and keyBase64"),
        ("/set", br#"{"key":"a","value":"b","valueBase64":"YQ=="}"#, "both value and valueBase64"),
        ("/set", br#"{"keyBase64":"YQ","value":"b"}"#, "keyBase64 is not Base64"),
        ("/set", br#"{"keyBase64":"YR==","value":"b"}"#, "keyBase64 is not Base64"),
        ("/set", br#"{"keyBase64":"_w==","value":"b"}"#, "keyBase64 is not Base64"),
        ("/set", br#"{"keyBase64":"","value":"b"}"#, "empty"),
        ("/set", br#"{"key":"a","value":"b"} {}"#, "trailing characters"),
        ("/set", br#"{"key":"a","value":"b"}x"#, "trailing characters"),
        ("/set", br#"{"key":"a","value":"b""#, "EOF"),
        ("/set", br#"{"key":"a","value":"b",}"#, "trailing comma"),
        ("/set", br#"{"key":"a","value":"\ud800"}"#, "JSON"),
        ("/set", b"{\"key\":\"a\",\"value\":\"\xff\"}", "JSON"),
        ("/set", b"{\"key\":\"a\",\"value\":\"\x01\"}", "control character"),
        ("/set", b"\xef\xbb\xbf{\"key\":\"a\",\"value\":\"b\"}", "JSON"),
        ("/set", b"key=a&value=b", "JSON"),
        ("/set", deep.as_bytes(), "JSON"),
        ("/cas", br#"{"key":"a","value":"b"}"#, "expected is missing"),
        ("/cas", br#"{"key":"a","expected":1,"value":"b"}"#, "expected a string"),
        ("/cas", br#"{"key":"a","expected":null,"expectedBase64":"YQ==","value":"b"}"#, "both expected"),
        ("/cas", br#"{"key":"a","expected":"c","expectedBase64":"YQ==","value":"b"}"#, "both expected"),
        ("/cas", br#"{"key":"a","expectedBase64":null,"value":"b"}"#, "null, expected a string"),
        ("/cas", br#"{"key":"a","expected":null}"#, "missing field `value`"),
        ("/cas", br#"{"key":"","expected":null,"value":"b"}"#, "empty"),
    ];
    for (path, body, part) in cases {
        let method = if *path == "/set" { "PUT" } else { "POST" };
        assert_error(&Ask::new(method, path).body(body).of(node), 400, part);
    }
    let listed = Ask::new("GET", "/list").of(node).json();
    assert_eq!(listed["pairs"].as_array().map(Vec::len), Some(1), "nothing was changed: {listed}");
}

#[test]
fn a_query_that_is_not_what_is_expected_is_refused() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    for (method, path, part) in [
        ("GET", "/get", "?key="),
        ("GET", "/get?", "?key="),
        ("GET", "/get?key", "key has no value"),
        ("GET", "/get?key=", "empty"),
        ("GET", "/get?key=%", "% is not a valid percent-encoding"),
        ("GET", "/get?key=%g1", "%g1 is not a valid percent-encoding"),
        ("GET", "/get?key=%ff", "not UTF-8"),
        ("GET", "/get?key=%C3%28", "not UTF-8"),
        ("GET", "/get?key=a&key=a", "key is given twice"),
        ("GET", "/get?key=a&k%65y=a", "key is given twice"),
        ("GET", "/get?kee=a", "did you mean key?"),
        ("GET", "/get?key=a&consistancy=stale", "did you mean consistency?"),
        ("GET", "/get?key=a&consistency=", "linearizable, lease or stale"),
        ("GET", "/get?key=a&consistency=Stale", "linearizable, lease or stale"),
        ("GET", "/get?key=a&keyBase64=YQ==", "both key and keyBase64"),
        ("GET", "/get?keyBase64=+w==", "%2B"),
        ("GET", "/get?keyBase64=YQ", "not Base64"),
        ("DELETE", "/delete", "?key="),
        ("DELETE", "/delete?key=a&consistency=stale", "no parameter consistency here"),
        ("GET", "/list?limit=0", "1 to 1000"),
        ("GET", "/list?limit=1001", "1 to 1000"),
        ("GET", "/list?limit=-1", "1 to 1000"),
        ("GET", "/list?limit=ten", "1 to 1000"),
        ("GET", "/list?limit=", "1 to 1000"),
        ("GET", "/list?limit=99999999999", "1 to 1000"),
        ("GET", "/list?consistency=eventual", "linearizable, lease or stale"),
        ("GET", "/list?key=a", "no parameter key here"),
        ("GET", "/health?verbose=1", "it takes none"),
        ("GET", "/status?x=1", "it takes none"),
        ("GET", "/metrics?x=1", "it takes none"),
        ("GET", "/openapi.json?x=1", "it takes none"),
    ] {
        assert_error(&Ask::new(method, path).of(node), 400, part);
    }
    for (method, path) in [("PUT", "/set?key=a"), ("POST", "/cas?key=a")] {
        let refused = Ask::new(method, path).body(r#"{"key":"a","expected":null,"value":"b"}"#).of(node);
        assert_error(&refused, 400, "it takes none");
    }
    let long = "k".repeat(4097);
    for path in [format!("/get?key={long}"), format!("/list?prefix={long}"), format!("/list?after={long}")] {
        assert_error(&Ask::new("GET", &path).of(node), 413, "4096");
    }
    let longest = "%ff".repeat(11_000);
    assert_error(&Ask::new("GET", &format!("/get?key={longest}")).of(node), 414, "32768");
}

#[test]
fn a_body_is_taken_as_what_it_says_it_is() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    let typed = |kind| {
        Ask::new("PUT", "/set").header("content-type", kind).body(r#"{"key":"a","value":"b"}"#).of(node)
    };
    // The second is what curl says unless it is told otherwise.
    for taken in [
        "application/json",
        "application/x-www-form-urlencoded",
        "application/json; charset=utf-8",
        "application/x+json",
    ] {
        assert_eq!(typed(taken).status, 200, "{taken}");
    }
    for refused in [
        "text/xml",
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/json; charset=utf-16",
        "nonsense",
    ] {
        assert_error(&typed(refused), 415, "application/json");
    }
    let gzip = Ask::new("PUT", "/set").header("content-encoding", "gzip").body("x").of(node);
    assert_error(&gzip, 415, "Content-Encoding");
}

#[test]
fn a_page_of_another_site_changes_nothing() {
    let cluster = Cluster::start(1, &QUICK);
    cluster.assert_serves("warm");
    let node = cluster.node(1);
    for (name, value) in [("sec-fetch-site", "cross-site"), ("origin", "https://elsewhere.example")] {
        let ask = Ask::new("POST", "/cas").header(name, value);
        assert_error(&ask.body(r#"{"key":"a","expected":null,"value":"b"}"#).of(node), 403, "other sites");
    }
    assert_eq!(Ask::new("GET", "/get?key=a").of(node).status, 404);
}
