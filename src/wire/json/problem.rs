//! What is wrong with a JSON text, in words for whoever wrote it.
//!
//! Pure. serde tells mistakes in terms of the types that it reads into, which are this program's own and mean nothing
//! to a client; here they become the words of RFC 8259.

use serde::Deserialize;
use serde_json::Error;

/// Reads an object.
///
/// # Errors
/// What is wrong with the text, without a full stop.
pub fn object<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T, String> {
    // serde would take a list for the fields of an object in the order in which the program has them.
    match text.iter().find(|byte| !b" \t\r\n".contains(byte)) {
        Some(b'[') => Err("invalid type: array, expected an object".to_owned()),
        _ => serde_json::from_slice(text).map_err(|error| sentence(&error)),
    }
}

fn sentence(error: &Error) -> String {
    let text = error.to_string();
    let (problem, place) = text.rfind(" at line ").map_or((&*text, ""), |at| text.split_at(at));
    if problem.contains("untagged enum") {
        return format!("a value has none of the allowed forms{place}");
    }
    match problem.rsplit_once(", expected ") {
        Some((found, expected)) => {
            let found = found.replacen("type: map", "type: object", 1).replacen("type: sequence", "type: array", 1);
            format!("{found}, expected {}{place}", in_json(expected))
        }
        None => text,
    }
}

/// A type as JSON has it.
fn in_json(expected: &str) -> &str {
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" | "i8" | "i16" | "i32" | "i64" | "isize" => "a whole number",
        "f32" | "f64" => "a number",
        "a boolean" | "bool" => "true or false",
        "a sequence" => "an array",
        "a map" => "an object",
        "a borrowed string" | "string" => "a string",
        _ if expected.starts_with("struct ") => "an object",
        _ if expected.starts_with("a tuple") || expected.starts_with("tuple ") => "an array",
        _ if expected.starts_with("enum ") => "a string",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Inner {
        count: u32,
    }

    #[derive(Debug, Deserialize)]
    #[serde(untagged)]
    #[allow(dead_code)]
    enum Either {
        Number(i64),
        Text(String),
    }

    #[derive(Debug, Deserialize)]
    #[allow(dead_code)]
    struct Outer {
        #[serde(default)]
        name: String,
        inner: Option<Inner>,
        flag: Option<bool>,
        list: Option<Vec<String>>,
        either: Option<Either>,
    }

    #[test]
    fn a_mistake_is_told_in_the_words_of_json() {
        for (text, told) in [
            ("", "EOF while parsing a value at line 1 column 0"),
            (" [\"Bob\"]", "invalid type: array, expected an object"),
            ("7", "invalid type: integer `7`, expected an object at line 1 column 1"),
            ("\"x\"", "invalid type: string \"x\", expected an object at line 1 column 3"),
            ("hello", "expected value at line 1 column 1"),
            ("{\"name\":7}", "invalid type: integer `7`, expected a string at line 1 column 9"),
            ("{\"name\":{}}", "invalid type: object, expected a string at line 1 column 8"),
            ("{\"inner\":\"x\"}", "invalid type: string \"x\", expected an object at line 1 column 12"),
            (
                "{\"inner\":{\"count\":\"x\"}}",
                "invalid type: string \"x\", expected a whole number at line 1 column 21",
            ),
            ("{\"inner\":{\"count\":-1}}", "invalid value: integer `-1`, expected a whole number at line 1 column 20"),
            ("{\"inner\":{}}", "missing field `count` at line 1 column 11"),
            ("{\"flag\":\"x\"}", "invalid type: string \"x\", expected true or false at line 1 column 11"),
            ("{\"list\":\"x\"}", "invalid type: string \"x\", expected an array at line 1 column 11"),
            ("{\"either\":[]}", "a value has none of the allowed forms at line 1 column 13"),
            ("{", "EOF while parsing an object at line 1 column 1"),
        ] {
            assert_eq!(object::<Outer>(text.as_bytes()).unwrap_err(), told, "{text}");
        }
        assert!(object::<Outer>(b" \n{\"name\":\"Bob\"}").is_ok());
    }
}
