//! The command `roomd`: reads what it is asked to do, does it, and exits with its code.
//!
//! Everything it does is in the library; a sentence on standard error and the exit code are all that
//! it adds.

use std::process::ExitCode;

use roomd::cli::{self, Invocation};

fn main() -> ExitCode {
    let (invocation, warnings) = match cli::parse() {
        Ok(parsed) => parsed,
        Err(error) => return error.report(),
    };
    for warning in warnings {
        eprintln!("roomd: warning: {warning}");
    }
    env_logger::Builder::from_env(env_logger::Env::new().filter_or("RUST_LOG", "info")).init();
    match invocation {
        Invocation::Serve(settings) => cli::serve::run(settings),
        Invocation::Data(settings, task) => cli::data::run(&settings, &task),
        Invocation::Chat(arguments) => cli::chat::run(arguments),
        Invocation::Config(settings) => match cli::config::print(&settings, &mut std::io::stdout()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("roomd: cannot write to standard output: {error}");
                ExitCode::FAILURE
            }
        },
    }
}
