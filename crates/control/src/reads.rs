//! What pages and commands show besides single documents: what waits for people, what holds a ticket, lanes and runtimes.

use std::sync::Arc;

use jiff::SignedDuration;
use mission_domain::doc::{LaneDoc, NeedsYouDoc, RuntimeDoc, TicketDoc};
use mission_domain::ids::{ProjectKey, RoleId, TicketKey, Timestamp};
use mission_domain::plan::held_by;
use mission_domain::principal::Principal;
use mission_domain::rules::{Role, Runtime};
use mission_domain::ticket::{Owed, Owner, State, Ticket, ticket_doc};
use mission_store::{SecretKind, TicketFilter};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::home::TokenRole;
use crate::projects::Project;

/// What is left of a command's life when it comes before all other decisions.
const SOON: SignedDuration = SignedDuration::from_hours(1);

/// The one thing that holds a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WhyDoc {
    /// Its key.
    pub key: String,
    /// Its state.
    pub state: String,
    /// The reason's code.
    pub code: String,
    /// The reason in one sentence.
    pub text: String,
    /// What happens next.
    pub next: String,
    /// Who owes it, like `role:qa`.
    pub who: String,
    /// What holds the lane that would take it.
    pub held_by: Vec<String>,
}

impl Control {
    /// Returns the one thing that holds the ticket.
    ///
    /// # Errors
    /// [`Error::NoTicket`], or what the store said.
    pub async fn why(&self, key: &TicketKey) -> Result<WhyDoc> {
        let (ticket, version) = self.ticket(key).await?;
        let doc = ticket_doc(&ticket, version);
        // The lane's side is only known once the project was read.
        let read = self.project(key.project()).await;
        let held = match read {
            Ok(_) => {
                let stumbles = self.stumbles_at(key);
                stumbles.or_else(|| held_by(&self.fleet().view(self.now()), &ticket))
            }
            Err(error) => Some(error.in_full()),
        };
        let next = doc.next_action;
        Ok(WhyDoc {
            key: doc.key,
            state: doc.state,
            code: doc.reason.code,
            text: doc.reason.text,
            next: next.as_ref().map_or_else(String::new, |it| it.what.clone()),
            who: next.map_or_else(String::new, |it| format!("{}:{}", it.who.kind, it.who.name)),
            held_by: held.into_iter().collect(),
        })
    }

    /// Returns every decision that waits for a person: what expires within the hour, then by tickets held up, then by age.
    ///
    /// # Errors
    /// What the store said.
    pub async fn needs_you(&self) -> Result<Vec<NeedsYouDoc>> {
        let tickets = self.open_tickets().await?;
        let mut items: Vec<NeedsYouDoc> = Vec::new();
        let mut people = None;
        for ticket in &tickets {
            let Some((kind, mut what, detail)) = ask(ticket) else { continue };
            let gate = ticket.active_gate().filter(|_| kind == "signoff");
            let authors = gate.map(|it| ticket.people_who_worked(&it.rule.id)).unwrap_or_default();
            if !authors.is_empty() && people.is_none() {
                people = Some(self.who_may_decide().await?);
            }
            let is_other = |(who, of): &(Principal, Option<ProjectKey>)| {
                !authors.contains(who) && of.as_ref().is_none_or(|it| it == ticket.key.project())
            };
            let nobody_else = !authors.is_empty() && !people.iter().flatten().any(is_other);
            if nobody_else {
                what.push_str(
                    "; nobody else is known here: let another person in, or waive it with a reason",
                );
            }
            if let Some(told) = ticket.told_request_change().filter(|_| kind == "signoff") {
                what = format!("{what}; {told}");
            }
            let held = held_up(&tickets, &ticket.key);
            let (_, version) = self.ticket(&ticket.key).await?;
            let doc = ticket_doc(ticket, version);
            let why = match (self.expires_soon(&doc), held.len()) {
                (Some(_), _) => "expires soon",
                (None, 0) => "by age",
                (None, _) => "others wait for it",
            };
            items.push(NeedsYouDoc {
                kind: kind.into(),
                what,
                rank_reason: why.into(),
                holds_up: u32::try_from(held.len()).unwrap_or(u32::MAX),
                held,
                ticket: doc,
                detail: match kind {
                    // A person reads the brief here, as a lane reads it in its file.
                    "work" => self.own_brief(ticket).await.unwrap_or(detail),
                    _ if detail.is_empty() => self.detail(ticket),
                    _ => detail,
                },
                not_by: authors.iter().map(ToString::to_string).collect(),
                nobody_else,
                runtimes: Vec::new(),
            });
        }
        items.extend(self.spent_budgets(&tickets).await?);
        items.extend(self.asks_to_mend(&tickets).await?);
        items.extend(self.asks_about_stumbles(&tickets).await?);
        items.sort_by(|one, other| {
            let left = |it: &NeedsYouDoc| self.expires_soon(&it.ticket).unwrap_or(Timestamp::MAX);
            let since = |it: &NeedsYouDoc| it.ticket.next_action.as_ref().map(|it| it.since);
            let by_age = since(one).cmp(&since(other));
            left(one).cmp(&left(other)).then(other.holds_up.cmp(&one.holds_up)).then(by_age)
        });
        Ok(items)
    }

