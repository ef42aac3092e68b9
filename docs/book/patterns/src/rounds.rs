//! The rooms of a server with one thread: what is said in a round is gathered, and goes to each member at its end.
//!
//! Used by `epoll` and `uring`, which differ in how they read and write. Nothing here is shared, so nothing has a lock.

use std::collections::{HashMap, VecDeque};

use bytes::{Bytes, BytesMut};

use crate::{BACKLOG_MAX, JOINED, LINE_MAX, Name};

/// The rooms.
#[derive(Default)]
pub struct Rooms {
    rooms: HashMap<Name, Room>,
    /// Those in which something was said in this round.
    busy: Vec<Name>,
}

#[derive(Default)]
struct Room {
    members: Vec<u64>,
    said: BytesMut,
}

/// What a client has sent, as far as it is no whole line yet, and the room that it is in.
#[derive(Default)]
pub struct Input {
    room: Option<Name>,
    begun: Vec<u8>,
}

/// What a client makes of what it has sent.
#[derive(PartialEq)]
pub enum Heard {
    /// Nothing that concerns its own output.
    Nothing,
    /// It has entered a room, and is answered [`JOINED`].
    Joined,
    /// It is to be given up.
    TooLong,
}

impl Rooms {
    /// Takes what a client has sent.
    pub fn hear(&mut self, number: u64, input: &mut Input, mut read: &[u8]) -> Heard {
        let mut heard = Heard::Nothing;
        if input.room.is_none() {
            let Some(end) = read.iter().position(|byte| *byte == b'\n') else { return input.keep(read) };
            input.begun.extend_from_slice(&read[..end]);
            let name = std::mem::take(&mut input.begun);
            self.rooms.entry(name.clone()).or_default().members.push(number);
            input.room = Some(name);
            (read, heard) = (&read[end + 1..], Heard::Joined);
        }
        let whole = read.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        if let (Some(name), 1..) = (&input.room, whole) {
            let room = self.rooms.get_mut(name).expect("a room is there as long as its members");
            if room.said.is_empty() {
                self.busy.push(name.clone());
            }
            room.said.extend_from_slice(&input.begun);
            input.begun.clear();
            room.said.extend_from_slice(&read[..whole]);
        }
        match input.keep(&read[whole..]) {
            Heard::Nothing => heard,
            too_long => too_long,
        }
    }

    /// The end of a round: what was said in each room, once for all of its members.
    pub fn round(&mut self) -> Vec<(Bytes, Vec<u64>)> {
        let mut all = Vec::new();
        for name in self.busy.drain(..) {
            if let Some(room) = self.rooms.get_mut(&name) {
                all.push((room.said.split().freeze(), room.members.clone()));
            }
        }
        all
    }

    /// A client has gone.
    pub fn leave(&mut self, number: u64, input: &Input) {
        let Some(name) = &input.room else { return };
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.members.retain(|member| *member != number);
        if room.members.is_empty() {
            self.rooms.remove(name);
        }
    }
}

impl Input {
    fn keep(&mut self, rest: &[u8]) -> Heard {
        self.begun.extend_from_slice(rest);
        if self.begun.len() > LINE_MAX { Heard::TooLong } else { Heard::Nothing }
    }
}

/// What waits for a client whose socket is full, or is being written.
#[derive(Default)]
pub struct Backlog {
    parts: VecDeque<Bytes>,
    bytes: usize,
}

impl Backlog {
    /// Adds to it. False: too much waits.
    pub fn push(&mut self, part: Bytes) -> bool {
        self.bytes += part.len();
        self.parts.push_back(part);
        self.bytes <= BACKLOG_MAX
    }

    /// What is next.
    #[must_use]
    pub fn first(&self) -> Option<&Bytes> {
        self.parts.front()
    }

    /// So many bytes of what is next were written.
    pub fn advance(&mut self, written: usize) {
        let Some(first) = self.parts.front_mut() else { return };
        self.bytes -= written;
        bytes::Buf::advance(first, written);
        if first.is_empty() {
            self.parts.pop_front();
        }
    }
}

/// The answer to a join.
#[must_use]
pub fn joined() -> Bytes {
    Bytes::from_static(JOINED)
}
