//! Erasing a person: their messages, how far they have got, and their name.
//!
//! A message is deleted by its room as if its author did it, so members see a deletion, the search index and the last values
//! of keys lose it, webhooks are told, and other servers learn of it; no audit of a room says that it was an admin. When none
//! is left, an alias that nobody has is put in the place of the name at what is left of the messages, the receipts go, and
//! last the name itself. One request deletes so many messages and no more, so that it ends: who asks again goes on.
//!
//! Runs on the asker's thread; blocks on the store, and on one room after the other.

use std::collections::BTreeSet;

use super::bans::unavailable;
use super::check;
use crate::chat::admin::{Erased, PersonalData, ServerActionKind};
use crate::chat::{
    AuthLevel, Body, Code, End, Event, FoldedName, Identity, Message, Refusal, RoomName, RoomRequest, Span, UserName,
};
use crate::engine::Engine;
use crate::engine::rooms::hub::RoomKind;
use crate::store::server::{AuthoredPart, HistoryPosition};

/// Messages that one request deletes, at most.
const DELETED_MAX: usize = 2_000;
/// Requests that a room is sent at once: it stores the deletions of a round together.
const TOGETHER: usize = 100;

impl Engine {
    /// What there is of the person behind a name. Waits for the store, and for the rooms that are stored nowhere.
    ///
    /// # Errors
    /// Who asks is no admin, there is nothing, or it cannot be read now.
    pub fn personal_data(&self, who: &Identity, user: &UserName) -> Result<PersonalData, Refusal> {
        check(who)?;
        let mut data = self.data_beside_messages(user)?;
        let mut rooms = BTreeSet::new();
        let mut count = |room: RoomName, found: usize| {
            data.messages += found;
            rooms.extend((found > 0).then_some(room));
        };
        for room in self.unstored_rooms()? {
            let found = self.in_memory(&data.user, &room)?.len();
            count(room, found);
        }
        for part in self.stored_parts(&data.user) {
            part?.1.messages.into_iter().for_each(|(room, _)| count(room, 1));
        }
        data.rooms = rooms.len();
        if data.is_empty() {
            return Err(nothing_of(&data.user));
        }
        Ok(data)
    }

    /// The same without the messages, for which the whole history has to be looked through.
    fn data_beside_messages(&self, user: &UserName) -> Result<PersonalData, Refusal> {
        let account = self.auth.names().owner(user);
        let user = account.as_ref().map_or_else(|| user.clone(), |account| account.name.clone());
        let policies = self.policies.all();
        let owns = policies.iter().filter(|(_, policy)| policy.owner() == Some(&user));
        Ok(PersonalData {
            since: account.map(|account| account.since),
            connections: self.numbers_of(&user).len(),
            messages: 0,
            rooms: 0,
            marks: self.server_store.marks_of(&user).map_err(|_| unavailable())?,
            listed: policies.iter().filter(|(_, policy)| policy.people().contains_key(&user)).count(),
            owns: owns.map(|(room, _)| room.clone()).collect(),
            user,
        })
    }

