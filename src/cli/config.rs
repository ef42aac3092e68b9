//! `roomd config`: the settings in force, as a TOML file that explains itself.
//!
//! Called by `main` on the main thread. Its output, given back with `--config`, gives the same
//! settings; every setting is in it, also those that have their default.

use std::fmt::Write as _;
use std::io::{self, Write};

use crate::cli::settings::GROUPS;
use crate::settings::Settings;

/// Prints `settings` to `out`. Blocks as `out` does.
///
/// # Errors
///
/// What `out` returns.
pub fn print(settings: &Settings, out: &mut impl Write) -> io::Result<()> {
    out.write_all(toml(settings).as_bytes())?;
    out.flush()
}

fn toml(settings: &Settings) -> String {
    let mut settings = settings.clone();
    let mut text = String::from("# Settings of roomd. A flag or a variable goes before this file.\n");
    for (heading, group) in GROUPS {
        _ = writeln!(text, "\n# --- {heading} ---"); // a String takes everything
        for setting in *group {
            let help = setting.help.replace('\n', "\n# ");
            let value = setting.slot(&mut settings).to_toml();
            _ = write!(text, "\n# {help}\n# [{}]\n{} = {value}\n", setting.facts(), setting.key());
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings::settings;
    use crate::cli::tests::served;

    /// A value of each setting that is not its default; together they fit.
    const OTHERS: &[(&str, &str)] = &[
        ("listen", "[::1]:0"),
        ("lines", "off"),
        ("tls-cert", "/etc/roomd/cert.pem"),
        ("tls-key", "/etc/roomd/key.pem"),
        ("origin", "https://a.org,http://b:8080"),
        ("ice-server", "stun:a.org,turn:u%2C:c%3A@b.org:3478?transport=tcp"),
        ("trusted-proxy", "10.0.0.0/8,2001:db8::1"),
        ("proxy-protocol", "true"),
        ("echo-route", "true"),
        ("guests", "on"),
        ("claims", "closed"),
        ("claim-for", "90days"),
        ("address-claims-per-h", "7"),
        ("jwt-secret-file", "/srv/secret"),
        ("jwt-key", "keys.json"),
        ("jwt-issuer", "https://a.org"),
        ("jwt-audience", "chat"),
        ("token-warning", "2m"),
        ("connections-max", "1"),
        ("waiting-max", "0"),
        ("waiting-timeout", "1ms"),
        ("address-connections-max", "5"),
        ("address-connects-per-s", "0"),
        ("address-logins-per-min", "3"),
        ("address-rooms-per-h", "1"),
        ("address-exempt", ""),
        ("rooms-max", "1000000"),
        ("room-members-max", "2"),
        ("rooms-per-connection", "3"),
        ("history", "0"),
        ("linger", "1.5ms"),
        ("data", "/srv/chat.db"),
        ("durability", "os"),
        ("retain-age", "30days"),
        ("retain-messages", "1000"),
        ("rate-burst", "1"),
        ("rate-per-s", "0"),
        ("rate-offences-max", "5"),
        ("message-bytes", "65537"),
        ("line-bytes", "1000"),
        ("outbox-messages", "1"),
        ("outbox-bytes", "1GiB"),
        ("slow", "drop"),
        ("receipts-members-max", "7"),
        ("ephemeral-topics", "true"),
        ("write-timeout", "1m 30s"),
        ("head-timeout", "24h"),
        ("ping", "50s"),
        ("pong-timeout", "2h"),
        ("grace", "1m"),
        ("drain", "0"),
    ];

    fn round_trip(settings: &Settings) {
        let mut printed = Vec::new();
        print(settings, &mut printed).unwrap();
        let text = String::from_utf8(printed).unwrap();
        let again = served(&["--config=roomd.toml"], &[], &text);
        assert_eq!(again, *settings, "{text}");
        assert_eq!(toml(&again), text);
    }

    #[test]
    fn the_output_given_back_gives_the_same_settings() {
        round_trip(&Settings::default());
        // One issuer at a time.
        for left_out in ["jwt-secret-file", "jwt-key"] {
            let others = OTHERS.iter().filter(|(name, _)| *name != left_out);
            let flags: Vec<_> = others.map(|(name, value)| format!("--{name}={value}")).collect();
            let flags: Vec<_> = flags.iter().map(String::as_str).collect();
            round_trip(&served(&flags, &[], ""));
        }
    }

    #[test]
    fn each_setting_is_the_same_from_a_flag_a_variable_and_the_file() {
        assert!(settings().map(|s| s.name).eq(OTHERS.iter().map(|(n, _)| *n)));
        for (setting, (name, value)) in settings().zip(OTHERS) {
            let flag = served(&[&format!("--{name}={value}")], &[], "");
            assert_ne!(flag, Settings::default(), "{name}");
            let variable = served(&[], &[(&setting.variable(), value)], "");
            assert_eq!(flag, variable, "{name}");
            round_trip(&flag);
        }
    }

    #[test]
    fn each_limit_is_a_setting_under_its_own_name() {
        let limits = format!("{:#?}", Settings::default().limits);
        let fields: Vec<_> = limits.lines().filter_map(|line| line.strip_prefix("    ")?.split_once(": ")).collect();
        assert!(fields.len() > 20, "{limits}");
        for (field, _) in fields {
            assert!(settings().any(|setting| setting.key() == field), "{field}");
        }
    }

    #[test]
    fn each_setting_has_a_comment_with_its_unit_and_default() {
        let text = toml(&Settings::default());
        for setting in settings() {
            let entry = format!("# [{}]\n{} = ", setting.facts(), setting.key());
            assert!(text.contains(&entry), "{entry}");
        }
    }
}
