//! The driver against frames that claude 2.1.330 was seen to send, shortened.

use serde_json::{Value, json};

use super::*;
use crate::agent::{Ask, Deed, FaultKind, TurnHow};

struct Stage {
    driver: Claude,
    out: Out,
    uuid: String,
}

impl Stage {
    fn open() -> Self {
        let driver = Claude::new("S".into(), false);
        let mut stage = Self { driver, out: Out::default(), uuid: uuid_of("A-1.1/1") };
        stage.driver.open(&mut stage.out);
        let said = stage.said();
        let response =
            json!({"subtype": "success", "request_id": said[0]["request_id"], "response": {}});
        stage.hears(json!({"type": "control_response", "response": response}));
        assert!(matches!(&stage.told()[..], [Told::Ready(hello)] if hello.session == "S"));
        stage
    }

    fn busy() -> Self {
        let mut stage = Self::open();
        stage.driver.send("A-1.1/1", "do it", &mut stage.out);
        stage.said();
        let uuid = stage.uuid.clone();
        stage.hears(json!({"type": "command_lifecycle", "command_uuid": uuid, "state": "started"}));
        assert_eq!(stage.told(), vec![Told::Taken]);
        stage
    }

    fn hears(&mut self, frame: Value) {
        self.driver.hear(&frame, &mut self.out);
    }

    fn result(&mut self, mut frame: Value) {
        frame["type"] = "result".into();
        self.hears(frame);
    }

    fn end(&mut self) -> TurnEnd {
        let told = self.told();
        let end = told.iter().find_map(|it| match it {
            Told::Ended(end) => Some(end.clone()),
            _ => None,
        });
        end.unwrap_or_else(|| panic!("no end in {told:?}"))
    }

    fn said(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.out.say)
    }

    fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.out.told)
    }
}

#[test]
fn a_key_has_one_uuid_for_good() {
    let uuid = uuid_of("A-1.1/1");
    assert_eq!(uuid, uuid_of("A-1.1/1"));
    assert_ne!(uuid, uuid_of("A-1.1/2"));
    let parts: Vec<usize> = uuid.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12]);
}

#[test]
fn a_message_is_delivered_when_the_program_names_it_in_either_versions_way() {
    let mut stage = Stage::open();
    stage.driver.send("A-1.1/1", "do it", &mut stage.out);
    let uuid = stage.uuid.clone();
    assert_eq!(stage.said()[0]["uuid"], uuid);
    stage.hears(json!({"type": "command_lifecycle", "command_uuid": uuid, "state": "queued"}));
    assert!(!stage.told().contains(&Told::Taken));
    stage.hears(json!({"type": "user", "uuid": uuid, "isReplay": true}));
    stage.hears(json!({"type": "command_lifecycle", "command_uuid": uuid, "state": "started"}));
    assert_eq!(stage.told(), vec![Told::Taken]);
}

#[test]
fn the_version_and_the_model_are_told_with_the_first_turn() {
    let mut stage = Stage::busy();
    let init = json!({
        "type": "system", "subtype": "init", "session_id": "S", "claude_code_version": "2.1.330", "model": "m",
    });
    stage.hears(init.clone());
    stage.hears(init);
    let told = stage.told();
    assert!(matches!(&told[..], [Told::Ready(it)] if it.program == "claude 2.1.330"), "{told:?}");
}

#[test]
fn tools_are_asked_for_and_their_input_goes_back_with_the_leave() {
    let mut stage = Stage::busy();
    let ask = |id: &str, tool: &str, input: Value| {
        let request = json!({"subtype": "can_use_tool", "tool_name": tool, "input": input});
        json!({"type": "control_request", "request_id": id, "request": request})
    };
    stage.hears(ask("a", "Bash", json!({"command": "ls", "description": "d"})));
    stage.hears(ask("b", "Write", json!({"file_path": "/ws/a"})));
    stage.hears(ask("c", "mcp__mission__report", json!({})));
    stage.hears(ask("d", "AskUserQuestion", json!({"questions": [{"question": "which?"}]})));
    let deeds: Vec<Deed> = stage
        .told()
        .into_iter()
        .filter_map(|it| match it {
            Told::Asks(Ask { deed, .. }) => Some(deed),
            _ => None,
        })
        .collect();
    assert_eq!(
        deeds,
        vec![
            Deed::Command { line: "ls".into(), cwd: None },
            Deed::Edit { paths: vec!["/ws/a".into()] },
            Deed::Tool { name: "mcp__mission__report".into() },
            Deed::Question { text: "which?".into() },
        ]
    );
    stage.driver.answer("a", &Leave::Given, &mut stage.out);
    let answer = stage.said()[0]["response"].clone();
    assert_eq!(answer["request_id"], "a");
    assert_eq!(answer["response"]["updatedInput"]["description"], "d");
    stage.driver.answer("b", &Leave::Refused { why: "no".into() }, &mut stage.out);
    assert_eq!(
        stage.said()[0]["response"]["response"],
        json!({"behavior": "deny", "message": "no"})
    );
    stage.hears(json!({"type": "control_cancel_request", "request_id": "c"}));
    assert_eq!(stage.told(), vec![Told::Settled("c".into())]);
}

