//! Reads the workflows: their gates one by one, with the overrides that `[workflow.W.gate.ID]` holds.

use std::collections::BTreeSet;

use super::Known;
use super::check::{self, Gate};
use super::names;
use super::read::Fields;
use super::tree::{Node, Place};
use crate::ids::{GateId, RoleId, WorkflowId};
use crate::rules::{Decider, GateRule, Worker, Workflow};

const KEYS: [&str; 11] = [
    "id",
    "role",
    "requires",
    "decided_by",
    "judges",
    "independent",
    "sends_back_to",
    "stale_on",
    "when",
    "max_rounds",
    "timeout",
];

/// Reads `[workflow.ID]`, whose gates are complete already.
pub(super) fn workflow(id: &str, node: &Node, known: &Known<'_>) -> Option<Workflow> {
    let fields = Fields::open(node, format!("workflow.{id}"), &["gates", "gate"], known.report)?;
    fields.need("gates", "gates = [{ id = \"implementation\", role = \"coder\" }]");
    let list = fields.list("gates", "a list of gates")?;
    if list.is_empty() {
        let message = format!(
            "the workflow `{id}` has no gates, so its tickets would be done at once; add one or take the workflow out"
        );
        fields.bad("gates", message);
    }
    let gates: Vec<_> = list.iter().filter_map(|node| gate(id, node, known)).collect();
    unique(id, &gates, known);
    overrides(&fields, list);
    check::workflow(&gates, known.report);
    let rules: Vec<_> = gates.iter().filter_map(rule).collect();
    (rules.len() == list.len()).then(|| Workflow { id: WorkflowId::new(id), gates: rules })
}

fn gate<'n>(workflow: &str, node: &'n Node, known: &Known<'n>) -> Option<Gate<'n>> {
    let id = node.find(&["id"]).and_then(Node::as_text);
    let name = match id {
        Some(id) if names::is_name(id) => format!("workflow.{workflow}.gate.{id}"),
        Some(_) | None => format!("workflow.{workflow}.gates"),
    };
    let fields = Fields::open(node, name, &KEYS, known.report)?;
    fields.need("id", "id = \"implementation\"");
    fields.need("role", "role = \"coder\"");
    let id = fields.text("id")?;
    if !names::is_name(id) {
        fields.bad("id", names::bad_name("gate", id));
        return None;
    }
    let worker = worker(&fields, known);
    let deciders = deciders(&fields, known);
    let judges = fields.texts("judges", true).unwrap_or_default();
    let back = fields.text("sends_back_to");
    Some(Gate { id, worker, deciders, judges, back, fields })
}

fn worker(fields: &Fields<'_>, known: &Known<'_>) -> Option<Worker> {
    let role = fields.text("role")?;
    if role == "controller" {
        return Some(Worker::Controller);
    }
    if role == "person" {
        let message = "`person` is no role; a person works a gate as a role whose `runtimes` are `[\"person\"]`";
        fields.bad("role", message);
        return None;
    }
    if !known.roles.contains(role) {
        fields.bad("role", no_role(role, known));
        return None;
    }
    Some(Worker::Role(RoleId::new(role)))
}

fn no_role(role: &str, known: &Known<'_>) -> String {
    let hint = names::hint(role, known.roles.iter().map(String::as_str));
    format!("there is no role `{}`; {hint}", names::shown(role))
}

fn deciders(fields: &Fields<'_>, known: &Known<'_>) -> Vec<(Decider, Place)> {
    let texts = fields.texts("decided_by", true).unwrap_or_default();
    if fields.get("decided_by").and_then(Node::as_list).is_some_and(<[Node]>::is_empty) {
        let message = format!(
            "nobody decides on `{}`, so it could never pass; name somebody, like `person`",
            fields.name
        );
        fields.bad("decided_by", message);
    }
    let mut deciders: Vec<(Decider, Place)> = Vec::new();
    for (text, place) in texts {
        match Decider::try_from(text.to_owned()) {
            Err(_) => {
                let shown = names::shown(text);
                let message = format!(
                    "`{shown}` cannot decide; write `controller`, `person`, `person:NAME` or `role:NAME`"
                );
                fields.report.add(place, message);
            }
            Ok(Decider::Role(role)) if !known.roles.contains(role.as_str()) => {
                fields.report.add(place, no_role(role.as_str(), known));
            }
            Ok(decider) if deciders.iter().any(|(other, _)| *other == decider) => {
                fields.report.add(place, format!("`{decider}` is to decide twice; take one out"));
            }
            Ok(decider) => deciders.push((decider, place)),
        }
    }
    deciders
}

fn rule(gate: &Gate<'_>) -> Option<GateRule> {
    let fields = &gate.fields;
    let requires = fields.words("requires");
    // A word that is none has been noted, and with that there are no rules to be wrong.
    let independent = fields.word("independent");
    let (stale_on, when) = (fields.word("stale_on"), fields.word("when"));
    let max_rounds = fields.whole("max_rounds", 1, 100).and_then(|it| it.try_into().ok());
    let timeout_s = fields.limit("timeout");
    Some(GateRule {
        id: GateId::new(gate.id),
        worker: gate.worker.clone()?,
        requires: requires?,
        decided_by: gate.deciders.iter().map(|(decider, _)| decider.clone()).collect(),
        judges: gate.judges.iter().map(|(id, _)| GateId::new(*id)).collect(),
        independent,
        sends_back_to: GateId::new(gate.back?),
        stale_on: stale_on?,
        when: when?,
        max_rounds: max_rounds?,
        timeout_s,
    })
}

fn unique(workflow: &str, gates: &[Gate<'_>], known: &Known<'_>) {
    let mut seen = BTreeSet::new();
    for gate in gates.iter().filter(|gate| !seen.insert(gate.id)) {
        let message = format!(
            "the workflow `{workflow}` has two gates `{}`; a verdict could not tell them apart, rename one",
            gate.id
        );
        known.report.add(gate.fields.place("id"), message);
    }
}

/// Notes overrides of gates that the workflow does not have. One that the list of gates overrules is let be.
fn overrides(fields: &Fields<'_>, list: &[Node]) {
    let Some(node) = fields.get("gate") else { return };
    let ids: Vec<&str> = list.iter().filter_map(|gate| gate.find(&["id"])?.as_text()).collect();
    let written = fields.place("gates").layer;
    let Some(all) = node.as_table() else {
        let message = format!(
            "`{}.gate` holds tables; write `[{}.gate.qa_review]`",
            fields.name, fields.name
        );
        fields.report.add(node.key, message);
        return;
    };
    for (id, over) in all.iter().filter(|(_, over)| over.key.layer >= written) {
        let Some(over) =
            Fields::open(over, format!("{}.gate.{id}", fields.name), &KEYS, fields.report)
        else {
            continue;
        };
        if !ids.contains(&id.as_str()) {
            let hint = names::hint(id, ids.iter().copied());
            let message = format!("`{}` has no gate `{}`; {hint}", fields.name, names::shown(id));
            over.report.add(over.node.key, message);
        }
        if over.get("id").is_some() {
            over.bad(
                "id",
                "a gate's `id` cannot be overridden, verdicts refer to it; take the line out",
            );
        }
    }
}
