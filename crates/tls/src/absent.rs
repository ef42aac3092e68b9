//! A build without TLS: the same names, and nothing of their kinds.
//!
//! Asking for one is answered with a sentence; what nobody can have, nobody needs to implement.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use super::{Application, NoTunnel, Pair, Trust};

const ABSENT: &str = "this roomd was built without TLS";

/// There is none.
pub struct Tunnel(Infallible);

/// There is none.
pub struct Certificate(Infallible);

/// There is none.
#[derive(Clone, Debug)]
pub struct Dialer(Infallible);

impl Certificate {
    /// Cannot be loaded.
    ///
    /// # Errors
    /// A sentence.
    pub fn load(_: &str, _: &str) -> Result<Self, String> {
        Err(ABSENT.to_owned())
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn reload(&self) -> Result<(), String> {
        match self.0 {}
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn accept(&self, _: &TcpStream, _: Application, _: Instant) -> Result<Arc<Tunnel>, NoTunnel> {
        match self.0 {}
    }

    /// Is never called.
    #[must_use]
    pub fn handshake_threads(&self) -> usize {
        match self.0 {}
    }

    /// Is never called.
    pub fn work(&self, _: impl Fn()) {
        match self.0 {}
    }

    /// Is never called.
    pub fn close(&self) {
        match self.0 {}
    }
}

impl Dialer {
    /// Cannot be made.
    ///
    /// # Errors
    /// A sentence.
    pub fn new(_: &Trust) -> Result<Self, String> {
        Err(ABSENT.to_owned())
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn dial(&self, _: &str, _: Application) -> Result<Arc<Tunnel>, String> {
        match self.0 {}
    }
}

impl Tunnel {
    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn shake_hands(&self, _: &TcpStream, _: Instant, _: impl Fn() -> io::Result<()>) -> io::Result<()> {
        match self.0 {}
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn compute(&self) -> io::Result<()> {
        match self.0 {}
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn read(&self, _: &TcpStream, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn try_write(&self, _: &TcpStream, _: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn write(&self, _: &TcpStream, _: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Is never called.
    ///
    /// # Errors
    /// None.
    pub fn write_all(&self, _: &TcpStream, _: &[u8]) -> io::Result<()> {
        match self.0 {}
    }

    /// Is never called.
    pub fn close(&self, _: &TcpStream) {
        match self.0 {}
    }

    /// Is never called.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        match self.0 {}
    }
}

/// Cannot be made.
///
/// # Errors
/// A sentence.
pub fn self_signed(_: &[String]) -> Result<Pair, String> {
    Err(ABSENT.to_owned())
}
