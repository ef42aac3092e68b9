//! A session with the words of the protocol for a script, and an engine that does what it is told.
//!
//! A line is what a client sends, in its dialect. `+1s` moves the clock, `(begins in den)` is the
//! room in the client's address, `(den is full)` makes every further join of that room fail, and
//! `(den is gone)` is what the engine says of a room that put the client out. `(goes on as text)` and
//! `(goes on as json)` are the same session through another connection, `(is a stranger)` is one that
//! has yet to say who it is. As in the engine, an act that fails ends the list.

use std::collections::BTreeSet;
use std::sync::Arc;

use roomd::chat::charter::Founding;
use roomd::chat::command::JoinWish;
use roomd::chat::session::{Act, Dialect, Join, Session};
use roomd::chat::{Identity, Limits, Moment, RoomName, Standing, UserName};
use roomd::wire::{Unparsed, json_in, text_in};

use crate::{printed, transcript};

/// Messages of a join when the client names no number.
const JOIN_HISTORY: usize = 20;

/// See the module.
pub struct Client {
    session: Session,
    dialect: Dialect,
    now: Moment,
    full: BTreeSet<RoomName>,
}

impl Client {
    /// Ann, who speaks text and is in no room.
    pub fn text(limits: Limits) -> Self {
        Self::new(Dialect::Text, limits)
    }

    /// Ann, who speaks JSON and is in no room.
    pub fn json(limits: Limits) -> Self {
        Self::new(Dialect::Json, limits)
    }

    fn new(dialect: Dialect, limits: Limits) -> Self {
        let session = Session::new(UserName::parse("Ann").unwrap().into(), dialect, JOIN_HISTORY, Arc::new(limits));
        Self { session, dialect, now: Moment::default(), full: BTreeSet::new() }
    }

    /// Plays a script.
    #[track_caller]
    pub fn check(mut self, script: &str) {
        transcript::check(script, |input| self.take(input));
    }

    fn take(&mut self, input: &str) -> Vec<String> {
        let mut acts = Vec::new();
        let name = |name: &str| RoomName::parse(name).unwrap();
        if let Some(time) = input.strip_prefix('+') {
            self.now.since_start += humantime::parse_duration(time).unwrap();
        } else if let Some(aside) = input.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            match *aside.split(' ').collect::<Vec<_>>() {
                ["begins", "in", room] => self.session.begin(name(room), JoinWish::default(), &mut acts),
                [room, "is", "full"] => drop(self.full.insert(name(room))),
                [room, "is", "gone"] => self.session.left(&name(room)),
                ["is", "a", "stranger"] => self.session.be_stranger(),
                ["goes", "on", "as", "text"] => self.go_on(Dialect::Text),
                ["goes", "on", "as", "json"] => self.go_on(Dialect::Json),
                _ => panic!("nothing is meant by ({aside})"),
            }
        } else {
            self.hear(input, &mut acts);
        }
        let mut done = Vec::new();
        for act in acts {
            done.push(printed(&act));
            if !self.carry_out(act) {
                done.push("which fails".to_owned());
                break;
            }
        }
        done
    }

    fn go_on(&mut self, dialect: Dialect) {
        self.dialect = dialect;
        self.session.go_on(dialect, JOIN_HISTORY);
    }

    fn hear(&mut self, line: &str, acts: &mut Vec<Act>) {
        let request = match self.dialect {
            Dialect::Text => text_in::parse(line),
            Dialect::Json => json_in::parse(line).map(Some),
        };
        match request {
            Ok(Some(request)) => self.session.hear(request, self.now, acts),
            Ok(None) => {}
            Err(Unparsed { id, refusal }) => self.session.mishear(id, refusal, self.now, acts),
        }
    }

    fn carry_out(&mut self, act: Act) -> bool {
        match act {
            Act::Join(Join { room, .. }) => {
                if self.full.contains(&room) {
                    return false;
                }
                self.session.entered(&room);
            }
            Act::Leave { room, .. } => self.session.left(&room),
            Act::Rename { user } => self.session.identified(user.into()),
            // Each token names the user whose name it is.
            Act::Identify { token, .. } | Act::Refresh { token, .. } => {
                let user = UserName::parse(token.reveal()).unwrap();
                let standing = Standing::Registered;
                self.session.identified(Identity { user, standing, grant: None });
            }
            _ => {}
        }
        true
    }
}

fn printed(act: &Act) -> String {
    let mark = |id| printed::mark(id);
    match act {
        Act::Reply(id, event) => format!("told{}: {}", mark(id.as_ref()), printed::event(event)),
        Act::Join(Join { room, wish, announced, slow, durable, id }) => {
            let since = wish.since.as_ref().map(|since| format!(", since {}/{}", since.epoch, since.seq));
            format!(
                "joins {room}{}{}{}, history {}{}{}{}",
                mark(id.as_ref()),
                if wish.topic { " as a topic" } else { "" },
                if *announced { "" } else { " quietly" },
                wish.history.map_or("?".to_owned(), |count| count.to_string()),
                since.unwrap_or_default(),
                slow.map(|slow| format!(", {slow:?}").to_lowercase()).unwrap_or_default(),
                if *durable { "" } else { ", ephemeral" },
            )
        }
        Act::Leave { room, id } => format!("leaves {room}{}", mark(id.as_ref())),
        Act::Tell { room, said, id } => format!("in {room}{}: {}", mark(id.as_ref()), printed::said(said)),
        Act::Private { to, body, about, mid, id } => {
            let mid = mid.as_ref().map(|mid| format!(" ({})", mid.as_str())).unwrap_or_default();
            format!("to {to}{}: {}{}{mid}", mark(id.as_ref()), printed::text(body), printed::about(*about))
        }
        Act::Signal { kind, to, payload, id } => format!("{} to {to}{}: {payload}", kind.as_str(), mark(id.as_ref())),
        Act::Rooms { id } => format!("asks which rooms{}", mark(id.as_ref())),
        Act::Create { room, durable, founding: Founding { private, members }, id } => {
            let with: String = members.iter().map(|user| format!(", with {user}")).collect();
            let kind = if *private { ", private" } else { "" };
            format!("creates {room}{}{kind}{with}{}", mark(id.as_ref()), if *durable { "" } else { ", ephemeral" })
        }
        Act::Govern { room, motion, note, id } => {
            format!("in {room}{}: {}", mark(id.as_ref()), printed::motion(motion, note.as_deref()))
        }
        Act::History { room, span, limit, id } => {
            format!("in {room}{}: wants {limit} {}", mark(id.as_ref()), printed::part(*span))
        }
        Act::Resume { token, seen, id } => format!("resumes {token}{}, {}", mark(id.as_ref()), printed::seen(seen)),
        Act::Session { room, id } => format!("in {room}{}: asks for the session", mark(id.as_ref())),
        Act::Rename { user } => format!("is {user} from now on"),
        Act::Identify { token, id } => format!("shows {}{}", token.reveal(), mark(id.as_ref())),
        Act::Refresh { token, id } => format!("shows {} anew{}", token.reveal(), mark(id.as_ref())),
        Act::End(end) => format!("ends: {}", end.word()),
    }
}
