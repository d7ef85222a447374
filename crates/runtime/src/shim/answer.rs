//! Answers the requests on the shim's socket.

use std::time::{Duration, Instant};

use base64::Engine as _;
use mission_domain::ids::MessageId;
use mission_domain::ticket::fits;

use crate::agent::{AgentState, Stand, StateSource};
use crate::error::{Error, Result};
use crate::record::Record;
use crate::record_log::read_after;
use crate::shim::journal::is_full;
use crate::shim::lane::Shim;
use crate::shim::talk::Talk;
use crate::shim::tree;
use crate::shim::typist::Text;
use crate::shim::watch::TICKS_PER_SECOND;
use crate::shim_protocol::{Reply, Request, Status};
use crate::spec::Driver;

/// How many journal bytes one answer carries.
const TAIL_BYTES: u64 = 64 * 1024;

/// Returns whether a process of the lane itself may ask for this: an order in a person's name would stand on record as theirs.
fn is_for_lanes(request: &Request) -> bool {
    match request {
        Request::Report { .. }
        | Request::Evidence { .. }
        | Request::Approval { .. }
        | Request::ReadMessages
        | Request::Status
        | Request::Unknown => true,
        Request::Input { .. }
        | Request::Steer { .. }
        | Request::Interrupt { .. }
        | Request::LastTurn { .. }
        | Request::Answer { .. }
        | Request::Turn { .. }
        | Request::TakeBack { .. }
        | Request::PutBack { .. }
        | Request::TakeOver { .. }
        | Request::GiveBack { .. }
        | Request::Keys { .. }
        | Request::Stop { .. }
        | Request::Subscribe { .. }
        | Request::Tail { .. } => false,
    }
}

impl Shim {
    /// Attends to the client at `index`.
    pub(crate) fn hear_client(&mut self, index: usize) {
        let Some(client) = self.door.clients.get_mut(index) else { return };
        client.flush();
        let is_inside = client.is_inside;
        for line in client.lines() {
            let replies = match serde_json::from_slice(&line) {
                Ok(request) if is_inside && !is_for_lanes(&request) => vec![refused(
                    "not_yours",
                    "only Mission Control's server gives this order. A process of the lane reports, hands in evidence, asks for approvals and reads its messages",
                )],
                Ok(Request::Subscribe { after_record }) => self.subscribe(index, after_record),
                Ok(request) => vec![self.answer(request)],
                Err(e) => vec![refused("bad_request", &format!("this is no request: {e}"))],
            };
            if let Some(client) = self.door.clients.get_mut(index) {
                replies.iter().for_each(|reply| client.send(reply));
            }
        }
    }

    fn subscribe(&mut self, index: usize, after: u64) -> Vec<Reply> {
        match read_after(&self.files.records(), after) {
            Ok(records) => {
                self.door.clients.get_mut(index).into_iter().for_each(|c| c.is_subscribed = true);
                records.into_iter().map(|entry| Reply::Record { entry }).collect()
            }
            Err(e) => vec![refused("storage", &e.in_full())],
        }
    }

