//! What people and tools ask for, beyond a single command: filing, linking, parking a tree, talking, deciding.

use std::sync::Arc;

use mission_domain::doc::{AttemptDoc, MessageDoc, TicketDoc};
use mission_domain::ids::{AttemptId, GateId, ProjectKey, RoleId, TicketKey, Timestamp, Version};
use mission_domain::plan::held_elsewhere;
use mission_domain::principal::{Contributor, Principal};
use mission_domain::rules::{Driver, Priority};
use mission_domain::ticket::{
    Command, Kind, MessageKind, NewFinding, NewTicket, Owed, Rejection, Stamp, Ticket, VerdictWord,
    apply, decide, message_doc, open, replay, ticket_doc,
};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::execute::Control;
use crate::write::ticket_write;

/// How often a new ticket's number is tried again when somebody else took it.
const MAX_TRIES: u32 = 20;

/// A ticket as somebody files it: the fields of `ticket new`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TicketRequest {
    /// What the work is, in one line.
    pub title: String,
    /// The whole request.
    pub body: String,
    /// The project; may be left out when the home has one.
    pub project: Option<String>,
    /// The workflow; on a campaign its children's.
    pub workflow: Option<String>,
    /// `task` or `campaign`.
    pub kind: Option<String>,
    /// The gates of a campaign's own.
    pub campaign_workflow: Option<String>,
    /// The campaign it belongs to.
    pub parent: Option<String>,
    /// The tickets it waits for.
    pub blocked_by: Vec<String>,
    /// Not dispatched before this moment.
    pub not_before: Option<Timestamp>,
    /// Free labels.
    pub labels: Vec<String>,
    /// `urgent`, `high`, `medium` or `low`.
    pub priority: Option<String>,
    /// The policy it carries.
    pub policy: Option<String>,
    /// Whether it starts set aside.
    pub park: bool,
    /// Where it was filed: `cli`, `page`, `api`.
    pub channel: Option<String>,
}

/// Changes of a ticket's words and links; what is left out stays.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EditRequest {
    /// The new title.
    pub title: Option<String>,
    /// The new request.
    pub body: Option<String>,
    /// The new priority.
    pub priority: Option<String>,
    /// All labels.
    pub labels: Option<Vec<String>>,
    /// More tickets that it waits for.
    pub add_blockers: Vec<String>,
    /// Tickets that it no longer waits for.
    pub remove_blockers: Vec<String>,
    /// Not dispatched before this moment; `null` takes the wait away.
    #[serde(deserialize_with = "present")]
    pub not_before: Option<Option<Timestamp>>,
}

fn present<'de, D: serde::Deserializer<'de>>(
    from: D,
) -> std::result::Result<Option<Option<Timestamp>>, D::Error> {
    Option::deserialize(from).map(Some)
}

/// A person's verdict as it is given.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerdictRequest {
    /// `pass`, `changes`, `fail` or `waive`.
    pub verdict: VerdictWord,
    /// The gate; the open one where left out.
    #[serde(default)]
    pub gate: Option<String>,
    /// Why.
    #[serde(default)]
    pub reason: String,
    /// What was found.
    #[serde(default)]
    pub findings: Vec<NewFinding>,
    /// The packet that the person had before their eyes.
    #[serde(default)]
    pub packet: Option<String>,
    /// How many verdicts the gate had then: where somebody decided since, this one is refused.
    #[serde(default)]
    pub judged: Option<usize>,
}

/// Tickets counted for a page's shell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct HomeCounts {
    /// Open tickets.
    pub open: u32,
    /// Those that a person owes.
    pub needs_you: u32,
}

