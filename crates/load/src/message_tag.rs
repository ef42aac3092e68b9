//! The tag in a message's text: the run that it belongs to, its sender, and its number.
//!
//! The generator writes one into each text and reads it out of each delivery, so it costs little: a mark and hexadecimal
//! digits, which no protocol escapes. The number counts the messages of a room, so one number is one message; the
//! delivery accounting knows when it was due.

/// Bytes of a tag.
pub const TAG_BYTES: usize = 22;

const MARK: &[u8; 2] = b"~#";
/// Fills a text up to its size.
const FILLING: u8 = b'.';

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MessageTag {
    /// The run, so that two runs at the same time do not mistake each other's messages for their own.
    pub run_id: u16,
    /// The client that sent it.
    pub sender: u32,
    /// Its number among the messages of its room.
    pub number: u32,
}

impl MessageTag {
    /// Writes a text of `bytes` bytes: the prefix, the tag, and dots.
    pub fn write(self, prefix: &str, bytes: usize, out: &mut Vec<u8>) {
        let begin = out.len();
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(MARK);
        append(self.run_id.into(), 4, out);
        append(self.sender, 8, out);
        append(self.number, 8, out);
        out.resize((begin + bytes).max(out.len()), FILLING);
    }

    /// `None` for what is no message of a load.
    #[must_use]
    pub fn read(text: &[u8]) -> Option<Self> {
        let begin = if text.starts_with(MARK) { 0 } else { text.windows(2).position(|window| window == MARK)? };
        let digits = text.get(begin + 2..begin + TAG_BYTES)?;
        let (run, rest) = digits.split_at(4);
        let (sender, number) = rest.split_at(8);
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        Some(Self { run_id: u16::try_from(value(run)).ok()?, sender: value(sender), number: value(number) })
    }
}

fn append(value: u32, digits: u32, out: &mut Vec<u8>) {
    out.extend((0..digits).rev().map(|digit| b"0123456789abcdef"[(value >> (4 * digit) & 15) as usize]));
}

/// Without a branch: it runs for every delivery. A letter's low four bits are 9 less than its value.
fn value(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, &digit| value << 4 | u32::from((digit & 15) + 9 * (digit >> 6)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_read_as_it_was_written_wherever_it_stands() {
        let tag = MessageTag { run_id: 0xbeef, sender: 9_999, number: u32::MAX };
        for prefix in ["", "Message from client 9999 ", "~ #"] {
            let mut text = Vec::new();
            tag.write(prefix, 100, &mut text);
            assert_eq!((text.len(), MessageTag::read(&text)), (100, Some(tag)));
        }
        let mut short = Vec::new();
        tag.write("", 1, &mut short);
        assert_eq!((short.len(), MessageTag::read(&short)), (TAG_BYTES, Some(tag)));
    }

    #[test]
    fn what_is_not_a_label_is_none() {
        for text in ["", "~#", "hello", "~#beef0000270fffffff", "~#beefzzzzzzzzffffffff"] {
            assert_eq!(MessageTag::read(text.as_bytes()), None, "{text}");
        }
    }
}
