//! The driver against frames of the Agent Client Protocol as several agents were seen to send them, shortened.

use serde_json::{Value, json};

use super::*;
use crate::agent::{Ask, Deed, FaultKind};

struct Stage {
    driver: Acp,
    out: Out,
}

impl Stage {
    fn new(resume: Option<&str>) -> Self {
        let setup = Setup {
            cwd: "/ws".into(),
            model: None,
            resume: resume.map(str::to_owned),
            mcp: Some((
                vec!["mission".into(), "mcp".into()],
                BTreeMap::from([("A".into(), "b".into())]),
            )),
        };
        let mut stage = Self { driver: Acp::new(setup), out: Out::default() };
        stage.driver.open(&mut stage.out);
        stage.said();
        stage
    }

    fn greeted(self, load: bool) -> Self {
        self.greeted_by(&json!({"loadSession": load}))
    }

    fn greeted_by(self, able: &Value) -> Self {
        self.greeted_as(&json!({"name": "gemini-cli", "version": "0.61.0"}), able)
    }

    fn greeted_as(mut self, agent: &Value, able: &Value) -> Self {
        let result = json!({"protocolVersion": 1, "agentInfo": agent, "agentCapabilities": able});
        self.hears(json!({"jsonrpc": "2.0", "id": 1, "result": result}));
        self
    }

    fn busy() -> Self {
        Self::busy_with(&json!({"loadSession": false}))
    }

    fn busy_with(able: &Value) -> Self {
        let mut stage = Self::new(None).greeted_by(able);
        stage.hears(json!({"id": 2, "result": {"sessionId": "S"}}));
        stage.driver.send("k", "do it", &mut stage.out);
        stage.said();
        stage.told();
        stage
    }

    fn hears(&mut self, frame: Value) {
        self.driver.hear(&frame, &mut self.out);
    }

    fn update(&mut self, update: Value) {
        let params = json!({"sessionId": "S", "update": update});
        self.hears(json!({"jsonrpc": "2.0", "method": "session/update", "params": params}));
    }

    fn says(&mut self, text: &str) {
        let content = json!({"type": "text", "text": text});
        self.update(json!({"sessionUpdate": "agent_message_chunk", "content": content}));
    }

    fn said(&mut self) -> Vec<Value> {
        std::mem::take(&mut self.out.say)
    }

    fn told(&mut self) -> Vec<Told> {
        std::mem::take(&mut self.out.told)
    }
}

#[test]
fn a_session_is_opened_with_our_own_tools() {
    let mut stage = Stage::new(None).greeted(true);
    let said = stage.said();
    assert_eq!(said[0]["method"], "session/new");
    let server = &said[0]["params"]["mcpServers"][0];
    assert_eq!((&server["command"], &server["args"]), (&json!("mission"), &json!(["mcp"])));
    assert_eq!(server["env"], json!([{"name": "A", "value": "b"}]));
    let modes = json!({"currentModeId": "auto"});
    stage.hears(json!({"id": 2, "result": {"sessionId": "S", "modes": modes}}));
    assert_eq!(stage.said()[0]["params"], json!({"sessionId": "S", "modeId": "default"}));
    let told = stage.told();
    assert!(
        matches!(&told[..], [Told::Ready(it)] if it.program == "gemini-cli 0.61.0" && it.session == "S")
    );
}

#[test]
fn an_earlier_session_is_loaded_where_the_agent_can_and_its_history_is_no_news() {
    let mut stage = Stage::new(Some("S")).greeted(true);
    assert_eq!(stage.said()[0]["method"], "session/load");
    stage.says("DONE: of old");
    stage.hears(json!({"id": 2, "result": null}));
    let told = stage.told();
    assert!(matches!(&told[..], [Told::Stirs, Told::Ready(it)] if it.is_resumed), "{told:?}");
    let mut stage = Stage::new(Some("S")).greeted(false);
    assert_eq!(stage.said()[0]["method"], "session/new");
    let mut stage = Stage::new(Some("S")).greeted(true);
    stage.said();
    stage.hears(json!({"id": 2, "error": {"code": -32602, "message": "no such session"}}));
    assert_eq!(stage.said()[0]["method"], "session/new");
}

