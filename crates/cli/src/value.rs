//! Values with units as people write them: whole numbers, bytes and times, read within bounds.
//!
//! Called while a command line or a file of settings is read. What a `…_text` function writes, its
//! reader reads back to the same value. A problem is the second half of a sentence whose first half
//! names what was set.

use std::ops::RangeInclusive;
use std::time::Duration;

pub const KIB: usize = 1024;
pub const MIB: usize = 1024 * KIB;
pub const GIB: usize = 1024 * MIB;
pub const MILLISECOND: Duration = Duration::from_millis(1);
pub const DAY: Duration = Duration::from_secs(24 * 60 * 60);

pub fn count(text: &str, range: &RangeInclusive<u32>) -> Result<u32, String> {
    let number = text.parse().ok().filter(|number| range.contains(number));
    number.ok_or_else(|| {
        let (least, most) = (range.start(), range.end());
        format!("must be a whole number from {least} to {most}, not {text:?}")
    })
}

pub fn bytes(text: &str, range: &RangeInclusive<usize>) -> Result<usize, String> {
    let number = text.trim_end_matches(|c: char| !c.is_ascii_digit());
    let unit = match text[number.len()..].trim_start() {
        "" | "B" => 1,
        "KiB" => KIB,
        "MiB" => MIB,
        "GiB" => GIB,
        _ => {
            return Err(format!("must be bytes such as 65536, 64KiB or 1MiB, not {text:?}"));
        }
    };
    // Too big for a number is out of range like any other; what is no number gets the same sentence.
    let size = number.parse::<usize>().ok().and_then(|n| n.checked_mul(unit));
    size.filter(|size| range.contains(size)).ok_or_else(|| {
        let bounds = bytes_bounds(range);
        format!("must be bytes from {bounds}, such as 65536, 64KiB or 1MiB, not {text:?}")
    })
}

/// Reads a time with its unit; the problem reads on after the name of what it is for.
pub fn time(text: &str, range: &RangeInclusive<Duration>) -> Result<Duration, String> {
    let time = if text == "0" {
        Duration::ZERO
    } else {
        humantime::parse_duration(text)
            .map_err(|_| format!("must be a time with its unit, such as 54s, 2ms or 1m, not {text:?}"))?
    };
    if range.contains(&time) {
        return Ok(time);
    }
    let bounds = time_bounds(range);
    Err(format!("must be a time from {bounds}, not {text:?}"))
}

pub fn switch(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("must be true or false, not {text:?}"))
}

/// A size in the greatest unit that divides it.
pub fn bytes_text(size: usize) -> String {
    let units = [(GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
    let unit = units.iter().find(|(unit, _)| size > 0 && size.is_multiple_of(*unit));
    match unit {
        Some((unit, name)) => format!("{}{name}", size / unit),
        None => size.to_string(),
    }
}

/// A time as `time` reads it, without blanks, as people say it: up to two minutes in seconds, and nothing
/// longer than a day, since months and years have no one length.
pub fn time_text(time: Duration) -> String {
    let days = time.as_secs() / DAY.as_secs();
    let rest = time - Duration::from_secs(days * DAY.as_secs());
    let rest_text = match (rest.as_secs(), rest.subsec_nanos()) {
        (0, 0) => String::new(),
        (seconds @ 1..=120, 0) => format!("{seconds}s"),
        _ => humantime::format_duration(rest).to_string().replace(' ', ""),
    };
    match days {
        0 if rest.is_zero() => "0".to_owned(),
        0 => rest_text,
        1 => format!("1day{rest_text}"),
        _ => format!("{days}days{rest_text}"),
    }
}

pub fn bytes_bounds(range: &RangeInclusive<usize>) -> String {
    format!("{} to {}", bytes_text(*range.start()), bytes_text(*range.end()))
}

pub fn time_bounds(range: &RangeInclusive<Duration>) -> String {
    let (least, most) = (time_text(*range.start()), time_text(*range.end()));
    format!("{least} to {most}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_bytes_or_binary_multiples() {
        let range = 1..=16 * MIB;
        for (text, size) in
            [("1", 1), ("65536", 64 * KIB), ("64KiB", 64 * KIB), ("64 KiB", 64 * KIB), ("12B", 12), ("16MiB", 16 * MIB)]
        {
            assert_eq!(bytes(text, &range), Ok(size), "{text}");
        }
        for bad in [
            "",
            "0",
            "-1",
            "1.5MiB",
            "64kb",
            "64KB",
            "MiB",
            "17MiB",
            "1GiB",
            "1e3",
            "KiB64",
            "99999999999999999999",
            "18446744073709551615GiB",
            "６４",
            "64µ",
        ] {
            assert!(bytes(bad, &range).is_err(), "{bad}");
        }
        for size in [0, 1, 1023, KIB, KIB + 1, 1536 * KIB, GIB] {
            assert_eq!(bytes(&bytes_text(size), &(0..=GIB)), Ok(size));
        }
    }

    #[test]
    fn times_have_a_unit_and_an_end() {
        let range = Duration::ZERO..=DAY;
        for (text, ms) in [
            ("0", 0),
            ("0s", 0),
            ("2ms", 2),
            ("1.5s", 1_500),
            ("1m 30s", 90_000),
            ("1m30s", 90_000),
            ("24h", 86_400_000),
        ] {
            assert_eq!(time(text, &range), Ok(Duration::from_millis(ms)), "{text}");
        }
        for bad in [
            "",
            " ",
            "54",
            "-1s",
            "s",
            "1x",
            "25h",
            "1month",
            "99999999999999999999s",
            "18446744073709551615s",
            "18446744073709551615ns18446744073709551615ns",
            "18446744073709551615s999999999999ms",
            "1.99999999999999999999y",
        ] {
            assert!(time(bad, &range).is_err(), "{bad}");
        }
        for ns in [0, 1, 1_000_000, 1_500_000_000, 90_000_000_000, 86_400_000_000_000] {
            let whole = Duration::from_nanos(ns);
            assert_eq!(time(&time_text(whole), &range), Ok(whole));
        }
        for (s, text) in
            [(0, "0"), (90, "90s"), (7_200, "2h"), (86_400, "1day"), (86_410, "1day10s"), (31_536_000, "365days")]
        {
            assert_eq!(time_text(Duration::from_secs(s)), text);
        }
    }
}
