//! Guarded commands at the doors: who may answer, and that an answer is given once.

use axum::http::Method;
use mission_domain::ids::{AttemptId, Commit, TicketKey, Tree};
use mission_domain::ticket::{Asked, LaneRecord, Seen};
use serde_json::json;

use crate::stage::Stage;

/// A ticket whose lane asks to push; returns its key, its attempt and the approval's id.
async fn asks(stage: &Stage) -> (TicketKey, AttemptId, String) {
    asks_in(stage, 1).await
}

/// The same in the attempt of that number.
async fn asks_in(stage: &Stage, attempt: u64) -> (TicketKey, AttemptId, String) {
    let key = stage.files("Ship it").await;
    let attempt = stage.is_claimed(&key, attempt).await;
    let asked = Asked {
        argv: ["git", "push", "origin", "it's <b>me</b>"].map(str::to_owned).into(),
        cwd: "/home/ada/work".into(),
        seen: Seen {
            head: Some(Commit::new("0123456789abcdef")),
            tree: Some(Tree::new("fedcba9876543210")),
            aside: None,
        },
        diff: None,
        refused: None,
    };
    stage.records(&key, attempt, LaneRecord::Approval(Box::new(asked))).await;
    let all = stage.get("/api/v1/approvals?state=requested").await.expect(200).json();
    let id = all["approvals"][0]["id"].as_str().expect("one waits").to_owned();
    (key, attempt, id)
}

#[tokio::test]
async fn a_person_permits_a_command_once_and_everybody_else_is_refused() {
    let stage = Stage::new().await;
    let (key, attempt, id) = asks(&stage).await;
    let approve = format!("/api/v1/approvals/{id}/approve");
    stage.ask(Method::POST, &approve).send().await.expect_code(401, "not_signed_in");
    let ci = stage.new_token("ci", "operator", None).await;
    stage.ask(Method::POST, &approve).token(&ci).send().await.expect_code(403, "not_a_person");
    let lane = stage.lane_token(attempt).await;
    stage.ask(Method::POST, &approve).token(&lane).send().await.expect_code(403, "lane_token");
    let viewer = stage.new_token("viewer", "viewer", None).await;
    stage.ask(Method::POST, &approve).token(&viewer).send().await.expect(403);

    let shown = stage.get(&format!("/api/v1/approvals/{id}")).await.expect(200).json();
    assert_eq!(shown["state"], "requested");
    assert_eq!(shown["command"], r"git push origin 'it'\''s <b>me</b>'");
    let ticket = stage.get(&format!("/api/v1/tickets/{key}")).await.expect(200).json();
    assert_eq!(
        (&ticket["state"], &ticket["approvals"][0]["id"]),
        (&"needs_input".into(), &shown["id"])
    );
    let needs = stage.get("/api/v1/needs-you").await.expect(200).json();
    assert_eq!(needs["items"][0]["kind"], "approval");

    let given = stage.post(&approve, json!({})).await.expect(200).json();
    assert_eq!(given["state"], "approved");
    stage.post(&approve, json!({})).await.expect_code(409, "approval_closed");
    let deny = format!("/api/v1/approvals/{id}/deny");
    stage.post(&deny, json!({ "reason": "no" })).await.expect_code(409, "approval_closed");
    stage.post("/api/v1/approvals/P-77.1/approve", json!({})).await.expect_code(404, "not_found");
    stage.post("/api/v1/approvals/nothing/approve", json!({})).await.expect_code(404, "not_found");
}

#[tokio::test]
async fn a_denial_needs_a_reason_and_reaches_the_lane() {
    let stage = Stage::new().await;
    let (key, _, id) = asks(&stage).await;
    let deny = format!("/api/v1/approvals/{id}/deny");
    stage.post(&deny, json!({ "reason": " " })).await.expect_code(422, "reason_missing");
    let denied = stage.post(&deny, json!({ "reason": "not today" })).await.expect(200).json();
    assert_eq!((&denied["state"], &denied["reason"]), (&"denied".into(), &"not today".into()));
    let messages = stage.get(&format!("/api/v1/messages?ticket={key}")).await.expect(200).json();
    let body = messages["messages"][0]["body"].as_str().expect("a message");
    assert!(body.contains(&id) && body.contains("not today"), "{body}");
}

