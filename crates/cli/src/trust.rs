//! `--ca` and `--insecure`: whose certificates a client trusts. The same for `chat` and for `load`.
//!
//! Parsed once, on the main thread. Without them a client trusts what the system trusts.

use std::path::PathBuf;

use clap::Args;

use roomd_tls::Trust;

/// The two flags, to be flattened into the arguments of a command, or of one that has commands of its
/// own.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustArguments {
    /// Through TLS, trust the certificates in this PEM file, and no others
    /// [default: those that the system trusts]
    #[arg(long, value_name = "FILE", verbatim_doc_comment, global = true)]
    ca: Option<PathBuf>,
    /// Through TLS, accept any certificate: anybody in between can then read and change all
    #[arg(long, conflicts_with = "ca", global = true)]
    insecure: bool,
}

impl TrustArguments {
    /// Which certificates to trust at this address.
    ///
    /// # Errors
    /// A sentence: the address is without TLS, where no certificate is presented.
    pub fn trust(self, url: &str) -> Result<Trust, String> {
        let (given, trust) = match self.ca {
            Some(path) => ("--ca", Trust::Only(path)),
            None if self.insecure => ("--insecure", Trust::Anybody),
            None => return Ok(Trust::System),
        };
        let scheme = url.split("://").next().unwrap_or_default().to_ascii_lowercase();
        if matches!(scheme.as_str(), "wss" | "https") {
            return Ok(trust);
        }
        Err(format!("{given} is for TLS, and {url:?} is without: wss://…"))
    }
}
