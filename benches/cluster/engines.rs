//! The PostgreSQL and the Redis of a run: Debian's, in a folder of their own, stopped and removed with the run.
//!
//! PostgreSQL keeps what it promises (`fsync`), listens on a socket, and has a database for each trial. It does not run as root:
//! as root it runs as the user postgres, who comes with the package.

use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// How long an engine may take to start.
const START: Duration = Duration::from_secs(30);

pub struct Postgres {
    folder: PathBuf,
    bin: PathBuf,
    databases: AtomicU32,
}

impl Postgres {
    /// `None`: there is no PostgreSQL on this machine.
    pub fn start(parent: &Path) -> io::Result<Option<Self>> {
        let Ok(versions) = fs::read_dir("/usr/lib/postgresql") else { return Ok(None) };
        let mut bins: Vec<_> = versions.flatten().map(|version| version.path().join("bin")).collect();
        bins.retain(|bin| bin.join("initdb").exists());
        bins.sort_by_key(|bin| bin.parent().and_then(|version| version.file_name()?.to_str()?.parse::<u32>().ok()));
        let Some(bin) = bins.pop() else { return Ok(None) };
        // The path of a socket is short.
        let folder = parent.join(format!("roomd-bench-{}", std::process::id()));
        fs::create_dir(&folder)?;
        let postgres = Self { folder, bin, databases: AtomicU32::new(0) };
        if rustix::process::geteuid().is_root() {
            run(Command::new("chown").arg("postgres").arg(&postgres.folder))?;
        }
        let data = postgres.folder.join("data");
        let initdb = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-D"];
        run(postgres.command("initdb").args(initdb).arg(data))?;
        postgres.control("start")?;
        Ok(Some(postgres))
    }

    /// A new database.
    pub fn database(&self) -> io::Result<Database<'_>> {
        let name = format!("d{}", self.databases.fetch_add(1, Ordering::Relaxed));
        self.psql("postgres", &format!("CREATE DATABASE {name}"))?;
        let host = self.folder.to_string_lossy().replace('/', "%2F");
        Ok(Database { postgres: self, url: format!("postgres://postgres@{host}/{name}"), name })
    }

    /// What a query of a database has as its one value.
    pub fn psql(&self, name: &str, sql: &str) -> io::Result<String> {
        run(self.command("psql").arg("-h").arg(&self.folder).args(["-U", "postgres", "-XqAtc", sql, name]))
    }

    /// Kills it as a crash would, and starts it again; when it was ready.
    pub fn crash(&self) -> io::Result<Instant> {
        self.control("stop")?;
        self.control("start")?;
        Ok(Instant::now())
    }

    fn control(&self, what: &str) -> io::Result<()> {
        let settings =
            format!("-c listen_addresses= -c max_connections=200 -c unix_socket_directories={}", self.folder.display());
        let mut command = self.command("pg_ctl");
        command.arg("-D").arg(self.folder.join("data")).arg("-l").arg(self.folder.join("log"));
        match what {
            "stop" => command.args(["-m", "immediate", "-w", "stop"]),
            _ => command.args(["-o", &settings, "-w", "start"]),
        };
        // The server itself keeps what it is given.
        let status = command.stdout(Stdio::null()).stderr(Stdio::null()).status()?;
        if status.success() { Ok(()) } else { Err(io::Error::other(format!("pg_ctl cannot {what} PostgreSQL"))) }
    }

    /// One of its programs, as the user who may run it.
    fn command(&self, program: &str) -> Command {
        let program = self.bin.join(program);
        let mut command = match rustix::process::geteuid().is_root() {
            true => {
                let mut command = Command::new("setpriv");
                command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]).arg(program);
                command
            }
            false => Command::new(program),
        };
        command.current_dir(&self.folder);
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // If it does not stop, it is in the list of processes; the folder is then left.
        _ = self.control("stop").and_then(|()| fs::remove_dir_all(&self.folder));
    }
}

/// A database, which goes with its trial: a crash of PostgreSQL is the longer to recover from, the more files there are.
pub struct Database<'a> {
    postgres: &'a Postgres,
    name: String,
    pub url: String,
}

impl Database<'_> {
    /// What a query has as its one value.
    pub fn psql(&self, sql: &str) -> io::Result<String> {
        self.postgres.psql(&self.name, sql)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // What is left goes with the folder.
        _ = self.postgres.psql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

pub struct Redis {
    process: Child,
    pub url: String,
}

impl Redis {
    /// `None`: there is no Redis on this machine.
    pub fn start() -> io::Result<Option<Self>> {
        // Free a moment ago: if somebody has taken it meanwhile, this fails and says so.
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--port", &port.to_string()]);
        let process = match command.stdout(Stdio::null()).spawn() {
            Ok(process) => process,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut redis = Self { process, url: format!("redis://127.0.0.1:{port}") };
        let until = Instant::now() + START;
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            if until < Instant::now() || redis.process.try_wait()?.is_some() {
                return Err(io::Error::other("redis-server does not start"));
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Some(redis))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        // It has ended if this fails.
        _ = self.process.kill();
        _ = self.process.wait();
    }
}

/// What a program prints that succeeds.
fn run(command: &mut Command) -> io::Result<String> {
    let output = command.output()?;
    if !output.status.success() {
        return Err(io::Error::other(format!("{command:?}: {}", String::from_utf8_lossy(&output.stderr))));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
