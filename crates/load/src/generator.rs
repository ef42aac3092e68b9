//! The run of a load: who connects, publishes, leaves and breaks, and when.
//!
//! One thread does it all, in [`Generator::turn`]: what is due by the clock, then what the sockets have.
//! `phases.rs` calls it from the first connection to the last. A connection that ends, ends here, once,
//! in `lose`.

use std::io;
use std::time::{Duration, Instant};

use rustix::event::epoll::EventFlags;

use super::crowd::Crowd;
use super::label::Label;
use super::pace::Pace;
use super::plan::Plan;
use super::process::Process;
use super::settlement::Ending;
use super::talk::{Stage, World};

/// Clients served before the clock is looked at again.
const SERVED_AT_ONCE: usize = 64;
/// A wait for the sockets, at most.
const GLANCE: Duration = Duration::from_millis(20);
/// A slow client reads so many times a second.
const SIPS_PER_S: u32 = 10;
/// Closes that say that the server failed, or that we did (RFC 6455 §7.4, and ours above 4000).
const FAILED: [u16; 6] = [1002, 1003, 1007, 1009, 1011, 4408];
/// The close of one whose outbox was full.
const SLOW: u16 = 4450;
/// Under a closed loop a message that is not through after this time is waited for no longer.
const GIVE_UP: Duration = Duration::from_secs(5);

/// See the module.
pub struct Generator<'a> {
    pub world: World<'a>,
    pub crowd: Crowd,
    /// The server, if it runs here.
    pub server: Option<Process>,
    /// Why the first connection ended that should not have.
    pub trouble: Option<String>,
    /// What happens by the clock.
    pub paces: Paces,
    /// When publishing ends; `None` while nothing is published.
    pub end: Option<Duration>,
    /// It was stopped while clients were still connecting.
    pub incomplete: bool,
    /// The books are closed, and nobody comes back.
    pub over: bool,
    ready: Vec<(usize, EventFlags)>,
    /// By room, whose turn it is to publish under a closed loop.
    turns: Vec<usize>,
    /// Who leaves and who breaks next.
    mover: usize,
}

/// What happens by the clock.
pub struct Paces {
    pub publish: Pace,
    pub churn: Pace,
    pub breaks: Pace,
    pub sips: Pace,
    pub samples: Pace,
}

impl Paces {
    /// Nothing happens.
    #[must_use]
    pub fn none() -> Self {
        let never = Pace::new(0, Duration::ZERO);
        Self { publish: never, churn: never, breaks: never, sips: never, samples: never }
    }
}

impl<'a> Generator<'a> {
    /// A load that has not begun.
    #[must_use]
    pub fn new(world: World<'a>, crowd: Crowd, server: Option<Process>) -> Self {
        let plan = world.plan;
        Self {
            turns: vec![0; plan.rooms],
            world,
            crowd,
            server,
            trouble: None,
            paces: Paces::none(),
            end: None,
            incomplete: false,
            over: false,
            ready: Vec::new(),
            mover: 0,
        }
    }

    /// The time of the run.
    #[must_use]
    pub fn now(&self) -> Duration {
        self.world.began.elapsed()
    }

