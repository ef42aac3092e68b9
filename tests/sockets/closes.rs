//! What ends a WebSocket, and with which code.

use serde_json::{Value, json};

use crate::harness::http::{frames, masked};
use crate::harness::{Http, LineClient, TestServer, WebSocketClient};

const TEXT: u8 = 0x81;
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;

/// The frames that answer these bytes, which end a member's connection; a witness sees it leave, and
/// no other client is affected.
fn answer_to(bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let server = TestServer::with(|settings| settings.limits.message_bytes = 1024);
    let mut witness = WebSocketClient::text(&server, "den", "Wim");
    let (answer, mut http) = Http::connect(&server).upgrade("/ws?room=den&user=Bad", "");
    assert_eq!(answer.status, 101);
    witness.receives("Bad joined the room");
    assert_eq!(http.frame(), (1, b"Bad joined the room".to_vec()));
    http.send(bytes);
    let rest = frames(&http.rest());
    witness.receives("Bad left the room");
    witness.say("all is well");
    witness.receives("Wim: all is well");
    rest
}

#[track_caller]
fn closes_with(code: u16, bytes: &[u8]) {
    let answer = answer_to(bytes);
    let [(8, payload)] = &answer[..] else { panic!("not one close frame: {answer:?}") };
    assert_eq!(u16::from_be_bytes(payload[..2].try_into().unwrap()), code, "{bytes:x?}");
}

#[test]
fn a_frame_without_a_mask_closes_with_1002() {
    closes_with(1002, b"\x81\x02hi");
}

#[test]
fn a_frame_with_reserved_bits_closes_with_1002() {
    closes_with(1002, &masked(0xc1, b"hi"));
}

#[test]
fn a_frame_with_an_unknown_opcode_closes_with_1002() {
    closes_with(1002, &masked(0x83, b"hi"));
    closes_with(1002, &masked(0x8b, b"hi"));
}

#[test]
fn a_control_frame_that_is_too_long_or_in_parts_closes_with_1002() {
    closes_with(1002, &masked(0x89, &[b'x'; 126]));
    closes_with(1002, &masked(0x09, b"hi"));
}

#[test]
fn parts_out_of_order_close_with_1002() {
    closes_with(1002, &masked(0x80, b"hi"));
    closes_with(1002, &[masked(0x01, b"one"), masked(TEXT, b"two")].concat());
}

#[test]
fn a_malformed_close_frame_closes_with_1002() {
    closes_with(1002, &masked(CLOSE, b"\x03"));
}

#[test]
fn a_close_frame_with_a_reason_that_is_not_utf_8_is_not_repeated() {
    let answer = answer_to(&masked(CLOSE, b"\x03\xe8\xff"));
    let [(8, payload)] = &answer[..] else { panic!("not one close frame: {answer:?}") };
    assert!(matches!(u16::from_be_bytes(payload[..2].try_into().unwrap()), 1002 | 1007), "{payload:?}");
}

#[test]
fn a_close_with_a_code_that_nobody_may_send_is_answered_with_1002() {
    let answer = answer_to(&masked(CLOSE, &1005_u16.to_be_bytes()));
    assert_eq!((answer[0].0, &answer[0].1[..2]), (8, &1002_u16.to_be_bytes()[..]));
}

#[test]
fn a_binary_message_closes_with_1003() {
    closes_with(1003, &masked(BINARY, b"hi"));
}

#[test]
fn a_text_that_is_not_utf_8_closes_with_1007() {
    closes_with(1007, &masked(TEXT, b"\xff\xfe"));
    closes_with(1007, &[masked(0x01, b"\xce"), masked(0x80, b"\xff")].concat());
}

#[test]
fn a_text_that_is_not_utf_8_closes_before_the_rest_of_its_frame_arrives() {
    let whole = masked(TEXT, &[b"ok \xf4\x90\x80\x80".to_vec(), vec![b'x'; 500]].concat());
    closes_with(1007, &whole[..40]);
    let parts = [masked(0x01, b"ok \xf4"), masked(0x00, &[b"\x90".to_vec(), vec![b'x'; 500]].concat())].concat();
    closes_with(1007, &parts[..30]);
    // A message before it is handled.
    let server = TestServer::start();
    let (_, mut http) = Http::connect(&server).upgrade("/ws?room=den&user=Cy", "");
    assert_eq!(http.frame(), (1, b"Cy joined the room".to_vec()));
    http.send([masked(TEXT, b"hi"), whole[..40].to_vec()].concat());
    assert_eq!(http.frame(), (1, b"Cy: hi".to_vec()));
    assert_eq!(http.frame().1[..2], 1007_u16.to_be_bytes());
}

#[test]
fn a_frame_that_is_too_large_closes_with_1009_before_it_has_arrived() {
    closes_with(1009, &[&[TEXT, 0xff][..], &(1_u64 << 40).to_be_bytes(), &[0; 4]].concat());
}

#[test]
fn a_message_whose_parts_are_too_large_together_closes_with_1009() {
    // A frame may be twice a message and 4 KiB.
    let part = vec![b'x'; 4 * 1024];
    closes_with(1009, &[masked(0x01, &part), masked(0x80, &part)].concat());
}

