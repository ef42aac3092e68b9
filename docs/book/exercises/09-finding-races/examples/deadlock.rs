//! A lock held over a send, on real threads, to be looked at with a debugger: it hangs, and is meant to.
//!
//!     cargo run --example deadlock
//!
//! The queue has space for one. `sender-1` sends with the map's lock in hand; `room-2` looks something up in the map before it
//! receives. The program ends itself after ten minutes.

use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

// ANCHOR: deadlock
fn main() -> std::io::Result<()> {
    let map = Arc::new(Mutex::new(()));
    let (queue, inbox) = mpsc::sync_channel(1);
    let of_sender = Arc::clone(&map);
    spawn("sender-1", move || {
        loop {
            let _map = of_sender.lock().expect("nobody panics");
            // The mistake: where the queue is full, the send waits, and the lock with it.
            queue.send("hi").expect("the room is there");
        }
    })?;
    spawn("room-2", move || {
        loop {
            // It looks something up.
            drop(map.lock().expect("nobody panics"));
            inbox.recv().expect("the sender is there");
        }
    })?;
    // ANCHOR_END: deadlock
    println!("process {}: it is going to hang", std::process::id());
    thread::sleep(Duration::from_secs(600));
    Ok(())
}

fn spawn(name: &str, body: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    thread::Builder::new().name(name.to_owned()).spawn(body)?;
    Ok(())
}
