//! A server that speaks enough of the JSON dialect to be loaded, and lies once.
//!
//! It has one room, and a thread for each client, which ends with its connection. The room is behind one lock, so its
//! lies do not depend on timing. It lies about the third message, to the second member that does not publish it. A client that resumes is sent
//! what it missed, and one that joins for the newest message of each key, that. Every pattern matches the room.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use roomd::wire::frame::{self, Opcode};
use serde_json::{Value, json};
use tungstenite::Message;

/// What it does with the third message, to that member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Delivers it as it should.
    None,
    /// Does not deliver it.
    Lose,
    /// Does not deliver it, and announces that one is missing.
    Drop,
    /// Announces that one is missing, and delivers it.
    Cry,
    /// Delivers it twice.
    Repeat,
    /// Delivers it after the fourth.
    Swap,
    /// Exchanges its text with the fourth's.
    Exchange,
    /// Cuts its text short.
    Alter,
    /// Delivers it to no member, and does not answer.
    Swallow,
    /// Does not acknowledge it.
    Silence,
    /// Ends the connection without a close frame.
    Break,
    /// Closes the connection because it failed.
    Fail,
    /// Closes the connection as too slow: no lie, if it sends what was missed after a resume.
    Slow,
    /// As `Slow`, and sends nothing of what was missed, though it says that it will.
    Forget,
    /// Sends who joins for the newest message of each key all but the last of them.
    Stale,
    /// Sends the newest message of each key twice to who joins for them.
    Echo,
    /// Sends who joins for the newest message of each key the last of them first.
    Reverse,
    /// Gives two members of the group the third message.
    Share,
    /// Gives the third message again when it is done.
    Again,
    /// Gives no member of the group the third message.
    Idle,
    /// Gives what a member has left undone to another without saying so.
    Unmarked,
    /// Gives what a member has left undone to nobody.
    Abandon,
    /// Does not deliver the first message.
    Behead,
    /// Delivers the third message as one of another room.
    Misname,
    /// Delivers nothing to who was subscribed to a pattern when the room was opened.
    Overlook,
}

/// See the module. It ends when it is dropped, after its clients.
pub struct Liar {
    pub address: SocketAddr,
    listener: Arc<TcpListener>,
    room: Arc<Mutex<Room>>,
    thread: Option<JoinHandle<()>>,
}

impl Liar {
    /// Listens on a free port.
    pub fn start(lie: Lie) -> Self {
        Self::of_room(lie, "load")
    }

