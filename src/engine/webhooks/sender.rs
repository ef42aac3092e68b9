//! What sends to webhooks, as the engine sees it.
//!
//! Implemented over sockets in `net/webhooks`; a test has one that answers by itself.

use std::time::Duration;

use crate::chat::webhook::WebhookUrl;

/// A delivery with its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedDelivery {
    /// The header `webhook-id`.
    pub id: String,
    /// The header `webhook-timestamp`: seconds since 1970.
    pub timestamp: u64,
    /// The header `webhook-signature`.
    pub signature: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What came of sending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookAnswer {
    /// The receiver answered with this status, and perhaps said when to try again.
    Status { status: u16, retry_after: Option<Duration> },
    /// There was no answer, for this reason.
    Failed(String),
}

/// See the module.
pub trait WebhookSender: Send + Sync {
    /// Whether anything may be sent there, as far as the text of the address tells.
    ///
    /// # Errors
    /// A sentence.
    fn check(&self, url: &WebhookUrl) -> Result<(), String>;

    /// Sends a delivery. Blocks for some seconds at most.
    fn send(&self, url: &WebhookUrl, delivery: &SignedDelivery) -> WebhookAnswer;

    /// Cuts what is being sent, and sends nothing more.
    fn close(&self);
}

/// Sends nothing: for an engine without sockets.
pub struct NoSender;

impl WebhookSender for NoSender {
    fn check(&self, _: &WebhookUrl) -> Result<(), String> {
        Ok(())
    }

    fn send(&self, _: &WebhookUrl, _: &SignedDelivery) -> WebhookAnswer {
        WebhookAnswer::Failed("this program sends nothing".to_owned())
    }

    fn close(&self) {}
}
