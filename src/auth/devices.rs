//! The devices of claimed names, and the codes that sign in further ones.
//!
//! All devices are in memory, read from the store at the start; a change is stored first. Codes are in memory alone: a
//! restart voids them. Two mutexes, leaves; neither is held while waiting for the store. A device that is ended leaves
//! memory before its connections are looked for, and a connection that signs in looks here once more when it is in the
//! directory: so of the two at the same moment one sees the other.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use super::names::unavailable;
use crate::chat::device::{DEVICES_MAX, Device, DeviceId, DeviceLabel};
use crate::chat::{Code, FoldedName, Refusal, Secret, StoreFailed, Time, UserName};
use crate::store::accounts::AccountStore;

/// How long a code is valid.
pub const CODE_VALID_FOR: Duration = Duration::from_secs(10 * 60);
/// Codes that are valid at the same time, at most: one a name. Beyond it the one that expires first gives its place.
const CODES_MAX: usize = 10_000;
/// A use is noted when the last one that was noted is so long ago.
const USE_NOTED_AFTER: Duration = Duration::from_secs(60 * 60);

/// See the module.
pub struct Devices {
    accounts: Arc<dyn AccountStore>,
    by_name: Mutex<HashMap<FoldedName, Vec<Device>>>,
    codes: Mutex<HashMap<Box<str>, PendingDevice>>,
}

/// A code that signs in a device of a name, once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceCode {
    /// The code: 128 random bits, in hexadecimal.
    pub code: Secret,
    /// When it expires.
    pub expires: Time,
}

/// For whom a code is.
struct PendingDevice {
    user: UserName,
    /// For which registration of the name.
    registered: Time,
    expires: Time,
}

impl Devices {
    /// These devices; changes are stored in `accounts`.
    #[must_use]
    pub fn new(accounts: Arc<dyn AccountStore>, known: Vec<(UserName, Device)>) -> Self {
        let mut by_name: HashMap<_, Vec<_>> = HashMap::new();
        for (name, device) in known {
            by_name.entry(FoldedName::of(&name)).or_default().push(device);
        }
        Self { accounts, by_name: Mutex::new(by_name), codes: Mutex::default() }
    }

    /// A device with an id that no other has.
    ///
    /// # Errors
    /// `unavailable`: the system has no randomness to give.
    pub fn draw(label: Option<DeviceLabel>, now: Time) -> Result<Device, Refusal> {
        let id = getrandom::u64().map_err(|_| unavailable(StoreFailed))?;
        // Nobody draws the first one in the life of a server.
        Ok(Device { id: DeviceId(id.max(1)), label, created: now, seen: Some(now) })
    }

    /// Whether a name has this device. Does not block.
    #[must_use]
    pub fn has(&self, name: &UserName, id: DeviceId) -> bool {
        let by_name = self.by_name.lock();
        by_name.get(&FoldedName::of(name)).is_some_and(|devices| devices.iter().any(|device| device.id == id))
    }

    /// The devices of a name whose token was ever shown, the oldest first. Does not block.
    #[must_use]
    pub fn of(&self, name: &UserName) -> Vec<Device> {
        let mut devices = self.by_name.lock().get(&FoldedName::of(name)).cloned().unwrap_or_default();
        devices.retain(|device| device.seen.is_some());
        devices.sort_by_key(|device| device.created);
        devices
    }

    /// Takes over a device that the store has.
    pub fn stored(&self, name: &UserName, device: Device) {
        let mut by_name = self.by_name.lock();
        let devices = by_name.entry(FoldedName::of(name)).or_default();
        devices.retain(|known| known.id != device.id);
        devices.push(device);
    }

    /// Forgets a device that has ended elsewhere; whose it was, if it was known.
    pub fn forget_device(&self, id: DeviceId) -> Option<FoldedName> {
        let mut by_name = self.by_name.lock();
        let (name, devices) = by_name.iter_mut().find(|(_, devices)| devices.iter().any(|device| device.id == id))?;
        devices.retain(|device| device.id != id);
        Some(name.clone())
    }

