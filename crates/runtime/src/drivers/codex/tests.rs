//! The driver against frames that codex 0.169.0 was seen to send, shortened.

use serde_json::{Value, json};

use super::*;
use crate::agent::{Deed, FaultKind};

/// A driver, and what it said and learnt.
struct Stage {
    driver: Codex,
    out: Out,
}

impl Stage {
    fn new(resume: Option<&str>) -> Self {
        let setup = Setup {
            cwd: "/ws".into(),
            model: Some("m".into()),
            resume: resume.map(str::to_owned),
            mcp: None,
        };
        let mut stage = Self { driver: Codex::new(setup), out: Out::default() };
        stage.driver.open(&mut stage.out);
        stage.hears(json!({"id": 1, "result": {"userAgent": "mission/0.169.0 (Debian) unknown"}}));
        stage
    }

    /// One with an open thread `T`.
    fn open() -> Self {
        let mut stage = Self::new(None);
        stage.hears(json!({"id": 2, "result": {"thread": {"id": "T"}, "model": "m"}}));
        stage.told();
        stage.said();
        stage
    }

    /// One whose turn `U` is in flight and taken.
    fn busy() -> Self {
        let mut stage = Self::open();
        stage.driver.send("A-1.1/1", "do it", &mut stage.out);
        let id = stage.said()[0]["id"].clone();
        stage.hears(json!({"id": id, "result": {"turn": {"id": "U", "status": "inProgress"}}}));
        stage.event("turn/started", json!({"turn": {"id": "U"}}));
        stage
            .event("item/started", json!({"item": {"type": "userMessage", "clientId": "A-1.1/1"}}));
        assert_eq!(stage.told(), vec![Told::Taken]);
        stage
    }

    fn hears(&mut self, frame: Value) {
        self.driver.hear(&frame, &mut self.out);
    }

    fn event(&mut self, method: &str, mut params: Value) {
        params["threadId"] = "T".into();
        self.hears(json!({"method": method, "params": params}));
    }

    fn said(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.out.say)
    }

    fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.out.told)
    }
}

fn hello(is_resumed: bool) -> Told {
    Told::Ready(Hello {
        session: "T".into(),
        program: "codex 0.169.0".into(),
        model: Some("m".into()),
        is_resumed,
    })
}

#[test]
fn a_thread_is_opened_without_the_programs_own_sandbox_and_asks_for_each_command() {
    let mut stage = Stage::new(None);
    let said = stage.said();
    assert_eq!(said[0]["method"], "initialize");
    assert_eq!(said[1], json!({"method": "initialized"}));
    assert_eq!(said[2]["method"], "thread/start");
    assert_eq!(said[2]["params"]["approvalPolicy"], "untrusted");
    assert_eq!(said[2]["params"]["sandbox"], "danger-full-access");
    stage.hears(json!({"id": 2, "result": {"thread": {"id": "T"}, "model": "m"}}));
    assert_eq!(stage.told(), vec![hello(false)]);
}

#[test]
fn a_version_without_that_policy_is_asked_for_the_next_best() {
    let mut stage = Stage::new(None);
    stage.said();
    stage.hears(
        json!({"id": 2, "error": {"code": -32602, "message": "unknown variant `untrusted`"}}),
    );
    assert_eq!(stage.said()[0]["params"]["approvalPolicy"], "on-request");
    stage.hears(json!({"id": 3, "error": {"code": -32602, "message": "no model"}}));
    assert_eq!(stage.told(), vec![Told::CannotOpen { why: "no model".into(), fault: None }]);
}

#[test]
fn an_earlier_thread_goes_on_and_one_that_is_gone_begins_anew() {
    let mut stage = Stage::new(Some("T"));
    let said = stage.said();
    assert_eq!(
        (&said[2]["method"], &said[2]["params"]["threadId"]),
        (&json!("thread/resume"), &json!("T"))
    );
    stage.hears(json!({"id": 2, "result": {"thread": {"id": "T"}, "model": "m"}}));
    assert_eq!(stage.told(), vec![hello(true)]);

    let mut stage = Stage::new(Some("gone"));
    stage.said();
    stage.hears(json!({"id": 2, "error": {"code": -32600, "message": "no rollout found"}}));
    assert_eq!(stage.said()[0]["method"], "thread/start");
    stage.hears(json!({"id": 3, "result": {"thread": {"id": "T"}, "model": "m"}}));
    assert_eq!(stage.told(), vec![hello(false)]);
}

