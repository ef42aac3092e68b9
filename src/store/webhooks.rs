//! The webhooks and what is to be delivered to them, as they are kept.
//!
//! What happens in a room is written for them by the journal, a message in its own transaction; what is here is asked by
//! the threads that deliver, by those who make and remove webhooks, and by the commands beside a server. Each call may
//! block on a disk.

use crate::chat::webhook::{Attempt, DueDelivery, LoggedDelivery, NewWebhook, Webhook};
use crate::chat::{RoomName, Secret, Time, UserName};

/// The right of one server to deliver to an origin, for a while. Each that is granted has a number of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WebhookLease(pub u64);

/// Keeps webhooks.
pub trait WebhookStore: Send + Sync {
    /// Why a call fails.
    type Error;

    /// Adds a webhook; its number. `None`: the room, the server, or who makes it has as many as may be.
    ///
    /// # Errors
    /// It is not added.
    fn add_webhook(&self, webhook: &NewWebhook, secret: &Secret) -> Result<Option<u64>, Self::Error>;

    /// All webhooks, those that were removed too, in the order in which they were made.
    ///
    /// # Errors
    /// They cannot be read now.
    fn webhooks(&self) -> Result<Vec<Webhook>, Self::Error>;

    /// Removes a webhook, and what waits for it; false: there is none of this number.
    ///
    /// # Errors
    /// Nothing has changed.
    fn remove_webhook(&self, number: u64, by: Option<&UserName>, at: Time) -> Result<bool, Self::Error>;

    /// The newest deliveries of a webhook, oldest first; at most `count`.
    ///
    /// # Errors
    /// They cannot be read now.
    fn deliveries(&self, webhook: u64, count: usize) -> Result<Vec<LoggedDelivery>, Self::Error>;

    /// Delivers what was delivered once more, behind everything that waits; false: the webhook has no such delivery, or
    /// it is off.
    ///
    /// # Errors
    /// Nothing has changed.
    fn resend(&self, webhook: u64, delivery: u64) -> Result<bool, Self::Error>;

    /// Switches a webhook on again, if it is off, and makes what waits due now; false: there is none of this number.
    ///
    /// # Errors
    /// Nothing has changed.
    fn resume_webhook(&self, number: u64, now: Time) -> Result<bool, Self::Error>;

    /// Takes the lease of an origin, for this server alone; `None`: another server has it. It is renewed as long as this
    /// server is at work, and ends some seconds after that. A store that one server has to itself always grants it.
    ///
    /// # Errors
    /// It is not taken, or ends by itself.
    fn take_lease(&self, origin: &str) -> Result<Option<WebhookLease>, Self::Error>;

    /// Gives a lease back. One that is lost already stays with whom it belongs to.
    ///
    /// # Errors
    /// It ends by itself.
    fn return_lease(&self, lease: WebhookLease) -> Result<(), Self::Error>;

    /// What is delivered next to a webhook under this lease; nothing if that is lost.
    ///
    /// # Errors
    /// It cannot be read now.
    fn next_delivery(&self, webhook: u64, lease: WebhookLease) -> Result<Option<DueDelivery>, Self::Error>;

    /// Notes an attempt that was made under this lease; false: the lease is lost, and nothing has changed. Of what is
    /// delivered, the oldest beyond a hundred are forgotten.
    ///
    /// # Errors
    /// Nothing has changed.
    fn note_attempt(
        &self,
        webhook: u64,
        delivery: u64,
        attempt: &Attempt,
        lease: WebhookLease,
    ) -> Result<bool, Self::Error>;

    /// Forgets what was delivered before this time.
    ///
    /// # Errors
    /// Nothing has changed.
    fn forget_deliveries(&self, before: Time) -> Result<(), Self::Error>;

    /// Removes the webhooks of a room that has ended without a history; what waits is delivered.
    ///
    /// # Errors
    /// Nothing has changed.
    fn end_webhooks(&self, room: &RoomName, by: &UserName, at: Time) -> Result<(), Self::Error>;
}
