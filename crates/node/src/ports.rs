//! Limits the connections of a port. Few unauthenticated connections are allowed at a time, and the oldest of them is
//! closed to make room for a new one, so that silent connections cannot keep others out. Authenticated connections
//! are limited in total and per address. An idle one stays open until its slot is needed: then the connection that
//! has been idle for longest is closed. The content of connections is not looked at here.
//!
//! An address is an IPv4 address, or the /64 network of an IPv6 address: a host with one address of such a network
//! can use all of them.

mod activity;
mod pace;

pub(crate) use activity::{Activity, Working};
pub(crate) use pace::Rate;

use crate::refusals;
use pace::Pace;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

/// Accepting pauses this long when the system has no more sockets to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// A guest that is asked to leave has this long to do so before the newcomer is turned away.
const LEAVES_WITHIN: Duration = Duration::from_secs(1);

/// How many connections a port has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) strangers: usize,
    pub(crate) guests: usize,
    /// Guests from one address.
    pub(crate) per_address: usize,
    /// How often it is connected to. `None`: as often as anybody likes.
    pub(crate) rate: Option<Rate>,
}

/// A port that serves a limited number of connections at a time.
#[derive(Debug)]
pub(crate) struct BoundedPort {
    listener: TcpListener,
    places: Arc<ConnectionSlots>,
}

#[derive(Debug)]
struct ConnectionSlots {
    name: String,
    bounds: Bounds,
    taken: Mutex<PortUsers>,
    /// A guest has left.
    freed: Notify,
}

#[derive(Debug)]
struct PortUsers {
    newest: u64,
    /// Oldest first.
    strangers: VecDeque<UnprovenUser>,
    guests: BTreeMap<u64, AdmittedUser>,
    per_address: HashMap<IpAddr, usize>,
    pace: Option<Pace>,
}

#[derive(Debug)]
struct UnprovenUser {
    number: u64,
    group: IpAddr,
    out: CancellationToken,
}

#[derive(Debug)]
struct AdmittedUser {
    group: IpAddr,
    activity: Arc<Activity>,
    leave: CancellationToken,
}

/// A connection's place. Free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    places: Arc<ConnectionSlots>,
    number: u64,
    address: IpAddr,
    out: CancellationToken,
    leave: CancellationToken,
    activity: Arc<Activity>,
}

/// The result of marking a connection as authenticated.
enum Admission {
    Admitted,
    /// It was closed before.
    TooLate,
    /// There is no slot, as the sentence says; whether another connection was asked to close.
    Full {
        sentence: String,
        is_asked: bool,
    },
}

/// The network that an address belongs to: the range that one customer has.
pub(crate) fn group(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

impl BoundedPort {
    /// `name` is what the log calls it.
    pub(crate) fn new(listener: TcpListener, name: &str, bounds: Bounds) -> Self {
        Self { listener, places: ConnectionSlots::new(name, bounds) }
    }

    /// The next connection, as a stranger. Cancel-safe.
    pub(crate) async fn accept(&mut self) -> (TcpStream, SocketAddr, Seat) {
        let name = &self.places.name;
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) if self.places.is_in_time(address.ip()) => {
                    return (stream, address, ConnectionSlots::seat(&self.places, address.ip()));
                }
                Ok((_, address)) => {
                    let address = address.ip();
                    refusals::log(
                        name,
                        address,
                        format_args!("refused {address} on the {name} port: it connects too often"),
                    );
                }
                Err(error) => {
                    let here = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
                    refusals::log(
                        name,
                        here,
                        format_args!("cannot accept connections on the {name} port: {error}"),
                    );
                    sleep(EXHAUSTED).await;
                }
            }
        }
    }
}

impl ConnectionSlots {
    fn new(name: &str, bounds: Bounds) -> Arc<Self> {
        let taken = PortUsers {
            newest: 0,
            strangers: VecDeque::new(),
            guests: BTreeMap::new(),
            per_address: HashMap::new(),
            pace: bounds.rate.map(Pace::new),
        };
        Arc::new(Self { name: name.to_owned(), bounds, taken: Mutex::new(taken), freed: Notify::new() })
    }

    /// Whether this address may connect now.
    fn is_in_time(&self, address: IpAddr) -> bool {
        self.lock().pace.as_mut().is_none_or(|pace| pace.admits(group(address), Instant::now()))
    }

