//! Writing one JSON object, field by field, straight into a buffer.
//!
//! Used by `print` and `moderation`. Names of fields are the protocol's own and need no escapes; values are
//! written by serde_json, or as they are where they cannot need any.

use std::fmt::Display;

use serde::Serialize;

use crate::chat::Id;
use roomd_protocol::data;

/// An object that is being written.
pub struct Object<'a> {
    out: &'a mut Vec<u8>,
    empty: bool,
    /// Whether its data stands behind the object, in a binary frame.
    data_apart: bool,
}

impl<'a> Object<'a> {
    /// An object of the protocol, with its type and, if it answers a command, the request id.
    pub fn begin(kind: &str, id: Option<&Id>, out: &'a mut Vec<u8>) -> Self {
        Self::bare(out).field("type", kind).maybe("id", id)
    }

    /// An object with nothing in it.
    pub fn bare(out: &'a mut Vec<u8>) -> Self {
        out.push(b'{');
        Self { out, empty: true, data_apart: false }
    }

    /// The same, whose data stands behind it.
    pub fn with_data_apart(self, data_apart: bool) -> Self {
        Self { data_apart, ..self }
    }

    /// A field. `name` needs no escapes.
    pub fn field<T: Serialize + ?Sized>(self, name: &str, value: &T) -> Self {
        let object = self.key(name);
        serde_json::to_writer(&mut *object.out, value).expect("a vector takes every byte, and every key is a text");
        object
    }

    /// A field, if there is a value.
    pub fn maybe<T: Serialize>(self, name: &str, value: Option<T>) -> Self {
        match value {
            Some(value) => self.field(name, &value),
            None => self,
        }
    }

    /// A value as its `Display` shows it, which needs no escapes.
    pub fn shown(self, name: &str, value: impl Display) -> Self {
        use std::io::Write as _;
        let object = self.key(name);
        write!(object.out, "\"{value}\"").expect("a vector takes every byte");
        object
    }

    /// A value that is JSON already.
    pub fn raw(self, name: &str, json: &str) -> Self {
        let object = self.key(name);
        object.out.extend_from_slice(json.as_bytes());
        object
    }

    /// The data of a message, in base64, unless it stands behind the object.
    pub fn data(self, bytes: &[u8]) -> Self {
        if self.data_apart {
            return self;
        }
        let object = self.key("data");
        object.out.push(b'"');
        data::append_base64(bytes, object.out);
        object.out.push(b'"');
        object
    }

    /// A list of objects, each written by `fields`.
    pub fn list<T>(self, name: &str, items: &[T], fields: impl for<'b> Fn(Object<'b>, &T) -> Object<'b>) -> Self {
        let object = self.key(name);
        object.out.push(b'[');
        for (i, item) in items.iter().enumerate() {
            if i > 0 {
                object.out.push(b',');
            }
            fields(Object::bare(object.out), item).end();
        }
        object.out.push(b']');
        object
    }

    /// An object of objects: the name of each, and its fields.
    pub fn map<T>(
        self,
        name: &str,
        items: &[T],
        key: impl Fn(&T) -> &str,
        fields: impl for<'b> Fn(Object<'b>, &T) -> Object<'b>,
    ) -> Self {
        let object = self.key(name);
        let mut inner = Object::bare(object.out);
        for item in items {
            if !inner.empty {
                inner.out.push(b',');
            }
            serde_json::to_writer(&mut *inner.out, key(item)).expect("a vector takes every byte");
            inner.out.push(b':');
            fields(Object::bare(inner.out), item).end();
            inner.empty = false;
        }
        inner.end();
        object
    }

    fn key(self, name: &str) -> Self {
        if !self.empty {
            self.out.push(b',');
        }
        self.out.push(b'"');
        self.out.extend_from_slice(name.as_bytes());
        self.out.extend_from_slice(b"\":");
        Self { empty: false, ..self }
    }

    /// The end.
    pub fn end(self) {
        self.out.push(b'}');
    }
}
