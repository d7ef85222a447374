//! The script in a prompt: `[[hello]]`, or `[[script: STEP ;; STEP ;; …]]`; the last one in the newest text that has one counts.

use std::time::Duration;

use serde_json::Value;

/// One step of a script. Past the last one the model says `DONE`.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// `sh CMD`: calls the agent's own shell tool.
    Shell(String),
    /// `tool NAME JSON`: calls any tool.
    Tool {
        /// Its name.
        name: String,
        /// Its arguments, as they are sent.
        arguments: Value,
    },
    /// `say TEXT`: a final message.
    Say(String),
    /// `slow SECONDS TEXT`: the same, word by word.
    Slow {
        /// From the first word to the last.
        over: Duration,
        /// The text.
        text: String,
    },
    /// `hang SECONDS`: begins to answer, then is silent for that long, and then says `hung`.
    Hang(Duration),
    /// `http CODE`: fails with that status.
    Http(u16),
    /// `drop`: breaks the connection off in the middle of the answer.
    Drop,
    /// `cut`: ends the answer properly, but before its end.
    Cut,
}

/// A whole script.
#[derive(Debug, Clone, PartialEq)]
pub struct Script(Vec<Step>);

/// What `[[hello]]` stands for.
const HELLO: &str = "sh printf 'hello\\n' > hello.txt \
    ;; sh git add hello.txt && git commit -q -m 'add hello.txt' && git log --oneline | head -1 \
    ;; say DONE: created hello.txt";

impl Script {
    /// Returns the last script in `text`, if it has one.
    pub fn find(text: &str) -> Option<Self> {
        let mut found = None;
        let mut rest = text;
        while let Some(at) = rest.find("[[") {
            rest = &rest[at + 2..];
            if rest.starts_with("hello]]") {
                found = Some(HELLO);
            } else if let Some(script) = rest.strip_prefix("script:")
                && let Some(end) = end_of(script)
            {
                found = Some(&script[..end]);
                rest = &script[end..];
            }
        }
        Some(Self(found?.split(";;").map(|step| Step::read(step.trim())).collect()))
    }

    /// Returns step `index`, counted from 0.
    pub fn step(&self, index: usize) -> Step {
        self.0.get(index).cloned().unwrap_or_else(|| Step::Say("DONE".into()))
    }
}

/// Returns where the script that begins `text` ends: at `]]` that no third `]` follows, so that JSON may end in one.
fn end_of(text: &str) -> Option<usize> {
    let at = text.find("]]")?;
    let brackets = text[at..].bytes().take_while(|it| *it == b']').count();
    Some(at + brackets - 2)
}

impl Step {
    /// Reads one step; one that cannot be read says so.
    pub fn read(text: &str) -> Self {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        let rest = rest.trim_start();
        let read = match word {
            "sh" => Some(Self::Shell(rest.into())),
            "say" => Some(Self::Say(rest.into())),
            "tool" => tool(rest),
            "slow" => rest.split_once(char::is_whitespace).and_then(|(over, text)| {
                Some(Self::Slow { over: seconds(over)?, text: text.trim_start().into() })
            }),
            "hang" => seconds(rest).map(Self::Hang),
            "http" => rest.parse().ok().filter(|it| (400..600).contains(it)).map(Self::Http),
            "drop" => Some(Self::Drop),
            "cut" => Some(Self::Cut),
            _ => None,
        };
        read.unwrap_or_else(|| Self::Say(format!("this step cannot be read: {text}")))
    }
}

fn tool(text: &str) -> Option<Step> {
    let (name, arguments) = text.split_once(char::is_whitespace).unwrap_or((text, "{}"));
    let arguments = serde_json::from_str(arguments.trim()).ok()?;
    Some(Step::Tool { name: name.into(), arguments })
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds = text.trim().parse::<f64>().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Shell(line) => write!(f, "sh {line}"),
            Self::Tool { name, arguments } => write!(f, "tool {name} {arguments}"),
            Self::Say(text) => write!(f, "say {text}"),
            Self::Slow { over, text } => write!(f, "slow {} {text}", over.as_secs_f64()),
            Self::Hang(long) => write!(f, "hang {}", long.as_secs_f64()),
            Self::Http(code) => write!(f, "http {code}"),
            Self::Drop => f.write_str("drop"),
            Self::Cut => f.write_str("cut"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_last_script_of_a_text_counts_and_steps_past_its_end_say_done() {
        let text = "first [[hello]] then [[script: sh ls ;; say DONE: ok]] and words";
        let script = Script::find(text).unwrap();
        assert_eq!(script.step(0), Step::Shell("ls".into()));
        assert_eq!(script.step(1), Step::Say("DONE: ok".into()));
        assert_eq!(script.step(2), Step::Say("DONE".into()));
        assert_eq!(Script::find("no [[script here"), None);
        assert_eq!(
            Script::find("[[hello]]").unwrap().step(2).to_string(),
            "say DONE: created hello.txt"
        );
    }

    #[test]
    fn json_that_ends_in_a_bracket_does_not_end_the_script_early() {
        let script =
            Script::find("[[script: tool plan {\"steps\": [[1]]} ;; tool x [1]]] tail").unwrap();
        assert_eq!(
            script.step(0),
            Step::Say("this step cannot be read: tool plan {\"steps\": [[1".into())
        );
        let script = Script::find("[[script: tool x [1]]]").unwrap();
        assert_eq!(script.step(0), Step::Tool { name: "x".into(), arguments: json!([1]) });
    }

    #[test]
    fn every_step_is_written_as_it_is_read_and_nonsense_says_so() {
        let steps = [
            "sh echo 'a ;b'",
            "tool report {\"kind\":\"done\"}",
            "say two words",
            "slow 1.5 a b",
            "hang 3",
            "http 429",
            "drop",
            "cut",
        ];
        for text in steps {
            assert_eq!(Step::read(text).to_string(), text);
        }
        for text in ["http 42", "dance", "slow x y", "hang long", "tool x {"] {
            assert!(Step::read(text).to_string().contains("cannot be read"), "{text}");
        }
    }
}
