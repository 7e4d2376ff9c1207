//! Explains the cluster as a whole: who leads, or why nobody does.

use super::Explanation;
use super::words::{press, term};
use crate::actions::ActionId;
use crate::app::App;
use crate::app::subject::Subject;
use raftdeck_model::concepts::Concept;
use raftdeck_model::{Campaign, Reach, Verdict};
use raftdeck_raft::NodeId;

/// Explains it.
pub(super) fn of(app: &App) -> Explanation {
    let mut told = match app.world.verdict() {
        Verdict::Starting { ready, of } => {
            let mut told = Explanation::by(Concept::Election, "the cluster starts".to_owned());
            told.because(format!(
                "{ready} of {of} nodes have reported. Once a majority is there, one of them is elected."
            ));
            told
        }
        Verdict::Leads { leader, term: at, reach, stale, .. } => {
            let mut told = Explanation::by(Concept::Leader, format!("{leader} leads {}", term(at)));
            told.because(format!("{}, so it can commit entries.", reached(leader, reach)));
            if let Some((old, old_term)) = stale {
                told.because(format!("{old} still believes that it leads {}.", term(old_term)));
                told.see(format!("{old}, a stale leader"), Subject::Node(old));
            }
            told.see(leader.to_string(), Subject::Node(leader));
            told.see(term(at), Subject::Term(at));
            told
        }
        Verdict::NoQuorum { leader, term: at, reach } => {
            let mut told = Explanation::by(Concept::Quorum, "no quorum".to_owned());
            told.because(format!("{}: nothing can be committed.", reached(leader, reach)));
            told.see(term(at), Subject::Term(at));
            told.see(leader.to_string(), Subject::Node(leader));
            told
        }
        Verdict::Electing { campaign } => electing(campaign),
        Verdict::NoMajority { alive, needed, of } => {
            let mut told = Explanation::by(Concept::Quorum, "no quorum".to_owned());
            told.because(format!(
                "{alive} of {of} voters run and {needed} are needed: nobody can be elected."
            ));
            told
        }
        Verdict::AllDown => {
            let mut told = Explanation::by(Concept::Availability, "all nodes are down".to_owned());
            told.because("No node runs. What was committed is on their disks.");
            told
        }
        Verdict::Unknown { answering, of } => {
            let mut told =
                Explanation::by(Concept::Availability, "the state of the cluster is unknown".to_owned());
            told.because(format!(
                "{answering} of {of} voters answer, and none of them leads. A node that does not answer here may run, and may lead."
            ));
            told
        }
    };
    told.advise(press(app, ActionId::Heal, "heals every link and resumes paused nodes"));
    told.advise(press(app, ActionId::RestartDown, "restarts all that are down"));
    if told.change.is_empty() {
        told.advise(press(app, ActionId::KillLeader, "kills the leader"));
    }
    told.see_concept(Concept::Quorum);
    told.see_concept(Concept::Availability);
    told.see("all terms", Subject::Glossary);
    told
}

/// `n1 reaches 2 of 3 voters and needs 2`.
fn reached(leader: NodeId, reach: Reach) -> String {
    let reached = reach.reached.copied().map_or_else(|| "?".to_owned(), |reached| reached.to_string());
    format!("{leader} reaches {reached} of {} voters and needs {}", reach.of, reach.needed)
}

fn electing(campaign: Option<Campaign>) -> Explanation {
    let mut told = Explanation::by(Concept::Election, "no leader".to_owned());
    match campaign {
        None => told
            .because("No node leads and none campaigns yet: the first whose election timeout runs out will."),
        Some(Campaign { node, term: at, votes, needed, pre_vote }) => {
            let asks = if pre_vote { "pre-votes" } else { "votes" };
            told.because(format!(
                "{node} asks for {asks} in {} and has {votes} of the {needed} that it needs.",
                term(at)
            ));
            told.see(node.to_string(), Subject::Node(node));
        }
    }
    told.see_concept(Concept::ElectionTimeout);
    told
}
