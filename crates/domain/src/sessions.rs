//! Sessions that a lane keeps from ticket to ticket: which one an attempt goes on with, who has it, when it is stale.
//!
//! A session is a conversation of an agent's program, and the program's own to keep. Its process ends with each attempt.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::home::{Home, HomeEvent, HomeRejection};
use crate::ids::{AttemptId, Digest, ProjectKey, RoleId, RuntimeId, TicketKey, Timestamp};
use crate::mutants;
use crate::principal::Identity;
use crate::rules::{Lifecycle, Permission, Role, Rules, Runtime, SessionLimits};
use crate::ticket::{EndClass, Purpose, Ticket};

/// So many sessions of one lane are remembered; the one that rested longest is forgotten first.
const MOST_KEPT: usize = 32;

/// Whose a session is: one lane's of one project, through one runtime. Nobody else ever gets it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Keeper {
    /// The project.
    pub project: ProjectKey,
    /// The lane's role.
    pub role: RoleId,
    /// The runtime.
    pub runtime: RuntimeId,
}

impl fmt::Display for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.project, self.role, self.runtime)
    }
}

/// What a session was begun under. Under other terms it is not gone on with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// The digest of what runs: program, command, driver, environment.
    pub runtime: Digest,
    /// The model, where one is named.
    pub model: Option<String>,
    /// What the role may do.
    pub permission: Permission,
    /// The digest of what the role is told: its instructions and its tools.
    pub instructions: Digest,
}

impl Terms {
    /// Returns the terms of `role` at work through `runtime` now.
    fn of(rules: &Rules, role: &Role, runtime: &Runtime, identity: Option<&Identity>) -> Self {
        let digest = |it: serde_json::Result<Vec<u8>>| {
            Digest::of(&it.expect("rules are plain data that JSON can hold"))
        };
        let runs = (runtime.driver, &runtime.command, &runtime.env_allow, &runtime.env_set);
        let told = (&role.instructions, rules.instructions.get(&role.id), &role.tools);
        Self {
            runtime: digest(serde_json::to_vec(&(runs, identity))),
            model: runtime.model.clone(),
            permission: role.permission,
            instructions: digest(serde_json::to_vec(&told)),
        }
    }

    /// Returns the first thing in which `other` differs.
    fn changed(&self, other: &Self) -> Option<&'static str> {
        if self.runtime != other.runtime {
            return Some("the runtime");
        }
        if self.model != other.model {
            return Some("the model");
        }
        if self.permission != other.permission {
            return Some("the role's permission");
        }
        (self.instructions != other.instructions).then_some("the role's instructions or tools")
    }
}

/// How an attempt of a runtime with `lifecycle = "persistent"` comes to its session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warm {
    /// What it works under.
    pub terms: Terms,
    /// Which session it gets.
    pub start: Start,
}

/// Which session an attempt gets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "start", rename_all = "snake_case")]
pub enum Start {
    /// That of an earlier attempt.
    Carried {
        /// The program's own id of it.
        id: String,
        /// The attempt that was in it last.
        from: AttemptId,
        /// What that one worked on.
        ticket: TicketKey,
    },
    /// One of its own.
    Anew {
        /// Why.
        why: String,
    },
}

/// A session that a lane keeps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The program's own id of it.
    pub id: String,
    /// What it was begun under.
    pub terms: Terms,
    /// When it was begun.
    pub begun_at: Timestamp,
    /// The tickets that were worked in it, each once, the last one last. Never empty.
    pub tickets: Vec<TicketKey>,
    /// Tokens that were used in it, as far as its program told them.
    pub tokens: u64,
    /// The attempt that was in it last.
    pub last: AttemptId,
    /// The attempt that has it now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_by: Option<AttemptId>,
    /// Why nobody but its last ticket goes on with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reserved: Option<String>,
}

impl Kept {
    /// Returns why an attempt on `ticket` does not go on with it.
    fn stale(
        &self,
        ticket: &TicketKey,
        terms: &Terms,
        limits: &SessionLimits,
        now: Timestamp,
    ) -> Option<String> {
        if let Some(what) = self.terms.changed(terms) {
            return Some(format!("{what} changed"));
        }
        if self.tickets.last() == Some(ticket) {
            return None;
        }
        if let Some(why) = &self.reserved {
            return Some(why.clone());
        }
        let age_s = now.duration_since(self.begun_at).as_secs();
        if u64::try_from(age_s).is_ok_and(|age_s| age_s >= limits.age_s) {
            let age = in_words(limits.age_s);
            return Some(format!("it was begun {age} ago or earlier"));
        }
        let worked = self.tickets.len();
        let is_worn = u32::try_from(worked).is_ok_and(|it| it >= limits.tickets);
        if is_worn && !self.tickets.contains(ticket) {
            return Some(format!("{worked} tickets were worked in it"));
        }
        let is_full = self.tokens >= limits.tokens;
        is_full.then(|| format!("{} tokens were used in it", self.tokens))
    }
}

