//! A room as a value: inputs in, effects out, total and deterministic.
//!
//! Owned and stepped by one broker. The store numbers, the room learns: `step` turns what is
//! published into drafts, the broker has them stored, and `settle` takes the answer and shows the
//! messages. Nothing is shown or acknowledged before. The broker settles before anybody enters or
//! leaves, so that a message stands before its author's leave and after its reader's join.

mod attendance;
mod ephemeral;
mod erasure;
mod groups;
mod inputs;
mod matched;
mod moderation;
mod offline;
mod operators;
mod presence;
mod publishing;
mod receipts;
mod resume;
mod settle;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use groups::Groups;
pub use inputs::{Effect, Input, JoinRequest, Latest, ReplayRange, Snapshot};
use moderation::Moderation;
use offline::OfflineMessages;
use operators::Operators;

use super::draft::{Draft, Operation};
use super::event::Event;
use super::id::Id;
use super::identity::AuthLevel;
use super::last_values::LastValues;
use super::leave_reason::LeaveReason;
use super::limits::Limits;
use super::members::{MemberId, Members, RoomMember, TYPING_FOR};
use super::message::Message;
use super::policy::Actor;
use super::presence::{Presence, Status};
use super::receipt::ReceiptMark;
use super::receipt_counts::ReceiptCounts;
use super::receipts::Receipts;
use super::refusal::{Code, Refusal};
use super::ring::Ring;
use super::room_request::RoomRequest;
use super::span::Span;
use super::speaker::Speaker;
use super::time::Moment;
use super::token_bucket::Bucket;
use super::visibility::Visibility;
use roomd_protocol::{RoomName, UserName};

/// Bytes of messages that a room keeps in memory, at most, unless an outbox may have more: then a client can be given
/// more at once.
const RING_BYTES: usize = 1024 * 1024;

/// A room.
#[derive(Debug)]
pub struct Room {
    name: RoomName,
    /// The two users of a private conversation.
    private: Option<(UserName, UserName)>,
    epoch: Arc<str>,
    /// Whether what is no longer in the ring can be read from the store.
    kept: bool,
    members: Members,
    ring: Ring,
    receipts: Receipts,
    counts: ReceiptCounts,
    moderation: Moderation,
    operators: Operators,
    /// Members beyond which receipts are not announced.
    receipts_members_max: usize,
    drafts: Vec<Draft>,
    /// What clients may say together in a second, and at once; 0: no limit.
    rate_per_s: u32,
    /// What is left of that.
    rate: Bucket,
    /// The newest message of each key, where the store keeps nothing.
    last_values: LastValues,
    keys_max: usize,
    groups: Groups,
    /// How many ephemeral messages it has shown.
    ephemeral: u64,
    /// When its last input came, on the monotonic clock.
    last_input: Duration,
    members_max: usize,
    /// Bytes of history in one answer: half of an outbox, so that an answer never fills it.
    history_bytes: usize,
}

impl Room {
    /// A room with its stored state.
    #[must_use]
    pub fn new(name: RoomName, past: Snapshot, limits: &Limits) -> Self {
        let Snapshot { epoch, seq, recent, kept } = past;
        Self {
            name,
            private: None,
            epoch,
            kept,
            members: Members::default(),
            ring: Ring::new(limits.history, limits.outbox_bytes.max(RING_BYTES), seq, recent),
            receipts: Receipts::default(),
            counts: ReceiptCounts::default(),
            moderation: Moderation::default(),
            operators: Operators::default(),
            receipts_members_max: limits.receipts_members_max,
            drafts: Vec::new(),
            rate_per_s: limits.room_rate_per_s,
            rate: Bucket::new(limits.room_rate_per_s, limits.room_rate_per_s),
            last_values: LastValues::default(),
            // Those of a room without a store are given to a new member at once.
            keys_max: if kept { limits.keys_max } else { limits.keys_max.min(limits.outbox_messages / 2) },
            groups: Groups::new(limits),
            ephemeral: 0,
            last_input: Duration::ZERO,
            members_max: limits.room_members_max,
            history_bytes: limits.outbox_bytes / 2,
        }
    }

    /// The room of a private conversation: quiet, and its messages name the other user.
    #[must_use]
    pub fn private(mut self, one: UserName, other: UserName) -> Self {
        self.private = Some((one, other));
        self
    }

    /// With the stored receipts of its users.
    #[must_use]
    pub fn with_marks(mut self, marks: Vec<ReceiptMark>) -> Self {
        self.receipts = Receipts::new(marks);
        self
    }

