//! A session whose script is written in the protocol, and an engine that carries out its actions.
//!
//! A line is what a client sends, in its dialect. `+1s` moves the clock, `(begins in den)` is the
//! room in the client's address, `(enters den with its first line)` is what a client does that has only connected,
//! `(den is full)` makes every further join of that room fail, and
//! `(den is gone)` is what the engine says of a room that put the client out. `(goes on as text)` and
//! `(goes on as json)` are the same session through another connection, `(is unauthenticated)` is one that
//! has yet to authenticate. As in the engine, an action that fails ends the list.

use std::collections::BTreeSet;
use std::sync::Arc;

use roomd::chat::policy::RoomOptions;
use roomd::chat::session_state::{Action, Join, SessionState};
use roomd::chat::{
    AuthLevel, Availability, Identity, JoinOptions, Limits, Moment, Publication, RoomName, RoomRequest, UserName,
};
use roomd::wire::{Encoding, Unparsed};

use crate::{printed, transcript};

/// Messages of a join when the client names no number.
const JOIN_HISTORY: usize = 20;

/// See the module.
pub struct Client {
    session: SessionState,
    limits: Arc<Limits>,
    encoding: Encoding,
    now: Moment,
    full: BTreeSet<RoomName>,
}

impl Client {
    /// Ann, who speaks text and is in no room.
    pub fn text(limits: Limits) -> Self {
        Self::new(Encoding::TextLines, limits)
    }

    /// Ann, who speaks JSON and is in no room.
    pub fn json(limits: Limits) -> Self {
        Self::new(Encoding::Json, limits)
    }

    fn new(encoding: Encoding, limits: Limits) -> Self {
        let ann = UserName::parse("Ann").unwrap();
        let limits = Arc::new(limits);
        let session = SessionState::new(ann.into(), encoding.capabilities(), JOIN_HISTORY, Arc::clone(&limits));
        Self { session, limits, encoding, now: Moment::default(), full: BTreeSet::new() }
    }

    /// Plays a script.
    #[track_caller]
    pub fn check(mut self, script: &str) {
        transcript::check(script, |input| self.take(input));
    }

    fn take(&mut self, input: &str) -> Vec<String> {
        let mut actions = Vec::new();
        let name = |name: &str| RoomName::parse(name).unwrap();
        if let Some(time) = input.strip_prefix('+') {
            self.now.since_start += humantime::parse_duration(time).unwrap();
        } else if let Some(aside) = input.strip_prefix('(').and_then(|rest| rest.strip_suffix(')')) {
            match *aside.split(' ').collect::<Vec<_>>() {
                ["enters", room, "with", "its", "first", "line"] => self.session.begin_unheard(name(room)),
                ["begins", "in", room] => self.session.begin(name(room), JoinOptions::default(), &mut actions),
                [room, "is", "full"] => drop(self.full.insert(name(room))),
                [room, "is", "gone"] => _ = self.session.rooms_mut().remove(&name(room)),
                ["is", "unauthenticated"] => self.session.require_auth(),
                ["goes", "on", "as", "text"] => self.resume(Encoding::TextLines),
                ["goes", "on", "as", "json"] => self.resume(Encoding::Json),
                _ => panic!("nothing is meant by ({aside})"),
            }
        } else {
            self.handle(input, &mut actions);
        }
        let mut done = Vec::new();
        for action in actions {
            done.push(printed(&action));
            if !self.carry_out(action) {
                done.push("which fails".to_owned());
                break;
            }
        }
        done
    }

    fn resume(&mut self, encoding: Encoding) {
        self.encoding = encoding;
        self.session.resume(encoding.capabilities(), JOIN_HISTORY, Arc::clone(&self.limits));
    }

    fn handle(&mut self, line: &str, actions: &mut Vec<Action>) {
        match self.encoding.parse(line) {
            Ok(Some(request)) => self.session.handle(request, self.now, actions),
            Ok(None) => {}
            Err(Unparsed { id, refusal }) => self.session.reject(id, refusal, self.now, actions),
        }
    }

    fn carry_out(&mut self, action: Action) -> bool {
        match action {
            Action::Join(Join { room, .. }) => {
                if self.full.contains(&room) {
                    return false;
                }
                self.session.joined(room.clone(), ());
            }
            Action::Leave { room, .. } => _ = self.session.rooms_mut().remove(&room),
            Action::Rename { user } => self.session.identified(user.into()),
            // Each token names the user whose name it is.
            Action::Identify { token, .. } | Action::Refresh { token, .. } => {
                let user = UserName::parse(token.reveal()).unwrap();
                let auth_level = AuthLevel::Registered;
                self.session.identified(Identity { user, auth_level, claims: None });
            }
            _ => {}
        }
        true
    }
}

