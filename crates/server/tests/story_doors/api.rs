//! What the API answers, and what happens when the same is sent twice.

use std::future::{Future as _, poll_fn};
use std::task::{Context, Poll};

use axum::http::Method;
use mission_domain::ticket::LaneRecord;
use serde_json::json;

use crate::stage::{PATIENCE, Stage, app};

#[tokio::test]
async fn a_ticket_is_filed_read_changed_and_ended() {
    let stage = Stage::new().await;
    let body = json!({ "title": "A dark scheme", "priority": "high", "labels": ["visual"], "channel": "cli" });
    let filed = stage.post("/api/v1/tickets", body).await.expect(201).json();
    assert_eq!((&filed["key"], &filed["source"]["channel"]), (&json!("MC-1"), &json!("cli")));
    let shown = stage.get("/api/v1/tickets/MC-1").await.expect(200).json();
    assert_eq!(shown, filed);
    let edit = stage.ask(Method::PATCH, "/api/v1/tickets/MC-1").token(&stage.token);
    let edited = edit.json(&json!({ "title": "A dark theme" })).send().await.expect(200).json();
    assert_eq!(edited["title"], "A dark theme");
    let rows = stage.get("/api/v1/tickets?fields=row&state=todo,active").await.expect(200).json();
    assert_eq!(rows["tickets"][0]["priority"], "high", "{rows}");
    let why = stage.get("/api/v1/tickets/MC-1/why").await.expect(200).json();
    assert_eq!(why["state"], shown["state"]);
    stage.post("/api/v1/tickets/MC-1/park", json!({})).await.expect(200);
    stage.post("/api/v1/tickets/MC-1/park", json!({})).await.expect_code(409, "already_parked");
    stage.post("/api/v1/tickets/MC-1/unpark", json!({})).await.expect(200);
    let ended = stage.post("/api/v1/tickets/MC-1/cancel", json!({ "reason": "no need" })).await;
    assert_eq!(ended.expect(200).json()["state"], "cancelled");
    stage
        .post("/api/v1/tickets/MC-1/say", json!({ "text": "hello" }))
        .await
        .expect_code(409, "ended");
}

#[tokio::test]
async fn a_message_is_taken_back_while_it_waits_and_refused_with_its_reason_else() {
    let stage = Stage::new().await;
    let key = stage.files("Talked about").await;
    let say = json!({ "text": "use red" });
    let said = stage.post("/api/v1/tickets/MC-1/say", say.clone()).await.expect(200).json();
    let way = |id: &serde_json::Value| {
        format!("/api/v1/tickets/MC-1/messages/{}/withdraw", id.as_str().unwrap())
    };
    let taken = stage.post(&way(&said["id"]), json!({})).await.expect(200).json();
    assert_eq!((&taken["id"], &taken["state"]), (&said["id"], &json!("withdrawn")));
    let list = stage.get("/api/v1/messages?ticket=MC-1").await.expect(200).json();
    assert_eq!(list["messages"][0]["state"], "withdrawn");
    stage.post(&way(&said["id"]), json!({})).await.expect_code(409, "message_over");
    stage.post(&way(&json!("M-77")), json!({})).await.expect_code(404, "unknown_message");
    stage.post(&way(&json!("nonsense")), json!({})).await.expect_code(404, "not_found");

    let made = json!({ "name": "ci", "role": "operator" });
    let made = stage.post("/api/v1/tokens", made).await.expect(201).json();
    let token = made["token"].as_str().unwrap();
    let attempt = stage.is_claimed(&key, 1).await;
    let said = stage.post("/api/v1/tickets/MC-1/say", say).await.expect(200).json();
    let by_token = stage.ask(Method::POST, &way(&said["id"])).token(token).json(&json!({}));
    by_token.send().await.expect_code(403, "not_a_person");
    // Nobody is there who could ask the lane, which may hold it.
    stage.post(&way(&said["id"]), json!({})).await.expect_code(409, "message_held");
    let ids = vec![said["id"].as_str().unwrap().parse().unwrap()];
    stage.records(&key, attempt, LaneRecord::Delivered { ids }).await;
    let late = stage.post(&way(&said["id"]), json!({})).await.expect_code(409, "message_delivered");
    let detail = late.json()["detail"].as_str().unwrap().to_owned();
    assert!(detail.contains("the lane has it") && detail.contains("mission say"), "{detail}");
}

