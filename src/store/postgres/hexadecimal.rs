//! Bytes as hexadecimal digits, where a text in the database or in a note cannot have all bytes.
//!
//! Pure.

use std::fmt::Write as _;

/// The digits of these bytes.
pub fn write(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut digits, byte| {
        write!(digits, "{byte:02x}").expect("a string takes every character");
        digits
    })
}

/// The bytes of these digits; `None`: they are none.
pub fn read(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}
