//! Conditional requests: RFC 9110 §13.
//!
//! Pure; called where a file of the page is sent. A browser asks with the tag of its copy, an old client or a
//! mirror with a date. The first field that counts decides, in the order of §13.2.2.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::head::RequestHead;

/// What is known of the version that would be sent.
#[derive(Clone, Copy, Debug)]
pub struct Version<'a> {
    /// Its entity tag, a strong one, with its quotes.
    pub tag: &'a str,
    /// When it was last changed.
    pub modified: SystemTime,
}

/// What a conditional request comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precondition {
    /// The version is sent.
    Send,
    /// The client has it already: 304.
    NotModified,
    /// The client wanted another one: 412.
    Failed,
}

impl Version<'_> {
    /// Evaluates the preconditions of a `GET` or `HEAD`.
    #[must_use]
    pub fn evaluate(&self, request: &RequestHead<'_>) -> Precondition {
        // A date has whole seconds.
        let modified = self.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let modified = UNIX_EPOCH + Duration::from_secs(modified);
        let date = |name| date(request, name);
        let holds = match (tags(request, "If-Match"), date("If-Unmodified-Since")) {
            // The strong comparison, §8.8.3.2.
            (Some(tags), _) => tags.any(|tag| tag == self.tag),
            (None, Some(date)) => modified <= date,
            (None, None) => true,
        };
        if !holds {
            return Precondition::Failed;
        }
        let is_known = match (tags(request, "If-None-Match"), date("If-Modified-Since")) {
            // The weak comparison: a proxy that compresses makes a tag weak.
            (Some(tags), _) => tags.any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == self.tag),
            (None, Some(date)) => modified <= date,
            (None, None) => false,
        };
        if is_known { Precondition::NotModified } else { Precondition::Send }
    }
}

/// The tags of a field, or `*`.
enum Tags<'a> {
    Any,
    Listed(Vec<&'a str>),
}

impl Tags<'_> {
    fn any(&self, is_wanted: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(tags) => tags.iter().any(|tag| is_wanted(tag)),
        }
    }
}

/// The tags that the fields of this name list; `None`: there is none. What is no tag counts as one that fits
/// nothing.
fn tags<'a>(request: &RequestHead<'a>, name: &str) -> Option<Tags<'a>> {
    let mut listed = None;
    for value in request.values(name) {
        let listed = listed.get_or_insert_with(Vec::new);
        let mut text = std::str::from_utf8(value).unwrap_or_default().trim_matches(is_separator);
        if text == "*" {
            return Some(Tags::Any);
        }
        while !text.is_empty() {
            // A comma may stand inside of a tag: it ends with its second quote.
            let quote = text.strip_prefix("W/").unwrap_or(text).strip_prefix('"').and_then(|inner| inner.find('"'));
            let end = match quote {
                Some(at) => at + if text.starts_with('W') { 4 } else { 2 },
                None => text.find(',').unwrap_or(text.len()),
            };
            listed.push(&text[..end]);
            text = text[end..].trim_start_matches(is_separator);
        }
    }
    listed.map(Tags::Listed)
}

fn is_separator(c: char) -> bool {
    matches!(c, ',' | ' ' | '\t')
}

/// The date of a field; `None` where there is none, or more than one, or none that can be read: then it is
/// ignored (§13.1.3).
fn date(request: &RequestHead<'_>, name: &str) -> Option<SystemTime> {
    let mut values = request.values(name);
    let (value, None) = (values.next()?, values.next()) else { return None };
    httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::head::{FIELDS_MAX, parse};
    use super::*;

    fn evaluated(fields: &str) -> Precondition {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let (request, _) = parse(head.as_bytes(), &mut fields).unwrap().unwrap();
        // Fri, 20 Nov 2026 18:00:00 GMT, and a half.
        let modified = UNIX_EPOCH + Duration::from_millis(1_795_197_600_500);
        Version { tag: "\"a,1\"", modified }.evaluate(&request)
    }

    #[test]
    fn a_copy_that_is_still_good_is_not_sent_again() {
        for fields in [
            "If-None-Match: \"a,1\"\r\n",
            "If-None-Match: W/\"a,1\"\r\n",
            "If-None-Match: *\r\n",
            "If-None-Match: \"x\", \"a,1\"\r\n",
            "If-None-Match: \"x\",,W/\"y\" , W/\"a,1\"\r\n",
            "If-None-Match: \"x\"\r\nif-none-match: \"a,1\"\r\n",
            "If-None-Match: x, \"a,1\"\r\n",
            "If-None-Match: \"a,1\"\r\nIf-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n",
            "If-Modified-Since: Fri, 20 Nov 2026 18:00:00 GMT\r\n",
            "If-Modified-Since: Friday, 20-Nov-26 18:00:01 GMT\r\n",
            "If-Modified-Since: Fri Nov 20 18:00:00 2026\r\n",
            "If-Match: \"a,1\"\r\nIf-None-Match: \"a,1\"\r\n",
        ] {
            assert_eq!(evaluated(fields), Precondition::NotModified, "{fields:?}");
        }
    }

    #[test]
    fn another_copy_is_replaced() {
        for fields in [
            "",
            "If-None-Match: \"x\"\r\n",
            "If-None-Match: \"a\", 1\"\r\n",
            "If-None-Match: a,1\r\n",
            "If-None-Match: \"a,1\r\n",
            "If-None-Match: w/\"a,1\"\r\n",
            "If-None-Match: \r\n",
            "If-None-Match: \"x\"\r\nIf-Modified-Since: Fri, 20 Nov 2026 18:00:00 GMT\r\n",
            "If-Modified-Since: Fri, 20 Nov 2026 17:59:59 GMT\r\n",
            "If-Modified-Since: yesterday\r\n",
            "If-Match: *\r\n",
            "If-Match: \"x\", \"a,1\"\r\n",
            "If-Unmodified-Since: Fri, 20 Nov 2026 18:00:00 GMT\r\n",
        ] {
            assert_eq!(evaluated(fields), Precondition::Send, "{fields:?}");
        }
    }

    #[test]
    fn who_wants_another_version_gets_none() {
        for fields in [
            "If-Match: \"x\"\r\n",
            "If-Match: W/\"a,1\"\r\n",
            "If-Unmodified-Since: Fri, 20 Nov 2026 17:59:59 GMT\r\n",
            "If-Match: \"x\"\r\nIf-None-Match: \"a,1\"\r\n",
            "If-Match: \"x\"\r\nIf-Unmodified-Since: Fri, 20 Nov 2026 18:00:00 GMT\r\n",
        ] {
            assert_eq!(evaluated(fields), Precondition::Failed, "{fields:?}");
        }
    }
}
