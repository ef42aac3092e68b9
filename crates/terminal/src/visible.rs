//! Text from others, made harmless for a terminal.
//!
//! What would command a terminal (control characters) or make a line read otherwise than it is
//! (direction, line ends, characters that are not seen) is shown as what it is. Everything that is not
//! our own words goes through here before it reaches a screen; called on the main thread.

use std::fmt::Write as _;

/// The text with everything made visible, line ends included.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push(c, &mut out);
    }
    out
}

/// The same, but line ends stay, and every further line is indented: none can pass for a line of its own.
pub fn visible_lines(text: &str) -> String {
    let text = text.replace("\r\n", "\n");
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\n    "),
            '\t' => out.push_str("    "),
            c => push(c, &mut out),
        }
    }
    out
}

/// JSON with every such character as `\uXXXX`: the same value, and safe to look at.
pub fn visible_json(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut units = [0; 2];
    for c in json.chars() {
        if !is_hidden(c) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut units) {
            _ = write!(out, "\\u{unit:04x}"); // A String takes every character.
        }
    }
    out
}

fn push(c: char, out: &mut String) {
    match c {
        // There is a picture of each (Unicode, Control Pictures).
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(c))),
        '\x7f' => out.push('\u{2421}'),
        c if is_hidden(c) => _ = write!(out, "<U+{:04X}>", u32::from(c)), // As above.
        c => out.push(c),
    }
}

/// Control characters, and those that change direction, end a line or are not seen. Joiners stay:
/// many scripts and pictures are written with them.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_commands_a_terminal_or_turns_a_line_round() {
        for (text, shown) in [
            ("plain, Übung, 部屋, 👩\u{200d}🚀", "plain, Übung, 部屋, 👩\u{200d}🚀"),
            ("\u{1b}[2J\u{7}", "␛[2J␇"),
            ("a\rb\x08\x7f", "a␍b␈␡"),
            ("\u{9b}31m", "<U+009B>31m"),
            ("\u{202e}evil\u{202c}", "<U+202E>evil<U+202C>"),
            ("\u{2066}x\u{2069}\u{200f}", "<U+2066>x<U+2069><U+200F>"),
            ("a\u{2028}b\u{feff}", "a<U+2028>b<U+FEFF>"),
            ("two\nlines", "two␊lines"),
        ] {
            assert_eq!(visible(text), shown);
        }
        assert_eq!(visible_lines("a\r\nBob: b\n\tc"), "a\n    Bob: b\n        c");
    }

    #[test]
    fn json_stays_the_value_it_was() {
        let value = serde_json::json!({"text": "\u{1b}[2J \u{9b} \u{202e} \u{7f} \u{e0001} é \n \"\\"});
        let shown = visible_json(&value.to_string());
        assert!(shown.chars().all(|c| !is_hidden(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
