//! The situations and the commands of the matrix.

use super::fixture::{Life, ada, gate_id, key, verdict_on};
use super::lanes::{done, finding, question, verdict};
use crate::ids::{AttemptId, Commit, Digest, Epoch, MessageId};
use crate::ticket::{
    BlockCode, ChangeKind, Command, EndClass, EndHow, Kind, LaneRecord, MessageKind, Purpose,
    VerdictWord,
};

/// Every state, with the sub-situations that differ.
#[expect(clippy::too_many_lines, reason = "one line per case keeps the whole table on one page")]
pub(super) fn situations() -> Vec<(&'static str, Life)> {
    let standard = || Life::task("standard");
    let with = |mut life: Life, change: &dyn Fn(&mut Life)| {
        change(&mut life);
        life
    };
    let cancel = || Command::Cancel { reason: "no longer needed".into() };
    let blocked = |code| {
        move |life: &mut Life| {
            let mut seen = life.sees();
            seen.block = Some((code, "it stands in the way".into()));
            life.checks_and_sees(seen);
        }
    };
    let child = || {
        let mut life = Life::campaign(Some("umbrella"));
        life.does(&ada(), Command::AddChild { child: key(20) });
        life
    };
    let ends = |how| {
        move |it: &mut Life| drop(it.controller_does(Command::EndChild { child: key(20), how }))
    };
    vec![
        ("todo at plan", standard()),
        ("todo at implementation", Life::at("implementation")),
        ("todo at qa", Life::at("qa_review")),
        (
            "retry wait",
            with(standard(), &|it| {
                it.dispatches();
                it.exits(EndClass::Crashed);
            }),
        ),
        (
            "active, work",
            with(standard(), &|it| {
                it.dispatches();
            }),
        ),
        (
            "active, work reported",
            with(standard(), &|it| {
                it.dispatches();
                it.hands_in();
                it.records(LaneRecord::Report(done()));
            }),
        ),
        (
            "todo, a message waits",
            with(standard(), &|it| {
                it.says(&super::fixture::ada(), "use blue");
            }),
        ),
        (
            "active, a message waits",
            with(standard(), &|it| {
                it.dispatches();
                it.says(&super::fixture::ada(), "use blue");
            }),
        ),
        (
            "active, review",
            with(Life::at("qa_review"), &|it| {
                it.dispatches();
            }),
        ),
        (
            "active, judge",
            with(Life::task("validated"), &|it| {
                it.delivers_and_seals();
                it.dispatches();
            }),
        ),
        (
            "active, observing",
            with(standard(), &|it| {
                it.delivers();
            }),
        ),
        ("active, a check is owed", Life::at("first_validation")),
        ("active, landing", Life::at("landing")),
        ("in review, person", with(standard(), &|it| drop(it.delivers_and_seals()))),
        (
            "in review, handed over",
            with(Life::at("qa_review"), &|it| {
                it.controller_does(Command::HandOver {
                    gate: gate_id("qa_review"),
                    why: "one runtime".into(),
                });
            }),
        ),
        (
            "needs input",
            with(standard(), &|it| {
                it.dispatches();
                it.reports(question());
            }),
        ),
        (
            "changes requested",
            with(Life::at("qa_review"), &|it| {
                it.reviews(verdict(VerdictWord::Changes, &["off by one"]));
            }),
        ),
        (
            "stale",
            with(Life::at("final_validation"), &|it| {
                let head = it.commits(3, &[]);
                it.fetches(head, ChangeKind::Code);
            }),
        ),
        (
            "blocked, attempts used up",
            with(standard(), &|it| {
                for _ in 0..3 {
                    it.passes(400);
                    it.dispatches();
                    it.exits(EndClass::Crashed);
                }
            }),
        ),
        (
            "blocked, rounds used up",
            with(Life::at("first_validation"), &|it| {
                for patch in 2..5 {
                    it.refutes("it fails");
                    if patch < 4 {
                        it.delivers_commit(patch, &[]);
                    }
                }
            }),
        ),
        (
            "blocked, failed",
            with(standard(), &|it| {
                it.delivers_and_seals();
                it.judges(&ada(), VerdictWord::Fail);
            }),
        ),
        (
            "blocked, pre-existing",
            with(Life::at("first_validation"), &blocked(BlockCode::PreExisting)),
        ),
        (
            "blocked, could not run",
            with(Life::at("first_validation"), &|it| {
                let (gate, cause) = (gate_id("first_validation"), "no disk".into());
                it.controller_does(Command::FailToRun { gate, cause });
            }),
        ),
        (
            "blocked, merge conflict",
            with(Life::at("landing"), &|it| {
                let text = "conflict in a.rs".into();
                it.controller_does(Command::BlockLanding { code: BlockCode::MergeConflict, text });
            }),
        ),
        (
            "needs input, an approval",
            with(standard(), &|it| {
                it.dispatches();
                it.records(LaneRecord::Approval(Box::new(super::story_approval::push())));
            }),
        ),
        (
            "active, an approved command runs",
            with(standard(), &|it| {
                it.dispatches();
                it.records(LaneRecord::Approval(Box::new(super::story_approval::push())));
                it.reports(done());
                let approval = it.ticket.approvals[0].id;
                it.does(&ada(), Command::Approve { approval });
                let place = Ok(super::story_approval::push().seen);
                let message = MessageId(800);
                it.controller_does(Command::BeginApproved { approval, place, message });
            }),
        ),
        ("parked", with(standard(), &|it| drop(it.does(&ada(), Command::Park)))),
        (
            "waiting, blocked by",
            Life::filed("standard", Kind::Task, |it| it.blocked_by = vec![key(5)]),
        ),
        (
            "waiting, not before",
            Life::filed("standard", Kind::Task, |it| {
                it.not_before = Some("2026-03-01T09:00:01Z".parse().expect("a timestamp"));
            }),
        ),
        ("campaign, no children", Life::campaign(None)),
        ("campaign with gates, a child open", child()),
        ("campaign with gates, ended well", with(child(), &ends(EndHow::Done))),
        ("campaign, none is done", with(child(), &ends(EndHow::Cancelled))),
        (
            "done",
            with(Life::at("landing"), &|it| {
                it.controller_does(Command::RecordLanding { commit: Commit::new("landed") });
            }),
        ),
        ("cancelled", with(standard(), &|it| drop(it.does(&ada(), cancel())))),
        (
            "superseded",
            with(standard(), &|it| {
                it.does(&ada(), Command::Supersede { by: vec![key(8), key(9)] });
            }),
        ),
    ]
}

