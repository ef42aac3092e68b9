//! The conversation of one client, from its request to its end, without its socket.
//!
//! Bytes go in, and what follows from them goes to the [`World`] that all clients share: answers for
//! the server, deliveries to the ledger, figures to the meter. `client.rs` owns one beside the socket.

use std::io;
use std::time::Instant;

use super::account::Account;
use super::door::Door;
use super::faults::{Excuses, Faults};
use super::frames;
use super::handshake::{self, Answer};
use super::heard::{self, Heard};
use super::label::Label;
use super::ledger::{Ledger, Told};
use super::meter::Meter;
use super::plan::Plan;
use super::settlement::Ending;

/// How far a client has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It has no connection.
    Absent,
    /// TCP is connecting.
    Connecting,
    /// The handshake is under way.
    Upgrading,
    /// It has asked to be a member.
    Entering,
    /// It is a member, or becomes one with its first message.
    Present,
    /// It has said that it leaves its room, to come back.
    Leaving,
    /// It was refused its room, and only keeps its connection.
    Outside,
    /// The run is over, and it has said so.
    Closing,
}

/// What all clients share.
pub struct World<'a> {
    pub plan: &'a Plan,
    /// Distinguishes this run's messages from those of others.
    pub run: u16,
    pub began: Instant,
    /// By room.
    pub ledgers: Vec<Ledger>,
    /// By room, clients that a message would be for.
    pub audience: Vec<usize>,
    /// Rooms in which the closed loop may go on, once for each message.
    pub free: Vec<usize>,
    pub faults: Faults,
    pub excuses: Excuses,
    pub meter: Meter,
}

impl World<'_> {
    /// Nanoseconds of the run.
    #[must_use]
    pub fn elapsed(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.began).as_nanos()).unwrap_or(u64::MAX)
    }
}

/// See the module.
pub struct Talk {
    pub number: u32,
    pub door: Door,
    pub room: usize,
    pub room_name: String,
    pub user: String,
    pub publishes: bool,
    pub stage: Stage,
    /// What it has had, and is owed; kept while a broken connection is mended.
    pub account: Option<Account>,
    /// Whether the ledger counts it as a member.
    pub member: bool,
    /// Why the server closed the connection.
    pub closed: Option<u16>,
    /// Refusals that did not say of what.
    pub refusals: u64,
    /// What the server should get next.
    pub replies: Vec<u8>,
    /// The key of the handshake.
    pub key: String,
    /// When connecting began.
    pub began: Instant,
    /// Which of its connections this is.
    pub life: u32,
    /// It was a member before its connection broke.
    pub returning: bool,
    /// It has been a member before.
    arrived: bool,
    /// Messages are for it: it is among its room's audience.
    counted: bool,
    /// Gives its place back after its connection broke.
    token: Option<String>,
}

impl Talk {
    /// The conversation of a client that has not begun.
    #[must_use]
    pub fn new(client: usize, plan: &Plan, now: Instant) -> Self {
        let room = plan.room_of(client);
        Self {
            number: u32::try_from(client).unwrap_or(u32::MAX),
            door: plan.door_of(client),
            room,
            room_name: plan.room_name(room),
            user: plan.user_name(client),
            publishes: plan.publishes(client),
            stage: Stage::Absent,
            account: None,
            member: false,
            closed: None,
            refusals: 0,
            replies: Vec::new(),
            key: String::new(),
            began: now,
            life: 0,
            returning: false,
            arrived: false,
            counted: false,
            token: None,
        }
    }

    /// TCP is connected: the first words.
    pub fn connected(&mut self, host: &str, world: &World<'_>) {
        if self.door.is_websocket() {
            let path = self.door.path(&self.room_name, &self.user);
            self.replies.extend(handshake::request(host, &path, &self.key));
            self.stage = Stage::Upgrading;
            return;
        }
        // A line client is in the lobby: a name taken there would be announced there.
        let words = ["/leave".to_owned(), format!("/nick {}", self.user), self.door.join(&self.room_name, None)];
        words.iter().for_each(|words| self.say(words));
        self.stage = Stage::Entering;
        self.open_account(world.plan);
    }

    /// Takes what arrived; returns how much of it is used up.
    ///
    /// # Errors
    /// If it is no answer, or not the WebSocket protocol; `ConnectionRefused` if the server does not
    /// grant a WebSocket.
    pub fn take(&mut self, bytes: &[u8], now: Instant, world: &mut World<'_>) -> io::Result<usize> {
        let mut used = 0;
        if self.stage == Stage::Upgrading {
            match handshake::answer(bytes, &self.key)? {
                Answer::Partial => return Ok(0),
                Answer::Upgraded(size) => used = size,
                Answer::Status(status) => {
                    world.meter.refused(&format!("HTTP {status}"));
                    return Err(io::ErrorKind::ConnectionRefused.into());
                }
            }
            self.stage = Stage::Entering;
            self.open_account(world.plan);
        }
        if self.door.is_websocket() {
            while let Some(frame) = frames::first(&bytes[used..]) {
                used += frame.size;
                self.frame(&frame, now, world)?;
                if frame.opcode == frames::CLOSE {
                    // What follows is not said to anybody (RFC 6455 §5.5.1).
                    return Ok(bytes.len());
                }
            }
            return Ok(used);
        }
        while let Some(end) = bytes[used..].iter().position(|byte| *byte == b'\n') {
            let line = String::from_utf8_lossy(&bytes[used..used + end]);
            used += end + 1;
            self.hear(heard::text(&line), now, world);
        }
        Ok(used)
    }

