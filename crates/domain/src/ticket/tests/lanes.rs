//! Lanes at work on a ticket under test: claims, reports, ends, deliveries looked at, checks run.

use super::fixture::{Life, gate_id, lane};
use crate::ids::{AttemptId, Epoch, RoleId, RuntimeId};
use crate::principal::{Contributor, Identity, Principal};
use crate::rules::EvidenceKind;
use crate::ticket::{
    ChangeKind, Command, EndClass, Event, Evidence, FindingAnswer, FindingState, LaneRecord,
    NewFinding, Owed, Purpose, Report, VerdictWord,
};

pub(super) fn identity(runtime: &str) -> Identity {
    Identity { program: format!("/bin/{runtime}"), family: Some(format!("family-{runtime}")) }
}

/// Who writes works through codex, who judges through claude.
pub(super) fn runtime_of(role: &str) -> &'static str {
    if matches!(role, "coder" | "planner") { "codex" } else { "claude" }
}

pub(super) fn contributor(role: &str, runtime: &str) -> Contributor {
    Contributor { principal: lane(role, runtime), identity: Some(identity(runtime)) }
}

pub(super) fn evidence(kind: EvidenceKind) -> Evidence {
    Evidence {
        kind,
        text: "as claimed".into(),
        command: None,
        url: None,
        file: None,
        artifact: Some(crate::ids::Digest::of(b"as claimed")),
        paths: Vec::new(),
        answer: None,
    }
}

pub(super) fn finding(text: &str) -> NewFinding {
    NewFinding { file: None, line: None, text: text.into(), command: None }
}

pub(super) fn done() -> Report {
    Report::Done { summary: "it is there".into() }
}

pub(super) fn question() -> Report {
    Report::Question { text: "which colour?".into() }
}

pub(super) fn verdict(verdict: VerdictWord, finds: &[&str]) -> Report {
    let findings = finds.iter().map(|it| finding(it)).collect();
    Report::Verdict { verdict, reason: "looked at it".into(), findings }
}

impl Life {
    /// The claim that the dispatcher would make for what is owed now.
    pub(super) fn claim(
        &mut self,
        gate: &str,
        role: &str,
        runtime: &str,
        purpose: Purpose,
    ) -> Command {
        Command::Claim {
            attempt: AttemptId(self.id()),
            gate: gate_id(gate),
            role: RoleId::new(role),
            runtime: RuntimeId::new(runtime),
            identity: (runtime != "person").then(|| identity(runtime)),
            model: None,
            purpose,
            principal: lane(role, runtime),
            warm: None,
        }
    }

    /// Dispatches what is owed, through the role's usual runtime.
    #[track_caller]
    pub(super) fn dispatches(&mut self) -> AttemptId {
        let Owed::Dispatch { gate, role, purpose } = self.ticket.owed(self.now) else {
            panic!("nothing is to be dispatched: {:?}", self.ticket.situation())
        };
        let claim = self.claim(gate.as_str(), role.as_str(), runtime_of(role.as_str()), purpose);
        self.controller_does(claim);
        self.live()
    }

    #[track_caller]
    pub(super) fn live(&self) -> AttemptId {
        self.ticket.live_attempt().expect("an attempt is live").id
    }

    /// The next record of the journal of `attempt`, under the lease it got.
    #[track_caller]
    pub(super) fn record(&self, attempt: AttemptId, record: LaneRecord) -> Command {
        let of = self.ticket.attempt(attempt).expect("the attempt is known");
        Command::Record { attempt, epoch: of.epoch, number: of.last_record + 1, record }
    }

    /// The live attempt's journal gets one more record.
    #[track_caller]
    pub(super) fn records(&mut self, record: LaneRecord) -> Vec<Event> {
        let record = self.record(self.live(), record);
        let by = self.speaker(&record);
        self.does(&by, record)
    }

    /// The live attempt's process ends.
    #[track_caller]
    pub(super) fn exits(&mut self, class: EndClass) -> Vec<Event> {
        let summary = "its process ended".into();
        self.records(LaneRecord::Exited { class, summary, death: None })
    }

    /// The live attempt is ended from outside.
    #[track_caller]
    pub(super) fn ends(&mut self, class: EndClass) -> Vec<Event> {
        let (attempt, epoch) = (self.live(), self.ticket.epoch);
        self.controller_does(Command::EndAttempt { attempt, epoch, class, summary: "x".into() })
    }