/// Says a length of time in its largest unit that is whole.
fn in_words(seconds: u64) -> String {
    let units = [(3600, "hour"), (60, "minute"), (1, "second")];
    let whole = units.into_iter().find(|(of, _)| seconds.is_multiple_of(*of));
    let (of, unit) = whole.unwrap_or((1, "second"));
    let many = seconds / of;
    format!("{many} {unit}{}", if many == 1 { "" } else { "s" })
}

/// What an attempt gives back when it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The attempt.
    pub attempt: AttemptId,
    /// Its ticket.
    pub ticket: TicketKey,
    /// What it worked under.
    pub terms: Terms,
    /// When it began.
    pub began_at: Timestamp,
    /// The kept session that it got.
    pub lent: Option<String>,
    /// The session that its program says it was in at last.
    pub session: Option<String>,
    /// Whether its program says that this goes on with the one that it got, be it under another id.
    pub resumed: bool,
    /// Tokens that it used, where its program told them.
    pub tokens: Option<u64>,
    /// Why nobody but its ticket may go on with that one.
    pub reserved: Option<String>,
}

/// A ticket that a lane is about to take.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// The rules in force.
    pub rules: &'a Rules,
    /// The ticket.
    pub ticket: &'a TicketKey,
    /// The role at work.
    pub role: &'a Role,
    /// The runtime that it works through.
    pub runtime: &'a Runtime,
    /// What really runs behind that name.
    pub identity: Option<&'a Identity>,
    /// What for.
    pub purpose: Purpose,
}

impl Home {
    /// Returns how an attempt comes to its session; nothing where its runtime keeps none. `taken` are lent out in the same moment.
    pub fn warm(&self, wanted: &Wanted<'_>, now: Timestamp, taken: &[String]) -> Option<Warm> {
        match wanted.runtime.lifecycle {
            Lifecycle::PerTicket => return None,
            Lifecycle::Persistent => {}
        }
        let terms = Terms::of(wanted.rules, wanted.role, wanted.runtime, wanted.identity);
        let start = match wanted.purpose {
            Purpose::Deliver => self.start(wanted, &terms, now, taken),
            // What one ticket's work said to a reviewer must not speak in the verdict on another's, nor twice on the same.
            Purpose::Review | Purpose::Judge => {
                let why = "a verdict is given in a session of its own".to_owned();
                Start::Anew { why }
            }
        };
        Some(Warm { terms, start })
    }

    fn start(&self, wanted: &Wanted<'_>, terms: &Terms, now: Timestamp, taken: &[String]) -> Start {
        let keeper = Keeper {
            project: wanted.rules.key.clone(),
            role: wanted.role.id.clone(),
            runtime: wanted.runtime.id.clone(),
        };
        let limits = &wanted.runtime.session;
        let all = self.sessions.get(&keeper.to_string()).map_or(&[][..], Vec::as_slice);
        let is_free = |it: &&Kept| it.held_by.is_none() && !taken.contains(&it.id);
        let free = || all.iter().rev().filter(is_free);
        let fit = || free().filter(|it| it.stale(wanted.ticket, terms, limits, now).is_none());
        // One that knows the ticket before the one that rested least.
        let own = fit().find(|it| it.tickets.last() == Some(wanted.ticket));
        let knows = || fit().find(|it| it.tickets.contains(wanted.ticket));
        if let Some(it) = own.or_else(knows).or_else(|| fit().next()) {
            let ticket = it.tickets.last().unwrap_or(wanted.ticket).clone();
            return Start::Carried { id: it.id.clone(), from: it.last, ticket };
        }
        let why = match (free().next(), all.last()) {
            (Some(it), _) => {
                let of = it.tickets.last().map_or_else(String::new, |it| format!(" ({it})"));
                let why = it.stale(wanted.ticket, terms, limits, now).unwrap_or_default();
                format!("the lane's session, last that of {}{of}, is stale: {why}", it.last)
            }
            (None, Some(_)) => "every session of the lane is at work".into(),
            (None, None) => "the lane has none yet".into(),
        };
        Start::Anew { why }
    }

    /// Gives a kept session to an attempt: to one at a time.
    pub(crate) fn lend(
        &self,
        keeper: Keeper,
        id: String,
        attempt: AttemptId,
    ) -> Result<HomeEvent, HomeRejection> {
        let of_lane = self.sessions.get(&keeper.to_string());
        let kept = of_lane.and_then(|all| all.iter().find(|it| it.id == id));
        match kept.map(|it| it.held_by) {
            None => Err(HomeRejection::SessionGone { keeper: keeper.to_string() }),
            Some(Some(by)) if !mutants::is_removed("session") => {
                Err(HomeRejection::SessionTaken { keeper: keeper.to_string(), by })
            }
            Some(_) => Ok(HomeEvent::SessionLent { keeper, id, attempt }),
        }
    }

