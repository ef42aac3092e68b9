//! The bare loop: the least work that writes these bytes to these sockets, and so the baseline for a chat server.
//!
//! One thread, one epoll, a hand-written parser, no lock, no channel, no limits. Published frames are gathered by room; at
//! the end of each epoll iteration every member of such a room is sent everything gathered in one non-blocking `send`.
//! The bench starts it as a process of its own, so that its CPU time is read in the same way as the real server's.

use std::io::{self, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::fd::OwnedFd;

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::SocketFlags;

use super::scenario::{AUTHOR, WELCOME};
use roomd_load::frames;
use roomd_load::socket::Socket;

const LISTENER: u64 = u64::MAX;
const BACKLOG: i32 = 4096;
const EVENTS_AT_ONCE: usize = 1024;
/// More than the largest message, of 64 KiB, with its header.
const BUFFER_BYTES: usize = 256 << 10;
/// The reply to a close frame: 1000.
const CLOSED: [u8; 4] = [0x88, 2, 0x03, 0xE8];
/// The response to the key of RFC 6455 §1.3, which is the one that the load generator sends.
const UPGRADED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

/// Listens on a free port, prints its address as roomd does, and serves until it is killed.
pub fn serve() -> io::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    rustix::net::listen(&listener, BACKLOG)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    println!("bare loop listening on http://{}", listener.local_addr()?);
    io::stdout().flush()?;
    let mut server = BaselineServer { epoll, listener, members: Vec::new(), rooms: Vec::new(), dirty: Vec::new() };
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_AT_ONCE);
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        events.clear();
        match epoll::wait(&server.epoll, spare_capacity(&mut events), None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        for event in &events {
            server.handle(event.data.u64(), event.flags, &mut buffer)?;
        }
        server.fan_out()?;
    }
}

struct BaselineServer {
    epoll: OwnedFd,
    listener: TcpListener,
    /// By number; a number is never used again, because the process lives for one trial.
    members: Vec<Option<Member>>,
    rooms: Vec<Room>,
    /// Rooms with something gathered.
    dirty: Vec<usize>,
}

struct Member {
    socket: Socket,
    /// `None` until the request has been read.
    room: Option<usize>,
}

#[derive(Default)]
struct Room {
    members: Vec<usize>,
    /// The frames of this epoll iteration, as they go to each member.
    gathered: Vec<u8>,
}

impl BaselineServer {
    fn handle(&mut self, number: u64, flags: EventFlags, buffer: &mut [u8]) -> io::Result<()> {
        if number == LISTENER {
            return self.accept();
        }
        let number = usize::try_from(number).expect("numbers are indices of `members`");
        if self.serve_member(number, flags, buffer).is_err() {
            self.forget(number);
        }
        Ok(())
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let fd = match rustix::net::accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
                Err(Errno::AGAIN) => return Ok(()),
                accepted => accepted?,
            };
            rustix::net::sockopt::set_tcp_nodelay(&fd, true)?;
            epoll::add(&self.epoll, &fd, EventData::new_u64(self.members.len() as u64), EventFlags::IN)?;
            self.members.push(Some(Member { socket: Socket::new(fd), room: None }));
        }
    }

    fn serve_member(&mut self, number: usize, flags: EventFlags, buffer: &mut [u8]) -> io::Result<()> {
        let Self { epoll, members, rooms, dirty, .. } = self;
        let Some(member) = &mut members[number] else {
            return Ok(());
        };
        if flags.contains(EventFlags::OUT) && member.socket.flush()? {
            epoll::modify(&*epoll, &member.socket, EventData::new_u64(number as u64), EventFlags::IN)?;
        }
        if (flags - EventFlags::OUT).is_empty() {
            return Ok(());
        }
        let (mut joined, mut closed) = (None, false);
        let room = &mut member.room;
        member.socket.receive(false, buffer, |bytes| {
            let mut used = 0;
            let index = match *room {
                Some(index) => index,
                None => {
                    let Some((index, size)) = request(bytes)? else {
                        return Ok(0);
                    };
                    used = size;
                    joined = Some(index);
                    *room.insert(index)
                }
            };
            if rooms.len() <= index {
                rooms.resize_with(index + 1, Room::default);
            }
            used += rooms[index].gather(&bytes[used..], index, dirty, &mut closed);
            Ok(used)
        })?;
        if let Some(index) = joined {
            rooms[index].members.push(number);
            member.socket.send(&greeting())?;
        }
        if closed {
            member.socket.send(&CLOSED)?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(())
    }

    /// One `send` to each member of each room that has something; what does not fit waits for the socket.
    fn fan_out(&mut self) -> io::Result<()> {
        let Self { epoll, members, rooms, dirty, .. } = self;
        let mut gone = Vec::new();
        for index in dirty.drain(..) {
            let Room { members: numbers, gathered } = &mut rooms[index];
            for &number in &*numbers {
                let Some(member) = &mut members[number] else {
                    continue;
                };
                let had_unsent = member.socket.has_unsent();
                match member.socket.send(gathered) {
                    Ok(true) => {}
                    Ok(false) if had_unsent => {}
                    Ok(false) => {
                        let both = EventFlags::IN | EventFlags::OUT;
                        epoll::modify(&*epoll, &member.socket, EventData::new_u64(number as u64), both)?;
                    }
                    Err(_) => gone.push(number),
                }
            }
            gathered.clear();
        }
        for number in gone {
            self.forget(number);
        }
        Ok(())
    }

    fn forget(&mut self, number: usize) {
        if let Some(Member { room: Some(index), .. }) = self.members[number].take() {
            self.rooms[index].members.retain(|&other| other != number);
        }
    }
}

impl Room {
    /// Adds the whole frames in `bytes`, each with its author in front as in the text dialect.
    /// `closed` is set by a close frame.
    fn gather(&mut self, bytes: &[u8], index: usize, dirty: &mut Vec<usize>, closed: &mut bool) -> usize {
        let mut used = 0;
        while let Some(frame) = frames::first(&bytes[used..]) {
            used += frame.size;
            *closed |= frame.opcode == frames::CLOSE;
            let (frames::TEXT, Some(key)) = (frame.opcode, frame.key) else {
                continue;
            };
            if self.gathered.is_empty() {
                dirty.push(index);
            }
            frames::append_head(&mut self.gathered, frames::TEXT, AUTHOR.len() + frame.payload.len(), false);
            self.gathered.extend_from_slice(AUTHOR);
            frames::append_unmasked(&mut self.gathered, frame.payload, key);
        }
        used
    }
}

/// The number in `room=rNUMBER` and the size of the request, once all of it is there.
fn request(bytes: &[u8]) -> io::Result<Option<(usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return Ok(None);
    };
    let line = bytes.split(|&byte| byte == b'\r').next().unwrap_or_default();
    let number = std::str::from_utf8(line)
        .ok()
        .and_then(|line| line.split_once("room=r"))
        .and_then(|(_, rest)| rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok());
    match number {
        Some(number) => Ok(Some((number, end + 4))),
        None => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn greeting() -> Vec<u8> {
    let mut bytes = UPGRADED.to_vec();
    frames::append_head(&mut bytes, frames::TEXT, WELCOME.len(), false);
    bytes.extend_from_slice(WELCOME);
    bytes
}