    /// Whether it needs [`Input::Written`].
    #[must_use]
    pub fn wants_written(&self) -> bool {
        self.wants_receipts() || self.counts.wants_written(self.last_input)
    }

    fn wants_receipts(&self) -> bool {
        // In a private conversation they decide which messages are undelivered.
        self.private.is_some() || self.tells_receipts()
    }

    fn tells_receipts(&self) -> bool {
        self.members.joined() + self.members.elsewhere() <= self.receipts_members_max
    }

    /// The room's name.
    #[must_use]
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// The epoch of its history.
    #[must_use]
    pub fn epoch(&self) -> &Arc<str> {
        &self.epoch
    }

    /// Connections in it, through this server.
    #[must_use]
    pub fn members(&self) -> usize {
        self.members.len()
    }

    /// Users in it, through whatever server: one with several connections is one.
    #[must_use]
    pub fn users(&self) -> usize {
        self.members.users()
    }

    /// The member of this number, as a speaker.
    #[must_use]
    pub fn speaker(&self, member: MemberId) -> Option<Speaker> {
        self.members.member(member).map(|found| Speaker {
            member,
            user: found.user.clone(),
            auth_level: found.auth_level,
            has_own_rate: found.has_own_rate,
        })
    }

    /// The newest message when this member entered.
    #[must_use]
    pub fn entered(&self, member: MemberId) -> Option<u64> {
        self.members.member(member).map(|found| found.since)
    }

    /// The drafts that wait to be stored, in order.
    #[must_use]
    pub fn drafts(&self) -> &[Draft] {
        &self.drafts
    }

    /// The number of the newest message that it knows of; 0 before the first.
    #[must_use]
    pub fn newest(&self) -> u64 {
        self.ring.newest()
    }

    /// Whether it has a policy of its own.
    #[must_use]
    pub fn has_policy(&self) -> bool {
        self.moderation.policy.is_some()
    }

