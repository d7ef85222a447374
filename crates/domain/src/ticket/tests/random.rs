//! Random steps: most of them sensible for where the ticket is, the others anything at all, from anybody.

use super::fixture::{Life, ada, gate_id, key, lane, person, verdict_on};
use super::lanes::{contributor, done, evidence, finding, question, runtime_of, verdict};
use super::random_machine::{of_controller, strange_record};
use crate::ids::{Commit, Digest, MessageId, RoleId};
use crate::principal::{Contributor, Principal};
use crate::rules::EvidenceKind;
use crate::ticket::{
    BlockCode, ChangeKind, Command, EndClass, LaneRecord, MessageKind, Observation, Owed, Purpose,
    VerdictWord,
};

/// What one step is drawn from: what to do, and three numbers to do it with.
pub(super) type Step = (u8, u8, u8, u8);

pub(super) const PURPOSES: &[Purpose] = &[Purpose::Deliver, Purpose::Review, Purpose::Judge];
pub(super) const ROLES: [&str; 6] = ["planner", "designer", "coder", "qa", "tester", "validator"];
pub(super) const RUNTIMES: [&str; 4] = ["codex", "claude", "gemini", "person"];
pub(super) const GATES: [&str; 9] = [
    "plan",
    "design_direction",
    "implementation",
    "first_validation",
    "qa_review",
    "user_testing",
    "design_signoff",
    "final_validation",
    "nowhere",
];

pub(super) fn pick<T: Clone>(from: &[T], by: u8) -> T {
    from[usize::from(by) % from.len()].clone()
}

fn principals() -> [Principal; 9] {
    [
        ada(),
        person("bob"),
        Principal::Scripted,
        Principal::Controller,
        Principal::External("ci".into()),
        lane("coder", "codex"),
        lane("qa", "claude"),
        lane("validator", "codex"),
        lane("coder", "person"),
    ]
}

/// Rules that somebody landed on the default branch meanwhile.
fn other_rules(which: u8) -> crate::rules::Rules {
    let mut rules = super::fixture::rules();
    for workflow in rules.workflows.values_mut() {
        match which % 4 {
            0 => {}
            1 => workflow.gates.retain(|it| it.id.as_str() != "qa_review"),
            2 => workflow.gates.iter_mut().for_each(|it| it.decided_by.reverse()),
            _ => workflow.gates.iter_mut().for_each(|it| it.when = crate::rules::When::Always),
        }
    }
    rules
}

/// Returns who asks for what in this step, and lets time go by.
pub(super) fn next(life: &mut Life, step: Step) -> (Principal, Command) {
    let (what, a, b, c) = step;
    life.passes(i64::from(a % 3));
    if c.is_multiple_of(32) {
        life.rules = other_rules(b);
    }
    match what % 100 {
        0..=59 => sensible(life, step),
        60..=74 => {
            (pick(&[ada(), ada(), person("bob"), Principal::Scripted], a), of_people(life, b, c))
        }
        75..=84 => (Principal::Controller, of_controller(life, a, b, c)),
        85..=87 => {
            life.passes(i64::from(b) * 10);
            (Principal::Controller, Command::Wake)
        }
        88..=93 => (pick(&principals(), a), of_people(life, b, c)),
        94..=96 => (pick(&principals(), a), of_controller(life, b, c, a)),
        _ => (pick(&principals(), a), strange_record(life, b, c)),
    }
}

/// What would happen next in an ordinary life, with ordinary accidents.
fn sensible(life: &mut Life, (_, a, b, c): Step) -> (Principal, Command) {
    let controller = Principal::Controller;
    if life.ticket.live_attempt().is_some() {
        let record = at_work(life, a, b, c);
        let by_people = life.ticket.live_attempt().is_some_and(crate::ticket::Attempt::is_persons);
        let people = [ada(), person("bob"), person("carol"), Principal::Scripted];
        let by = if by_people { pick(&people, c) } else { life.speaker(&record) };
        return (by, record);
    }
    match life.ticket.owed(life.now) {
        Owed::Dispatch { gate, role, purpose } => {
            let usual = runtime_of(role.as_str());
            let runtime = if a % 8 == 0 { pick(&RUNTIMES, b) } else { usual };
            (controller, life.claim(gate.as_str(), role.as_str(), runtime, purpose))
        }
        Owed::RetryAt(at) => {
            life.now = life.now.max(at);
            (controller, Command::Wake)
        }
        Owed::Observe { attempt } => {
            (controller, Command::Seal { attempt, seen: Box::new(observed(life, a, b, c)) })
        }
        Owed::Check { gate } => {
            let on = life.ticket.head.as_ref().map(|it| it.commit.clone());
            let mut seen = life.sees();
            match a % 10 {
                0 => seen.findings.push(finding("it fails")),
                1 => seen.block = Some((BlockCode::PreExisting, "base fails".into())),
                2 => return (controller, Command::FailToRun { gate, cause: "no git".into() }),
                _ => {}
            }
            (controller, Command::Check { gate, on, seen: Box::new(seen) })
        }
        Owed::Land if a % 3 == 0 => (controller, Command::MoveBase { base: Commit::new("base2") }),
        Owed::Land if a % 3 == 1 => (controller, of_controller(life, a, b, c)),
        Owed::Land | Owed::Finish => {
            (controller, Command::RecordLanding { commit: Commit::new("landed") })
        }
        Owed::Nothing => (pick(&[ada(), ada(), person("bob")], a), way_out(life, b, c)),
    }
}

