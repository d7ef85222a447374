//! Who comes in, and who does not.

use axum::body::{Body, Bytes};
use axum::http::Method;
use serde_json::json;

use crate::stage::Stage;

#[tokio::test]
async fn a_request_without_a_token_is_never_a_person() {
    let stage = Stage::new().await;
    let key = stage.files("Ship it").await;
    for path in ["/api/v1/tickets", "/api/v1/events", "/metrics", "/api/v1/nothing"] {
        stage.ask(Method::GET, path).send().await.expect_code(401, "not_signed_in");
    }
    let verdict = format!("/api/v1/tickets/{key}/verdict");
    let pass = json!({ "verdict": "pass", "principal": "person:ada" });
    stage.ask(Method::POST, &verdict).json(&pass).send().await.expect_code(401, "not_signed_in");
    stage.ask(Method::GET, "/api/v1/tickets").token("guessed").send().await.expect(401);
    let page = stage.ask(Method::GET, "/board").send().await.expect(303);
    assert_eq!(page.header("location"), "/sign-in");
    stage.ask(Method::POST, "/tickets").form(&[("title", "x")]).send().await.expect(401);
    for path in ["/healthz", "/readyz", "/sign-in", "/assets/live.js", "/api/openapi.json"] {
        stage.ask(Method::GET, path).send().await.expect(200);
    }
}

#[tokio::test]
async fn a_link_signs_in_once_and_a_wrong_code_soon_has_to_wait() {
    let stage = Stage::new().await;
    let link = stage.post("/api/v1/sign-in-link", json!({})).await.expect(200).json();
    let url = link["url"].as_str().unwrap();
    let cookie = stage.signs_in().await;
    stage.ask(Method::GET, "/needs-you").header("cookie", &cookie).send().await.expect(200);
    stage.ask(Method::GET, url).send().await.expect(303);
    stage.ask(Method::GET, url).send().await.expect(403);
    for _ in 0..9 {
        stage.ask(Method::GET, "/sign-in?code=wrong").send().await.expect(403);
    }
    stage.ask(Method::GET, "/sign-in?code=wrong").send().await.expect(429);
    let link = stage.post("/api/v1/sign-in-link", json!({})).await.expect(200).json();
    // Who guessed kept nobody out who has the right one.
    stage.ask(Method::GET, link["url"].as_str().unwrap()).send().await.expect(303);
    stage.ask(Method::GET, "/sign-in?code=wrong").send().await.expect(429);
}

#[tokio::test]
async fn the_demos_stand_in_has_one_token_however_often_its_home_is_started() {
    let stage = Stage::new().await;
    let demo = mission_domain::home::HomeCommand::MarkDemo;
    let controller = mission_domain::principal::Principal::Controller;
    stage.control.execute_home(demo, &controller).await.unwrap();
    let first = stage.control.scripted_token().await.unwrap();
    let second = stage.control.scripted_token().await.unwrap();
    assert_eq!(stage.control.tokens().await.unwrap().len(), 1);
    stage.ask(Method::GET, "/api/v1/tickets").token(&first).send().await.expect(401);
    stage.ask(Method::GET, "/api/v1/tickets").token(&second).send().await.expect(200);
}

#[tokio::test]
async fn signing_out_ends_the_session() {
    let stage = Stage::new().await;
    let cookie = stage.signs_in().await;
    let page = stage.ask(Method::GET, "/needs-you").header("cookie", &cookie).send().await.text();
    let csrf = crate::forms::csrf_in(&page);
    let out = stage.ask(Method::POST, "/sign-out").header("cookie", &cookie);
    let out = out.form(&[("csrf", &csrf)]).send().await.expect(303);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    stage.ask(Method::GET, "/needs-you").header("cookie", &cookie).send().await.expect(303);
}

#[tokio::test]
async fn another_host_or_origin_is_refused_on_every_kind_of_request() {
    let stage = Stage::new().await;
    for path in ["/api/v1/tickets", "/api/v1/events", "/board", "/live?page=board", "/healthz"] {
        let mut request = stage.ask(Method::GET, path).token(&stage.token);
        request = request.header("origin", "http://evil.example");
        request.send().await.expect(403);
        let answer = mission_call(&stage, path, "evil.example").await;
        assert_eq!(answer, 421, "{path}");
    }
    let own = stage.ask(Method::GET, "/api/v1/tickets").token(&stage.token);
    own.header("origin", "http://mission.local").send().await.expect(200);
}

