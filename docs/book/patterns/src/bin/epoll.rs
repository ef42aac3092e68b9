//! One thread and one epoll: it reads from every client that has sent something, and then writes to each member of the
//! rooms in which something was said, once.
//!
//! What a socket does not take waits, up to a mebibyte, until epoll says that there is space.

use std::collections::HashMap;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;

use bytes::Bytes;
use patterns::rounds::{Backlog, Heard, Input, Rooms, joined};
use patterns::{LINE_MAX, listen};
use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, SocketFlags};

const LISTENER: u64 = u64::MAX;
const EVENTS_AT_ONCE: usize = 1024;

struct Server {
    epoll: OwnedFd,
    clients: HashMap<u64, Client>,
    /// Clients that there have been: the number of the next.
    accepted: u64,
    rooms: Rooms,
}

struct Client {
    socket: OwnedFd,
    input: Input,
    backlog: Backlog,
}

impl Client {
    /// Writes what waits, as far as the socket takes it. False: the client is to be given up.
    fn write(&mut self) -> bool {
        while let Some(first) = self.backlog.first() {
            match rustix::net::send(&self.socket, first, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(written) => self.backlog.advance(written),
                Err(Errno::AGAIN) => return true,
                Err(_) => return false,
            }
        }
        true
    }
}

impl Server {
    // ANCHOR: epoll
    /// One round: all that is to be read, then all that is to be written.
    fn round(&mut self, events: &[Event], listener: &TcpListener) -> io::Result<()> {
        for event in events {
            match event.data.u64() {
                LISTENER => self.accept(listener)?,
                number => self.serve(number, event.flags)?,
            }
        }
        for (said, members) in self.rooms.round() {
            for number in members {
                self.give(number, said.clone())?;
            }
        }
        Ok(())
    }
    // ANCHOR_END: epoll

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let socket = match rustix::net::accept_with(listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) {
            Err(Errno::AGAIN) => return Ok(()),
            accepted => accepted?,
        };
        rustix::net::sockopt::set_tcp_nodelay(&socket, true)?;
        let number = self.accepted;
        self.accepted += 1;
        epoll::add(&self.epoll, &socket, EventData::new_u64(number), EventFlags::IN)?;
        self.clients.insert(number, Client { socket, input: Input::default(), backlog: Backlog::default() });
        Ok(())
    }

    fn serve(&mut self, number: u64, flags: EventFlags) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&number) else { return Ok(()) };
        if flags.contains(EventFlags::OUT) && client.write() && client.backlog.first().is_none() {
            epoll::modify(&self.epoll, &client.socket, EventData::new_u64(number), EventFlags::IN)?;
        }
        let mut buffer = [0; LINE_MAX];
        let heard = match rustix::net::recv(&client.socket, &mut buffer, RecvFlags::DONTWAIT) {
            Ok((1.., read)) => self.rooms.hear(number, &mut client.input, &buffer[..read]),
            Err(Errno::AGAIN) => Heard::Nothing,
            _ => Heard::TooLong,
        };
        match heard {
            Heard::Nothing => Ok(()),
            Heard::Joined => self.give(number, joined()),
            Heard::TooLong => self.forget(number),
        }
    }

    /// Writes to a client, or keeps what its socket does not take.
    fn give(&mut self, number: u64, said: Bytes) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&number) else { return Ok(()) };
        let waited = client.backlog.first().is_some();
        if !client.backlog.push(said) || (!waited && !client.write()) {
            return self.forget(number);
        }
        if !waited && client.backlog.first().is_some() {
            let flags = EventFlags::IN | EventFlags::OUT;
            epoll::modify(&self.epoll, &client.socket, EventData::new_u64(number), flags)?;
        }
        Ok(())
    }

    fn forget(&mut self, number: u64) -> io::Result<()> {
        let Some(client) = self.clients.remove(&number) else { return Ok(()) };
        self.rooms.leave(number, &client.input);
        Ok(epoll::delete(&self.epoll, &client.socket)?)
    }
}

fn main() -> io::Result<()> {
    let listener = listen()?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, EventData::new_u64(LISTENER), EventFlags::IN)?;
    let mut server = Server { epoll, clients: HashMap::new(), accepted: 0, rooms: Rooms::default() };
    let mut events: Vec<Event> = Vec::with_capacity(EVENTS_AT_ONCE);
    loop {
        events.clear();
        epoll::wait(&server.epoll, spare_capacity(&mut events), None)?;
        server.round(&events, &listener)?;
    }
}
