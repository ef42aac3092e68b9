//! The signature of a delivery: Standard Webhooks 1.0.0, symmetric.
//!
//! What is signed is `id.timestamp.body`, with HMAC-SHA256. Pure, but for a secret that is drawn.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::sender::SignedDelivery;
use crate::chat::Secret;

/// What a secret begins with, before its key in base64.
const PREFIX: &str = "whsec_";

/// A new secret, of 256 random bits.
///
/// # Errors
/// The system has no randomness to give.
pub fn draw_secret() -> Result<Secret, getrandom::Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)?;
    Ok(Secret::from(format!("{PREFIX}{}", STANDARD.encode(key)).as_str()))
}

/// Signs a delivery at this time, in seconds since 1970.
///
/// # Panics
/// Never: a key may have any length.
#[must_use]
pub fn sign(secret: &Secret, id: String, timestamp: u64, body: Vec<u8>) -> SignedDelivery {
    let text = secret.reveal();
    let key = STANDARD.decode(text.strip_prefix(PREFIX).unwrap_or(text)).unwrap_or_default();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("a key may have any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(&body);
    let signature = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
    SignedDelivery { id, timestamp, signature, body }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_that_of_the_reference_libraries() {
        let secret = Secret::from("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", br#"{"test": 2432232314}"#);
        let signed = sign(&secret, id.to_owned(), 1_614_265_330, body.to_vec());
        assert_eq!(signed.signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let drawn = draw_secret().unwrap();
        assert!(drawn.reveal().starts_with(PREFIX) && drawn != draw_secret().unwrap());
    }
}
