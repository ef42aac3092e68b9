//! Servers for calls, as each user is told them: those of the settings, and for TURN servers that share a secret with this one a
//! login of the user's own that ends.
//!
//! Such a server (coturn's `use-auth-secret`, the "REST API for access to TURN services") knows no users: the name is the time at
//! which it ends and who it is for, and the credential is its HMAC under the secret. Pure: time is an argument. Called on a connection's thread when it begins.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;

use crate::chat::{IceServer, Secret, Time, UserName};

/// See the module.
#[derive(Clone, Debug, Default)]
pub struct CallServers {
    servers: Arc<[IceServer]>,
    turn: Option<TurnSecret>,
}

/// What this server shares with its TURN servers.
#[derive(Clone, Debug)]
pub struct TurnSecret {
    secret: Secret,
    lasts: Duration,
}

impl CallServers {
    /// These servers; the TURN servers among them that have no login share the secret.
    #[must_use]
    pub fn new(servers: &[IceServer], turn: Option<TurnSecret>) -> Self {
        Self { servers: servers.into(), turn }
    }

    /// The servers, as this user is told them at this time.
    #[must_use]
    pub fn told(&self, user: &UserName, now: Time) -> Arc<[IceServer]> {
        let Some(turn) = &self.turn else { return Arc::clone(&self.servers) };
        let told = |server: &IceServer| match needs_login(server) {
            true => turn.login(server, user, now),
            false => server.clone(),
        };
        self.servers.iter().map(told).collect()
    }
}

/// Whether it is a TURN server without a login, which has one by a shared secret.
#[must_use]
pub fn needs_login(server: &IceServer) -> bool {
    server.username.is_none() && server.urls.starts_with("turn")
}

impl TurnSecret {
    /// A secret, and for how long a login by it is good.
    #[must_use]
    pub fn new(secret: Secret, lasts: Duration) -> Self {
        Self { secret, lasts }
    }

    fn login(&self, server: &IceServer, user: &UserName, now: Time) -> IceServer {
        let username = format!("{}:{user}", now.after(self.lasts).0 / 1_000);
        let mut mac = Hmac::<Sha1>::new_from_slice(self.secret.reveal().as_bytes()).expect("a key may have any length");
        mac.update(username.as_bytes());
        let credential = STANDARD.encode(mac.finalize().into_bytes());
        IceServer { urls: server.urls.clone(), username: Some(username), credential: Some(credential) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(urls: &str, login: Option<(&str, &str)>) -> IceServer {
        let (username, credential) = login.map(|(user, word)| (user.to_owned(), word.to_owned())).unzip();
        IceServer { urls: urls.to_owned(), username, credential }
    }

    #[test]
    fn a_turn_server_without_a_login_is_told_with_one_that_ends() {
        let servers = [server("stun:a.org", None), server("turn:b.org", Some(("u", "c"))), server("turns:c.org", None)];
        let ann = UserName::parse("Ann").unwrap();
        let secret = TurnSecret::new(Secret::from("north"), Duration::from_secs(3_600));
        let told = CallServers::new(&servers, Some(secret)).told(&ann, Time(1_700_000_000_000));
        assert_eq!(told[..2], servers[..2]);
        // printf 1700003600:Ann | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(told[2], server("turns:c.org", Some(("1700003600:Ann", "vpufYArN3GwA2EJ+xnMyj5qkrt8="))));
        assert_eq!(*CallServers::new(&servers, None).told(&ann, Time(0)), servers);
    }
}
