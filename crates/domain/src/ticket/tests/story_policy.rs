//! Rules that change while a ticket is under way.

use super::fixture::{Life, ada, person, rules_with, verdict_on};
use super::lanes::verdict;
use crate::rules::Rules;
use crate::ticket::{ChangeKind, Event, Owed, Stage, State, VerdictWord};

const QA: &str = "[workflow.umbrella]";

/// The rules with something said about the workflow `standard` besides.
fn with(more: &str) -> Rules {
    rules_with(QA, &format!("{more}\n{QA}"))
}

/// A ticket whose review asked for changes, under rules that changed meanwhile.
fn sent_back_under(rules: Rules) -> Life {
    let mut life = Life::at("qa_review");
    life.reviews(verdict(VerdictWord::Changes, &["off by one"]));
    life.rules = rules;
    life
}

fn pinned(events: &[Event]) -> bool {
    events.iter().any(|it| matches!(it, Event::RulesPinned { .. }))
}

#[test]
fn a_round_is_worked_under_the_rules_it_began_with() {
    let mut life = Life::at("qa_review");
    let digest = life.ticket.rules.clone();
    life.rules = with("[workflow.standard.gate.qa_review]\nmax_rounds = 5");
    life.reviews(verdict(VerdictWord::Pass, &[]));
    assert_eq!(life.ticket.rules, digest, "a review begins no round");
    let signed = life.gate("qa_review").signoffs.last().map(|it| it.policy.clone());
    assert_eq!(signed, Some(digest));
}

#[test]
fn a_new_round_pins_the_new_rules_and_what_was_signed_off_under_others_is_stale() {
    let mut life =
        sent_back_under(with("[workflow.standard.gate.first_validation]\nmax_rounds = 5"));
    assert_eq!(life.gate("first_validation").stage, Stage::Passed);
    let Owed::Dispatch { gate, role, purpose } = life.ticket.owed(life.now) else {
        panic!("queued")
    };
    let claim = life.claim(gate.as_str(), role.as_str(), "codex", purpose);
    let events = life.controller_does(claim);
    assert!(pinned(&events), "{events:?}");
    let stale = Stage::Stale { change: ChangeKind::Policy };
    assert_eq!(life.gate("first_validation").stage, stale);
    assert_eq!(life.gate("plan").stage, Stage::Passed, "a plan is bound to what it says");
    assert_eq!(life.ticket.rules, life.rules.policy_digest(&life.ticket.workflow));
}

#[test]
fn a_change_that_is_none_of_the_tickets_business_makes_nothing_stale() {
    let mut life = sent_back_under(with("[workflow.umbrella.gate.final]\nmax_rounds = 7"));
    life.rules.runtimes.clear();
    let claim = life.claim("implementation", "coder", "codex", crate::ticket::Purpose::Deliver);
    let events = life.controller_does(claim);
    assert!(!pinned(&events), "{events:?}");
}

#[test]
fn a_gate_that_the_new_rules_drop_stays_until_a_person_waives_it() {
    let mut rules = with("");
    let standard = crate::ids::WorkflowId::new("standard");
    let workflow = rules.workflows.get_mut(&standard).expect("the workflow");
    workflow.gates.retain(|it| it.id.as_str() != "qa_review");
    let mut life = sent_back_under(rules);
    life.delivers_commit(2, &[]);
    life.checks();
    let names: Vec<_> = life.ticket.gates.iter().map(|it| it.rule.id.as_str()).collect();
    let place = |name: &str| names.iter().position(|it| *it == name);
    assert!(place("qa_review") > place("first_validation"), "{names:?}");
    assert!(place("qa_review") < place("final_validation"), "{names:?}");
    let active = life.ticket.active_gate().map(|it| it.rule.id.as_str());
    assert_eq!(active, Some("qa_review"));
    life.does(&ada(), verdict_on(Some("qa_review"), VerdictWord::Waive));
    life.checks();
    life.stands(State::InReview, "awaiting_person");
}

#[test]
fn neither_a_decider_nor_evidence_is_taken_away_and_no_verdict_changes_its_owner() {
    let mut life = sent_back_under(with(
        "[workflow.standard.gate.final_validation]\ndecided_by = [\"person:bob\", \"controller\"]\n\
         [workflow.standard.gate.implementation]\nrequires = [\"commit\"]",
    ));
    let asked = life.gate("implementation").rule.requires.clone();
    life.delivers_commit(2, &[]);
    life.checks();
    assert!(asked.iter().all(|it| life.gate("implementation").rule.requires.contains(it)));
    life.reviews(verdict(VerdictWord::Pass, &[]));
    life.checks();
    let deciders: Vec<String> =
        life.gate("final_validation").rule.decided_by.iter().map(ToString::to_string).collect();
    assert_eq!(deciders, ["controller", "person", "person:bob"]);
    life.judges(&ada(), VerdictWord::Pass);
    assert_eq!(life.refuses(&ada(), verdict_on(None, VerdictWord::Pass)), "not_the_decider");
    life.judges(&person("bob"), VerdictWord::Pass);
    assert_eq!(life.ticket.owed(life.now), Owed::Land);
}

#[test]
fn a_new_gate_before_the_work_is_opened_first() {
    let mut rules = with("");
    let standard = crate::ids::WorkflowId::new("standard");
    let workflow = rules.workflows.get_mut(&standard).expect("the workflow");
    let direction = workflow.gates.iter_mut().find(|it| it.id.as_str() == "design_direction");
    direction.expect("the gate").when = crate::rules::When::Always;
    let mut life = sent_back_under(rules);
    let claim = life.claim("implementation", "coder", "codex", crate::ticket::Purpose::Deliver);
    let events = life.controller_does(claim);
    assert!(pinned(&events) && life.ticket.live_attempt().is_none(), "{events:?}");
    let Owed::Dispatch { gate, .. } = life.ticket.owed(life.now) else { panic!("queued") };
    assert_eq!(gate.as_str(), "design_direction");
}

#[test]
fn work_that_changes_the_rules_needs_a_person_at_the_end() {
    for (path, needs) in [("src/lib.rs", false), ("mission.toml", true)] {
        let mut life = Life::task("unattended");
        life.delivers_commit(1, &[path]);
        life.checks();
        let asks = life.ticket.owed(life.now) == Owed::Nothing;
        assert_eq!(asks, needs, "{path}: {:?}", life.ticket.situation());
    }
}
