//! The protocol of Redis and Valkey, RESP3: commands as they are sent, and replies out of whatever the socket has given.
//!
//! Pure. What roomd asks for, and what it is pushed, is known, so a reply that is larger, deeper or longer than that is malformed,
//! and the connection is given up: no peer makes it keep more than a few of the longest notes.

/// Bytes of a line without its end, at most: errors and numbers.
const LINE_MAX: usize = 1024;
/// Bytes of a text, at most: many times those of a note.
const TEXT_MAX: usize = 64 * 1024;
/// Entries of a list, at most; of a map there are half as many.
const LIST_MAX: usize = 256;
/// Lists in each other, at most.
const DEPTH_MAX: usize = 6;

/// What the server says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// What is not UTF-8 has other characters in the place.
    Text(String),
    Error(String),
    Number(i64),
    /// Nothing, or of a kind that roomd never needs.
    Other,
    /// A list or a set, or a map with its keys and values in turn.
    List(Vec<Reply>),
    /// What answers nothing: a message of a channel.
    Pushed(Vec<Reply>),
}

/// The server does not speak RESP3, or says what nobody asked for.
#[derive(Debug, PartialEq, Eq)]
pub struct Malformed;

/// Replies that come in pieces.
#[derive(Default)]
pub struct ReplyReader {
    bytes: Vec<u8>,
    /// How many of them are read.
    read: usize,
}

/// Appends a command of these words.
pub fn append_command(bytes: &mut Vec<u8>, words: &[&str]) {
    bytes.extend_from_slice(format!("*{}\r\n", words.len()).as_bytes());
    for word in words {
        bytes.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
}

impl ReplyReader {
    /// What the socket has given.
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.read);
        self.read = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next reply; `None`: not all of it is here.
    ///
    /// # Errors
    /// Nothing that follows can be read.
    pub fn next(&mut self) -> Result<Option<Reply>, Malformed> {
        let mut cursor = Cursor { rest: &self.bytes[self.read..] };
        match cursor.reply(DEPTH_MAX) {
            Ok(reply) => {
                self.read = self.bytes.len() - cursor.rest.len();
                Ok(Some(reply))
            }
            Err(Stop::Short) => Ok(None),
            Err(Stop::Malformed) => Err(Malformed),
        }
    }
}

/// Why a reply cannot be read.
enum Stop {
    Short,
    Malformed,
}

struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn reply(&mut self, depth: usize) -> Result<Reply, Stop> {
        if depth == 0 {
            return Err(Stop::Malformed);
        }
        let line = self.line()?;
        let (kind, rest) = (line.chars().next().ok_or(Stop::Malformed)?, line.get(1..).ok_or(Stop::Malformed)?);
        Ok(match kind {
            '+' => Reply::Text(rest.to_owned()),
            '-' => Reply::Error(rest.to_owned()),
            ':' => Reply::Number(rest.parse().map_err(|_| Stop::Malformed)?),
            '_' | '#' | ',' | '(' => Reply::Other,
            // As RESP2 says that there is nothing.
            '$' | '*' if rest == "-1" => Reply::Other,
            '$' | '=' => Reply::Text(self.text(count(rest, TEXT_MAX)?)?),
            '!' => Reply::Error(self.text(count(rest, TEXT_MAX)?)?),
            '*' | '~' => Reply::List(self.list(count(rest, LIST_MAX)?, depth)?),
            '%' => Reply::List(self.list(count(rest, LIST_MAX / 2)? * 2, depth)?),
            '>' => Reply::Pushed(self.list(count(rest, LIST_MAX)?, depth)?),
            _ => return Err(Stop::Malformed),
        })
    }

    /// Up to the end of a line, which is dropped.
    fn line(&mut self) -> Result<String, Stop> {
        let seen = &self.rest[..self.rest.len().min(LINE_MAX + 2)];
        match seen.windows(2).position(|end| end == b"\r\n") {
            Some(length) => {
                let line = String::from_utf8_lossy(&seen[..length]).into_owned();
                self.rest = &self.rest[length + 2..];
                Ok(line)
            }
            None if seen.len() < LINE_MAX + 2 => Err(Stop::Short),
            None => Err(Stop::Malformed),
        }
    }

    fn text(&mut self, length: usize) -> Result<String, Stop> {
        let (text, rest) = self.rest.split_at_checked(length).ok_or(Stop::Short)?;
        let (end, rest) = rest.split_at_checked(2).ok_or(Stop::Short)?;
        if end != b"\r\n" {
            return Err(Stop::Malformed);
        }
        self.rest = rest;
        Ok(String::from_utf8_lossy(text).into_owned())
    }

    fn list(&mut self, count: usize, depth: usize) -> Result<Vec<Reply>, Stop> {
        (0..count).map(|_| self.reply(depth - 1)).collect()
    }
}

