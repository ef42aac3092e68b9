//! `roomd tls self-signed`: a certificate for a trial, and what to do with it.
//!
//! Called by `main` on the main thread. Neither file may be there yet: a key that is in use is never
//! written over. The key can be read by its owner alone.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches, Command};

use roomd_tls::self_signed;

/// What is to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    /// Names and addresses that clients will use for the server.
    pub hosts: Vec<String>,
    /// Where the certificate goes.
    pub certificate: PathBuf,
    /// Where the key goes.
    pub key: PathBuf,
}

/// The command.
pub fn command() -> Command {
    let path = |name: &'static str, default: &'static str, help: &'static str| {
        let parser = OsStringValueParser::new().map(PathBuf::from);
        Arg::new(name).long(name).value_name("FILE").default_value(default).value_parser(parser).help(help)
    };
    let hosts = Arg::new("hosts").value_name("HOST").action(ArgAction::Append);
    let self_signed = Command::new("self-signed")
        .about("Make a certificate and its key that no authority has vouched for")
        .arg(hosts.help("Names and addresses of the server\n[default localhost, 127.0.0.1 and ::1]"))
        .arg(path("cert", "roomd-cert.pem", "Where the certificate goes, as PEM"))
        .arg(path("key", "roomd-key.pem", "Where its key goes, as PEM"));
    Command::new("tls").about("Make a certificate for a trial of TLS").subcommand_required(true).subcommand(self_signed)
}

/// What the arguments ask for.
pub fn read(matches: &ArgMatches) -> Order {
    let matches = matches.subcommand_matches("self-signed").unwrap_or(matches);
    let path = |name: &str| matches.get_one::<PathBuf>(name).cloned().unwrap_or_default();
    let hosts: Vec<String> = matches.get_many("hosts").into_iter().flatten().cloned().collect();
    let local = || ["localhost", "127.0.0.1", "::1"].map(str::to_owned).to_vec();
    let hosts = if hosts.is_empty() { local() } else { hosts };
    Order { hosts, certificate: path("cert"), key: path("key") }
}

/// Makes it.
#[must_use]
pub fn run(order: &Order) -> ExitCode {
    match make(order) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("roomd: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn make(Order { hosts, certificate, key }: &Order) -> Result<(), String> {
    let pair = self_signed(hosts)?;
    write(certificate, &pair.certificate, 0o644)?;
    if let Err(sentence) = write(key, &pair.key, 0o600) {
        // A certificate without its key is of no use, and would be in the way of the next attempt.
        _ = std::fs::remove_file(certificate);
        return Err(sentence);
    }
    let (certificate, key) = (certificate.display(), key.display());
    let said = writeln!(
        io::stdout(),
        "{certificate} and {key} are for {}, for a year. Next:\n\n    \
         roomd serve --tls-cert {certificate} --tls-key {key}\n    \
         roomd chat wss://{}:8000 --room lobby --ca {certificate}",
        hosts.join(", "),
        if hosts[0].contains(':') { format!("[{}]", hosts[0]) } else { hosts[0].clone() },
    );
    said.map_err(|error| format!("cannot write to standard output: {error}"))
}

fn write(path: &Path, text: &str, mode: u32) -> Result<(), String> {
    let file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()).and_then(|()| file.sync_all()));
    written.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => format!("{} is there already, and is not written over", path.display()),
        _ => format!("cannot write {}: {error}", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(arguments: &[&str]) -> Order {
        read(&command().try_get_matches_from([&["tls", "self-signed"], arguments].concat()).unwrap())
    }

    #[test]
    fn nothing_said_is_a_certificate_for_this_machine() {
        let order = asked(&[]);
        assert_eq!(order.hosts, ["localhost", "127.0.0.1", "::1"]);
        assert_eq!((order.certificate, order.key), ("roomd-cert.pem".into(), "roomd-key.pem".into()));
        let order = asked(&["chat.example", "--cert=a", "--key", "b", "10.0.0.1"]);
        assert_eq!(order.hosts, ["chat.example", "10.0.0.1"]);
        assert_eq!((order.certificate, order.key), ("a".into(), "b".into()));
    }
}