#[test]
fn a_close_of_the_client_is_answered_with_its_code() {
    for code in [1000_u16, 1001, 4000] {
        let answer = answer_to(&masked(CLOSE, &[&code.to_be_bytes()[..], b"bye"].concat()));
        assert_eq!((answer[0].0, &answer[0].1[..2]), (8, &code.to_be_bytes()[..]));
    }
}

#[test]
fn a_close_without_a_code_is_answered() {
    assert_eq!(answer_to(&masked(CLOSE, b""))[0].0, 8);
}

#[test]
fn after_the_answer_to_a_close_nothing_is_sent() {
    for payload in [&b"\x03\xe8bye"[..], b"", b"\x03\xed"] {
        let answer = answer_to(&masked(CLOSE, payload));
        assert_eq!(answer.len(), 1, "{answer:?}");
    }
}

#[test]
fn a_message_in_parts_with_a_ping_between_them_is_one_message() {
    let server = TestServer::start();
    let (_, mut http) = Http::connect(&server).upgrade("/ws?room=den&user=Pia", "");
    http.frame();
    http.send([masked(0x01, b"one "), masked(0x89, b"there?"), masked(0x80, b"two")].concat());
    assert_eq!(http.frame(), (0x0a, b"there?".to_vec()));
    assert_eq!(http.frame(), (0x01, b"Pia: one two".to_vec()));
}

#[test]
fn quitting_closes_with_1000() {
    let server = TestServer::start();
    let mut text = WebSocketClient::text(&server, "den", "Tess");
    text.say("/quit");
    let ending = text.ending();
    assert_eq!((ending.code, ending.received), (Some(1000), Vec::new()));
}

#[test]
fn a_client_that_vanishes_is_out_of_its_rooms() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::json(&server, "den", "Wim");
    drop(WebSocketClient::text(&server, "den", "Gus"));
    assert_eq!(witness.event_of("join")["user"], "Gus");
    assert_eq!(witness.event_of("leave")["user"], "Gus");
    let presence = witness.event_of("presence");
    assert_eq!((&presence["user"], &presence["status"]), (&json!("Gus"), &json!("offline")));
}

#[test]
fn half_a_handshake_and_half_a_frame_affect_no_other_client() {
    let server = TestServer::start();
    let mut witness = WebSocketClient::text(&server, "den", "Wim");
    let mut half = Http::connect(&server);
    half.send("GET /ws?room=den&user=Half HTTP/1.1\r\nHost: roomd.test\r\n");
    drop(half);
    let (_, mut half) = Http::connect(&server).upgrade("/ws?room=den&user=Half", "");
    half.send(b"\x81\xfe\x01");
    witness.receives("Half joined the room");
    drop(half);
    witness.receives("Half left the room");
    witness.say("all is well");
    witness.receives("Wim: all is well");
}

#[test]
fn what_was_asked_before_the_end_of_the_input_is_answered() {
    let server = TestServer::start();
    for round in 0..50 {
        for (room, request, answer) in [
            ("lobby", "/who\n", "* In lobby: "),
            ("lobby", "/who\n/quit\n", "* In lobby: "),
            ("den", "/join den\n/who\n", "* In den: "),
            ("lobby", "/history", " joined the room"),
        ] {
            let mut line = LineClient::connect(&server);
            line.send(request.as_bytes());
            line.finish();
            let all = line.ending();
            let entered = all.iter().any(|line| line.ends_with(" joined the room"));
            let is_answered = all.iter().any(|line| line.contains(answer));
            assert!(entered && is_answered, "{request:?} in {room} in round {round}: {all:?}");
        }
    }
}

#[test]
fn what_was_asked_before_a_close_frame_is_answered_before_its_reply() {
    let server = TestServer::start();
    for round in 0..100 {
        let (_, mut http) = Http::connect(&server).upgrade("/ws?user=Cy&format=json", "");
        let asked = [json!({"type": "join", "room": "den"}), json!({"type": "members", "room": "den"})];
        let asked = asked.map(|command| masked(TEXT, command.to_string().as_bytes()));
        http.send([asked.concat(), masked(CLOSE, b"\x03\xe8")].concat());
        let received = frames(&http.rest());
        let types: Vec<_> = received[..received.len() - 1].iter().map(|(_, text)| type_of(text)).collect();
        assert_eq!(types, ["welcome", "joined", "members"], "in round {round}");
        assert_eq!(received.last().map(|(opcode, payload)| (*opcode, &payload[..])), Some((8, &b"\x03\xe8"[..])));
    }
}

#[test]
fn what_was_asked_before_a_binary_frame_is_answered_before_the_close() {
    let server = TestServer::start();
    let (_, mut http) = Http::connect(&server).upgrade("/ws?room=den&user=Cy", "");
    http.send([masked(TEXT, b"/who"), masked(BINARY, b"?")].concat());
    let received = frames(&http.rest());
    let texts: Vec<_> = received.iter().map(|(opcode, text)| (*opcode, String::from_utf8_lossy(text))).collect();
    assert_eq!(texts[..2], [(1, "Cy joined the room".into()), (1, "* In den: Cy".into())], "{texts:?}");
    assert_eq!((texts[2].0, &received[2].1[..2]), (8, &1003_u16.to_be_bytes()[..]));
}

fn type_of(event: &[u8]) -> String {
    let event: Value = serde_json::from_slice(event).unwrap();
    event["type"].as_str().unwrap().to_owned()
}
