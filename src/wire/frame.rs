//! WebSocket frames from a server, RFC 6455 §5.2: unmasked, unfragmented.
//!
//! Reading frames is tungstenite's work; writing them is ours, because one frame goes to many.

use roomd_protocol::data;

/// The kinds of frame that the server makes itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opcode {
    /// UTF-8 text.
    Text = 0x1,
    /// Bytes.
    Binary = 0x2,
    /// The end, RFC 6455 §5.5.1.
    Close = 0x8,
    /// A question for life, RFC 6455 §5.5.2.
    Ping = 0x9,
}

/// Appends one frame to `out`.
pub fn append(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    begin(opcode, payload.len(), out);
    out.extend_from_slice(payload);
}

/// Appends a binary frame of a message: its JSON, and its data.
pub fn append_data(head: &[u8], data: &[u8], out: &mut Vec<u8>) {
    begin(Opcode::Binary, data::frame_bytes(head, data), out);
    data::append_frame(head, data, out);
}

/// Appends what stands before the payload of a frame, and makes space for that.
fn begin(opcode: Opcode, payload: usize, out: &mut Vec<u8>) {
    out.reserve(payload + 10);
    out.push(0x80 | opcode as u8);
    match payload {
        len @ 0..=125 => out.push(len as u8),
        len @ 126..=0xffff => {
            out.push(126);
            out.extend_from_slice(&(len as u16).to_be_bytes());
        }
        len => {
            out.push(127);
            out.extend_from_slice(&(len as u64).to_be_bytes());
        }
    }
}

/// A close frame; `reason` has at most 123 bytes (RFC 6455 §5.5).
#[must_use]
pub fn close(code: u16, reason: &str) -> Vec<u8> {
    debug_assert!(reason.len() <= 123, "a control frame has at most 125 bytes");
    let mut payload = code.to_be_bytes().to_vec();
    payload.extend_from_slice(reason.as_bytes());
    let mut out = Vec::with_capacity(payload.len() + 2);
    append(Opcode::Close, &payload, &mut out);
    out
}

/// Whether the frame that these bytes begin with is a close frame.
#[must_use]
pub fn is_close(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| first & 0x0f == Opcode::Close as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_says_its_length_in_the_shortest_way() {
        for (len, head) in [
            (0, vec![0x81, 0]),
            (125, vec![0x81, 125]),
            (126, vec![0x81, 126, 0, 126]),
            (65_535, vec![0x81, 126, 0xff, 0xff]),
            (65_536, vec![0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            append(Opcode::Text, &vec![b'x'; len], &mut out);
            assert_eq!(out[..head.len()], head);
            assert_eq!(out.len(), head.len() + len);
        }
    }

    #[test]
    fn a_close_frame_carries_its_code_and_reason() {
        assert_eq!(close(4450, "slow"), b"\x88\x06\x11\x62slow");
        assert!(is_close(&close(1000, "")));
        assert!(!is_close(b"\x81\0"));
    }
}
