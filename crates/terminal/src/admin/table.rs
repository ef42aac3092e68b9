//! Lists for people: one entry a line, its fields in columns.
//!
//! A pure function of what the server has answered. The columns are as wide as what stands in them, and the last is not
//! padded. What a server says is not trusted to be free of control characters.

use serde_json::Value;
use unicode_width::UnicodeWidthStr as _;

use crate::output::escape::escape;

/// A column: its title, and what stands in it.
type Column = (&'static str, fn(&Value) -> String);

/// The columns of a list.
pub struct Table(&'static [Column]);

/// Connections.
pub const CONNECTIONS: Table = Table(&[
    ("NUMBER", |entry| text(&entry["connection"])),
    ("USER", |entry| text(&entry["user"])),
    ("LEVEL", |entry| text(&entry["level"])),
    ("ADDRESS", |entry| text(&entry["address"])),
    ("DOOR", |entry| text(&entry["door"])),
    ("SINCE", |entry| time(&entry["since"])),
    ("WAITING", |entry| if entry["detached"] == true { "away".to_owned() } else { waiting(entry) }),
    ("ROOMS", |entry| list(&entry["rooms"])),
]);

/// Bans.
pub const BANS: Table = Table(&[
    ("NUMBER", |entry| text(&entry["ban"])),
    ("WHO", |entry| text(if entry["user"].is_null() { &entry["address"] } else { &entry["user"] })),
    ("UNTIL", |entry| time(&entry["until"])),
    ("BY", |entry| text(&entry["by"])),
    ("AT", |entry| time(&entry["at"])),
    ("NOTE", |entry| text(&entry["note"])),
]);

/// Rooms.
pub const ROOMS: Table = Table(&[
    ("ROOM", |entry| text(&entry["room"])),
    ("MEMBERS", |entry| text(&entry["members"])),
    ("POLICY", policy),
    ("OWNER", |entry| text(&entry["owner"])),
    ("LISTED", |entry| text(&entry["listed"])),
    ("MESSAGES", |entry| text(&entry["seq"])),
    ("LAST", |entry| time(&entry["last_at"])),
    ("BY", |entry| text(&entry["last_by"])),
]);

/// Registered names.
pub const ACCOUNTS: Table = Table(&[
    ("USER", |entry| text(&entry["user"])),
    ("SINCE", |entry| time(&entry["since"])),
    ("USED", |entry| time(&entry["used"])),
    ("DEVICES", |entry| text(&entry["devices"])),
    ("NAME", |entry| text(&entry["name"])),
]);

/// What there is of a person.
pub const PERSON: Table = Table(&[
    ("USER", |entry| text(&entry["user"])),
    ("SINCE", |entry| time(&entry["since"])),
    ("CONNECTIONS", |entry| text(&entry["connections"])),
    ("MESSAGES", |entry| text(&entry["messages"])),
    ("IN ROOMS", |entry| text(&entry["rooms"])),
    ("RECEIPTS", |entry| text(&entry["receipts"])),
    ("LISTED", |entry| text(&entry["listed"])),
    ("OWNS", |entry| list(&entry["owns"])),
]);

/// What was erased of a person.
pub const ERASED: Table =
    Table(&[("MESSAGES", |entry| text(&entry["messages"])), ("RECEIPTS", |entry| text(&entry["receipts"]))]);

/// A room's own retention.
pub const RETENTION: Table = Table(&[
    ("ROOM", |entry| text(&entry["room"])),
    ("AGE", |entry| bound(&entry["age_s"], " s")),
    ("MESSAGES", |entry| bound(&entry["messages"], "")),
]);

/// Keys.
pub const KEYS: Table = Table(&[
    ("KEY", |entry| text(&entry["key"])),
    ("MADE", |entry| time(&entry["made"])),
    ("LAST TOKEN ENDS", |entry| time(&entry["until"])),
    ("SIGNS", |entry| if entry["signs"] == true { "yes" } else { "no" }.to_owned()),
]);

/// Hooks of a room.
pub const HOOKS: Table = Table(&[
    ("NUMBER", |entry| text(&entry["hook"])),
    ("NAME", |entry| text(&entry["name"])),
    ("BY", |entry| text(&entry["by"])),
    ("CREATED", |entry| time(&entry["created"])),
    ("REVOKED", |entry| time(&entry["revoked"])),
]);

/// Webhooks.
pub const WEBHOOKS: Table = Table(&[
    ("NUMBER", |entry| text(&entry["webhook"])),
    ("ADDRESS", |entry| text(&entry["url"])),
    ("EVENTS", |entry| list(&entry["events"])),
    ("WAITING", |entry| text(&entry["waiting"])),
    ("FAILURES", |entry| text(&entry["failures"])),
    ("REMOVED", |entry| time(&entry["removed"])),
    ("OFF", |entry| time(&entry["off"])),
    ("REASON", |entry| text(&entry["reason"])),
]);

/// Deliveries to a webhook.
pub const DELIVERIES: Table = Table(&[
    ("NUMBER", |entry| text(&entry["delivery"])),
    ("EVENT", |entry| text(&entry["event"])),
    ("ROOM", |entry| text(&entry["room"])),
    ("AT", |entry| time(&entry["at"])),
    ("ATTEMPTS", |entry| text(&entry["attempts"])),
    ("DELIVERED", |entry| time(&entry["delivered"])),
    ("OUTCOME", |entry| text(&entry["outcome"])),
]);

/// The audit.
pub const AUDIT: Table = Table(&[
    ("AT", |entry| time(&entry["at"])),
    ("BY", |entry| text(&entry["by"])),
    ("WHAT", |entry| text(&entry["what"])),
    ("ABOUT", |entry| text(&entry["about"])),
    ("UNTIL", |entry| time(&entry["until"])),
    ("NOTE", |entry| text(&entry["note"])),
]);

impl Table {
    /// The lines of these entries, with a heading; none for no entry.
    pub fn of(&self, entries: &[Value]) -> String {
        if entries.is_empty() {
            return String::new();
        }
        let heading = self.0.iter().map(|(title, _)| (*title).to_owned()).collect();
        let cells = |entry| self.0.iter().map(|(_, cell)| escape(&cell(entry))).collect();
        let rows: Vec<Vec<String>> = std::iter::once(heading).chain(entries.iter().map(cells)).collect();
        let width = |column: usize| rows.iter().map(|row| row[column].width()).max().unwrap_or(0);
        let widths: Vec<_> = (0..self.0.len()).map(width).collect();
        let mut out = String::new();
        for row in rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width + 2 - cell.width()));
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }
}