#[test]
fn success_in_the_subtype_is_no_success() {
    let cases = [
        (401, FaultKind::Auth),
        (429, FaultKind::Quota),
        (500, FaultKind::ProviderDown),
        (529, FaultKind::ProviderDown),
    ];
    for (status, kind) in cases {
        let mut stage = Stage::busy();
        stage.result(json!({
            "subtype": "success", "is_error": true, "terminal_reason": "api_error",
            "api_error_status": status, "result": "API Error",
        }));
        let end = stage.end();
        assert_eq!(
            (end.how, end.fault.map(|it| it.kind)),
            (TurnHow::Failed, Some(kind)),
            "{status}"
        );
    }
    let mut stage = Stage::busy();
    stage.result(json!({"subtype": "success", "is_error": true, "terminal_reason": "api_error", "api_error_status": null}));
    assert_eq!(stage.end().fault.map(|it| it.kind), Some(FaultKind::ProviderDown));
    let mut stage = Stage::busy();
    stage.result(json!({"subtype": "success", "is_error": false, "terminal_reason": "completed", "result": ""}));
    assert_eq!(stage.end().fault.map(|it| it.kind), Some(FaultKind::ProviderDown));
}

#[test]
fn a_turn_that_comes_to_its_end_gives_its_last_message() {
    let mut stage = Stage::busy();
    let content = json!([{"type": "text", "text": "DONE: ok"}]);
    stage.hears(json!({"type": "assistant", "message": {"content": content}}));
    stage.result(json!({"subtype": "success", "is_error": false, "terminal_reason": "completed", "result": "DONE: ok"}));
    assert_eq!(stage.end(), TurnEnd::completed("DONE: ok".into()));
}

#[test]
fn an_interrupted_turn_is_no_failure() {
    let mut stage = Stage::busy();
    stage.driver.interrupt(&mut stage.out);
    assert_eq!(stage.said()[0]["request"]["subtype"], "interrupt");
    stage.result(json!({"subtype": "error_during_execution", "is_error": true, "terminal_reason": "aborted_tools"}));
    let end = stage.end();
    assert_eq!((end.how, end.fault), (TurnHow::Interrupted, None));
}

#[test]
fn the_result_of_a_turn_that_the_program_began_itself_is_not_ours() {
    let mut stage = Stage::open();
    let content = json!([{"type": "text", "text": "the build is done"}]);
    stage.hears(json!({"type": "assistant", "message": {"content": content}}));
    assert_eq!(stage.told()[0], Told::TookOver);
    stage.result(json!({"is_error": false, "terminal_reason": "completed", "result": "x"}));
    assert_eq!(stage.end(), TurnEnd::completed("x".into()));

    let mut stage = Stage::busy();
    stage.result(json!({"is_error": false, "terminal_reason": "completed", "result": "x", "user_message_uuids": ["other"]}));
    assert!(!stage.told().iter().any(|it| matches!(it, Told::Ended(_))));
}

#[test]
fn an_account_that_is_refused_twice_is_not_tried_ten_times() {
    let mut stage = Stage::busy();
    let retry = |attempt: u64, status: Value| json!({"type": "system", "subtype": "api_retry", "attempt": attempt, "error_status": status, "error": "e"});
    stage.hears(retry(1, json!(401)));
    assert_eq!(stage.told(), vec![]);
    stage.hears(retry(2, json!(401)));
    assert!(matches!(&stage.told()[..], [Told::Fails(it)] if it.kind == FaultKind::Auth));
    let mut stage = Stage::busy();
    stage.hears(retry(4, Value::Null));
    assert_eq!(stage.told(), vec![]);
    stage.hears(retry(5, Value::Null));
    assert!(matches!(&stage.told()[..], [Told::Fails(it)] if it.kind == FaultKind::ProviderDown));
}

fn used(stage: &mut Stage) -> Usage {
    let told = stage.told();
    let used = told.iter().rev().find_map(|it| match it {
        Told::Used(usage) => Some(*usage),
        _ => None,
    });
    used.unwrap_or_else(|| panic!("no usage in {told:?}"))
}

#[test]
fn figures_since_the_last_result_are_added_up() {
    let mut stage = Stage::busy();
    let model = json!({
        "inputTokens": 1200, "outputTokens": 34, "cacheReadInputTokens": 100, "cacheCreationInputTokens": 7, "costUSD": 0.005535,
    });
    let result = json!({
        "is_error": false, "terminal_reason": "completed", "result": "x", "total_cost_usd": 9.0,
        "model_usage_since_last_result": {"m": model},
    });
    stage.result(result.clone());
    let once = used(&mut stage);
    assert_eq!(
        (once.input_tokens, once.cached_tokens, once.output_tokens),
        (Some(1307), Some(100), Some(34))
    );
    assert_eq!(once.cost_micros, Some(5_535));
    stage.driver.send("k", "more", &mut stage.out);
    stage.result(result);
    assert_eq!(used(&mut stage).cost_micros, Some(11_070));
}

#[test]
fn without_them_a_cost_is_what_the_total_grew_by_and_unknown_after_a_resumption() {
    for is_resumed in [false, true] {
        let mut stage = Stage::busy();
        stage.driver.hello.is_resumed = is_resumed;
        let result = |cost: f64| {
            let usage = json!({"input_tokens": 10, "output_tokens": 1});
            json!({"is_error": false, "terminal_reason": "completed", "result": "x", "total_cost_usd": cost, "usage": usage})
        };
        stage.result(result(0.5));
        let first = used(&mut stage);
        assert_eq!(first.cost_micros, (!is_resumed).then_some(500_000));
        assert_eq!(first.input_tokens, Some(10));
        stage.driver.send("k", "more", &mut stage.out);
        stage.result(result(0.75));
        let both = if is_resumed { 250_000 } else { 750_000 };
        assert_eq!(used(&mut stage).cost_micros, Some(both));
    }
}
