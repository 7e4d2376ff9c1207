//! The steps in which time is slowed and accelerated.

use raftdeck_protocol::ClockRate;

/// The steps of `slower` and `faster`, in millionths of real time.
const STEPS: [u32; 11] =
    [0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000];

/// The next slower rate of 1, 1/2, 1/5, 1/10, … 1/1000, 0.
#[must_use]
pub fn slower(rate: ClockRate) -> ClockRate {
    let next = STEPS.into_iter().rev().find(|step| *step < rate.millionths());
    next.and_then(ClockRate::from_millionths).unwrap_or(ClockRate::FROZEN)
}

/// The next faster rate of 0, 1/1000, … 1/10, 1/5, 1/2, 1.
#[must_use]
pub fn faster(rate: ClockRate) -> ClockRate {
    let next = STEPS.into_iter().find(|step| *step > rate.millionths());
    next.and_then(ClockRate::from_millionths).unwrap_or(ClockRate::REAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slower_and_faster_go_the_same_steps() {
        let mut rate = ClockRate::REAL;
        let mut down = vec![rate];
        while rate != ClockRate::FROZEN {
            rate = slower(rate);
            down.push(rate);
        }
        assert_eq!(down.len(), STEPS.len());
        assert_eq!(slower(rate), ClockRate::FROZEN);
        for expected in down.into_iter().rev() {
            assert_eq!(rate, expected);
            rate = faster(rate);
        }
        assert_eq!(rate, ClockRate::REAL);
        let odd = ClockRate::from_millionths(30_000).unwrap();
        assert_eq!((slower(odd).to_string(), faster(odd).to_string()), ("1/50".into(), "1/20".into()));
    }
}