#[test]
fn a_turn_is_delivered_when_the_thread_holds_it_and_ends_with_its_last_message() {
    let mut stage = Stage::open();
    stage.driver.send("A-1.1/1", "do it", &mut stage.out);
    let said = stage.said();
    assert_eq!(said[0]["method"], "turn/start");
    assert_eq!(said[0]["params"]["clientUserMessageId"], "A-1.1/1");
    stage.hears(
        json!({"id": said[0]["id"], "result": {"turn": {"id": "U", "status": "inProgress"}}}),
    );
    stage.event("turn/started", json!({"turn": {"id": "U"}}));
    assert_eq!(stage.told(), vec![]);
    stage.event("item/started", json!({"item": {"type": "userMessage", "clientId": "A-1.1/1"}}));
    assert_eq!(stage.told(), vec![Told::Taken]);
    let message = json!({"type": "agentMessage", "text": "DONE: ok"});
    stage.event("item/completed", json!({"item": message}));
    stage.event(
        "turn/completed",
        json!({"turn": {"id": "U", "status": "completed", "items": [message]}}),
    );
    let said = Told::Said("DONE: ok".into());
    assert_eq!(stage.told(), vec![said, Told::Ended(TurnEnd::completed("DONE: ok".into()))]);
}

#[test]
fn what_hidden_threads_do_is_nobodys_business() {
    let mut stage = Stage::busy();
    let done =
        json!({"threadId": "hidden", "turn": {"id": "X", "status": "completed", "items": []}});
    stage.hears(json!({"method": "turn/completed", "params": done}));
    assert_eq!(stage.told(), vec![]);
}

#[test]
fn commands_changes_and_tools_are_asked_for_and_answered_in_their_own_forms() {
    let mut stage = Stage::busy();
    let command = json!({"threadId": "T", "command": "/bin/bash -lc ls", "cwd": "/ws"});
    stage.hears(
        json!({"id": 0, "method": "item/commandExecution/requestApproval", "params": command}),
    );
    let deed = Deed::Command { line: "/bin/bash -lc ls".into(), cwd: Some("/ws".into()) };
    assert_eq!(stage.told(), vec![Told::Asks(crate::agent::Ask { id: "0".into(), deed })]);
    stage.driver.answer("0", &Leave::Given, &mut stage.out);
    assert_eq!(stage.said(), vec![json!({"id": 0, "result": {"decision": "accept"}})]);

    let change = json!({"type": "fileChange", "id": "c", "changes": [{"path": "/ws/a"}]});
    stage.event("item/started", json!({"item": change}));
    stage.told();
    let asked = json!({"threadId": "T", "itemId": "c"});
    stage.hears(json!({"id": 1, "method": "item/fileChange/requestApproval", "params": asked}));
    let deed = Deed::Edit { paths: vec!["/ws/a".into()] };
    assert_eq!(stage.told(), vec![Told::Asks(crate::agent::Ask { id: "1".into(), deed })]);
    let no = Leave::Refused { why: "no".into() };
    stage.driver.answer("1", &no, &mut stage.out);
    assert_eq!(stage.said(), vec![json!({"id": 1, "result": {"decision": "decline"}})]);

    let tool = json!({"threadId": "T", "serverName": "mission", "_meta": {"tool_name": "report"}});
    stage.hears(json!({"id": 2, "method": "mcpServer/elicitation/request", "params": tool}));
    let deed = Deed::Tool { name: "mission/report".into() };
    assert_eq!(stage.told(), vec![Told::Asks(crate::agent::Ask { id: "2".into(), deed })]);
    stage.driver.answer("2", &Leave::Given, &mut stage.out);
    assert_eq!(stage.said()[0]["result"]["action"], "accept");

    let question = json!({"threadId": "T", "questions": [{"question": "which?"}]});
    stage.hears(json!({"id": 3, "method": "item/tool/requestUserInput", "params": question}));
    stage.driver.answer("3", &no, &mut stage.out);
    assert_eq!(stage.said()[0]["error"]["message"], "no");
    stage.hears(json!({"id": 4, "method": "some/newRequest", "params": {"threadId": "T"}}));
    assert!(stage.said()[0]["error"].is_object());
}

