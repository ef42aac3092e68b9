//! Parsing the JSON dialect: one object a command.
//!
//! An unknown type is an error. An object that is no command still has its request id read, if it has one,
//! so that the error names the command.

use serde::Deserialize;

use super::fields::Fields;
use super::problem;
use crate::chat::{Id, Refusal, Request};
use crate::wire::{Unparsed, commands};

#[derive(Deserialize)]
struct OnlyId {
    id: Option<Id>,
}

/// Parses one command.
///
/// # Errors
/// What is wrong with it, with its `id` if that can be read.
pub fn parse(text: &str) -> Result<Request, Unparsed> {
    parse_fields(text, None)
}

/// Parses a command whose data stands behind it, in a binary frame.
///
/// # Errors
/// As [`parse`]; and it is a command that has no data.
pub fn parse_with_data(head: &str, data: &[u8]) -> Result<Request, Unparsed> {
    let request = parse_fields(head, Some(data))?;
    if request.command.body().is_none_or(|body| body.data().is_none()) {
        let refusal = Refusal::bad_request("A binary frame is a message with data, or an edit to it");
        return Err(Unparsed { id: request.id, refusal });
    }
    Ok(request)
}

fn parse_fields(text: &str, data: Option<&[u8]>) -> Result<Request, Unparsed> {
    let mut fields: Fields<'_> = problem::object(text.as_bytes()).map_err(|problem| {
        // The rest may be wrong and the id still right: the client then knows which command it was.
        let id = problem::object::<OnlyId>(text.as_bytes()).ok().and_then(|only| only.id).filter(id_fits);
        Unparsed { id, refusal: Refusal::bad_request(format!("Not a command: {problem}")) }
    })?;
    fields.data_apart = data;
    if !fields.id.as_ref().is_none_or(id_fits) {
        let refusal = Refusal::bad_request(format!("An id may have {} bytes", Id::BYTES_MAX));
        return Err(Unparsed { id: None, refusal });
    }
    let request = row(&fields).and_then(|row| Ok(row.request(fields.id.clone(), row.parse_json(&fields)?)));
    request.map_err(|refusal| Unparsed { id: fields.id.clone(), refusal })
}

fn row(fields: &Fields<'_>) -> Result<&'static commands::Row, Refusal> {
    match fields.kind.as_deref() {
        Some(kind) => {
            let of_pattern = commands::of_pattern(kind).filter(|_| fields.has_pattern());
            let row = of_pattern.or_else(|| commands::of_type(kind));
            row.ok_or_else(|| Refusal::unknown_type("There is no command of this type"))
        }
        None if fields.is_topic_message() => Ok(&commands::TOPIC),
        None => Err(Refusal::bad_request("A command needs a type, or a topic and a message")),
    }
}

fn id_fits(id: &Id) -> bool {
    match id {
        Id::Number(_) => true,
        Id::Text(text) => text.len() <= Id::BYTES_MAX,
    }
}
