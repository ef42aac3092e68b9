//! The policies of all rooms, for readers that must not wake the rooms.
//!
//! One mutex over a map, a leaf like the hub's. A room's broker enters each policy as soon as it is in force, before
//! any client is told of it; readers look here before they read a room's history, so a query never has to open the
//! room, and a user who was removed reads nothing more. It is filled from the store when the server starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::chat::policy::Policy;
use crate::chat::{RoomName, UserName};
use crate::engine::base::sync::Mutex;
use crate::engine::metrics::Metrics;

/// See the module.
#[derive(Default)]
pub struct PolicyIndex {
    by_room: Mutex<BTreeMap<RoomName, Arc<Policy>>>,
}

impl PolicyIndex {
    /// Adds the stored policies.
    pub fn fill(&self, policies: Vec<(RoomName, Policy)>) {
        let policies = policies.into_iter().map(|(room, policy)| (room, Arc::new(policy)));
        self.by_room.lock().extend(policies);
    }

    /// The policy of a room, if it has one.
    #[must_use]
    pub fn policy(&self, room: &RoomName) -> Option<Arc<Policy>> {
        self.by_room.lock().get(room).cloned()
    }

    /// Replaces the policy of a room.
    pub fn enter(&self, room: &RoomName, policy: Option<Arc<Policy>>) {
        let mut policies = self.by_room.lock();
        let old = match policy {
            Some(policy) => policies.insert(room.clone(), policy),
            None => policies.remove(room),
        };
        drop(policies);
        // It may be large, and this the last reference: not under the lock.
        drop(old);
    }

    /// The rooms that have a policy, by name.
    #[must_use]
    pub fn all(&self) -> Vec<(RoomName, Arc<Policy>)> {
        self.by_room.lock().iter().map(|(room, policy)| (room.clone(), Arc::clone(policy))).collect()
    }

    /// How many rooms have a policy, and how many of them belong to this user.
    #[must_use]
    pub fn count(&self, owner: &UserName) -> (usize, usize) {
        let policies = self.by_room.lock();
        (policies.len(), policies.values().filter(|policy| policy.owner() == Some(owner)).count())
    }
}

/// What others see of a live room without asking it.
#[derive(Clone, Default)]
pub struct RoomView {
    population: Arc<AtomicUsize>,
    policies: Arc<PolicyIndex>,
    /// The figures of the server.
    pub metrics: Arc<Metrics>,
}

impl RoomView {
    /// The view of a room that is being opened.
    #[must_use]
    pub fn new(policies: &Arc<PolicyIndex>, metrics: &Arc<Metrics>) -> Self {
        Self { population: Arc::default(), policies: Arc::clone(policies), metrics: Arc::clone(metrics) }
    }

    /// The connections in the room, as its broker last reported.
    #[must_use]
    pub fn population(&self) -> usize {
        self.population.load(Ordering::Relaxed)
    }

    /// Reports the number of connections in the room.
    pub fn show(&self, population: usize) {
        self.population.store(population, Ordering::Relaxed);
    }

    /// See [`PolicyIndex::policy`].
    #[must_use]
    pub fn policy(&self, room: &RoomName) -> Option<Arc<Policy>> {
        self.policies.policy(room)
    }

    /// See [`PolicyIndex::enter`].
    pub fn enter(&self, room: &RoomName, policy: Option<Arc<Policy>>) {
        self.policies.enter(room, policy);
    }
}

impl std::fmt::Debug for RoomView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a room with {} connections", self.population())
    }
}
