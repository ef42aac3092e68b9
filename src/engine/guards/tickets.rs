//! Tickets: each stands for a token once, for half a minute, in an address that a browser opens by itself.
//!
//! A page's `EventSource` can set no header, and a token in an address ends up in logs; a ticket there is worth nothing
//! any more. Issued and redeemed by readers, under one lock for a few lines. In the lifetime of a ticket one address is
//! issued so many, used or not, and all addresses together.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::time::Duration;

use crate::chat::{Code, Identity, Refusal, Secret};
use crate::engine::Engine;
use crate::engine::base::sync::Mutex;
use crate::engine::guards::address::{Address, ClientAddress};

/// How long a ticket is good for.
pub const LIFETIME: Duration = Duration::from_secs(30);
/// Tickets that are issued in that time, at most.
const TICKETS_MAX: usize = 10_000;
/// Of them those of one address, at most: a page needs one for each time that it connects.
const ADDRESS_TICKETS_MAX: usize = 200;

/// See the module.
#[derive(Default)]
pub struct Tickets {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Those that were not used yet.
    tickets: HashMap<Secret, Identity>,
    /// When each expires and to whom it was issued, in that order, used or not.
    queue: VecDeque<(Duration, Secret, Option<Address>)>,
    /// How many in the queue each address has; addresses without one are not in it.
    by_address: BTreeMap<Address, usize>,
}

impl Tickets {
    /// A ticket for this user, issued to this address at `now` since the start.
    ///
    /// # Errors
    /// `rate_limited`: the address has too many. `unavailable`: all together have too many.
    ///
    /// # Panics
    /// When the system has no randomness to give.
    pub fn issue(&self, identity: Identity, address: Option<Address>, now: Duration) -> Result<Secret, Refusal> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the system gives randomness");
        let secret = Secret::from(format!("{:032x}", u128::from_ne_bytes(bytes)).as_str());
        let mut state = self.state.lock();
        state.expire(now);
        let later = |code, message| Refusal { retry_after: Some(LIFETIME), ..Refusal::new(code, message) };
        let issued = address.and_then(|address| state.by_address.get(&address).copied()).unwrap_or(0);
        if issued >= ADDRESS_TICKETS_MAX {
            return Err(later(Code::RateLimited, "Too many tickets were issued to this address"));
        }
        if state.queue.len() >= TICKETS_MAX {
            return Err(later(Code::Unavailable, "Too many tickets were issued"));
        }
        if let Some(address) = address {
            *state.by_address.entry(address).or_default() += 1;
        }
        state.queue.push_back((now + LIFETIME, secret.clone(), address));
        state.tickets.insert(secret.clone(), identity);
        Ok(secret)
    }

    /// The user of a ticket, which is used up with it, at `now` since the start.
    pub fn redeem(&self, ticket: &Secret, now: Duration) -> Option<Identity> {
        let mut state = self.state.lock();
        state.expire(now);
        state.tickets.remove(ticket)
    }
}

impl State {
    fn expire(&mut self, now: Duration) {
        while self.queue.front().is_some_and(|(until, ..)| *until <= now) {
            let Some((_, secret, address)) = self.queue.pop_front() else { break };
            self.tickets.remove(&secret);
            if let Some(address) = address
                && let Some(count) = self.by_address.get_mut(&address)
            {
                *count -= 1;
                if *count == 0 {
                    self.by_address.remove(&address);
                }
            }
        }
    }
}

impl Engine {
    /// The user of a ticket that is shown from this address, and used up with it. Does not block.
    ///
    /// # Errors
    /// `unauthorized`: it was used, has expired, its user has given the name up, or its device was signed out. `rate_limited`: too many invalid
    /// ones came from this address.
    pub fn redeem(&self, ticket: &Secret, from: Option<Address>) -> Result<Identity, Refusal> {
        let now = self.clock.now();
        let is_in_force = |who: &Identity| {
            let owner = self.auth.names().owner(&who.user);
            self.auth.is_signed_in(who)
                && owner.is_some_and(|owner| who.since() == Some(owner.since))
                && who.expires().is_some_and(|at| at > now.at)
        };
        let invalid = || Refusal::new(Code::Unauthorized, "The ticket was used, or has expired: ask for another");
        let who = self.address_limits.log_in(from, now.since_start, || {
            self.tickets.redeem(ticket, now.since_start).filter(is_in_force).ok_or_else(invalid)
        })?;
        self.refuse_banned(Some(&who.user), ClientAddress::IN_PROCESS)?;
        Ok(who)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::chat::UserName;

    const S: Duration = Duration::from_secs(1);

    fn who() -> Identity {
        Identity::guest(UserName::parse("Ann").unwrap())
    }

    #[test]
    fn a_ticket_is_good_once_and_for_half_a_minute() {
        let tickets = Tickets::default();
        let first = tickets.issue(who(), None, S).unwrap();
        let second = tickets.issue(who(), None, S).unwrap();
        assert_ne!(first, second);
        assert_eq!(tickets.redeem(&first, 30 * S), Some(who()));
        assert_eq!(tickets.redeem(&first, 30 * S), None);
        assert_eq!(tickets.redeem(&second, 31 * S), None);
        assert_eq!(tickets.redeem(&Secret::from("other"), S), None);
    }

    #[test]
    fn an_address_is_issued_so_many_until_they_expire() {
        let address = |text: &str| Some(text.parse::<IpAddr>().unwrap().into());
        let (tickets, here) = (Tickets::default(), address("192.0.2.1"));
        let all: Vec<_> = (0..ADDRESS_TICKETS_MAX).map(|_| tickets.issue(who(), here, S).unwrap()).collect();
        assert_eq!(tickets.issue(who(), here, S).unwrap_err().code, Code::RateLimited);
        assert!(tickets.issue(who(), address("192.0.2.2"), S).is_ok());
        assert!(tickets.redeem(&all[0], S).is_some());
        assert!(tickets.issue(who(), here, 30 * S).is_err());
        assert!(tickets.issue(who(), here, 31 * S).is_ok());
        for i in 0..TICKETS_MAX {
            let issued = tickets.issue(who(), None, 100 * S);
            assert!(issued.is_ok(), "{i}");
        }
        assert_eq!(tickets.issue(who(), None, 100 * S).unwrap_err().code, Code::Unavailable);
    }
}
