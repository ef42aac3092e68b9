//! Finds text that is not UTF-8 in the frames of a WebSocket as they arrive, before a frame is whole.
//!
//! tungstenite looks at a frame when it has all of it; RFC 6455 §8.1 has the connection fail for bytes that are not
//! UTF-8, and a peer that sends a large frame slowly is to hear of the first wrong byte. Pure; fed by the reader with
//! what it reads from the socket, before tungstenite gets it. Everything else that is wrong with frames is tungstenite's
//! to find, and goes before what is wrong with their texts: from a head on that makes no sense this sees nothing. A frame
//! that arrives whole and alone is left to it, too, so a usual message costs a look at its head.

/// See the module.
#[derive(Debug)]
pub struct Utf8Watch {
    /// Bytes of a message, at most.
    bytes_max: u64,
    /// Whether what came ends the connection, so nothing that follows counts.
    is_over: bool,
    /// The head of a frame, as far as it has arrived: 14 bytes at most (RFC 6455 §5.2).
    head: Vec<u8>,
    /// What is left of the payload of the current frame; `None` between frames.
    frame: Option<Payload>,
    /// The message whose last frame has not begun.
    message: Option<Parts>,
    /// The beginning of a character whose end has not arrived.
    rest: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Parts {
    is_text: bool,
    /// Those of all its frames so far.
    bytes: u64,
}

#[derive(Clone, Copy, Debug)]
struct Payload {
    left: u64,
    mask: [u8; 4],
    /// The next byte of the mask.
    at: usize,
    is_text: bool,
    /// Whether the message ends with this frame.
    is_last: bool,
}

/// A text holds bytes that are not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8;

impl Utf8Watch {
    /// The watch of a connection whose messages may have `bytes_max` bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        let bytes_max = bytes_max as u64;
        Self { bytes_max, is_over: false, head: Vec::new(), frame: None, message: None, rest: Vec::new() }
    }

