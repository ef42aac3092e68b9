//! The limits by address: on connections, and on expensive requests.
//!
//! Called by accept threads and by readers, under one lock for a few lines. A client without an address, because it is
//! in this process or exempt from these limits by a setting, is not limited. An [`AddressPermit`] counts as one
//! connection of its address until it is dropped.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::chat::keyed_limiter::Limiter;
use crate::chat::{Code, Limits, Refusal};
use crate::engine::base::sync::Mutex;
use crate::engine::guards::address::Address;

/// Addresses that a limit on rate remembers, at most.
const ADDRESSES_MAX: usize = 50_000;
/// The period in which expensive requests are counted.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// How many seconds' worth of new connections may come at once: a whole office reconnects after a restart.
const CONNECTS_AT_ONCE_S: u32 = 10;
/// When to try again if there are too many connections: when one of them ends is unknown.
const LATER: Duration = Duration::from_secs(10);

/// See the module.
pub struct AddressLimits {
    state: Mutex<State>,
}

struct State {
    connections_max: usize,
    /// How many connections each address has; addresses without one are not in it.
    connections: BTreeMap<Address, usize>,
    connects: Limiter<Address>,
    rooms: Limiter<Address>,
    claims: Limiter<Address>,
    failed_logins: Limiter<Address>,
}

impl State {
    fn set(&mut self, limits: &Limits) {
        let connects = limits.address_connects_per_s.saturating_mul(CONNECTS_AT_ONCE_S);
        self.connections_max = limits.address_connections_max;
        self.connects.set_rate(connects, Duration::from_secs(CONNECTS_AT_ONCE_S.into()));
        self.rooms.set_rate(limits.address_rooms_per_h, HOUR);
        self.claims.set_rate(limits.address_claims_per_h, HOUR);
        self.failed_logins.set_rate(limits.address_logins_per_min, Duration::from_secs(60));
    }
}

/// One of the connections that an address may have.
pub struct AddressPermit {
    address_limits: Arc<AddressLimits>,
    address: Address,
}

impl AddressLimits {
    /// No connection is counted yet.
    #[must_use]
    pub fn new(limits: &Limits) -> Arc<Self> {
        let free = || Limiter::new(0, HOUR, ADDRESSES_MAX);
        let mut state = State {
            connections_max: 0,
            connections: BTreeMap::new(),
            connects: free(),
            rooms: free(),
            claims: free(),
            failed_logins: free(),
        };
        state.set(limits);
        Arc::new(Self { state: Mutex::new(state) })
    }

    /// Puts other limits in force. What addresses have used counts on.
    pub fn set(&self, limits: &Limits) {
        self.state.lock().set(limits);
    }

    /// Admits a connection, at `now` since the start.
    ///
    /// # Errors
    /// `rate_limited`: the address has too many, or they come too fast.
    pub fn enter(self: &Arc<Self>, address: Address, now: Duration) -> Result<AddressPermit, Refusal> {
        let mut state = self.state.lock();
        if state.connections.get(&address).is_some_and(|count| *count >= state.connections_max) {
            return Err(refusal("Too many connections from this address", LATER));
        }
        let taken = state.connects.take(&address, now);
        taken.map_err(|wait| refusal("Too many new connections from this address", wait))?;
        *state.connections.entry(address).or_default() += 1;
        Ok(AddressPermit { address_limits: Arc::clone(self), address })
    }

    /// Permits an address to create a room, at `now` since the start.
    ///
    /// # Errors
    /// `rate_limited`: it has created too many in the last hour.
    pub fn create_room(&self, address: Option<Address>, now: Duration) -> Result<(), Refusal> {
        let Some(address) = address else { return Ok(()) };
        let taken = self.state.lock().rooms.take(&address, now);
        taken.map_err(|wait| refusal("Too many rooms were created from this address", wait))
    }

    /// Permits an address to claim a name, at `now` since the start.
    ///
    /// # Errors
    /// `rate_limited`: it has claimed too many in the last hour.
    pub fn claim(&self, address: Option<Address>, now: Duration) -> Result<(), Refusal> {
        let Some(address) = address else { return Ok(()) };
        let taken = self.state.lock().claims.take(&address, now);
        taken.map_err(|wait| refusal("Too many names were claimed from this address", wait))
    }

