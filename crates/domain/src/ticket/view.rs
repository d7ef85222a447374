//! A ticket as the documents that every door shows.

use super::{Approval, Attempt, Gate, Message, Owner, SignOff, Situation, Stage, Ticket};
use crate::doc::{
    ApprovalDoc, AttemptDoc, FindingDoc, GateDoc, MessageDoc, NextActionDoc, PacketRefDoc,
    QuestionDoc, ReasonDoc, SessionDoc, SignoffDoc, SourceDoc, TerminalDoc, TicketDoc, UsageDoc,
    WhoDoc, WorkspaceDoc,
};
use crate::ids::Version;
use crate::sessions::Start;

/// Returns the ticket's document.
pub fn ticket_doc(ticket: &Ticket, version: Version) -> TicketDoc {
    let situation = ticket.situation();
    let next_action = next_action(ticket, &situation);
    let keys = |keys: &[crate::ids::TicketKey]| keys.iter().map(ToString::to_string).collect();
    TicketDoc {
        key: ticket.key.to_string(),
        project: ticket.key.project().to_string(),
        title: ticket.title.clone(),
        body: ticket.body.clone(),
        kind: ticket.kind.as_str().into(),
        state: situation.state.as_str().into(),
        reason: ReasonDoc { code: situation.code.into(), text: situation.reason },
        next_action,
        priority: ticket.priority.as_str().into(),
        labels: ticket.labels.clone(),
        workflow: ticket.workflow.to_string(),
        parent: ticket.parent.as_ref().map(ToString::to_string),
        children: ticket.children.keys().map(ToString::to_string).collect(),
        blocked_by: ticket
            .blockers
            .iter()
            .filter(|it| it.1.is_none())
            .map(|it| it.0.to_string())
            .collect(),
        not_before: ticket.not_before,
        superseded_by: ticket.ended.as_ref().map_or_else(Vec::new, |it| keys(&it.by)),
        source: SourceDoc {
            channel: ticket.source.0.clone(),
            principal: ticket.source.1.to_string(),
        },
        workspace: ticket.workspace.as_ref().map(|it| WorkspaceDoc {
            branch: it.branch.clone(),
            head: ticket.head.as_ref().map(|head| head.commit.to_string()),
            base: ticket
                .head
                .as_ref()
                .map_or_else(|| it.base.to_string(), |head| head.base.to_string()),
            dirty: it.dirty,
            present: it.present,
        }),
        landed_as: ticket
            .landed_as
            .as_ref()
            .or(ticket.landed_before.as_ref())
            .map(ToString::to_string),
        gates: ticket.gates.iter().map(|gate| gate_doc(ticket, gate)).collect(),
        question: ticket.question.as_ref().map(|it| QuestionDoc {
            attempt: it.attempt.to_string(),
            gate: it.gate.to_string(),
            text: it.text.clone(),
            at: it.at,
        }),
        findings: ticket.findings.iter().map(finding_doc).collect(),
        approvals: ticket.approvals.iter().map(|it| approval_doc(ticket, it)).collect(),
        created_at: ticket.created_at,
        updated_at: ticket.updated_at,
        closed_at: ticket.ended.as_ref().map(|it| it.at),
        version,
    }
}

/// Returns the document of `approval` of `ticket`.
pub fn approval_doc(ticket: &Ticket, approval: &Approval) -> ApprovalDoc {
    let ran = approval.ran.as_ref();
    ApprovalDoc {
        id: approval.id.to_string(),
        ticket: ticket.key.to_string(),
        attempt: approval.attempt.to_string(),
        gate: approval.gate.to_string(),
        by: approval.by.to_string(),
        argv: approval.asked.argv.clone(),
        command: approval.line(),
        cwd: approval.asked.cwd.clone(),
        commit: approval.asked.seen.head.as_ref().map(ToString::to_string),
        tree: approval.asked.seen.tree.as_ref().map(|it| it.as_str().to_owned()),
        diff: approval.asked.diff.as_ref().map(ToString::to_string),
        effect: approval.effect.as_str().into(),
        state: approval.state.as_str().into(),
        count: u32::try_from(approval.also.len() + 1).unwrap_or(u32::MAX),
        asked_at: approval.at,
        expires_at: approval.expires_at,
        answered_by: approval.answer.as_ref().map(|it| it.by.to_string()),
        answered_at: approval.answer.as_ref().map(|it| it.at),
        reason: approval.answer.as_ref().map(|it| it.reason.clone()).filter(|it| !it.is_empty()),
        code: approval.code.map(|it| it.as_str().to_owned()),
        note: approval.note.clone(),
        exit_code: ran.and_then(|it| it.exit_code),
        ended: ran.map(|it| it.ended.clone()),
        output: ran.and_then(|it| it.output.as_ref().map(ToString::to_string)),
        ran_at: ran.map(|it| it.at),
    }
}

