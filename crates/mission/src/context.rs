//! What every command is given: the home, the flags that all share, and how to print.

use std::io::Write as _;

use mission_domain::ids::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::door::{Answer, Door};
use crate::failure::Failure;
use crate::home::Home;
use crate::lane::Lane;
use crate::output::Screen;
use crate::output::wrap::sealed;

/// The surroundings of one command.
pub(crate) struct Context {
    /// The home.
    pub(crate) home: Home,
    /// Whether documents are printed instead of text.
    pub(crate) json: bool,
    /// What `--project` names.
    pub(crate) project: Option<String>,
    /// The lane this process runs in.
    pub(crate) lane: Option<Lane>,
    /// What text for people is fitted to.
    pub(crate) screen: Screen,
}

/// Returns the current time: the only clock of the command line.
#[expect(
    clippy::disallowed_methods,
    reason = "the command line's one clock; everything below takes the time as a value"
)]
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

impl Context {
    /// Opens the way to the server, or to the store.
    pub(crate) async fn door(&self) -> Result<Door, Failure> {
        Door::open(&self.home, self.lane.is_some()).await
    }

    /// Prints an answer: the document itself with `--json`, else what `text` makes of it.
    pub(crate) fn show<'a, T: Deserialize<'a>>(
        &self,
        answer: &'a Answer,
        text: impl FnOnce(&T, &Screen) -> String,
    ) -> Result<(), Failure> {
        if self.json {
            return print_bytes(&answer.bytes);
        }
        print_text(&text(&answer.read()?, &self.screen));
        Ok(())
    }

    /// Prints a document with `--json`, else a sentence.
    pub(crate) fn say(&self, document: &Value, text: impl FnOnce() -> String) {
        if self.json {
            print(&format!("{document}\n"));
        } else {
            print_text(&format!("{}\n", text()));
        }
    }

    /// Prints the answer of a change: the document with `--json`, else a sentence.
    pub(crate) fn done(
        &self,
        answer: &Answer,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        if self.json {
            return print_bytes(&answer.bytes);
        }
        print_text(&format!("{}\n", text()));
        Ok(())
    }
}

fn print_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let text = String::from_utf8(bytes.to_vec());
    let text = text.map_err(|_| Failure::unreachable("the server's answer is not text"))?;
    let end = if text.ends_with('\n') { "" } else { "\n" };
    print(&format!("{text}{end}"));
    Ok(())
}

/// Writes `text` to standard output. A reader that has gone away wants no more.
pub(crate) fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes `text` to standard output for a person: nothing in it steers the terminal or hides.
pub(crate) fn print_text(text: &str) {
    print(&sealed(text));
}

/// Writes a line to standard error, for notes that are not the answer.
pub(crate) fn note(text: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", sealed(text));
}
