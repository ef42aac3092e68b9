//! Which connections are subscribed to which patterns: what a room asks when it opens.
//!
//! A tree over the levels of the patterns, so a name is looked up along its own levels, whatever other patterns there
//! are. One mutex, a leaf. A connection is entered first and then has the open rooms look; a room is in the hub's map
//! first and looks here then (`broker/matching.rs`): so of a subscription and an opening at the same moment one sees
//! the other, and a room lets a connection in once.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use crate::chat::members::MemberId;
use crate::chat::pattern::{self, Level, PATTERNS_MAX, Pattern};
use crate::chat::room::JoinRequest;
use crate::chat::{Code, Event, Identity, JoinOptions, Refusal, RoomName, Slow, Visibility};
use crate::engine::base::sync::Mutex;
use crate::engine::base::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::engine::clients::recipient::{Form, Recipient};
use crate::engine::users::endpoint::Endpoint;

/// See the module.
#[derive(Default)]
pub struct PatternIndex {
    state: Mutex<State>,
    /// How many subscribers there are: a room of a server without any looks no further.
    count: AtomicUsize,
}

#[derive(Default)]
struct State {
    tree: Node,
    /// By the number of the connection.
    subscribers: HashMap<u64, (Arc<PatternSubscriber>, Vec<Pattern>)>,
}

/// A level of the tree. No node is kept that leads to no subscriber.
#[derive(Default)]
struct Node {
    named: HashMap<Box<str>, Node>,
    one: Option<Box<Node>>,
    /// Those whose pattern ends here.
    here: Vec<Arc<PatternSubscriber>>,
    /// Those whose pattern has `>` here.
    rest: Vec<Arc<PatternSubscriber>>,
}

/// A connection that is subscribed to patterns.
pub struct PatternSubscriber {
    /// The number of the connection.
    pub number: u64,
    /// Its user.
    pub who: Identity,
    /// Whether it is sent its own messages.
    pub echo: bool,
    /// Where its events go.
    pub endpoint: Endpoint,
    /// Topics in which it is by a pattern, at most.
    topics_max: usize,
    topics: AtomicUsize,
    /// Whether it was told that a topic was left out, and has had no place for one since.
    is_told: AtomicBool,
}

/// A topic of a subscriber's, which counts until this is dropped.
pub struct TopicPermit(Arc<PatternSubscriber>);

impl TopicPermit {
    /// Whether it is this subscriber's.
    #[must_use]
    pub fn is_of(&self, subscriber: &Arc<PatternSubscriber>) -> bool {
        Arc::ptr_eq(&self.0, subscriber)
    }
}

impl Drop for TopicPermit {
    fn drop(&mut self) {
        self.0.topics.fetch_sub(1, Ordering::SeqCst);
    }
}

impl PatternSubscriber {
    /// The connection of this number and user, which may be in so many topics by patterns.
    #[must_use]
    pub fn new((number, who, echo): (u64, Identity, bool), endpoint: Endpoint, topics_max: usize) -> Arc<Self> {
        let (topics, is_told) = (AtomicUsize::new(0), AtomicBool::new(false));
        Arc::new(Self { number, who, echo, endpoint, topics_max, topics, is_told })
    }

    /// The number that it has as a member of any room that it is in by a pattern: none of a seat that the hub gives.
    #[must_use]
    pub fn member_of(connection: u64) -> MemberId {
        MemberId(connection | 1 << 63)
    }

    /// Whether its events are taken by code that has to run on a room's own thread.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        !self.endpoint.recipient.is_prompt()
    }

    /// A place for one more topic; `None`: there is none, which the client is told once until there is one again.
    #[must_use]
    pub fn permit(self: &Arc<Self>, room: &RoomName) -> Option<TopicPermit> {
        let more = |topics| (topics < self.topics_max).then_some(topics + 1);
        if self.topics.fetch_update(Ordering::SeqCst, Ordering::SeqCst, more).is_ok() {
            self.is_told.store(false, Ordering::SeqCst);
            return Some(TopicPermit(Arc::clone(self)));
        }
        if !self.is_told.swap(true, Ordering::SeqCst) {
            let max = self.topics_max;
            let message = format!("Patterns may be given {max} open topics at once; left out are {room} and others");
            let refusal = Refusal { room: Some(room.clone()), ..Refusal::new(Code::TooManyRooms, message) };
            // A client that cannot take it is being ended by its outbox.
            _ = self.endpoint.send(None, &Arc::new(Event::Refused(refusal)), Slow::Drop);
        }
        None
    }

    /// What joins a topic for it. `None`: its client's protocol has no form for topics that it has not named.
    #[must_use]
    pub fn joining(&self) -> Option<(Arc<dyn Recipient>, Form, JoinRequest)> {
        let form = match self.endpoint.form {
            Form::Bytes(encoding) => Form::Bytes(encoding.of_pattern()?),
            Form::Events => Form::Events,
        };
        let request = JoinRequest {
            echo: self.echo,
            visibility: Visibility::Matched,
            options: JoinOptions { history: Some(0), topic: true, ..JoinOptions::default() },
            ..JoinRequest::of(&self.who, self.number)
        };
        Some((Arc::clone(&self.endpoint.recipient), form, request))
    }
}

