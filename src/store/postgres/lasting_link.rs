//! A connection that is made again after it broke, for a thread of the store's own.
//!
//! It is made when it is next needed, not more often than a pause allows that grows to two seconds: while the database is
//! away nobody waits for it. What each connection begins with (settings, a lock, what it listens to) is done before it is
//! used.

use std::time::{Duration, Instant};

use tokio_postgres::Config;

use super::link::{DatabaseLink, LinkError, Waker};

/// How long to wait between two attempts to connect: first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(2));

/// What a connection begins with.
pub type Beginning = Box<dyn Fn(&mut DatabaseLink) -> Result<(), LinkError> + Send>;

/// See the module.
pub struct LastingLink {
    config: Config,
    begin: Beginning,
    /// Takes the notifications of each connection.
    waker: Option<Waker>,
    link: Option<DatabaseLink>,
    /// When to try to connect again; `None` while there is a connection.
    retry_at: Option<Instant>,
    pause: Duration,
}

impl LastingLink {
    /// Connects when it is first needed.
    pub fn new(config: Config, waker: Option<Waker>, begin: Beginning) -> Self {
        Self { config, begin, waker, link: None, retry_at: None, pause: PAUSES.0 }
    }

    /// Whether there is a connection, as far as is known.
    pub fn is_connected(&self) -> bool {
        self.link.as_ref().is_some_and(|link| !link.is_lost())
    }

    /// When it wants to be asked for its connection, though there is nothing to do.
    pub fn retry_at(&self) -> Option<Instant> {
        self.retry_at
    }

    /// The next call connects, whatever the pause.
    pub fn try_now(&mut self) {
        self.retry_at = self.retry_at.map(|_| Instant::now());
    }

    /// The connection. Blocks for some seconds at most if it has to be made, and not at all in a pause.
    ///
    /// # Errors
    /// There is none now.
    pub fn link(&mut self) -> Result<&mut DatabaseLink, LinkError> {
        if !self.is_connected() {
            self.link = None;
        }
        if self.link.is_none() {
            if self.retry_at.is_some_and(|at| at > Instant::now()) {
                return Err(LinkError::Late);
            }
            match self.connect() {
                Ok(link) => (self.link, self.retry_at, self.pause) = (Some(link), None, PAUSES.0),
                Err(error) => {
                    self.retry_at = Some(Instant::now() + self.pause);
                    self.pause = (self.pause * 2).min(PAUSES.1);
                    return Err(error);
                }
            }
        }
        Ok(self.link.as_mut().expect("it was connected"))
    }

    /// Drops the connection: nobody knows what it is in the middle of.
    pub fn disconnect(&mut self) {
        self.link = None;
    }

    fn connect(&self) -> Result<DatabaseLink, LinkError> {
        let mut link = DatabaseLink::open_notified(&self.config, self.waker.clone())?;
        (self.begin)(&mut link)?;
        Ok(link)
    }
}
