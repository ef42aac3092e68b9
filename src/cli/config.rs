//! `roomd config`: the settings in force, as a TOML file that explains itself.
//!
//! Called by `main` on the main thread. Its output, given back with `--config`, gives the same
//! settings; it holds every setting, also those that have their default.

use std::io::{self, Write};

use crate::cli::settings::settings;
use crate::settings::Settings;

/// Prints `values` to `out`. Blocks as `out` does.
///
/// # Errors
///
/// What `out` returns.
pub fn print(values: &Settings, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "# Settings of roomd. A flag or a variable goes before this file.")?;
    let mut heading = "";
    for setting in settings() {
        if heading != setting.heading {
            heading = setting.heading;
            writeln!(out, "\n# --- {heading} ---")?;
        }
        let help = setting.help.replace('\n', "\n# ");
        writeln!(out, "\n# {help}\n# [{}]\n{} = {}", setting.facts(), setting.key(), setting.value(values))?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings::Setting;
    use crate::cli::tests::{ask, served};

    fn printed(settings: &Settings) -> String {
        let mut printed = Vec::new();
        print(settings, &mut printed).unwrap();
        String::from_utf8(printed).unwrap()
    }

    fn round_trip(settings: &Settings) {
        let text = printed(settings);
        let again = served(&["--config=roomd.toml"], &[], &text);
        assert_eq!(again, *settings, "{text}");
        assert_eq!(printed(&again), text);
    }

    /// Values that a setting may have, by what stands for its value in help.
    fn candidates(setting: &Setting) -> Vec<String> {
        let placeholder = &*setting.placeholder;
        let facts = setting.facts();
        let bounds = facts.split("; ").next().and_then(|facts| facts.rsplit_once(", ")?.1.split_once(" to "));
        let known: &[&str] = match (placeholder, bounds) {
            (_, Some((least, most))) => &[least, most],
            ("BOOL", _) => &["true", "false"],
            ("ADDR" | "ADDR|off", _) => &["[::1]:0"],
            ("PREFIX", _) => &["/chat"],
            ("PATH" | "PATH|off" | "TEXT", _) => &["/srv/a \"b\""],
            ("ORIGIN", _) => &["https://a.org,http://b:8080"],
            ("SERVER", _) => &["stun:a.org,turn:u%2C:c%3A@b.org:3478?transport=tcp"],
            ("NETWORK", _) => &["10.0.0.0/8,2001:db8::1"],
            ("TARGET", _) => &["10.0.0.0/8,bot.internal"],
            (words, _) if words.contains('|') => return words.split('|').map(str::to_owned).collect(),
            other => panic!("no values for {other:?}"),
        };
        known.iter().map(|value| (*value).to_owned()).collect()
    }

    /// The flag that gives the setting another value than its default, and the settings that come of it
    /// and the flags before it.
    fn other_value(setting: &Setting, before: &[String]) -> Option<(String, Settings)> {
        let default = setting.value(&Settings::default());
        candidates(setting).iter().find_map(|value| {
            let flag = format!("{}={value}", setting.flag());
            let flags: Vec<_> = before.iter().chain([&flag]).map(String::as_str).collect();
            match ask(&flags, &[], "") {
                Ok((crate::cli::Invocation::Serve(settings), _)) if setting.value(&settings) != default => {
                    Some((flag, settings))
                }
                _ => None,
            }
        })
    }

    #[test]
    fn the_output_given_back_gives_the_same_settings() {
        round_trip(&Settings::default());
        let (mut flags, mut others) = (Vec::new(), Settings::default());
        for setting in settings() {
            // A few go only with the default of another.
            if let Some((flag, settings)) = other_value(setting, &flags) {
                flags.push(flag);
                others = settings;
            }
        }
        assert!(flags.len() > 45, "{flags:?}");
        round_trip(&others);
    }

    #[test]
    fn each_setting_is_the_same_from_a_flag_a_variable_and_the_file() {
        for setting in settings() {
            let (flag, from_flag) = other_value(setting, &[]).unwrap_or_else(|| panic!("{}", setting.name));
            let value = flag.split_once('=').unwrap().1;
            assert_eq!(served(&[], &[(&setting.variable(), value)], ""), from_flag, "{flag}");
            let mut back = from_flag.clone();
            setting.parse(&mut back, &crate::cli::format::text(&setting.value(&Settings::default()))).unwrap();
            assert_eq!(back, Settings::default(), "{flag} sets one field");
            round_trip(&from_flag);
        }
    }

    #[test]
    fn each_limit_is_a_setting_under_its_own_name() {
        let limits = format!("{:#?}", Settings::default().limits);
        let fields: Vec<_> = limits.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": ")).collect();
        assert!(fields.len() > 20, "{limits}");
        for (field, _) in fields {
            assert!(settings().iter().any(|setting| setting.key() == field), "{field}");
        }
    }

    #[test]
    fn each_setting_has_a_comment_with_its_unit_and_default() {
        let text = printed(&Settings::default());
        for setting in settings() {
            let entry = format!("# [{}]\n{} = ", setting.facts(), setting.key());
            assert!(text.contains(&entry), "{entry}");
        }
    }
}