async fn mission_call(stage: &Stage, path: &str, host: &str) -> u16 {
    use tower::ServiceExt as _;
    let request = axum::http::Request::get(path).header("host", host);
    let request = request.header("authorization", format!("Bearer {}", stage.token));
    let Ok(response) = stage.app.clone().oneshot(request.body(Body::empty()).unwrap()).await;
    response.status().as_u16()
}

#[tokio::test]
async fn a_session_changes_nothing_through_the_api_without_saying_where_from() {
    let stage = Stage::new().await;
    let cookie = stage.signs_in().await;
    let post = || {
        let ask = stage.ask(Method::POST, "/api/v1/tickets").header("cookie", &cookie);
        ask.json(&json!({ "title": "By page" }))
    };
    post().send().await.expect_code(403, "origin_missing");
    post().header("origin", "http://mission.local").send().await.expect(201);
}

#[tokio::test]
async fn a_lane_token_cannot_pass_a_gate_nor_look_elsewhere() {
    let stage = Stage::new().await;
    let (own, other) = (stage.files("Its own").await, stage.files("Another").await);
    let attempt = stage.is_claimed(&own, 1).await;
    let token = stage.lane_token(attempt).await;
    let get = |path: String| stage.ask(Method::GET, &path).token(&token).send();
    get(format!("/api/v1/tickets/{own}")).await.expect(200);
    get(format!("/api/v1/attempts/{attempt}")).await.expect(200);
    get("/api/v1/messages".into()).await.expect(200);
    let brief = format!("/api/v1/attempts/{attempt}/brief");
    get(brief.clone()).await.expect_code(404, "not_found");
    let lane = stage.control.paths().lane(attempt);
    std::fs::create_dir_all(&lane).unwrap();
    std::fs::write(lane.join("brief.md"), "# Do it\n").unwrap();
    let told = get(brief).await.expect(200);
    assert_eq!(
        (told.text().as_str(), told.header("content-type")),
        ("# Do it\n", "text/markdown; charset=utf-8")
    );
    for path in [
        format!("/api/v1/tickets/{other}"),
        "/api/v1/tickets".into(),
        "/api/v1/events".into(),
        "/api/v1/attempts".into(),
        "/api/v1/attempts/A-2".into(),
        "/api/v1/attempts/A-2/brief".into(),
        "/board".into(),
        "/live?page=board".into(),
    ] {
        assert_eq!(get(path.clone()).await.status, 403, "{path}");
    }
    for (path, body) in [
        (format!("/api/v1/tickets/{own}/verdict"), json!({ "verdict": "pass" })),
        (format!("/api/v1/tickets/{own}/cancel"), json!({ "reason": "no" })),
        ("/api/v1/tickets".into(), json!({ "title": "mine" })),
        ("/api/v1/attempts/A-2/report".into(), json!({ "kind": "done", "summary": "x" })),
        ("/api/v1/tokens".into(), json!({ "name": "x", "role": "owner" })),
        ("/api/v1/sign-in-link".into(), json!({})),
    ] {
        let asked = stage.ask(Method::POST, &path).token(&token).json(&body).send().await;
        asked.expect_code(403, "lane_token");
    }
    let reports = format!("/api/v1/attempts/{attempt}/report");
    let said = json!({ "kind": "done", "summary": "the plan is there" });
    stage.ask(Method::POST, &reports).token(&token).json(&said).send().await.expect(200);
    let plan = stage.control.ticket_doc(&own).await.unwrap().gates.remove(0);
    assert!(plan.signoffs.is_empty() && plan.state != "passed", "{plan:?}");
}

#[tokio::test]
async fn a_named_token_gives_no_persons_verdict_and_makes_no_tokens() {
    let stage = Stage::new().await;
    let key = stage.files("Ship it").await;
    let token = stage.new_token("ci", "owner", None).await;
    let post = |path: String, body| stage.ask(Method::POST, &path).token(&token).json(&body).send();
    let verdict =
        post(format!("/api/v1/tickets/{key}/verdict"), json!({ "verdict": "pass" })).await;
    verdict.expect_code(403, "not_a_person");
    post("/api/v1/tokens".into(), json!({ "name": "b", "role": "viewer" })).await.expect(403);
    post("/api/v1/sign-in-link".into(), json!({})).await.expect(403);
    post("/api/v1/tickets".into(), json!({ "title": "By a script" })).await.expect(201);
}