    fn frame(&mut self, frame: &frames::Frame<'_>, now: Instant, world: &mut World<'_>) -> io::Result<()> {
        let invalid = |problem: &str| io::Error::new(io::ErrorKind::InvalidData, problem);
        match frame.opcode {
            frames::TEXT if frame.whole && self.door.is_json() => match heard::json(frame.payload) {
                Some(heard) => self.hear(heard, now, world),
                None => return Err(invalid("a frame that is no event")),
            },
            frames::TEXT if frame.whole => {
                let text = std::str::from_utf8(frame.payload).map_err(|_| invalid("a text that is not UTF-8"))?;
                self.hear(heard::text(text), now, world);
            }
            frames::PING => frames::append_masked(&mut self.replies, frames::PONG, frame.payload, MASK),
            frames::PONG => {}
            frames::CLOSE => {
                let code = frame.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                if self.stage != Stage::Closing {
                    frames::append_masked(&mut self.replies, frames::CLOSE, &code.to_be_bytes(), MASK);
                }
                self.closed = Some(code);
            }
            _ => return Err(invalid("a frame that roomd does not send")),
        }
        Ok(())
    }

    fn hear(&mut self, heard: Heard<'_>, now: Instant, world: &mut World<'_>) {
        match heard {
            Heard::Message { text, seq } => self.hear_message(text.as_bytes(), seq, now, world),
            Heard::Welcome { resume } => self.welcome(resume, now, world),
            Heard::Joined { epoch, seq, recovered } => {
                if let Some(account) = self.account.as_mut().filter(|_| !self.member) {
                    world.ledgers[self.room].enter_at(account, (&epoch, seq), recovered, &mut world.excuses);
                    self.enter(now, world);
                }
            }
            Heard::Resumed { placed, recovered, resume } => {
                // The session that it has again, and not the one that its new connection began with.
                self.token = resume;
                if !placed {
                    return self.join_again(world);
                }
                if let Some(account) = self.account.as_mut().filter(|_| !self.member) {
                    world.ledgers[self.room].resume(account, recovered);
                    self.enter(now, world);
                }
            }
            Heard::Entered { user } => {
                if let Some(account) = self.account.as_mut().filter(|_| !self.member && *user == self.user) {
                    world.ledgers[self.room].enter(account);
                    self.enter(now, world);
                }
            }
            Heard::Left if self.stage == Stage::Leaving => self.left(world),
            Heard::Sent { number: Some(number), seq } => {
                if let Some(account) = &self.account {
                    world.ledgers[self.room].acknowledge(account, number, seq, &mut world.faults);
                }
            }
            Heard::Refused { number, code } => self.refused(number, &code, world),
            Heard::Goodbye { code } if self.stage != Stage::Closing => self.closed = Some(code),
            Heard::Lagged { missed } => {
                if let Some(account) = &mut self.account {
                    account.announce(missed);
                }
            }
            _ => {}
        }
    }

    fn hear_message(&mut self, text: &[u8], seq: Option<u64>, now: Instant, world: &mut World<'_>) {
        // Before a member without numbers has entered, what comes is history.
        if seq.is_none() && !self.member {
            return;
        }
        let label = Label::read(text).filter(|label| label.run == world.run);
        let ledger = &mut world.ledgers[self.room];
        if let Some(Label { sender, number, .. }) = label
            && (!ledger.is_of(number, sender) || text.len() != world.plan.text_bytes(sender as usize))
        {
            world.faults.altered += 1;
            return;
        }
        let Some(account) = &mut self.account else { return };
        let told = Told { number: label.map(|label| label.number), seq };
        if let Some(news) = ledger.hear(account, told, &mut world.faults) {
            let elapsed = world.elapsed(now);
            world.meter.deliver(account.awaited.then_some(news.due), elapsed);
            world.free.extend(news.through.then_some(self.room));
        }
        // Who subscribed with a message is a member when that message comes back.
        if !self.member && label.is_some_and(|label| label.sender == self.number) {
            world.ledgers[self.room].enter(account);
            self.member = true;
        }
    }

    fn welcome(&mut self, token: Option<String>, now: Instant, world: &mut World<'_>) {
        let earlier = std::mem::replace(&mut self.token, token);
        let account = self.account.as_ref().filter(|_| self.returning);
        let since = account.and_then(|account| world.ledgers[self.room].position(account));
        let words = match (since, earlier) {
            (Some(since), Some(token)) => Door::resume(&token, &self.room_name, since),
            (None, _) if self.door == Door::Topic && self.publishes => {
                // It cannot say what it has had, and so nothing is owed to it for the time it was away.
                self.close_account(world);
                self.open_account(world.plan);
                return self.enter_quietly(now, world);
            }
            (since, _) => self.door.join(&self.room_name, since),
        };
        self.say(&words);
    }