    fn answer(&mut self, request: Request) -> Reply {
        match request {
            // The agent is told now: later nobody could be.
            Request::Report { value }
            | Request::Evidence { value }
            | Request::Approval { value }
                if let Err(refusal) = fits(&value) =>
            {
                refused(refusal.code(), &refusal.to_string())
            }
            Request::Report { value } => {
                let kept = self.keep(Record::Report { value });
                let is_kept = matches!(kept, Reply::Ack { .. });
                self.talk.iter_mut().for_each(|talk| talk.has_reported |= is_kept);
                kept
            }
            Request::Evidence { value } => self.keep(Record::Evidence { value }),
            Request::Approval { value } => self.keep(Record::Approval { value }),
            Request::Input { messages, text, who } => match self.spec.driver {
                Driver::Exec => refused(
                    "busy",
                    "this runtime takes a message only as a turn of its own: send `turn`",
                ),
                Driver::Tmux | Driver::Codex | Driver::Claude | Driver::Acp => {
                    self.queue_turn(who, messages, text)
                }
            },
            Request::Steer { messages, text, who } => self.steer_turn(who, messages, text),
            Request::Interrupt { by } => match self.interrupt() {
                Ok(true) => {
                    tracing::info!("the turn is interrupted by {by}");
                    Reply::Ack { record: self.log.last() }
                }
                Ok(false) => refused("idle", "no turn is in flight that could be interrupted"),
                Err(e) => self.not_stored(&e),
            },
            Request::LastTurn { by } => {
                // What waits to be typed stays undelivered, for the next attempt.
                let typist = self.running.as_mut().and_then(|running| running.typist());
                let untyped = typist.map(|it| it.begin_no_more()).unwrap_or_default();
                if !untyped.is_empty() {
                    self.queue.push_back(Text { messages: untyped, text: String::new() });
                }
                self.last_turn.get_or_insert(by);
                Reply::Ack { record: self.log.last() }
            }
            Request::Answer { id, leave, by } => match self.give_leave(&id, &leave, &by) {
                Ok(true) => Reply::Ack { record: self.log.last() },
                Ok(false) => refused("not_asked", "the agent waits for no such answer (any more)"),
                Err(e) => self.not_stored(&e),
            },
            Request::Turn { messages, text } => {
                self.queue_turn("controller".to_owned(), messages, text)
            }
            Request::TakeBack { messages } => self.take_back(&messages),
            Request::PutBack { messages } => self.put_back(&messages),
            Request::TakeOver { by } => self.take_over(by),
            Request::GiveBack { .. } => self.give_back(),
            Request::Keys { by, data } => self.press_keys(&by, &data),
            Request::ReadMessages => self.read_messages(),
            Request::Stop { grace_ms, by } => {
                self.stop(&by, Duration::from_millis(grace_ms));
                Reply::Ack { record: self.log.last() }
            }
            Request::Status => Reply::Status { status: self.status() },
            Request::Tail { offset } => self.tail(offset),
            Request::Subscribe { .. } => refused("bad_request", "subscribe needs a connection"),
            Request::Unknown => refused(
                "unknown_request",
                "this shim is older than the request: it knows no such thing",
            ),
        }
    }

    /// Puts `record` on the disk before it is acknowledged.
    pub(super) fn keep(&mut self, record: Record) -> Reply {
        self.watch.progress(Instant::now());
        match self.note(record) {
            Ok(record) => Reply::Ack { record },
            Err(e) => self.not_stored(&e),
        }
    }

    fn not_stored(&mut self, error: &Error) -> Reply {
        if let Error::File { source, .. } = error {
            self.journal.disk_full |= is_full(source);
        }
        refused("storage", &format!("nothing was kept, give it again later: {}", error.in_full()))
    }

    fn queue_turn(&mut self, who: String, messages: Vec<MessageId>, text: String) -> Reply {
        let is_over = self.running.as_ref().is_none_or(|r| r.reaped.is_some())
            && self.spec.driver != Driver::Exec
            || self.talk.as_ref().is_some_and(Talk::is_closing);
        if self.stop.is_some() || self.last_turn.is_some() || is_over {
            return refused("ended", "the attempt is ending: the message waits for the next one");
        }
        // A server that was restarted says again what it cannot know to have arrived.
        if !messages.is_empty() && messages.iter().all(|it| self.accepted.contains(it)) {
            return Reply::Ack { record: self.log.last() };
        }
        self.accepted.extend(messages.iter().copied());
        let record = Record::Input { who, messages: messages.clone(), text: text.clone() };
        let record = match self.note(record) {
            Ok(record) => record,
            Err(e) => return self.not_stored(&e),
        };
        let text = Text { messages, text };
        match self.running.as_mut().and_then(|running| running.typist()) {
            Some(typist) => typist.add(text),
            None => self.queue.push_back(text),
        }
        Reply::Ack { record }
    }

