//! Places at a port. Whoever has not said who he is yet is a stranger: there is little room for strangers, and the one who has
//! been there longest goes when there is none, so that no crowd of silent connections keeps others out. Whoever is let in is a
//! guest: there are only so many, and only so many from one address. What is said on a connection is not looked at here.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// Accepting pauses this long when the system has no more sockets to give.
const EXHAUSTED: Duration = Duration::from_millis(100);

/// The same complaint is logged at most this often.
const COMPLAINT: Duration = Duration::from_secs(1);

/// How many connections a port has room for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) strangers: usize,
    pub(crate) guests: usize,
    /// Guests from one address.
    pub(crate) per_address: usize,
}

/// A port that serves only so many connections at a time.
#[derive(Debug)]
pub(crate) struct BoundedPort {
    listener: TcpListener,
    places: Arc<Places>,
    complaint: Complaint,
}

#[derive(Debug)]
struct Places {
    name: String,
    bounds: Bounds,
    taken: Mutex<Taken>,
}

#[derive(Debug, Default)]
struct Taken {
    newest: u64,
    /// Oldest first.
    strangers: VecDeque<Stranger>,
    guests: HashMap<IpAddr, usize>,
    count: usize,
    strangers_dropped: Complaint,
    guests_refused: Complaint,
}

#[derive(Debug)]
struct Stranger {
    number: u64,
    address: IpAddr,
    out: CancellationToken,
}

/// A connection's place. Free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Seat {
    places: Arc<Places>,
    number: u64,
    address: IpAddr,
    out: CancellationToken,
    is_guest: Mutex<bool>,
}

impl BoundedPort {
    /// `name` is what the log calls it.
    pub(crate) fn new(listener: TcpListener, name: &str, bounds: Bounds) -> Self {
        let places = Places { name: name.to_owned(), bounds, taken: Mutex::default() };
        Self { listener, places: Arc::new(places), complaint: Complaint::default() }
    }

    /// The next connection, as a stranger. Cancel-safe.
    pub(crate) async fn accept(&mut self) -> (TcpStream, SocketAddr, Seat) {
        loop {
            match self.listener.accept().await {
                Ok((stream, address)) => return (stream, address, Places::seat(&self.places, address.ip())),
                Err(error) => {
                    let name = &self.places.name;
                    self.complaint.say(&format!("cannot accept connections on the {name} port: {error}"));
                    sleep(EXHAUSTED).await;
                }
            }
        }
    }
}

impl Places {
    fn seat(places: &Arc<Self>, address: IpAddr) -> Seat {
        let address = address.to_canonical();
        let out = CancellationToken::new();
        let mut taken = places.lock();
        if taken.strangers.len() >= places.bounds.strangers {
            taken.drop_one(&places.name);
        }
        taken.newest += 1;
        let number = taken.newest;
        taken.strangers.push_back(Stranger { number, address, out: out.clone() });
        drop(taken);
        Seat { places: Arc::clone(places), number, address, out, is_guest: Mutex::new(false) }
    }

    fn lock(&self) -> MutexGuard<'_, Taken> {
        // Nothing that holds this lock can panic half-way through a change.
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Taken {
    /// Sends the stranger away who has been there longest, of those from the address that most of them come from.
    fn drop_one(&mut self, port: &str) {
        let mut crowds: HashMap<IpAddr, usize> = HashMap::new();
        for stranger in &self.strangers {
            *crowds.entry(stranger.address).or_default() += 1;
        }
        let most = crowds.values().copied().max().unwrap_or_default();
        let longest = self.strangers.iter().position(|stranger| crowds[&stranger.address] == most);
        if let Some(stranger) = longest.and_then(|at| self.strangers.remove(at)) {
            stranger.out.cancel();
            let (address, waiting) = (stranger.address, self.strangers.len() + 1);
            self.strangers_dropped.say(&format!(
                "dropped a connection from {address} to the {port} port that had not said who it is: {waiting} such connections were waiting"
            ));
        }
    }

    fn leave(&mut self, number: u64) {
        self.strangers.retain(|stranger| stranger.number != number);
    }
}

impl Seat {
    /// Ends when a stranger has to make room. A guest never has to.
    pub(crate) async fn ousted(&self) {
        self.out.cancelled().await;
    }

