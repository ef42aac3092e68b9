//! The names of the fields that serde reads into a struct.
//!
//! For the test that compares the description of the commands with their parser: what a struct asks for can be listed
//! without a value.

use serde::de::value::Error;
use serde::de::{Deserializer, Error as _, Visitor};
use serde::{Deserialize, forward_to_deserialize_any};

/// The names, in the order of the struct; none for a type that is no struct.
pub fn of<'de, T: Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &[&str] = &[];
    // It has no value to give, so it fails.
    _ = T::deserialize(Listing(&mut names));
    names
}

/// Notes what a struct asks for.
struct Listing<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Listing<'_> {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        into: V,
    ) -> Result<V::Value, Error> {
        *self.0 = fields;
        self.deserialize_any(into)
    }

    fn deserialize_any<V: Visitor<'de>>(self, _into: V) -> Result<V::Value, Error> {
        Err(Error::custom("there is no value"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    #[allow(dead_code)]
    struct Two {
        one: u8,
        #[serde(rename = "other")]
        two: String,
    }

    #[test]
    fn a_struct_lists_its_fields_as_they_are_written() {
        assert_eq!(of::<Two>(), ["one", "other"]);
        assert_eq!(of::<u8>(), [""; 0]);
    }
}
