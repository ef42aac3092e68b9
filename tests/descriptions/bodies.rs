//! The bodies of docs/openapi.yaml and the printer: what HTTP answers has the fields that are described.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use roomd::chat::admin::Erased;
use roomd::chat::policy::{AuditEntry, ModerationAction, Policy, Privilege, Role, RoomSettings};
use roomd::chat::{Event, Rate, SearchPosition, Secret, Span};
use roomd::wire::json;

use crate::document::Document;
use crate::samples::{self, AT, identity, room, user};

fn event(event: &Event) -> Vec<u8> {
    let mut body = Vec::new();
    assert!(json::print(event, None, "room", &mut body));
    body
}

/// Bodies of each schema of a response.
fn bodies() -> Vec<(&'static str, Vec<u8>)> {
    let people =
        [("Alice", Role::Owner), ("Bob", Role::Member), ("Cy", Role::Voice)].map(|(name, role)| (user(name), role));
    let sanctions = || [(user("Mallory"), Some(AT))];
    let settings = RoomSettings {
        slow_mode_s: Some(30),
        announcement: Some(true),
        members_max: Some(20),
        open_subject: Some(true),
    };
    let policy = Policy::stored(true, settings, people, sanctions(), sanctions()).with_subject(samples::subject());
    let entry = |change| AuditEntry {
        number: 2,
        at: AT,
        by: user("Alice"),
        action: ModerationAction { change, note: samples::note() },
    };
    let entries: Vec<_> = samples::changes().into_iter().map(entry).collect();
    let messages: Vec<_> = samples::messages();
    let shared = messages.iter().cloned().map(Arc::new).collect();
    let history = Event::History { room: room(), epoch: "e5b1f".into(), messages: shared, complete: false };
    let next = Some(SearchPosition { at: AT, key: 42 });
    let presences = samples::presences();
    let mut all = vec![
        ("Time", json::time_body(AT)),
        ("Me", json::me_body(&identity(), Rate { burst: 60, per_s: 60 })),
        ("Claimed", json::claimed_body(&identity(), "eyJ")),
        ("Ticket", json::ticket_body("t-1", Duration::from_secs(30))),
        ("Devices", json::devices_body(&samples::devices())),
        ("DeviceCode", json::code_body(&Secret::from("KXQ7-2M4P"), AT)),
        ("DescribedCode", json::described_code_body(&user("Alice"), AT)),
        ("DescribedCode", json::described_invitation_body(&room(), &samples::invitation())),
        ("Memberships", json::memberships_body(&samples::memberships())),
        ("Invitation", json::invitation_body(&room(), &samples::invitation())),
        ("Invitations", json::invitations_body(&room(), &[samples::invitation()])),
        ("Hook", json::hook_body(&samples::hooks()[0], "/hooks/4dad")),
        ("Hooks", json::hooks_body(&room(), &samples::hooks())),
        ("Webhook", json::webhook_body(&samples::webhooks()[0])),
        ("Webhooks", json::webhooks_body(Some(&room()), &samples::webhooks())),
        ("Deliveries", json::deliveries_body(1, &samples::deliveries())),
        ("WebhookPayload", json::webhook_payload(&samples::due("hi"))),
        ("WebhookPayload", json::webhook_payload(&samples::due(&"x".repeat(2 << 20)))),
        ("Connections", json::connections_body(&samples::connections(), Some(2))),
        ("Accounts", json::accounts_body(&samples::accounts(), Some(&user("Alice")))),
        ("PersonalData", json::personal_data_body(&samples::personal_data())),
        ("Erased", json::erased_body(Erased { messages: 2_000, marks: 7, complete: false })),
        ("RoomOverviews", json::room_overviews_body(&samples::overviews(), Some(&room()))),
        ("Retention", json::retention_body(&room(), Some(86_400), Some(10))),
        ("Ban", json::ban_body(&samples::bans()[0])),
        ("Ban", json::ban_body(&samples::bans()[1])),
        ("Bans", json::bans_body(&samples::bans(), Some(2))),
        ("ServerAudit", json::server_audit_body(&samples::server_audit(), Some(1))),
        ("Admitted", json::admitted_body(&room(), &user("Bob"), Some("eyJ"))),
        ("QrCode", br#"{"size":33,"path":"M4 4h7v1h-7z"}"#.to_vec()),
        ("Room", json::room_body(&room(), 2, &policy, Privilege::Owner)),
        ("Members", json::members_body(&room(), (&presences, 3, &samples::appointed()), &policy, Privilege::Owner)),
        ("Audit", json::audit_body(&room(), &entries)),
        ("History", json::history_body(&history, Span::NEWEST)),
        ("Found", json::found_body(&messages, next, false)),
        ("Receipts", json::receipts_body(&room(), 42, &samples::marks())),
    ];
    all.extend(samples::refusals().iter().map(|refusal| ("Error", json::error_body(refusal))));
    all.extend(samples::events().iter().filter_map(|told| match told {
        Event::Rooms { .. } => Some(("Rooms", event(told))),
        Event::Created { .. } => Some(("Created", event(told))),
        Event::Sent { .. } => Some(("Sent", event(told))),
        _ => None,
    }));
    all.extend(server_bodies());
    all
}

/// What is told of the server as a whole.
fn server_bodies() -> [(&'static str, Vec<u8>); 4] {
    [
        ("ServerKey", json::key_body(&samples::keys()[0])),
        ("ServerKeys", json::keys_body(&samples::keys())),
        ("Server", json::server_body("Chat", Some("Hello"), (true, true), &[])),
        ("Server", json::server_body("Chat", None, (false, false), &samples::logins())),
    ]
}

#[test]
fn the_bodies_of_the_document_are_those_of_the_printer() {
    let document = Document::read("openapi.yaml");
    let (mut printed, mut faults) = (BTreeSet::new(), BTreeSet::new());
    for (name, body) in bodies() {
        let value = serde_json::from_slice(&body).unwrap();
        let schema = document.at(&format!("/components/schemas/{name}"));
        faults.extend(document.fault(schema, &value).map(|fault| format!("{name}: {fault}")));
        printed.insert(name);
    }
    assert_eq!(faults, BTreeSet::new());
    for name in &printed {
        document.unseen(name, document.at(&format!("/components/schemas/{name}")), &mut faults);
    }
    assert_eq!(faults, BTreeSet::new(), "no body has these fields, or the samples lack them");
    // Each response with a body of JSON is one of them.
    let text: String =
        ["/paths", "/webhooks", "/components/responses"].iter().map(|part| document.at(part).to_string()).collect();
    let described = text.split("application/json\":{\"schema\":{\"$ref\":\"#/components/schemas/").skip(1);
    let described: BTreeSet<_> = described.filter_map(|rest| rest.split('"').next()).collect();
    let requests = [
        "AskedCode",
        "NewOwnedRoom",
        "NewOwner",
        "RetentionChange",
        "NewAnnouncement",
        "NewBan",
        "NewClaim",
        "NewDevice",
        "NewHook",
        "HookMessage",
        "NewInvitation",
        "NewMember",
        "QrText",
        "NewRoom",
        "NewWebhook",
        "NewMessage",
        "ChangedMessage",
        "Membership",
        "Description",
    ];
    let responses: BTreeSet<_> = described.into_iter().filter(|name| !requests.contains(name)).collect();
    assert_eq!(
        responses,
        printed.iter().copied().collect(),
        "the schemas of responses, and those that are compared here"
    );
}
