//! The policies of all rooms, for readers that must not wake the rooms.
//!
//! One mutex over a map, a leaf like the hub's. A room's broker enters each policy as soon as it is in force, before
//! any client is told of it; readers look here before they read a room's history, so a query never has to open the
//! room, and a user who was removed reads nothing more. It is filled from the store when the server starts; what other
//! servers change is entered by the thread `subscriber`, and of two the later version stays.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::chat::policy::Policy;
use crate::chat::{Authors, RoomName, Time, UserName};
use crate::engine::base::sync::Mutex;
use crate::engine::metrics::Metrics;
use crate::engine::rooms::pattern_index::PatternIndex;
use crate::store::PolicyVersion;

/// See the module.
#[derive(Default)]
pub struct PolicyIndex {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    by_room: BTreeMap<RoomName, Entry>,
    /// The rooms on whose list a user is; users on none are not in it.
    by_user: BTreeMap<UserName, BTreeSet<RoomName>>,
}

struct Entry {
    policy: Arc<Policy>,
    version: PolicyVersion,
}

impl State {
    /// Replaces the policy of a room, and returns the old one.
    fn replace(&mut self, room: &RoomName, policy: Option<Arc<Policy>>, version: PolicyVersion) -> Option<Arc<Policy>> {
        let old = match &policy {
            Some(policy) => self.by_room.insert(room.clone(), Entry { policy: Arc::clone(policy), version }),
            None => self.by_room.remove(room),
        };
        let old = old.map(|entry| entry.policy);
        let is_on = |policy: &Option<Arc<Policy>>, user: &UserName| {
            policy.as_ref().is_some_and(|policy| policy.people().contains_key(user))
        };
        let people = |policy: &Option<Arc<Policy>>| -> Vec<UserName> {
            policy.iter().flat_map(|policy| policy.people().keys().cloned()).collect()
        };
        for user in people(&old).into_iter().filter(|user| !is_on(&policy, user)) {
            if let Some(rooms) = self.by_user.get_mut(&user) {
                rooms.remove(room);
                if rooms.is_empty() {
                    self.by_user.remove(&user);
                }
            }
        }
        for user in people(&policy).into_iter().filter(|user| !is_on(&old, user)) {
            self.by_user.entry(user).or_default().insert(room.clone());
        }
        old
    }
}

impl PolicyIndex {
    /// Adds the stored policies.
    pub fn fill(&self, policies: Vec<(RoomName, Policy)>) {
        let mut state = self.state.lock();
        for (room, policy) in policies {
            state.replace(&room, Some(Arc::new(policy)), PolicyVersion::default());
        }
    }

    /// The policy of a room, if it has one.
    #[must_use]
    pub fn policy(&self, room: &RoomName) -> Option<Arc<Policy>> {
        self.state.lock().by_room.get(room).map(|entry| Arc::clone(&entry.policy))
    }

    /// Replaces the policy of a room, unless a later one is known.
    pub fn enter(&self, room: &RoomName, policy: Option<Arc<Policy>>, version: PolicyVersion) {
        let old = {
            let mut state = self.state.lock();
            let is_later = |known: &Entry| known.version > version;
            if policy.is_some() && state.by_room.get(room).is_some_and(is_later) {
                return;
            }
            state.replace(room, policy, version)
        };
        // It may be large, and this the last reference: not under the lock.
        drop(old);
    }

    /// The rooms on whose list a user is, by name.
    #[must_use]
    pub fn listing(&self, user: &UserName) -> Vec<(RoomName, Arc<Policy>)> {
        let state = self.state.lock();
        let rooms = state.by_user.get(user).into_iter().flatten();
        rooms.filter_map(|room| Some((room.clone(), Arc::clone(&state.by_room.get(room)?.policy)))).collect()
    }

    /// The rooms that have a policy, by name.
    #[must_use]
    pub fn all(&self) -> Vec<(RoomName, Arc<Policy>)> {
        self.state.lock().by_room.iter().map(|(room, entry)| (room.clone(), Arc::clone(&entry.policy))).collect()
    }

    /// How many rooms have a policy, and how many of them belong to this user.
    #[must_use]
    pub fn count(&self, owner: &UserName) -> (usize, usize) {
        let policies = &self.state.lock().by_room;
        (policies.len(), policies.values().filter(|entry| entry.policy.owner() == Some(owner)).count())
    }
}

/// What others see of a live room without asking it.
#[derive(Clone, Default)]
pub struct RoomView {
    population: Arc<AtomicUsize>,
    /// When it was opened, in ms since 1970; 0: not yet.
    opened: Arc<AtomicU64>,
    policies: Arc<PolicyIndex>,
    /// Who is subscribed to rooms by patterns.
    pub patterns: Arc<PatternIndex>,
    /// The figures of the server.
    pub metrics: Arc<Metrics>,
    /// What is known of the authors of events.
    pub authors: Authors,
}

impl RoomView {
    /// The view of a room that is being opened.
    #[must_use]
    pub fn new(
        (policies, patterns): (&Arc<PolicyIndex>, &Arc<PatternIndex>),
        metrics: &Arc<Metrics>,
        authors: &Authors,
    ) -> Self {
        let (policies, patterns, metrics) = (Arc::clone(policies), Arc::clone(patterns), Arc::clone(metrics));
        let authors = authors.clone();
        Self { population: Arc::default(), opened: Arc::default(), policies, patterns, metrics, authors }
    }

    /// The users in the room, as its broker last reported.
    #[must_use]
    pub fn population(&self) -> usize {
        self.population.load(Ordering::Relaxed)
    }

    /// When the room was opened, if it is.
    #[must_use]
    pub fn opened(&self) -> Option<Time> {
        Some(Time(self.opened.load(Ordering::Relaxed))).filter(|at| at.0 > 0)
    }

    /// Reports that the room opens.
    pub fn open(&self, at: Time) {
        self.opened.store(at.0, Ordering::Relaxed);
    }

    /// Reports the number of users in the room.
    pub fn show(&self, population: usize) {
        self.population.store(population, Ordering::Relaxed);
    }

    /// See [`PolicyIndex::policy`].
    #[must_use]
    pub fn policy(&self, room: &RoomName) -> Option<Arc<Policy>> {
        self.policies.policy(room)
    }

    /// See [`PolicyIndex::enter`].
    pub fn enter(&self, room: &RoomName, policy: Option<Arc<Policy>>, version: PolicyVersion) {
        self.policies.enter(room, policy, version);
    }
}

impl std::fmt::Debug for RoomView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a room with {} users", self.population())
    }
}
