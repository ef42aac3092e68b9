//! Telling people that a webhook is off: whoever made it, and the owner of its room, in a private message that waits for
//! them.
//!
//! Called by the dispatcher on its thread; blocks on the conversation's room. Where several servers have one store each of
//! them does so: under one `mid`, so that it is told once.

use crate::chat::policy::Policy;
use crate::chat::webhook::{Webhook, WebhookOff};
use crate::chat::{Event, Identity, Mid, Publication, RoomRequest, Time, UserName};
use crate::engine::Engine;

/// Under which name they are told; if it is somebody's, only the log is.
const SPEAKER: &str = "webhooks";

/// Tells that a webhook is off since `at`, for this reason.
pub fn announce(engine: &Engine, webhook: &Webhook, at: Time, reason: WebhookOff) {
    let (number, waiting) = (webhook.number, webhook.waiting);
    log::warn!(webhook = number, to = webhook.made.url.origin(), reason = reason.as_str(), waiting; "webhook is off");
    let Ok(speaker) = UserName::parse(SPEAKER) else { return };
    if engine.registered(&speaker) {
        return;
    }
    let why = match reason {
        WebhookOff::Failing => "nothing could be delivered for three days",
        WebhookOff::Gone => "its receiver wants no more (410)",
        WebhookOff::Full => "as much waits as may",
    };
    let made = &webhook.made;
    let room = made.room.as_ref().map_or_else(|| "all rooms".to_owned(), |room| format!("the room {room}"));
    let text = format!(
        "The webhook {number} of {room} to {} is off since {at}: {why}. Deliveries that wait: {waiting}. It is not told \
         of anything until it is switched on again.",
        made.url.origin()
    );
    let policy = made.room.as_ref().and_then(|room| engine.policies.policy(room));
    let owner = policy.as_deref().and_then(Policy::owner);
    let owner = owner.filter(|owner| made.by.as_ref() != Some(*owner));
    for user in made.by.iter().chain(owner) {
        let mid = Mid::parse(&format!("webhook-{number}-off-{}", at.0)).ok();
        let publication = Publication { mid, ..Publication::text(&text) };
        let message = RoomRequest::Publish { publication, quiet: false };
        match engine.send_private(&Identity::guest(speaker.clone()), user, message, None) {
            Ok(Event::Refused(refusal)) | Err(refusal) => {
                log::warn!(webhook = number, user = user.as_str(), why = refusal.code.as_str(); "not told of a webhook");
            }
            Ok(_) => {}
        }
    }
}
