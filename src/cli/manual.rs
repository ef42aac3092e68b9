//! `roomd completions` and `roomd man`: what a shell and a manual know of the command line, made of its own definition.
//!
//! Called on the main thread. A package is built with them, and whoever has the program alone makes them.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Arg, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use clap_mangen::Man;

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManualCommand {
    /// Print the completions for a shell.
    Completions(Shell),
    /// Write a page for each command into the folder.
    Man(PathBuf),
}

/// The two commands.
pub fn commands() -> [Command; 2] {
    let shell = Arg::new("shell").value_name("SHELL").value_parser(value_parser!(Shell)).required(true);
    let folder = Arg::new("folder").value_name("FOLDER").value_parser(value_parser!(PathBuf)).required(true);
    let completions = Command::new("completions").about("Print what a shell needs to complete roomd's arguments");
    let man = Command::new("man").about("Write the pages of the manual, one for each command, into a folder");
    [
        completions.arg(shell.help("The shell; its manual says where it looks for completions")),
        man.arg(folder.help("The folder, which is there, such as /usr/local/share/man/man1")),
    ]
}

/// What the arguments of the command `name` ask for, if it is one of the two.
pub fn read(name: &str, flags: &ArgMatches) -> Option<ManualCommand> {
    match name {
        "completions" => flags.get_one("shell").copied().map(ManualCommand::Completions),
        "man" => flags.get_one("folder").cloned().map(ManualCommand::Man),
        _ => None,
    }
}

impl ManualCommand {
    /// Does it, for the command line `root`. Blocks on the disk, or on standard output.
    pub fn run(self, mut root: Command) -> ExitCode {
        let (written, place) = match self {
            Self::Completions(shell) => {
                let mut script = Vec::new();
                clap_complete::generate(shell, &mut root, "roomd", &mut script);
                (io::stdout().write_all(&script), "standard output".to_owned())
            }
            Self::Man(folder) => {
                // Each command without the `help` that would list all the others again.
                let mut root = root.disable_help_subcommand(true);
                root.build();
                (write_pages(&root, &folder), folder.display().to_string())
            }
        };
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("roomd: cannot write to {place}: {error}");
                ExitCode::FAILURE
            }
        }
    }
}

/// Writes the page of a command, and of each below it.
fn write_pages(command: &Command, folder: &Path) -> io::Result<()> {
    for below in command.get_subcommands() {
        write_pages(below, folder)?;
    }
    let page = Man::new(command.clone()).manual("roomd");
    let mut text = Vec::new();
    page.render(&mut text)?;
    fs::write(folder.join(page.get_filename()), text)
}
