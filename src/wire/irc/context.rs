//! What the answer to an IRC client's request is printed with.
//!
//! A request carries it as its id, as a JSON client's request carries a number, and the answer brings it back: the
//! rooms and the session need to know nothing of IRC, and printing needs no state.

use crate::chat::Id;

/// Between the fields: a control character, which none of them holds.
const SEPARATOR: char = '\u{1f}';

/// The context of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// The client's nick, which a numeric reply begins with.
    pub nick: String,
    /// The command, in upper case.
    pub command: String,
    /// The channel or nick that it is about, as the client wrote it.
    pub target: String,
    /// The tag of its answer: `label=…` or `batch=…`, escaped; empty for none.
    pub tag: String,
    /// Whether the client knows `FAIL`.
    pub standard_replies: bool,
    /// What the answer repeats: the line of the client's own message, without source, if it wants that back;
    /// of a join its account, if it wants to know that; of a part its reason.
    pub echo: String,
}

impl Context {
    /// The id that carries it.
    #[must_use]
    pub fn to_id(&self) -> Id {
        let Self { nick, command, target, tag, standard_replies, echo } = self;
        let known = if *standard_replies { "1" } else { "" };
        Id::Text([nick, command, target, tag, known, echo].join(&SEPARATOR.to_string()).into())
    }

    /// The context that an id carries; `None` for the id of another protocol.
    #[must_use]
    pub fn of_id(id: &Id) -> Option<Self> {
        let Id::Text(text) = id else { return None };
        // An echo may hold the separator: it is the last field.
        let mut fields = text.splitn(6, SEPARATOR).map(str::to_owned);
        let mut next = || fields.next();
        let (nick, command, target, tag) = (next()?, next()?, next()?, next()?);
        let (standard_replies, echo) = (!next()?.is_empty(), next()?);
        Some(Self { nick, command, target, tag, standard_replies, echo })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_carries_the_context_to_the_answer() {
        let context = Context {
            nick: "alice".to_owned(),
            command: "PRIVMSG".to_owned(),
            target: "#ops".to_owned(),
            tag: "label=1".to_owned(),
            standard_replies: true,
            echo: "PRIVMSG #ops :a\u{1f}b".to_owned(),
        };
        assert_eq!(Context::of_id(&context.to_id()), Some(context));
        assert_eq!(Context::of_id(&Context::default().to_id()), Some(Context::default()));
        assert_eq!(Context::of_id(&Id::Number(1)), None);
        assert_eq!(Context::of_id(&Id::Text("1".into())), None);
    }
}
