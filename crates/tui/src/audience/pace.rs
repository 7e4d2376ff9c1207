//! How often something may be done: a supply of permits that fills up again, for one phone, or one for each address.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;
use tokio::time::Instant;

/// The most addresses that are counted one by one. The rest share one supply.
const MOST_ADDRESSES: usize = 4096;

/// How many at once, and how long one takes to be replaced.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rate {
    pub(super) burst: u32,
    pub(super) refill: Duration,
}

/// What is left of a supply.
#[derive(Clone, Copy, Debug)]
pub(super) struct Supply {
    left: u32,
    /// Up to when it was refilled.
    at: Instant,
}

impl Supply {
    pub(super) fn full(rate: Rate, now: Instant) -> Self {
        Self { left: rate.burst, at: now }
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let passed = now.saturating_duration_since(self.at);
        let earned = u32::try_from(passed.as_micros() / rate.refill.as_micros().max(1)).unwrap_or(u32::MAX);
        self.left = self.left.saturating_add(earned).min(rate.burst);
        self.at = if self.left == rate.burst { now } else { self.at + rate.refill * earned };
    }

    /// Whether any is left now.
    pub(super) fn has_some(&mut self, rate: Rate, now: Instant) -> bool {
        self.refill(rate, now);
        self.left > 0
    }

    /// Takes one, if one is left.
    pub(super) fn take(&mut self, rate: Rate, now: Instant) -> bool {
        let has_some = self.has_some(rate, now);
        self.left = self.left.saturating_sub(1);
        has_some
    }
}

/// A supply for each address, and one for all of them together.
#[derive(Debug)]
pub(super) struct Pace {
    each: Rate,
    all: Rate,
    addresses: HashMap<IpAddr, Supply>,
    together: Supply,
}

impl Pace {
    pub(super) fn new(each: Rate, all: Rate, now: Instant) -> Self {
        Self { each, all, addresses: HashMap::new(), together: Supply::full(all, now) }
    }

    /// Whether an address has one left.
    pub(super) fn has_some(&mut self, address: IpAddr, now: Instant) -> bool {
        let each = self.each;
        self.together.has_some(self.all, now) && self.of(address, now).has_some(each, now)
    }

    /// Takes one of an address, if one is left.
    pub(super) fn take(&mut self, address: IpAddr, now: Instant) -> bool {
        let each = self.each;
        let is_left = self.of(address, now).take(each, now);
        self.together.take(self.all, now) && is_left
    }

    fn of(&mut self, address: IpAddr, now: Instant) -> &mut Supply {
        let each = self.each;
        let mut key = group(address);
        if self.addresses.len() >= MOST_ADDRESSES && !self.addresses.contains_key(&key) {
            self.addresses.retain(|_, supply| {
                supply.refill(each, now);
                supply.left < each.burst
            });
            if self.addresses.len() >= MOST_ADDRESSES {
                key = Ipv6Addr::UNSPECIFIED.into();
            }
        }
        self.addresses.entry(key).or_insert_with(|| Supply::full(each, now))
    }
}

/// The network that an address belongs to. A host with one address of an IPv6 network can use all of them.
pub(super) fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { burst: 2, refill: Duration::from_secs(1) };

    fn address(n: u32) -> IpAddr {
        IpAddr::V4(n.into())
    }

    #[test]
    fn a_supply_is_used_up_and_fills_again() {
        let now = Instant::now();
        let mut supply = Supply::full(RATE, now);
        assert!(supply.take(RATE, now) && supply.take(RATE, now) && !supply.take(RATE, now));
        let later = now + Duration::from_millis(1500);
        assert!(supply.take(RATE, later) && !supply.take(RATE, later));
        assert!(supply.take(RATE, now + Duration::from_secs(2)), "the half second was not lost");
    }

    #[test]
    fn one_address_does_not_use_up_what_is_another_ones() {
        let now = Instant::now();
        let mut pace = Pace::new(RATE, Rate { burst: 5, refill: Duration::from_secs(1) }, now);
        assert!(pace.take(address(1), now) && pace.take(address(1), now) && !pace.take(address(1), now));
        assert!(pace.has_some(address(2), now) && pace.take(address(2), now));
        assert!(pace.take(address(3), now));
        assert!(!pace.has_some(address(4), now), "all together are used up");
    }

    #[test]
    fn the_addresses_of_one_network_are_one_and_their_number_is_bounded() {
        let now = Instant::now();
        let all = Rate { burst: u32::MAX, refill: Duration::from_secs(1) };
        let mut pace = Pace::new(RATE, all, now);
        let v6 = |text: &str| text.parse::<IpAddr>().unwrap();
        assert!(
            pace.take(v6("fd00::1"), now) && pace.take(v6("fd00::2"), now) && !pace.take(v6("fd00::3"), now)
        );
        for n in 0..10_000 {
            pace.take(address(n), now);
        }
        assert!(pace.addresses.len() <= MOST_ADDRESSES + 1);
        assert!(!pace.has_some(address(10_001), now), "those without a supply of their own share one");
    }
}
