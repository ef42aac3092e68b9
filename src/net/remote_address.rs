//! The address of a client, and its place among the connections of that address.
//!
//! Made by an accept thread with the address that the socket has. Where that is a trusted proxy's, the
//! client's comes later, in a PROXY header before anything else or in a field of each request, and only then
//! is the client counted: a proxy's connection that carries many clients' requests counts for each of them.

use std::io;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::context::ServerContext;
use super::http::head::{ProxyUser, RequestHead};
use super::proxies;
use super::tcp::Tcp;
use crate::chat::Refusal;
use crate::engine::guards::address::ClientAddress;
use crate::engine::guards::address_limits::AddressPermit;

/// The address of a client.
pub struct RemoteAddress {
    ip: IpAddr,
    /// Its place among the connections of its address; `None` while it is not counted.
    pass: Option<AddressPermit>,
}

impl RemoteAddress {
    /// The address of a socket, which is not counted yet.
    #[must_use]
    pub fn new(ip: IpAddr) -> Self {
        Self { ip: ip.to_canonical(), pass: None }
    }

    /// Counts the connection for its address, unless that is a proxy's.
    ///
    /// # Errors
    /// The address is banned, or has too many connections, or too many new ones.
    pub fn count_client(&mut self, context: &ServerContext) -> Result<(), Refusal> {
        if self.is_proxy(context) { Ok(()) } else { self.count(context) }
    }

    /// Where proxies begin with a PROXY header: reads the client's address from it, and counts the client.
    /// The inner error is the client's refusal.
    ///
    /// # Errors
    /// The proxy sent no such header, or not in time.
    pub fn read_proxy_header(
        &mut self,
        context: &ServerContext,
        socket: &Tcp,
        deadline: Instant,
    ) -> io::Result<Result<(), Refusal>> {
        if !context.settings.load().proxy_protocol || !self.is_proxy(context) {
            return Ok(Ok(()));
        }
        if let Some(ip) = proxies::read_header(socket, deadline)? {
            self.ip = ip;
        }
        // Behind a further proxy, each request names its client.
        Ok(self.count_client(context))
    }

    /// The client of a request that came through a proxy, counted; `None` for any other connection.
    ///
    /// # Errors
    /// The client's address is banned, or has too many connections, or too many new ones.
    pub fn forwarded_client(
        &self,
        context: &ServerContext,
        request: &RequestHead<'_>,
    ) -> Result<Option<Self>, Refusal> {
        if !self.is_proxy(context) {
            return Ok(None);
        }
        let mut client = Self { ip: self.client_of(context, request), pass: None };
        client.count(context)?;
        Ok(Some(client))
    }

    /// The address of the client of a request, as a trusted proxy reports it.
    #[must_use]
    pub fn client_of(&self, context: &ServerContext, request: &RequestHead<'_>) -> IpAddr {
        let forwarded = |_| proxies::forwarded(request, &context.settings.load().trusted_proxies);
        self.is_proxy(context).then_some(()).and_then(forwarded).unwrap_or(self.ip)
    }

    /// Whether a trusted proxy says that its client uses TLS. The first proxy of several has met the client.
    #[must_use]
    pub fn is_tls_at_proxy(&self, context: &ServerContext, request: &RequestHead<'_>) -> bool {
        let is_secure = |scheme: &str| ["https", "wss"].iter().any(|secure| scheme.eq_ignore_ascii_case(secure));
        self.is_proxy(context) && request.list("X-Forwarded-Proto").next().is_some_and(is_secure)
    }

    /// The hosts that the request is for: the one that it names, and that which a trusted proxy says was asked for.
    #[must_use]
    pub fn hosts<'a>(&self, context: &ServerContext, request: &RequestHead<'a>) -> Vec<&'a str> {
        let forwarded = self.is_proxy(context).then(|| request.list("X-Forwarded-Host").next()).flatten();
        std::iter::once(request.host).chain(forwarded).collect()
    }

    /// The path below which the client sees the server, as a trusted proxy says or else the settings; empty for `/`.
    #[must_use]
    pub fn base_path(&self, context: &ServerContext, request: &RequestHead<'_>) -> String {
        let forwarded = self.is_proxy(context).then(|| proxies::prefix(request)).flatten();
        forwarded.unwrap_or_else(|| context.settings.load().base_path.clone())
    }

    /// Whom a proxy names as the user of a request, if it may name users. What anybody else says in that field is ignored, and logged
    /// once.
    #[must_use]
    pub fn proxy_user<'a>(&self, context: &ServerContext, request: &RequestHead<'a>) -> ProxyUser<'a> {
        let settings = context.settings.load();
        let Some(field) = &settings.user_header else { return ProxyUser::None };
        let said: Vec<_> = request.values(field).take(2).collect();
        if !proxies::among(&settings.user_header_from, self.ip) {
            if !said.is_empty() && !context.has_ignored_user.swap(true, Ordering::Relaxed) {
                log::warn!(address:% = self.ip, field = &**field; "ignored a user named by somebody who is not in --user-header-from");
            }
            return ProxyUser::None;
        }
        match *said {
            [] => ProxyUser::Unnamed,
            [name] => match std::str::from_utf8(name).map(str::trim) {
                Ok("") => ProxyUser::Unnamed,
                Ok(name) => ProxyUser::Named(name),
                Err(_) => ProxyUser::Unreadable,
            },
            _ => ProxyUser::Unreadable,
        }
    }

    /// The address, and what limits count it for.
    #[must_use]
    pub fn address(&self, context: &ServerContext) -> ClientAddress {
        let exempt = proxies::among(&context.settings.load().address_exempt, self.ip);
        ClientAddress { ip: Some(self.ip), counted: (!exempt).then(|| self.ip.into()) }
    }

    fn is_proxy(&self, context: &ServerContext) -> bool {
        proxies::among(&context.settings.load().trusted_proxies, self.ip)
    }

    fn count(&mut self, context: &ServerContext) -> Result<(), Refusal> {
        let from = self.address(context);
        context.engine.refuse_banned(None, from)?;
        if let Some(address) = from.counted {
            let pass = context.engine.address_limits.enter(address, context.engine.clock.now().since_start);
            self.pass = Some(pass.inspect_err(|refusal| log::debug!(address:% = address; "not let in: {refusal}"))?);
        }
        Ok(())
    }
}