    /// Whether he is on this machine.
    pub(crate) fn is_from_here(&self) -> bool {
        self.address.is_loopback()
    }

    /// Makes the stranger a guest. `false`: there is no room, or he has been sent away already.
    pub(crate) fn admit(&self) -> bool {
        let mut is_guest = self.is_guest.lock().unwrap_or_else(PoisonError::into_inner);
        if *is_guest {
            return true;
        }
        let Places { name, bounds, .. } = &*self.places;
        let mut taken = self.places.lock();
        taken.leave(self.number);
        if self.out.is_cancelled() {
            return false;
        }
        if taken.count >= bounds.guests {
            let most = bounds.guests;
            let said = format!("turned away a connection: the {name} port already serves {most}");
            taken.guests_refused.say(&said);
            return false;
        }
        let here = taken.guests.get(&self.address).copied().unwrap_or_default();
        if here >= bounds.per_address {
            let said = format!(
                "turned away a connection: the {name} port already serves {here} from {}",
                self.address
            );
            taken.guests_refused.say(&said);
            return false;
        }
        taken.guests.insert(self.address, here + 1);
        taken.count += 1;
        *is_guest = true;
        true
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let is_guest = *self.is_guest.get_mut().unwrap_or_else(PoisonError::into_inner);
        let mut taken = self.places.lock();
        if !is_guest {
            return taken.leave(self.number);
        }
        taken.count -= 1;
        match taken.guests.get_mut(&self.address) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                taken.guests.remove(&self.address);
            }
        }
    }
}

/// Something that could be said for every connection, and is said once in a while.
#[derive(Debug, Default)]
struct Complaint {
    last: Option<Instant>,
}

impl Complaint {
    fn say(&mut self, sentence: &str) {
        if self.last.is_none_or(|last| last.elapsed() >= COMPLAINT) {
            self.last = Some(Instant::now());
            tracing::warn!("{sentence}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 1));
    const THERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 2));

    fn places() -> Arc<Places> {
        let bounds = Bounds { strangers: 3, guests: 3, per_address: 2 };
        Arc::new(Places { name: "Raft".to_owned(), bounds, taken: Mutex::default() })
    }

    fn is_ousted(seat: &Seat) -> bool {
        seat.ousted().now_or_never().is_some()
    }

    #[test]
    fn a_crowd_of_strangers_loses_its_oldest_and_leaves_others_alone() {
        let places = places();
        let lonely = Places::seat(&places, THERE);
        let crowd: Vec<Seat> = (0..4).map(|_| Places::seat(&places, HERE)).collect();
        assert!(!is_ousted(&lonely), "though it has been there longest");
        assert_eq!(crowd.iter().map(is_ousted).collect::<Vec<_>>(), [true, true, false, false]);
        assert!(!crowd[0].admit(), "it is too late for it");
        assert!(lonely.admit());
        assert!(crowd[2].admit() && crowd[2].admit(), "once is enough");
        let more: Vec<Seat> = (0..3).map(|_| Places::seat(&places, HERE)).collect();
        assert!(is_ousted(&crowd[3]), "who has not said who he is by now");
        assert!(!is_ousted(&crowd[2]) && !is_ousted(&lonely), "guests stay");
        drop((crowd, more, lonely));
        let taken = places.lock();
        assert!(taken.strangers.is_empty() && taken.guests.is_empty() && taken.count == 0);
    }

    #[test]
    fn guests_are_bounded_together_and_by_address() {
        let places = places();
        let enter = |address| {
            let seat = Places::seat(&places, address);
            seat.admit().then_some(seat)
        };
        let first = enter(HERE).unwrap();
        let mapped = "::ffff:10.0.0.1".parse().unwrap();
        let _second = enter(mapped).unwrap();
        assert!(enter(HERE).is_none(), "the same address, however it is written");
        let _third = enter(THERE).unwrap();
        assert!(enter(THERE).is_none(), "the port is full");
        drop(first);
        assert!(enter(THERE).is_some());
    }
}
