//! `roomd tls self-signed`: makes a certificate for a trial, and says how to use it.
//!
//! Called by `main` on the main thread. Neither file may exist yet: a key that is in use is never
//! overwritten. Only the owner of the key's file can read it.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use roomd_tls::self_signed;

/// Make a certificate for a trial of TLS
#[derive(Debug, Parser)]
#[command(name = "tls", arg_required_else_help = false)]
pub struct TlsArguments {
    #[command(subcommand)]
    pub command: TlsCommand,
}

/// The commands below `roomd tls`. Help is made of the comments.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum TlsCommand {
    /// Make a certificate and its key that no authority has vouched for
    SelfSigned(SelfSignedOptions),
}

/// A certificate that is to be made.
#[derive(Args, Clone, Debug, PartialEq, Eq)]
pub struct SelfSignedOptions {
    /// Names and addresses of the server
    #[arg(value_name = "HOST", default_values = ["localhost", "127.0.0.1", "::1"])]
    pub hosts: Vec<String>,
    /// Where the certificate goes, as PEM
    #[arg(long = "cert", value_name = "FILE", default_value = "roomd-cert.pem")]
    pub certificate: PathBuf,
    /// Where its key goes, as PEM
    #[arg(long, value_name = "FILE", default_value = "roomd-key.pem")]
    pub key: PathBuf,
}

/// Carries out the command.
#[must_use]
pub fn run(TlsCommand::SelfSigned(options): &TlsCommand) -> ExitCode {
    match make(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(sentence) => {
            eprintln!("roomd: {sentence}");
            ExitCode::FAILURE
        }
    }
}

fn make(SelfSignedOptions { hosts, certificate, key }: &SelfSignedOptions) -> Result<(), String> {
    let pair = self_signed(hosts)?;
    write(certificate, &pair.certificate, 0o644)?;
    if let Err(sentence) = write(key, &pair.key, 0o600) {
        // A certificate without its key is of no use, and would be in the way of the next attempt.
        _ = std::fs::remove_file(certificate);
        return Err(sentence);
    }
    let (certificate, key) = (certificate.display(), key.display());
    // Without an address the server listens on this machine alone, whoever the certificate is for.
    let others = hosts.iter().any(|host| !is_of_this_machine(host));
    let listen = if others { "--listen 0.0.0.0:8000 --guests on " } else { "" };
    let said = writeln!(
        io::stdout(),
        "{certificate} and {key} are for {}, for a year. Next:\n\n    \
         roomd serve {listen}--tls-cert {certificate} --tls-key {key}\n    \
         roomd chat wss://{}:8000 --room lobby --ca {certificate}",
        hosts.join(", "),
        if hosts[0].contains(':') { format!("[{}]", hosts[0]) } else { hosts[0].clone() },
    );
    said.map_err(|error| format!("cannot write to standard output: {error}"))
}

/// Whether only this machine is reached by this name or address.
fn is_of_this_machine(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
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

    fn asked(arguments: &[&str]) -> SelfSignedOptions {
        let parsed = TlsArguments::try_parse_from([&["tls", "self-signed"], arguments].concat()).unwrap();
        let TlsCommand::SelfSigned(options) = parsed.command;
        options
    }

    #[test]
    fn names_of_this_machine_need_no_public_address() {
        for (host, is_own) in
            [("localhost", true), ("127.0.0.1", true), ("::1", true), ("10.0.0.7", false), ("a.org", false)]
        {
            assert_eq!(is_of_this_machine(host), is_own, "{host}");
        }
    }

    #[test]
    fn without_arguments_the_certificate_is_for_this_machine() {
        let options = asked(&[]);
        assert_eq!(options.hosts, ["localhost", "127.0.0.1", "::1"]);
        assert_eq!((options.certificate, options.key), ("roomd-cert.pem".into(), "roomd-key.pem".into()));
        let options = asked(&["chat.example", "--cert=a", "--key", "b", "10.0.0.1"]);
        assert_eq!(options.hosts, ["chat.example", "10.0.0.1"]);
        assert_eq!((options.certificate, options.key), ("a".into(), "b".into()));
    }
}
