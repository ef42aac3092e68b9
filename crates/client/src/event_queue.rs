//! The events that a program has not received yet.
//!
//! A value, used by `Client`. The queue is bounded, because a program that only publishes may never
//! receive. When it is full the oldest event is dropped and counted; a response stays, because a caller
//! may wait for it, and `Options::pending_max` bounds their number.

use std::collections::VecDeque;

use super::event::Event;
use super::refusal::Refusal;
use super::response::{RequestId, Response};

/// See the module.
#[derive(Debug)]
pub struct EventQueue {
    events: VecDeque<Event>,
    max: usize,
    /// Events that were dropped since the program last received one.
    dropped: u64,
}

impl EventQueue {
    /// An empty queue with room for `max`.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { events: VecDeque::new(), max, dropped: 0 }
    }

    /// Adds an event, and drops the oldest if there are too many.
    pub fn push(&mut self, event: Event) {
        self.events.push_back(event);
        if self.events.len() > self.max
            && let Some(oldest) = self.events.iter().position(|event| !matches!(event, Event::Response(..)))
        {
            self.events.remove(oldest);
            self.dropped += 1;
        }
    }

    /// The oldest event. After a drop that is the number of dropped events.
    pub fn pop(&mut self) -> Option<Event> {
        match std::mem::take(&mut self.dropped) {
            0 => self.events.pop_front(),
            dropped => Some(Event::Dropped(dropped)),
        }
    }

    /// Removes the response to this request, if it has arrived.
    pub fn take_response(&mut self, id: RequestId) -> Option<Result<Response, Refusal>> {
        let at = self.events.iter().position(|event| matches!(event, Event::Response(other, _) if *other == id))?;
        match self.events.remove(at) {
            Some(Event::Response(_, result)) => Some(result),
            _ => None,
        }
    }

    /// The events, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Event> {
        self.events.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typing(user: &str) -> Event {
        Event::Typing { room: "r".to_owned(), user: user.to_owned(), typing: true }
    }

    #[test]
    fn a_full_queue_drops_the_oldest_events_and_counts_them_but_no_response() {
        let mut queue = EventQueue::new(3);
        queue.push(Event::Response(RequestId(1), Ok(Response::Left("r".to_owned()))));
        for user in ["a", "b", "c", "d"] {
            queue.push(typing(user));
        }
        assert_eq!(queue.iter().count(), 3);
        assert!(queue.take_response(RequestId(1)).is_some());
        assert_eq!(queue.take_response(RequestId(1)), None);
        let received: Vec<_> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(received, [Event::Dropped(2), typing("c"), typing("d")]);
    }
}