impl PatternIndex {
    /// Whether there is no subscriber.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.count.load(Ordering::SeqCst) == 0
    }

    /// Adds a pattern of a subscriber's.
    ///
    /// # Errors
    /// `bad_request`: it has this one already; `too_many_rooms`: it has as many as it may have.
    pub fn add(&self, subscriber: &Arc<PatternSubscriber>, pattern: &Pattern) -> Result<(), Refusal> {
        let mut state = self.state.lock();
        let State { tree, subscribers } = &mut *state;
        let entry = subscribers.entry(subscriber.number);
        let (_, patterns) = entry.or_insert_with(|| (Arc::clone(subscriber), Vec::new()));
        if patterns.contains(pattern) {
            return Err(Refusal::bad_request(format!("Already subscribed to {pattern}")));
        }
        if patterns.len() >= PATTERNS_MAX {
            let message = format!("A connection may be subscribed to {PATTERNS_MAX} patterns");
            return Err(Refusal::new(Code::TooManyRooms, message));
        }
        patterns.push(pattern.clone());
        tree.add(&pattern.levels().collect::<Vec<_>>(), subscriber);
        self.count.store(subscribers.len(), Ordering::SeqCst);
        Ok(())
    }

    /// Removes a pattern of a connection's; whether it had it.
    pub fn remove(&self, connection: u64, pattern: &Pattern) -> bool {
        let mut state = self.state.lock();
        let State { tree, subscribers } = &mut *state;
        let Some((_, patterns)) = subscribers.get_mut(&connection) else { return false };
        let Some(at) = patterns.iter().position(|one| one == pattern) else { return false };
        patterns.swap_remove(at);
        if patterns.is_empty() {
            subscribers.remove(&connection);
        }
        tree.remove(&pattern.levels().collect::<Vec<_>>(), connection);
        self.count.store(subscribers.len(), Ordering::SeqCst);
        true
    }

    /// The subscribers whose patterns match a room, in the order of their numbers, each once.
    #[must_use]
    pub fn matching(&self, room: &RoomName) -> Vec<Arc<PatternSubscriber>> {
        let Some(levels) = pattern::topic_levels(room).filter(|_| !self.is_empty()) else { return Vec::new() };
        let levels: Vec<_> = levels.collect();
        let mut found = BTreeMap::new();
        self.state.lock().tree.find(&levels, &mut found);
        found.into_values().collect()
    }

    /// The subscriber that this connection is, if one of its patterns matches the room.
    #[must_use]
    pub fn subscriber(&self, connection: u64, room: &RoomName) -> Option<Arc<PatternSubscriber>> {
        if self.is_empty() {
            return None;
        }
        let state = self.state.lock();
        let (subscriber, patterns) = state.subscribers.get(&connection)?;
        patterns.iter().any(|pattern| pattern.matches(room)).then(|| Arc::clone(subscriber))
    }
}

impl Node {
    fn add(&mut self, levels: &[Level<'_>], subscriber: &Arc<PatternSubscriber>) {
        match levels {
            [] => self.here.push(Arc::clone(subscriber)),
            [Level::Rest, ..] => self.rest.push(Arc::clone(subscriber)),
            [Level::One, others @ ..] => self.one.get_or_insert_default().add(others, subscriber),
            [Level::Named(name), others @ ..] => {
                self.named.entry((*name).into()).or_default().add(others, subscriber);
            }
        }
    }

    /// Removes a pattern of a connection's, and what then leads nowhere.
    fn remove(&mut self, levels: &[Level<'_>], connection: u64) {
        match levels {
            [] => self.here.retain(|one| one.number != connection),
            [Level::Rest, ..] => self.rest.retain(|one| one.number != connection),
            [Level::One, others @ ..] => {
                self.one.iter_mut().for_each(|next| next.remove(others, connection));
                self.one.take_if(|next| next.is_empty());
            }
            [Level::Named(name), others @ ..] => {
                let Some(next) = self.named.get_mut(*name) else { return };
                next.remove(others, connection);
                if next.is_empty() {
                    self.named.remove(*name);
                }
            }
        }
    }

    fn is_empty(&self) -> bool {
        self.named.is_empty() && self.one.is_none() && self.here.is_empty() && self.rest.is_empty()
    }

    fn find(&self, levels: &[&str], found: &mut BTreeMap<u64, Arc<PatternSubscriber>>) {
        let mut add = |subscribers: &[Arc<PatternSubscriber>]| {
            found.extend(subscribers.iter().map(|one| (one.number, Arc::clone(one))));
        };
        let Some((first, others)) = levels.split_first() else { return add(&self.here) };
        add(&self.rest);
        if let Some(next) = self.named.get(*first) {
            next.find(others, found);
        }
        if let Some(next) = &self.one {
            next.find(others, found);
        }
    }
}
