//! Rate limits for new connections: per address, and in total for unauthenticated ones. A handshake costs more than a
//! refusal, and each that succeeds causes work in the whole node.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use tokio::time::Instant;

/// This many addresses are remembered.
const MOST_ADDRESSES: usize = 4096;

/// A bucket holds as much as comes in this many seconds.
const BURST: u32 = 2;

/// Connections in a second.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    /// From one address.
    pub(crate) per_address: u32,
    /// In total, from addresses that have never authenticated: those that were have priority.
    pub(crate) of_strangers: u32,
}

/// What has come lately.
#[derive(Debug)]
pub(super) struct Pace {
    rate: Rate,
    strangers: Bucket,
    addresses: HashMap<IpAddr, Address>,
}

#[derive(Debug)]
struct Address {
    bucket: Bucket,
    /// It has authenticated before.
    is_proven: bool,
}

/// What is left, in connections, at a time.
#[derive(Debug)]
struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: u32, at: Instant) -> Self {
        Self { left: f64::from(rate * BURST), at }
    }

    /// Fills up what has come since the last time.
    fn refill(&mut self, rate: u32, now: Instant) {
        let passed = now.saturating_duration_since(self.at).min(Duration::from_secs(u64::from(BURST)));
        self.at = now;
        self.left = passed.as_secs_f64().mul_add(f64::from(rate), self.left).min(f64::from(rate * BURST));
    }

    fn take(&mut self, rate: u32, now: Instant) -> bool {
        self.refill(rate, now);
        let is_left = self.left >= 1.0;
        if is_left {
            self.left -= 1.0;
        }
        is_left
    }
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, strangers: Bucket::full(rate.of_strangers, Instant::now()), addresses: HashMap::new() }
    }

    /// Whether one more from this address is not too many.
    pub(super) fn admits(&mut self, address: IpAddr, now: Instant) -> bool {
        let Rate { per_address, of_strangers } = self.rate;
        if !self.addresses.contains_key(&address) && self.addresses.len() >= MOST_ADDRESSES {
            self.forget(now);
        }
        let is_known = self.addresses.contains_key(&address);
        if !is_known && self.addresses.len() >= MOST_ADDRESSES {
            return self.strangers.take(of_strangers, now);
        }
        let known = self
            .addresses
            .entry(address)
            .or_insert_with(|| Address { bucket: Bucket::full(per_address, now), is_proven: false });
        known.bucket.take(per_address, now) && (known.is_proven || self.strangers.take(of_strangers, now))
    }

    /// A connection from there was authenticated.
    pub(super) fn prove(&mut self, address: IpAddr) {
        if let Some(known) = self.addresses.get_mut(&address) {
            known.is_proven = true;
        }
    }

    /// Those that have not come for a while, if they have proved nothing; of the others, which are in the way, all.
    fn forget(&mut self, now: Instant) {
        let rate = self.rate.per_address;
        let full = f64::from(rate * BURST);
        for proven in [false, true] {
            if self.addresses.len() >= MOST_ADDRESSES {
                self.addresses.retain(|_, known| {
                    known.bucket.refill(rate, now);
                    known.is_proven != proven || known.bucket.left < full
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn address(nth: u32) -> IpAddr {
        Ipv4Addr::from_bits(nth).into()
    }

    fn admitted(pace: &mut Pace, nth: u32, times: usize, now: Instant) -> usize {
        (0..times).filter(|_| pace.admits(address(nth), now)).count()
    }

    #[test]
    fn an_address_has_its_rate_and_one_that_was_let_in_goes_before_all_strangers() {
        let now = Instant::now();
        let mut pace = Pace::new(Rate { per_address: 10, of_strangers: 30 });
        assert_eq!(admitted(&mut pace, 1, 100, now), 20);
        pace.prove(address(1));
        let strangers: usize = (2..100).map(|nth| admitted(&mut pace, nth, 5, now)).sum();
        assert_eq!(strangers, 40, "together with the first one's twenty");
        let later = now + Duration::from_secs(1);
        assert_eq!((200..300).map(|nth| admitted(&mut pace, nth, 5, later)).sum::<usize>(), 30);
        assert_eq!(admitted(&mut pace, 1, 100, later), 10, "strangers have used up theirs");
    }

    #[test]
    fn however_many_addresses_come_only_some_are_remembered() {
        let now = Instant::now();
        let mut pace = Pace::new(Rate { per_address: 10, of_strangers: 1_000_000 });
        assert!(pace.admits(address(0), now));
        pace.prove(address(0));
        for nth in 1..20_000 {
            assert!(pace.admits(address(nth), now));
        }
        assert!(pace.addresses.len() <= MOST_ADDRESSES);
        let later = now + Duration::from_mins(1);
        assert!(pace.admits(address(30_000), later));
        assert!(pace.addresses.contains_key(&address(0)), "authenticated addresses are remembered longest");
        assert!(pace.addresses.len() < 10, "{}", pace.addresses.len());
    }
}
