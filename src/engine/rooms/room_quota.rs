//! The quota of live rooms: how many there may be of each class, and how many one address may have opened.
//!
//! A value inside the hub, under its lock. A room counts from its first seat to its last, for the address whose
//! request opened it. An eighth of all rooms is kept for rooms with an owner, and another for private conversations:
//! rooms that anybody opens by joining cannot take those. The first room, which every newcomer is put into, does not
//! count.

use std::collections::BTreeMap;

use crate::chat::{Code, Refusal};
use crate::engine::guards::address::Address;

/// Which part of all rooms is kept for each class that has rooms kept for it.
const KEPT_PART: usize = 8;
/// The classes that count.
const CLASSES: usize = 3;

/// What a room takes its place among all rooms from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RoomClass {
    /// The room that newcomers are put into: there is always a place for it.
    First,
    /// A room that anybody opens.
    Shared,
    /// A room with an owner.
    Owned,
    /// The private conversation of two users.
    Conversation,
}

impl RoomClass {
    fn index(self) -> Option<usize> {
        match self {
            Self::First => None,
            Self::Shared => Some(0),
            Self::Owned => Some(1),
            Self::Conversation => Some(2),
        }
    }
}

/// See the module.
pub struct RoomQuota {
    rooms_max: usize,
    address_max: usize,
    /// Live rooms by class.
    counts: [usize; CLASSES],
    /// Live rooms by the address that opened them; addresses without one are not in it.
    by_address: BTreeMap<Address, usize>,
}

/// A live room's place in the quota. To be given back with [`RoomQuota::release`].
#[derive(Debug)]
pub struct RoomPermit {
    class: RoomClass,
    address: Option<Address>,
}

impl RoomQuota {
    /// No room is live. An `address_max` of 0 is no limit.
    #[must_use]
    pub fn new(rooms_max: usize, address_max: usize) -> Self {
        Self { rooms_max, address_max, counts: [0; CLASSES], by_address: BTreeMap::new() }
    }

    /// Sets other bounds. Rooms that are open stay so, and count, unless the address had no limit when it opened them.
    pub fn set_limits(&mut self, rooms_max: usize, address_max: usize) {
        (self.rooms_max, self.address_max) = (rooms_max, address_max);
    }

    /// Takes a place for a room that is being opened for this address; `None` is exempt from limits by address.
    ///
    /// # Errors
    /// `too_many_rooms`: the server or the address is at its limit.
    pub fn take(&mut self, class: RoomClass, address: Option<Address>) -> Result<RoomPermit, Refusal> {
        let Some(index) = class.index() else { return Ok(RoomPermit { class, address: None }) };
        let address = address.filter(|_| self.address_max > 0);
        if let Some(address) = &address
            && self.by_address.get(address).is_some_and(|count| *count >= self.address_max)
        {
            let message = format!("Your address has opened {} rooms, which is its limit", self.address_max);
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        if !self.has_place(index) {
            let message = format!("The server has {} rooms, which is its limit", self.rooms_max);
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        self.counts[index] += 1;
        if let Some(address) = address {
            *self.by_address.entry(address).or_default() += 1;
        }
        Ok(RoomPermit { class, address })
    }

    /// Gives the place of a room back that has closed.
    pub fn release(&mut self, permit: &RoomPermit) {
        if let Some(index) = permit.class.index() {
            self.counts[index] -= 1;
        }
        if let Some(address) = &permit.address
            && let Some(count) = self.by_address.get_mut(address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(address);
            }
        }
    }

    /// Whether one more room of this class fits beside what is kept for the others.
    fn has_place(&self, index: usize) -> bool {
        let part = self.rooms_max / KEPT_PART;
        let kept: [usize; CLASSES] = [0, part, part];
        let mut counts = self.counts;
        counts[index] += 1;
        let taken: usize = counts.iter().zip(kept).map(|(count, kept)| (*count).max(kept)).sum();
        taken <= self.rooms_max
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn address(text: &str) -> Option<Address> {
        Some(text.parse::<IpAddr>().unwrap().into())
    }

    /// Takes places until there is none.
    fn fill(quota: &mut RoomQuota, class: RoomClass, address: Option<Address>) -> Vec<RoomPermit> {
        std::iter::from_fn(|| quota.take(class, address).ok()).take(1_000).collect()
    }

    #[test]
    fn rooms_that_anybody_opens_leave_places_for_the_others_and_for_the_first_room() {
        let mut quota = RoomQuota::new(80, 0);
        assert_eq!(fill(&mut quota, RoomClass::Shared, None).len(), 60);
        assert_eq!(fill(&mut quota, RoomClass::Owned, None).len(), 10);
        assert_eq!(fill(&mut quota, RoomClass::Conversation, None).len(), 10);
        assert!(quota.take(RoomClass::First, None).is_ok());
    }

    #[test]
    fn each_class_takes_what_is_not_kept_for_another() {
        for (class, most) in [(RoomClass::Shared, 60), (RoomClass::Owned, 70), (RoomClass::Conversation, 70)] {
            let mut quota = RoomQuota::new(80, 0);
            assert_eq!(fill(&mut quota, class, None).len(), most, "{class:?}");
        }
        // A server of few rooms keeps none, and its rooms are for whoever comes first.
        assert_eq!(fill(&mut RoomQuota::new(1, 0), RoomClass::Shared, None).len(), 1);
    }

    #[test]
    fn an_address_opens_so_many_rooms_of_all_classes_and_gets_back_those_that_close() {
        let mut quota = RoomQuota::new(80, 3);
        let (here, there) = (address("192.0.2.1"), address("192.0.2.2"));
        let shared = quota.take(RoomClass::Shared, here).unwrap();
        let owned = quota.take(RoomClass::Owned, here).unwrap();
        let _private = quota.take(RoomClass::Conversation, here).unwrap();
        for class in [RoomClass::Shared, RoomClass::Owned, RoomClass::Conversation] {
            assert_eq!(quota.take(class, here).unwrap_err().code, Code::TooManyRooms);
        }
        assert!(quota.take(RoomClass::First, here).is_ok());
        assert_eq!(fill(&mut quota, RoomClass::Shared, there).len(), 3);
        quota.release(&shared);
        quota.release(&owned);
        assert_eq!(fill(&mut quota, RoomClass::Shared, here).len(), 2);
    }

    #[test]
    fn an_address_without_rooms_costs_no_memory() {
        let mut quota = RoomQuota::new(80, 3);
        let permits = fill(&mut quota, RoomClass::Shared, address("192.0.2.1"));
        permits.iter().for_each(|permit| quota.release(permit));
        assert!(quota.by_address.is_empty());
        assert_eq!(quota.counts, [0; CLASSES]);
    }
}
