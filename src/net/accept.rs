//! The accept threads: one a listener, which only hands connections over.
//!
//! An accept thread ends when the server closes (its listener is shut down, which makes `accept` fail) or
//! when the listener fails by itself, which ends the server.

use std::fs::File;
use std::io;
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::io::Errno;

use super::context::ServerContext;
use super::incoming::IncomingConnection;
use super::listeners::{INLINE_MAX, Listener, ServedBy};
use super::listening_socket::ListeningSocket;
use crate::engine::guards::admission::{Incoming, full};

/// Accepts until the server closes; the body of an accept thread.
///
/// # Errors
/// The listener has failed.
pub fn run(listener: &'static Listener, socket: &ListeningSocket, context: &Arc<ServerContext>) -> io::Result<()> {
    // A descriptor to give up when there is no other, so that a client can be refused.
    let mut spare = File::open("/dev/null").ok();
    let is_closing = || context.engine.hub.is_closing();
    loop {
        match socket.accept() {
            Ok((stream, _)) if is_closing() => drop(stream),
            Ok((stream, ip)) => {
                // A defect that one client reaches ends the service of that client alone.
                let handed = || hand_over(listener, context, stream, ip);
                if let Some(Err(error)) = context.engine.threads.run_job(listener.thread, handed) {
                    // The client went away before anything was sent.
                    log::debug!(peer:% = ip, error:% = error; "client lost");
                }
            }
            Err(_) if is_closing() => return Ok(()),
            Err(error) => match Errno::from_io_error(&error) {
                // accept(2): errors of the network that are already pending on the new socket.
                Some(
                    // A passed socket, on which nobody has connected for a while.
                    Errno::AGAIN
                    | Errno::CONNABORTED
                    | Errno::INTR
                    | Errno::PROTO
                    | Errno::PERM
                    | Errno::NETUNREACH
                    | Errno::HOSTUNREACH,
                ) => {}
                Some(Errno::MFILE | Errno::NFILE) => {
                    drop(spare.take());
                    refuse_one(listener, socket, context);
                    spare = File::open("/dev/null").ok();
                }
                Some(Errno::NOBUFS | Errno::NOMEM) => std::thread::sleep(Duration::from_millis(100)),
                _ => return Err(error),
            },
        }
    }
}

/// Serves a connection here, or hands it to admission, which serves it, lets it wait, or turns it away.
fn hand_over(
    listener: &'static Listener,
    context: &Arc<ServerContext>,
    stream: TcpStream,
    ip: IpAddr,
) -> io::Result<()> {
    let mut connection = IncomingConnection::new(listener, context, stream, ip)?;
    if listener.served_by == ServedBy::AcceptThread {
        connection.serve_by(Instant::now() + INLINE_MAX);
        return Ok(());
    }
    if !listener.is_probed
        && let Some(refusal) = context.engine.refuses_newcomers()
    {
        context.admission.reject(connection, &refusal);
        return Ok(());
    }
    match connection.count() {
        Ok(()) => context.admission.admit(connection),
        Err(refusal) => context.admission.reject(connection, &refusal),
    }
    Ok(())
}

/// No descriptor is left but the spare one: accepts a connection with it, and turns it away.
fn refuse_one(listener: &'static Listener, socket: &ListeningSocket, context: &Arc<ServerContext>) {
    log::warn!("no file descriptor for a connection");
    if let Ok((stream, ip)) = socket.accept()
        && let Ok(connection) = IncomingConnection::new(listener, context, stream, ip)
    {
        connection.reject(&full(Duration::from_secs(1)));
    }
}
