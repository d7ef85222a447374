//! One home and one real repository for each story: lanes that say anything, and a controller that looks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use mission_control::{Clock, Control, HomePaths, Options, TicketRequest, VerdictRequest};
use mission_domain::ids::{AttemptId, Commit, TicketKey, Timestamp};
use mission_domain::plan::{Action, principal_of};
use mission_domain::principal::Principal;
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{
    Command, CommandClaim, EndClass, Evidence, FindingAnswer, FindingState, Gate, LaneRecord,
    NewFinding, Report, Stage as At, Ticket, VerdictWord,
};
use mission_evidence::workspace::{Identity, Workspace};
use mission_store::{ProjectionKind, Role, open_sqlite};

/// The rules of every story that does not bring its own.
pub(crate) const RULES: &str = r#"
[project]
key = "MC"
default_branch = "main"
workflow = "quick-fix"
checks = ["sh check.sh"]
[role.coder]
runtimes = ["one"]
[role.qa]
runtimes = ["two"]
"#;

/// The project's check: it passes where the feature is there, and counts its tests.
pub(crate) const CHECK: &str = "grep -q feature feature.txt || { echo 'test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured'; exit 1; }\n\
                                echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'\n";

/// Programs that differ and are there wherever there is a shell; nobody starts them here.
const HOME: &str = r#"
[runtime.one]
driver = "exec"
command = ["/bin/cat"]
[runtime.two]
driver = "exec"
command = ["/bin/ls"]
[runtime.three]
driver = "exec"
command = ["env", "X=1", "/bin/cat"]
"#;

/// A clock that is moved by hand.
#[derive(Debug)]
struct StageClock(AtomicI64);

impl Clock for StageClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.0.load(Ordering::SeqCst)).expect("a moment")
    }
}

/// A ticket, its repository, and everybody who has a hand in them.
pub(crate) struct Stage {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) control: Control,
    clock: Arc<StageClock>,
    pub(crate) ticket: TicketKey,
}

impl Stage {
    /// A ticket of the ordinary project: one check, a coder, an independent reviewer, a person at the end.
    pub(crate) async fn new() -> Self {
        Self::with(RULES, &[("check.sh", CHECK), ("feature.txt", "feature\n")]).await
    }

