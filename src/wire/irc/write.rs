//! Writing lines for IRC clients: RFC 2812 §2.3, 512 bytes with CR LF, tags not counted.
//!
//! A parameter cannot end a line or hide another: line ends and NUL become spaces. What is too long is cut between
//! two characters; the text of a message is not cut but goes on in further lines ([`chunks`]).

use std::fmt::Write as _;

/// Bytes of a line without its tags and without CR LF.
pub const LINE_BYTES: usize = 510;

/// Writes one line at a time into a buffer, which is handed to `emit`.
pub struct LineWriter<F> {
    emit: F,
}

impl<F: FnMut(&[u8])> LineWriter<F> {
    /// A writer that hands lines, without their ends, to `emit`.
    pub fn new(emit: F) -> Self {
        Self { emit }
    }

    /// A line: tags without their `@`, perhaps none; source; command with its middle parameters; and the last
    /// parameter, which may hold spaces and be empty.
    pub fn line(&mut self, tags: &str, source: &str, head: &str, last: Option<&str>) {
        let mut line = String::with_capacity(tags.len() + source.len() + head.len() + last.map_or(0, str::len) + 8);
        if !tags.is_empty() {
            line.extend(["@", tags, " "]);
        }
        let start = line.len();
        // A string takes every character.
        _ = write!(line, ":{source} {head}");
        if let Some(last) = last {
            line.push_str(" :");
            line.extend(last.chars().map(|c| if matches!(c, '\r' | '\n' | '\0') { ' ' } else { c }));
        }
        if line.len() - start > LINE_BYTES {
            line.truncate(start + cut(&line[start..], LINE_BYTES).len());
        }
        (self.emit)(line.as_bytes());
    }
}

/// The beginning of a text, of at most so many bytes and without half a character.
#[must_use]
pub fn cut(text: &str, bytes: usize) -> &str {
    let mut end = bytes.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Bytes of the last parameter that fit a line, behind its source and the head.
#[must_use]
pub fn text_bytes(source: &str, head: &str) -> usize {
    LINE_BYTES.saturating_sub(source.len() + head.len() + ":  :".len())
}

/// A PING, which an idle client answers.
#[must_use]
pub fn ping() -> Vec<u8> {
    b"PING :roomd\r\n".to_vec()
}

/// The text in pieces of at most `bytes` bytes, cut between two words where that is possible, else between two
/// characters. Pieces end at line ends; empty lines are left out.
#[must_use]
pub fn chunks(text: &str, bytes: usize) -> Vec<&str> {
    let mut pieces = Vec::new();
    for mut line in text.split(['\n', '\r']).filter(|line| !line.is_empty()) {
        while line.len() > bytes {
            let most = cut(line, bytes).len().max(line.chars().next().map_or(1, char::len_utf8));
            // A word that is longer than a half of the line is cut.
            let at = line[..most].rfind(' ').filter(|at| *at > most / 2).map_or(most, |at| at + 1);
            let (piece, rest) = line.split_at(at);
            pieces.push(piece);
            line = rest;
        }
        if !line.is_empty() {
            pieces.push(line);
        }
    }
    pieces
}

/// What a client sent as one word of an answer: no white space, not empty, no `:` before it.
#[must_use]
pub fn clean(word: &str) -> String {
    let word: String = word.chars().filter(|c| !c.is_whitespace() && !c.is_control()).take(64).collect();
    if word.is_empty() || word.starts_with(':') { "*".to_owned() } else { word }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tags: &str, source: &str, head: &str, last: Option<&str>) -> String {
        let mut line = String::new();
        LineWriter::new(|bytes: &[u8]| line = String::from_utf8(bytes.to_vec()).expect("it is UTF-8"))
            .line(tags, source, head, last);
        line
    }

    #[test]
    fn a_parameter_cannot_end_its_line() {
        assert_eq!(written("", "a", "PRIVMSG #b", Some("x\r\nQUIT\0")), ":a PRIVMSG #b :x  QUIT ");
        assert_eq!(written("time=1", "a", "PART #b", None), "@time=1 :a PART #b");
        assert_eq!(written("", "a", "331 b #c", Some("")), ":a 331 b #c :");
    }

    #[test]
    fn a_line_is_cut_between_two_characters_and_its_tags_do_not_count() {
        let line = written("time=1", "a", "X", Some(&format!("x{}", "é".repeat(300))));
        assert!(line.ends_with('é'));
        assert_eq!(line.len() - "@time=1 ".len(), LINE_BYTES - 1);
    }

    #[test]
    fn a_text_is_cut_into_lines() {
        assert_eq!(chunks("one\r\n\ntwo", 9), ["one", "two"]);
        assert_eq!(chunks("aaa bbb ccc", 8), ["aaa bbb ", "ccc"]);
        assert_eq!(chunks("éééé", 5), ["éé", "éé"]);
        assert_eq!(chunks("", 5), [""; 0]);
        assert_eq!(chunks("日本", 1), ["日", "本"]);
    }
}
