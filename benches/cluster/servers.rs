//! Several servers on one database, in this process, and who publishes through them and watches their rooms.
//!
//! Publishers are threads that ask a room as a `POST` does and wait for each acknowledgement; which server shows a message, and when,
//! is seen by a member of each room on each server, on the room's thread. One process has one clock, so both times can be compared.

use std::collections::HashMap;
use std::sync::{Arc, Barrier, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use roomd::chat::{End, Event, Identity, Mid, Publication, RoomName, RoomRequest, UserName};
use roomd::store::BusUrl;
use roomd::{Delivery, DeliveryMode, Member, MemberOptions, Recipient, Server, Settings, Undelivered};

use super::arguments::Arguments;
use super::message_text::text;
use super::{Failure, Outcome};

/// What is loaded.
#[derive(Clone, Copy)]
pub struct Scenario {
    pub servers: usize,
    pub rooms: usize,
    pub publishers: usize,
}

/// When a message of a room was acknowledged, or shown.
type Moments = Vec<((usize, u64), Instant)>;

/// A member of a room that notes when it is shown a message.
struct Watcher {
    room: usize,
    shown: Arc<Mutex<Moments>>,
    /// Whether that is of interest.
    notes: bool,
}

impl Recipient for Watcher {
    fn deliver(&self, delivery: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        if let Delivery::Event(event) = delivery
            && let Event::Message(message) = &**event
            && self.notes
        {
            self.shown.lock().unwrap_or_else(PoisonError::into_inner).push(((self.room, message.seq), Instant::now()));
        }
        Ok(())
    }

    fn is_prompt(&self) -> bool {
        true
    }

    fn end(&self, _: End) {}
}

pub struct Cluster {
    servers: Vec<Server>,
    rooms: Vec<RoomName>,
    /// What each server has shown.
    shown: Vec<Arc<Mutex<Moments>>>,
    members: Vec<Member>,
    notes: bool,
}

/// How long a message may take to be shown everywhere.
const SHOWN: Duration = Duration::from_secs(10);

impl Cluster {
    /// Servers on this database, in each of which each room is open. `notes`: it is noted what they show.
    pub fn start(
        database: &str,
        bus: Option<&str>,
        Scenario { servers, rooms, .. }: Scenario,
        notes: bool,
    ) -> Result<Self, Failure> {
        let rooms = (0..rooms).map(|room| RoomName::parse(&format!("room-{room}"))).collect::<Result<Vec<_>, _>>()?;
        let mut cluster = Self { servers: Vec::new(), rooms, shown: Vec::new(), members: Vec::new(), notes };
        for number in 0..servers {
            let bus = bus.map(BusUrl::parse).transpose()?;
            let mut settings = Settings { data: database.to_owned(), bus, ..Settings::ephemeral() };
            settings.limits.grace = Duration::ZERO;
            let server = Server::start(settings, |error| eprintln!("cluster: {error}"))?;
            let shown = Arc::<Mutex<Moments>>::default();
            for (room, name) in cluster.rooms.iter().enumerate() {
                let watcher = Arc::new(Watcher { room, shown: Arc::clone(&shown), notes });
                let user = UserName::parse(&format!("watcher-{number}"))?;
                let member = Member::join_with(server.engine(), name, user, watcher, MemberOptions::default());
                cluster.members.push(member.map_err(|refusal| format!("{refusal:?}"))?);
            }
            cluster.servers.push(server);
            cluster.shown.push(shown);
        }
        Ok(cluster)
    }

    /// Has publishers publish, each at most once in `pause`.
    pub fn publish(&self, publishers: usize, pause: Duration, arguments: &Arguments) -> Result<Outcome, Failure> {
        let start = Barrier::new(publishers);
        let acknowledged = thread::scope(|scope| {
            let publish = |number: usize| {
                let room = number % self.rooms.len();
                // In each room through each server, as far as there are publishers for it.
                let server = (number / self.rooms.len() + room) % self.servers.len();
                let start = &start;
                scope.spawn(move || self.publisher((number, server, room), start, pause, arguments))
            };
            let threads: Vec<_> = (0..publishers).map(publish).collect();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a publisher does not panic"))
                .collect::<Result<Vec<_>, _>>()
        })?;
        let mut latency = Histogram::<u64>::new(3)?;
        let mut moments = vec![HashMap::new(); self.servers.len()];
        for (one, server, acknowledged) in acknowledged {
            latency.add(one)?;
            moments[server].extend(acknowledged);
        }
        let per_s = latency.len() as f64 / arguments.measuring.as_secs_f64();
        let shown = if self.notes { Some(self.shown_after(&moments)?) } else { None };
        Ok(Outcome { per_s, latency, shown })
    }

    fn publisher(
        &self,
        (number, server, room): (usize, usize, usize),
        start: &Barrier,
        pause: Duration,
        arguments: &Arguments,
    ) -> Result<(Histogram<u64>, usize, Moments), Failure> {
        let hub = &self.servers[server].engine().hub;
        let identity = Identity::guest(UserName::parse(&format!("user-{number}"))?);
        let (mut latency, mut moments) = (Histogram::new(3)?, Moments::new());
        start.wait();
        let began = Instant::now();
        // Not all at once.
        let mut due = began + pause.mul_f64(number as f64 / 256.0 % 1.0);
        for count in 1.. {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            let publication =
                Publication { mid: Mid::parse(&format!("mid-{count}")).ok(), ..Publication::text(&text(count)) };
            let asked = Instant::now();
            let event = hub.ask(&self.rooms[room], identity.clone(), RoomRequest::from(publication));
            let acknowledged = Instant::now();
            let Ok(Event::Sent { seq, .. }) = event else { return Err(format!("not acknowledged: {event:?}").into()) };
            let passed = acknowledged - began;
            if passed > arguments.warm_up + arguments.measuring {
                break;
            }
            if passed > arguments.warm_up {
                latency.record(u64::try_from((acknowledged - asked).as_nanos())?)?;
                moments.push(((room, seq), acknowledged));
            }
            due = (due + pause).max(acknowledged);
        }
        Ok((latency, server, moments))
    }

    /// How long after its acknowledgement each message was shown by each other server, of all that were acknowledged through each.
    fn shown_after(&self, acknowledged: &[HashMap<(usize, u64), Instant>]) -> Result<Histogram<u64>, Failure> {
        let wanted = acknowledged.iter().map(HashMap::len).sum::<usize>() * (self.servers.len() - 1);
        let mut after = Histogram::new(3)?;
        let until = Instant::now() + SHOWN;
        while (after.len() as usize) < wanted {
            for (server, shown) in self.shown.iter().enumerate() {
                for (message, at) in std::mem::take(&mut *shown.lock().unwrap_or_else(PoisonError::into_inner)) {
                    let authors = acknowledged.iter().enumerate().filter(|(author, _)| *author != server);
                    for said in authors.filter_map(|(_, moments)| moments.get(&message)) {
                        after.record(u64::try_from(at.saturating_duration_since(*said).as_nanos())?)?;
                    }
                }
            }
            if until < Instant::now() {
                return Err(format!("of {wanted} messages {} were shown by other servers", after.len()).into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(after)
    }

    pub fn stop(self) {
        drop(self.members);
        for server in self.servers {
            server.stop();
        }
    }
}