impl Control {
    /// Files a ticket and returns its document.
    ///
    /// # Errors
    /// An unknown project, workflow, parent or blocker; an empty title.
    pub async fn open_ticket(
        &self,
        request: TicketRequest,
        by: &Principal,
        channel: &str,
    ) -> Result<TicketDoc> {
        if matches!(by, Principal::Lane { .. }) {
            return Err(Rejection::NotAPerson(by.clone()).into());
        }
        let project = self.project_named(request.project.as_deref(), request.parent.as_deref())?;
        let rules = self.rules(&project).await?;
        if let Some(policy) = request.policy.as_ref().filter(|it| !rules.policies.contains_key(*it))
        {
            return Err(Error::Invalid(format!("`{policy}` is no policy of project `{project}`")));
        }
        let parent = match &request.parent {
            None => None,
            Some(parent) => Some(self.ticket(&key(parent)?).await?.0),
        };
        let _turn = self.inner.filing_turn.lock().await;
        let mut blocked_by = Vec::new();
        for blocker in &request.blocked_by {
            for open in self.still_to_wait_for(key(blocker)?).await? {
                // The campaign waits for its new ticket from now on.
                if let Some(parent) = &parent
                    && self.waits_for(&open, &parent.key).await?
                {
                    return Err(Rejection::Cycle(open).into());
                }
                blocked_by.push(open);
            }
        }
        for _ in 0..MAX_TRIES {
            let number = self.store().last_number(&project).await? + 1;
            let new = new_ticket(
                &request,
                TicketKey::new(project.clone(), number),
                parent.as_deref(),
                &blocked_by,
                channel,
            )?;
            match self.file(new, parent.as_deref(), by, &rules).await {
                Err(Error::Store(
                    mission_store::Error::Conflict { .. } | mission_store::Error::Taken(_),
                )) => {}
                answer => return answer,
            }
        }
        let text = "other processes file tickets at the same moment, and each number was taken: nothing was filed; try again";
        Err(Error::Invalid(text.into()))
    }

    async fn file(
        &self,
        new: NewTicket,
        parent: Option<&Ticket>,
        by: &Principal,
        rules: &mission_domain::rules::Rules,
    ) -> Result<TicketDoc> {
        let now = self.now();
        let stamp = Stamp { at: now, by: by.clone() };
        let child = new.key.clone();
        let opened = open(new, &self.context(by, rules, now))?;
        let ticket = replay([(&opened, &stamp)]).expect("the event opens a ticket");
        let mut writes =
            vec![ticket_write(Version(0), &ticket, std::slice::from_ref(&opened), &stamp)];
        let mut campaign = None;
        if let Some(parent) = parent {
            let (before, seen) = self.ticket(&parent.key).await?;
            let command = Command::AddChild { child };
            let events = decide(&before, command, &self.context(by, rules, now))?;
            let mut after = (*before).clone();
            events.iter().for_each(|event| apply(&mut after, event, &stamp));
            writes.push(ticket_write(seen, &after, &events, &stamp));
            campaign = Some((after, Version(seen.0 + events.len() as u64), events));
        }
        self.append(writes).await?;
        let doc = ticket_doc(&ticket, Version(1));
        if let Some((after, version, events)) = campaign {
            self.take_in(after.into(), version, &events).await;
        }
        self.take_in(ticket.into(), Version(1), &[opened]).await;
        Ok(doc)
    }

    /// Returns the project that a request means: named, its parent's, or the only one.
    fn project_named(&self, name: Option<&str>, parent: Option<&str>) -> Result<ProjectKey> {
        if let Some(name) = name {
            return name
                .parse()
                .map_err(|e: mission_domain::ids::BadName| Error::Invalid(e.to_string()));
        }
        if let Some(parent) = parent {
            return Ok(key(parent)?.project().clone());
        }
        let projects: Vec<_> = self.home().projects.into_keys().collect();
        match projects.as_slice() {
            [only] => Ok(only.clone()),
            [] => Err(Error::Invalid(
                "this home has no project yet; `mission init` in a repository adds one".into(),
            )),
            many => {
                let names: Vec<_> = many.iter().map(ToString::to_string).collect();
                Err(Error::Invalid(format!("name the project: this home has {}", names.join(", "))))
            }
        }
    }

