//! The command `roomd`: reads what it is asked to do, does it, and exits with its code.
//!
//! Everything it does is in the library; a sentence on standard error and the exit code are all that
//! it adds.

use std::process::ExitCode;

use roomd::cli;

fn main() -> ExitCode {
    let (invocation, warnings) = match cli::parse() {
        Ok(parsed) => parsed,
        Err(error) => return error.report(),
    };
    for warning in warnings {
        eprintln!("roomd: warning: {warning}");
    }
    cli::log_output::init(invocation.log_level(), invocation.log_format());
    invocation.run()
}
