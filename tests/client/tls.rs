//! Clients through TLS, against the server and against the program as an operator runs it.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};

use roomd_client::{Client, Error, Options, Trust};
use rustix::process::{Pid, Signal, kill_process};

use crate::harness::{Cut, TestServer, next_message, quick, roomd};
use crate::reconnect::talk;

/// A folder with a certificate, made as an operator makes it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("client-tls-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let folder = Self(folder);
        let made = folder.self_signed(&[]);
        assert!(made.status.success(), "{made:?}");
        folder
    }

    fn self_signed(&self, arguments: &[&str]) -> Output {
        let mut command = roomd();
        command.current_dir(&self.0).args(["tls", "self-signed"]).args(arguments);
        command.output().unwrap()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn trust(&self) -> Trust {
        Trust::Only(self.path("roomd-cert.pem"))
    }

    fn server(&self) -> TestServer {
        let text = |name| Some(self.path(name).to_str().unwrap().to_owned());
        TestServer::with(|settings| {
            (settings.tls_cert, settings.tls_key) = (text("roomd-cert.pem"), text("roomd-key.pem"));
        })
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // It lies among what a build makes: nothing else looks at it.
        _ = fs::remove_dir_all(&self.0);
    }
}

fn refused(url: &str, trust: Trust) -> String {
    match Client::connect(url, Options { trust, ..quick("Ann") }) {
        Err(Error::Closed(reason)) => reason.message,
        Err(Error::Invalid(sentence)) => sentence,
        other => panic!("{:?}", other.map(|client| client.user().to_owned())),
    }
}

#[test]
fn a_client_talks_to_the_server_that_it_trusts_and_to_no_other() {
    let folder = Folder::new();
    let server = folder.server();
    let (url, address) = (format!("wss://{}", server.address()), server.address());
    for trust in [folder.trust(), Trust::Anybody] {
        let mut client = Client::connect(&url, Options { trust, ..quick("Ann") }).unwrap();
        client.join("r").unwrap();
        client.publish("r", "hi").unwrap();
        assert_eq!(next_message(&mut client).text.as_deref(), Some("hi"));
        client.close();
    }
    let other = Folder::new();
    let stranger = format!("no TLS with {address}: invalid peer certificate: ");
    assert!(refused(&url, other.trust()).starts_with(&stranger));
    assert!(refused(&url, Trust::System).starts_with(&stranger));
    assert!(refused(&url, Trust::Only(folder.path("absent.pem"))).starts_with("cannot read "));
    assert!(refused(&url, Trust::Only(folder.path("roomd-key.pem"))).starts_with("there is no certificate in "));
    let plain = TestServer::start();
    let url = format!("wss://{}", plain.address());
    assert_eq!(refused(&url, folder.trust()), format!("no TLS with {}: what came is no TLS", plain.address()));
    // The name in the address has to be in the certificate.
    let named = Folder::new();
    fs::remove_file(named.path("roomd-cert.pem")).unwrap();
    fs::remove_file(named.path("roomd-key.pem")).unwrap();
    assert!(named.self_signed(&["chat.example"]).status.success());
    let server = named.server();
    let reason = refused(&format!("wss://{}", server.address()), named.trust());
    assert!(reason.contains("not valid for name"), "{reason}");
}

#[test]
fn nothing_is_lost_or_doubled_wherever_a_line_of_tls_breaks() {
    let folder = Folder::new();
    for first in (1..4_000).step_by(331) {
        talk(
            &folder.server(),
            vec![Cut::Down(first), Cut::Up(first / 2 + 1), Cut::Down(2_500)],
            "wss",
            &folder.trust(),
        );
    }
}

