//! Sockets that a service manager passes to the server: sd_listen_fds(3).
//!
//! Read once by `assemble`, on the main thread, from the environment. A socket is for the listener whose name it has
//! (`FileDescriptorName=http`, `lines`, `metrics` or `irc` in the `.socket` unit); those with another name are for the
//! listeners that are left, in this order. A listener with a passed socket opens none of its own.

use std::io;

use listenfd::ListenFd;

use super::listening_socket::ListeningSocket;

/// The names of sockets, in the order of the listeners.
const NAMES: [&str; 4] = ["http", "lines", "metrics", "irc"];

/// The passed sockets: for HTTP, for lines, for the metrics and for IRC.
#[derive(Default)]
pub struct PassedSockets(pub [Option<ListeningSocket>; NAMES.len()]);

/// Takes the sockets that were passed to this process, and removes them from its environment.
///
/// # Errors
/// One is no socket that listens, or there are more than listeners.
pub fn take() -> io::Result<PassedSockets> {
    let names = std::env::var("LISTEN_FDNAMES").unwrap_or_default();
    let mut passed = ListenFd::from_env();
    let names: Vec<_> = names.split(':').map(Some).chain(std::iter::repeat(None)).take(passed.len()).collect();
    let mut sockets = PassedSockets::default();
    for (at, place) in assign(&names)?.into_iter().enumerate() {
        let socket = match passed.take_unix_listener(at) {
            Ok(Some(unix)) => ListeningSocket::passed_unix(unix)?,
            _ => match passed.take_tcp_listener(at)? {
                Some(tcp) => ListeningSocket::passed_tcp(tcp)?,
                None => continue,
            },
        };
        sockets.0[place] = Some(socket);
    }
    Ok(sockets)
}

/// The listener of each socket, by its name.
fn assign(names: &[Option<&str>]) -> io::Result<Vec<usize>> {
    let known = |name: &Option<&str>| NAMES.iter().position(|known| Some(*known) == *name);
    let mut free: Vec<_> =
        (0..NAMES.len()).filter(|place| !names.iter().any(|name| known(name) == Some(*place))).collect();
    let mut places: Vec<usize> = Vec::new();
    for name in names {
        let place = match known(name) {
            Some(place) if places.contains(&place) => None,
            Some(place) => Some(place),
            None if free.is_empty() => None,
            None => Some(free.remove(0)),
        };
        let sentence = "more sockets were passed than there are listeners (http, lines, metrics and irc)";
        places.push(place.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, sentence))?);
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_for_the_listener_of_its_name_and_others_for_what_is_left() {
        for (names, places) in [
            (&[][..], &[][..]),
            (&[None][..], &[0][..]),
            (&[Some("roomd.socket"), Some("roomd.socket")], &[0, 1]),
            (&[Some("lines"), Some("http")], &[1, 0]),
            (&[Some("x"), Some("http")], &[1, 0]),
            (&[Some("metrics"), None, None], &[2, 0, 1]),
        ] {
            assert_eq!(assign(names).ok().as_deref(), Some(places), "{names:?}");
        }
        assert!(assign(&[Some("http"), Some("http")]).is_err());
        assert!(assign(&[None; 5]).is_err());
    }
}
