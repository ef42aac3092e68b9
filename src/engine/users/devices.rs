//! The devices of claimed names: listed, added and ended by their owner.
//!
//! On the thread of whoever asks; waits for the store. The device itself is ended in `auth`; its connections are ended
//! here, and a detached session of it is not resumed.

use crate::auth::{Claimed, DeviceCode};
use crate::chat::device::{Device, DeviceId, DeviceLabel, ListedDevice};
use crate::chat::{Code, End, Identity, Refusal, Secret, Time, UserName};
use crate::engine::Engine;
use crate::engine::guards::address::Address;

impl Engine {
    /// The devices on which a user is signed in, the oldest first. Does not block.
    ///
    /// # Errors
    /// `unauthorized` for a guest.
    pub fn devices(&self, who: &Identity) -> Result<Vec<ListedDevice>, Refusal> {
        check_registered(who)?;
        let connections = self.directory.connections(&who.user);
        let listed = |device: Device| {
            let own = connections.iter().filter(|connection| connection.who.device() == Some(device.id));
            ListedDevice { connections: own.count(), current: who.device() == Some(device.id), device }
        };
        Ok(self.auth.devices().of(&who.user).into_iter().map(listed).collect())
    }

    /// A code that signs in a further device of a user.
    ///
    /// # Errors
    /// `unauthorized` for a guest, `forbidden` for a token that was not issued for a claim, or when the name has too
    /// many devices.
    pub fn add_device(&self, who: &Identity) -> Result<DeviceCode, Refusal> {
        check_registered(who)?;
        self.auth.add_device(who, self.clock.now().at)
    }

    /// Signs a device of a user out: its token is void, and its connections end, but for that of the number `but`. Waits
    /// for the store.
    ///
    /// # Errors
    /// `unauthorized` for a guest, `not_found`, `unavailable`.
    pub fn end_device(&self, who: &Identity, but: Option<u64>, device: DeviceId) -> Result<(), Refusal> {
        check_registered(who)?;
        self.auth.devices().end(&who.user, device)?;
        log::info!(user = who.user.as_str(); "device signed out");
        for connection in self.directory.connections(&who.user) {
            if connection.who.device() == Some(device) && Some(connection.number) != but {
                connection.endpoint().recipient.end(End::SignedOut);
            }
        }
        Ok(())
    }

    /// Whom a code signs in, and when it expires, shown from this address; it stays valid. Does not block.
    ///
    /// # Errors
    /// `unauthorized` for a code that is not valid, `rate_limited` after too many of these.
    pub fn check_device_code(&self, code: &Secret, from: Option<Address>) -> Result<(UserName, Time), Refusal> {
        let now = self.clock.now();
        self.address_limits.log_in(from, now.since_start, || self.auth.devices().check(code, now.at))
    }

    /// Signs in the device that a code is for, shown from this address. Waits for the store.
    ///
    /// # Errors
    /// `unauthorized` for a code that is not valid, `rate_limited` after too many of these, `forbidden` when the name
    /// has too many devices, `unavailable`.
    pub fn redeem_device_code(
        &self,
        code: &Secret,
        label: Option<DeviceLabel>,
        from: Option<Address>,
    ) -> Result<Claimed, Refusal> {
        let now = self.clock.now();
        let claimed = self.address_limits.log_in(from, now.since_start, || self.auth.redeem(code, label, now.at))?;
        log::info!(user = claimed.identity.user.as_str(); "device signed in");
        Ok(claimed)
    }
}

fn check_registered(who: &Identity) -> Result<(), Refusal> {
    if !who.is_guest() {
        return Ok(());
    }
    Err(Refusal::new(Code::Unauthorized, "A guest has no devices: register your name first"))
}