/// A value, or `-` for none.
fn text(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A time to the second.
fn time(value: &Value) -> String {
    let text = text(value);
    match text.split_once('.') {
        Some((seconds, _)) => format!("{seconds}Z"),
        None => text,
    }
}

fn list(value: &Value) -> String {
    let items: Vec<_> = value.as_array().into_iter().flatten().map(text).collect();
    if items.is_empty() { "-".to_owned() } else { items.join(" ") }
}

/// Who may enter a room, and who may write how often.
fn policy(entry: &Value) -> String {
    let mut words = vec![if entry["private"] == true { "private" } else { "public" }.to_owned()];
    words.extend((entry["announcement"] == true).then(|| "announcements".to_owned()));
    words.extend(entry["slow_mode_s"].as_u64().filter(|s| *s > 0).map(|s| format!("slow {s} s")));
    words.join(", ")
}

/// A bound of a retention.
fn bound(value: &Value, unit: &str) -> String {
    match value.as_u64() {
        None => "as the server".to_owned(),
        Some(0) => "all".to_owned(),
        Some(number) => format!("{number}{unit}"),
    }
}

/// What waits in an outbox.
fn waiting(entry: &Value) -> String {
    match entry["waiting"].as_u64() {
        Some(0) => "0".to_owned(),
        _ => format!("{} ({} bytes)", text(&entry["waiting"]), text(&entry["waiting_bytes"])),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_columns_are_as_wide_as_what_stands_in_them() {
        let entries = [
            json!({"connection": 7, "user": "Ann", "level": "guest", "address": "192.0.2.7", "door": "irc",
                "since": "2026-11-20T18:00:00.123Z", "rooms": ["den", "lobby"], "waiting": 0, "waiting_bytes": 0}),
            json!({"connection": 12, "user": "\u{674e}", "level": "admin", "door": "in-process",
                "since": "2026-11-20T18:00:01.000Z", "rooms": [], "detached": true}),
        ];
        assert_eq!(
            CONNECTIONS.of(&entries),
            "NUMBER  USER  LEVEL  ADDRESS    DOOR        SINCE                 WAITING  ROOMS\n\
             7       Ann   guest  192.0.2.7  irc         2026-11-20T18:00:00Z  0        den lobby\n\
             12      \u{674e}    admin  -          in-process  2026-11-20T18:00:01Z  away     -\n"
        );
        assert_eq!(CONNECTIONS.of(&[]), "");
    }
}
