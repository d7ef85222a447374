//! How a lane's session is wanted: its driver, its model, what it may do unasked, and which earlier session it goes on with.

use std::path::Path;

use mission_domain::doc::AttemptDoc;
use mission_domain::home::HomeCommand;
use mission_domain::ids::{AttemptId, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::rules::{Driver, Permission, Rules};
use mission_domain::sessions::{Keeper, Start};
use mission_domain::ticket::{Attempt, Command, Event, Rejection, Ticket, attempt_doc};
use mission_runtime::agent::{Permits, SessionSpec};
use mission_runtime::protocol::ToRunner;
use mission_runtime::spec::Driver as LaneDriver;

use crate::error::{Error, Result};
use crate::execute::Control;

/// Variables that name the folder in which an agent keeps its settings and sessions, where it is not in the home.
pub(crate) const SETTINGS_VARIABLES: [&str; 2] = ["CODEX_HOME", "CLAUDE_CONFIG_DIR"];

/// Returns how the shim speaks to a runtime. Those that nothing is started for never come here.
pub(crate) fn driver(driver: Driver) -> LaneDriver {
    match driver {
        Driver::Tmux => LaneDriver::Tmux,
        Driver::Codex => LaneDriver::Codex,
        Driver::Claude => LaneDriver::Claude,
        Driver::Acp => LaneDriver::Acp,
        Driver::Exec | Driver::Person | Driver::External => LaneDriver::Exec,
    }
}

/// Returns what the launch of `attempt` in `cwd` asks of its session.
pub(crate) fn wanted(ticket: &Ticket, attempt: &Attempt, rules: &Rules, cwd: &Path) -> SessionSpec {
    let role = rules.roles.get(&attempt.role);
    let may_write = role.is_some_and(|it| it.permission == Permission::Write);
    let guard = rules.policy(ticket.policy.as_deref());
    let guard = guard.map(|it| it.guard.clone()).unwrap_or_default();
    let (resume, hand_over) = match attempt.warm.as_ref().map(|it| &it.start) {
        None => (earlier(ticket, attempt).filter(|_| may_write), None),
        Some(Start::Anew { .. }) => (None, None),
        Some(Start::Carried { id, ticket: before, .. }) => {
            let is_other = *before != ticket.key;
            (Some(id.clone()), is_other.then(|| hand_over(before, &ticket.key, cwd)))
        }
    };
    SessionSpec {
        model: attempt.model.clone(),
        resume,
        hand_over,
        permits: Permits { may_write, guard },
    }
}

/// Returns what marks the place in a session at which another ticket begins.
fn hand_over(before: &TicketKey, now: &TicketKey, cwd: &Path) -> String {
    format!(
        "# Hand-over: {before} is done with, this is {now}\n\n\
        Up to here this session was about `{before}`. That work was handed in; what becomes of it is decided elsewhere, and nothing of \
        it is yours to change, to commit or to report any more: its instructions, findings and messages no longer hold, and its folder \
        is not yours either.\n\n\
        From here on it is about `{now}` alone, in the folder `{}`. That is another working copy: files may differ from what you \
        remember of them, and the change that you made for `{before}` need not be there. Look before you rely on it.\n\n---\n\n",
        cwd.display()
    )
}

/// Returns the newest session of the same role and runtime that its lane does not keep for others as well. A role that only reads
/// gets a copy of its own each time, and so begins anew: agents keep a session by the folder that it was in, and who reviews again should look again.
fn earlier(ticket: &Ticket, attempt: &Attempt) -> Option<String> {
    let before = ticket.attempts.iter().rev().filter(|it| it.id != attempt.id);
    let mut same = before
        .filter(|it| it.role == attempt.role && it.runtime == attempt.runtime && it.warm.is_none());
    same.find_map(|it| it.session.as_ref()).map(|it| it.id.clone())
}

/// Returns how a claim and an end of an attempt move the sessions that its lane keeps.
pub(crate) fn moved(after: &Ticket, events: &[Event]) -> Vec<HomeCommand> {
    let moved = events.iter().filter_map(|event| match event {
        Event::Claimed(claimed) => {
            let Start::Carried { id, .. } = &claimed.warm.as_ref()?.start else { return None };
            let keeper = Keeper {
                project: after.key.project().clone(),
                role: claimed.role.clone(),
                runtime: claimed.runtime.clone(),
            };
            let (id, attempt) = (id.clone(), claimed.attempt);
            Some(HomeCommand::LendSession { keeper, id, attempt })
        }
        Event::AttemptEnded { attempt, .. } => {
            let (keeper, returned) = after.returned(*attempt)?;
            Some(HomeCommand::KeepSession { keeper, returned: Box::new(returned) })
        }
        _ => None,
    });
    moved.collect()
}

impl Control {
    /// Ends the turn that the attempt's agent is at; the attempt goes on with the next message. Where the agent waits already, or its
    /// driver knows no turns, nothing happens.
    ///
    /// # Errors
    /// An unknown attempt, one that is over, or somebody who may not.
    pub async fn interrupt_attempt(&self, id: AttemptId, by: &Principal) -> Result<AttemptDoc> {
        let missing = || Error::Missing(format!("attempt `{id}`"));
        let key = self.key_of(id).await?.ok_or_else(missing)?;
        let (ticket, _) = self.ticket(&key).await?;
        let attempt = ticket.attempt(id).ok_or_else(missing)?;
        if !attempt.is_live() {
            return Err(Rejection::AttemptOver(id).into());
        }
        // The turn's end is on record by itself; that somebody wanted it is not.
        let text = format!("interrupted the turn of {id}");
        let ticket = self.execute(&key, Command::Comment { text }, by).await?;
        self.send_to_runner(ToRunner::Interrupt { attempt: id, by: by.to_string() })?;
        ticket.attempt(id).map(|it| attempt_doc(&ticket, it)).ok_or_else(missing)
    }
}
