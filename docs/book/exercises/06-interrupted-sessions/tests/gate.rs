//! Who comes back is shown each message once, in order, whatever the order of the steps; and what waits is bounded.

use interrupted_sessions::{HELD_MAX, Resuming, Slow};
use roomd_race::{Search, Step, Trace, World, diagram, shrink};

/// The client has seen the first message of four when it comes back.
const SEEN: u64 = 1;
const STORED: u64 = 4;
/// What B says meanwhile.
const SAID: u64 = 2;
/// Messages of a page of the store.
const PAGE: u64 = 2;

/// `A` comes back: its connection is attached to the room, and its reader fetches a page and gives it to the client, until
/// nothing is missing. `B` speaks: the room stores the message, and delivers it if A is attached.
struct ComingBack {
    client: Resuming,
    is_attached: bool,
    /// A page that the reader has fetched and not given to the client yet.
    page: Option<Vec<u64>>,
    /// The number of the newest message in the store.
    stored: u64,
}

impl ComingBack {
    fn new() -> Self {
        Self { client: Resuming::new(SEEN), is_attached: false, page: None, stored: STORED }
    }

    fn speaks(&mut self) -> Result<(), String> {
        self.stored += 1;
        if !self.is_attached {
            return Ok(());
        }
        self.client.deliver(self.stored).map_err(|Slow| format!("message {} ends the connection", self.stored))
    }

    fn comes_back(&mut self) {
        if !self.is_attached {
            self.is_attached = true;
            self.client.attach(self.stored);
        } else if let Some(page) = self.page.take() {
            self.client.replay(&page);
        } else if let Some(after) = self.client.page_after() {
            self.page = Some((after + 1..=self.stored).take(PAGE as usize).collect());
        }
    }
}

impl World for ComingBack {
    fn enabled(&self) -> Vec<char> {
        let comes_back = !self.is_attached || self.page.is_some() || self.client.page_after().is_some();
        let speaks = self.stored < STORED + SAID;
        [('A', comes_back), ('B', speaks)].into_iter().filter(|(_, can)| *can).map(|(actor, _)| actor).collect()
    }

    fn step(&mut self, actor: char) -> Result<(), String> {
        match actor {
            'A' => self.comes_back(),
            _ => self.speaks()?,
        }
        let shown = self.client.shown();
        let expected: Vec<_> = (SEEN + 1..).take(shown.len()).collect();
        if shown == expected { Ok(()) } else { Err(format!("A has seen {SEEN}, and then {shown:?}")) }
    }

    fn finish(self) -> Result<(), String> {
        match SEEN + self.client.shown().len() as u64 {
            all if all == self.stored => Ok(()),
            some => Err(format!("A has seen {some} messages, and {} are stored", self.stored)),
        }
    }

    fn next_step(&self, actor: char) -> Step {
        Step::new(match actor {
            'A' if !self.is_attached => "is attached to the room".to_owned(),
            'A' if self.page.is_some() => "gives the page to the client".to_owned(),
            'A' => "fetches a page from the store".to_owned(),
            _ => format!("says message {}, which is stored and delivered", self.stored + 1),
        })
        .writes("everything")
    }

    fn state(&self) -> Vec<(String, String)> {
        vec![
            ("shown".to_owned(), format!("{:?}", self.client.shown())),
            ("page".to_owned(), self.page.as_ref().map_or("none".to_owned(), |page| format!("{page:?}"))),
        ]
    }
}

#[test]
fn each_message_is_shown_once_and_in_order_whatever_the_order_of_the_steps() {
    match Search::default().run(ComingBack::new) {
        Ok(tried) => assert!(tried.whole && tried.orders > 1, "{tried:?}"),
        Err(failure) => {
            let shrunk = shrink(ComingBack::new, &failure, 10_000).failure;
            panic!("{shrunk}\n{}", diagram(&Trace::of(ComingBack::new, &shrunk.order)));
        }
    }
}

#[test]
fn during_the_replay_a_bounded_number_of_messages_waits() {
    let mut client = Resuming::new(SEEN);
    client.attach(STORED);
    for number in (STORED + 1..).take(HELD_MAX) {
        assert_eq!(client.deliver(number), Ok(()));
    }
    assert!(client.shown().is_empty(), "nothing comes before what was missed");
    assert_eq!(client.deliver(STORED + 1 + HELD_MAX as u64), Err(Slow));
}

#[test]
fn behind_the_replay_nothing_waits() {
    let mut client = Resuming::new(STORED);
    client.attach(STORED);
    assert_eq!(client.page_after(), None, "nothing was missed");
    let numbers: Vec<_> = (STORED + 1..).take(3 * HELD_MAX).collect();
    for number in &numbers {
        assert_eq!(client.deliver(*number), Ok(()));
    }
    assert_eq!(client.shown(), numbers);
}
