//! Programs with the server inside that decide what their rooms are: they open them first, and moderate them.
//!
//! What a member in process can do besides is in `embedded.rs`. Each test ends with the server's own checks.

use std::io::Write as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use roomd::channel::bounded;
use roomd::chat::policy::{ModerationRequest, RoomSettings};
use roomd::chat::{Code, Event, RoomName, UserName};
use roomd::engine::Engine;
use roomd::{ChannelRecipient, Member, MemberOptions, Server, Settings};
use serde_json::json;

use crate::embedded::join_with;
use crate::harness::{TestServer, WebSocketClient};

const UPGRADE: &str = "GET /ws?room=den&user=Tess HTTP/1.1\r\nHost: den\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// Only the operator speaks.
fn announcement() -> ModerationRequest {
    ModerationRequest::Settings(RoomSettings { announcement: Some(true), ..RoomSettings::default() })
}

#[test]
fn a_program_moderates_the_room_that_it_has_opened_and_no_other() {
    let server = TestServer::start();
    let (member, events) = join_with(&server, "Prog", MemberOptions { durable: false, ..MemberOptions::default() });
    let mut tess = WebSocketClient::json(&server, "den", "Tess");
    assert!(member.moderate(announcement()).unwrap());
    assert!(!member.moderate(announcement()).unwrap(), "it is so already");
    assert_eq!(tess.ask(json!({"type": "message", "room": "den", "message": "hi"}))["code"], "forbidden");
    member.say("only I speak").unwrap();
    assert_eq!(tess.wait_for_type("message")["message"], "only I speak");
    assert!(member.moderate(ModerationRequest::Kick { user: UserName::parse("Tess").unwrap() }).unwrap());
    let refusal = member.moderate(ModerationRequest::Kick { user: UserName::parse("Tess").unwrap() }).unwrap_err();
    assert_eq!(refusal.code, Code::NotFound);
    let moderated = |event: &Arc<Event>| matches!(&**event, Event::Moderated { .. });
    assert_eq!(events.try_iter().filter(moderated).count(), 2);
    // Of a room that somebody else has opened it is a member like any other.
    let _olga = WebSocketClient::json(&server, "hall", "Olga");
    let recipient = Arc::new(ChannelRecipient::new(bounded(100).0));
    let (hall, user) = (RoomName::parse("hall").unwrap(), UserName::parse("Prog").unwrap());
    let guest = Member::join(server.engine(), &hall, user, recipient, 0).unwrap();
    assert_eq!(guest.moderate(announcement()).unwrap_err().code, Code::Forbidden);
}

#[test]
fn the_rooms_of_a_program_are_open_before_anybody_comes_in() {
    let open = |engine: &Arc<Engine>| {
        let (sender, events) = bounded(100);
        let (user, recipient) = (UserName::parse("Prog").unwrap(), Arc::new(ChannelRecipient::new(sender)));
        let options = MemberOptions { durable: false, ..MemberOptions::default() };
        let den = RoomName::parse("den").unwrap();
        let member = Member::join_with(engine, &den, user, recipient, options).unwrap();
        member.moderate(announcement()).unwrap();
        (member, events)
    };
    let path = std::env::temp_dir().join(format!("roomd-programs-{}", std::process::id()));
    let settings = Settings { listen: format!("unix:{}", path.display()), ..Settings::ephemeral() };
    let mut early = None;
    // Connected while the rooms are being opened: it waits.
    let prepare = |engine: &Arc<Engine>| {
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(UPGRADE.as_bytes()).unwrap();
        early = Some(stream);
        open(engine)
    };
    let (server, (member, events)) = Server::start_prepared(settings, prepare, |_| ()).unwrap();
    let joined = events.iter().find_map(|event| match &*event {
        Event::Join { user, .. } => Some(user.clone()),
        _ => None,
    });
    assert_eq!(joined.unwrap().as_str(), "Tess");
    assert!(!member.moderate(announcement()).unwrap());
    drop((member, early));
    assert!(server.stop().running.is_empty());
}