fn printed(action: &Action) -> String {
    let mark = |id| printed::mark(id);
    match action {
        Action::Reply(id, event) => format!("told{}: {}", mark(id.as_ref()), printed::event(event)),
        Action::Join(Join { room, options, visibility, slow, durable, id }) => {
            let since = options.since.as_ref().map(|since| format!(", since {}/{}", since.epoch, since.seq));
            format!(
                "joins {room}{}{}{}, history {}{}{}{}",
                mark(id.as_ref()),
                if options.topic { " as a topic" } else { "" },
                if visibility.is_announced() { "" } else { " quietly" },
                options.history.map_or("?".to_owned(), |count| count.to_string()),
                since.unwrap_or_default(),
                slow.map(|slow| format!(", {slow:?}").to_lowercase()).unwrap_or_default(),
                if *durable { "" } else { ", ephemeral" },
            )
        }
        Action::Patterns { request, id } => format!("asks of its patterns {request:?}{}", mark(id.as_ref())),
        Action::Leave { room, id, .. } => format!("leaves {room}{}", mark(id.as_ref())),
        Action::Tell { room, request, id } => format!("in {room}{}: {}", mark(id.as_ref()), printed::request(request)),
        Action::Private { to, request: RoomRequest::Publish { publication, .. }, id } => {
            let Publication { body, about, mid, .. } = publication;
            let mid = mid.as_ref().map(|mid| format!(" ({})", mid.as_str())).unwrap_or_default();
            format!("to {to}{}: {}{}{mid}", mark(id.as_ref()), printed::text(body), printed::about(*about))
        }
        Action::Private { request, .. } => panic!("nobody says {request:?} to one user"),
        Action::AskReceipts(on) => format!("in conversations: receipts {on}"),
        Action::TellConversations(Availability { status, note }) => {
            let request = RoomRequest::Presence { status: *status, note: note.clone() };
            format!("in conversations: {}", printed::request(&request))
        }
        Action::Signal { kind, to, payload, id } => {
            format!("{} to {to}{}: {payload}", kind.as_str(), mark(id.as_ref()))
        }
        Action::Search { text, scope, limit, id } => {
            format!("searches {scope:?} for {limit} messages with {text:?}{}", mark(id.as_ref()))
        }
        Action::Rooms { id } => format!("asks which rooms{}", mark(id.as_ref())),
        Action::Bookmarks { request, id } => format!("asks of its bookmarks {request:?}{}", mark(id.as_ref())),
        Action::Devices { request, id } => format!("asks of its devices {request:?}{}", mark(id.as_ref())),
        Action::Invitations { room, request, id } => format!("in {room}{}: asks {request:?}", mark(id.as_ref())),
        Action::Memberships { id } => format!("asks where it is{}", mark(id.as_ref())),
        Action::DisplayNames { request, id } => format!("asks of display names {request:?}{}", mark(id.as_ref())),
        Action::Create { room, durable, options: RoomOptions { private, members }, id } => {
            let with: String = members.iter().map(|user| format!(", with {user}")).collect();
            let kind = if *private { ", private" } else { "" };
            format!("creates {room}{}{kind}{with}{}", mark(id.as_ref()), if *durable { "" } else { ", ephemeral" })
        }
        Action::Moderate { room, request, note, id } => {
            format!("in {room}{}: {}", mark(id.as_ref()), printed::moderation(request, note.as_deref()))
        }
        Action::History { room, span, limit, id } => {
            format!("in {room}{}: wants {limit} {}", mark(id.as_ref()), printed::part(*span))
        }
        Action::Resume { token, seen, id } => format!("resumes {token}{}, {}", mark(id.as_ref()), printed::seen(seen)),
        Action::Session { room, id } => format!("in {room}{}: asks for the session", mark(id.as_ref())),
        Action::Rename { user } => format!("is {user} from now on"),
        Action::Identify { token, id } => format!("shows {}{}", token.reveal(), mark(id.as_ref())),
        Action::Unclaim { id } => format!("gives the name up{}", mark(id.as_ref())),
        Action::Refresh { token, id } => format!("shows {} anew{}", token.reveal(), mark(id.as_ref())),
        Action::End(end) => format!("ends: {}", end.word()),
    }
}
