//! Sample documents: every state and outcome, long and foreign titles, and a board of any size.

use mission_domain::doc::{
    AttemptDoc, DeathDoc, EventDoc, FindingDoc, GateDoc, LaneDoc, MessageDoc, NeedsYouDoc,
    NextActionDoc, OperatorActDoc, PacketRefDoc, ProjectDoc, QuestionDoc, ReasonDoc, RuntimeDoc,
    SignoffDoc, SourceDoc, TerminalDoc, TicketDoc, UsageDoc, WhoDoc, WorkspaceDoc,
};
use mission_domain::ids::{Timestamp, Version};
use mission_server::pages::PacketView;
use mission_server::pages::view::{
    BoardFilter, BoardView, CampaignLink, ConsoleView, Counts, FleetView, NeedsYouView,
    RelatedTicket, Shell, TicketView,
};
use serde_json::json;

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

pub(crate) fn shell() -> Shell {
    let campaign = |key: &str, title: &str, percent| CampaignLink {
        key: key.into(),
        title: title.into(),
        percent,
    };
    Shell {
        person: "elmar".into(),
        projects: vec![project("MC"), project("WEB")],
        current_project: Some("MC".into()),
        counts: Counts { needs_you: 4, open: 24, died: 1 },
        campaigns: vec![
            campaign("MC-19", "Home visual redesign", 53),
            campaign("MC-20", "Review loop", 18),
            campaign("MC-21", "Harden the runner", 83),
        ],
        csrf: "token-of-the-session".into(),
        now: now(),
        seq: 4711,
        problem_notices: Vec::new(),
    }
}