#[tokio::test]
async fn what_cannot_be_read_or_found_is_said_with_its_place() {
    let stage = Stage::new().await;
    stage.files("There").await;
    stage.get("/api/v1/tickets/MC-99").await.expect_code(404, "not_found");
    stage.get("/api/v1/tickets/nonsense").await.expect_code(404, "not_found");
    stage.get("/api/v1/attempts/A-9").await.expect_code(404, "not_found");
    stage.get("/api/v1/workflows/none").await.expect_code(404, "not_found");
    stage.get("/api/v1/tickets?project=no").await.expect_code(400, "bad_request");
    let post = |body: &'static str| {
        let ask = stage.ask(Method::POST, "/api/v1/tickets").token(&stage.token);
        ask.header("content-type", "application/json").body(body).send()
    };
    let broken = post("{\n  \"title\": ").await.expect_code(400, "bad_request").json();
    assert!(broken["detail"].as_str().unwrap().contains("line 2 column"), "{broken}");
    let wrong = post("{\"title\": 7}").await.expect_code(422, "bad_request").json();
    assert!(wrong["detail"].as_str().unwrap().contains("line 1 column"), "{wrong}");
    post("{\"title\": \"x\", \"colour\": \"red\"}").await.expect_code(422, "bad_request");
    let text = stage.ask(Method::POST, "/api/v1/tickets").token(&stage.token).body("title=x");
    text.send().await.expect_code(415, "not_json");
    let put = stage.ask(Method::PUT, "/api/v1/tickets").token(&stage.token).send().await;
    put.expect_code(405, "method_not_allowed");
}

#[tokio::test]
async fn a_verdict_on_a_packet_that_changed_is_a_conflict() {
    let stage = Stage::new().await;
    let key = stage.files("Plan first").await;
    let old = stage.delivers_a_plan(&key, 1, "first").await;
    let path = format!("/api/v1/tickets/{key}/verdict");
    let changes = json!({ "verdict": "changes", "reason": "too long", "packet": old });
    stage.post(&path, changes).await.expect(200);
    let new = stage.delivers_a_plan(&key, 2, "second").await;
    let stale = stage.post(&path, json!({ "verdict": "pass", "packet": old })).await;
    stale.expect_code(409, "packet_changed");
    let passed =
        stage.post(&path, json!({ "verdict": "pass", "packet": new })).await.expect(200).json();
    assert_eq!(passed["gates"][0]["state"], "passed");
    assert_eq!(passed["gates"][0]["signoff"]["packet"], json!(new));
}

#[tokio::test]
async fn the_same_request_with_the_same_key_takes_effect_once() {
    let stage = Stage::new().await;
    let file = |title: &'static str| {
        let ask = stage.ask(Method::POST, "/api/v1/tickets").token(&stage.token);
        ask.header("idempotency-key", "k-1").json(&json!({ "title": title })).send()
    };
    let (one, two, three) = tokio::join!(file("Once"), file("Once"), file("Once"));
    let again = file("Once").await;
    for reply in [&two, &three, &again] {
        assert_eq!((reply.status, reply.json()), (one.status, one.json()));
    }
    assert_eq!(one.status, 201);
    file("Something else").await.expect_code(422, "idempotency_key_reused");
    let all = stage.get("/api/v1/tickets").await.json();
    assert_eq!(all["tickets"].as_array().unwrap().len(), 1);
    let other = stage.new_token("ci", "operator", None).await;
    let ask = stage.ask(Method::POST, "/api/v1/tickets").token(&other);
    let theirs =
        ask.header("idempotency-key", "k-1").json(&json!({ "title": "Once" })).send().await;
    assert_eq!(theirs.expect(201).json()["key"], "MC-2");
}

#[tokio::test]
async fn a_key_still_counts_after_a_restart() {
    let stage = Stage::new().await;
    let send = |app: &axum::Router| {
        let ask = stage.ask(Method::POST, "/api/v1/tickets").of(app).token(&stage.token);
        ask.header("idempotency-key", "k").json(&json!({ "title": "Once" })).send()
    };
    let first = send(&stage.app).await.expect(201);
    let restarted = mission_server::router(app(&stage.control));
    let second = send(&restarted).await.expect(201);
    assert_eq!(second.header("idempotency-replayed"), "true");
    assert_eq!(first.json(), second.json());
}

#[tokio::test]
async fn lists_of_the_home_answer() {
    let stage = Stage::new().await;
    stage.files("One").await;
    for (path, field) in [
        ("/api/v1/projects", "projects"),
        ("/api/v1/roles", "roles"),
        ("/api/v1/lanes?project=MC", "lanes"),
        ("/api/v1/runtimes", "runtimes"),
        ("/api/v1/needs-you", "items"),
        ("/api/v1/operator/log", "acts"),
        ("/api/v1/workspaces", "workspaces"),
        ("/api/v1/messages?ticket=MC-1", "messages"),
        ("/api/v1/attempts", "attempts"),
        ("/api/v1/tokens", "tokens"),
        ("/api/v1/check", "problems"),
        ("/api/v1/tickets/MC-1/packets", "packets"),
    ] {
        let reply = stage.get(path).await.expect(200).json();
        assert!(reply[field].is_array(), "{path}: {reply}");
    }
    let paused = stage.post("/api/v1/lanes/coder/pause", json!({})).await.expect(200).json();
    assert_eq!(paused["state"], "paused");
    stage.post("/api/v1/lanes/coder/pause", json!({})).await.expect_code(409, "already_paused");
    stage.post("/api/v1/lanes/nobody/pause", json!({})).await.expect_code(404, "not_found");
    stage.post("/api/v1/down", json!({})).await.expect_code(409, "no_server");
    let metrics = stage.get("/metrics").await.expect(200).text();
    assert!(metrics.contains("mission_tickets{state=\"todo\"} 1\n"), "{metrics}");
    assert!(metrics.contains("mission_event_seq "), "{metrics}");
}