#[test]
fn a_certificate_for_a_trial_is_made_once_and_its_key_is_for_its_owner() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    let mode = |name| fs::metadata(folder.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("roomd-key.pem"), mode("roomd-cert.pem") & 0o400), (0o600, 0o400));
    let again = folder.self_signed(&[]);
    assert_eq!(again.status.code(), Some(1));
    let said = String::from_utf8(again.stderr).unwrap();
    assert_eq!(said, "roomd: roomd-cert.pem is there already, and is not written over\n");
    let key_in_the_way = folder.self_signed(&["--cert", "new.pem"]);
    assert_eq!((key_in_the_way.status.code(), folder.path("new.pem").exists()), (Some(1), false));
    let wrong = folder.self_signed(&["--cert=a", "--key=b", "n\u{e4}me"]);
    assert_eq!((wrong.status.code(), folder.path("a").exists()), (Some(1), false), "{wrong:?}");
}

/// `roomd serve`, which is ended when it goes.
struct Serve {
    child: Child,
    address: String,
}

impl Serve {
    fn start(folder: &Folder) -> Self {
        let mut command: Command = roomd();
        command.current_dir(&folder.0).env("RUST_LOG", "info").stdout(Stdio::piped()).stderr(Stdio::piped());
        command.args(["serve", "--listen=127.0.0.1:0", "--lines=off", "--data=off"]);
        command.args(["--tls-cert=roomd-cert.pem", "--tls-key=roomd-key.pem"]);
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim_end().rsplit_once("https://").unwrap_or_else(|| panic!("{line:?}")).1.to_owned();
        Self { child, address }
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn client(&self, folder: &Folder, user: &str) -> Result<Client, Error> {
        let mut client =
            Client::connect(&format!("wss://{}", self.address), Options { trust: folder.trust(), ..quick(user) })?;
        client.join("r").unwrap();
        Ok(client)
    }
}

#[test]
fn a_hang_up_loads_the_certificate_anew_and_drops_nobody() {
    let folder = Folder::new();
    let mut serve = Serve::start(&folder);
    let mut errors = BufReader::new(serve.child.stderr.take().unwrap());
    let mut log_says = |what: &str| {
        let mut line = String::new();
        while !line.contains(what) {
            line.clear();
            assert!(errors.read_line(&mut line).unwrap() > 0, "the log ends before {what:?}");
        }
    };
    let mut early = serve.client(&folder, "Ella").unwrap();
    let old = fs::read(folder.path("roomd-cert.pem")).unwrap();
    for name in ["roomd-cert.pem", "roomd-key.pem"] {
        fs::remove_file(folder.path(name)).unwrap();
    }
    serve.signal(Signal::HUP);
    log_says("the settings stay as they were: cannot read the certificate roomd-cert.pem");
    assert!(folder.self_signed(&[]).status.success());
    serve.signal(Signal::HUP);
    log_says("settings loaded anew");
    let mut late = serve.client(&folder, "Lena").unwrap();
    late.publish("r", "hi").unwrap();
    let heard = next_message(&mut early);
    assert_eq!((heard.text.as_deref(), early.is_online()), (Some("hi"), true));
    fs::write(folder.path("roomd-cert.pem"), old).unwrap();
    assert!(serve.client(&folder, "Otto").is_err(), "the old certificate is not in force any more");
    drop((early, late));
    serve.signal(Signal::TERM);
    assert_eq!(serve.child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_script_talks_through_tls() {
    let folder = Folder::new();
    let server = folder.server();
    let mut witness =
        Client::connect(&format!("wss://{}", server.address()), Options { trust: folder.trust(), ..quick("Wim") });
    let witness = witness.as_mut().unwrap();
    witness.join("r").unwrap();
    for flags in [&["--ca", "roomd-cert.pem"][..], &["--insecure"]] {
        let mut command = roomd();
        command.current_dir(&folder.0).args([
            "chat",
            &format!("https://{}", server.address()),
            "--room=r",
            "--user=Sue",
        ]);
        command.args(flags).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"from a script\n").unwrap();
        assert!(child.wait_with_output().unwrap().status.success(), "{flags:?}");
        assert_eq!(next_message(witness).text.as_deref(), Some("from a script"));
    }
    let mut command = roomd();
    command.args(["chat", &format!("wss://{}", server.address()), "--room=r"]).stdin(Stdio::null());
    let refused = command.output().unwrap();
    let said = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1));
    assert!(said.contains("invalid peer certificate"), "{said}");
    assert!(witness.is_online());
}
