//! Reads a stream of the server event by event.

use axum::body::Body;
use axum::http::{StatusCode, header};
use http_body_util::BodyExt as _;

use crate::stage::PATIENCE;

/// An event of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) id: Option<u64>,
    pub(crate) event: String,
    pub(crate) data: String,
}

/// A stream that is being read.
pub(crate) struct Reader {
    body: Body,
    buffer: String,
}

impl Reader {
    #[track_caller]
    pub(crate) fn new(response: axum::response::Response) -> Self {
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        assert!(!response.headers().contains_key(header::CONTENT_ENCODING));
        Self { body: response.into_body(), buffer: String::new() }
    }

    /// Returns the next event with data; nothing when the stream is over.
    pub(crate) async fn next(&mut self) -> Option<Sent> {
        loop {
            if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                let sent = read(block);
                self.buffer = rest.to_owned();
                if sent.data.is_empty() {
                    continue;
                }
                return Some(sent);
            }
            let frame = tokio::time::timeout(PATIENCE, self.body.frame()).await;
            let frame = frame.expect("something in time")?.expect("a whole frame");
            self.buffer.push_str(std::str::from_utf8(frame.data_ref()?).expect("text"));
        }
    }

    /// Reads until something that arrived holds `words`; returns all that arrived.
    pub(crate) async fn until(&mut self, words: &str) -> String {
        let mut heard = String::new();
        let reading = async {
            while !heard.contains(words) {
                heard.push_str(&self.next().await.expect("the stream goes on").data);
            }
        };
        let read = tokio::time::timeout(PATIENCE, reading).await;
        read.unwrap_or_else(|_| panic!("`{words}` does not come: {heard}"));
        heard
    }

    /// Returns the events up to the next clock, which ends each batch.
    pub(crate) async fn batch(&mut self) -> Vec<Sent> {
        let mut batch = Vec::new();
        loop {
            let sent = self.next().await.expect("the stream goes on");
            if sent.event == "clock" {
                return batch;
            }
            batch.push(sent);
        }
    }
}

fn read(block: &str) -> Sent {
    let mut sent = Sent { id: None, event: "message".into(), data: String::new() };
    for line in block.lines() {
        match line.split_once(": ") {
            Some(("id", value)) => sent.id = value.parse().ok(),
            Some(("event", value)) => sent.event = value.into(),
            Some(("data", value)) => sent.data.push_str(value),
            Some(_) | None => {}
        }
    }
    sent
}
