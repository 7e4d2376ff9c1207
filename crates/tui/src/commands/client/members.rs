//! `raftdeck client member ...` and `transfer`: the membership and the leadership. Reads and writes no keys.
//!
//! ```text
//! member list                 {"members":[...],"committed":true,"node":1}   as n1 knows it
//! member add|promote|remove   {"members":[...],"node":1,"term":2,"index":17}   as it is committed
//! member replace              {"step":"removed","members":[...],"node":1,"term":2,"index":17}   and the same with added and promoted
//! transfer                    {"leader":2,"term":5,"node":1}
//! ```
//!
//! `node` answered; `term` and `index` are those of the entry that holds the members.
//! A member is `{"node":4,"standing":"learner","leader":false,"address":"127.0.0.1:8083"}`; its standing is voter, learner, or
//! while a change is half done joining or leaving; `leader` and `address` are null where they are not known.

use super::output::print;
use super::reply::{Failure, Form, Reply};
use super::roster::{Roster, leads, newest};
use clap::Subcommand;
use raftdeck_client::{Changed, Client, ReplaceStep, Transferred};
use raftdeck_protocol::NodeStatus;
use raftdeck_protocol::printable::Printable;
use raftdeck_raft::{Membership, MembershipChange, NodeId};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::time::Duration;

/// `raftdeck client member …`
#[derive(Clone, Debug, Subcommand)]
pub(crate) enum MemberOperation {
    /// Add a node as a learner: it receives the log, and can be promoted when it has caught up
    #[command(
        after_help = "Example: raftdeck client member add 4 127.0.0.1:8083\n\nStart the node first, with an id that was never used before."
    )]
    Add {
        /// The new node's id, as 4 or n4
        #[arg(value_parser = node_id)]
        id: NodeId,
        /// Its Raft address, as the other nodes reach it
        #[arg(value_name = "HOST:PORT", value_parser = raft_address)]
        address: String,
    },
    /// Make a learner a voter, as soon as it has caught up
    #[command(after_help = "Example: raftdeck client member promote n4 --timeout 60")]
    Promote {
        /// The node's id, as 4 or n4
        #[arg(value_parser = node_id)]
        id: NodeId,
    },
    /// Remove a node; it may be the leader, which then hands over
    #[command(visible_alias = "rm", after_help = "Example: raftdeck client member remove n2")]
    Remove {
        /// The node's id, as 2 or n2
        #[arg(value_parser = node_id)]
        id: NodeId,
    },
    /// Replace a node that came back with an empty disk: remove it, add it with its new disk, and promote it when it
    /// has caught up
    #[command(
        after_help = "Example: raftdeck client member replace n2\n\nStart the node with an empty data directory first, as it was started before. If this is interrupted, run it again to complete it."
    )]
    Replace {
        /// The node's id, as 2 or n2
        #[arg(value_parser = node_id)]
        id: NodeId,
        /// Its Raft address, if it has another one than before
        #[arg(value_name = "HOST:PORT", value_parser = raft_address)]
        address: Option<String>,
    },
    /// Print the members, as the leader knows them, or else the newest of the nodes that answer
    #[command(
        visible_alias = "ls",
        after_help = "Example: raftdeck client --cluster 127.0.0.1:8080,127.0.0.1:8081 member list"
    )]
    List,
}

/// A node's id as people write it: `4` or `n4`.
pub(crate) fn node_id(given: &str) -> Result<NodeId, String> {
    let digits = given.strip_prefix('n').unwrap_or(given);
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(id) if is_number && id > 0 => Ok(NodeId(id)),
        _ => Err("a node id is a number, at least 1, written 4 or n4".to_owned()),
    }
}