    /// Returns the people who may decide something, each with the project that it is limited to: the owner of the home, and
    /// whoever has a token, a session or an invitation.
    async fn who_may_decide(&self) -> Result<Vec<(Principal, Option<ProjectKey>)>> {
        let mut people = vec![(Principal::Person(self.owner()), None)];
        for kind in [SecretKind::Token, SecretKind::Session, SecretKind::SignIn] {
            let all = self.store().secrets(kind).await?.into_iter();
            let decide = all.filter(|it| {
                let role = TokenRole::read(&it.role);
                matches!(role, Some(TokenRole::Operator | TokenRole::Owner))
            });
            people.extend(decide.filter_map(|it| Some((it.principal.parse().ok()?, it.project))));
        }
        people.retain(|it| it.0.is_person());
        Ok(people)
    }

    /// Returns when the command that a ticket asks for expires, where that is within the hour.
    fn expires_soon(&self, ticket: &TicketDoc) -> Option<Timestamp> {
        let at = ticket.approvals.iter().find(|it| it.state == "requested")?.expires_at;
        (at.duration_since(self.now()) <= SOON).then_some(at)
    }

    /// Returns the text that a person decides on: the delivered plan or direction.
    fn detail(&self, ticket: &Ticket) -> String {
        let Some(gate) = ticket.active_gate() else { return String::new() };
        let attempt = ticket.attempts.iter().rev().find(|it| it.gate == gate.rule.id);
        let digest = attempt.and_then(|it| it.evidence.iter().find_map(|it| it.artifact.clone()));
        let text = digest.and_then(|it| self.artifacts().read(&it).ok());
        let text = text.map(|it| String::from_utf8_lossy(&it).into_owned()).unwrap_or_default();
        text.chars().take(4_000).collect()
    }

    /// Returns the brief of the attempt that a person works.
    async fn own_brief(&self, ticket: &Ticket) -> Option<String> {
        self.attempt_brief(ticket.live_attempt()?.id).await.ok()
    }

    pub(crate) async fn open_tickets(&self) -> Result<Vec<Arc<Ticket>>> {
        if self.inner.is_resident.load(std::sync::atomic::Ordering::Acquire) {
            let fleet = self.fleet();
            return Ok(fleet.tickets.values().filter(|it| !it.is_ended()).cloned().collect());
        }
        let open = self.store().open_tickets().await?;
        let read = |(key, aggregate, _): (TicketKey, String, _)| {
            serde_json::from_str(&aggregate)
                .map(Arc::new)
                .map_err(|e| Error::Invalid(format!("the record of `{key}` is broken: {e}")))
        };
        open.into_iter().map(read).collect()
    }

