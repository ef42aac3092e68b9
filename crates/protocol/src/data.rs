//! Messages of bytes: how they stand in JSON, in a binary frame, and in a line for people.
//!
//! Pure, and total: what a client or a server sends may be anything.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The sub-protocol in which a message with `data` is a binary frame.
pub const BINARY_PROTOCOL: &str = "roomd.v1.binary";
/// Bytes of a frame before its head, which say how long that is.
const LENGTH_BYTES: usize = 4;

/// Appends bytes in base64 (RFC 4648 §4, with padding).
pub fn append_base64(bytes: &[u8], out: &mut Vec<u8>) {
    let begin = out.len();
    out.resize(begin + bytes.len().div_ceil(3) * 4, 0);
    STANDARD.encode_slice(bytes, &mut out[begin..]).expect("each three bytes have space for four digits");
}

/// The bytes that a text is in base64; `None`: it is none.
#[must_use]
pub fn from_base64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Bytes in base64.
#[must_use]
pub fn to_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// What people read in place of so many bytes: `(binary, 3 KiB)`.
#[must_use]
pub fn summary(bytes: usize) -> String {
    let tenths = |unit: usize| (bytes * 10 + unit / 2) / unit;
    let size = |tenths: usize, unit: &str| match tenths % 10 {
        0 => format!("{} {unit}", tenths / 10),
        rest => format!("{}.{rest} {unit}", tenths / 10),
    };
    let size = match bytes {
        1 => "1 byte".to_owned(),
        0..1024 => format!("{bytes} bytes"),
        // What would round to 1024 KiB is 1 MiB.
        1024..1_048_525 => size(tenths(1024), "KiB"),
        _ => size(tenths(1024 * 1024), "MiB"),
    };
    format!("(binary, {size})")
}

/// Appends the content of a binary frame: the length of the head, four bytes with the highest first; the head, which is
/// a JSON object; the data.
pub fn append_frame(head: &[u8], data: &[u8], out: &mut Vec<u8>) {
    let length = u32::try_from(head.len()).expect("a head has fewer than 4 GiB");
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(head);
    out.extend_from_slice(data);
}

/// Bytes that [`append_frame`] appends.
#[must_use]
pub fn frame_bytes(head: &[u8], data: &[u8]) -> usize {
    LENGTH_BYTES + head.len() + data.len()
}

/// The head and the data of a binary frame.
///
/// # Errors
/// What is wrong with it: a sentence without a full stop.
pub fn split_frame(frame: &[u8]) -> Result<(&str, &[u8]), &'static str> {
    let (length, rest) = frame.split_first_chunk::<LENGTH_BYTES>().ok_or("A binary frame begins with four bytes")?;
    let length = usize::try_from(u32::from_be_bytes(*length)).unwrap_or(usize::MAX);
    let (head, data) = rest.split_at_checked(length).ok_or("A binary frame is shorter than it says its head is")?;
    let head = std::str::from_utf8(head).map_err(|_| "The head of a binary frame is not UTF-8")?;
    Ok((head, data))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_survive_base64() {
        for (bytes, text) in [
            (&b""[..], ""),
            (b"\0", "AA=="),
            (b"ab", "YWI="),
            (b"\xfb\xff\xfe", "+//+"),
            (b"\0\x01\x02\xff", "AAEC/w=="),
        ] {
            assert_eq!(to_base64(bytes), text);
            let mut out = b"x".to_vec();
            append_base64(bytes, &mut out);
            assert_eq!(out, format!("x{text}").into_bytes());
            assert_eq!(from_base64(text).as_deref(), Some(bytes));
        }
    }

    #[test]
    fn what_is_not_base64_is_refused() {
        // Of another alphabet, without padding, with more bits than bytes, with spaces.
        for text in ["-__-", "YWI", "YWJ=", "YW I=", "YWI=\n", "=", "\u{e4}AAA"] {
            assert_eq!(from_base64(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_summary_says_the_size() {
        for (bytes, size) in [
            (1, "1 byte"),
            (1023, "1023 bytes"),
            (1024, "1 KiB"),
            (3072, "3 KiB"),
            (3000, "2.9 KiB"),
            (65_536, "64 KiB"),
            (1_048_524, "1023.9 KiB"),
            (1_048_525, "1 MiB"),
            (3 << 19, "1.5 MiB"),
        ] {
            assert_eq!(summary(bytes), format!("(binary, {size})"));
        }
    }

    #[test]
    fn a_frame_is_split_where_it_was_joined() {
        let mut frame = Vec::new();
        append_frame(b"{}", b"\0\xff", &mut frame);
        assert_eq!(frame, b"\0\0\0\x02{}\0\xff");
        assert_eq!(frame.len(), frame_bytes(b"{}", b"\0\xff"));
        assert_eq!(split_frame(&frame), Ok(("{}", &b"\0\xff"[..])));
        for (frame, problem) in [
            (&b""[..], "begins with four bytes"),
            (b"\0\0\0", "begins with four bytes"),
            (b"\0\0\0\x03{}", "shorter than it says"),
            (b"\xff\xff\xff\xff{}", "shorter than it says"),
            (b"\0\0\0\x01\xff", "not UTF-8"),
        ] {
            assert!(split_frame(frame).unwrap_err().contains(problem), "{frame:?}");
        }
    }
}
