//! Reads a `text/event-stream` piece by piece.

use http_body_util::BodyExt as _;

use super::Pieces;
use crate::failure::Failure;

/// One event of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SseEvent {
    /// Its number in the log, where it has one.
    pub(crate) id: Option<u64>,
    /// Its data, lines joined.
    pub(crate) data: String,
}

/// What a stream is heard to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Heard {
    /// An event.
    Event(SseEvent),
    /// Only that somebody is there.
    Beat,
}

/// A stream that is being read.
pub(crate) struct Events {
    body: Pieces,
    buffer: Vec<u8>,
}

impl Events {
    /// Reads from `body`.
    pub(crate) fn new(body: Pieces) -> Self {
        Self { body, buffer: Vec::new() }
    }

    /// Returns the next event with data; none when the other side closed the stream.
    pub(crate) async fn next(&mut self) -> Result<Option<SseEvent>, Failure> {
        loop {
            match self.heard().await? {
                Some(Heard::Event(event)) => return Ok(Some(event)),
                Some(Heard::Beat) => {}
                None => return Ok(None),
            }
        }
    }

    /// Returns the next sign of life; none when the other side closed the stream.
    pub(crate) async fn heard(&mut self) -> Result<Option<Heard>, Failure> {
        loop {
            if let Some(event) = take(&mut self.buffer) {
                let is_beat = event.data.is_empty();
                return Ok(Some(if is_beat { Heard::Beat } else { Heard::Event(event) }));
            }
            let Some(frame) = self.body.frame().await else { return Ok(None) };
            let frame =
                frame.map_err(|e| Failure::unreachable(format!("the stream broke off: {e}")))?;
            if let Ok(data) = frame.into_data() {
                self.buffer.extend(data.iter().filter(|it| **it != b'\r'));
            }
        }
    }
}

/// Takes one whole event out of the buffer; none while it ends in the middle of one.
fn take(buffer: &mut Vec<u8>) -> Option<SseEvent> {
    let end = buffer.windows(2).position(|it| it == b"\n\n")?;
    let block: Vec<u8> = buffer.drain(..end + 2).collect();
    let text = String::from_utf8_lossy(&block);
    let mut event = SseEvent::default();
    let mut data = Vec::new();
    for line in text.lines() {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => data.push(value),
            "id" => event.id = value.parse().ok(),
            _ => {}
        }
    }
    event.data = data.join("\n");
    Some(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_taken_when_it_is_whole() {
        let mut buffer =
            b": hello\n\nid: 7\nevent: x\ndata: {\"a\":\ndata: 1}\n\nid: 8\nda".to_vec();
        assert_eq!(take(&mut buffer), Some(SseEvent::default()));
        assert_eq!(take(&mut buffer), Some(SseEvent { id: Some(7), data: "{\"a\":\n1}".into() }));
        assert_eq!(take(&mut buffer), None);
        assert_eq!(buffer, b"id: 8\nda");
    }
}
