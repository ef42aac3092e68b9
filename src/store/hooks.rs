//! The hooks of rooms, as they are kept: never with their tokens.
//!
//! Asked by readers once a message that comes in, so that a hook that a command has made, or revoked, beside a running
//! server is in force at once. Each call may block on a disk.

use parking_lot::Mutex;

use crate::chat::hook::{HOOKS_MAX, Hook, HookDigest, NewHook, REVOKED_MAX};
use crate::chat::{RoomName, StoreFailed, Time, UserName};

/// Keeps hooks.
pub trait HookStore: Send + Sync {
    /// Adds a hook whose token has this digest; its number. `None`: the room has [`HOOKS_MAX`] in force.
    ///
    /// # Errors
    /// It is not added.
    fn add_hook(&self, hook: &NewHook, digest: &HookDigest) -> Result<Option<u64>, StoreFailed>;

    /// The hooks of a room, those that were revoked too, in the order in which they were made.
    ///
    /// # Errors
    /// They cannot be read now.
    fn hooks(&self, room: &RoomName) -> Result<Vec<Hook>, StoreFailed>;

    /// The hook in force whose token has this digest.
    ///
    /// # Errors
    /// It cannot be read now.
    fn hook(&self, digest: &HookDigest) -> Result<Option<Hook>, StoreFailed>;

    /// Revokes a hook of a room; false: it has none of this number in force.
    ///
    /// # Errors
    /// Nothing has changed.
    fn revoke_hook(&self, room: &RoomName, number: u64, by: Option<&UserName>, at: Time) -> Result<bool, StoreFailed>;

    /// Deletes the hooks of a room that has ended.
    ///
    /// # Errors
    /// Nothing has changed.
    fn delete_hooks(&self, room: &RoomName) -> Result<(), StoreFailed>;
}

/// Hooks that last as long as the process.
#[derive(Default)]
pub struct MemoryHooks {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    newest: u64,
    hooks: Vec<(HookDigest, Hook)>,
}

impl HookStore for MemoryHooks {
    fn add_hook(&self, hook: &NewHook, digest: &HookDigest) -> Result<Option<u64>, StoreFailed> {
        let mut state = self.state.lock();
        let of_room = state.hooks.iter().map(|(_, known)| known).filter(|known| known.made.room == hook.room);
        let (revoked, in_force): (Vec<_>, Vec<_>) = of_room.partition(|known| known.revoked.is_some());
        if in_force.len() >= HOOKS_MAX {
            return Ok(None);
        }
        let forgotten: Vec<_> = revoked.iter().rev().skip(REVOKED_MAX).map(|known| known.number).collect();
        state.hooks.retain(|(_, known)| !forgotten.contains(&known.number));
        state.newest += 1;
        let number = state.newest;
        state.hooks.push((*digest, Hook { number, made: hook.clone(), revoked: None }));
        Ok(Some(number))
    }

    fn hooks(&self, room: &RoomName) -> Result<Vec<Hook>, StoreFailed> {
        let state = self.state.lock();
        Ok(state.hooks.iter().map(|(_, hook)| hook).filter(|hook| hook.made.room == *room).cloned().collect())
    }

    fn hook(&self, digest: &HookDigest) -> Result<Option<Hook>, StoreFailed> {
        let state = self.state.lock();
        let found = state.hooks.iter().find(|(known, hook)| known == digest && hook.revoked.is_none());
        Ok(found.map(|(_, hook)| hook.clone()))
    }

    fn revoke_hook(&self, room: &RoomName, number: u64, by: Option<&UserName>, at: Time) -> Result<bool, StoreFailed> {
        let mut state = self.state.lock();
        let ours = |hook: &Hook| hook.number == number && hook.made.room == *room && hook.revoked.is_none();
        let found = state.hooks.iter_mut().map(|(_, hook)| hook).find(|hook| ours(hook));
        let is_found = found.is_some();
        found.into_iter().for_each(|hook| hook.revoked = Some((at, by.cloned())));
        Ok(is_found)
    }

    fn delete_hooks(&self, room: &RoomName) -> Result<(), StoreFailed> {
        self.state.lock().hooks.retain(|(_, hook)| hook.made.room != *room);
        Ok(())
    }
}