    /// Sets the clocks of the time in which messages are published.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn set_paces(&mut self) -> io::Result<()> {
        let (plan, now) = (self.world.plan, self.now());
        let rate = if plan.window == 0 && plan.publishers > 0 { plan.rate } else { 0 };
        let sips = if plan.slow > 0 { SIPS_PER_S } else { 0 };
        self.end = Some(now + plan.duration);
        self.paces = Paces {
            publish: Pace::new(rate, now),
            churn: Pace::new(plan.churn, now),
            breaks: Pace::new(plan.breaks, now),
            sips: Pace::new(sips, now),
            samples: Pace::new(1, now + Duration::from_secs(1)),
        };
        if plan.window > 0 && plan.publishers > 0 {
            self.world.free.extend((0..plan.rooms).flat_map(|room| std::iter::repeat_n(room, plan.window)));
        }
        self.crowd.set_sipping(true, &self.world)
    }

    /// Publishes what was due and no more, and lets slow clients read.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn rest(&mut self) -> io::Result<()> {
        self.publish_due();
        let samples = self.paces.samples;
        self.paces = Paces { samples, ..Paces::none() };
        self.end = None;
        self.crowd.set_sipping(false, &self.world)
    }

    /// Does what is due, and then what the sockets have.
    ///
    /// # Errors
    /// What the kernel says of the epoll.
    pub fn turn(&mut self) -> io::Result<()> {
        self.do_due();
        let Paces { publish, churn, breaks, sips, samples } = &self.paces;
        let next = [publish, churn, breaks, sips, samples].into_iter().filter_map(Pace::next).min();
        let patience = next.map_or(GLANCE, |next| next.saturating_sub(self.now()).min(GLANCE));
        let mut ready = std::mem::take(&mut self.ready);
        self.crowd.wait(patience, &mut ready)?;
        for some in ready.chunks(SERVED_AT_ONCE) {
            for &(number, flags) in some {
                if let Err(error) = self.crowd.serve(number, flags, &mut self.world) {
                    self.lose(number, &error);
                }
            }
            self.publish_due();
        }
        self.ready = ready;
        Ok(())
    }

    fn do_due(&mut self) {
        self.publish_due();
        let now = self.now();
        while self.paces.samples.take(now, Duration::MAX).is_some() {
            self.sample();
        }
        let Some(end) = self.end else { return };
        while self.paces.churn.take(now, end).is_some() {
            self.churn();
        }
        while self.paces.breaks.take(now, end).is_some() {
            self.break_one();
        }
        while self.paces.sips.take(now, end).is_some() {
            self.sip();
        }
    }

    fn publish_due(&mut self) {
        let plan = self.world.plan;
        let publishers = (plan.publishers * plan.rooms) as u64;
        let free = std::mem::take(&mut self.world.free);
        let (now, Some(end)) = (self.now(), self.end) else { return };
        while let Some((count, due)) = self.paces.publish.take(now, end) {
            let client = usize::try_from(count % publishers).expect("a remainder of a usize");
            self.publish(client, due, false);
        }
        for room in free {
            let due = self.now();
            if due >= end {
                return;
            }
            match self.next_publisher(room) {
                Some(client) => self.publish(client, due, true),
                // All are away: at the next turn one may be back.
                None => self.world.free.push(room),
            }
        }
    }

    /// Whose turn it is in a room, of those that can publish.
    fn next_publisher(&mut self, room: usize) -> Option<usize> {
        let Plan { publishers, rooms, .. } = *self.world.plan;
        let at = |turn: usize| room + rooms * (turn % publishers);
        let first = self.turns[room] + 1;
        let found = (first..first + publishers).find(|turn| self.crowd.clients[at(*turn)].can_publish())?;
        self.turns[room] = found % publishers;
        Some(at(found))
    }

    fn publish(&mut self, number: usize, due: Duration, closed: bool) {
        let now = self.now();
        let Self { world, crowd, .. } = self;
        let client = &mut crowd.clients[number];
        let room = client.talk.room;
        let others = usize::from(!client.talk.door.echoes());
        world.meter.due += 1;
        world.meter.asked += world.audience[room].saturating_sub(others) as u64;
        let Some(account) = client.talk.account.as_ref().filter(|_| client.can_publish()) else {
            world.meter.withheld += 1;
            return;
        };
        let due_ns = u64::try_from(due.as_nanos()).unwrap_or(u64::MAX);
        let label = Label {
            run: world.run,
            sender: account.client,
            number: world.ledgers[room].publish(account, due_ns, closed),
        };
        world.meter.published += 1;
        world.meter.lateness.saturating_record(u64::try_from((now - due).as_nanos()).unwrap_or(u64::MAX).max(1));
        let (preface, bytes) = (world.plan.preface(number), world.plan.text_bytes(number));
        let sent = client.publish(label.number, |text| label.write(&preface, bytes, text), world);
        if let Err(error) = sent.and_then(|()| crowd.settle(number, world)) {
            self.lose(number, &error);
        }
    }

    /// The next of those that come and go who is a member.
    fn next_mover(&mut self) -> Option<usize> {
        let movers = self.world.plan.movers();
        let at = |turn: usize| movers.start + turn % movers.len();
        let is_member = |number: &usize| {
            let talk = &self.crowd.clients[*number].talk;
            // One that is leaving already would leave twice.
            talk.member && talk.stage == Stage::Present
        };
        let found = (self.mover..self.mover + movers.len()).find(|turn| is_member(&at(*turn)))?;
        self.mover = found + 1;
        Some(at(found))
    }

    fn churn(&mut self) {
        let Some(number) = self.next_mover() else { return };
        self.crowd.clients[number].talk.leave();
        if let Err(error) = self.crowd.settle(number, &mut self.world) {
            self.lose(number, &error);
        }
    }

    fn break_one(&mut self) {
        let Some(number) = self.next_mover() else { return };
        self.crowd.clients[number].talk.come_back(&mut self.world);
        self.crowd.drop_connection(number, true);
        self.connect(number);
    }

    /// Whether a client whose connection ended so comes back for what it missed.
    fn comes_back(&self, number: usize) -> bool {
        let talk = &self.crowd.clients[number].talk;
        let Plan { slow_return, .. } = self.world.plan;
        // What was never let in has nothing to come back to.
        *slow_return && !self.over && talk.closed == Some(SLOW) && talk.member && talk.door.is_json()
    }

    /// Begins to connect a client.
    pub fn connect(&mut self, number: usize) {
        self.world.meter.begun += 1;
        if let Err(error) = self.crowd.connect(number, Instant::now(), &mut self.world) {
            self.crowd.clients[number].talk.stage = Stage::Connecting;
            self.lose(number, &error);
        }
    }

    fn sip(&mut self) {
        let plan = self.world.plan;
        for number in plan.clients - plan.slow..plan.clients {
            let bytes = (plan.slow_bytes / SIPS_PER_S as usize).max(1);
            if let Err(error) = self.crowd.sip(number, bytes, &mut self.world) {
                self.lose(number, &error);
            }
        }
    }

    /// Ends a second.
    pub fn sample(&mut self) {
        let now = self.now();
        let usage = self.server.and_then(Process::usage);
        let connections = self.crowd.connected();
        self.world.meter.sample(now, connections, usage.as_ref());
        if self.world.plan.window > 0 {
            let before = u64::try_from(now.saturating_sub(GIVE_UP).as_nanos()).unwrap_or(0);
            for room in 0..self.world.plan.rooms {
                let given_up = self.world.ledgers[room].give_up(before);
                self.world.free.extend(std::iter::repeat_n(room, given_up));
            }
        }
    }

    /// A connection is at its end.
    fn lose(&mut self, number: usize, error: &io::Error) {
        if self.comes_back(number) {
            *self.world.meter.closes.entry(SLOW).or_default() += 1;
            self.crowd.clients[number].talk.come_back(&mut self.world);
            self.crowd.drop_connection(number, false);
            return self.connect(number);
        }
        let Self { world, crowd, trouble, .. } = self;
        let talk = &mut crowd.clients[number].talk;
        let (stage, closed) = (talk.stage, talk.closed);
        talk.returning = false;
        match closed {
            _ if stage == Stage::Closing => {}
            Some(code) => {
                *world.meter.closes.entry(code).or_default() += 1;
                world.faults.failed += u64::from(FAILED.contains(&code));
                trouble.get_or_insert_with(|| format!("the server closed with {code}"));
            }
            None => {
                let was_in = talk.member || stage == Stage::Present;
                *(if was_in { &mut world.faults.broken } else { &mut world.faults.kept_out }) += 1;
                trouble.get_or_insert_with(|| match stage {
                    Stage::Connecting => format!("cannot connect: {error}"),
                    Stage::Upgrading => format!("no WebSocket: {error}"),
                    _ => format!("a connection broke: {error}"),
                });
            }
        }
        talk.depart(world);
        if let Some(account) = talk.account.take() {
            let ending = if stage == Stage::Closing { Ending::Left } else { Ending::Gone };
            world.ledgers[talk.room].settle(&account, ending, &mut world.faults, &mut world.excuses);
        }
        crowd.drop_connection(number, false);
    }
}
