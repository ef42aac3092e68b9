//! `--ca` and `--insecure`: whose certificates a client believes. The same for `chat` and for `load`.
//!
//! Read once, on the main thread. Without them it is those that the system trusts.

use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser};
use clap::{Arg, ArgAction, ArgMatches};

use roomd_tls::Trust;

/// The two flags.
pub fn flags() -> [Arg; 2] {
    let path = OsStringValueParser::new().map(PathBuf::from);
    let ca =
        "Through TLS, trust the certificates in this PEM file, and no others\n[default: those that the system trusts]";
    let insecure = "Through TLS, trust whoever answers: anybody in between can then read and change all";
    [
        Arg::new("ca").long("ca").value_name("FILE").value_parser(path).help(ca),
        Arg::new("insecure").long("insecure").action(ArgAction::SetTrue).conflicts_with("ca").help(insecure),
    ]
}

/// Whom to trust at this address.
///
/// # Errors
/// A sentence: the address is without TLS, where nobody can be trusted.
pub fn read(matches: &ArgMatches, url: &str) -> Result<Trust, String> {
    let ca = matches.get_one::<PathBuf>("ca").cloned();
    let (given, trust) = match ca {
        Some(path) => ("--ca", Trust::Only(path)),
        None if matches.get_flag("insecure") => ("--insecure", Trust::Anybody),
        None => return Ok(Trust::System),
    };
    let scheme = url.split("://").next().unwrap_or_default().to_ascii_lowercase();
    if matches!(scheme.as_str(), "wss" | "https") {
        return Ok(trust);
    }
    Err(format!("{given} is for TLS, and {url:?} is without: wss://…"))
}
