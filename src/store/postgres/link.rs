//! One connection to the database, for one thread: a private runtime that only runs inside a call, and each call has a
//! deadline.
//!
//! The only place with anything async: the driver is `tokio-postgres`. Its blocking sibling has no deadline for a query,
//! so a database that hangs would hang the journal. After a call that came too late the connection is not used again:
//! what it still says would be taken for another answer.

use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{AsyncMessage, Client, Config, NoTls, Row, Statement};

/// How long a connection may take to come about.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a statement may take, by the caller's clock; a second more than the database gives it.
const PATIENCE: Duration = Duration::from_secs(5);
/// After which time the database stops a statement, if nothing else is said.
pub const STATEMENT: Duration = Duration::from_secs(4);
/// How long bytes may stay unacknowledged.
const UNACKNOWLEDGED: Duration = Duration::from_secs(5);

/// Set on each connection. The planner is not to guess: all that roomd does is a walk along an index, and plans that were
/// made while the tables were empty would scan them whole. It makes each plan once, whatever the values. A scan of a small
/// table counts as very costly then, so without `jit = off` the database would compile such a statement each time it runs:
/// 27 ms for one that takes a tenth of a millisecond.
const SETTINGS: &str = "SET client_encoding = 'UTF8'; SET lock_timeout = '3s'; SET jit = off; SET enable_seqscan = off;
    SET enable_hashjoin = off; SET enable_mergejoin = off; SET plan_cache_mode = force_generic_plan;
    SET idle_in_transaction_session_timeout = '5s'";

/// See the module.
pub struct DatabaseLink {
    runtime: Runtime,
    client: Client,
    statements: HashMap<String, Statement>,
    /// Whether a call came too late.
    is_lost: bool,
    patience: Duration,
}

/// Why a call failed.
#[derive(Debug)]
pub enum LinkError {
    /// There was no answer in time: what was asked may be done, or not.
    Late,
    /// The database refused, or the connection broke.
    Failed(tokio_postgres::Error),
    /// The database has something in it that roomd did not write.
    Invalid(String),
    /// The system has no thread, socket or randomness to give.
    System(std::io::Error),
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => f.write_str("the database does not answer"),
            Self::Failed(error) => match error.as_db_error() {
                Some(error) => write!(f, "{} ({})", error.message(), error.code().code()),
                None => {
                    let cause = std::error::Error::source(error).map(|cause| format!(": {cause}"));
                    write!(f, "{error}{}", cause.unwrap_or_default())
                }
            },
            Self::Invalid(what) => write!(f, "the database has {what}"),
            Self::System(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for LinkError {}

impl From<tokio_postgres::Error> for LinkError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Failed(error)
    }
}

impl LinkError {
    fn code(&self) -> Option<&SqlState> {
        match self {
            Self::Failed(error) => error.code(),
            _ => None,
        }
    }

    /// Whether nothing happened, and the same may succeed now: a deadlock, a lock or a statement that took too long.
    pub fn may_pass(&self) -> bool {
        let passing = [
            &SqlState::T_R_DEADLOCK_DETECTED,
            &SqlState::T_R_SERIALIZATION_FAILURE,
            &SqlState::LOCK_NOT_AVAILABLE,
            &SqlState::QUERY_CANCELED,
        ];
        self.code().is_some_and(|code| passing.contains(&code))
    }

    /// Whether the statement was stopped because its time was over.
    pub fn is_timeout(&self) -> bool {
        self.code() == Some(&SqlState::QUERY_CANCELED)
    }

    /// Whether it is not known what became of the statement: the connection broke, or the database ended it.
    pub fn is_in_doubt(&self) -> bool {
        match self {
            Self::Late => true,
            // 57P01 to 57P05: the database shuts down, crashed, starts, or ended the session.
            Self::Failed(error) => error.code().is_none_or(|code| code.code().starts_with("57P")),
            Self::Invalid(_) | Self::System(_) => false,
        }
    }
}

