//! The check of JSON that the server passes on without reading it: every reader must be able to.
//!
//! Depth, numbers and text: many readers take a bounded depth (serde_json 128 levels, of which the event and the page of
//! history around it need some), numbers that a double holds (RFC 8259 §6), and no half of a surrogate pair (§8.2).
//! Called once, where the command enters. What passes is sent on byte by byte, but for its line breaks: a value is also
//! sent where a line break ends an event (Server-Sent Events, JSON lines, exports).

use std::borrow::Cow;
use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::chat::Refusal;

/// Levels of objects and arrays in each other, at most.
pub const DEPTH_MAX: u8 = 32;

/// The value of the field `name` on one line.
///
/// # Errors
/// `bad_request`: not every reader could read it.
pub fn checked<'a>(name: &str, value: &'a RawValue) -> Result<Cow<'a, str>, Refusal> {
    let mut deserializer = serde_json::Deserializer::from_str(value.get());
    Level { left: DEPTH_MAX }
        .deserialize(&mut deserializer)
        .map_err(|error| Refusal::bad_request(format!("{name} could not be read by everybody: {error}")))?;
    Ok(on_one_line(value.get()))
}

/// The same JSON on one line. A line break in JSON is always between tokens: in a string it is escaped (RFC 8259 §7).
fn on_one_line(json: &str) -> Cow<'_, str> {
    const LINE_BREAKS: [char; 2] = ['\n', '\r'];
    if json.contains(LINE_BREAKS) { Cow::Owned(json.replace(LINE_BREAKS, " ")) } else { Cow::Borrowed(json) }
}

/// A value that may nest so many levels more.
#[derive(Clone, Copy)]
struct Level {
    left: u8,
}

impl Level {
    fn next<E: Error>(self) -> Result<Self, E> {
        let left = self.left.checked_sub(1);
        let left = left.ok_or_else(|| E::custom(format_args!("it has more than {DEPTH_MAX} levels")))?;
        Ok(Self { left })
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let inner = self.next()?;
        while items.next_element_seed(inner)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        let inner = self.next()?;
        // A key is a text.
        while members.next_key_seed(inner)?.is_some() {
            members.next_value_seed(inner)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(json: &str) -> Result<Cow<'_, str>, String> {
        let value: &RawValue = serde_json::from_str(json).unwrap();
        checked("cipher", value).map_err(|refusal| refusal.to_string())
    }

    fn nested(open: &str, close: &str, levels: usize) -> String {
        format!("{}1{}", open.repeat(levels), close.repeat(levels))
    }

    #[test]
    fn what_every_reader_can_read_passes() {
        for json in [
            r#"{"v":1,"keys":["a",null,true,-1.5e300,18446744073709551615,123456789012345678901234567890]}"#,
            r#"{"\ud83d\ude00":"\u0000\n"}"#,
            r#""text""#,
            "{}",
            &nested("[", "]", 32),
            &nested(r#"{"a":"#, "}", 32),
        ] {
            assert_eq!(check_text(json).as_deref(), Ok(json));
        }
    }

    #[test]
    fn what_passes_is_on_one_line() {
        let json = "{\"a\":\r\n\t[1,\n2,\r\"\\n\"]\n}";
        assert_eq!(check_text(json).as_deref(), Ok("{\"a\":  \t[1, 2, \"\\n\"] }"));
    }

    #[test]
    fn what_some_readers_cannot_read_is_refused() {
        for (json, why) in [
            (nested("[", "]", 33), "more than 32 levels"),
            (nested(r#"{"a":"#, "}", 130), "more than 32 levels"),
            (nested(r#"[{"a":"#, "}]", 17), "more than 32 levels"),
            ("[".repeat(30_000) + &"]".repeat(30_000), "more than 32 levels"),
            (r#"{"a":1e999}"#.to_owned(), "number out of range"),
            (r#"{"a":"\ud800"}"#.to_owned(), "hex escape"),
            (r#"{"\udc00":1}"#.to_owned(), "hex escape"),
        ] {
            let refused = check_text(&json).expect_err(&json);
            assert!(refused.starts_with("cipher could not be read by everybody: "), "{refused}");
            assert!(refused.contains(why), "{refused}");
        }
    }
}
