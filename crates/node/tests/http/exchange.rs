//! One request and its answer, with headers, and every answer held against the description that the node serves.

use crate::support::{Answered, Node, PATIENCE};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

/// A request that is sent as it stands here.
#[derive(Clone, Debug)]
pub(crate) struct Ask<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
}

impl<'a> Ask<'a> {
    pub(crate) fn new(method: &'a str, path: &'a str) -> Self {
        Self { method, path, headers: Vec::new(), body: b"" }
    }

    pub(crate) fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn body(mut self, body: &'a (impl AsRef<[u8]> + ?Sized)) -> Self {
        self.body = body.as_ref();
        self
    }

    fn head(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-length: {}\r\n",
            self.method,
            self.path,
            self.body.len()
        );
        for (name, value) in &self.headers {
            head = head + name + ": " + value + "\r\n";
        }
        head + "\r\n"
    }

    /// Sends it and leaves the answer to be read.
    pub(crate) fn open(&self, node: &Node) -> TcpStream {
        let mut stream = TcpStream::connect(&node.addresses().http).expect("the node accepts");
        stream.set_read_timeout(Some(PATIENCE)).expect("is not zero");
        // The node may refuse a long body before it has read all of it.
        let _ = stream.write_all(&[self.head().as_bytes(), self.body].concat());
        stream
    }

    /// The answer, which is one that the node's description allows.
    #[track_caller]
    pub(crate) fn of(&self, node: &Node) -> Answered {
        let answered = read_answer(self.open(node)).expect("the node answers");
        self.assert_described(&description(node), &answered);
        answered
    }

    /// Holds an answer against the description: its status, its headers, its body.
    #[track_caller]
    pub(crate) fn assert_described(&self, description: &Value, answered: &Answered) {
        let (method, path) = (self.method, self.path);
        let path = path.split('?').next().expect("the first part");
        let Some(operation) = description["paths"][path].get(method.to_lowercase()) else {
            assert!(
                [204, 404, 405].contains(&answered.status) || method == "HEAD",
                "{method} {path}: {answered:?}"
            );
            return;
        };
        let mut response = &operation["responses"][answered.status.to_string()];
        if let Some(reference) = response["$ref"].as_str() {
            response = description.pointer(&reference[1..]).expect("what is referred to is there");
        }
        assert!(
            response.is_object(),
            "{method} {path} is not described with {}: {answered:?}",
            answered.status
        );
        let headers = response["headers"].as_object().into_iter().flatten();
        for (name, _) in headers.filter(|(_, header)| header["required"] != false) {
            let name = name.to_lowercase();
            assert!(answered.header(&name).is_some(), "{name} is missing in {answered:?}");
        }
        let content = response["content"].as_object().expect("a content");
        let given =
            answered.header("content-type").expect("a type").split(';').next().expect("the first part");
        let schema =
            &content.get(given).unwrap_or_else(|| panic!("{given} is not described: {answered:?}"))["schema"];
        if given == "application/json" {
            let whole = json!({"allOf": [schema], "components": description["components"]});
            let body = answered.json();
            let errors: Vec<String> = jsonschema::options()
                .with_draft(jsonschema::Draft::Draft202012)
                .build(&whole)
                .expect("the schema is one")
                .iter_errors(&body)
                .map(|error| format!("{error} at {}", error.instance_path()))
                .collect();
            assert!(errors.is_empty(), "{method} {path} {}: {errors:?}\n{body:#}", answered.status);
        }
    }
}

pub(crate) fn read_answer(mut stream: TcpStream) -> Option<Answered> {
    let mut answer = Vec::new();
    let until = Instant::now() + PATIENCE;
    let mut part = vec![0; 64 << 10];
    while let Ok(length @ 1..) = stream.read(&mut part) {
        answer.extend_from_slice(&part[..length]);
        assert!(Instant::now() < until, "a stream, where an answer was to come");
    }
    let answer = String::from_utf8(answer).expect("answers are UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1)?.parse().ok()?;
    Some(Answered { status, head: head.to_ascii_lowercase(), body: body.to_owned() })
}

impl Answered {
    /// A header's value, in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .skip(1)
            .find_map(|line| line.split_once(": ").filter(|(n, _)| *n == name))
            .map(|(_, v)| v)
    }
}

#[track_caller]
pub(crate) fn assert_error(answered: &Answered, status: u16, part: &str) {
    assert_eq!(answered.status, status, "{answered:?}");
    let body = answered.json();
    assert_eq!(body["ok"], false, "{answered:?}");
    assert!(body["message"].as_str().expect("a message").contains(part), "{part:?} in {answered:?}");
    assert_eq!(answered.header("content-type"), Some("application/json"), "{answered:?}");
    assert!(answered.header("x-request-id").is_some(), "{answered:?}");
}

/// What the node says that it answers.
pub(crate) fn description(node: &Node) -> Value {
    node.http("GET", "/openapi.json", "").json()
}