#[test]
fn what_another_client_answered_is_settled() {
    let mut stage = Stage::busy();
    let command = json!({"threadId": "T", "command": "ls"});
    stage.hears(
        json!({"id": 0, "method": "item/commandExecution/requestApproval", "params": command}),
    );
    stage.told();
    stage.event("serverRequest/resolved", json!({"requestId": 0}));
    assert_eq!(stage.told(), vec![Told::Settled("0".into())]);
    stage.driver.answer("0", &Leave::Given, &mut stage.out);
    assert_eq!(stage.said(), Vec::<Value>::new());
}

#[test]
fn an_interrupt_ends_the_turn_and_then_the_commands_that_it_left() {
    let mut stage = Stage::busy();
    stage.driver.interrupt(&mut stage.out);
    assert_eq!(stage.said()[0]["params"], json!({"threadId": "T", "turnId": "U"}));
    stage.event(
        "turn/completed",
        json!({"turn": {"id": "U", "status": "interrupted", "items": []}}),
    );
    let end = TurnEnd::cut(TurnHow::Interrupted, "interrupted");
    assert_eq!(stage.told(), vec![Told::Ended(end)]);
    assert_eq!(stage.said()[0]["method"], "thread/backgroundTerminals/clean");
}

#[test]
fn an_interrupt_before_the_turn_has_an_id_is_kept_for_it() {
    let mut stage = Stage::open();
    stage.driver.send("k", "do it", &mut stage.out);
    let id = stage.said()[0]["id"].clone();
    stage.driver.interrupt(&mut stage.out);
    assert_eq!(stage.said(), Vec::<Value>::new());
    stage.hears(json!({"id": id, "result": {"turn": {"id": "U"}}}));
    assert_eq!(stage.said()[0]["method"], "turn/interrupt");
}

#[test]
fn a_steered_message_names_the_turn_that_it_is_for() {
    let mut stage = Stage::open();
    assert!(!stage.driver.steer("k", "more", &mut stage.out));
    let mut stage = Stage::busy();
    assert!(stage.driver.steer("k", "more", &mut stage.out));
    let said = stage.said();
    assert_eq!(said[0]["params"]["expectedTurnId"], "U");
    stage.hears(json!({"id": said[0]["id"], "result": {"turnId": "U"}}));
    assert_eq!(stage.told(), vec![Told::Steered("k".into())]);
    stage.event("item/started", json!({"item": {"type": "userMessage", "clientId": "k"}}));
    assert_eq!(stage.told(), vec![], "what was steered was typed by nobody");
}

#[test]
fn a_turn_that_somebody_typed_is_told_and_keeps_the_session_busy() {
    let mut stage = Stage::open();
    stage.event("turn/started", json!({"turn": {"id": "X"}}));
    let typed = json!({"type": "userMessage", "clientId": "a-uuid", "content": [{"text": "hi"}]});
    stage.event("item/started", json!({"item": typed}));
    assert_eq!(stage.told(), vec![Told::TookOver, Told::Typed("hi".into())]);
    stage.event("turn/completed", json!({"turn": {"id": "X", "status": "completed", "items": []}}));
    assert_eq!(stage.told(), vec![Told::Ended(TurnEnd::completed(String::new()))]);
}

fn figures(input: u64, output: u64) -> Value {
    json!({"inputTokens": input, "cachedInputTokens": 0, "outputTokens": output})
}

fn used(input: u64, output: u64) -> Told {
    Told::Used(Usage {
        input_tokens: Some(input),
        cached_tokens: Some(0),
        output_tokens: Some(output),
        cost_micros: None,
    })
}

