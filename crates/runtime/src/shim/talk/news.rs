//! What follows from each thing that a driver learns.

use std::time::{Duration, Instant};

use crate::agent::{Leave, TurnEnd, TurnHow};
use crate::drivers::{Hello, Out, Told, permits};
use crate::error::Result;
use crate::markers::{self, Markers};
use crate::record::{Record, StopCause};
use crate::shim::ending::GRACE;
use crate::shim::lane::Shim;
use crate::shim::talk::READY;
use crate::shim::typist::Text;

/// Who is named for what was typed into the program's own screen.
const TYPIST: &str = "person at the terminal";

/// So many uses of one tool with the same input, one after another, are a loop and no progress.
const LOOP: u32 = 30;

/// How often an agent that ends a turn without a report is told so before the attempt ends.
const NUDGES: u32 = 1;

/// The most of a tool's output that the journal keeps.
const OUTPUT_BYTES: usize = 8 * 1024;

/// What an agent is told that ends its turn without a report.
const NUDGE: &str = "Your turn ended without a report, so nothing counts as delivered. Give the evidence that is asked for and \
    report: the tool `report`, or `mission report …`, or a last line that starts with `DONE:` (`PASS:` or `CHANGES:` where you \
    review). If a person must decide something first, ask: the tool `ask`, `mission report question --summary TEXT`, or a last \
    line that starts with `QUESTION:`.";

impl Shim {
    /// Lets one piece of news take effect. `out` gets what is to be said because of it.
    pub(super) fn learn(&mut self, told: Told, out: &mut Out) -> Result<()> {
        self.watch.progress(Instant::now());
        let Some(talk) = &mut self.talk else { return Ok(()) };
        match told {
            Told::Ready(hello) => return self.opened(hello),
            Told::Taken => return self.taken(),
            Told::Steered(key) => {
                let at = talk.steered.iter().position(|(it, _)| *it == key);
                let messages = at.map(|at| talk.steered.remove(at).1).unwrap_or_default();
                let turn = self.turns.begun;
                self.note(Record::Steered { turn, messages })?;
            }
            Told::TookOver => {
                talk.is_taken_over = true;
                talk.settle();
                self.note(Record::TookOver { by: None })?;
            }
            Told::Typed(text) => {
                let who = TYPIST.to_owned();
                self.note(Record::Input { who, messages: Vec::new(), text })?;
            }
            Told::Said(text) => {
                self.journal.take(format!("{}\n", text.trim_end()).as_bytes(), false)
            }
            Told::Uses { tool, input } => self.uses(tool, input),
            Told::Gives { output, end } => self.gives(&output, &end),
            Told::Stirs => {}
            Told::Asks(ask) => {
                let leave = permits::answer(&self.spec.session.permits, &talk.inside, &ask.deed);
                talk.driver.answer(&ask.id, &leave, out);
                if let Leave::Refused { why } = &leave {
                    talk.refusals.push(why.clone());
                    self.journal.take(format!("[refused] {}: {why}\n", ask.deed).as_bytes(), false);
                    self.note(Record::Answered { ask, leave, by: "policy".to_owned() })?;
                }
            }
            Told::Settled(id) => {
                talk.asks.retain(|ask| ask.id != id);
                talk.settle();
            }
            Told::Used(usage) => self.used(usage),
            Told::Forgot => self.forgot(),
            Told::Ended(end) => return self.ended(end),
            Told::Fails(fault) => {
                let why = fault.text.clone();
                let end = TurnEnd { fault: Some(fault), ..TurnEnd::cut(TurnHow::Failed, why) };
                return self.ended(end);
            }
            Told::CannotOpen { why, fault } => {
                self.journal.take(format!("[no session] {why}\n").as_bytes(), false);
                match fault {
                    Some(_) => {
                        talk.last_end =
                            Some(TurnEnd { fault, ..TurnEnd::cut(TurnHow::Failed, why) });
                    }
                    None => talk.cannot_open = Some(why),
                }
                self.conclude();
            }
        }
        Ok(())
    }

    fn opened(&mut self, hello: Hello) -> Result<()> {
        let Some(talk) = &mut self.talk else { return Ok(()) };
        let is_known = talk.hello.as_ref() == Some(&hello);
        talk.hello = Some(hello.clone());
        talk.settle();
        if is_known {
            return Ok(());
        }
        let Hello { session, program, model, is_resumed } = hello;
        self.note(Record::Session { session, program, model, is_resumed })?;
        Ok(())
    }

    /// The turn in flight waits for the session that is begun in place of the one that the program does not know any more.
    fn forgot(&mut self) {
        let Some(talk) = &mut self.talk else { return };
        let hello = talk.hello.take().unwrap_or_default();
        let line = format!(
            "[forgotten] the program said that it goes on with the session {}, and refused the first turn in it without a word: a \
             new one is begun, and the turn is sent again\n",
            hello.session
        );
        self.journal.take(line.as_bytes(), false);
        talk.ready_by = Instant::now() + READY;
        if let Some(flight) = talk.flight.take() {
            // It is the same turn, under the same number.
            self.turns.begun = flight.number.saturating_sub(1);
            self.queue.push_front(flight.text);
        }
        talk.settle();
    }

