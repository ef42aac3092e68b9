//! A world for one session: real rooms and a real ledger, stepped by hand on the fuzzer's thread.
//!
//! `Session`, `Room`, `Memory` and `Encoder` are the server's own; carrying out a session's acts is
//! `engine::connection`'s and `engine::broker`'s work, done here without threads. In each room
//! another user is there first. A command that carries an `id` is answered with it once at most, and
//! exactly once where the protocol names a reply.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use roomd::chat::command::PatternRequest;
use roomd::chat::members::MemberId;
use roomd::chat::policy::ModerationRequest;
use roomd::chat::room::{Effect, Input, JoinRequest, Room, Snapshot};
use roomd::chat::session_state::{Action, Join, SessionState};
use roomd::chat::{
    AuthLevel, Code, Command, End, Event, Id, JoinOptions, Limits, Moment, Note, Refusal, Request, RoomName,
    RoomRequest, RoomSummary, Speaker, Time, UserName, Welcome,
};
use roomd::store::{Memory, OpenedRoom, RoomLog, Store};
use roomd::wire::{Encoder, Encoding, Unparsed};

use crate::printed;

/// Rooms of a world, at most; beyond it a join is refused, as by the hub.
const ROOMS_MAX: usize = 8;
/// What passes between two commands: less than a token of the rate limit takes.
const STEP: Duration = Duration::from_millis(60);

const SELF: MemberId = MemberId(1);
const OTHER: MemberId = MemberId(2);
/// Who asks without being a member.
const VISITOR: MemberId = MemberId(3);

/// See the module.
pub struct World {
    session: SessionState,
    rooms: BTreeMap<RoomName, Place>,
    limits: Arc<Limits>,
    now: Moment,
    encoder: Encoder,
    /// The `id` of the command that is being carried out, and how often it was answered.
    asked: (Option<Id>, u32),
    end: Option<End>,
}

struct Place {
    room: Room,
    room_log: Box<dyn RoomLog>,
}

impl World {
    /// A world without rooms, and `Alice` in it. Its limits are small, so that inputs reach them.
    #[must_use]
    pub fn new(encoding: Encoding) -> Self {
        let limits = Arc::new(Limits {
            rooms_per_connection: 4,
            rate_offences_max: 20,
            message_bytes: 256,
            history: 8,
            outbox_bytes: 4 * 1024,
            ..Limits::default()
        });
        let user = name("Alice");
        let capabilities = encoding.capabilities();
        let session = SessionState::new(user.clone().into(), capabilities, 20, Arc::clone(&limits));
        let now = Moment { at: Time(1_795_197_600_000), since_start: Duration::ZERO };
        let welcome = Event::Welcome(Welcome {
            who: user.into(),
            session: 1,
            resume: Some("secret".into()),
            limits: Arc::clone(&limits),
            ice_servers: Arc::default(),
        });
        let encoder = Encoder::default();
        let mut world = Self { session, rooms: BTreeMap::new(), limits, now, encoder, asked: (None, 0), end: None };
        world.tell(None, &welcome);
        if capabilities.single_room {
            let mut acts = Vec::new();
            let lobby = RoomName::parse("lobby").expect("a plain word is a name");
            world.session.begin(lobby, JoinOptions::default(), &mut acts);
            world.carry_out(acts);
        }
        world
    }

    /// Hears what the client says. False when the session is over.
    pub fn handle(&mut self, request: Result<Request, Unparsed>) -> bool {
        if self.end.is_some() {
            return false;
        }
        self.now.at.0 += 60;
        self.now.since_start += STEP;
        let (id, owed) = match &request {
            Ok(request) => (request.id.clone(), has_reply(&request.command)),
            Err(unparsed) => (unparsed.id.clone(), true),
        };
        self.asked = (id, 0);
        let mut acts = Vec::new();
        match request {
            Ok(request) => self.session.handle(request, self.now, &mut acts),
            Err(Unparsed { id, refusal }) => self.session.reject(id, refusal, self.now, &mut acts),
        }
        self.carry_out(acts);
        self.tick();
        let (id, answers) = self.asked.clone();
        assert!(answers <= 1 && (answers == 1 || id.is_none() || !owed), "{answers} answers to {id:?}");
        self.end.is_none()
    }

    fn carry_out(&mut self, acts: Vec<Action>) {
        for act in acts {
            if let Err((id, refusal)) = self.act(act) {
                return self.tell(id, &Event::Refused(refusal));
            }
        }
    }

