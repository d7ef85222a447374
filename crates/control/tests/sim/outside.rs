//! What goes on outside the process and survives its crashes: lanes with their journals, branches, the default branch.

use std::collections::BTreeMap;

use mission_domain::ids::{AttemptId, Commit, Digest, Epoch, TicketKey, Tree};
use mission_domain::principal::{Contributor, Principal};
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{
    AgentSession, Attempt, BlockCode, ChangeKind, Command, EndClass, Evidence, FindingAnswer,
    FindingState, Gate, Head, LaneRecord, NewFinding, Observation, PacketRef, PacketStatus,
    Purpose, Report, Ticket, VerdictWord,
};

use crate::chance::Chance;
use crate::sessions::carried;

/// The journal of one attempt, as its shim keeps it.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    pub(crate) ticket: TicketKey,
    pub(crate) attempt: AttemptId,
    pub(crate) epoch: Epoch,
    pub(crate) by: Principal,
    pub(crate) journal: Vec<LaneRecord>,
}

impl Lane {
    /// Returns the lane of the live attempt of `ticket`.
    pub(crate) fn of(ticket: &Ticket, attempt: &Attempt) -> Self {
        Self {
            ticket: ticket.key.clone(),
            attempt: attempt.id,
            epoch: attempt.epoch,
            by: attempt.principal.clone(),
            journal: Vec::new(),
        }
    }

    /// Returns record `number` as the command it becomes.
    pub(crate) fn tells(&self, number: u64) -> Option<Command> {
        let record = self.journal.get(usize::try_from(number).ok()?.checked_sub(1)?)?.clone();
        let (attempt, epoch) = (self.attempt, self.epoch);
        Some(Command::Record { attempt, epoch, number, record })
    }
}

/// Everything outside.
#[derive(Debug, Default)]
pub(crate) struct Outside {
    pub(crate) lanes: BTreeMap<AttemptId, Lane>,
    pub(crate) branches: BTreeMap<TicketKey, (Head, u64)>,
    pub(crate) main: Vec<Commit>,
    names: u64,
}

impl Outside {
    /// Returns a number that nobody has had.
    pub(crate) fn name(&mut self) -> u64 {
        self.names += 1;
        self.names
    }

    /// Somebody commits on the ticket's branch; returns what kind of change that is.
    pub(crate) fn commits(&mut self, ticket: &TicketKey, chance: &mut Chance) -> ChangeKind {
        let number = self.name();
        let paths = if chance.one_in(5) { "ui/page.html" } else { "src/lib.rs" };
        let before = self.branches.get(ticket).cloned();
        let change = match (&before, chance.below(6)) {
            (Some(_), 0) => ChangeKind::TrivialRebase,
            (Some(_), 1) => ChangeKind::NoCodeChange,
            _ => ChangeKind::Code,
        };
        let patch = match (&before, change) {
            (Some((_, patch)), ChangeKind::TrivialRebase | ChangeKind::NoCodeChange) => *patch,
            _ => number,
        };
        let tree = match (before, change) {
            (Some((head, _)), ChangeKind::NoCodeChange) => head.tree,
            _ => Tree::new(format!("p{patch}.{number}")),
        };
        let commit = Commit::new(format!("c{number}"));
        let head = Head {
            commit,
            tree,
            base: Commit::new("base"),
            paths: vec![paths.into()],
            left_out: 0,
        };
        self.branches.insert(ticket.clone(), (head, patch));
        change
    }

    /// Returns how the branch differs from what `ticket` knows, as git would say it.
    pub(crate) fn moved(&self, ticket: &Ticket) -> Option<(Head, ChangeKind)> {
        let (head, _) = self.branches.get(&ticket.key)?;
        let patch = |tree: &Tree| tree.as_str().split('.').next().map(str::to_owned);
        let change = match &ticket.head {
            Some(known) if known.commit == head.commit => return None,
            Some(known) if known.tree == head.tree => ChangeKind::NoCodeChange,
            Some(known) if patch(&known.tree) == patch(&head.tree) => ChangeKind::TrivialRebase,
            Some(_) | None => ChangeKind::Code,
        };
        Some((head.clone(), change))
    }

