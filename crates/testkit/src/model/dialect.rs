//! What the four interfaces have in common: how an answer is put together from a call or from words.

use serde_json::Value;

use super::prompt::Prompt;

/// One interface, for one answer. Each method returns what is sent at that point.
pub(super) trait Dialect: Send + 'static {
    /// What [`super::Seen`] calls it.
    const NAME: &'static str;

    /// Reads a request.
    fn read(body: &Value) -> Prompt;

    /// Begins an answer under the id `id`, with figures for `input` tokens.
    fn new(id: String, model: String, input: u32) -> Self;

    /// The head of an answer.
    fn begin(&self) -> Vec<Event>;

    /// A call of the tool `name`, under the id `id`.
    fn call(&mut self, id: &str, name: &str, arguments: &Value) -> Vec<Event>;

    /// The head of a text.
    fn open_text(&mut self) -> Vec<Event>;

    /// A piece of the text.
    fn word(&mut self, word: &str) -> Vec<Event>;

    /// The end of the text, which came to `full`.
    fn close_text(&mut self, full: &str) -> Vec<Event>;

    /// The end of the answer.
    fn end(&mut self) -> Vec<Event>;

    /// The whole answer at once, for a request that asked for no stream.
    fn whole(&self, text: &str) -> Value;
}

/// A server-sent event.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Event {
    /// Its name, where the interface names its events.
    name: Option<&'static str>,
    data: String,
}

impl Event {
    /// An event with a name, which stands in the data as `type` too.
    pub(super) fn named(name: &'static str, mut data: Value) -> Self {
        data["type"] = name.into();
        Self { name: Some(name), data: data.to_string() }
    }

    /// An event without a name.
    pub(super) fn data(data: &Value) -> Self {
        Self { name: None, data: data.to_string() }
    }

    /// The words that end a stream of `chat`.
    pub(super) fn done() -> Self {
        Self { name: None, data: "[DONE]".into() }
    }

    /// Returns it as it is sent.
    pub(super) fn text(&self) -> String {
        let name = self.name.map_or_else(String::new, |it| format!("event: {it}\n"));
        format!("{name}data: {}\n\n", self.data)
    }
}
