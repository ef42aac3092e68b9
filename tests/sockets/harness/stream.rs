//! The stream of a client: a socket, with TLS over it where the server speaks it.
//!
//! It dereferences to the socket, so a test can set options, or do what TLS does not expect.

use std::io::{self, IoSlice, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::Deref;
use std::sync::Arc;
use std::time::Instant;

use roomd_tls::{Application, Dialer, Tunnel};

use super::DEADLINE;

/// See the module.
pub struct Stream {
    socket: TcpStream,
    tunnel: Option<Arc<Tunnel>>,
}

impl Stream {
    /// Makes a handshake over a socket that is connected.
    pub fn sealed(socket: TcpStream, dialer: &Dialer, application: Application) -> Self {
        let tunnel = dialer.dial("localhost", application).unwrap();
        tunnel.shake_hands(&socket, Instant::now() + DEADLINE, || tunnel.compute()).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self { socket, tunnel: Some(tunnel) }
    }

    /// Ends its side of the stream.
    pub fn finish(&self) {
        if let Some(tunnel) = &self.tunnel {
            tunnel.close(&self.socket);
        }
        self.socket.shutdown(Shutdown::Write).unwrap();
    }
}

impl From<TcpStream> for Stream {
    fn from(socket: TcpStream) -> Self {
        Self { socket, tunnel: None }
    }
}

impl Deref for Stream {
    type Target = TcpStream;

    fn deref(&self) -> &TcpStream {
        &self.socket
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &self.tunnel {
            Some(tunnel) => tunnel.read(&self.socket, buffer),
            None => (&self.socket).read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &self.tunnel {
            Some(tunnel) => tunnel.write(&self.socket, &[IoSlice::new(bytes)]),
            None => (&self.socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
