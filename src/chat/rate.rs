//! How fast a connection may send: its rate, and the allowance that it uses up.
//!
//! The rate follows from the limits and from who the user is: see [`Limits::rate_of`]. The allowance is two token buckets,
//! which a session or a connection of HTTP owns and its reader uses; time is an argument.

use std::time::Duration;

use super::command::Cost;
use super::identity::Identity;
use super::limits::Limits;
use super::token_bucket::Bucket;

/// Messages a second that a token may give its user, at most.
pub const TOKEN_RATE_MAX: u32 = 1_000_000;

/// How much of everything else is allowed where one message is.
pub const OTHERS_A_MESSAGE: u32 = 10;

/// How many messages a connection may send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// At once after a pause.
    pub burst: u32,
    /// A second in the long run; 0: no limit.
    pub per_s: u32,
}

impl Limits {
    /// The rate of a connection of this user, or of a guest: what the token says, or that of guests, or that of all. At once
    /// the first two allow what they allow in a second, if that is more than the usual burst.
    #[must_use]
    pub fn rate_of(&self, who: Option<&Identity>) -> Rate {
        let usual = Rate { burst: self.rate_burst, per_s: self.rate_per_s };
        let is_guest = who.is_none_or(Identity::is_guest);
        let own = who.and_then(Identity::rate).or(self.guest_rate_per_s.filter(|_| is_guest));
        own.map_or(usual, |per_s| Rate { burst: per_s.max(usual.burst), per_s })
    }
}

/// What a connection may still send.
#[derive(Clone, Debug)]
pub struct Allowance {
    rate: Rate,
    messages: Bucket,
    /// Everything else that costs others something.
    others: Bucket,
}

impl Allowance {
    /// All that the rate allows.
    #[must_use]
    pub fn full(rate: Rate) -> Self {
        let others =
            Bucket::new(rate.burst.saturating_mul(OTHERS_A_MESSAGE), rate.per_s.saturating_mul(OTHERS_A_MESSAGE));
        Self { rate, messages: Bucket::new(rate.burst, rate.per_s), others }
    }

    /// Another rate from now on. What was used up stays so, as a part of the whole: nobody is given more by changing rates.
    pub fn set_rate(&mut self, rate: Rate) {
        if rate != self.rate {
            let Self { messages, others, .. } = Self::full(rate);
            self.rate = rate;
            self.messages.become_another(messages);
            self.others.become_another(others);
        }
    }

    /// Takes what something costs, so many times, or returns how long to wait for it.
    ///
    /// # Errors
    /// The time to wait. Nothing was taken.
    pub fn take(&mut self, cost: Cost, count: u32, now: Duration) -> Result<(), Duration> {
        match cost {
            Cost::Message => self.messages.take_several(now, count),
            Cost::Other => self.others.take_several(now, count),
            Cost::Free => Ok(()),
        }
    }

    /// Whether there was a pause long enough for everything to be forgiven. One bucket alone may be full in the middle of
    /// a flood through the other.
    #[must_use]
    pub fn is_full(&self, now: Duration) -> bool {
        self.messages.is_full(now) && self.others.is_full(now)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::chat::identity::{AuthLevel, TokenClaims};
    use crate::chat::{Time, UserName};

    const S: Duration = Duration::from_secs(1);

    fn bearer(rate: Option<u32>) -> Identity {
        let (display, rooms, device, key) = (None, None, None, None);
        let claims = TokenClaims { since: Time(0), expires: Time(9), display, rooms, device, rate, key };
        let user = UserName::parse("Ann").unwrap();
        Identity { user, auth_level: AuthLevel::Registered, claims: Some(Arc::new(claims)) }
    }

    #[test]
    fn a_token_goes_before_the_role_and_the_role_before_the_rate_of_all() {
        let usual = Limits { rate_burst: 10, rate_per_s: 5, ..Limits::default() };
        let guests = Limits { guest_rate_per_s: Some(2), ..usual.clone() };
        let no_limit = Limits { rate_per_s: 0, ..guests.clone() };
        let guest = Identity::guest(UserName::parse("Bob").unwrap());
        for (limits, who, burst, per_s) in [
            (&usual, &guest, 10, 5),
            (&guests, &guest, 10, 2),
            (&no_limit, &guest, 10, 2),
            (&guests, &bearer(None), 10, 5),
            (&no_limit, &bearer(None), 10, 0),
            (&guests, &bearer(Some(1)), 10, 1),
            (&guests, &bearer(Some(20_000)), 20_000, 20_000),
            (&no_limit, &bearer(Some(60)), 60, 60),
        ] {
            assert_eq!(limits.rate_of(Some(who)), Rate { burst, per_s }, "{who:?}");
        }
    }

    #[test]
    fn another_rate_gives_nothing_back() {
        let (slow, fast) = (Rate { burst: 2, per_s: 1 }, Rate { burst: 20, per_s: 10 });
        let mut allowance = Allowance::full(slow);
        assert_eq!(allowance.take(Cost::Message, 2, S), Ok(()));
        for rate in [fast, slow, fast] {
            allowance.set_rate(rate);
            assert!(allowance.take(Cost::Message, 1, S).is_err(), "{rate:?}");
        }
        // Half of the one is half of the other.
        assert_eq!(allowance.take(Cost::Message, 10, 2 * S), Ok(()));
        allowance.set_rate(slow);
        assert!(allowance.take(Cost::Message, 1, 2 * S).is_err());
        assert_eq!(allowance.take(Cost::Message, 2, 4 * S), Ok(()));
    }

    #[test]
    fn who_had_no_limit_begins_a_limited_time_with_all_of_it() {
        let mut allowance = Allowance::full(Rate { burst: 1, per_s: 0 });
        assert!((0..1_000).all(|_| allowance.take(Cost::Message, 1, S).is_ok()));
        allowance.set_rate(Rate { burst: 3, per_s: 1 });
        assert_eq!(allowance.take(Cost::Message, 3, S), Ok(()));
        assert_eq!(allowance.take(Cost::Message, 1, S), Err(S));
    }
}
