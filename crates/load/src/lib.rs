//! `roomd load`: thousands of virtual clients in one process that check what a server promises.
//!
//! One thread drives all clients over one epoll: `lifecycle` goes from ramp-up to teardown, `generator` does what
//! is due, `clients` holds the sockets, and `session` is the protocol state machine of one client. Each message
//! carries its sender and number (`message_tag`), and `deliveries` accounts for each message and each member, so
//! nothing is estimated: what is lost, repeated or out of order is counted, by cause (`faults`). With `--probe` a
//! second thread measures a room without load, and with `--loiterers` a third holds idle sockets; both end with
//! the run.
//!
//! [`run`] blocks until the load is over. It opens sockets to the plan's server and to nothing else.

mod allowed_losses;
pub mod arguments;
mod baseline;
mod client;
mod clients;
mod command;
mod deliveries;
mod drain;
mod faults;
pub mod frames;
mod generator;
mod handshake;
mod history;
mod idle_sockets;
mod latency;
mod message_tag;
mod metrics;
mod outages;
mod plan;
mod probe;
mod process;
mod progress;
mod protocol;
mod publishing;
mod ramp;
mod receive_buffer;
mod report;
mod returns;
mod run;
mod run_state;
mod schedule;
mod server_event;
mod session;
pub mod socket;
mod stop;
mod transport;

pub use allowed_losses::AllowedLosses;
pub use command::LoadCommand;
pub use faults::Faults;
pub use plan::Plan;
pub use progress::{Phase, Progress};
pub use protocol::Protocol;
pub use report::Report;
pub use report::html::page;
pub use run::{LoadError, run, run_until};
pub use stop::StopToken;