/// A session that the agent says it loaded, with the first turn in flight.
fn loaded() -> Stage {
    let mut stage = Stage::new(Some("S")).greeted(true);
    stage.hears(json!({"id": 2, "result": {}}));
    stage.driver.send("k", "do it", &mut stage.out);
    stage.said();
    stage.told();
    stage
}

fn refusal(id: u64) -> Value {
    json!({"id": id, "result": {"stopReason": "refusal"}})
}

#[test]
fn a_loaded_session_that_refuses_its_first_turn_without_a_word_is_forgotten_and_begun_anew_once() {
    let mut stage = loaded();
    stage.hears(refusal(3));
    assert_eq!(stage.told(), vec![Told::Forgot], "the turn is not taken and has no end yet");
    let said = stage.said();
    assert_eq!(said[0]["method"], "session/new");
    stage.says("of the old session");
    assert_eq!(stage.told(), vec![Told::Stirs]);
    stage.hears(json!({"id": said[0]["id"], "result": {"sessionId": "T"}}));
    let told = stage.told();
    assert!(matches!(&told[..], [Told::Ready(it)] if it.session == "T" && !it.is_resumed));
    stage.driver.send("k", "do it", &mut stage.out);
    assert_eq!(stage.said()[0]["params"]["sessionId"], "T");
    stage.hears(refusal(5));
    let told = stage.told();
    assert!(matches!(&told[..], [Told::Taken, Told::Ended(it)] if it.how == TurnHow::Failed));
    assert_eq!(stage.said(), Vec::<Value>::new(), "it is tried once");
}

#[test]
fn a_refusal_is_an_end_where_the_agent_showed_that_it_knows_the_session_or_was_to_stop() {
    let ended = |before: fn(&mut Stage)| {
        let mut stage = loaded();
        before(&mut stage);
        stage.told();
        let id = stage.driver.next_id - 1;
        stage.hears(refusal(id));
        matches!(stage.told().last(), Some(Told::Ended(_)))
    };
    assert!(ended(|stage| stage.says("No.")));
    assert!(ended(|stage| {
        let call = json!({"sessionUpdate": "tool_call", "title": "ls", "kind": "read"});
        stage.update(call);
    }));
    assert!(ended(|stage| stage.driver.interrupt(&mut stage.out)));
    assert!(ended(|stage| {
        stage.hears(json!({"id": 3, "result": {"stopReason": "end_turn"}}));
        stage.driver.send("k", "more", &mut stage.out);
    }));
    assert!(!ended(|_| {}));
    let mut stage = Stage::busy();
    stage.hears(refusal(3));
    assert!(matches!(stage.told().last(), Some(Told::Ended(it)) if it.how == TurnHow::Failed));
}

#[test]
fn the_first_word_after_a_prompt_is_its_receipt_and_the_words_after_the_last_tool_its_message() {
    let mut stage = Stage::busy();
    stage.says("Let me ");
    stage.says("look.");
    let call = json!({"sessionUpdate": "tool_call", "title": "ls", "kind": "execute", "rawInput": {"command": "ls"}});
    stage.update(call);
    let content = json!([{"type": "content", "content": {"type": "text", "text": "a.txt"}}]);
    stage.update(
        json!({"sessionUpdate": "tool_call_update", "status": "completed", "content": content}),
    );
    stage.says("DONE: ");
    stage.says("ok");
    stage.hears(json!({"id": 3, "result": {"stopReason": "end_turn"}}));
    let told: Vec<Told> = stage.told().into_iter().filter(|it| *it != Told::Stirs).collect();
    let uses = Told::Uses { tool: "shell".into(), input: "ls".into() };
    let gives = Told::Gives { output: "a.txt".into(), end: String::new() };
    let end = Told::Ended(TurnEnd::completed("DONE: ok".into()));
    let said = |text: &str| Told::Said(text.into());
    assert_eq!(told, vec![Told::Taken, said("Let me look."), uses, gives, said("DONE: ok"), end]);
}

