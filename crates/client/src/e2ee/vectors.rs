//! Tests of the whole module: the test vectors that the page passes too, and two devices that write to
//! each other.
//!
//! The vectors were made by the page's implementation (`tests/page/e2ee_vectors.mjs`).

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::Value;

use super::device::{self, Device};
use super::format::{encode_fields, from_base64};
use super::room_secret::RoomSecret;
use super::{
    DecryptError, DeviceTrust, Encryption, EncryptionState, ImportOutcome, ImportedKey, KeyStore, MessageContext,
};

fn vectors() -> Value {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/page/e2ee_vectors.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn hex(text: &Value) -> Vec<u8> {
    let digits = text.as_str().unwrap();
    (0..digits.len()).step_by(2).map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap()).collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn context(value: &Value) -> MessageContext<'_> {
    let edit = value["edit"] == true;
    MessageContext { room: text(&value["room"]), user: text(&value["user"]), mid: text(&value["mid"]), edit }
}

/// A user with the first key of the vectors' room.
fn reader(vectors: &Value) -> Encryption {
    let secret = &vectors["secrets"][0];
    let mut reader = Encryption::new(KeyStore::in_memory());
    let given = ImportedKey::from_link(text(&secret["fragment"])).unwrap();
    assert_eq!(reader.import_key(text(&secret["room"]), &given, false).unwrap(), ImportOutcome::Adopted);
    reader
}

#[test]
fn fields_are_joined_so() {
    for vector in list(&vectors()["fields"]) {
        let values: Vec<_> = list(&vector["fields"]).iter().map(|value| text(value).as_bytes()).collect();
        assert_eq!(encode_fields(&values), hex(&vector["bytes"]));
    }
}

#[test]
fn passphrases_and_secrets_make_these_keys() {
    let vectors = vectors();
    for vector in list(&vectors["passphrases"]) {
        let given = ImportedKey::from_passphrase(text(&vector["room"]), text(&vector["passphrase"])).unwrap();
        assert_eq!(given.secret.bytes(), hex(&vector["secret"]));
        assert_eq!(given.secret.kid(text(&vector["room"]), 1).to_string(), text(&vector["kid"]));
    }
    for vector in list(&vectors["secrets"]) {
        let given = ImportedKey::from_link(&format!("http://a/chat/x{}", text(&vector["fragment"]))).unwrap();
        assert_eq!(given.secret.bytes(), hex(&vector["secret"]));
        let epoch = given.epoch.unwrap();
        assert_eq!(given.secret.kid(text(&vector["room"]), epoch).to_string(), text(&vector["kid"]));
    }
    for wrong in ["", "#key=", "#key=0.AAAA", "#key=1.AAAA", &format!("#key=01.{}", "A".repeat(43))] {
        assert!(ImportedKey::from_link(wrong).is_err(), "{wrong}");
    }
    assert!(ImportedKey::from_passphrase("x", " 1234567 ").is_err());
}

#[test]
fn devices_have_these_names_and_this_safety_number() {
    let vectors = vectors();
    let key = |device: &Value| from_base64(text(&device["signing_public"])).unwrap();
    let [ann, bob] = list(&vectors["devices"]) else { panic!("two devices") };
    assert_eq!(device::id(&key(ann)), text(&ann["id"]));
    let (of_ann, of_bob) = (key(ann), key(bob));
    for pair in [[("Ann", &of_ann), ("Bob", &of_bob)], [("Bob", &of_bob), ("Ann", &of_ann)]] {
        let [one, other] = pair.map(|(user, key)| (user, &key[..]));
        assert_eq!(device::safety_number(one, other), text(&vectors["safety_number"]));
    }
}

#[test]
fn these_messages_decrypt() {
    let vectors = vectors();
    let mut reader = reader(&vectors);
    for message in list(&vectors["messages"]) {
        let decrypted = reader.decrypt(context(message), 1, &message["cipher"]).unwrap();
        assert_eq!(
            (decrypted.text.as_deref(), &*decrypted.device),
            (message["text"].as_str(), text(&message["device"]))
        );
    }
}

#[test]
fn these_do_not_and_the_reason_is_named() {
    let vectors = vectors();
    for refused in list(&vectors["refused"]) {
        let reason = reader(&vectors).decrypt(context(refused), 1, &refused["cipher"]).unwrap_err();
        assert_eq!(reason.as_str(), text(&refused["reason"]), "{}", refused["what"]);
    }
}