    fn taken(&mut self) -> Result<()> {
        let Some(flight) = self.talk.as_mut().and_then(|it| it.flight.as_mut()) else {
            return Ok(());
        };
        if std::mem::replace(&mut flight.is_taken, true) {
            return Ok(());
        }
        let (turn, messages) = (flight.number, flight.text.messages.clone());
        if let Some(talk) = &mut self.talk {
            talk.hand_over = None;
        }
        self.turns.delivered += 1;
        self.note(Record::TurnDelivered { turn, messages }).map(|_| ())
    }

    fn uses(&mut self, tool: String, input: String) {
        self.journal.take(format!("[{tool}] {}\n", input.trim_end()).as_bytes(), false);
        let Some(talk) = &mut self.talk else { return };
        let this = Some((tool, input));
        talk.repeats = if talk.last_tool == this { talk.repeats + 1 } else { 1 };
        talk.last_tool = this;
        if talk.repeats >= LOOP {
            let tool = talk.last_tool().unwrap_or_default();
            self.begin_stop(StopCause::Loop { tool, times: LOOP }, Duration::from_secs(2));
        }
    }

    /// What was used is known only after it was: a budget is overrun by one answer of the model at the most.
    fn used(&mut self, usage: crate::agent::Usage) {
        let Some(talk) = &mut self.talk else { return };
        talk.usage = Some(usage);
        // Who has reported comes to an end by itself.
        if talk.has_reported {
            return;
        }
        if let Some(what) = self.spec.limits.budget.spent(&usage) {
            self.journal.take(format!("[budget] {what}\n").as_bytes(), false);
            self.begin_stop(StopCause::BudgetSpent { what }, GRACE);
        }
    }

    fn gives(&mut self, output: &str, end: &str) {
        let bytes = output.trim_end().as_bytes();
        let from = bytes.len().saturating_sub(OUTPUT_BYTES);
        if !bytes.is_empty() {
            self.journal.take(&bytes[from..], false);
            self.journal.take(b"\n", false);
        }
        if !end.is_empty() {
            self.journal.take(format!("[{end}]\n").as_bytes(), false);
        }
    }

    /// A turn is over: ours, or one that a person typed.
    fn ended(&mut self, end: TurnEnd) -> Result<()> {
        let Some(talk) = self.talk.as_mut().filter(|it| !it.is_closing()) else { return Ok(()) };
        talk.end_by = None;
        talk.asks.clear();
        let Some(flight) = talk.flight.take() else {
            talk.is_taken_over = false;
            talk.settle();
            self.note(Record::GaveBack { by: None })?;
            return self.conclude_if_reported();
        };
        talk.settle();
        talk.last_end = Some(end.clone());
        if !end.why.is_empty() {
            self.journal.take(format!("[turn {:?}] {}\n", end.how, end.why).as_bytes(), false);
        }
        if !flight.is_taken {
            // The program gave it up before it took it: it waits for another attempt.
            self.queue.push_front(flight.text);
        }
        let markers = markers::read(end.message.as_bytes());
        self.turns.markers = markers.clone();
        let turn = flight.number;
        self.note_end(turn, markers, end.clone())?;
        self.after_turn(&end)
    }

    pub(super) fn note_end(&mut self, turn: u32, markers: Markers, end: TurnEnd) -> Result<()> {
        let usage = self.talk.as_ref().and_then(|it| it.usage);
        let (exit_code, signal, end) = (None, None, Some(end));
        self.note(Record::TurnEnded { turn, exit_code, signal, markers, end, usage }).map(|_| ())
    }

    /// Decides what follows a turn of ours.
    pub(in crate::shim) fn after_turn(&mut self, end: &TurnEnd) -> Result<()> {
        let waits = self.waits_for_its_holder(end);
        let Some(talk) = &mut self.talk else { return Ok(()) };
        let is_reported = talk.has_reported || matches!(self.turns.markers, Markers::One { .. });
        match end.how {
            // What was said before the report is delivered before it counts.
            TurnHow::Completed | TurnHow::Interrupted if !self.queue.is_empty() => Ok(()),
            _ if is_reported => {
                self.conclude();
                Ok(())
            }
            // It was its last turn, and no fault of its own: the attempt is stopped before another one begins.
            TurnHow::Completed if self.last_turn.is_some() => Ok(()),
            // Whoever interrupted has something to say, or stops the attempt.
            TurnHow::Interrupted => Ok(()),
            TurnHow::Completed if waits => {
                talk.unjudged = Some(end.clone());
                Ok(())
            }
            TurnHow::Completed if talk.nudges < NUDGES => {
                talk.nudges += 1;
                let refused: String =
                    talk.refusals.drain(..).map(|why| format!("Refused: {why}\n\n")).collect();
                let (who, text) = ("mission".to_owned(), format!("{refused}{NUDGE}"));
                let messages = Vec::new();
                self.note(Record::Input { who, messages: messages.clone(), text: text.clone() })?;
                self.queue.push_back(Text { messages, text });
                Ok(())
            }
            TurnHow::Completed | TurnHow::Failed | TurnHow::CutOff => {
                self.conclude();
                Ok(())
            }
        }
    }

    /// After a person gave the session back: an attempt that has reported is over, another one waits for a message.
    fn conclude_if_reported(&mut self) -> Result<()> {
        let has_reported = self.talk.as_ref().is_some_and(|it| it.has_reported);
        if has_reported && self.queue.is_empty() {
            self.conclude();
        }
        Ok(())
    }
}
