//! The four sources of a setting, laid over each other: default, file, variable, flag.
//!
//! Called on the main thread by `parse`, at start and at each reload. Every source is checked whole, also where a later
//! one covers it, so a mistake in a file does not wait for the day its flag is taken away. The settings
//! that come out are within the bounds of the table and keep the rules between two settings.
//!
//! `clap` splits the arguments and writes the help, but reads neither values nor the environment: its
//! errors would name the flag, also where the user wrote a key or a variable, and tests would have to
//! change the environment of the process.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::ArgMatches;

use crate::cli::file::{self, FileSetting, Read};
use crate::cli::settings::{Setting, settings};
use crate::engine::users::call_servers::needs_login;
use crate::settings::Settings;
use roomd_cli::value::{bytes_text, time_text};

const PREFIX: &str = "ROOMD_";
const CONFIG: &str = "ROOMD_CONFIG";
/// Variables of `roomd chat`.
const OF_CLIENTS: [&str; 2] = ["ROOMD_TOKEN_FILE", "ROOMD_NO_CLAIM"];

/// Bytes that an event has beside its text: names, numbers, time, punctuation.
const ENVELOPE_BYTES: usize = 1024;

/// The settings in force.
pub struct Gathered {
    /// Their values.
    pub settings: Settings,
    /// Where each comes from, in the order of the table: `default`, `roomd.toml, line 3`, `ROOMD_HISTORY`, `--history`.
    pub sources: Vec<String>,
    /// What the user should know; sentences.
    pub warnings: Vec<String>,
}

/// Lays the four sources over each other. An error is a sentence.
pub fn gather(flags: &ArgMatches, variables: &[(OsString, OsString)], read: Read) -> Result<Gathered, String> {
    let (variables, mut warnings) = server_variables(variables)?;
    let mut draft = Draft::default();
    let path = flags.get_one("config").cloned().or_else(|| variables.get(CONFIG).map(PathBuf::from));
    if let Some(path) = path {
        for FileSetting { setting, text, line } in file::load(&path, read)? {
            draft.set(setting, &text, Source::File(path.display().to_string(), line))?;
        }
    }
    for setting in settings() {
        if let Some(text) = variables.get(&setting.variable()) {
            draft.set(setting, text, Source::Variable)?;
        }
        if let Some(text) = given(flags, setting.name) {
            draft.set(setting, &text, Source::Flag)?;
        }
    }
    draft.check()?;
    warnings.extend(draft.without_effect());
    let source = |setting: &Setting| match draft.sources.get(setting.name) {
        None => "default".to_owned(),
        Some(Source::File(path, line)) => format!("{path}, line {line}"),
        Some(source) => source.named(setting),
    };
    Ok(Gathered { sources: settings().iter().map(source).collect(), settings: draft.settings, warnings })
}

/// Where a value comes from that is not the default.
enum Source {
    /// The path of the file, and the line.
    File(String, usize),
    Variable,
    Flag,
}

impl Source {
    /// The setting as the user wrote it: its flag, its variable, or its key with the place in the file.
    fn named(&self, setting: &Setting) -> String {
        match self {
            Self::File(path, line) => format!("{} in {path}, line {line}", setting.key()),
            Self::Variable => setting.variable(),
            Self::Flag => setting.flag(),
        }
    }

    /// The same at the beginning of a sentence, which goes on.
    fn subject(&self, setting: &Setting) -> String {
        let comma = if matches!(self, Self::File(..)) { "," } else { "" };
        format!("{}{comma}", self.named(setting))
    }
}

/// The value of a flag, if it was given; several are put together with commas.
fn given(flags: &ArgMatches, name: &str) -> Option<String> {
    // A command on the data file has few of the flags.
    let values = flags.try_get_many::<String>(name).ok().flatten()?;
    let values: Vec<_> = values.map(String::as_str).collect();
    Some(values.join(","))
}

