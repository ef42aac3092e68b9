//! Signals of calls between users of different servers: rows that are read by whoever hears of them, and forgotten soon.
//!
//! A signal can be larger than a note, so the note names its row. It is sent on the reader's thread of whoever signals, in two
//! transactions: what notifies waits for no disk.

use super::bus::Bus;
use super::link::{DatabaseLink, LinkError};
use super::note::{self, News, SignalNotice};
use super::row::text;
use crate::chat::{CallSignal, Signal, UserName};

/// Stores a signal, and tells the other servers.
///
/// # Errors
/// It may be stored, and is not told.
pub fn send(link: &mut DatabaseLink, server: i64, bus: &Bus, signal: &CallSignal) -> Result<(), LinkError> {
    let CallSignal { kind, from, to, payload } = signal;
    let sql = "INSERT INTO signals (usr, author, kind, payload) VALUES ($1, $2, $3, $4) RETURNING signal";
    let row = link.row(sql, &[&to.as_str(), &from.as_str(), &kind.as_str(), &payload.as_bytes()])?;
    let number = row.map(|row| row.get(0)).ok_or_else(|| LinkError::Invalid("no number of a signal".to_owned()))?;
    let news = News { signals: vec![SignalNotice { number, to: to.clone() }], ..News::default() };
    bus.send(|| Ok(link), &note::write(server, news))
}

/// The signals of these numbers, in their order.
///
/// # Errors
/// They cannot be read now.
pub fn read(link: &mut DatabaseLink, numbers: &[i64]) -> Result<Vec<CallSignal>, LinkError> {
    let sql = "SELECT usr, author, kind, payload FROM signals WHERE signal = ANY($1) ORDER BY signal";
    let mut signals = Vec::new();
    for row in &link.query(sql, &[&numbers])? {
        // Another kind is of a later version.
        let Some(kind) = Signal::ALL.into_iter().find(|kind| kind.as_str() == row.get::<_, &str>(2)) else { continue };
        let (to, from) = (UserName::stored(row.get(0)), UserName::stored(row.get(1)));
        signals.push(CallSignal { kind, from, to, payload: text(row.get(3))?.into() });
    }
    Ok(signals)
}

/// Forgets signals that are a minute old.
///
/// # Errors
/// They are forgotten later.
pub fn forget_old(link: &mut DatabaseLink) -> Result<(), LinkError> {
    link.execute("DELETE FROM signals WHERE at < clock_timestamp() - interval '1 minute'", &[]).map(|_| ())
}