fn finding_doc(finding: &super::Finding) -> FindingDoc {
    FindingDoc {
        id: finding.id.to_string(),
        gate: finding.gate.to_string(),
        file: finding.what.file.clone(),
        line: finding.what.line,
        text: finding.what.text.clone(),
        principal: finding.principal.to_string(),
        state: finding.state.as_str().into(),
        answer: finding.answer.clone(),
    }
}

fn next_action(ticket: &Ticket, situation: &Situation) -> Option<NextActionDoc> {
    let (kind, name) = match &situation.owner {
        Owner::Nobody => return None,
        Owner::Person(name) => ("person", name.clone().unwrap_or_else(|| "anyone".into())),
        Owner::Role(role) => ("role", role.to_string()),
        Owner::Controller => ("controller", "controller".into()),
        Owner::Tickets => {
            let open = ticket.blockers.iter().chain(&ticket.children);
            let open: Vec<_> =
                open.filter(|it| it.1.is_none()).map(|it| it.0.to_string()).collect();
            ("ticket", open.join(", "))
        }
        Owner::Time(at) => ("time", at.to_string()),
    };
    let who = WhoDoc { kind: kind.into(), name };
    Some(NextActionDoc { what: situation.next.clone(), who, since: ticket.since })
}

fn gate_doc(ticket: &Ticket, gate: &Gate) -> GateDoc {
    let attempts = ticket.attempts.iter().rev();
    let last = attempts.clone().find(|it| it.gate == gate.rule.id);
    let open_attempt = last.is_some_and(Attempt::is_live);
    GateDoc {
        id: gate.rule.id.to_string(),
        role: gate.rule.worker.to_string(),
        state: outcome(ticket, gate, open_attempt).into(),
        runtime: last.map(|it| it.runtime.to_string()),
        required: gate.required,
        when: gate.rule.when.as_str().into(),
        decided_by: gate.rule.decided_by.iter().map(ToString::to_string).collect(),
        requires: gate.rule.requires.iter().map(|it| it.as_str().to_owned()).collect(),
        round: gate.round,
        attempts_used: gate.used,
        attempt: last.map(|it| it.id.to_string()),
        packet: gate.packet.as_ref().map(|it| PacketRefDoc {
            digest: it.digest.to_string(),
            commit: it.commit.as_ref().map(ToString::to_string),
            status: it.status.as_str().into(),
        }),
        signoff: gate.last_signoff().map(signoff_doc),
        signoffs: gate.signoffs.iter().map(signoff_doc).collect(),
        note: note(gate),
    }
}

fn note(gate: &Gate) -> Option<String> {
    match &gate.stage {
        Stage::CouldNotRun { cause } => Some(cause.clone()),
        Stage::Stale { change } => Some(format!("{change} changed after the sign-off")),
        Stage::Pending
        | Stage::Working { .. }
        | Stage::Observing { .. }
        | Stage::Deciding { .. }
        | Stage::Passed
        | Stage::Waived
        | Stage::ChangesRequested
        | Stage::Failed => match gate.missing.as_slice() {
            [] => gate.handed_over.clone().or_else(|| gate.asked.clone()),
            missing => Some(format!("the last delivery lacked {}", missing.join(", "))),
        },
    }
}

