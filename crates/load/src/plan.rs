//! The plan of a load: everything that is decided before it begins.
//!
//! The command line makes a [`Plan`], and so do tests; [`run`](crate::run) reads it. Clients are numbered from 0. Client
//! `i` is in room `i % rooms`; the first `publishers` of each room publish, the last `slow` clients read slowly, and
//! those between leave, rejoin and are reset; with `publishers_too`, publishers are disturbed like all others.

use std::path::PathBuf;
use std::time::Duration;

use crate::message_tag::TAG_BYTES;
use crate::protocol::Protocol;
use roomd_tls::Trust;

const FROM_CLIENT: &str = "Message from client ";

/// See the module. `Plan::default()` is what `roomd load` does without flags.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where the server's HTTP port is: `HOST:PORT`.
    pub server: String,
    /// Further servers of the same history, likewise: clients are spread over all, and reconnect to the next.
    pub also: Vec<String>,
    /// Which certificates are trusted; `None` is without TLS.
    pub tls: Option<Trust>,
    /// Where its line port is: `HOST:PORT`. `None`: the same host, the next port.
    pub lines: Option<String>,
    /// The protocols that clients take in turn.
    pub protocols: Vec<Protocol>,
    /// Clients, each with a connection.
    pub clients: usize,
    /// Rooms, among which the clients are distributed.
    pub rooms: usize,
    /// What the rooms are called; with more than one, a number follows.
    pub room: String,
    /// Names that the clients share; 0: each has its own.
    pub users: usize,
    /// Members of each room that publish.
    pub publishers: usize,
    /// Messages a second of all publishers together.
    pub rate: u32,
    /// Messages in flight in each room, in place of a rate; 0: the rate counts.
    pub window: usize,
    /// Bytes of a message's text.
    pub size: usize,
    /// Keys of each room, which its messages have in turn, and for whose newest messages members join; 0: none.
    pub keys: usize,
    /// Further clients, each of which hears all rooms by one pattern.
    pub patterns: usize,
    /// Whether the members of each room that do not publish are a group, of which each message goes to one.
    pub group: bool,
    /// Messages begin with `Message from client i`, and are as long as that needs.
    pub from_client: bool,
    /// The time from the first to the last connection.
    pub ramp: Duration,
    /// How long messages are published.
    pub duration: Duration,
    /// How long messages in flight may take to arrive after that.
    pub drain: Duration,
    /// Members that leave their room and rejoin it, a second.
    pub churn: u32,
    /// Connections that are reset and replaced, a second.
    pub breaks: u32,
    /// Clients that read slowly.
    pub slow: usize,
    /// Bytes a second that a slow client reads.
    pub slow_bytes: usize,
    /// Further sockets that connect and send next to nothing.
    pub idle_sockets: usize,
    /// Whether a client that was closed because it is slow reconnects for what it missed.
    pub slow_return: bool,
    /// Whether the server may drain and be started again meanwhile: clients that it tells goodbye come back when it says.
    pub restart: bool,
    /// Whether servers and their database may fail meanwhile: a client whose connection breaks, or falls silent, goes to the
    /// next server, and sends again what was not acknowledged, also what was refused as `unavailable`.
    pub outages: bool,
    /// Whether publishers read slowly, leave and rejoin, and are reset too.
    pub publishers_too: bool,
    /// The most that a room without load may take to answer 99 of 100 queries; 0: no queries.
    pub probe: Duration,
    /// How long a bare loop of writes is measured before the load; 0: not at all.
    pub baseline: Duration,
    /// The file for what was asked and answered.
    pub history: Option<PathBuf>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            server: "127.0.0.1:8000".to_owned(),
            also: Vec::new(),
            tls: None,
            lines: None,
            protocols: vec![Protocol::Json],
            clients: 100,
            rooms: 1,
            room: "load".to_owned(),
            users: 0,
            publishers: 1,
            rate: 10,
            window: 0,
            size: 100,
            keys: 0,
            patterns: 0,
            group: false,
            from_client: false,
            ramp: Duration::ZERO,
            duration: Duration::from_secs(10),
            drain: Duration::from_secs(10),
            churn: 0,
            breaks: 0,
            slow: 0,
            slow_bytes: 1024,
            idle_sockets: 0,
            slow_return: false,
            restart: false,
            outages: false,
            publishers_too: false,
            probe: Duration::ZERO,
            baseline: Duration::ZERO,
            history: None,
        }
    }
}

