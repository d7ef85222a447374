//! Random commands of the machine, and records that no honest journal holds.

use super::fixture::{Life, gate_id, key};
use super::lanes::{evidence, verdict};
use super::random::{GATES, PURPOSES, ROLES, RUNTIMES, moved, observed, pick};
use crate::ids::{AttemptId, Commit, Epoch, MessageId};
use crate::principal::{Contributor, Principal};
use crate::rules::EvidenceKind;
use crate::ticket::{
    BlockCode, Command, EndClass, EndHow, LaneRecord, MessageState, Report, VerdictWord,
};

pub(super) fn of_controller(life: &mut Life, a: u8, b: u8, c: u8) -> Command {
    let gate = gate_id(pick(&GATES, b));
    let how = pick(EndHow::ALL, c);
    let last = life.ticket.attempts.last().map_or(AttemptId(1), |it| it.id);
    match a % 22 {
        18 | 19 => {
            let approval = life.ticket.command_under_way().map(|it| it.id);
            let approval = approval.unwrap_or_else(|| super::random::approval(life, b));
            let message = MessageId(life.id());
            let place = match c % 4 {
                0 => Err((crate::ticket::VoidCode::CwdChanged, "gone".into())),
                1 => Ok(crate::ticket::Seen::default()),
                _ => Ok(super::story_approval::push().seen),
            };
            let ran = super::story_approval::ran(i32::from(c % 2));
            match b % 3 {
                0 => Command::EndApproved { approval, ran, message },
                1 => Command::BeginApproved { approval, place, message },
                _ => Command::LoseApproved { approval },
            }
        }
        20 => {
            let approval = super::random::approval(life, b);
            life.passes(if c.is_multiple_of(8) { 90_000 } else { 1 });
            Command::ExpireApproval { approval, message: MessageId(life.id()) }
        }
        0..=2 => {
            let (head, change) = moved(life, b, c);
            let mut contributors = life.ticket.contributors.clone();
            if c.is_multiple_of(8) {
                contributors.push(Contributor {
                    principal: Principal::Person("ada".into()),
                    identity: None,
                });
            }
            Command::ObserveHead { head, change, contributors }
        }
        3 => Command::HandOver { gate, why: "no other runtime".into() },
        4 => Command::HandOver {
            gate: life.ticket.active_gate().map_or(gate, |it| it.rule.id.clone()),
            why: "none".into(),
        },
        5 => Command::FailToRun { gate, cause: "disk full".into() },
        6 => {
            let by = if b.is_multiple_of(3) { vec![] } else { vec![key(u32::from(b % 4) + 5)] };
            Command::Release { blocker: key(5), how, by }
        }
        7 => Command::EndChild { child: key(u32::from(b % 4) + 20), how },
        8 => Command::Correct { rule: "requeue".into(), cause: format!("cause {}", b % 4) },
        9 => Command::RecordLanding { commit: Commit::new("landed") },
        10 => Command::MoveBase { base: Commit::new("base2") },
        11 => Command::BlockLanding { code: BlockCode::MergeConflict, text: "conflict".into() },
        12 => Command::MakeWorkspace { branch: "mc/1".into(), base: Commit::new("base") },
        13 => Command::RemoveWorkspace { kept: None },
        14 => Command::EndAttempt {
            attempt: last,
            epoch: life.ticket.epoch,
            class: pick(EndClass::ALL, b),
            summary: "x".into(),
        },
        15 => Command::Seal { attempt: last, seen: Box::new(observed(life, a, b, c)) },
        16 => {
            let queued = life.ticket.messages.iter().filter(|it| it.state == MessageState::Queued);
            Command::GiveUpMessages {
                ids: queued.map(|it| it.id).take(1).collect(),
                why: "nobody".into(),
            }
        }
        _ => {
            let (role, runtime) = (pick(&ROLES, c), pick(&RUNTIMES, c));
            life.claim(gate.as_str(), role, runtime, pick(PURPOSES, b))
        }
    }
}

/// Repeats, old leases, numbers out of order, and records for attempts that are over or never were.
pub(super) fn strange_record(life: &mut Life, b: u8, c: u8) -> Command {
    let ids: Vec<_> = life.ticket.messages.iter().map(|it| it.id).collect();
    let known = life.ticket.attempts.len().max(1);
    let of = life.ticket.attempts.get(usize::from(b) % known);
    let attempt = of.map_or(AttemptId(99_999), |it| it.id);
    let epoch = match c % 3 {
        0 => life.stale_epoch(),
        1 => life.ticket.epoch,
        _ => Epoch(life.ticket.epoch.0 + 1),
    };
    let record = match b % 5 {
        0 => LaneRecord::Report(Report::Done { summary: String::new() }),
        1 => LaneRecord::Delivered { ids },
        2 => LaneRecord::Report(verdict(pick(VerdictWord::ALL, c), &[])),
        3 => LaneRecord::Exited { class: pick(EndClass::ALL, c), summary: "x".into(), death: None },
        _ => LaneRecord::Evidence(Box::new(evidence(pick(EvidenceKind::ALL, c)))),
    };
    let number =
        of.map_or(1, |it| it.last_record + u64::from(c % 4)).saturating_sub(u64::from(c % 2));
    Command::Record { attempt, epoch, number, record }
}
