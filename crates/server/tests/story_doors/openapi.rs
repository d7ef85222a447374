//! The API's own description.

use axum::http::Method;
use serde_json::{Value, json};

use crate::stage::Stage;

/// The methods and addresses that other people's scripts rely on.
const PROMISED: &str = "GET /tickets, POST /tickets, GET /tickets/{key}, PATCH /tickets/{key}, POST /tickets/{key}/park, \
    POST /tickets/{key}/unpark, POST /tickets/{key}/cancel, POST /tickets/{key}/supersede, POST /tickets/{key}/retry, \
    POST /tickets/{key}/reopen, POST /tickets/{key}/comment, POST /tickets/{key}/verdict, POST /tickets/{key}/withdraw, \
    POST /tickets/{key}/answer, POST /tickets/{key}/say, GET /tickets/{key}/why, GET /tickets/{key}/packets, GET /packets, GET /digest, GET /messages, \
    GET /attempts, GET /attempts/{id}, GET /attempts/{id}/brief, GET /attempts/{id}/log, POST /attempts/{id}/stop, POST /attempts/{id}/interrupt, GET /attempts/{id}/console, POST /attempts/{id}/take-over, \
    POST /attempts/{id}/give-back, GET /attempts/{id}/recording, POST /attempts/{id}/report, \
    POST /attempts/{id}/evidence, POST /attempts, GET /projects, POST /projects, DELETE /projects/{key}, GET /roles, GET /lanes, \
    POST /lanes/{role}/pause, POST /lanes/{role}/resume, GET /runtimes, GET /needs-you, GET /operator/log, POST /operator/sweep, \
    POST /operator/undo/{id}, GET /workspaces, POST /workspaces/clean, POST /workspaces/{key}/restore, GET /events, GET /tokens, \
    POST /tokens, DELETE /tokens/{name}, POST /sign-in-link, GET /workflows/{name}, GET /check, POST /down";

#[tokio::test]
async fn each_route_is_described_and_each_description_has_a_route() {
    let stage = Stage::new().await;
    let document = stage.get("/api/openapi.json").await.expect(200).json();
    let mut described = Vec::new();
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            assert!(operation["summary"].as_str().is_some_and(|it| !it.is_empty()), "{path}");
            let method = method.to_uppercase();
            let address = path.replace(['{', '}'], "");
            let asked = stage.ask(Method::from_bytes(method.as_bytes()).unwrap(), &address);
            let reply = asked.token("nobody").send().await;
            reply.expect_code(401, "not_signed_in");
            described.push(format!("{method} {}", path.trim_start_matches("/api/v1")));
        }
    }
    for promised in PROMISED.split(", ") {
        assert!(described.iter().any(|it| it == promised), "{promised} is not described");
    }
}

#[tokio::test]
async fn documents_have_the_fields_that_are_described() {
    let stage = Stage::new().await;
    let document = stage.get("/api/openapi.json").await.expect(200).json();
    let key = stage.files("One").await;
    stage.delivers_a_plan(&key, 1, "plan").await;
    stage.post(&format!("/api/v1/tickets/{key}/say"), json!({ "text": "hello" })).await.expect(200);
    let first = |list: &Value| list.as_object().unwrap().values().next().unwrap()[0].clone();
    for (name, shown) in [
        ("Ticket", stage.get(&format!("/api/v1/tickets/{key}")).await.json()),
        ("Gate", stage.get(&format!("/api/v1/tickets/{key}")).await.json()["gates"][0].clone()),
        ("Why", stage.get(&format!("/api/v1/tickets/{key}/why")).await.json()),
        ("Attempt", first(&stage.get("/api/v1/attempts").await.json())),
        ("Message", first(&stage.get(&format!("/api/v1/messages?ticket={key}")).await.json())),
        ("Event", first(&stage.get("/api/v1/events").await.json())),
        ("Project", first(&stage.get("/api/v1/projects").await.json())),
        ("Lane", first(&stage.get("/api/v1/lanes").await.json())),
        ("Runtime", first(&stage.get("/api/v1/runtimes").await.json())),
        ("NeedsYou", first(&stage.get("/api/v1/needs-you").await.json())),
        ("Digest", stage.get("/api/v1/digest").await.json()),
        ("DigestTicket", stage.get("/api/v1/digest").await.json()["tickets"][0].clone()),
        (
            "DigestChange",
            stage.get("/api/v1/digest").await.json()["tickets"][0]["changes"][0].clone(),
        ),
        ("Workflow", stage.get("/api/v1/workflows/standard").await.json()),
    ] {
        let described = &document["components"]["schemas"][name]["properties"];
        let described: Vec<&String> = described.as_object().unwrap().keys().collect();
        let mut shown: Vec<&String> =
            shown.as_object().unwrap_or_else(|| panic!("{name}: {shown}")).keys().collect();
        shown.sort();
        let mut described = described;
        described.sort();
        assert_eq!(described, shown, "{name}");
    }
}
