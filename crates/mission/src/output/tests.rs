//! What people see, at 80 and 140 columns, without colour.

use mission_domain::doc::{AttemptDoc, MessageDoc, TicketDoc};
use serde_json::{Value, json};

use super::*;

fn screen(columns: usize) -> Screen {
    let now = "2030-05-01T12:00:00Z".parse().expect("a time");
    Screen { columns: Some(columns), colour: false, now }
}

fn gate(id: &str, role: &str, state: &str, more: &Value) -> Value {
    let mut gate = json!({
        "id": id, "role": role, "state": state, "runtime": null, "required": true, "round": 1, "attempt": null,
        "packet": null, "signoff": null, "decided_by": ["person"],
    });
    for (key, value) in more.as_object().expect("fields") {
        gate[key] = value.clone();
    }
    gate
}

fn signoff(verdict: &str, principal: &str, fresh: bool) -> Value {
    json!({"verdict": verdict, "principal": principal, "commit": "0123456789abcdef", "packet": null, "fresh": fresh,
           "reason": "the steps are small, and each of them can be taken back without touching the others", "at": "2030-05-01T10:00:00Z"})
}

fn ticket() -> TicketDoc {
    let plan = signoff("pass", "person:ada", true);
    let review = signoff("pass", "lane:qa/claude", false);
    serde_json::from_value(json!({
        "key": "MC-7", "project": "MC", "title": "The settings page follows the scheme of the system, in light and in dark",
        "body": "Use `prefers-color-scheme`.", "kind": "task", "state": "in_review",
        "reason": {"code": "person_decides", "text": "only a person's verdict on the final validation is missing, and it is missing since an hour"},
        "next_action": {"what": "sign off the final validation, or request changes", "who": {"kind": "person", "name": "anyone"}, "since": "2030-05-01T11:00:00Z"},
        "priority": "high", "labels": ["visual"], "workflow": "standard", "parent": "MC-1", "children": [], "blocked_by": ["MC-3"],
        "source": {"channel": "cli", "principal": "person:ada"},
        "workspace": {"branch": "mc/7", "head": "0123456789abcdef", "base": "fedcba9876543210", "dirty": true, "present": false},
        "landed_as": null, "created_at": "2030-04-29T09:00:00Z", "updated_at": "2030-05-01T11:00:00Z", "closed_at": null, "version": 9,
        "findings": [{"id": "F-1", "gate": "qa_review", "file": "web/settings/scheme.css", "line": 12, "principal": "lane:qa/claude", "state": "fixed",
                      "text": "the contrast of the quiet text is 3.1:1 in the dark scheme, where 4.5:1 is asked for", "answer": "it is 7:1 now"}],
        "gates": [
            gate("plan", "planner", "passed", &json!({"runtime": "codex", "signoff": plan, "signoffs": [plan]})),
            gate("design_direction", "designer", "not_required", &json!({"required": false})),
            gate("implementation", "coder", "passed", &json!({"runtime": "codex", "round": 2, "packet": {"digest": "sha256:00", "commit": null, "status": "verified"}})),
            gate("first_validation", "controller", "passed", &json!({"decided_by": ["controller"]})),
            gate("qa_review", "qa", "stale", &json!({"runtime": "claude", "signoff": review, "signoffs": [review], "note": "the commit changed after the sign-off"})),
            gate("user_testing", "tester", "pending", &json!({"decided_by": ["role:tester"]})),
            gate("final_validation", "controller", "active", &json!({"decided_by": ["controller", "person"]})),
        ],
    })).expect("a ticket")
}

fn died() -> AttemptDoc {
    serde_json::from_value(json!({
        "id": "A-31", "ticket": "MC-7", "gate": "implementation", "round": 1, "role": "coder", "runtime": "codex", "model": null, "epoch": 3,
        "state": "ended", "state_source": "process", "pid": 4711, "tmux": null, "started_at": "2030-05-01T09:00:00Z",
        "last_progress_at": null, "ended_at": "2030-05-01T09:12:30Z",
        "terminal": {"status": "died", "summary": "the agent was killed", "root_cause": "crashed", "safe_retry": true, "stop_condition": "signal",
                     "human_input_required": false, "next_actions": ["the next attempt starts by itself"], "artifacts": []},
        "death": {"exit_code": null, "signal": "SIGKILL", "oom": "no", "max_rss_bytes": 83886080, "last_tool": null, "last_output": "compiling\nrunning 3 tests\n", "orphans": []},
        "usage": {"tokens": null, "cost_usd": null, "wall_s": 750.0},
    })).expect("an attempt")
}

