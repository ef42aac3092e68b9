//! The history of a run, for judges from outside (`--history`): what each client asked for and was told, in the order in which
//! it happened.
//!
//! Recorded by the generator, on its thread, from what clients send and receive; the accounting of deliveries has no part in
//! it, so that one can be held against the other. A message is an append to the list of its room; a client that has been in
//! the room since its first message reads that list: while it is a member, when it asks for what it missed, and in the end.
//! docs/history.md says what each line is.

mod file;
mod line;
mod processes;

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::history::file::HistoryFile;
use crate::history::line::{Line, Moment, Operation};
use crate::history::processes::Processes;
use crate::plan::Plan;

/// See the module.
pub struct History {
    log: Log,
    /// By number.
    clients: Vec<ClientHistory>,
    /// By number.
    rooms: Vec<RoomHistory>,
}

/// What came of the file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HistoryReport {
    /// Lines that were recorded.
    pub lines: u64,
    /// Why not all of them are in the file, and what happened later is not.
    pub incomplete: Option<String>,
}

struct ClientHistory {
    room: usize,
    processes: Processes,
    /// `None`: it has not been in the room since the first message, or it misses some.
    list: Option<ShownList>,
}

/// What a client was shown of its room.
struct ShownList {
    epoch: String,
    /// The messages, in the order in which they were shown.
    numbers: Vec<u32>,
    /// The server's number of the newest.
    seq: u64,
    is_member: bool,
    /// The process of the read that began when it became a member.
    membership: u64,
    catch_up: Option<CatchUp>,
}

/// A read of what was missed.
struct CatchUp {
    process: u64,
    /// It ends with this number of the server's; `None`: the server has not answered.
    until: Option<u64>,
}

#[derive(Default)]
struct RoomHistory {
    name: String,
    /// Whether anything was published in it.
    has_messages: bool,
    /// By number, which client sent a message that nobody has answered, and the process of that.
    unanswered: BTreeMap<u32, (usize, u64)>,
}

/// The lines.
struct Log {
    file: HistoryFile,
    began: Instant,
    lines: u64,
}

impl Log {
    fn write(&mut self, process: u64, moment: Moment<'_>, room: &str, operation: Operation<'_>) {
        let line = Line { index: self.lines, time: self.began.elapsed().as_nanos(), process, moment, room };
        self.lines += u64::from(self.file.append(|out| line.write(operation, out)));
    }
}

