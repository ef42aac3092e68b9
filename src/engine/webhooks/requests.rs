//! What admins and the owners of rooms ask about webhooks.
//!
//! On the thread of whoever asks; blocks on the store.

use std::sync::Arc;

use super::delivery::{Deliverer, ROLE};
use super::{WebhookBackend, Webhooks, draw_secret, full};
use crate::chat::policy::Privilege;
use crate::chat::webhook::{LoggedDelivery, NewWebhook, Webhook, WebhookEvents, WebhookUrl};
use crate::chat::{AuthLevel, Code, Identity, Refusal, RoomName, StoreFailed, Time, UserName};
use crate::engine::Engine;

/// Deliveries that are listed at once, at most.
const LISTED_MAX: usize = 200;

impl Engine {
    /// Makes a webhook of a room, or of all with `None`; its secret is in it.
    ///
    /// # Errors
    /// `bad_request`: nothing may be sent there. `not_found`, `forbidden`: who asks may not. `too_many_rooms`: there are
    /// as many as there may be. `unavailable`.
    pub fn add_webhook(
        &self,
        who: &Identity,
        room: Option<RoomName>,
        url: WebhookUrl,
        events: WebhookEvents,
    ) -> Result<Webhook, Refusal> {
        self.check_owns(who, room.as_ref())?;
        let store = self.webhooks.store()?;
        self.webhooks.sender.check(&url).map_err(Refusal::bad_request)?;
        let created = self.clock.now().at;
        let made = NewWebhook { url, room, events, by: Some(who.user.clone()), created };
        let secret = draw_secret().map_err(|_| unavailable(StoreFailed))?;
        let number = store.add_webhook(&made, &secret).map_err(unavailable)?;
        let number = number.ok_or_else(|| Refusal::new(Code::Conflict, full()))?;
        log::info!(webhook = number, room = room_of(&made), by = who.user.as_str(); "webhook made");
        self.webhooks.dispatcher.wake();
        Ok(Webhook::new(number, made, secret))
    }

    /// The webhooks of a room, or those of all rooms with `None`; those that were removed too.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, `unavailable`.
    pub fn webhooks_of(&self, who: &Identity, room: Option<&RoomName>) -> Result<Vec<Webhook>, Refusal> {
        self.check_owns(who, room)?;
        let all = self.webhooks.store()?.webhooks().map_err(unavailable)?;
        Ok(all.into_iter().filter(|webhook| webhook.made.room.as_ref() == room && !webhook.ended).collect())
    }

    /// Removes a webhook, and what waits for it.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, `unavailable`.
    pub fn remove_webhook(&self, who: &Identity, room: Option<&RoomName>, number: u64) -> Result<(), Refusal> {
        let store = self.webhook(who, room, number)?;
        let now = self.clock.now().at;
        if !store.remove_webhook(number, Some(&who.user), now).map_err(unavailable)? {
            return Err(no_webhook(number));
        }
        log::info!(webhook = number, by = who.user.as_str(); "webhook removed");
        self.webhooks.dispatcher.wake();
        Ok(())
    }

    /// The newest deliveries of a webhook, oldest first.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, `unavailable`.
    pub fn deliveries_of(
        &self,
        who: &Identity,
        room: Option<&RoomName>,
        number: u64,
    ) -> Result<Vec<LoggedDelivery>, Refusal> {
        self.webhook(who, room, number)?.deliveries(number, LISTED_MAX).map_err(unavailable)
    }

    /// Delivers once more what was delivered to a webhook.
    ///
    /// # Errors
    /// `not_found`, also for one that still waits; `forbidden`, `unavailable`.
    pub fn resend(&self, who: &Identity, room: Option<&RoomName>, number: u64, delivery: u64) -> Result<(), Refusal> {
        if !self.webhook(who, room, number)?.resend(number, delivery).map_err(unavailable)? {
            let message = format!("The webhook {number} has made no delivery {delivery}, or is off");
            return Err(Refusal::new(Code::NotFound, message));
        }
        self.webhooks.dispatcher.wake();
        Ok(())
    }

    /// Switches a webhook on again, and tries now what waits.
    ///
    /// # Errors
    /// `not_found`, `forbidden`, `unavailable`.
    pub fn resume_webhook(&self, who: &Identity, room: Option<&RoomName>, number: u64) -> Result<(), Refusal> {
        let now = self.clock.now().at;
        if !self.webhook(who, room, number)?.resume_webhook(number, now).map_err(unavailable)? {
            return Err(no_webhook(number));
        }
        log::info!(webhook = number, by = who.user.as_str(); "webhook resumed");
        self.webhooks.dispatcher.wake();
        Ok(())
    }

    /// Removes the webhooks of a room that has ended; those of one with a history ended with it.
    pub(in crate::engine) fn end_webhooks(&self, room: &RoomName, by: &UserName, at: Time) {
        if let Some(store) = &self.webhooks.store
            && store.end_webhooks(room, by, at).is_err()
        {
            log::error!(room = room.as_str(); "the webhooks of a room that has ended are not removed");
        }
    }

    /// Starts the thread that has webhooks delivered to, where they are kept.
    pub(in crate::engine) fn start_webhooks(self: &Arc<Self>) -> std::io::Result<()> {
        let Some(store) = self.webhooks.store.clone() else { return Ok(()) };
        let Webhooks { sender, dispatcher, .. } = &self.webhooks;
        let (sender, dispatcher) = (Arc::clone(sender), Arc::clone(dispatcher));
        let deliverer = Deliverer { engine: Arc::clone(self), store, sender, dispatcher };
        self.threads.spawn(ROLE, move || deliverer.run())
    }

    /// Delivers nothing more.
    pub(in crate::engine) fn close_webhooks(&self) {
        self.webhooks.dispatcher.close();
        self.webhooks.sender.close();
    }

    /// The store, if who asks may do that with this webhook.
    fn webhook(&self, who: &Identity, room: Option<&RoomName>, number: u64) -> Result<&WebhookBackend, Refusal> {
        let is_there = |webhook: &Webhook| webhook.number == number;
        if !self.webhooks_of(who, room)?.iter().any(is_there) {
            return Err(no_webhook(number));
        }
        self.webhooks.store()
    }

    /// Checks that a user owns a room that exists, or is an admin; for all rooms, an admin.
    fn check_owns(&self, who: &Identity, room: Option<&RoomName>) -> Result<(), Refusal> {
        let (privilege, message) = match room {
            Some(room) => {
                let info = self.room_info(who, room)?;
                // To an outsider the room does not exist.
                info.policy.may_audit(room, who.into())?;
                (info.privilege, "Only the owner of this room may do that")
            }
            None if who.auth_level == AuthLevel::Admin && who.may_enter_all() => (Privilege::Admin, ""),
            None => (Privilege::NonMember, "Only an admin may do that"),
        };
        if privilege < Privilege::Owner { Err(Refusal::new(Code::Forbidden, message)) } else { Ok(()) }
    }
}

fn room_of(made: &NewWebhook) -> &str {
    made.room.as_ref().map_or("*", RoomName::as_str)
}

fn no_webhook(number: u64) -> Refusal {
    Refusal::new(Code::NotFound, format!("There is no webhook {number} here"))
}

fn unavailable(StoreFailed: StoreFailed) -> Refusal {
    Refusal::new(Code::Unavailable, "The webhooks cannot be read or stored now; try again")
}
