//! Which rules a round is worked under, and what becomes of sign-offs that were given under others.

use super::decide::Draft;
use super::{ChangeKind, Event, Gate, Stage, Ticket};
use crate::ids::GateId;
use crate::rules::{GateRule, Rules, StaleOn, Workflow};

impl Draft<'_> {
    /// Pins the rules in force where a round of work begins with `gate` under other ones than the last. Returns whether
    /// that changed anything.
    pub(super) fn pin_rules(&mut self, gate: &GateId) -> bool {
        let rules = self.context.rules;
        let digest = rules.policy_digest(&self.ticket.workflow);
        let Some(workflow) = rules.workflows.get(&self.ticket.workflow) else { return false };
        if !self.ticket.begins_a_round(gate) || self.ticket.rules == digest {
            return false;
        }
        let stale = self.ticket.judged_otherwise(workflow);
        let gates = self.ticket.gates_under(workflow, rules);
        self.push(Event::RulesPinned { rules: digest, gates, land: rules.land });
        for gate in stale {
            let change = ChangeKind::Policy;
            self.push(Event::Staled { gate, change, from: None, to: None });
        }
        true
    }
}

impl Ticket {
    /// Returns whether work on `gate` begins a round: the ticket's first attempt, or the first after it was sent back.
    fn begins_a_round(&self, gate: &GateId) -> bool {
        let round = self.gate(gate).map_or(1, |it| it.round);
        let is_first = |it: &super::Attempt| it.gate == *gate && it.round == round;
        self.attempts.is_empty() || (round > 1 && !self.attempts.iter().any(is_first))
    }

    /// Returns its gates under `workflow`: each with what it asked for before, and none that is required left out.
    fn gates_under(&self, workflow: &Workflow, rules: &Rules) -> Vec<(GateRule, bool)> {
        let paths = self.head.as_ref().map_or(&[][..], |it| it.paths.as_slice());
        // What was left out of a very large change was looked at under the rules before: under others it may ask for anything.
        let is_cut = self.head.as_ref().is_some_and(|it| it.left_out > 0);
        let under = |new: &GateRule| {
            let is_required = is_cut || rules.matches(new.when, &self.labels, paths);
            match self.gate(&new.id) {
                Some(old) => (new.grown_from(&old.rule), old.required || is_required),
                None => (new.clone(), is_required),
            }
        };
        let mut gates: Vec<(GateRule, bool)> = workflow.gates.iter().map(under).collect();
        for (at, old) in self.gates.iter().enumerate() {
            let is_there = gates.iter().any(|it| it.0.id == old.rule.id);
            if is_there || !old.required {
                continue;
            }
            let before = self.gates[..at].iter().rev();
            let before =
                before.filter_map(|it| gates.iter().position(|new| new.0.id == it.rule.id));
            let place = before.map(|it| it + 1).next().unwrap_or(0);
            gates.insert(place, (old.rule.clone(), true));
        }
        gates
    }

    /// Returns the gates whose sign-offs do not hold under `workflow`: those on code, whatever changed, and those whose
    /// own gate asks for other evidence or for more independence than they had.
    fn judged_otherwise(&self, workflow: &Workflow) -> Vec<GateId> {
        let asks_more = |gate: &&Gate| {
            let new = workflow.gates.iter().find(|it| it.id == gate.rule.id);
            gate.stage == Stage::Passed
                && new.is_some_and(|new| {
                    new.requires.iter().any(|it| !gate.rule.requires.contains(it))
                        || new.independent > gate.rule.independent
                })
        };
        let on_code = self.bound_to_code();
        let on_code = on_code.iter().filter(|it| it.rule.stale_on != StaleOn::Never);
        let mut stale: Vec<GateId> = on_code.map(|it| it.rule.id.clone()).collect();
        for gate in self.gates.iter().filter(asks_more) {
            if !stale.contains(&gate.rule.id) {
                stale.push(gate.rule.id.clone());
            }
        }
        stale
    }
}
