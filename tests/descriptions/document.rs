//! A description, and whether a value is what one of its schemas says.
//!
//! Of JSON Schema it knows what the two documents use, and it is stricter: a field that is not described is wrong.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::path::Path;

use serde_json::{Map, Value};

pub type Object = Map<String, Value>;

pub struct Document {
    root: Value,
    /// The descriptions of fields that some value had, by their address in `root`.
    seen: RefCell<BTreeSet<*const Value>>,
}

impl Document {
    pub fn read(name: &str) -> Self {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        let text = std::fs::read_to_string(&path).unwrap();
        let root = serde_norway::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"));
        Self { root, seen: RefCell::default() }
    }

    /// What is at this JSON pointer.
    pub fn at(&self, pointer: &str) -> &Value {
        self.root.pointer(pointer).unwrap_or_else(|| panic!("there is no {pointer}"))
    }

    /// The schema itself, where this is a reference to it.
    pub fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(to) => self.resolve(self.at(to.trim_start_matches('#'))),
            None => schema,
        }
    }

    /// The messages of docs/asyncapi.yaml whose names begin like this: the rest of the name, and the payload.
    pub fn messages(&self, prefix: &'static str) -> impl Iterator<Item = (&str, &Value)> {
        let all = self.at("/components/messages").as_object().unwrap().iter();
        all.filter_map(move |(name, message)| Some((name.strip_prefix(prefix)?, &message["payload"])))
    }

    /// In what a value is not as the schema says; `None` if it is.
    pub fn fault(&self, schema: &Value, value: &Value) -> Option<String> {
        let schema = self.resolve(schema);
        if let Some(expected) = schema.get("const").filter(|expected| *expected != value) {
            return Some(format!("{value} is not {expected}"));
        }
        if let Some(allowed) = schema["enum"].as_array().filter(|allowed| !allowed.contains(value)) {
            return Some(format!("{value} is none of {allowed:?}"));
        }
        if let Some(alternatives) = schema["oneOf"].as_array().filter(|_| schema.get("properties").is_none()) {
            let none = alternatives.iter().all(|schema| self.fault(schema, value).is_some());
            return none.then(|| format!("{value} has none of the forms"));
        }
        if !kinds(schema).is_none_or(|mut kinds| kinds.any(|kind| is(value, kind))) {
            return Some(format!("{value} is not of type {}", schema["type"]));
        }
        match value {
            Value::Object(object) => self.fault_of_object(schema, object),
            Value::Array(items) => {
                items.iter().find_map(|item| self.fault(schema.get("items")?, item)).map(|fault| format!("[] {fault}"))
            }
            _ => None,
        }
    }

    fn fault_of_object(&self, schema: &Value, object: &Object) -> Option<String> {
        if let Some(missing) = names(&schema["required"]).find(|name| !object.contains_key(*name)) {
            return Some(format!("{missing} is missing"));
        }
        let (known, others) = (schema["properties"].as_object(), schema.get("additionalProperties"));
        if known.is_none() && others.is_none() {
            return None;
        }
        object.iter().find_map(|(name, value)| {
            let Some(field) = known.and_then(|known| known.get(name)).or(others) else {
                return Some(format!("{name} is not described"));
            };
            self.seen.borrow_mut().insert(field);
            self.fault(field, value).map(|fault| format!("{name}: {fault}"))
        })
    }

    /// Adds the fields below a schema that no value had so far.
    pub fn unseen(&self, place: &str, schema: &Value, unseen: &mut BTreeSet<String>) {
        let schema = self.resolve(schema);
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let place = format!("{place}.{name}");
            if !self.seen.borrow().contains(&std::ptr::from_ref(field)) {
                unseen.insert(place.clone());
            }
            self.unseen(&place, field, unseen);
        }
        for below in ["items", "additionalProperties"] {
            schema.get(below).into_iter().for_each(|schema| self.unseen(place, schema, unseen));
        }
    }

    /// A value for a field that is not what the server takes where the field is absent.
    pub fn example(&self, schema: &Value) -> Value {
        let schema = self.resolve(schema);
        let last = schema["enum"].as_array().and_then(|values| values.last());
        let value = schema["examples"].get(0).or(last).or(schema.get("const"));
        value.unwrap_or_else(|| panic!("there is no example in {schema}")).clone()
    }
}

/// The strings of an array, if it is one.
pub fn names(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str)
}

fn kinds(schema: &Value) -> Option<Box<dyn Iterator<Item = &str> + '_>> {
    match schema.get("type")? {
        Value::String(kind) => Some(Box::new(std::iter::once(&**kind))),
        kinds => Some(Box::new(names(kinds))),
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the type {other} is not known here"),
    }
}
