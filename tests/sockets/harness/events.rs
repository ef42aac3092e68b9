//! A client of a stream of events: Server-Sent Events, read as WHATWG HTML §9.2 says, or JSON lines.
//!
//! It sends its request and then only reads. What it keeps of the stream is what a browser keeps: the last position.

use std::io::Read;

use serde_json::Value;

use super::{Answer, Http, Stream, TestServer};

/// A client that listens.
pub struct EventClient {
    stream: Stream,
    buffer: Vec<u8>,
    /// The response's head.
    pub answer: Answer,
    /// The position after the newest event.
    pub last_id: String,
    /// What the newest `retry` said, in milliseconds.
    pub retry: Option<u64>,
}

impl EventClient {
    /// Asks for a stream, which has to be granted.
    pub fn open(server: &TestServer, path: &str) -> Self {
        Self::open_with(server, path, "")
    }

    /// The same with further header fields.
    pub fn open_with(server: &TestServer, path: &str, fields: &str) -> Self {
        Self::over(server.http(), path, fields)
    }

    /// The same over a socket that is connected.
    pub fn over(stream: impl Into<Stream>, path: &str, fields: &str) -> Self {
        let mut http = Http::over(stream);
        http.request(&format!("GET {path}"), fields, "");
        let answer = http.answer();
        assert_eq!(answer.status, 200, "{answer:?}");
        let (stream, buffer) = http.into_parts();
        Self { stream, buffer, answer, last_id: String::new(), retry: None }
    }

    /// Connects again from where it is.
    pub fn again(&self, server: &TestServer, path: &str) -> Self {
        Self::open_with(server, path, &format!("Last-Event-ID: {}\r\n", self.last_id))
    }

    /// The next event; `None` at the end of the stream.
    pub fn next(&mut self) -> Option<Value> {
        loop {
            let block = self.block()?;
            let mut data = None;
            for line in block.lines() {
                let (name, value) = line.split_once(": ").unwrap_or((line, ""));
                match name {
                    "id" => value.clone_into(&mut self.last_id),
                    "retry" => self.retry = Some(value.parse().unwrap()),
                    "data" => assert!(data.replace(value).is_none(), "two lines of data: {block:?}"),
                    comment if comment.starts_with(':') => {}
                    _ => panic!("{name:?} is no field: {block:?}"),
                }
            }
            if let Some(data) = data {
                return Some(serde_json::from_str(data).unwrap_or_else(|error| panic!("{error} in {data:?}")));
            }
        }
    }

    /// The next event, which has to be of this type.
    pub fn event_of(&mut self, kind: &str) -> Value {
        let event = self.next().expect("the stream has ended");
        assert_eq!(event["type"], kind, "{event}");
        event
    }

    /// The numbers of the next messages.
    pub fn numbers(&mut self, count: usize) -> Vec<u64> {
        (0..count).map(|_| self.event_of("message")["seq"].as_u64().unwrap()).collect()
    }

    /// The next block of fields, without the empty line behind it; `None` at the end of the stream.
    pub fn block(&mut self) -> Option<String> {
        self.unit(b"\n\n")
    }

    /// The next line of a stream of JSON lines; `None` at the end of the stream.
    pub fn line(&mut self) -> Option<Value> {
        let line = self.unit(b"\n")?;
        Some(serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error} in {line:?}")))
    }

    fn unit(&mut self, end: &[u8]) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(end.len()).position(|window| window == end) {
                let rest = self.buffer.split_off(at + end.len());
                let unit = std::mem::replace(&mut self.buffer, rest);
                return Some(String::from_utf8(unit[..at].to_vec()).unwrap());
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(&bytes[..count]),
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return None,
                Err(error) => panic!("nothing is read: {error}"),
            }
        }
    }
}
