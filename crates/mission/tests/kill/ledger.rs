//! A ledger outside of the server: what it acknowledged while it was being killed.

use std::process::{Child, Stdio};

use mission_domain::ids::MessageId;
use mission_domain::ticket::Ticket;

use crate::demo::Demo;

/// The messages that were written, and those that were acknowledged.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    written: u64,
    acknowledged: Vec<(MessageId, String)>,
}

/// A message on its way.
pub(crate) struct Writing {
    child: Child,
    text: String,
}

impl Ledger {
    /// Begins to write one more message to the plan that is set aside: nobody takes it, so it has to be there at the end.
    pub(crate) fn writes(&mut self, demo: &Demo) -> Option<Writing> {
        let key = demo.parked()?;
        self.written += 1;
        let text = format!("message {} of the ledger", self.written);
        let mut command = demo.command(&["say", &key, &text, "--json"]);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a writer");
        Some(Writing { child, text })
    }

    /// Notes whether the message was acknowledged.
    pub(crate) fn hears(&mut self, writing: Option<Writing>) {
        let Some(Writing { child, text }) = writing else { return };
        let output = child.wait_with_output().expect("the writer ends");
        if output.status.success() {
            let said: serde_json::Value =
                serde_json::from_slice(&output.stdout).expect("a message");
            let id = said["id"].as_str().and_then(|it| it.parse().ok()).expect("its id");
            self.acknowledged.push((id, text));
        }
    }

    /// Proves that everything acknowledged is among the messages of `tickets`, once; returns how many there are.
    pub(crate) fn is_kept(&self, tickets: &[Ticket]) -> usize {
        let all = || tickets.iter().flat_map(|it| &it.messages);
        for (id, text) in &self.acknowledged {
            let kept = all().filter(|it| it.id == *id).collect::<Vec<_>>();
            assert_eq!(kept.len(), 1, "{id} was acknowledged and is {} times there", kept.len());
            assert_eq!(kept.iter().map(|it| (&it.body, it.count)).next(), Some((text, 1)), "{id}");
        }
        // One that nobody heard the answer to may be there: once.
        for number in 1..=self.written {
            let text = format!("message {number} of the ledger");
            assert!(all().filter(|it| it.body == text).count() <= 1, "`{text}` is there twice");
        }
        self.acknowledged.len()
    }
}
