//! Log lines that an unauthenticated client can cause: refused and closed connections. The first few are written in
//! full, the others are counted and summarized, so that repeated connections cannot fill the disk or hide other
//! lines.
//!
//! There is one bound for the process, as there is one log.

use crate::ports::group;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::sleep;

/// This many lines of each port are written in full in each period.
const IN_FULL: usize = 20;

/// How long it takes until the rest is reported.
const PERIOD: Duration = Duration::from_secs(10);

/// This many addresses are told apart in one period.
const MOST_ADDRESSES: usize = 1000;

#[derive(Debug, Default)]
struct Period {
    runs: bool,
    /// By port.
    in_full: BTreeMap<String, usize>,
    more: u64,
    addresses: BTreeSet<IpAddr>,
}

static PERIOD_NOW: LazyLock<Mutex<Period>> = LazyLock::new(Mutex::default);

/// Logs that a connection from this address to this port was refused or closed, and why; or counts it.
pub(crate) fn log(port: &str, from: IpAddr, sentence: impl fmt::Display) {
    if is_told(port, from) {
        tracing::warn!("{sentence}");
    }
}

/// Whether a refusal to this address has a line of its own; if not, it is counted.
pub(crate) fn is_told(port: &str, from: IpAddr) -> bool {
    let mut period = lock();
    let begins = !std::mem::replace(&mut period.runs, true);
    let is_told = period.note(port, from);
    drop(period);
    if begins {
        tokio::spawn(async {
            sleep(PERIOD).await;
            let ended = std::mem::take(&mut *lock());
            if let Some(summary) = ended.summary() {
                tracing::warn!("{summary}");
            }
        });
    }
    is_told
}

fn lock() -> MutexGuard<'static, Period> {
    // Nothing that holds this lock can panic half-way through a change.
    PERIOD_NOW.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Period {
    /// Whether this one is written in full.
    fn note(&mut self, port: &str, from: IpAddr) -> bool {
        // There are three ports, so this does not grow.
        let in_full = self.in_full.entry(port.to_owned()).or_default();
        if *in_full < IN_FULL {
            *in_full += 1;
            return true;
        }
        self.more += 1;
        if self.addresses.len() < MOST_ADDRESSES {
            self.addresses.insert(group(from));
        }
        false
    }

    fn summary(&self) -> Option<String> {
        if self.more == 0 {
            return None;
        }
        let connections = if self.more == 1 { "connection" } else { "connections" };
        let addresses = match self.addresses.len() {
            1 => "1 address".to_owned(),
            MOST_ADDRESSES => format!("at least {} addresses", grouped(MOST_ADDRESSES as u64)),
            some => format!("{some} addresses"),
        };
        let (more, secs) = (grouped(self.more), PERIOD.as_secs());
        Some(format!("refused {more} more {connections} from {addresses} in the last {secs} s"))
    }
}

/// A number with a comma between its thousands.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    #[test]
    fn the_first_few_are_told_in_full_and_the_rest_are_counted() {
        let mut period = Period::default();
        let told = (0..IN_FULL).filter(|_| period.note("Raft", Ipv4Addr::LOCALHOST.into())).count();
        assert_eq!((told, period.summary()), (IN_FULL, None));
        for host in (0..3).cycle().take(1234) {
            assert!(!period.note("Raft", Ipv4Addr::new(10, 0, 0, host).into()));
        }
        let summary = period.summary().expect("there were more");
        assert_eq!(summary, "refused 1,234 more connections from 3 addresses in the last 10 s");
        assert!(
            period.note("HTTP", Ipv4Addr::LOCALHOST.into()),
            "one port's crowd hides nothing of another's"
        );
    }

    #[test]
    fn however_many_addresses_there_are_only_some_are_remembered() {
        let mut period = Period::default();
        for nth in 0..10_000_u32 {
            period.note("Raft", Ipv4Addr::from_bits(nth).into());
        }
        assert_eq!(period.addresses.len(), MOST_ADDRESSES);
        let summary = period.summary().expect("there were more");
        assert_eq!(summary, "refused 9,980 more connections from at least 1,000 addresses in the last 10 s");
    }
}
