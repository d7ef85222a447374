//! What a request comes to, whichever interface it came by: the texts, the tool results after them, the tools.

use std::collections::BTreeMap;

use serde_json::Value;

use super::script::{Script, Step};
use super::shell;

/// A request in the form that all interfaces share.
#[derive(Debug, Default)]
pub(super) struct Prompt {
    /// What the user said, each with its place in the conversation.
    pub(super) texts: Vec<(usize, String)>,
    /// The places of tool results.
    pub(super) results: Vec<usize>,
    /// The tools with the properties that they take.
    pub(super) tools: BTreeMap<String, Value>,
    /// The model's name, to be given back.
    pub(super) model: String,
    /// Whether the answer is to come piece by piece.
    pub(super) is_stream: bool,
}

/// What the model is to do now.
#[derive(Debug)]
pub(super) struct Cue {
    /// The text that the script was found in.
    pub(super) text: String,
    /// Which step of it.
    pub(super) index: usize,
    /// The step.
    pub(super) step: Step,
    /// The tool to call, where the step calls one.
    pub(super) call: Option<(String, Value)>,
}

impl Prompt {
    /// Returns the step that is due.
    pub(super) fn cue(&self) -> Cue {
        let with_script = self
            .texts
            .iter()
            .rev()
            .find_map(|(at, text)| Some((*at, text.clone(), Script::find(text)?)));
        let Some((at, text, script)) = with_script else {
            let text = self.texts.last().map(|(_, text)| text.clone()).unwrap_or_default();
            let step = Step::Say("OK (no script was found)".into());
            return Cue { text, index: 0, step, call: None };
        };
        let index = self.results.iter().filter(|it| **it > at).count();
        let mut step = script.step(index);
        let call = match &step {
            Step::Shell(line) => shell::call(line, &self.tools),
            Step::Tool { name, arguments } if !self.tools.is_empty() => {
                Some((self.full_name(name), arguments.clone()))
            }
            Step::Tool { .. }
            | Step::Say(_)
            | Step::Slow { .. }
            | Step::Hang(_)
            | Step::Http(_)
            | Step::Drop
            | Step::Cut => None,
        };
        let wants_tool = matches!(step, Step::Shell(_) | Step::Tool { .. });
        if wants_tool && call.is_none() {
            // Agents ask without tools for a title of the conversation.
            let without = if self.tools.is_empty() { "title" } else { "no shell is offered here" };
            step = Step::Say(without.into());
        }
        Cue { text, index, step, call }
    }

    /// Returns the tool whose name is `name` or ends with it: agents put the server's name before a tool's own.
    fn full_name(&self, name: &str) -> String {
        if self.tools.contains_key(name) {
            return name.to_owned();
        }
        let ends = |it: &&String| {
            it.strip_suffix(name).is_some_and(|before| before.ends_with(['_', '.', '/']))
        };
        self.tools.keys().find(ends).cloned().unwrap_or_else(|| name.to_owned())
    }
}

/// Returns the text of a content that is a string or a list of parts.
pub(super) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => {
            let texts = parts.iter().filter_map(|it| it["text"].as_str());
            texts.collect::<Vec<_>>().join(" ")
        }
        _ => String::new(),
    }
}