    fn seat(places: &Arc<Self>, address: IpAddr) -> Seat {
        let (out, leave) = (CancellationToken::new(), CancellationToken::new());
        let mut taken = places.lock();
        if taken.strangers.len() >= places.bounds.strangers {
            taken.drop_one(&places.name);
        }
        taken.newest += 1;
        let number = taken.newest;
        taken.strangers.push_back(UnprovenUser { number, group: group(address), out: out.clone() });
        drop(taken);
        let activity = Arc::default();
        Seat { places: Arc::clone(places), number, address: address.to_canonical(), out, leave, activity }
    }

    fn lock(&self) -> MutexGuard<'_, PortUsers> {
        // Nothing that holds this lock can panic half-way through a change.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl PortUsers {
    /// Closes the oldest unauthenticated connection, of those from the address with the most of them.
    fn drop_one(&mut self, port: &str) {
        let mut crowds: HashMap<IpAddr, usize> = HashMap::new();
        for stranger in &self.strangers {
            *crowds.entry(stranger.group).or_default() += 1;
        }
        let most = crowds.values().copied().max().unwrap_or_default();
        let longest = self.strangers.iter().position(|stranger| crowds[&stranger.group] == most);
        if let Some(stranger) = longest.and_then(|at| self.strangers.remove(at)) {
            stranger.out.cancel();
            let (address, waiting) = (stranger.group, self.strangers.len() + 1);
            refusals::log(
                port,
                address,
                format_args!(
                    "dropped a connection from {address} to the {port} port that had not identified itself: \
                     {waiting} such connections were waiting"
                ),
            );
        }
    }

    fn leave(&mut self, number: u64) {
        self.strangers.retain(|stranger| stranger.number != number);
    }

    /// Asks the guest to leave that has been idle for the longest time, of those from this address if one is given.
    fn ask_to_leave(&self, group: Option<IpAddr>) -> bool {
        let guests = self.guests.values().filter(|guest| !guest.leave.is_cancelled());
        let guests = guests.filter(|guest| group.is_none_or(|group| guest.group == group));
        let idle = guests.filter_map(|guest| Some((guest.activity.idle_for()?, guest)));
        let longest = idle.max_by_key(|(idle_for, _)| *idle_for);
        if let Some((_, guest)) = longest {
            guest.leave.cancel();
        }
        longest.is_some()
    }
}

impl Seat {
    /// Ends when a stranger has to make room. A guest never has to.
    pub(crate) async fn ousted(&self) {
        self.out.cancelled().await;
    }

    /// Ends when a guest that does nothing is asked to make room.
    pub(crate) async fn asked_to_leave(&self) {
        self.leave.cancelled().await;
    }

    /// Whether it is on this machine.
    pub(crate) fn is_from_here(&self) -> bool {
        self.address.is_loopback()
    }

    /// Its remote address.
    pub(crate) fn address(&self) -> IpAddr {
        self.address
    }

    /// What the connection is doing.
    pub(crate) fn activity(&self) -> &Arc<Activity> {
        &self.activity
    }

    /// Marks the connection as authenticated, if necessary in place of an idle one. `false`: there is no slot, or it
    /// has been closed already.
    pub(crate) async fn admit(&self) -> bool {
        let until = Instant::now() + LEAVES_WITHIN;
        loop {
            // Before the look, so that no place that becomes free after it is missed.
            let freed = self.places.freed.notified();
            let (sentence, is_asked) = match self.try_admit() {
                Admission::Admitted => return true,
                Admission::TooLate => return false,
                Admission::Full { sentence, is_asked } => (sentence, is_asked),
            };
            if !is_asked || timeout_at(until, freed).await.is_err() {
                refusals::log(&self.places.name, self.address, sentence);
                return false;
            }
        }
    }

