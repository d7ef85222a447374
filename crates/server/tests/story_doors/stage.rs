//! A home with one project, its app, and the verbs of somebody at the door.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Method, Request, StatusCode, header};
use http_body_util::BodyExt as _;
use mission_control::{Caller, Control, HomePaths, Options, SystemClock, TokenRole};
use mission_domain::ids::{AttemptId, Digest, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{
    Command, EndClass, Evidence, LaneRecord, Observation, Owed, PacketRef, PacketStatus, Report,
};
use mission_server::App;
use mission_store::{Role, Secret, SecretKind};
use serde_json::{Value, json};
use tower::ServiceExt as _;

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// The name under which the app is called.
pub(crate) const HOST: &str = "mission.local";

const RULES: &str = r#"
[project]
key = "MC"
checks = []

[runtime.codex]
driver = "exec"
command = ["true"]

[role.planner]
runtimes = ["codex"]

[role.coder]
runtimes = ["codex"]

[role.painter]
runtimes = ["codex"]
"#;

/// A home, and this person's token.
pub(crate) struct Stage {
    pub(crate) control: Control,
    pub(crate) app: Router,
    pub(crate) token: String,
    _home: tempfile::TempDir,
    _repository: tempfile::TempDir,
}

/// An answer, read whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.text()))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn header(&self, name: impl header::AsHeaderName) -> &str {
        self.headers.get(name).and_then(|it| it.to_str().ok()).unwrap_or_default()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}", self.text());
        self
    }

    #[track_caller]
    pub(crate) fn expect_code(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert_eq!(reply.header(header::CONTENT_TYPE), "application/problem+json");
        assert_eq!(reply.json()["code"], code, "{}", reply.text());
        reply
    }
}

/// A request on its way.
pub(crate) struct Ask {
    request: axum::http::request::Builder,
    body: Body,
    app: Router,
}

impl Ask {
    pub(crate) fn header(self, name: impl AsRef<str>, value: impl AsRef<str>) -> Self {
        Self { request: self.request.header(name.as_ref(), value.as_ref()), ..self }
    }

    /// Asks another app over the same home.
    pub(crate) fn of(self, app: &Router) -> Self {
        Self { app: app.clone(), ..self }
    }

    pub(crate) fn token(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        let ask = self.header("content-type", "application/json");
        Self { body: body.to_string().into(), ..ask }
    }

    pub(crate) fn body(self, body: impl Into<Body>) -> Self {
        Self { body: body.into(), ..self }
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let ask = self.header("content-type", "application/x-www-form-urlencoded");
        let fields: Vec<String> =
            fields.iter().map(|(key, value)| format!("{key}={}", encoded(value))).collect();
        Self { body: fields.join("&").into(), ..ask }
    }

    pub(crate) async fn open(self) -> axum::response::Response {
        let request = self.request.body(self.body).expect("a request");
        let Ok(response) = self.app.oneshot(request).await;
        response
    }

    pub(crate) async fn send(self) -> Reply {
        let response =
            tokio::time::timeout(PATIENCE, self.open()).await.expect("an answer in time");
        let (head, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        Reply { status: head.status, headers: head.headers, body }
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|it| format!("%{it:02X}")).collect()
}

impl Stage {
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// As [`Self::new`], with `more` rules.
    pub(crate) async fn with(more: &str) -> Self {
        let (home, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        git_repository(repository.path(), &format!("{RULES}{more}"));
        let control = control(home.path()).await;
        let owner = Principal::Person(control.owner());
        control.add_project(repository.path(), true, &owner).await.unwrap();
        let token = control.credentials().await.unwrap();
        let app = mission_server::router(app(&control));
        Self { control, app, token, _home: home, _repository: repository }
    }

    /// Asks without a token.
    pub(crate) fn ask(&self, method: Method, path: &str) -> Ask {
        let request = Request::builder().method(method).uri(path).header(header::HOST, HOST);
        Ask { request, body: Body::empty(), app: self.app.clone() }
    }

    /// Asks as the person whose home it is.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(Method::GET, path).token(&self.token).send().await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Reply {
        self.ask(Method::POST, path).token(&self.token).json(&body).send().await
    }

