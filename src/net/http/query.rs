//! The query of a request's target, behind its question mark.
//!
//! Names and values as browsers write them, `application/x-www-form-urlencoded` (URL Standard §5.1):
//! `+` is a space, `%` and two digits a byte. What is not UTF-8 is an error, not a replacement character.

use percent_encoding::percent_decode_str;

use crate::chat::{Code, Refusal};
use roomd_protocol::{JOIN_HISTORY_DEFAULT, JOIN_HISTORY_MAX};

/// Whether all parameters are named as those here are: one that is not known is left alone, but not `name[]` and `name[part]`, which
/// some clients write for lists and objects.
///
/// # Errors
/// `bad_request`.
pub fn check(query: Option<&str>) -> Result<(), Refusal> {
    if parameters(query).any(|(name, _)| decode(name).is_some_and(|name| name.contains('['))) {
        let message = "A parameter is written without brackets, several times for several values";
        return Err(Refusal::new(Code::BadRequest, message));
    }
    Ok(())
}

/// The value of the first parameter called `name`.
///
/// # Errors
/// `bad_request` when the value is not UTF-8.
pub fn value(query: Option<&str>, name: &str) -> Result<Option<String>, Refusal> {
    each(query, name).next().transpose()
}

/// The values of all parameters called `name`, in order.
///
/// # Errors
/// `bad_request` when one is not UTF-8.
pub fn values(query: Option<&str>, name: &str) -> Result<Vec<String>, Refusal> {
    each(query, name).collect()
}

fn each(query: Option<&str>, name: &str) -> impl Iterator<Item = Result<String, Refusal>> {
    let ours = parameters(query).filter(move |(key, _)| decode(key).as_deref() == Some(name));
    let refusal = move || Refusal::new(Code::BadRequest, format!("{name} is not UTF-8"));
    ours.map(move |(_, value)| decode(value).ok_or_else(refusal))
}

/// Names and values, as they were sent.
fn parameters(query: Option<&str>) -> impl Iterator<Item = (&str, &str)> {
    query.unwrap_or_default().split('&').map(|parameter| parameter.split_once('=').unwrap_or((parameter, "")))
}

/// The value of the first parameter called `name`, which is true or false.
///
/// # Errors
/// `bad_request` when it is something else.
pub fn flag(query: Option<&str>, name: &str) -> Result<Option<bool>, Refusal> {
    match value(query, name)?.as_deref() {
        None => Ok(None),
        Some("true" | "1") => Ok(Some(true)),
        Some("false" | "0") => Ok(Some(false)),
        Some(_) => Err(Refusal::new(Code::BadRequest, format!("{name} must be true or false"))),
    }
}

/// Whether there is a parameter called `name`, which may have no value or be true.
///
/// # Errors
/// `bad_request` when it is something else.
pub fn switch(query: Option<&str>, name: &str) -> Result<bool, Refusal> {
    match value(query, name)?.as_deref() {
        Some("") => Ok(true),
        _ => Ok(flag(query, name)?.unwrap_or(false)),
    }
}

/// The value of the first parameter called `name`, which is a number.
///
/// # Errors
/// `bad_request` when it is not a number.
pub fn number(query: Option<&str>, name: &str) -> Result<Option<u64>, Refusal> {
    let refusal = || Refusal::new(Code::BadRequest, format!("{name} must be a number"));
    value(query, name)?.map(|text| text.parse().map_err(|_| refusal())).transpose()
}

/// The parameter `history`: how many of the newest messages a client is given that joins.
///
/// # Errors
/// `bad_request` when it is not a number.
pub fn join_history(query: Option<&str>) -> Result<usize, Refusal> {
    match value(query, "history")?.map(|text| text.parse::<usize>()) {
        None => Ok(JOIN_HISTORY_DEFAULT),
        Some(Ok(count)) => Ok(count.min(JOIN_HISTORY_MAX)),
        Some(Err(_)) => Err(Refusal::new(Code::BadRequest, "history must be a number of messages")),
    }
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
        assert_eq!(values(query, "room").unwrap(), ["a b&c", "other"]);
        assert!(values(query, "bad").is_err() && values(query, "absent").unwrap().is_empty());
        for wrong in ["room[]=a&room[]=b", "room%5B0%5D=a", "room[x]", "a=1&room[x][y]=2", "[x]=1"] {
            assert_eq!(check(Some(wrong)).unwrap_err().code, Code::BadRequest, "{wrong}");
        }
        assert!(check(query).is_ok() && check(Some("q=[x]")).is_ok() && check(None).is_ok());
        let flags = Some("a=true&b=0&c=yes");
        assert_eq!((flag(flags, "a").unwrap(), flag(flags, "b").unwrap()), (Some(true), Some(false)));
        assert!(flag(flags, "c").is_err() && flag(flags, "d").unwrap().is_none());
    }
}
