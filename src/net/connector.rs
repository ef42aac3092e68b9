//! The connections of the HTTP client, to receivers of webhooks and to where keys are fetched from: a socket to one of the
//! addresses that were resolved for it, with TLS for `https`.
//!
//! Called by the HTTP client on the thread that asks. Certificates are checked as the system does, against the name in
//! the URL. What is connected is cut when the sender closes.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use roomd_tls::{Dialer, Stream, Trust};
use ureq::Error;
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, ShutdownHandle, Transport,
};

/// See the module.
#[derive(Default)]
pub struct DirectConnector {
    /// Made with the first `https`: it reads the certificates that the system trusts.
    dialer: OnceLock<Result<Dialer, String>>,
}

impl fmt::Debug for DirectConnector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DirectConnector").finish_non_exhaustive()
    }
}

impl Connector for DirectConnector {
    type Out = ReceiverConnection;

    fn connect(&self, details: &ConnectionDetails<'_>, _: Option<()>) -> Result<Option<ReceiverConnection>, Error> {
        let patience = details.timeout.not_zero().map_or(Duration::MAX, |timeout| *timeout);
        let deadline = Instant::now() + patience.min(Duration::from_secs(60));
        let socket = connect(details, deadline)?;
        let handle = Arc::new(Cut(socket.try_clone()?));
        let registered: Arc<dyn ShutdownHandle> = Arc::clone(&handle) as _;
        (details.register_shutdown)(Arc::downgrade(&registered))?;
        let is_tls = details.needs_tls();
        let dialer = is_tls.then(|| self.dialer.get_or_init(|| Dialer::new(&Trust::System)).as_ref());
        let dialer = dialer.transpose().map_err(|error| Error::Other(error.clone().into()))?;
        let host = details.uri.host().unwrap_or_default().trim_matches(['[', ']']);
        let stream = Stream::begin(socket, dialer, host, deadline)?;
        let buffers = LazyBuffers::new(details.config.input_buffer_size(), details.config.output_buffer_size());
        Ok(Some(ReceiverConnection { stream, buffers, handle, is_tls }))
    }
}

/// A socket to the first address that takes one, each with its part of the time.
fn connect(details: &ConnectionDetails<'_>, deadline: Instant) -> io::Result<TcpStream> {
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    for (tried, address) in details.addrs.iter().enumerate() {
        let left = deadline.saturating_duration_since(Instant::now());
        let part = left / u32::try_from(details.addrs.len() - tried).unwrap_or(1);
        match TcpStream::connect_timeout(address, part.max(Duration::from_millis(1))) {
            Ok(socket) => {
                socket.set_nodelay(true)?;
                return Ok(socket);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// The handle by which a connection is cut.
struct Cut(TcpStream);

impl ShutdownHandle for Cut {
    fn shutdown(&self) {
        // One that is closed already is as it should be.
        _ = self.0.shutdown(Shutdown::Both);
    }
}

/// A connection to a receiver.
pub struct ReceiverConnection {
    stream: Stream,
    buffers: LazyBuffers,
    handle: Arc<Cut>,
    is_tls: bool,
}

impl fmt::Debug for ReceiverConnection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReceiverConnection").finish_non_exhaustive()
    }
}

impl Transport for ReceiverConnection {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), Error> {
        self.handle.0.set_write_timeout(timeout.not_zero().map(|timeout| *timeout))?;
        let sent = self.stream.write_all(&self.buffers.output()[..amount]);
        sent.map_err(|error| in_time(error, timeout))
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, Error> {
        self.handle.0.set_read_timeout(timeout.not_zero().map(|timeout| *timeout))?;
        let amount = loop {
            match self.stream.read(self.buffers.input_append_buf()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read.map_err(|error| in_time(error, timeout))?,
            }
        };
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    /// Whether the receiver has sent nothing, not even an end, since its last answer.
    fn is_open(&mut self) -> bool {
        let socket = &self.handle.0;
        let is_quiet = socket.set_nonblocking(true).is_ok()
            && matches!(socket.peek(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock);
        socket.set_nonblocking(false).is_ok() && is_quiet
    }

    fn is_tls(&self) -> bool {
        self.is_tls
    }
}

/// The error, or that the time was over.
fn in_time(error: io::Error, timeout: NextTimeout) -> Error {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Error::Timeout(timeout.reason),
        _ => Error::Io(error),
    }
}
