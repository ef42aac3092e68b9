//! What a script types with `--json`: commands of the protocol, and messages as they are.
//!
//! Runs on the main thread. A line that is an object with a `type` is a command; its `id`, if it has one, stands in the
//! response. Commands that the client keeps account of (joins, leaves, messages) go its own way, so that they are
//! repeated after a broken connection.

use serde_json::{Map, Value};

use super::{Conversation, End, Purpose};
use roomd_client::{Command, Refusal};
use roomd_protocol::data;

/// Commands without a reply: docs/protocol.md, section 3.
const WITHOUT_REPLY: [&str; 8] =
    ["typing", "presence", "received", "read", "offer", "answer", "ice-candidate", "hangup"];
/// Commands about the connection, which is the client's.
const OF_THE_CLIENT: [&str; 3] = ["auth", "refresh", "resume"];
/// Fields of a message that is more than a text.
const MORE_THAN_A_TEXT: [&str; 5] = ["if_seq", "if_key_seq", "key", "store", "data"];
/// Commands that are about no room.
const WITHOUT_ROOM: [&str; 7] = ["private", "rooms", "time", "ping", "presence", "offer", "answer"];

impl Conversation {
    /// Carries out a line of a script.
    pub(super) fn execute_json(&mut self, line: &str) -> Result<(), End> {
        if line.is_empty() {
            return Ok(());
        }
        match serde_json::from_str::<Map<String, Value>>(line) {
            Ok(command) if command.get("type").is_some_and(Value::is_string) => self.execute_object(command),
            // Whatever it is, it is text.
            _ => self.publish(line.to_owned()),
        }
    }

    fn execute_object(&mut self, mut command: Map<String, Value>) -> Result<(), End> {
        let kind = command["type"].as_str().unwrap_or_default().to_owned();
        let id = command.remove("id");
        let names_room = ["room", "topic"].iter().any(|name| command.contains_key(*name));
        let pattern = command.get("pattern").and_then(Value::as_str).map(str::to_owned);
        let of_patterns = pattern.and_then(|pattern| match &*kind {
            "join" | "subscribe" => Some(Command::Subscribe { pattern }),
            "leave" | "unsubscribe" => Some(Command::Unsubscribe { pattern }),
            _ => None,
        });
        let has_room =
            of_patterns.is_none() && !WITHOUT_ROOM.contains(&&*kind) && !["ice-candidate", "hangup"].contains(&&*kind);
        if !names_room && has_room {
            command.insert("room".to_owned(), self.room.clone().into());
        }
        let text = |name: &str| command.get(name).and_then(Value::as_str).map(str::to_owned);
        let room = text("room").or_else(|| text("topic")).unwrap_or_default();
        if let Some(command) = of_patterns.filter(|_| !names_room) {
            return self.request(command, Purpose::Asked(id));
        }
        match &*kind {
            "join" | "subscribe" if names_room => self.join(room, false),
            "leave" | "unsubscribe" => {
                if room == self.room {
                    self.room.clear();
                }
                self.request(Command::Leave { room }, Purpose::Asked(id))
            }
            "message" | "publish" if !command.contains_key("cipher") => self.say(command, room, id),
            known if OF_THE_CLIENT.contains(&known) => {
                self.refuse(&Refusal::local("bad_request", "The client makes and resumes its connection itself"), "")
            }
            known if WITHOUT_REPLY.contains(&known) => match self.client.tell(Value::Object(command)) {
                Ok(true) => Ok(()),
                Ok(false) => self.refuse(&Refusal::local("unavailable", "There is no connection"), ""),
                Err(error) => self.fail(error, ""),
            },
            _ => self.request(Command::Other(command), Purpose::Asked(id)),
        }
    }

    /// Publishes what a `message` command says.
    fn say(&mut self, command: Map<String, Value>, room: String, id: Option<Value>) -> Result<(), End> {
        if self.refuse_in_the_clear(&room, "")? {
            return Ok(());
        }
        let number = |name: &str| command.get(name).and_then(Value::as_u64);
        let text = command.get("message").and_then(Value::as_str).unwrap_or_default().to_owned();
        let mid = command.get("mid").and_then(Value::as_str).map(str::to_owned);
        let about = (number("reply_to"), number("react_to"));
        let more: Vec<_> = MORE_THAN_A_TEXT.into_iter().filter(|name| command.contains_key(*name)).collect();
        if about == (None, None) && more.is_empty() && room == self.room && id.is_none() && mid.is_none() {
            return self.publish(text);
        }
        if self.encryption.is_encrypted(&room) {
            let sentence = "In an encrypted room a script publishes lines as they are";
            return self.refuse(&Refusal::local("unavailable", sentence), "");
        }
        let bytes = command.get("data").and_then(Value::as_str).and_then(data::from_base64);
        let request = match (about, &more[..], number("if_seq"), bytes) {
            ((None, None), [], ..) => Command::Publish { room, text },
            ((Some(seq), _), [], ..) => Command::Reply { room, seq, text },
            ((None, Some(seq)), [], ..) => Command::React { room, seq, reaction: text },
            ((None, None), ["if_seq"], Some(if_seq), _) => Command::PublishIf { room, if_seq, text },
            ((None, None), ["data"], _, Some(data)) if text.is_empty() => Command::PublishData { room, data },
            // Repeated after a broken connection its condition holds no more, so it is published once. The server says
            // what is wrong with it.
            _ => return self.request(Command::Other(command), Purpose::Asked(id)),
        };
        let sent = match mid {
            Some(mid) => self.client.send_with_mid(&mid, request),
            None => self.client.send(request),
        };
        match sent {
            Ok(request) => {
                self.pending.insert(request, Purpose::Asked(id));
                Ok(())
            }
            Err(error) => self.fail(error, ""),
        }
    }
}
