//! The sessions of this server, as the other servers are to know them.
//!
//! Connections say what they are, on their readers' threads; the thread `notifier` takes what was changed and writes it to the
//! database. One mutex, a leaf. What is here is as much as the sessions are: the database may lose its rows, which are not
//! logged, and then has all of them again.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crossbeam_channel::Sender;
use parking_lot::Mutex;

use super::notifier::{Notice, ParkRequest};
use crate::chat::{RoomName, UserName};
use crate::store::shared_sessions::{Handover, SessionKey};

/// See the module.
#[derive(Default)]
pub struct LocalSessions(Mutex<State>);

#[derive(Default)]
struct State {
    /// What each is, as its row has it.
    kept: BTreeMap<SessionKey, String>,
    /// Those of which the database does not know yet what they are, or that they are none any more.
    changed: BTreeSet<SessionKey>,
    /// Those that were taken from other servers, which can let them go.
    entered: Vec<EnteredSession>,
    /// Those that this server has let go, and how often each had been moved.
    let_go: Vec<(SessionKey, u32)>,
    /// For how long they can be taken when this server has stopped; nothing is changed any more.
    parked_for: Option<Duration>,
    /// Wakes the notifier.
    bell: Option<Sender<Notice>>,
}

/// A session that was taken from another server, and whose rooms are entered here.
pub struct EnteredSession {
    pub handover: Handover,
    pub user: UserName,
    pub rooms: Vec<RoomName>,
}

/// What the database does not know.
#[derive(Default)]
pub struct SessionChanges {
    /// What these are.
    pub kept: Vec<(SessionKey, String)>,
    /// These are none of this server's any more.
    pub gone: Vec<SessionKey>,
    /// These it has let go, each when it had been moved so often.
    pub let_go: Vec<(SessionKey, u32)>,
}

impl LocalSessions {
    /// Has the notifier woken from now on, or no longer.
    pub fn set_bell(&self, bell: Option<Sender<Notice>>) {
        let old = std::mem::replace(&mut self.0.lock().bell, bell);
        drop(old);
    }

    /// A session is this now.
    pub fn keep(&self, key: SessionKey, state: String) {
        self.0.lock().change(key, Some(state));
    }

    /// A session is none of this server's any more.
    pub fn forget(&self, key: SessionKey) {
        self.0.lock().change(key, None);
    }

    /// The rooms of a session are entered that was taken from another server.
    pub fn entered(&self, session: EnteredSession) {
        let mut state = self.0.lock();
        state.entered.push(session);
        state.ring();
    }

    /// A session was let go that another server had taken.
    pub fn let_go(&self, key: SessionKey, moved: u32) {
        let mut state = self.0.lock();
        state.let_go.push((key, moved));
        state.ring();
    }

    /// From now on nothing is changed; whether the notifier is to write what there is.
    pub fn park(&self, request: ParkRequest) -> bool {
        let mut state = self.0.lock();
        state.parked_for = Some(request.grace);
        state.bell.as_ref().is_some_and(|bell| bell.try_send(Notice::Park(request)).is_ok())
    }

    /// For how long the sessions can be taken when this server has stopped; `None`: there is none, or it has not.
    pub fn parked_for(&self) -> Option<Duration> {
        let state = self.0.lock();
        state.parked_for.filter(|_| !state.kept.is_empty())
    }

    /// The database may have lost them.
    pub fn forget_rows(&self) {
        let mut state = self.0.lock();
        let State { kept, changed, .. } = &mut *state;
        changed.extend(kept.keys());
        state.ring();
    }

    /// Whether there is something that the database does not know yet.
    pub fn has_changes(&self) -> bool {
        let state = self.0.lock();
        state.has_changed_rows() || !state.entered.is_empty()
    }

    /// Whether the database does not know yet what some of them are.
    pub fn has_changed_rows(&self) -> bool {
        self.0.lock().has_changed_rows()
    }

    /// Takes what the database does not know, of at most so many sessions.
    pub fn take(&self, count: usize) -> SessionChanges {
        let mut state = self.0.lock();
        let mut changes = SessionChanges { let_go: std::mem::take(&mut state.let_go), ..SessionChanges::default() };
        for _ in 0..count {
            let Some(key) = state.changed.pop_first() else { break };
            match state.kept.get(&key) {
                Some(kept) => changes.kept.push((key, kept.clone())),
                None => changes.gone.push(key),
            }
        }
        changes
    }

    /// The database may not know it.
    pub fn put_back(&self, SessionChanges { kept, gone, let_go }: SessionChanges) {
        let mut state = self.0.lock();
        state.changed.extend(kept.into_iter().map(|(key, _)| key).chain(gone));
        state.let_go.extend(let_go);
    }

    /// Takes those that other servers can let go, once others know who is in their rooms here.
    pub fn take_entered(&self) -> Vec<EnteredSession> {
        std::mem::take(&mut self.0.lock().entered)
    }

    /// They could not be told so.
    pub fn put_back_entered(&self, sessions: Vec<EnteredSession>) {
        self.0.lock().entered.extend(sessions);
    }
}

impl State {
    fn has_changed_rows(&self) -> bool {
        !self.changed.is_empty() || !self.let_go.is_empty()
    }

    fn change(&mut self, key: SessionKey, state: Option<String>) {
        if self.parked_for.is_some() || self.kept.get(&key) == state.as_ref() {
            return;
        }
        match state {
            Some(state) => self.kept.insert(key, state),
            None => self.kept.remove(&key),
        };
        self.changed.insert(key);
        self.ring();
    }

    /// A notifier whose inbox is full looks here before it waits again.
    fn ring(&self) {
        if let Some(bell) = &self.bell {
            _ = bell.try_send(Notice::Sessions);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(local: &LocalSessions) -> (Vec<String>, usize) {
        let changes = local.take(9);
        (changes.kept.into_iter().map(|(_, state)| state).collect(), changes.gone.len())
    }

    #[test]
    fn what_was_changed_is_taken_once_and_all_of_it_when_rows_are_lost() {
        let local = LocalSessions::default();
        let [one, two] = [1, 2].map(|number| SessionKey([number; 32]));
        local.keep(one, "a".to_owned());
        local.keep(two, "b".to_owned());
        local.keep(one, "c".to_owned());
        assert_eq!(taken(&local), (vec!["c".to_owned(), "b".to_owned()], 0));
        local.keep(one, "c".to_owned());
        assert!(!local.has_changes(), "it was that before");
        local.forget(two);
        let changes = local.take(9);
        assert_eq!((changes.kept.len(), &changes.gone), (0, &vec![two]));
        local.put_back(changes);
        assert_eq!(taken(&local), (vec![], 1));
        local.forget_rows();
        assert_eq!(taken(&local), (vec!["c".to_owned()], 0));
    }

    #[test]
    fn nothing_is_changed_when_the_server_has_stopped() {
        let (local, one) = (LocalSessions::default(), SessionKey([1; 32]));
        local.keep(one, "a".to_owned());
        assert_eq!((taken(&local).0.len(), local.parked_for()), (1, None));
        let parks = |local: &LocalSessions| {
            let (reply, _) = crossbeam_channel::bounded(1);
            local.park(ParkRequest { grace: Duration::from_secs(3), reply })
        };
        assert!(!parks(&local), "there is no notifier");
        local.forget(one);
        assert_eq!((local.has_changes(), local.parked_for()), (false, Some(Duration::from_secs(3))));
        let empty = LocalSessions::default();
        parks(&empty);
        assert_eq!(empty.parked_for(), None);
    }
}
