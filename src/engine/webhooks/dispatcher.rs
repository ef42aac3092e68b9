//! Whose turn it is: which webhooks are due, and which are being told.
//!
//! Shared by the thread `webhooks`, the threads that deliver (`delivery.rs`), and whoever has something for a webhook: the
//! journal, and those who change webhooks. A receiver is told of one thing at a time, and one that is slow holds up no
//! other: those that were slow have `SLOW_MAX` of the threads, and who waits longest is next.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::chat::Time;
use crate::chat::webhook::Webhook;
use crate::engine::base::sync::{Condvar, Mutex};

/// Threads that deliver, at most.
const THREADS_MAX: usize = 4;
/// Those of them that may serve slow receivers.
const SLOW_MAX: usize = 2;

/// See the module.
#[derive(Default)]
pub struct Dispatcher {
    state: Mutex<State>,
    /// Notified when something may be due, and at the close.
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closing: bool,
    /// Whether something may be due that was not when it was last looked.
    woken: bool,
    turns: Turns,
}

impl Dispatcher {
    /// Something may be due. Does not block.
    pub fn wake(&self) {
        self.state.lock().woken = true;
        self.changed.notify_all();
    }

    /// Ends the threads: each when its attempt has ended.
    pub fn close(&self) {
        self.state.lock().closing = true;
        self.changed.notify_all();
    }

    /// Whether it is over.
    pub fn is_closing(&self) -> bool {
        self.state.lock().closing
    }

    /// Waits until something may be due; false: it is over.
    pub fn wait(&self, until: Instant) -> bool {
        let mut state = self.state.lock();
        while !state.closing && !state.woken {
            if self.changed.wait_until(&mut state, until).timed_out() {
                break;
            }
        }
        state.woken = false;
        !state.closing
    }

    /// Chooses who is served from now on.
    pub fn choose(&self, webhooks: &[Webhook], now: Time) -> Vec<Webhook> {
        self.state.lock().turns.choose(webhooks, now)
    }

    /// A webhook that was chosen is not served now.
    pub fn pass(&self, webhook: u64) {
        self.state.lock().turns.pass(webhook);
    }

    /// The turn of a webhook is over.
    pub fn end(&self, webhook: u64, was_slow: bool) {
        self.state.lock().turns.end(webhook, was_slow);
    }
}

/// Which webhooks are being served, and which were. A value: time is an argument.
#[derive(Default)]
struct Turns {
    /// Those that are being served, with the origin of each, and whether it is slow.
    busy: BTreeMap<u64, (String, bool)>,
    /// When each was served last, and whether it was slow.
    served: BTreeMap<u64, (u64, bool)>,
    /// The number of the last turn.
    newest: u64,
}

impl Turns {
    /// Chooses who is served from now on.
    fn choose(&mut self, webhooks: &[Webhook], now: Time) -> Vec<Webhook> {
        self.served.retain(|number, _| webhooks.iter().any(|webhook| webhook.number == *number));
        let mut due: Vec<_> = webhooks.iter().filter(|webhook| webhook.waits() && webhook.due <= now).collect();
        due.sort_by_key(|webhook| (self.served.get(&webhook.number).map(|(turn, _)| *turn), webhook.number));
        let mut chosen = Vec::new();
        for webhook in due {
            let origin = webhook.made.url.origin();
            let is_slow = self.served.get(&webhook.number).is_some_and(|(_, slow)| *slow);
            let slow = self.busy.values().filter(|(_, slow)| *slow).count();
            let is_busy = self.busy.contains_key(&webhook.number) || self.busy.values().any(|(busy, _)| busy == origin);
            if is_busy || self.busy.len() >= THREADS_MAX || (is_slow && slow >= SLOW_MAX) {
                continue;
            }
            self.busy.insert(webhook.number, (origin.to_owned(), is_slow));
            chosen.push(webhook.clone());
        }
        chosen
    }

    /// A turn does not take place; who waits meanwhile is next.
    fn pass(&mut self, webhook: u64) {
        let was_slow = self.served.get(&webhook).is_some_and(|(_, slow)| *slow);
        self.end(webhook, was_slow);
    }

    /// A turn is over.
    fn end(&mut self, webhook: u64, was_slow: bool) {
        self.busy.remove(&webhook);
        self.newest += 1;
        self.served.insert(webhook, (self.newest, was_slow));
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::*;
    use crate::chat::webhook::{NewWebhook, WebhookEvents, WebhookOff, WebhookUrl};
    use crate::chat::{Secret, Time};

    fn webhook(number: u64, url: &str) -> Webhook {
        let url = WebhookUrl::stored(url);
        let made = NewWebhook { url, room: None, events: WebhookEvents::default(), by: None, created: Time(0) };
        Webhook { waiting: 1, ..Webhook::new(number, made, Secret::from("whsec_")) }
    }

    fn chosen(turns: &mut Turns, webhooks: &[Webhook], now: u64) -> Vec<u64> {
        turns.choose(webhooks, Time(now)).iter().map(|webhook| webhook.number).collect()
    }

    #[test]
    fn a_receiver_is_told_one_thing_at_a_time() {
        let (mut turns, one) = (Turns::default(), "http://a/1");
        let webhooks = [webhook(1, one), webhook(2, "http://a/2"), webhook(3, "http://b/")];
        assert_eq!(chosen(&mut turns, &webhooks, 0), [1, 3]);
        assert_eq!(chosen(&mut turns, &webhooks, 0), [0; 0]);
        turns.end(1, false);
        assert_eq!(chosen(&mut turns, &webhooks, 0), [2], "who waits longest is next");
    }

    #[test]
    fn what_is_off_or_not_due_is_not_served() {
        let at = (Time(0), WebhookOff::Full);
        let webhooks = [
            Webhook { off: Some(at), ..webhook(1, "http://a") },
            Webhook { waiting: 0, ..webhook(2, "http://b") },
            Webhook { due: Time(9), ..webhook(3, "http://c") },
            // Its room has ended: what waits is delivered.
            Webhook { removed: Some((Time(0), None)), ..webhook(4, "http://d") },
        ];
        let mut turns = Turns::default();
        assert_eq!(chosen(&mut turns, &webhooks, 8), [4]);
        assert_eq!(chosen(&mut turns, &webhooks, 9), [3]);
    }

    #[test]
    fn one_that_is_served_elsewhere_holds_up_no_other_and_is_chosen_again() {
        let mut turns = Turns::default();
        let webhooks: Vec<_> = (1..=6).map(|number| webhook(number, &format!("http://h{number}"))).collect();
        assert_eq!(chosen(&mut turns, &webhooks, 0), [1, 2, 3, 4]);
        (1..=4).for_each(|number| turns.pass(number));
        assert_eq!(chosen(&mut turns, &webhooks, 0), [5, 6, 1, 2]);
    }

    #[test]
    fn slow_receivers_leave_threads_to_others() {
        let mut turns = Turns::default();
        let webhooks: Vec<_> = (1..=9).map(|number| webhook(number, &format!("http://h{number}"))).collect();
        let first = chosen(&mut turns, &webhooks, 0);
        assert_eq!(first.len(), THREADS_MAX);
        first.iter().for_each(|number| turns.end(*number, true));
        assert_eq!(chosen(&mut turns, &webhooks, 0), [5, 6, 7, 8]);
        (5..=8).for_each(|number| turns.end(number, true));
        let next = chosen(&mut turns, &webhooks, 0);
        assert_eq!(next, [9, 1, 2], "one that is not known to be slow, and two that are");
    }
}
