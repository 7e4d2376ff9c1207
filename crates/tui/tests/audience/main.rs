//! The class's phones: a real server, real sockets, and real browsers.
#![allow(clippy::unwrap_used)] // In a test a panic is the report.

mod answers;
mod browser;
mod chromium;
mod load;
mod phone;
mod strangers;

use raftdeck_deck::app::audience::{AudienceNews, AudiencePage, PollPage, PollState};
use raftdeck_tui::audience::Audience;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How long anything may take.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// A server and what it has told.
pub(crate) struct Server {
    pub(crate) audience: Audience,
    news: Receiver<AudienceNews>,
    last: AudienceNews,
}

impl Server {
    pub(crate) fn start() -> Self {
        let (send, news) = channel();
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        // The test may have ended.
        let audience = Audience::start(here, move |told| drop(send.send(told))).unwrap();
        Self { audience, news, last: AudienceNews::default() }
    }

    /// Where it listens, and the path of its page.
    pub(crate) fn place(&self) -> (SocketAddr, String) {
        let rest = self.audience.join_url().strip_prefix("http://").unwrap();
        let (address, code) = rest.split_once('/').unwrap();
        assert_eq!(code, self.audience.code());
        (address.parse().unwrap(), format!("/{code}"))
    }

    /// Waits for news of which this holds.
    pub(crate) fn wait(&mut self, holds: impl Fn(&AudienceNews) -> bool) -> AudienceNews {
        let until = Instant::now() + PATIENCE;
        while !holds(&self.last) {
            let left = until.saturating_duration_since(Instant::now());
            self.last =
                self.news.recv_timeout(left).unwrap_or_else(|_| panic!("the last news: {:?}", self.last));
        }
        self.last.clone()
    }
}

/// A page with a question.
pub(crate) fn asks(number: u64, state: PollState) -> AudiencePage {
    AudiencePage {
        lesson: "Raft in 30 minutes".to_owned(),
        chapter: "Election".to_owned(),
        caption: "Five nodes, one leader. The leader sends heartbeats.".to_owned(),
        poll: Some(PollPage {
            number,
            question: "The leader is cut off from everyone. How long does it stay leader?".to_owned(),
            options: [
                "Until it has heard from no majority for an election timeout: then it steps down by itself",
                "It notices at once and steps down",
                "Until the link is healed",
            ]
            .map(str::to_owned)
            .to_vec(),
            state,
        }),
    }
}
