//! The closed loop: keeps `window` messages in flight in each room, and accounts for every delivery.
//!
//! Runs on the bench's only thread, over `Clients` that have joined. The next message of a room is published as soon as
//! every member has received one, so the load follows what the server can do and never floods it. In the end every
//! member must have received every message of its room once, and all members of a room in one order.

use std::io;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use super::clients::Clients;
use super::message_tag::MessageTag;
use super::room_window::{Delivery, RoomWindow};
use super::scenario::{PAYLOAD_BYTES, Scenario};

/// How long one wait for the sockets may take before the clock is read.
const GLANCE: Duration = Duration::from_millis(20);
/// At the end, this long without a delivery means that what is missing is lost.
const PATIENCE: Duration = Duration::from_secs(2);
const LATENCY_MAX_NS: u64 = 60_000_000_000;

pub struct Generator {
    clients: Clients,
    windows: Vec<RoomWindow>,
    receipts: Vec<Receipt>,
    /// Slots that have become free: room and slot.
    free: Vec<(usize, u16)>,
    publishing: bool,
    /// `Some` while the time is being measured.
    measured: Option<Histogram<u64>>,
    /// Deliveries of what the generator never published.
    foreign: u64,
    deliveries: u64,
    broken: Vec<io::Error>,
    frame: Vec<u8>,
}

/// What one client has received.
#[derive(Clone, Default)]
struct Receipt {
    messages: u32,
    /// Depends on which messages arrived and in which order; equal for all members of a room.
    order: u64,
}

/// What was wrong in the end; nothing, with a server that works.
#[derive(Debug, Default)]
pub struct Faults {
    /// Deliveries that never arrived.
    pub lost: u64,
    /// Deliveries that should not have arrived: duplicates, or texts of no load.
    pub unexpected: u64,
    /// Rooms in which two members received different orders.
    pub disordered: usize,
    /// Connections that broke, with the first reason.
    pub broken: Option<(usize, io::Error)>,
}

impl Faults {
    /// The faults as a phrase; `None` if there are none.
    pub fn description(&self) -> Option<String> {
        let mut parts = Vec::new();
        for (count, what) in [
            (self.lost, "deliveries lost"),
            (self.unexpected, "deliveries unexpected"),
            (self.disordered as u64, "rooms out of order"),
        ] {
            if count > 0 {
                parts.push(format!("{count} {what}"));
            }
        }
        if let Some((count, reason)) = &self.broken {
            parts.push(format!("{count} connections broke (the first: {reason})"));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }
}

impl Generator {
    pub fn new(clients: Clients, scenario: &Scenario) -> Self {
        let mut members = vec![Vec::new(); scenario.rooms];
        for (number, client) in clients.all().iter().enumerate() {
            members[client.room].push(number);
        }
        let now = Instant::now();
        Self {
            receipts: vec![Receipt::default(); clients.all().len()],
            clients,
            windows: members.into_iter().map(|members| RoomWindow::new(members, scenario.window, now)).collect(),
            free: Vec::new(),
            publishing: false,
            measured: None,
            foreign: 0,
            deliveries: 0,
            broken: Vec::new(),
            frame: Vec::new(),
        }
    }

    /// Fills every window, then keeps it full for as long as `run` is called.
    pub fn start(&mut self) -> io::Result<()> {
        self.publishing = true;
        for (room, window) in self.windows.iter().enumerate() {
            let slots = u16::try_from(window.window()).map_err(io::Error::other)?;
            self.free.extend((0..slots).map(|slot| (room, slot)));
        }
        self.publish()
    }

    pub fn run(&mut self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        let mut ready = Vec::new();
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            self.turn(left.min(GLANCE), &mut ready)?;
        }
    }

    /// As `run`, and returns the latency of each delivery, in nanoseconds from the publisher's send.
    pub fn measure(&mut self, time: Duration) -> io::Result<Histogram<u64>> {
        let histogram = Histogram::new_with_bounds(1, LATENCY_MAX_NS, 2).map_err(io::Error::other)?;
        self.measured = Some(histogram);
        self.run(time)?;
        Ok(self.measured.take().expect("set above"))
    }

