//! The query of a request's target, behind its question mark.
//!
//! Names and values as browsers write them, `application/x-www-form-urlencoded` (URL Standard §5.1):
//! `+` is a space, `%` and two digits a byte. What is not UTF-8 is an error, not a replacement character.

use percent_encoding::percent_decode_str;

use crate::chat::{Code, Refusal};

/// The value of the first parameter called `name`.
///
/// # Errors
/// `bad_request` when the value is not UTF-8.
pub fn value(query: Option<&str>, name: &str) -> Result<Option<String>, Refusal> {
    let parameters = query.unwrap_or_default().split('&');
    let mut pairs = parameters.map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")));
    let Some((_, value)) = pairs.find(|(key, _)| decode(key).as_deref() == Some(name)) else { return Ok(None) };
    let refusal = || Refusal::new(Code::BadRequest, format!("{name} is not UTF-8"));
    decode(value).map(Some).ok_or_else(refusal)
}

/// The value of the first parameter called `name`, which is a number.
///
/// # Errors
/// `bad_request` when it is not a number.
pub fn number(query: Option<&str>, name: &str) -> Result<Option<u64>, Refusal> {
    let refusal = || Refusal::new(Code::BadRequest, format!("{name} must be a number"));
    value(query, name)?.map(|text| text.parse().map_err(|_| refusal())).transpose()
}

fn decode(text: &str) -> Option<String> {
    let text = text.replace('+', " ");
    Some(percent_decode_str(&text).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_parameter_is_found_and_decoded() {
        let query = Some("room=a+b%26c&empty=&bare&room=other&n%61me=x&bad=%ff");
        for (name, expected) in
            [("room", Some("a b&c")), ("empty", Some("")), ("bare", Some("")), ("name", Some("x")), ("absent", None)]
        {
            assert_eq!(value(query, name).unwrap().as_deref(), expected, "{name}");
        }
        assert_eq!(value(query, "bad").unwrap_err().code, Code::BadRequest);
        assert_eq!(value(None, "room").unwrap(), None);
    }
}