#[test]
fn leave_is_given_for_this_one_time_and_refused_without_ending_the_turn() {
    let options = json!([
        {"optionId": "always", "kind": "allow_always"}, {"optionId": "once", "kind": "allow_once"},
        {"optionId": "no", "kind": "reject_once"},
    ]);
    let call = json!({"title": "`ls`", "kind": "execute", "rawInput": {"command": ["ls", "-l"]}});
    let params = json!({"sessionId": "S", "toolCall": call, "options": options});
    let ask = json!({"jsonrpc": "2.0", "id": "q1", "method": "session/request_permission", "params": params});
    let mut stage = Stage::busy();
    stage.hears(ask.clone());
    let deed = Deed::Command { line: "ls -l".into(), cwd: None };
    let id = "\"q1\"".to_owned();
    let uses = Told::Uses { tool: "shell".into(), input: "ls -l".into() };
    let asks = Told::Asks(Ask { id: id.clone(), deed });
    assert_eq!(stage.told(), vec![Told::Taken, uses, asks], "it is told by being asked for");
    stage.driver.answer(&id, &Leave::Given, &mut stage.out);
    assert_eq!(
        stage.said()[0]["result"]["outcome"],
        json!({"outcome": "selected", "optionId": "once"})
    );
    stage.hears(ask.clone());
    stage.driver.answer(&id, &Leave::Refused { why: "no".into() }, &mut stage.out);
    assert_eq!(stage.said()[0]["result"]["outcome"]["optionId"], "no");
    stage.hears(ask);
    stage.driver.interrupt(&mut stage.out);
    let said = stage.said();
    assert_eq!(said[0]["method"], "session/cancel");
    assert_eq!(said[1]["result"]["outcome"], json!({"outcome": "cancelled"}));
    stage.hears(json!({"id": 3, "result": {"stopReason": "cancelled"}}));
    assert!(matches!(stage.told().last(), Some(Told::Ended(it)) if it.how == TurnHow::Interrupted));
}

#[test]
fn errors_say_whose_fault_they_are_as_far_as_they_say_anything() {
    let cases = [
        (json!({"code": -32000, "message": "Authentication required"}), Some(FaultKind::Auth)),
        (
            json!({"code": -32603, "message": "Internal error", "data": {"details": "HTTP 429"}}),
            Some(FaultKind::Quota),
        ),
        (
            json!({"code": 500, "message": "got status: 503 Service Unavailable"}),
            Some(FaultKind::ProviderDown),
        ),
        (
            json!({"code": -32603, "message": "{\"error\":{\"code\":401,\"message\":\"x\"}}"}),
            Some(FaultKind::Auth),
        ),
        (json!({"code": -32603, "message": "Internal error"}), None),
        (
            json!({"code": -32603, "message": "Internal error", "data": {"details": "HTTP 529: busy"}}),
            Some(FaultKind::ProviderDown),
        ),
        (
            json!({"code": -32603, "message": "Internal error", "data": {"details": "HTTP 400: too long"}}),
            None,
        ),
        (
            json!({"code": -32603, "message": "HTTP 2 stream reset, status code 504"}),
            Some(FaultKind::ProviderDown),
        ),
        (json!({"code": -32603, "message": "the server answered: status 4030000"}), None),
        (
            json!({"code": -32603, "message": "TypeError: fetch failed"}),
            Some(FaultKind::ProviderDown),
        ),
        (
            json!({"code": -32603, "message": "Internal error: no", "data": {"errorName": "APIError"}}),
            Some(FaultKind::ProviderDown),
        ),
        (
            json!({"code": -32603, "message": "Invalid API key", "data": {"errorName": "APIError"}}),
            Some(FaultKind::Auth),
        ),
    ];
    for (error, kind) in cases {
        let mut stage = Stage::busy();
        stage.hears(json!({"id": 3, "error": error}));
        let told = stage.told();
        let Some(Told::Ended(end)) = told.last() else { panic!("{told:?}") };
        assert_eq!(
            (end.how, end.fault.as_ref().map(|it| it.kind)),
            (TurnHow::Failed, kind),
            "{error}"
        );
    }
    let mut stage = Stage::new(None).greeted(false);
    stage.hears(json!({"id": 2, "error": {"code": -32000, "message": "sign in"}}));
    let told = stage.told();
    assert!(
        matches!(&told[..], [Told::CannotOpen { fault: Some(it), .. }] if it.kind == FaultKind::Auth)
    );
}