    /// A ticket of a project with these rules and files.
    pub(crate) async fn with(rules: &str, files: &[(&str, &str)]) -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let (repository, home) = (dir.path().join("repository"), dir.path().join("home"));
        fs::create_dir(&repository).expect("a folder");
        fs::create_dir(&home).expect("a folder");
        fs::write(home.join("config.toml"), HOME).expect("a file");
        git_in(&repository, &["init", "-q", "-b", "main"]);
        write(&repository.join("mission.toml"), rules);
        for (name, text) in files {
            write(&repository.join(name), text);
        }
        commit_in(&repository, "first");
        let store = open_sqlite(&home, Role::Controller).await.expect("a store");
        let clock = Arc::new(StageClock(AtomicI64::new(1_772_000_000_000)));
        let control = Control::open(HomePaths::new(&home), store, clock.clone(), options()).await;
        let control = control.expect("a controller");
        let project = control.add_project(&repository, true, &ada()).await.expect("a project");
        assert_eq!(project.problem, None);
        control.load_fleet().await.expect("a fleet");
        let request = TicketRequest { title: "Make it so".into(), ..TicketRequest::default() };
        let ticket = control.open_ticket(request, &ada(), "cli").await.expect("a ticket");
        let ticket = ticket.key.parse().expect("a key");
        Self { dir, control, clock, ticket }
    }

    /// Ada files another ticket of the same project; from now on the story is about that one.
    pub(crate) async fn files_another(&mut self) {
        self.files("And that too", None).await;
    }

    /// The same on a workflow that is not the default one.
    pub(crate) async fn files_on(&mut self, workflow: &str) {
        self.files("And that as well", Some(workflow.into())).await;
    }

    async fn files(&mut self, title: &str, workflow: Option<String>) {
        let request = TicketRequest { title: title.into(), workflow, ..TicketRequest::default() };
        let ticket = self.control.open_ticket(request, &ada(), "cli").await.expect("a ticket");
        self.ticket = ticket.key.parse().expect("a key");
    }

    pub(crate) fn repository(&self) -> PathBuf {
        self.dir.path().join("repository")
    }

    pub(crate) fn home(&self) -> PathBuf {
        self.dir.path().join("home")
    }

    pub(crate) fn workspace(&self) -> PathBuf {
        self.control.paths().workspace(&self.ticket)
    }

    pub(crate) async fn look(&self) -> Arc<Ticket> {
        self.control.ticket(&self.ticket).await.expect("the ticket").0
    }

    pub(crate) async fn gate(&self, name: &str) -> Gate {
        let ticket = self.look().await;
        ticket.gates.iter().find(|it| it.rule.id.as_str() == name).expect("the gate").clone()
    }

    /// Another server takes the home over.
    pub(crate) async fn restarts(&mut self) {
        self.control.store().close().await;
        let store = open_sqlite(&self.home(), Role::Controller).await.expect("a store");
        let (paths, options) = (HomePaths::new(self.home()), options());
        let control = Control::open(paths, store, self.clock.clone(), options).await;
        self.control = control.expect("a controller");
        self.control.load_fleet().await.expect("a fleet");
    }

    /// Lets time go by.
    pub(crate) fn passes(&self, seconds: i64) {
        self.clock.0.fetch_add(seconds * 1_000, Ordering::SeqCst);
    }

    /// Lets a minute go by: a lane that is tried again may start.
    pub(crate) fn waits(&self) {
        self.clock.0.fetch_add(61_000, Ordering::SeqCst);
    }

    /// Carries out everything that Mission Control owes by itself, until a lane or a person is next.
    pub(crate) async fn goes_on(&self) {
        for _ in 0..40 {
            let planned = self.control.planned().into_iter();
            let Some(action) = planned.into_iter().find(|it| !matches!(it, Action::Claim { .. }))
            else {
                return;
            };
            let told = format!("{action:?}");
            if let Err(error) = self.control.work_off(action).await {
                panic!("{told}: {}", error.in_full());
            }
        }
        panic!("it never comes to rest: {:?}", self.control.planned());
    }

    /// The lane that is next takes the ticket; a coder finds its workspace. Returns the attempt.
    pub(crate) async fn starts(&self) -> AttemptId {
        self.goes_on().await;
        self.waits();
        let claim = self.control.planned().into_iter().find_map(|it| match it {
            Action::Claim { gate, role, runtime, identity, purpose, .. } => {
                Some((gate, role, runtime, identity, purpose))
            }
            _ => None,
        });
        let Some((gate, role, runtime, identity, purpose)) = claim else {
            panic!("no lane is next: {:?}", self.look().await.situation());
        };
        let last = self.control.store().last_ord(ProjectionKind::Attempt).await.expect("a number");
        let attempt = AttemptId(last + 1);
        let principal = principal_of(&role, &runtime);
        let who = Identity::lane(role.as_str(), runtime.as_str());
        let writes = role.as_str() == "coder";
        let (model, warm) = (None, None);
        let command = Command::Claim {
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
        self.controller_does(command).await;
        if writes && !self.workspace().exists() {
            let base = Commit::new(git_in(&self.repository(), &["rev-parse", "main"]));
            let workspace = Workspace::at(self.repository(), self.ticket.clone(), self.workspace());
            let head = self.look().await.head.clone();
            let start = head.map_or_else(|| base.clone(), |it| it.commit);
            workspace.create("main", &base, &start, &who).await.expect("a workspace");
            let branch = self.ticket.branch();
            self.controller_does(Command::MakeWorkspace { branch, base }).await;
        }
        attempt
    }

    /// The attempt's process is over, and so ended the attempt.
    pub(crate) async fn ends(&self, attempt: AttemptId, class: EndClass) {
        let summary = "it was stopped".into();
        self.record(attempt, LaneRecord::Exited { class, summary, death: None }).await;
    }

    pub(crate) async fn record(&self, id: AttemptId, record: LaneRecord) {
        let ticket = self.look().await;
        let attempt = ticket.attempt(id).expect("the attempt");
        let (epoch, number, by) =
            (attempt.epoch, attempt.last_record + 1, attempt.principal.clone());
        let command = Command::Record { attempt: id, epoch, number, record };
        self.control.execute(&self.ticket, command, &by).await.expect("taken in");
        self.goes_on().await;
    }

    /// Returns whether a lane would be started now.
    pub(crate) async fn is_dispatched(&self) -> bool {
        self.goes_on().await;
        let is_own =
            |it: &Action| matches!(it, Action::Claim { ticket, .. } if *ticket == self.ticket);
        self.control.planned().iter().any(is_own)
    }

    async fn controller_does(&self, command: Command) {
        let done = self.control.execute(&self.ticket, command, &Principal::Controller).await;
        done.expect("the controller may");
    }

    /// The coder writes files into its workspace and commits them.
    pub(crate) fn writes(&self, files: &[(&str, &str)]) -> Commit {
        for (name, text) in files {
            write(&self.workspace().join(name), text);
        }
        commit_in(&self.workspace(), "work")
    }

    async fn speaker(&self, attempt: AttemptId) -> Principal {
        self.look().await.attempt(attempt).expect("the attempt").principal.clone()
    }

    pub(crate) async fn hands_in(&self, attempt: AttemptId, evidence: Evidence) {
        let by = self.speaker(attempt).await;
        self.control.evidence(attempt, evidence, &by).await.expect("taken in");
    }

    /// The lane claims that `run` exits with `exit_code`.
    pub(crate) async fn claims(&self, attempt: AttemptId, run: &str, exit_code: i32) {
        let command = CommandClaim { run: run.into(), exit_code, duration_ms: None };
        let mut evidence = evidence(EvidenceKind::Commands, "");
        evidence.command = Some(command);
        self.hands_in(attempt, evidence).await;
    }

    /// The lane says of everything that was found that it is fixed.
    pub(crate) async fn answers_all(&self, attempt: AttemptId, text: &str) {
        let open: Vec<_> = self.look().await.findings.iter().map(|it| it.id).collect();
        for finding in open {
            let answer = FindingAnswer { finding, state: FindingState::Fixed, text: text.into() };
            let mut evidence = evidence(EvidenceKind::Risk, "");
            evidence.answer = Some(answer);
            self.hands_in(attempt, evidence).await;
        }
    }

    /// The lane reports that it is done, with the risk that every delivery must name.
    pub(crate) async fn delivers(&self, attempt: AttemptId) {
        self.hands_in(attempt, evidence(EvidenceKind::Risk, "none")).await;
        self.reports(attempt, Report::Done { summary: "all tests pass".into() }).await;
    }

    pub(crate) async fn reports(&self, attempt: AttemptId, report: Report) {
        let by = self.speaker(attempt).await;
        self.control.report(attempt, report, &by).await.expect("taken in");
        self.goes_on().await;
    }

    /// A whole honest delivery of these files.
    pub(crate) async fn implements(&self, files: &[(&str, &str)]) -> AttemptId {
        let attempt = self.starts().await;
        self.writes(files);
        self.claims(attempt, "sh check.sh", 0).await;
        self.delivers(attempt).await;
        attempt
    }

    /// The reviewer gives its verdict.
    pub(crate) async fn reviews(&self, verdict: VerdictWord, reason: &str) {
        let attempt = self.starts().await;
        let (reason, findings) = (reason.into(), Vec::new());
        self.reports(attempt, Report::Verdict { verdict, reason, findings }).await;
    }

    /// Ada gives a verdict on the gate that is open.
    pub(crate) async fn ada_says(&self, verdict: VerdictWord) -> Result<(), String> {
        self.says(&ada(), verdict, None).await
    }

    pub(crate) async fn says(
        &self,
        by: &Principal,
        verdict: VerdictWord,
        gate: Option<&str>,
    ) -> Result<(), String> {
        let request = VerdictRequest {
            verdict,
            gate: gate.map(Into::into),
            reason: "because".into(),
            findings: Vec::new(),
            packet: None,
            judged: None,
        };
        let judged = self.control.judge(&self.ticket, request, by).await;
        judged.map_err(|error| error.in_full())?;
        self.goes_on().await;
        Ok(())
    }

    /// The gate is passed.
    #[track_caller]
    pub(crate) fn assert_passed(gate: &Gate) {
        assert_eq!(gate.stage, At::Passed, "{gate:?}");
    }

    /// The gate is not passed; everything that is said about the ticket holds each of `words`.
    pub(crate) async fn refused(&self, gate: &str, words: &[&str]) {
        let stage = self.gate(gate).await.stage;
        assert!(!matches!(stage, At::Passed | At::Waived), "{gate} is passed");
        let said = self.told().await;
        for word in words {
            assert!(said.contains(word), "`{word}` is not said:\n{said}");
        }
    }

    /// Everything that is said about the ticket: its situation, open findings, what a delivery lacked.
    pub(crate) async fn told(&self) -> String {
        let ticket = self.look().await;
        let mut said = vec![ticket.situation().reason];
        said.extend(ticket.findings.iter().map(|it| it.what.text.clone()));
        for gate in &ticket.gates {
            said.extend(gate.missing.iter().cloned());
            said.extend(gate.asked.clone());
        }
        said.join("\n")
    }

    /// What the ticket landed as, as everybody is shown it.
    pub(crate) async fn landed(&self) -> String {
        let shown = mission_domain::ticket::ticket_doc(
            &*self.look().await,
            mission_domain::ids::Version(0),
        );
        shown.landed_as.expect("it landed")
    }

    /// Where the default branch is.
    pub(crate) fn main(&self) -> String {
        git_in(&self.repository(), &["rev-parse", "main"])
    }
}