    /// The ledger has it as a member.
    fn enter(&mut self, now: Instant, world: &mut World<'_>) {
        self.member = true;
        self.enter_quietly(now, world);
    }

    fn enter_quietly(&mut self, now: Instant, world: &mut World<'_>) {
        self.stage = Stage::Present;
        world.audience[self.room] += usize::from(!self.counted);
        self.counted = true;
        let elapsed = world.elapsed(now);
        if !self.arrived {
            world.meter.arrived += 1;
            world.meter.arrival.saturating_record(elapsed.saturating_sub(world.elapsed(self.began)));
            world.meter.last_arrival = elapsed;
        } else if self.returning {
            world.meter.returned += 1;
        } else {
            world.meter.rejoined += 1;
        }
        (self.arrived, self.returning) = (true, false);
    }

    fn left(&mut self, world: &mut World<'_>) {
        self.depart(world);
        if let Some(mut account) = self.account.take() {
            let World { ledgers, faults, excuses, .. } = world;
            // Whether it was news was told when it came.
            _ = ledgers[self.room].catch_up(&mut account, faults);
            ledgers[self.room].settle(&account, Ending::Left, faults, excuses);
        }
        self.open_account(world.plan);
        self.stage = Stage::Entering;
        self.say(&self.door.join(&self.room_name, None));
    }

    fn refused(&mut self, number: Option<u32>, code: &str, world: &mut World<'_>) {
        world.meter.refused(code);
        match number {
            Some(number) => {
                let was_awaited = world.ledgers[self.room].refuse(number);
                world.free.extend(was_awaited.then_some(self.room));
            }
            None if self.stage == Stage::Entering && self.returning => self.join_again(world),
            None if self.stage == Stage::Entering => {
                self.stage = Stage::Outside;
                world.faults.kept_out += 1;
            }
            None => self.refusals += 1,
        }
    }

    /// Its place is gone, but what it missed can still be asked for.
    fn join_again(&mut self, world: &World<'_>) {
        let account = self.account.as_ref();
        let since = account.and_then(|account| world.ledgers[self.room].position(account));
        self.say(&self.door.join(&self.room_name, since));
        self.returning = false;
    }

    /// It is no member any more, whatever is still owed to it. One that returns will be given what was
    /// published meanwhile, if its door tells numbers.
    pub fn depart(&mut self, world: &mut World<'_>) {
        if self.counted && !(self.returning && self.door.is_json()) {
            world.audience[self.room] -= 1;
            self.counted = false;
        }
        if let Some(account) = self.account.as_ref().filter(|_| self.member) {
            let through = world.ledgers[self.room].depart(account);
            world.free.extend(std::iter::repeat_n(self.room, through));
        }
        self.member = false;
    }

    /// Its connection is at its end, and it comes back through another.
    pub fn come_back(&mut self, world: &mut World<'_>) {
        self.returning = true;
        self.life += 1;
        // What it said before and has not been answered may be lost.
        self.refusals = 0;
        self.depart(world);
        // A door without numbers cannot say what it has had.
        if !self.door.is_json() {
            self.close_account(world);
        }
    }

    /// It is owed nothing more.
    fn close_account(&mut self, world: &mut World<'_>) {
        if let Some(account) = self.account.take() {
            world.ledgers[self.room].settle(&account, Ending::Left, &mut world.faults, &mut world.excuses);
        }
    }

    /// Says that it leaves its room, to come back.
    pub fn leave(&mut self) {
        self.stage = Stage::Leaving;
        self.say(&self.door.leave(&self.room_name));
    }

    /// Says that it goes for good.
    pub fn close(&mut self) {
        self.stage = Stage::Closing;
        if self.door.is_websocket() {
            frames::append_masked(&mut self.replies, frames::CLOSE, &1000_u16.to_be_bytes(), MASK);
        } else {
            self.say("/quit");
        }
    }

    /// Puts a text into a frame or a line.
    pub fn say(&mut self, text: &str) {
        if self.door.is_websocket() {
            frames::append_masked(&mut self.replies, frames::TEXT, text.as_bytes(), MASK);
        } else {
            self.replies.extend_from_slice(text.as_bytes());
            self.replies.push(b'\n');
        }
    }

    fn open_account(&mut self, plan: &Plan) {
        if self.account.is_none() {
            let awaited = !plan.is_slow(self.number as usize);
            let mut account = Account::new(self.number, self.door.echoes(), awaited);
            account.vouches |= !self.publishes;
            self.account = Some(account);
        }
        if let Some(account) = &mut self.account {
            account.life = self.life;
        }
    }
}

/// Masks keep bytes from looking like another protocol's to what stands between (RFC 6455 §10.3); here
/// nothing does, and our texts are our own.
const MASK: [u8; 4] = [0x5a, 0xa5, 0x3c, 0xc3];
