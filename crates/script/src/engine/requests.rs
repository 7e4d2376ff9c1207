//! Clients' requests, in words, and whether the outcomes are as expected.

use super::store::{LastRequest, RequestEnd};
use crate::Expectation;
use raftdeck_model::{ClientName, ClientOp, ClientRequest, write};
use raftdeck_protocol::{Read, Write};

/// Whether a client's last request has an outcome, and it is as expected.
pub(super) fn outcome(last: Option<&LastRequest>, expected: &Expectation) -> Result<Option<()>, String> {
    let Some(LastRequest { text, ended, .. }) = last else {
        return Err(format!("{} has asked nothing yet", expected.client()));
    };
    match ended {
        None => Ok(None),
        Some(RequestEnd::Outcome(outcome)) => expected.judge(text, outcome).map(Some),
        Some(RequestEnd::Refused(reason)) => expected.judge_refusal(text, reason).map(Some),
    }
}

/// The request, in a few words.
pub(super) fn asked(request: &ClientRequest) -> String {
    let (verb, key) = match &request.op {
        ClientOp::Write(Write::Put { key, .. }) => ("put", key),
        ClientOp::Write(Write::Delete { key }) => ("delete", key),
        ClientOp::Write(Write::CompareAndSet { key, .. }) => ("cas", key),
        ClientOp::Read(Read::Get { key }) => ("get", key),
        ClientOp::Read(Read::List { prefix, .. }) => ("list", prefix),
    };
    let who = match &request.client {
        ClientName::Own => String::new(),
        ClientName::Named(name) => format!("{name}: "),
    };
    let asked = format!("{who}{verb} {}", String::from_utf8_lossy(key));
    format!("{}{}", asked.trim_end(), write::of_whom(request))
}
