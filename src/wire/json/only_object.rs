//! A value that is given as a JSON object, and as nothing else.
//!
//! serde takes an array for a struct, too, its fields one by one: a command would mean something that no document says.
//! Used wherever a struct is read from what a client sends.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// See the module.
pub struct OnlyObject<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for OnlyObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(FromObject(PhantomData)).map(Self)
    }
}

struct FromObject<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for FromObject<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Point {
        x: u8,
        inner: Option<OnlyObject<Inner>>,
    }

    #[derive(Deserialize)]
    struct Inner {
        y: u8,
    }

    fn parse(text: &str) -> Result<(u8, Option<u8>), String> {
        let parsed: Result<OnlyObject<Point>, _> = serde_json::from_str(text);
        let read = |OnlyObject(point): OnlyObject<Point>| (point.x, point.inner.map(|OnlyObject(inner)| inner.y));
        parsed.map(read).map_err(|error| error.to_string())
    }

    #[test]
    fn an_object_is_taken_and_an_array_is_not() {
        assert_eq!(parse(r#"{"x":1}"#), Ok((1, None)));
        assert_eq!(parse(r#" {"inner":{"y":2},"x":1,"more":[]}"#), Ok((1, Some(2))));
        for text in ["[1]", "[1,null]", r#"{"x":1,"inner":[2]}"#, "1", r#""x""#, "null"] {
            let error = parse(text).expect_err(text);
            assert!(error.contains("expected a JSON object"), "{text}: {error}");
        }
    }
}
