//! What a rule or another disturbance does, in plain words. Its command, which says how to make it, is in [`raftdeck_model::write`].

use super::{bytes, ids};
use crate::times::span;
use raftdeck_model::{
    ClientLinkFault, ClientName, Delay, Disturbance, Effect, Probability, Rule, Scope, Timers, write,
};
use raftdeck_protocol::DiskPace;
use raftdeck_raft::NodeId;
use std::collections::BTreeSet;

/// The most rules of one shape that fit into a sentence.
const MOST: usize = 3;

/// Whether updates of another kind tell all of it: cut or refused links, a paused process.
pub(super) fn is_told_elsewhere(what: &Disturbance) -> bool {
    match what {
        Disturbance::Rules { rules, .. } => rules.iter().all(|rule| rule.closes().is_some()),
        Disturbance::Paused(_) => true,
        Disturbance::Watch(_)
        | Disturbance::Slowed(..)
        | Disturbance::DiskFull(..)
        | Disturbance::Disk(..)
        | Disturbance::Timers(_)
        | Disturbance::PreVote(..)
        | Disturbance::CheckQuorum(..)
        | Disturbance::Timeouts(..)
        | Disturbance::Heartbeat(..)
        | Disturbance::Clock(..)
        | Disturbance::ClientAt(..)
        | Disturbance::ClientLinks(..) => false,
    }
}

/// What happens while it is in force; `None`: its command says as much in fewer words.
pub(super) fn meaning(what: &Disturbance) -> Option<String> {
    Some(match what {
        Disturbance::Rules { rules, .. } => return self::rules(rules),
        Disturbance::Watch(_) => "it waits for its message".to_owned(),
        Disturbance::Paused(node) => format!("{node}'s process is stopped"),
        Disturbance::Slowed(node, percent) => {
            format!("{node}'s process is stopped for {percent}% of the time")
        }
        Disturbance::DiskFull(node, left) => format!("{node}'s disk is full after {} more", bytes(*left)),
        Disturbance::Disk(_, DiskPace::Free) | Disturbance::Timers(Timers::Random) => return None,
        Disturbance::Disk(node, DiskPace::Stalled) => format!("{node}'s disk finishes no write"),
        Disturbance::Disk(node, DiskPace::Delayed(delay)) => {
            format!("every write to {node}'s disk takes {} longer", span(*delay))
        }
        Disturbance::Timers(Timers::Aligned) => "all election timeouts are equal".to_owned(),
        Disturbance::Timers(Timers::Spread) => "no two election timeouts are alike".to_owned(),
        Disturbance::PreVote(of, on) => pre_vote(*of, *on),
        Disturbance::CheckQuorum(of, on) => check_quorum(*of, *on),
        Disturbance::Timeouts(node, least, most) => {
            format!("{node}'s election timeout is {} to {}", span(*least), span(*most))
        }
        Disturbance::Heartbeat(node, interval) => {
            format!("{node} sends a heartbeat every {} while it leads", span(*interval))
        }
        Disturbance::Clock(node, factor) => {
            let rate = write::probability(Probability(factor.millionths()));
            format!("{node}'s clock runs at {rate} of the usual rate")
        }
        Disturbance::ClientAt(_, nodes) if nodes.is_empty() => return None,
        Disturbance::ClientAt(client, nodes) => format!("{} reaches only {}", name(client), ids(nodes)),
        Disturbance::ClientLinks(client, nodes, fault) => client_links(client, nodes, *fault)?,
    })
}

fn pre_vote(of: Option<NodeId>, on: bool) -> String {
    let node = of.map_or_else(|| "every node".to_owned(), |node| node.to_string());
    if on {
        format!("{node} asks for pre-votes before a campaign")
    } else {
        format!("{node} campaigns without a pre-vote")
    }
}

fn check_quorum(of: Option<NodeId>, on: bool) -> String {
    let node = of.map_or_else(|| "a leader".to_owned(), |node| node.to_string());
    let does = if on { "steps down" } else { "does not step down" };
    format!("{node} {does} when no majority answers")
}

fn name(client: &ClientName) -> String {
    match client {
        ClientName::Own => "the client".to_owned(),
        ClientName::Named(name) => format!("client {name}"),
    }
}

fn client_links(client: &ClientName, nodes: &BTreeSet<NodeId>, fault: ClientLinkFault) -> Option<String> {
    if nodes.is_empty() {
        return None;
    }
    let (client, nodes) = (name(client), ids(nodes));
    Some(match fault {
        ClientLinkFault::Cut => format!("{client} does not reach {nodes}"),
        ClientLinkFault::Hold => format!("messages between {client} and {nodes} are held"),
        ClientLinkFault::LoseAnswers => format!("answers from {nodes} to {client} are lost"),
    })
}

fn rules(rules: &[Rule]) -> Option<String> {
    if rules.is_empty() || rules.len() > MOST {
        return None;
    }
    let told: Option<Vec<String>> = rules.iter().map(rule).collect();
    Some(told?.join(", "))
}