#[tokio::test]
async fn who_makes_a_sign_in_link_comes_in_by_it_as_themselves() {
    let stage = Stage::new().await;
    let owner = stage.control.authenticate(&stage.token).await.unwrap().unwrap();
    let code = stage.control.invite("mallory", "owner", &owner).await.unwrap();
    let enters = async |link: String| {
        let reply = stage.ask(Method::GET, &link).send().await.expect(303);
        reply.header("set-cookie").split(';').next().unwrap_or_default().to_owned()
    };
    let who = async |cookie: &str| {
        stage.ask(Method::GET, "/signed-in").header("cookie", cookie).send().await
    };
    let first = enters(format!("/sign-in?code={code}")).await;
    let (_, secret) = first.split_once('=').unwrap();
    let mallory = stage.control.session(secret).await.unwrap().unwrap();
    let token = stage.control.new_token("hers", "owner", None, true, &mallory).await.unwrap();
    let asked = stage.ask(Method::POST, "/api/v1/sign-in-link").token(&token);
    let made = asked.json(&json!({})).send().await.expect(200);
    let second = enters(made.json()["url"].as_str().unwrap().to_owned()).await;
    assert_eq!(who(&second).await.expect(200).json()["person"], "mallory");
    stage.control.remove_person("mallory", &owner).await.unwrap();
    for cookie in [&first, &second] {
        who(cookie).await.expect(303);
    }
}

#[tokio::test]
async fn nobody_reports_for_the_attempt_of_another() {
    let stage = Stage::new().await;
    let key = stage.files("Reviewed").await;
    let attempt = stage.is_claimed(&key, 1).await;
    let script = stage.new_token("ci", "owner", None).await;
    let path = format!("/api/v1/attempts/{attempt}/report");
    let said = json!({ "kind": "done", "summary": "trust me" });
    for token in [&script, &stage.token] {
        let asked = stage.ask(Method::POST, &path).token(token).json(&said).send().await;
        asked.expect_code(403, "not_your_attempt");
    }
    let cookie = stage.signs_in().await;
    let page = stage.ask(Method::GET, "/needs-you").header("cookie", &cookie).send().await.text();
    let csrf = crate::forms::csrf_in(&page);
    let form = stage.ask(Method::POST, &format!("/tickets/{key}/report")).header("cookie", &cookie);
    let form = form.form(&[("csrf", &csrf), ("attempt", "A-1"), ("kind", "done"), ("text", "me")]);
    form.send().await.expect(403);
    let own = stage.files("By hand").await;
    let attempt = stage.is_claimed_through("person", &own, 2).await;
    let path = format!("/api/v1/attempts/{attempt}/report");
    let scripts = stage.ask(Method::POST, &path).token(&script).json(&said).send().await;
    scripts.expect_code(403, "not_your_attempt");
    // The ticket in the address is the one that a session may be limited to: the attempt has to be its own.
    let through = format!("/tickets/{key}/report");
    let form = stage.ask(Method::POST, &through).header("cookie", &cookie);
    let by_hand = attempt.to_string();
    let form =
        form.form(&[("csrf", &csrf), ("attempt", &by_hand), ("kind", "done"), ("text", "me")]);
    form.send().await.expect(404);
    stage.post(&path, said).await.expect(200);
}

#[tokio::test]
async fn a_question_about_what_is_not_there_gets_no_empty_answer() {
    let stage = Stage::new().await;
    stage.files("There").await;
    for path in [
        "/api/v1/tickets?project=NOPE",
        "/api/v1/lanes?project=NOPE",
        "/api/v1/needs-you?project=NOPE",
        "/api/v1/digest?project=NOPE",
        "/api/v1/messages?ticket=MC-99",
        "/api/v1/attempts?ticket=MC-99",
        "/api/v1/events?project=NOPE",
    ] {
        let said = stage.get(path).await.expect_code(404, "not_found").json();
        let said = said["detail"].as_str().unwrap_or_default().to_owned();
        assert!(said.contains("NOPE") || said.contains("MC-99"), "{path}: {said}");
    }
    let token = json!({ "name": "x", "role": "viewer", "project": "NOPE" });
    stage.post("/api/v1/tokens", token).await.expect(404);
    stage.get("/api/v1/tickets?state=bogus").await.expect(400);
    stage.get("/api/v1/tickets?project=MC&state=todo").await.expect(200);
}

#[tokio::test]
async fn a_viewer_only_looks_and_an_operator_makes_no_tokens() {
    let stage = Stage::new().await;
    let viewer = stage.new_token("eye", "viewer", None).await;
    let operator = stage.new_token("hand", "operator", None).await;
    let file = json!({ "title": "x" });
    stage.ask(Method::GET, "/api/v1/tickets").token(&viewer).send().await.expect(200);
    let filed = stage.ask(Method::POST, "/api/v1/tickets").token(&viewer).json(&file).send().await;
    filed.expect_code(403, "viewer");
    stage.ask(Method::GET, "/api/v1/tokens").token(&viewer).send().await.expect(403);
    stage
        .ask(Method::POST, "/api/v1/tickets")
        .token(&operator)
        .json(&file)
        .send()
        .await
        .expect(201);
    let tokens = stage.ask(Method::GET, "/api/v1/tokens").token(&operator).send().await;
    tokens.expect_code(403, "not_the_owner");
}