fn count(digits: &str, most: usize) -> Result<usize, Stop> {
    digits.parse().ok().filter(|count| *count <= most).ok_or(Stop::Malformed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> Reply {
        Reply::Text(text.to_owned())
    }

    /// All replies, with the bytes given in two pieces.
    fn read(bytes: &[u8], cut: usize) -> Result<Vec<Reply>, Malformed> {
        let mut reader = ReplyReader::default();
        let mut replies = Vec::new();
        for piece in [&bytes[..cut], &bytes[cut..]] {
            reader.push(piece);
            while let Some(reply) = reader.next()? {
                replies.push(reply);
            }
        }
        Ok(replies)
    }

    #[test]
    fn a_command_is_a_list_of_texts() {
        let mut bytes = Vec::new();
        append_command(&mut bytes, &["PUBLISH", "room", "ü\r\n"]);
        assert_eq!(bytes, "*3\r\n$7\r\nPUBLISH\r\n$4\r\nroom\r\n$4\r\nü\r\n\r\n".as_bytes());
    }

    #[test]
    fn replies_are_read_wherever_they_are_cut() {
        let bytes = "+OK\r\n-ERR no\r\n:-7\r\n$3\r\na\r\n\r\n$-1\r\n*-1\r\n_\r\n#t\r\n,1.5\r\n%2\r\n+role\r\n$6\r\nmaster\r\n\
            +modules\r\n*1\r\n%1\r\n+a\r\n:1\r\n>3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nü\r\n!5\r\nERR x\r\n=5\r\ntxt:a\r\n~0\r\n"
            .as_bytes();
        let modules = Reply::List(vec![Reply::List(vec![text("a"), Reply::Number(1)])]);
        let all = [
            text("OK"),
            Reply::Error("ERR no".to_owned()),
            Reply::Number(-7),
            text("a\r\n"),
            Reply::Other,
            Reply::Other,
            Reply::Other,
            Reply::Other,
            Reply::Other,
            Reply::List(vec![text("role"), text("master"), text("modules"), modules]),
            Reply::Pushed(vec![text("message"), text("c"), text("ü")]),
            Reply::Error("ERR x".to_owned()),
            text("txt:a"),
            Reply::List(Vec::new()),
        ];
        for cut in 0..=bytes.len() {
            let replies = read(bytes, cut);
            assert_eq!(replies.as_deref(), Ok(&all[..]), "cut at {cut}");
        }
    }

    #[test]
    fn what_nobody_asked_for_is_malformed_before_it_is_kept() {
        let (long, deep) = ("x".repeat(LINE_MAX + 2), "*1\r\n".repeat(DEPTH_MAX));
        for bytes in [
            "HTTP/1.1 400 Bad Request\r\n",
            "\r\n",
            ":x\r\n",
            "$x\r\n",
            "$99999999\r\n",
            "$-2\r\n",
            "$1\r\nabc\r\n",
            "*257\r\n",
            "%129\r\n",
            "|1\r\n+a\r\n:1\r\n",
            "ü\r\n",
            &long,
            &deep,
        ] {
            assert_eq!(read(bytes.as_bytes(), 0), Err(Malformed), "{bytes}");
        }
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_refused(bytes in prop::collection::vec(prop::sample::select(b"$*%>+-:_1239\r\na\xff".as_slice()), 0..200)) {
            let whole = read(&bytes, bytes.len());
            for cut in [0, bytes.len() / 2] {
                prop_assert_eq!(&read(&bytes, cut), &whole);
            }
        }
    }
}
