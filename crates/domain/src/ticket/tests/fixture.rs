//! A ticket under test with a clock, a log of its events, and the doors through which commands come.

use jiff::SignedDuration;

use crate::config::{self, Found, Source};
use crate::ids::{Commit, Digest, GateId, MessageId, RoleId, Timestamp, Tree, WorkflowId};
use crate::principal::{Contributor, Principal};
use crate::rules::{Priority, Rules};
use crate::ticket::{
    ChangeKind, Command, Context, Event, Head, Kind, MessageKind, NewTicket, Observation,
    PacketRef, PacketStatus, Rejection, Stamp, State, Ticket, VerdictWord, apply, decide, open,
    replay,
};

/// Workflows besides the built-in ones.
const MISSION: &str = r#"
[project]
key = "MC"
visual_paths = ["ui/**"]
user_facing_paths = ["ui/**"]

[workflow.validated]
gates = [
  { id = "plan", role = "planner", decided_by = "role:validator" },
  { id = "implementation", role = "coder", decided_by = ["controller", "role:validator"], independent = "runtime" },
  { id = "final_validation", role = "controller", decided_by = ["controller", "person:ada", "person:bob"] },
]

[workflow.advised]
gates = [
  { id = "implementation", role = "coder", decided_by = ["person", "controller"] },
  { id = "qa_review", role = "qa", judges = "implementation", decided_by = "person", stale_on = "any" },
  { id = "design_signoff", role = "designer", judges = "implementation", requires = "screenshots", decided_by = ["role:designer", "person"], when = "visual" },
]

[workflow.closing]
gates = [
  { id = "plan", role = "planner", decided_by = "person", requires = "plan" },
  { id = "final", role = "controller", decided_by = "person" },
]

[workflow.unattended]
gates = [
  { id = "implementation", role = "coder", decided_by = "controller" },
  { id = "final_validation", role = "controller", decided_by = "controller", stale_on = "any" },
]

[workflow.umbrella]
gates = [
  { id = "plan", role = "planner", decided_by = "person" },
  { id = "final", role = "controller", decided_by = "controller" },
]
"#;

pub(super) fn rules() -> Rules {
    rules_with("", "")
}

/// The fixture's rules with `line` changed to `other`.
pub(super) fn rules_with(line: &str, other: &str) -> Rules {
    assert!(MISSION.contains(line), "{line}");
    let text = if line.is_empty() { MISSION.into() } else { MISSION.replace(line, other) };
    let source = Source { name: "mission.toml", text: &text };
    match config::rules("mission-control", None, Some(source), &Found::default()) {
        Ok(rules) => rules,
        Err(problems) => panic!("the fixture's rules are wrong: {problems:?}"),
    }
}

pub(super) fn person(name: &str) -> Principal {
    Principal::Person(name.into())
}

pub(super) fn ada() -> Principal {
    person("ada")
}

pub(super) fn lane(role: &str, runtime: &str) -> Principal {
    Principal::Lane { role: RoleId::new(role), runtime: crate::ids::RuntimeId::new(runtime) }
}

pub(super) fn gate_id(name: &str) -> GateId {
    GateId::new(name)
}

/// A ticket and everything that happened to it.
#[derive(Clone)]
pub(super) struct Life {
    pub(super) ticket: Ticket,
    pub(super) log: Vec<(Event, Stamp)>,
    pub(super) rules: Rules,
    pub(super) now: Timestamp,
    pub(super) demo: bool,
    pub(super) ids: u64,
}

impl Life {
    /// Files a task on `workflow`.
    #[track_caller]
    pub(super) fn task(workflow: &str) -> Self {
        Self::filed(workflow, Kind::Task, |_| ())
    }

    /// Files a campaign with gates of its own, or none.
    #[track_caller]
    pub(super) fn campaign(workflow: Option<&str>) -> Self {
        Self::filed("standard", Kind::Campaign, |new| {
            new.campaign_workflow = workflow.map(WorkflowId::new);
        })
    }

    /// Files a ticket after `change` had a hand in it.
    #[track_caller]
    pub(super) fn filed(workflow: &str, kind: Kind, change: impl FnOnce(&mut NewTicket)) -> Self {
        let rules = rules();
        let mut new = NewTicket {
            key: key(1),
            title: "Make it so".into(),
            body: String::new(),
            kind,
            priority: Priority::Medium,
            labels: Vec::new(),
            workflow: Some(WorkflowId::new(workflow)),
            campaign_workflow: None,
            policy: None,
            parent: None,
            blocked_by: Vec::new(),
            not_before: None,
            parked: false,
            channel: "cli".into(),
        };
        change(&mut new);
        let now: Timestamp = "2026-03-01T09:00:00Z".parse().expect("a timestamp");
        let by = ada();
        let context = context(&rules, &by, now, true);
        let event = open(new, &context).expect("the ticket can be filed");
        let log = vec![(event, Stamp { at: now, by })];
        let ticket = replay(log.iter().map(|it| (&it.0, &it.1))).expect("an opening");
        Self { ticket, log, rules, now, demo: true, ids: 0 }
    }

    /// Asks, and takes in what follows.
    pub(super) fn ask(
        &mut self,
        by: &Principal,
        command: Command,
    ) -> Result<Vec<Event>, Rejection> {
        let context = context(&self.rules, by, self.now, self.demo);
        let events = decide(&self.ticket, command, &context)?;
        for event in &events {
            let stamp = Stamp { at: self.now, by: by.clone() };
            apply(&mut self.ticket, event, &stamp);
            self.log.push((event.clone(), stamp));
        }
        Ok(events)
    }

