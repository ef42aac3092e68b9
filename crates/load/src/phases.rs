//! From the first connection to the last: connect, publish, wait for what is under way, go.
//!
//! Called by [`run`](super::run), on the generator's thread. Nobody publishes before all have arrived,
//! so nothing can be missed by somebody who is still at the door.

use std::collections::BTreeMap;
use std::io;
use std::time::{Duration, Instant};

use super::generator::{Generator, Paces};
use super::progress::{Phase, Watch};
use super::settlement::{Ending, Senders};
use super::talk::{Stage, World};

/// Handshakes under way at one time.
const CONNECTING_AT_ONCE: u64 = 128;
/// With all connections begun, this long without an arrival means that the others will not come.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(20);
/// With all there, this long without a byte means that the notices of their joins are all out.
const QUIET: Duration = Duration::from_millis(200);
/// For the notices of joins, at most.
const QUIET_LIMIT: Duration = Duration::from_secs(20);
/// At the end, this long without a delivery means that what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether everything has arrived.
const LOOK: Duration = Duration::from_millis(50);
/// For closing all connections.
const CLOSE_LIMIT: Duration = Duration::from_secs(3);

impl Generator<'_> {
    /// Connects everybody, as the ramp says, and waits until they have nothing more to hear.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn gather(&mut self, watch: &mut Watch<'_>) -> io::Result<()> {
        let (clients, ramp) = (self.world.plan.clients as u64, self.world.plan.ramp);
        let mut last = (0, Instant::now());
        loop {
            let (arrived, out) = (self.world.meter.arrived, self.world.faults.kept_out);
            let begun = self.world.meter.begun;
            let due = if ramp.is_zero() {
                clients
            } else {
                1 + (clients as f64 * self.now().as_secs_f64() / ramp.as_secs_f64()) as u64
            };
            for number in begun..due.min(clients).min(arrived + out + CONNECTING_AT_ONCE) {
                self.connect(usize::try_from(number).expect("a client's number"));
            }
            self.turn()?;
            watch.look(Phase::Connecting, self);
            if arrived + out > last.0 || begun < clients {
                last = (arrived + out, Instant::now());
            }
            if arrived + out >= clients || last.1.elapsed() > ARRIVAL_LIMIT || self.is_alone() {
                break;
            }
            if self.crowd.stops > 0 {
                self.incomplete = true;
                return Ok(());
            }
        }
        let (mut heard, began) = ((self.world.meter.bytes_in, Instant::now()), Instant::now());
        while heard.1.elapsed() < QUIET && began.elapsed() < QUIET_LIMIT && self.crowd.stops == 0 {
            self.turn()?;
            watch.look(Phase::Connecting, self);
            if self.world.meter.bytes_in > heard.0 {
                heard = (self.world.meter.bytes_in, Instant::now());
            }
        }
        Ok(())
    }

    /// Publishes for as long as the plan says, until it is asked to stop, or until nobody is connected any
    /// more; whether as long as was wanted.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn publish_all(&mut self, watch: &mut Watch<'_>) -> io::Result<bool> {
        let (now, usage) = (self.now(), self.server.and_then(super::process::Process::usage));
        self.world.meter.begin(now, usage.as_ref());
        if self.crowd.stops > 0 {
            return Ok(true);
        }
        self.set_paces()?;
        let is_over = |this: &Self| this.end.is_none_or(|end| this.now() >= end) || this.crowd.stops > 0;
        while !is_over(self) && !self.is_alone() {
            self.turn()?;
            watch.look(Phase::Publishing, self);
        }
        let whole = is_over(self);
        self.rest()?;
        Ok(whole)
    }

    /// Waits until everything has arrived, or nothing does any more, or the time is over, or it is asked
    /// again to stop. Whether nothing was under way then.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn drain(&mut self, watch: &mut Watch<'_>) -> io::Result<bool> {
        let limit = self.world.plan.drain;
        let patience = PATIENCE.min(limit / 2);
        let began = Instant::now();
        let mut last = (self.world.meter.bytes_in, began);
        let mut looked = None;
        let stops = self.crowd.stops;
        while !self.incomplete && self.crowd.stops == stops {
            if looked.is_none_or(|looked: Instant| looked.elapsed() > LOOK) {
                self.catch_up();
                if self.is_settled() {
                    return Ok(true);
                }
                looked = Some(Instant::now());
            }
            if self.world.meter.bytes_in > last.0 {
                last = (self.world.meter.bytes_in, Instant::now());
            }
            if last.1.elapsed() > patience {
                return Ok(true);
            }
            if began.elapsed() > limit {
                break;
            }
            self.turn()?;
            watch.look(Phase::Draining, self);
        }
        Ok(false)
    }

    /// Closes the books, and then the connections.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn finish(&mut self, settled: bool) -> io::Result<()> {
        self.catch_up();
        self.settle_all(settled);
        (self.paces, self.over) = (Paces::none(), true);
        for number in 0..self.crowd.clients.len() {
            let talk = &mut self.crowd.clients[number].talk;
            if matches!(talk.stage, Stage::Absent | Stage::Connecting | Stage::Upgrading) {
                self.crowd.drop_connection(number, false);
                continue;
            }
            talk.close();
            // What cannot be sent any more need not be.
            _ = self.crowd.settle(number, &mut self.world);
        }
        let began = Instant::now();
        while !self.is_alone() && began.elapsed() < CLOSE_LIMIT {
            self.turn()?;
        }
        (0..self.crowd.clients.len()).for_each(|number| self.crowd.drop_connection(number, false));
        Ok(())
    }

    fn settle_all(&mut self, settled: bool) {
        let Self { world, crowd, .. } = self;
        let World { ledgers, faults, excuses, .. } = world;
        let ending = if settled { Ending::Settled } else { Ending::UnderWay };
        let mut refused: Vec<BTreeMap<u32, u64>> = vec![BTreeMap::new(); ledgers.len()];
        for client in &mut crowd.clients {
            let talk = &mut client.talk;
            refused[talk.room].insert(talk.number, talk.refusals);
            let outside = matches!(talk.stage, Stage::Connecting | Stage::Upgrading | Stage::Entering);
            faults.kept_out += u64::from(outside && settled);
            if let Some(account) = &talk.account {
                let ending = if talk.member { ending } else { Ending::Left };
                ledgers[talk.room].settle(account, ending, faults, excuses);
            }
        }
        let clients = &crowd.clients;
        for (ledger, refused) in ledgers.iter().zip(refused) {
            let senders = Senders {
                stayed: &|client, life| clients[client as usize].lives(life),
                resumes: &|client| clients[client as usize].talk.door.is_json(),
                told: &|client| clients[client as usize].talk.door.acknowledges(),
                refused,
                settled,
            };
            ledger.audit(senders, faults, excuses);
        }
        crowd.clients.iter_mut().for_each(|client| client.talk.account = None);
    }

    /// Gives places to what members heard before those who vouch for the order did.
    fn catch_up(&mut self) {
        let World { ledgers, faults, .. } = &mut self.world;
        for talk in self.crowd.clients.iter_mut().map(|client| &mut client.talk) {
            if let Some(account) = &mut talk.account {
                // Whether it was news was told when it came.
                _ = ledgers[talk.room].catch_up(account, faults);
            }
        }
    }

    fn is_settled(&self) -> bool {
        let World { ledgers, .. } = &self.world;
        let clients = &self.crowd.clients;
        clients.iter().filter(|client| client.socket.is_some()).all(|client| {
            let talk = &client.talk;
            let square = talk.account.as_ref().is_none_or(|account| ledgers[talk.room].is_square(account));
            talk.stage == Stage::Outside || talk.stage == Stage::Present && square
        }) && ledgers.iter().all(|ledger| {
            let stayed = |client: u32, life| clients[client as usize].lives(life);
            ledger.is_answered(stayed, |client| clients[client as usize].talk.door.acknowledges())
        })
    }

    fn is_alone(&self) -> bool {
        self.world.meter.begun > 0 && self.crowd.connected() == 0
    }
}
