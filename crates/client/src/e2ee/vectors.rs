//! The known answers that the page is checked against too, and what two devices do with each other.
//!
//! Tests of the whole module. The vectors were made by the page's implementation
//! (`tests/page/e2ee_vectors.mjs`); what is written here is read by it in `tests/client/encrypted.rs`.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::Value;

use super::device::{self, Device};
use super::format::{fields, from_base64};
use super::room_secret::Secret;
use super::{Encryption, Given, Keyring, Place, Standing, Taken, Trust, Unreadable};

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

fn place(value: &Value) -> Place<'_> {
    let edit = value["edit"] == true;
    Place { room: text(&value["room"]), user: text(&value["user"]), mid: text(&value["mid"]), edit }
}

/// Somebody with the first key of the vectors' room.
fn reader(vectors: &Value) -> Encryption {
    let secret = &vectors["secrets"][0];
    let mut reader = Encryption::new(Keyring::in_memory());
    let given = Given::link(text(&secret["fragment"])).unwrap();
    assert_eq!(reader.give(text(&secret["room"]), &given, false).unwrap(), Taken::Now);
    reader
}

#[test]
fn fields_are_joined_so() {
    for vector in list(&vectors()["fields"]) {
        let values: Vec<_> = list(&vector["fields"]).iter().map(|value| text(value).as_bytes()).collect();
        assert_eq!(fields(&values), hex(&vector["bytes"]));
    }
}

#[test]
fn passphrases_and_secrets_make_these_keys() {
    let vectors = vectors();
    for vector in list(&vectors["passphrases"]) {
        let given = Given::passphrase(text(&vector["room"]), text(&vector["passphrase"])).unwrap();
        assert_eq!(given.secret.bytes(), hex(&vector["secret"]));
        assert_eq!(given.secret.kid(text(&vector["room"]), 1).to_string(), text(&vector["kid"]));
    }
    for vector in list(&vectors["secrets"]) {
        let given = Given::link(&format!("http://a/chat/x{}", text(&vector["fragment"]))).unwrap();
        assert_eq!(given.secret.bytes(), hex(&vector["secret"]));
        let epoch = given.epoch.unwrap();
        assert_eq!(given.secret.kid(text(&vector["room"]), epoch).to_string(), text(&vector["kid"]));
    }
    for wrong in ["", "#key=", "#key=0.AAAA", "#key=1.AAAA", &format!("#key=01.{}", "A".repeat(43))] {
        assert!(Given::link(wrong).is_err(), "{wrong}");
    }
    assert!(Given::passphrase("x", " 1234567 ").is_err());
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
fn these_messages_open() {
    let vectors = vectors();
    let mut reader = reader(&vectors);
    for message in list(&vectors["messages"]) {
        let opened = reader.open(place(message), 1, &message["cipher"]).unwrap();
        assert_eq!((opened.text.as_deref(), &*opened.device), (message["text"].as_str(), text(&message["device"])));
    }
}

#[test]
fn these_do_not_and_say_why() {
    let vectors = vectors();
    for refused in list(&vectors["refused"]) {
        let reason = reader(&vectors).open(place(refused), 1, &refused["cipher"]).unwrap_err();
        assert_eq!(reason.as_str(), text(&refused["reason"]), "{}", refused["what"]);
    }
}

#[test]
fn a_wrapped_key_opens_for_its_device_and_for_nobody_else() {
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
    let secret = own(bob).unwrap(text(&wrapped["room"]), &rekey);
    assert_eq!(secret.as_ref().map(Secret::bytes), Some(&hex(&wrapped["secret"])[..]));
    assert_eq!(own(bob).agreement_public(), from_base64(text(&bob["agreement_public"])).unwrap());
    assert!(own(bob).unwrap("other", &rekey).is_none());
    assert!(own(ann).unwrap(text(&wrapped["room"]), &rekey).is_none());
}

#[test]
fn what_one_device_writes_another_reads_and_knows_again() {
    let vectors = vectors();
    let room = text(&vectors["secrets"][0]["room"]);
    let [mut ann, mut bob, impostor] = [(); 3].map(|()| reader(&vectors));
    let at = |user, mid| Place { room, user, mid, edit: false };
    let cipher = ann.seal(at("Ann", "m1"), "hi \u{2028}").unwrap().to_value();
    let opened = bob.open(at("Ann", "m1"), 1, &cipher).unwrap();
    assert_eq!((opened.text.as_deref(), opened.trust, opened.late), (Some("hi \u{2028}"), Trust::Known, false));
    assert_eq!(bob.open(at("Ann", "m1"), 2, &cipher), Err(Unreadable::Repeated));
    let strange = impostor.seal(at("Ann", "m2"), "I am Ann").unwrap().to_value();
    assert_eq!(bob.open(at("Ann", "m2"), 3, &strange).unwrap().trust, Trust::New);
    // They compare.
    let [(number, Trust::Known), (other, Trust::New)] = &bob.safety_numbers("Bob", "Ann")[..] else { panic!() };
    let from_bob = bob.seal(at("Bob", "m3"), "and I am Bob").unwrap().to_value();
    ann.open(at("Bob", "m3"), 4, &from_bob).unwrap();
    assert_eq!(ann.safety_numbers("Ann", "Bob")[0].0, *number);
    assert_ne!(number, other);
    assert!(bob.verified("Bob", "Ann", number).unwrap() && !bob.verified("Bob", "Ann", "1").unwrap());
    let again = ann.seal(at("Ann", "m5"), "again").unwrap().to_value();
    assert_eq!(bob.open(at("Ann", "m5"), 5, &again).unwrap().trust, Trust::Verified);
}

#[test]
fn another_key_is_taken_only_when_the_user_says_so() {
    let vectors = vectors();
    let room = text(&vectors["secrets"][0]["room"]);
    let mut ann = reader(&vectors);
    let [first, second] = [0, 1].map(|i| Given::link(text(&vectors["secrets"][i]["fragment"])).unwrap());
    assert_eq!(ann.give(room, &first, false).unwrap(), Taken::Same);
    assert_eq!(ann.give(room, &second, false).unwrap(), Taken::Other);
    assert_eq!(ann.give(room, &second, true).unwrap(), Taken::Now);
    assert_eq!(ann.give(room, &first, false).unwrap(), Taken::Older);
    assert_eq!(ann.standing(room), Standing::Ready);
    assert_eq!(ann.standing("other"), Standing::Plain);
    assert!(ann.seal(Place { room: "other", user: "Ann", mid: "m", edit: false }, "x").is_none());
    let at = Place { room, user: "Ann", mid: "m", edit: false };
    assert!(ann.announce(at).unwrap().is_some());
    assert!(ann.announce(at).unwrap().is_none(), "once a key");
}