    /// Whether a user has written anything that is not deleted.
    fn has_messages(&self, user: &UserName) -> Result<bool, Refusal> {
        for room in self.unstored_rooms()? {
            if !self.in_memory(user, &room)?.is_empty() {
                return Ok(true);
            }
        }
        for part in self.stored_parts(user) {
            if !part?.1.messages.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// What a user wrote and the store has, part by part, each with the place behind which it begins; each is read when it is
    /// asked for, and after one that cannot be read there is none.
    fn stored_parts(&self, user: &UserName) -> impl Iterator<Item = Result<(HistoryPosition, AuthoredPart), Refusal>> {
        let mut position = Some(HistoryPosition::default());
        std::iter::from_fn(move || {
            let after = position.take()?;
            let part = self.server_store.messages_of(user, after).map_err(|_| unavailable());
            position = part.as_ref().ok().and_then(|part| part.end);
            Some(part.map(|part| (after, part)))
        })
    }

    /// Erases the person behind a name, or a part of what there is of them.
    ///
    /// # Errors
    /// Who asks is no admin, or would be erased; there is nothing; they own rooms; or why it cannot go on. What was erased
    /// stays so.
    pub fn erase(&self, who: &Identity, user: &UserName) -> Result<Erased, Refusal> {
        check(who)?;
        if FoldedName::of(user) == FoldedName::of(&who.user) {
            return Err(Refusal::bad_request("That would erase you: another admin does it"));
        }
        let data = self.data_beside_messages(user)?;
        if data.is_empty() && !self.has_messages(&data.user)? {
            return Err(nothing_of(&data.user));
        }
        let user = data.user;
        self.check_owns_nothing(&user)?;
        self.record(who, ServerActionKind::PersonErased, user.as_str())?;
        let release = self.auth.names().leave(&user);
        if release.is_none() && self.registered(&user) {
            return Err(Refusal::new(Code::Conflict, format!("The name {user} is being given up")));
        }
        self.put_out(&user);
        self.resign_from_all(&user)?;
        let alias =
            UserName::stored(&format!("erased-{:08x}", getrandom::u32().map_err(|_| unavailable_randomness())?));
        let mut erased = Erased::default();
        self.delete_in_memory(&user, &mut erased)?;
        if !self.delete_stored(&user, &alias, &mut erased)? {
            return Ok(erased);
        }
        self.forget_in_rooms(&user, &alias)?;
        erased.marks = self.server_store.forget(&user, &alias).map_err(|_| unavailable())?;
        // A connection that is ending may have said something meanwhile.
        erased.complete = self.numbers_of(&user).is_empty();
        if let Some(release) = release.filter(|_| erased.complete) {
            self.finish_release(release)?;
        }
        let Erased { messages, marks, complete } = erased;
        log::info!(user = user.as_str(), messages, marks, complete, by = who.user.as_str(); "a person is erased");
        Ok(erased)
    }

    /// Ends all connections and sessions of a user. Blocks on the rooms of sessions that are detached.
    fn put_out(&self, user: &UserName) {
        self.directory.connections(user).iter().for_each(|connection| connection.end(End::EndedByAdmin));
        self.sessions.end(&self.numbers_of(user), End::EndedByAdmin);
    }

    fn numbers_of(&self, user: &UserName) -> BTreeSet<u64> {
        self.directory.connections(user).iter().map(|connection| connection.number).collect()
    }

    /// Deletes what the user wrote in rooms that are stored nowhere.
    fn delete_in_memory(&self, user: &UserName, erased: &mut Erased) -> Result<(), Refusal> {
        for room in self.unstored_rooms()? {
            let found = self.in_memory(user, &room)?;
            erased.messages += self.delete(user, &room, &found)?;
        }
        Ok(())
    }

    /// Deletes what the user wrote and the store has; whether that is all.
    fn delete_stored(&self, user: &UserName, alias: &UserName, erased: &mut Erased) -> Result<bool, Refusal> {
        for part in self.stored_parts(user) {
            let (after, part) = part?;
            for messages in part.messages.chunk_by(|(one, _), (other, _)| one == other) {
                let left = DELETED_MAX.saturating_sub(erased.messages);
                let seqs: Vec<_> = messages.iter().take(left).map(|(_, seq)| *seq).collect();
                erased.messages += self.delete(user, &messages[0].0, &seqs)?;
                if seqs.len() < messages.len() {
                    return Ok(false);
                }
            }
            self.server_store.rename_deleted(user, alias, (after, part.end)).map_err(|_| unavailable())?;
        }
        Ok(true)
    }

    /// Has a room delete messages of a user, in the user's name; how many it has deleted. One that is gone meanwhile, by
    /// whomever, is not among them.
    fn delete(&self, user: &UserName, room: &RoomName, seqs: &[u64]) -> Result<usize, Refusal> {
        let mut deleted = 0;
        for seqs in seqs.chunks(TOGETHER) {
            let delete = |seq: &u64| RoomRequest::Edit { seq: *seq, body: Body::Deleted(None) };
            let answers = self.hub.ask_all(room, &kind_of(room), &eraser(user), seqs.iter().map(delete))?;
            for answer in answers {
                match answer {
                    Event::Refused(refusal) if refusal.code != Code::NotFound => return Err(refusal),
                    Event::Refused(_) => {}
                    _ => deleted += 1,
                }
            }
        }
        Ok(deleted)
    }

    /// Has every room that is open forget the user.
    fn forget_in_rooms(&self, user: &UserName, alias: &UserName) -> Result<(), Refusal> {
        for room in self.hub.live() {
            let request = RoomRequest::Forget { user: user.clone(), alias: alias.clone() };
            self.hub.ask_all(&room, &kind_of(&room), &eraser(user), [request].into_iter())?;
        }
        Ok(())
    }

    /// The open rooms of which the store keeps nothing.
    fn unstored_rooms(&self) -> Result<Vec<RoomName>, Refusal> {
        let mut rooms = Vec::new();
        for room in self.hub.live() {
            if self.stored_history(&room, Span::Before(1), 0)?.is_none() {
                rooms.push(room);
            }
        }
        Ok(rooms)
    }

    /// The numbers of the messages of a user, as far as they are not deleted, that a room has in memory.
    fn in_memory(&self, user: &UserName, room: &RoomName) -> Result<Vec<u64>, Refusal> {
        let (mut found, mut before) = (Vec::new(), u64::MAX);
        loop {
            let request = RoomRequest::History { span: Span::Before(before), limit: usize::MAX };
            let answer = self.hub.ask_all(room, &kind_of(room), &eraser(user), [request].into_iter())?.pop();
            let Some(Event::History { messages, complete, .. }) = answer else { return Ok(found) };
            let is_theirs = |message: &&std::sync::Arc<Message>| message.user == *user && !message.body.is_deleted();
            found.extend(messages.iter().filter(is_theirs).map(|message| message.seq));
            match messages.first() {
                Some(first) if !complete => before = first.seq,
                _ => return Ok(found),
            }
        }
    }
}

/// The user whose messages are deleted, with the privilege to reach them wherever they are.
fn eraser(user: &UserName) -> Identity {
    Identity { auth_level: AuthLevel::Admin, ..Identity::guest(user.clone()) }
}

fn kind_of(room: &RoomName) -> RoomKind {
    room.conversation().map_or(RoomKind::USUAL, |(one, other)| RoomKind::Private(one, other))
}

fn nothing_of(user: &UserName) -> Refusal {
    Refusal::new(Code::NotFound, format!("There is nothing of {user}"))
}

fn unavailable_randomness() -> Refusal {
    Refusal::new(Code::Unavailable, "The system has no randomness to give")
}
