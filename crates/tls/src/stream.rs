//! A blocking socket, with a tunnel over it or without.
//!
//! For code that needs `Read` and `Write` and reads and writes on one thread.

use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use super::{Application, Dialer, Tunnel};

/// See the module.
pub struct Stream {
    socket: TcpStream,
    tunnel: Option<Arc<Tunnel>>,
}

impl Stream {
    /// Completes the handshake with the server of this name, over a connected socket; blocks until the
    /// deadline at most. Without a dialer the socket stays as it is.
    ///
    /// # Errors
    /// The handshake failed, or did not finish in time.
    pub fn begin(socket: TcpStream, dialer: Option<&Dialer>, host: &str, deadline: Instant) -> io::Result<Self> {
        let tunnel = dialer.map(|dialer| dialer.dial(host, Application::Http)).transpose();
        let tunnel = tunnel.map_err(io::Error::other)?;
        if let Some(tunnel) = &tunnel {
            let timeout = socket.read_timeout()?;
            tunnel.shake_hands(&socket, deadline, || tunnel.compute())?;
            socket.set_read_timeout(timeout)?;
        }
        Ok(Self { socket, tunnel })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.tunnel {
            Some(tunnel) => tunnel.read(&self.socket, buffer),
            None => self.socket.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.tunnel {
            Some(tunnel) => tunnel.write(&self.socket, &[IoSlice::new(bytes)]),
            None => self.socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
