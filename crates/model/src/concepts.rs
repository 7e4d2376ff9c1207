//! The field's terms: what each means, in one or two sentences, and where the paper or the thesis defines it.
//!
//! This is the one source of these texts. The screen explains with them, and so do the drills. What is true only at the moment (why a
//! node is in its state now) is not here.

use std::cmp::Reverse;
use std::fmt;

mod table;

pub use table::ARTICLES;

/// A term of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(missing_docs, reason = "the table says what each is")]
pub enum Concept {
    ReplicatedStateMachine,
    Term,
    Leader,
    Follower,
    Candidate,
    PreCandidate,
    Learner,
    Election,
    ElectionTimeout,
    Heartbeat,
    Vote,
    PreVote,
    SplitVote,
    Log,
    Entry,
    Index,
    NoOp,
    AppendEntries,
    Conflict,
    CommitIndex,
    AppliedIndex,
    MatchIndex,
    NextIndex,
    Quorum,
    ElectionSafety,
    LogMatching,
    LeaderCompleteness,
    StateMachineSafety,
    Snapshot,
    Membership,
    JointConsensus,
    LeadershipTransfer,
    CheckQuorum,
    StaleLeader,
    Linearizability,
    ReadIndex,
    Lease,
    StaleRead,
    Session,
    InDoubt,
    Fsync,
    StalledDisk,
    LostDisk,
    Kill,
    Pause,
    Partition,
    OneWayPartition,
    RefusedConnection,
    Delay,
    Loss,
    Availability,
    Latency,
    ReplicationLag,
}

/// Which of the two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Work {
    /// Ongaro and Ousterhout, "In Search of an Understandable Consensus Algorithm (Extended Version)", 2014.
    Paper,
    /// Ongaro, "Consensus: Bridging Theory and Practice", 2014.
    Thesis,
}

/// A section of the paper or of the thesis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Section {
    /// In which text.
    pub work: Work,
    /// Its number: `5.4.2`.
    pub number: &'static str,
}

impl Section {
    /// A section of the paper.
    #[must_use]
    pub const fn paper(number: &'static str) -> Self {
        Self { work: Work::Paper, number }
    }

    /// A section of the thesis.
    #[must_use]
    pub const fn thesis(number: &'static str) -> Self {
        Self { work: Work::Thesis, number }
    }
}

impl fmt::Display for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.work {
            Work::Paper => write!(f, "paper §{}", self.number),
            Work::Thesis => write!(f, "thesis §{}", self.number),
        }
    }
}

/// What a term means.
#[derive(Debug)]
pub struct Article {
    /// The term.
    pub concept: Concept,
    /// Its name, in lower case unless it is written otherwise.
    pub name: &'static str,
    /// Other names of it.
    pub also: &'static [&'static str],
    /// What it is, in one or two sentences.
    pub text: &'static str,
    /// Where it is defined; `None`: it is raftdeck's own, or common knowledge.
    pub section: Option<Section>,
    /// What to read next.
    pub related: &'static [Concept],
}

impl Concept {
    /// What it means.
    #[must_use]
    pub fn article(self) -> &'static Article {
        // The table is in the order of the terms, which a test holds.
        &ARTICLES[self as usize]
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.article().name
    }

    /// All of them.
    pub fn all() -> impl Iterator<Item = Self> {
        ARTICLES.iter().map(|article| article.concept)
    }

    /// The terms that a text names, in the order in which it does so first; of two at one place, the longer one is first.
    #[must_use]
    pub fn named_in(text: &str) -> Vec<Self> {
        let text = text.to_lowercase().replace('-', " ");
        let mut found: Vec<(usize, Reverse<usize>, Self)> = Vec::new();
        for article in ARTICLES {
            let names = std::iter::once(&article.name).chain(article.also);
            let place = |name: &&str| {
                let at = word_at(&text, &name.to_lowercase().replace('-', " "))?;
                Some((at, Reverse(name.len())))
            };
            let first = names.filter_map(place).min();
            found.extend(first.map(|(at, length)| (at, length, article.concept)));
        }
        found.sort_unstable();
        found.into_iter().map(|(.., concept)| concept).collect()
    }

    /// The term of this name, whatever its case; hyphens count as blanks.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let plain = |name: &str| name.trim().to_lowercase().replace('-', " ");
        let name = plain(name);
        let is_it = |article: &&Article| {
            plain(article.name) == name || article.also.iter().any(|other| plain(other) == name)
        };
        ARTICLES.iter().find(is_it).map(|article| article.concept)
    }
}