    /// Forgets the devices of a name that was given up, and its code.
    pub fn forget(&self, name: &UserName) {
        self.by_name.lock().remove(&FoldedName::of(name));
        self.codes.lock().retain(|_, pending| pending.user != *name);
    }

    /// Notes that a device is used. Once an hour this waits for the store; what cannot be stored is noted the next time.
    pub(super) fn note_use(&self, name: &UserName, id: DeviceId, now: Time) {
        let used = {
            let mut by_name = self.by_name.lock();
            let mut devices = by_name.get_mut(&FoldedName::of(name)).into_iter().flatten();
            let Some(device) = devices.find(|device| device.id == id) else { return };
            if device.seen.is_some_and(|seen| seen.after(USE_NOTED_AFTER) > now) {
                return;
            }
            device.seen = Some(now);
            device.clone()
        };
        if self.accounts.put_device(name, &used).is_err() {
            log::warn!(user = name.as_str(); "the use of a device could not be noted");
        }
    }

    /// A code that signs in a further device of a name; an earlier one is void.
    ///
    /// # Errors
    /// `forbidden`: the name has too many devices. `unavailable`.
    pub(super) fn add(&self, user: &UserName, registered: Time, now: Time) -> Result<DeviceCode, Refusal> {
        self.check_space(user)?;
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(|_| unavailable(StoreFailed))?;
        let code = format!("{:032x}", u128::from_ne_bytes(bytes));
        let expires = now.after(CODE_VALID_FOR);
        let pending = PendingDevice { user: user.clone(), registered, expires };
        let mut codes = self.codes.lock();
        codes.retain(|_, other| other.user != *user && other.expires > now);
        if codes.len() >= CODES_MAX {
            let first = codes.iter().min_by_key(|(_, pending)| pending.expires).map(|(code, _)| code.clone());
            first.iter().for_each(|code| _ = codes.remove(code));
        }
        codes.insert(code.as_str().into(), pending);
        Ok(DeviceCode { code: code.as_str().into(), expires })
    }

    /// Whom a code signs in, and when it expires. Does not block.
    ///
    /// # Errors
    /// `unauthorized`: the code is unknown, was used, or has expired.
    pub fn check(&self, code: &Secret, now: Time) -> Result<(UserName, Time), Refusal> {
        let codes = self.codes.lock();
        let pending = codes.get(code.reveal()).filter(|pending| pending.expires > now);
        pending.map(|pending| (pending.user.clone(), pending.expires)).ok_or_else(void_code)
    }

    /// Makes the device that a code is for, of the name and the registration that are returned; the code is void from
    /// now on. Waits for the store.
    ///
    /// # Errors
    /// `unauthorized`: the code is unknown, was used, or has expired. `forbidden`: the name has too many devices.
    /// `unavailable`.
    pub(super) fn redeem(
        &self,
        code: &Secret,
        label: Option<DeviceLabel>,
        now: Time,
    ) -> Result<(UserName, Time, Device), Refusal> {
        let pending = self.codes.lock().remove(code.reveal()).filter(|pending| pending.expires > now);
        let PendingDevice { user, registered, .. } = pending.ok_or_else(void_code)?;
        self.check_space(&user)?;
        let device = Self::draw(label, now)?;
        if !self.accounts.put_device(&user, &device).map_err(unavailable)? {
            return Err(void_code());
        }
        self.stored(&user, device.clone());
        Ok((user, registered, device))
    }

    /// Ends a device; its token is void. Waits for the store.
    ///
    /// # Errors
    /// `not_found`: the name has no such device. `unavailable`: it is still there.
    pub fn end(&self, name: &UserName, id: DeviceId) -> Result<(), Refusal> {
        if !self.accounts.remove_device(name, id).map_err(unavailable)? {
            return Err(Refusal::new(Code::NotFound, format!("There is no device {id}")));
        }
        if let Some(devices) = self.by_name.lock().get_mut(&FoldedName::of(name)) {
            devices.retain(|device| device.id != id);
        }
        // A code may have been made on the device that is ended because it was stolen.
        self.codes.lock().retain(|_, pending| pending.user != *name);
        Ok(())
    }

