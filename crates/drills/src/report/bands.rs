//! What each node was over time. Each state has its own shape and letter besides its colour.

use super::axis::{Axis, LEFT, Part, Px, count, label_width};
use super::words::band_name;
use crate::outcome::{Band, BandState, NodeBands};
use maud::{Markup, html};
use raftdeck_raft::Role;

const ROW: f64 = 32.0;
const LEAST_WIDTH: f64 = 1.5;

/// The states, in the order in which the legend explains them.
const STATES: [BandState; 7] = [
    BandState::Role(Role::Leader),
    BandState::Role(Role::Follower),
    BandState::Role(Role::Candidate),
    BandState::Role(Role::PreCandidate),
    BandState::Down,
    BandState::Paused,
    BandState::Unknown,
];

/// A row for each node.
pub(super) fn bands(nodes: &[NodeBands], axis: &Axis, top: f64) -> Part {
    let markup = html! {
        @for (row, node) in nodes.iter().enumerate() {
            @let middle = top + ROW * (count(row) + 0.5);
            text class="row strong" x=(Px(LEFT - 10.0)) y=(Px(middle + 4.0)) { "n" (node.node.0) }
            @for band in &node.bands { (band_markup(node, band, axis, middle)) }
        }
    };
    Part { height: ROW * count(nodes.len()), markup }
}

fn band_markup(node: &NodeBands, band: &Band, axis: &Axis, middle: f64) -> Markup {
    let Some((from, until)) = axis.clip(band.from, band.until) else { return html! {} };
    let told = format!(
        "n{} {}{}: {} to {}",
        node.node.0,
        band_name(band.state),
        band.term.map_or(String::new(), |term| format!(" in term {}", term.0)),
        axis.origin.told(band.from),
        axis.origin.told(band.until),
    );
    html! {
        g class={ "band " (class(band.state)) } {
            title { (told) }
            (shape(band.state, from, until.max(from + LEAST_WIDTH), middle))
            @if let Some(label) = label(band, until - from) {
                (label_markup(band.state, &label, f64::midpoint(from, until), middle))
            }
        }
    }
}

/// A state's shape between two places.
fn shape(state: BandState, from: f64, until: f64, middle: f64) -> Markup {
    let half = match state {
        BandState::Role(Role::Leader) => 12.0,
        BandState::Role(Role::Candidate | Role::PreCandidate) => 10.0,
        BandState::Role(Role::Follower) => 7.0,
        BandState::Down | BandState::Paused | BandState::Unknown => {
            return html! { line x1=(Px(from)) x2=(Px(until)) y1=(Px(middle)) y2=(Px(middle)) {} };
        }
    };
    html! {
        rect x=(Px(from)) y=(Px(middle - half)) width=(Px(until - from)) height=(Px(2.0 * half)) {}
    }
}

/// A label in the middle of its shape, with a ground of its own where the shape is a line.
fn label_markup(state: BandState, label: &str, x: f64, middle: f64) -> Markup {
    let is_line = matches!(state, BandState::Down | BandState::Paused | BandState::Unknown);
    let width = label_width(label);
    html! {
        @if is_line {
            rect class="ground" x=(Px(x - width / 2.0)) y=(Px(middle - 9.0)) width=(Px(width)) height="18" {}
        }
        text x=(Px(x)) y=(Px(middle + 4.0)) { (label) }
    }
}

/// The longest label that fits: a word and the term, a letter and the term, or a letter.
fn label(band: &Band, width: f64) -> Option<String> {
    let term = |long: bool| match (band.term, long) {
        (Some(term), true) => format!(" · term {}", term.0),
        (Some(term), false) => format!(" {}", term.0),
        (None, _) => String::new(),
    };
    let letter = letter(band.state);
    [
        format!("{}{}", band_name(band.state), term(true)),
        format!("{letter}{}", term(false)),
        letter.to_owned(),
    ]
    .into_iter()
    .find(|label| label_width(label) <= width)
}

fn letter(state: BandState) -> &'static str {
    match state {
        BandState::Role(Role::Leader) => "L",
        BandState::Role(Role::Follower) => "F",
        BandState::Role(Role::Candidate) => "C",
        BandState::Role(Role::PreCandidate) => "P",
        BandState::Down => "D",
        BandState::Paused => "Z",
        BandState::Unknown => "?",
    }
}

fn class(state: BandState) -> &'static str {
    match state {
        BandState::Role(Role::Leader) => "leader",
        BandState::Role(Role::Follower) => "follower",
        BandState::Role(Role::Candidate) => "candidate",
        BandState::Role(Role::PreCandidate) => "pre-candidate",
        BandState::Down => "down",
        BandState::Paused => "paused",
        BandState::Unknown => "unknown",
    }
}

/// What the shapes mean, for the states that occur.
pub(super) fn legend(nodes: &[NodeBands]) -> Markup {
    let occurs =
        |state: &BandState| nodes.iter().flat_map(|node| &node.bands).any(|band| band.state == *state);
    html! {
        p class="legend" {
            @for state in STATES.into_iter().filter(occurs) {
                span {
                    svg width="34" height="26" viewBox="0 0 34 26" aria-hidden="true" {
                        g class={ "band " (class(state)) } {
                            (shape(state, 1.0, 33.0, 13.0))
                            (label_markup(state, letter(state), 17.0, 13.0))
                        }
                    }
                    (band_name(state))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raftdeck_raft::Term;
    use std::time::Duration;

    #[test]
    fn a_label_says_as_much_as_fits() {
        let band = Band {
            from: Duration::ZERO,
            until: Duration::ZERO,
            state: BandState::Role(Role::Leader),
            term: Some(Term(3)),
        };
        assert_eq!(label(&band, 300.0).as_deref(), Some("leader · term 3"));
        assert_eq!(label(&band, 40.0).as_deref(), Some("L 3"));
        assert_eq!(label(&band, 15.0).as_deref(), Some("L"));
        assert_eq!(label(&band, 5.0), None);
    }

    #[test]
    fn no_two_states_share_a_letter_or_a_look() {
        for (i, one) in STATES.iter().enumerate() {
            for other in &STATES[i + 1..] {
                assert_ne!(letter(*one), letter(*other));
                assert_ne!(class(*one), class(*other));
                assert_ne!(band_name(*one), band_name(*other));
            }
        }
    }
}
