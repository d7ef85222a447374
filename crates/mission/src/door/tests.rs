//! The door against small apps: what is asked, and how each answer ends the command.

use axum::Json;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::routing::any;
use serde_json::json;

use super::*;
use crate::failure::Exit;

fn door(status: StatusCode, code: &'static str) -> Door {
    let answer =
        move || async move { (status, Json(json!({"title": "t", "detail": "d", "code": code}))) };
    let app = axum::Router::new().fallback(any(answer));
    Door::InProcess { app, token: "secret".into() }
}

fn echo() -> axum::Router {
    let answer = |method: Method, uri: Uri, headers: HeaderMap, body: String| async move {
        let header = |name: &str| {
            headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default().to_owned()
        };
        Json(json!({
            "method": method.as_str(), "uri": uri.to_string(), "auth": header("authorization"),
            "host": header("host"), "type": header("content-type"), "body": body,
        }))
    };
    axum::Router::new().fallback(any(answer))
}

#[tokio::test]
async fn every_answer_ends_the_command_with_its_exit_code() {
    for (status, code, exit) in [
        (StatusCode::NOT_FOUND, "not_found", Exit::No),
        (StatusCode::BAD_REQUEST, "bad_request", Exit::Usage),
        (StatusCode::FORBIDDEN, "own_work", Exit::Refused),
        (StatusCode::CONFLICT, "not_blocked", Exit::Refused),
        (StatusCode::CONFLICT, "conflict", Exit::Conflict),
        (StatusCode::SERVICE_UNAVAILABLE, "draining", Exit::Unreachable),
    ] {
        let failure = door(status, code).get("/tickets").await.expect_err("refused");
        assert_eq!((failure.exit, failure.code.as_str()), (exit, code));
    }
}

#[tokio::test]
async fn a_request_names_who_asks_and_what() {
    let door = Door::InProcess { app: echo(), token: "secret".into() };
    let answer = door.post("/tickets/MC-1/park", &json!({"tree": true})).await.expect("answered");
    let value = answer.value().expect("a document");
    assert_eq!(value["method"], "POST");
    assert_eq!(value["uri"], "/api/v1/tickets/MC-1/park");
    assert_eq!(value["auth"], "Bearer secret");
    assert_eq!(value["type"], "application/json");
    assert_eq!(value["body"], "{\"tree\":true}");
}

#[tokio::test]
async fn a_server_that_is_up_is_asked_over_tcp_and_again_after_it_closed_the_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let app = echo().layer(axum::middleware::map_response(
        |mut answer: axum::response::Response| async move {
            answer
                .headers_mut()
                .insert("connection", hyper::header::HeaderValue::from_static("close"));
            answer
        },
    ));
    tokio::spawn(async move { axum::serve(listener, app).await });
    let home = tempfile::tempdir().expect("a folder");
    let card = json!({"url": format!("http://{address}"), "pid": std::process::id()});
    std::fs::write(home.path().join("server.json"), card.to_string()).expect("written");
    std::fs::write(home.path().join("credentials"), "secret\n").expect("written");
    let home = Home::find(Some(home.path().into())).expect("a home");
    let door = Door::open(&home, false).await.expect("open");
    assert!(door.is_server());
    for _ in 0..2 {
        let value =
            door.get("/tickets?state=a").await.expect("answered").value().expect("a document");
        assert_eq!(value["host"], address.to_string());
        assert_eq!(value["uri"], "/api/v1/tickets?state=a");
        assert_eq!(value["auth"], "Bearer secret");
    }
}

#[tokio::test]
async fn from_inside_a_lane_the_store_is_never_opened() {
    let home = tempfile::tempdir().expect("a folder");
    let home = Home::find(Some(home.path().into())).expect("a home");
    let failure = Door::open(&home, true).await.err().expect("closed");
    assert_eq!(failure.exit, Exit::Unreachable);
    assert!(failure.text.contains("never opened from inside a lane"));
}

#[test]
fn parameters_without_a_value_are_left_out_and_others_are_encoded() {
    let path = with_query(
        "/tickets",
        &[("project", None), ("state", Some("a,b c")), ("role", Some("qa"))],
    );
    assert_eq!(path, "/tickets?state=a%2Cb%20c&role=qa");
    assert_eq!(with_query("/tickets", &[("project", None)]), "/tickets");
}
