//! A client that takes another name while it talks.

use roomd_client::{Client, Error, Event};

use crate::harness::{TestServer, in_room, next_message, wait_for};

/// Waits until the client is there under this name.
fn wait_for_name(client: &mut Client, name: &str) {
    wait_for(client, |event| matches!(event, Event::Online { user } if user == name).then_some(()));
}

#[test]
fn a_client_goes_on_in_its_rooms_under_another_name() {
    let server = TestServer::start();
    let mut bob = in_room(&server.url(), "Bob", "r");
    let mut ann = in_room(&server.url(), "Ann", "r");
    ann.publish("r", "before").unwrap();
    ann.rename("Cleo", None).unwrap();
    wait_for_name(&mut ann, "Cleo");
    ann.publish("r", "after").unwrap();
    let said = [next_message(&mut bob), next_message(&mut bob)].map(|message| (message.user, message.text.unwrap()));
    assert_eq!(said, [("Ann", "before"), ("Cleo", "after")].map(|(user, text)| (user.to_owned(), text.to_owned())));
    // The old name is gone at once, and not kept for somebody who might come back.
    assert_eq!(
        bob.members("r").unwrap().members.iter().map(|member| &*member.user).collect::<Vec<_>>(),
        ["Bob", "Cleo"]
    );
    assert_eq!(ann.user(), "Cleo");
}

#[test]
fn what_can_be_no_name_changes_nothing() {
    let server = TestServer::start();
    let mut ann = in_room(&server.url(), "Ann", "r");
    assert!(matches!(ann.rename("a b", None), Err(Error::Invalid(_))));
    ann.publish("r", "still Ann").unwrap();
    assert_eq!(next_message(&mut ann).user, "Ann");
}

#[cfg(feature = "jwt")]
#[test]
fn a_name_that_is_somebody_elses_is_refused_and_the_one_before_stays() {
    let server = TestServer::start();
    let engine = server.engine();
    engine.auth.claim(&roomd::chat::UserName::parse("Cleo").unwrap(), None, engine.clock.now().at, || false).unwrap();
    let mut ann = in_room(&server.url(), "Ann", "r");
    ann.rename("Cleo", None).unwrap();
    let refusal = wait_for(&mut ann, |event| match event {
        Event::Refused(refusal) => Some(refusal),
        _ => None,
    });
    assert_eq!(refusal.code, "name_taken");
    wait_for_name(&mut ann, "Ann");
    ann.publish("r", "still here").unwrap();
    assert_eq!(next_message(&mut ann).user, "Ann");
}
