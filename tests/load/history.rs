//! What judges from outside say of the history of a run (`--history`): nothing here knows the accounting of deliveries.
//!
//! Two of them, neither written here: adya looks for what contradicts strict serializability, as Elle does, and stateright's
//! tester for one order of all operations that explains what each returned, as Knossos and Porcupine do. Both read the file
//! alone. A server that keeps its promises must come out clean, killed or not, and one that lies must be found.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adya::history::{History, Id, Mop, OpType, ReadValue};
use adya::{Opts, Valid, Workload};
use roomd_load::{Plan, Report};
use stateright::semantics::{ConsistencyTester as _, LinearizabilityTester, SequentialSpec};

use crate::liar::{Liar, Lie};
use crate::{plan, server};

/// A folder of a test's own, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = format!("load-history-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn history(&self) -> PathBuf {
        self.0.join("history.edn")
    }

    fn read(&self) -> History {
        History::parse(&fs::read_to_string(self.history()).unwrap()).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

/// Carries out a plan; the report, and the history.
fn recorded(plan: Plan) -> (Report, History) {
    let folder = Folder::new();
    let report = crate::run(&Plan { history: Some(folder.history()), ..plan });
    let history = report.history.as_ref().unwrap();
    assert_eq!((history.incomplete.as_ref(), history.lines > 0), (None, true));
    (report, folder.read())
}

/// What adya finds.
fn anomalies(history: &History) -> Vec<String> {
    let report = adya::check(history, Workload::ListAppend, &Opts::default());
    report.anomalies.values().flatten().for_each(|anomaly| println!("{}", anomaly.explanation));
    if report.valid == Valid::True { Vec::new() } else { report.anomaly_types }
}

/// How many operations of this kind ended so.
fn count(history: &History, kind: OpType, of: fn(&Mop) -> bool) -> u64 {
    history.ops.iter().filter(|op| op.kind == kind && op.value.iter().all(of)).count() as u64
}

fn is_append(operation: &Mop) -> bool {
    matches!(operation, Mop::Append { .. })
}

fn is_read(operation: &Mop) -> bool {
    matches!(operation, Mop::Read { .. })
}

/// The list of a room, for the tester: what its operations do to it, one after the other.
#[derive(Clone, Debug, Default)]
struct List(Vec<Id>);

#[derive(Clone, Debug)]
enum Operation {
    Append(Id),
    Read,
}

impl SequentialSpec for List {
    type Op = Operation;
    type Ret = Option<Vec<Id>>;

    fn invoke(&mut self, operation: &Operation) -> Option<Vec<Id>> {
        match operation {
            Operation::Append(number) => {
                self.0.push(*number);
                None
            }
            Operation::Read => Some(self.0.clone()),
        }
    }
}

/// Whether stateright's tester finds an order that explains what was done in this room.
fn is_linearizable(history: &History, room: Id) -> bool {
    let mut tester = LinearizabilityTester::new(List::default());
    for (index, op) in history.ops.iter().enumerate() {
        let [operation] = &op.value[..] else { panic!("one operation a line") };
        let end = history.completion(index).map(|end| (end.kind, &end.value[0]));
        // What failed was not done, and what a read without an end returned is not known.
        let ends = match (op.kind, operation, end) {
            (OpType::Invoke, Mop::Append { .. }, Some((OpType::Fail, _))) => false,
            (OpType::Invoke, Mop::Append { .. }, _) => true,
            (OpType::Invoke, _, end) => matches!(end, Some((OpType::Ok, _))),
            (kind, ..) => kind == OpType::Ok,
        };
        if operation.key() != room || !ends {
            continue;
        }
        let process = op.process.unwrap();
        let taken = match (op.kind, operation) {
            (OpType::Invoke, Mop::Append { value, .. }) => tester.on_invoke(process, Operation::Append(*value)),
            (OpType::Invoke, _) => tester.on_invoke(process, Operation::Read),
            (_, Mop::Read { value: ReadValue::List(list), .. }) => tester.on_return(process, Some(list.clone())),
            _ => tester.on_return(process, None),
        };
        taken.unwrap();
    }
    tester.is_consistent()
}

/// Clients of an honest server that publish, leave and lose their connections.
fn disturbed(rate: u32) -> (Report, History) {
    let server = server(|_| ());
    let disturbed = Plan { clients: 12, rooms: 2, publishers: 2, publishers_too: true, ..plan(&server) };
    let found = recorded(Plan { rate, breaks: 40, churn: 20, duration: Duration::from_secs(1), ..disturbed });
    server.stop();
    found
}

#[test]
fn what_clients_are_told_is_strictly_serializable_though_they_break_and_leave() {
    let (report, history) = disturbed(400);
    assert!(report.kept, "{report}");
    assert!(report.connections.returned > 0 && report.connections.rejoined > 0, "{report}");
    assert_eq!(anomalies(&history), [""; 0]);
    // Each message is there, and reads of what was missed beside those at the end.
    assert_eq!(count(&history, OpType::Invoke, is_append), report.messages.published);
    // How many are acknowledged depends on when connections break.
    assert!(count(&history, OpType::Ok, is_append) > 0);
    assert!(count(&history, OpType::Ok, is_read) > 12);
}

#[test]
fn one_order_explains_what_each_client_was_told() {
    let (report, history) = disturbed(20);
    assert!(report.kept, "{report}");
    let rooms: BTreeSet<_> = history.ops.iter().map(|op| op.value[0].key()).collect();
    assert_eq!(rooms.len(), 2);
    assert!(rooms.into_iter().all(|room| is_linearizable(&history, room)));
}

/// Ten messages to three members of a server that lies, who come back when they are closed as slow.
fn of_liar(lie: Lie) -> History {
    let liar = Liar::start(lie);
    let (server, drain) = (liar.address.to_string(), Duration::from_secs(1));
    let duration = Duration::from_millis(100);
    recorded(Plan { server, clients: 3, rate: 100, slow_return: true, duration, drain, ..Plan::default() }).1
}

#[test]
fn a_server_that_lies_is_found_by_both_judges() {
    for (lie, anomaly) in [
        (Lie::None, None),
        (Lie::Slow, None),
        (Lie::Lose, Some("incompatible-order")),
        (Lie::Swap, Some("incompatible-order")),
        (Lie::Exchange, Some("incompatible-order")),
        (Lie::Repeat, Some("duplicate-elements")),
        (Lie::Alter, Some("incompatible-order")),
        // How it shows depends on whether anything is published after the client is back.
        (Lie::Forget, Some("")),
    ] {
        let history = of_liar(lie);
        let found = anomalies(&history);
        match anomaly {
            Some(anomaly) => assert!(found.iter().any(|name| name.contains(anomaly)), "{lie:?}: {found:?}"),
            None => assert_eq!(found, [""; 0], "{lie:?}"),
        }
        assert_eq!(is_linearizable(&history, history.ops[0].value[0].key()), anomaly.is_none(), "{lie:?}");
    }
}

#[cfg(feature = "sqlite")]
mod killed {
    use std::cell::RefCell;
    use std::io::{BufRead as _, BufReader};
    use std::process::{Child, Command, Stdio};

    use roomd_load::{Phase, Progress, StopToken};

    use super::*;

    /// A server that is killed when it is dropped.
    struct Process {
        child: Child,
        address: String,
    }

    impl Process {
        fn start(folder: &Folder, listen: &str) -> Self {
            let mut command = Command::new(env!("CARGO_BIN_EXE_roomd"));
            command.args(["--listen", listen, "--lines=off", "--rate-per-s=0", "--data"]).arg(folder.0.join("data.db"));
            let mut child = command.env("RUST_LOG", "error").stdout(Stdio::piped()).spawn().unwrap();
            let mut line = String::new();
            BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
            let address = line.split("http://").nth(1).map(|address| address.trim().to_owned());
            Self { child, address: address.unwrap_or_else(|| panic!("the server does not start: {line:?}")) }
        }
    }

    impl Drop for Process {
        fn drop(&mut self) {
            // SIGKILL: nothing of it runs any more when `wait` returns.
            self.child.kill().unwrap();
            self.child.wait().unwrap();
        }
    }

    #[test]
    fn what_clients_are_told_is_strictly_serializable_though_the_server_is_killed() {
        let folder = Folder::new();
        let first = Process::start(&folder, "127.0.0.1:0");
        let minute = Duration::from_secs(60);
        let plan = Plan {
            server: first.address.clone(),
            history: Some(folder.history()),
            clients: 6,
            publishers: 3,
            rate: 200,
            outages: true,
            duration: minute,
            drain: minute,
            ..Plan::default()
        };
        let (stop, running) = (StopToken::new().unwrap(), RefCell::new(Some(first)));
        let mut published = 0;
        // The generator waits meanwhile, with messages that nobody has answered.
        let mut look = |progress: &Progress| {
            if progress.phase == Phase::Publishing && progress.published > 100 && published == 0 {
                published = progress.published;
                drop(running.take());
                running.replace(Some(Process::start(&folder, &plan.server)));
            } else if published > 0 && progress.published > published + 100 {
                stop.request();
            }
        };
        let report = roomd_load::run_until(&stop, &plan, &mut look).unwrap();
        drop(running.take());
        assert!(report.kept, "{report}");
        assert!(report.messages.published > 200, "{report}");
        let returns = report.returns.as_ref().unwrap();
        assert_eq!((returns.cut_off, returns.back), (6, 6), "{report}");
        let history = folder.read();
        assert_eq!(anomalies(&history), [""; 0]);
        // Each client read what it missed, and all in the end.
        assert!(count(&history, OpType::Ok, is_read) >= 12);
    }
}
