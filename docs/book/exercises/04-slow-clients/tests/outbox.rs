//! What a client is given that reads slowly, and what becomes of the rest.

use slow_clients::{BACKLOG_MAX, Closed, Message, Outbox, Slow, Socket};

/// A socket with a buffer of so many bytes, whose client reads when the test says so.
struct Pipe {
    space: usize,
    received: String,
}

impl Pipe {
    fn new(space: usize) -> Self {
        Self { space, received: String::new() }
    }
}

impl Socket for Pipe {
    fn try_write(&mut self, bytes: &[u8]) -> usize {
        let count = bytes.len().min(self.space);
        self.space -= count;
        self.received.push_str(str::from_utf8(&bytes[..count]).expect("the tests send ASCII"));
        count
    }
}

/// A message without a key, and the end of a line behind it.
fn text(text: &str) -> Message {
    Message { key: None, text: format!("{text}\n") }
}

/// The newest price of a share.
fn price(share: &str, price: u32) -> Message {
    Message { key: Some(share.to_owned()), text: format!("{share}={price}\n") }
}

/// The client reads, and goes on reading until nothing waits; what it was sent since the last time.
fn read_all(outbox: &mut Outbox<Pipe>) -> String {
    outbox.socket().space = usize::MAX;
    outbox.flush();
    outbox.socket().space = 0;
    assert_eq!(outbox.waiting(), 0);
    std::mem::take(&mut outbox.socket().received)
}

#[test]
fn what_fits_is_written_at_once() {
    let mut outbox = Outbox::new(Pipe::new(100), Slow::Disconnect);
    outbox.send(text("one")).unwrap();
    outbox.send(text("two")).unwrap();
    assert_eq!(outbox.socket().received, "one\ntwo\n");
    assert_eq!(outbox.waiting(), 0);
}

#[test]
fn what_does_not_fit_waits_in_its_order() {
    let mut outbox = Outbox::new(Pipe::new(6), Slow::Disconnect);
    for message in ["one", "two", "three"] {
        outbox.send(text(message)).unwrap();
    }
    assert_eq!(outbox.socket().received, "one\ntw");
    assert_eq!(read_all(&mut outbox), "one\ntwo\nthree\n");
}

#[test]
fn beyond_the_bound_the_client_is_disconnected_or_messages_are_dropped() {
    let mut strict = Outbox::new(Pipe::new(0), Slow::Disconnect);
    let mut lossy = Outbox::new(Pipe::new(0), Slow::Drop);
    for number in 0..BACKLOG_MAX {
        strict.send(text(&number.to_string())).unwrap();
        lossy.send(text(&number.to_string())).unwrap();
    }
    assert_eq!(strict.send(text("too many")), Err(Closed));
    assert_eq!(strict.send(text("after the end")), Err(Closed));
    assert_eq!(lossy.send(text("too many")), Ok(()));
    assert_eq!(lossy.dropped(), 1);
    assert_eq!(read_all(&mut lossy), "0\n1\n2\n3\n");
}

#[test]
fn a_newer_price_takes_the_place_of_an_older_one() {
    let mut outbox = Outbox::new(Pipe::new(0), Slow::Latest);
    outbox.send(text("hello")).unwrap();
    for value in 1..=1_000 {
        outbox.send(price("ACME", value)).unwrap();
        outbox.send(price("BOLT", 2 * value)).unwrap();
    }
    assert_eq!(outbox.waiting(), 3);
    assert_eq!((outbox.conflated(), outbox.dropped()), (2 * 999, 0));
    assert_eq!(read_all(&mut outbox), "hello\nACME=1000\nBOLT=2000\n");
}

#[test]
fn the_client_never_reads_half_a_message() {
    // The socket has taken "ACM", and the client is in the middle of a line.
    let mut outbox = Outbox::new(Pipe::new(3), Slow::Latest);
    for value in 1..=5 {
        outbox.send(price("ACME", value)).unwrap();
    }
    assert_eq!(read_all(&mut outbox), "ACME=1\nACME=5\n");
    assert_eq!(outbox.conflated(), 3);

    // What was begun has been finished since, and the next that waits is whole.
    outbox.send(price("BOLT", 1)).unwrap();
    outbox.send(price("BOLT", 2)).unwrap();
    assert_eq!(read_all(&mut outbox), "BOLT=2\n");
}

#[test]
fn what_has_no_key_is_dropped_and_what_has_one_is_never_lost_silently() {
    let mut outbox = Outbox::new(Pipe::new(0), Slow::Latest);
    for share in ["A", "B", "C", "D"] {
        outbox.send(price(share, 1)).unwrap();
    }
    assert_eq!(outbox.send(text("hello")), Ok(()));
    assert_eq!(outbox.dropped(), 1);
    assert_eq!(outbox.send(price("C", 2)), Ok(()));
    assert_eq!(outbox.send(price("E", 1)), Err(Closed));
    assert_eq!(outbox.waiting(), BACKLOG_MAX);
}
