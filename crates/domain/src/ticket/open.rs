//! How a ticket begins.

use super::event::Opened;
use super::{Context, Event, Kind, Rejection};
use crate::ids::{TicketKey, Timestamp, WorkflowId};
use crate::rules::{Decider, GateRule, Priority, Rules, When};

/// A ticket as somebody files it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewTicket {
    /// Its key, which nobody has yet.
    pub key: TicketKey,
    /// What the work is, in one line.
    pub title: String,
    /// The whole request.
    pub body: String,
    /// Task or campaign.
    pub kind: Kind,
    /// How urgent it is.
    pub priority: Priority,
    /// Free labels.
    pub labels: Vec<String>,
    /// Its workflow, else its campaign's, else the project's. On a campaign: its children's.
    pub workflow: Option<WorkflowId>,
    /// The gates of a campaign's own.
    pub campaign_workflow: Option<WorkflowId>,
    /// The policy it carries; `default` where none is named.
    pub policy: Option<String>,
    /// The campaign it belongs to, with the workflow that this one gives its children.
    pub parent: Option<(TicketKey, Option<WorkflowId>)>,
    /// The tickets it waits for; those that ended already are left out by the caller.
    pub blocked_by: Vec<TicketKey>,
    /// Not dispatched before this moment.
    pub not_before: Option<Timestamp>,
    /// Whether it starts set aside.
    pub parked: bool,
    /// `cli`, `page`, `api` or `schedule`.
    pub channel: String,
}

/// The longest title kept, in characters.
const MAX_TITLE: usize = 300;

/// The longest body kept, in bytes: an event holds at most 64 KiB.
pub(super) const MAX_TEXT: usize = 32 * 1024;

/// Returns the event that opens the ticket, or why it cannot be filed so.
///
/// # Errors
/// An empty or too long text, an unknown workflow, or a link to itself.
pub fn open(new: NewTicket, context: &Context<'_>) -> Result<Event, Rejection> {
    if *context.by == crate::principal::Principal::Scripted && !context.demo {
        return Err(Rejection::NoScriptHere);
    }
    let title = title(&new.title)?;
    if new.body.len() > MAX_TEXT {
        return Err(Rejection::TextTooLong(new.body.len(), MAX_TEXT));
    }
    let parent = new.parent.as_ref().map(|it| it.0.clone());
    if new.blocked_by.contains(&new.key) || parent.as_ref() == Some(&new.key) {
        return Err(Rejection::Itself);
    }
    let rules = context.rules;
    let inherited = new.parent.and_then(|it| it.1);
    let (workflow, child_workflow) = match new.kind {
        Kind::Task => (new.workflow.or(inherited).unwrap_or_else(|| rules.workflow.clone()), None),
        Kind::Campaign => {
            let own = new.campaign_workflow.unwrap_or_else(|| WorkflowId::new("none"));
            (own, new.workflow)
        }
    };
    if let Some(child) = &child_workflow {
        gates_of(rules, child)?;
    }
    let gates = match new.kind {
        Kind::Campaign if workflow.as_str() == "none" => Vec::new(),
        Kind::Campaign => campaign_gates(gates_of(rules, &workflow)?)?,
        Kind::Task => gates_of(rules, &workflow)?.to_vec(),
    };
    let required = |gate: GateRule| {
        let is_required = gate.when == When::Always || rules.matches(gate.when, &new.labels, &[]);
        (gate, is_required)
    };
    Ok(Event::Opened(Box::new(Opened {
        key: new.key,
        title,
        body: new.body,
        kind: new.kind,
        priority: new.priority,
        labels: new.labels.clone(),
        rules: rules.policy_digest(&workflow),
        workflow,
        child_workflow,
        policy: new.policy,
        gates: gates.into_iter().map(required).collect(),
        land: rules.land,
        parent,
        blocked_by: new.blocked_by,
        not_before: new.not_before.filter(|at| *at > context.now),
        parked: new.parked,
        channel: new.channel,
    })))
}

fn gates_of<'a>(rules: &'a Rules, id: &WorkflowId) -> Result<&'a [GateRule], Rejection> {
    let workflow = rules.workflows.get(id);
    workflow.map(|it| it.gates.as_slice()).ok_or_else(|| Rejection::UnknownWorkflow(id.to_string()))
}

/// A campaign is never dispatched, so no role can decide on it.
fn campaign_gates(gates: &[GateRule]) -> Result<Vec<GateRule>, Rejection> {
    for gate in gates {
        if gate.decided_by.iter().any(|it| matches!(it, Decider::Role(_))) {
            return Err(Rejection::CampaignGate(gate.id.clone()));
        }
    }
    Ok(gates.to_vec())
}

/// Returns a title as it is kept: one line, which git and every page can take.
pub(super) fn title(text: &str) -> Result<String, Rejection> {
    let title = text.trim().replace(['\n', '\r', '\0'], " ");
    if title.is_empty() {
        return Err(Rejection::EmptyText);
    }
    if title.chars().count() > MAX_TITLE {
        return Err(Rejection::TextTooLong(title.len(), MAX_TITLE));
    }
    Ok(title)
}
