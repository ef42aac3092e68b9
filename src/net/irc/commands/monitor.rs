//! MONITOR (IRCv3 monitor): the client is told when users connect, and when they are gone.
//!
//! The list is the conversation's, and the directory tells; here are the subcommands, and the answers to them.

use crate::chat::{End, UserName};
use crate::net::irc::capabilities::CapabilitySet;
use crate::net::irc::conversation::Conversation;
use crate::net::irc::monitor::WATCHED_MAX;
use crate::wire::irc::{self, LINE_BYTES, Line, clean};

pub fn monitor(this: &mut Conversation, line: &Line) -> Option<End> {
    let names = line.param(1).unwrap_or_default().split(',').filter(|name| !name.is_empty());
    let users: Vec<_> = names.filter_map(|name| irc::user(name).ok()).collect();
    match line.params[0].to_ascii_uppercase().as_str() {
        "+" => add(this, users),
        "-" => users.iter().for_each(|user| this.monitor.remove(user)),
        "C" => this.monitor.clear(),
        "L" => {
            let watched: Vec<_> = this.monitor.watched().iter().map(|user| irc::nick(user).into_owned()).collect();
            tell(this, "732", &watched);
            this.client.numeric("733", "", "End of MONITOR list");
        }
        "S" => {
            let watched = this.monitor.watched().iter().cloned();
            let (online, offline): (Vec<_>, Vec<_>) = watched.partition(|user| this.engine().directory.is_used(user));
            tell_states(this, &online, &offline);
        }
        other => {
            let about = clean(other);
            this.client.fail("MONITOR", "INVALID_PARAMS", &about, "It is +, -, C, L or S");
        }
    }
    None
}

fn add(this: &mut Conversation, users: Vec<UserName>) {
    let id = this.client.context("MONITOR", "").to_id();
    let closely = this.client.capabilities.has(CapabilitySet::EXTENDED_MONITOR).then(|| this.who().user.clone());
    let (mut online, mut offline, mut rest) = (Vec::new(), Vec::new(), Vec::new());
    for user in users {
        let endpoint = this.connection.as_others_see().endpoint();
        match this.monitor.add(user.clone(), (endpoint, closely.clone()), id.clone()) {
            Some(true) => online.push(user),
            Some(false) => offline.push(user),
            None => rest.push(irc::nick(&user).into_owned()),
        }
    }
    tell_states(this, &online, &offline);
    if !rest.is_empty() {
        let middle = format!("{WATCHED_MAX} {}", rest.join(","));
        this.client.numeric("734", &middle, "Monitor list is full.");
    }
}

fn tell_states(this: &mut Conversation, online: &[UserName], offline: &[UserName]) {
    let spelled = |user: &UserName| this.engine().directory.spelled_like(user).unwrap_or_else(|| user.clone());
    let online: Vec<_> = online.iter().map(|user| irc::source(&spelled(user), &this.engine().authors)).collect();
    let offline: Vec<_> = offline.iter().map(|user| irc::nick(user).into_owned()).collect();
    tell(this, "730", &online);
    tell(this, "731", &offline);
}

/// Targets, in as many lines as it takes.
fn tell(this: &mut Conversation, number: &str, targets: &[String]) {
    let room = LINE_BYTES.saturating_sub(this.client.server.len() + this.client.nick.len() + 16);
    let mut line = String::new();
    for target in targets {
        if line.len() + target.len() + 1 > room {
            this.client.numeric(number, "", &*std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(',');
        }
        line.push_str(target);
    }
    if !line.is_empty() {
        this.client.numeric(number, "", &*line);
    }
}