    /// Asks for something that must be granted, a second later.
    #[track_caller]
    pub(super) fn does(&mut self, by: &Principal, command: Command) -> Vec<Event> {
        self.passes(1);
        let told = format!("{command:?}");
        match self.ask(by, command) {
            Ok(events) => events,
            Err(no) => panic!("{told} was refused: {no}"),
        }
    }

    /// Mission Control itself asks for something that must be granted.
    #[track_caller]
    pub(super) fn controller_does(&mut self, command: Command) -> Vec<Event> {
        self.does(&Principal::Controller, command)
    }

    /// Returns who would ask for this in an ordinary life, when it is a record: who works the attempt.
    pub(super) fn speaker(&self, command: &Command) -> Principal {
        let Command::Record { attempt, .. } = command else { return Principal::Controller };
        match self.ticket.attempt(*attempt) {
            Some(of) if of.is_persons() => person("carol"),
            Some(of) => of.principal.clone(),
            None => Principal::Controller,
        }
    }

    /// Asks for something that must be refused, and returns the code of the rule.
    #[track_caller]
    pub(super) fn refuses(&mut self, by: &Principal, command: Command) -> &'static str {
        let told = format!("{command:?}");
        match self.ask(by, command) {
            Ok(events) => panic!("{told} was granted: {events:?}"),
            Err(no) => no.code(),
        }
    }

    /// Lets `seconds` go by.
    pub(super) fn passes(&mut self, seconds: i64) {
        self.now += SignedDuration::from_secs(seconds);
    }

    pub(super) fn id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    #[track_caller]
    pub(super) fn is(&self, state: State) {
        let situation = self.ticket.situation();
        assert_eq!(situation.state, state, "{situation:?}");
    }

    /// Asserts state and code of the reason.
    #[track_caller]
    pub(super) fn stands(&self, state: State, code: &str) {
        self.is(state);
        assert_eq!(self.ticket.situation().code, code);
    }

    #[track_caller]
    pub(super) fn gate(&self, name: &str) -> &super::super::Gate {
        self.ticket.gate(&gate_id(name)).expect("the workflow has this gate")
    }

    /// A person's or a scripted verdict on the active gate.
    #[track_caller]
    pub(super) fn judges(&mut self, by: &Principal, verdict: VerdictWord) -> Vec<Event> {
        self.does(by, verdict_on(None, verdict))
    }

    /// A person writes something to whoever works the ticket.
    #[track_caller]
    pub(super) fn says(&mut self, by: &Principal, text: &str) -> MessageId {
        let id = MessageId(self.id());
        let (text, kind) = (text.into(), MessageKind::Instruction);
        self.does(by, Command::Say { text, to: None, kind, id });
        id
    }

    #[track_caller]
    pub(super) fn message(&self, id: MessageId) -> &super::super::Message {
        self.ticket.messages.iter().find(|it| it.id == id).expect("the message is kept")
    }

    /// Another commit on the branch, named after the patch that it holds.
    pub(super) fn commits(&mut self, patch: u64, paths: &[&str]) -> Head {
        let number = self.id();
        Head {
            commit: Commit::new(format!("c{number}")),
            tree: Tree::new(format!("p{patch}.{number}")),
            base: Commit::new("base"),
            paths: paths.iter().map(ToString::to_string).collect(),
            left_out: 0,
        }
    }

    /// Mission Control fetches a commit that came outside a delivery.
    #[track_caller]
    pub(super) fn fetches(&mut self, head: Head, change: ChangeKind) -> Vec<Event> {
        let contributors = self.ticket.contributors.clone();
        self.controller_does(Command::ObserveHead { head, change, contributors })
    }

    /// What Mission Control sees when nothing is wrong, on the present head.
    pub(super) fn sees(&mut self) -> Observation {
        let packet = self.packet(self.ticket.head.clone());
        Observation {
            head: None,
            contributors: Vec::new(),
            packet,
            missing: Vec::new(),
            findings: Vec::new(),
            answers: Vec::new(),
            block: None,
            ask_person: self.asks(),
        }
    }

    /// Why a person must decide, as Mission Control finds it in the changed files.
    fn asks(&self) -> Option<String> {
        let paths = self.ticket.head.as_ref().map_or(&[][..], |it| it.paths.as_slice());
        let rules = paths.iter().find(|it| self.rules.holds_rules(it));
        rules.map(|path| format!("the work touches what decides about it: `{path}`"))
    }

    /// What it sees of a delivery that brought `head`, made by `contributors`.
    pub(super) fn sees_head(
        &mut self,
        head: Head,
        change: ChangeKind,
        contributors: Vec<Contributor>,
    ) -> Observation {
        let packet = self.packet(Some(head.clone()));
        Observation { head: Some((head, change)), contributors, packet, ..self.sees() }
    }

    fn packet(&mut self, head: Option<Head>) -> PacketRef {
        PacketRef {
            digest: Digest::of(&self.id().to_le_bytes()),
            commit: head.as_ref().map(|it| it.commit.clone()),
            tree: head.map(|it| it.tree),
            status: PacketStatus::Verified,
            envelope: None,
        }
    }
}

pub(super) fn key(number: u32) -> crate::ids::TicketKey {
    crate::ids::TicketKey::new("MC".parse().expect("a project key"), number)
}

pub(super) fn context<'a>(
    rules: &'a Rules,
    by: &'a Principal,
    now: Timestamp,
    demo: bool,
) -> Context<'a> {
    Context { now, by, rules, demo, jitter: 0.0, retry_base_ms: super::super::RETRY_BASE_MS }
}

/// A verdict with a reason and without findings.
pub(super) fn verdict_on(gate: Option<&str>, verdict: VerdictWord) -> Command {
    Command::Judge {
        gate: gate.map(GateId::new),
        verdict,
        reason: "because".into(),
        findings: Vec::new(),
        seen: None,
        judged: None,
    }
}
