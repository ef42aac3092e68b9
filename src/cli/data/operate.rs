//! `roomd reload` and `roomd drain`: signals to the server that has the data file open.
//!
//! The server is found by the lock that it holds on the file `….lock`, which names its process. A signal to a wrong process
//! would be bad, so the process is held by a descriptor first, and then the kernel is asked whether it holds that lock: an id
//! that another process has by now, or that counts inside a container only, is not signalled. Which files a process has open
//! would tell as well, but not of one that a service manager runs with users of its own (`PrivateUsers=`).

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::execute::print;
use crate::store::administration::{Administration, AdministrationError, ServerProcess};

/// Has the server read its settings again. Does not wait for it.
pub fn reload(history: &dyn Administration) -> Result<(), AdministrationError> {
    let (id, _) = signal(history, Signal::HUP)?;
    print(&format!("the server (process {id}) reads its settings again; its log says what has changed"));
    Ok(())
}

/// Drains the server. Blocks until its process has ended.
pub fn drain(history: &dyn Administration) -> Result<(), AdministrationError> {
    let (id, process) = signal(history, Signal::USR1)?;
    print(&format!("the server (process {id}) drains"));
    let mut ended = [PollFd::new(&process, PollFlags::IN)];
    while let Err(error) = poll(&mut ended, None) {
        if error != rustix::io::Errno::INTR {
            return Err(AdministrationError::Io("cannot wait for the server".to_owned(), error.into()));
        }
    }
    print("the server has ended");
    Ok(())
}

/// Sends the server a signal; its process.
fn signal(history: &dyn Administration, signal: Signal) -> Result<(u32, OwnedFd), AdministrationError> {
    let nobody = || AdministrationError::Refused("no server has the data file open".to_owned());
    let ServerProcess { id, lock } = history.server()?.ok_or_else(nobody)?;
    let failed = |error: io::Error| AdministrationError::Io(format!("cannot signal process {id}"), error);
    let pid = i32::try_from(id).ok().and_then(Pid::from_raw).ok_or_else(nobody)?;
    let process = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| failed(error.into()))?;
    if !holds(id, &lock).map_err(failed)? {
        let sentence = format!(
            "the process {id} is not the server, which runs elsewhere, perhaps in a container: signal it there"
        );
        return Err(AdministrationError::Refused(sentence));
    }
    pidfd_send_signal(&process, signal).map_err(|error| failed(error.into()))?;
    Ok((id, process))
}

/// Whether the process holds a lock on this file, by proc(5) locks.
fn holds(id: u32, path: &Path) -> io::Result<bool> {
    let (locks, inode) = (fs::read_to_string("/proc/locks")?, fs::metadata(path)?.ino());
    Ok(locks.lines().any(|line| holder(line) == Some((id, inode))))
}

/// The process and the inode of a line such as `3: FLOCK  ADVISORY  WRITE 144 00:2f:5083 0 EOF`. The device before the inode
/// is not looked at: some file systems tell programs another.
fn holder(line: &str) -> Option<(u32, u64)> {
    let mut fields = line.split_whitespace().skip(1);
    let (kind, holder, file) = (fields.next()?, fields.nth(2)?, fields.next()?);
    let inode = file.rsplit_once(':')?.1.parse().ok()?;
    (kind == "FLOCK").then_some((holder.parse().ok()?, inode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_of_a_lock_is_read_and_who_waits_for_it_is_none() {
        assert_eq!(holder("3: FLOCK  ADVISORY  WRITE 144 00:2f:5083 0 EOF"), Some((144, 5083)));
        // Another process waits for it; one holds a lock of another kind.
        assert_eq!(holder("3: -> FLOCK  ADVISORY  WRITE 145 00:2f:5083 0 EOF"), None);
        assert_eq!(holder("1: POSIX  ADVISORY  WRITE 144 fe:00:5083 0 EOF"), None);
        assert_eq!(holder(""), None);
    }
}
