//! The drills that come with the program.

use crate::file::Drill;

/// The built-in drills, each with its id and the text of its file, in the order in which they are best taken.
pub const CATALOGUE: [(&str, &str); 30] = [
    ("leader-kill", include_str!("catalogue/leader-kill.toml")),
    ("follower-kill", include_str!("catalogue/follower-kill.toml")),
    ("leader-restart", include_str!("catalogue/leader-restart.toml")),
    ("rolling-restart", include_str!("catalogue/rolling-restart.toml")),
    ("majority-lost", include_str!("catalogue/majority-lost.toml")),
    ("transfer", include_str!("catalogue/transfer.toml")),
    ("pause-leader", include_str!("catalogue/pause-leader.toml")),
    ("split-vote", include_str!("catalogue/split-vote.toml")),
    ("stale-read", include_str!("catalogue/stale-read.toml")),
    ("retry", include_str!("catalogue/retry.toml")),
    ("leader-minority", include_str!("catalogue/leader-minority.toml")),
    ("rejoin", include_str!("catalogue/rejoin.toml")),
    ("one-way", include_str!("catalogue/one-way.toml")),
    ("log-repair", include_str!("catalogue/log-repair.toml")),
    ("figure-8", include_str!("catalogue/figure-8.toml")),
    ("bridge", include_str!("catalogue/bridge.toml")),
    ("single-link", include_str!("catalogue/single-link.toml")),
    ("partial-partition", include_str!("catalogue/partial-partition.toml")),
    ("quorum-loss", include_str!("catalogue/quorum-loss.toml")),
    ("constrained-election", include_str!("catalogue/constrained-election.toml")),
    ("slow-follower", include_str!("catalogue/slow-follower.toml")),
    ("limping-leader", include_str!("catalogue/limping-leader.toml")),
    ("disk-full", include_str!("catalogue/disk-full.toml")),
    ("lost-tail", include_str!("catalogue/lost-tail.toml")),
    ("amnesia", include_str!("catalogue/amnesia.toml")),
    ("add-slow-node", include_str!("catalogue/add-slow-node.toml")),
    ("remove-leader", include_str!("catalogue/remove-leader.toml")),
    ("replace-member", include_str!("catalogue/replace-member.toml")),
    ("clock-skew", include_str!("catalogue/clock-skew.toml")),
    ("wan", include_str!("catalogue/wan.toml")),
];

/// The text of a built-in drill.
#[must_use]
pub fn built_in(id: &str) -> Option<&'static str> {
    CATALOGUE.iter().find(|(known, _)| *known == id).map(|(_, source)| *source)
}

/// All built-in drills, in the order of [`CATALOGUE`].
///
/// # Panics
/// If one of them has a mistake, which a test excludes.
#[must_use]
pub fn catalogue() -> Vec<Drill> {
    let read = |(id, source): &(&str, &str)| {
        // The deck reads them at its start. That each passes all checks is a test's affair.
        Drill::parse(source)
            .unwrap_or_else(|mistake| panic!("the built-in drill {id} has a mistake: {mistake}"))
    };
    CATALOGUE.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_of_an_answer_does_not_tell_whether_it_is_right() {
        let asks = catalogue().into_iter().flat_map(|drill| drill.steps).filter_map(|step| step.ask);
        let places = asks.filter_map(|ask| ask.mixed().options.iter().position(|option| option.right));
        let mut counts = [0_usize; 6];
        places.for_each(|place| counts[place] += 1);
        let all: usize = counts.iter().sum();
        assert!(counts.iter().all(|count| count * 2 < all), "{counts:?}");
        assert!(counts[..3].iter().all(|count| count * 10 > all), "{counts:?}");
    }

    #[test]
    fn every_built_in_drill_can_be_read_and_is_named_as_its_file() {
        for (id, source) in CATALOGUE {
            let drill = Drill::read(source).unwrap_or_else(|mistakes| {
                let mistakes: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
                panic!("{id}:\n{}", mistakes.join("\n"))
            });
            assert_eq!(drill.id, id);
        }
    }
}
