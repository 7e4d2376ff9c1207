//! The class's phones: a small web server on which each person sees the question and gives one answer, and can follow a picture of the
//! cluster.
//!
//! It runs on a thread of its own with a runtime of its own, so that a class costs the deck nothing but the messages between them. It
//! serves this machine alone unless an address is named. Without the join code, which is part of the address, nobody gets anything;
//! there are no accounts and no names. It stores nothing, and ends when its [`Audience`] is dropped.

mod address;
mod class;
mod code;
mod gate;
mod pace;
mod page;
mod port;
mod routes;
mod stream;

use bytes::Bytes;
use class::Class;
use code::JoinCode;
use color_eyre::eyre::{Result, WrapErr};
use gate::Gate;
use page::Page;
use raftdeck_deck::app::audience::{AudienceNews, AudiencePage};
use routes::Door;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use stream::{STEP, event};
use tokio::runtime::Builder;
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// A server for phones. It ends when this is dropped: the phones are told.
#[derive(Debug)]
pub struct Audience {
    code: JoinCode,
    url: String,
    note: Option<String>,
    class: Arc<Class>,
    pictures: watch::Sender<Arc<str>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Audience {
    /// Starts it at this address; port 0 takes a free one. `news` is called on its thread, at most ten times a second, whenever
    /// something has changed; it must not block.
    ///
    /// # Errors
    ///
    /// The address is not this machine's, or its port is taken.
    pub fn start(address: SocketAddr, news: impl Fn(AudienceNews) + Send + Sync + 'static) -> Result<Self> {
        let code = JoinCode::new()?;
        let listener = TcpListener::bind(address)
            .wrap_err_with(|| format!("the page for the class cannot be served on {address}"))?;
        listener.set_nonblocking(true)?;
        let (shown, note) = address::reachable(listener.local_addr()?);
        let (class, stop) = (Class::new(), CancellationToken::new());
        let (pictures, newest) = watch::channel::<Arc<str>>("".into());
        let (encoded, to_phones) = watch::channel(Bytes::new());
        let door = Door {
            code,
            gate: Arc::new(Gate::new(code)),
            class: Arc::clone(&class),
            page: Arc::new(Page::below(&format!("/{code}"))),
            pictures: to_phones,
            stop: stop.clone(),
        };
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (told_class, ended) = (Arc::clone(&class), stop.clone());
        let run = move || {
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
                tokio::spawn(tell(told_class, news));
                tokio::spawn(encode(newest, encoded));
                port::serve(listener, routes::router(door), ended).await;
            });
        };
        let thread = thread::Builder::new().name("audience".to_owned()).spawn(run)?;
        let url = format!("http://{shown}/{code}");
        Ok(Self { code, url, note, class, pictures, stop, thread: Some(thread) })
    }

    /// The address to open, with the join code.
    #[must_use]
    pub fn join_url(&self) -> &str {
        &self.url
    }

    /// The join code.
    #[must_use]
    pub fn code(&self) -> String {
        self.code.to_string()
    }

    /// What is worth saying about the address, as a sentence: that only this machine can join, or which of its addresses is shown.
    #[must_use]
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Shows this on every phone from now on. What is shown already is not sent again.
    pub fn show(&self, page: AudiencePage) {
        self.class.show(page);
    }

    /// The newest picture of the cluster, an SVG. It is sent at most ten times a second, to those who want it, if it changed.
    pub fn picture(&self, svg: Arc<str>) {
        self.pictures.send_if_modified(|newest| {
            let is_new = *newest != svg;
            *newest = svg;
            is_new
        });
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            // If it panicked, there is nobody left to tell.
            let _ = thread.join();
        }
    }
}

/// Tells the deck what has changed.
async fn tell(class: Arc<Class>, news: impl Fn(AudienceNews)) {
    let mut told = AudienceNews::default();
    loop {
        class.changed().await;
        let now = class.news();
        if now != told {
            news(now.clone());
            told = now;
            sleep(STEP).await;
        }
    }
}

/// Makes an event of the newest picture, once for all phones.
async fn encode(mut newest: watch::Receiver<Arc<str>>, encoded: watch::Sender<Bytes>) {
    while newest.changed().await.is_ok() {
        let picture = Arc::clone(&newest.borrow_and_update());
        encoded.send_replace(event("picture", &page::without_style(&picture)));
        sleep(STEP).await;
    }
}
