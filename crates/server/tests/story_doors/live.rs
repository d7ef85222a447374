//! Live pages: a change arrives as the elements it made different, and as little else as can be.

use axum::http::Method;
use mission_domain::home::HomeCommand;
use mission_domain::principal::Principal;
use mission_domain::spending::Scope;
use serde_json::json;

use crate::reader::Reader;
use crate::stage::Stage;

/// What one change may cost on the wire, in bytes.
const MOST: usize = 5 * 1024;

async fn opens(stage: &Stage, page: &str) -> Reader {
    let seq = stage.control.store().watermark().await.unwrap();
    let path = format!("/live?page={page}&after={seq}");
    let mut reader = Reader::new(stage.ask(Method::GET, &path).token(&stage.token).open().await);
    assert_eq!(reader.batch().await, [], "a page that is current gets nothing at once");
    reader
}

#[tokio::test]
async fn a_card_moves_and_the_counts_follow() {
    let stage = Stage::new().await;
    let key = stage.files("One").await;
    stage.files("Two").await;
    let mut reader = opens(&stage, "board").await;
    stage.post(&format!("/api/v1/tickets/{key}/park"), json!({})).await.expect(200);
    let batch = reader.batch().await;
    let html: String = batch.iter().map(|it| it.data.as_str()).collect();
    assert!(
        html.contains("id=\"ticket-MC-1\"") && html.contains("data-into=\"cards-parked\""),
        "{html}"
    );
    assert!(html.contains("id=\"n-parked\"") && html.contains("id=\"n-todo\""), "{html}");
    assert!(!html.contains("ticket-MC-2") && !html.contains("id=\"n-done\""), "{html}");
    assert!(html.len() <= MOST, "{} bytes", html.len());
}

#[tokio::test]
async fn a_decision_appears_is_announced_and_goes() {
    let stage = Stage::new().await;
    let key = stage.files("Plan first").await;
    let mut reader = opens(&stage, "needs-you").await;
    let packet = stage.delivers_a_plan(&key, 1, "plan").await;
    let heard = reader.until("MC-1 waits for you").await;
    assert!(
        heard.contains("id=\"ask-MC-1\"") && heard.contains("id=\"count-needs-you\""),
        "{heard}"
    );
    let verdict = json!({ "verdict": "pass", "packet": packet });
    stage.post(&format!("/api/v1/tickets/{key}/verdict"), verdict).await.expect(200);
    reader.batch().await;
    let batch = reader.batch().await;
    assert!(batch.iter().any(|it| it.event == "gone" && it.data == "ask-MC-1"), "{batch:?}");
}

#[tokio::test]
async fn a_spent_budget_comes_to_open_pages_is_counted_as_a_decision_and_goes() {
    let stage = Stage::with("\n[budget]\nday = { wall = \"12s\" }\n").await;
    let key = stage.files("It waits for the budget").await;
    let counted = |n: u32| format!("aria-label=\"{n} waiting\">{n}</b>");
    let mut needs_you = opens(&stage, "needs-you").await;
    let mut board = opens(&stage, "board").await;
    let scope = Scope { project: key.project().clone(), role: None };
    let until = stage.control.now() + jiff::SignedDuration::from_hours(1);
    let text = "the day's budget of MC is spent (13 of 12 s at work)".to_owned();
    let spent = HomeCommand::MarkBudget { scope: scope.clone(), until, is_spent: true, text };
    stage.control.execute_home(spent, &Principal::Controller).await.unwrap();
    for reader in [&mut needs_you, &mut board] {
        let heard: String = reader.batch().await.iter().map(|it| it.data.clone()).collect();
        assert!(heard.contains("id=\"notices\"") && heard.contains("13 of 12 s"), "{heard}");
        assert!(heard.contains(&counted(1)), "{heard}");
    }
    let page = stage.get("/needs-you").await.expect(200).text();
    assert!(page.contains("<b>1</b> decision waits") && page.contains(&counted(1)), "{page}");
    assert!(page.contains("id=\"ask-MC-1\"") && page.contains("0 of 12 s at work"), "{page}");

    let free = HomeCommand::FreeBudget { scope, why: "it was raised".into() };
    stage.control.execute_home(free, &Principal::Controller).await.unwrap();
    let batch = needs_you.batch().await;
    assert!(batch.iter().any(|it| it.event == "gone" && it.data == "ask-MC-1"), "{batch:?}");
    let heard: String = board.batch().await.iter().map(|it| it.data.clone()).collect();
    assert!(
        heard.contains("id=\"notices\" role=\"status\" hidden") && heard.contains(&counted(0)),
        "{heard}"
    );
}