    fn act(&mut self, act: Action) -> Result<(), (Option<Id>, Refusal)> {
        match act {
            Action::Reply(id, event) => self.tell(id, &event),
            Action::Join(join) => self.join(join)?,
            Action::Leave { room, reason, id } => {
                _ = self.session.rooms_mut().remove(&room);
                self.step(&room, Input::Leave { member: SELF, reason, id });
            }
            Action::Patterns { request: PatternRequest::Subscribe(pattern), id } => {
                self.tell(id, &Event::Subscribed { pattern });
            }
            Action::Patterns { request: PatternRequest::Unsubscribe(pattern), id } => {
                self.tell(id, &Event::Unsubscribed { pattern });
            }
            Action::Tell { room, request, id } => self.say(&room, request, id),
            Action::Private { to, request, id } => {
                let me = self.session.user().clone();
                let room = RoomName::private(&me, &to);
                if !self.rooms.contains_key(&room) {
                    self.open(&room, Some((me.clone(), to)))?;
                    let input = Input::Join { member: SELF, request: entrant(me, 1, JoinOptions::default()), id: None };
                    self.step(&room, input);
                }
                self.say(&room, request, id);
            }
            Action::Signal { kind, payload, .. } => {
                let from = self.session.user().clone();
                self.tell(None, &Event::Signal { kind, from, payload });
            }
            Action::Rooms { id } => {
                let summary = |(room, place): (&RoomName, &Place)| RoomSummary {
                    room: room.clone(),
                    members: place.room.members(),
                    private: false,
                };
                let rooms = self.rooms.iter().map(summary).collect();
                self.tell(id, &Event::Rooms { rooms });
            }
            Action::TellConversations(_) | Action::AskReceipts(_) => {}
            Action::Search { id, .. } => {
                return Err((id, Refusal::new(Code::Unavailable, "The world keeps no index")));
            }
            Action::Bookmarks { id, .. } => {
                return Err((id, Refusal::new(Code::Unauthorized, "The world keeps no bookmarks")));
            }
            Action::History { room, span, limit, id } => self.say(&room, RoomRequest::History { span, limit }, id),
            Action::Session { room, id } => self.say(&room, RoomRequest::Session { resume: None }, id),
            Action::Resume { id, .. } => {
                return Err((id, Refusal::new(Code::SessionExpired, "The world keeps no session")));
            }
            Action::Create { room, id, .. } => self.tell(id, &Event::Created { room, pinned: false }),
            Action::Moderate { room, request, note, id } => self.moderate(&room, request, note, id)?,
            Action::Rename { user } => self.session.identified(user.into()),
            Action::Identify { id, .. }
            | Action::Refresh { id, .. }
            | Action::Unclaim { id }
            | Action::Devices { id, .. }
            | Action::Memberships { id }
            | Action::DisplayNames { id, .. }
            | Action::Invitations { id, .. } => {
                return Err((id, Refusal::new(Code::Unauthorized, "The world knows no token")));
            }
            Action::End(end) => {
                self.end = Some(end);
                self.tell(None, &Event::Goodbye { end, retry_after: end.retry_after(1) });
            }
        }
        Ok(())
    }

    fn join(&mut self, join: Join) -> Result<(), (Option<Id>, Refusal)> {
        let Join { room, options, visibility, id, .. } = join;
        if !self.rooms.contains_key(&room) {
            self.open(&room, None).map_err(|(_, refusal)| (id.clone(), refusal))?;
        }
        let request = JoinRequest {
            visibility,
            availability: self.session.availability().clone(),
            ..entrant(self.session.user().clone(), 1, options)
        };
        let effects = self.stepped(&room, Input::Join { member: SELF, request, id: id.clone() });
        let refused = effects.iter().find_map(|effect| match effect {
            Effect::Refused(_, refusal) => Some(refusal.clone()),
            _ => None,
        });
        self.show(effects);
        match refused {
            // One who was banned.
            Some(refusal) => Err((id, refusal)),
            None => {
                self.session.rooms_mut().insert(room.clone(), ());
                Ok(())
            }
        }
    }

    /// Everybody rules in this world.
    fn moderate(
        &mut self,
        room: &RoomName,
        request: ModerationRequest,
        note: Option<Note>,
        id: Option<Id>,
    ) -> Result<(), (Option<Id>, Refusal)> {
        if !self.rooms.contains_key(room) {
            return Err((id, Refusal::no_room(room)));
        }
        let speaker = Speaker {
            member: VISITOR,
            user: self.session.user().clone(),
            auth_level: AuthLevel::Admin,
            has_own_rate: false,
        };
        let effects = self.stepped(
            room,
            Input::Request { speaker, request: RoomRequest::Moderate { request, note, connection: None }, id: None },
        );
        if effects.contains(&Effect::Evicted(SELF)) {
            _ = self.session.rooms_mut().remove(room);
        }
        let answer = effects.iter().find_map(|effect| match effect {
            Effect::One(VISITOR, _, Event::Refused(refusal)) => Some(Event::Refused(refusal.clone())),
            Effect::One(VISITOR, ..) => Some(Event::Done),
            _ => None,
        });
        self.show(effects);
        self.tell(id, &answer.expect("a motion is answered"));
        Ok(())
    }