    /// Takes back what an attempt had, and keeps the session that it was in.
    pub(crate) fn keep(&self, keeper: Keeper, it: Returned) -> Option<HomeEvent> {
        let of_lane = self.sessions.get(&keeper.to_string());
        let is_lent =
            |kept: &&Kept| it.lent.as_ref() == Some(&kept.id) && kept.held_by == Some(it.attempt);
        let lent = of_lane.and_then(|all| all.iter().find(is_lent)).cloned();
        let attempt = it.attempt;
        let session = it.session.filter(|id| !self.is_of_others(&keeper, id, attempt));
        let (kept, gone) = match (lent, session) {
            (None, None) => return None,
            // It never came so far: the session is as it was, as far as can be told.
            (Some(lent), None) => {
                let reserved = it.reserved.map(|why| format!("{why}, before it told of it"));
                (Kept { held_by: None, reserved, ..lent }, None)
            }
            // An interrupt can have its program go on in a copy of the session: that one is as old and as full.
            (Some(mut lent), Some(id)) if lent.id == id || it.resumed => {
                let gone = Some(std::mem::replace(&mut lent.id, id));
                let gone = gone.filter(|before| *before != lent.id);
                lent.tickets.retain(|known| *known != it.ticket);
                lent.tickets.push(it.ticket);
                lent.tokens = lent.tokens.saturating_add(it.tokens.unwrap_or(0));
                (lent.last, lent.held_by, lent.reserved) = (attempt, None, it.reserved);
                (lent, gone)
            }
            // Its program did not know the one that it was to go on with.
            (lent, Some(id)) => {
                let kept = Kept {
                    id,
                    terms: it.terms,
                    begun_at: it.began_at,
                    tickets: vec![it.ticket],
                    tokens: it.tokens.unwrap_or(0),
                    last: attempt,
                    held_by: None,
                    reserved: it.reserved,
                };
                (kept, lent.map(|it| it.id))
            }
        };
        Some(HomeEvent::SessionKept { keeper, attempt, session: Box::new(kept), gone })
    }

    /// Returns whether another lane keeps the session `id`, or another attempt has it: then it is not what its program says.
    fn is_of_others(&self, keeper: &Keeper, id: &str, attempt: AttemptId) -> bool {
        let own = keeper.to_string();
        let is_other = |lane: &String, it: &Kept| {
            it.id == id && (*lane != own || it.held_by.is_some_and(|by| by != attempt))
        };
        self.sessions.iter().any(|(lane, all)| all.iter().any(|it| is_other(lane, it)))
    }

    pub(crate) fn session_lent(&mut self, keeper: &Keeper, id: &str, attempt: AttemptId) {
        let of_lane = self.sessions.get_mut(&keeper.to_string());
        let kept = of_lane.and_then(|all| all.iter_mut().find(|it| it.id == id));
        kept.into_iter().for_each(|it| it.held_by = Some(attempt));
    }

    pub(crate) fn session_kept(&mut self, keeper: &Keeper, kept: Kept, gone: Option<&str>) {
        let all = self.sessions.entry(keeper.to_string()).or_default();
        all.retain(|it| it.id != kept.id && Some(it.id.as_str()) != gone);
        all.push(kept);
        while all.len() > MOST_KEPT {
            let Some(oldest) = all.iter().position(|it| it.held_by.is_none()) else { break };
            all.remove(oldest);
        }
    }
}

impl Ticket {
    /// Returns what `attempt`, which has ended, gives back; nothing where its runtime keeps no sessions.
    pub fn returned(&self, attempt: AttemptId) -> Option<(Keeper, Returned)> {
        let attempt = self.attempt(attempt)?;
        let (warm, end) = (attempt.warm.as_ref()?, attempt.end.as_ref()?);
        let id = attempt.id;
        let reserved = match end.class {
            EndClass::Reported if attempt.was_taken_over => {
                Some(format!("somebody took {id} over, and what they said was about its ticket"))
            }
            EndClass::Reported if end.by_itself => None,
            EndClass::Reported => Some(format!("nobody saw {id} end, which was in it")),
            EndClass::Asked => {
                Some(format!("{id} asked a question in it, and waits for the answer"))
            }
            class @ (EndClass::Stopped
            | EndClass::SpawnFailed
            | EndClass::Crashed
            | EndClass::OomKilled
            | EndClass::Stalled
            | EndClass::BudgetSpent
            | EndClass::TimedOut
            | EndClass::NoReport
            | EndClass::Lost
            | EndClass::Incomplete
            | EndClass::Forked
            | EndClass::Auth
            | EndClass::Quota
            | EndClass::ProviderDown) => Some(format!("{id} was cut off in it ({class})")),
        };
        let keeper = Keeper {
            project: self.key.project().clone(),
            role: attempt.role.clone(),
            runtime: attempt.runtime.clone(),
        };
        let session = attempt.session.as_ref().map(|it| it.id.clone());
        // A verdict's session is nobody's after it.
        let session = session.filter(|_| attempt.purpose == Purpose::Deliver);
        let returned = Returned {
            attempt: id,
            ticket: self.key.clone(),
            terms: warm.terms.clone(),
            began_at: attempt.started_at,
            lent: match &warm.start {
                Start::Carried { id, .. } => Some(id.clone()),
                Start::Anew { .. } => None,
            },
            session,
            resumed: attempt.session.as_ref().is_some_and(|it| it.resumed),
            tokens: attempt.figures.tokens,
            reserved,
        };
        Some((keeper, returned))
    }
}
