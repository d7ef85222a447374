//! How a session ends: because it is done, because waiting is of no use, or because its program is gone.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use crate::agent::{TurnEnd, TurnHow};
use crate::error::Result;
use crate::markers::Markers;
use crate::shim::child::ChildIo;
use crate::shim::lane::Shim;
use crate::shim::link::Link;
use crate::shim::tree;

/// Between the steps that end a program: the end of its input, SIGTERM, SIGKILL.
const STEP: Duration = Duration::from_secs(2);

/// Between two SIGKILLs.
const AGAIN: Duration = Duration::from_millis(50);

/// A session that is being closed.
#[derive(Debug)]
pub(super) struct Closing {
    step: Step,
    pub(super) next: Instant,
    has_killed: bool,
}

/// What is done next to the program.
#[derive(Debug, Clone, Copy)]
enum Step {
    EndInput,
    Terminate,
    Kill,
}

impl super::Talk {
    /// Whether this session's end was a SIGKILL of ours.
    pub(crate) fn has_killed(&self) -> bool {
        self.closing.as_ref().is_some_and(|it| it.has_killed)
    }
}

impl Shim {
    /// Closes the session: nothing more is sent, and the program is asked to end, then made to.
    pub(super) fn conclude(&mut self) {
        let Some(talk) = self.talk.as_mut().filter(|it| it.closing.is_none()) else { return };
        let step = match talk.link {
            Link::Lines(_) => Step::EndInput,
            Link::Socket(_) => Step::Terminate,
        };
        talk.closing = Some(Closing { step, next: Instant::now(), has_killed: false });
    }

    /// Does what is due: gives up what does not come, and goes on with closing.
    pub(super) fn keep_patience(&mut self, now: Instant) -> Result<()> {
        self.look_for_loss(now);
        let Some(talk) = &mut self.talk else { return Ok(()) };
        if talk.closing.is_none() && self.stop.is_none() {
            let is_over = |at: Option<Instant>| at.is_some_and(|at| at <= now);
            if talk.hello.is_none() && talk.ready_by <= now {
                let why = format!("the program did not answer within {} s", super::READY.as_secs());
                talk.cannot_open = Some(why);
                self.conclude();
            } else if is_over(talk.back_by) {
                self.cut_off("the program closed its connection and did not open it again")?;
            } else if is_over(talk.end_by) {
                let why = format!(
                    "the turn did not end within {} s of the interrupt",
                    super::INTERRUPTED.as_secs()
                );
                self.cut_off(&why)?;
            }
        }
        self.close_on(now);
        Ok(())
    }

    /// A program that closes its output and goes on cannot be heard any more.
    fn look_for_loss(&mut self, now: Instant) {
        let Some(talk) = &mut self.talk else { return };
        let is_deaf = matches!(
            self.running.as_ref().map(|it| &it.io),
            Some(ChildIo::Pipes { stdout: None, .. })
        );
        if is_deaf && matches!(talk.link, Link::Lines(_)) && talk.back_by.is_none() {
            talk.back_by = Some(now + STEP);
        }
    }

    /// The turn in flight cannot come to its end any more.
    fn cut_off(&mut self, why: &str) -> Result<()> {
        let Some(talk) = &mut self.talk else { return Ok(()) };
        let end = TurnEnd::cut(TurnHow::CutOff, why);
        talk.last_end = Some(end.clone());
        if let Some(flight) = talk.flight.take() {
            let turn = flight.number;
            if flight.is_taken {
                // What an earlier turn said last is not said of the words that this one took.
                self.turns.markers = Markers::None;
            } else {
                self.queue.push_front(flight.text);
            }
            self.note_end(turn, self.turns.markers.clone(), end)?;
        }
        self.conclude();
        Ok(())
    }

    fn close_on(&mut self, now: Instant) {
        let Some(closing) = self.talk.as_mut().and_then(|it| it.closing.as_mut()) else { return };
        let Some(running) = self.running.as_mut().filter(|it| it.reaped.is_none()) else { return };
        if closing.next > now {
            return;
        }
        match closing.step {
            Step::EndInput => {
                if let ChildIo::Pipes { stdin, .. } = &mut running.io {
                    *stdin = None;
                }
                (closing.step, closing.next) = (Step::Terminate, now + STEP);
            }
            Step::Terminate => {
                tree::signal_all(running.pid, Signal::SIGTERM);
                (closing.step, closing.next) = (Step::Kill, now + STEP);
            }
            Step::Kill => {
                tree::signal_all(running.pid, Signal::SIGKILL);
                closing.has_killed = true;
                closing.next = now + AGAIN;
            }
        }
    }

    /// The program has ended: takes in what it said last, and what was in flight is cut off.
    pub(crate) fn finish_talk(&mut self) -> Result<()> {
        self.talk_on()?;
        let is_closing = self.talk.as_ref().is_some_and(super::Talk::is_closing);
        if let Some(talk) = self.talk.as_mut().filter(|it| it.hello.is_none() && !is_closing) {
            let why = "the program ended before it said anything of a session: is it the agent, and does it start by hand?";
            talk.cannot_open.get_or_insert_with(|| why.to_owned());
        }
        let is_in_flight = self.talk.as_ref().is_some_and(|it| it.flight.is_some());
        if is_in_flight && !is_closing {
            self.cut_off("the program ended in mid-turn")?;
            // It has ended by itself: how, its exit code or signal says.
            if let Some(talk) = &mut self.talk {
                talk.closing = None;
            }
        }
        Ok(())
    }
}