    /// Has `verify` check a token, at `now` since the start, unless the address has shown too many invalid ones.
    /// `verify` may block.
    ///
    /// # Errors
    /// `rate_limited`, without a check; otherwise those of `verify`.
    pub fn log_in<T>(
        &self,
        address: Option<Address>,
        now: Duration,
        verify: impl FnOnce() -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let Some(address) = address else { return verify() };
        let looked = self.state.lock().failed_logins.look(&address, now);
        looked.map_err(|wait| refusal("Too many logins from this address have failed", wait))?;
        verify().inspect_err(|refused| {
            if refused.code == Code::Unauthorized {
                // Operators ban addresses by this line: packaging/fail2ban has its form.
                log::info!(target: "roomd::login", address:%; "login failed");
                // Concurrent failures may exceed the limit by one each.
                _ = self.state.lock().failed_logins.take(&address, now);
            }
        })
    }

    /// How many addresses have a connection.
    #[must_use]
    pub fn addresses(&self) -> usize {
        self.state.lock().connections.len()
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let connections = &mut self.address_limits.state.lock().connections;
        if let Some(count) = connections.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                connections.remove(&self.address);
            }
        }
    }
}

fn refusal(message: &'static str, wait: Duration) -> Refusal {
    Refusal { retry_after: Some(wait), ..Refusal::new(Code::RateLimited, message) }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn address_limits() -> Arc<AddressLimits> {
        let limits = Limits {
            address_connections_max: 2,
            address_connects_per_s: 1,
            address_rooms_per_h: 3,
            address_logins_per_min: 2,
            ..Limits::default()
        };
        AddressLimits::new(&limits)
    }

    fn address(text: &str) -> Address {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn an_address_has_so_many_connections_and_gets_back_those_that_end() {
        let (address_limits, here, there) = (address_limits(), address("192.0.2.1"), address("192.0.2.2"));
        let first = address_limits.enter(here, S).unwrap();
        let _second = address_limits.enter(here, S).unwrap();
        let refused = address_limits.enter(here, S).err().unwrap();
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(LATER)));
        let other = address_limits.enter(there, S).unwrap();
        assert_eq!(address_limits.addresses(), 2);
        drop((first, other));
        assert_eq!(address_limits.addresses(), 1);
        assert!(address_limits.enter(here, S).is_ok());
    }

    #[test]
    fn connections_may_come_at_once_but_not_for_long() {
        let (address_limits, here) = (address_limits(), address("2001:db8::1"));
        assert!((0..10).all(|_| address_limits.enter(here, S).is_ok()));
        let refused = address_limits.enter(address("2001:db8::2"), S).err().unwrap();
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(S)));
        assert!(address_limits.enter(here, 2 * S).is_ok());
        assert!(address_limits.enter(address("2001:db8:0:1::1"), 2 * S).is_ok());
    }

    #[test]
    fn who_fails_too_often_is_not_asked_for_a_while_and_who_does_not_fail_is_always() {
        let (address_limits, here) = (address_limits(), Some(address("192.0.2.1")));
        let right = |at, from| address_limits.log_in(from, at, || Ok(7));
        let wrong = |at, from| address_limits.log_in(from, at, || Err::<u8, _>(Refusal::new(Code::Unauthorized, "no")));
        assert!((0..100).all(|_| right(S, here) == Ok(7)));
        assert!((0..2).all(|_| wrong(S, here).unwrap_err().code == Code::Unauthorized));
        for refused in [right(S, here).unwrap_err(), wrong(S, here).unwrap_err()] {
            assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(30 * S)));
        }
        assert_eq!(right(S, Some(address("192.0.2.2"))), Ok(7));
        assert_eq!(right(31 * S, here), Ok(7));
        assert!((0..9).all(|_| wrong(S, None).unwrap_err().code == Code::Unauthorized));
    }

    #[test]
    fn an_address_makes_so_many_rooms_an_hour() {
        let (address_limits, here) = (address_limits(), Some(address("192.0.2.1")));
        assert!((0..3).all(|_| address_limits.create_room(here, S).is_ok()));
        let refused = address_limits.create_room(here, S).unwrap_err();
        assert_eq!((refused.code, refused.retry_after), (Code::RateLimited, Some(1200 * S)));
        assert!((0..9).all(|_| address_limits.create_room(None, S).is_ok()));
    }
}
