//! The best that each player has ever done: what has to last is a stored message, with the player as its key, beside a state
//! that is worth nothing a moment later.
//!
//! The room is read with `latest` when the game begins, so a restart forgets nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use roomd::chat::{Body, End, Event, Identity, Key, Publication, Refusal, UserName};
use roomd::engine::Engine;
use roomd::{Delivery, DeliveryMode, Member, MemberOptions, Recipient, Undelivered};

use crate::{only_the_arena_speaks, room};

const ROOM: &str = "snake.best";

pub struct Records {
    member: Member,
    best: Arc<Best>,
}

impl Records {
    pub fn open(engine: &Arc<Engine>, arena: Identity) -> Result<Self, Refusal> {
        let best = Arc::new(Best::default());
        let options = MemberOptions { latest: true, ..MemberOptions::default() };
        let member = Member::join_with(engine, &room(ROOM)?, arena, Arc::clone(&best) as _, options)?;
        only_the_arena_speaks(&member)?;
        Ok(Self { member, best })
    }

    /// Stores what a player has done if it is their best.
    pub fn claim(&self, player: &UserName, score: u16) -> Result<(), Refusal> {
        // A name may be longer than a key.
        let Ok(key) = Key::parse(player.as_str()) else { return Ok(()) };
        if score <= self.best.of(&key) {
            return Ok(());
        }
        // A room that is full of records, or a disk that is: the game goes on.
        let record = Publication { key: Some(key), ..Publication::text(&score.to_string()) };
        self.member.publish(record).map_err(|_| Refusal::room_failed(self.member.room()))
    }
}

/// The newest record of each player: read first, and then as the room says it.
#[derive(Default)]
struct Best(Mutex<BTreeMap<Key, u16>>);

impl Best {
    fn of(&self, key: &Key) -> u16 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key).copied().unwrap_or(0)
    }
}

impl Recipient for Best {
    fn deliver(&self, delivery: Delivery<'_>, _: DeliveryMode) -> Result<(), Undelivered> {
        let Delivery::Event(event) = delivery else { return Err(Undelivered::Closed) };
        let Event::Message(message) = &**event else { return Ok(()) };
        let (Some(key), Body::Text(text)) = (&message.key, &message.body) else { return Ok(()) };
        if let Ok(score) = text.parse() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(key.clone(), score);
        }
        Ok(())
    }

    fn end(&self, _: End) {}
}