    fn check_space(&self, user: &UserName) -> Result<(), Refusal> {
        if self.of(user).len() < DEVICES_MAX {
            return Ok(());
        }
        let message = format!("A name may have {DEVICES_MAX} devices: end one first");
        Err(Refusal::new(Code::Forbidden, message))
    }
}

fn void_code() -> Refusal {
    Refusal::new(Code::Unauthorized, "The code is not valid: it was used, or has expired")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::accounts::{Account, MemoryAccounts};

    const NOW: Time = Time(1_000_000_000);

    fn ann() -> UserName {
        UserName::parse("Ann").unwrap()
    }

    fn devices() -> Devices {
        let accounts = Arc::new(MemoryAccounts::default());
        accounts.register(&Account { name: ann(), since: NOW }, None).unwrap();
        Devices::new(accounts, Vec::new())
    }

    fn code<T>(result: Result<T, Refusal>) -> Option<Code> {
        result.err().map(|refusal| refusal.code)
    }

    #[test]
    fn a_code_signs_in_one_device_within_ten_minutes() {
        let devices = devices();
        let DeviceCode { code: first, .. } = devices.add(&ann(), NOW, NOW).unwrap();
        let DeviceCode { code: second, expires } = devices.add(&ann(), NOW, NOW).unwrap();
        assert_eq!(expires, NOW.after(CODE_VALID_FOR));
        assert_eq!(code(devices.redeem(&first, None, NOW)), Some(Code::Unauthorized), "a newer one was made");
        let (user, registered, device) = devices.redeem(&second, None, NOW).unwrap();
        assert_eq!((user, registered, devices.has(&ann(), device.id)), (ann(), NOW, true));
        assert_eq!(code(devices.redeem(&second, None, NOW)), Some(Code::Unauthorized), "it was used");
        let DeviceCode { code: late, .. } = devices.add(&ann(), NOW, NOW).unwrap();
        assert_eq!(code(devices.redeem(&late, None, NOW.after(CODE_VALID_FOR))), Some(Code::Unauthorized));
    }

    #[test]
    fn a_name_has_so_many_devices_and_what_is_ended_leaves_its_place() {
        let devices = devices();
        let add = || devices.add(&ann(), NOW, NOW).and_then(|code| devices.redeem(&code.code, None, NOW));
        let all: Vec<_> = (0..DEVICES_MAX).map(|_| add().unwrap().2.id).collect();
        assert_eq!(code(add()), Some(Code::Forbidden));
        devices.end(&ann(), all[0]).unwrap();
        assert_eq!(code(devices.end(&ann(), all[0])), Some(Code::NotFound));
        assert!(!devices.has(&ann(), all[0]) && add().is_ok());
        // Whoever ends a device voids what it may have asked for.
        let pending = {
            devices.end(&ann(), all[1]).unwrap();
            devices.add(&ann(), NOW, NOW).unwrap()
        };
        devices.end(&ann(), all[2]).unwrap();
        assert_eq!(code(devices.redeem(&pending.code, None, NOW)), Some(Code::Unauthorized));
    }

    #[test]
    fn a_use_is_noted_once_an_hour_and_a_first_device_is_listed_when_it_was_used() {
        let devices = devices();
        devices.stored(&ann(), Device { id: DeviceId::FIRST, label: None, created: NOW, seen: None });
        assert_eq!((devices.has(&ann(), DeviceId::FIRST), devices.of(&ann()).len()), (true, 0));
        let seen = |at| {
            devices.note_use(&ann(), DeviceId::FIRST, at);
            (devices.of(&ann())[0].seen, devices.accounts.devices().unwrap()[0].1.seen)
        };
        let hour = NOW.after(USE_NOTED_AFTER);
        assert_eq!(seen(NOW), (Some(NOW), Some(NOW)));
        assert_eq!(seen(Time(hour.0 - 1)), (Some(NOW), Some(NOW)));
        assert_eq!(seen(hour), (Some(hour), Some(hour)));
    }
}
