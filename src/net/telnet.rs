//! Telnet's commands in a stream of bytes: taken out, and answered so that the client sends plain lines.
//!
//! Pure; used by the reader of lines. Each option is refused (RFC 854, 855), so a client stays what it is at first, a
//! terminal that sends whole lines; a timing mark is given (RFC 860), because a client that was interrupted shows
//! nothing until it comes. The byte 255, with which each command begins, occurs in no UTF-8, so who does not speak
//! telnet notices nothing.

/// The bytes of RFC 854, by the names that it gives them.
const SE: u8 = 240;
const ARE_YOU_THERE: u8 = 246;
const SB: u8 = 250;
const WILL: u8 = 251;
const WONT: u8 = 252;
const DO: u8 = 253;
const DONT: u8 = 254;
const IAC: u8 = 255;
/// The option of RFC 860.
const TIMING_MARK: u8 = 6;

/// Bytes of a subnegotiation, at most: no option is granted that has one, so whoever sends more does not speak telnet.
const SUBNEGOTIATION_MAX: u8 = 250;

/// The answer to "are you there?" (RFC 854): something that is seen.
const HERE: &[u8] = b"* Yes, roomd is here\n";

/// Takes telnet's commands out of what one client sends.
#[derive(Debug, Default)]
pub struct Telnet {
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum State {
    #[default]
    Data,
    /// After CR, which NUL or LF follows (RFC 854, page 11).
    Return,
    /// After IAC.
    Command,
    /// After IAC and this verb.
    Option(u8),
    /// Within a subnegotiation, of which there were so many bytes.
    Subnegotiation(u8),
    /// There after IAC.
    SubnegotiationCommand(u8),
}

impl Telnet {
    /// See [`Telnet::take_out`].
    pub const SPARE: usize = 1;

    /// Takes the commands out of the first `count` bytes of `buffer`, and appends what they are to be answered with to
    /// `answers`. What is left stands at the front; how many bytes that is: up to [`Telnet::SPARE`] more than there
    /// were, if what seemed to begin a command was none.
    ///
    /// # Panics
    /// When the buffer has not as many bytes to spare.
    pub fn take_out(&mut self, buffer: &mut [u8], count: usize, answers: &mut Vec<u8>) -> usize {
        let is_plain = |byte: &u8| *byte != IAC && *byte != 0;
        if self.state == State::Data && buffer[..count].iter().all(is_plain) {
            self.state = if buffer[..count].ends_with(b"\r") { State::Return } else { State::Data };
            return count;
        }
        let (read, mut left) = (buffer[..count].to_vec(), 0);
        for byte in read {
            for byte in self.next(byte, answers).into_iter().flatten() {
                buffer[left] = byte;
                left += 1;
            }
        }
        left
    }