    /// Changes a ticket's words and links.
    ///
    /// # Errors
    /// An unknown blocker, or one that waits for this ticket already.
    pub async fn edit(
        &self,
        ticket: &TicketKey,
        request: EditRequest,
        by: &Principal,
    ) -> Result<TicketDoc> {
        let add: Vec<TicketKey> = keys(&request.add_blockers)?;
        // Two that are told at once to wait for each other are told one after the other.
        let _turn = match add.is_empty() {
            true => None,
            false => Some(self.inner.filing_turn.lock().await),
        };
        let mut open_blockers = Vec::new();
        for blocker in add {
            if self.waits_for(&blocker, ticket).await? {
                return Err(Rejection::Cycle(blocker).into());
            }
            for open in self.still_to_wait_for(blocker).await? {
                if self.waits_for(&open, ticket).await? {
                    return Err(Rejection::Cycle(open).into());
                }
                open_blockers.push(open);
            }
        }
        let has_words = request.title.is_some() || request.body.is_some();
        let command = Command::Edit {
            title: request.title,
            body: request.body,
            priority: request.priority.as_deref().map(priority).transpose()?,
            labels: request.labels,
            add_blockers: open_blockers,
            remove_blockers: keys(&request.remove_blockers)?,
            not_before: request.not_before,
            message: match has_words {
                true => Some(self.new_message_id().await?),
                false => None,
            },
        };
        self.changed(ticket, command, by).await
    }

    /// Returns what a ticket that is to wait for `blocker` waits for: nothing where that has ended, and what replaced it
    /// where it was superseded.
    async fn still_to_wait_for(&self, blocker: TicketKey) -> Result<Vec<TicketKey>> {
        let (mut seen, mut next) = (std::collections::BTreeSet::new(), vec![blocker]);
        let mut open = Vec::new();
        while let Some(key) = next.pop() {
            let (ticket, _) = self.ticket(&key).await?;
            match &ticket.ended {
                _ if !seen.insert(key.clone()) => {}
                None => open.push(key),
                Some(ended) => next.extend(ended.by.iter().cloned()),
            }
        }
        Ok(open)
    }

    /// Returns whether `from` waits for `to`, over any number of tickets. A campaign waits for its children.
    async fn waits_for(&self, from: &TicketKey, to: &TicketKey) -> Result<bool> {
        let mut seen = std::collections::BTreeSet::new();
        let mut next = vec![from.clone()];
        while let Some(key) = next.pop() {
            if key == *to {
                return Ok(true);
            }
            if seen.insert(key.clone()) {
                let (ticket, _) = self.ticket(&key).await?;
                let open = ticket.blockers.iter().chain(&ticket.children);
                next.extend(open.filter(|it| it.1.is_none()).map(|it| it.0.clone()));
            }
        }
        Ok(false)
    }

    /// Sets a ticket aside, with `tree` the tickets of a campaign too.
    ///
    /// # Errors
    /// It has ended or is parked already.
    pub async fn park(&self, ticket: &TicketKey, tree: bool, by: &Principal) -> Result<TicketDoc> {
        let doc = self.changed(ticket, Command::Park, by).await?;
        if tree {
            let (parent, _) = self.ticket(ticket).await?;
            for child in parent.children.keys() {
                let (child, _) = self.ticket(child).await?;
                if !child.is_ended() && child.parked.is_none() {
                    Box::pin(self.park(&child.key, true, by)).await?;
                }
            }
        }
        Ok(doc)
    }

    /// Replaces a ticket by others.
    ///
    /// # Errors
    /// One of them does not exist, is the ticket itself, or was itself replaced by it.
    pub async fn supersede(
        &self,
        ticket: &TicketKey,
        others: Vec<TicketKey>,
        by: &Principal,
    ) -> Result<TicketDoc> {
        for other in &others {
            if !self.exists(other).await? {
                return Err(Rejection::UnknownTicket(other.clone()).into());
            }
            // Two that stand for each other would both be done by nobody.
            let (other_ticket, _) = self.ticket(other).await?;
            if other_ticket.ended.as_ref().is_some_and(|it| it.by.contains(ticket)) {
                return Err(Rejection::Itself.into());
            }
        }
        self.changed(ticket, Command::Supersede { by: others }, by).await
    }

