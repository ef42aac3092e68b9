//! The subjects of issuers, providers and proxies that names are bound to.
//!
//! A name is reserved for its subject before either is stored, so two requests of one user at the same moment find the same; no lock is
//! held while the store is waited for.

use std::sync::Arc;

use parking_lot::Mutex;

use super::{Names, unavailable};
use crate::chat::{FoldedName, Refusal, UserName};
use crate::store::accounts::Account;

impl Names {
    /// The same, with the subjects that are bound to names.
    #[must_use]
    pub fn with_subjects(self, known: Vec<(UserName, Arc<str>)>) -> Self {
        let subjects = known.into_iter().map(|(name, subject)| (FoldedName::of(&name), subject)).collect();
        Self { subjects: Mutex::new(subjects), ..self }
    }

    /// Whether a registered name is this subject's of the issuer. The first subject that comes with the name keeps it,
    /// for which the call waits for the store.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn bind(&self, name: &UserName, subject: &Arc<str>) -> Result<bool, Refusal> {
        let folded = FoldedName::of(name);
        let known = self.subjects.lock().get(&folded).cloned();
        let owner = match known {
            Some(known) => known,
            // Of two at the same moment the store takes one.
            None => {
                let bound = self.accounts.bind_subject(name, subject).map_err(unavailable)?;
                self.subjects.lock().insert(folded, Arc::clone(&bound));
                bound
            }
        };
        Ok(owner == *subject)
    }

    /// Registers a name and binds it to this subject; false: another server has bound it to another meanwhile. `Some`: it was registered
    /// already, or is being registered, perhaps in another spelling. Waits for the store.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn register_bound(&self, account: &Account, subject: &Arc<str>) -> Result<(Option<Account>, bool), Refusal> {
        let known = self.reserve(account, Some(Arc::clone(subject)))?;
        if known.is_some() {
            return Ok((known, true));
        }
        if let Some(known) = self.store(account, None)? {
            return Ok((Some(known), true));
        }
        let bound = self.bind(&account.name, subject);
        if !matches!(bound, Ok(true)) {
            // Unbound it would be nobody's; what cannot be given up now is given back by an admin.
            _ = self.leave(&account.name).map(super::NameRelease::finish);
        }
        Ok((None, bound?))
    }

    /// The subject that a registered name is bound to, if any. One that another server has bound is read from the store.
    ///
    /// # Errors
    /// `unavailable`.
    pub fn subject(&self, name: &UserName) -> Result<Option<Arc<str>>, Refusal> {
        let folded = FoldedName::of(name);
        let known = self.subjects.lock().get(&folded).cloned();
        let known = known.or_else(|| self.owners.lock().get(&folded)?.binding.clone());
        if known.is_some() {
            return Ok(known);
        }
        let all = self.accounts.subjects().map_err(unavailable)?;
        let found = all.into_iter().find(|(bound, _)| FoldedName::of(bound) == folded).map(|(_, subject)| subject);
        if let Some(subject) = &found {
            self.subjects.lock().insert(folded, Arc::clone(subject));
        }
        Ok(found)
    }
}