impl History {
    /// The history of a run that has not begun.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn create(path: &Path, plan: &Plan) -> io::Result<Self> {
        let client = |number| ClientHistory {
            room: plan.room_of(number),
            processes: Processes::new(number, plan.connections()),
            list: None,
        };
        let room = |number| RoomHistory { name: plan.room_name(number), ..RoomHistory::default() };
        Ok(Self {
            log: Log { file: HistoryFile::create(path)?, began: Instant::now(), lines: 0 },
            clients: (0..plan.connections()).map(client).collect(),
            rooms: (0..plan.rooms).map(room).collect(),
        })
    }

    /// A client publishes the message with this number.
    pub fn publish(&mut self, client: u32, number: u32) {
        let Self { log, clients, rooms } = self;
        let ClientHistory { room, processes, .. } = &mut clients[client as usize];
        let room = &mut rooms[*room];
        let process = processes.take();
        room.has_messages = true;
        room.unanswered.insert(number, (client as usize, process));
        log.write(process, Moment::Begins, &room.name, Operation::Append(number));
    }

    /// A message is published, under this number of the server's.
    pub fn acknowledge(&mut self, room: usize, number: u32, seq: u64) {
        self.answer(room, number, Moment::Ok(Some(seq)));
    }

    /// A message is refused.
    pub fn refuse(&mut self, room: usize, number: u32, code: &str) {
        self.answer(room, number, Moment::Failed(code));
    }

    fn answer(&mut self, room: usize, number: u32, moment: Moment<'_>) {
        let Self { log, clients, rooms } = self;
        let room = &mut rooms[room];
        // An answer that comes when nobody waits for it any more says nothing new to a judge.
        let Some((client, process)) = room.unanswered.remove(&number) else { return };
        log.write(process, moment, &room.name, Operation::Append(number));
        if !matches!(moment, Moment::Unknown(_)) {
            clients[client].processes.give_back(process);
        }
    }

    /// Nobody waits any more for the answers to what a client has published.
    pub fn give_up_unanswered(&mut self, client: u32, why: &str) {
        let room = self.clients[client as usize].room;
        let unanswered = self.rooms[room].unanswered.iter().filter(|(_, (sender, _))| *sender == client as usize);
        for number in unanswered.map(|(number, _)| *number).collect::<Vec<_>>() {
            self.answer(room, number, Moment::Unknown(why));
        }
    }

    /// A client became a member of its room, in which the newest message has this number of the server's; `recovered`: all
    /// that it missed follows.
    pub fn join(&mut self, client: u32, epoch: &str, seq: u64, recovered: bool) {
        match &self.clients[client as usize].list {
            Some(list) if recovered && list.epoch == epoch => self.come_back(client, Some(seq)),
            Some(_) => self.miss(client),
            None => self.begin_list(client, epoch, seq),
        }
    }

    fn begin_list(&mut self, client: u32, epoch: &str, seq: u64) {
        let Self { log, clients, rooms } = self;
        let ClientHistory { room, processes, list } = &mut clients[client as usize];
        let room = &rooms[*room];
        if room.has_messages {
            return;
        }
        let membership = processes.take();
        log.write(membership, Moment::Begins, &room.name, Operation::Read(None));
        let (epoch, numbers) = (epoch.to_owned(), Vec::new());
        *list = Some(ShownList { epoch, numbers, seq, is_member: true, membership, catch_up: None });
    }

    /// A client asks for what it missed.
    pub fn ask(&mut self, client: u32) {
        let Self { log, clients, rooms } = self;
        let ClientHistory { room, processes, list: Some(list) } = &mut clients[client as usize] else { return };
        // One that asks again has begun before.
        if list.catch_up.is_none() {
            let process = processes.take();
            log.write(process, Moment::Begins, &rooms[*room].name, Operation::Read(None));
            list.catch_up = Some(CatchUp { process, until: None });
        }
    }

    /// A client is a member again, and all that it missed follows, up to this number; `None`: the server does not say where
    /// it ends.
    pub fn come_back(&mut self, client: u32, until: Option<u64>) {
        let Some(list) = &mut self.clients[client as usize].list else { return };
        list.is_member = true;
        match (until, &mut list.catch_up) {
            (Some(_), Some(catch_up)) => {
                catch_up.until = until;
                self.end_catch_up_if_complete(client);
            }
            (None, Some(_)) => self.end_catch_up(client, Some("the server does not say what follows")),
            (_, None) => {}
        }
    }

    /// A client was shown a message, under this number of the server's; without a number it is another program's.
    pub fn show(&mut self, client: u32, number: Option<u32>, seq: u64) {
        let Some(list) = &mut self.clients[client as usize].list else { return };
        list.numbers.extend(number);
        list.seq = list.seq.max(seq);
        self.end_catch_up_if_complete(client);
    }

    fn end_catch_up_if_complete(&mut self, client: u32) {
        let list = self.clients[client as usize].list.as_ref();
        let is_complete = |list: &ShownList| {
            list.catch_up.as_ref().and_then(|catch_up| catch_up.until).is_some_and(|until| until <= list.seq)
        };
        if list.is_some_and(is_complete) {
            self.end_catch_up(client, None);
        }
    }

    /// The read of what was missed ends; with a reason, without a result.
    fn end_catch_up(&mut self, client: u32, failed: Option<&str>) {
        let Self { log, clients, rooms } = self;
        let ClientHistory { room, processes, list: Some(list) } = &mut clients[client as usize] else { return };
        let Some(CatchUp { process, .. }) = list.catch_up.take() else { return };
        let (moment, numbers) = match failed {
            Some(why) => (Moment::Failed(why), None),
            None => (Moment::Ok(None), Some(&list.numbers[..])),
        };
        log.write(process, moment, &rooms[*room].name, Operation::Read(numbers));
        processes.give_back(process);
    }

    /// A client is no longer a member: it left, or its connection ended.
    pub fn leave(&mut self, client: u32) {
        self.end_catch_up(client, Some("the client left before it had all"));
        if let Some(list) = &mut self.clients[client as usize].list {
            list.is_member = false;
        }
    }

    /// A client is told that it misses something: it has read the list up to there.
    pub fn miss(&mut self, client: u32) {
        self.end_catch_up(client, Some("the client is told that it misses something"));
        let Self { log, clients, rooms } = self;
        let ClientHistory { room, processes, list } = &mut clients[client as usize];
        if let Some(ShownList { numbers, membership, .. }) = list.take() {
            log.write(membership, Moment::Ok(None), &rooms[*room].name, Operation::Read(Some(&numbers)));
            processes.give_back(membership);
        }
    }

    /// A client's connection has ended, and it does not come back.
    pub fn end(&mut self, client: u32) {
        self.give_up_unanswered(client, "the connection ended");
        // What it would have been shown later, it misses.
        self.miss(client);
    }

    /// The run is over. `is_settled`: who is a member has been shown all that it will be, so it has read that now.
    pub fn finish(&mut self, is_settled: bool) {
        self.log.file.waits = true;
        for client in 0..self.clients.len() {
            let number = u32::try_from(client).unwrap_or(u32::MAX);
            self.give_up_unanswered(number, "no answer");
            if self.clients[client].list.as_ref().is_some_and(|list| list.is_member && is_settled) {
                self.read_again(client);
            }
            self.miss(number);
        }
    }

    /// The read that began when a client became a member makes way for one that begins now: nothing that was acknowledged by
    /// now may be missing in it.
    fn read_again(&mut self, client: usize) {
        let Self { log, clients, rooms } = self;
        let ClientHistory { room, list: Some(list), .. } = &mut clients[client] else { return };
        let (name, process) = (&rooms[*room].name, list.membership);
        log.write(process, Moment::Failed("read again at the end"), name, Operation::Read(None));
        log.write(process, Moment::Begins, name, Operation::Read(None));
    }

    /// Writes what is left. Blocks until it is written.
    #[must_use]
    pub fn close(mut self) -> HistoryReport {
        let incomplete = self.log.file.close().err();
        HistoryReport { lines: self.log.lines, incomplete }
    }
}