impl Plan {
    /// 10 000 clients subscribed to the topic `test`, each of which publishes
    /// `{"topic":"test","message":"Message from client i"}` once a second.
    #[must_use]
    pub fn topic_10k() -> Self {
        Self {
            protocols: vec![Protocol::Topic],
            clients: 10_000,
            room: "test".to_owned(),
            publishers: 10_000,
            rate: 10_000,
            from_client: true,
            duration: Duration::from_secs(30),
            probe: Duration::from_millis(100),
            baseline: Duration::from_secs(2),
            ..Self::default()
        }
    }

    /// Checks that its parts fit together; the problem is a sentence about the flags.
    ///
    /// # Errors
    /// When two of its parts do not fit together.
    pub fn check(&self) -> Result<(), String> {
        if self.rooms > self.clients {
            return Err(format!("--rooms is {} and --clients only {}", self.rooms, self.clients));
        }
        let least = self.clients / self.rooms;
        if self.publishers > least {
            return Err(format!("--publishers is {} and a room has only {least} clients", self.publishers));
        }
        if self.slow > self.others() {
            let (slow, others) = (self.slow, self.others());
            let what = if self.publishers_too { "there are" } else { "do not publish" };
            return Err(format!("--slow is {slow} and only {others} clients {what}"));
        }
        if self.protocols == [Protocol::Lines] && self.publishers == least {
            return Err("--door lines needs clients that do not publish: a sender of lines does not receive them, \
                        and so no client would know their order"
                .to_owned());
        }
        if !self.also.is_empty() && self.protocols.contains(&Protocol::Lines) {
            return Err("--also is for doors by which a session can be resumed, and --door lines has none".to_owned());
        }
        if let Some(flag) = self.returning_flag()
            && self.protocols != [Protocol::Json]
        {
            return Err(format!("{flag} needs --door json: other clients cannot say what they have received"));
        }
        if self.keys > 0 && self.protocols != [Protocol::Json] {
            return Err("--latest needs --door json: no other can say a key".to_owned());
        }
        if self.group && self.protocols != [Protocol::Json] {
            return Err("--group needs --door json: of the others none says which message it has done".to_owned());
        }
        if let Some(flag) = self.returning_flag().filter(|_| self.group) {
            return Err(format!("--group and {flag} exclude each other: what waits for a group ends with the server"));
        }
        if self.group && (self.slow > 0 || self.publishers == least) {
            return Err("--group needs clients that do not publish, and none that read slowly".to_owned());
        }
        if let Some(flag) = self.returning_flag().filter(|_| self.patterns > 0) {
            return Err(format!(
                "--pattern and {flag} exclude each other: who hears rooms by a pattern is not sent what it missed"
            ));
        }
        if self.history.is_some() && self.protocols != [Protocol::Json] {
            return Err("--history needs --door json: of the others none says what became of a message".to_owned());
        }
        let others = [(self.keys > 0, "--latest"), (self.group, "--group"), (self.patterns > 0, "--pattern")];
        if let Some((_, flag)) = others.iter().find(|(is_given, _)| self.history.is_some() && *is_given) {
            return Err(format!(
                "--history and {flag} exclude each other: it is of members who are shown each message"
            ));
        }
        if (self.churn > 0 || self.breaks > 0) && self.churners().is_empty() {
            return Err("--churn and --breaks need clients that neither publish nor read slowly, \
                        or --publishers-too"
                .to_owned());
        }
        Ok(())
    }

    /// Whether clients come back from servers that end, and send again what was not acknowledged.
    #[must_use]
    pub fn comes_back(&self) -> bool {
        self.returning_flag().is_some()
    }

