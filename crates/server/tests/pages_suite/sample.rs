//! Sample documents: every state and outcome, long and foreign titles, and a board of any size.

use mission_domain::doc::{
    AttemptDoc, BudgetDoc, DeathDoc, EventDoc, FindingDoc, GateDoc, LaneDoc, MessageDoc,
    NeedsYouDoc, NextActionDoc, OperatorActDoc, PacketRefDoc, ProjectDoc, QuestionDoc, ReasonDoc,
    RuntimeDoc, SignoffDoc, SourceDoc, TerminalDoc, TicketDoc, TroubleDoc, UsageDoc, VersionDoc,
    WhoDoc, WorkspaceDoc,
};
use mission_domain::ids::{Timestamp, Version};
use mission_server::pages::PacketView;
use mission_server::pages::view::{
    Band, BandCell, BandHead, BoardColumn, BoardFilter, BoardView, CampaignLink, ConsoleView,
    Counts, FleetView, Grouping, NeedsYouView, RelatedTicket, Shell, TicketView,
};
use serde_json::json;

mod home;
mod views;
mod work;

pub(crate) use home::{
    calibration, digest, packet_page, packets, policy, projects, settings, since_page,
};

pub(crate) use views::{
    asks, bands, board, board_of, fleet, needs_you, shell, ticket_view, tickets,
};
pub(crate) use work::{acts, attempt, dead_attempt, events, lanes, message, packet};

pub(crate) const COMMIT: &str = "a41d07b29e5c4f8d9b1e7a6c3d2f10987654abcd";
const PACKET: &str = "sha256:9c1f44ab77d0c2e6f5a4b3928170655443322110ffeeddccbbaa99887766e07d";

/// The moment of every sample.
pub(crate) fn now() -> Timestamp {
    "2026-07-14T14:31:00Z".parse().expect("a moment")
}

/// `minutes` before [`now`].
pub(crate) fn ago(minutes: i64) -> Timestamp {
    Timestamp::from_second(now().as_second() - minutes * 60).expect("a moment")
}

pub(crate) const GATES: [(&str, &str); 8] = [
    ("plan", "planner"),
    ("design_direction", "designer"),
    ("implementation", "coder"),
    ("first_validation", "controller"),
    ("qa_review", "qa"),
    ("user_testing", "tester"),
    ("design_signoff", "designer"),
    ("final_validation", "controller"),
];

pub(crate) fn gate(id: &str, role: &str, state: &str) -> GateDoc {
    let worked = !matches!(state, "pending" | "not_required") && role != "controller";
    let runtime = if role == "qa" { "claude" } else { "codex" };
    let judged = matches!(state, "passed" | "waived" | "failed" | "changes_requested" | "stale");
    GateDoc {
        id: id.into(),
        role: role.into(),
        state: state.into(),
        runtime: worked.then(|| runtime.into()),
        required: state != "not_required",
        when: "always".into(),
        decided_by: vec!["controller".into()],
        requires: Vec::new(),
        round: 1,
        attempts_used: u32::from(worked),
        attempt: worked.then(|| "A-31".into()),
        packet: None,
        signoff: judged.then(|| signoff(state)),
        signoffs: Vec::new(),
        note: None,
    }
}

pub(crate) fn signoff(state: &str) -> SignoffDoc {
    let verdict = match state {
        "waived" => "waive",
        "failed" => "fail",
        "changes_requested" => "changes",
        _ => "pass",
    };
    SignoffDoc {
        verdict: verdict.into(),
        principal: if verdict == "waive" { "person:elmar".into() } else { "lane:qa/claude".into() },
        commit: Some(COMMIT.into()),
        packet: Some(PACKET.into()),
        fresh: state != "stale",
        held: None,
        reason: if verdict == "waive" { "no new flow".into() } else { String::new() },
        independence: Some("runtime".into()),
        at: ago(90),
    }
}

