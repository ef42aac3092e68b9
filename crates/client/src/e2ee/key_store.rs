//! Where a keyring is kept: a file of its own for each server, or memory.
//!
//! Only its user may read it. Each change reads it anew under a lock and puts a whole new file in its
//! place, so two terminals do not undo each other's changes and a crash leaves one of the two. Blocks
//! on the disk and on the lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::device::{Device, Kept};
use super::keyring::Ring;

/// See the module.
pub struct Keyring {
    ring: Ring,
    device: Device,
    path: Option<PathBuf>,
}

impl Keyring {
    /// A new device that is forgotten when the program ends.
    #[must_use]
    pub fn in_memory() -> Self {
        let ring = Ring::new(Kept::draw());
        let device = Device::new(&ring.device).expect("the keys were just made");
        Self { ring, device, path: None }
    }

    /// The keyring in a file, which is made if it is not there; its directory is.
    ///
    /// # Errors
    /// It cannot be read or written, or is no keyring: then it stays as it is.
    pub fn open(path: &Path) -> io::Result<Self> {
        let _lock = lock(path)?;
        let ring = match read(path)? {
            Some(ring) => ring,
            None => {
                let ring = Ring::new(Kept::draw());
                write(path, &ring)?;
                ring
            }
        };
        let device = Device::new(&ring.device).ok_or_else(|| broken(path, "its own keys are none"))?;
        Ok(Self { ring, device, path: Some(path.to_owned()) })
    }

    /// What it holds.
    pub(super) fn ring(&self) -> &Ring {
        &self.ring
    }

    /// This device.
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// Changes it.
    ///
    /// # Errors
    /// It cannot be kept; then nothing is changed.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut Ring) -> T) -> io::Result<T> {
        let Some(path) = &self.path else { return Ok(change(&mut self.ring)) };
        let _lock = lock(path)?;
        let mut ring = read(path)?.ok_or_else(|| broken(path, "it is gone"))?;
        let result = change(&mut ring);
        write(path, &ring)?;
        self.ring = ring;
        Ok(result)
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let file = open_private(OpenOptions::new().create(true).truncate(false), &path.with_extension("lock"))?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

fn read(path: &Path) -> io::Result<Option<Ring>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| broken(path, &error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, ring: &Ring) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = open_private(OpenOptions::new().create(true).truncate(true), &new)?;
    file.write_all(&serde_json::to_vec(ring)?)?;
    file.sync_all()?;
    fs::rename(new, path)
}

fn open_private(options: &mut OpenOptions, path: &Path) -> io::Result<File> {
    options.write(true).mode(0o600).open(path)
}

fn broken(path: &Path, why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("{} is no keyring: {why}", path.display()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::e2ee::{Encryption, Given, Place, Standing, Taken, Trust};

    const ROOM: &str = "plans";

    fn place(user: &'static str, mid: &'static str) -> Place<'static> {
        Place { room: ROOM, user, mid, edit: false }
    }

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("roomd-keyring-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn given() -> Given {
        Given::link(&format!("#key=1.{}", "A".repeat(43))).unwrap()
    }

    #[test]
    fn keys_and_devices_outlive_the_program_and_only_their_user_reads_them() {
        let directory = directory("outlive");
        let path = directory.join("keys.json");
        let mut ann = Encryption::new(Keyring::open(&path).unwrap());
        let mut bob = Encryption::new(Keyring::in_memory());
        for each in [&mut ann, &mut bob] {
            assert_eq!(each.give(ROOM, &given(), false).unwrap(), Taken::Now);
        }
        let id = ann.keyring.device().id();
        let cipher = bob.seal(place("Bob", "m1"), "hi").unwrap().to_value();
        assert_eq!(ann.open(place("Bob", "m1"), 1, &cipher).unwrap().trust, Trust::Known);
        for name in ["keys.json", "keys.lock"] {
            assert_eq!(fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
        let mut again = Encryption::new(Keyring::open(&path).unwrap());
        assert_eq!(again.keyring.device().id(), id);
        assert_eq!(again.standing(ROOM), Standing::Ready);
        assert_eq!(again.open(place("Bob", "m1"), 1, &cipher).unwrap().text.as_deref(), Some("hi"));
        // A change that another program made meanwhile stays.
        ann.give("other", &given(), false).unwrap();
        again.give("third", &given(), false).unwrap();
        assert_eq!(Encryption::new(Keyring::open(&path).unwrap()).standing("other"), Standing::Ready);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn what_is_no_keyring_is_refused_and_stays() {
        let directory = directory("broken");
        let path = directory.join("keys.json");
        fs::write(&path, "{}").unwrap();
        let error = Keyring::open(&path).err().unwrap();
        assert!(error.to_string().contains("is no keyring: missing field"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
        fs::remove_dir_all(directory).unwrap();
    }
}
