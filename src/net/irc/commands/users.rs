//! NICK, SETNAME, WHOIS, WHOWAS, ISON, USERHOST: a user is a nick.
//!
//! Whether a user is connected is known to everybody, as a private message tells it on every door; in which rooms they
//! are, to those who are in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::channels::{member, members};
use crate::chat::display_names::DisplayNameRequest;
use crate::chat::{Command, DisplayName, End, Event, Presence, Slow, Status, UserName};
use crate::engine::users::directory::DepartedUser;
use crate::net::irc::capabilities::CapabilitySet;
use crate::net::irc::conversation::Conversation;
use crate::net::irc::welcome;
use crate::wire::irc::{self, Line, clean};

/// Nicks of one ISON or USERHOST, at most.
const NICKS_MAX: usize = 32;

pub fn nick(this: &mut Conversation, line: &Line) -> Option<End> {
    let Some(wanted) = line.param(0) else {
        this.client.numeric("431", "", "No nickname given");
        return None;
    };
    let own = this.who().user.clone();
    let Ok(user) = irc::guest_nick(wanted) else {
        if irc::user(wanted).is_ok_and(|user| user == own) {
            return None;
        }
        this.client.numeric("432", &clean(wanted), "This cannot be a nick");
        return None;
    };
    if user == own {
        return None;
    }
    // It is reserved before it is looked whether it is in use, and held until others find the client under it.
    let reservation = this.engine().directory.reserved.reserve(&user);
    let names = this.engine().directory.names_alike(&user);
    if reservation.is_none() || names.iter().any(|name| *name != own) {
        this.client.numeric("433", &clean(wanted), "This nick is in use");
        return None;
    }
    if this.who().is_guest() && this.engine().registered(&user) {
        this.client.numeric("433", &clean(wanted), "This nick is registered: connect anew with its token");
        return None;
    }
    let rooms: Vec<_> = this.connection.rooms().cloned().collect();
    let old = irc::source(&own, &this.engine().authors);
    let context = this.client.context("NICK", &clean(wanted));
    let end = this.request(Command::Nick { name: user }, &context);
    drop(reservation);
    rooms.iter().for_each(|room| this.unsettle(room));
    if this.who().user != own {
        let connection = this.connection.as_others_see();
        connection.set_real_name(this.client.real_name.clone());
        this.client.ident.iter().for_each(|ident| this.engine().directory.set_ident(connection, ident));
        this.engine().directory.set_operator(connection, this.operator.is_some());
        this.engine().directory.set_bot(connection, this.is_bot);
        let new = irc::nick(&this.who().user).into_owned();
        this.client.line(&old, "NICK", &*new);
        this.client.nick = new;
    }
    end
}

/// The presence of a user who is connected.
pub fn presence(this: &Conversation, user: UserName) -> Presence {
    let connections = this.engine().directory.reachable(&user);
    let is_away = !connections.is_empty()
        && connections.iter().all(|connection| connection.availability().status == Status::Away);
    let note = connections.iter().find_map(|connection| connection.availability().note);
    let status = if is_away { Status::Away } else { Status::Online };
    Presence { user, status, note, last_seen: this.engine().clock.now().at }
}

pub fn whois(this: &mut Conversation, line: &Line) -> Option<End> {
    // A first parameter of two is the server to be asked, and there is one.
    let Some(wanted) = line.param(1).or(line.param(0)) else {
        this.client.numeric("431", "", "No nickname given");
        return None;
    };
    match this.user(wanted) {
        Ok(user) if this.is_online(&user) => tell_user(this, user),
        _ => this.client.numeric("401", &clean(wanted), "No such nick/channel"),
    }
    this.client.numeric("318", &clean(wanted), "End of /WHOIS list");
    None
}

fn tell_user(this: &mut Conversation, user: UserName) {
    let nick = irc::nick(&user).into_owned();
    let name = name_of(this, &user);
    let (server, ident) = (Arc::clone(&this.client.server), ident_of(this, &user));
    this.client.numeric("311", &format!("{nick} {ident} {server} *"), &*name);
    let rooms: Vec<_> = this.connection.rooms().cloned().collect();
    let shared = rooms.iter().map(|room| (room, member(this, room, &user)));
    let shared = shared.filter(|(_, users)| !users.members.is_empty());
    let shared: Vec<_> =
        shared.map(|(room, users)| format!("{}{}", users.prefix(this, &user), irc::channel(room))).collect();
    for some in shared.chunks(5) {
        this.client.numeric("319", &nick, &*some.join(" "));
    }
    let info = welcome::network(&this.context);
    this.client.numeric("312", &format!("{nick} {server}"), &*info);
    if this.engine().directory.is_operator(&user) {
        this.client.numeric("313", &nick, "is an operator of this server");
    }
    if this.engine().directory.is_bot(&user) {
        this.client.numeric("335", &nick, "is a bot");
    }
    if this.engine().registered(&user) {
        this.client.numeric("330", &format!("{nick} {nick}"), "is logged in as");
    }
    let presence = presence(this, user);
    if presence.status == Status::Away {
        this.client.numeric("301", &nick, presence.note.as_deref().unwrap_or("Away"));
    }
}

/// The real name of a text; `None` for one that shows nothing or is too long.
pub fn real_name(text: &str) -> Option<DisplayName> {
    DisplayName::parse(text).ok()
}

