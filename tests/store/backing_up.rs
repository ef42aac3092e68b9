//! `roomd backup` into a folder, again and again, and for a command.

use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::drafts::{message, room};
use crate::harness::{TestDirectory, TestStore};

fn begun() -> TestDirectory {
    let directory = TestDirectory::new();
    TestStore::file(&directory).open(&room("den"), 0).unwrap().room_log.append(&[message("Anna", "hi", "")]).unwrap();
    directory
}

fn names(folder: &str) -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir(folder) else { return BTreeSet::new() };
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn copies_are_made_again_and_again_and_the_newest_are_kept() {
    let directory = begun();
    let folder = directory.file("copies");
    fs::create_dir(&folder).unwrap();
    for name in ["mine.db", "roomd-20200101T000000.000Z.db", "roomd-20200101T000001.000Z.db.partial"] {
        fs::write(format!("{folder}/{name}"), "old").unwrap();
    }
    let mut command = directory.roomd(&["backup", "--to", &folder, "--keep", "2", "--every", "1s"]);
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let (mut seen, until) = (BTreeSet::new(), Instant::now() + Duration::from_secs(60));
    while seen.len() < 4 {
        assert!(Instant::now() < until, "{seen:?}");
        let whole = names(&folder).into_iter().filter(|name| name.starts_with("roomd-202") && name.ends_with("Z.db"));
        seen.extend(whole.filter(|name| !name.starts_with("roomd-2020")));
        thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let left = names(&folder);
    assert!(left.contains("mine.db"), "what is no copy stays");
    assert!(!left.iter().any(|name| name.starts_with("roomd-2020")), "{left:?}");
    // The last one may not have come to deleting.
    assert!(left.iter().filter(|name| name.ends_with("Z.db")).count() <= 3, "{left:?}");
    let newest = left.iter().rfind(|name| name.ends_with("Z.db")).unwrap();
    let restored = directory.roomd(&["restore", &format!("{folder}/{newest}")]).output().unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
}

#[test]
fn a_command_reads_a_copy_and_its_failure_is_told() {
    let directory = begun();
    let copy = directory.file("copy.db");
    let output = directory.roomd(&["backup", "--pipe", &format!("cat > {copy}")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let other = TestDirectory::new();
    let restored = other.roomd(&["restore", &copy]).output().unwrap();
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
    assert!(String::from_utf8(restored.stdout).unwrap().contains("1 room and 1 message"));
    let output = directory.roomd(&["backup", "--pipe", "exit 3"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "roomd: \"exit 3\" failed: exit status: 3\n");
}

#[test]
fn options_that_do_not_go_together_are_refused_with_a_sentence() {
    let directory = begun();
    for (arguments, sentence) in [
        (&["backup"][..], "backup needs a FILE, --to FOLDER or --pipe COMMAND"),
        (&["backup", "a", "--to", "b"], "backup takes a FILE or --to FOLDER, not both"),
        (&["backup", "a", "--every", "1h"], "--every needs --to or --pipe: each copy has a name of its own"),
        (&["backup", "a", "--keep", "3"], "--keep is for --to FOLDER"),
        (&["backup", "--to", "b", "--keep", "0"], "--keep must be a whole number from 1 on, not \"0\""),
    ] {
        let output = directory.roomd(arguments).output().unwrap();
        let complaint = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success() && complaint.contains(sentence), "{complaint}");
    }
}