fn options() -> Options {
    Options {
        exe: "/bin/false".into(),
        url: None,
        retry_base_ms: 1,
        confine: true,
        checks_at_once: 2,
    }
}

pub(crate) fn ada() -> Principal {
    Principal::Person("ada".into())
}

pub(crate) fn finding(text: &str) -> NewFinding {
    NewFinding { file: None, line: None, text: text.into(), command: None }
}

pub(crate) fn evidence(kind: EvidenceKind, text: &str) -> Evidence {
    Evidence {
        kind,
        text: text.into(),
        command: None,
        url: None,
        file: None,
        artifact: None,
        paths: Vec::new(),
        answer: None,
    }
}

#[track_caller]
pub(crate) fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().expect("a parent")).expect("its folder");
    fs::write(path, text).expect("a file");
}

/// Runs git as a person or a lane would, with the repository's own settings in force.
#[expect(clippy::disallowed_methods, reason = "plays the person and the lane")]
pub(crate) fn try_git(dir: &Path, args: &[&str]) -> Output {
    let mut command = std::process::Command::new("git");
    command.args(args).current_dir(dir).env("GIT_CONFIG_GLOBAL", "/dev/null");
    for (name, value) in [("NAME", "Ada"), ("EMAIL", "ada@example.com")] {
        command.env(format!("GIT_AUTHOR_{name}"), value);
        command.env(format!("GIT_COMMITTER_{name}"), value);
    }
    command.output().expect("git starts")
}

#[track_caller]
pub(crate) fn git_in(dir: &Path, args: &[&str]) -> String {
    let output = try_git(dir, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

#[track_caller]
pub(crate) fn commit_in(dir: &Path, message: &str) -> Commit {
    git_in(dir, &["add", "-A"]);
    git_in(dir, &["commit", "-q", "--allow-empty", "-m", message]);
    Commit::new(git_in(dir, &["rev-parse", "HEAD"]))
}
