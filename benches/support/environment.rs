//! The machine and the versions that were measured, in the lines that every bench prints first.
//!
//! Read once, before anything is measured; what cannot be found out is called unknown.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::SystemTime;

/// CPU, kernel, compiler, commit, date and profile, as lines of `name: value`.
pub fn description(server: &Path) -> String {
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let cores = std::thread::available_parallelism().map_or_else(|error| error.to_string(), |cores| cores.to_string());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let folder = server.parent().and_then(Path::file_name).unwrap_or_default().to_string_lossy().into_owned();
    let checks = if cfg!(debug_assertions) { ", with debug assertions: the figures mean nothing" } else { "" };
    [
        ("cpu", model.map_or("unknown", |(_, model)| model).to_owned()),
        ("cores", cores),
        ("kernel", format!("Linux {}", kernel.trim())),
        ("rustc", answer("rustc", &["--version"])),
        ("commit", answer("git", &["describe", "--always", "--dirty", "--abbrev=12"])),
        ("date", humantime::format_rfc3339_seconds(SystemTime::now()).to_string()),
        ("profile", format!("{folder}{checks}")),
    ]
    .map(|(name, value)| format!("{name:8}  {value}"))
    .join("\n")
}

/// The first line that a program prints, run in the package's directory.
fn answer(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).current_dir(env!("CARGO_MANIFEST_DIR")).output();
    match output {
        Ok(output) if output.status.success() => {
            String::from_utf8_lossy(&output.stdout).lines().next().unwrap_or_default().to_owned()
        }
        _ => "unknown".to_owned(),
    }
}