/// `None`: its filters say more than fits into a clause.
fn rule(rule: &Rule) -> Option<String> {
    let Rule { scope, matching, effect } = rule;
    if matching.terms.is_some() || matching.indices.is_some() || matching.next.is_some() {
        return None;
    }
    let kinds: Vec<_> = matching.kinds.iter().map(|kind| kind.name()).collect();
    let kinds = if kinds.is_empty() { String::new() } else { format!("{} ", kinds.join(" and ")) };
    let messages = format!("{kinds}messages {}", links(scope)?);
    Some(match effect {
        Effect::Cut => format!("{messages} are lost"),
        Effect::Refuse => format!("connections for {messages} are refused"),
        Effect::Hold => format!("{messages} are held"),
        Effect::Delay(Delay::Fixed(time)) => format!("{messages} take {} longer", span(*time)),
        Effect::Delay(Delay::Uniform(least, most)) => {
            format!("{messages} take {} to {} longer", span(*least), span(*most))
        }
        Effect::Delay(Delay::Normal(mean, _)) => format!("{messages} take about {} longer", span(*mean)),
        Effect::Lose(chance) => format!("{} of the {messages} are lost", write::probability(*chance)),
        Effect::Duplicate(chance) => {
            format!("{} of the {messages} arrive twice", write::probability(*chance))
        }
        Effect::Reorder(chance, longest) => {
            format!("{} of the {messages} are up to {} late", write::probability(*chance), span(*longest))
        }
        Effect::Limit(rate) => format!("{messages} share {} a second on each link", bytes(*rate)),
    })
}

/// Which links, after "messages"; `None`: too many to name.
fn links(scope: &Scope) -> Option<String> {
    let some = |nodes: &Option<BTreeSet<NodeId>>| nodes.as_ref().filter(|nodes| !nodes.is_empty()).map(ids);
    Some(match scope {
        Scope::All => "on all links".to_owned(),
        Scope::Of(nodes) if nodes.is_empty() => return None,
        Scope::Of(nodes) => format!("to and from {}", ids(nodes)),
        Scope::Between { from, to } => match (some(from), some(to)) {
            (Some(from), Some(to)) => format!("from {from} to {to}"),
            (Some(from), None) => format!("from {from}"),
            (None, Some(to)) => format!("to {to}"),
            (None, None) => "on all links".to_owned(),
        },
        Scope::Links(links) => match links.iter().copied().collect::<Vec<_>>()[..] {
            [(from, to)] => format!("from {from} to {to}"),
            [(one, other), back] if back == (other, one) => format!("between {one} and {other}"),
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_model::Matching;
    use raftdeck_protocol::ClockFactor;
    use std::time::Duration;

    const N1: NodeId = NodeId(1);
    const N2: NodeId = NodeId(2);

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn of(scope: Scope, effect: Effect) -> Option<String> {
        let rules = vec![Rule { scope, matching: Matching::default(), effect }];
        meaning(&Disturbance::Rules { words: String::new(), rules })
    }

    #[test]
    fn a_rule_says_what_happens_to_which_messages() {
        let one_way = || Scope::Links([(N1, N2)].into());
        let both = Scope::Links([(N1, N2), (N2, N1)].into());
        let from = Scope::Between { from: Some([N2].into()), to: None };
        for (told, words) in [
            (of(both, Effect::Delay(Delay::Fixed(ms(50)))), "messages between n1 and n2 take 50 ms longer"),
            (of(one_way(), Effect::Lose(Probability(100_000))), "10% of the messages from n1 to n2 are lost"),
            (of(from.clone(), Effect::Hold), "messages from n2 are held"),
            (of(from, Effect::Refuse), "connections for messages from n2 are refused"),
            (
                of(Scope::All, Effect::Limit(64_000)),
                "messages on all links share 64 kB a second on each link",
            ),
            (
                of(Scope::Of([N1].into()), Effect::Reorder(Probability(500_000), ms(40))),
                "50% of the messages to and from n1 are up to 40 ms late",
            ),
        ] {
            assert_eq!(told.as_deref(), Some(words));
        }
        let many = Scope::Links([(N1, N2), (N1, NodeId(3))].into());
        assert_eq!(of(many, Effect::Cut), None, "the command names them");
    }

    #[test]
    fn what_happens_to_a_node_is_said_of_that_node() {
        let client = ClientName::Named("alice".to_owned());
        for (what, words) in [
            (Disturbance::Disk(N1, DiskPace::Stalled), "n1's disk finishes no write"),
            (Disturbance::DiskFull(N1, 512), "n1's disk is full after 512 bytes more"),
            (Disturbance::Timeouts(N2, ms(300), ms(600)), "n2's election timeout is 300 ms to 600 ms"),
            (
                Disturbance::Clock(N2, ClockFactor::from_millionths(1_500_000).unwrap()),
                "n2's clock runs at 150% of the usual rate",
            ),
            (Disturbance::PreVote(None, false), "every node campaigns without a pre-vote"),
            (Disturbance::ClientAt(client, [N1, N2].into()), "client alice reaches only n1 n2"),
        ] {
            assert_eq!(meaning(&what).as_deref(), Some(words));
        }
    }
}
