//! The users of the servers of one database: [`SharedUsers`] over what is known of who is where.
//!
//! Called on readers' threads, and on the engine's threads `subscriber` and `conversations`.

use std::sync::Arc;

use super::bus::Bus;
use super::pool::Pool;
use super::room_log::Attendances;
use super::signals;
use crate::chat::{CallSignal, FoldedName, RoomName, StoreFailed, UserName};
use crate::store::shared_users::{SharedConnection, SharedUsers};

/// See the module.
pub struct PostgresUsers {
    /// The number of this server.
    pub server: i64,
    /// Takes notes.
    pub bus: Bus,
    /// Who is where.
    pub attendances: Attendances,
    /// Takes signals.
    pub pool: Arc<Pool>,
}

impl SharedUsers for PostgresUsers {
    fn came(&self, user: &UserName, connection: SharedConnection) {
        self.attendances.local.came(user, connection);
    }

    fn went(&self, user: &UserName, connection: SharedConnection) {
        self.attendances.local.went(user, connection);
    }

    fn is_reachable_elsewhere(&self, user: &UserName) -> bool {
        self.attendances.remote.is_reachable(user)
    }

    fn alike_elsewhere(&self, name: &FoldedName) -> Vec<(UserName, bool)> {
        self.attendances.remote.alike(name)
    }

    fn signal(&self, signal: &CallSignal) -> Result<(), StoreFailed> {
        self.pool.write(|link| signals::send(link, self.server, &self.bus, signal))
    }

    fn undispatched(&self, conversation: &RoomName) -> Option<u64> {
        self.attendances.private.undispatched(conversation)
    }

    fn dispatched(&self, conversation: &RoomName, newest: u64) {
        self.attendances.private.dispatched(conversation, newest);
    }
}
