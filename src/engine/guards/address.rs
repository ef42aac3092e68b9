//! The key of a limit by address: one machine, as far as its address tells.
//!
//! An IPv4 address; or the first half of an IPv6 address, since a machine with one address of a /64 has them all. An
//! IPv4-mapped IPv6 address (RFC 4291 §2.5.5.2) is the IPv4 address. Beside it the address as it is: see
//! [`ClientAddress`].

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Address(IpAddr);

/// Where a client comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientAddress {
    /// Its address; `None` for a program in the server's process.
    pub ip: Option<IpAddr>,
    /// What the limits by address count it for; `None` is exempt from them.
    pub counted: Option<Address>,
}

impl ClientAddress {
    /// A program in the server's process.
    pub const IN_PROCESS: Self = Self { ip: None, counted: None };
}

impl Address {
    /// Stands for what the users of other servers cause here: no client comes from it.
    pub const OTHER_SERVERS: Self = Self(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
}

impl From<IpAddr> for Address {
    fn from(ip: IpAddr) -> Self {
        Self(match ip.to_canonical() {
            IpAddr::V6(ip) => IpAddr::V6(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX))),
            ip => ip,
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> String {
        Address::from(text.parse::<IpAddr>().unwrap()).to_string()
    }

    #[test]
    fn an_ipv6_address_counts_by_its_first_half() {
        assert_eq!(address("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
        assert_eq!(address("2001:db8:1:2:ffff::"), address("2001:db8:1:2::1"));
        assert_ne!(address("2001:db8:1:3::1"), address("2001:db8:1:2::1"));
        assert_eq!(address("192.0.2.7"), "192.0.2.7");
        assert_eq!(address("::ffff:192.0.2.7"), "192.0.2.7");
    }
}
