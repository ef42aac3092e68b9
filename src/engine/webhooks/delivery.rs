//! Has deliveries made: one thread that looks what is due, and one for each receiver that is being told.
//!
//! The thread `webhooks` waits until the store has something for a webhook, or the next attempt is due; some seconds at
//! most, since a command beside the server may have changed something. It starts a thread `webhook` for each webhook that
//! the dispatcher chooses, which delivers what waits, in order, until nothing waits, an attempt fails, or its turn is over.
//!
//! Where several servers have one store, one of them delivers to an origin at a time: the one that has its lease. Another
//! looks again from time to time. Whoever gives a lease back looks once more, so nothing is left behind that another server
//! has stored meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::announcement::announce;
use super::dispatcher::Dispatcher;
use super::sender::{WebhookAnswer, WebhookSender};
use super::{WebhookBackend, retry, signature};
use crate::chat::webhook::{AfterAttempt, Attempt, DueDelivery, Webhook};
use crate::chat::{StoreFailed, Time};
use crate::engine::Engine;
use crate::store::WebhookLease;
use crate::wire::json;

/// The role of the thread.
pub const ROLE: &str = "webhooks";
/// The role of a thread that delivers.
const DELIVERY_ROLE: &str = "webhook";
/// How long a delivery takes to a receiver that is slow.
const SLOW: Duration = Duration::from_secs(1);
/// How long a receiver is served while others may wait.
const TURN: Duration = Duration::from_secs(2);
/// How long the thread sleeps, at most.
const POLL: Duration = Duration::from_secs(5);
/// The same, while another server delivers what is due.
const ELSEWHERE_POLL: Duration = Duration::from_secs(1);
/// How often it forgets old deliveries.
const FORGET_EVERY: Duration = Duration::from_secs(60 * 60);
/// How long what was delivered is remembered, at most.
const REMEMBERED: Duration = Duration::from_secs(3 * 24 * 60 * 60);

/// What delivering needs.
#[derive(Clone)]
pub struct Deliverer {
    /// The engine whose webhooks they are.
    pub engine: Arc<Engine>,
    /// Where they are kept.
    pub store: WebhookBackend,
    /// What sends to them.
    pub sender: Arc<dyn WebhookSender>,
    /// Whose turn it is.
    pub dispatcher: Arc<Dispatcher>,
}

impl Deliverer {
    /// The body of the thread.
    pub fn run(&self) {
        let Self { engine, store, dispatcher, .. } = self;
        let (mut off, mut forget_at) = (None, Duration::ZERO);
        let mut is_start = true;
        loop {
            let now = engine.clock.now();
            if now.since_start >= forget_at {
                let before = Time(now.at.0.saturating_sub(u64::try_from(REMEMBERED.as_millis()).unwrap_or(u64::MAX)));
                // What cannot be forgotten now is forgotten later.
                _ = store.forget_deliveries(before);
                forget_at = now.since_start + FORGET_EVERY;
            }
            // What cannot be read now is read later; the store has logged why.
            let mut webhooks = store.webhooks().unwrap_or_default();
            if std::mem::take(&mut is_start) {
                // A server that starts does not wait for the end of a pause.
                webhooks.iter_mut().for_each(|webhook| webhook.due = now.at);
            }
            _ = engine.threads.run_job(ROLE, || tell_of_those_off(engine, &webhooks, &mut off));
            count(engine, &webhooks);
            let mut longest = POLL;
            for webhook in dispatcher.choose(&webhooks, now.at) {
                match store.take_lease(webhook.made.url.origin()) {
                    Ok(Some(lease)) => self.start(webhook, lease),
                    // Another server has it, or that cannot be told now.
                    Ok(None) | Err(StoreFailed) => {
                        dispatcher.pass(webhook.number);
                        longest = ELSEWHERE_POLL;
                    }
                }
            }
            let next = webhooks.iter().filter(|webhook| webhook.waits()).map(|webhook| now.at.until(webhook.due));
            let pause = next.filter(|pause| *pause > Duration::ZERO).min().map_or(longest, |pause| pause.min(longest));
            if !dispatcher.wait(Instant::now() + pause) {
                return;
            }
        }
    }

    fn start(&self, webhook: Webhook, lease: WebhookLease) {
        let (number, deliverer) = (webhook.number, self.clone());
        let spawned = self.engine.threads.spawn(DELIVERY_ROLE, move || {
            let Self { engine, store, dispatcher, .. } = &deliverer;
            let was_slow = engine.threads.run_job(DELIVERY_ROLE, || deliverer.serve(webhook, lease));
            // If that fails it ends by itself.
            _ = store.return_lease(lease);
            dispatcher.end(number, was_slow.unwrap_or(true));
            dispatcher.wake();
        });
        if spawned.is_err() {
            // There is no thread for it now: it is tried again with the next look.
            _ = self.store.return_lease(lease);
            self.dispatcher.pass(number);
        }
    }

    /// Delivers what waits for a webhook, until its turn is over; whether its receiver was slow.
    fn serve(&self, mut webhook: Webhook, lease: WebhookLease) -> bool {
        let Self { engine, store, sender, dispatcher } = self;
        let (began, mut was_slow) = (Instant::now(), false);
        while !dispatcher.is_closing() {
            // What cannot be read now is read with the next look.
            let Ok(Some(due)) = store.next_delivery(webhook.number, lease) else { break };
            let sent_at = Instant::now();
            let answer = deliver(engine, &**sender, &webhook, &due);
            was_slow |= sent_at.elapsed() > SLOW;
            let at = engine.clock.now().at;
            let drawn = getrandom::u32().unwrap_or_default();
            let after = retry::after(&answer, webhook.failures, webhook.failing, at, drawn);
            if dispatcher.is_closing() && after != AfterAttempt::Delivered {
                // The stop has cut it: that says nothing of the receiver.
                break;
            }
            engine.metrics.webhook_tried(retry::label(&answer));
            let attempt = Attempt { at, outcome: retry::outcome(&answer), after };
            // If that is not stored it is delivered again, under the same id.
            let noted = store.note_attempt(webhook.number, due.number, &attempt, lease);
            if noted != Ok(true) || after != AfterAttempt::Delivered || began.elapsed() > TURN {
                break;
            }
            (webhook.failures, webhook.failing) = (0, None);
        }
        was_slow
    }
}

fn count(engine: &Engine, webhooks: &[Webhook]) {
    let off = webhooks.iter().filter(|webhook| webhook.removed.is_none() && webhook.off.is_some()).count();
    engine.metrics.webhooks(webhooks.iter().map(|webhook| webhook.waiting).sum(), off as u64);
}

fn deliver(engine: &Engine, sender: &dyn WebhookSender, webhook: &Webhook, due: &DueDelivery) -> WebhookAnswer {
    let timestamp = engine.clock.now().at.0 / 1_000;
    let body = json::webhook_payload(due);
    sender.send(&webhook.made.url, &signature::sign(&webhook.secret, due.id.clone(), timestamp, body))
}

/// Tells of webhooks that are off and were not when it was last looked.
fn tell_of_those_off(engine: &Engine, webhooks: &[Webhook], known: &mut Option<Vec<u64>>) {
    let off = || webhooks.iter().filter(|webhook| webhook.off.is_some() && webhook.removed.is_none());
    let before = known.replace(off().map(|webhook| webhook.number).collect());
    // Those that were off at the start were told of before.
    let Some(before) = before else { return };
    for webhook in off().filter(|webhook| !before.contains(&webhook.number)) {
        webhook.off.iter().for_each(|(at, reason)| announce(engine, webhook, *at, *reason));
    }
}
