//! Replies about one's devices, invitations and memberships, as lines for people.
//!
//! Pure; called by `text.rs` for replies that the client library passes on as they came. All text of others is escaped.

use serde_json::Value;

use super::escape::escape;

/// The lines of a reply; `None` for one that is about something else.
pub fn lines(reply: &Value) -> Option<Vec<String>> {
    let list = |field: &str| reply[field].as_array().cloned().unwrap_or_default();
    let or = |lines: Vec<String>, none: &str| if lines.is_empty() { vec![none.to_owned()] } else { lines };
    Some(match reply["type"].as_str()? {
        "devices" => {
            or(list("devices").iter().map(device).collect(), "No devices: your token was not issued for a claim")
        }
        "device_code" => vec![format!(
            "On the other device, once, until {}: roomd chat … --device {}, or this server's page with #device={1}",
            text(reply, "expires"),
            text(reply, "code")
        )],
        "invitation" if reply["code"].is_string() => vec![invitation(reply)],
        "invitations" => or(list("invitations").iter().map(invitation).collect(), "No invitations"),
        "memberships" => {
            let rooms = list("rooms").iter().filter_map(|room| unread(room, "room")).collect::<Vec<_>>();
            let users = list("conversations");
            or(
                rooms.into_iter().chain(users.iter().filter_map(|one| unread(one, "user"))).collect(),
                "Nothing is unread",
            )
        }
        _ => return None,
    })
}

fn text(value: &Value, field: &str) -> String {
    value[field].as_str().map(escape).unwrap_or_default()
}

fn device(device: &Value) -> String {
    let label = device["label"].as_str().map_or_else(|| "a device".to_owned(), escape);
    let state = match (device["current"] == true, device["connections"].as_u64()) {
        (true, _) => "this one".to_owned(),
        (_, Some(0)) => format!("last seen {}", text(device, "seen")),
        _ => "connected".to_owned(),
    };
    format!("{}: {label}, since {}, {state}", text(device, "device"), text(device, "created"))
}

fn invitation(invitation: &Value) -> String {
    let [number, used, uses] = ["invitation", "used", "uses"].map(|field| invitation[field].as_u64().unwrap_or(0));
    let [by, until, code] = ["by", "until", "code"].map(|field| text(invitation, field));
    format!("Invitation {number} of {by}, used {used} of {uses} times, until {until}: {code}")
}

fn unread(listed: &Value, field: &str) -> Option<String> {
    let name = text(listed, field);
    if listed["invited_by"].is_string() {
        return Some(format!("{} invited you to {name}: /join {name}", text(listed, "invited_by")));
    }
    let count = listed["seq"].as_u64()?.saturating_sub(listed["read"].as_u64()?);
    (count > 0).then(|| format!("{name}: {count} unread"))
}