    /// Returns all tickets' documents that the filter selects.
    ///
    /// # Errors
    /// What the store said.
    pub async fn ticket_docs(&self, filter: &TicketFilter) -> Result<Vec<TicketDoc>> {
        let views = self.store().views(filter).await?;
        let read = |it: String| {
            serde_json::from_str(&it).map_err(|e| {
                Error::Invalid(format!(
                    "a ticket's document is broken: {e}. `mission fsck` says more"
                ))
            })
        };
        views.into_iter().map(read).collect()
    }

    /// Returns the projects that can be read now.
    pub(crate) async fn projects(&self, only: Option<&ProjectKey>) -> Vec<Arc<Project>> {
        let keys: Vec<_> = self.home().projects.into_keys().collect();
        let mut projects = Vec::new();
        for key in keys.iter().filter(|it| only.is_none_or(|only| only == *it)) {
            if let Ok(project) = self.project(key).await {
                projects.push(project);
            }
        }
        projects
    }

    /// Returns every lane: a role at work in a project.
    ///
    /// # Errors
    /// What the store said.
    pub async fn lanes(&self, only: Option<&ProjectKey>) -> Result<Vec<LaneDoc>> {
        let tickets = self.open_tickets().await?;
        self.know_versions().await?;
        let mut lanes = Vec::new();
        for project in self.projects(only).await {
            for role in project.rules.roles.values() {
                lanes.push(self.lane(&project, role, &tickets));
            }
        }
        Ok(lanes)
    }

    fn lane(&self, project: &Project, role: &Role, tickets: &[Arc<Ticket>]) -> LaneDoc {
        let now = self.now();
        let home = self.home();
        let of_project = || tickets.iter().filter(|it| it.key.project() == &project.key);
        let attempts: Vec<String> = of_project()
            .filter_map(|it| it.live_attempt())
            .filter(|it| it.role == role.id)
            .map(|it| it.id.to_string())
            .collect();
        let waits = |it: &&Arc<Ticket>| match it.owed(now) {
            Owed::Dispatch { role: owed, .. } => owed == role.id,
            Owed::RetryAt(_) | Owed::Nothing => false,
            Owed::Observe { .. } | Owed::Check { .. } | Owed::Land | Owed::Finish => false,
        };
        let queued = of_project().filter(waits).count();
        let held = of_project().find(waits).and_then(|it| held_by(&self.fleet().view(now), it));
        let paused = home.paused.contains(&mission_domain::home::lane_name(&project.key, &role.id));
        let runtimes = role.runtimes.iter().filter_map(|it| project.rules.runtimes.get(it));
        let runtimes: Vec<_> = runtimes.map(|it| self.runtime_doc(project, it)).collect();
        let usable = |it: &RuntimeDoc| it.found != Some(false) && it.breaker != "open";
        let state = if paused {
            "paused"
        } else if !runtimes.iter().any(usable) {
            "no_runtime"
        } else if attempts.is_empty() {
            "idle"
        } else {
            "busy"
        };
        LaneDoc {
            role: role.id.to_string(),
            project: project.key.to_string(),
            state: state.into(),
            slots: role.slots,
            attempts,
            queued: u32::try_from(queued).unwrap_or(u32::MAX),
            runtimes,
            note: held,
        }
    }

    fn runtime_doc(&self, project: &Project, runtime: &Runtime) -> RuntimeDoc {
        let now = self.now();
        let fleet = self.fleet();
        let breaker = fleet.home.breakers.get(&runtime.id);
        let found =
            fleet.projects.get(&project.key).map(|it| it.identities.contains_key(&runtime.id));
        RuntimeDoc {
            name: runtime.id.to_string(),
            driver: runtime.driver.as_str().into(),
            command: runtime.command.clone(),
            model: runtime.model.clone(),
            breaker: match breaker {
                None => "closed",
                Some(it) if it.until > now => "open",
                Some(_) => "half_open",
            }
            .into(),
            note: breaker
                .map(|it| format!("{} ({}); a trial comes at {}", it.why, it.class, it.until)),
            found,
            from: self.from(project, runtime),
            untold: runtime.driver.untold().map(str::to_owned),
            declared: runtime.driver.declared().iter().map(ToString::to_string).collect(),
            version: fleet.version(project, runtime),
            trouble: fleet.trouble(project, runtime),
            trial: breaker.map(|it| it.until),
        }
    }