/// Returns one of the nine outcome words.
fn outcome(ticket: &Ticket, gate: &Gate, open_attempt: bool) -> &'static str {
    let is_active = ticket.active_gate().is_some_and(|it| it.rule.id == gate.rule.id);
    match &gate.stage {
        _ if !gate.required => "not_required",
        Stage::Passed => "passed",
        Stage::Waived => "waived",
        Stage::Failed => "failed",
        Stage::CouldNotRun { .. } => "could_not_run",
        Stage::Working { .. } | Stage::Observing { .. } | Stage::Deciding { .. } => "active",
        Stage::ChangesRequested => "changes_requested",
        Stage::Stale { .. } => "stale",
        Stage::Pending if is_active && open_attempt => "active",
        Stage::Pending if is_active && gate.rule.worker == crate::rules::Worker::Controller => {
            "active"
        }
        Stage::Pending => "pending",
    }
}

fn signoff_doc(signoff: &SignOff) -> SignoffDoc {
    SignoffDoc {
        verdict: signoff.verdict.as_str().into(),
        principal: signoff.principal.to_string(),
        commit: signoff.commit.as_ref().map(ToString::to_string),
        packet: signoff.packet.as_ref().map(ToString::to_string),
        fresh: signoff.fresh,
        held: match signoff.unheld.as_slice() {
            [] => None,
            unheld => Some(format!("discouraged, not prevented: {}", unheld.join("; "))),
        },
        reason: signoff.reason.clone(),
        independence: signoff.independence.map(|it| it.as_str().to_owned()),
        at: signoff.at,
    }
}

/// Returns the document of attempt `attempt` of `ticket`.
pub fn attempt_doc(ticket: &Ticket, attempt: &Attempt) -> AttemptDoc {
    let state = match (&attempt.end, &attempt.process, &attempt.report) {
        (Some(_), _, _) => "ended",
        (None, None, _) => "starting",
        (None, Some(_), _) if attempt.session.is_some() => {
            if attempt.is_waiting {
                "idle"
            } else {
                "busy"
            }
        }
        (None, Some(_), None) => "busy",
        (None, Some(_), Some(_)) => "idle",
    };
    let is_told = attempt.session.is_some() && attempt.end.is_none();
    let source = if is_told { "protocol" } else { "process" };
    AttemptDoc {
        id: attempt.id.to_string(),
        ticket: ticket.key.to_string(),
        gate: attempt.gate.to_string(),
        round: attempt.round,
        role: attempt.role.to_string(),
        runtime: attempt.runtime.to_string(),
        model: attempt
            .model
            .clone()
            .or_else(|| attempt.session.as_ref().and_then(|it| it.model.clone())),
        epoch: attempt.epoch.0,
        state: state.into(),
        state_source: source.into(),
        pid: attempt.process.as_ref().map(|it| it.pid),
        tmux: attempt.process.as_ref().and_then(|it| it.tmux.clone()),
        started_at: attempt.started_at,
        last_progress_at: None,
        ended_at: attempt.end.as_ref().map(|it| it.at),
        terminal: attempt.end.as_ref().map(|end| terminal_doc(attempt, end)),
        death: attempt.end.as_ref().and_then(|end| end.death.clone()),
        held_by: attempt.held_by.as_ref().map(ToString::to_string),
        recording: attempt.recording.as_ref().map(ToString::to_string),
        session: session_doc(attempt),
        usage: UsageDoc {
            tokens: attempt.figures.tokens,
            cost_usd: attempt.figures.cost_micros.map(dollars),
            wall_s: attempt
                .end
                .as_ref()
                .map(|end| end.at.duration_since(attempt.started_at).as_secs_f64()),
        },
    }
}

