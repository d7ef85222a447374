//! How far who decides is from those whose work is decided on.

use super::{Attempt, EndClass, FindingState, Purpose, Rejection, Ticket};
use crate::ids::GateId;
use crate::principal::{Contributor, Principal};
use crate::rules::{Independence, Worker};

impl Ticket {
    /// Returns the smallest distance between `who` and everybody whose work `gate` decides on.
    ///
    /// # Errors
    /// [`Rejection::OwnWork`] or [`Rejection::NotIndependent`] when that is less than the gate asks for.
    pub fn independence(
        &self,
        gate: &GateId,
        who: &Contributor,
    ) -> Result<Option<Independence>, Rejection> {
        let rule = self.gate(gate).map(|it| &it.rule);
        let needed = rule.and_then(|it| it.independent).unwrap_or(Independence::Principal);
        let mut smallest = None;
        for author in self.authors(gate) {
            let by = who.principal.clone();
            let Some(distance) = who.distance(&author) else {
                return Err(Rejection::OwnWork { by, gate: gate.clone() });
            };
            if distance < needed {
                let (of, gate) = (author.principal, gate.clone());
                return Err(Rejection::NotIndependent { by, of, gate, needed });
            }
            smallest = Some(smallest.map_or(distance, |it: Independence| it.min(distance)));
        }
        Ok(smallest)
    }

    /// Returns everybody whose work `gate` decides on: commits since the base, and the deliveries it judges.
    pub fn authors(&self, gate: &GateId) -> Vec<Contributor> {
        let Some(rule) = self.gate(gate).map(|it| &it.rule) else { return Vec::new() };
        let own = rule.judges.is_empty() && rule.worker != Worker::Controller;
        let delivers = |it: &&Attempt| {
            let is_judged = rule.judges.contains(&it.gate) || (own && it.gate == *gate);
            let has_delivered = it.end.as_ref().is_some_and(|end| end.class == EndClass::Reported);
            is_judged && it.purpose == Purpose::Deliver && has_delivered
        };
        let deliveries = self.attempts.iter().filter(delivers).flat_map(Attempt::workers);
        // A plan is judged on who wrote it; what holds commits is judged on everybody who made one.
        let has_commits = !own || rule.requires.contains(&crate::rules::EvidenceKind::Commit);
        let commits = if has_commits { self.contributors.as_slice() } else { &[][..] };
        deliveries.chain(commits.iter().cloned()).collect()
    }

    /// Returns the people whose own work `gate` decides on: it is not theirs to sign off.
    pub fn people_who_worked(&self, gate: &GateId) -> Vec<Principal> {
        let mut people: Vec<Principal> =
            self.authors(gate).into_iter().map(|it| it.principal).collect();
        people.retain(|it| matches!(it, Principal::Person(_)));
        people.sort_by_key(ToString::to_string);
        people.dedup();
        people
    }

    /// Returns what the attempts whose work `gate` decides on, and those that worked or judged it, could have broken.
    pub(super) fn unheld_under(&self, gate: &GateId) -> Vec<String> {
        let judges = self.gate(gate).map_or(&[][..], |it| it.rule.judges.as_slice());
        let writes = |it: &Attempt| {
            let rule = self.gate(&it.gate).map(|it| &it.rule);
            rule.is_some_and(|it| it.requires.contains(&crate::rules::EvidenceKind::Commit))
        };
        let counts = |it: &&Attempt| {
            it.gate == *gate
                || judges.contains(&it.gate)
                || (self.is_bound_to_code(gate) && writes(it))
        };
        let mut unheld: Vec<String> =
            self.attempts.iter().filter(counts).flat_map(Attempt::unheld).collect();
        unheld.sort();
        unheld.dedup();
        unheld
    }

    /// Returns findings answered since, for the reviewer who asked.
    pub fn answered_findings<'a>(
        &'a self,
        gate: &'a GateId,
    ) -> impl Iterator<Item = &'a super::Finding> {
        self.findings.iter().filter(|it| it.gate == *gate && it.state != FindingState::Open)
    }
}