/// What a person does about a ticket that waits for one.
fn way_out(life: &mut Life, b: u8, c: u8) -> Command {
    use crate::ticket::State;
    match life.ticket.state() {
        State::Parked => Command::Unpark,
        State::NeedsInput if life.ticket.question.is_none() => {
            let approval = approval(life, c);
            match b % 3 {
                0 => Command::Deny { approval, reason: "no".into(), message: MessageId(life.id()) },
                _ => Command::Approve { approval },
            }
        }
        State::NeedsInput => Command::Answer { text: format!("red {c}"), id: MessageId(life.id()) },
        State::Blocked => Command::Retry { reason: "again".into() },
        State::Done | State::Cancelled | State::Superseded => Command::Reopen,
        State::InReview => verdict_on(
            None,
            pick(
                &[
                    VerdictWord::Pass,
                    VerdictWord::Pass,
                    VerdictWord::Pass,
                    VerdictWord::Changes,
                    VerdictWord::Waive,
                ],
                b,
            ),
        ),
        State::Waiting | State::Todo | State::Active => of_people(life, b, c),
    }
}

/// An approval of the ticket, open or not.
pub(super) fn approval(life: &Life, c: u8) -> crate::ids::ApprovalId {
    let none = crate::ids::ApprovalId { attempt: crate::ids::AttemptId(1), record: 1 };
    let open = life.ticket.open_approval().map(|it| it.id);
    let all: Vec<_> = life.ticket.approvals.iter().map(|it| it.id).collect();
    let any = if all.is_empty() { none } else { pick(&all, c) };
    open.filter(|_| !c.is_multiple_of(5)).unwrap_or(any)
}

/// The next record of the live attempt.
fn at_work(life: &mut Life, a: u8, b: u8, c: u8) -> Command {
    let attempt = life.live();
    let of = life.ticket.live_attempt().cloned().expect("an attempt is live");
    let requires = life.gate(of.gate.as_str()).rule.requires.clone();
    let exit = |class| LaneRecord::Exited { class, summary: "over".into(), death: None };
    let queued: Vec<_> = life.ticket.queued_for(&of.role).map(|it| it.id).collect();
    let lacking = requires.iter().find(|kind| !of.evidence.iter().any(|it| it.kind == **kind));
    let open = life.ticket.open_findings(&of.gate).map(|it| it.id);
    let answered =
        |id| of.evidence.iter().filter_map(|it| it.answer.as_ref()).any(|it| it.finding == id);
    let unanswered = open.filter(|id| !answered(*id)).last();
    let record = match (a % 16, lacking, unanswered) {
        (0, ..) => exit(pick(EndClass::ALL, b)),
        (1, ..) => LaneRecord::Report(question()),
        (2, ..) => LaneRecord::Began { pid: 7, tmux: None },
        (5, ..) if b.is_multiple_of(3) => {
            let mut asked = super::story_approval::push();
            asked.argv.push((c % 3).to_string());
            LaneRecord::Approval(Box::new(asked))
        }
        (3 | 4, ..) if !queued.is_empty() => LaneRecord::Delivered { ids: queued },
        (_, Some(kind), _) if of.report.is_none() && !b.is_multiple_of(12) => {
            LaneRecord::Evidence(Box::new(evidence(*kind)))
        }
        (_, _, Some(id)) if of.report.is_none() && !b.is_multiple_of(12) => {
            let answer = crate::ticket::FindingAnswer {
                finding: id,
                state: crate::ticket::FindingState::Fixed,
                text: "so".into(),
            };
            LaneRecord::Evidence(Box::new(crate::ticket::Evidence {
                answer: Some(answer),
                ..evidence(EvidenceKind::Risk)
            }))
        }
        _ if of.report.is_some() => {
            exit(if b.is_multiple_of(6) { EndClass::Crashed } else { EndClass::Reported })
        }
        _ => LaneRecord::Report(match (of.purpose, c % 6) {
            (Purpose::Deliver, _) | (_, 0) => done(),
            (Purpose::Review | Purpose::Judge, 1 | 2) => verdict(VerdictWord::Changes, &["wrong"]),
            (Purpose::Review | Purpose::Judge, _) => verdict(VerdictWord::Pass, &[]),
        }),
    };
    life.record(attempt, record)
}

