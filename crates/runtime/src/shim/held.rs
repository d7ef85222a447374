//! A session in a person's hands: nothing of ours is typed into it meanwhile, and what they press goes to the program as it is.

use std::time::Instant;

use base64::Engine as _;

use crate::agent::{TurnEnd, TurnHow};
use crate::error::Result;
use crate::record::Record;
use crate::shim::answer::refused;
use crate::shim::child::ChildIo;
use crate::shim::keys;
use crate::shim::lane::Shim;
use crate::shim_protocol::Reply;

impl Shim {
    /// Lets `by` have the session; whoever had it before has it no longer.
    pub(crate) fn take_over(&mut self, by: String) -> Reply {
        if self.stop.is_some() || self.running.is_none() {
            return refused("ended", "the attempt is ending: there is nothing left to take over");
        }
        if self.held.as_ref() == Some(&by) {
            return Reply::Ack { record: self.log.last() };
        }
        let kept = self.keep(Record::TookOver { by: Some(by.clone()) });
        if matches!(kept, Reply::Ack { .. }) {
            self.held = Some(by);
            self.has_typed = false;
        }
        kept
    }

    /// Ends that, whoever says so: messages that waited go on to be typed, and a turn that ended meanwhile is judged.
    pub(crate) fn give_back(&mut self) -> Reply {
        let Some(by) = self.held.take() else { return Reply::Ack { record: self.log.last() } };
        let kept = self.keep(Record::GaveBack { by: Some(by) });
        match self.judge_last_turn() {
            Ok(()) => kept,
            Err(e) => refused("storage", &e.in_full()),
        }
    }

    /// Gives the program's terminal what the person pressed.
    pub(crate) fn press_keys(&mut self, by: &str, data: &str) -> Reply {
        if self.held.as_deref() != Some(by) {
            return refused("not_held", "take the session over before you type into it");
        }
        let Ok(bytes) = base64::engine::general_purpose::STANDARD.decode(data) else {
            return refused("bad_request", "the keys are not base64");
        };
        match &self.running {
            Some(running) if matches!(running.io, ChildIo::Terminal { .. }) => {
                if let Err(e) = self.note_typing(&bytes) {
                    return refused("storage", &e.in_full());
                }
                self.running.iter_mut().for_each(|running| running.press_for_person(&bytes));
                self.watch.progress(Instant::now());
                Reply::Ack { record: self.log.last() }
            }
            Some(_) | None => {
                refused("no_terminal", "the program has no terminal: say it as a message")
            }
        }
    }

    /// Notes the first word of whoever has the session, before the program gets it: from then on what it makes is theirs too.
    pub(super) fn note_typing(&mut self, bytes: &[u8]) -> Result<()> {
        match &self.held {
            Some(by) if !self.has_typed && keys::are_typed(bytes) => {
                let by = by.clone();
                self.note(Record::Typed { by })?;
                self.has_typed = true;
                Ok(())
            }
            Some(_) | None => Ok(()),
        }
    }

    /// While a person has the session, a turn that ends without a report waits for them.
    pub(super) fn waits_for_its_holder(&self, end: &TurnEnd) -> bool {
        self.held.is_some() && end.how == TurnHow::Completed
    }

    fn judge_last_turn(&mut self) -> Result<()> {
        let waiting = self.talk.as_mut().filter(|it| it.is_idle());
        match waiting.and_then(|it| it.unjudged.take()) {
            Some(end) if self.stop.is_none() => self.after_turn(&end),
            Some(_) | None => Ok(()),
        }
    }
}
