//! A history that retention shortens while its room is live.

use std::sync::atomic::Ordering;

use roomd::chat::End;
use serde_json::json;

use crate::client::Client;
use crate::server::{Faults, TestServer};
use crate::wire::Wire;

#[test]
fn what_retention_has_removed_is_not_shown_to_those_who_join_later() {
    let server = TestServer::new(&Faults::none());
    let seqs = |client: &Client| -> Vec<u64> {
        let events = client.events();
        events.iter().filter(|event| event["type"] == "message").filter_map(|event| event["seq"].as_u64()).collect()
    };
    let mut ann = server.enter("Ann", Wire::good());
    ann.join(&json!({"type": "join", "room": "den"}));
    for text in ["one", "two", "three"] {
        ann.ask(json!({"type": "message", "room": "den", "message": text}));
    }
    let mut bob = server.enter("Bob", Wire::good());
    bob.join(&json!({"type": "join", "room": "den", "history": 10}));
    assert_eq!(seqs(&bob), [1, 2, 3]);
    server.pruned.store(2, Ordering::Relaxed);
    let mut cy = server.enter("Cy", Wire::good());
    cy.join(&json!({"type": "join", "room": "den", "history": 10}));
    assert_eq!(seqs(&cy), [3]);
    let asked = cy.ask(json!({"type": "history", "room": "den"}));
    [&mut ann, &mut bob, &mut cy].into_iter().for_each(|client| client.close(End::Closing));
    let answers = cy.answers(&asked);
    assert_eq!((answers.len(), answers[0]["messages"].as_array().unwrap().len()), (1, 1));
    server.close(&["Ann", "Bob", "Cy"]);
}