/// What a user is called: by the display name, or as the client has said; else by the nick.
pub fn name_of(this: &Conversation, user: &UserName) -> String {
    let said = || this.engine().directory.connections(user).iter().find_map(|connection| connection.real_name());
    let name = this.engine().display_name(user).or_else(said);
    name.map_or_else(|| irc::nick(user).into_owned(), |name| name.as_str().to_owned())
}

/// The ident of a user.
pub fn ident_of(this: &Conversation, user: &UserName) -> String {
    irc::ident(this.engine().authors.ident(user).as_deref())
}

/// Sets what the user is called: the display name of a registered user, which is stored; that of a guest is for IRC, as
/// long as they are connected.
pub fn setname(this: &mut Conversation, line: &Line) -> Option<End> {
    let Some(name) = real_name(&line.params[0]) else {
        this.client.fail("SETNAME", "INVALID_REALNAME", "", "Realname is not valid");
        return None;
    };
    if this.who().is_guest() {
        call_guest(this, name);
        return None;
    }
    let rooms: Vec<_> = this.connection.rooms().cloned().collect();
    let knows = this.client.capabilities.has(CapabilitySet::SETNAME);
    if rooms.is_empty() && knows {
        // No room tells it.
        let refused = this.engine().display_names(this.who(), DisplayNameRequest::Set(Some(name.clone()))).err();
        match refused {
            None => {
                this.own_line("SETNAME", name.as_str());
                let event = Event::DisplayName { user: this.who().user.clone(), name: Some(name) };
                let own = Arc::clone(this.connection.as_others_see());
                this.engine().tell_close_watchers(this.who(), event, &own, std::iter::empty());
            }
            Some(refusal) => this.client.refused(&refusal, "SETNAME", ""),
        }
        return None;
    }
    let context = this.client.context("SETNAME", "");
    let end = this.request(Command::DisplayNames(DisplayNameRequest::Set(Some(name))), &context);
    rooms.iter().for_each(|room| this.unsettle(room));
    end
}

/// Tells those who share a room with a guest, on IRC, what the guest is called.
fn call_guest(this: &mut Conversation, name: DisplayName) {
    this.client.real_name = Some(name.clone());
    let own = Arc::clone(this.connection.as_others_see());
    own.set_real_name(Some(name.clone()));
    let rooms: Vec<_> = this.connection.rooms().cloned().collect();
    let users: BTreeSet<_> =
        rooms.iter().flat_map(|room| members(this, room).members).map(|presence| presence.user).collect();
    let event = Arc::new(Event::DisplayName { user: this.who().user.clone(), name: Some(name.clone()) });
    for connection in users.iter().flat_map(|user| this.engine().directory.reachable(user)) {
        let endpoint = connection.endpoint();
        if connection.number != own.number && endpoint.has_real_names() {
            // An outbox that cannot take it ends its connection.
            _ = endpoint.send(None, &event, Slow::Disconnect);
        }
    }
    let event = Event::DisplayName { user: this.who().user.clone(), name: Some(name.clone()) };
    this.engine().tell_close_watchers(this.who(), event, &own, this.connection.rooms());
    if this.client.capabilities.has(CapabilitySet::SETNAME) {
        this.own_line("SETNAME", name.as_str());
    }
}

/// Who has had a nick, as far as that is remembered.
pub fn whowas(this: &mut Conversation, line: &Line) -> Option<End> {
    let Some(wanted) = line.param(0) else {
        this.client.numeric("431", "", "No nickname given");
        return None;
    };
    let count = line.param(1).and_then(|count| count.parse().ok()).filter(|count| *count > 0).unwrap_or(usize::MAX);
    let gone = irc::user(wanted).map(|user| this.engine().directory.departed(&user)).unwrap_or_default();
    let (server, info) = (Arc::clone(&this.client.server), welcome::network(&this.context));
    for DepartedUser { user, real_name, ident } in gone.iter().take(count) {
        let nick = irc::nick(user);
        let name = real_name.as_ref().map_or(&*nick, DisplayName::as_str);
        let ident = irc::ident(ident.as_deref());
        this.client.numeric("314", &format!("{nick} {ident} {server} *"), name);
        this.client.numeric("312", &format!("{nick} {server}"), &*info);
    }
    if gone.is_empty() {
        this.client.numeric("406", &clean(wanted), "There was no such nickname");
    }
    this.client.numeric("369", &clean(wanted), "End of WHOWAS");
    None
}

pub fn ison(this: &mut Conversation, line: &Line) -> Option<End> {
    let there: Vec<_> = online(this, line).into_iter().map(|user| irc::nick(&user).into_owned()).collect();
    this.client.numeric("303", "", &*there.join(" "));
    None
}

pub fn userhost(this: &mut Conversation, line: &Line) -> Option<End> {
    let there: Vec<_> = online(this, line)
        .into_iter()
        .map(|user| {
            let nick = irc::nick(&user).into_owned();
            let (ident, is_operator) = (ident_of(this, &user), this.engine().directory.is_operator(&user));
            let here = if presence(this, user).status == Status::Away { '-' } else { '+' };
            let star = if is_operator { "*" } else { "" };
            format!("{nick}{star}={here}{ident}@{}", this.client.server)
        })
        .collect();
    this.client.numeric("302", "", &*there.join(" "));
    None
}

/// Which of the users that a line names are connected. A parameter may hold several.
fn online(this: &Conversation, line: &Line) -> Vec<UserName> {
    let nicks = line.params.iter().flat_map(|param| param.split_whitespace()).take(NICKS_MAX);
    nicks
        .filter_map(|nick| this.user(nick).ok())
        .filter(|user| this.engine().directory.is_reachable_anywhere(user))
        .collect()
}
