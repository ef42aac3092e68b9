//! WHO, and what WHOX asks for: who is in a channel, or fits a mask.
//!
//! Members of a channel are told to who may know of it; by a mask with wildcards a client finds those who share a room.

use super::channels::{ChannelUsers, fits, members};
use std::sync::Arc;

use super::users::{ident_of, name_of, presence};
use crate::chat::{End, Presence, RoomName, Status};
use crate::net::irc::conversation::Conversation;
use crate::wire::irc::{self, Line, clean};

/// What a WHO asks for.
struct Query {
    /// The fields of WHOX, in the order of `FIELDS`; `None`: the reply of RFC 2812.
    fields: Option<String>,
    /// What the fields of a reply begin with, where `t` is among them.
    token: String,
}

/// The fields of WHOX, in the order in which they are told.
const FIELDS: &str = "tcuihsnfdlaor";
/// The server to which a user is connected: it may be any of several that share a history, and is told to nobody.
const SERVER: &str = "*";
/// Digits of a token, at most.
const TOKEN_DIGITS_MAX: usize = 3;

pub fn who(this: &mut Conversation, line: &Line) -> Option<End> {
    let mask = line.param(0).unwrap_or("*");
    let (flags, fields) = line
        .param(1)
        .unwrap_or_default()
        .split_once('%')
        .map_or_else(|| (line.param(1).unwrap_or_default(), None), |(flags, fields)| (flags, Some(fields)));
    let query = query(fields);
    let room = Some(mask).filter(|mask| irc::is_channel(mask)).map(|mask| this.room(mask));
    let (place, mut found) = match room {
        Some(Ok(room)) => {
            let users = members(this, &room);
            let found = users.members.clone();
            (Some((room, users)), found)
        }
        Some(Err(_)) => (None, Vec::new()),
        None => (None, who_fits(this, mask)),
    };
    if flags.contains('o') {
        found.retain(|presence| this.engine().directory.is_operator(&presence.user));
    }
    for presence in &found {
        tell(this, &query, place.as_ref().map(|(room, users)| (room, users)), presence);
    }
    this.client.numeric("315", &clean(mask), "End of /WHO list");
    None
}

fn query(fields: Option<&str>) -> Query {
    let Some(fields) = fields else { return Query { fields: None, token: String::new() } };
    let (fields, token) = fields.split_once(',').unwrap_or((fields, ""));
    let is_token = (1..=TOKEN_DIGITS_MAX).contains(&token.len()) && token.bytes().all(|byte| byte.is_ascii_digit());
    let token = if is_token { token } else { "0" };
    let fields = FIELDS.chars().filter(|field| fields.contains(*field)).collect();
    Query { fields: Some(fields), token: token.to_owned() }
}

/// The users whom a mask fits: one by name, whoever it is; of a mask with wildcards, those who share a room.
fn who_fits(this: &Conversation, mask: &str) -> Vec<Presence> {
    if !mask.contains(['*', '?']) && mask != "0" {
        let user = this.user(mask).ok().filter(|user| this.is_online(user));
        return user.into_iter().map(|user| presence(this, user)).collect();
    }
    let mask = if mask == "0" { "*".to_owned() } else { mask.to_lowercase() };
    let rooms: Vec<_> = this.connection.rooms().cloned().collect();
    let mut found: Vec<Presence> = rooms.iter().flat_map(|room| members(this, room).members).collect();
    let own = this.who().user.clone();
    if !found.iter().any(|presence| presence.user == own) {
        found.push(presence(this, own));
    }
    found.retain(|presence| fits(&mask, &irc::nick(&presence.user).to_lowercase()));
    found.sort_by(|one, other| one.user.cmp(&other.user));
    found.dedup_by(|one, other| one.user == other.user);
    found
}

fn tell(this: &mut Conversation, query: &Query, place: Option<(&RoomName, &ChannelUsers)>, member: &Presence) {
    let nick = irc::nick(&member.user).into_owned();
    let here = if member.status == Status::Away { 'G' } else { 'H' };
    let (channel, prefix) = match place {
        Some((room, users)) => (irc::channel(room), users.prefix(this, &member.user)),
        None => ("*".to_owned(), ""),
    };
    let (name, ident) = (name_of(this, &member.user), ident_of(this, &member.user));
    let host = Arc::clone(&this.client.server);
    let star = if this.engine().directory.is_operator(&member.user) { "*" } else { "" };
    let bot = if this.engine().directory.is_bot(&member.user) { "B" } else { "" };
    let flags = format!("{here}{star}{prefix}{bot}");
    let Some(fields) = &query.fields else {
        let middle = format!("{channel} {ident} {host} {SERVER} {nick} {flags}");
        return this.client.numeric("352", &middle, &*format!("0 {name}"));
    };
    let account = if this.engine().registered(&member.user) { nick.clone() } else { "0".to_owned() };
    let mut words: Vec<String> = fields
        .chars()
        .filter_map(|field| {
            Some(match field {
                't' => query.token.clone(),
                'c' => channel.clone(),
                'u' => ident.clone(),
                // Where users connect from is told to nobody.
                'i' => "255.255.255.255".to_owned(),
                'h' => host.to_string(),
                's' => SERVER.to_owned(),
                'n' => nick.clone(),
                'f' => flags.clone(),
                'd' | 'l' => "0".to_owned(),
                'a' => account.clone(),
                'o' => "n/a".to_owned(),
                _ => return None,
            })
        })
        .collect();
    if fields.contains('r') {
        return this.client.numeric("354", &words.join(" "), &*name);
    }
    let last = words.pop();
    this.client.numeric("354", &words.join(" "), last.as_deref());
}
