//! Escapes text that comes from others, so that a terminal can show it.
//!
//! Characters that would control the terminal, or make a line look different from what it is (control
//! characters, changes of direction, line ends, invisible characters), are replaced by a visible name.
//! All text of others goes through here before it reaches the screen; pure, called on the main thread.

use std::fmt::Write as _;

/// Escapes a text, line ends included.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        push(c, &mut out);
    }
    out
}

/// Escapes a text but keeps its line ends; every further line is indented, so that none can pass for a line of
/// its own.
pub fn escape_lines(text: &str) -> String {
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

/// Escapes JSON with `\uXXXX`: the value stays the same.
pub fn escape_json(json: &str) -> String {
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
        // Unicode has a symbol for each (Control Pictures).
        '\0'..='\x1f' => out.extend(char::from_u32(0x2400 + u32::from(c))),
        '\x7f' => out.push('\u{2421}'),
        c if is_hidden(c) => _ = write!(out, "<U+{:04X}>", u32::from(c)), // As above.
        c => out.push(c),
    }
}

/// Control characters, and those that change direction, end a line or are invisible. Joiners stay: many
/// scripts and emoji need them.
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
    fn no_text_controls_a_terminal_or_reverses_a_line() {
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
            assert_eq!(escape(text), shown);
        }
        assert_eq!(escape_lines("a\r\nBob: b\n\tc"), "a\n    Bob: b\n        c");
    }

    #[test]
    fn json_stays_the_value_it_was() {
        let value = serde_json::json!({"text": "\u{1b}[2J \u{9b} \u{202e} \u{7f} \u{e0001} é \n \"\\"});
        let shown = escape_json(&value.to_string());
        assert!(shown.chars().all(|c| !is_hidden(c)), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), value);
    }
}
