//! The commands of IRC: one row each.
//!
//! A row says how many parameters a command needs, what it costs, and who carries it out. What a client sends to rooms
//! and users costs as the same costs elsewhere; a command with several targets pays for each.

mod channels;
pub mod history;
mod marks;
mod messages;
mod modes;
mod monitor;
mod operators;
mod server;
mod users;
mod who;

pub use marks::MarkTimes;
pub use users::real_name;

use super::conversation::Conversation;
use crate::chat::{Cost, End};
use crate::wire::irc::{Line, clean};

/// A command.
pub struct IrcCommand {
    name: &'static str,
    /// Parameters that must be there, and not empty; with fewer: 461.
    pub params_min: usize,
    /// What it costs before it begins.
    pub cost: Cost,
    /// Carries it out; `Some` ends the connection.
    pub run: fn(&mut Conversation, &Line) -> Option<End>,
}

const fn row(name: &'static str, params_min: usize, run: fn(&mut Conversation, &Line) -> Option<End>) -> IrcCommand {
    IrcCommand { name, params_min, cost: Cost::Other, run }
}

impl IrcCommand {
    /// It pays for itself, target by target, or costs nothing.
    const fn free(mut self) -> Self {
        self.cost = Cost::Free;
        self
    }
}

/// The row of a command, in upper case.
pub fn of_name(name: &str) -> Option<&'static IrcCommand> {
    ROWS.iter().find(|row| row.name == name)
}

const ROWS: &[IrcCommand] = &[
    row("PRIVMSG", 0, messages::privmsg).free(),
    row("NOTICE", 0, messages::notice).free(),
    row("TAGMSG", 1, messages::tagmsg).free(),
    row("AWAY", 0, messages::away),
    row("CHATHISTORY", 1, history::chathistory).free(),
    row("REDACT", 2, messages::redact).free(),
    row("JOIN", 1, channels::join).free(),
    row("PART", 1, channels::part).free(),
    row("TOPIC", 1, channels::topic),
    row("NAMES", 0, channels::names),
    row("LIST", 0, channels::list),
    row("KICK", 2, channels::kick).free(),
    row("INVITE", 0, channels::invite),
    row("MODE", 1, modes::mode),
    row("MARKREAD", 0, marks::markread),
    row("MONITOR", 1, monitor::monitor),
    row("NICK", 0, users::nick),
    row("SETNAME", 1, users::setname),
    row("WHO", 0, who::who),
    row("WHOIS", 0, users::whois),
    row("WHOWAS", 0, users::whowas),
    row("ISON", 1, users::ison),
    row("USERHOST", 1, users::userhost),
    row("PING", 0, server::ping),
    row("PONG", 0, |_, _| None).free(),
    row("CAP", 0, server::cap),
    row("QUIT", 0, server::quit).free(),
    row("MOTD", 0, server::motd),
    row("LUSERS", 0, server::lusers),
    row("VERSION", 0, server::version),
    row("TIME", 0, server::time),
    row("INFO", 0, server::info),
    row("ADMIN", 0, server::admin),
    row("LINKS", 0, server::links),
    row("STATS", 0, server::stats),
    row("HELP", 0, server::help),
    row("HELPOP", 0, server::help),
    row("USERS", 0, server::disabled),
    row("SUMMON", 0, server::disabled),
    row("USER", 0, server::registered),
    row("PASS", 0, server::registered),
    row("AUTHENTICATE", 0, server::authenticated),
    row("OPER", 2, operators::oper),
    row("KILL", 0, operators::kill),
    row("REHASH", 0, server::privileged),
    row("RESTART", 0, server::privileged),
    row("DIE", 0, server::privileged),
    row("SQUIT", 0, server::privileged),
    row("CONNECT", 0, server::privileged),
];

/// The targets that a parameter lists with commas: those that the command takes, at most so many, and the first beyond.
fn targets(list: &str, most: usize) -> (Vec<&str>, Option<&str>) {
    let mut targets = list.split(',').filter(|target| !target.is_empty());
    (targets.by_ref().take(most).collect(), targets.next())
}

/// Tells the client that there were more targets than the command takes, if there were.
fn tell_beyond(this: &mut Conversation, line: &Line, beyond: Option<&str>, most: usize) {
    if let Some(target) = beyond {
        this.client.numeric("407", &clean(target), &*format!("{} takes {most} targets at most", line.command));
    }
}

/// Answers a line that lists no target.
fn no_target(this: &mut Conversation, line: &Line) -> Option<End> {
    this.paid(&line.command, Cost::Other, |this| {
        this.client.numeric("461", &line.command, "Not enough parameters");
        None
    })
}

/// The names of all commands.
pub fn all() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.name)
}
