//! What cuts and what frames: lines out of a stream, WebSocket frames into one.

use proptest::prelude::*;
use roomd::net::lines::Lines;
use roomd::wire::frame::{self, Opcode};
use tungstenite::protocol::Role;
use tungstenite::{Message, WebSocket};

/// The lines of a whole stream, cut at its line ends.
fn split(stream: &[u8], bytes_max: usize) -> Vec<String> {
    let mut lines: Vec<_> = stream.split(|byte| *byte == b'\n').collect();
    if lines.last().is_some_and(|rest| rest.is_empty()) {
        lines.pop();
    }
    let heard = |line: &[u8]| {
        let content = line.strip_suffix(b"\r").unwrap_or(line);
        match String::from_utf8(line.to_vec()) {
            _ if content.len() > bytes_max => format!("Error: A line may have {bytes_max} bytes"),
            Ok(line) => line,
            Err(_) => "Error: A line must be UTF-8".to_owned(),
        }
    };
    lines.into_iter().map(heard).collect()
}

/// The lines of a stream that comes in pieces.
fn cut(pieces: &[&[u8]], bytes_max: usize) -> Vec<String> {
    let mut lines = Lines::new(bytes_max);
    let mut heard = Vec::new();
    for piece in pieces {
        let mut bytes = *piece;
        while let Some(line) = lines.next(&mut bytes) {
            heard.push(line);
        }
        assert!(bytes.is_empty(), "every byte is taken");
    }
    heard.extend(lines.rest());
    heard.into_iter().map(|line| line.unwrap_or_else(|refusal| format!("Error: {refusal}"))).collect()
}

/// A stream that is rich in line ends, and in characters that a cut could break.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop_oneof![
        4 => Just(b"x".to_vec()),
        2 => Just(b"\n".to_vec()),
        1 => Just(b"\r".to_vec()),
        1 => Just(b"\r\n".to_vec()),
        1 => Just("\u{fc}".as_bytes().to_vec()),
        1 => Just(vec![0xff]),
    ];
    prop::collection::vec(bytes, 0..60).prop_map(|parts| parts.concat())
}

/// One frame as RFC 6455 §5.2 lays it out, read bit by bit: its first byte, its payload, the rest.
fn read(bytes: &[u8]) -> (u8, &[u8], &[u8]) {
    assert_eq!(bytes[1] & 0x80, 0, "a server does not mask");
    let (long, length) = match bytes[1] {
        126 => (2, bytes[2..4].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))),
        127 => (8, bytes[2..10].iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte))),
        short => (0, usize::from(short)),
    };
    let least = [0, 0, 126, 0, 0, 0, 0, 0, 0x1_0000][long];
    assert!(length >= least, "a length is written in the shortest way");
    let (payload, rest) = bytes[2 + long..].split_at(length);
    (bytes[0], payload, rest)
}

proptest! {
    #[test]
    fn lines_are_the_same_however_the_stream_is_cut(
        stream in stream(),
        bytes_max in 0..8_usize,
        cuts in prop::collection::vec(0..60_usize, 0..20),
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let pieces: Vec<_> = cuts.windows(2).map(|pair| &stream[pair[0]..pair[1]]).collect();
        prop_assert_eq!(cut(&pieces, bytes_max), split(&stream, bytes_max));
    }

    #[test]
    fn frames_stand_one_behind_the_other_and_say_where_they_end(
        payloads in prop::collection::vec(
            (prop_oneof![0..300_usize, 65_500..65_600_usize], prop_oneof![Just(Opcode::Text), Just(Opcode::Binary)]),
            0..5,
        ),
    ) {
        let mut stream = Vec::new();
        for (length, opcode) in &payloads {
            frame::append(*opcode, &vec![b'x'; *length], &mut stream);
        }
        let mut rest = &stream[..];
        for (length, opcode) in &payloads {
            let (first, payload, behind) = read(rest);
            prop_assert_eq!(first, 0x80 | *opcode as u8, "a whole message, and no extension");
            prop_assert_eq!(payload, &vec![b'x'; *length][..]);
            rest = behind;
        }
        prop_assert!(rest.is_empty());
        let mut socket = WebSocket::from_raw_socket(std::io::Cursor::new(stream), Role::Client, None);
        for (length, opcode) in payloads {
            let expected = match opcode {
                Opcode::Text => Message::text("x".repeat(length)),
                _ => Message::binary(vec![b'x'; length]),
            };
            prop_assert_eq!(socket.read().unwrap(), expected, "another implementation reads the same");
        }
    }

    #[test]
    fn a_close_frame_is_known_by_its_first_byte(code in 1000..5000_u16, reason in "[a-z ]{0,123}") {
        let close = frame::close(code, &reason);
        let (first, payload, rest) = read(&close);
        prop_assert_eq!((first, rest.len(), frame::is_close(&close)), (0x88, 0, true));
        prop_assert_eq!(&payload[..2], &code.to_be_bytes());
        prop_assert_eq!(&payload[2..], reason.as_bytes());
    }
}
