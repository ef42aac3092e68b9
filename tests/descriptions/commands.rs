//! The commands of docs/asyncapi.yaml and the parser: the same commands, and each reads the fields that are described,
//! and no other.

use std::collections::BTreeSet;

use roomd::chat::Request;
use roomd::wire;
use serde_json::{Value, json};

use crate::document::{Document, Object, names};

/// What stands in place of `room`, in any command: said once in the document, and not of each command.
const ALIAS: &str = "topic";

fn parse(command: &Object) -> Result<Request, String> {
    let text = Value::Object(command.clone()).to_string();
    wire::json::parse(&text).map_err(|unparsed| format!("{text}: {:?}", unparsed.refusal))
}

fn with(command: &Object, field: &str, value: Value) -> Object {
    let mut command = command.clone();
    command.insert(field.to_owned(), value);
    command
}

/// The values that `type` may have; the first is the command's own name.
fn types(payload: &Value) -> Vec<&str> {
    let kind = &payload["properties"]["type"];
    kind["const"].as_str().into_iter().chain(names(&kind["enum"])).collect()
}

/// A command as short as it may be: with the fields that are required, in each of the ways that the document has.
fn forms(document: &Document, payload: &Value) -> Vec<Object> {
    let ways = payload.get("oneOf").or(payload.get("anyOf")).and_then(Value::as_array);
    let ways: Vec<_> =
        ways.map_or(vec![vec![]], |ways| ways.iter().map(|way| names(&way["required"]).collect()).collect());
    let form = |way: &Vec<&str>| {
        let required = names(&payload["required"]).filter(|name| *name != "type").chain(way.iter().copied());
        let value = |name: &str| document.example(&payload["properties"][name]);
        let fields = required.map(|name| (name.to_owned(), value(name)));
        with(&fields.collect(), "type", types(payload)[0].into())
    };
    ways.iter().map(form).collect()
}

#[test]
fn the_commands_of_the_document_are_those_of_the_parser() {
    let document = Document::read("asyncapi.yaml");
    let described: BTreeSet<_> = document.messages("command.").map(|(_, payload)| types(payload)).collect();
    let parsed: BTreeSet<_> = wire::command_types().map(<[_]>::to_vec).collect();
    assert_eq!(described, parsed, "docs/asyncapi.yaml and the table of commands have different ones");
    for (name, payload) in document.messages("command.") {
        assert_eq!(name, types(payload)[0], "a command is called by the first of its types");
        assert!(document.at("/operations").get(name).is_some(), "{name} is no operation of docs/asyncapi.yaml");
    }
}

#[test]
fn a_command_needs_what_is_required_and_takes_its_values_as_they_are_described() {
    let document = Document::read("asyncapi.yaml");
    for (_, payload) in document.messages("command.") {
        for form in forms(&document, payload) {
            parse(&form).unwrap();
            for other in &types(payload)[1..] {
                assert_eq!(parse(&with(&form, "type", (*other).into())), parse(&form), "{other}");
            }
            for (field, value) in form.iter().filter(|(_, value)| value.is_u64()) {
                let number = json!(value.as_f64());
                assert_eq!(parse(&with(&form, field, number.clone())), parse(&form), "{number} is {value}");
            }
            for field in form.keys().filter(|field| *field != "type") {
                let mut shorter = form.clone();
                shorter.remove(field);
                assert!(parse(&shorter).is_err(), "{shorter:?} does without {field}");
            }
            for field in payload["properties"].as_object().unwrap().keys().filter(|field| *field != "payload") {
                // Nothing is an array of arrays.
                let wrong = with(&form, field, json!([[]]));
                assert!(parse(&wrong).is_err(), "{wrong:?} is taken");
            }
        }
    }
}

#[test]
fn a_command_reads_each_field_that_is_described() {
    let document = Document::read("asyncapi.yaml");
    for (name, payload) in document.messages("command.") {
        let fields = payload["properties"].as_object().unwrap();
        let forms = forms(&document, payload);
        let optional = fields.keys().filter(|field| forms.iter().all(|form| !form.contains_key(*field)));
        for field in optional {
            let value = document.example(&fields[field]);
            // Some mean something beside another only.
            let beside = forms.iter().flat_map(|form| {
                let more = fields.iter().map(|(other, schema)| with(form, other, document.example(schema)));
                std::iter::once(form.clone()).chain(more.filter(|form| form["type"] == *name))
            });
            let mut beside = beside.filter(|form| !form.contains_key(field));
            let matters = beside.any(|form| {
                let longer = parse(&with(&form, field, value.clone()));
                longer.is_ok() && longer != parse(&form)
            });
            assert!(matters, "{name} does not read {field}");
        }
    }
}

#[test]
fn a_command_reads_no_field_that_is_not_described() {
    let document = Document::read("asyncapi.yaml");
    let payloads: Vec<_> = document.messages("command.").collect();
    for field in wire::json::command_fields().iter().filter(|field| **field != ALIAS) {
        let schema = payloads.iter().find_map(|(_, payload)| payload["properties"].get(field));
        let schema = schema.unwrap_or_else(|| panic!("no command of docs/asyncapi.yaml has {field}"));
        let value = document.example(schema);
        for (name, payload) in payloads.iter().filter(|(_, payload)| payload["properties"].get(field).is_none()) {
            for form in forms(&document, payload) {
                let longer = parse(&with(&form, field, value.clone()));
                assert_eq!(longer, parse(&form), "{name} reads {field}, which docs/asyncapi.yaml does not say");
            }
        }
    }
}