    /// Opens a room, with the other user in it.
    fn open(&mut self, room: &RoomName, private: Option<(UserName, UserName)>) -> Result<(), (Option<Id>, Refusal)> {
        if self.rooms.len() >= ROOMS_MAX {
            return Err((self.asked.0.clone(), Refusal::new(Code::TooManyRooms, "The world has no further room")));
        }
        let Ok(OpenedRoom { past, room_log, .. }) = Memory.open(room, 0) else {
            panic!("a store in memory opens every room");
        };
        // Always the same: an input does the same each time.
        let mut opened = Room::new(room.clone(), Snapshot { epoch: "e1".into(), ..past }, &self.limits);
        let mut other = name("Bob");
        if let Some((me, to)) = private {
            other = to.clone();
            opened = opened.private(me, to);
        }
        self.rooms.insert(room.clone(), Place { room: opened, room_log });
        self.step(room, Input::Join { member: OTHER, request: entrant(other, 2, JoinOptions::default()), id: None });
        Ok(())
    }

    fn say(&mut self, room: &RoomName, request: RoomRequest, id: Option<Id>) {
        let speaker = Speaker {
            member: SELF,
            user: self.session.user().clone(),
            auth_level: AuthLevel::Guest,
            has_own_rate: false,
        };
        self.step(room, Input::Request { speaker, request, id });
    }

    /// Steps a room, and settles what was published.
    fn step(&mut self, room: &RoomName, input: Input) {
        let effects = self.stepped(room, input);
        self.show(effects);
    }

    fn stepped(&mut self, room: &RoomName, input: Input) -> Vec<Effect> {
        let place = self.rooms.get_mut(room).expect("a session tells only rooms that it is in");
        let mut effects = Vec::new();
        place.room.step(input, self.now, &mut effects);
        if !place.room.drafts().is_empty() {
            let appended = place.room_log.append(place.room.drafts());
            place.room.settle(appended, &mut effects);
        }
        effects
    }

    fn tick(&mut self) {
        let due = |place: &&mut Place| place.room.wakes_at().is_some_and(|at| at <= self.now.since_start);
        let mut effects = Vec::new();
        for place in self.rooms.values_mut().filter(due) {
            place.room.step(Input::Tick, self.now, &mut effects);
        }
        self.show(effects);
    }

    fn show(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::One(SELF, id, event) => self.tell(id, &event),
                Effect::Everyone(event)
                | Effect::Elsewhere(event)
                | Effect::Others(_, event)
                | Effect::One(_, _, event)
                | Effect::BestEffort(_, event) => printed::check(&mut self.encoder, &event, None),
                Effect::Advanced { events, .. } => {
                    events.iter().for_each(|event| printed::check(&mut self.encoder, event, None));
                }
                Effect::Replay(..) | Effect::Resumed(..) => panic!("a world keeps nothing of the past"),
                Effect::Admitted(_) | Effect::AlreadyJoined(..) | Effect::Refused(..) | Effect::Left(_) => {}
                Effect::Evicted(_) | Effect::PolicyChanged(_) | Effect::TellTyping(..) => {}
            }
        }
    }

    fn tell(&mut self, id: Option<Id>, event: &Event) {
        if id.is_some() {
            assert_eq!(id, self.asked.0, "an answer carries the id of its command");
            self.asked.1 += 1;
        }
        printed::check(&mut self.encoder, event, id.as_ref());
    }
}

/// Whether the protocol names a reply to it.
fn has_reply(command: &Command) -> bool {
    !matches!(
        command,
        Command::ToRoom { request: RoomRequest::Typing(_) | RoomRequest::Receipt { .. }, .. }
            | Command::Presence { .. }
            | Command::Signal { .. }
            | Command::Nick { .. }
            | Command::Quit
    )
}

fn entrant(user: UserName, connection: u64, options: JoinOptions) -> JoinRequest {
    JoinRequest { options, ..JoinRequest::new(user, AuthLevel::Guest, connection) }
}

fn name(text: &str) -> UserName {
    UserName::parse(text).expect("a plain word is a name")
}