    /// Looks at the next bytes from the client.
    ///
    /// # Errors
    /// A text in them is not UTF-8, whatever follows.
    pub fn see(&mut self, mut bytes: &[u8]) -> Result<(), NotUtf8> {
        while !bytes.is_empty() && !self.is_over {
            match &mut self.frame {
                None => {
                    self.head.push(bytes[0]);
                    bytes = &bytes[1..];
                    self.begin(bytes.len());
                }
                Some(payload) => {
                    let count = usize::try_from(payload.left).unwrap_or(usize::MAX).min(bytes.len());
                    let (part, after) = bytes.split_at(count);
                    bytes = after;
                    let (now, last) = (*payload, payload.is_last && payload.left == count as u64);
                    payload.left -= count as u64;
                    payload.at = (payload.at + count) % 4;
                    if payload.left == 0 {
                        self.frame = None;
                    }
                    if now.is_text {
                        self.check(part, now, last)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Begins a frame, if its head is whole; `available` bytes of what follows are there.
    fn begin(&mut self, available: usize) {
        let [first, second, ..] = *self.head else { return };
        let (length, extended) = match second & 0x7f {
            126 => (None, 2),
            127 => (None, 8),
            length => (Some(u64::from(length)), 0),
        };
        let masked = second & 0x80 != 0;
        if self.head.len() < 2 + extended + if masked { 4 } else { 0 } {
            return;
        }
        let number = self.head[2..2 + extended].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let mask = self.head[2 + extended..].try_into().unwrap_or_default();
        let left = length.unwrap_or(number);
        self.head.clear();
        let (is_last, opcode) = (first & 0x80 != 0, first & 0x0f);
        let makes_sense = match opcode {
            0 => self.message.is_some(),
            1 | 2 => self.message.is_none(),
            8..=10 => is_last && left <= 125,
            _ => false,
        };
        // RFC 6455 §5.1 and §5.2: frames of a client are masked, and reserved bits are zero. After a close nothing counts.
        self.is_over = !makes_sense || !masked || first & 0x70 != 0 || opcode == 8;
        let is_text = opcode < 8 && self.part_of_text(opcode, left, is_last);
        // Alone and here already: tungstenite is about to look at all of it.
        let is_alone = opcode == 1 && is_last && left <= available as u64;
        self.frame = (left > 0).then_some(Payload { left, mask, at: 0, is_text: is_text && !is_alone, is_last });
    }

    /// Takes a frame of a message into account; whether it is a part of a text.
    fn part_of_text(&mut self, opcode: u8, left: u64, is_last: bool) -> bool {
        let before = self.message.take().unwrap_or(Parts { is_text: opcode == 1, bytes: 0 });
        let parts = Parts { bytes: before.bytes.saturating_add(left), ..before };
        self.is_over |= parts.bytes > self.bytes_max;
        self.message = (!is_last).then_some(parts);
        if opcode != 0 {
            self.rest.clear();
        }
        parts.is_text
    }

    fn check(&mut self, part: &[u8], payload: Payload, last: bool) -> Result<(), NotUtf8> {
        let mut text = std::mem::take(&mut self.rest);
        text.extend(part.iter().enumerate().map(|(i, byte)| byte ^ payload.mask[(payload.at + i) % 4]));
        match std::str::from_utf8(&text) {
            Ok(_) => Ok(()),
            Err(error) if error.error_len().is_none() && !last => {
                self.rest = text.split_off(error.valid_up_to());
                Ok(())
            }
            Err(_) => Err(NotUtf8),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let mut out = vec![first];
        match payload.len() {
            length @ 0..=125 => out.push(0x80 | length as u8),
            length => {
                out.push(0x80 | 126);
                out.extend((length as u16).to_be_bytes());
            }
        }
        out.extend(MASK);
        out.extend(payload.iter().enumerate().map(|(i, byte)| byte ^ MASK[i % 4]));
        out
    }

    /// How many bytes of this, in pieces of this size, are seen before the text is found wrong.
    fn found_after(bytes: &[u8], size: usize) -> Option<usize> {
        let mut watch = Utf8Watch::new(100_000);
        let mut seen = 0;
        for piece in bytes.chunks(size) {
            seen += piece.len();
            if watch.see(piece).is_err() {
                return Some(seen);
            }
        }
        None
    }

    #[test]
    fn a_wrong_byte_is_found_when_it_arrives() {
        let text = "\u{3ba}\u{f3}\u{3c3}\u{3bc}\u{3b5}".as_bytes();
        let bytes = frame(0x81, &[text, b"\xf4\x90\x80\x80edited"].concat());
        // Six bytes of head; the second byte of the character cannot follow the first.
        assert_eq!(found_after(&bytes, 1), Some(6 + text.len() + 2));
        let parts = [frame(0x01, text), frame(0x00, b"\xf4"), frame(0x89, b"ping"), frame(0x00, b"\x90later")].concat();
        assert_eq!(found_after(&parts, 1), Some(parts.len() - 5));
        let cut_off = [frame(0x01, text), frame(0x80, b"\xce")].concat();
        assert_eq!(found_after(&cut_off, 1), Some(cut_off.len()));
    }

    #[test]
    fn what_is_right_passes_however_it_arrives() {
        let long = "gr\u{fc}n \u{2713} \u{1f680} ".repeat(500);
        let bytes = [
            frame(0x81, long.as_bytes()),
            frame(0x01, &long.as_bytes()[..3]),
            frame(0x8a, b"\xff"),
            frame(0x00, b""),
            frame(0x80, &long.as_bytes()[3..]),
            frame(0x82, b"\xff\xfe"),
            frame(0x02, b"\xff"),
            frame(0x80, b"\xff"),
            frame(0x81, b""),
            frame(0x81, b"end"),
        ]
        .concat();
        for size in [1, 2, 3, 7, 1024, bytes.len()] {
            assert_eq!(found_after(&bytes, size), None, "{size}");
        }
    }

    #[test]
    fn what_is_wrong_with_a_frame_goes_before_what_is_wrong_with_its_text() {
        let wrong = b"\xff and more of it";
        let unmasked = [&[0x81, wrong.len() as u8][..], wrong].concat();
        let begun = frame(0x01, b"begun");
        for bytes in [
            unmasked,
            // Reserved bits and opcodes.
            frame(0xc1, wrong),
            [frame(0x83, b"?"), frame(0x81, wrong)].concat(),
            // Parts that are none, and the beginning of a message in another.
            frame(0x80, wrong),
            [begun.clone(), frame(0x81, wrong)].concat(),
            // A ping in parts, and one that is too long.
            [frame(0x09, b"?"), frame(0x81, wrong)].concat(),
            [frame(0x89, &[b'?'; 126]), frame(0x81, wrong)].concat(),
            // After a close.
            [frame(0x88, b""), frame(0x81, wrong)].concat(),
            // A message that is too large with this frame.
            [begun, frame(0x00, &[b'x'; 60_000]), frame(0x00, &[0xff; 40_000])].concat(),
        ] {
            assert_eq!(found_after(&bytes, 1), None, "{bytes:?}");
        }
    }

    #[test]
    fn nonsense_ends_nothing_here() {
        for bytes in
            [&[0xff; 100][..], &[0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4], &[0; 9]]
        {
            let mut watch = Utf8Watch::new(100_000);
            // It must not panic; what it finds is right or tungstenite's.
            _ = watch.see(bytes);
        }
    }
}
