//! A PostgreSQL of the test's own: made, started, stopped and killed.
//!
//! In a folder for temporary files, at a free port of the loopback. PostgreSQL does not run as root: as root it runs as the
//! user postgres, who comes with Debian's package.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take that is waited for.
pub const DEADLINE: Duration = Duration::from_secs(90);

/// See the module.
pub struct Postgres {
    folder: Folder,
    pub port: u16,
}

/// Waits until that is so; what it says instead is shown when it never is.
pub fn until<E: std::fmt::Display>(what: &str, mut is_so: impl FnMut() -> Result<(), E>) {
    let began = Instant::now();
    while let Err(instead) = is_so() {
        assert!(began.elapsed() < DEADLINE, "{what}: {instead}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// A folder that goes with the test.
pub struct Folder(pub PathBuf);

impl Folder {
    pub fn new() -> Self {
        let folder = Self(std::env::temp_dir().join(format!("roomd-cluster-{:x}", getrandom::u64().unwrap())));
        fs::create_dir(&folder.0).unwrap();
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed is the machine's to remove.
        _ = fs::remove_dir_all(&self.0);
    }
}

impl Postgres {
    /// A new one, which runs, with an empty database for roomd. `None`, and said so: tests/cluster/run did not start this.
    pub fn start_new() -> Option<Self> {
        if std::env::var_os("ROOMD_TEST_POSTGRES").is_none() {
            println!("skipped: there is no PostgreSQL; tests/cluster/run starts one");
            return None;
        }
        let postgres = Self::empty();
        let made =
            postgres.run("initdb", &["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"]);
        assert!(made.status.success(), "{made:?}");
        postgres.configure("fsync = off\nmax_connections = 200\nwal_keep_size = '64MB'\n");
        postgres.start();
        postgres.psql("postgres", "CREATE ROLE roomd LOGIN");
        postgres.psql("postgres", "CREATE DATABASE roomd OWNER roomd");
        Some(postgres)
    }

    /// A folder for one, owned by who runs it.
    fn empty() -> Self {
        let folder = Folder::new();
        if is_root() {
            assert!(Command::new("chown").arg("postgres").arg(&folder.0).status().unwrap().success());
        }
        Self { folder, port: free_port() }
    }

    fn data(&self) -> PathBuf {
        self.folder.0.join("data")
    }

    /// Adds to its settings, which it reads when it starts.
    fn configure(&self, more: &str) {
        let file = self.data().join("postgresql.auto.conf");
        let settings = fs::read_to_string(&file).unwrap();
        fs::write(&file, format!("{settings}{more}")).unwrap();
    }

    /// Where a server finds the database, through this port.
    pub fn url(port: u16) -> String {
        format!("postgres://roomd@127.0.0.1:{port}/roomd")
    }

    /// What the superuser reads or does in a database.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let url = format!("postgres://postgres@127.0.0.1:{}/{database}", self.port);
        let mut psql = Command::new(program("psql"));
        let done = psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql, &url]).output().unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap().trim().to_owned()
    }

    /// Starts it; after a kill its old processes may take a moment to end.
    pub fn start(&self) {
        let options = format!("-c listen_addresses=127.0.0.1 -c port={} -c unix_socket_directories=", self.port);
        let log = self.folder.0.join("log");
        until("PostgreSQL starts", || {
            let started = self.run("pg_ctl", &["-l", log.to_str().unwrap(), "-o", &options, "-w", "start"]);
            if started.status.success() { Ok(()) } else { Err(fs::read_to_string(&log).unwrap_or_default()) }
        });
    }

    /// Stops it, in this of its modes.
    pub fn stop(&self, mode: &str) {
        self.run("pg_ctl", &["-m", mode, "-w", "stop"]);
    }

    /// Kills all of its processes.
    pub fn kill(&self) {
        let lines = fs::read_to_string(self.data().join("postmaster.pid")).unwrap();
        let postmaster: i32 = lines.lines().next().unwrap().trim().parse().unwrap();
        for process in std::iter::once(postmaster).chain(children(postmaster)) {
            // One that has ended by itself need not be killed.
            _ = kill_process(Pid::from_raw(process).unwrap(), Signal::KILL);
        }
    }

    /// A standby of it, which runs and follows it.
    pub fn standby(&self) -> Self {
        let standby = Self::empty();
        let connection = format!("host=127.0.0.1 port={} user=postgres application_name=standby", self.port);
        let made = standby.run("pg_basebackup", &["-d", &connection, "-R", "-c", "fast", "--no-sync"]);
        assert!(made.status.success(), "{made:?}");
        standby.start();
        standby
    }

    /// It is a standby no longer.
    pub fn promote(&self) {
        let promoted = self.run("pg_ctl", &["-w", "promote"]);
        assert!(promoted.status.success(), "{promoted:?}");
    }

    /// Changes a setting that needs no start.
    pub fn change_settings(&self, name: &str, value: &str) {
        self.psql("postgres", &format!("ALTER SYSTEM SET {name} = '{value}'"));
        self.psql("postgres", "SELECT pg_reload_conf()");
    }

    /// Ends each connection of roomd.
    pub fn end_connections(&self) {
        self.psql("postgres", "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename = 'roomd'");
    }

    fn run(&self, name: &str, arguments: &[&str]) -> Output {
        let mut command = match is_root() {
            false => Command::new(program(name)),
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program(name));
                command
            }
        };
        // The server that is started would keep a pipe open.
        let (output, error) = (self.folder.0.join("output"), self.folder.0.join("errors"));
        let [stdout, stderr] = [&output, &error].map(|path| fs::File::create(path).unwrap());
        command.arg("-D").arg(self.data()).args(arguments).current_dir(&self.folder.0);
        let status = command.stdin(Stdio::null()).stdout(stdout).stderr(stderr).status().unwrap();
        let [stdout, stderr] = [&output, &error].map(|path| fs::read(path).unwrap());
        Output { status, stdout, stderr }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        self.stop("immediate");
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// A program of the newest PostgreSQL that Debian has installed.
fn program(name: &str) -> PathBuf {
    let version = |path: &Path| path.file_name().and_then(|name| name.to_str()?.parse::<u32>().ok());
    let versions = fs::read_dir("/usr/lib/postgresql").unwrap().map(|entry| entry.unwrap().path());
    versions.max_by_key(|path| version(path)).unwrap().join("bin").join(name)
}

/// The processes that this one has started.
fn children(parent: i32) -> Vec<i32> {
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    let parent_of = |process: &i32| {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
        // Behind the name, which may have spaces: the state, and the parent.
        stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse::<i32>().ok()
    };
    processes.filter(|process| parent_of(process) == Some(parent)).collect()
}
