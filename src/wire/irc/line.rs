//! Parsing a line of an IRC client into its words: tags, command, parameters.
//!
//! Total: any text is a line or empty. What comes before the command, the source, is ignored, since a client speaks
//! for itself alone (RFC 2812 §2.3).

/// Parameters of a line; the last takes all that is left (RFC 2812 §2.3.1).
pub const PARAMS_MAX: usize = 15;

/// A line of a client.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The tags with their values unescaped, in their order; a tag without a value has an empty one.
    pub tags: Vec<(String, String)>,
    /// The command, in upper case.
    pub command: String,
    /// The parameters.
    pub params: Vec<String>,
}

impl Line {
    /// Parses a line without its end; `None` for one without a command.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut rest = text.trim_start_matches(' ');
        let mut line = Self::default();
        if let Some(tagged) = rest.strip_prefix('@') {
            let (tags, after) = word(tagged);
            line.tags = tags.split(';').filter(|tag| !tag.is_empty()).map(parse_tag).collect();
            rest = after;
        }
        if rest.starts_with(':') {
            rest = word(rest).1;
        }
        let (command, mut rest) = word(rest);
        if command.is_empty() {
            return None;
        }
        line.command = command.to_ascii_uppercase();
        while !rest.is_empty() {
            if let Some(last) = rest.strip_prefix(':') {
                line.params.push(last.to_owned());
                break;
            }
            if line.params.len() == PARAMS_MAX - 1 {
                line.params.push(rest.to_owned());
                break;
            }
            let (param, after) = word(rest);
            line.params.push(param.to_owned());
            rest = after;
        }
        Some(line)
    }

    /// A parameter; `None` if it is missing or empty.
    #[must_use]
    pub fn param(&self, at: usize) -> Option<&str> {
        self.params.get(at).map(String::as_str).filter(|param| !param.is_empty())
    }

    /// The value of a tag; the last one counts where a tag stands twice.
    #[must_use]
    pub fn tag(&self, name: &str) -> Option<&str> {
        self.tags.iter().rev().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// The first word, and what follows the spaces behind it.
fn word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(' ').unwrap_or((text, ""));
    (word, rest.trim_start_matches(' '))
}

fn parse_tag(tag: &str) -> (String, String) {
    let (key, value) = tag.split_once('=').unwrap_or((tag, ""));
    let mut plain = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match chars.next() {
            Some(':') => plain.push(';'),
            Some('s') => plain.push(' '),
            Some('r') => plain.push('\r'),
            Some('n') => plain.push('\n'),
            Some(other) => plain.push(other),
            // A lone backslash at the end is dropped.
            None => {}
        }
    }
    (key.to_owned(), plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Vec<String>) {
        let line = Line::parse(text).expect("it has a command");
        (line.command, line.params)
    }

    #[test]
    fn a_line_falls_into_its_words() {
        for (text, command, params) in [
            ("PING", "PING", &[][..]),
            ("ping x", "PING", &["x"]),
            ("PRIVMSG #a :hi there", "PRIVMSG", &["#a", "hi there"]),
            ("PRIVMSG #a ::-)", "PRIVMSG", &["#a", ":-)"]),
            ("PRIVMSG #a :", "PRIVMSG", &["#a", ""]),
            ("  PRIVMSG   #a   hi  ", "PRIVMSG", &["#a", "hi"]),
            (":alice!a@b NICK bob", "NICK", &["bob"]),
            ("@a=b;c :x TOPIC #a", "TOPIC", &["#a"]),
            ("X a:b c", "X", &["a:b", "c"]),
            (
                "X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16",
                "X",
                &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14", "15 16"],
            ),
        ] {
            assert_eq!(parsed(text), (command.to_owned(), params.iter().map(|&p| p.to_owned()).collect()), "{text}");
        }
        for nothing in ["", "   ", ":alice", "@a=b", "@a=b :alice "] {
            assert_eq!(Line::parse(nothing), None, "{nothing:?}");
        }
    }

    #[test]
    fn tags_are_unescaped_and_the_last_one_counts() {
        let line = Line::parse(r"@a=\:\s\\\r\nx\y\;b;a2=;+c=1;+c=2 X").expect("it has a command");
        assert_eq!(line.tag("a"), Some("; \\\r\nxy"));
        assert_eq!(
            (line.tag("b"), line.tag("a2"), line.tag("+c"), line.tag("d")),
            (Some(""), Some(""), Some("2"), None)
        );
    }
}