fn session_doc(attempt: &Attempt) -> Option<SessionDoc> {
    let session = attempt.session.as_ref();
    let resumed = session.map(|it| it.resumed);
    let carried = match attempt.warm.as_ref().map(|it| &it.start) {
        Some(Start::Carried { from, ticket, .. }) => Some((from, ticket)),
        Some(Start::Anew { .. }) | None => None,
    };
    let of =
        carried.map_or_else(String::new, |(from, ticket)| format!("that of {from} ({ticket})"));
    let text = match (attempt.warm.as_ref().map(|it| &it.start), resumed) {
        (None, None) => return None,
        (None, Some(true)) => "goes on with that of the ticket's attempt before".into(),
        (None, Some(false)) => "begun for this attempt".into(),
        (Some(Start::Anew { why }), _) => format!("begun anew: {why}"),
        (Some(Start::Carried { .. }), None) => format!("is to go on with {of}"),
        (Some(Start::Carried { .. }), Some(true)) => format!("goes on with {of}"),
        (Some(Start::Carried { .. }), Some(false)) => {
            format!("begun anew: the program did not know {of} any more")
        }
    };
    Some(SessionDoc {
        id: session.map(|it| it.id.clone()),
        resumed,
        from: carried.map(|it| it.0.to_string()),
        from_ticket: carried.map(|it| it.1.to_string()),
        kept: attempt.warm.is_some(),
        text,
    })
}

#[expect(clippy::cast_precision_loss, reason = "millionths of a dollar stay far below 2^53")]
fn dollars(micros: u64) -> f64 {
    micros as f64 / 1e6
}

fn terminal_doc(attempt: &Attempt, end: &super::AttemptEnd) -> TerminalDoc {
    let status = match end.class {
        super::EndClass::Reported => "reported",
        super::EndClass::Asked => "asked",
        super::EndClass::Stopped | super::EndClass::BudgetSpent => "stopped",
        super::EndClass::Incomplete => "refused",
        super::EndClass::Lost => "expired",
        super::EndClass::SpawnFailed
        | super::EndClass::Crashed
        | super::EndClass::OomKilled
        | super::EndClass::Stalled
        | super::EndClass::TimedOut
        | super::EndClass::NoReport
        | super::EndClass::Forked
        | super::EndClass::Auth
        | super::EndClass::Quota
        | super::EndClass::ProviderDown => "died",
    };
    let is_spent = end.class == super::EndClass::BudgetSpent;
    let is_fault = end.class.costs_an_attempt() || end.class.is_runtime_fault();
    let next = match end.class {
        super::EndClass::Reported => "Mission Control looks at the delivery",
        super::EndClass::Asked => "answer the question",
        super::EndClass::Stopped => "nothing; a stop costs no attempt",
        super::EndClass::BudgetSpent => {
            "look at what it did; `mission ticket retry` allows as much again"
        }
        super::EndClass::Auth => "sign the runtime in, then run `mission doctor`",
        super::EndClass::Forked => crate::agents::EXEC,
        super::EndClass::Quota | super::EndClass::ProviderDown => {
            "wait for the breaker, or name another runtime for the role"
        }
        super::EndClass::SpawnFailed => "run `mission doctor`: the command could not be started",
        super::EndClass::Incomplete
        | super::EndClass::Crashed
        | super::EndClass::OomKilled
        | super::EndClass::Stalled
        | super::EndClass::TimedOut
        | super::EndClass::NoReport
        | super::EndClass::Lost => "it is tried again while attempts are left",
    };
    TerminalDoc {
        status: status.into(),
        summary: end.summary.clone(),
        root_cause: if is_fault || is_spent { end.class.as_str().into() } else { "none".into() },
        safe_retry: is_fault,
        stop_condition: end.class.as_str().into(),
        human_input_required: is_spent || end.class == super::EndClass::Asked,
        next_actions: vec![next.into()],
        artifacts: attempt
            .evidence
            .iter()
            .filter_map(|it| it.artifact.as_ref())
            .chain(attempt.recording.as_ref())
            .map(ToString::to_string)
            .collect(),
    }
}

/// Returns the document of `message` of `ticket`.
pub fn message_doc(ticket: &Ticket, message: &Message) -> MessageDoc {
    MessageDoc {
        id: message.id.to_string(),
        ticket: ticket.key.to_string(),
        from: message.from.to_string(),
        to: message.to.as_ref().map_or_else(|| "anyone".into(), ToString::to_string),
        kind: message.kind.as_str().into(),
        body: message.body.clone(),
        state: message.state.as_str().into(),
        queued_at: message.queued_at,
        delivered_at: message.delivered_at,
        processed_at: message.processed_at,
        attempt: message.attempt.as_ref().map(ToString::to_string),
        count: message.count,
        why: message.why.clone(),
    }
}
