//! OPER and KILL: operators of the server, who end connections.
//!
//! An admin's connection is one from the beginning; others show a password of `--irc-operator`. It counts for this
//! connection and these commands: in a room an operator is who they are.

use sha2::{Digest as _, Sha256};

use super::server::privileged;
use crate::chat::{AuthLevel, Code, End, Identity, Refusal};
use crate::net::irc::conversation::Conversation;
use crate::wire::irc::{Line, clean};

pub fn oper(this: &mut Conversation, line: &Line) -> Option<End> {
    let (name, password) = (&line.params[0], &line.params[1]);
    let settings = this.context.settings.load();
    let digest: [u8; 32] = Sha256::digest(password.as_bytes()).into();
    let known = || settings.irc_operators.iter().find(|known| known.name.as_str() == name && known.digest == digest);
    let wrong = || Refusal::new(Code::Unauthorized, "Password incorrect");
    let now = this.engine().clock.now().since_start;
    let found = this.engine().address_limits.log_in(this.connection.address(), now, || known().ok_or_else(wrong));
    let found = found.map(|known| Identity { user: known.name.clone(), auth_level: AuthLevel::Admin, claims: None });
    match found.and_then(|operator| this.engine().record_operator(&operator, &this.who().user).map(|()| operator)) {
        Ok(operator) => {
            log::info!(operator = operator.user.as_str(), user = this.who().user.as_str(); "operator on IRC");
            this.engine().directory.set_operator(this.connection.as_others_see(), true);
            this.operator = Some(operator);
            this.client.numeric("381", "", "You are now an IRC operator");
            let head = format!("MODE {}", this.client.nick);
            this.own_line(&head, "+o");
        }
        Err(refusal) if refusal.code == Code::Unauthorized => this.client.numeric("464", "", "Password incorrect"),
        Err(refusal) => this.client.refused(&refusal, "OPER", ""),
    }
    None
}

/// Ends that: `MODE nick -o`.
pub fn resign(this: &mut Conversation) {
    if this.operator.take().is_some() {
        this.engine().directory.set_operator(this.connection.as_others_see(), false);
    }
}

/// Ends the connections of a user, on every door.
pub fn kill(this: &mut Conversation, line: &Line) -> Option<End> {
    let Some(operator) = this.operator.clone() else { return privileged(this, line) };
    let Some(nick) = line.param(0) else {
        this.client.numeric("461", "KILL", "Not enough parameters");
        return None;
    };
    let user = this.user(nick).ok();
    let connections = user.map(|user| this.engine().directory.connections(&user)).unwrap_or_default();
    let ended = connections.iter().filter(|one| this.engine().end_connection(&operator, one.number).is_ok()).count();
    if ended == 0 {
        this.client.numeric("401", &clean(nick), "No such nick/channel");
    }
    None
}
