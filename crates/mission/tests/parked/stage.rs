//! A home with a real controller, a real runner and an agent that is a script; the clock can be put forward.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use mission_control::{Clock, Control, HomePaths, Options, TicketRequest};
use mission_domain::ids::{AttemptId, TicketKey, Timestamp};
use mission_domain::plan::Action;
use mission_domain::principal::Principal;
use mission_domain::ticket::{Command, State};
use mission_server::App;
use mission_store::{ProjectionFilter, ProjectionKind, Role, TicketFilter};
use tower::ServiceExt as _;

/// Longer than anything takes on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The name under which the app is called.
const HOST: &str = "mission.local";

/// The machine's clock, put forward.
#[derive(Debug, Default)]
struct PutForward(AtomicI64);

impl Clock for PutForward {
    fn now(&self) -> Timestamp {
        mission_control::SystemClock.now()
            + jiff::SignedDuration::from_secs(self.0.load(Ordering::Acquire))
    }
}

/// What the agent's program does.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Agent {
    /// Works until somebody ends it.
    ThatWorks,
    /// Is told by its service that its key is no good.
    ThatIsRefused,
}

pub(crate) struct Stage {
    pub(crate) control: Control,
    app: axum::Router,
    clock: Arc<PutForward>,
    by: Principal,
    token: String,
    home: tempfile::TempDir,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        let home = tempfile::Builder::new().prefix("mp-").tempdir().unwrap();
        let (root, repository) = (home.path().join("home"), home.path().join("work"));
        let agent = home.path().join("agent");
        make_repository(&repository, &agent);
        let clock = Arc::new(PutForward::default());
        std::fs::create_dir(&root).unwrap();
        let store = mission_store::open_sqlite(&root, Role::Controller).await.unwrap();
        let options = Options {
            exe: env!("CARGO_BIN_EXE_mission").into(),
            url: None,
            retry_base_ms: 1,
            confine: false,
            checks_at_once: 1,
        };
        let paths = HomePaths::new(&root);
        let control = Control::open(paths, store, clock.clone(), options).await.unwrap();
        let by = Principal::Person(control.owner());
        let token = control.credentials().await.unwrap();
        let app = App {
            control: control.clone(),
            allowed_hosts: vec![HOST.into()],
            public_url: None,
            shutdown: None,
        };
        let stage = Self { app: mission_server::router(app), control, clock, by, token, home };
        stage.puts(Agent::ThatWorks);
        stage.control.add_project(&repository, true, &stage.by).await.unwrap();
        stage.control.start().await.unwrap();
        stage
    }

    fn agent(&self) -> PathBuf {
        self.home.path().join("agent")
    }

    /// Puts the agent's program there, or another one in its place.
    pub(crate) fn puts(&self, agent: Agent) {
        let script = match agent {
            Agent::ThatWorks => "#!/bin/sh\nexec sleep 1000\n",
            Agent::ThatIsRefused => "#!/bin/sh\necho 'HTTP 401 Unauthorized'\nexit 1\n",
        };
        let draft = self.home.path().join("draft");
        std::fs::write(&draft, script).unwrap();
        std::fs::set_permissions(&draft, std::fs::Permissions::from_mode(0o700)).unwrap();
        std::fs::rename(draft, self.agent()).unwrap();
    }

    pub(crate) fn takes_the_agent_away(&self) {
        std::fs::remove_file(self.agent()).unwrap();
    }

    /// Files a ticket; one that is set aside from the start where `park`.
    pub(crate) async fn files(
        &self,
        title: &str,
        park: bool,
        blocked_by: &[TicketKey],
    ) -> TicketKey {
        let blocked_by = blocked_by.iter().map(ToString::to_string).collect();
        let title = title.to_owned();
        let request = TicketRequest { title, park, blocked_by, ..TicketRequest::default() };
        let filed = self.control.open_ticket(request, &self.by, "test").await.unwrap();
        filed.key.parse().unwrap()
    }

    pub(crate) async fn does(&self, key: &TicketKey, command: Command) {
        self.control.changed(key, command, &self.by).await.unwrap();
    }

    pub(crate) async fn ends(&self, key: &TicketKey) {
        let (ticket, _) = self.control.ticket(key).await.unwrap();
        if !ticket.is_ended() {
            self.does(key, Command::Cancel { reason: "not needed".into() }).await;
        }
    }

    /// Puts the clock past every wait; nobody may be at work, since its lease would be over.
    pub(crate) fn lets_time_pass(&self) {
        self.clock.0.fetch_add(4 * 3600, Ordering::AcqRel);
    }

    /// Gives the ticket fresh attempts where it used them up, and lets the dispatcher look again.
    pub(crate) async fn lets_go_on(&self, key: &TicketKey, round: u64) {
        let (ticket, _) = self.control.ticket(key).await.unwrap();
        if ticket.state() == State::Blocked {
            self.does(key, Command::Retry { reason: format!("round {round}") }).await;
        }
        // As `mission doctor` looks at what is there.
        self.control.runtimes(None).await.unwrap();
        self.control.say(key, format!("round {round}"), None, &self.by).await.unwrap();
    }

    /// Waits until a lane works the ticket; returns the attempt and its process.
    pub(crate) async fn is_worked(&self, key: &TicketKey) -> (AttemptId, u32) {
        self.sees("a lane at work", async || {
            let (ticket, _) = self.control.ticket(key).await.unwrap();
            ticket.live_attempt().and_then(|it| Some((it.id, it.process.as_ref()?.pid)))
        })
        .await
    }

    pub(crate) fn kills(&self, pid: u32) {
        let pid = nix::unistd::Pid::from_raw(pid.cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
    }

    pub(crate) async fn has_ended(&self, key: &TicketKey, attempt: AttemptId) {
        self.sees("the end of the attempt", async || {
            let (ticket, _) = self.control.ticket(key).await.unwrap();
            ticket.attempt(attempt).and_then(|it| it.end.clone())
        })
        .await;
    }

    /// Waits until the runtime is paused for its own fault.
    pub(crate) async fn opens_the_breaker(&self) {
        self.sees("an open breaker", async || {
            let now = self.control.now();
            self.control.home().breakers.values().any(|it| it.until > now).then_some(())
        })
        .await;
    }

    /// Waits until nobody can take the ticket because the program is not there.
    pub(crate) async fn waits_for_its_agent(&self, key: &TicketKey) {
        self.sees("a lane without its program", async || {
            let why = self.control.why(key).await.unwrap();
            why.held_by.iter().any(|it| it.contains("was not found")).then_some(())
        })
        .await;
    }

    pub(crate) async fn writes_and_sweeps(&self, key: &TicketKey, text: &str, round: u64) {
        self.control.say(key, text.into(), None, &self.by).await.unwrap();
        let dry = self.control.sweep(true).await.unwrap();
        let is_about = |it: &mission_control::Correction| it.ticket.as_ref() == Some(key);
        assert!(!dry.iter().any(is_about), "round {round}: {dry:?}");
        self.control.sweep(false).await.unwrap();
    }

    /// Proves that nobody has begun the ticket or is about to.
    pub(crate) async fn was_not_touched(&self, key: &TicketKey) {
        let (ticket, _) = self.control.ticket(key).await.unwrap();
        assert!(ticket.attempts.is_empty(), "{:?}", ticket.attempts);
        let is_claim = |it: &Action| matches!(it, Action::Claim { ticket, .. } if ticket == key);
        assert!(!self.control.planned().iter().any(is_claim));
        let rows = ProjectionFilter::of(ProjectionKind::Attempt).about(key);
        let rows = self.control.store().projections(&rows).await.unwrap();
        assert!(rows.is_empty(), "{rows:?}");
    }

    /// Returns the rows of the page's activity, as a reader sees them.
    pub(crate) async fn activity_rows(&self, key: &TicketKey) -> Vec<String> {
        let request = Request::builder().uri(format!("/tickets/{key}"));
        let request = request.header(header::HOST, HOST);
        let request = request.header("authorization", format!("Bearer {}", self.token));
        let Ok(answer) = self.app.clone().oneshot(request.body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status(), 200);
        let page = answer.into_body().collect().await.unwrap().to_bytes();
        let page = String::from_utf8_lossy(&page).into_owned();
        let (_, panel) = page.split_once("id=\"activity\"").expect("the activity");
        let (panel, _) = panel.split_once("</section>").expect("its end");
        panel.split("<li").skip(1).map(words).collect()
    }

    pub(crate) async fn stops(self) {
        self.control.stop(true).await;
    }

    async fn sees<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let began = Instant::now();
        loop {
            if let Some(seen) = look().await {
                return seen;
            }
            if began.elapsed() > PATIENCE {
                let waiting = self.control.ticket_docs(&TicketFilter::default()).await.unwrap();
                let told = waiting.iter().map(|it| format!("{}: {}", it.key, it.reason.text));
                let told = told.collect::<Vec<_>>().join("\n");
                panic!("never seen: {what}\n{told}\n{:?}", self.control.home().breakers);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// The text of a piece of a page.
fn words(html: &str) -> String {
    let parts = html.split('<').filter_map(|it| it.split_once('>')).map(|it| it.1.trim());
    parts.filter(|it| !it.is_empty()).collect::<Vec<_>>().join(" ")
}

#[expect(clippy::disallowed_methods, reason = "a story needs a real repository")]
fn make_repository(at: &Path, agent: &Path) {
    std::fs::create_dir(at).unwrap();
    let rules = format!(
        "[project]\nkey = \"MC\"\nchecks = []\n\n[runtime.scripted]\ndriver = \"exec\"\ncommand = [\"{}\"]\n\n\
         [role.planner]\nruntimes = [\"scripted\"]\nslots = 1\n\n[role.coder]\nruntimes = [\"scripted\"]\n",
        agent.display()
    );
    std::fs::write(at.join("mission.toml"), rules).unwrap();
    let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    let commit = [&author[..], &["commit", "-q", "-m", "first"]].concat();
    for arguments in [&["init", "-q", "-b", "main"][..], &["add", "."], &commit] {
        let done = std::process::Command::new("git").args(arguments).current_dir(at).status();
        assert!(done.unwrap().success(), "git {arguments:?}");
    }
}
