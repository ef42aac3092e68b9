//! WebSocket frames (RFC 6455 §5.2), as far as a bench meets them: whole, short of 64 KiB, mostly text.
//!
//! The bare loop and the load generator both use it, each on its only thread. Nothing is copied while splitting;
//! what is not a whole frame yet is left for the next call.

pub const TEXT: u8 = 1;
pub const CLOSE: u8 = 8;
pub const PING: u8 = 9;
pub const PONG: u8 = 10;

/// A frame still lying in the buffer it was received into.
pub struct Frame<'a> {
    pub opcode: u8,
    /// As it was sent: masked if there is a key.
    pub payload: &'a [u8],
    /// Present in what clients send.
    pub key: Option<[u8; 4]>,
    /// Bytes of the whole frame, head included.
    pub size: usize,
}

/// The frame at the front of `bytes`, or `None` until all of it is there.
pub fn first(bytes: &[u8]) -> Option<Frame<'_>> {
    let (&[fin_and_opcode, mask_and_length], _) = bytes.split_first_chunk()?;
    let (mut head, length) = match mask_and_length & 0x7F {
        126 => (4, u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?]) as usize),
        127 => (10, u64::from_be_bytes(*bytes.get(2..)?.first_chunk()?) as usize),
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
    Some(Frame { opcode: fin_and_opcode & 0x0F, payload, key, size })
}

/// Appends the two or four bytes before the payload (and before the key, if masked).
pub fn append_head(out: &mut Vec<u8>, opcode: u8, length: usize, masked: bool) {
    let mask = u8::from(masked) << 7;
    out.push(0x80 | opcode);
    match u8::try_from(length) {
        Ok(short) if short < 126 => out.push(mask | short),
        _ => {
            let length = u16::try_from(length).expect("a bench sends no frame of 64 KiB or more");
            out.push(mask | 126);
            out.extend_from_slice(&length.to_be_bytes());
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
