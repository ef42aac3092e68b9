//! `roomd config`: the settings in force, as a TOML file that explains itself.
//!
//! Called by `main` on the main thread. Its output, given back with `--config`, gives the same
//! settings; it holds every setting, also those that have their default.

use std::io::{self, Write};

use crate::cli::settings::settings;
use crate::settings::Settings;

/// Prints `values` to `out`; those that have their default as comments if they are to be `commented`. Blocks as `out` does.
///
/// # Errors
///
/// What `out` returns.
pub fn print(values: &Settings, commented: bool, out: &mut impl Write) -> io::Result<()> {
    let default = Settings::default();
    writeln!(out, "# Settings of roomd. A flag or a variable goes before this file.")?;
    let mut heading = "";
    for setting in settings() {
        if heading != setting.heading {
            heading = setting.heading;
            writeln!(out, "\n# --- {heading} ---")?;
        }
        let help = setting.help.replace('\n', "\n# ");
        let (facts, reload) = (setting.facts(), setting.reload.words());
        let value = setting.value(values);
        let comment = if commented && value == setting.value(&default) { "# " } else { "" };
        writeln!(out, "\n# {help}\n# [{facts}; reload: {reload}]\n{comment}{} = {value}", setting.key())?;
    }
    out.flush()
}

/// Prints `values` to `out` as a file, without help: each with where it comes from, in the order of the table. Blocks as
/// `out` does.
///
/// # Errors
///
/// What `out` returns.
pub fn print_sources(values: &Settings, sources: &[String], out: &mut impl Write) -> io::Result<()> {
    for (setting, source) in settings().iter().zip(sources) {
        writeln!(out, "{} = {}  # {source}", setting.key(), setting.value(values))?;
    }
    out.flush()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings::Reload;
    use crate::cli::settings::Setting;
    use crate::cli::tests::{ask, served};

    fn printed(settings: &Settings) -> String {
        let mut printed = Vec::new();
        print(settings, false, &mut printed).unwrap();
        String::from_utf8(printed).unwrap()
    }

    fn round_trip(settings: &Settings) {
        let text = printed(settings);
        let again = served(&["--config=roomd.toml"], &[], &text);
        assert_eq!(again, *settings, "{text}");
        assert_eq!(printed(&again), text);
    }

    #[test]
    fn a_file_to_begin_with_has_every_setting_and_sets_only_what_differs() {
        let settings = served(&["--history=3", "--irc=[::1]:0"], &[], "");
        let mut printed = Vec::new();
        print(&settings, true, &mut printed).unwrap();
        let text = String::from_utf8(printed).unwrap();
        let set: Vec<_> = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
        assert_eq!(set, ["irc = \"[::1]:0\"", "history = 3"]);
        assert_eq!(served(&["--config=roomd.toml"], &[], &text), settings);
        // Without their signs, the comments are the settings themselves.
        let keys: Vec<_> = super::settings().iter().map(Setting::key).collect();
        let stated =
            |line: &&str| keys.iter().any(|key| line.trim_start_matches("# ").starts_with(&format!("{key} = ")));
        assert_eq!(text.lines().filter(stated).count(), keys.len());
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
            ("HOST", _) => &["irc.example.org"],
            ("OPERATOR", _) => &["ann:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
            ("PATH" | "PATH|off" | "TEXT", _) => &["/srv/a \"b\""],
            ("ORIGIN", _) => &["https://a.org,http://b:8080"],
            ("SERVER", _) => &["stun:a.org,turn:u%2C:c%3A@b.org:3478?transport=tcp"],
            ("NETWORK", _) => &["10.0.0.0/8,2001:db8::1"],
            ("URL|database", _) => &["redis://roomd:a%40b@[::1]:6380/3"],
            ("PROVIDER", _) => {
                &["id=sso label=A%20%22B%22%2C issuer=https://a.org/b client=c secret-file=/s room-group=x:den"]
            }
            ("FIELD|off", _) => &["Remote-User"],
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
    fn a_check_says_where_each_setting_comes_from() {
        let (file, variables) = ("history = 3\nrate_burst = 4\nping = \"7s\"", [("ROOMD_RATE_BURST", "5")]);
        let flags = ["config", "--check", "--config=roomd.toml", "--ping=8s"];
        let Ok((crate::cli::Invocation::CheckConfig(settings, sources), _)) = ask(&flags, &variables, file) else {
            panic!("it is a check");
        };
        let mut printed = Vec::new();
        print_sources(&settings, &sources, &mut printed).unwrap();
        let printed = String::from_utf8(printed).unwrap();
        for line in [
            "history = 3  # roomd.toml, line 1",
            "rate_burst = 5  # ROOMD_RATE_BURST",
            "ping = \"8s\"  # --ping",
            "name = \"\"  # default",
        ] {
            assert!(printed.lines().any(|printed| printed == line), "{line} in {printed}");
        }
        assert_eq!(served(&["--config=roomd.toml"], &[], &printed), settings);
        match ask(&["config", "--check", "--config=roomd.toml"], &[], "history = 3\nping = \"x\"") {
            Err(crate::cli::CliError::Unfit(sentence)) => assert!(sentence.contains("line 2"), "{sentence}"),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_reload_changes_each_setting_but_those_that_need_a_start() {
        for setting in settings() {
            let (flag, mut wanted) = other_value(setting, &[]).unwrap_or_else(|| panic!("{}", setting.name));
            let mut running = Settings::default();
            if setting.name.starts_with("tls-") {
                // One certificate in the place of another; whether there is one stays.
                let old = || Some("old.pem".to_owned());
                (running.tls_cert, running.tls_key) = (old(), old());
                (wanted.tls_cert, wanted.tls_key) = (wanted.tls_cert.or_else(old), wanted.tls_key.or_else(old));
            }
            let now = wanted.clone().in_place_of(&running);
            let has_changed = setting.value(&now) == setting.value(&wanted);
            assert_eq!(has_changed, setting.reload != Reload::Restart, "{flag}");
        }
    }

    #[test]
    fn the_reload_under_load_has_another_value_of_each_setting() {
        let other = served(&["--config=roomd.toml"], &[], include_str!("../../tests/reload/other.toml"));
        let default = Settings::default();
        let same: Vec<_> =
            settings().iter().filter(|setting| setting.value(&other) == setting.value(&default)).collect();
        let names: Vec<_> = same.iter().map(|setting| setting.name).collect();
        assert!(names.is_empty(), "tests/reload/other.toml has no other value of {names:?}");
    }

    /// The table of docs/settings.md: `ROOMD_BLESS=1` writes it anew.
    #[test]
    fn the_table_of_settings_has_each_and_what_a_reload_changes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/settings.md");
        let text = std::fs::read_to_string(path).unwrap();
        let mut table = String::from("| setting | value | what a reload changes |\n|---|---|---|\n");
        for setting in settings() {
            let changes = setting.reload.words();
            table.push_str(&format!("| `{}` | {} | {changes} |\n", setting.name, setting.facts()));
        }
        let before = text.find("| setting |").expect("the table is there");
        let (before, rest) = text.split_at(before);
        let after = &rest[rest.find("\n\n").map_or(rest.len(), |end| end + 1)..];
        let expected = format!("{before}{table}{after}");
        if std::env::var_os("ROOMD_BLESS").is_some() {
            std::fs::write(path, &expected).unwrap();
        } else {
            assert!(text == expected, "docs/settings.md is not what the table says: ROOMD_BLESS=1 writes it");
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
            let entry = format!("# [{}; reload: {}]\n{} = ", setting.facts(), setting.reload.words(), setting.key());
            assert!(text.contains(&entry), "{entry}");
        }
    }
}
