//! One thread and one ring: it asks for reads and writes, and is told what has become of them. A round has one system call,
//! whatever its number of members.
//!
//! What the kernel reads or writes must stay where it is until the kernel is done: a client is forgotten when neither its
//! read nor its write is out any more. That is what the `unsafe` below is about, and all that it is about.

use std::collections::HashMap;
use std::io;
use std::net::{Shutdown, TcpListener, TcpStream};
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::ptr;

use bytes::Bytes;
use io_uring::{IoUring, cqueue, opcode, squeue, types};
use patterns::rounds::{Backlog, Heard, Input, Rooms, joined};
use patterns::{LINE_MAX, listen};

const ENTRIES: u32 = 4096;
const ACCEPT: u64 = u64::MAX;

struct Server {
    ring: IoUring,
    clients: HashMap<u64, Client>,
    /// Clients that there have been: the number of the next.
    accepted: u64,
    rooms: Rooms,
}

struct Client {
    socket: TcpStream,
    input: Input,
    backlog: Backlog,
    /// What the kernel reads into.
    buffer: Box<[u8; LINE_MAX]>,
    is_reading: bool,
    /// What the kernel is writing, which stays where it is until it is done.
    writing: Option<Bytes>,
    /// It is gone, or is to go.
    is_over: bool,
}

impl Server {
    // ANCHOR: uring
    /// One round: what has been done since the last, and then all that is to be asked for, in one call.
    fn round(&mut self, done: &[cqueue::Entry], listener: &TcpListener) -> io::Result<()> {
        for entry in done {
            match (entry.user_data(), entry.user_data() >> 1) {
                (ACCEPT, _) => self.accepted(entry.result(), listener)?,
                (data, number) if data & 1 == 0 => self.has_read(number, entry.result())?,
                (_, number) => self.has_written(number, entry.result())?,
            }
        }
        for (said, members) in self.rooms.round() {
            for number in members {
                self.give(number, said.clone())?;
            }
        }
        self.ring.submit_and_wait(1)?;
        Ok(())
    }

    /// Has the kernel read what the client sends next.
    fn read(&mut self, number: u64) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&number) else { return Ok(()) };
        let descriptor = types::Fd(client.socket.as_raw_fd());
        let read = opcode::Recv::new(descriptor, client.buffer.as_mut_ptr(), LINE_MAX as u32);
        client.is_reading = true;
        self.ask(read.build().user_data(number << 1))
    }

    /// Has the kernel write what waits for a client, unless it is writing already.
    fn write(&mut self, number: u64) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&number) else { return Ok(()) };
        let (None, Some(next)) = (&client.writing, client.backlog.first()) else { return Ok(()) };
        let descriptor = types::Fd(client.socket.as_raw_fd());
        let write = opcode::Send::new(descriptor, next.as_ptr(), next.len() as u32).flags(no_signal());
        client.writing = Some(next.clone());
        self.ask(write.build().user_data(number << 1 | 1))
    }
    // ANCHOR_END: uring

    fn ask(&mut self, entry: squeue::Entry) -> io::Result<()> {
        // SAFETY: what the entry points to is a client's buffer, or the `Bytes` in its `writing`; `forget` keeps both until
        // the kernel has answered, and neither moves: both are on the heap.
        while unsafe { self.ring.submission().push(&entry) }.is_err() {
            // The queue is full: the kernel takes what is in it.
            self.ring.submit()?;
        }
        Ok(())
    }

    fn accept(&mut self, listener: &TcpListener) -> io::Result<()> {
        let accept = opcode::Accept::new(types::Fd(listener.as_raw_fd()), ptr::null_mut(), ptr::null_mut());
        self.ask(accept.build().user_data(ACCEPT))
    }

    fn accepted(&mut self, result: i32, listener: &TcpListener) -> io::Result<()> {
        let descriptor = checked(result)?;
        // SAFETY: the kernel has just opened it for this process, and nobody else knows of it.
        let socket = TcpStream::from(unsafe { OwnedFd::from_raw_fd(descriptor) });
        socket.set_nodelay(true)?;
        let number = self.accepted;
        self.accepted += 1;
        let client = Client {
            socket,
            input: Input::default(),
            backlog: Backlog::default(),
            buffer: Box::new([0; LINE_MAX]),
            is_reading: false,
            writing: None,
            is_over: false,
        };
        self.clients.insert(number, client);
        self.read(number)?;
        self.accept(listener)
    }

    fn has_read(&mut self, number: u64, result: i32) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&number) else { return Ok(()) };
        client.is_reading = false;
        let heard = match usize::try_from(result) {
            Ok(read @ 1..) if !client.is_over => self.rooms.hear(number, &mut client.input, &client.buffer[..read]),
            _ => Heard::TooLong,
        };
        match heard {
            Heard::TooLong => {
                self.forget(number);
                return Ok(());
            }
            Heard::Joined => self.give(number, joined())?,
            Heard::Nothing => {}
        }
        self.read(number)
    }

    fn has_written(&mut self, number: u64, result: i32) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&number) else { return Ok(()) };
        client.writing = None;
        match usize::try_from(result) {
            Ok(written) if !client.is_over => {
                client.backlog.advance(written);
                self.write(number)
            }
            _ => {
                self.forget(number);
                Ok(())
            }
        }
    }

    fn give(&mut self, number: u64, said: Bytes) -> io::Result<()> {
        let Some(client) = self.clients.get_mut(&number) else { return Ok(()) };
        if client.backlog.push(said) {
            self.write(number)
        } else {
            self.forget(number);
            Ok(())
        }
    }

    /// A client leaves its room at once, and is dropped when the kernel is done with its memory.
    fn forget(&mut self, number: u64) {
        let Some(client) = self.clients.get_mut(&number) else { return };
        if !client.is_over {
            client.is_over = true;
            // It may be broken already.
            _ = client.socket.shutdown(Shutdown::Both);
            self.rooms.leave(number, &client.input);
        }
        if !client.is_reading && client.writing.is_none() {
            self.clients.remove(&number);
        }
    }
}

/// What a system call would have returned.
fn checked(result: i32) -> io::Result<i32> {
    if result < 0 { Err(io::Error::from_raw_os_error(-result)) } else { Ok(result) }
}

/// A write to a client that is gone is an error, and no signal.
fn no_signal() -> i32 {
    rustix::net::SendFlags::NOSIGNAL.bits() as i32
}

fn main() -> io::Result<()> {
    let listener = listen()?;
    // The kernel does its part of the work when this thread asks, and not in between.
    let ring = IoUring::builder().setup_single_issuer().setup_defer_taskrun().build(ENTRIES)?;
    let mut server = Server { ring, clients: HashMap::new(), accepted: 0, rooms: Rooms::default() };
    server.accept(&listener)?;
    server.ring.submit_and_wait(1)?;
    loop {
        let done: Vec<_> = server.ring.completion().collect();
        server.round(&done, &listener)?;
    }
}