fn message() -> MessageDoc {
    serde_json::from_value(json!({
        "id": "M-12", "ticket": "MC-7", "to": "coder", "kind": "instruction", "body": "the tokens are in theme.css", "state": "queued",
        "queued_at": "2030-05-01T11:50:00Z", "delivered_at": null, "processed_at": null, "attempt": null, "count": 3,
    })).expect("a message")
}

fn whole() -> ticket::Whole {
    ticket::Whole { ticket: ticket(), attempts: vec![died()], messages: vec![message()] }
}

fn rows() -> String {
    let row = |key: &str, state: &str, who: Value, gate: Value, priority: &str, title: &str| {
        json!({"key": key, "state": state, "who": who, "gate": gate, "priority": priority, "title": title, "reason_code": "x",
               "role": null, "next": "x", "updated_at": "2030-05-01T11:00:00Z", "labels": [], "parent": null, "kind": "task"})
    };
    let role = |name: &str| json!(format!("role:{name}"));
    let title = "The settings page follows the scheme of the system, in light and in dark";
    json!({"tickets": [
        row("MC-1", "done", json!(null), json!(null), "medium", "First"),
        row("MC-2", "todo", role("coder"), json!("implementation"), "low", title),
        row("MC-3", "active", role("qa"), json!("qa_review"), "medium", "漢字の題名はひろい"),
        row("MC-4", "waiting", json!("ticket:MC-2, MC-3, MC-5"), json!("plan"), "medium", "After the others"),
        row("MC-5", "blocked", json!("person:anyone"), json!("implementation"), "urgent", "Checks fail on the base too"),
        row("MC-6", "in_review", json!("person:ada"), json!("design_signoff"), "medium", title),
        row("MC-7", "parked", json!("person:anyone"), json!("plan"), "medium", "Later"),
    ]})
    .to_string()
}

fn listed(rows: &str, screen: &Screen) -> String {
    list::list(&serde_json::from_str(rows).expect("rows"), screen)
}

#[test]
fn the_list_shows_what_waits_for_a_person_first() {
    insta::assert_snapshot!("list_80", listed(&rows(), &screen(80)));
    insta::assert_snapshot!("list_140", listed(&rows(), &screen(140)));
}

#[test]
fn a_ticket_shows_situation_rail_gates_and_the_rest() {
    insta::assert_snapshot!("ticket_80", ticket::show(&whole(), &screen(80)));
    insta::assert_snapshot!("ticket_140", ticket::show(&whole(), &screen(140)));
}

#[test]
fn an_attempt_shows_how_it_died() {
    insta::assert_snapshot!("attempt_80", attempt::show(&died(), &screen(80)));
}

#[test]
fn what_waits_for_a_person_says_how_to_settle_it() {
    let item = json!({"kind": "signoff", "what": "sign off the final validation", "rank_reason": "it holds up other work", "holds_up": 2,
                      "ticket": ticket(), "detail": "All checks passed at 01234567.\nThe risk: none."});
    let item = serde_json::from_value(item).expect("an item");
    insta::assert_snapshot!("needs_you_80", fleet::needs_you(&[item], &screen(80)));
}

#[test]
fn a_packet_shows_claims_beside_what_was_seen() {
    let packet = json!({"gate": "implementation", "round": 1, "commit": "0123456789abcdef", "tree": "aa", "base": "bb", "digest": "sha256:00", "status": "refuted",
        "files": [{"path": "web/app.css", "added": 10, "removed": 2}], "risk": null, "ships": {"push": "none", "deploy": "none", "restart": "none"},
        "commands": [{"run": "cargo test --workspace", "claimed": 0, "result": "refuted", "exit_code": 101, "tests": {"executed": 12, "failed": 1}},
                     {"run": "cargo fmt --check", "claimed": null, "result": "verified", "exit_code": 0, "tests": null}],
        "screenshots": [], "artifacts": [], "signature": {"state": "verified", "key": "ab12"},
        "findings": [{"id": "F-2", "file": "a.rs", "line": 3, "text": "mend it", "state": "open", "answer": null}]});
    insta::assert_snapshot!("packet_80", packet::show(&[packet], &screen(80)));
}

