//! What is going on in the cluster at this moment, in a few sentences: the most important one first.

use super::{Succession, ids};
use raftdeck_model::{Campaign, Known, Node, Phase, Reach, Verdict, World};
use raftdeck_raft::{NodeId, Role, Term};
use std::collections::BTreeSet;

/// The sentences. Each claims only what the world knows, and what was seen of the leader before.
#[must_use]
pub fn situation(world: &World, succession: &Succession) -> Vec<String> {
    if world.is_empty() {
        return Vec::new();
    }
    let mut sentences = vec![whole(world)];
    sentences.extend(stale_leaders(world));
    sentences.extend(Some(of_absent(world).join(" ")).filter(|absent| !absent.is_empty()));
    if let Verdict::Leads { leader, .. } = world.verdict() {
        sentences.extend(succession.sentence(leader));
    }
    sentences
}

fn whole(world: &World) -> String {
    match world.verdict() {
        Verdict::Starting { .. } => {
            "The nodes are starting. One of them will be elected leader once a majority is up.".to_owned()
        }
        Verdict::Leads { leader, term, reach, transfer: None, .. } => leads(leader, term, reach),
        Verdict::Leads { leader, term, transfer: Some(to), .. } => {
            format!(
                "{leader} leads term {term} and hands the leadership over to {to}: it takes no writes meanwhile."
            )
        }
        Verdict::NoQuorum { leader, term, reach } => {
            let checks = world
                .node(leader)
                .and_then(Node::live)
                .is_some_and(|status| status.tuning.get().is_some_and(|tuning| tuning.check_quorum));
            let steps_down =
                if checks { " It steps down unless it hears from a majority again." } else { "" };
            format!(
                "{leader} leads term {term}, but reaches too few voters{}. It cannot commit anything.{steps_down}",
                reached(reach)
            )
        }
        Verdict::Electing { campaign: None } => {
            "No node leads. The first follower whose election timeout ends will ask for votes.".to_owned()
        }
        Verdict::Electing { campaign: Some(campaign) } => campaigns(&campaign),
        Verdict::NoMajority { alive, needed, of } => {
            let run = if alive == 1 { "runs" } else { "run" };
            format!(
                "Only {alive} of {of} voters {run}. No leader can be elected, and nothing committed, with fewer than {needed}."
            )
        }
        Verdict::AllDown => "No node runs. What was committed is on their disks.".to_owned(),
        Verdict::Unknown { answering: 0, .. } => {
            "No node answers. Whether the cluster works is not known from here.".to_owned()
        }
        Verdict::Unknown { answering, of } => format!(
            "Only {answering} of {of} voters answer{}, and none of them leads. One that does not answer here may lead.",
            if answering == 1 { "s" } else { "" }
        ),
    }
}

fn leads(leader: NodeId, term: Term, reach: Reach) -> String {
    let spare = match reach.reached {
        Known::Is(reached) if reached == reach.needed && reach.of > reach.needed => {
            format!(" Only {reached} are in reach, so none of them may fail.")
        }
        Known::Is(_) | Known::Unknown => String::new(),
    };
    format!(
        "{leader} leads term {term}. An entry is committed once {} of {} voters have it.{spare}",
        reach.needed, reach.of
    )
}

fn reached(reach: Reach) -> String {
    reach.reached.copied().map_or_else(String::new, |reached| {
        format!(": {reached} of {}, and {} are needed", reach.of, reach.needed)
    })
}

fn campaigns(campaign: &Campaign) -> String {
    let Campaign { node, term, votes, needed, pre_vote } = campaign;
    if *pre_vote {
        format!(
            "{node} has heard no leader and asks whether the others would vote for it in term {term}: {votes} of {needed} say yes so far."
        )
    } else {
        format!(
            "{node} asks for votes in term {term} and has {votes} of {needed}. A node votes once a term, for a candidate whose log is \
             as up to date as its own."
        )
    }
}

fn stale_leaders(world: &World) -> Option<String> {
    let Verdict::Leads { stale: Some((node, term)), .. } = world.verdict() else { return None };
    Some(format!(
        "{node} still believes that it leads term {term}: nothing that it accepts can be committed."
    ))
}

/// Those that take no part: cut off, paused, without a process.
fn of_absent(world: &World) -> Vec<String> {
    let members = world.voters();
    let those = |wanted: &dyn Fn(&Node) -> bool| -> BTreeSet<NodeId> {
        world.nodes().filter(|node| members.contains(&node.id) && wanted(node)).map(|node| node.id).collect()
    };
    let is_cut_off = |node: &Node| node.is_running() && world.is_isolated(node.id) && node.leads().is_none();
    let sentences =
        [cut_off(world, &those(&is_cut_off)), down(&those(&Node::is_down)), paused(&those(&Node::is_paused))];
    sentences.into_iter().flatten().collect()
}

fn cut_off(world: &World, nodes: &BTreeSet<NodeId>) -> Option<String> {
    let first = nodes.first()?;
    let (are, asks) = if nodes.len() == 1 { ("is", "asks") } else { ("are", "ask") };
    let phase = |id: &NodeId| world.node(*id).map(Node::phase);
    let all_alike = nodes.iter().all(|id| phase(id) == phase(first));
    Some(match phase(first).filter(|_| all_alike) {
        Some(Phase::Running(Role::PreCandidate)) => {
            format!("{} {are} cut off and {asks} for pre-votes in vain.", ids(nodes))
        }
        Some(Phase::Running(Role::Candidate)) => {
            format!("{} {are} cut off and {asks} for votes in vain.", ids(nodes))
        }
        _ => format!("{} {are} cut off.", ids(nodes)),
    })
}

fn down(nodes: &BTreeSet<NodeId>) -> Option<String> {
    match nodes.len() {
        0 => None,
        1 => Some(format!("{} is down.", ids(nodes))),
        _ => Some(format!("{} are down.", ids(nodes))),
    }
}

fn paused(nodes: &BTreeSet<NodeId>) -> Option<String> {
    match nodes.len() {
        0 => None,
        1 => {
            Some(format!("{} is paused: its process is stopped, and its connections stay open.", ids(nodes)))
        }
        _ => Some(format!(
            "{} are paused: their processes are stopped, and their connections stay open.",
            ids(nodes)
        )),
    }
}
