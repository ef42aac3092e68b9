//! What scripts cannot enumerate: machines against models that keep plain lists.
//!
//! A model may be slow and wasteful, but a reader must believe it at sight. proptest draws the
//! inputs, shrinks what fails and prints its seed.

mod bytes;
mod gathering;
mod happening;
mod limits;
mod model;
mod policy;
mod room;
