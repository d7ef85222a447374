//! The end of an attempt: the exit record, the last record, the last words to whoever listens.

use std::time::{Duration, Instant};

use crate::clock;
use crate::error::{Error, Result};
use crate::files;
use crate::record::{ExitRecord, LastTool, Oom, OomVerdict, Record, StopCause};
use crate::shim::lane::Shim;
use crate::shim::talk::Talk;

/// How long a slow listener is given to take the last records; it can also read them from the lane's files.
const LAST_WORDS: Duration = Duration::from_secs(1);

impl Shim {
    /// Writes how the attempt ended, `failure` being why no process could be started, and lets go of everything.
    pub(crate) fn end(mut self, failure: Option<&Error>) -> Result<()> {
        self.journal.sync();
        self.hear_last_requests()?;
        let exit = self.exit_record(failure);
        let text = serde_json::to_vec(&exit).map_err(Error::unreadable("the exit record"))?;
        let path = self.files.exit();
        files::replace(&path, &text)?;
        let noted = self.note(Record::Exited { exit: Box::new(exit) });
        self.door.close();
        let until = Instant::now() + LAST_WORDS;
        while self.door.clients.iter().any(|c| !c.is_gone && !c.to_send.is_empty())
            && Instant::now() < until
        {
            self.door.clients.iter_mut().for_each(|client| client.flush());
            std::thread::sleep(Duration::from_millis(2));
        }
        noted.map(|_| ())
    }

    fn exit_record(&mut self, failure: Option<&Error>) -> ExitRecord {
        let last = self.turns.last;
        self.look_at_server();
        let (stop_cause, has_killed, mut undelivered) = match self.stop.take() {
            Some(stop) => (stop.cause, stop.has_killed, stop.undelivered),
            None => (StopCause::None, false, Vec::new()),
        };
        let is_start =
            |e: &&Error| last.is_none() || matches!(e, Error::Spawn { .. } | Error::BadSpec(_));
        let spawn_error = failure.filter(is_start).map(Error::in_full);
        let has_killed = has_killed || self.talk.as_ref().is_some_and(Talk::has_killed);
        let stop_cause = match failure {
            Some(e) if spawn_error.is_none() => StopCause::ShimFailed { why: e.in_full() },
            Some(_) | None => stop_cause,
        };
        undelivered.extend(self.queue.drain(..).flat_map(|text| text.messages));
        if failure.is_some() && self.turns.delivered == 0 {
            undelivered.splice(0..0, self.spec.brief_messages.iter().copied());
        }
        let mut told = std::collections::BTreeSet::new();
        undelivered.retain(|id| told.insert(*id));
        let oom = match failure {
            Some(_) => Oom {
                verdict: OomVerdict::No,
                how: "the shim could not start it, or ended it".to_owned(),
            },
            None => self.oom.judge(last.as_ref(), has_killed, &stop_cause),
        };
        let talk = self.talk.as_ref();
        ExitRecord {
            attempt: self.spec.attempt,
            epoch: self.spec.epoch,
            spawn_error: spawn_error.or_else(|| self.session_failure()),
            exit_code: last.and_then(|reaped| reaped.exit_code),
            signal: last.and_then(|reaped| reaped.signal),
            core: last.is_some_and(|reaped| reaped.core),
            max_rss_bytes: self.turns.max_rss_bytes,
            wall_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            user_ms: self.turns.user_ms,
            system_ms: self.turns.system_ms,
            oom,
            stop_cause,
            orphans: std::mem::take(&mut self.turns.orphans),
            forked: self.turns.forked.take(),
            turns: self.turns.delivered,
            confinement: self.turns.confinement.take(),
            undelivered,
            last_output: self.journal.last_output(),
            last_tool: last_tool(talk),
            last_turn: talk.and_then(|it| it.last_end.clone()),
            closed: talk.is_some_and(Talk::is_closing),
            session: talk.and_then(|it| it.hello.as_ref()).map(|it| it.session.clone()),
            usage: talk.and_then(|it| it.usage),
            markers: self.turns.markers.clone(),
            journal_bytes: self.journal.bytes,
            journal_lost_bytes: self.journal.lost_bytes,
            disk_full: self.journal.disk_full,
            ended_at: clock::now(),
        }
    }
}

fn last_tool(talk: Option<&Talk>) -> LastTool {
    let why = match talk {
        None => "this driver sees output, not tool calls",
        Some(talk) => match talk.last_tool() {
            Some(name) => return LastTool::Known { name },
            None => "the agent used none",
        },
    };
    LastTool::Unknown { why: why.to_owned() }
}