#[tokio::test]
async fn a_ticket_gets_only_what_changed_of_it() {
    let stage = Stage::new().await;
    let key = stage.files("Watched").await;
    let other = stage.files("Other").await;
    let mut reader = opens(&stage, &format!("ticket&key={key}")).await;
    stage
        .post(&format!("/api/v1/tickets/{other}/comment"), json!({ "text": "elsewhere" }))
        .await
        .expect(200);
    assert_eq!(reader.batch().await, [], "another ticket is no change here");
    stage
        .post(&format!("/api/v1/tickets/{key}/say"), json!({ "text": "please hurry" }))
        .await
        .expect(200);
    let html: String = reader.batch().await.iter().map(|it| it.data.as_str()).collect();
    assert!(html.contains("id=\"inbox\"") && html.contains("please hurry"), "{html}");
    assert!(html.contains("id=\"log-count\"") && !html.contains("id=\"activity\""), "{html}");
    assert!(!html.contains("id=\"situation\""), "{html}");
    assert!(html.len() <= MOST, "{} bytes", html.len());
}

#[tokio::test]
async fn a_change_of_a_ticket_with_a_long_history_is_a_row_or_two() {
    let stage = Stage::new().await;
    let key = stage.files("A long story").await;
    let path = format!("/api/v1/tickets/{key}");
    for n in 0..70 {
        let note = json!({ "text": format!("note {n}: something that takes a line to tell") });
        stage.post(&format!("{path}/comment"), note).await.expect(200);
        let message = json!({ "text": format!("message {n}: please look at this") });
        stage.post(&format!("{path}/say"), message).await.expect(200);
    }
    let mut reader = opens(&stage, &format!("ticket&key={key}")).await;
    for (verb, body) in [
        ("say", json!({ "text": "please hurry" })),
        ("comment", json!({ "text": "it is late" })),
        ("park", json!({})),
        ("unpark", json!({})),
    ] {
        stage.post(&format!("{path}/{verb}"), body).await.expect(200);
        let batch = reader.batch().await;
        let bytes: usize = batch.iter().map(|it| it.data.len()).sum();
        assert!(bytes <= MOST, "{verb}: {bytes} bytes");
        let lists: Vec<serde_json::Value> = batch
            .iter()
            .filter(|it| it.event == "list")
            .map(|it| serde_json::from_str(&it.data).expect("a list"))
            .collect();
        let log = lists.iter().find(|it| it["id"] == "log").expect("the log has a new row");
        assert_eq!(log["first"].as_array().map(Vec::len), Some(1), "{log}");
        let moved = lists.iter().find(|it| it["id"] == "log-older").expect("a row is older now");
        // What one person writes is one row: there the new one takes the place of the one before.
        let is_new = verb != "say";
        assert_eq!(is_new, log["gone"] == moved["first"], "{lists:?}");
    }
}

#[tokio::test]
async fn what_an_agent_prints_is_appended() {
    let stage = Stage::new().await;
    let key = stage.files("Printing").await;
    let attempt = stage.is_claimed(&key, 1).await;
    let lane = stage.control.paths().lane(attempt);
    std::fs::create_dir_all(&lane).unwrap();
    std::fs::write(lane.join("journal"), "before\n").unwrap();
    let mut reader = opens(&stage, &format!("ticket&key={key}")).await;
    std::fs::write(lane.join("journal"), "before\n\u{1b}[1mafter\u{1b}[0m\n").unwrap();
    let sent = reader.next().await.unwrap();
    assert_eq!(sent.event, "output");
    let printed: serde_json::Value = serde_json::from_str(&sent.data).unwrap();
    // `to` is where that ends in the journal: a page that got so much with the terminal itself shows it once.
    assert_eq!(printed, json!({ "attempt": "A-1", "text": "after\n", "to": 21 }));
}

#[tokio::test]
async fn a_board_in_lanes_gets_its_cards_in_their_cells_and_the_head_of_the_lane() {
    let stage = Stage::new().await;
    let campaign = json!({ "title": "Autumn", "kind": "campaign" });
    let campaign = stage.post("/api/v1/tickets", campaign).await.expect(201).json();
    let parent = campaign["key"].as_str().unwrap().to_owned();
    let child = json!({ "title": "A child", "parent": parent });
    let child = stage.post("/api/v1/tickets", child).await.expect(201).json();
    let child = child["key"].as_str().unwrap().to_owned();
    let seq = stage.control.store().watermark().await.unwrap();
    let ask = stage.ask(Method::GET, &format!("/live?page=board&after={seq}"));
    let ask = ask.header("referer", "http://mission.local/board?by=campaign");
    let mut reader = Reader::new(ask.token(&stage.token).open().await);
    assert_eq!(reader.batch().await, []);
    stage.post(&format!("/api/v1/tickets/{child}/park"), json!({})).await.expect(200);
    let html: String = reader.batch().await.iter().map(|it| it.data.as_str()).collect();
    assert!(html.contains(&format!("data-into=\"cell-{parent}-0\"")), "{html}");
    assert!(html.contains(&format!("id=\"band-{parent}\"")), "{html}");
    assert!(!html.contains(&format!("id=\"ticket-{parent}\"")), "a campaign is no card: {html}");
}

