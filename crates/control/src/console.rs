//! A person at a lane's session: taking it over and giving it back, both on record, and what they press meanwhile.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use mission_domain::doc::AttemptDoc;
use mission_domain::ids::AttemptId;
use mission_domain::principal::Principal;
use mission_domain::ticket::{Command, Ticket, attempt_doc};
use mission_runtime::protocol::ToRunner;
use mission_runtime::spec::Driver;
use mission_runtime::times::Sizes;
use mission_runtime::{LaneFiles, LaunchSpec};

use crate::error::{Error, Result};
use crate::execute::Control;

/// How long a session is held for somebody who does not say again that they have it.
const HELD_FOR: Duration = Duration::from_secs(20);

/// How often it is looked whether that time is over.
const HELD_LOOK: Duration = Duration::from_secs(1);

/// What a lane's session is shown on, and where it is kept.
#[derive(Debug)]
pub struct Screen {
    /// Whether the program has a terminal; else its journal is lines.
    pub has_terminal: bool,
    /// The terminal's size, to be followed.
    pub sizes: Sizes,
    /// The raw bytes that it printed; the file may not be there yet.
    pub journal: PathBuf,
}

/// Where what an attempt printed can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Journal {
    /// Here; nothing may be in it yet.
    Kept,
    /// Nowhere any more: it ran here, and its journal has gone since.
    Gone,
    /// Where it ran, which was not here.
    Elsewhere,
}

impl Control {
    /// As [`Control::take_over`], for somebody who is not connected: unless they say so again within 20 seconds, it is given
    /// back.
    ///
    /// # Errors
    /// As there.
    pub async fn take_over_for_now(&self, id: AttemptId, by: &Principal) -> Result<AttemptDoc> {
        let doc = self.take_over(id, by).await?;
        self.keep_for_now(id);
        Ok(doc)
    }

    /// Notes that whoever holds the session of `id` is connected: their connection's end gives it back.
    pub fn keep_while_connected(&self, id: AttemptId) {
        self.hands().insert(id, None);
    }

    fn keep_for_now(&self, id: AttemptId) {
        let until = std::time::Instant::now() + HELD_FOR;
        if let Some(Some(_)) = self.hands().insert(id, Some(until)) {
            // Somebody looks after it already.
            return;
        }
        let control = self.clone();
        self.spawn(async move {
            loop {
                tokio::time::sleep(HELD_LOOK).await;
                let until = control.hands().get(&id).copied().flatten();
                match until {
                    None => return,
                    Some(_) if control.is_stopping() => return,
                    Some(until) if until > std::time::Instant::now() => {}
                    Some(_) => break,
                }
            }
            if let Err(error) = control.give_back(id, &Principal::Controller).await {
                tracing::info!("{id} was not given back: {}", error.in_full());
            }
        });
    }

    fn hands(&self) -> std::sync::MutexGuard<'_, BTreeMap<AttemptId, Option<std::time::Instant>>> {
        self.inner.hands.lock().expect("nobody panics while holding the hands")
    }

    /// Lets `by` have the session of an attempt: nothing of ours is typed into it until it is given back.
    ///
    /// # Errors
    /// An unknown attempt, one that is over or has no session here, or somebody who is no person.
    pub async fn take_over(&self, id: AttemptId, by: &Principal) -> Result<AttemptDoc> {
        // What cannot be carried out is not recorded either.
        self.has_runner()?;
        let doc = self.hand(id, Command::TakeOver { attempt: id }, by).await?;
        self.send_to_runner(ToRunner::TakeOver { attempt: id, by: by.to_string() })?;
        Ok(doc)
    }

    /// Lets the agent have its session alone again, whoever had it.
    ///
    /// # Errors
    /// An unknown attempt, one that is over, or a lane that asks.
    pub async fn give_back(&self, id: AttemptId, by: &Principal) -> Result<AttemptDoc> {
        self.hands().remove(&id);
        let doc = self.hand(id, Command::GiveBack { attempt: id }, by).await?;
        self.send_to_runner(ToRunner::GiveBack { attempt: id, by: by.to_string() })?;
        Ok(doc)
    }

    /// Gives the terminal of an attempt `keys`, base64, of whoever took it over. Its shim refuses anybody else.
    ///
    /// # Errors
    /// No runner is there.
    pub fn press(&self, id: AttemptId, by: &Principal, keys: String) -> Result<()> {
        self.send_to_runner(ToRunner::Keys { attempt: id, by: by.to_string(), data: keys })
    }

    /// Returns what the attempt's session is shown on; none for one that runs nothing here.
    pub fn screen(&self, id: AttemptId) -> Option<Screen> {
        let dir = self.paths().lane(id);
        let has_terminal = LaunchSpec::read(&dir).ok()?.driver == Driver::Tmux;
        let files = LaneFiles::new(&dir);
        Some(Screen { has_terminal, sizes: Sizes::of(files.times()), journal: files.journal() })
    }

    /// Returns where what `attempt` printed can be read.
    pub fn journal(&self, attempt: &AttemptDoc) -> Journal {
        let Ok(id) = attempt.id.parse::<AttemptId>() else { return Journal::Elsewhere };
        let dir = self.paths().lane(id);
        let is_here = dir.join("spec.json").exists();
        // One that is about to begin, or never came to run, has printed nothing.
        let is_whole = attempt.state != "ended" || attempt.pid.is_none();
        if is_here && (is_whole || LaneFiles::new(&dir).journal().exists()) {
            return Journal::Kept;
        }
        let ran_here = is_here || attempt.pid.is_some() || attempt.recording.is_some();
        if ran_here { Journal::Gone } else { Journal::Elsewhere }
    }

    /// Gives back every session that somebody had when the last server ended, unless they say soon that they still have it.
    pub(crate) fn give_back_left(&self, ticket: &Arc<Ticket>) {
        if let Some(live) = ticket.live_attempt().filter(|it| it.held_by.is_some()) {
            self.keep_for_now(live.id);
        }
    }

    async fn hand(&self, id: AttemptId, command: Command, by: &Principal) -> Result<AttemptDoc> {
        let missing = || Error::Missing(format!("attempt `{id}`"));
        let key = self.key_of(id).await?.ok_or_else(missing)?;
        let ticket = self.execute(&key, command, by).await?;
        ticket.attempt(id).map(|it| attempt_doc(&ticket, it)).ok_or_else(missing)
    }
}