#[test]
fn a_wrapped_key_is_unwrapped_by_its_device_alone() {
    let vectors = vectors();
    let own = |vector: &Value| {
        let (private, public) =
            (hex(&vector["signing_private"]), from_base64(text(&vector["signing_public"])).unwrap());
        let signing =
            EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &private, &public).unwrap();
        Device::of(signing, &hex(&vector["agreement_private"])).unwrap()
    };
    let [ann, bob] = list(&vectors["devices"]) else { panic!("two devices") };
    let wrapped = &vectors["wrapped"];
    let rekey = serde_json::from_value(wrapped["rekey"].clone()).unwrap();
    let secret = own(bob).unwrap_secret(text(&wrapped["room"]), &rekey);
    assert_eq!(secret.as_ref().map(RoomSecret::bytes), Some(&hex(&wrapped["secret"])[..]));
    assert_eq!(own(bob).agreement_public(), from_base64(text(&bob["agreement_public"])).unwrap());
    assert!(own(bob).unwrap_secret("other", &rekey).is_none());
    assert!(own(ann).unwrap_secret(text(&wrapped["room"]), &rekey).is_none());
}

#[test]
fn a_device_reads_what_another_writes_and_recognises_it() {
    let vectors = vectors();
    let room = text(&vectors["secrets"][0]["room"]);
    let [mut ann, mut bob, impostor] = [(); 3].map(|()| reader(&vectors));
    let at = |user, mid| MessageContext { room, user, mid, edit: false };
    let cipher = ann.encrypt(at("Ann", "m1"), "hi \u{2028}").unwrap().to_value();
    let decrypted = bob.decrypt(at("Ann", "m1"), 1, &cipher).unwrap();
    assert_eq!(
        (decrypted.text.as_deref(), decrypted.trust, decrypted.late),
        (Some("hi \u{2028}"), DeviceTrust::Known, false)
    );
    assert_eq!(bob.decrypt(at("Ann", "m1"), 2, &cipher), Err(DecryptError::Replayed));
    let strange = impostor.encrypt(at("Ann", "m2"), "I am Ann").unwrap().to_value();
    assert_eq!(bob.decrypt(at("Ann", "m2"), 3, &strange).unwrap().trust, DeviceTrust::New);
    // They compare.
    let [(number, DeviceTrust::Known), (other, DeviceTrust::New)] = &bob.safety_numbers("Bob", "Ann")[..] else {
        panic!()
    };
    let from_bob = bob.encrypt(at("Bob", "m3"), "and I am Bob").unwrap().to_value();
    ann.decrypt(at("Bob", "m3"), 4, &from_bob).unwrap();
    assert_eq!(ann.safety_numbers("Ann", "Bob")[0].0, *number);
    assert_ne!(number, other);
    assert!(bob.mark_verified("Bob", "Ann", number).unwrap() && !bob.mark_verified("Bob", "Ann", "1").unwrap());
    let again = ann.encrypt(at("Ann", "m5"), "again").unwrap().to_value();
    assert_eq!(bob.decrypt(at("Ann", "m5"), 5, &again).unwrap().trust, DeviceTrust::Verified);
}

#[test]
fn another_key_is_adopted_only_when_the_user_says_so() {
    let vectors = vectors();
    let room = text(&vectors["secrets"][0]["room"]);
    let mut ann = reader(&vectors);
    let [first, second] = [0, 1].map(|i| ImportedKey::from_link(text(&vectors["secrets"][i]["fragment"])).unwrap());
    assert_eq!(ann.import_key(room, &first, false).unwrap(), ImportOutcome::Unchanged);
    assert_eq!(ann.import_key(room, &second, false).unwrap(), ImportOutcome::Conflict);
    assert_eq!(ann.import_key(room, &second, true).unwrap(), ImportOutcome::Adopted);
    assert_eq!(ann.import_key(room, &first, false).unwrap(), ImportOutcome::Superseded);
    assert_eq!(ann.state(room), EncryptionState::On);
    assert_eq!(ann.state("other"), EncryptionState::Off);
    assert!(ann.encrypt(MessageContext { room: "other", user: "Ann", mid: "m", edit: false }, "x").is_none());
    let at = MessageContext { room, user: "Ann", mid: "m", edit: false };
    assert!(ann.announce(at).unwrap().is_some());
    assert!(ann.announce(at).unwrap().is_none(), "once a key");
}
