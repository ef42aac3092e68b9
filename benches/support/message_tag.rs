//! The tag in a message's text: the slot of its room's window, and its number in the room.
//!
//! The generator writes one into each payload and reads it out of each delivery.

use super::scenario::PAYLOAD_BYTES;

const MARK: &[u8; 2] = b"~#";

/// See the module.
#[derive(Clone, Copy)]
pub struct MessageTag {
    pub slot: u16,
    pub seq: u32,
}

impl MessageTag {
    /// Bytes of the tag, with which a payload begins.
    pub const BYTES: usize = 14;

    /// The text of a message: the mark, slot and seq in hexadecimal, and dots up to its size.
    pub fn write(self, payload: &mut [u8; PAYLOAD_BYTES]) {
        payload.fill(b'.');
        payload[..2].copy_from_slice(MARK);
        hexadecimal(u32::from(self.slot), &mut payload[2..6]);
        hexadecimal(self.seq, &mut payload[6..14]);
    }

    /// Whether both are the same.
    pub fn is(self, other: Self) -> bool {
        (self.slot, self.seq) == (other.slot, other.seq)
    }

    /// `None` for what is no message of a load.
    pub fn read(payload: &[u8]) -> Option<Self> {
        if payload.len() != PAYLOAD_BYTES || !payload.starts_with(MARK) {
            return None;
        }
        let slot = u16::try_from(number(&payload[2..6])).ok()?;
        Some(Self { slot, seq: number(&payload[6..14]) })
    }
}

fn hexadecimal(mut value: u32, digits: &mut [u8]) {
    for digit in digits.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 15) as usize];
        value >>= 4;
    }
}

/// Without a branch: it runs for every delivery. A letter's low four bits are 9 less than its value.
fn number(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, &digit| value << 4 | u32::from((digit & 15) + 9 * (digit >> 6)))
}
