//! Measures of pages over a full home; run with `--ignored --nocapture` in the release profile for numbers.

use std::time::Duration;

use axum::http::Method;
use mission_control::TicketRequest;
use mission_domain::principal::Principal;
use serde_json::json;

use crate::reader::Reader;
use crate::stage::Stage;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measure, not a check: it takes its time"]
async fn a_board_of_a_thousand_tickets_comes_quickly() {
    let stage = Stage::new().await;
    let ada = Principal::Person("ada".into());
    for n in 0..1_000 {
        let title = format!("Ticket number {n} with a title of some length");
        let request = TicketRequest { title, ..TicketRequest::default() };
        let ticket = stage.control.open_ticket(request, &ada, "api").await.unwrap();
        if n % 4 == 0 {
            let key = ticket.key.parse().unwrap();
            stage.control.park(&key, false, &ada).await.unwrap();
        }
    }
    for path in [
        "/board",
        "/board",
        "/needs-you",
        "/tickets/MC-7",
        "/fleet",
        "/api/v1/tickets?fields=row",
        "/api/v1/tickets",
    ] {
        let (took, bytes) = timed(&stage, path).await;
        println!("{path}: {took:?}, {bytes} bytes");
    }
}

async fn timed(stage: &Stage, path: &str) -> (Duration, usize) {
    let began = tokio::time::Instant::now();
    let reply = stage.ask(Method::GET, path).token(&stage.token).send().await.expect(200);
    (began.elapsed(), reply.body.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measure, not a check: it takes its time"]
async fn a_change_of_a_long_ticket_is_small_and_soon_there() {
    let stage = Stage::new().await;
    let key = stage.files("A long story").await;
    let path = format!("/api/v1/tickets/{key}");
    for n in 0..120 {
        let text = format!("note {n}: something happened that takes a line to tell");
        stage.post(&format!("{path}/comment"), json!({ "text": text })).await.expect(200);
    }
    for page in
        ["board".to_owned(), "needs-you".into(), "fleet".into(), format!("ticket&key={key}")]
    {
        let seq = stage.control.store().watermark().await.unwrap();
        let live = format!("/live?page={page}&after={seq}");
        let mut reader =
            Reader::new(stage.ask(Method::GET, &live).token(&stage.token).open().await);
        reader.batch().await;
        for (verb, body) in
            [("say", json!({ "text": page })), ("park", json!({})), ("unpark", json!({}))]
        {
            stage.post(&format!("{path}/{verb}"), body).await.expect(200);
            let began = tokio::time::Instant::now();
            let bytes: usize = reader.batch().await.iter().map(|it| it.data.len()).sum();
            println!("/live {page} {verb}: {bytes} bytes, {:?}", began.elapsed());
        }
    }
}
