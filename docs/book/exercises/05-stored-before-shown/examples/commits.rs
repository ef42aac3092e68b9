//! Measures how many messages a second the journal stores, if 1, 8 or 64 threads say something and wait for the answer.
//!
//!     cargo run --release --example commits [FILE]
//!
//! The file is written where this is started, unless another is named, and removed at the end. It has to be on a real disk.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use stored_before_shown::{Disk, Record, Request, run};

/// For how long each number of threads is measured.
const MEASURED: Duration = Duration::from_secs(2);

/// A file whose commits are on the disk when they return.
struct SyncedFile {
    file: File,
    commits: u64,
}

impl Disk for SyncedFile {
    fn commit(&mut self, records: &[Record]) -> io::Result<()> {
        let lines: String = records.iter().map(|record| format!("{} {}\n", record.number, record.text)).collect();
        self.file.write_all(lines.as_bytes())?;
        self.file.sync_data()?;
        self.commits += 1;
        Ok(())
    }
}

/// Says something, waits until it is stored, and so on; how often.
fn talk(number: usize, inbox: &Sender<Request>, until: Instant) -> u64 {
    let mut count = 0;
    while Instant::now() < until {
        let (reply, answer) = channel();
        let mid = format!("{number}-{count}");
        inbox
            .send(Request { mid, text: "x".repeat(100), reply })
            .expect("the journal runs as long as somebody can send");
        answer.recv().expect("each request has its answer").expect("the disk takes it");
        count += 1;
    }
    count
}

fn main() -> io::Result<()> {
    let path = std::env::args().nth(1).unwrap_or_else(|| "commits.journal".to_owned());
    println!("threads  messages/s  commits/s");
    for threads in [1, 8, 64] {
        let file = File::create(&path)?;
        let (inbox, requests) = channel();
        let (done, disk) = sync_channel(1);
        thread::spawn(move || {
            let mut disk = SyncedFile { file, commits: 0 };
            run(&requests, &mut disk);
            done.send(disk.commits)
        });
        let until = Instant::now() + MEASURED;
        let talking: Vec<_> = (0..threads)
            .map(|number| {
                let inbox = inbox.clone();
                thread::spawn(move || talk(number, &inbox, until))
            })
            .collect();
        drop(inbox);
        let messages: u64 = talking.into_iter().map(|thread| thread.join().expect("nobody panics")).sum();
        let commits = disk.recv().expect("the journal ends with the last who can send");
        let a_second = |count: u64| count as f64 / MEASURED.as_secs_f64();
        println!("{threads:>7}  {:>10.0}  {:>9.0}", a_second(messages), a_second(commits));
    }
    std::fs::remove_file(path)
}
