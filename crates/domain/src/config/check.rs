//! What a workflow's gates may not ask of each other, whoever wrote them.

use super::defaults::latest;
use super::names;
use super::problem::Report;
use super::read::Fields;
use super::tree::Place;
use crate::rules::{Decider, FINAL_VALIDATION, FIRST_VALIDATION, Worker};

/// A gate as it was read, with the places of what it names.
pub(super) struct Gate<'n> {
    pub(super) id: &'n str,
    pub(super) worker: Option<Worker>,
    pub(super) deciders: Vec<(Decider, Place)>,
    pub(super) judges: Vec<(&'n str, Place)>,
    pub(super) back: Option<&'n str>,
    pub(super) fields: Fields<'n>,
}

/// Notes every rule that the gates break.
pub(super) fn workflow(gates: &[Gate<'_>], report: &Report) {
    for (at, gate) in gates.iter().enumerate() {
        judges(gates, at, report);
        own_deliverable(gates, gate, report);
        sends_back(gates, at, report);
        controller(gates.len(), at, gate, report);
    }
}

/// A review looks back: what it judges has been delivered when it opens.
fn judges(gates: &[Gate<'_>], at: usize, report: &Report) {
    let gate = &gates[at];
    for (name, place) in &gate.judges {
        let position = gates.iter().position(|other| other.id == *name);
        match position {
            Some(position) if position < at => {}
            Some(_) => report.add(
                *place,
                format!("`{}` cannot judge `{name}`, which does not come before it; name an earlier gate", gate.id),
            ),
            None => report.add(*place, no_gate(gates, name)),
        }
    }
}

fn no_gate(gates: &[Gate<'_>], name: &str) -> String {
    let hint = names::hint(name, gates.iter().map(|gate| gate.id));
    format!("this workflow has no gate `{}`; {hint}", names::shown(name))
}

fn own_deliverable(gates: &[Gate<'_>], gate: &Gate<'_>, report: &Report) {
    for (decider, place) in &gate.deciders {
        let Decider::Role(role) = decider else { continue };
        let works = |gate: &Gate<'_>| gate.worker == Some(Worker::Role(role.clone()));
        let blame = || latest([gate.fields.place("judges"), gate.fields.place("role"), *place]);
        if gate.judges.is_empty() && works(gate) {
            let message = format!(
                "no role decides on its own deliverable: `{role}` works `{}`; let another role or a person decide, or say which earlier gate it `judges`",
                gate.id
            );
            report.add(blame(), message);
        }
        let is_judged = |it: &&Gate<'_>| gate.judges.iter().any(|(id, _)| *id == it.id);
        let own = gates.iter().take_while(|it| it.id != gate.id).filter(is_judged);
        if let Some(own) = own.into_iter().find(|it| works(it)) {
            let message = format!(
                "no role decides on its own deliverable: `{role}` works `{}`, which `{}` judges; let another role or a person decide",
                own.id, gate.id
            );
            report.add(blame(), message);
        }
    }
}

/// Changes go to somebody who can make them, and never ahead.
fn sends_back(gates: &[Gate<'_>], at: usize, report: &Report) {
    let gate = &gates[at];
    let place = gate.fields.place("sends_back_to");
    let Some(back) = gate.back.filter(|_| place != Place::BUILT_IN) else { return };
    match gates.iter().position(|other| other.id == back) {
        None => report.add(place, no_gate(gates, back)),
        Some(position) if position > at => report.add(
            place,
            format!("`{}` cannot send back to `{back}`, which comes after it; name this or an earlier gate", gate.id),
        ),
        Some(position) if gates[position].worker == Some(Worker::Controller) => report.add(
            place,
            format!("`{back}` is worked by the controller, which changes nothing; send back to a gate that a role works"),
        ),
        Some(_) => {}
    }
}

/// The controller's gates start no agent, and two names stand for what only the controller does.
fn controller(count: usize, at: usize, gate: &Gate<'_>, report: &Report) {
    let is_controller = gate.worker == Some(Worker::Controller);
    let is_ours = [FIRST_VALIDATION, FINAL_VALIDATION].contains(&gate.id);
    if is_ours && gate.worker.is_some() && !is_controller {
        let message = format!(
            "`{}` is worked by the controller, which re-runs everything itself; write `role = \"controller\"` or rename the gate",
            gate.id
        );
        report.add(latest([gate.fields.place("role"), gate.fields.place("id")]), message);
    }
    let requires = gate.fields.get("requires");
    let asks = requires.is_some_and(|node| node.as_list().is_none_or(|items| !items.is_empty()));
    if is_controller && asks {
        let message = format!(
            "`{}` is worked by the controller, which delivers no evidence; take `requires` out or name a role",
            gate.id
        );
        report.add(latest([gate.fields.place("requires"), gate.fields.place("role")]), message);
    }
    if gate.id == FINAL_VALIDATION && at + 1 < count {
        let message = "`final_validation` must be the last gate: what follows it would come after the landing; move it to the end";
        report.add(gate.fields.place("id"), message);
    }
}
