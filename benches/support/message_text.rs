//! The texts of the messages that the benches of the store publish.
//!
//! Words in an order that differs from message to message, as a search index and a compressor meet them.

/// Bytes of a message's text.
pub const MESSAGE_BYTES: usize = 100;

/// The text of the message with this number: words, some of which are rare.
pub fn text(seq: u64) -> String {
    const WORDS: [&str; 16] = [
        "the", "room", "is", "open", "and", "who", "comes", "in", "will", "be", "told", "what", "was", "said",
        "before", "today",
    ];
    let mut text = format!("message {seq}:");
    let mut drawn = seq.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    while text.len() < MESSAGE_BYTES {
        drawn = drawn.rotate_left(9).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        text.push(' ');
        text.push_str(WORDS[usize::try_from(drawn >> 60).unwrap_or(0)]);
    }
    text.truncate(MESSAGE_BYTES);
    text
}