impl DatabaseLink {
    /// Connects. Blocks for some seconds at most.
    ///
    /// # Errors
    /// There is no connection.
    pub fn open(config: &Config) -> Result<Self, LinkError> {
        Self::open_notified(config, None)
    }

    /// The same; `waker` is given the notifications that come, while a call runs, and is woken when the connection ends.
    ///
    /// # Errors
    /// There is no connection.
    pub fn open_notified(config: &Config, waker: Option<Waker>) -> Result<Self, LinkError> {
        let runtime = Builder::new_current_thread().enable_all().build().map_err(LinkError::System)?;
        let mut config = config.clone();
        config.connect_timeout(CONNECT).tcp_user_timeout(UNACKNOWLEDGED).keepalives_idle(UNACKNOWLEDGED);
        if config.get_application_name().is_none() {
            config.application_name("roomd");
        }
        let client = runtime.block_on(async {
            let connected = tokio::time::timeout(PATIENCE, config.connect(NoTls)).await;
            let (client, mut connection) = connected.map_err(|_| LinkError::Late)??;
            // It runs while a call does. How it ends each call is told.
            tokio::spawn(async move {
                while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
                    if let (AsyncMessage::Notification(notification), Some(waker)) = (message, &waker) {
                        waker.send(Some(notification.payload().to_owned()));
                    }
                }
                waker.iter().for_each(Waker::wake);
            });
            Ok::<_, LinkError>(client)
        })?;
        let mut link = Self { runtime, client, statements: HashMap::new(), is_lost: false, patience: PATIENCE };
        link.run(SETTINGS)?;
        link.limit(STATEMENT)?;
        Ok(link)
    }

    /// Has the database stop each statement after this time.
    ///
    /// # Errors
    /// It is not set.
    pub fn limit(&mut self, limit: Duration) -> Result<(), LinkError> {
        self.patience = limit + Duration::from_secs(1);
        self.run(&format!("SET statement_timeout = {}", limit.as_millis()))
    }

    /// Whether it cannot be used any more.
    pub fn is_lost(&self) -> bool {
        self.is_lost || self.client.is_closed()
    }

    /// Runs statements without parameters.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn run(&mut self, sql: &str) -> Result<(), LinkError> {
        let (runtime, client) = (&self.runtime, &self.client);
        let done = runtime.block_on(async { tokio::time::timeout(self.patience, client.batch_execute(sql)).await });
        self.judge(done)
    }

    /// The rows of one statement, which is prepared once a connection.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn query(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Vec<Row>, LinkError> {
        let statement = self.prepared(sql)?;
        let (runtime, client) = (&self.runtime, &self.client);
        let rows =
            runtime.block_on(async { tokio::time::timeout(self.patience, client.query(&statement, values)).await });
        self.judge(rows)
    }

    /// The one row of a statement that may have one.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn row(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<Option<Row>, LinkError> {
        Ok(self.query(sql, values)?.into_iter().next())
    }

    /// The number of rows that a statement changed, which is prepared once a connection.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub fn execute(&mut self, sql: &str, values: &[&(dyn ToSql + Sync)]) -> Result<u64, LinkError> {
        let statement = self.prepared(sql)?;
        let (runtime, client) = (&self.runtime, &self.client);
        let done =
            runtime.block_on(async { tokio::time::timeout(self.patience, client.execute(&statement, values)).await });
        self.judge(done)
    }

    fn prepared(&mut self, sql: &str) -> Result<Statement, LinkError> {
        if let Some(statement) = self.statements.get(sql) {
            return Ok(statement.clone());
        }
        let (runtime, client) = (&self.runtime, &self.client);
        let prepared = runtime.block_on(async { tokio::time::timeout(self.patience, client.prepare(sql)).await });
        let statement = self.judge(prepared)?;
        self.statements.insert(sql.to_owned(), statement.clone());
        Ok(statement)
    }

    /// Does `work` in one transaction.
    ///
    /// # Errors
    /// Nothing of it was done, or that is in doubt.
    pub fn transact<T, E: From<LinkError>>(
        &mut self,
        kind: &str,
        work: impl FnOnce(&mut Self) -> Result<T, E>,
    ) -> Result<T, E> {
        self.run(&format!("BEGIN {kind}"))?;
        match work(self) {
            Ok(done) => {
                self.run("COMMIT")?;
                Ok(done)
            }
            Err(error) => {
                // A connection on which this fails is not used again.
                self.is_lost |= self.run("ROLLBACK").is_err();
                Err(error)
            }
        }
    }

    /// Reads as of one moment.
    ///
    /// # Errors
    /// It cannot be read now.
    pub fn snapshot<T, E: From<LinkError>>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        self.transact("ISOLATION LEVEL REPEATABLE READ READ ONLY", read)
    }

    fn judge<T, E>(&mut self, done: Result<Result<T, tokio_postgres::Error>, E>) -> Result<T, LinkError> {
        match done {
            Ok(done) => Ok(done?),
            Err(_) => {
                self.is_lost = true;
                Err(LinkError::Late)
            }
        }
    }
}

