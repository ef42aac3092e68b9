//! Webhooks: made and removed by admins and by the owners of rooms, and delivered to by threads of their own.
//!
//! What is to be delivered is in the store, written with what it tells of; `delivery.rs` has it delivered to whom
//! `dispatcher.rs` chooses, through `sender.rs`, signed as `signature.rs` says; `requests.rs` is what people ask.

pub mod announcement;
pub mod delivery;
pub mod dispatcher;
pub mod requests;
pub mod retry;
pub mod sender;
pub mod signature;

use std::sync::Arc;

use dispatcher::Dispatcher;
use sender::{NoSender, WebhookSender};

use crate::chat::webhook::{ROOM_WEBHOOKS_MAX, USER_WEBHOOKS_MAX, WEBHOOKS_MAX};
use crate::chat::{Code, Refusal, StoreFailed};
use crate::store::WebhookStore;

/// Where webhooks are kept.
pub type WebhookBackend = Arc<dyn WebhookStore<Error = StoreFailed>>;

pub use signature::draw_secret;

/// The webhooks of a server.
pub struct Webhooks {
    /// `None` where nothing is kept.
    store: Option<WebhookBackend>,
    sender: Arc<dyn WebhookSender>,
    dispatcher: Arc<Dispatcher>,
}

impl Default for Webhooks {
    fn default() -> Self {
        Self::new(None, Arc::new(NoSender), Arc::default())
    }
}

impl Webhooks {
    /// Those that are kept in `store`.
    #[must_use]
    pub fn new(store: Option<WebhookBackend>, sender: Arc<dyn WebhookSender>, dispatcher: Arc<Dispatcher>) -> Self {
        Self { store, sender, dispatcher }
    }

    fn store(&self) -> Result<&WebhookBackend, Refusal> {
        self.store.as_ref().ok_or_else(|| {
            let message = "This server keeps no history, and so nothing for a webhook: it needs --data";
            Refusal::new(Code::Unavailable, message)
        })
    }
}

/// What a full server says.
#[must_use]
pub fn full() -> String {
    format!(
        "A room may have {ROOM_WEBHOOKS_MAX} webhooks, a user {USER_WEBHOOKS_MAX}, and a server {WEBHOOKS_MAX}: remove one first"
    )
}
