//! The keys that sign the server's tokens: listing them, making another one, and revoking one.
//!
//! Called by `Admin::run` on the main thread. No key is shown itself, only its id.

use std::io::Write;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use roomd_client::AdminAccess;

use super::table::KEYS;
use super::{Admin, AdminCommand};

impl Admin {
    /// Does what the command says of keys.
    pub(super) fn keys(&self, access: AdminAccess<'_>, out: &mut dyn Write) -> Result<(), String> {
        match &self.what {
            AdminCommand::RotateKeys => {
                let made = self.ask(access, "POST", "keys", None)?;
                self.write(&[made], &KEYS, out)
            }
            AdminCommand::RevokeKey { key } => {
                let key = utf8_percent_encode(key, NON_ALPHANUMERIC);
                self.ask(access, "DELETE", &format!("keys/{key}"), None).map(drop)
            }
            _ => self.entries(access, ("admin/keys", "keys"), &KEYS, out),
        }
    }
}
