//! The baseline: a bare loop of writes, which shows what this machine can deliver when it does nothing else.
//!
//! Measured before a load, on the calling thread, with a second one that reads: as many loopback connections as the load
//! has clients, or as this process may open, and one frame of a delivery's size written to each in turn. With one write
//! a delivery no server can do more. A server that puts several deliveries into one write can: so the loop does that
//! too, for half of the time, with as many as a room of roomd may put into one.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::{AsFd as _, OwnedFd};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::epoll::{self, CreateFlags, Event, EventData, EventFlags};
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use rustix::process::{Resource, getrlimit};
use serde::Serialize;

use crate::frames;
use crate::plan::Plan;

const SPARE_FILES: u64 = 64;
const EVENTS_AT_ONCE: usize = 1024;
const BUFFER_BYTES: usize = 256 * 1024;
/// Writes between two readings of the clock.
const WRITES_AT_ONCE: usize = 1000;
/// Deliveries in one write, and their bytes, at most: as in a round of roomd's broker.
const GATHERED_MAX: usize = 256;
const GATHERED_BYTES_MAX: usize = 128 * 1024;

/// What the loop achieved.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Baseline {
    pub sockets: usize,
    /// Bytes of a delivery.
    pub bytes: usize,
    /// Deliveries that the kernel took a second, with one in a write.
    pub per_s: f64,
    /// The same with so many deliveries in a write.
    pub gathered: usize,
    pub gathered_per_s: f64,
}

impl Baseline {
    /// Measures for as long as the plan says.
    ///
    /// # Errors
    /// If the connections cannot be opened, or one breaks.
    pub fn measure(plan: &Plan) -> io::Result<Self> {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let used = std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count) as u64;
        let pairs = usize::try_from(files.saturating_sub(used + SPARE_FILES) / 2).unwrap_or(usize::MAX);
        let sockets = plan.clients.min(pairs).max(1);
        let frame = delivery(plan);
        let (ours, theirs) = connect(sockets)?;
        let reader = read(theirs)?;
        let bytes = frame.len();
        let gathered = (GATHERED_BYTES_MAX / bytes).clamp(1, GATHERED_MAX);
        let measure = || {
            // The first write to a socket costs more than any later one.
            write(&ours, &frame, plan.baseline / 10)?;
            let per_s = write(&ours, &frame, plan.baseline / 2)? / bytes as f64;
            let gathered_per_s = write(&ours, &frame.repeat(gathered), plan.baseline / 2)? / bytes as f64;
            Ok(Self { sockets, bytes, per_s, gathered, gathered_per_s })
        };
        let measured = measure();
        // The reader ends with the connections, whatever came of them.
        drop(ours);
        reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        measured
    }
}

/// Writes to each socket in turn; returns the bytes that the kernel took, a second.
fn write(sockets: &[TcpStream], bytes: &[u8], time: Duration) -> io::Result<f64> {
    let (mut written, began) = (0, Instant::now());
    let mut turn = sockets.iter().cycle();
    while began.elapsed() < time {
        for stream in turn.by_ref().take(WRITES_AT_ONCE) {
            match rustix::net::send(stream, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
                Ok(count) => written += count,
                Err(Errno::AGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
    Ok(written as f64 / began.elapsed().as_secs_f64())
}

/// A frame as the server sends it for a message of this plan.
fn delivery(plan: &Plan) -> Vec<u8> {
    let text = ".".repeat(plan.text_bytes(0));
    let (room, user) = (plan.room_name(0), plan.user_name(0));
    let event = if plan.protocols[0].is_json() {
        let at = "2026-01-01T00:00:00.000Z";
        format!(r#"{{"type":"message","room":"{room}","user":"{user}","message":"{text}","seq":1000,"at":"{at}"}}"#)
    } else {
        format!("{user}: {text}")
    };
    let mut frame = Vec::new();
    frames::append_head(&mut frame, frames::TEXT, event.len(), false);
    frame.extend_from_slice(event.as_bytes());
    frame
}

fn connect(count: usize) -> io::Result<(Vec<TcpStream>, Vec<OwnedFd>)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let mut pairs = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        pairs.0.push(stream);
        pairs.1.push(listener.accept()?.0.into());
    }
    Ok(pairs)
}

/// Reads from all sockets until all are closed, on a thread of its own.
fn read(sockets: Vec<OwnedFd>) -> io::Result<JoinHandle<io::Result<()>>> {
    let epoll = epoll::create(CreateFlags::CLOEXEC)?;
    for (number, socket) in sockets.iter().enumerate() {
        epoll::add(&epoll, socket, EventData::new_u64(number as u64), EventFlags::IN)?;
    }
    let mut sockets: Vec<_> = sockets.into_iter().map(Some).collect();
    let body = move || {
        let mut open = sockets.len();
        let mut events: Vec<Event> = Vec::with_capacity(EVENTS_AT_ONCE);
        let mut buffer = vec![0; BUFFER_BYTES];
        while open > 0 {
            events.clear();
            match epoll::wait(&epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
            for event in &events {
                let number = usize::try_from(event.data.u64()).expect("numbers are indices of `sockets`");
                let Some(socket) = &sockets[number] else { continue };
                if !matches!(rustix::net::recv(socket.as_fd(), &mut buffer[..], RecvFlags::DONTWAIT), Ok((1.., _))) {
                    sockets[number] = None;
                    open -= 1;
                }
            }
        }
        Ok(())
    };
    thread::Builder::new().name("bare-reader".to_owned()).spawn(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loop_writes_frames_of_a_delivery() {
        let plan = Plan { clients: 3, baseline: std::time::Duration::from_millis(20), ..Plan::default() };
        let bare = Baseline::measure(&plan).unwrap();
        let frame = delivery(&plan);
        assert_eq!((bare.sockets, bare.bytes), (3, frame.len()));
        assert_eq!(frames::first(&frame).unwrap().size, frame.len());
        assert_eq!(bare.gathered, GATHERED_MAX);
        assert!(bare.per_s > 0.0 && bare.gathered_per_s > 0.0);
    }
}
