//! What the steps of a delivery cost on this machine, in nanoseconds each: the least of some runs, without anything else.
//!
//!     cargo run --release --example costs
//!     taskset -c 0 cargo run --release --example costs         # on one processor
//!
//! The least, since what disturbs a measurement only ever adds to it.

use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Instant;

const RUNS: u32 = 20;
const TIMES: u32 = 2_000;
const MESSAGE: [u8; 100] = [b'.'; 100];

/// Prints the time of one step, of which `work` takes so many.
fn measure(name: &str, steps: u32, mut work: impl FnMut(u32)) {
    let run = |_| {
        let begin = Instant::now();
        work(steps);
        begin.elapsed().as_nanos() / u128::from(steps)
    };
    let least = (0..RUNS).map(run).min().unwrap_or_default();
    println!("{name:52} {least:6} ns");
}

/// Says whose turn it is. Who waits for it sleeps at once: the channels of the standard library and of crossbeam spin first.
#[derive(Default)]
struct Baton {
    turn: Mutex<u32>,
    changed: Condvar,
}

/// The turn of nobody.
const END: u32 = 2;

impl Baton {
    fn give(&self, to: u32) {
        *self.turn.lock().expect("nobody panics") = to;
        self.changed.notify_all();
    }

    /// Waits for a turn, or for the end; which of them it is.
    fn take(&self, own: u32) -> u32 {
        let turn = self.turn.lock().expect("nobody panics");
        *self.changed.wait_while(turn, |turn| *turn != own && *turn != END).expect("nobody panics")
    }
}

fn main() -> std::io::Result<()> {
    let count = AtomicU64::new(0);
    measure("add to a counter that threads share", TIMES, |times| {
        (0..times).for_each(|_| _ = black_box(count.fetch_add(1, Ordering::SeqCst)));
    });
    let lock = Mutex::new(0_u64);
    measure("take a lock that nobody has, and release it", TIMES, |times| {
        (0..times).for_each(|_| *black_box(&lock).lock().expect("nobody panics") += 1);
    });
    let mut buffer = Vec::with_capacity(MESSAGE.len());
    measure("copy a message of 100 bytes", TIMES, |times| {
        for _ in 0..times {
            buffer.clear();
            buffer.extend_from_slice(black_box(&MESSAGE));
        }
    });
    measure("allocate, copy and free it", TIMES, |times| (0..times).for_each(|_| drop(black_box(MESSAGE.to_vec()))));
    measure("print it as JSON, with its author and a number", TIMES, |times| {
        let text = std::str::from_utf8(&MESSAGE).expect("it is ASCII");
        for number in 0..times {
            let json = format!(r#"{{"type":"message","user":"Alice","seq":{number},"message":{text:?}}}"#);
            drop(black_box(json));
        }
    });

    let (mut here, mut there) = UnixStream::pair()?;
    here.set_nonblocking(true)?;
    let mut input = vec![0; MESSAGE.len() * TIMES as usize];
    let mut written = 0;
    measure("write it to a socket; one read for sixteen of them", TIMES, |times| {
        for _ in 0..times {
            written += here.write(&MESSAGE).expect("there is space");
            if written >= 16 * MESSAGE.len() {
                written -= there.read(&mut input).expect("it is there");
            }
        }
    });
    let many = MESSAGE.repeat(16);
    measure("write sixteen at once, and read them", TIMES, |times| {
        for _ in 0..times {
            here.write_all(&many).expect("there is space");
            there.read_exact(&mut input[..many.len()]).expect("it is there");
        }
    });

    let baton = Arc::new(Baton::default());
    let others = Arc::clone(&baton);
    let other = thread::spawn(move || {
        while others.take(1) != END {
            others.give(0)
        }
    });
    measure("wake a thread that sleeps: half of there and back", TIMES, |times| {
        // Two are woken in turn, the other and this one.
        for _ in 0..times / 2 {
            baton.give(1);
            baton.take(0);
        }
    });
    baton.give(END);
    other.join().expect("it does not panic");
    measure("start a thread, and join it", TIMES / 20, |times| {
        (0..times).for_each(|_| thread::spawn(|| ()).join().expect("it does not panic"));
    });
    Ok(())
}