#[test]
fn a_refusal_that_is_given_as_the_agents_own_words_is_the_providers_and_no_answer() {
    let ended = |words: &str, result: Value| {
        let mut stage = Stage::busy();
        stage.says(words);
        stage.hears(json!({"id": 3, "result": result}));
        let told = stage.told();
        let Some(Told::Ended(end)) = told.last() else { panic!("{told:?}") };
        (end.how, end.fault.as_ref().map(|it| it.kind))
    };
    let untold = || json!({"stopReason": "end_turn"});
    let told = json!({"stopReason": "end_turn", "usage": {"inputTokens": 5, "outputTokens": 1}});
    assert_eq!(ended("HTTP 401: refused", untold()), (TurnHow::Failed, Some(FaultKind::Auth)));
    assert_eq!(
        ended("\n\nHTTP 503: down", untold()),
        (TurnHow::Failed, Some(FaultKind::ProviderDown))
    );
    for (words, result) in [
        ("HTTP 401: what the page says", told),
        ("it says HTTP 401: refused", untold()),
        ("HTTP 404: no such model", untold()),
    ] {
        assert_eq!(ended(words, result), (TurnHow::Completed, None), "{words}");
    }
}

/// How hermes answers a prompt that was interrupted, with the id of the first prompt.
fn broken_prompt() -> Value {
    let error =
        json!({"code": -32603, "message": "Internal error", "data": {"details": "no attribute"}});
    json!({"jsonrpc": "2.0", "id": 3, "error": error})
}

#[test]
fn an_interrupt_that_breaks_the_session_ends_once_a_session_that_knows_as_much_is_there() {
    let mut stage = Stage::busy_with(&json!({"sessionCapabilities": {"fork": {}}}));
    stage.driver.interrupt(&mut stage.out);
    assert_eq!(stage.said()[0]["method"], "session/cancel");
    stage.hears(broken_prompt());
    let said = stage.said();
    assert_eq!(
        (&said[0]["method"], &said[0]["params"]["sessionId"]),
        (&json!("session/fork"), &json!("S"))
    );
    assert!(!stage.told().iter().any(|it| matches!(it, Told::Ended(_))), "it has no session yet");
    stage.hears(json!({"id": said[0]["id"], "result": {"sessionId": "T"}}));
    let told = stage.told();
    assert!(matches!(&told[0], Told::Ready(it) if it.session == "T" && !it.is_resumed), "{told:?}");
    assert!(matches!(told.last(), Some(Told::Ended(it)) if it.how == TurnHow::Interrupted));
    stage.driver.send("k", "go on", &mut stage.out);
    assert_eq!(stage.said()[0]["params"]["sessionId"], "T");
    // One that is made from a session of an earlier attempt goes on with that.
    let able = json!({"loadSession": true, "sessionCapabilities": {"fork": {}}});
    let mut stage = Stage::new(Some("S")).greeted_by(&able);
    stage.hears(json!({"id": 2, "result": {}}));
    stage.driver.send("k", "do it", &mut stage.out);
    stage.driver.interrupt(&mut stage.out);
    stage.hears(broken_prompt());
    let fork = stage.said().pop().expect("a fork");
    stage.hears(json!({"id": fork["id"], "result": {"sessionId": "T"}}));
    let told = stage.told();
    let resumed: Vec<_> = told
        .iter()
        .filter_map(|it| match it {
            Told::Ready(it) => Some((it.session.as_str(), it.is_resumed)),
            _ => None,
        })
        .collect();
    assert_eq!(resumed, [("S", true), ("T", true)]);
}

#[test]
fn an_interrupt_that_ends_with_an_error_ends_the_turn_where_no_session_can_be_made_from_it() {
    let mut stage = Stage::busy();
    stage.driver.interrupt(&mut stage.out);
    stage.said();
    stage.hears(broken_prompt());
    assert_eq!(stage.said(), Vec::<Value>::new());
    assert!(matches!(stage.told().last(), Some(Told::Ended(it)) if it.how == TurnHow::Interrupted));
    // Without the interrupt it is a failure.
    let mut stage = Stage::busy_with(&json!({"sessionCapabilities": {"fork": {}}}));
    stage.hears(broken_prompt());
    assert!(matches!(stage.told().last(), Some(Told::Ended(it)) if it.how == TurnHow::Failed));
}

#[test]
fn an_agent_of_another_version_is_refused_with_both_versions() {
    let mut stage = Stage::new(None);
    stage.hears(json!({"id": 1, "result": {"protocolVersion": 2}}));
    let told = stage.told();
    assert!(
        matches!(&told[..], [Told::CannotOpen { why, .. }] if why.contains("version 2")),
        "{told:?}"
    );
}