/// The variables that are settings, and a warning for each other one with our prefix. No error: an
/// environment is shared, and a container runtime may well put a `ROOMD_PORT` there by itself. An empty
/// variable counts as unset, as in a compose file that passes on what is not there.
fn server_variables(all: &[(OsString, OsString)]) -> Result<(HashMap<String, String>, Vec<String>), String> {
    let mut found = HashMap::new();
    let mut warnings = Vec::new();
    for (name, value) in all {
        let Some(name) = name.to_str().filter(|name| name.starts_with(PREFIX)) else { continue };
        if value.is_empty() || OF_CLIENTS.contains(&name) {
            continue;
        }
        if name != CONFIG && !settings().iter().any(|setting| setting.variable() == name) {
            warnings.push(format!("{name} is not a setting, and is ignored"));
            continue;
        }
        let value = value.to_str().ok_or(format!("{name} must be UTF-8"))?;
        found.insert(name.to_owned(), value.to_owned());
    }
    warnings.sort();
    Ok((found, warnings))
}

/// Settings that are being put together, and the source of each that is not the default.
#[derive(Default)]
struct Draft {
    settings: Settings,
    /// By name of the setting.
    sources: HashMap<&'static str, Source>,
}

impl Draft {
    fn set(&mut self, setting: &'static Setting, text: &str, source: Source) -> Result<(), String> {
        let parsed = setting.parse(&mut self.settings, text);
        parsed.map_err(|problem| format!("{} {problem}", source.subject(setting)))?;
        self.sources.insert(setting.name, source);
        Ok(())
    }

    fn source(&self, name: &str) -> String {
        let (setting, source) = self.origin(name);
        source.named(setting)
    }

    fn subject(&self, name: &str) -> String {
        let (setting, source) = self.origin(name);
        source.subject(setting)
    }

    /// A setting of the table, and where it comes from; a default is changed most easily with the flag.
    fn origin(&self, name: &str) -> (&'static Setting, &Source) {
        let setting = settings().iter().find(|setting| setting.name == name).expect("the rules name settings");
        (setting, self.sources.get(name).unwrap_or(&Source::Flag))
    }

    /// The rules between two settings.
    fn check(&self) -> Result<(), String> {
        let Settings { limits, listen, lines, irc, irc_tls, tls_cert, ice_servers, turn_secret_file, .. } =
            &self.settings;
        if limits.ping >= limits.pong_timeout {
            return Err(format!(
                "{} must be less than {} ({} is not less than {})",
                self.subject("ping"),
                self.source("pong-timeout"),
                time_text(limits.ping),
                time_text(limits.pong_timeout),
            ));
        }
        self.fits("message-bytes", limits.message_bytes)?;
        self.fits("line-bytes", limits.line_bytes)?;
        let addresses = [("listen", Some(listen)), ("lines", lines.as_ref()), ("irc", irc.as_ref())];
        for (at, (name, address)) in addresses.into_iter().enumerate() {
            let Some(address) = address.filter(|address| !address.ends_with(":0")) else { continue };
            if let Some((first, _)) = addresses[..at].iter().find(|(_, other)| *other == Some(address)) {
                let (first, second) = (self.subject(first), self.subject(name));
                return Err(format!("{first} and {second} must differ (both are {address})"));
            }
        }
        let unnamed = ice_servers.iter().find(|server| needs_login(server));
        if let (Some(server), None) = (unnamed, turn_secret_file) {
            return Err(format!(
                "{} {}: a TURN server needs USER:CREDENTIAL@, or --turn-secret-file",
                self.subject("ice-server"),
                server.urls,
            ));
        }
        if *irc_tls == Some(true) && tls_cert.is_none() {
            return Err(format!("{} needs --tls-cert and --tls-key", self.subject("irc-tls")));
        }
        Ok(())
    }

    /// An outbox that cannot hold one message would end every client at its first.
    fn fits(&self, name: &str, size: usize) -> Result<(), String> {
        let outbox = self.settings.limits.outbox_bytes;
        if outbox >= size + ENVELOPE_BYTES {
            return Ok(());
        }
        Err(format!(
            "{} must be at least {} and {ENVELOPE_BYTES} bytes more ({} is less than {})",
            self.subject("outbox-bytes"),
            self.subject(name),
            bytes_text(outbox),
            bytes_text(size + ENVELOPE_BYTES),
        ))
    }

