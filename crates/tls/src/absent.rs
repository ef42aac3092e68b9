//! The names of this crate in a build without TLS.
//!
//! A request for TLS is answered with an error. The types have no values, so their other methods need no
//! implementation.

use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

use super::{Application, NoTunnel, Pair, Trust, Validity};

const ABSENT: &str = "this roomd was built without TLS";

/// Has no values in this build.
pub struct Tunnel(Infallible);

/// Has no values in this build.
pub struct Certificate(Infallible);

/// Has no values in this build.
pub struct NewCertificate(Infallible);

/// Has no values in this build.
#[derive(Clone, Debug)]
pub struct Dialer(Infallible);

impl Certificate {
    /// Fails: this build has no TLS.
    ///
    /// # Errors
    /// A sentence.
    pub fn load(_: &str, _: &str) -> Result<Self, String> {
        Err(ABSENT.to_owned())
    }

    /// Cannot be called: there is no value.
    ///
    /// # Errors
    /// None.
    pub fn read(&self, _: &str, _: &str) -> Result<NewCertificate, String> {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    pub fn replace(&self, new: NewCertificate) {
        match new.0 {}
    }

    /// Cannot be called: there is no value.
    #[must_use]
    pub fn validity(&self) -> Option<Validity> {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    ///
    /// # Errors
    /// None.
    pub fn accept(&self, _: &TcpStream, _: Application, _: Instant) -> Result<Arc<Tunnel>, NoTunnel> {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    #[must_use]
    pub fn handshake_threads(&self) -> usize {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    pub fn work(&self, _: impl Fn()) {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    pub fn close(&self) {
        match self.0 {}
    }
}

impl Dialer {
    /// Fails: this build has no TLS.
    ///
    /// # Errors
    /// A sentence.
    pub fn new(_: &Trust) -> Result<Self, String> {
        Err(ABSENT.to_owned())
    }

    /// Cannot be called: there is no value.
    ///
    /// # Errors
    /// None.
    pub fn dial(&self, _: &str, _: Application) -> Result<Arc<Tunnel>, String> {
        match self.0 {}
    }
}

impl Tunnel {
    /// Cannot be called: there is no value.
    ///
    /// # Errors
    /// None.
    pub fn shake_hands(&self, _: &TcpStream, _: Instant, _: impl Fn() -> io::Result<()>) -> io::Result<()> {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    ///
    /// # Errors
    /// None.
    pub fn compute(&self) -> io::Result<()> {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    ///
    /// # Errors
    /// None.
    pub fn read(&self, _: &TcpStream, _: &mut [u8]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    ///
    /// # Errors
    /// None.
    pub fn try_write(&self, _: &TcpStream, _: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    ///
    /// # Errors
    /// None.
    pub fn write(&self, _: &TcpStream, _: &[IoSlice<'_>]) -> io::Result<usize> {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    ///
    /// # Errors
    /// None.
    pub fn write_all(&self, _: &TcpStream, _: &[u8]) -> io::Result<()> {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    pub fn close(&self, _: &TcpStream) {
        match self.0 {}
    }

    /// Cannot be called: there is no value.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        match self.0 {}
    }
}

/// Fails: this build has no TLS.
///
/// # Errors
/// A sentence.
pub fn self_signed(_: &[String]) -> Result<Pair, String> {
    Err(ABSENT.to_owned())
}
