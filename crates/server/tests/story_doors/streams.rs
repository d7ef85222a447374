//! The event stream: it resumes, and neither skips nor repeats.

use std::sync::Arc;

use axum::http::Method;
use mission_store::SecretKind;
use serde_json::{Value, json};

use crate::reader::Reader;
use crate::stage::Stage;

async fn opens(stage: &Stage, path: &str, last: Option<u64>) -> Reader {
    let ask =
        stage.ask(Method::GET, path).token(&stage.token).header("accept", "text/event-stream");
    let ask = match last {
        Some(last) => ask.header("last-event-id", last.to_string()),
        None => ask,
    };
    Reader::new(ask.open().await)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_breaks_again_and_again_has_each_of_500_events_once_and_in_order() {
    let stage = Arc::new(Stage::new().await);
    let key = stage.files("Busy").await;
    let start = stage.control.store().watermark().await.unwrap();
    let writer = {
        let (stage, path) = (stage.clone(), format!("/api/v1/tickets/{key}/comment"));
        tokio::spawn(async move {
            for n in 0..125 {
                let body = || json!({ "text": format!("note {n}") });
                let (a, b) = tokio::join!(stage.post(&path, body()), stage.post(&path, body()));
                let (c, d) = tokio::join!(stage.post(&path, body()), stage.post(&path, body()));
                let _ = [a, b, c, d].map(|it| it.expect(200));
            }
        })
    };
    let mut seen: Vec<u64> = Vec::new();
    let mut last = start;
    while seen.len() < 500 {
        let mut reader = opens(&stage, &format!("/api/v1/events?after={start}"), Some(last)).await;
        for _ in 0..60.min(500 - seen.len()) {
            let sent = reader.next().await.expect("the stream goes on");
            let event: Value = serde_json::from_str(&sent.data).unwrap();
            assert_eq!(Some(event["seq"].as_u64().unwrap()), sent.id);
            last = sent.id.unwrap();
            seen.push(last);
        }
    }
    writer.await.unwrap();
    let expected: Vec<u64> = (start + 1..=start + 500).collect();
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn who_wants_only_what_comes_begins_at_the_end_of_the_log() {
    let stage = Stage::new().await;
    let key = stage.files("Followed").await;
    let all = stage.get("/api/v1/events").await.json();
    let newest = all["next"].as_u64().expect("a number");
    let none = stage.get("/api/v1/events?tail=0").await.json();
    assert_eq!(
        (none["next"].as_u64(), none["events"].as_array().map(Vec::len)),
        (Some(newest), Some(0))
    );
    let one = stage.get("/api/v1/events?tail=1").await.json();
    assert_eq!(one["events"][0]["seq"].as_u64(), Some(newest));
    let mut reader = opens(&stage, "/api/v1/events?tail=0", None).await;
    let said = json!({ "text": "a note" });
    stage.post(&format!("/api/v1/tickets/{key}/comment"), said).await.expect(200);
    assert_eq!(reader.next().await.expect("the note").id, Some(newest + 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_that_falls_far_behind_gets_the_rest_from_the_store() {
    let stage = Stage::new().await;
    let (key, other) = (stage.files("Followed").await, stage.files("Other").await);
    let mut reader = opens(&stage, &format!("/api/v1/events?ticket={key}"), None).await;
    let first = reader.next().await.expect("the filing");
    // More than any broadcast keeps, while nobody reads.
    for n in 0..1_500 {
        let command = mission_domain::ticket::Command::Comment { text: format!("note {n}") };
        let about = if n % 3 == 0 { &key } else { &other };
        let by = mission_domain::principal::Principal::Person("ada".into());
        stage.control.execute(about, command, &by).await.unwrap();
    }
    let mut last = first.id.unwrap();
    for _ in 0..500 {
        let sent = reader.next().await.expect("the stream goes on");
        let event: Value = serde_json::from_str(&sent.data).unwrap();
        assert_eq!(event["ticket"], key.to_string());
        assert!(sent.id.unwrap() > last, "{last} came again");
        last = sent.id.unwrap();
    }
    let listed = stage.get(&format!("/api/v1/events?ticket={key}&limit=10000")).await.json();
    assert_eq!(listed["next"], last);
}

#[tokio::test]
async fn a_last_event_that_is_none_is_refused_rather_than_read_as_the_beginning() {
    let stage = Stage::new().await;
    for junk in ["seven", "-1", "1.5", "18446744073709551616"] {
        let ask = stage.ask(Method::GET, "/api/v1/events").token(&stage.token);
        let said = ask.header("last-event-id", junk).send().await.expect(400).json();
        assert!(said["detail"].as_str().unwrap().contains("Last-Event-ID"), "{junk}: {said}");
    }
}

#[tokio::test]
async fn the_log_is_listed_from_an_event_on() {
    let stage = Stage::new().await;
    stage.files("One").await;
    let all = stage.get("/api/v1/events").await.expect(200).json();
    let last = all["next"].as_u64().unwrap();
    let some = stage.get("/api/v1/events?after=1&limit=1").await.json();
    assert_eq!((some["events"][0]["seq"].as_u64(), some["next"].as_u64()), (Some(2), Some(2)));
    let none = stage.get(&format!("/api/v1/events?after={last}")).await.json();
    assert_eq!(none, json!({ "events": [], "next": last }));
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked_or_runs_out() {
    let stage = Stage::new().await;
    let key = stage.files("Followed").await;
    let path = "/api/v1/events?tail=0";
    let follows = async |token: &str| {
        let ask = stage.ask(Method::GET, path).token(token).header("accept", "text/event-stream");
        Reader::new(ask.open().await)
    };
    let token = stage.new_token("ci", "viewer", None).await;
    let mut revoked = follows(&token).await;
    let revoke = stage.ask(Method::DELETE, "/api/v1/tokens/ci").token(&stage.token);
    revoke.send().await.expect(204);
    let comment = format!("/api/v1/tickets/{key}/comment");
    stage.post(&comment, json!({ "text": "not for it" })).await.expect(200);
    assert!(revoked.next().await.is_none(), "what came after is not heard");

    // A lane's token runs out with its attempt: nobody ends it.
    let token = stage.new_token("short", "viewer", None).await;
    let mut short = follows(&token).await;
    let mut secrets = stage.control.store().secrets(SecretKind::Token).await.unwrap();
    let secret = secrets.iter_mut().find(|it| it.label == "short").expect("the token");
    secret.expires_at = Some(stage.control.now());
    stage.control.store().drop_secret(SecretKind::Token, &secret.hash).await.unwrap();
    stage.control.store().put_secret(secret).await.unwrap();
    let writing = async {
        loop {
            stage.post(&comment, json!({ "text": "on and on" })).await.expect(200);
        }
    };
    let hearing = async { while short.next().await.is_some() {} };
    let hearing = tokio::time::timeout(crate::stage::PATIENCE, hearing);
    tokio::select! {
        ended = hearing => ended.expect("it ends in the midst of what comes"),
        () = writing => {}
    }
}
