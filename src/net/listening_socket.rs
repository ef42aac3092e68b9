//! A socket that listens: at a TCP address, or at the path of a file for programs on this machine.
//!
//! Opened by `assemble`, or passed by a service manager (`passed`). Its accept thread blocks in
//! [`ListeningSocket::accept`]; `assemble` wakes it when the server ends. The file of a socket appears when the socket
//! listens already and with its permissions, and goes when the socket is closed.

use std::fmt;
use std::fs::{self, Permissions};
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::fd::{AsFd, OwnedFd};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};

/// What stands before the path of a unix socket in an address.
pub const UNIX: &str = "unix:";

/// Connections that the kernel holds before they are accepted. std's 128 makes a burst of ten
/// thousand take most of a minute, because the kernel drops what is beyond it and clients retry.
const BACKLOG: i32 = 4_096;
/// How long a thread that accepts on a passed socket may take to see that the server ends.
const PASSED_WAIT: Duration = Duration::from_millis(500);

/// Where a socket listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ListenAddress {
    /// At an address of this machine.
    Tcp(SocketAddr),
    /// At the path of a file; empty for a passed socket that has none.
    Unix(PathBuf),
}

impl ListenAddress {
    /// The TCP address, if it is one.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether other machines can reach it.
    #[must_use]
    pub fn is_public(&self) -> bool {
        match self {
            Self::Tcp(address) => !address.ip().to_canonical().is_loopback(),
            Self::Unix(_) => false,
        }
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "{UNIX}{}", path.display()),
        }
    }
}

/// See the module.
pub struct ListeningSocket {
    socket: Socket,
    /// A service manager goes on listening on it when the server has ended.
    is_passed: bool,
    /// The file that goes with it.
    file: Option<SocketFile>,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl ListeningSocket {
    /// Listens on `HOST:PORT`, or on `unix:PATH` with a file of these permissions.
    ///
    /// # Errors
    /// The name does not resolve, or none of its addresses can be bound; somebody listens at the path, or it is
    /// something other than a socket.
    pub fn bind(address: &str, mode: u32) -> io::Result<Self> {
        let (socket, file) = match address.strip_prefix(UNIX) {
            Some(path) => {
                let (listener, file) = bind_unix(Path::new(path), mode)?;
                (Socket::Unix(listener), Some(file))
            }
            None => {
                let addresses: Vec<_> = address.to_socket_addrs()?.collect();
                (Socket::Tcp(TcpListener::bind(&*addresses)?), None)
            }
        };
        let socket = Self { socket, is_passed: false, file };
        // On a socket that listens already this only sets the backlog.
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(socket)
    }

    /// A TCP socket that was passed.
    ///
    /// # Errors
    /// It does not listen.
    pub fn passed_tcp(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(false)?;
        Self::passed(Socket::Tcp(listener))
    }

    /// A unix socket that was passed.
    ///
    /// # Errors
    /// It does not listen.
    pub fn passed_unix(listener: UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(false)?;
        Self::passed(Socket::Unix(listener))
    }

    fn passed(socket: Socket) -> io::Result<Self> {
        let socket = Self { socket, is_passed: true, file: None };
        if !sockopt::socket_acceptconn(&socket)? {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a passed socket does not listen"));
        }
        // `accept` fails after it (socket(7)), and the thread looks whether the server ends.
        sockopt::set_socket_timeout(&socket, Timeout::Recv, Some(PASSED_WAIT))?;
        Ok(socket)
    }

    /// Where it listens.
    ///
    /// # Errors
    /// As `getsockname`.
    pub fn address(&self) -> io::Result<ListenAddress> {
        Ok(match (&self.socket, &self.file) {
            (Socket::Tcp(listener), _) => ListenAddress::Tcp(listener.local_addr()?),
            (_, Some(file)) => ListenAddress::Unix(file.path.clone()),
            (Socket::Unix(listener), None) => {
                let address = listener.local_addr()?;
                let name =
                    || address.as_abstract_name().map(|name| format!("@{}", String::from_utf8_lossy(name)).into());
                ListenAddress::Unix(address.as_pathname().map(Into::into).or_else(name).unwrap_or_default())
            }
        })
    }

    /// Accepts a connection; blocks until one comes. The clients of a unix socket are on this machine, so they have its
    /// address. std's stream is no more than an open socket: every call that is made of it fits both kinds.
    ///
    /// # Errors
    /// As `accept`; `WouldBlock` when it is time to see whether the server ends.
    pub fn accept(&self) -> io::Result<(TcpStream, IpAddr)> {
        let (stream, ip) = match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                (stream, peer.ip())
            }
            Socket::Unix(listener) => {
                let (stream, _) = listener.accept()?;
                (TcpStream::from(OwnedFd::from(stream)), IpAddr::V4(Ipv4Addr::LOCALHOST))
            }
        };
        if self.is_passed {
            // It has inherited that timeout.
            stream.set_read_timeout(None)?;
        }
        Ok((stream, ip))
    }

    /// Has no further connection accepted, and wakes the thread that blocks in `accept`. A passed socket is not the
    /// server's to shut, because its manager listens on it for the next server: there the thread wakes by itself.
    pub fn shut_down(&self) {
        if !self.is_passed {
            // A listener that failed needs no waking.
            _ = rustix::net::shutdown(self, rustix::net::Shutdown::Both);
        }
    }
}

