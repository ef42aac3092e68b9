//! One who is connected: at which address, and with whose leave.
//!
//! Made by an accept thread with the address that the socket has. Where that is a trusted proxy's, the
//! real one comes later, in a PROXY header before anything else or in a field of each request, and so
//! does the leave: a connection of a proxy that carries many clients' requests is asked for each.

use std::io;
use std::net::IpAddr;
use std::time::Instant;

use super::head::RequestHead;
use super::incoming::ServerContext;
use super::proxies;
use super::tcp::Tcp;
use crate::chat::Refusal;
use crate::engine::guards::address::Address;
use crate::engine::guards::address_limits::Pass;

/// See the module.
pub struct RemoteAddress {
    ip: IpAddr,
    /// Its place among the connections of its address; `None` for one who is not counted.
    pass: Option<Pass>,
}

impl RemoteAddress {
    /// One whose socket has this address, and why it is not let in, if it is not.
    #[must_use]
    pub fn arrive(context: &ServerContext, ip: IpAddr) -> (Self, Option<Refusal>) {
        let mut remote = Self { ip: ip.to_canonical(), pass: None };
        let refusal = if remote.is_proxy(context) { None } else { remote.ask(context).err() };
        (remote, refusal)
    }

    /// Has the proxy say whom it brings, if it does so before everything else.
    ///
    /// # Errors
    /// It does not, or not in time.
    pub fn identify(
        &mut self,
        context: &ServerContext,
        socket: &Tcp,
        deadline: Instant,
    ) -> io::Result<Option<Refusal>> {
        if !context.settings.proxy_protocol || !self.is_proxy(context) {
            return Ok(None);
        }
        if let Some(ip) = proxies::read_header(socket, deadline)? {
            self.ip = ip;
        }
        // What this one forwards in turn is asked for later.
        Ok(if self.is_proxy(context) { None } else { self.ask(context).err() })
    }

    /// Who makes a request: this visitor, or the one whom the proxy names.
    ///
    /// # Errors
    /// It is not let in.
    pub fn behind(&self, context: &ServerContext, request: &RequestHead<'_>) -> Result<Option<Self>, Refusal> {
        if !self.is_proxy(context) {
            return Ok(None);
        }
        let ip = proxies::forwarded(request, &context.settings.trusted_proxies).unwrap_or(self.ip);
        let mut remote = Self { ip, pass: None };
        remote.ask(context)?;
        Ok(Some(remote))
    }

    /// Whether a proxy that is believed says that the client's side of it is TLS.
    #[must_use]
    pub fn came_through_tls(&self, context: &ServerContext, request: &RequestHead<'_>) -> bool {
        self.is_proxy(context)
            && request.value("X-Forwarded-Proto").is_some_and(|text| text.eq_ignore_ascii_case("https"))
    }

    /// For limits by address; `None` for one who is exempt from them.
    #[must_use]
    pub fn address(&self, context: &ServerContext) -> Option<Address> {
        let exempt = proxies::among(&context.settings.address_exempt, self.ip);
        (!exempt).then(|| self.ip.into())
    }

    fn is_proxy(&self, context: &ServerContext) -> bool {
        proxies::among(&context.settings.trusted_proxies, self.ip)
    }

    fn ask(&mut self, context: &ServerContext) -> Result<(), Refusal> {
        if let Some(address) = self.address(context) {
            let entered = context.engine.address_limits.enter(address, context.engine.clock.now().since_start);
            self.pass = Some(entered.inspect_err(|refusal| log::debug!(address:% = address; "not let in: {refusal}"))?);
        }
        Ok(())
    }
}
