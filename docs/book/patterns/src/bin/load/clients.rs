//! The clients of the load: as many sockets as there are members, and what each has received.
//!
//! One epoll, polled without sleeping. A message is 100 bytes: a number, the slot of the window that it fills, and filling.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::Timespec;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};

use patterns::JOINED;

/// Bytes of a message, with its end.
pub const MESSAGE_BYTES: usize = 100;
/// How long a server may take to let everybody in, or to send anything.
const PATIENCE: Duration = Duration::from_secs(10);
const NO_TIME: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// The sockets.
pub struct Clients {
    epoll: OwnedFd,
    all: Vec<Client>,
    ready: Vec<Event>,
    buffer: Vec<u8>,
}

/// One of them.
pub struct Client {
    socket: TcpStream,
    pub room: usize,
    /// The beginning of a message whose rest has not come yet.
    begun: Vec<u8>,
    /// What it has received: how many, and a number that depends on which and on their order.
    pub received: u64,
    pub order: u64,
}

/// What a message says of itself.
#[derive(Clone, Copy)]
pub struct Tag {
    pub number: u64,
    pub slot: usize,
}

impl Clients {
    /// Connects so many members for each of so many rooms, and returns when all of them are in.
    pub fn connect(address: SocketAddr, rooms: usize, members: usize) -> io::Result<Self> {
        let epoll = epoll::create(CreateFlags::CLOEXEC)?;
        let mut all = Vec::with_capacity(rooms * members);
        for number in 0..rooms * members {
            let mut socket = TcpStream::connect(address)?;
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(PATIENCE))?;
            let room = number % rooms;
            socket.write_all(format!("room-{room}\n").as_bytes())?;
            all.push(Client { socket, room, begun: Vec::new(), received: 0, order: 0 });
        }
        for (number, client) in all.iter_mut().enumerate() {
            let mut answer = [0; JOINED.len()];
            client.socket.read_exact(&mut answer)?;
            if answer != JOINED {
                return Err(io::Error::other("a client was not let in"));
            }
            client.socket.set_nonblocking(true)?;
            epoll::add(&epoll, &client.socket, EventData::new_u64(number as u64), EventFlags::IN)?;
        }
        Ok(Self { epoll, all, ready: Vec::with_capacity(1024), buffer: vec![0; 64 << 10] })
    }

    /// All of them.
    pub fn all(&self) -> &[Client] {
        &self.all
    }

    /// Reads once from everyone who has something; shows each message with who received it, and when.
    pub fn receive(&mut self, mut show: impl FnMut(usize, Tag, Instant)) -> io::Result<()> {
        self.ready.clear();
        epoll::wait(&self.epoll, spare_capacity(&mut self.ready), Some(&NO_TIME))?;
        for event in &self.ready {
            let number = event.data.u64() as usize;
            let client = &mut self.all[number];
            let read = match client.socket.read(&mut self.buffer) {
                Ok(0) => return Err(io::Error::other("the server has closed a connection")),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                read => read?,
            };
            let now = Instant::now();
            client.begun.extend_from_slice(&self.buffer[..read]);
            let whole = client.begun.len() / MESSAGE_BYTES * MESSAGE_BYTES;
            for message in client.begun[..whole].chunks(MESSAGE_BYTES) {
                let tag = Tag::read(message)?;
                client.received += 1;
                client.order = client.order.wrapping_mul(0x9E37_79B9_7F4A_7C15).wrapping_add(tag.number);
                show(client.room, tag, now);
            }
            client.begun.drain(..whole);
        }
        Ok(())
    }

    /// Sends a message as one of them. There is space for it: little is in flight.
    pub fn say(&mut self, number: usize, tag: Tag) -> io::Result<()> {
        self.all[number].socket.write_all(&tag.message())
    }
}

impl Tag {
    fn message(self) -> [u8; MESSAGE_BYTES] {
        let mut message = [b'.'; MESSAGE_BYTES];
        let text = format!("{:012} {:06} ", self.number, self.slot);
        message[..text.len()].copy_from_slice(text.as_bytes());
        message[MESSAGE_BYTES - 1] = b'\n';
        message
    }

    fn read(message: &[u8]) -> io::Result<Self> {
        let field = |from: usize, to: usize| std::str::from_utf8(&message[from..to]).ok()?.parse().ok();
        let tag = field(0, 12).zip(field(13, 19)).filter(|_| message.ends_with(b"\n"));
        let (number, slot) = tag.ok_or_else(|| io::Error::other("a message came torn"))?;
        Ok(Self { number, slot: slot as usize })
    }
}
