//! Publishes each argument as one message, and prints the number that the room gives it.
//!
//! `cargo run --example publish -- ws://127.0.0.1:8000 general build "it is green"`. Exits with 1 when
//! a message was not published; a message is published once, however often the connection is lost.

use std::process::ExitCode;

use roomd_client::{Client, Error, Options};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, room, user, texts @ ..] = &arguments[..] else {
        eprintln!("usage: publish URL ROOM USER TEXT…");
        return ExitCode::from(2);
    };
    match publish(url, room, user, texts) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("publish: {error}");
            ExitCode::FAILURE
        }
    }
}

fn publish(url: &str, room: &str, user: &str, texts: &[String]) -> Result<(), Error> {
    // A script needs no history, and must not wait forever.
    let options = Options { history: 0, retry_for: Some(std::time::Duration::from_secs(60)), ..Options::user(user) };
    let mut client = Client::connect(url, options)?;
    client.join(room)?;
    for text in texts {
        let sent = client.publish(room, text)?;
        println!("{} {}", sent.room, sent.seq);
    }
    client.close();
    Ok(())
}
