//! Log lines as JSON: one object a line, for whatever collects logs (`--log json`).
//!
//! A pure function of a record and a time, called by the logger on the thread that logs. The fields of a record stand beside
//! `time`, `level`, `module` and `message`, as strings, numbers or booleans; one of such a name is told as `field_NAME`.

use log::Record;
use log::kv::{self, Key, Value, VisitSource};
use serde_json::{Map, json};

/// The names of what every line has.
const OWN: [&str; 4] = ["time", "level", "module", "message"];

/// The line of a record, without its end; `time` is in RFC 3339.
pub fn line(record: &Record<'_>, time: &str) -> String {
    let mut fields = Map::new();
    fields.insert("time".to_owned(), json!(time));
    fields.insert("level".to_owned(), json!(record.level().as_str().to_ascii_lowercase()));
    fields.insert("module".to_owned(), json!(record.target()));
    fields.insert("message".to_owned(), json!(record.args().to_string()));
    let visited = record.key_values().visit(&mut Fields(&mut fields));
    debug_assert!(visited.is_ok(), "a visitor that never fails");
    serde_json::Value::Object(fields).to_string()
}

struct Fields<'a>(&'a mut Map<String, serde_json::Value>);

impl<'kvs> VisitSource<'kvs> for Fields<'_> {
    fn visit_pair(&mut self, key: Key<'kvs>, value: Value<'kvs>) -> Result<(), kv::Error> {
        let key = key.as_str();
        let name = if OWN.contains(&key) { format!("field_{key}") } else { key.to_owned() };
        let value = match (value.to_u64(), value.to_i64(), value.to_f64(), value.to_bool()) {
            (Some(number), ..) => json!(number),
            (_, Some(number), ..) => json!(number),
            (_, _, Some(number), _) => json!(number),
            (.., Some(switch)) => json!(switch),
            _ => json!(value.to_string()),
        };
        self.0.insert(name, value);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use log::Level;

    use super::*;

    #[test]
    fn a_line_is_an_object_whatever_is_logged() {
        let fields = [("peer", Value::from("a \"b\"\nc")), ("count", Value::from(7)), ("time", Value::from(true))];
        let args = format_args!("one\ntwo \u{1b}[0m");
        let record = Record::builder().level(Level::Warn).target("roomd::net").args(args).key_values(&fields).build();
        let line = line(&record, "2026-12-01T04:32:16.000Z");
        assert!(!line.contains(['\n', '\u{1b}']), "{line}");
        let expected = json!({"time": "2026-12-01T04:32:16.000Z", "level": "warn", "module": "roomd::net",
            "message": "one\ntwo \u{1b}[0m", "peer": "a \"b\"\nc", "count": 7, "field_time": true});
        assert_eq!(serde_json::from_str::<serde_json::Value>(&line).unwrap(), expected);
    }
}