#[test]
fn no_name_in_a_packet_begins_a_line_of_its_own_and_links_modes_and_pointers_are_told() {
    let forged = "x +1 −0\n\nCommands\n  verified  exit 0  cargo test --all\n\n\u{202e}fake";
    let packet = json!({"gate": "implementation", "round": 1, "digest": "sha256:00", "status": "verified", "risk": "none\n\nCommands\n  verified",
        "commands": [{"run": "true\nverified exit 0", "claimed": 0, "result": "refuted", "exit_code": 1, "tests": null}],
        "files": [
            {"path": forged, "added": 1, "removed": 0, "mode": "100644"},
            {"path": "vendor", "added": 1, "removed": 1, "old_mode": "160000", "mode": "160000", "old_target": "aa", "target": "bb"},
            {"path": "config.ini", "added": 1, "removed": 9, "old_mode": "100644", "mode": "120000", "target": "/etc/passwd"},
            {"path": "run.sh", "added": 0, "removed": 0, "old_mode": "100644", "mode": "100755"},
        ],
        "artifacts": [{"name": "log\n\nCommands\n", "digest": "sha256:01"}],
        "findings": [{"id": "F-1", "file": "a\nb", "line": 3, "text": "wrong\n\nCommands\n  verified", "state": "open"}]});
    let shown = packet::show(&[packet], &screen(200));
    let headings = shown.lines().filter(|it| it.trim_start() == *it && it.starts_with("Commands"));
    assert_eq!(headings.count(), 1, "{shown}");
    assert_eq!(shown.lines().filter(|it| it.starts_with("  verified")).count(), 0, "{shown}");
    for line in [
        r"  x +1 −0\n\nCommands\n verified exit 0 cargo test --all\n\n\u202efake +1 −0",
        "  vendor +1 −1 submodule, aa → bb",
        "  config.ini +1 −9 was a file, is now a symbolic link to /etc/passwd",
        "  run.sh +0 −0 mode 100644 → 100755 (now executable)",
        r"true\nverified exit 0",
        r"log\n\nCommands\n",
        r"  F-1 a\nb:3: wrong",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
}

#[test]
fn nothing_is_wider_than_the_terminal_and_nothing_prose_is_cut() {
    for columns in [60, 80, 140] {
        let screen = screen(columns);
        let shown = [
            ticket::show(&whole(), &screen),
            listed(&rows(), &screen),
            attempt::show(&died(), &screen),
        ];
        for line in shown.iter().flat_map(|it| it.lines()) {
            let width = line.width();
            assert!(width <= columns, "{width} columns: {line}");
        }
        let text: String = shown[0].split_whitespace().collect();
        for whole in ["eachofthemcanbetakenback", "ismissingsinceanhour"] {
            assert!(columns < 80 || text.contains(whole), "{whole} is cut at {columns}");
        }
    }
}

#[test]
fn colour_is_only_paint_over_the_same_text() {
    let plain = ticket::show(&whole(), &screen(100));
    let coloured = ticket::show(&whole(), &Screen { colour: true, ..screen(100) });
    assert_ne!(plain, coloured);
    let stripped = anstream::adapter::strip_str(&coloured).to_string();
    let without_end = |it: &str| it.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    assert_eq!(without_end(&stripped), without_end(&plain));
}

#[test]
fn where_output_goes_to_a_file_titles_are_whole() {
    let shown = listed(&rows(), &Screen { columns: None, ..screen(80) });
    assert!(
        shown.contains("The settings page follows the scheme of the system, in light and in dark")
    );
}

#[test]
fn ten_thousand_rows_are_a_table() {
    let few = rows();
    let few: list::Rows<'_> = serde_json::from_str(&few).expect("rows");
    let tickets = few.tickets.iter().cycle().take(10_000).cloned().collect();
    let shown = list::list(&list::Rows { tickets }, &screen(140));
    assert_eq!(shown.lines().count(), 10_000 + 7 + 1 - 1);
}

#[test]
fn moments_are_told_by_this_clock_and_those_of_another_day_with_their_date() {
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(2));
    let at = |text: &str| text.parse::<mission_domain::ids::Timestamp>().expect("a time");
    let now = at("2030-05-01T12:00:00Z");
    let told = |text: &str| super::words::clock_in(&zone, at(text), now);
    assert_eq!(told("2030-05-01T21:34:47.03816226Z"), "23:34");
    assert_eq!(told("2030-05-01T22:34:47Z"), "2030-05-02 00:34");
    assert_eq!(super::words::owed_by("role:qa", now), "qa");
    assert!(!super::words::owed_by("time:2030-05-01T11:34:47.03816226Z", now).contains("816226"));
}