/// Where a text has these words, not as a part of others; a plural counts.
fn word_at(text: &str, words: &str) -> Option<usize> {
    let is_letter = |c: char| c.is_alphanumeric();
    text.match_indices(words).map(|(at, _)| at).find(|at| {
        let before = text[..*at].chars().next_back();
        let after = text[at + words.len()..].trim_start_matches('s').chars().next();
        !before.is_some_and(is_letter) && !after.is_some_and(is_letter)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_table_is_in_the_order_of_the_terms() {
        for (place, article) in ARTICLES.iter().enumerate() {
            assert_eq!(article.concept as usize, place, "{}", article.name);
            assert_eq!(article.concept.article().name, article.name);
        }
        assert_eq!(ARTICLES.len(), Concept::ReplicationLag as usize + 1, "every term has its article");
    }

    #[test]
    fn a_name_means_one_term() {
        let mut names = BTreeSet::new();
        for article in ARTICLES {
            for name in std::iter::once(&article.name).chain(article.also) {
                assert!(names.insert(name.to_lowercase()), "{name} twice");
                assert_eq!(Concept::named(name), Some(article.concept), "{name}");
            }
        }
        assert_eq!(Concept::named("  Split-Vote "), Some(Concept::SplitVote));
        assert_eq!(Concept::named("paxos"), None);
    }

    #[test]
    fn the_terms_that_a_text_names_are_found() {
        let text = "Each follower waits for its election timeout. Split-votes are rare; voters, termites and logging are no terms.";
        assert_eq!(
            Concept::named_in(text),
            [
                Concept::Follower,
                Concept::ElectionTimeout,
                Concept::Election,
                Concept::SplitVote,
                Concept::Vote,
                Concept::Term
            ]
        );
        assert_eq!(Concept::named_in("é"), []);
    }

    #[test]
    fn a_text_is_one_or_two_sentences_that_fit_a_panel() {
        for article in ARTICLES {
            let sentences = article.text.matches(". ").count() + 1;
            assert!(article.text.ends_with('.') && sentences <= 3, "{}: {}", article.name, article.text);
            assert!(article.text.len() <= 330, "{} has {} characters", article.name, article.text.len());
            assert!(!article.text.contains("  "), "{}", article.name);
        }
    }

    #[test]
    fn a_section_is_a_number_of_the_text_it_is_in() {
        for article in ARTICLES {
            let Some(section) = article.section else { continue };
            let parts: Option<Vec<u8>> = section.number.split('.').map(|part| part.parse().ok()).collect();
            let parts = parts.unwrap_or_default();
            let chapters = match section.work {
                Work::Paper => 1..=11,
                Work::Thesis => 1..=12,
            };
            let is_deep = (1..=3).contains(&parts.len());
            assert!(is_deep && chapters.contains(&parts[0]) && !parts.contains(&0), "{section}");
        }
        assert_eq!(Section::paper("5.4.2").to_string(), "paper §5.4.2");
        assert_eq!(Section::thesis("9.6").to_string(), "thesis §9.6");
    }

    #[test]
    fn every_term_leads_on_to_others_and_is_led_to() {
        let led_to: BTreeSet<Concept> =
            ARTICLES.iter().flat_map(|article| article.related).copied().collect();
        for article in ARTICLES {
            let related: BTreeSet<_> = article.related.iter().collect();
            assert!(!related.is_empty() && related.len() == article.related.len(), "{}", article.name);
            assert!(!related.contains(&article.concept), "{} leads to itself", article.name);
            assert!(led_to.contains(&article.concept), "nothing leads to {}", article.name);
        }
    }
}
