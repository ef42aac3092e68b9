//! What ends a WebSocket, and with which code.

use serde_json::json;

use crate::harness::http::{frames, masked};
use crate::harness::{Http, TestServer, WebSocketClient};

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
