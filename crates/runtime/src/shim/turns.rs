//! Turns: the first is the brief; `exec` runs each as a process of its own, one after another, `tmux` types them into the one it has.

use std::time::Instant;

use nix::pty::Winsize;

use crate::error::{Error, Result};
use crate::launch;
use crate::markers::{self, Markers};
use crate::record::{Orphan, Record};
use crate::shim::child::{self, Running};
use crate::shim::lane::Shim;
use crate::shim::os::Reaped;
use crate::shim::outer::Outer;
use crate::shim::tree;
use crate::shim::typist::{Stroke, Text, Typist};
use crate::spec::Driver;

/// The size of a terminal that nobody looks at.
const SIZE: Winsize = Winsize { ws_row: 50, ws_col: 200, ws_xpixel: 0, ws_ypixel: 0 };

/// What the turns so far came to.
#[derive(Debug)]
pub(crate) struct Turns {
    /// Turns that were handed to a session, taken or not.
    pub(crate) begun: u32,
    pub(crate) delivered: u32,
    pub(crate) last: Option<Reaped>,
    pub(crate) markers: Markers,
    pub(crate) orphans: Vec<Orphan>,
    /// Processes that the program's terminal took with it, none of them the program.
    pub(crate) hung_up: Vec<i32>,
    /// That the program only started the agent and went, in words.
    pub(crate) forked: Option<String>,
    pub(crate) max_rss_bytes: u64,
    pub(crate) user_ms: u64,
    pub(crate) system_ms: u64,
    pub(crate) confinement: Option<mission_sandbox::Confinement>,
}

impl Default for Turns {
    fn default() -> Self {
        let markers = Markers::NotRead { why: "no turn has ended".to_owned() };
        Self {
            begun: 0,
            delivered: 0,
            last: None,
            markers,
            orphans: Vec::new(),
            hung_up: Vec::new(),
            forked: None,
            max_rss_bytes: 0,
            user_ms: 0,
            system_ms: 0,
            confinement: None,
        }
    }
}

impl Shim {
    /// Starts the first turn: the brief.
    pub(crate) fn begin(&mut self) -> Result<()> {
        self.spec.check()?;
        let path = &self.spec.brief_file;
        let brief = std::fs::read(path).map_err(Error::file(path))?;
        let text = String::from_utf8_lossy(&brief).into_owned();
        let first = Text { messages: self.spec.brief_messages.clone(), text };
        if self.begin_talk(&first)? { Ok(()) } else { self.start_turn(first) }
    }

    /// Starts a process for `turn`.
    fn start_turn(&mut self, turn: Text) -> Result<()> {
        let (command, confinement) = launch::command(&self.spec, &self.door.path)?;
        let messages = turn.messages.clone();
        let mut running = match self.spec.driver {
            Driver::Exec | Driver::Codex | Driver::Claude | Driver::Acp => {
                child::on_pipes(command, turn.text.into_bytes(), false)?
            }
            Driver::Tmux => {
                let size = self.outer.as_ref().and_then(Outer::size).unwrap_or(SIZE);
                self.journal.sized(&size);
                let mut running = child::on_terminal(command, &size)?;
                running.typist().into_iter().for_each(|typist| typist.add(turn.clone()));
                running
            }
        };
        running.feed();
        self.turns.confinement = Some(confinement);
        let number = self.turns.delivered + 1;
        let (pid, pid_start_time) = (running.pid, running.start_time);
        let output = running.output.clone();
        self.running = Some(running);
        self.note(Record::Started { turn: number, pid, pid_start_time, output })?;
        match self.spec.driver {
            Driver::Exec => self.note_delivery(messages),
            Driver::Tmux | Driver::Codex | Driver::Claude | Driver::Acp => Ok(()),
        }
    }

    fn note_delivery(&mut self, messages: Vec<mission_domain::ids::MessageId>) -> Result<()> {
        self.turns.delivered += 1;
        let turn = self.turns.delivered;
        self.note(Record::TurnDelivered { turn, messages }).map(|_| ())
    }

