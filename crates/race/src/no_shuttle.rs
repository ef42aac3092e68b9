//! The names of `shuttle_threads.rs` in a build without the feature `shuttle`.
//!
//! A request for orders of shuttle's is answered with an error, and the type has no values.

use std::convert::Infallible;

use super::run::Failure;
use super::world::World;

const ABSENT: &str = "this program was built without shuttle: build it with the feature shuttle";

/// Has no values in this build.
#[derive(Debug)]
pub struct ShuttleSample(Infallible);

impl ShuttleSample {
    /// Fails: this build has no shuttle.
    ///
    /// # Errors
    /// A sentence that says so.
    pub fn random(_: u64) -> Result<Self, String> {
        Err(ABSENT.to_owned())
    }

    /// Fails: this build has no shuttle.
    ///
    /// # Errors
    /// A sentence that says so.
    pub fn pct(_: u64, _: usize) -> Result<Self, String> {
        Err(ABSENT.to_owned())
    }

    /// Cannot be called in this build.
    ///
    /// # Errors
    /// None.
    pub fn order<W: World + Send + 'static>(
        &mut self,
        _: impl Fn() -> W + Send + Sync + 'static,
    ) -> Result<(), Failure> {
        match self.0 {}
    }
}