/// Every command, fitted to the situation.
#[expect(clippy::too_many_lines, reason = "one line per case keeps the whole table on one page")]
pub(super) fn commands(of: &Life) -> Vec<(&'static str, Command)> {
    let mut life = of.clone();
    let active = of.ticket.active_gate().map_or(gate_id("plan"), |it| it.rule.id.clone());
    let last = of.ticket.attempts.last();
    let (attempt, epoch, number) =
        last.map_or((AttemptId(1), Epoch(1), 1), |it| (it.id, it.epoch, it.last_record + 1));
    let record = |record| Command::Record { attempt, epoch, number, record };
    let exit = |class| record(LaneRecord::Exited { class, summary: "over".into(), death: None });
    let claim = |life: &mut Life, role, runtime, purpose| {
        life.claim(active.as_str(), role, runtime, purpose)
    };
    let unknown = crate::ids::ApprovalId { attempt, record: 1 };
    let approval = of.ticket.approvals.first().map_or(unknown, |it| it.id);
    let message = of.ticket.messages.last().map_or(MessageId(901), |it| it.id);
    let seen = Box::new(life.sees());
    let mut refuted = life.sees();
    refuted.findings.push(finding("it fails"));
    let on = of.ticket.head.as_ref().map(|it| it.commit.clone());
    let check = |seen| Command::Check { gate: active.clone(), on: on.clone(), seen };
    let head = |life: &mut Life, patch, change| Command::ObserveHead {
        head: life.commits(patch, &[]),
        change,
        contributors: vec![],
    };
    let text = || String::from("because");
    vec![
        (
            "person edits the title",
            Command::Edit {
                title: Some("Other".into()),
                body: None,
                priority: None,
                labels: None,
                add_blockers: vec![],
                remove_blockers: vec![],
                not_before: None,
                message: Some(MessageId(90)),
            },
        ),
        (
            "person adds the label `visual`",
            super::random::edit(Some(vec!["visual".into()]), vec![], None),
        ),
        ("person adds a blocker", super::random::edit(None, vec![key(6)], None)),
        ("person parks", Command::Park),
        ("person unparks", Command::Unpark),
        ("person cancels", Command::Cancel { reason: text() }),
        ("person supersedes", Command::Supersede { by: vec![key(8)] }),
        ("person reopens", Command::Reopen),
        ("person retries", Command::Retry { reason: text() }),
        ("person comments", Command::Comment { text: text() }),
        ("person signs off", verdict_on(None, VerdictWord::Pass)),
        ("person requests changes", verdict_on(None, VerdictWord::Changes)),
        ("person fails it", verdict_on(None, VerdictWord::Fail)),
        ("person waives", verdict_on(None, VerdictWord::Waive)),
        ("person requests changes of plan", verdict_on(Some("plan"), VerdictWord::Changes)),
        ("person withdraws", Command::Withdraw { gate: None }),
        ("person answers", Command::Answer { text: text(), id: MessageId(900) }),
        (
            "person says",
            Command::Say {
                text: text(),
                to: None,
                kind: MessageKind::Instruction,
                id: MessageId(901),
            },
        ),
        ("person takes a message back", Command::WithdrawMessage { id: message, left: None }),
        (
            "person takes back what was left",
            Command::WithdrawMessage { id: message, left: Some(attempt) },
        ),
        ("planner claims", claim(&mut life, "planner", "codex", Purpose::Deliver)),
        ("coder claims", claim(&mut life, "coder", "codex", Purpose::Deliver)),
        ("qa claims", claim(&mut life, "qa", "claude", Purpose::Review)),
        ("validator claims to judge", claim(&mut life, "validator", "claude", Purpose::Judge)),
        ("attempt begins", record(LaneRecord::Began { pid: 7, tmux: None })),
        ("attempt reports done", record(LaneRecord::Report(done()))),
        (
            "attempt asks for approval",
            record(LaneRecord::Approval(Box::new(super::story_approval::push()))),
        ),
        ("person approves", Command::Approve { approval }),
        ("person denies", Command::Deny { approval, reason: text(), message: MessageId(902) }),
        (
            "approved command begins",
            Command::BeginApproved {
                approval,
                place: Ok(super::story_approval::push().seen),
                message: MessageId(903),
            },
        ),
        (
            "approved command ran",
            Command::EndApproved {
                approval,
                ran: super::story_approval::ran(0),
                message: MessageId(904),
            },
        ),
        ("approved command is lost", Command::LoseApproved { approval }),
        ("approval expires", Command::ExpireApproval { approval, message: MessageId(905) }),
        ("attempt asks", record(LaneRecord::Report(question()))),
        ("attempt says pass", record(LaneRecord::Report(verdict(VerdictWord::Pass, &[])))),
        ("attempt exits", exit(EndClass::Reported)),
        ("attempt crashes", exit(EndClass::Crashed)),
        ("attempt meets a quota", exit(EndClass::Quota)),
        ("person takes over", Command::TakeOver { attempt }),
        ("session is given back", Command::GiveBack { attempt }),
        (
            "recording is kept",
            Command::KeepRecording { attempt, recording: Digest::of(b"recording") },
        ),
        (
            "lease runs out",
            Command::EndAttempt { attempt, epoch, class: EndClass::Lost, summary: text() },
        ),
        (
            "workspace is made",
            Command::MakeWorkspace { branch: "mc/1".into(), base: Commit::new("base") },
        ),
        ("workspace is removed", Command::RemoveWorkspace { kept: None }),
        ("other code is fetched", head(&mut life, 90, ChangeKind::Code)),
        ("a rebase is fetched", head(&mut life, 1, ChangeKind::TrivialRebase)),
        (
            "work of another is found",
            Command::Credit { contributors: vec![super::lanes::contributor("coder", "gemini")] },
        ),
        ("delivery is looked at", Command::Seal { attempt, seen: seen.clone() }),
        ("checks hold", check(seen)),
        ("checks fail", check(Box::new(refuted))),
        ("checks cannot run", Command::FailToRun { gate: active.clone(), cause: "no disk".into() }),
        ("decision is handed over", Command::HandOver { gate: active.clone(), why: text() }),
        ("landing is recorded", Command::RecordLanding { commit: Commit::new("landed") }),
        ("base moves", Command::MoveBase { base: Commit::new("base2") }),
        (
            "landing is blocked",
            Command::BlockLanding { code: BlockCode::LandBlocked, text: text() },
        ),
        ("blocker ends", Command::Release { blocker: key(5), how: EndHow::Done, by: vec![] }),
        (
            "blocker is superseded",
            Command::Release { blocker: key(5), how: EndHow::Superseded, by: vec![key(6)] },
        ),
        ("time comes", Command::Wake),
        ("child is added", Command::AddChild { child: key(21) }),
        ("child is done", Command::EndChild { child: key(20), how: EndHow::Done }),
        ("child is cancelled", Command::EndChild { child: key(20), how: EndHow::Cancelled }),
        ("child is reopened", Command::ReopenChild { child: key(20) }),
        ("operator corrects", Command::Correct { rule: "requeue".into(), cause: "quota".into() }),
        ("operator finishes", Command::Finish),
        (
            "messages are given up",
            Command::GiveUpMessages { ids: vec![MessageId(900)], why: text() },
        ),
    ]
}