    /// Types what is due into the program's terminal.
    pub(crate) fn type_on(&mut self) -> Result<()> {
        let stroke = self
            .free_typist()
            .and_then(|typist| typist.stroke(Instant::now(), || tree::own_use().cpu_ticks));
        let Some(running) = &mut self.running else { return Ok(()) };
        match stroke {
            None => Ok(()),
            Some(Stroke::Paste(bytes)) => {
                running.press(&bytes);
                Ok(())
            }
            Some(Stroke::Enter(messages)) => {
                running.press(b"\r");
                let kept = running.typist().map(Typist::kept).unwrap_or_default();
                running.press(&kept);
                self.note_delivery(messages)
            }
        }
    }

    /// Returns the typist, where it may type: while a person has the terminal, only what it has begun.
    pub(super) fn free_typist(&mut self) -> Option<&mut Typist> {
        let is_held = self.held.is_some();
        let typist = self.running.as_mut()?.typist()?;
        (!is_held || typist.is_within_a_text()).then_some(typist)
    }

    /// Takes the end of the present process down and starts the next turn, if there is one. Returns whether the attempt goes on:
    /// it does not when the process failed or was stopped, whatever waits.
    pub(crate) fn finish_turn(&mut self) -> Result<bool> {
        let is_heard = self.is_heard_by_another();
        let tree::Left { orphans, hung_up } = tree::end_orphans();
        self.turns.hung_up.extend(hung_up);
        self.drain();
        self.finish_talk()?;
        let Some(mut running) = self.running.take() else { return Ok(false) };
        let Some(reaped) = running.reaped else { return Ok(false) };
        self.turns.forked = self.forked(reaped, &orphans, is_heard);
        self.turns.orphans.extend(orphans);
        self.hear_last_requests()?;
        let undelivered = running.typist().map(|t| t.give_up()).unwrap_or_default();
        if !undelivered.is_empty() {
            self.queue.push_front(Text { messages: undelivered, text: String::new() });
        }
        self.sum_up(reaped)?;
        let goes_on = self.stop.is_none() && self.last_turn.is_none();
        let is_clean = reaped.exit_code == Some(0) && goes_on;
        match self.queue.pop_front() {
            Some(turn) if is_clean && self.spec.driver == Driver::Exec => {
                self.start_turn(turn.clone()).inspect_err(|_| self.queue.push_front(turn))?;
                Ok(true)
            }
            Some(turn) => {
                self.queue.push_front(turn);
                Ok(false)
            }
            None => Ok(false),
        }
    }

    fn sum_up(&mut self, reaped: Reaped) -> Result<()> {
        let message = self.journal.take_message();
        self.turns.markers = match self.spec.driver {
            Driver::Exec => markers::read(&message),
            Driver::Tmux => Markers::NotRead {
                why: "a screen also shows what was typed: not a final message".to_owned(),
            },
            Driver::Codex | Driver::Claude | Driver::Acp => self.turns.markers.clone(),
        };
        self.turns.last = Some(reaped);
        self.turns.max_rss_bytes = self.turns.max_rss_bytes.max(reaped.max_rss_bytes);
        self.turns.user_ms += reaped.user_ms;
        self.turns.system_ms += reaped.system_ms;
        if self.talk.is_some() {
            // Its turns have ended each by itself.
            return Ok(());
        }
        let turn = self.turns.delivered.max(1);
        let markers = self.turns.markers.clone();
        self.note(Record::TurnEnded {
            turn,
            exit_code: reaped.exit_code,
            signal: reaped.signal,
            markers,
            end: None,
            usage: None,
        })?;
        Ok(())
    }

    /// Returns how many turns wait.
    pub(crate) fn queued(&mut self) -> usize {
        self.queue.len()
            + self
                .running
                .iter_mut()
                .filter_map(Running::typist)
                .map(|t| t.waiting())
                .sum::<usize>()
    }
}