    fn status(&mut self) -> Status {
        Status {
            pid: self.running.as_ref().map(|running| running.pid),
            turns: self.turns.delivered,
            queued: u32::try_from(self.queued()).unwrap_or(u32::MAX),
            journal_bytes: self.journal.bytes,
            last_record: self.log.last(),
            cpu_ms: tree::own_use().cpu_ticks * 1000 / TICKS_PER_SECOND,
            stand: Some(self.stand()),
            session: self
                .talk
                .as_ref()
                .and_then(|it| it.hello.as_ref())
                .map(|it| it.session.clone()),
            usage: self.talk.as_ref().and_then(|it| it.usage),
            quiet_ms: u64::try_from(self.watch.last_progress.elapsed().as_millis())
                .unwrap_or(u64::MAX),
            stopping: self.stop.is_some(),
        }
    }

    /// What a driver without a protocol can tell: whether its process runs.
    fn stand(&self) -> Stand {
        if let Some(talk) = &self.talk {
            return talk.stand();
        }
        let since = self.watch.last_progress.elapsed();
        let state = match (&self.running, self.spec.driver) {
            (Some(_), Driver::Exec) => AgentState::Busy,
            // A program on a terminal that runs may be busy or wait.
            (Some(_) | None, _) => AgentState::Unknown,
        };
        let age_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
        Stand { state, source: StateSource::Process, age_ms }
    }

    /// Puts a message into the turn in flight where the program can take it there, else it becomes a turn of its own.
    fn steer_turn(&mut self, who: String, messages: Vec<MessageId>, text: String) -> Reply {
        let is_new = messages.is_empty() || messages.iter().any(|it| !self.accepted.contains(it));
        if !is_new || self.talk.is_none() {
            return self.queue_turn(who, messages, text);
        }
        let record = Record::Input { who, messages: messages.clone(), text: text.clone() };
        let record = match self.note(record) {
            Ok(record) => record,
            Err(e) => return self.not_stored(&e),
        };
        self.accepted.extend(messages.iter().copied());
        match self.steer(&messages, &text) {
            Ok(true) => {}
            Ok(false) => self.queue.push_back(Text { messages, text }),
            Err(e) => return self.not_stored(&e),
        }
        Reply::Ack { record }
    }

    /// Hands the agent what waits for it, in the middle of its turn.
    fn read_messages(&mut self) -> Reply {
        let is_at_work = match &self.talk {
            Some(talk) => talk.has_flight(),
            None => self.running.is_some() && self.spec.driver == Driver::Exec,
        };
        if !is_at_work {
            return refused("idle", "no turn is in flight that a message could be taken into");
        }
        // What no message carries is our own word, and a turn of its own.
        let (taken, kept): (Vec<Text>, Vec<Text>) =
            self.queue.drain(..).partition(|text| !text.messages.is_empty());
        self.queue.extend(kept);
        let messages: Vec<MessageId> = taken.iter().flat_map(|it| it.messages.clone()).collect();
        if !messages.is_empty() {
            let turn = self.turns.begun.max(self.turns.delivered);
            if let Err(e) = self.note(Record::Steered { turn, messages }) {
                taken.into_iter().rev().for_each(|text| self.queue.push_front(text));
                return self.not_stored(&e);
            }
        }
        Reply::Messages { texts: taken.into_iter().map(|it| it.text).collect() }
    }

    fn tail(&self, offset: u64) -> Reply {
        let read = || -> Result<Vec<u8>> { self.journal.read(offset, TAIL_BYTES) };
        match read() {
            Ok(bytes) => {
                let data = base64::engine::general_purpose::STANDARD.encode(&bytes);
                Reply::Tail { offset, next: offset + bytes.len() as u64, data }
            }
            Err(e) => refused("storage", &e.in_full()),
        }
    }
}

pub(super) fn refused(code: &str, text: &str) -> Reply {
    Reply::Refused { code: code.to_owned(), text: text.to_owned() }
}
