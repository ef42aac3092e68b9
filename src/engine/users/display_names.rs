//! Display names: read by any connection, set by those of registered users, and told to who shares a room with them.
//!
//! On the reader's thread. They are in memory, so a read waits for nothing; a change waits for the journal.

use std::sync::Arc;

use crate::chat::display_names::DisplayNameRequest;
use crate::chat::{Code, DisplayName, Event, Identity, Refusal, UserName};
use crate::engine::Engine;

impl Engine {
    /// The reply to a request of a user. One that sets a name waits for the store, and whom it concerns is to be told.
    ///
    /// # Errors
    /// `unauthorized` for a guest, `name_taken`, or `unavailable`.
    pub fn display_names(&self, who: &Identity, request: DisplayNameRequest) -> Result<Event, Refusal> {
        match request {
            DisplayNameRequest::Of(users) => {
                let named = |user: UserName| self.display_name(&user).map(|name| (user, name));
                Ok(Event::DisplayNames { names: users.into_iter().filter_map(named).collect() })
            }
            DisplayNameRequest::Set(_) if who.is_guest() => {
                let message = "Display names are for registered users: register your name first";
                Err(Refusal::new(Code::Unauthorized, message))
            }
            DisplayNameRequest::Set(name) => {
                self.auth.set_display_name(&who.user, name)?;
                Ok(Event::Done)
            }
        }
    }

    /// The identity with the display name that its user has now, as it is told to the user.
    #[must_use]
    pub fn with_display_name(&self, mut who: Identity) -> Identity {
        let name = self.display_name(&who.user);
        if let Some(claims) = &mut who.claims {
            Arc::make_mut(claims).display = name.map(|name| name.as_str().into());
        }
        who
    }

    /// The display name of a user.
    #[must_use]
    pub fn display_name(&self, user: &UserName) -> Option<DisplayName> {
        self.auth.display_names().of(user)
    }
}
