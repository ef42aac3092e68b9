//! `tests/run` itself: a section fails with any of its commands, not only with the last.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Runs a section of `tests/run` with a cargo that is such a script.
fn run(section: &str, cargo: &str) -> Output {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("sections-{}-{section}", std::process::id()));
    for inside in ["bin", "tests"] {
        fs::create_dir_all(folder.join(inside)).expect("a folder is made");
    }
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/run"), folder.join("tests/run")).expect("it is there");
    let program = folder.join("bin/cargo");
    fs::write(&program, format!("#!/bin/sh\n{cargo}\n")).expect("it is written");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("it is ours");
    let path = format!("{}:{}", folder.join("bin").display(), std::env::var("PATH").expect("there is one"));
    let output = Command::new(folder.join("tests/run")).arg(section).env("PATH", path).output().expect("it starts");
    fs::remove_dir_all(folder).expect("it is ours");
    output
}

#[test]
fn a_section_fails_with_its_first_command_too() {
    // One before the lanes, and one of a lane.
    for section in ["clippy", "doc"] {
        let failed = run(section, "case \"$*\" in *--all-features*) exit 3 ;; esac");
        let said = String::from_utf8_lossy(&failed.stdout);
        assert_eq!(failed.status.code(), Some(1), "{said}");
        assert!(said.contains(&format!("tests/run: FAILED in {section} (exit code 3)")), "{said}");
        let passed = run(section, "exit 0");
        assert!(passed.status.success(), "{}", String::from_utf8_lossy(&passed.stdout));
    }
}
