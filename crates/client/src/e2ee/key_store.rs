//! Keeps a keyring: in a file, or in memory.
//!
//! Only the user can read the file. Each change reads it again under a lock and replaces it as a whole,
//! so that two programs do not undo each other's changes and a crash leaves the old or the new file.
//! Blocks on the disk and on the lock.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::device::{Device, DeviceKeys};
use super::keyring::Keyring;

/// See the module.
pub struct KeyStore {
    keyring: Keyring,
    device: Device,
    path: Option<PathBuf>,
}

impl KeyStore {
    /// The store of a new device, which is forgotten when the program ends.
    ///
    /// # Panics
    /// The system gives no randomness.
    #[must_use]
    pub fn in_memory() -> Self {
        let keyring = Keyring::new(DeviceKeys::generate());
        let device = Device::new(&keyring.device).expect("the keys were just made");
        Self { keyring, device, path: None }
    }

    /// Opens the keyring in a file, which is created if it does not exist; its directory must exist. Blocks on
    /// the disk, and while another program holds the lock.
    ///
    /// # Errors
    /// The file cannot be read or written, or is not a keyring: then it stays as it is.
    pub fn open(path: &Path) -> io::Result<Self> {
        let _lock = lock(path)?;
        let keyring = match read(path)? {
            Some(keyring) => keyring,
            None => {
                let keyring = Keyring::new(DeviceKeys::generate());
                write(path, &keyring)?;
                keyring
            }
        };
        let device = Device::new(&keyring.device).ok_or_else(|| broken(path, "the keys of its device are invalid"))?;
        Ok(Self { keyring, device, path: Some(path.to_owned()) })
    }

    /// The keyring as of the last read or change.
    pub(super) fn keyring(&self) -> &Keyring {
        &self.keyring
    }

    /// This device.
    pub(super) fn device(&self) -> &Device {
        &self.device
    }

    /// Changes the keyring, and writes it.
    ///
    /// # Errors
    /// It cannot be written; then nothing is changed.
    pub(super) fn change<T>(&mut self, change: impl FnOnce(&mut Keyring) -> T) -> io::Result<T> {
        let Some(path) = &self.path else { return Ok(change(&mut self.keyring)) };
        let _lock = lock(path)?;
        let mut keyring = read(path)?.ok_or_else(|| broken(path, "it is gone"))?;
        let result = change(&mut keyring);
        write(path, &keyring)?;
        self.keyring = keyring;
        Ok(result)
    }
}

fn lock(path: &Path) -> io::Result<File> {
    let file = open_private(OpenOptions::new().create(true).truncate(false), &path.with_extension("lock"))?;
    flock(&file, FlockOperation::LockExclusive)?;
    Ok(file)
}

fn read(path: &Path) -> io::Result<Option<Keyring>> {
    match fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| broken(path, &error.to_string())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn write(path: &Path, keyring: &Keyring) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = open_private(OpenOptions::new().create(true).truncate(true), &new)?;
    file.write_all(&serde_json::to_vec(keyring)?)?;
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
    use crate::e2ee::{DeviceTrust, Encryption, EncryptionState, ImportOutcome, ImportedKey, MessageContext};

    const ROOM: &str = "plans";

    fn context(user: &'static str, mid: &'static str) -> MessageContext<'static> {
        MessageContext { room: ROOM, user, mid, edit: false }
    }

    fn directory(name: &str) -> PathBuf {
        let path = std::env::temp_dir().join(format!("roomd-keyring-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn given() -> ImportedKey {
        ImportedKey::from_link(&format!("#key=1.{}", "A".repeat(43))).unwrap()
    }

    #[test]
    fn keys_and_devices_outlive_the_program_and_only_their_user_reads_them() {
        let directory = directory("outlive");
        let path = directory.join("keys.json");
        let mut ann = Encryption::new(KeyStore::open(&path).unwrap());
        let mut bob = Encryption::new(KeyStore::in_memory());
        for each in [&mut ann, &mut bob] {
            assert_eq!(each.import_key(ROOM, &given(), false).unwrap(), ImportOutcome::Adopted);
        }
        let id = ann.key_store.device().id();
        let cipher = bob.encrypt(context("Bob", "m1"), "hi").unwrap().to_value();
        assert_eq!(ann.decrypt(context("Bob", "m1"), 1, &cipher).unwrap().trust, DeviceTrust::Known);
        for name in ["keys.json", "keys.lock"] {
            assert_eq!(fs::metadata(directory.join(name)).unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        }
        let mut again = Encryption::new(KeyStore::open(&path).unwrap());
        assert_eq!(again.key_store.device().id(), id);
        assert_eq!(again.state(ROOM), EncryptionState::On);
        assert_eq!(again.decrypt(context("Bob", "m1"), 1, &cipher).unwrap().text.as_deref(), Some("hi"));
        // A change that another program made meanwhile stays.
        ann.import_key("other", &given(), false).unwrap();
        again.import_key("third", &given(), false).unwrap();
        assert_eq!(Encryption::new(KeyStore::open(&path).unwrap()).state("other"), EncryptionState::On);
        fs::remove_dir_all(directory).unwrap();
    }

    #[test]
    fn a_file_that_is_not_a_keyring_is_refused_and_stays() {
        let directory = directory("broken");
        let path = directory.join("keys.json");
        fs::write(&path, "{}").unwrap();
        let error = KeyStore::open(&path).err().unwrap();
        assert!(error.to_string().contains("is no keyring: missing field"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
        fs::remove_dir_all(directory).unwrap();
    }
}