    /// When it wants a `Tick`, on the monotonic clock.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Duration> {
        self.members
            .typing_ends()
            .into_iter()
            .chain(self.receipts.due())
            .chain(self.counts.due())
            .chain(self.groups.due())
            .min()
    }

    /// Forgets the messages up to the number `seq`.
    pub fn forget(&mut self, seq: u64) {
        self.ring.forget(seq);
    }

    /// The last member has left: returns the marks that were not announced yet.
    pub fn close(&mut self) -> Vec<ReceiptMark> {
        self.receipts
            .gather(&self.ring, Duration::MAX)
            .map_or(Vec::new(), |gathered| gathered.advances.into_iter().map(|advance| advance.mark).collect())
    }

    // ANCHOR: step
    /// Takes one input; appends what follows from it to `effects`.
    pub fn step(&mut self, input: Input, now: Moment, effects: &mut Vec<Effect>) {
        self.last_input = now.since_start;
        match input {
            Input::Join { member, request, id } => self.join(member, request, id, now, effects),
            Input::Leave { member, reason, id } => self.leave(member, reason, id, now, effects),
            Input::Detach { member } => {
                effects.extend(self.detach(member, true));
                self.leave_group(member, true, effects);
            }
            Input::Resume { member, seen } => self.resume(member, seen, effects),
            Input::Written { member } => self.written(member, now),
            Input::Request { speaker, request, id } => self.request(speaker, request, id, now, effects),
            Input::Remote(event) => self.remote(event, effects),
            Input::TypedElsewhere { user, typing } => self.typed_elsewhere(user, typing, now, effects),
            Input::Attended(remote) => self.attended(remote, now, effects),
            Input::Tick => {
                for user in self.members.expire_typing(now.since_start) {
                    effects.push(self.typing(user, false));
                }
                self.advanced(now.since_start, effects);
                self.tell_counts(now.since_start, effects);
                self.expire_groups(now.since_start, effects);
            }
        }
    }
    // ANCHOR_END: step

    fn join(
        &mut self,
        id: MemberId,
        request: JoinRequest,
        request_id: Option<Id>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let JoinRequest { user, auth_level, has_own_rate, connection, echo, visibility, availability, options } =
            request;
        if self.private.is_some()
            && let Some(member) = self.members.of(connection)
        {
            effects.push(Effect::AlreadyJoined(id, member));
            return;
        }
        let actor = Actor { user: &user, auth_level, appointed: None };
        if let Err(refusal) = self.admits(actor, now.at).and_then(|()| self.admits_to_group(actor, &options)) {
            return effects.push(Effect::Refused(id, refusal));
        }
        if let Err(refusal) = self.has_place(actor) {
            return effects.push(Effect::Refused(id, refusal));
        }
        if visibility != Visibility::Matched && self.is_full() {
            let refusal = Refusal::new(Code::RoomFull, format!("The room {} is full", self.name));
            return effects.push(Effect::Refused(id, refusal));
        }
        let offline_messages = self.offline_messages(&user, &options);
        if offline_messages == OfflineMessages::TooMuch {
            let refusal = Refusal::new(Code::TooLarge, format!("{user} has yet to be given what was said before"));
            return effects.push(Effect::Refused(id, refusal));
        }
        let visibility = if self.private.is_some() { Visibility::Silent } else { visibility };
        let newest = self.ring.newest();
        let since = options.from.map_or(newest, |from| newest.min(from.saturating_sub(1)));
        let member = RoomMember {
            user: user.clone(),
            auth_level,
            has_own_rate,
            connection,
            echo,
            visibility,
            since,
            detached: false,
            asks_receipts: options.receipts,
            deferred_receipts: BTreeMap::new(),
        };
        self.appoint_opener(&member);
        let before = self.members.status(&user);
        let announce = self.members.enter(id, member, now.at);
        if visibility.is_listed() && self.members.connections(&user) == 1 {
            self.counts.enter(&user, since);
        }
        effects.push(Effect::Admitted(id));
        match offline_messages {
            OfflineMessages::Messages(offline_messages) => {
                effects
                    .extend(offline_messages.into_iter().map(|message| Effect::One(id, None, Event::Message(message))));
            }
            OfflineMessages::Past(replay) => effects.push(Effect::Replay(id, replay)),
            OfflineMessages::None | OfflineMessages::TooMuch => {}
        }
        self.begin(id, request_id, (&user, visibility), &options, effects);
        if visibility.is_answered() {
            self.introduce(id, &user, effects);
        }
        if announce {
            let (room, registered) = (self.name.clone(), auth_level > AuthLevel::Guest);
            let (user, was) = (user.clone(), options.renamed_from);
            let join = Event::Join { room, user, registered, was, at: now.at };
            effects.push(Effect::Others(id, join));
        }
        if visibility.is_listed() {
            effects.extend(self.presence_of_new(&user, availability, before, now.at));
        }
        self.join_group(id, options.group.as_deref(), effects);
    }

    /// The messages after this number that are in memory and fit in an answer: perhaps not all there are.
    fn ring_after(&self, seq: u64) -> Vec<Arc<Message>> {
        self.ring.after(seq, usize::MAX, self.history_bytes).cloned().collect()
    }

    fn leave(
        &mut self,
        id: MemberId,
        reason: LeaveReason,
        request_id: Option<Id>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        let before = self.members.member(id).and_then(|member| self.members.status(&member.user));
        let Some((member, announce, last)) = self.members.leave(id, &reason) else { return };
        self.dismiss(&member, &reason, effects);
        if self.members.connections(&member.user) == 0 {
            self.counts.leave(&member.user);
        }
        let typed = last && self.members.set_typing(&member.user, None);
        if matches!(reason, LeaveReason::Left(_) | LeaveReason::Renamed) {
            effects.push(Effect::One(id, request_id, Event::Left { room: self.name.clone() }));
        }
        effects.push(Effect::Left(id));
        self.leave_group(id, false, effects);
        if reason == LeaveReason::Closing {
            return;
        }
        if !announce {
            effects.extend(self.presence_change(&member.user, before));
            // No leave is announced that would end the typing notice.
            effects.extend(typed.then(|| self.typing(member.user, false)));
            return;
        }
        let (room, user) = (self.name.clone(), member.user.clone());
        let ends = matches!(reason, LeaveReason::Disconnected | LeaveReason::Quit(_));
        effects.push(Effect::Everyone(Event::Leave { room, user, reason, at: now.at }));
        if last && ends {
            effects.push(Effect::Everyone(Event::Presence(Presence {
                user: member.user,
                status: Status::Offline,
                note: None,
                last_seen: now.at,
            })));
        }
    }

    fn request(
        &mut self,
        speaker: Speaker,
        request: RoomRequest,
        id: Option<Id>,
        now: Moment,
        effects: &mut Vec<Effect>,
    ) {
        self.members.seen(&speaker.user, now.at);
        if let Err(refusal) = self.authorize(&speaker, &request, now) {
            let unsent = request.publication().and_then(|publication| publication.unsent(id.as_ref()));
            return effects.push(Effect::One(speaker.member, id, Event::Refused(refusal.of_message(unsent))));
        }
        match request {
            RoomRequest::Publish { publication, quiet } => match self.refuses(&speaker, &publication, now) {
                Some(refusal) => {
                    let refusal = refusal.of_message(publication.unsent(id.as_ref()));
                    effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
                }
                None if publication.store => self.publish(speaker, publication, (quiet, id), now),
                None => self.show_ephemeral(speaker, publication, (quiet, id), now, effects),
            },
            RoomRequest::Edit { seq, body } => {
                // What is deleted was said, and counted, once.
                if !body.is_deleted()
                    && let Err(refusal) = self.spend(&speaker, now)
                {
                    return effects.push(Effect::One(speaker.member, id, Event::Refused(refusal)));
                }
                let as_moderator = body.is_deleted() && self.may_delete_others(&speaker);
                let operation = Operation::Edit { seq, body, as_moderator };
                self.drafts.push(Draft { id, ..Draft::new(speaker, operation, now.at) });
            }
            RoomRequest::Receipt { receipt, seq } => {
                let refused = self.receipt(&speaker, (receipt, seq), now).err();
                effects.extend(refused.map(|refusal| Effect::One(speaker.member, id, Event::Refused(refusal))));
            }
            RoomRequest::AskReceipts(on) => self.members.ask_receipts(speaker.member, on),
            RoomRequest::Finish { seq } => self.finish(&speaker, seq, id, effects),
            RoomRequest::Typing(typing) => {
                if self.members.elsewhere() > 0 {
                    effects.push(Effect::TellTyping(speaker.user.clone(), typing));
                }
                let until = typing.then(|| now.since_start + TYPING_FOR);
                if self.members.set_typing(&speaker.user, until) {
                    effects.push(self.typing(speaker.user, typing));
                }
            }
            RoomRequest::Presence { status, note } => {
                effects.extend(self.status_changed(&speaker.user, status, note, now.at));
            }
            RoomRequest::DisplayName(name) => effects.extend(self.display_name_changed(speaker.user, name)),
            RoomRequest::History { span, limit } => {
                effects.push(Effect::One(speaker.member, id, self.history(span, limit)));
            }
            RoomRequest::Forget { user, alias } => effects.push(self.forget_user(&speaker, (&user, &alias), now.at)),
            RoomRequest::ReadUpTo => effects.push(self.read_mark(speaker, id, now)),
            RoomRequest::Session { resume } => {
                let session = Event::Session { resume, room: self.name.clone(), seq: self.ring.newest() };
                effects.push(Effect::One(speaker.member, id, session));
            }
            RoomRequest::Create(options) => self.create(speaker, options, now, effects),
            RoomRequest::Moderate { request, note, connection } => {
                self.moderate((speaker, connection), request, note, now, effects);
            }
            RoomRequest::Audit { before, count } => {
                effects.push(Effect::One(speaker.member, id, self.audit(&speaker, before, count)));
            }
            RoomRequest::About => effects.push(Effect::One(speaker.member, id, self.about())),
            RoomRequest::Members => effects.push(Effect::One(speaker.member, id, self.listed())),
            RoomRequest::Member(user) => effects.push(Effect::One(speaker.member, id, self.listed_alone(&user))),
        }
    }

    fn history(&self, span: Span, limit: usize) -> Event {
        let messages: Vec<_> = match span {
            Span::Latest(after) => self.last_values.after(after).into_iter().take(limit).collect(),
            Span::Before(before) => self.ring.before(before, limit, self.history_bytes).cloned().collect(),
            Span::After(after) => self.ring.after(after, limit, self.history_bytes).cloned().collect(),
        };
        let complete = match span {
            Span::Latest(after) => self.last_values.after(messages.last().map_or(after, |m| m.seq)).is_empty(),
            Span::Before(before) => messages.first().map_or(before <= 1 || self.ring.newest() == 0, |m| m.seq == 1),
            Span::After(after) => {
                let oldest_kept = self.ring.oldest() <= after.saturating_add(1);
                oldest_kept && messages.last().map_or(after, |m| m.seq) >= self.ring.newest()
            }
        };
        Event::History { room: self.name.clone(), epoch: Arc::clone(&self.epoch), messages, complete }
    }

    fn typing(&self, user: UserName, typing: bool) -> Effect {
        let event = Event::Typing { room: self.name.clone(), user: user.clone(), typing };
        Effect::BestEffort(user, event)
    }
}