    /// How long nothing arrived, since the clients began to connect.
    pub fn idle(&self) -> Duration {
        self.clients.idle
    }

    /// Publishes no more, waits for what is in flight, and reconciles the deliveries.
    pub fn finish(mut self) -> io::Result<Faults> {
        self.publishing = false;
        let mut ready = Vec::new();
        let mut seen = (self.deliveries, Instant::now());
        while self.windows.iter().any(|window| window.outstanding() > 0) && seen.1.elapsed() < PATIENCE {
            self.turn(GLANCE, &mut ready)?;
            if self.deliveries > seen.0 {
                seen = (self.deliveries, Instant::now());
            }
        }
        let mut faults = Faults { unexpected: self.foreign, ..Faults::default() };
        for window in &self.windows {
            let receipts = || window.members().iter().map(|&number| &self.receipts[number]);
            let owed = window.published;
            faults.lost += receipts().map(|got| u64::from(owed.saturating_sub(got.messages))).sum::<u64>();
            faults.unexpected += receipts().map(|got| u64::from(got.messages.saturating_sub(owed))).sum::<u64>();
            let mut orders = receipts().filter(|got| got.messages == owed).map(|got| got.order);
            let first = orders.next();
            faults.disordered += usize::from(orders.any(|order| Some(order) != first));
        }
        let broken = self.broken.len();
        faults.broken = self.broken.into_iter().next().map(|reason| (broken, reason));
        Ok(faults)
    }

    /// Reads from every client that has something, and publishes after each what has become due.
    fn turn(&mut self, wait_strategy: Duration, ready: &mut Vec<usize>) -> io::Result<()> {
        self.clients.wait(wait_strategy, ready)?;
        for &number in &*ready {
            self.receive(number);
            self.publish()?;
        }
        Ok(())
    }

    fn receive(&mut self, number: usize) {
        let Self { clients, windows, receipts, free, measured, foreign, deliveries, .. } = self;
        let room = clients.all()[number].room;
        let window = &mut windows[room];
        let receipt = &mut receipts[number];
        let outcome = clients.read(number, |message, now| {
            let Some(tag) = MessageTag::read(message) else {
                *foreign += 1;
                return;
            };
            receipt.add(tag.seq);
            let Delivery::Expected { sent_at, last } = window.delivered(tag) else {
                return;
            };
            *deliveries += 1;
            if let Some(histogram) = measured {
                let latency = now.saturating_duration_since(sent_at).as_nanos();
                histogram.saturating_record(u64::try_from(latency).unwrap_or(u64::MAX));
            }
            if last {
                free.push((room, tag.slot));
            }
        });
        if let Err(reason) = outcome {
            self.broken.push(reason);
        }
    }

    fn publish(&mut self) -> io::Result<()> {
        if !self.publishing {
            self.free.clear();
            return Ok(());
        }
        for (room, slot) in self.free.drain(..) {
            let now = Instant::now();
            let (publisher, tag) = self.windows[room].publish(slot, now);
            let mut payload = [0; PAYLOAD_BYTES];
            tag.write(&mut payload);
            self.frame.clear();
            self.clients.protocol.publish(room, &payload, key(tag.seq), &mut self.frame);
            if let Err(reason) = self.clients.send(publisher, &self.frame) {
                self.broken.push(reason);
            }
        }
        Ok(())
    }
}

impl Receipt {
    /// Odd multiplier: two different sequences of equal length practically never meet in one value.
    fn add(&mut self, seq: u32) {
        self.messages += 1;
        self.order = self.order.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(u64::from(seq));
    }
}

/// A different masking key for each message, the same in every run.
fn key(seq: u32) -> [u8; 4] {
    seq.wrapping_mul(0x9E37_79B1).to_ne_bytes()
}
