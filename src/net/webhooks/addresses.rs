//! Which addresses a webhook may reach: public ones, and those that the operator allows.
//!
//! Whoever owns a room may name an address, so without this anybody could have the server speak to what only the server
//! can reach: its own machine, its network, the metadata of its cloud. Called on the threads that deliver, for each
//! address that a name resolves to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::settings::WebhookTarget;
use crate::sync::ArcCell;

/// Why an address is not reached.
pub const REFUSED: &str = "Addresses of this machine and of private networks are not for webhooks: see --webhook-allow";

/// See the module.
#[derive(Debug)]
pub struct Reachable {
    allowed: ArcCell<Vec<WebhookTarget>>,
}

impl Reachable {
    /// Public addresses, and those that are `allowed`.
    #[must_use]
    pub fn new(allowed: Vec<WebhookTarget>) -> Self {
        Self { allowed: ArcCell::new(allowed) }
    }

    /// Allows these in the place of those that were allowed.
    pub fn allow(&self, allowed: Vec<WebhookTarget>) {
        self.allowed.store(allowed);
    }

    /// Whether this address, to which the name `host` resolves, may be reached.
    #[must_use]
    pub fn permits(&self, host: &str, ip: IpAddr) -> bool {
        let allowed = self.allowed.load().iter().any(|target| match target {
            WebhookTarget::Network(network) => network.contains(&ip) || network.contains(&ip.to_canonical()),
            WebhookTarget::Host(name) => name.eq_ignore_ascii_case(host.trim_end_matches('.')),
        });
        allowed || (is_public(ip) && !is_of_this_machine(ip))
    }
}

/// Whether the machine has this address. If it does not tell its addresses, it may have any.
fn is_of_this_machine(ip: IpAddr) -> bool {
    if_addrs::get_if_addrs().map_or(true, |own| own.iter().any(|own| own.ip().to_canonical() == ip.to_canonical()))
}

/// Whether an address is one of the internet, and not of a special purpose (RFC 6890 and its registries).
fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let special = match ip.octets() {
        // This network; addresses behind a carrier; protocol assignments; relays of 6to4; benchmarks; reserved.
        [0, ..] | [192, 0, 0, _] | [192, 88, 99, _] | [198, 18 | 19, ..] | [240..=255, ..] => true,
        [100, second, ..] => second & 0xc0 == 64,
        _ => false,
    };
    !(special
        || ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation())
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, g, h] = ip.segments();
    let embedded = |high: u16, low: u16| {
        let ([one, two], [three, four]) = (high.to_be_bytes(), low.to_be_bytes());
        is_public_v4(Ipv4Addr::new(one, two, three, four))
    };
    match (a, b, c, d, e, f) {
        // An address of IPv4 in one of IPv6: mapped; translated (RFC 6052); 6to4 (RFC 3056).
        (0, 0, 0, 0, 0, 0xffff) | (0x64, 0xff9b, 0, 0, 0, 0) => embedded(g, h),
        (0x2002, high, low, ..) => embedded(high, low),
        // Of what is global unicast: Teredo and other protocols (2001::/23), documentation.
        (0x2001, 0..=0x1ff | 0xdb8, ..) | (0x3fff, 0..=0xfff, ..) => false,
        // All else is local, of a site or a link, multicast, or not assigned.
        _ => a & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_of_the_internet_is_refused() {
        for ip in [
            "0.0.0.0",
            "0.1.2.3",
            "10.1.2.3",
            "100.64.0.1",
            "100.127.255.255",
            "127.0.0.1",
            "127.8.9.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "240.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::127.0.0.1",
            "64:ff9b::127.0.0.1",
            "64:ff9b:1::1",
            "2002:7f00:1::",
            "2002:c0a8:101::",
            "2001::1",
            "2001:db8::1",
            "3fff::1",
            "fc00::1",
            "fd12::1",
            "fe80::1",
            "fec0::1",
            "ff02::1",
            "5f00::1",
            "100::1",
        ] {
            assert!(!Reachable::new(Vec::new()).permits("x", ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "1.1.1.1",
            "8.8.8.8",
            "100.63.0.1",
            "100.128.0.1",
            "172.15.0.1",
            "172.32.0.1",
            "198.20.0.1",
            "2606:4700::1111",
            "2a00:1450::1",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2002:808:808::",
        ] {
            assert!(Reachable::new(Vec::new()).permits("x", ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn an_operator_allows_networks_and_hosts() {
        let allowed =
            vec![WebhookTarget::Network("10.1.0.0/16".parse().unwrap()), WebhookTarget::Host("bot.example".to_owned())];
        let reachable = Reachable::new(allowed);
        let permits = |host: &str, ip: &str| reachable.permits(host, ip.parse().unwrap());
        assert!(permits("x", "10.1.2.3") && permits("x", "::ffff:10.1.2.3") && !permits("x", "10.2.0.1"));
        assert!(permits("bot.example", "127.0.0.1") && permits("BOT.example.", "::1"));
        assert!(!permits("other.example", "127.0.0.1") && !permits("x.bot.example", "127.0.0.1"));
    }
}
