//! The idents of users: what their IRC clients have said in `USER`, and a source shows between `!` and `@`.
//!
//! A leaf of the directory, with a mutex of its own, since rooms ask while they print an event. A user has the ident of the
//! client that said one first, as long as any of theirs is connected; what the user said and did last is printed behind
//! the end of the connection, so the last idents of those who have gone are remembered.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::chat::UserName;
use crate::engine::base::sync::Mutex;

/// Idents that are remembered of users who have gone, at most.
const GONE_MAX: usize = 256;

/// See the module.
#[derive(Default)]
pub struct Idents(Mutex<State>);

#[derive(Default)]
struct State {
    of: HashMap<UserName, Ident>,
    /// Who has gone, the last one behind.
    gone: VecDeque<UserName>,
}

struct Ident {
    text: Arc<str>,
    /// Connections of the user that have said one.
    connections: usize,
}

impl Idents {
    /// The ident of a user.
    #[must_use]
    pub fn of(&self, user: &UserName) -> Option<Arc<str>> {
        self.0.lock().of.get(user).map(|ident| Arc::clone(&ident.text))
    }

    /// A client of a user has said this ident.
    pub(super) fn came(&self, user: &UserName, text: &Arc<str>) {
        let mut state = self.0.lock();
        let ident = state.of.entry(user.clone());
        let ident = ident.or_insert_with(|| Ident { text: Arc::clone(text), connections: 0 });
        ident.connections += 1;
    }

    /// A client that had said one has gone.
    pub(super) fn went(&self, user: &UserName) {
        let mut state = self.0.lock();
        let Some(ident) = state.of.get_mut(user) else { return };
        ident.connections = ident.connections.saturating_sub(1);
        if ident.connections > 0 {
            return;
        }
        state.gone.push_back(user.clone());
        if state.gone.len() > GONE_MAX {
            let first = state.gone.pop_front();
            first.iter().for_each(|user| state.forget(user));
        }
    }

    /// Somebody connects under a name: what was said by who has gone is no longer theirs.
    pub(super) fn renew(&self, user: &UserName) {
        let mut state = self.0.lock();
        if state.of.get(user).is_some_and(|ident| ident.connections == 0) {
            state.gone.retain(|gone| gone != user);
            state.of.remove(user);
        }
    }
}

impl State {
    fn forget(&mut self, user: &UserName) {
        let is_gone = self.of.get(user).is_some_and(|ident| ident.connections == 0);
        if is_gone && !self.gone.contains(user) {
            self.of.remove(user);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(number: usize) -> UserName {
        UserName::stored(&format!("u{number}"))
    }

    #[test]
    fn a_user_has_the_ident_that_was_said_first_until_somebody_else_has_the_name() {
        let (idents, alice) = (Idents::default(), UserName::stored("alice"));
        let of = || idents.of(&alice).as_deref().map(str::to_owned);
        assert_eq!(of(), None);
        idents.came(&alice, &"one".into());
        idents.came(&alice, &"two".into());
        idents.renew(&alice);
        idents.went(&alice);
        assert_eq!(of().as_deref(), Some("one"));
        idents.went(&alice);
        assert_eq!(of().as_deref(), Some("one"), "her leave is yet to be printed");
        idents.renew(&alice);
        assert_eq!(of(), None);
        idents.came(&alice, &"two".into());
        assert_eq!(of().as_deref(), Some("two"));
    }

    #[test]
    fn of_those_who_have_gone_the_last_are_remembered() {
        let idents = Idents::default();
        for number in 0..=GONE_MAX {
            idents.came(&user(number), &"x".into());
            idents.went(&user(number));
        }
        assert_eq!(idents.of(&user(0)), None);
        assert!(idents.of(&user(1)).is_some());
        let state = idents.0.lock();
        assert_eq!((state.of.len(), state.gone.len()), (GONE_MAX, GONE_MAX));
    }
}