fn project(key: &str) -> ProjectDoc {
    ProjectDoc {
        key: key.into(),
        path: format!("/home/ada/{key}"),
        default_branch: "main".into(),
        workflow: "standard".into(),
        checks: vec!["cargo test".into()],
        trusted: true,
        policy_digest: PACKET.into(),
        config_problem: None,
        notice: None,
    }
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

pub(crate) fn asks() -> Vec<NeedsYouDoc> {
    let ask = |kind: &str, what: &str, holds_up, ticket: TicketDoc, detail: &str| NeedsYouDoc {
        kind: kind.into(),
        what: what.into(),
        rank_reason: String::new(),
        holds_up,
        ticket,
        detail: detail.into(),
    };
    let mut plan = ticket(10, "Back off when a tmux pane is gone", "in_review", &["active"]);
    plan.next_action = Some(next("person", "anyone", "sign off the plan"));
    let mut work = ticket(
        13,
        "Ask the harbour master for tariffs",
        "active",
        &["passed", "not_required", "active"],
    );
    work.gates[2].runtime = Some("person".into());
    work.next_action = Some(next("person", "elmar", "do the work and report"));
    vec![
        ask(
            "signoff",
            "sign off the design of berth cards, or request changes",
            2,
            signoff_ticket(),
            "Cards poll every 30 s. One of five claims was refuted: `pnpm lighthouse` scored 91, not 97.",
        ),
        ask(
            "question",
            "No berth free on the chosen night: what do we offer first?",
            1,
            question_ticket(),
            "",
        ),
        ask(
            "blocked",
            "decide how the search bar goes on",
            1,
            blocked_ticket(),
            "coder · codex died 3 of 3: out of memory, exit 137, peak 7.9 of 8 GiB, in `pnpm test`.",
        ),
        ask(
            "signoff",
            "sign off the plan",
            1,
            plan,
            &"## Steps\n1. Look for the pane before each write.\n2. Wait 10 s, 20 s, 40 s.\n"
                .repeat(8),
        ),
        ask("work", "ask the harbour master, and report", 0, work, "Ring them before noon."),
    ]
}

pub(crate) fn lane(role: &str, state: &str, attempts: &[&str], queued: u32) -> LaneDoc {
    LaneDoc {
        role: role.into(),
        project: "MC".into(),
        state: state.into(),
        slots: 2,
        attempts: attempts.iter().map(|a| (*a).into()).collect(),
        queued,
        runtimes: vec![runtime("codex", "half_open"), runtime("claude", "closed")],
        note: (state == "no_runtime")
            .then(|| "no runtime of this role was found on this host".into()),
    }
}

fn runtime(name: &str, breaker: &str) -> RuntimeDoc {
    RuntimeDoc {
        name: name.into(),
        driver: name.into(),
        command: vec![name.into()],
        model: Some("gpt-5.5".into()),
        breaker: breaker.into(),
        note: (breaker != "closed").then(|| "3 deaths in 10 min; trial at 14:33".into()),
        found: Some(true),
        from: "built-in".into(),
    }
}

pub(crate) fn lanes() -> Vec<LaneDoc> {
    vec![
        lane("planner", "idle", &[], 2),
        lane("designer", "busy", &["A-12"], 0),
        lane("coder", "busy", &["A-31", "A-32"], 1),
        lane("qa", "paused", &[], 1),
        lane("tester", "no_runtime", &[], 0),
        lane("validator", "idle", &[], 0),
    ]
}

pub(crate) fn acts() -> Vec<OperatorActDoc> {
    let act = |id: &str, rule: &str, key: &str, did: &str, undone| OperatorActDoc {
        id: id.into(),
        rule: rule.into(),
        ticket: Some(key.into()),
        cause: "no process holds A-30".into(),
        did: did.into(),
        at: ago(60),
        undone,
        undoable: true,
    };
    vec![
        act("O-4", "lost-attempt", "MC-75", "ended a lost attempt", false),
        act("O-3", "blocker-open", "MC-2", "moved to waiting", true),
    ]
}

pub(crate) fn attempt(id: &str, state: &str) -> AttemptDoc {
    AttemptDoc {
        id: id.into(),
        ticket: "MC-7".into(),
        gate: "implementation".into(),
        round: 1,
        role: "coder".into(),
        runtime: "codex".into(),
        model: Some("gpt-5.5".into()),
        epoch: 3,
        state: state.into(),
        state_source: "hook".into(),
        pid: Some(48213),
        tmux: Some("mc-MC-7:A-31".into()),
        started_at: ago(130),
        last_progress_at: Some(ago(1)),
        ended_at: None,
        terminal: None,
        death: None,
        usage: UsageDoc { tokens: Some(4_100_000), cost_usd: Some(6.84), wall_s: Some(7800.0) },
    }
}

pub(crate) fn dead_attempt() -> AttemptDoc {
    let mut a = attempt("A-29", "ended");
    a.ticket = "MC-9".into();
    a.ended_at = Some(ago(22));
    a.terminal = Some(TerminalDoc {
        status: "died".into(),
        summary: "killed while it ran pnpm test".into(),
        root_cause: "oom_killed".into(),
        safe_retry: false,
        stop_condition: "signal".into(),
        human_input_required: true,
        next_actions: vec!["give it more memory".into(), "fall back to claude".into()],
        artifacts: Vec::new(),
    });
    a.death = Some(DeathDoc {
        exit_code: None,
        signal: Some("SIGKILL".into()),
        oom: "yes".into(),
        max_rss_bytes: Some(8_482_560_410),
        last_tool: Some("pnpm test --maxWorkers=8".into()),
        last_output: "<--- Last few GCs --->\nKilled".into(),
        orphans: Vec::new(),
    });
    a
}

pub(crate) fn message(id: &str, state: &str, body: &str) -> MessageDoc {
    let reached = |at| (state == "processed" || state == "delivered").then_some(at);
    MessageDoc {
        id: id.into(),
        ticket: "MC-7".into(),
        from: "person:elmar".into(),
        to: "coder".into(),
        kind: "instruction".into(),
        body: body.into(),
        state: state.into(),
        queued_at: ago(20),
        delivered_at: reached(ago(19)),
        processed_at: (state == "processed").then(|| ago(10)),
        attempt: Some("A-31".into()),
        count: if state == "queued" { 3 } else { 1 },
        why: (state == "undeliverable").then(|| "the ticket ended".into()),
    }
}

pub(crate) fn event(seq: u64, kind: &str, principal: &str, body: serde_json::Value) -> EventDoc {
    EventDoc {
        seq,
        at: ago(500 - i64::try_from(seq).expect("small")),
        project: Some("MC".into()),
        ticket: Some("MC-7".into()),
        version: None,
        kind: kind.into(),
        principal: principal.into(),
        attempt: Some("A-31".into()),
        epoch: None,
        body,
        prev: String::new(),
        hash: String::new(),
    }
}

/// A story's events, newest first, with 40 sweeps that did the same two things.
pub(crate) fn events() -> Vec<EventDoc> {
    let mut all = vec![
        event(1, "opened", "person:elmar", json!({})),
        event(2, "claimed", "lane:planner/codex", json!({"gate": "plan"})),
        event(3, "packet_sealed", "controller", json!({"gate": "plan"})),
        event(
            4,
            "judged",
            "person:elmar",
            json!({"gate": "plan", "signoff": {"verdict": "pass", "reason": "go"}}),
        ),
        event(
            5,
            "judged",
            "scripted",
            json!({"gate": "design_direction", "signoff": {"verdict": "pass", "reason": ""}}),
        ),
        event(
            6,
            "attempt_ended",
            "lane:coder/codex",
            json!({"attempt": "A-31", "end": {"status": "reported", "summary": "the cards poll"}}),
        ),
        event(
            7,
            "judged",
            "lane:qa/claude",
            json!({"gate": "qa_review", "signoff": {"verdict": "changes", "reason": "2 findings"}}),
        ),
    ];
    for n in 0..40 {
        all.push(event(
            8 + 2 * n,
            "corrected",
            "controller",
            json!({"rule": "lost-attempt", "cause": "no process"}),
        ));
        all.push(event(
            9 + 2 * n,
            "message_queued",
            "controller",
            json!({"text": "are you still there?"}),
        ));
    }
    all.reverse();
    all
}

pub(crate) fn packet() -> PacketView {
    let shot = |width, d: f64| json!({"page": "/", "width": width, "scheme": "light", "before": PACKET, "after": PACKET, "difference_percent": d});
    serde_json::from_value(json!({
        "gate": "design_signoff", "round": 2, "commit": COMMIT, "tree": COMMIT, "base": COMMIT, "digest": PACKET, "status": "refuted",
        "files": [{"path": "web/BerthCard.tsx", "added": 120, "removed": 64}, {"path": "web/berth.css", "added": 94, "removed": 32}, {"path": "web/boat.png"}],
        "commands": [
            {"run": "pnpm test", "claimed": {"exit_code": 0, "tests": 312}, "result": "verified", "exit_code": 0, "tests": {"executed": 312, "failed": 0}},
            {"run": "pnpm lighthouse", "claimed": "score 97", "result": "refuted", "exit_code": 1, "note": "measured 91"},
            {"run": "pnpm e2e:ios", "claimed": 0, "result": "not_rerun", "exit_code": null, "tests": null, "note": "no runner for iOS here"},
            {"run": "pnpm audit", "claimed": null, "result": "could_not_run", "advisory": true},
        ],
        "screenshots": [shot(1440, 3.6), shot(390, 7.4)],
        "findings": ["F-1"], "risk": "Low. Cards poll every 30 s, about 2 more requests a second at peak.",
        "ships": {"push": "none", "deploy": "requested", "restart": "none"},
        "artifacts": [PACKET, {"name": "direction.md", "digest": PACKET, "bytes": 2048}],
    }))
    .expect("a packet")
}

pub(crate) fn needs_you() -> NeedsYouView {
    NeedsYouView { shell: shell(), asks: asks(), lanes: lanes(), acts: acts() }
}

pub(crate) fn ticket_view() -> TicketView {
    let related = |how: &str, n: u32, title: &str, state: &str| RelatedTicket {
        how: how.into(),
        key: format!("MC-{n}"),
        title: title.into(),
        state: state.into(),
    };
    TicketView {
        shell: shell(),
        ticket: signoff_ticket(),
        holds_up: 2,
        packet: Some(packet()),
        attempts: vec![attempt("A-31", "busy"), dead_attempt()],
        console: Some(ConsoleView { attempt: attempt("A-31", "busy"), output: "› elmar: Show the cards at 390 px in dark, too.\n\n• Ran pnpm shots home --width 390 --theme dark\n  └ ✓ built in 3.2 s\n    ✓ served on :4173, seed harbours-7\n\n• Working (41s · esc to interrupt)".into(), attach: Some("tmux attach -t mc-MC-7".into()) }),
        messages: vec![message("M-3", "queued", "After the sign-off, rebase on main."), message("M-2", "delivered", "Show the cards at 390 px in dark, too."), message("M-1", "processed", "Focus ring is clipped on the last card."), message("M-0", "undeliverable", RTL)],
        events: events(),
        acts: acts(),
        related: vec![related("in", 19, "Home visual redesign", "waiting"), related("waits for", 12, "Flag and rollout", "done"), related("holds up", 17, "Remove legacy home CSS", "waiting")],
        children: Vec::new(),
        policy: vec!["qa runs on another runtime than coder".into(), "deploy, restart and push to main need an approval".into()],
        previous: Some("MC-6".into()),
        next: Some("MC-8".into()),
    }
}

pub(crate) fn fleet() -> FleetView {
    FleetView {
        shell: shell(),
        lanes: lanes(),
        attempts: vec![
            attempt("A-31", "busy"),
            attempt("A-32", "awaiting_approval"),
            dead_attempt(),
        ],
        acts: acts(),
    }
}

const STATE_OUTCOMES: [(&str, &[&str]); 12] = [
    ("todo", &[]),
    ("waiting", &["passed", "not_required"]),
    ("parked", &[]),
    ("active", &["passed", "not_required", "active"]),
    ("active", &["passed", "passed", "passed", "passed", "changes_requested"]),
    ("in_review", &["passed", "passed", "passed", "passed", "passed", "waived", "active"]),
    ("in_review", &["passed", "passed", "passed", "passed", "stale"]),
    ("needs_input", &["passed", "active"]),
    ("blocked", &["passed", "not_required", "failed"]),
    ("blocked", &["passed", "not_required", "passed", "could_not_run"]),
    ("cancelled", &[]),
    ("superseded", &["passed"]),
];
const TITLES: [&str; 6] = [
    "Activate QA reviewer",
    "Home paints under 1.8 s on 4G",
    "Search shows the old name after a rename",
    "Dark theme for home",
    LONG,
    RTL,
];

/// A board of `n` tickets in all states.
pub(crate) fn tickets(n: u32) -> Vec<TicketDoc> {
    let made = |i: u32| {
        let (state, outcomes) = STATE_OUTCOMES[i as usize % STATE_OUTCOMES.len()];
        let done = i % 9 == 8;
        let title = TITLES[i as usize % TITLES.len()];
        let mut t = if done {
            ticket(100 + i, title, "done", &["passed"; 8])
        } else {
            ticket(100 + i, title, state, outcomes)
        };
        t.priority = ["urgent", "high", "medium", "low"][i as usize % 4].into();
        t.title = if n > 100 { format!("{title} ({i})") } else { t.title };
        if state == "waiting" {
            t.blocked_by = vec!["MC-7".into(), "MC-9".into(), "MC-11".into()];
        }
        if matches!(state, "needs_input") || (state == "in_review" && i % 2 == 1) {
            t.next_action = t
                .next_action
                .map(|_| next("person", "anyone", "sign off the design, or request changes"));
        }
        t
    };
    (0..n).map(made).collect()
}

pub(crate) fn board(n: u32) -> BoardView {
    let mut all = tickets(n);
    all.extend([signoff_ticket(), question_ticket(), blocked_ticket()]);
    BoardView::sorted(shell(), all, BoardFilter::default())
}