fn raft_address(given: &str) -> Result<String, String> {
    match raftdeck_client::split(given) {
        Ok((_, 0)) => Err("a node that others are to reach has a port other than 0".to_owned()),
        Ok(_) => Ok(given.to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

/// Carries out one operation.
pub(crate) async fn carry_out(
    client: &Client,
    addresses: &[String],
    operation: MemberOperation,
    deadline: Duration,
    form: Form,
) -> Result<Reply, Failure> {
    let (change, asked) = match operation {
        MemberOperation::List => return list(client, addresses, deadline, form).await,
        MemberOperation::Replace { id, address } => {
            return replace(client, id, address, deadline, form).await;
        }
        MemberOperation::Add { id, address } => {
            let asked = format!("member add {id} {address}");
            (MembershipChange::AddLearner { node: id, address, incarnation: None }, asked)
        }
        MemberOperation::Promote { id } => {
            (MembershipChange::Promote { node: id }, format!("member promote {id}"))
        }
        MemberOperation::Remove { id } => {
            (MembershipChange::Remove { node: id }, format!("member remove {id}"))
        }
    };
    let changed = client.change_membership(vec![change], deadline).await;
    let Changed { membership, term, index, node } = changed.map_err(|error| Failure::new(&asked, &error))?;
    let source = format!("{node} answered, term {term}, index {index}");
    let mut reply = Reply { source: Some(source), ..Reply::default() };
    match form {
        Form::Json => {
            let members = members_json(&membership, None);
            let object = json!({ "members": members, "node": node, "term": term, "index": index });
            reply.json(&object);
        }
        Form::Plain { .. } => reply.out.extend(members_plain(&membership, None).bytes()),
        Form::Quiet => {}
    }
    Ok(reply)
}

/// Replaces a member, and prints each step when it is done.
async fn replace(
    client: &Client,
    id: NodeId,
    address: Option<String>,
    deadline: Duration,
    form: Form,
) -> Result<Reply, Failure> {
    let mut said = false;
    let told = |step: ReplaceStep, changed: &Changed| {
        said = true;
        let line = match form {
            Form::Json => step_json(step, changed).to_string(),
            Form::Plain { .. } => format!("{id} {}", step_words(step)),
            Form::Quiet => return,
        };
        // Printed immediately, not at the end. If the output is closed, the replacement continues.
        let _ = print(format!("{line}\n").as_bytes());
    };
    let replaced = client.replace_member(id, address, deadline, told).await;
    let Changed { membership, term, index, node } =
        replaced.map_err(|error| Failure::new(&format!("member replace {id}"), &error))?;
    let mut reply =
        Reply { source: Some(format!("{node} answered, term {term}, index {index}")), ..Reply::default() };
    if !said && matches!(form, Form::Plain { .. }) {
        reply.line(&format!("{id} is a member with this disk already: nothing to do"));
    }
    match form {
        Form::Json if !said => {
            let members = members_json(&membership, None);
            reply.line(
                &json!({ "step": null, "members": members, "node": node, "term": term, "index": index })
                    .to_string(),
            );
        }
        Form::Plain { .. } => reply.out.extend(members_plain(&membership, None).bytes()),
        Form::Json | Form::Quiet => {}
    }
    Ok(reply)
}

fn step_words(step: ReplaceStep) -> &'static str {
    match step {
        ReplaceStep::Removed => "is removed with its old disk",
        ReplaceStep::Added => "is added again with its new disk, as a learner",
        ReplaceStep::Promoted => "has caught up and is a voter",
    }
}

fn step_json(step: ReplaceStep, Changed { membership, term, index, node }: &Changed) -> Value {
    let step = match step {
        ReplaceStep::Removed => "removed",
        ReplaceStep::Added => "added",
        ReplaceStep::Promoted => "promoted",
    };
    json!({ "step": step, "members": members_json(membership, None), "node": node, "term": term, "index": index })
}

/// Transfers the leadership.
pub(crate) async fn transfer(
    client: &Client,
    to: NodeId,
    deadline: Duration,
    form: Form,
) -> Result<Reply, Failure> {
    let transferred = client.transfer(to, deadline).await;
    let Transferred { leader, term, node } =
        transferred.map_err(|error| Failure::new(&format!("transfer {to}"), &error))?;
    let source = format!("{node} answered, term {term}");
    let mut reply = Reply { source: Some(source), ..Reply::default() };
    match form {
        Form::Json => reply.json(&json!({ "leader": leader, "term": term, "node": node })),
        Form::Plain { .. } => reply.line(&format!("{leader} leads in term {term}")),
        Form::Quiet => {}
    }
    Ok(reply)
}

async fn list(
    client: &Client,
    addresses: &[String],
    deadline: Duration,
    form: Form,
) -> Result<Reply, Failure> {
    let answers = Roster::new(addresses).ask(client, deadline).await.answers;
    let Some(status) = newest(&answers) else {
        let error = answers.iter().find_map(|(_, status)| status.as_ref().err());
        let error = error.expect("at least one address was asked, and none answered");
        return Err(Failure::new("member list", error));
    };
    let raft = &status.raft;
    let source = format!("{} answered, term {}, index {}", raft.id, raft.term, raft.membership_index);
    let mut reply = Reply { source: Some(source), ..Reply::default() };
    match form {
        Form::Json => reply.json(&list_json(status)),
        Form::Plain { .. } => reply.out.extend(list_plain(status).bytes()),
        Form::Quiet => raft.membership.members().iter().for_each(|id| reply.line(&id.to_string())),
    }
    Ok(reply)
}

fn list_plain(status: &NodeStatus) -> String {
    let raft = &status.raft;
    if raft.membership.members().is_empty() {
        return format!("{} is not in a cluster yet\n", raft.id);
    }
    let mut text = members_plain(&raft.membership, raft.leader);
    if raft.membership_index > raft.committed {
        text.push_str("this is not committed yet\n");
    }
    if !leads(status) {
        let _ = writeln!(text, "this is the view of {}, which is not the leader", raft.id);
    }
    text
}

fn list_json(status: &NodeStatus) -> Value {
    let raft = &status.raft;
    json!({
        "members": members_json(&raft.membership, raft.leader),
        "committed": raft.membership_index <= raft.committed,
        "node": raft.id,
    })
}

/// `n4 learner 127.0.0.1:8083`, one line for each member.
fn members_plain(membership: &Membership, leader: Option<NodeId>) -> String {
    let mut text = String::new();
    for id in membership.members() {
        let _ = write!(text, "{id} {}", standing(membership, id));
        if leader == Some(id) {
            text.push_str(" leader");
        }
        if let Some(address) = membership.addresses.get(&id) {
            let _ = write!(text, " {}", Printable(address));
        }
        text.push('\n');
    }
    text
}

fn members_json(membership: &Membership, leader: Option<NodeId>) -> Value {
    let member = |id: NodeId| {
        json!({
            "node": id,
            "standing": standing(membership, id),
            "leader": leader.map(|leader| leader == id),
            "address": membership.addresses.get(&id),
        })
    };
    membership.members().into_iter().map(member).collect()
}

/// The standing of a member. While a change is half done, its old and its new voters both vote.
fn standing(membership: &Membership, id: NodeId) -> &'static str {
    let (is_new, is_old) = (membership.voters.contains(&id), membership.outgoing.contains(&id));
    match (is_new, is_old) {
        (true, false) if membership.is_joint() => "joining",
        (true, _) => "voter",
        (false, true) => "leaving",
        (false, false) => "learner",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[u64]) -> std::collections::BTreeSet<NodeId> {
        ids.iter().copied().map(NodeId).collect()
    }

    #[test]
    fn ids_are_numbers_with_or_without_an_n() {
        assert_eq!((node_id("4"), node_id("n4")), (Ok(NodeId(4)), Ok(NodeId(4))));
        for wrong in ["", "n", "0", "n0", "-1", "+1", "4n", "nn4", "four", "18446744073709551616"] {
            assert!(node_id(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn members_are_told_a_line_each_with_what_they_are() {
        let mut membership = Membership::of(ids(&[1, 2, 3]));
        membership.learners = ids(&[4]);
        membership.addresses.insert(NodeId(4), "127.0.0.1:8083".to_owned());
        assert_eq!(
            members_plain(&membership, Some(NodeId(2))),
            "n1 voter\nn2 voter leader\nn3 voter\nn4 learner 127.0.0.1:8083\n"
        );
        let joint = Membership { outgoing: ids(&[1, 2]), ..Membership::of(ids(&[2, 3])) };
        assert_eq!(members_plain(&joint, None), "n1 leaving\nn2 voter\nn3 joining\n");
        assert_eq!(
            members_json(&membership, Some(NodeId(4)))[3],
            json!({ "node": 4, "standing": "learner", "leader": true, "address": "127.0.0.1:8083" })
        );
    }
}