#[test]
fn what_the_client_cannot_do_is_refused_and_what_it_does_not_know_is_passed_over() {
    let mut stage = Stage::busy();
    stage.hears(json!({"id": 9, "method": "fs/read_text_file", "params": {}}));
    assert_eq!(stage.said()[0]["error"]["code"], -32601);
    stage.hears(json!({"method": "_auth/status_update", "params": {}}));
    stage.update(json!({"sessionUpdate": "usage_update", "used": 3}));
    assert!(stage.told().iter().all(|it| matches!(it, Told::Taken | Told::Stirs)));
    assert!(!stage.driver.steer("k", "x", &mut stage.out));
}

#[test]
fn figures_are_read_from_either_place_and_added_up() {
    let mut stage = Stage::busy();
    let quota = json!({"quota": {"token_count": {"input_tokens": 10, "output_tokens": 2}}});
    stage.hears(json!({"id": 3, "result": {"stopReason": "end_turn", "_meta": quota}}));
    stage.driver.send("k", "more", &mut stage.out);
    let usage = json!({"inputTokens": 5, "outputTokens": 1, "cachedReadTokens": 4});
    stage.hears(json!({"id": 4, "result": {"stopReason": "end_turn", "usage": usage}}));
    let told = stage.told();
    let last = told.iter().rev().find_map(|it| match it {
        Told::Used(usage) => Some(*usage),
        _ => None,
    });
    let last = last.expect("figures");
    assert_eq!(
        (last.input_tokens, last.output_tokens, last.cached_tokens),
        (Some(15), Some(3), Some(4))
    );
}

/// Returns the tokens in and out after a prompt whose answer had these figures.
fn counted(stage: &mut Stage, usage: &Value) -> (Option<u64>, Option<u64>) {
    stage.driver.send("k", "more", &mut stage.out);
    let id = stage.said().pop().expect("a prompt")["id"].clone();
    stage.hears(json!({"id": id, "result": {"stopReason": "end_turn", "usage": usage}}));
    let told = stage.told();
    let told = told.iter().find_map(|it| match it {
        Told::Used(usage) => Some((usage.input_tokens, usage.output_tokens)),
        _ => None,
    });
    told.expect("figures")
}

#[test]
fn totals_of_a_session_are_not_added_up_and_a_session_made_from_another_begins_at_nothing() {
    let (agent, able) = (
        json!({"name": "hermes-agent", "version": "0.19.0"}),
        json!({"sessionCapabilities": {"fork": {}}}),
    );
    let mut stage = Stage::new(None).greeted_as(&agent, &able);
    stage.hears(json!({"id": 2, "result": {"sessionId": "S"}}));
    let figures = |input, output| json!({"inputTokens": input, "outputTokens": output});
    assert_eq!(counted(&mut stage, &figures(100, 10)), (Some(100), Some(10)));
    assert_eq!(counted(&mut stage, &figures(150, 15)), (Some(150), Some(15)));
    stage.driver.send("k", "more", &mut stage.out);
    let prompt = stage.said().pop().expect("a prompt")["id"].clone();
    stage.driver.interrupt(&mut stage.out);
    stage.hears(json!({"id": prompt, "error": {"code": -32603, "message": "Internal error"}}));
    let fork = stage.said().pop().expect("a fork");
    assert_eq!(fork["method"], "session/fork");
    stage.hears(json!({"id": fork["id"], "result": {"sessionId": "T"}}));
    stage.told();
    assert_eq!(counted(&mut stage, &figures(20, 2)), (Some(170), Some(17)));
    assert_eq!(counted(&mut stage, &figures(30, 3)), (Some(180), Some(18)));
}

#[test]
fn what_went_through_a_cache_or_was_thought_counts_once_wherever_it_is_told() {
    let usage = |total: u64| {
        json!({
            "inputTokens": 100, "outputTokens": 10, "thoughtTokens": 5, "cachedReadTokens": 40,
            "cachedWriteTokens": 2, "totalTokens": total,
        })
    };
    assert_eq!(counted(&mut ready(), &usage(157)), (Some(142), Some(15)), "beside");
    assert_eq!(counted(&mut ready(), &usage(110)), (Some(100), Some(10)), "within");
}

fn ready() -> Stage {
    let mut stage = Stage::new(None).greeted(false);
    stage.hears(json!({"id": 2, "result": {"sessionId": "S"}}));
    stage
}