    /// Takes an ended ticket up again, and tells its campaign in the same transaction.
    ///
    /// # Errors
    /// It has not ended.
    pub async fn reopen(&self, ticket: &TicketKey, by: &Principal) -> Result<TicketDoc> {
        for _ in 0..MAX_TRIES {
            match self.reopen_once(ticket, by).await {
                Err(Error::Store(mission_store::Error::Conflict { .. })) => {}
                Err(error) => return Err(error),
                Ok(()) => return self.ticket_doc(ticket).await,
            }
        }
        Err(Error::Invalid(format!("`{ticket}` changes too fast to be reopened; try again")))
    }

    async fn reopen_once(&self, key: &TicketKey, by: &Principal) -> Result<()> {
        let rules = self.rules(key.project()).await?;
        let now = self.now();
        let (context, stamp) = (self.context(by, &rules, now), Stamp { at: now, by: by.clone() });
        let (before, seen) = self.ticket(key).await?;
        let mut all = vec![(before.clone(), seen, Command::Reopen)];
        if let Some(parent) = &before.parent {
            let (campaign, seen) = self.ticket(parent).await?;
            all.push((campaign, seen, Command::ReopenChild { child: key.clone() }));
        }
        let (mut writes, mut changed) = (Vec::new(), Vec::new());
        for (before, seen, command) in all {
            let events = decide(&before, command, &context)?;
            if !events.is_empty() {
                let mut after = (*before).clone();
                events.iter().for_each(|event| apply(&mut after, event, &stamp));
                writes.push(ticket_write(seen, &after, &events, &stamp));
                changed.push((Arc::new(after), Version(seen.0 + events.len() as u64), events));
            }
        }
        self.append(writes).await?;
        for (after, version, events) in changed {
            self.take_in(after, version, &events).await;
        }
        Ok(())
    }

    /// Writes to whoever works the ticket.
    ///
    /// # Errors
    /// It has ended, or the text is empty or too long.
    pub async fn say(
        &self,
        ticket: &TicketKey,
        text: String,
        to: Option<String>,
        by: &Principal,
    ) -> Result<MessageDoc> {
        let id = self.new_message_id().await?;
        let to = to.map(RoleId::new);
        let command = Command::Say { text: text.clone(), to, kind: MessageKind::Instruction, id };
        let ticket = self.execute(ticket, command, by).await?;
        let is_it = |it: &&mission_domain::ticket::Message| it.id == id || it.body == text;
        let message = ticket.messages.iter().rev().find(is_it);
        let message = message.ok_or_else(|| Error::Missing(format!("message `{id}`")))?;
        Ok(message_doc(&ticket, message))
    }

    /// Answers the open question.
    ///
    /// # Errors
    /// No question is open, or somebody asks who is no person.
    pub async fn answer(
        &self,
        ticket: &TicketKey,
        text: String,
        by: &Principal,
    ) -> Result<TicketDoc> {
        let id = self.new_message_id().await?;
        self.changed(ticket, Command::Answer { text, id }, by).await
    }

    /// Decides on a gate as a person.
    ///
    /// # Errors
    /// Everything that keeps a person from deciding, each by its rule.
    pub async fn judge(
        &self,
        ticket: &TicketKey,
        request: VerdictRequest,
        by: &Principal,
    ) -> Result<TicketDoc> {
        let seen = request.packet.filter(|it| !it.is_empty()).map(|it| it.parse()).transpose();
        let seen = seen.map_err(|e: mission_domain::ids::BadName| Error::Invalid(e.to_string()))?;
        let command = Command::Judge {
            gate: request.gate.map(GateId::new),
            verdict: request.verdict,
            reason: request.reason,
            findings: request.findings,
            seen,
            judged: request.judged,
        };
        self.changed(ticket, command, by).await
    }

    /// Carries out `command` and returns the ticket's document.
    ///
    /// # Errors
    /// As `execute`.
    pub async fn changed(
        &self,
        key: &TicketKey,
        command: Command,
        by: &Principal,
    ) -> Result<TicketDoc> {
        self.execute(key, command, by).await?;
        self.ticket_doc(key).await
    }

    /// Returns the ticket's document as it is now.
    ///
    /// # Errors
    /// [`Error::NoTicket`], or what the store said.
    pub async fn ticket_doc(&self, key: &TicketKey) -> Result<TicketDoc> {
        let (ticket, version) = self.ticket(key).await?;
        Ok(ticket_doc(&ticket, version))
    }

