//! Whom a server lets in is decided where others can reach it, and said where it was decided.

use crate::harness::Place;

#[test]
fn a_server_that_others_can_reach_starts_only_when_it_is_said_who_may_come_in() {
    let place = Place::new();
    for doors in [["--listen=0.0.0.0:0", "--lines=off"], ["--listen=127.0.0.1:0", "--lines=0.0.0.0:0"]] {
        let output = place.run(&[&["serve"][..], &doors].concat());
        let sentence = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{sentence}");
        assert!(sentence.contains("others than this machine can reach 0.0.0.0:"), "{sentence}");
        assert!(sentence.contains("--guests on") && sentence.contains("--guests off"), "{sentence}");
    }
}

#[test]
fn the_first_line_says_who_may_come_in() {
    for (guests, end) in [("on", ", open to guests"), ("off", ", tokens only")] {
        let place = Place::new();
        let server = place.serve(&["--listen=0.0.0.0:0", "--guests", guests]);
        assert!(server.line.ends_with(end), "{}", server.line);
        server.stop();
    }
    let place = Place::new();
    let server = place.serve(&[]);
    let (http, lines) = (server.address(), server.line.split("lines on ").nth(1).unwrap());
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(server.line, format!("roomd {version} listening on http://{http}, lines on {lines}"));
    server.stop();
}

#[test]
fn settings_of_tokens_that_cannot_be_kept_are_refused_with_a_sentence() {
    let place = Place::new();
    std::fs::write(place.0.join("short"), "short").unwrap();
    for (arguments, sentence) in [
        (&["--jwt-key=none.pem"][..], "roomd: cannot read none.pem: No such file or directory (os error 2)\n"),
        (&["--jwt-key=short"], "roomd: short holds neither a public key in PEM nor a set of them in JSON\n"),
        (&["--jwt-secret-file=short"], "roomd: short holds 5 bytes, and HS256 needs at least 32\n"),
        (&["--guests=maybe"], "roomd: --guests must be on, off or auto, not \"maybe\"\n"),
    ] {
        let output = place.run(&[&["serve", "--listen=127.0.0.1:0", "--lines=off"], arguments].concat());
        assert_eq!((output.status.code(), &*String::from_utf8(output.stderr).unwrap()), (Some(2), sentence));
    }
}