    /// Returns where the runtime comes from, with the whole path of the file.
    fn from(&self, project: &Project, runtime: &Runtime) -> String {
        let from = project.from.get(&runtime.id).map_or("unknown", String::as_str);
        let folder = match from.split_once(':') {
            Some(("mission.toml", _)) => &project.path,
            Some(("config.toml", _)) => self.paths().root(),
            Some(_) | None => return from.to_owned(),
        };
        folder.join(from).display().to_string()
    }

    /// Returns every runtime that a role names or the configuration holds.
    ///
    /// # Errors
    /// What the store said.
    pub async fn runtimes(&self, only: Option<&ProjectKey>) -> Result<Vec<RuntimeDoc>> {
        self.know_versions().await?;
        let mut docs: Vec<RuntimeDoc> = Vec::new();
        for project in self.projects(only).await {
            self.look_at_runtimes(&project);
            for runtime in project.rules.runtimes.values() {
                let doc = self.runtime_doc(&project, runtime);
                if !docs.contains(&doc) {
                    docs.push(doc);
                }
            }
        }
        Ok(docs)
    }

    /// Returns every role as configured.
    ///
    /// # Errors
    /// What the store said.
    pub async fn roles(&self, only: Option<&ProjectKey>) -> Result<Vec<serde_json::Value>> {
        let mut docs = Vec::new();
        for project in self.projects(only).await {
            for role in project.rules.roles.values() {
                let mut doc = serde_json::to_value(role).unwrap_or_default();
                doc["project"] = project.key.to_string().into();
                docs.push(doc);
            }
        }
        Ok(docs)
    }

    /// Returns why nobody takes work for `role`, if somebody waits for it.
    pub fn lane_note(&self, ticket: &Ticket, _role: &RoleId) -> Option<String> {
        held_by(&self.fleet().view(self.now()), ticket)
    }
}

/// Returns what a person is asked about the ticket: kind, sentence, detail.
fn ask(ticket: &Ticket) -> Option<(&'static str, String, String)> {
    let situation = ticket.situation();
    let Owner::Person(_) = situation.owner else { return None };
    match situation.state {
        State::NeedsInput if ticket.question.is_none() => {
            let line = ticket.open_approval().map_or_else(String::new, |it| it.line());
            Some(("approval", situation.next, line))
        }
        State::NeedsInput => {
            let text = ticket.question.as_ref().map_or_else(String::new, |it| it.text.clone());
            Some(("question", situation.next, text))
        }
        State::Blocked => Some(("blocked", situation.next, situation.reason)),
        State::InReview => Some(("signoff", situation.next, String::new())),
        State::Active => Some(("work", situation.next, situation.reason)),
        // Set aside on purpose: nobody is asked.
        State::Parked
        | State::Waiting
        | State::Todo
        | State::Done
        | State::Cancelled
        | State::Superseded => None,
    }
}

/// Returns the tickets that wait for `key`, directly or over others.
fn held_up(tickets: &[Arc<Ticket>], key: &TicketKey) -> Vec<TicketKey> {
    let mut held = std::collections::BTreeSet::from([key.clone()]);
    loop {
        let more: Vec<_> = tickets
            .iter()
            .filter(|it| !held.contains(&it.key))
            .filter(|it| it.blockers.iter().any(|(by, end)| end.is_none() && held.contains(by)))
            .map(|it| it.key.clone())
            .collect();
        if more.is_empty() {
            held.remove(key);
            return held.into_iter().collect();
        }
        held.extend(more);
    }
}
