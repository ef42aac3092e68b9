//! The newest message of each key: of a room's order, and of what one member has received.
//!
//! Message `n` of a run has key `n % keys`. A member may miss values that a newer one of the same key has replaced, and has
//! the newest of every key in the end. Used on the generator's thread.

/// Positions of the newest messages.
#[derive(Clone, Debug, Default)]
pub struct LastValues {
    by_key: Vec<Option<u32>>,
    /// Of all keys.
    newest: Option<u32>,
}

impl LastValues {
    /// No value yet, of so many keys; 0: messages have none.
    #[must_use]
    pub fn of_keys(keys: usize) -> Self {
        Self { by_key: vec![None; keys], newest: None }
    }

    /// Whether messages have keys.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        !self.by_key.is_empty()
    }

    /// Whether the key of this message has a value.
    #[must_use]
    pub fn has(&self, number: u32) -> bool {
        self.key(number).is_some_and(|key| self.by_key[key].is_some())
    }

    /// Records the position of a message.
    pub fn receive(&mut self, number: u32, position: u32) {
        if let Some(key) = self.key(number) {
            self.by_key[key] = self.by_key[key].max(Some(position));
            self.newest = self.newest.max(Some(position));
        }
    }

    /// Forgets all values.
    pub fn clear(&mut self) {
        self.by_key.fill(None);
        self.newest = None;
    }

    /// Whether a value has a later position.
    #[must_use]
    pub fn is_past(&self, position: u32) -> bool {
        self.newest > Some(position)
    }

    /// Of how many keys the newest message, if it has at least this position, is another than here.
    #[must_use]
    pub fn stale(&self, newest: &Self, from: u32) -> u64 {
        let pairs = self.by_key.iter().zip(&newest.by_key);
        pairs.filter(|(has, newest)| newest.is_some_and(|newest| newest >= from) && has != newest).count() as u64
    }

    fn key(&self, number: u32) -> Option<usize> {
        (number as usize).checked_rem(self.by_key.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_has_not_the_newest_message_of_a_key_is_stale() {
        let (mut room, mut member) = (LastValues::of_keys(2), LastValues::of_keys(2));
        for number in 0..5 {
            room.receive(number, number + 10);
            member.receive(number, number + 10);
        }
        assert_eq!(member.stale(&room, 0), 0);
        room.receive(5, 15);
        room.receive(6, 16);
        assert_eq!((member.stale(&room, 0), member.stale(&room, 16)), (2, 1));
        member.receive(6, 16);
        assert_eq!(member.stale(&room, 0), 1);
        // An older message that comes late takes nothing back.
        member.receive(4, 14);
        assert_eq!(member.stale(&room, 0), 1);
    }

    #[test]
    fn without_keys_nothing_is_stale() {
        let (mut room, member) = (LastValues::default(), LastValues::default());
        room.receive(0, 1);
        assert!(!room.has(0) && !room.has_keys());
        assert_eq!(member.stale(&room, 0), 0);
    }
}