/// Notifications of a connection, for the thread that waits for them; others may wake it.
pub struct Notifications {
    /// Waits while there is no connection.
    runtime: Runtime,
    sender: UnboundedSender<Option<String>>,
    /// `None`: it was woken.
    receiver: UnboundedReceiver<Option<String>>,
}

/// Wakes a thread that waits for notifications.
#[derive(Clone)]
pub struct Waker(UnboundedSender<Option<String>>);

impl Waker {
    /// The wait under way ends, or the next one.
    pub fn wake(&self) {
        self.send(None);
    }

    fn send(&self, notification: Option<String>) {
        // If nobody waits any more nothing is missed.
        _ = self.0.send(notification);
    }
}

impl Notifications {
    /// None yet, of no connection.
    ///
    /// # Errors
    /// The system has nothing to wait with.
    pub fn new() -> Result<Self, LinkError> {
        let runtime = Builder::new_current_thread().enable_time().build().map_err(LinkError::System)?;
        let (sender, receiver) = unbounded_channel();
        Ok(Self { runtime, sender, receiver })
    }

    /// What brings them.
    pub fn waker(&self) -> Waker {
        Waker(self.sender.clone())
    }

    /// Waits for notifications of this connection, until it is woken, or until then. Those that are there come without
    /// a wait.
    pub fn wait(&mut self, link: Option<&DatabaseLink>, until: Instant) -> Vec<String> {
        let (runtime, receiver) = (link.map_or(&self.runtime, |link| &link.runtime), &mut self.receiver);
        let first = runtime.block_on(async { tokio::time::timeout_at(until.into(), receiver.recv()).await });
        let mut all: Vec<_> = first.ok().flatten().flatten().into_iter().collect();
        while let Ok(notification) = self.receiver.try_recv() {
            all.extend(notification);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::DatabaseLink;

    #[test]
    fn a_statement_that_scans_a_table_is_not_compiled() {
        let Ok(server) = std::env::var("ROOMD_TEST_POSTGRES") else {
            println!("there is no PostgreSQL: see tests/cluster/run");
            return;
        };
        let mut link = DatabaseLink::open(&format!("{server}postgres").parse().unwrap()).unwrap();
        let rows = link.query("EXPLAIN SELECT relname FROM pg_class WHERE relpages >= 0", &[]).unwrap();
        let plan: Vec<&str> = rows.iter().map(|row| row.get(0)).collect();
        assert!(plan[0].starts_with("Seq Scan"), "{plan:?}");
        assert!(!plan.iter().any(|line| line.starts_with("JIT")), "{plan:?}");
    }
}
