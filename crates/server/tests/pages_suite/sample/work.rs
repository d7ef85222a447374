//! Lanes, attempts, messages, events and a packet.

use super::*;

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
        untold: None,
        declared: Vec::new(),
        version: Some(VersionDoc {
            told: format!("{name} 2.1.331"),
            number: Some("2.1.331".into()),
            is_tested: Some(breaker != "closed"),
            tested: Some("2.1.330".into()),
            note: (breaker == "closed").then(|| "not tested: 2.1.330 is".into()),
            fix: (breaker == "closed")
                .then(|| "`npm install -g x@2.1.330` installs that one".into()),
            attempt: Some("A-30".into()),
            at: Some(ago(60)),
        }),
        trouble: (breaker != "closed").then(|| TroubleDoc {
            kind: "auth".into(),
            what: format!("`{name}` is not signed in, or its sign-in was refused: HTTP 401"),
            since: Some(ago(12)),
            fix: format!("run `{name} login`, as the user that the server runs as"),
        }),
        trial: (breaker != "closed").then(|| ago(-2)),
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
        held_by: None,
        recording: None,
        session: None,
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
    let shot = |width, d: f64| json!({"page": "/", "width": width, "scheme": "light", "before": PACKET, "after": PACKET, "difference": PACKET, "difference_percent": d});
    serde_json::from_value(json!({
        "gate": "design_signoff", "round": 2, "commit": COMMIT, "tree": COMMIT, "base": COMMIT, "digest": PACKET, "status": "refuted",
        "signature": {"state": "verified", "key": "7f3a9c1f44ab77d0c2e6f5a4b3928170"},
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
        "artifacts": [PACKET, {"kind": "direction", "name": "direction.md", "digest": PACKET, "bytes": 2048}],
    }))
    .expect("a packet")
}
