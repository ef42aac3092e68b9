//! The tokens of hooks: drawn once, shown once, and kept as their SHA-256.
//!
//! Used by the engine and by `roomd hook`. A token has 128 random bits, so nobody finds it from its digest, and a slow
//! hash would gain nothing.

use sha2::{Digest as _, Sha256};

use crate::chat::Secret;
use crate::chat::hook::HookDigest;

/// A new token, 32 hexadecimal digits, and its digest.
///
/// # Errors
/// The system has no randomness to give.
pub fn draw() -> Result<(Secret, HookDigest), getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    let token = Secret::from(format!("{:032x}", u128::from_ne_bytes(bytes)).as_str());
    let digest = digest(&token);
    Ok((token, digest))
}

/// The digest under which a store knows a token.
#[must_use]
pub fn digest(token: &Secret) -> HookDigest {
    Sha256::digest(token.reveal().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_known_by_its_sha_256() {
        let (one, digest_of_one) = draw().unwrap();
        let (other, digest_of_other) = draw().unwrap();
        assert!(one != other && digest_of_one != digest_of_other);
        assert_eq!((one.reveal().len(), digest(&one)), (32, digest_of_one));
        // FIPS 180-2, appendix B.1.
        assert_eq!(digest(&Secret::from("abc"))[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}