/// A ticket in `state`, its gates as `outcomes` says, the rest pending.
pub(crate) fn ticket(number: u32, title: &str, state: &str, outcomes: &[&str]) -> TicketDoc {
    let ended = matches!(state, "done" | "cancelled" | "superseded");
    let outcome = |n: usize| outcomes.get(n).copied().unwrap_or("pending");
    TicketDoc {
        key: format!("MC-{number}"),
        project: "MC".into(),
        title: title.into(),
        body: String::new(),
        kind: "task".into(),
        state: state.into(),
        reason: ReasonDoc {
            code: "gate_active".into(),
            text: "QA signed off a41d07b2 in round 2. Nothing has changed since.".into(),
        },
        next_action: (!ended).then(|| next("role", "coder", "deliver tests and a packet")),
        priority: "medium".into(),
        labels: Vec::new(),
        workflow: "standard".into(),
        parent: None,
        children: Vec::new(),
        blocked_by: Vec::new(),
        not_before: None,
        superseded_by: Vec::new(),
        source: SourceDoc { channel: "cli".into(), principal: "person:elmar".into() },
        workspace: Some(WorkspaceDoc {
            branch: format!("mc/{number}"),
            head: Some(COMMIT.into()),
            base: COMMIT.into(),
            dirty: false,
            present: true,
        }),
        landed_as: None,
        gates: GATES.iter().enumerate().map(|(n, (id, role))| gate(id, role, outcome(n))).collect(),
        question: None,
        findings: Vec::new(),
        approvals: Vec::new(),
        created_at: ago(i64::from(number % 50) * 90 + 60),
        updated_at: ago(38),
        closed_at: ended.then(|| ago(i64::from(number % 30) * 40)),
        version: Version(42),
    }
}

pub(crate) fn next(kind: &str, name: &str, what: &str) -> NextActionDoc {
    NextActionDoc {
        what: what.into(),
        who: WhoDoc { kind: kind.into(), name: name.into() },
        since: ago(38),
    }
}

pub(crate) const LONG: &str = "Keep every half-written message of every lane over a crash of the server, of the runner and of the agent itself, and prove with a story test that none of them is lost, doubled or typed into a busy terminal";
pub(crate) const RTL: &str = "إظهار الأرصفة المتاحة مباشرة على بطاقات المرسى";
pub(crate) const BAD: &str = "<script>alert(\"x\")</script> '\"&<img src=x onerror=alert(1)>";

/// One ticket that waits for the person's design sign-off, with everything a ticket page can show.
pub(crate) fn signoff_ticket() -> TicketDoc {
    let mut t = ticket(
        7,
        "Berth cards show live availability",
        "in_review",
        &["passed", "passed", "passed", "passed", "passed", "waived", "active"],
    );
    t.next_action = Some(next("person", "anyone", "sign off the design, or request changes"));
    t.priority = "high".into();
    t.labels = vec!["visual".into(), "user_facing".into()];
    t.body =
        "Cards show how many berths are free tonight.\n\nThe number is at most 30 s old.".into();
    let g = &mut t.gates[6];
    g.decided_by = vec!["role:designer".into(), "person".into()];
    g.requires = ["commit", "changed_files", "screenshots", "direction"].map(String::from).to_vec();
    g.packet = Some(PacketRefDoc {
        digest: PACKET.into(),
        commit: Some(COMMIT.into()),
        status: "refuted".into(),
    });
    t.gates[4].round = 2;
    t.findings = vec![FindingDoc {
        id: "F-1".into(),
        gate: "qa_review".into(),
        file: Some("web/BerthCard.tsx".into()),
        line: Some(23),
        text: "Focus ring is clipped on the last card.".into(),
        principal: "lane:qa/claude".into(),
        state: "fixed".into(),
        answer: Some("padding moved to the list".into()),
    }];
    t
}

/// A ticket with an open question.
pub(crate) fn question_ticket() -> TicketDoc {
    let mut t = ticket(11, "Empty and loading states", "needs_input", &["passed", "active"]);
    t.question = Some(QuestionDoc {
        attempt: "A-12".into(),
        gate: "design_direction".into(),
        text: "No berth free on the chosen night: what do we offer first?".into(),
        at: ago(48),
    });
    t.next_action = Some(next("person", "elmar", "answer: what do we offer first?"));
    t
}

/// A ticket that used up its attempts.
pub(crate) fn blocked_ticket() -> TicketDoc {
    let mut t =
        ticket(9, "Search bar suggests harbours", "blocked", &["passed", "not_required", "failed"]);
    t.reason = ReasonDoc {
        code: "attempts_used".into(),
        text: "Three attempts died out of memory in `pnpm test`.".into(),
    };
    t.next_action = Some(next("person", "anyone", "retry it, or park it"));
    t.priority = "urgent".into();
    t
}
