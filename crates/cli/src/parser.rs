//! Parsers of flags' values for clap, whose problems are whole sentences, and the facts that help states about a value.
//!
//! Used while a command line is read, on the main thread. A problem that a parser finds reads on after the flag's
//! name: `--size must be bytes from …`. An argument without a name states its own subject.

use std::ffi::OsStr;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};

use crate::value;

/// A parser out of a function that returns a value, or the problem with it.
pub fn checked<T: Clone + Send + Sync + 'static>(
    parse: impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
) -> impl TypedValueParser<Value = T> {
    Checked(parse)
}

/// A whole number within bounds.
pub fn count(range: RangeInclusive<u32>) -> impl TypedValueParser<Value = u32> {
    checked(move |text| value::count(text, &range))
}

/// A size in bytes within bounds, with or without a unit.
pub fn bytes(range: RangeInclusive<usize>) -> impl TypedValueParser<Value = usize> {
    checked(move |text| value::bytes(text, &range))
}

/// A time within bounds, with its unit.
pub fn time(range: RangeInclusive<Duration>) -> impl TypedValueParser<Value = Duration> {
    checked(move |text| value::time(text, &range))
}

/// `true` or `false`.
pub fn switch() -> impl TypedValueParser<Value = bool> {
    checked(value::switch)
}

/// A flag's help with the facts about its value: `[connections, 1 to 1000000; default 100]`. `bounds` may be empty.
#[must_use]
pub fn help(text: &str, unit: &str, bounds: &str, default: impl Display) -> String {
    let comma = if bounds.is_empty() { "" } else { ", " };
    format!("{text}\n[{unit}{comma}{bounds}; default {default}]")
}

#[derive(Clone)]
struct Checked<F>(F);

impl<T, F> TypedValueParser for Checked<F>
where
    T: Clone + Send + Sync + 'static,
    F: Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static,
{
    type Value = T;

    fn parse_ref(&self, command: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        let flag = arg.and_then(Arg::get_long).map(|name| format!("--{name} ")).unwrap_or_default();
        let text = value.to_str().ok_or_else(|| format!("must be UTF-8, not {value:?}"));
        text.and_then(|text| self.0(text))
            .map_err(|problem| Error::raw(ErrorKind::ValueValidation, format!("{flag}{problem}\n")).with_cmd(command))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_on_after_the_flag() {
        let command = || {
            let count = Arg::new("clients").long("clients").value_parser(count(1..=9)).allow_negative_numbers(true);
            let url = checked(|text| if text == "a" { Ok(()) } else { Err(format!("the URL is not {text:?}")) });
            Command::new("load").args([count, Arg::new("URL").value_parser(url)])
        };
        let problem = |arguments: &[&str]| {
            let error = command().try_get_matches_from([&["load"], arguments].concat()).unwrap_err();
            error.to_string().lines().next().map(str::to_owned)
        };
        let count = "error: --clients must be a whole number from 1 to 9, not \"-1\"";
        assert_eq!(problem(&["--clients", "-1"]).as_deref(), Some(count));
        assert_eq!(problem(&["b"]).as_deref(), Some("error: the URL is not \"b\""));
        let found = command().try_get_matches_from(["load", "a", "--clients=9"]).unwrap();
        assert_eq!(found.get_one::<u32>("clients"), Some(&9));
    }

    #[test]
    fn help_states_the_facts() {
        assert_eq!(help("Clients.", "connections", "1 to 9", 3), "Clients.\n[connections, 1 to 9; default 3]");
        assert_eq!(help("Slow.", "switch", "", false), "Slow.\n[switch; default false]");
    }
}
