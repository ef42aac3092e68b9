//! An option of a bench's command line, and its values.

use clap::{Arg, ArgMatches};

pub fn option(name: &'static str, value: &'static str) -> Arg {
    Arg::new(name).long(name).value_name(value)
}

/// The value of an option that has a default.
pub fn one<T: Clone + Send + Sync + 'static>(found: &ArgMatches, name: &str) -> T {
    found.get_one::<T>(name).expect("it has a default").clone()
}

/// The values of an option that has a default.
pub fn many<T: Clone + Send + Sync + 'static>(found: &ArgMatches, name: &str) -> Vec<T> {
    found.get_many::<T>(name).expect("it has a default").cloned().collect()
}
