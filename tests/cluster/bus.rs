//! A Redis of the test's own between the servers: started and killed, at a port that it keeps.

use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::postgres::{Folder, free_port, until};
use crate::servers::kill;

/// See the module. It is Debian's, or the program that `ROOMD_TEST_REDIS` names.
pub struct Bus {
    folder: Folder,
    pub port: u16,
    process: Option<Child>,
}

impl Bus {
    /// A new one, which runs.
    pub fn start_new() -> Self {
        let mut bus = Self { folder: Folder::new(), port: free_port(), process: None };
        bus.start();
        bus
    }

    /// For `--bus`, through this port.
    pub fn url(port: u16) -> String {
        format!("redis://127.0.0.1:{port}")
    }

    pub fn start(&mut self) {
        let program = std::env::var_os("ROOMD_TEST_REDIS").unwrap_or_else(|| "redis-server".into());
        let mut redis = Command::new(program);
        redis.args(["--bind", "127.0.0.1", "--port", &self.port.to_string(), "--save", "", "--appendonly", "no"]);
        self.process = Some(redis.arg("--dir").arg(&self.folder.0).stdout(Stdio::null()).spawn().unwrap());
        until("the bus starts", || TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).map(drop));
    }

    pub fn kill(&mut self) {
        kill(&mut self.process);
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        self.kill();
    }
}
