//! The accept threads: one a listener, which only hands over.
//!
//! Ends when the server closes (its listener is shut down, which makes `accept` fail) or when the
//! listener fails by itself, which ends the server.

use std::fs::File;
use std::io;
use std::net::{IpAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustix::io::Errno;

use crate::chat::Refusal;
use crate::engine::Engine;
use crate::engine::guards::admission::{Admission, Incoming, full};

/// Makes a caller of a socket that was accepted, and says why it is not let in, if it is not.
pub type OnAccept = Box<dyn Fn(TcpStream, IpAddr) -> io::Result<(Box<dyn Incoming>, Option<Refusal>)> + Send>;

/// Accepts until the server closes; the body of an accept thread.
///
/// # Errors
/// The listener has failed.
pub fn run(
    listener: &TcpListener,
    engine: &Arc<Engine>,
    admission: &Arc<Admission>,
    on_accept: &OnAccept,
) -> io::Result<()> {
    // A descriptor to give up when there is no other, so that a caller can be told no.
    let mut spare = File::open("/dev/null").ok();
    loop {
        match listener.accept() {
            Ok((stream, _)) if engine.hub.is_closing() => drop(stream),
            Ok((stream, peer)) => match on_accept(stream, peer.ip()) {
                Ok((caller, None)) => admission.admit(caller),
                Ok((caller, Some(refusal))) => admission.turn_away(caller, &refusal),
                // The caller went away before it was greeted.
                Err(error) => log::debug!(peer:% = peer, error:% = error; "caller lost"),
            },
            Err(_) if engine.hub.is_closing() => return Ok(()),
            Err(error) => match Errno::from_io_error(&error) {
                // accept(2): errors of the network that are already pending on the new socket.
                Some(
                    Errno::CONNABORTED
                    | Errno::INTR
                    | Errno::PROTO
                    | Errno::PERM
                    | Errno::NETUNREACH
                    | Errno::HOSTUNREACH,
                ) => {}
                Some(Errno::MFILE | Errno::NFILE) => {
                    drop(spare.take());
                    say_no(listener, on_accept);
                    spare = File::open("/dev/null").ok();
                }
                Some(Errno::NOBUFS | Errno::NOMEM) => std::thread::sleep(Duration::from_millis(100)),
                _ => return Err(error),
            },
        }
    }
}

/// There is no descriptor left but the spare one: takes the caller with it and sends it away.
fn say_no(listener: &TcpListener, on_accept: &OnAccept) {
    log::warn!("no file descriptor for a connection");
    if let Ok((stream, peer)) = listener.accept()
        && let Ok((caller, _)) = on_accept(stream, peer.ip())
    {
        caller.turn_away(&full(Duration::from_secs(1)));
    }
}
