//! The socket of admins on this machine (`--admin-socket`): the API of admins, of hooks and webhooks, and the figures,
//! without a token.
//!
//! Who may connect is what the permissions of the socket's file say, and the kernel tells whose process it is: that is who the
//! audits name, as `local:root`, which nobody else can be called. Runs on that socket's accept thread, one request a
//! connection and one connection after the other, so that an admin gets through when every place for a client is taken.

use std::fs;
use std::net::Shutdown;
use std::sync::Arc;
use std::time::Instant;

use super::api_request::ApiRequest;
use super::body::{self, BodyLength};
use super::head::{self, HeadError};
use super::origin::Origin;
use super::response::{Persistence, Response};
use super::routes;
use crate::chat::{Allowance, AuthLevel, Identity, UserName};
use crate::engine::clients::outbox::Transport as _;
use crate::engine::guards::address::ClientAddress;
use crate::net::context::ServerContext;
use crate::net::tcp::Tcp;

/// The permissions of the socket's file: the server's user and its group may connect, and root.
pub const SOCKET_MODE: u32 = 0o660;
/// What the names of admins of this machine begin with: no user's name has a colon.
const PREFIX: &str = "local:";
/// Where the names of the machine's users are looked up: passwd(5).
const USERS: &str = "/etc/passwd";

/// Answers one request, which is due at the deadline.
pub fn serve(context: &Arc<ServerContext>, socket: &Tcp, deadline: Instant) {
    let response = match socket.peer_user() {
        Ok(id) => respond(context, socket, &operator(id), deadline),
        Err(error) => {
            log::warn!(error:% = error; "nobody knows who is at the admin socket");
            Err(HeadError::Status(403, "The system does not say whose process this is"))
        }
    };
    let (response, head_only) = match response {
        Ok(answered) => answered,
        Err(HeadError::Status(status, message)) => (Response::error(status, message), false),
        Err(HeadError::Gone) => return,
    };
    context.engine.metrics.responded(response.status());
    // One who went away asks again.
    _ = socket.write_all(&response.bytes(Persistence::Close, head_only));
    socket.shutdown(Shutdown::Write);
}

/// The response to a request, and whether it is for the head alone.
fn respond(
    context: &ServerContext,
    socket: &Tcp,
    operator: &Identity,
    deadline: Instant,
) -> Result<(Response, bool), HeadError> {
    let mut buffer = Vec::new();
    let length = head::read(socket, &mut buffer, deadline)?;
    let mut rest = buffer.split_off(length);
    let mut fields = head::fields();
    let (request, _) = head::parse(&buffer, &mut fields)?.expect("the head was read whole");
    if !is_served(request.path) {
        return Err(HeadError::Status(404, "There is nothing for an admin at this address"));
    }
    let limits = &context.settings.load().limits;
    let left = deadline.saturating_duration_since(Instant::now());
    let body = body::read(socket, &mut rest, BodyLength::of(&request)?, limits.frame_bytes(), left)?;
    let mut api = ApiRequest {
        head: &request,
        body,
        allowance: &mut Allowance::full(limits.rate_of(None)),
        origin: Origin::Own,
        address: ClientAddress::IN_PROCESS,
        base_path: "",
        host: "",
        is_secure: false,
        operator: Some(operator),
        authenticated: None,
    };
    Ok((routes::answer(context, &mut api), request.method == "HEAD"))
}

/// Whether a path is of use to an admin of this machine, who is nobody in a room.
fn is_served(path: &str) -> bool {
    let parts: Vec<_> = path.split('/').skip(1).collect();
    match *parts {
        ["metrics" | "readyz" | "healthz"] | ["api", "v1", "admin" | "webhooks", ..] => true,
        ["api", "v1", "rooms", _, what, ..] => matches!(what, "hooks" | "webhooks"),
        _ => false,
    }
}

/// The admin that a user of this machine is.
fn operator(id: u32) -> Identity {
    let name = fs::read_to_string(USERS).ok().and_then(|users| name_of(&users, id)).unwrap_or_else(|| id.to_string());
    Identity { user: UserName::stored(&format!("{PREFIX}{name}")), auth_level: AuthLevel::Admin, claims: None }
}

/// The name of the user of this id in the lines of passwd(5).
fn name_of(users: &str, id: u32) -> Option<String> {
    let found = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, found) = (fields.next()?, fields.nth(1)?);
        (found.parse() == Ok(id)).then_some(name)
    })?;
    Some(found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_admin_of_this_machine_says_nothing_in_a_room() {
        for path in ["/metrics", "/api/v1/admin/bans/7", "/api/v1/webhooks", "/api/v1/rooms/den/hooks/1"] {
            assert!(is_served(path), "{path}");
        }
        for path in ["/", "/ws", "/api/v1/rooms/den/messages", "/api/v1/rooms", "/api/v1/me", "/assets/hooks"] {
            assert!(!is_served(path), "{path}");
        }
    }

    #[test]
    fn an_admin_of_this_machine_has_a_name_that_no_user_can_have() {
        let users = "root:x:0:0:root:/root:/bin/bash\nbroken\nann:x:1000:1000::/home/ann:/bin/sh\n";
        assert_eq!(name_of(users, 1000).as_deref(), Some("ann"));
        assert_eq!(name_of(users, 1001), None);
        let admin = operator(u32::MAX - 1);
        assert_eq!(admin.user.as_str(), format!("local:{}", u32::MAX - 1));
        assert!(UserName::parse(admin.user.as_str()).is_err());
    }
}
