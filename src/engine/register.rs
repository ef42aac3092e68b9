//! What rooms let others see of themselves without being asked: their charters.
//!
//! One mutex over a map, a leaf like the hub's. A room's broker enters each charter as soon as it is
//! in force, before anybody hears of it; readers look here before they read what a room has kept, so
//! a question about a room never has to open it, and one who was put out reads nothing more. It is
//! filled from the store when the server starts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sync::Mutex;
use crate::chat::charter::Charter;
use crate::chat::{RoomName, UserName};

/// See the module.
#[derive(Default)]
pub struct Register {
    charters: Mutex<BTreeMap<RoomName, Arc<Charter>>>,
}

impl Register {
    /// Adds what the store knows.
    pub fn fill(&self, charters: Vec<(RoomName, Charter)>) {
        let charters = charters.into_iter().map(|(room, charter)| (room, Arc::new(charter)));
        self.charters.lock().extend(charters);
    }

    /// The charter of a room; `None`: it has none.
    #[must_use]
    pub fn charter(&self, room: &RoomName) -> Option<Arc<Charter>> {
        self.charters.lock().get(room).cloned()
    }

    /// From now on this is the room's charter.
    pub fn enter(&self, room: &RoomName, charter: Option<Arc<Charter>>) {
        let mut charters = self.charters.lock();
        let old = match charter {
            Some(charter) => charters.insert(room.clone(), charter),
            None => charters.remove(room),
        };
        drop(charters);
        // It may be large, and the last of its kind.
        drop(old);
    }

    /// All rooms that have a charter, by name.
    #[must_use]
    pub fn all(&self) -> Vec<(RoomName, Arc<Charter>)> {
        self.charters.lock().iter().map(|(room, charter)| (room.clone(), Arc::clone(charter))).collect()
    }

    /// How many rooms have a charter, and how many of them are this user's.
    #[must_use]
    pub fn count(&self, owner: &UserName) -> (usize, usize) {
        let charters = self.charters.lock();
        (charters.len(), charters.values().filter(|charter| charter.owner() == Some(owner)).count())
    }
}

/// What others see of one room while it lives.
#[derive(Clone, Default)]
pub struct Face {
    population: Arc<AtomicUsize>,
    register: Arc<Register>,
}

impl Face {
    /// The face of a room that is being opened.
    #[must_use]
    pub fn new(register: &Arc<Register>) -> Self {
        Self { population: Arc::default(), register: Arc::clone(register) }
    }

    /// Connections in the room, as its broker last told.
    #[must_use]
    pub fn population(&self) -> usize {
        self.population.load(Ordering::Relaxed)
    }

    /// So many connections are in the room.
    pub fn show(&self, population: usize) {
        self.population.store(population, Ordering::Relaxed);
    }

    /// See [`Register::charter`].
    #[must_use]
    pub fn charter(&self, room: &RoomName) -> Option<Arc<Charter>> {
        self.register.charter(room)
    }

    /// See [`Register::enter`].
    pub fn enter(&self, room: &RoomName, charter: Option<Arc<Charter>>) {
        self.register.enter(room, charter);
    }
}

impl std::fmt::Debug for Face {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a room with {} connections", self.population())
    }
}
