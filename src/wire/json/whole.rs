//! Whole numbers as JSON has them: `7`, and `7.0`, which is the same number (RFC 8259 §6).
//!
//! Some languages have one type for all numbers, or print the fraction of a number that has none. What has a fraction, a
//! sign, or is beyond what a double holds exactly in that form, is refused.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Unexpected, Visitor};

/// Up to here a double holds every whole number: 2^53.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole(pub u64);

/// Reads an optional field; for `deserialize_with`, beside `default`.
///
/// # Errors
/// It is no whole number, or too large for its type.
pub fn optional<'de, D: Deserializer<'de>, T: TryFrom<u64>>(deserializer: D) -> Result<Option<T>, D::Error> {
    let Some(Whole(number)) = Option::deserialize(deserializer)? else { return Ok(None) };
    let fits = T::try_from(number).map_err(|_| D::Error::invalid_value(Unexpected::Unsigned(number), &"u32"))?;
    Ok(Some(fits))
}

impl<'de> Deserialize<'de> for Whole {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_u64(FromNumber)
    }
}

struct FromNumber;

impl Visitor<'_> for FromNumber {
    type Value = Whole;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Whole, E> {
        Ok(Whole(number))
    }

    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the range is checked")]
    fn visit_f64<E: Error>(self, number: f64) -> Result<Whole, E> {
        if number.fract() == 0.0 && (0.0..=EXACT_MAX).contains(&number) {
            return Ok(Whole(number as u64));
        }
        Err(E::invalid_type(Unexpected::Float(number), &self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_whole_however_it_is_written() {
        let read = |text: &str| serde_json::from_str::<Whole>(text).ok().map(|Whole(number)| number);
        for (text, number) in [("7", 7), ("7.0", 7), ("0.0", 0), ("7e2", 700), ("18446744073709551615", u64::MAX)] {
            assert_eq!(read(text), Some(number), "{text}");
        }
        for text in ["7.5", "-7", "-7.0", "1e300", "18446744073709551616", "\"7\"", "true", "[7]"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
