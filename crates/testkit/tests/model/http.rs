//! The least of an HTTP client: one request, and what came back until the connection was closed.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use serde_json::Value;

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
    /// The connection ended before the answer said that it was whole.
    pub(crate) is_broken_off: bool,
}

impl Answer {
    /// Returns the data of the first event called `name`.
    #[track_caller]
    pub(crate) fn event(&self, name: &str) -> Value {
        let head = format!("event: {name}\ndata: ");
        let at = self.body.find(&head).unwrap_or_else(|| panic!("no `{name}` in {}", self.body));
        let data = self.body[at + head.len()..].lines().next().unwrap();
        serde_json::from_str(data).unwrap()
    }

    /// Returns the data of all events that are JSON.
    pub(crate) fn data(&self) -> Vec<Value> {
        let data = self.body.lines().filter_map(|line| line.strip_prefix("data: "));
        data.filter_map(|it| serde_json::from_str(it).ok()).collect()
    }
}

pub(crate) fn get(address: SocketAddr, path: &str) -> Answer {
    read(open(address, "GET", path, ""))
}

pub(crate) fn post(address: SocketAddr, path: &str, body: &Value) -> Answer {
    read(open(address, "POST", path, &body.to_string()))
}

/// Returns the first part of an answer that does not end, once it holds an event.
pub(crate) fn first_bytes(address: SocketAddr, path: &str, body: &Value) -> String {
    let mut stream = open(address, "POST", path, &body.to_string());
    let mut text = String::new();
    let mut buffer = [0; 4096];
    while !text.contains("data: ") {
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "it ended: {text}");
        text += &String::from_utf8_lossy(&buffer[..length]);
    }
    text
}

fn open(address: SocketAddr, method: &str, path: &str, body: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    stream
}

fn read(mut stream: TcpStream) -> Answer {
    let mut bytes = Vec::new();
    // A connection that is broken off may end in an error too.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (head, rest) = text.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status");
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    let (body, is_whole) = if is_chunked { unchunked(rest) } else { (rest.to_owned(), true) };
    Answer { status, head: head.to_owned(), body, is_broken_off: !is_whole }
}

/// Puts chunks together; whether the last one, which is empty, came.
fn unchunked(mut rest: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((length, after)) = rest.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return (body, true);
        }
        body += &after[..length];
        rest = &after[length + 2..];
    }
    (body, false)
}