impl AsFd for ListeningSocket {
    fn as_fd(&self) -> std::os::fd::BorrowedFd<'_> {
        match &self.socket {
            Socket::Tcp(listener) => listener.as_fd(),
            Socket::Unix(listener) => listener.as_fd(),
        }
    }
}

/// The file of a socket, which is removed when it is dropped.
struct SocketFile {
    path: PathBuf,
    /// Device and inode: another server may have put its own there meanwhile.
    id: (u64, u64),
}

impl SocketFile {
    fn id_at(path: &Path) -> io::Result<(u64, u64)> {
        let metadata = fs::symlink_metadata(path)?;
        Ok((metadata.dev(), metadata.ino()))
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if Self::id_at(&self.path).is_ok_and(|id| id == self.id) {
            // A file that stays is replaced by the next server.
            _ = fs::remove_file(&self.path);
        }
    }
}

/// Opens a unix socket under another name, and moves it to its path when it listens and has its permissions: a client
/// finds it whole or not at all. What a server that was killed has left there is replaced.
fn bind_unix(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    if is_in_use(path)? {
        return Err(Errno::ADDRINUSE.into());
    }
    let draft = path.with_file_name(format!(".roomd-{}", std::process::id()));
    match fs::remove_file(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let listener = UnixListener::bind(&draft)?;
    let moved = fs::set_permissions(&draft, Permissions::from_mode(mode))
        .and_then(|()| SocketFile::id_at(&draft))
        .and_then(|id| fs::rename(&draft, path).map(|()| id));
    match moved {
        Ok(id) => Ok((listener, SocketFile { path: path.to_owned(), id })),
        Err(error) => {
            // The first error is the one to tell.
            _ = fs::remove_file(&draft);
            Err(error)
        }
    }
}

/// Whether somebody listens at the path.
///
/// # Errors
/// It is something other than a socket, or cannot be looked at.
fn is_in_use(path: &Path) -> io::Result<bool> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
        Ok(metadata) if !metadata.file_type().is_socket() => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is a file that is no socket"));
        }
        Ok(_) => {}
    }
    // A full queue would have a connection wait.
    let client = rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::NONBLOCK, None)?;
    match rustix::net::connect(&client, &SocketAddrUnix::new(path)?) {
        Err(Errno::CONNREFUSED) => Ok(false),
        // It is listening, also if its queue is full or this user may not connect.
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    /// A path in a folder of its own.
    fn place(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("roomd-listen-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        folder.join("s")
    }

    fn bind(path: &Path) -> io::Result<ListeningSocket> {
        ListeningSocket::bind(&format!("{UNIX}{}", path.display()), 0o600)
    }

    #[test]
    fn the_file_of_a_socket_has_its_permissions_and_goes_with_it() {
        let path = place("mode");
        let socket = bind(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(socket.address().unwrap(), ListenAddress::Unix(path.clone()));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft is left");
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn what_a_killed_server_left_is_replaced_and_what_is_used_is_not() {
        let path = place("stale");
        drop(UnixListener::bind(&path).unwrap());
        let socket = bind(&path).unwrap();
        assert_eq!(bind(&path).err().map(|error| error.kind()), Some(io::ErrorKind::AddrInUse));
        let client = UnixStream::connect(&path).unwrap();
        assert!(socket.accept().is_ok_and(|(_, ip)| ip.is_loopback()));
        drop(client);
        // Another's file stays when this socket goes.
        fs::remove_file(&path).unwrap();
        let other = UnixListener::bind(&path).unwrap();
        drop(socket);
        assert!(path.exists());
        drop(other);
    }

    #[test]
    fn a_file_that_is_no_socket_stays() {
        let path = place("file");
        fs::write(&path, "precious").unwrap();
        assert!(bind(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn a_passed_socket_goes_on_listening_when_the_server_has_ended() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let socket = ListeningSocket::passed_tcp(listener.try_clone().unwrap()).unwrap();
        socket.shut_down();
        assert_eq!(socket.accept().err().map(|error| error.kind()), Some(io::ErrorKind::WouldBlock));
        drop(socket);
        assert!(TcpStream::connect(listener.local_addr().unwrap()).is_ok());
    }
}