    /// A warning for each setting that has no effect without another.
    fn without_effect(&self) -> Vec<String> {
        let settings = &self.settings;
        let no_issuer = settings.jwt_secret_file.is_none() && settings.jwt_key.is_none();
        let keys = format!("{} or {}", self.source("jwt-key"), self.source("jwt-secret-file"));
        let turn = format!("a TURN server without a login in {}", self.source("ice-server"));
        let rows = [
            (
                "proxy-protocol",
                settings.proxy_protocol && settings.trusted_proxies.is_empty(),
                self.source("trusted-proxy"),
            ),
            (
                "turn-secret-file",
                settings.turn_secret_file.is_some() && !settings.ice_servers.iter().any(needs_login),
                turn,
            ),
            (
                "user-header",
                settings.user_header.is_some() && settings.user_header_from.is_empty(),
                self.source("user-header-from"),
            ),
            (
                "user-header-from",
                settings.user_header.is_none() && !settings.user_header_from.is_empty(),
                self.source("user-header"),
            ),
            ("jwt-issuer", settings.jwt_issuer.is_some() && no_issuer, keys.clone()),
            ("jwt-audience", settings.jwt_audience.is_some() && no_issuer, keys.clone()),
            ("jwt-name-claim", settings.jwt_name_claim.is_some() && no_issuer, keys),
        ];
        let idle = rows.iter().filter(|(_, idle, _)| *idle);
        idle.map(|(name, _, needed)| format!("{} has no effect without {needed}", self.subject(name))).collect()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cli::tests::{ask, refused, served};

    const FILE: &[&str] = &["--config", "roomd.toml"];

    #[test]
    fn a_flag_covers_a_variable_covers_the_file_covers_the_default() {
        let (flag, variable, file) = (
            ["--config", "roomd.toml", "--rate-burst", "4"],
            [("ROOMD_RATE_BURST", "3")],
            "rate_burst = 2\nrooms_max = 7",
        );
        let burst =
            |arguments: &[&str], variables: &[(&str, &str)]| served(arguments, variables, file).limits.rate_burst;
        assert_eq!(burst(&[], &[]), Settings::default().limits.rate_burst);
        assert_eq!(burst(FILE, &[]), 2);
        assert_eq!(burst(FILE, &variable), 3);
        assert_eq!(burst(&flag, &variable), 4);
        assert_eq!(burst(&flag, &[]), 4);
        assert_eq!(burst(&flag[2..], &variable), 4);
        // What only the file says stays.
        assert_eq!(served(&flag, &variable, file).limits.rooms_max, 7);
    }

    #[test]
    fn the_file_is_named_by_a_flag_or_a_variable() {
        let file = "history = 3";
        let variable = [("ROOMD_CONFIG", "roomd.toml")];
        assert_eq!(served(&[], &variable, file).limits.history, 3);
        let wrong = [("ROOMD_CONFIG", "other.toml")];
        assert_eq!(served(FILE, &wrong, file).limits.history, 3);
        assert_eq!(refused(&[], &wrong, file), "cannot read other.toml: entity not found");
        assert_eq!(served(&[], &[("ROOMD_CONFIG", "")], file), Settings::default());
        assert_eq!(
            refused(&["--config="], &variable, file),
            "a value is required for '--config <PATH>' but none was supplied (roomd --help lists what there is)"
        );
    }

    #[test]
    fn several_origins_come_from_each_source() {
        let flags = ["--origin", "https://A", "--origin", "http://b:80,http://c:1"];
        let variable = [("ROOMD_ORIGIN", "https://a,http://b, http://c:1")];
        let file = "origin = [\"https://a\", \"http://b\", \"http://c:1\"]";
        let origins = ["https://a", "http://b", "http://c:1"];
        assert_eq!(served(&flags, &[], "").origins, origins);
        assert_eq!(served(&[], &variable, "").origins, origins);
        assert_eq!(served(FILE, &[], file).origins, origins);
        let none = ["--config", "roomd.toml", "--origin="];
        assert_eq!(served(&none, &variable, file).origins, [""; 0]);
    }

    #[test]
    fn a_switch_can_be_taken_back() {
        let file = "echo_route = true";
        assert!(served(&["--echo-route"], &[], "").echo_route);
        assert!(served(FILE, &[], file).echo_route);
        let off = [("ROOMD_ECHO_ROUTE", "false")];
        assert!(!served(FILE, &off, file).echo_route);
        assert!(!served(&["--config=roomd.toml", "--echo-route=false"], &[], file).echo_route);
    }

    #[test]
    fn a_variable_that_nothing_reads_is_told_and_ignored() {
        let variables = [
            ("ROOMD_RATE_BRUST", "5"),
            ("ROOMD_", "x"),
            ("ROOMD_RATE_BRSUT", ""),
            ("roomd_ping", "x"),
            ("PATH", "/bin"),
            ("ROOMD_PING", "5s"),
        ];
        let (_, warnings) = ask(&[], &variables, "").unwrap();
        assert_eq!(
            warnings,
            ["ROOMD_ is not a setting, and is ignored", "ROOMD_RATE_BRUST is not a setting, and is ignored",]
        );
        let ping = served(&[], &variables, "").limits.ping;
        assert_eq!(ping, Duration::from_secs(5));
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let variables: Vec<_> = settings().iter().map(|setting| (setting.variable(), "")).collect();
        let variables: Vec<_> = variables.iter().map(|(name, value)| (&**name, *value)).collect();
        assert_eq!(served(&[], &variables, ""), Settings::default());
        assert_eq!(served(FILE, &variables, "rate_burst = 2\nslow = \"drop\"").limits.rate_burst, 2);
    }

    #[test]
    fn a_setting_without_effect_is_a_warning() {
        let warnings = |arguments: &[&str]| ask(arguments, &[], "").unwrap().1;
        assert_eq!(warnings(&["--proxy-protocol"]), ["--proxy-protocol has no effect without --trusted-proxy"]);
        assert_eq!(warnings(&["--proxy-protocol", "--trusted-proxy=10.0.0.1"]), [""; 0]);
        let issuer = warnings(&["--jwt-issuer=a", "--jwt-audience=b"]);
        assert_eq!(issuer[0], "--jwt-issuer has no effect without --jwt-key or --jwt-secret-file");
        assert_eq!(issuer[1], "--jwt-audience has no effect without --jwt-key or --jwt-secret-file");
        assert_eq!(warnings(&["--jwt-issuer=a", "--jwt-key=k"]), [""; 0]);
    }

    #[cfg(unix)]
    #[test]
    fn a_variable_that_is_not_utf_8_is_refused_by_name() {
        use std::os::unix::ffi::OsStringExt;
        let latin = OsString::from_vec(vec![0xe9]);
        let ping = server_variables(&[("ROOMD_PING".into(), latin.clone())]);
        assert_eq!(ping.unwrap_err(), "ROOMD_PING must be UTF-8");
        assert!(server_variables(&[(latin.clone(), latin)]).is_ok());
    }

    #[test]
    fn each_bad_value_is_one_sentence_that_names_its_source() {
        for (flag, sentence) in [
            ("--rate-burst=0", "--rate-burst must be a whole number from 1 to 1000000, not \"0\""),
            ("--rate-per-s=ten", "--rate-per-s must be a whole number from 0 to 1000000, not \"ten\""),
            ("--connections-max=0", "--connections-max must be a whole number from 1 to 1000000, not \"0\""),
            ("--rooms-max=-1", "--rooms-max must be a whole number from 1 to 1000000, not \"-1\""),
            ("--history=10001", "--history must be a whole number from 0 to 10000, not \"10001\""),
            (
                "--message-bytes=17MiB",
                "--message-bytes must be bytes from 1 to 16MiB, such as 65536, 64KiB or 1MiB, \
                 not \"17MiB\"",
            ),
            (
                "--line-bytes=15",
                "--line-bytes must be bytes from 16 to 64KiB, such as 65536, 64KiB or 1MiB, \
                 not \"15\"",
            ),
            ("--outbox-bytes=1MB", "--outbox-bytes must be bytes such as 65536, 64KiB or 1MiB, not \"1MB\""),
            ("--ping=54", "--ping must be a time with its unit, such as 54s, 2ms or 1m, not \"54\""),
            ("--write-timeout=0", "--write-timeout must be a time from 1ms to 1day, not \"0\""),
            ("--drain=25h", "--drain must be a time from 0 to 1day, not \"25h\""),
            ("--linger=101ms", "--linger must be a time from 0 to 100ms, not \"101ms\""),
            ("--slow=maybe", "--slow must be disconnect, drop or latest, not \"maybe\""),
            ("--echo-route=1", "--echo-route must be true or false, not \"1\""),
            ("--listen=8000", "--listen must be HOST:PORT or unix:PATH, not \"8000\""),
            ("--listen=unix:", "--listen must be HOST:PORT or unix:PATH, not \"unix:\" (the path is empty)"),
            ("--unix-mode=888", "--unix-mode must be permissions in octal such as 0660, at most 0777, not \"888\""),
            ("--base-path=chat", "--base-path must be a path such as /chat, not \"chat\""),
            ("--lines=no", "--lines must be HOST:PORT or unix:PATH or off, not \"no\""),
            ("--origin=a.org", "--origin must be scheme://host[:port], not \"a.org\""),
            (
                "--trusted-proxy=10.0.0.0/33",
                "--trusted-proxy must be a network or an address such as 10.0.0.0/8 or 192.0.2.7, \
                 not \"10.0.0.0/33\"",
            ),
        ] {
            assert_eq!(refused(&[flag], &[], ""), sentence);
            // The same through a variable and through the file, under the name it has there.
            let (name, value) = flag.trim_start_matches('-').split_once('=').unwrap();
            let setting = settings().iter().find(|s| s.name == name).unwrap();
            let variable = setting.variable();
            assert_eq!(refused(&[], &[(&variable, value)], ""), sentence.replacen(&setting.flag(), &variable, 1));
            let toml = match name {
                _ if setting.is_list() => format!("{} = [{value:?}]", setting.key()),
                _ => format!("{} = {value:?}", setting.key()),
            };
            let refusal = refused(FILE, &[], &toml);
            let label = format!("{} in roomd.toml, line 1, must be ", setting.key());
            assert!(refusal.starts_with(&label), "{refusal}");
        }
    }

    #[test]
    fn a_mistake_in_the_file_is_found_although_a_flag_covers_it() {
        assert_eq!(
            refused(&["--config=roomd.toml", "--history=1"], &[], "history = -1"),
            "history in roomd.toml, line 1, must be a whole number from 0 to 10000, not \"-1\""
        );
    }

    #[test]
    fn two_settings_that_do_not_fit_are_both_named() {
        for (arguments, variables, file, sentence) in [
            (
                &["--pong-timeout=50s"][..],
                &[][..],
                "",
                "--ping must be less than --pong-timeout (54s is not less than 50s)",
            ),
            (
                FILE,
                &[("ROOMD_PONG_TIMEOUT", "5m")],
                "ping = \"5m\"",
                "ping in roomd.toml, line 1, must be less than ROOMD_PONG_TIMEOUT (5m is not less than 5m)",
            ),
            (
                &["--message-bytes=1MiB"],
                &[],
                "",
                "--outbox-bytes must be at least --message-bytes and 1024 bytes more \
                 (1MiB is less than 1025KiB)",
            ),
            (
                &["--message-bytes=1"],
                &[("ROOMD_OUTBOX_BYTES", "4096")],
                "",
                "ROOMD_OUTBOX_BYTES must be at least --line-bytes and 1024 bytes more \
                 (4KiB is less than 5KiB)",
            ),
            (&["--listen=a:1", "--lines=a:1"], &[], "", "--listen and --lines must differ (both are a:1)"),
        ] {
            assert_eq!(refused(arguments, variables, file), sentence);
        }
        let fit = ["--message-bytes=1MiB", "--outbox-bytes=1025KiB"];
        assert_eq!(served(&fit, &[], "").limits.outbox_bytes, 1025 * 1024);
        served(&["--listen=localhost:0", "--lines=localhost:0"], &[], "");
    }
}
