//! What lanes say, through the runner: records that take effect once, ends with their causes, and turns given to them.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mission_domain::doc::AttemptDoc;
use mission_domain::ids::{AttemptId, Digest, MessageId, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::rules::Driver;
use mission_domain::ticket::{
    AgentSession, Attempt, Command, EndClass, Evidence, Figures, IN_NO_JOURNAL, LaneRecord,
    MessageState, Report, Ticket, VerdictWord, attempt_doc,
};
use mission_runtime::agent::{TurnHow, Usage};
use mission_runtime::death::classify;
use mission_runtime::markers::{Marker, Markers};
use mission_runtime::protocol::{FromRunner, ToRunner};
use mission_runtime::record::{ExitRecord, Numbered, Record};
use mission_store::ProjectionKind;
use mission_store::artifacts::Artifacts;

use crate::ending::{death, end_class, summary, unheld, words};
use crate::error::{Error, Result};
use crate::execute::Control;
use crate::packets::keep_masked;

/// How long a one-turn program may go on after its report.
const AFTER_REPORT_EXEC: Duration = Duration::from_secs(10);

/// How long a program that waits for input may go on after its report.
const AFTER_REPORT_TMUX: Duration = Duration::from_millis(700);

/// The same for one that speaks a protocol: its shim ends it with its turn, and this only helps a turn that does not end.
const AFTER_REPORT_SESSION: Duration = Duration::from_secs(120);

/// Milliseconds between SIGTERM and SIGKILL.
const GRACE_MS: u64 = 3_000;

/// The largest file that a lane hands in, in bytes: 1 GiB.
const MOST_HANDED_IN: u64 = 1 << 30;

impl Control {
    /// Lets one frame take effect.
    pub(crate) async fn hear(&self, frame: FromRunner) -> Result<()> {
        match frame {
            FromRunner::Hello { .. } => {
                // Another runner may not have heard that a turn is the last one.
                self.fleet().last_turns.clear();
                self.nudge();
                self.adopt_lanes()
            }
            FromRunner::Record { attempt, entry } => {
                let number = entry.number;
                self.record(attempt, entry).await?;
                self.send_to_runner(ToRunner::Ack { attempt, record: number })
            }
            FromRunner::Exited { attempt, exit } => {
                self.exited(attempt, &exit).await?;
                self.keep_recording(attempt);
                self.lane_is_gone(attempt).await
            }
            FromRunner::ShimLost { attempt, lost } => {
                let text = serde_json::to_string(&lost).unwrap_or_default();
                self.lost(attempt, format!("its shim died without an exit record: {text}")).await?;
                self.keep_recording(attempt);
                self.lane_is_gone(attempt).await
            }
            FromRunner::StartFailed { attempt, error } => {
                let Some(key) = self.key_of(attempt).await? else { return Ok(()) };
                self.try_end(&key, attempt, EndClass::SpawnFailed, error).await
            }
            // The records tell what became of the turn; what it carried stays queued for the next brief.
            FromRunner::TurnRefused { .. }
            | FromRunner::Alive { .. }
            | FromRunner::Started { .. }
            | FromRunner::Pong
            | FromRunner::Unknown => Ok(()),
        }
    }

    /// Follows every live lane again, and starts those that were claimed and never started.
    fn adopt_lanes(&self) -> Result<()> {
        let live: Vec<Arc<Ticket>> = {
            let fleet = self.fleet();
            fleet.tickets.values().filter(|it| it.live_attempt().is_some()).cloned().collect()
        };
        for ticket in live {
            let Some(live) = ticket.live_attempt() else { continue };
            self.give_back_left(&ticket);
            let (key, attempt, after_record) = (ticket.key.clone(), live.id, live.last_record);
            if live.report.is_some() {
                // The timer that would have ended it went with the last server.
                self.stop_after_report(&ticket, attempt);
            }
            let lane_dir = self.paths().lane(attempt);
            if lane_dir.join("spec.json").exists() {
                self.send_to_runner(ToRunner::Adopt { attempt, lane_dir, after_record })?;
                let control = self.clone();
                self.spawn(async move { control.give_words_again(&key).await });
            } else if !live.runs_here() && lane_dir.join("brief.md").exists() {
                // Whoever works it elsewhere has its brief, and needs nothing of a runner.
            } else if let Some(spec) = self.sent_launch(attempt) {
                self.send_to_runner(ToRunner::Start { spec })?;
            } else {
                let control = self.clone();
                self.spawn(async move { control.launch_or_end(&key, attempt).await });
            }
        }
        Ok(())
    }

    /// Returns the ticket that the attempt belongs to.
    pub(crate) async fn key_of(&self, attempt: AttemptId) -> Result<Option<TicketKey>> {
        let live = {
            let fleet = self.fleet();
            let has = |it: &&Arc<Ticket>| it.live_attempt().is_some_and(|it| it.id == attempt);
            fleet.tickets.values().find(has).map(|it| it.key.clone())
        };
        if live.is_some() {
            return Ok(live);
        }
        let row = self.store().projection(ProjectionKind::Attempt, &attempt.to_string()).await?;
        Ok(row.and_then(|it| it.ticket))
    }

    async fn ticket_of(&self, attempt: AttemptId) -> Result<Option<(Arc<Ticket>, Attempt)>> {
        let Some(key) = self.key_of(attempt).await? else { return Ok(None) };
        let (ticket, _) = self.ticket(&key).await?;
        let found = ticket.attempt(attempt).cloned();
        Ok(found.map(|it| (ticket, it)))
    }

    /// Lets one record take effect; a repeat has none.
    async fn record(&self, id: AttemptId, entry: Numbered) -> Result<()> {
        let Some((ticket, attempt)) = self.ticket_of(id).await? else { return Ok(()) };
        let number = entry.number;
        if number <= attempt.last_record || !attempt.is_live() {
            return Ok(());
        }
        let record = match entry.record {
            Record::Started { pid, .. } => {
                let has_window = self.paths().lane(id).join("spec.json");
                let tmux =
                    mission_runtime::LaunchSpec::read(has_window.parent().unwrap_or(&has_window))
                        .ok()
                        .and_then(|it| it.tmux)
                        .map(|it| format!("{}:{}", it.session, it.window));
                LaneRecord::Began { pid: u32::try_from(pid).unwrap_or_default(), tmux }
            }
            Record::TurnDelivered { messages, .. } => LaneRecord::Delivered { ids: messages },
            Record::Steered { messages, .. } => LaneRecord::Joined { ids: messages },
            Record::Session { session, program, model, is_resumed } => {
                let (id, resumed) = (session, is_resumed);
                LaneRecord::Session(Box::new(AgentSession { id, program, model, resumed }))
            }
            // Without a word of the program a process that ended says it, with what follows.
            Record::TurnEnded { end: None, .. } => return Ok(()),
            Record::TurnEnded { end: Some(end), usage, .. } => {
                let well = matches!(end.how, TurnHow::Completed | TurnHow::Interrupted);
                LaneRecord::TurnOver { well, figures: figures(usage) }
            }
            Record::Report { value } => match serde_json::from_value::<Report>(value) {
                // Its shim took it in; nobody can be told any more that it is too long.
                Ok(report) => LaneRecord::Report(report.within_room()),
                Err(error) => return self.unreadable(id, "report", &error),
            },
            Record::Evidence { value } => match serde_json::from_value::<Evidence>(value) {
                Ok(evidence) => LaneRecord::Evidence(Box::new(self.keep_file(id, evidence).await?)),
                Err(error) => return self.unreadable(id, "evidence", &error),
            },
            Record::Approval { value } => match serde_json::from_value(value) {
                Ok(wish) => {
                    LaneRecord::Approval(Box::new(self.asked(&ticket, &attempt, wish).await))
                }
                Err(error) => return self.unreadable(id, "request for approval", &error),
            },
            // What a page did is on record under the person's own name.
            Record::TookOver { by: None } => LaneRecord::TookOver,
            Record::GaveBack { by: None } => LaneRecord::GaveBack,
            Record::Typed { by } => match by.parse() {
                Ok(by) => LaneRecord::Typed { by },
                Err(_) => return Ok(()),
            },
            Record::Input { .. }
            | Record::Answered { .. }
            | Record::TookOver { by: Some(_) }
            | Record::GaveBack { by: Some(_) }
            | Record::Exited { .. }
            | Record::Unknown => return Ok(()),
        };
        let command = Command::Record { attempt: id, epoch: attempt.epoch, number, record };
        self.lane_command(&ticket.key, command, &attempt.principal).await
    }

    /// Carries out a lane's command; a refusal is the lane's, and no reason to send the record again.
    async fn lane_command(&self, key: &TicketKey, command: Command, by: &Principal) -> Result<()> {
        match self.execute(key, command, by).await {
            Ok(_) => Ok(()),
            Err(Error::Rejected(refusal)) => {
                tracing::info!("{by} on {key} was refused: {refusal}");
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    fn unreadable(&self, id: AttemptId, what: &str, error: &serde_json::Error) -> Result<()> {
        tracing::warn!("the {what} of {id} cannot be read and counts as none: {error}");
        Ok(())
    }

    /// Turns the file that a lane handed in into an artifact; one that is not there leaves the evidence without. An error where there is
    /// no room for it now.
    async fn keep_file(&self, id: AttemptId, mut evidence: Evidence) -> Result<Evidence> {
        // What a lane names by its digest must have been kept before: a digest alone is no file.
        let artifacts = self.artifacts();
        evidence.artifact = evidence.artifact.filter(|it| artifacts.path(it).exists());
        let Some(name) = evidence.file.take() else { return Ok(evidence) };
        let name = name.strip_prefix("evidence/").unwrap_or(&name).to_owned();
        let Ok(safe) = mission_evidence::names::directory_name(&name) else {
            tracing::warn!("{id} handed in a file with an unsafe name; it is left out");
            return Ok(evidence);
        };
        let (lane, path) = (self.paths().lane(id), Path::new("evidence").join(safe));
        let kept = tokio::task::spawn_blocking(move || kept_of(&lane, &path, &artifacts)).await;
        evidence.artifact = match kept.map_err(|e| Error::Invalid(e.to_string()))? {
            Err(error @ mission_store::Error::Full(_)) => return Err(error.into()),
            kept => kept.ok().flatten(),
        };
        if evidence.text.is_empty() {
            evidence.text = name;
        }
        Ok(evidence)
    }

    /// Takes in how an attempt ended; markers count when nothing else was reported.
    async fn exited(&self, id: AttemptId, exit: &ExitRecord) -> Result<()> {
        let Some((ticket, attempt)) = self.ticket_of(id).await? else { return Ok(()) };
        if attempt.is_live() {
            let (key, epoch, by) = (&ticket.key, attempt.epoch, attempt.principal.clone());
            let mut number = attempt.last_record + 1;
            let spoken = attempt.report.clone();
            let spoken = spoken.or_else(|| spoken_in(&exit.markers).map(Report::within_room));
            if let (None, Some(report)) = (&attempt.report, &spoken) {
                let record = LaneRecord::Report(report.clone());
                let command = Command::Record { attempt: id, epoch, number, record };
                self.lane_command(key, command, &by).await?;
                number += 1;
            }
            let unheld = unheld(exit);
            if !unheld.is_empty() {
                let record = LaneRecord::Unheld(unheld);
                let command = Command::Record { attempt: id, epoch, number, record };
                self.lane_command(key, command, &by).await?;
                number += 1;
            }
            // How the process ended; what the report makes of that is the ticket's to say.
            let class = end_class(classify(exit, false));
            let summary = summary(exit, class, spoken.as_ref());
            // Who delivered did not die, however the process ended after it.
            let death = spoken.is_none().then(|| death(exit));
            let record = LaneRecord::Exited { class, summary, death };
            let command = Command::Record { attempt: id, epoch, number, record };
            self.lane_command(key, command, &by).await?;
        }
        Ok(())
    }

    async fn lost(&self, id: AttemptId, why: String) -> Result<()> {
        let Some(key) = self.key_of(id).await? else { return Ok(()) };
        self.try_end(&key, id, EndClass::Lost, why).await
    }

    /// Stops a lane that was ended by us, and removes the disposable copy.
    pub(crate) fn after_attempt(
        &self,
        ticket: &Arc<Ticket>,
        id: AttemptId,
        class: EndClass,
        by_record: bool,
    ) {
        if !by_record {
            let by = class.as_str().to_owned();
            let stop = ToRunner::Stop { attempt: id, grace_ms: GRACE_MS, by };
            if let Err(error) = self.send_to_runner(stop) {
                tracing::debug!("no runner to stop {id}: {}", error.in_full());
            }
        }
        let control = self.clone();
        let copy = self.paths().copy(&ticket.key, id);
        // Whoever was ended in the middle of things may have left some of them unfinished.
        let is_spent = class == EndClass::BudgetSpent || self.fleet().last_turns.remove(&id);
        let is_to_be_kept = ticket.parked.is_some() || is_spent;
        let key = ticket.key.clone();
        self.spawn(async move {
            if is_to_be_kept {
                control.keep_work_after(&key, id).await;
            }
            let _ = tokio::fs::remove_dir_all(copy).await;
        });
    }

    /// Gives a program a moment to end after its report, then ends it.
    pub(crate) fn stop_after_report(&self, ticket: &Arc<Ticket>, id: AttemptId) {
        let Some(attempt) = ticket.attempt(id) else { return };
        let has_words = ticket.queued_for(&attempt.role).next().is_some();
        let held = self.fleet().projects.get(ticket.key.project()).cloned();
        let driver =
            held.and_then(|it| it.rules.runtimes.get(&attempt.runtime).map(|it| it.driver));
        let wait = match driver {
            Some(Driver::Tmux) => AFTER_REPORT_TMUX,
            Some(Driver::Codex | Driver::Claude | Driver::Acp) => AFTER_REPORT_SESSION,
            Some(Driver::Exec | Driver::Person | Driver::External) | None => AFTER_REPORT_EXEC,
        };
        if has_words || matches!(driver, Some(Driver::Person | Driver::External) | None) {
            return;
        }
        let control = self.clone();
        let key = ticket.key.clone();
        self.spawn(async move {
            tokio::time::sleep(wait).await;
            let still = control.ticket(&key).await.ok();
            if still.is_some_and(|(it, _)| it.live_attempt().is_some_and(|it| it.id == id)) {
                let by = "its report".to_owned();
                let _ =
                    control.send_to_runner(ToRunner::Stop { attempt: id, grace_ms: GRACE_MS, by });
            }
        });
    }

    /// Hands queued messages to the lane at work: they become one more turn of it, after the present one.
    pub(crate) fn push_turns(&self, ticket: &Arc<Ticket>) {
        let Some(attempt) = ticket.live_attempt().filter(|it| it.process.is_some()) else { return };
        for message in ticket.queued_for(&attempt.role) {
            let text =
                format!("Message from {} ({}):\n\n{}\n", message.from, message.id, message.body);
            let (attempt, messages) = (attempt.id, vec![message.id]);
            if let Err(error) = self.send_to_runner(ToRunner::Turn { attempt, messages, text }) {
                tracing::debug!("{} waits for the next brief: {}", message.id, error.in_full());
            }
        }
    }

    pub(crate) fn has_runner(&self) -> Result<()> {
        let runner = self.inner.runner.lock().expect("nobody panics while holding the runner");
        runner.as_ref().map(drop).ok_or_else(no_runner)
    }

    pub(crate) fn send_to_runner(&self, frame: ToRunner) -> Result<()> {
        let runner = self.inner.runner.lock().expect("nobody panics while holding the runner");
        match runner.as_ref() {
            Some(runner) => Ok(runner.send(frame)?),
            None => Err(no_runner()),
        }
    }

    /// Ends a live attempt at a person's wish; it costs the ticket nothing.
    ///
    /// # Errors
    /// An unknown attempt, one that is over, or somebody who may not.
    pub async fn stop_attempt(&self, id: AttemptId, by: &Principal) -> Result<AttemptDoc> {
        let found = self.ticket_of(id).await?;
        let (ticket, attempt) = found.ok_or_else(|| Error::Missing(format!("attempt `{id}`")))?;
        if !attempt.is_live() {
            return Err(mission_domain::ticket::Rejection::AttemptOver(id).into());
        }
        let (class, epoch) = (EndClass::Stopped, attempt.epoch);
        let summary = format!("stopped by {by}");
        let command = Command::EndAttempt { attempt: id, epoch, class, summary };
        let ticket = self.execute(&ticket.key, command, by).await?;
        self.attempt_of(&ticket, id)
    }

    /// Takes in a report of a person's or an external lane's attempt, or one that came with the attempt's own token.
    ///
    /// # Errors
    /// An unknown attempt, a stale one, or a report that the gate does not take.
    pub async fn report(
        &self,
        id: AttemptId,
        report: Report,
        by: &Principal,
    ) -> Result<AttemptDoc> {
        mission_domain::ticket::fits(&report)?;
        let found = self.ticket_of(id).await?;
        let (ticket, attempt) = found.ok_or_else(|| Error::Missing(format!("attempt `{id}`")))?;
        let (key, epoch, number) = (&ticket.key, attempt.epoch, IN_NO_JOURNAL);
        let summary = words(&report);
        let record = LaneRecord::Report(report);
        self.execute(key, Command::Record { attempt: id, epoch, number, record }, by).await?;
        // Nothing runs here that could end by itself: the report is the end.
        let is_ours = self.paths().lane(id).join("spec.json").exists();
        if !is_ours {
            let record = LaneRecord::Exited { class: EndClass::Reported, summary, death: None };
            self.execute(key, Command::Record { attempt: id, epoch, number, record }, by).await?;
        }
        let (ticket, _) = self.ticket(key).await?;
        self.attempt_of(&ticket, id)
    }

    /// Takes in a piece of evidence, as `report` does a report.
    ///
    /// # Errors
    /// An unknown attempt or a stale one.
    pub async fn evidence(
        &self,
        id: AttemptId,
        evidence: Evidence,
        by: &Principal,
    ) -> Result<AttemptDoc> {
        mission_domain::ticket::fits(&evidence)?;
        let found = self.ticket_of(id).await?;
        let (ticket, attempt) = found.ok_or_else(|| Error::Missing(format!("attempt `{id}`")))?;
        let evidence = self.keep_file(id, evidence).await?;
        let (number, epoch) = (IN_NO_JOURNAL, attempt.epoch);
        let record = LaneRecord::Evidence(Box::new(evidence));
        let command = Command::Record { attempt: id, epoch, number, record };
        let ticket = self.execute(&ticket.key, command, by).await?;
        self.attempt_of(&ticket, id)
    }

    fn attempt_of(&self, ticket: &Ticket, id: AttemptId) -> Result<AttemptDoc> {
        let attempt =
            ticket.attempt(id).ok_or_else(|| Error::Missing(format!("attempt `{id}`")))?;
        Ok(attempt_doc(ticket, attempt))
    }

    /// Returns what the attempt has printed from `offset` on, at most 256 KiB, and where to go on.
    ///
    /// # Errors
    /// What the system said; an attempt that printed nothing has an empty journal.
    pub async fn attempt_log(&self, id: AttemptId, offset: u64) -> Result<(Vec<u8>, u64)> {
        use std::io::{Read as _, Seek as _};
        let path = self.paths().lane(id).join("journal");
        let Ok(mut file) = std::fs::File::open(&path) else { return Ok((Vec::new(), offset)) };
        let failed = |source| Error::File { what: format!("read `{}`", path.display()), source };
        file.seek(std::io::SeekFrom::Start(offset)).map_err(failed)?;
        let mut bytes = Vec::new();
        file.take(256 * 1024).read_to_end(&mut bytes).map_err(failed)?;
        let next = offset + bytes.len() as u64;
        Ok((bytes, next))
    }

    /// Returns messages that were pushed to a live lane and are still queued: a crash may have swallowed the push.
    pub(crate) fn unpushed(ticket: &Ticket) -> Vec<MessageId> {
        let Some(attempt) = ticket.live_attempt() else { return Vec::new() };
        let queued = ticket.queued_for(&attempt.role);
        queued.filter(|it| it.state == MessageState::Queued).map(|it| it.id).collect()
    }
}

/// Keeps the plain file at `path` beneath the folder of a lane, which may put something else there at any moment.
fn kept_of(
    lane: &Path,
    path: &Path,
    artifacts: &Artifacts,
) -> std::result::Result<Option<Digest>, mission_store::Error> {
    let file = match mission_evidence::plain::open(lane, path) {
        Ok(file) => file.filter(|it| it.metadata().is_ok_and(|it| it.len() <= MOST_HANDED_IN)),
        Err(error) => return Err(mission_store::Error::unavailable(error)),
    };
    if file.is_none() {
        let (path, lane) = (path.display(), lane.display());
        tracing::warn!("`{path}` in `{lane}` is no plain file, or too large; it is left out");
    }
    file.map(|it| keep_masked(artifacts, it)).transpose()
}

fn no_runner() -> Error {
    Error::Missing("runner: `mission up` starts one".into())
}

fn figures(usage: Option<Usage>) -> Figures {
    let usage = usage.unwrap_or_default();
    Figures { tokens: usage.tokens(), cost_micros: usage.cost_micros }
}

/// Returns the report that the markers of the last output amount to.
fn spoken_in(markers: &Markers) -> Option<Report> {
    let Markers::One { marker, text } = markers else { return None };
    let text = text.clone();
    Some(match marker {
        Marker::Done => Report::Done { summary: text },
        Marker::Question => Report::Question { text },
        Marker::Pass => {
            Report::Verdict { verdict: VerdictWord::Pass, reason: text, findings: Vec::new() }
        }
        Marker::Changes => {
            Report::Verdict { verdict: VerdictWord::Changes, reason: text, findings: Vec::new() }
        }
    })
}