#[tokio::test]
async fn the_pages_show_the_exact_command_and_answer_it_without_a_script() {
    let stage = Stage::new().await;
    let (key, _, id) = asks(&stage).await;
    let cookie = stage.signs_in().await;
    for path in ["/needs-you".to_owned(), format!("/tickets/{key}")] {
        let page = stage.ask(Method::GET, &path).header("cookie", &cookie).send().await.text();
        assert!(page.contains(&id), "{path}");
        assert!(page.contains("&lt;b&gt;me&lt;/b&gt;") && !page.contains("<b>me</b>"), "{path}");
        assert!(page.contains(&format!("action=\"/tickets/{key}/approve\"")), "{path}");
        assert!(page.contains(&format!("action=\"/tickets/{key}/deny\"")), "{path}");
    }
    let page = stage.ask(Method::GET, "/needs-you").header("cookie", &cookie).send().await.text();
    let csrf = crate::forms::csrf_in(&page);
    let post = |verb: &str| {
        stage.ask(Method::POST, &format!("/tickets/{key}/{verb}")).header("cookie", &cookie)
    };
    post("approve").form(&[("csrf", "other"), ("approval", &id)]).send().await.expect(403);
    let other = stage.files("Another").await;
    let elsewhere = stage
        .ask(Method::POST, &format!("/tickets/{other}/approve"))
        .header("cookie", &cookie)
        .form(&[("csrf", &csrf), ("approval", &id)]);
    elsewhere.send().await.expect(404);
    let fields = [("csrf", csrf.as_str()), ("approval", &id), ("back", "needs-you")];
    let done = post("approve").form(&fields).send().await.expect(303);
    assert!(done.header("location").starts_with("/needs-you"));
    let shown = stage.get(&format!("/api/v1/approvals/{id}")).await.expect(200).json();
    assert_eq!(shown["state"], "approved");
    post("approve").form(&fields).send().await.expect(409);
}

#[tokio::test]
async fn a_projects_token_sees_and_answers_that_projects_commands_alone() {
    let stage = Stage::new().await;
    let (_, _, id) = asks(&stage).await;
    let other = stage.new_token("other", "operator", Some("XX")).await;
    let list = stage.ask(Method::GET, "/api/v1/approvals").token(&other).send().await;
    assert_eq!(list.expect(200).json()["approvals"], json!([]));
    let path = format!("/api/v1/approvals/{id}");
    stage.ask(Method::GET, &path).token(&other).send().await.expect_code(403, "other_project");
}

#[tokio::test]
async fn a_command_that_expires_within_the_hour_comes_before_what_has_waited_longer() {
    for (rules, first, reason) in [
        ("", "signoff", "by age"),
        ("[policy.default]\napproval_expires = \"50m\"\n", "approval", "expires soon"),
    ] {
        let stage = Stage::with(rules).await;
        let waiting = stage.files("Look at the plan").await;
        stage.delivers_a_plan(&waiting, 1, "packet").await;
        asks_in(&stage, 2).await;
        let items = stage.get("/api/v1/needs-you").await.expect(200).json();
        let items = items["items"].as_array().expect("a list").clone();
        assert_eq!((items.len(), &items[0]["kind"]), (2, &first.into()), "{rules}");
        assert_eq!(items[0]["rank_reason"], reason);
        let cookie = stage.signs_in().await;
        let page = stage.ask(Method::GET, "/needs-you").header("cookie", &cookie).send().await;
        let page = page.expect(200).text();
        assert_eq!(
            page.contains("min left"),
            first == "approval",
            "what is left of its hour is said"
        );
    }
}

#[tokio::test]
async fn an_answered_command_stays_on_its_ticket_and_on_policy_with_what_became_of_it() {
    let stage = Stage::new().await;
    let (key, _, id) = asks(&stage).await;
    let cookie = stage.signs_in().await;
    let deny = format!("/api/v1/approvals/{id}/deny");
    for (state, reason) in [("asked", ""), ("denied", "after the weekend")] {
        if state == "denied" {
            stage.post(&deny, json!({ "reason": reason })).await.expect(200);
        }
        for path in ["/policy".to_owned(), format!("/tickets/{key}")] {
            let page = stage.ask(Method::GET, &path).header("cookie", &cookie).send().await.text();
            let list = page.split("Guarded commands</h2>").nth(1).expect("the list");
            let line = list.split("</li>").next().expect("a line");
            for words in [&id, state, reason, "&lt;b&gt;me&lt;/b&gt;"] {
                assert!(line.contains(words), "{path} {state}: {line}");
            }
            assert_eq!(line.contains("nothing ran"), state == "denied", "{line}");
        }
    }
}