#[tokio::test]
async fn a_projects_token_sees_that_project_alone() {
    let stage = Stage::new().await;
    let key = stage.files("Ship it").await;
    let token = stage.new_token("other", "operator", Some("XX")).await;
    let get = |path: String| stage.ask(Method::GET, &path).token(&token).send();
    get(format!("/api/v1/tickets/{key}")).await.expect_code(403, "other_project");
    get(format!("/tickets/{key}")).await.expect(403);
    // However the same address is written.
    let letters = |text: &str| text.bytes().map(|it| format!("%{it:02X}")).collect::<String>();
    let (one, all) = (key.to_string().replacen('M', "%4D", 1), letters(&key.to_string()));
    for key in [&one, &all] {
        get(format!("/api/v1/tickets/{key}")).await.expect_code(403, "other_project");
        get(format!("/api/v1/tickets/{key}/why")).await.expect_code(403, "other_project");
        let cancel = format!("/api/v1/tickets/{key}/cancel");
        let cancel = stage.ask(Method::POST, &cancel).token(&token).json(&json!({"reason": "x"}));
        cancel.send().await.expect_code(403, "other_project");
    }
    // Nor does it change a ticket of another by naming it.
    let own = stage.ask(Method::POST, "/api/v1/tickets").token(&token);
    own.json(&json!({ "title": "x", "parent": key }))
        .send()
        .await
        .expect_code(403, "other_project");
    let own = stage.ask(Method::POST, "/api/v1/tickets").token(&token);
    let waits = json!({ "title": "x", "blocked_by": [key] });
    own.json(&waits).send().await.expect_code(403, "other_project");
    let ours = stage.new_token("ours", "operator", Some("MC")).await;
    for (method, verb, body) in [
        (Method::POST, "/supersede", json!({ "by": ["XX-1"] })),
        (Method::PATCH, "", json!({ "add_blockers": ["XX-1"] })),
        (Method::PATCH, "", json!({ "remove_blockers": ["XX-1"] })),
    ] {
        let path = format!("/api/v1/tickets/{key}{verb}");
        let said = stage.ask(method, &path).token(&ours).json(&body).send().await;
        said.expect_code(403, "other_project");
    }
    let attempt = stage.is_claimed(&key, 1).await;
    for id in [attempt.to_string(), letters(&attempt.to_string())] {
        for part in ["", "/log", "/recording"] {
            let path = format!("/api/v1/attempts/{id}{part}");
            get(path).await.expect_code(403, "other_project");
        }
    }
    get("/api/v1/tickets/%FF".into()).await.expect(400);
    get("/api/v1/tickets?project=MC".into()).await.expect_code(403, "other_project");
    assert_eq!(get("/api/v1/tickets".into()).await.expect(200).json()["tickets"], json!([]));
    assert_eq!(get("/api/v1/events".into()).await.expect(200).json()["events"], json!([]));
    assert_eq!(get("/api/v1/projects".into()).await.expect(200).json()["projects"], json!([]));
    let page = get("/board".into()).await.expect(200).text();
    assert!(!page.contains("Ship it"), "the board shows another project");
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_refused_and_nothing_is_lost() {
    let stage = Stage::new().await;
    let key = stage.files("Kept").await;
    let chunk = Bytes::from(vec![b'a'; 1024 * 1024]);
    let chunks =
        futures::stream::iter((0..10).map(move |_| Ok::<_, std::io::Error>(chunk.clone())));
    let ask = stage.ask(Method::POST, "/api/v1/tickets").token(&stage.token);
    let ask = ask.header("content-type", "application/json").body(Body::from_stream(chunks));
    ask.send().await.expect_code(413, "too_large");
    let listed = stage.get("/api/v1/tickets").await.expect(200).json();
    assert_eq!(listed["tickets"].as_array().unwrap().len(), 1);
    assert_eq!(listed["tickets"][0]["key"], key.to_string());
}

#[tokio::test]
async fn every_answer_forbids_framing_guessing_and_foreign_scripts() {
    let stage = Stage::new().await;
    for path in ["/needs-you", "/api/v1/tickets", "/api/v1/nothing", "/nothing"] {
        let reply = stage.get(path).await;
        assert_eq!(reply.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(reply.header("cache-control"), "no-store", "{path}");
        let policy = reply.header("content-security-policy");
        assert!(
            policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self'"),
            "{path}"
        );
    }
}