    /// The flag by which clients come back.
    fn returning_flag(&self) -> Option<&'static str> {
        let flags = [(self.restart, "--restart"), (self.outages, "--outages")];
        flags.into_iter().find_map(|(is_given, flag)| is_given.then_some(flag))
    }

    /// The server's name or address, as its certificate has it.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = self.server.rsplit_once(':').map_or(&*self.server, |(host, _)| host);
        host.trim_start_matches('[').trim_end_matches(']')
    }

    /// All clients: those that are in a room, and those that hear all rooms.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.clients + self.patterns
    }

    /// The client that connects in this place. Of those that hear all rooms, half are subscribed before any room is
    /// open, and half when all are.
    #[must_use]
    pub fn client_at(&self, place: usize) -> usize {
        let early = self.early_subscribers();
        match place {
            _ if place < early => self.clients + place,
            _ if place < early + self.clients => place - early,
            _ => place,
        }
    }

    /// How many connections may begin when so many are decided.
    #[must_use]
    pub fn may_begin(&self, decided: usize) -> usize {
        let early = self.early_subscribers();
        match decided {
            _ if decided < early => early,
            _ if decided < early + self.clients => early + self.clients,
            _ => self.connections(),
        }
    }

    fn early_subscribers(&self) -> usize {
        self.patterns.div_ceil(2)
    }

    /// Whether a client hears all rooms by a pattern.
    #[must_use]
    pub fn hears_all(&self, client: usize) -> bool {
        client >= self.clients
    }

    /// The pattern of all rooms.
    #[must_use]
    pub fn pattern(&self) -> String {
        format!("{}.*", self.room)
    }

    /// The room of this name.
    #[must_use]
    pub fn room_number(&self, name: &str) -> Option<usize> {
        let number = name.strip_prefix(&*self.room)?.strip_prefix('.')?.parse().ok()?;
        (number < self.rooms && name == self.room_name(number)).then_some(number)
    }

    /// The room of a client.
    #[must_use]
    pub fn room_of(&self, client: usize) -> usize {
        client % self.rooms
    }

    /// The protocol of a client: each room has clients of all protocols, if it has enough clients.
    #[must_use]
    pub fn protocol_of(&self, client: usize) -> Protocol {
        if self.hears_all(client) {
            return Protocol::Json;
        }
        self.protocols[client / self.rooms % self.protocols.len()]
    }

    /// Whether a client publishes.
    #[must_use]
    pub fn publishes(&self, client: usize) -> bool {
        !self.hears_all(client) && client / self.rooms < self.publishers
    }

    /// Whether a client is in its room's group.
    #[must_use]
    pub fn is_in_group(&self, client: usize) -> bool {
        self.group && !self.publishes(client) && !self.hears_all(client)
    }

    /// Whether a client reads slowly.
    #[must_use]
    pub fn is_slow(&self, client: usize) -> bool {
        client >= self.clients - self.slow && !self.hears_all(client)
    }

    /// The clients that leave and rejoin, and whose connections are reset.
    #[must_use]
    pub fn churners(&self) -> std::ops::Range<usize> {
        self.clients - self.others()..self.clients - self.slow
    }

    /// How many clients the disturbances may concern.
    fn others(&self) -> usize {
        if self.publishers_too { self.clients } else { self.clients - self.publishers * self.rooms }
    }

    /// The name of a room.
    #[must_use]
    pub fn room_name(&self, room: usize) -> String {
        match self.rooms {
            // A pattern matches levels, which dots separate.
            _ if self.patterns > 0 => format!("{}.{room}", self.room),
            1 => self.room.clone(),
            _ => format!("{}-{room}", self.room),
        }
    }

    /// The name of a client's user.
    #[must_use]
    pub fn user_name(&self, client: usize) -> String {
        let user = if self.users == 0 { client } else { client % self.users };
        format!("load-{user}")
    }

    /// The key of a room's message.
    #[must_use]
    pub fn key_of(&self, number: u32) -> Option<usize> {
        (number as usize).checked_rem(self.keys)
    }

    /// What precedes the tag in a client's messages.
    #[must_use]
    pub fn prefix(&self, client: usize) -> String {
        if self.from_client { format!("{FROM_CLIENT}{client} ") } else { String::new() }
    }

    /// Bytes of the text of a client's messages.
    #[must_use]
    pub fn text_bytes(&self, client: usize) -> usize {
        if !self.from_client {
            return self.size.max(TAG_BYTES);
        }
        let digits = client.checked_ilog10().unwrap_or(0) as usize + 1;
        FROM_CLIENT.len() + digits + 1 + TAG_BYTES
    }

    /// How many messages are due in this time, at the plan's rate.
    #[must_use]
    pub fn messages_due(&self, time: Duration) -> u64 {
        let publishers = if self.publishers == 0 { 0 } else { u128::from(self.rate) };
        u64::try_from(time.as_nanos() * publishers / 1_000_000_000).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_client_has_one_part() {
        let plan = Plan { clients: 10, rooms: 3, publishers: 2, slow: 2, ..Plan::default() };
        assert_eq!(plan.check(), Ok(()));
        for client in 0..10 {
            let parts = [plan.publishes(client), plan.churners().contains(&client), plan.is_slow(client)];
            assert_eq!(parts.iter().filter(|part| **part).count(), 1, "{client}");
        }
    }

    #[test]
    fn half_of_those_who_hear_all_rooms_come_before_the_rooms_are_open() {
        let plan = Plan { clients: 4, rooms: 2, patterns: 3, slow: 1, group: true, ..Plan::default() };
        assert_eq!((0..7).map(|place| plan.client_at(place)).collect::<Vec<_>>(), [4, 5, 0, 1, 2, 3, 6]);
        assert_eq!([0, 1, 2, 5, 6, 7].map(|decided| plan.may_begin(decided)), [2, 2, 6, 6, 7, 7]);
        for client in 4..7 {
            assert!(plan.hears_all(client) && !plan.publishes(client));
            assert!(!plan.is_slow(client) && !plan.is_in_group(client));
        }
        assert_eq!((plan.room_name(1), plan.pattern()), ("load.1".to_owned(), "load.*".to_owned()));
        let names = ["load.0", "load.1", "load.2", "load.01", "load-1", "load"];
        assert_eq!(names.map(|name| plan.room_number(name)), [Some(0), Some(1), None, None, None, None]);
    }

    #[test]
    fn parts_that_do_not_fit_are_a_sentence() {
        let of = |change: fn(&mut Plan)| {
            let mut plan = Plan::default();
            change(&mut plan);
            plan.check().unwrap_err()
        };
        assert_eq!(of(|plan| plan.rooms = 101), "--rooms is 101 and --clients only 100");
        assert_eq!(of(|plan| plan.publishers = 101), "--publishers is 101 and a room has only 100 clients");
        assert_eq!(of(|plan| plan.slow = 100), "--slow is 100 and only 99 clients do not publish");
        let lines = of(|plan| (plan.protocols, plan.publishers) = (vec![Protocol::Lines], 100));
        assert!(lines.starts_with("--door lines needs clients that do not publish"));
        assert!(
            of(|plan| (plan.restart, plan.protocols) = (true, vec![Protocol::Topic])).starts_with("--restart needs")
        );
        let outages = of(|plan| (plan.outages, plan.protocols) = (true, vec![Protocol::Text]));
        assert!(outages.starts_with("--outages needs --door json"));
        assert!(of(|plan| (plan.patterns, plan.outages) = (1, true)).starts_with("--pattern and --outages exclude"));
        let keys = of(|plan| (plan.protocols, plan.keys) = (vec![Protocol::Json, Protocol::Text], 3));
        let group = of(|plan| (plan.protocols, plan.group) = (vec![Protocol::Topic], true));
        assert!(group.starts_with("--group needs --door json"));
        assert!(of(|plan| (plan.group, plan.restart) = (true, true)).starts_with("--group and --restart exclude"));
        for change in [|plan: &mut Plan| plan.slow = 1, |plan: &mut Plan| plan.publishers = 100] {
            let mut plan = Plan { group: true, ..Plan::default() };
            change(&mut plan);
            assert!(plan.check().unwrap_err().starts_with("--group needs clients that do not publish"));
        }
        let history = of(|plan| (plan.protocols, plan.history) = (vec![Protocol::Text], Some("h.edn".into())));
        assert!(history.starts_with("--history needs --door json"));
        for (keys, group, patterns) in [(1, false, 0), (0, true, 0), (0, false, 1)] {
            let plan = Plan { history: Some("h.edn".into()), keys, group, patterns, ..Plan::default() };
            assert!(plan.check().unwrap_err().ends_with("it is of members who are shown each message"));
        }
        let pattern = of(|plan| (plan.patterns, plan.restart) = (1, true));
        assert!(pattern.starts_with("--pattern and --restart exclude each other"));
        assert_eq!(keys, "--latest needs --door json: no other can say a key");
        assert!(of(|plan| (plan.churn, plan.publishers) = (1, 100)).starts_with("--churn and --breaks need"));
    }

    #[test]
    fn the_topic_scenario_asks_for_a_hundred_million_deliveries_a_second() {
        let plan = Plan::topic_10k();
        assert_eq!(plan.check(), Ok(()));
        assert_eq!(u64::from(plan.rate) * plan.clients as u64, 100_000_000);
        assert_eq!(plan.prefix(17), "Message from client 17 ");
        for client in [0, 9, 10, 99, 9_999] {
            assert_eq!(plan.text_bytes(client), plan.prefix(client).len() + TAG_BYTES);
        }
    }
}