#[tokio::test]
async fn a_campaign_gets_the_row_that_changed_and_its_totals() {
    let stage = Stage::new().await;
    let campaign = json!({ "title": "Autumn", "kind": "campaign" });
    let campaign = stage.post("/api/v1/tickets", campaign).await.expect(201).json();
    let parent = campaign["key"].as_str().unwrap().to_owned();
    let mut keys = Vec::new();
    for title in ["One", "Two"] {
        let child = json!({ "title": title, "parent": parent });
        let child = stage.post("/api/v1/tickets", child).await.expect(201).json();
        keys.push(child["key"].as_str().unwrap().to_owned());
    }
    let mut reader = opens(&stage, &format!("ticket&key={parent}")).await;
    stage
        .post(&format!("/api/v1/tickets/{}/cancel", keys[0]), json!({ "reason": "no" }))
        .await
        .expect(200);
    let html: String = reader.batch().await.iter().map(|it| it.data.as_str()).collect();
    assert!(html.contains(&format!("id=\"row-{}\"", keys[0])), "{html}");
    assert!(!html.contains(&format!("id=\"row-{}\"", keys[1])), "{html}");
    assert!(html.contains("id=\"heads\""), "{html}");
}

#[tokio::test]
async fn a_page_without_a_stream_is_not_found() {
    let stage = Stage::new().await;
    stage.get("/live?page=nowhere").await.expect(404);
    stage.get("/live?page=ticket&key=nonsense").await.expect(404);
}

#[tokio::test]
async fn who_is_signed_out_hears_nothing_more_from_a_page_that_is_still_open() {
    let stage = Stage::new().await;
    let cookie = stage.signs_in().await;
    let seq = stage.control.store().watermark().await.unwrap();
    let path = format!("/live?page=needs-you&after={seq}");
    let mut reader =
        Reader::new(stage.ask(Method::GET, &path).header("cookie", &cookie).open().await);
    reader.batch().await;
    let page = stage.ask(Method::GET, "/settings").header("cookie", &cookie).send().await;
    let csrf = crate::forms::csrf_in(&page.expect(200).text());
    let session = stage.control.sessions().await.unwrap().remove(0);
    let end = stage.ask(Method::POST, &format!("/settings/sessions/{}/end", session.id));
    let other = stage.signs_in().await;
    let page = stage.ask(Method::GET, "/settings").header("cookie", &other).send().await;
    let others = crate::forms::csrf_in(&page.expect(200).text());
    assert_ne!(csrf, others);
    end.header("cookie", &other).form(&[("csrf", &others)]).send().await.expect(303);
    stage.files("Nothing for who has gone").await;
    let last = reader.next().await.expect("the stream says why it ends");
    assert_eq!(last.event, "out");
    assert!(reader.next().await.is_none(), "nothing comes after it");

    let send = |cookie: &str| stage.ask(Method::GET, "/signed-in").header("cookie", cookie).send();
    assert_eq!(send(&cookie).await.expect(303).header("location"), "/sign-in");
    let here = send(&other).await.expect(200).json();
    assert_eq!((&here["person"], &here["csrf"]), (&json!(stage.control.owner()), &json!(others)));
    let park = stage.ask(Method::POST, "/tickets/MC-1/park").header("cookie", &cookie);
    let refused = park.form(&[("csrf", &csrf)]).send().await.expect(401).text();
    assert!(refused.contains("You are signed out"), "{refused}");
    assert!(refused.contains("href=\"/sign-in\"") && !refused.contains("Bearer"), "{refused}");
}

#[tokio::test]
async fn a_page_of_one_person_is_not_kept_up_to_date_for_another() {
    let stage = Stage::new().await;
    let path = |name: &str| format!("/live?page=board&person={name}");
    let ask = |path: String| stage.ask(Method::GET, &path).token(&stage.token);
    ask(path("somebody-else")).send().await.expect(403);
    assert_eq!(ask(path(&stage.control.owner())).open().await.status(), 200);
}