pub(super) fn observed(life: &mut Life, a: u8, b: u8, c: u8) -> Observation {
    let paths: &[&str] = if c.is_multiple_of(5) { &["ui/page.html"] } else { &["src/lib.rs"] };
    let attempts = life.ticket.attempts.iter().rev();
    let is_coder = attempts.take(1).any(|it| it.role.as_str() == "coder");
    let mut seen = if is_coder && !b.is_multiple_of(4) {
        let patch = life.id();
        let head = life.commits(patch, paths);
        let mut by = vec![contributor("coder", "codex")];
        if c.is_multiple_of(7) {
            by.push(Contributor { principal: person("bob"), identity: None });
        }
        life.sees_head(head, ChangeKind::Code, by)
    } else if a % 16 == 2 {
        let (head, change) = moved(life, b, c);
        life.sees_head(head, change, life.ticket.contributors.clone())
    } else {
        life.sees()
    };
    if a.is_multiple_of(16) {
        seen.missing.push("a commit".into());
    }
    if a % 16 == 1 {
        seen.findings.push(finding("refuted"));
    }
    seen
}

/// Another head, honestly named by how it differs from the present one.
pub(super) fn moved(life: &mut Life, a: u8, c: u8) -> (crate::ticket::Head, ChangeKind) {
    let paths: &[&str] = if c.is_multiple_of(4) { &["ui/page.html"] } else { &["src/lib.rs"] };
    let now = life.ticket.head.clone();
    let patch = now.as_ref().and_then(|it| it.tree.as_str()[1..].split('.').next()?.parse().ok());
    match (patch, now, a % 3) {
        (Some(patch), _, 0) => (life.commits(patch, paths), ChangeKind::TrivialRebase),
        (Some(patch), Some(now), 1) => {
            let head = life.commits(patch, paths);
            (crate::ticket::Head { tree: now.tree, ..head }, ChangeKind::NoCodeChange)
        }
        _ => {
            let patch = life.id();
            (life.commits(patch, paths), ChangeKind::Code)
        }
    }
}

fn of_people(life: &mut Life, b: u8, c: u8) -> Command {
    let text = pick(&["go on", "stop that", "use blue"], c).to_owned();
    let gate = if c.is_multiple_of(2) { None } else { Some(pick(&GATES, c / 2)) };
    match b % 26 {
        25 => {
            let id = life.ticket.messages.iter().rev().nth(usize::from(c % 3)).map(|it| it.id);
            let left = life.ticket.live_attempt().filter(|_| c.is_multiple_of(2)).map(|it| it.id);
            Command::WithdrawMessage { id: id.unwrap_or(MessageId(u64::from(c))), left }
        }
        24 => Command::Approve { approval: approval(life, c) },
        0 => Command::Park,
        1 | 2 => Command::Unpark,
        3 => Command::Cancel { reason: text },
        4 => Command::Supersede { by: vec![key(8), key(u32::from(c % 9) + 1)] },
        5 => Command::Reopen,
        6 => Command::Retry { reason: text },
        7 | 8 => verdict_on(gate, pick(VerdictWord::ALL, c / 3)),
        9..=11 => Command::Withdraw { gate: gate.map(gate_id) },
        12 => Command::Answer { text, id: MessageId(life.id()) },
        13..=16 => {
            let to = c.is_multiple_of(3).then(|| RoleId::new(pick(&ROLES, c / 3)));
            Command::Say { text, to, kind: MessageKind::Instruction, id: MessageId(life.id()) }
        }
        17 => {
            let (until, add, labels) = (
                life.now + jiff::SignedDuration::from_secs(30),
                vec![key(5)],
                vec!["visual".into()],
            );
            let until = c.is_multiple_of(4).then_some(Some(until));
            let labels = (c % 4 == 1).then_some(labels);
            let add_blockers = if c % 4 == 2 { add } else { vec![] };
            edit(labels, add_blockers, until)
        }
        18 => edit(Some(vec![]), vec![], None),
        19 => Command::AddChild { child: key(u32::from(c % 4) + 20) },
        20 => Command::Comment { text },
        21 => Command::ReopenChild { child: key(u32::from(c % 4) + 20) },
        22 => Command::Judge {
            gate: None,
            verdict: VerdictWord::Pass,
            reason: text,
            findings: vec![],
            seen: Some(Digest::of(&[c])),
            judged: None,
        },
        _ => {
            verdict_on(None, pick(&[VerdictWord::Pass, VerdictWord::Changes, VerdictWord::Fail], c))
        }
    }
}

pub(super) fn edit(
    labels: Option<Vec<String>>,
    add_blockers: Vec<crate::ids::TicketKey>,
    not_before: Option<Option<crate::ids::Timestamp>>,
) -> Command {
    Command::Edit {
        title: None,
        body: None,
        priority: None,
        labels,
        add_blockers,
        remove_blockers: vec![],
        not_before,
        message: None,
    }
}
