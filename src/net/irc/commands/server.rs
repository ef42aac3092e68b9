//! PING, CAP, and what a client asks of the server: MOTD, LUSERS, VERSION, TIME, INFO and others.
//!
//! Answered by the door alone. What has no meaning here is answered with the numeric that says so, so that a client
//! which asks is not left waiting.

use std::sync::Arc;

use super::channels::note;
use crate::chat::End;
use crate::net::irc::capabilities::{self, Offers};
use crate::net::irc::conversation::Conversation;
use crate::net::irc::welcome;
use crate::wire::Encoding;
use crate::wire::irc::{Line, Traits, clean};

/// Answers when everything that the client has sent before is delivered.
pub fn ping(this: &mut Conversation, line: &Line) -> Option<End> {
    match line.params.first() {
        Some(token) => this.client.pong(token),
        None => this.client.numeric("409", "", "No origin specified"),
    }
    None
}

/// Ends the connection; the others are told the reason.
pub fn quit(this: &mut Conversation, line: &Line) -> Option<End> {
    this.connection.set_last_word(line.param(0).and_then(note));
    Some(End::Left)
}

/// What changes the lines of rooms can be changed before the client is in one.
pub fn cap(this: &mut Conversation, line: &Line) -> Option<End> {
    let offers = Offers { sasl: this.engine().auth.knows_tokens(), tls: this.tls };
    let Conversation { connection, client, .. } = this;
    capabilities::answer(client, line, offers, |traits: Traits| connection.change_encoding(Encoding::Irc(traits)));
    None
}

pub fn motd(this: &mut Conversation, line: &Line) -> Option<End> {
    if is_here(this, line) {
        welcome::motd(&this.context, &mut this.client);
    }
    None
}

pub fn lusers(this: &mut Conversation, _: &Line) -> Option<End> {
    welcome::lusers(&this.context, &mut this.client);
    None
}

pub fn version(this: &mut Conversation, line: &Line) -> Option<End> {
    if is_here(this, line) {
        welcome::version(&this.context, &mut this.client);
    }
    None
}

pub fn time(this: &mut Conversation, line: &Line) -> Option<End> {
    if is_here(this, line) {
        let now = this.engine().clock.now().at.to_string();
        let server = Arc::clone(&this.client.server);
        this.client.numeric("391", &server, &*now);
    }
    None
}

pub fn info(this: &mut Conversation, line: &Line) -> Option<End> {
    if is_here(this, line) {
        for text in [
            "roomd: rooms for a small organisation, on every door in one order",
            concat!("Version ", env!("CARGO_PKG_VERSION")),
        ] {
            this.client.numeric("371", "", text);
        }
        this.client.numeric("374", "", "End of INFO list");
    }
    None
}

pub fn admin(this: &mut Conversation, line: &Line) -> Option<End> {
    if is_here(this, line) {
        let server = Arc::clone(&this.client.server);
        this.client.numeric("423", &server, "No administrative info available");
    }
    None
}

/// Whether the server that a line asks for, if it asks for one, is this one; otherwise the client is told.
fn is_here(this: &mut Conversation, line: &Line) -> bool {
    let Some(server) = line.param(0) else { return true };
    let is_here = super::channels::fits(&server.to_lowercase(), &this.client.server.to_lowercase())
        || this.user(server).is_ok_and(|user| this.is_online(&user));
    if !is_here {
        this.client.numeric("402", &clean(server), "No such server");
    }
    is_here
}

pub fn links(this: &mut Conversation, _: &Line) -> Option<End> {
    let (server, info) = (Arc::clone(&this.client.server), welcome::network(&this.context));
    this.client.numeric("364", &format!("{server} {server}"), &*format!("0 {info}"));
    this.client.numeric("365", "*", "End of LINKS list");
    None
}

pub fn stats(this: &mut Conversation, line: &Line) -> Option<End> {
    let letter = clean(line.param(0).unwrap_or("*"));
    this.client.numeric("219", &letter, "End of STATS report: the figures are at /metrics");
    None
}

pub fn help(this: &mut Conversation, line: &Line) -> Option<End> {
    let subject = clean(line.param(0).unwrap_or("*"));
    this.client.numeric("704", &subject, "The commands of this server:");
    let names: Vec<_> = super::all().collect();
    for some in names.chunks(12) {
        this.client.numeric("705", &subject, &*some.join(" "));
    }
    this.client.numeric("706", &subject, "End of /HELP");
    None
}

pub fn disabled(this: &mut Conversation, line: &Line) -> Option<End> {
    let number = if line.command == "SUMMON" { "445" } else { "446" };
    this.client.numeric(number, "", &*format!("{} has been disabled", line.command));
    None
}

pub fn registered(this: &mut Conversation, _: &Line) -> Option<End> {
    this.client.numeric("462", "", "You may not reregister");
    None
}

pub fn authenticated(this: &mut Conversation, _: &Line) -> Option<End> {
    if this.who().is_guest() {
        this.client.numeric("904", "", "Authenticate before you register: connect anew");
    } else {
        this.client.numeric("907", "", "You have authenticated already");
    }
    None
}

pub fn privileged(this: &mut Conversation, _: &Line) -> Option<End> {
    this.client.numeric("481", "", "Permission Denied: you are not an operator of the server");
    None
}
