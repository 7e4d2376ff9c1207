//! Requests that are well-formed HTTP and ask for nonsense. Every answer is JSON with a sentence.

use crate::row::Row;

/// A value of the greatest length, and one byte more.
const VALUE_TOO_LONG: usize = (1 << 20) + 1;
const KEY_TOO_LONG: usize = 4097;

/// A whole request, after which the connection is closed.
pub(crate) fn request(method: &str, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

fn get(path: &str) -> Vec<u8> {
    request("GET", path, "", "")
}

fn set(body: impl AsRef<[u8]>) -> Vec<u8> {
    request("PUT", "/set", "content-type: application/json\r\n", body)
}

fn cas(body: &str) -> Vec<u8> {
    request("POST", "/cas", "content-type: application/json\r\n", body)
}

fn typed(content_type: &str) -> Vec<u8> {
    request("PUT", "/set", &format!("content-type: {content_type}\r\n"), r#"{"key":"a","value":"b"}"#)
}

pub(crate) fn rows() -> Vec<Row> {
    [json(), sizes(), queries(), routes(), lists_and_watches(), compare_and_set()]
        .into_iter()
        .flatten()
        .collect()
}

/// Bodies that are not the JSON that is expected.
fn json() -> Vec<Row> {
    let nested = |open: &str, close: &str| {
        let (open, close) = (open.repeat(20_000), close.repeat(20_000));
        format!(r#"{{"key":"a","value":{open}{close}}}"#)
    };
    vec![
        Row::http("json: nothing", set(""), 400, "JSON"),
        Row::http("json: half of it", set(r#"{"key":"a","val"#), 400, "JSON"),
        Row::http("json: no object", set(r#"["a","b"]"#), 400, "JSON"),
        Row::http("json: null", set("null"), 400, "JSON"),
        Row::http("json: something behind it", set(r#"{"key":"a","value":"b"} x"#), 400, "trailing"),
        Row::http(
            "json: two of them",
            set(r#"{"key":"a","value":"b"}{"key":"a","value":"b"}"#),
            400,
            "trailing",
        ),
        Row::http("json: a byte order mark", set("\u{feff}{\"key\":\"a\",\"value\":\"b\"}"), 400, "JSON"),
        Row::http(
            "json: bytes that are no UTF-8",
            set(b"{\"key\":\"a\",\"value\":\"\xff\xfe\"}"),
            400,
            "JSON",
        ),
        Row::http("json: UTF-16", set("{\0\"\0k\0e\0y\0\"\0:\0\"\0a\0\"\0}\0"), 400, "JSON"),
        Row::http("json: half a surrogate pair", set(r#"{"key":"a","value":"\ud800"}"#), 400, "JSON"),
        Row::http("json: a line break in a text", set("{\"key\":\"a\",\"value\":\"\n\"}"), 400, "JSON"),
        Row::http("json: single quotes", set("{'key':'a','value':'b'}"), 400, "JSON"),
        Row::http("json: a field is missing", set(r#"{"key":"a"}"#), 400, "value"),
        Row::http("json: a field is unknown", set(r#"{"key":"a","value":"b","ttl":1}"#), 400, "ttl"),
        Row::http(
            "json: a field is there twice",
            set(r#"{"key":"a","key":"b","value":"c"}"#),
            400,
            "duplicate",
        ),
        Row::http("json: a number for a value", set(r#"{"key":"a","value":1}"#), 400, "JSON"),
        Row::http("json: a huge number", set(r#"{"key":"a","value":1e999999999}"#), 400, "JSON"),
        Row::http("json: a list for a key", set(r#"{"key":["a"],"value":"b"}"#), 400, "JSON"),
        Row::http("json: null for a value", set(r#"{"key":"a","value":null}"#), 400, "JSON"),
        Row::http("json: deep lists", set(nested("[", "]")), 400, "JSON"),
        Row::http("json: deep objects", set(nested("{\"a\":", "}")), 400, "JSON"),
        Row::http(
            "json: a key of NUL is a key",
            set(r#"{"key":"\u0000","value":"b"}"#),
            200,
            r#""key":"\u0000""#,
        ),
        Row::http(
            "json: a key of lines is a key",
            set(r#"{"key":"a\r\nb","value":"b"}"#),
            200,
            r#""key":"a\r\nb""#,
        ),
        Row::http(
            "json: text and base64 at once",
            set(r#"{"key":"a","keyBase64":"YQ==","value":"b"}"#),
            400,
            "Base64",
        ),
        Row::http("json: base64 that is none", set(r#"{"keyBase64":"YQ=","value":"b"}"#), 400, "Base64"),
        Row::http("type: XML", typed("application/xml"), 415, "JSON"),
        Row::http("type: another charset", typed("application/json; charset=utf-16"), 415, "UTF-8"),
        Row::http("type: nonsense", typed("//;;"), 415, "JSON"),
        Row::http(
            "type: compressed",
            request("PUT", "/set", "content-encoding: gzip\r\n", b"\x1f\x8b\x08\x00"),
            415,
            "Content-Encoding",
        ),
    ]
}

/// Keys, values and bodies at and over their limits.
fn sizes() -> Vec<Row> {
    let pair = |key: usize, value: usize| {
        format!(r#"{{"key":"{}","value":"{}"}}"#, "k".repeat(key), "v".repeat(value))
    };
    vec![
        Row::http("size: an empty key", set(pair(0, 1)), 400, "empty"),
        Row::http("size: the longest key", set(pair(KEY_TOO_LONG - 1, 1)), 200, "stored"),
        Row::http("size: a longer key", set(pair(KEY_TOO_LONG, 1)), 413, "4096"),
        Row::http("size: a longer value", set(pair(1, VALUE_TOO_LONG)), 413, "1048576"),
        Row::http("size: a longer body", set("v".repeat(8 << 20)), 413, "over the limit"),
        Row::http(
            "size: a longer key to read",
            get(&format!("/get?key={}", "k".repeat(KEY_TOO_LONG))),
            413,
            "4096",
        ),
        Row::http(
            "size: a long key of escapes",
            get(&format!("/get?key={}", "%6b".repeat(KEY_TOO_LONG))),
            413,
            "4096",
        ),
        Row::http(
            "size: a long key to delete",
            request("DELETE", &format!("/delete?key={}", "k".repeat(KEY_TOO_LONG)), "", ""),
            413,
            "4096",
        ),
    ]
}

/// Query strings.
fn queries() -> Vec<Row> {
    vec![
        Row::http("query: nothing", get("/get"), 400, "key"),
        Row::http("query: an empty one", get("/get?"), 400, "key"),
        Row::http("query: an empty key", get("/get?key="), 400, "empty"),
        Row::http("query: a key without a value", get("/get?key"), 400, "no value"),
        Row::http("query: two keys", get("/get?key=a&key=b"), 400, "twice"),
        Row::http("query: an unknown parameter", get("/get?key=a&kye=b"), 400, "did you mean key?"),
        Row::http("query: a parameter without a name", get("/get?key=a&=b"), 400, "no parameter"),
        Row::http("query: a percent sign at the end", get("/get?key=100%"), 400, "%25"),
        Row::http("query: a percent sign before letters", get("/get?key=%zz"), 400, "%25"),
        Row::http("query: half an escape", get("/get?key=%4"), 400, "%25"),
        Row::http("query: escapes that are no UTF-8", get("/get?key=%ff%fe"), 400, "Base64"),
        Row::http("query: an overlong escape", get("/get?key=%c0%80"), 400, "UTF-8"),
        Row::http("query: half a surrogate pair", get("/get?key=%ed%a0%80"), 400, "UTF-8"),
        Row::http("query: escaped twice is escaped once", get("/get?key=%2525"), 404, r#""%25""#),
        Row::http("query: an escaped NUL", get("/get?key=no%00such"), 404, "no key"),
        Row::http("query: an escaped header", get("/get?key=a%0d%0aset-cookie:%20b"), 404, "no key"),
        Row::http("query: an escaped terminal sequence", get("/get?key=%1b%5b2J"), 404, "no key"),
        Row::http("query: base64 and text at once", get("/get?key=a&keyBase64=YQ=="), 400, "both"),
        Row::http("query: base64 that is none", get("/get?keyBase64=%25"), 400, "Base64"),
        Row::http(
            "query: an unknown consistency",
            get("/get?key=a&consistency=eventual"),
            400,
            "linearizable",
        ),
        Row::http("query: an empty consistency", get("/get?key=a&consistency="), 400, "linearizable"),
        Row::http(
            "query: a consistency in capitals",
            get("/get?key=a&consistency=STALE"),
            400,
            "linearizable",
        ),
        Row::http(
            "query: many parameters",
            get(&format!("/get?{}", "a=b&".repeat(2000))),
            400,
            "no parameter",
        ),
        Row::http("query: many ampersands", get(&format!("/get?{}", "&".repeat(8000))), 400, "key"),
        Row::http("query: parameters where there are none", get("/health?verbose=1"), 400, "no parameter"),
    ]
}

/// Paths and methods.
fn routes() -> Vec<Row> {
    vec![
        Row::http("path: nothing here", get("/"), 404, "no such path"),
        Row::http("path: a file", get("/../../etc/passwd"), 404, "no such path"),
        Row::http("path: an escaped file", get("/%2e%2e/%2e%2e/etc/passwd"), 404, "no such path"),
        Row::http("path: one slash too many", get("/get/?key=a"), 404, "no such path"),
        Row::http("path: two slashes", get("//get?key=a"), 404, "no such path"),
        Row::http("path: capitals", get("/GET?key=a"), 404, "no such path"),
        Row::http("path: an escaped letter", get("/g%65t?key=a"), 404, "no such path"),
        Row::http("path: very long", get(&format!("/{}", "a".repeat(6000))), 404, "no such path"),
        Row::http("path: somebody else's", get("http://example.com/nothing"), 404, "no such path"),
        Row::http("method: a read that writes", request("POST", "/set", "", "{}"), 405, "PUT /set"),
        Row::http("method: a write that reads", request("PUT", "/get?key=a", "", ""), 405, "GET /get"),
        Row::http("method: one that deletes", request("DELETE", "/set?key=a", "", ""), 405, "PUT /set"),
        Row::http("method: a new one", request("BREW", "/set", "", ""), 405, "PUT /set"),
        Row::http("method: in small letters", request("get", "/health", "", ""), 405, "GET /health"),
        Row::http("header: a body where none is read", request("GET", "/get?key=", "", "{}"), 400, "empty"),
        Row::http(
            "header: an upgrade",
            request("GET", "/get?key=", "upgrade: h2c\r\nhttp2-settings: AAAA\r\n", ""),
            400,
            "empty",
        ),
        Row::http(
            "header: an empty name for a write",
            request("PUT", "/set", "idempotency-key: \r\n", r#"{"key":"a","value":"b"}"#),
            400,
            "Idempotency-Key",
        ),
        Row::http(
            "header: a long name for a write",
            request(
                "PUT",
                "/set",
                &format!("idempotency-key: {}\r\n", "n".repeat(300)),
                r#"{"key":"a","value":"b"}"#,
            ),
            400,
            "Idempotency-Key",
        ),
    ]
}

fn lists_and_watches() -> Vec<Row> {
    let long = "k".repeat(KEY_TOO_LONG);
    vec![
        Row::http("list: a limit of 0", get("/list?limit=0"), 400, "limit"),
        Row::http("list: a limit below 0", get("/list?limit=-1"), 400, "limit"),
        Row::http("list: too high a limit", get("/list?limit=1000001"), 400, "limit"),
        Row::http(
            "list: a limit that fits into nothing",
            get("/list?limit=99999999999999999999"),
            400,
            "limit",
        ),
        Row::http("list: a limit that is no number", get("/list?limit=ten"), 400, "limit"),
        Row::http("list: a long prefix", get(&format!("/list?prefix={long}")), 413, "4096"),
        Row::http("list: behind a long key", get(&format!("/list?after={long}")), 413, "4096"),
        Row::http("watch: after what is no number", get("/watch?after=now"), 400, "after"),
        Row::http(
            "watch: after what fits into nothing",
            get("/watch?after=18446744073709551616"),
            400,
            "after",
        ),
        Row::http("watch: after less than nothing", get("/watch?after=-1"), 400, "after"),
        Row::http("watch: a long prefix", get(&format!("/watch?prefix={long}")), 413, "4096"),
    ]
}

fn compare_and_set() -> Vec<Row> {
    vec![
        Row::http("cas: nothing", cas("{}"), 400, "key"),
        Row::http("cas: no key", cas(r#"{"expected":"a","value":"b"}"#), 400, "key"),
        Row::http("cas: an empty key", cas(r#"{"key":"","expected":"a","value":"b"}"#), 400, "empty"),
        Row::http("cas: no value", cas(r#"{"key":"a","expected":"b"}"#), 400, "value"),
        Row::http("cas: a number is expected", cas(r#"{"key":"a","expected":1,"value":"b"}"#), 400, "JSON"),
        Row::http("cas: by PUT", request("PUT", "/cas", "", "{}"), 405, "POST /cas"),
    ]
}
