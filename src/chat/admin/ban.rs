//! Bans from the whole server, by name or by network: which there are, and whom they concern.
//!
//! A value that is exchanged whole: who checks somebody takes no lock. An address is a network of one, so a look-up is one
//! for each length of network that somebody is banned by.

use core::net::IpAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use ipnet::IpNet;

use crate::chat::{FoldedName, Note, Time, UserName};

/// Bans in force at once, at most.
pub const BANS_MAX: usize = 10_000;

/// Whom a ban concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BanTarget {
    /// Whoever has this name, in any spelling.
    User(UserName),
    /// Whoever comes from this network.
    Network(IpNet),
}

impl fmt::Display for BanTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => user.fmt(f),
            Self::Network(network) if network.prefix_len() == network.max_prefix_len() => network.addr().fmt(f),
            Self::Network(network) => network.fmt(f),
        }
    }
}

/// A ban that is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewServerBan {
    /// Whom it concerns.
    pub target: BanTarget,
    /// When it ends; `None`: when it is lifted.
    pub until: Option<Time>,
    /// Why, for those who are banned as well.
    pub note: Option<Note>,
    /// The admin who made it.
    pub by: UserName,
    /// When.
    pub at: Time,
}

impl NewServerBan {
    /// Whether it is in force at this time.
    #[must_use]
    pub fn is_in_force(&self, now: Time) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// A ban from the whole server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerBan {
    /// Its number, which no other ban of the history ever has.
    pub number: u64,
    /// What it is.
    pub made: NewServerBan,
}

/// All bans, by whom they concern.
#[derive(Clone, Debug, Default)]
pub struct ServerBans {
    by_number: BTreeMap<u64, ServerBan>,
    users: BTreeMap<FoldedName, BTreeSet<u64>>,
    networks: BTreeMap<IpNet, BTreeSet<u64>>,
}

impl ServerBans {
    /// These bans.
    #[must_use]
    pub fn new(bans: Vec<ServerBan>) -> Self {
        let mut all = Self::default();
        bans.into_iter().for_each(|ban| all.insert(ban));
        all
    }

    /// The same with one more, or in its place.
    #[must_use]
    pub fn with(&self, ban: ServerBan) -> Self {
        let mut all = self.clone();
        all.insert(ban);
        all
    }

    /// The same without the one of this number.
    #[must_use]
    pub fn without(&self, number: u64) -> Self {
        Self::new(self.by_number.values().filter(|ban| ban.number != number).cloned().collect())
    }

    fn insert(&mut self, ban: ServerBan) {
        match &ban.made.target {
            BanTarget::User(user) => _ = self.users.entry(FoldedName::of(user)).or_default().insert(ban.number),
            BanTarget::Network(network) => _ = self.networks.entry(network.trunc()).or_default().insert(ban.number),
        }
        self.by_number.insert(ban.number, ban);
    }

    /// Those that are in force behind this number, the oldest first.
    pub fn after(&self, number: u64, now: Time) -> impl Iterator<Item = &ServerBan> {
        let later = self.by_number.range(number.saturating_add(1)..).map(|(_, ban)| ban);
        later.filter(move |ban| ban.made.is_in_force(now))
    }

    /// A ban that concerns a user or an address, if there is one in force: the one that ends last.
    #[must_use]
    pub fn of(&self, user: Option<&UserName>, ip: Option<IpAddr>, now: Time) -> Option<&ServerBan> {
        // Most servers ban nobody, and to fold a name is not free.
        let user = user.filter(|_| !self.users.is_empty()).and_then(|user| self.users.get(&FoldedName::of(user)));
        let networks = ip.into_iter().flat_map(|ip| self.networks_of(ip.to_canonical()));
        let numbers = user.into_iter().chain(networks).flatten();
        let bans = numbers.filter_map(|number| self.by_number.get(number)).filter(|ban| ban.made.is_in_force(now));
        bans.max_by_key(|ban| (ban.made.until.is_none(), ban.made.until))
    }

    fn networks_of(&self, ip: IpAddr) -> impl Iterator<Item = &BTreeSet<u64>> {
        let longest = if self.networks.is_empty() { None } else { Some(IpNet::from(ip)) };
        let all = std::iter::successors(longest, IpNet::supernet);
        all.filter_map(|network| self.networks.get(&network))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ban(number: u64, target: &str, until: Option<u64>) -> ServerBan {
        let target = match target.parse::<IpNet>() {
            Ok(network) => BanTarget::Network(network),
            Err(_) => BanTarget::User(UserName::parse(target).unwrap()),
        };
        let by = UserName::parse("Root").unwrap();
        ServerBan { number, made: NewServerBan { target, until: until.map(Time), note: None, by, at: Time(1) } }
    }

    fn found(bans: &ServerBans, user: &str, ip: &str, now: u64) -> Option<u64> {
        let user = UserName::parse(user).unwrap();
        bans.of(Some(&user), Some(ip.parse().unwrap()), Time(now)).map(|ban| ban.number)
    }

    #[test]
    fn a_ban_concerns_a_name_in_any_spelling_or_all_addresses_of_a_network() {
        let bans = ServerBans::new(vec![
            ban(1, "Bob", None),
            ban(2, "192.0.2.0/24", None),
            ban(3, "2001:db8::/32", None),
            ban(4, "198.51.100.7/32", None),
        ]);
        for (user, ip, number) in [
            ("bob", "203.0.113.1", Some(1)),
            ("Ann", "192.0.2.255", Some(2)),
            ("Ann", "::ffff:192.0.2.9", Some(2)),
            ("Ann", "192.0.3.1", None),
            ("Ann", "2001:db8:ffff::1", Some(3)),
            ("Ann", "2001:db9::1", None),
            ("Ann", "198.51.100.7", Some(4)),
            ("Ann", "198.51.100.6", None),
        ] {
            assert_eq!(found(&bans, user, ip, 5), number, "{user} {ip}");
        }
        assert_eq!(found(&bans.without(2), "Ann", "192.0.2.255", 5), None);
        assert!(
            ServerBans::new(vec![ban(1, "0.0.0.0/0", None)]).of(None, Some([8, 8, 8, 8].into()), Time(5)).is_some()
        );
    }

    #[test]
    fn a_ban_ends_by_itself_and_of_several_the_last_to_end_is_named() {
        let bans = ServerBans::new(vec![ban(1, "Bob", Some(10)), ban(2, "Bob", Some(20))]).with(ban(3, "Bob", None));
        assert_eq!(found(&bans, "Bob", "192.0.2.1", 5), Some(3));
        let bans = bans.without(3);
        assert_eq!(found(&bans, "Bob", "192.0.2.1", 9), Some(2));
        assert_eq!(found(&bans, "Bob", "192.0.2.1", 19), Some(2));
        assert_eq!(found(&bans, "Bob", "192.0.2.1", 20), None);
        let shown = |now| bans.after(0, Time(now)).map(|ban| ban.number).collect::<Vec<_>>();
        assert_eq!((shown(5), shown(10), shown(20)), (vec![1, 2], vec![2], vec![]));
        assert_eq!(bans.after(1, Time(5)).count(), 1);
    }
}