    fn try_admit(&self) -> Admission {
        let ConnectionSlots { name, bounds, .. } = &*self.places;
        let mut taken = self.places.lock();
        if taken.guests.contains_key(&self.number) {
            return Admission::Admitted;
        }
        if self.out.is_cancelled() {
            return Admission::TooLate;
        }
        let full = |sentence, group| Admission::Full { sentence, is_asked: taken.ask_to_leave(group) };
        let group = group(self.address);
        let here = taken.per_address.get(&group).copied().unwrap_or_default();
        if here >= bounds.per_address {
            let from = self.address;
            return full(
                format!("refused {from}: the {name} port already serves {here} connections from there"),
                Some(group),
            );
        }
        if taken.guests.len() >= bounds.guests {
            let (from, most) = (self.address, bounds.guests);
            return full(format!("refused {from}: the {name} port already serves {most} connections"), None);
        }
        taken.leave(self.number);
        taken.per_address.insert(group, here + 1);
        if let Some(pace) = &mut taken.pace {
            pace.prove(group);
        }
        let (activity, leave) = (Arc::clone(&self.activity), self.leave.clone());
        taken.guests.insert(self.number, AdmittedUser { group, activity, leave });
        Admission::Admitted
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut taken = self.places.lock();
        let Some(AdmittedUser { group, .. }) = taken.guests.remove(&self.number) else {
            return taken.leave(self.number);
        };
        match taken.per_address.get_mut(&group) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                taken.per_address.remove(&group);
            }
        }
        drop(taken);
        self.places.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn places() -> Arc<ConnectionSlots> {
        ConnectionSlots::new("Raft", Bounds { strangers: 3, guests: 3, per_address: 2, rate: None })
    }

    fn is_ousted(seat: &Seat) -> bool {
        seat.ousted().now_or_never().is_some()
    }

    /// A guest that does something.
    async fn enter(places: &Arc<ConnectionSlots>, address: IpAddr) -> Option<Seat> {
        let seat = ConnectionSlots::seat(places, address);
        seat.admit().await.then_some(seat)
    }

    #[tokio::test]
    async fn a_crowd_of_strangers_loses_its_oldest_and_leaves_others_alone() {
        let places = places();
        let lonely = ConnectionSlots::seat(&places, THERE);
        let crowd: Vec<Seat> = (0..4).map(|_| ConnectionSlots::seat(&places, HERE)).collect();
        assert!(!is_ousted(&lonely), "though it has been there longest");
        assert_eq!(crowd.iter().map(is_ousted).collect::<Vec<_>>(), [true, true, false, false]);
        assert!(!crowd[0].admit().await, "it is too late for it");
        assert!(lonely.admit().await);
        assert!(crowd[2].admit().await && crowd[2].admit().await, "once is enough");
        let more: Vec<Seat> = (0..3).map(|_| ConnectionSlots::seat(&places, HERE)).collect();
        assert!(is_ousted(&crowd[3]), "it is not authenticated yet");
        assert!(!is_ousted(&crowd[2]) && !is_ousted(&lonely), "guests stay");
        drop((crowd, more, lonely));
        let taken = places.lock();
        assert!(taken.strangers.is_empty() && taken.guests.is_empty() && taken.per_address.is_empty());
    }

    #[tokio::test]
    async fn guests_are_bounded_together_and_by_address() {
        let places = places();
        let first = enter(&places, HERE).await.unwrap();
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        let _second = enter(&places, mapped).await.unwrap();
        assert!(enter(&places, HERE).await.is_none(), "the same address, however it is written");
        let _third = enter(&places, THERE).await.unwrap();
        assert!(enter(&places, THERE).await.is_none(), "the port is full");
        drop(first);
        assert!(enter(&places, THERE).await.is_some());
    }

    #[tokio::test]
    async fn an_ipv6_network_counts_as_one_address() {
        let places = places();
        let _first = enter(&places, "2001:db8:0:1::1".parse().unwrap()).await.unwrap();
        let _second = enter(&places, "2001:db8:0:1:ffff::2".parse().unwrap()).await.unwrap();
        assert!(enter(&places, "2001:db8:0:1:aaaa::3".parse().unwrap()).await.is_none());
        assert!(enter(&places, "2001:db8:0:2::1".parse().unwrap()).await.is_some(), "another network");
    }

    #[tokio::test(start_paused = true)]
    async fn the_guest_that_has_been_idle_longest_makes_room_for_one_who_waits() {
        let places = places();
        let [longer, shorter, busy] =
            [HERE, THERE, HERE].map(|address| ConnectionSlots::seat(&places, address));
        for seat in [&longer, &shorter, &busy] {
            assert!(seat.admit().await);
        }
        longer.activity().rest();
        sleep(Duration::from_secs(2)).await;
        shorter.activity().rest();
        assert!(enter(&places, "10.0.0.3".parse().unwrap()).await.is_none(), "as it does not go");
        assert!(longer.asked_to_leave().now_or_never().is_some());
        assert!(shorter.asked_to_leave().now_or_never().is_none());
        sleep(Duration::from_secs(2)).await;
        let newcomer = ConnectionSlots::seat(&places, "10.0.0.3".parse().unwrap());
        let leaves = async {
            shorter.asked_to_leave().await;
            drop(shorter);
        };
        assert!(tokio::join!(newcomer.admit(), leaves).0, "there is a place as soon as it has gone");
        assert!(busy.asked_to_leave().now_or_never().is_none(), "who does something stays");
    }
}
