//! The control groups of this process (cgroups(7)), of both versions.
//!
//! Read from /sys where the process is told to be: a container sees its own group as the root.

use std::fs;
use std::path::Path;

/// The folders of this process's groups that may bound what `controller` counts, up to the root.
#[must_use]
pub fn folders(controller: &str) -> Vec<String> {
    let text = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let folders = |line: &str| {
        let mut fields = line.splitn(3, ':').skip(1);
        let (controllers, path) = (fields.next()?, fields.next()?);
        let root = match controllers {
            "" => "/sys/fs/cgroup".to_owned(),
            one if one == controller => format!("/sys/fs/cgroup/{controller}"),
            _ => return None,
        };
        let folders = Path::new(path).ancestors().map(|folder| format!("{root}{}", folder.display()));
        Some(folders.collect::<Vec<_>>())
    };
    text.lines().filter_map(folders).flatten().collect()
}