    /// The same; its room has this name.
    pub fn of_room(lie: Lie, name: &'static str) -> Self {
        let listener = Arc::new(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap());
        let address = listener.local_addr().unwrap();
        let room = Room {
            lie,
            name,
            waiting: Some(Vec::new()),
            history: Vec::new(),
            newest: BTreeMap::new(),
            members: Vec::new(),
            group: None,
            tasks: Vec::new(),
            held: None,
            resumed: 0,
        };
        let room = Arc::new(Mutex::new(room));
        let (accepting, entered) = (Arc::clone(&listener), Arc::clone(&room));
        let thread = thread::spawn(move || {
            let mut threads = Vec::new();
            while let Ok((stream, _)) = accepting.accept() {
                let room = Arc::clone(&entered);
                threads.push(thread::spawn(move || serve(stream, &room)));
            }
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        Self { address, listener, room, thread: Some(thread) }
    }

    /// How many sessions were resumed.
    pub fn resumed(&self) -> u64 {
        self.room.lock().unwrap().resumed
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        // On Linux this wakes the thread that blocks in `accept`.
        rustix::net::shutdown(&*self.listener, rustix::net::Shutdown::Both).unwrap();
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}

struct Room {
    lie: Lie,
    name: &'static str,
    /// Who is subscribed to a pattern; `None` once the room is open.
    waiting: Option<Vec<TcpStream>>,
    /// All texts; the first has the number 1.
    history: Vec<String>,
    /// By key, the number of the newest message.
    newest: BTreeMap<String, u64>,
    members: Vec<TcpStream>,
    /// The members of the group; `None` before the first.
    group: Option<Vec<TcpStream>>,
    /// The messages of the group that are not done.
    tasks: Vec<Task>,
    /// The third message, while the second member waits for it.
    held: Option<String>,
    resumed: u64,
}

/// A message of the group's.
struct Task {
    seq: u64,
    /// Who has it.
    holder: Option<SocketAddr>,
    /// Whether somebody has had it.
    given: bool,
}

/// One client, from its handshake to its end.
fn serve(stream: TcpStream, room: &Mutex<Room>) {
    let Ok(mut socket) = tungstenite::accept(stream.try_clone().unwrap()) else { return };
    let peer = stream.peer_addr().ok();
    send(&stream, &json!({"type": "welcome", "resume": "token"}));
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else { continue };
        let command: Value = serde_json::from_str(&text).unwrap();
        let mut room = room.lock().unwrap();
        let name = room.name;
        match command["type"].as_str().unwrap() {
            "subscribe" => {
                send(&stream, &json!({"type": "subscribed", "pattern": command["pattern"]}));
                let client = stream.try_clone().unwrap();
                let Room { waiting, members, .. } = &mut *room;
                waiting.as_mut().unwrap_or(members).push(client);
            }
            "join" if command["group"].is_string() => {
                send(&stream, &json!({"type": "joined", "room": name, "epoch": "e", "seq": room.history.len()}));
                room.group.get_or_insert_default().push(stream.try_clone().unwrap());
                room.assign();
            }
            "done" => room.done(&stream, &command),
            "join" => {
                let seq = room.history.len();
                send(&stream, &json!({"type": "joined", "room": name, "epoch": "e", "seq": seq, "recovered": true}));
                room.open();
                if command["latest"] == true {
                    room.send_latest(&stream);
                }
                room.members.push(stream.try_clone().unwrap());
            }
            "leave" => {
                room.members.retain(|member| member.peer_addr().ok() != stream.peer_addr().ok());
                room.leave_group(peer);
                send(&stream, &json!({"type": "left", "room": name}));
            }
            "resume" => room.resume(&stream, &command["rooms"][name]),
            _ => {
                if let Some(key) = command["key"].as_str() {
                    let seq = room.history.len() as u64 + 1;
                    room.newest.insert(key.to_owned(), seq);
                }
                room.publish(&stream, &command["id"], command["message"].as_str().unwrap());
            }
        }
    }
    room.lock().unwrap().leave_group(peer);
}

impl Room {
    /// The first client is in it, and those who are subscribed to a pattern are from now on.
    fn open(&mut self) {
        let matched = self.waiting.take().unwrap_or_default();
        self.members.extend(matched.into_iter().filter(|_| self.lie != Lie::Overlook));
    }

    /// Gives each message that nobody has to the member of the group that has fewest.
    fn assign(&mut self) {
        let Self { group: Some(group), tasks, .. } = self else { return };
        for index in (0..tasks.len()).filter(|index| tasks[*index].holder.is_none()).collect::<Vec<_>>() {
            let load = |member: &TcpStream| tasks.iter().filter(|task| task.holder == member.peer_addr().ok()).count();
            let Some(member) = group.iter().min_by_key(|member| load(member)) else { return };
            let Task { seq, given, .. } = tasks[index];
            give(member, self.name, seq, &self.history[seq as usize - 1], given && self.lie != Lie::Unmarked);
            tasks[index] = Task { seq, holder: member.peer_addr().ok(), given: true };
        }
    }

    fn done(&mut self, client: &TcpStream, command: &Value) {
        let seq = command["seq"].as_u64().unwrap();
        self.tasks.retain(|task| task.seq != seq);
        send(client, &json!({"type": "ok", "id": command["id"]}));
        if (seq, self.lie) == (3, Lie::Again) {
            self.lie = Lie::None;
            give(client, self.name, seq, &self.history[2], true);
        }
    }

    fn leave_group(&mut self, member: Option<SocketAddr>) {
        let Some(group) = self.group.as_mut().filter(|_| member.is_some()) else { return };
        group.retain(|other| other.peer_addr().ok() != member);
        if self.lie == Lie::Abandon {
            self.tasks.retain(|task| task.holder != member);
        }
        self.tasks.iter_mut().filter(|task| task.holder == member).for_each(|task| task.holder = None);
        self.assign();
    }

    fn send_latest(&self, client: &TcpStream) {
        let mut seqs: Vec<_> = self.newest.values().copied().collect();
        seqs.sort_unstable();
        match self.lie {
            Lie::Stale => drop(seqs.pop()),
            Lie::Echo => seqs = seqs.iter().flat_map(|seq| [*seq; 2]).collect(),
            Lie::Reverse => seqs.reverse(),
            _ => {}
        }
        seqs.into_iter().for_each(|seq| deliver(client, self.name, seq, &self.history[seq as usize - 1]));
    }

    fn resume(&mut self, client: &TcpStream, at: &Value) {
        assert_eq!(at["epoch"], "e");
        let had = usize::try_from(at["seq"].as_u64().unwrap()).unwrap();
        self.resumed += 1;
        let seq = self.history.len();
        let room = json!({"recovered": true, "missed": seq - had, "epoch": "e", "seq": seq});
        send(client, &json!({"type": "resumed", "resume": "token", "rooms": {self.name: room}}));
        let missed = (1..).zip(&self.history).skip(if self.lie == Lie::Forget { usize::MAX } else { had });
        missed.for_each(|(seq, text)| deliver(client, self.name, seq, text));
        self.members.push(client.try_clone().unwrap());
    }

    fn publish(&mut self, sender: &TcpStream, id: &Value, text: &str) {
        if self.history.len() == 2 && self.lie == Lie::Swallow {
            self.lie = Lie::None;
            return;
        }
        self.history.push(text.to_owned());
        let seq = self.history.len() as u64;
        if seq != 3 || self.lie != Lie::Silence {
            send(sender, &json!({"type": "sent", "id": id, "room": self.name, "seq": seq}));
        }
        if self.group.is_some() && (seq, self.lie) != (3, Lie::Idle) {
            self.tasks.push(Task { seq, holder: None, given: false });
            self.assign();
        }
        if (seq, self.lie) == (3, Lie::Share) {
            self.group.iter().flatten().for_each(|member| give(member, self.name, seq, text, false));
        }
        // Whose connection it ends does not publish: what the sender had sent over the old one would come behind the new.
        let sends = |member: &TcpStream| member.peer_addr().ok() == sender.peer_addr().ok();
        let second = 1 + usize::from(self.members.get(1).is_some_and(sends));
        for (number, member) in self.members.iter().enumerate() {
            match (number, seq) {
                (number, 1) if number == second && self.lie == Lie::Behead => {}
                (number, 3) if number == second => self.held = lie((self.lie, self.name), member, text),
                (number, 4) if number == second => {
                    let held = self.held.take();
                    match (self.lie, held) {
                        (Lie::Exchange, Some(held)) => {
                            deliver(member, self.name, 3, text);
                            deliver(member, self.name, 4, &held);
                        }
                        (_, held) => {
                            deliver(member, self.name, 4, text);
                            held.iter().for_each(|held| deliver(member, self.name, 3, held));
                        }
                    }
                }
                _ => deliver(member, self.name, seq, text),
            }
        }
    }
}

/// Lies about the third message; what is to be delivered with the fourth.
fn lie((lie, name): (Lie, &str), member: &TcpStream, text: &str) -> Option<String> {
    let lagged = || send(member, &json!({"type": "lagged", "room": name, "missed": 1}));
    match lie {
        Lie::Lose => {}
        Lie::Drop => lagged(),
        Lie::Cry => {
            lagged();
            deliver(member, name, 3, text);
        }
        Lie::Misname => deliver(member, "load.7", 3, text),
        Lie::Repeat => (0..2).for_each(|_| deliver(member, name, 3, text)),
        Lie::Swap | Lie::Exchange => return Some(text.to_owned()),
        Lie::Alter => deliver(member, name, 3, &text[..text.len() - 1]),
        // The client may have gone before.
        Lie::Break => _ = member.shutdown(Shutdown::Both),
        Lie::Fail => write(member, &frame::close(1011, "failed")),
        Lie::Slow | Lie::Forget => write(member, &frame::close(4450, "too slow")),
        _ => deliver(member, name, 3, text),
    }
    None
}

/// Gives a message to a member of the group.
fn give(member: &TcpStream, name: &str, seq: u64, text: &str, redelivered: bool) {
    let mut event = json!({"type": "message", "room": name, "user": "u", "message": text, "seq": seq, "group": "load"});
    if redelivered {
        event["redelivered"] = true.into();
    }
    send(member, &event);
}

fn deliver(member: &TcpStream, name: &str, seq: u64, text: &str) {
    send(member, &json!({"type": "message", "room": name, "user": "u", "message": text, "seq": seq}));
}

fn send(client: &TcpStream, event: &Value) {
    let mut bytes = Vec::new();
    frame::append(Opcode::Text, event.to_string().as_bytes(), &mut bytes);
    write(client, &bytes);
}

/// Writes to a client that may be gone.
fn write(mut client: &TcpStream, bytes: &[u8]) {
    _ = client.write_all(bytes);
}