    /// Lets an external lane take the ticket, under its own token.
    ///
    /// # Errors
    /// Nothing is to be dispatched, or the role has no external runtime of that name.
    pub async fn claim_external(&self, key: &TicketKey, by: &Principal) -> Result<AttemptDoc> {
        let Principal::External(name) = by else {
            return Err(Error::Invalid(
                "only an external token claims work; make one with `mission token new NAME`".into(),
            ));
        };
        let (ticket, _) = self.ticket(key).await?;
        let project = self.project(key.project()).await?;
        let Owed::Dispatch { gate, role, purpose } = ticket.owed(self.now()) else {
            return Err(Rejection::NotDispatchable(ticket.state().as_str()).into());
        };
        let held = held_elsewhere(&self.fleet().view(self.now()), &ticket);
        if let Some(why) = held {
            return Err(Error::Invalid(format!("`{key}` is not to be taken now: {why}")));
        }
        let runtimes = project.rules.roles.get(&role).map_or(&[][..], |it| it.runtimes.as_slice());
        let runtime = runtimes.iter().find(|id| {
            project.rules.runtimes.get(*id).is_some_and(|it| it.driver == Driver::External)
        });
        let runtime = runtime.cloned().ok_or_else(|| {
            Error::Invalid(format!("role `{role}` names no runtime with `driver = \"external\"`"))
        })?;
        let who = Contributor { principal: by.clone(), identity: None };
        if purpose != mission_domain::ticket::Purpose::Deliver {
            ticket.independence(&gate, &who)?;
        }
        tracing::debug!("{name} takes {key}");
        let attempt: AttemptId = self.new_attempt_id().await?;
        let command = Command::Claim {
            attempt,
            gate,
            role,
            runtime,
            identity: None,
            model: None,
            purpose,
            principal: by.clone(),
            warm: None,
        };
        self.execute(key, command, &Principal::Controller).await?;
        self.launch_or_end(key, attempt).await;
        let (ticket, _) = self.ticket(key).await?;
        let found = ticket.attempt(attempt).ok_or(Rejection::UnknownAttempt(attempt))?;
        Ok(mission_domain::ticket::attempt_doc(&ticket, found))
    }
}

fn new_ticket(
    request: &TicketRequest,
    key: TicketKey,
    parent: Option<&Ticket>,
    blocked_by: &[TicketKey],
    channel: &str,
) -> Result<NewTicket> {
    let kind = match request.kind.as_deref() {
        None => Kind::Task,
        Some(word) => Kind::from_word(word).ok_or_else(|| {
            Error::Invalid(format!("`{word}` is no kind; write `task` or `campaign`"))
        })?,
    };
    let id = mission_domain::ids::WorkflowId::new;
    Ok(NewTicket {
        key,
        title: request.title.clone(),
        body: request.body.clone(),
        kind,
        priority: request.priority.as_deref().map_or(Ok(Priority::Medium), priority)?,
        labels: request.labels.clone(),
        workflow: request.workflow.as_deref().map(id),
        campaign_workflow: request.campaign_workflow.as_deref().map(id),
        parent: parent.map(|it| (it.key.clone(), it.child_workflow.clone())),
        blocked_by: blocked_by.to_vec(),
        not_before: request.not_before,
        parked: request.park,
        policy: request.policy.clone(),
        channel: request.channel.clone().unwrap_or_else(|| channel.to_owned()),
    })
}

fn priority(word: &str) -> Result<Priority> {
    let known = Priority::ALL.iter().map(|it| it.as_str()).collect::<Vec<_>>().join(", ");
    let unknown = || Error::Invalid(format!("`{word}` is no priority; write one of {known}"));
    Priority::from_word(word).ok_or_else(unknown)
}

fn key(text: &str) -> Result<TicketKey> {
    text.parse().map_err(|e: mission_domain::ids::BadName| Error::Invalid(e.to_string()))
}

fn keys(texts: &[String]) -> Result<Vec<TicketKey>> {
    texts.iter().map(|it| key(it)).collect()
}