#[tokio::test]
async fn an_artifact_is_shown_and_never_run() {
    let stage = Stage::new().await;
    let html = stage.control.artifacts().put(b"<script>alert(1)</script>").unwrap();
    let reply = stage.get(&format!("/artifacts/{}", html.hex())).await.expect(200);
    assert_eq!(reply.header("content-type"), "text/plain; charset=utf-8");
    assert!(reply.header("content-security-policy").starts_with("sandbox"));
    let png = stage.control.artifacts().put(b"\x89PNG\r\n\x1a\n....").unwrap();
    let reply = stage.get(&format!("/artifacts/{}", png.hex())).await.expect(200);
    assert_eq!(reply.header("content-type"), "image/png");
    let bytes = stage.control.artifacts().put(b"\xff\x00\xfe").unwrap();
    let reply = stage.get(&format!("/artifacts/{}", bytes.hex())).await.expect(200);
    assert_eq!(reply.header("content-disposition"), "attachment");
    stage.get(&format!("/artifacts/{}", "0".repeat(64))).await.expect(404);
}

#[tokio::test]
async fn many_who_file_at_the_same_moment_all_get_a_ticket_of_their_own() {
    let stage = Stage::new().await;
    let titles: Vec<String> = (0..120).map(|n| format!("One of many, number {n}")).collect();
    let all = futures::future::join_all(titles.iter().map(|title| stage.files(title))).await;
    let keys: std::collections::BTreeSet<String> = all.iter().map(ToString::to_string).collect();
    assert_eq!(keys.len(), titles.len());
    let last = stage.get("/api/v1/tickets/MC-120").await.expect(200).json();
    assert!(last["title"].as_str().is_some_and(|it| it.starts_with("One of many")), "no gap");
}

/// Waits until the controller knows every ticket that is on record.
async fn knows_all(stage: &Stage) {
    loop {
        let on_record = stage.get("/api/v1/tickets?limit=1000").await.expect(200).json();
        let on_record = on_record["tickets"].as_array().expect("tickets").len();
        let known = stage.control.lanes(None).await.expect("lanes");
        if known.iter().map(|it| it.queued as usize).sum::<usize>() == on_record {
            return;
        }
    }
}

#[tokio::test]
async fn who_goes_before_the_answer_leaves_nothing_half_done() {
    let stage = Stage::new().await;
    stage.control.load_fleet().await.expect("a fleet");
    let new = json!({ "title": "Written down before anybody heard" });
    for polls in 0..60 {
        let asked = stage.ask(Method::POST, "/api/v1/tickets").token(&stage.token).json(&new);
        let mut asked = Box::pin(asked.open());
        for _ in 0..polls {
            let look = |cx: &mut Context<'_>| Poll::Ready(asked.as_mut().poll(cx).is_ready());
            if poll_fn(look).await {
                break;
            }
            tokio::task::yield_now().await;
        }
        // The client is gone; what was begun for it ends, however long that takes.
        drop(asked);
        let same = knows_all(&stage);
        let same = tokio::time::timeout(PATIENCE, same).await;
        assert!(same.is_ok(), "gone after {polls} looks, and the controller never heard of it");
    }
    stage.files("The last").await;
    assert!(stage.get("/api/v1/tickets").await.expect(200).text().contains("Written down"));
}

#[tokio::test]
async fn a_no_because_of_what_a_ticket_is_now_says_its_version_and_so_may_whoever_asks() {
    let stage = Stage::new().await;
    let key = stage.files("Parked twice").await;
    let park = format!("/api/v1/tickets/{key}/park");
    let parked = stage.post(&park, json!({})).await.expect(200).json();
    let version = parked["version"].as_u64().expect("a version");
    let again = stage.post(&park, json!({})).await.expect_code(409, "already_parked").json();
    assert_eq!(again["current_version"], version);
    let unpark = |of: String| {
        let ask = stage.ask(Method::POST, &format!("/api/v1/tickets/{key}/unpark"));
        ask.token(&stage.token).header("if-match", of).json(&json!({})).send()
    };
    let old = unpark(format!("\"{}\"", version - 1)).await.expect_code(409, "conflict").json();
    assert_eq!(old["current_version"], version);
    unpark(format!("\"{version}\"")).await.expect(200);
}
