//! The events of docs/asyncapi.yaml and the printer: the same events, with the same fields.

use std::collections::BTreeSet;

use roomd::chat::{Event, Id};
use roomd::wire::json;
use serde_json::Value;

use crate::document::Document;
use crate::samples;

/// Whether the JSON dialect tells an event of this kind. Without a wildcard: a new kind does not compile until it is
/// here, and among the samples if it is told.
fn is_told(event: &Event) -> bool {
    match event {
        // For the text dialect, for IRC, and for HTTP.
        Event::Session { .. }
        | Event::ReadTo { .. }
        | Event::Watched { .. }
        | Event::Entered { .. }
        | Event::Audit { .. }
        | Event::Greeting { .. }
        | Event::EndAsked { .. }
        | Event::ReceiptsAsked { .. }
        | Event::Reached { .. }
        | Event::Named { .. }
        | Event::Help => false,
        Event::Welcome(_)
        | Event::Joined { .. }
        | Event::Resumed { .. }
        | Event::Left { .. }
        | Event::Subscribed { .. }
        | Event::Unsubscribed { .. }
        | Event::Sent { .. }
        | Event::History { .. }
        | Event::Found { .. }
        | Event::Members { .. }
        | Event::About { .. }
        | Event::Rooms { .. }
        | Event::Bookmarks { .. }
        | Event::DisplayNames { .. }
        | Event::DisplayName { .. }
        | Event::Devices { .. }
        | Event::DeviceCode { .. }
        | Event::Created { .. }
        | Event::TokenExpiring { .. }
        | Event::Draining { .. }
        | Event::Announced(_)
        | Event::Pong
        | Event::Time { .. }
        | Event::Done
        | Event::Refused(_)
        | Event::Message(_)
        | Event::Assigned { .. }
        | Event::Edit { .. }
        | Event::Join { .. }
        | Event::Leave { .. }
        | Event::Moderated { .. }
        | Event::InvitedTo { .. }
        | Event::Receipt { .. }
        | Event::Typing { .. }
        | Event::Presence(_)
        | Event::Bookmarked(_)
        | Event::Unbookmarked { .. }
        | Event::Lagged { .. }
        | Event::ReceiptCounts { .. }
        | Event::Signal { .. }
        | Event::Memberships(_)
        | Event::Invitation { .. }
        | Event::Invitations { .. }
        | Event::Goodbye { .. } => true,
    }
}

fn printed(event: &Event, id: Option<&Id>) -> Value {
    let mut text = Vec::new();
    assert!(json::print(event, id, "room", &mut text), "{event:?}");
    serde_json::from_slice(&text).unwrap()
}

#[test]
fn the_events_of_the_document_are_those_of_the_printer() {
    let document = Document::read("asyncapi.yaml");
    let (mut told, mut faults) = (BTreeSet::new(), BTreeSet::new());
    for event in samples::events() {
        assert!(is_told(&event), "{event:?}");
        let object = printed(&event, None);
        let kind = object["type"].as_str().unwrap().to_owned();
        match document.messages("event.").find(|(name, _)| *name == kind) {
            None => _ = faults.insert(format!("docs/asyncapi.yaml has no event.{kind}")),
            Some((_, payload)) => {
                faults.extend(document.fault(payload, &object).map(|fault| format!("{kind}: {fault}")))
            }
        }
        told.insert(kind);
    }
    for (name, payload) in document.messages("event.") {
        if !told.contains(name) {
            faults.insert(format!("there is no event {name}"));
        }
        // A reply has the `id` of its command.
        if let Some(id) = payload["properties"].get("id") {
            assert_eq!(document.fault(id, &serde_json::json!(7)), None);
        }
    }
    assert_eq!(faults, BTreeSet::new());
    for (name, payload) in document.messages("event.") {
        document.unseen(name, payload, &mut faults);
    }
    faults.retain(|place| !place.ends_with(".id"));
    assert_eq!(faults, BTreeSet::new(), "no event has these fields, or the samples lack them");
}

#[test]
fn an_event_that_replies_may_have_an_id_and_no_other_event_has() {
    let document = Document::read("asyncapi.yaml");
    let replies: BTreeSet<_> = document
        .at("/operations")
        .as_object()
        .unwrap()
        .values()
        .flat_map(|operation| {
            let messages = operation["reply"]["messages"].as_array().into_iter().flatten();
            messages.filter_map(|message| message["$ref"].as_str()?.split("event.").nth(1))
        })
        .collect();
    for (name, payload) in document.messages("event.") {
        assert_eq!(payload["properties"].get("id").is_some(), replies.contains(name), "{name}");
    }
}
