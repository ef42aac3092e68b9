//! The text dialect, for people: one line a command, one line or more an event.
//!
//! `parse` splits a line into word and arguments and looks the word up in the table of commands; `print` is
//! its counterpart for events. Not every event has a form here.

pub(super) mod arguments;
pub(super) mod moderation;
pub mod parse;
pub mod print;

pub use parse::parse;
pub use print::{print, print_of_pattern, waiting};

/// Whether a text may hold control characters, which nearly none does: a look at its bytes is faster than one at its
/// characters. In UTF-8 those from U+0080 on begin with 0xc2.
fn may_have_controls(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_control() || byte == 0xc2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_character_is_overlooked() {
        let all = (0..=0x10_ffff).filter_map(char::from_u32);
        assert!(all.filter(|c| c.is_control()).all(|c| may_have_controls(&format!("a{c}b"))));
        assert!(!may_have_controls("what nearly every text is, ü and 天 too"));
    }
}
