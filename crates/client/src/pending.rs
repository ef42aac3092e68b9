//! Requests without a response, in the order in which they were made.
//!
//! A value, used by the state machine. A request leaves the queue with its response and in no other way:
//! after a broken connection, and after a refusal that holds only for now, it is sent again in its place.
//! That is why nothing is lost; its message id stays the same, which is why nothing is published twice.

use std::collections::VecDeque;

use super::command::Command;
use super::options::Options;
use super::response::RequestId;

/// Requests that may be in flight at once on a server without a rate limit. With one it is a single
/// request: after a refusal for rate no later message may overtake.
const WINDOW: usize = 32;

/// Message ids of our own that are remembered until their messages come back. Beyond it the oldest are
/// forgotten, and their messages look like those of another device.
const ECHOES_MAX: usize = 4096;

/// See the module.
#[derive(Clone, Debug, PartialEq)]
pub struct PendingRequest {
    /// The id that the program has.
    pub id: RequestId,
    /// The message id under which the server recognises a message that is sent again; 1–64 bytes.
    pub mid: String,
    /// What was requested.
    pub command: Command,
    /// The `id` of its frame on the current connection; `None` when it has to be sent.
    frame_id: Option<u64>,
}

impl PendingRequest {
    /// Whether the program wrote the command itself, and is given the reply as it is.
    #[must_use]
    pub fn is_other(&self) -> bool {
        matches!(self.command, Command::Other(_))
    }
}

/// The queue of a client.
#[derive(Debug)]
pub struct PendingRequests {
    requests: VecDeque<PendingRequest>,
    max: usize,
    window: usize,
    last_id: u64,
    /// Ids of messages that were sent and have not come back yet, oldest first.
    echoes: VecDeque<String>,
}

impl PendingRequests {
    /// An empty queue with room for `max`.
    #[must_use]
    pub fn new(max: usize) -> Self {
        Self { requests: VecDeque::new(), max, window: 1, last_id: 0, echoes: VecDeque::new() }
    }

    /// Adds a request; `None` when the queue is full.
    pub fn push(&mut self, command: Command, mid: String) -> Option<RequestId> {
        if self.requests.len() >= self.max {
            return None;
        }
        self.last_id += 1;
        let id = RequestId(self.last_id);
        if command.published_bytes().is_some() {
            if self.echoes.len() >= ECHOES_MAX {
                self.echoes.pop_front();
            }
            self.echoes.push_back(mid.clone());
        }
        self.requests.push_back(PendingRequest { id, mid, command, frame_id: None });
        Some(id)
    }

    /// Whether a message with this id is one of ours that comes back; true once for each.
    pub fn take_echo(&mut self, mid: &str) -> bool {
        let found = self.echoes.iter().position(|echo| echo == mid);
        found.and_then(|at| self.echoes.remove(at)).is_some()
    }

    /// Whether the server limits the rate of requests.
    pub fn set_rate_limited(&mut self, limited: bool) {
        self.window = if limited { 1 } else { WINDOW };
    }

    /// The first request to send among those that are `allowed`, if one more may be in flight.
    pub fn next(&mut self, allowed: impl Fn(&Command) -> bool) -> Option<&mut PendingRequest> {
        let candidates = self.requests.iter_mut().filter(|request| allowed(&request.command));
        candidates.take(self.window).find(|request| request.frame_id.is_none())
    }

    /// Removes the request that a response with this `id`, or without one for this message id, belongs to.
    pub fn take(&mut self, frame_id: Option<u64>, mid: Option<&str>) -> Option<PendingRequest> {
        let matches = |request: &PendingRequest| match frame_id {
            Some(_) => request.frame_id == frame_id,
            None => {
                let is_message = request.command.published_bytes().is_some();
                request.frame_id.is_some() && is_message && mid == Some(&*request.mid)
            }
        };
        let at = self.requests.iter().position(matches)?;
        self.requests.remove(at)
    }

    /// Removes a request that is not sent at all.
    pub fn withdraw(&mut self, id: RequestId) {
        self.requests.retain(|request| request.id != id);
    }

    /// The request that is in flight under this `id`.
    pub fn in_flight(&self, frame_id: u64) -> Option<&PendingRequest> {
        self.requests.iter().find(|request| request.frame_id == Some(frame_id))
    }

    /// Has the request that is in flight under this `id` sent again; false when there is none.
    pub fn retry(&mut self, frame_id: u64) -> bool {
        let request = self.requests.iter_mut().find(|request| request.frame_id == Some(frame_id));
        request.map(|request| request.frame_id = None).is_some()
    }

    /// The connection was lost: has each request sent again.
    pub fn disconnect(&mut self) {
        self.requests.iter_mut().for_each(|request| request.frame_id = None);
    }

    /// The requests without a response, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &PendingRequest> {
        self.requests.iter()
    }
}

impl PendingRequest {
    /// The frame that sends it under this `id`; it is in flight from now on.
    pub fn send(&mut self, frame_id: u64, options: &Options) -> String {
        self.frame_id = Some(frame_id);
        self.command.frame(frame_id, &self.mid, options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn publish(text: &str) -> Command {
        Command::Publish { room: "r".to_owned(), text: text.to_owned() }
    }

    fn send(pending: &mut PendingRequests, frame_id: u64) -> Option<String> {
        let request = pending.next(|_| true)?;
        request.send(frame_id, &Options::default());
        Some(request.mid.clone())
    }

    #[test]
    fn a_request_keeps_its_message_id_and_its_place_until_the_response() {
        let mut pending = PendingRequests::new(10);
        for text in ["p-1", "p-2"] {
            pending.push(publish(text), text.to_owned()).unwrap();
        }
        assert_eq!(send(&mut pending, 1).as_deref(), Some("p-1"));
        assert_eq!(send(&mut pending, 2), None, "one at a time where the rate is limited");
        pending.disconnect();
        assert_eq!(pending.take(Some(1), None), None, "a response of the connection before");
        assert_eq!(send(&mut pending, 3).as_deref(), Some("p-1"));
        assert!(pending.retry(3));
        assert_eq!(send(&mut pending, 4).as_deref(), Some("p-1"));
        assert_eq!(pending.take(Some(4), None).map(|request| request.mid).as_deref(), Some("p-1"));
        assert_eq!(send(&mut pending, 5).as_deref(), Some("p-2"));
        assert_eq!(pending.take(None, Some("p-2")).map(|request| request.mid).as_deref(), Some("p-2"));
    }

    #[test]
    fn many_requests_are_in_flight_where_no_rate_limits_them() {
        let mut pending = PendingRequests::new(100);
        pending.set_rate_limited(false);
        for _ in 0..50 {
            pending.push(publish("x"), "x".to_owned()).unwrap();
        }
        let sent: Vec<_> = (1..).map_while(|id| send(&mut pending, id)).collect();
        assert_eq!(sent.len(), WINDOW);
    }

    #[test]
    fn a_full_queue_accepts_nothing() {
        let mut pending = PendingRequests::new(1);
        assert!(pending.push(publish("a"), "a".to_owned()).is_some());
        assert_eq!(pending.push(publish("b"), "b".to_owned()), None);
    }
}
