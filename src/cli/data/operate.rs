//! `roomd reload` and `roomd drain`: signals to the server that has the data file open.
//!
//! The server is found by the lock that it holds on the file `….lock`, which names its process. A signal to a wrong process
//! would be bad, so the process is held by a descriptor first, and then it is seen to that it has that file open: an id that
//! another process has by now, or that counts inside a container only, is not signalled.

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
    if !has_open(id, &lock).map_err(failed)? {
        let sentence = format!(
            "the process {id} is not the server, which runs elsewhere, perhaps in a container: signal it there"
        );
        return Err(AdministrationError::Refused(sentence));
    }
    pidfd_send_signal(&process, signal).map_err(|error| failed(error.into()))?;
    Ok((id, process))
}

/// Whether the process has this file open.
fn has_open(id: u32, path: &Path) -> io::Result<bool> {
    let known = |data: fs::Metadata| (data.dev(), data.ino());
    let file = fs::metadata(path).map(known)?;
    for entry in fs::read_dir(format!("/proc/{id}/fd"))? {
        // What the process has closed meanwhile is not the file.
        if fs::metadata(entry?.path()).map(known).is_ok_and(|open| open == file) {
            return Ok(true);
        }
    }
    Ok(false)
}
