//! A queue whose items may have a key, and in which a newer item can take the place of one that still waits.
//!
//! What is replaced leaves an empty slot behind, so the others stay where they are and in order; empty slots are
//! removed together once they are more than half, so that each costs a constant. Owned by a backlog or a gate, under its
//! lock. Without keys it is a `VecDeque`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::engine::clients::conflation_key::ConflationKey;

/// See the module.
///
/// A slot has a key exactly if the index leads from this key to it. The slot at the front is not empty.
pub struct ConflatingQueue<T> {
    slots: VecDeque<Slot<T>>,
    /// The number of the slot at the front; slots are numbered in the order in which they were pushed.
    first: u64,
    /// The numbers of the items that can be replaced.
    newest: HashMap<Arc<ConflationKey>, u64>,
    /// Slots that are empty.
    empty: usize,
}

struct Slot<T> {
    item: Option<T>,
    key: Option<Arc<ConflationKey>>,
}

impl<T> Default for ConflatingQueue<T> {
    fn default() -> Self {
        Self { slots: VecDeque::new(), first: 0, newest: HashMap::new(), empty: 0 }
    }
}

impl<T> ConflatingQueue<T> {
    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// How many items can be replaced.
    #[must_use]
    pub fn keyed(&self) -> usize {
        self.newest.len()
    }

    /// Adds an item. If it has a key, no item of that key waits that can be replaced: [`Self::take_out`] has been asked.
    pub fn push(&mut self, item: T, key: Option<Arc<ConflationKey>>) {
        if let Some(key) = &key {
            self.newest.insert(Arc::clone(key), self.first + self.slots.len() as u64);
        }
        self.slots.push_back(Slot { item: Some(item), key });
    }

    /// Takes out the item of this key that waits and can be replaced.
    pub fn take_out(&mut self, key: &ConflationKey) -> Option<T> {
        let at = usize::try_from(self.newest.remove(key)? - self.first).expect("it is in the queue");
        let slot = &mut self.slots[at];
        slot.key = None;
        self.empty += 1;
        let item = slot.item.take();
        self.remove_empty();
        item
    }

    /// The first items, at most `max`, to be written: from now on they are not replaced.
    pub fn fix(&mut self, max: usize) -> impl Iterator<Item = &T> {
        let newest = &mut self.newest;
        let items = self.slots.iter_mut().filter(|slot| slot.item.is_some()).take(max);
        items.filter_map(move |slot| {
            if let Some(key) = slot.key.take() {
                newest.remove(&key);
            }
            slot.item.as_ref()
        })
    }

    /// The item at the front.
    pub fn front_mut(&mut self) -> Option<&mut T> {
        self.slots.front_mut()?.item.as_mut()
    }

    /// Removes the item at the front.
    pub fn pop_front(&mut self) -> Option<T> {
        let Slot { item, key } = self.slots.pop_front()?;
        self.first += 1;
        if let Some(key) = key {
            self.newest.remove(&key);
        }
        self.remove_empty();
        item
    }

    /// The items, in order.
    pub fn into_items(self) -> impl Iterator<Item = T> {
        self.slots.into_iter().filter_map(|slot| slot.item)
    }

    /// Removes the empty slots at the front, and all of them if they are more than half: also when items leave, since
    /// those that stay may be few.
    fn remove_empty(&mut self) {
        while self.slots.front().is_some_and(|slot| slot.item.is_none()) {
            self.slots.pop_front();
            self.first += 1;
            self.empty -= 1;
        }
        if self.empty > self.slots.len() / 2 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        self.slots.retain(|slot| slot.item.is_some());
        self.empty = 0;
        for (number, slot) in (self.first..).zip(&self.slots) {
            if let Some(key) = &slot.key {
                self.newest.insert(Arc::clone(key), number);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::chat::{Body, Message};
    use crate::chat::{Event, Key, RoomName, Time, UserName};

    fn key(number: u8) -> Arc<ConflationKey> {
        let (room, user) = (RoomName::parse("r").unwrap(), UserName::parse("u").unwrap());
        let mut message = Message::new(room, user, Body::Text("x".into()), 1, Time(0));
        message.key = Some(Key::parse(&number.to_string()).unwrap());
        ConflationKey::of(&Event::Message(Arc::new(message))).unwrap()
    }

    #[derive(Clone, Debug)]
    enum Step {
        Push(Option<u8>),
        Pop,
        Fix(usize),
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => prop::option::weighted(0.8, 0..5_u8).prop_map(Step::Push),
            2 => Just(Step::Pop),
            1 => (1..4_usize).prop_map(Step::Fix),
        ]
    }

    #[test]
    fn few_slots_are_empty_also_when_the_items_before_them_have_left() {
        let mut queue = ConflatingQueue::default();
        (0..4).for_each(|number| queue.push(number, None));
        (0..4).for_each(|number| queue.push(number, Some(key(number))));
        queue.push(9, None);
        (0..4).for_each(|number| assert_eq!(queue.take_out(&key(number)), Some(number)));
        (0..3).for_each(|number| assert_eq!(queue.pop_front(), Some(number)));
        assert!(queue.slots.len() <= 5, "{}", queue.slots.len());
        assert_eq!(queue.into_items().collect::<Vec<_>>(), [3, 9]);
    }

    proptest! {
        /// The model is a list of items, each with its key while it can be replaced.
        #[test]
        fn a_newer_item_takes_the_place_of_the_one_of_its_key_that_waits(steps in prop::collection::vec(step(), 0..80)) {
            let (mut queue, mut model) = (ConflatingQueue::default(), Vec::<(usize, Option<u8>)>::new());
            for (item, step) in steps.into_iter().enumerate() {
                match step {
                    Step::Push(number) => {
                        let taken = number.and_then(|number| queue.take_out(&key(number)));
                        let at = number.and_then(|_| model.iter().position(|(_, other)| *other == number));
                        prop_assert_eq!(taken, at.map(|at| model.remove(at).0));
                        queue.push(item, number.map(key));
                        model.push((item, number));
                    }
                    Step::Pop => {
                        let first = (!model.is_empty()).then(|| model.remove(0).0);
                        prop_assert_eq!(queue.front_mut().copied(), first);
                        prop_assert_eq!(queue.pop_front(), first);
                    }
                    Step::Fix(max) => {
                        let fixed: Vec<_> = queue.fix(max).copied().collect();
                        let count = max.min(model.len());
                        model[..count].iter_mut().for_each(|(_, key)| *key = None);
                        prop_assert_eq!(fixed, model[..count].iter().map(|(item, _)| *item).collect::<Vec<_>>());
                    }
                }
                prop_assert_eq!(queue.is_empty(), model.is_empty());
                prop_assert_eq!(queue.keyed(), model.iter().filter(|(_, key)| key.is_some()).count());
                prop_assert!(queue.slots.len() <= 2 * model.len() + 1, "few slots are empty");
            }
            prop_assert!(queue.into_items().eq(model.into_iter().map(|(item, _)| item)));
        }
    }
}
