//! Names and values as a form has them, in a body or in the query of an address (WHATWG URL §5.2).
//!
//! All but the characters that no address reserves (RFC 3986 §2.3) are escaped, so what a name or a value has in it ends neither.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// These fields as one text.
#[must_use]
pub fn form(fields: &[(&str, &str)]) -> String {
    fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect::<Vec<_>>().join("&")
}

/// A name or a value in it, or a part of a credential (RFC 6749 §2.3.1).
#[must_use]
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_ends_no_field() {
        assert_eq!(form(&[("to_1", "/?a=1&b"), ("x", "é +.")]), "to_1=%2F%3Fa%3D1%26b&x=%C3%A9%20%2B.");
        assert_eq!(form(&[]), "");
    }
}