    /// What this byte adds to the data.
    fn next(&mut self, byte: u8, answers: &mut Vec<u8>) -> [Option<u8>; 2] {
        const NOTHING: [Option<u8>; 2] = [None, None];
        let (state, data) = match (self.state, byte) {
            (State::Data | State::Return, IAC) => (State::Command, NOTHING),
            // Enter, of a client that does not send whole lines.
            (State::Return, 0) => (State::Data, [Some(b'\n'), None]),
            (State::Data | State::Return, b'\r') => (State::Return, [Some(byte), None]),
            (State::Data | State::Return, _) => (State::Data, [Some(byte), None]),
            (State::Command, verb @ (WILL | WONT | DO | DONT)) => (State::Option(verb), NOTHING),
            (State::Command, SB) => (State::Subnegotiation(0), NOTHING),
            (State::Command, ARE_YOU_THERE) => {
                answers.extend_from_slice(HERE);
                (State::Data, NOTHING)
            }
            // The byte itself, which is no UTF-8.
            (State::Command, IAC) => (State::Data, [Some(IAC), None]),
            (State::Command, SE..) => (State::Data, NOTHING),
            // No command: not telnet, but a line that is not UTF-8.
            (State::Command, _) => (State::Data, [Some(IAC), Some(byte)]),
            // Neither is an option in use: the end of a line that is not UTF-8.
            (State::Option(verb), b'\n' | b'\r') => (State::Data, [Some(verb), Some(byte)]),
            (State::Option(verb), option) => {
                answers.extend(answer(verb, option).into_iter().flatten());
                (State::Data, NOTHING)
            }
            (State::Subnegotiation(SUBNEGOTIATION_MAX..), _) => (State::Data, NOTHING),
            (State::Subnegotiation(count), IAC) => (State::SubnegotiationCommand(count + 1), NOTHING),
            (State::Subnegotiation(count), _) => (State::Subnegotiation(count + 1), NOTHING),
            (State::SubnegotiationCommand(_), SE) => (State::Data, NOTHING),
            (State::SubnegotiationCommand(count), _) => (State::Subnegotiation(count), NOTHING),
        };
        self.state = state;
        data
    }
}

/// The refusal of an option. What is off already needs no answer, or two that refuse would never end.
fn answer(verb: u8, option: u8) -> Option<[u8; 3]> {
    match (verb, option) {
        (DO, TIMING_MARK) => Some([IAC, WILL, TIMING_MARK]),
        (DO, _) => Some([IAC, WONT, option]),
        (WILL, _) => Some([IAC, DONT, option]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is left of these pieces, and the answers.
    fn left<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<u8>, Vec<u8>) {
        let (mut telnet, mut left, mut answers) = (Telnet::default(), Vec::new(), Vec::new());
        for piece in pieces {
            let mut buffer = [piece, &[0; Telnet::SPARE]].concat();
            let count = telnet.take_out(&mut buffer, piece.len(), &mut answers);
            left.extend_from_slice(&buffer[..count]);
        }
        (left, answers)
    }

    #[track_caller]
    fn check(bytes: &[u8], data: &[u8], answers: &[u8]) {
        let expected = (data.to_vec(), answers.to_vec());
        assert_eq!(left([bytes]), expected);
        assert_eq!(left(bytes.chunks(1)), expected, "byte by byte");
    }

    #[test]
    fn options_are_refused_and_nothing_of_them_is_left() {
        check(b"\xff\xfd\x01\xff\xfb\x18hi\r\n", b"hi\r\n", b"\xff\xfc\x01\xff\xfe\x18");
        check(b"one\n\xff\xfe\x01\xff\xfc\x03two\n", b"one\ntwo\n", b"");
        check(b"\xff\xfa\x1f\x00\x50\x00\xff\xff\x0a\xff\xf0hi\n", b"hi\n", b"");
    }

    #[test]
    fn an_interrupt_is_skipped_and_its_timing_mark_is_given_each_time() {
        let mark = b"\xff\xfb\x06";
        check(b"\xff\xf4\xff\xf2\xff\xfd\x06after\r\n", b"after\r\n", mark);
        check(b"\xff\xfd\x06\xff\xfd\x06", b"", &mark.repeat(2));
    }

    #[test]
    fn a_client_that_asks_whether_somebody_is_there_is_shown_something() {
        check(b"\xff\xf6", b"", HERE);
    }

    #[test]
    fn a_return_with_nul_ends_a_line() {
        check(b"one\r\0two\r\nthree\0", b"one\r\ntwo\r\nthree\0", b"");
    }

    #[test]
    fn what_is_no_command_stays_to_be_refused_as_no_utf_8() {
        for bytes in [&b"\xff\n"[..], b"\xffA", b"hi\n", "\u{feff}gr\u{fc}n\r\n".as_bytes()] {
            check(bytes, bytes, b"");
        }
        check(b"\xff\xff\n", b"\xff\n", b"");
        check(b"\xff\xfe\nok\n", b"\xfe\nok\n", b"");
    }

    #[test]
    fn a_subnegotiation_that_does_not_end_hides_little() {
        let (left, _) = left([&[&b"\xff\xfa"[..], &b"x\n".repeat(1_000)].concat()[..]]);
        assert!(left.len() > 1_700, "{}", left.len());
    }
}