    /// Signs in with a one-time link; returns the cookie.
    pub(crate) async fn signs_in(&self) -> String {
        let link = self.post("/api/v1/sign-in-link", json!({})).await.expect(200).json();
        let url = link["url"].as_str().unwrap().to_owned();
        let reply = self.ask(Method::GET, &url).send().await.expect(303);
        assert_eq!(reply.header("location"), "/needs-you");
        let cookie = reply.header("set-cookie");
        assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"), "{cookie}");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// As [`Self::signs_in`], for the app that is served on `port`: its cookie has a name of its own.
    pub(crate) async fn signs_in_at(&self, port: u16) -> String {
        let cookie = self.signs_in().await;
        let (_, secret) = cookie.split_once('=').unwrap();
        format!("mission_session_{port}={secret}")
    }

    pub(crate) async fn files(&self, title: &str) -> TicketKey {
        let reply = self.post("/api/v1/tickets", json!({ "title": title })).await.expect(201);
        reply.json()["key"].as_str().unwrap().parse().unwrap()
    }

    async fn does(&self, key: &TicketKey, command: Command) {
        self.control.execute(key, command, &Principal::Controller).await.unwrap();
    }

    /// A lane takes the ticket.
    pub(crate) async fn is_claimed(&self, key: &TicketKey, attempt: u64) -> AttemptId {
        self.is_claimed_through("codex", key, attempt).await
    }

    /// A lane takes the ticket through a runtime.
    pub(crate) async fn is_claimed_through(
        &self,
        runtime: &str,
        key: &TicketKey,
        attempt: u64,
    ) -> AttemptId {
        let (ticket, _) = self.control.ticket(key).await.unwrap();
        let Owed::Dispatch { gate, role, purpose } = ticket.owed(self.control.now()) else {
            panic!("nothing is to be dispatched: {:?}", ticket.situation())
        };
        let principal: Principal = format!("lane:{role}/{runtime}").parse().unwrap();
        let attempt = AttemptId(attempt);
        let runtime = mission_domain::ids::RuntimeId::new(runtime);
        let (identity, model) = (None, None);
        let warm = None;
        let claim = Command::Claim {
            attempt,
            gate,
            role,
            runtime,
            identity,
            model,
            purpose,
            principal,
            warm,
        };
        self.does(key, claim).await;
        attempt
    }

    pub(crate) async fn records(&self, key: &TicketKey, attempt: AttemptId, record: LaneRecord) {
        let (ticket, _) = self.control.ticket(key).await.unwrap();
        let of = ticket.attempt(attempt).unwrap();
        let (epoch, number) = (of.epoch, of.last_record + 1);
        let command = Command::Record { attempt, epoch, number, record };
        self.control.execute(key, command, &of.principal).await.unwrap();
    }

    /// A lane delivers a plan, and it is sealed with the packet `packet`.
    pub(crate) async fn delivers_a_plan(
        &self,
        key: &TicketKey,
        attempt: u64,
        packet: &str,
    ) -> Digest {
        let attempt = self.is_claimed(key, attempt).await;
        let text = "plan.md".to_owned();
        let artifact = Some(self.control.artifacts().put(b"1. look\n2. change").unwrap());
        let (command, url, file, answer) = (None, None, None, None);
        let kind = EvidenceKind::Plan;
        let plan = Evidence { kind, text, command, url, file, artifact, paths: Vec::new(), answer };
        self.records(key, attempt, LaneRecord::Evidence(Box::new(plan))).await;
        let (ticket, _) = self.control.ticket(key).await.unwrap();
        let gate = &ticket.attempt(attempt).unwrap().gate;
        for finding in ticket.open_findings(gate).map(|it| it.id) {
            let answer = json!({ "finding": finding, "state": "fixed", "text": "shorter now" });
            let answer = json!({ "kind": "risk", "answer": answer });
            let answer = serde_json::from_value(answer).unwrap();
            self.records(key, attempt, LaneRecord::Evidence(Box::new(answer))).await;
        }
        let summary = "the plan is there".to_owned();
        self.records(key, attempt, LaneRecord::Report(Report::Done { summary })).await;
        let (class, summary, death) = (EndClass::Reported, "it ended".to_owned(), None);
        self.records(key, attempt, LaneRecord::Exited { class, summary, death }).await;
        let digest = Digest::of(packet.as_bytes());
        let status = PacketStatus::Verified;
        let packet =
            PacketRef { digest: digest.clone(), commit: None, tree: None, status, envelope: None };
        let seen = Observation {
            head: None,
            contributors: Vec::new(),
            packet,
            missing: Vec::new(),
            findings: Vec::new(),
            answers: Vec::new(),
            block: None,
            ask_person: None,
        };
        self.does(key, Command::Seal { attempt, seen: Box::new(seen) }).await;
        digest
    }

    /// Puts a token into the store, as the launch of a lane does.
    pub(crate) async fn lane_token(&self, attempt: AttemptId) -> String {
        let token = format!("secret of {attempt}").replace(' ', "-");
        let secret = Secret {
            kind: SecretKind::Token,
            hash: Digest::of(token.as_bytes()).hex().to_owned(),
            principal: "lane:planner/codex".into(),
            role: attempt.to_string(),
            project: None,
            label: attempt.to_string(),
            created_at: self.control.now(),
            expires_at: None,
        };
        self.control.store().put_secret(&secret).await.unwrap();
        token
    }

    /// Makes a token that is no person's, like `mission token new`; also for a project that is gone.
    pub(crate) async fn new_token(&self, name: &str, role: &str, project: Option<&str>) -> String {
        let principal = Principal::Person("owner".into());
        let owner = Caller { principal, role: TokenRole::Owner, project: None };
        let project = project.map(|it| it.parse().unwrap());
        self.control.new_token(name, role, project, false, &owner).await.unwrap()
    }
}

/// Returns what is needed to serve `control`.
pub(crate) fn app(control: &Control) -> App {
    App {
        control: control.clone(),
        allowed_hosts: vec![HOST.into()],
        public_url: None,
        shutdown: None,
    }
}

/// Opens the controller of a home; it dispatches nothing.
pub(crate) async fn control(home: &Path) -> Control {
    let store = mission_store::open_sqlite(home, Role::Controller).await.unwrap();
    let options = Options {
        exe: std::env::current_exe().unwrap(),
        url: None,
        retry_base_ms: 10,
        confine: false,
        checks_at_once: 1,
    };
    Control::open(HomePaths::new(home), store, Arc::new(SystemClock), options).await.unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a story needs a real repository")]
fn git_repository(at: &Path, rules: &str) {
    std::fs::write(at.join("mission.toml"), rules).unwrap();
    let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    let commit = [&author[..], &["commit", "-q", "-m", "first"]].concat();
    for arguments in [&["init", "-q", "-b", "main"][..], &["add", "."], &commit] {
        let done = std::process::Command::new("git").args(arguments).current_dir(at).status();
        assert!(done.unwrap().success(), "git {arguments:?}");
    }
}
