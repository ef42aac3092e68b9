//! A server that speaks enough of the JSON dialect to be loaded, and lies once.
//!
//! One room; a thread for each client, which ends with its connection; the room is behind one lock, so
//! its lies do not depend on time. The third message is the one it lies about, and the second member
//! the one it lies to.

use std::io::Write as _;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use roomd::wire::frame::{self, Opcode};
use serde_json::{Value, json};
use tungstenite::Message;

/// What it does with the third message, to the second member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lie {
    /// Nothing wrong.
    None,
    /// Does not deliver it.
    Lose,
    /// Does not deliver it, and says so.
    Drop,
    /// Says that one is missing which is not.
    Cry,
    /// Delivers it twice.
    Repeat,
    /// Delivers it after the fourth.
    Swap,
    /// Exchanges its text with the fourth's.
    Exchange,
    /// Cuts its text short.
    Alter,
    /// Shows it to nobody and answers nothing.
    Swallow,
    /// Does not tell its sender.
    Silence,
    /// Ends the connection without a word.
    Break,
    /// Closes the connection because it failed.
    Fail,
}

/// See the module. It ends when it is dropped, after its clients.
pub struct Liar {
    pub address: SocketAddr,
    thread: Option<JoinHandle<()>>,
}

impl Liar {
    /// Listens for so many clients.
    pub fn start(lie: Lie, clients: usize) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let thread = thread::spawn(move || {
            let room = Arc::new(Mutex::new(Room { lie, seq: 0, members: Vec::new(), held: None }));
            let serve = |_| {
                let (stream, room) = (listener.accept().unwrap().0, Arc::clone(&room));
                thread::spawn(move || serve(stream, &room))
            };
            let threads: Vec<_> = (0..clients).map(serve).collect();
            threads.into_iter().for_each(|thread| thread.join().unwrap());
        });
        Self { address, thread: Some(thread) }
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || thread::panicking());
    }
}

struct Room {
    lie: Lie,
    seq: u64,
    members: Vec<TcpStream>,
    /// The third message, while the second member waits for it.
    held: Option<String>,
}

/// One client, from its handshake to its end.
fn serve(stream: TcpStream, room: &Mutex<Room>) {
    let mut socket = tungstenite::accept(stream.try_clone().unwrap()).unwrap();
    say(&stream, &json!({"type": "welcome"}));
    while let Ok(message) = socket.read() {
        let Message::Text(text) = message else { continue };
        let command: Value = serde_json::from_str(&text).unwrap();
        let mut room = room.lock().unwrap();
        if command["type"] == "join" {
            let seq = room.seq;
            say(&stream, &json!({"type": "joined", "room": "load", "epoch": "e", "seq": seq, "recovered": true}));
            room.members.push(stream.try_clone().unwrap());
        } else {
            room.publish(&stream, &command["id"], command["message"].as_str().unwrap());
        }
    }
}

impl Room {
    fn publish(&mut self, sender: &TcpStream, id: &Value, text: &str) {
        if self.seq == 2 && self.lie == Lie::Swallow {
            self.lie = Lie::None;
            return;
        }
        self.seq += 1;
        let seq = self.seq;
        if seq != 3 || self.lie != Lie::Silence {
            say(sender, &json!({"type": "sent", "id": id, "room": "load", "seq": seq}));
        }
        for (number, member) in self.members.iter().enumerate() {
            match (number, seq) {
                (1, 3) => self.held = lie(self.lie, member, text),
                (1, 4) => {
                    let held = self.held.take();
                    match (self.lie, held) {
                        (Lie::Exchange, Some(held)) => {
                            tell(member, 3, text);
                            tell(member, 4, &held);
                        }
                        (_, held) => {
                            tell(member, 4, text);
                            held.iter().for_each(|held| tell(member, 3, held));
                        }
                    }
                }
                _ => tell(member, seq, text),
            }
        }
    }
}

/// Lies about the third message; what is to be said with the fourth.
fn lie(lie: Lie, member: &TcpStream, text: &str) -> Option<String> {
    let lagged = || say(member, &json!({"type": "lagged", "room": "load", "missed": 1}));
    match lie {
        Lie::None | Lie::Swallow | Lie::Silence => tell(member, 3, text),
        Lie::Lose => {}
        Lie::Drop => lagged(),
        Lie::Cry => {
            lagged();
            tell(member, 3, text);
        }
        Lie::Repeat => (0..2).for_each(|_| tell(member, 3, text)),
        Lie::Swap | Lie::Exchange => return Some(text.to_owned()),
        Lie::Alter => tell(member, 3, &text[..text.len() - 1]),
        // The client may have gone before it.
        Lie::Break => _ = member.shutdown(Shutdown::Both),
        Lie::Fail => write(member, &frame::close(1011, "failed")),
    }
    None
}

fn tell(member: &TcpStream, seq: u64, text: &str) {
    say(member, &json!({"type": "message", "room": "load", "user": "u", "message": text, "seq": seq}));
}

fn say(mut client: &TcpStream, event: &Value) {
    let mut bytes = Vec::new();
    frame::append(Opcode::Text, event.to_string().as_bytes(), &mut bytes);
    write(client, &bytes);
    _ = client.flush(); // A socket keeps nothing back.
}

/// Writes to a client that may be gone.
fn write(mut client: &TcpStream, bytes: &[u8]) {
    _ = client.write_all(bytes);
}
