//! The commands about one's devices, invitations and memberships, as objects of the protocol (docs/protocol.md).
//!
//! Pure; rows of the table in `command.rs`.

use serde_json::{Value, json};

use super::command::{CommandSpec, Input};

/// The rows.
pub const COMMANDS: [CommandSpec; 7] = [
    CommandSpec {
        name: "/devices",
        arguments: "",
        help: "list the devices on which you are signed in",
        parse: |rest| alone(json!({"type": "devices"}), rest),
    },
    CommandSpec {
        name: "/device",
        arguments: "add|end ID",
        help: "sign in another device, or sign one out",
        parse: |rest| match rest.split_once(' ') {
            None if rest == "add" => send(json!({"type": "add_device"})),
            Some(("end", id)) => send(json!({"type": "end_device", "device": id.trim()})),
            _ => None,
        },
    },
    CommandSpec {
        name: "/invitation",
        arguments: "[TIME] [USES]",
        help: "make a code that admits whoever shows it to the room",
        parse: invitation,
    },
    CommandSpec {
        name: "/invitations",
        arguments: "",
        help: "list the codes that admit to the room",
        parse: |rest| alone(json!({"type": "invitations"}), rest),
    },
    CommandSpec {
        name: "/receipts",
        arguments: "on|off",
        help: "show who has received and read your last message",
        parse: |rest| match rest {
            "on" => Some(Input::Receipts(true)),
            "off" => Some(Input::Receipts(false)),
            _ => None,
        },
    },
    CommandSpec {
        name: "/revoke",
        arguments: "NUMBER",
        help: "revoke the code of this number",
        parse: |rest| send(json!({"type": "revoke", "invitation": rest.parse::<u64>().ok()?})),
    },
    CommandSpec {
        name: "/unread",
        arguments: "",
        help: "list what you have not read, and where you are invited",
        parse: |rest| alone(json!({"type": "memberships"}), rest),
    },
];

fn send(object: Value) -> Option<Input> {
    Some(Input::Moderate(object))
}

fn alone(object: Value, rest: &str) -> Option<Input> {
    rest.is_empty().then_some(Input::Moderate(object))
}

/// A time has its unit, a number of uses has none.
fn invitation(rest: &str) -> Option<Input> {
    let mut object = json!({"type": "invitation"});
    for word in rest.split_whitespace() {
        match word.parse::<u32>() {
            Ok(uses) => object["uses"] = uses.into(),
            Err(_) => object["for_s"] = humantime::parse_duration(word).ok()?.as_secs().into(),
        }
    }
    send(object)
}

#[cfg(test)]
mod tests {
    use super::super::command::parse;
    use super::*;

    #[test]
    fn each_command_is_an_object_of_the_protocol() {
        for (line, object) in [
            ("/devices", json!({"type": "devices"})),
            ("/device add", json!({"type": "add_device"})),
            ("/device end 5f0a", json!({"type": "end_device", "device": "5f0a"})),
            ("/invitation", json!({"type": "invitation"})),
            ("/invitation 1d 5", json!({"type": "invitation", "for_s": 86_400, "uses": 5})),
            ("/revoke 3", json!({"type": "revoke", "invitation": 3})),
            ("/unread", json!({"type": "memberships"})),
        ] {
            assert_eq!(parse(line), Input::Moderate(object), "{line}");
        }
        for line in ["/devices now", "/device", "/device end", "/revoke it", "/invitation soon"] {
            assert!(matches!(parse(line), Input::Invalid(_)), "{line}");
        }
    }
}
