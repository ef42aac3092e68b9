//! One who is connected: at which address, and with whose leave.
//!
//! Made by an accept thread with the address that the socket has. Where that is a trusted proxy's, the
//! real one comes later, in a PROXY header before anything else or in a field of each request, and so
//! does the leave: a connection of a proxy that carries many clients' requests is asked for each.

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use super::callers::House;
use super::head::Request;
use super::proxies;
use super::tcp::Tcp;
use crate::chat::Refusal;
use crate::engine::address::Address;
use crate::engine::doorman::Pass;

/// See the module.
pub struct Visitor {
    ip: IpAddr,
    /// Its place among the connections of its address; `None` for one who is not counted.
    pass: Option<Pass>,
}

impl Visitor {
    /// One whose socket has this address, and why it is not let in, if it is not.
    #[must_use]
    pub fn arrive(house: &House, ip: IpAddr) -> (Self, Option<Refusal>) {
        let mut visitor = Self { ip: ip.to_canonical(), pass: None };
        let refusal = if visitor.is_proxy(house) { None } else { visitor.ask(house).err() };
        (visitor, refusal)
    }

    /// Has the proxy say whom it brings, if it does so before everything else.
    ///
    /// # Errors
    /// It does not, or not in time.
    pub fn identify(&mut self, house: &House, socket: &Tcp, deadline: Instant) -> io::Result<Option<Refusal>> {
        if !house.settings.proxy_protocol || !self.is_proxy(house) {
            return Ok(None);
        }
        if let Some(ip) = proxies::read_header(socket, deadline)? {
            self.ip = ip;
        }
        // What this one forwards in turn is asked for later.
        Ok(if self.is_proxy(house) { None } else { self.ask(house).err() })
    }

    /// Who makes a request: this visitor, or the one whom the proxy names.
    ///
    /// # Errors
    /// It is not let in.
    pub fn behind(&self, house: &House, request: &Request<'_>) -> Result<Option<Self>, Refusal> {
        if !self.is_proxy(house) {
            return Ok(None);
        }
        let ip = proxies::forwarded(request, &house.settings.trusted_proxies).unwrap_or(self.ip);
        let mut visitor = Self { ip, pass: None };
        visitor.ask(house)?;
        Ok(Some(visitor))
    }

    /// Whether a proxy that is believed says that the client's side of it is TLS.
    #[must_use]
    pub fn came_through_tls(&self, house: &House, request: &Request<'_>) -> bool {
        self.is_proxy(house)
            && request.value("X-Forwarded-Proto").is_some_and(|text| text.eq_ignore_ascii_case("https"))
    }

    /// For limits by address; `None` for one who is exempt from them.
    #[must_use]
    pub fn address(&self, house: &House) -> Option<Address> {
        let exempt = proxies::among(&house.settings.address_exempt, self.ip);
        (!exempt).then(|| self.ip.into())
    }

    fn is_proxy(&self, house: &House) -> bool {
        proxies::among(&house.settings.trusted_proxies, self.ip)
    }

    fn ask(&mut self, house: &House) -> Result<(), Refusal> {
        if let Some(address) = self.address(house) {
            let entered = house.engine.doorman.enter(address, house.engine.clock.now().since_start);
            self.pass = Some(entered.inspect_err(|refusal| log::debug!(address:% = address; "not let in: {refusal}"))?);
        }
        Ok(())
    }
}