    /// The live attempt hands in all that the gate requires.
    #[track_caller]
    pub(super) fn hands_in(&mut self) {
        let gate = self.ticket.live_attempt().expect("an attempt is live").gate.clone();
        let requires = self.gate(gate.as_str()).rule.requires.clone();
        for kind in requires {
            self.records(LaneRecord::Evidence(Box::new(evidence(kind))));
        }
        // One with a command is answered by the command, whatever a lane says.
        let open: Vec<_> = self.ticket.open_findings(&gate).map(|it| it.id).collect();
        for finding in open {
            let answer = FindingAnswer { finding, state: FindingState::Fixed, text: "done".into() };
            let given = Evidence { answer: Some(answer), ..evidence(EvidenceKind::Risk) };
            self.records(LaneRecord::Evidence(Box::new(given)));
        }
    }

    /// The live attempt reports and ends well.
    #[track_caller]
    pub(super) fn reports(&mut self, report: Report) -> AttemptId {
        let attempt = self.live();
        self.records(LaneRecord::Report(report));
        self.exits(EndClass::Reported);
        attempt
    }

    /// Dispatch, all evidence, report: the delivery waits to be looked at.
    #[track_caller]
    pub(super) fn delivers(&mut self) -> AttemptId {
        self.dispatches();
        self.hands_in();
        self.reports(done())
    }

    /// A whole delivery without a commit, looked at and sealed.
    #[track_caller]
    pub(super) fn delivers_and_seals(&mut self) -> Vec<Event> {
        let attempt = self.delivers();
        let seen = Box::new(self.sees());
        self.controller_does(Command::Seal { attempt, seen })
    }

    /// A whole delivery with a commit of the lane that holds `patch`, looked at and sealed.
    #[track_caller]
    pub(super) fn delivers_commit(&mut self, patch: u64, paths: &[&str]) -> Vec<Event> {
        let attempt = self.delivers();
        let head = self.commits(patch, paths);
        let made_by = vec![contributor("coder", "codex")];
        let seen = Box::new(self.sees_head(head, ChangeKind::Code, made_by));
        self.controller_does(Command::Seal { attempt, seen })
    }

    /// Dispatch, evidence, a review's verdict, looked at.
    #[track_caller]
    pub(super) fn reviews(&mut self, report: Report) -> Vec<Event> {
        self.dispatches();
        self.hands_in();
        let attempt = self.reports(report);
        let seen = Box::new(self.sees());
        self.controller_does(Command::Seal { attempt, seen })
    }

    /// Mission Control runs the gate that it owes, and every check holds.
    #[track_caller]
    pub(super) fn checks(&mut self) -> Vec<Event> {
        let seen = self.sees();
        self.checks_and_sees(seen)
    }

    /// Mission Control runs the gate that it owes, and finds something.
    #[track_caller]
    pub(super) fn refutes(&mut self, text: &str) -> Vec<Event> {
        let mut seen = self.sees();
        seen.findings.push(finding(text));
        self.checks_and_sees(seen)
    }

    #[track_caller]
    pub(super) fn checks_and_sees(&mut self, seen: crate::ticket::Observation) -> Vec<Event> {
        let Owed::Check { gate } = self.ticket.owed(self.now) else {
            panic!("no check is owed: {:?}", self.ticket.situation())
        };
        let on = self.ticket.head.as_ref().map(|it| it.commit.clone());
        self.controller_does(Command::Check { gate, on, seen: Box::new(seen) })
    }

    /// Brings a `standard` ticket to where `gate` is next, with `patch` delivered.
    #[track_caller]
    pub(super) fn at(gate: &str) -> Self {
        let mut life = Self::task("standard");
        let steps = ["plan", "implementation", "first_validation", "qa_review", "final_validation"];
        for step in steps.into_iter().take_while(|it| *it != gate) {
            life.carries(step);
        }
        let active = life.ticket.active_gate().map(|it| it.rule.id.as_str().to_owned());
        assert_eq!(active.as_deref(), (gate != "landing").then_some(gate));
        life
    }

    /// Takes the ticket through the gate that is active.
    #[track_caller]
    pub(super) fn carries(&mut self, gate: &str) {
        match gate {
            "plan" => {
                self.delivers_and_seals();
                self.judges(&super::fixture::ada(), VerdictWord::Pass);
            }
            "implementation" => drop(self.delivers_commit(1, &["src/main.rs"])),
            "first_validation" => drop(self.checks()),
            "qa_review" => drop(self.reviews(verdict(VerdictWord::Pass, &[]))),
            _ => {
                self.checks();
                self.judges(&super::fixture::ada(), VerdictWord::Pass);
            }
        }
    }

    /// A lease that nobody holds any more.
    pub(super) fn stale_epoch(&self) -> Epoch {
        Epoch(self.ticket.epoch.0.saturating_sub(1))
    }
}

pub(super) fn is_lane(principal: &Principal) -> bool {
    matches!(principal, Principal::Lane { .. })
}