#[test]
fn figures_are_of_the_whole_thread_and_those_of_earlier_attempts_are_taken_off() {
    let mut stage = Stage::busy();
    let usage = |total, last| json!({"tokenUsage": {"total": total, "last": last}});
    stage.event("thread/tokenUsage/updated", usage(figures(1200, 34), figures(1200, 34)));
    stage.event("thread/tokenUsage/updated", usage(figures(2401, 68), figures(1201, 34)));
    assert_eq!(stage.told(), vec![used(1200, 34), used(2401, 68)]);

    for is_told_at_once in [true, false] {
        let mut stage = Stage::new(Some("T"));
        stage.hears(json!({"id": 2, "result": {"thread": {"id": "T"}}}));
        if is_told_at_once {
            stage.event("thread/tokenUsage/updated", usage(figures(6000, 170), figures(1200, 34)));
        }
        stage.driver.send("k", "go on", &mut stage.out);
        stage.told();
        stage.event("thread/tokenUsage/updated", usage(figures(7200, 204), figures(1200, 34)));
        assert_eq!(stage.told(), vec![used(1200, 34)], "{is_told_at_once}");
    }
}

#[test]
fn what_a_resumption_tells_late_is_of_an_earlier_turn_by_its_id() {
    let mut stage = Stage::new(Some("T"));
    stage.hears(json!({"id": 2, "result": {"thread": {"id": "T"}}}));
    stage.driver.send("k", "go on", &mut stage.out);
    let usage =
        |turn, total, last| json!({"turnId": turn, "tokenUsage": {"total": total, "last": last}});
    stage
        .event("thread/tokenUsage/updated", usage("before", figures(6000, 170), figures(1200, 34)));
    stage.event("turn/started", json!({"turn": {"id": "U"}}));
    stage.told();
    stage.event("thread/tokenUsage/updated", usage("U", figures(7201, 204), figures(1201, 34)));
    stage.event("thread/tokenUsage/updated", usage("U", figures(8403, 238), figures(1202, 34)));
    assert_eq!(stage.told(), vec![used(1201, 34), used(2403, 68)]);
}

#[test]
fn a_failed_turn_says_whose_fault_it_was() {
    let mut stage = Stage::busy();
    let retry = json!({
        "error": {"codexErrorInfo": {"responseStreamDisconnected": {"httpStatusCode": null}}, "message": "Reconnecting... 1/1"},
        "willRetry": true, "turnId": "U",
    });
    stage.event("error", retry);
    let error = json!({"message": "gone", "codexErrorInfo": "other"});
    stage.event(
        "turn/completed",
        json!({"turn": {"id": "U", "status": "failed", "items": [], "error": error}}),
    );
    let told = stage.told();
    let Some(Told::Ended(end)) = told.last() else { panic!("{told:?}") };
    assert_eq!(end.fault.as_ref().map(|it| it.kind), Some(FaultKind::ProviderDown));
    assert_eq!((end.how, end.why.as_str()), (TurnHow::Failed, "gone"));
}

#[test]
fn a_refused_account_is_not_tried_for_long() {
    let mut stage = Stage::busy();
    let retry = json!({
        "error": {"codexErrorInfo": {"responseStreamDisconnected": {"httpStatusCode": 401}}, "message": "x"},
        "willRetry": true,
    });
    stage.event("error", retry.clone());
    assert_eq!(stage.told(), vec![]);
    stage.event("error", retry);
    assert!(matches!(&stage.told()[..], [Told::Fails(fault)] if fault.kind == FaultKind::Auth));
}

#[test]
fn a_connection_that_broke_finds_its_turn_again() {
    let mut stage = Stage::busy();
    stage.driver.open(&mut stage.out);
    let hello = stage.said()[0]["id"].clone();
    stage.hears(json!({"id": hello, "result": {"userAgent": "mission/0.169.0"}}));
    let said = stage.said();
    assert_eq!(said[1]["method"], "thread/resume");
    stage.hears(json!({"id": said[1]["id"], "result": {"thread": {"id": "T"}, "model": "m"}}));
    let said = stage.said();
    assert_eq!(said[0]["method"], "thread/turns/list");
    stage.told();
    let turn = json!({"id": "U", "status": "completed", "items": [{"type": "agentMessage", "text": "DONE: meanwhile"}]});
    stage.hears(json!({"id": said[0]["id"], "result": {"data": [turn]}}));
    assert_eq!(stage.told(), vec![Told::Ended(TurnEnd::completed("DONE: meanwhile".into()))]);
}
