//! A client of the HTTP port that sends what a test gives it, valid or not.
//!
//! Also the beginning of every WebSocket client: the handshake is written by hand, so that a test
//! sees the response.

use std::io::{ErrorKind, Read, Write};

use serde_json::Value;

use super::{Stream, TestServer};

/// A response.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    fields: Vec<(String, String)>,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    /// The value of a header field.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error} in {:?}", self.body))
    }

    /// The code of the error in the body.
    pub fn error(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap().to_owned()
    }
}

/// A connection to the HTTP port.
pub struct Http {
    stream: Stream,
    /// What was read and not yet used.
    buffer: Vec<u8>,
}

/// The header fields of a WebSocket handshake.
pub const HANDSHAKE: &str = "Host: roomd.test\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Http {
    /// Connects.
    pub fn connect(server: &TestServer) -> Self {
        Self::over(server.http())
    }

    /// Takes a socket that is connected.
    pub fn over(stream: impl Into<Stream>) -> Self {
        Self { stream: stream.into(), buffer: Vec::new() }
    }

    /// Asks for a WebSocket; the response, and the connection behind it.
    pub fn upgrade(mut self, path: &str, fields: &str) -> (Answer, Self) {
        self.send(format!("GET {path} HTTP/1.1\r\n{HANDSHAKE}{fields}\r\n"));
        (self.answer(), self)
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).unwrap();
    }

    /// Sends bytes; false when the other side has closed.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }

    /// Sends a request with a body, which may be empty.
    pub fn request(&mut self, line: &str, fields: &str, body: &str) {
        let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
        self.send(format!("{line} HTTP/1.1\r\nHost: roomd.test\r\n{fields}{length}\r\n{body}"));
    }

    /// The next answer.
    pub fn answer(&mut self) -> Answer {
        self.read_answer(true)
    }

    /// The next answer, to a `HEAD`: it has no body.
    pub fn head_answer(&mut self) -> Answer {
        self.read_answer(false)
    }

    /// Ends its side of the stream.
    pub fn finish(&mut self) {
        self.stream.finish();
    }

    /// Reads up to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// The next whole frame of a WebSocket, as its opcode and its payload.
    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        loop {
            if let Some((frame, length)) = first_frame(&self.buffer) {
                self.buffer.drain(..length);
                return frame;
            }
            assert!(self.fill(), "the connection has ended");
        }
    }

    /// The socket, and what was read from it already.
    pub fn into_parts(self) -> (Stream, Vec<u8>) {
        (self.stream, self.buffer)
    }

    fn read_answer(&mut self, with_body: bool) -> Answer {
        loop {
            if let Some((mut answer, length)) = head(&self.buffer) {
                self.buffer.drain(..length);
                let length = answer.field("Content-Length").map_or(0, |text| text.parse().unwrap());
                while with_body && self.buffer.len() < length {
                    assert!(self.fill(), "the body ends early");
                }
                let body = self.buffer.drain(..if with_body { length } else { 0 });
                answer.body = String::from_utf8(body.collect()).unwrap();
                return answer;
            }
            assert!(self.fill(), "the connection ends without an answer: {:?}", self.buffer);
        }
    }

    /// Reads once; false at the end.
    fn fill(&mut self) -> bool {
        let mut bytes = [0; 16 * 1024];
        match self.stream.read(&mut bytes) {
            Ok(count) => {
                self.buffer.extend_from_slice(&bytes[..count]);
                count > 0
            }
            Err(error) if error.kind() == ErrorKind::ConnectionReset => false,
            Err(error) => panic!("nothing is read: {error}"),
        }
    }
}

/// Sends one request on a connection of its own.
pub fn ask(server: &TestServer, line: &str, fields: &str, body: &str) -> Answer {
    let mut http = Http::connect(server);
    http.request(line, fields, body);
    if line.starts_with("HEAD ") { http.head_answer() } else { http.answer() }
}

/// Gets an address.
pub fn get(server: &TestServer, path: &str) -> Answer {
    ask(server, &format!("GET {path}"), "", "")
}

/// Posts JSON to an address.
pub fn post(server: &TestServer, path: &str, body: &Value) -> Answer {
    ask(server, &format!("POST {path}"), "Content-Type: application/json\r\n", &body.to_string())
}

/// The first whole frame in these bytes, which a server sent, and its length.
pub fn first_frame(bytes: &[u8]) -> Option<((u8, Vec<u8>), usize)> {
    let (&first, &second) = (bytes.first()?, bytes.get(1)?);
    let (begin, length) = match second {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap()))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap())).unwrap()),
        length => (2, usize::from(length)),
    };
    assert!(second < 128, "a server masks nothing");
    let payload = bytes.get(begin..begin + length)?;
    Some(((first & 0x0f, payload.to_vec()), begin + length))
}

/// All the frames in these bytes.
pub fn frames(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut all = Vec::new();
    while let Some((frame, length)) = first_frame(bytes) {
        all.push(frame);
        bytes = &bytes[length..];
    }
    assert!(bytes.is_empty(), "bytes that are no frame: {bytes:?}");
    all
}

/// A frame as a client sends it: `first` is its first byte. The mask is zero, which changes nothing.
pub fn masked(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![first];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap()),
        length @ 126..0x1_0000 => {
            frame.push(0xfe);
            frame.extend(u16::try_from(length).unwrap().to_be_bytes());
        }
        length => {
            frame.push(0xff);
            frame.extend((length as u64).to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

fn head(bytes: &[u8]) -> Option<(Answer, usize)> {
    let mut fields = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut fields);
    let httparse::Status::Complete(length) = response.parse(bytes).unwrap() else { return None };
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let fields = response.headers.iter().map(|field| (field.name.to_owned(), text(field.value))).collect();
    Some((Answer { status: response.code.unwrap(), fields, body: String::new() }, length))
}
