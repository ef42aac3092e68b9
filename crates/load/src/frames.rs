//! WebSocket frames (RFC 6455 §5.2) as a load reads and writes them: nearly all whole, text, and not copied.
//!
//! Used on the generator's thread, and by the benches. Frames are split in the buffer that they were received into; an
//! incomplete one is left for the next call. tungstenite keeps and zero-fills a buffer for each connection, which is
//! too expensive for thousands of clients on one thread.

/// A further frame of a fragmented message.
pub const CONTINUATION: u8 = 0;
/// UTF-8 text.
pub const TEXT: u8 = 1;
/// Bytes of any kind.
pub const BINARY: u8 = 2;
/// Closes the connection, §5.5.1.
pub const CLOSE: u8 = 8;
/// Asks whether the other side is alive, §5.5.2.
pub const PING: u8 = 9;
/// Answers a ping, §5.5.3.
pub const PONG: u8 = 10;

/// A frame, in the buffer that it was received into.
pub struct Frame<'a> {
    /// One of the constants above.
    pub opcode: u8,
    /// Whether it is its whole message.
    pub whole: bool,
    /// Whether it is the last of its message.
    pub last: bool,
    /// As it was received: masked if there is a key.
    pub payload: &'a [u8],
    /// The masking key, in frames that clients send.
    pub key: Option<[u8; 4]>,
    /// Bytes of the whole frame, header included.
    pub size: usize,
}

/// The frame at the front of `bytes`; `None` until all of it is there.
#[must_use]
pub fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&[fin_and_opcode, mask_and_length], _) = bytes.split_first_chunk()?;
    let (mut head, length) = match mask_and_length & 0x7F {
        126 => (4, usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]))),
        127 => (10, usize::try_from(u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?)).unwrap_or(usize::MAX)),
        short => (2, usize::from(short)),
    };
    let key = if mask_and_length & 0x80 == 0 {
        None
    } else {
        head += 4;
        Some(*bytes.get(head - 4..)?.first_chunk()?)
    };
    let size = head.checked_add(length)?;
    let payload = bytes.get(head..size)?;
    let (last, opcode) = (fin_and_opcode & 0x80 != 0, fin_and_opcode & 0x0F);
    Some(Frame { opcode, whole: last && opcode != CONTINUATION, last, payload, key, size })
}

/// Appends the header: what precedes the payload (and the key, if masked).
pub fn append_head(out: &mut Vec<u8>, opcode: u8, length: usize, masked: bool) {
    let mask = u8::from(masked) << 7;
    out.push(0x80 | opcode);
    match length {
        0..=125 => out.push(mask | length as u8),
        126..=0xFFFF => {
            out.push(mask | 126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            out.push(mask | 127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

/// Appends a whole frame as a client must send it.
pub fn append_masked(out: &mut Vec<u8>, opcode: u8, payload: &[u8], key: [u8; 4]) {
    append_head(out, opcode, payload.len(), true);
    out.extend_from_slice(&key);
    append_unmasked(out, payload, key);
}

/// Appends `payload` with the key taken off (or put on: it is the same operation).
pub fn append_unmasked(out: &mut Vec<u8>, payload: &[u8], key: [u8; 4]) {
    out.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_of_any_length_comes_back_whole_and_never_early() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![b'x'; length];
            let mut bytes = Vec::new();
            append_masked(&mut bytes, TEXT, &payload, [1, 2, 3, 4]);
            for cut in [0, 1, 2, 5, 9, bytes.len() - 1] {
                assert!(first(&bytes[..cut.min(bytes.len() - 1)]).is_none());
            }
            let frame = first(&bytes).unwrap();
            assert_eq!((frame.opcode, frame.whole, frame.size), (TEXT, true, bytes.len()));
            let mut plain = Vec::new();
            append_unmasked(&mut plain, frame.payload, frame.key.unwrap());
            assert_eq!(plain, payload);
        }
    }
}
