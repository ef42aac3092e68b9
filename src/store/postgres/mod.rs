//! The PostgreSQL backend: a history in a database that several servers share, each of which writes with one thread and
//! reads through a few connections.
//!
//! Brokers send drafts to `journal.rs` through their room logs and wait; readers borrow a connection from `pool.rs` on
//! their own threads. Behind each batch the journal hands the rooms that have gone on to `notifier.rs`, which tells the
//! other servers, as it does who is in the rooms here; what those tell is heard by `change_feed.rs`, on a thread of the engine's. The threads `journal`,
//! `notifier` and `index` (`search_index.rs`) are started at the opening, and end when the store is closed and the last room log is dropped. Channels: the
//! journal's inbox (bounded; a broker that finds it full waits), the notifier's (bounded; what finds it full is not told),
//! the pools' places, and a oneshot per request. The database alone orders what the servers do, under the locks of its rows.

mod accounts;
mod administration;
mod attendance;
mod batch;
mod bus;
mod catch_up;
mod change_feed;
mod changes;
mod check;
mod cluster;
mod devices;
mod draft_columns;
mod erasure;
mod failover;
mod hexadecimal;
mod history;
mod hooks;
mod import;
mod journal;
mod lasting_link;
mod link;
mod local_attendance;
mod local_sessions;
mod maintenance;
mod note;
mod notifier;
mod open_rooms;
mod plain_messages;
mod policy;
mod pool;
mod private_feed;
mod read_ahead;
mod redis;
mod remote_attendance;
mod room_log;
mod row;
mod schema;
mod search;
mod search_index;
mod server;
mod session_state;
mod sessions;
mod signals;
mod store;
mod users;
mod webhooks;
mod words;

use std::sync::Arc;

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use self::administration::Database;
use self::store::PostgresStore;
use self::webhooks::PostgresWebhooks;
use super::administration::{Administration, AdministrationError};
use super::open::{Backend, BackendOptions, OpenError};

/// Opens the history in the database that the URL names, and makes its tables if there are none. Blocks for some seconds
/// at most.
///
/// # Errors
/// A sentence that says what to do; the database is as it was.
pub fn open(url: &str, options: BackendOptions<'_>) -> Result<Backend, OpenError> {
    let config = parse(url)?;
    let store = Arc::new(PostgresStore::open(&config, options)?);
    let administration = Arc::new(Database::new(config));
    let (rooms, accounts) = (Arc::clone(&store) as _, Arc::clone(&store) as _);
    let (hooks, server) = (Arc::clone(&store) as _, Arc::clone(&store) as _);
    let webhooks = Arc::new(PostgresWebhooks(store));
    Ok(Backend { rooms, accounts, hooks, webhooks: Some(webhooks), server, administration })
}

/// The administration of the database that the URL names, beside the server that has it open or without one.
///
/// # Errors
/// The URL names none.
pub fn administration(url: &str) -> Result<Box<dyn Administration>, AdministrationError> {
    Ok(Box::new(Database::new(parse(url).map_err(AdministrationError::Refused)?)))
}

/// The connection that a URL describes. The URL is not repeated in a message: it may have a password.
fn parse(url: &str) -> Result<Config, String> {
    let config: Config = url.parse().map_err(|error| format!("the URL of the database is not valid: {error}"))?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        return Err("the URL of the database names no host, such as postgres://roomd@localhost/roomd".to_owned());
    }
    if config.get_ssl_mode() == SslMode::Require {
        let sentence = "this roomd cannot speak TLS to a database: use a unix socket, a network of your own, or a tunnel, \
                        and leave out sslmode=require";
        return Err(sentence.to_owned());
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_that_cannot_be_used_is_refused_without_its_password() {
        for (url, complaint) in [
            ("postgres://", "names no host"),
            ("postgres://me:secret@host:x/db", "is not valid"),
            ("postgres://me:secret@host/db?sslmode=require", "cannot speak TLS"),
        ] {
            let error = parse(url).unwrap_err();
            assert!(error.contains(complaint) && !error.contains("secret"), "{error}");
        }
        assert!(parse("postgresql://me@%2Frun%2Fpostgresql/db").is_ok());
    }
}