    /// Returns what Mission Control sees of a delivery of `attempt`.
    pub(crate) fn seen(
        &mut self,
        ticket: &Ticket,
        by: Option<&Attempt>,
        chance: &mut Chance,
    ) -> Observation {
        let head = self.moved(ticket);
        let mut contributors = ticket.contributors.clone();
        if let (Some(by), Some(_)) = (by, &head) {
            let who =
                Contributor { principal: by.principal.clone(), identity: by.identity.clone() };
            if !contributors.contains(&who) {
                contributors.push(who);
            }
        }
        let at = head.as_ref().map(|it| &it.0).or(ticket.head.as_ref());
        let packet = PacketRef {
            commit: at.map(|it| it.commit.clone()),
            tree: at.map(|it| it.tree.clone()),
            digest: Digest::of(&self.names.wrapping_add(chance.below(1 << 40) << 20).to_le_bytes()),
            status: PacketStatus::Verified,
            envelope: None,
        };
        let command = chance.one_in(2).then(|| "make".to_owned());
        let finding = NewFinding { file: None, line: None, text: "it fails".into(), command };
        let mut seen = Observation {
            head,
            contributors,
            packet,
            missing: Vec::new(),
            findings: Vec::new(),
            answers: Vec::new(),
            block: None,
            ask_person: None,
        };
        match chance.below(16) {
            0 => seen.findings.push(finding),
            1 if by.is_some() => seen.missing.push("changed files".into()),
            2 if chance.one_in(3) => {
                seen.block = Some((BlockCode::PreExisting, "the base fails".into()))
            }
            _ => {}
        }
        let writes = |it: &Gate| it.rule.requires.contains(&EvidenceKind::Commit);
        let gate = by.and_then(|it| ticket.gate(&it.gate));
        if gate.is_some_and(writes) && !self.branches.contains_key(&ticket.key) {
            seen.missing.push("a commit".into());
        }
        seen.answers = ticket
            .findings
            .iter()
            .filter(|it| it.what.command.is_some() && it.state == FindingState::Open)
            .map(|it| FindingAnswer {
                finding: it.id,
                state: FindingState::Fixed,
                text: "it passes".into(),
            })
            .collect();
        seen
    }

    /// The agent's program tells its session: the one that it was to go on with, or another one where it forgot that.
    fn opens(&mut self, of: &Attempt, chance: &mut Chance) -> LaneRecord {
        let kept = of.warm.as_deref().and_then(carried).filter(|_| !chance.one_in(6));
        let resumed = kept.is_some();
        let id = kept.map_or_else(|| format!("s{}", self.name()), str::to_owned);
        let session = AgentSession { id, program: "agent 1".into(), model: None, resumed };
        LaneRecord::Session(Box::new(session))
    }

    /// The agent of the lane does the next thing: it goes into the journal first.
    pub(crate) fn works(&mut self, ticket: &Ticket, of: &Attempt, chance: &mut Chance) {
        let exit = |class| LaneRecord::Exited { class, summary: "over".into(), death: None };
        let has = |kind: EvidenceKind| of.evidence.iter().any(|it| it.kind == kind);
        let requires = ticket.gate(&of.gate).map_or(Vec::new(), |it| it.rule.requires.clone());
        let lacking = requires.iter().copied().find(|kind| !has(*kind));
        let answered =
            |id| of.evidence.iter().filter_map(|it| it.answer.as_ref()).any(|it| it.finding == id);
        let unanswered = ticket.open_findings(&of.gate).map(|it| it.id).find(|id| !answered(*id));
        let queued: Vec<_> = ticket.queued_for(&of.role).map(|it| it.id).collect();
        let opens = of.warm.is_some() && of.session.is_none() && !chance.one_in(4);
        let record = match chance.below(24) {
            _ if opens => self.opens(of, chance),
            0 => exit(chance.pick(EndClass::ALL)),
            1 if of.report.is_none() => {
                LaneRecord::Report(Report::Question { text: "which colour?".into() })
            }
            2 => LaneRecord::Began { pid: 7, tmux: None },
            3..=5 if !queued.is_empty() => LaneRecord::Delivered { ids: queued },
            _ if of.report.is_some() => {
                exit(if chance.one_in(8) { EndClass::Crashed } else { EndClass::Reported })
            }
            _ => match (lacking, unanswered) {
                (Some(kind), _) if !chance.one_in(20) => {
                    LaneRecord::Evidence(Box::new(evidence(kind)))
                }
                (_, Some(finding)) if !chance.one_in(20) => {
                    let answer =
                        FindingAnswer { finding, state: FindingState::Fixed, text: "done".into() };
                    let risk = evidence(EvidenceKind::Risk);
                    LaneRecord::Evidence(Box::new(Evidence { answer: Some(answer), ..risk }))
                }
                _ => LaneRecord::Report(report(of.purpose, chance)),
            },
        };
        let is_commit = |kind: EvidenceKind| requires.contains(&kind);
        let commits = matches!(record, LaneRecord::Report(Report::Done { .. }));
        if commits && is_commit(EvidenceKind::Commit) && !chance.one_in(6) {
            self.commits(&ticket.key, chance);
        }
        if let Some(lane) = self.lanes.get_mut(&of.id) {
            lane.journal.push(record);
        }
    }
}

fn evidence(kind: EvidenceKind) -> Evidence {
    Evidence {
        kind,
        text: "as claimed".into(),
        command: None,
        url: None,
        file: None,
        // Only named: what it would be is not written here.
        artifact: Some(Digest::of(kind.as_str().as_bytes())),
        paths: Vec::new(),
        answer: None,
    }
}

fn report(purpose: Purpose, chance: &mut Chance) -> Report {
    let verdict = match (purpose, chance.below(6)) {
        (Purpose::Deliver, _) | (_, 0) => return Report::Done { summary: "it is there".into() },
        (Purpose::Review | Purpose::Judge, 1) => VerdictWord::Changes,
        (Purpose::Review | Purpose::Judge, _) => VerdictWord::Pass,
    };
    Report::Verdict { verdict, reason: "looked at it".into(), findings: Vec::new() }
}
