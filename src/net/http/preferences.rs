//! What a client says it accepts, with weights: RFC 9110 §12.4.2 and §12.5.3.
//!
//! Pure; called where a file of the page is sent, and where a stream begins. A weight that cannot be read makes its item count for nothing.

use super::head::RequestHead;

/// A weight, in thousandths: 1 to 1000, or 0 for what is not accepted.
type Weight = u16;

/// The form in which a file is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// As it is.
    Identity,
    /// Compressed with gzip.
    Gzip,
}

/// The coding that the client prefers; `None`: it accepts neither.
#[must_use]
pub fn coding(request: &RequestHead<'_>) -> Option<Coding> {
    let (mut gzip, mut identity, mut others) = (None, None, None);
    for (coding, weight) in request.list("Accept-Encoding").filter_map(weighted) {
        let known = match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => &mut gzip,
            "identity" => &mut identity,
            "*" => &mut others,
            _ => continue,
        };
        *known = Some(weight);
    }
    // Without a word on it, nothing is compressed, and what is not compressed is accepted.
    let gzip = gzip.or(others).unwrap_or(0);
    match identity.or(others.filter(|weight| *weight == 0)) {
        Some(identity) if identity > gzip => Some(Coding::Identity),
        Some(0) if gzip == 0 => None,
        None if gzip == 0 => Some(Coding::Identity),
        _ => Some(Coding::Gzip),
    }
}

/// Which of these media types the client prefers, the first of those that it likes as much; `None`: it accepts none. A
/// client that says nothing accepts all.
#[must_use]
pub fn media_type(request: &RequestHead<'_>, offered: &[&str]) -> Option<usize> {
    let accepted: Vec<_> = request.list("Accept").filter_map(weighted).collect();
    if request.values("Accept").next().is_none() {
        return Some(0);
    }
    let weight = |offered: &str| {
        let (group, _) = offered.split_once('/').unwrap_or((offered, ""));
        // The most specific range that matches decides, RFC 9110 §12.5.1.
        let of =
            |range: &str| accepted.iter().find(|(name, _)| name.eq_ignore_ascii_case(range)).map(|(_, weight)| *weight);
        of(offered).or_else(|| of(&format!("{group}/*"))).or_else(|| of("*/*")).unwrap_or(0)
    };
    let weights = offered.iter().map(|offered| weight(offered)).enumerate().filter(|(_, weight)| *weight > 0);
    weights.max_by_key(|(i, weight)| (*weight, std::cmp::Reverse(*i))).map(|(i, _)| i)
}

/// An item of a list with its weight.
fn weighted(item: &str) -> Option<(&str, Weight)> {
    let mut parts = item.split(';').map(str::trim);
    let name = parts.next().filter(|name| !name.is_empty())?;
    let weight = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim_end().eq_ignore_ascii_case("q").then(|| value.trim_start())
    });
    weight.map_or(Some(1000), thousandths).map(|weight| (name, weight))
}

/// `0.5` and `1`, with at most three digits behind the point.
fn thousandths(text: &str) -> Option<Weight> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction: Weight = format!("{fraction:0<3}").parse().ok()?;
    match whole {
        "0" => Some(fraction),
        "1" if fraction == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::head::{FIELDS_MAX, parse};
    use super::*;

    fn media(fields: &str) -> Option<usize> {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let (request, _) = parse(head.as_bytes(), &mut fields).unwrap().unwrap();
        media_type(&request, &["text/event-stream", "application/x-ndjson"])
    }

    #[test]
    fn a_media_type_is_the_one_that_is_preferred_or_else_the_first() {
        for (accepted, expected) in [
            ("text/event-stream", Some(0)),
            ("application/x-ndjson", Some(1)),
            ("Application/X-NDJSON;q=0.1", Some(1)),
            ("*/*", Some(0)),
            ("application/*, */*;q=0.1", Some(1)),
            ("text/event-stream;q=0.5, application/x-ndjson", Some(1)),
            ("text/event-stream;q=0, */*", Some(1)),
            ("text/html, application/json", None),
            ("text/html", None),
            ("", None),
        ] {
            assert_eq!(media(&format!("Accept: {accepted}\r\n")), expected, "{accepted:?}");
        }
        assert_eq!(media(""), Some(0));
    }

    fn of(fields: &str) -> Option<Coding> {
        let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
        let (request, _) = parse(head.as_bytes(), &mut fields).unwrap().unwrap();
        coding(&request)
    }

    #[test]
    fn a_file_is_compressed_for_those_who_prefer_it_so() {
        let (gzip, identity) = (Some(Coding::Gzip), Some(Coding::Identity));
        for (accepted, expected) in [
            ("gzip", gzip),
            ("GZIP", gzip),
            ("x-gzip", gzip),
            ("br, gzip;q=0.5", gzip),
            ("gzip ; q=0.001", gzip),
            ("gzip;Q=1.000", gzip),
            ("*", gzip),
            ("br, *;q=0.1", gzip),
            ("identity;q=0.5, gzip;q=0.5", gzip),
            ("identity;q=0, gzip", gzip),
            ("identity;q=0, *", gzip),
            ("*;q=0, gzip;q=0.1", gzip),
            ("", identity),
            ("br", identity),
            ("identity", identity),
            ("gzip;q=0", identity),
            ("gzip;q=0.0, *", identity),
            ("gzip;q=0.000", identity),
            ("*;q=0.5, gzip;q=0", identity),
            ("gzip;q=0.5, identity", identity),
            ("*;q=0, identity", identity),
            ("gzip;q=2", identity),
            ("gzip;q=", identity),
            ("gzip;q=0.1234", identity),
            ("xgzip", identity),
            ("identity;q=0", None),
            ("*;q=0", None),
            ("br, identity;q=0", None),
            ("gzip;q=0, *;q=0", None),
        ] {
            assert_eq!(of(&format!("Accept-Encoding: {accepted}\r\n")), expected, "{accepted:?}");
        }
        assert_eq!(of(""), identity);
        assert_eq!(of("Accept-Encoding: br\r\nAccept-Encoding: gzip\r\n"), gzip);
    }
}
