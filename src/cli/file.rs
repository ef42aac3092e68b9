//! The TOML file of settings.
//!
//! Read on the main thread, at start and at each reload, when `--config` or `ROOMD_CONFIG` names one. It is flat: one
//! key a setting, named as in the table. A mistake is told with its line. An unknown key is an error rather than a
//! warning, since nobody but the user writes into this file. Types are checked here, values by the table.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use toml::de::DeTable;
use toml::{Table, Value};

use crate::cli::settings::{Setting, settings};

/// What reads a file whole.
pub type Read<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// A file of settings has some two kilobytes; something else was named if it has more than this.
const FILE_BYTES_MAX: u64 = 1024 * 1024;

/// Reads a file of at most 1 MiB.
pub fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let size = File::open(path)?.take(FILE_BYTES_MAX + 1).read_to_string(&mut text)?;
    if size as u64 > FILE_BYTES_MAX {
        return Err(io::Error::other("it is longer than 1 MiB"));
    }
    Ok(text)
}

/// A setting in a file.
pub struct FileSetting {
    /// Which it is.
    pub setting: &'static Setting,
    /// The text of its value.
    pub text: String,
    /// The line of its key.
    pub line: usize,
}

/// The settings that the file at `path` holds. An error is a sentence.
pub fn load(path: &Path, read: Read) -> Result<Vec<FileSetting>, String> {
    let name = path.display();
    let text = read(path).map_err(|error| format!("cannot read {name}: {error}"))?;
    let table: Table = text.parse().map_err(|error| syntax(path, &text, &error))?;
    // The same once more, which tells where the keys are.
    let places = DeTable::parse(&text).map_err(|error| syntax(path, &text, &error))?;
    let line_of = |key: &str| {
        let start = places.get_ref().keys().find(|place| place.get_ref() == key).map_or(0, |place| place.span().start);
        line_at(&text, start)
    };
    let entry = |(key, value): (&String, &Value)| {
        let line = line_of(key);
        let setting = settings().iter().find(|setting| setting.key() == *key);
        let setting = setting.ok_or_else(|| format!("{name}, line {line}: unknown key {key:?}{}", suggestion(key)))?;
        let text = setting.text_of(value).map_err(|problem| format!("{key} in {name}, line {line}, {problem}"))?;
        Ok(FileSetting { setting, text, line })
    };
    table.iter().map(entry).collect()
}

fn suggestion(key: &str) -> String {
    let likely = key.replace('-', "_").to_ascii_lowercase();
    match settings().iter().find(|setting| setting.key() == likely) {
        Some(setting) => format!(" (it is written {})", setting.key()),
        None => " (roomd config prints all keys)".to_owned(),
    }
}

fn syntax(path: &Path, text: &str, error: &toml::de::Error) -> String {
    let line = line_at(text, error.span().map_or(0, |span| span.start));
    let problem = error.message().lines().collect::<Vec<_>>().join(", ");
    format!("{}, line {line}: {problem}", path.display())
}

/// The number of the line in which this byte is.
fn line_at(text: &str, start: usize) -> usize {
    text.bytes().take(start).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;
    use crate::cli::tests::{refused, served};

    #[test]
    fn a_mistake_in_the_file_is_one_sentence_that_names_file_and_key() {
        for (file, sentence) in [
            ("rate-burst = 5", "roomd.toml, line 1: unknown key \"rate-burst\" (it is written rate_burst)"),
            ("colour = 5", "roomd.toml, line 1: unknown key \"colour\" (roomd config prints all keys)"),
            ("[limits]\nping = 5", "roomd.toml, line 1: unknown key \"limits\" (roomd config prints all keys)"),
            (
                "rate_burst = \"5\"",
                "rate_burst in roomd.toml, line 1, must be an integer (messages, 1 to 1000000), not a string",
            ),
            (
                "rate_burst = 5.0",
                "rate_burst in roomd.toml, line 1, must be an integer (messages, 1 to 1000000), not a float",
            ),
            (
                "message_bytes = true",
                "message_bytes in roomd.toml, line 1, must be a string or an integer (bytes, 1 to 16MiB), not a boolean",
            ),
            (
                "ping = 54",
                "ping in roomd.toml, line 1, must be a time with its unit, such as 54s, 2ms or 1m, \
                 not \"54\"",
            ),
            (
                "ping = 07:32:00",
                "ping in roomd.toml, line 1, must be a string or an integer (time, 1ms to 1day), not a datetime",
            ),
            (
                "lines = false",
                "lines in roomd.toml, line 1, must be a string (HOST:PORT or unix:PATH or off), not a boolean",
            ),
            (
                "data = 5",
                "data in roomd.toml, line 1, must be a string (path, :memory:, off or postgres://...), not an integer",
            ),
            (
                "slow = [\"drop\"]",
                "slow in roomd.toml, line 1, must be a string (disconnect, drop or latest), not an array",
            ),
            (
                "echo_route = \"true\"",
                "echo_route in roomd.toml, line 1, must be a boolean (true or false), not a string",
            ),
            (
                "origin = \"https://a\"",
                "origin in roomd.toml, line 1, must be an array (scheme://host[:port] each), not a string",
            ),
            (
                "origin = [\"https://a\", 5]",
                "origin in roomd.toml, line 1, must be an array (scheme://host[:port] each), not one with an integer",
            ),
        ] {
            assert_eq!(refused(&["--config=roomd.toml"], &[], file), sentence);
        }
    }

    #[test]
    fn a_syntax_error_names_its_line() {
        for (file, start) in [
            ("ping = \"5s\"\nhistory = ", "roomd.toml, line 2: "),
            ("history = 1\n\nhistory = 2", "roomd.toml, line 3: "),
            ("history", "roomd.toml, line 1: "),
        ] {
            let sentence = refused(&["--config=roomd.toml"], &[], file);
            assert!(sentence.starts_with(start), "{sentence}");
            assert!(!sentence.contains('\n'), "{sentence}");
        }
    }

    #[test]
    fn bytes_and_zero_times_may_be_plain_numbers() {
        let file = "message_bytes = 1024\nlinger = 0\ndrain = \"0\"";
        let limits = served(&["--config=roomd.toml"], &[], file).limits;
        assert_eq!(limits.message_bytes, 1024);
        assert!(limits.linger.is_zero() && limits.drain.is_zero());
    }

    #[test]
    fn what_is_no_file_of_text_is_an_error() {
        assert!(read(&PathBuf::from(env!("CARGO_MANIFEST_DIR"))).is_err());
        let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert!(read(&manifest).unwrap().contains("name = \"roomd\""));
    }
}
