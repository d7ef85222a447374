//! What 10,000 waiting tickets cost the controller: planning while nothing can run, and bringing one ticket to its end.
//! Run with `cargo bench -p mission-control`; it prints one JSON line for each measure.

#![expect(clippy::unwrap_used, reason = "a measurement")]

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use mission_control::{Control, HomePaths, Options, SystemClock, TicketRequest, VerdictRequest};
use mission_domain::ids::{AttemptId, Digest, RuntimeId, TicketKey};
use mission_domain::principal::Principal;
use mission_domain::ticket::{
    Command, EndClass, LaneRecord, Observation, Owed, PacketRef, PacketStatus, Report, VerdictWord,
};
use mission_store::{Replayed, Role, Snapshot, Stream, TicketFilter};

/// How many tickets are ready, and no runtime is there that could take one.
const WAITING: u32 = 10_000;

/// How many plans are made, and how many tickets are brought to their end.
const PLANS: u32 = 50;
const ENDINGS: u64 = 50;

const RULES: &str = r#"
[project]
key = "BN"
workflow = "note"
checks = []

[runtime.absent]
driver = "exec"
command = ["a-program-that-is-not-there"]

[role.planner]
runtimes = ["absent"]

[workflow.note]
gates = [{ id = "note", role = "planner", requires = [], decided_by = "person" }]
"#;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let (home, repository) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    git_repository(repository.path());
    let control = control(home.path()).await;
    let ada = Principal::Person("ada".into());
    control.add_project(repository.path(), true, &ada).await.unwrap();
    let mut keys = Vec::new();
    for number in 0..WAITING {
        let title = format!("Ticket number {number}");
        let request = TicketRequest { title, ..TicketRequest::default() };
        let ticket = control.open_ticket(request, &ada, "api").await.unwrap();
        keys.push(ticket.key.parse::<TicketKey>().unwrap());
    }
    renewals(&control, &keys).await;
    control.load_fleet().await.unwrap();
    plans(&control, home.path()).await;
    endings(&control, &keys, &ada).await;
    control.store().close().await;
}

/// What the first start of another version costs: every ticket is looked at, and written anew where its rows differ.
async fn renewals(control: &Control, keys: &[TicketKey]) {
    let store = control.store();
    store.keep_shape("another version").await.unwrap();
    let at = Instant::now();
    assert_eq!(control.renew_rows().await.unwrap(), 0);
    told("renew_none", "ms", &[at.elapsed().as_secs_f64() * 1e3]);
    for some in keys.chunks(100) {
        let mut older = Vec::new();
        for key in some {
            let stream = Stream::Ticket(key.clone());
            let (aggregate, seen) = store.load(&stream).await.unwrap();
            let filter = TicketFilter { keys: vec![key.clone()], ..TicketFilter::default() };
            let mut row = store.list(&filter).await.unwrap().pop().unwrap();
            (row.view, row.next) = ("{}".into(), "older words".into());
            let snapshot = Snapshot { aggregate, row: Some(row) };
            older.push(Replayed { stream, seen, snapshot, projections: Vec::new() });
        }
        assert_eq!(store.rebuild(older).await.unwrap(), []);
    }
    store.keep_shape("another version").await.unwrap();
    let at = Instant::now();
    assert_eq!(control.renew_rows().await.unwrap(), u64::from(WAITING));
    told("renew_all", "ms", &[at.elapsed().as_secs_f64() * 1e3]);
}

/// Plans as the dispatcher does, and carries out whatever comes of it.
async fn plans(control: &Control, home: &Path) {
    let (seq, log) = (control.store().watermark().await.unwrap(), log_of(home));
    let mut times = Vec::new();
    for _ in 0..PLANS {
        let at = Instant::now();
        let actions = control.planned();
        times.push(at.elapsed().as_secs_f64() * 1e3);
        for action in actions {
            control.carry_out(action).await.unwrap();
        }
    }
    let rows = control.store().watermark().await.unwrap() - seq;
    assert!(rows > 0 || log_of(home) == log, "something else than an event was written");
    told("plan", "ms", &times);
    told("rows", "rows", &[rows as f64]);
}

/// Length and age of the database's log: every write of any row makes it longer, or starts it anew.
fn log_of(home: &Path) -> (u64, Option<std::time::SystemTime>) {
    let log = std::fs::metadata(home.join("mission.db-wal")).unwrap();
    (log.len(), log.modified().ok())
}

/// From a person's last verdict to the moment at which it is durable, and to the ticket's end.
async fn endings(control: &Control, keys: &[TicketKey], ada: &Principal) {
    let (mut verdicts, mut ends) = (Vec::new(), Vec::new());
    for (key, attempt) in keys.iter().zip(1..=ENDINGS) {
        let packet = delivered(control, key, AttemptId(attempt)).await;
        let request = VerdictRequest {
            verdict: VerdictWord::Pass,
            gate: None,
            reason: String::new(),
            findings: Vec::new(),
            packet: Some(packet.to_string()),
            judged: None,
        };
        let at = Instant::now();
        control.judge(key, request, ada).await.unwrap();
        verdicts.push(at.elapsed().as_secs_f64() * 1e3);
        for action in control.planned() {
            control.carry_out(action).await.unwrap();
        }
        ends.push(at.elapsed().as_secs_f64() * 1e3);
        assert!(control.ticket(key).await.unwrap().0.is_ended(), "{key} is not done");
    }
    told("verdict", "ms", &verdicts);
    told("complete", "ms", &ends);
}

/// Brings a ticket to where only a person's verdict is missing.
async fn delivered(control: &Control, key: &TicketKey, attempt: AttemptId) -> Digest {
    let does = async |command, by: &Principal| {
        control.execute(key, command, by).await.unwrap();
    };
    let (ticket, _) = control.ticket(key).await.unwrap();
    let Owed::Dispatch { gate, role, purpose } = ticket.owed(control.now()) else {
        panic!("nothing is to be dispatched: {:?}", ticket.situation())
    };
    let runtime = RuntimeId::new("absent");
    let principal = Principal::Lane { role: role.clone(), runtime: runtime.clone() };
    let (identity, model, lane) = (None, None, principal.clone());
    let warm = None;
    let claim =
        Command::Claim { attempt, gate, role, runtime, identity, model, purpose, principal, warm };
    does(claim, &Principal::Controller).await;
    let epoch = control.ticket(key).await.unwrap().0.attempt(attempt).unwrap().epoch;
    let (summary, death) = ("it is noted".to_owned(), None);
    let record = LaneRecord::Report(Report::Done { summary: summary.clone() });
    does(Command::Record { attempt, epoch, number: 1, record }, &lane).await;
    let record = LaneRecord::Exited { class: EndClass::Reported, summary, death };
    does(Command::Record { attempt, epoch, number: 2, record }, &lane).await;
    let digest = Digest::of(key.to_string().as_bytes());
    let status = PacketStatus::Verified;
    let seen = Observation {
        head: None,
        contributors: Vec::new(),
        packet: PacketRef {
            digest: digest.clone(),
            commit: None,
            tree: None,
            status,
            envelope: None,
        },
        missing: Vec::new(),
        findings: Vec::new(),
        answers: Vec::new(),
        block: None,
        ask_person: None,
    };
    does(Command::Seal { attempt, seen: Box::new(seen) }, &Principal::Controller).await;
    digest
}

fn told(name: &str, unit: &str, values: &[f64]) {
    println!("{}", serde_json::json!({ "name": name, "unit": unit, "values": values }));
}

/// Opens the controller of a home; it dispatches nothing by itself.
async fn control(home: &Path) -> Control {
    let store = mission_store::open_sqlite(home, Role::Controller).await.unwrap();
    let options = Options {
        exe: std::env::current_exe().unwrap(),
        url: None,
        retry_base_ms: 0,
        confine: false,
        checks_at_once: 1,
    };
    Control::open(HomePaths::new(home), store, Arc::new(SystemClock), options).await.unwrap()
}

#[expect(clippy::disallowed_methods, reason = "a project needs a real repository")]
fn git_repository(at: &Path) {
    std::fs::write(at.join("mission.toml"), RULES).unwrap();
    let author = ["-c", "user.name=Ada", "-c", "user.email=ada@example.org"];
    for words in [
        &["init", "--quiet", "--initial-branch=main"][..],
        &["add", "mission.toml"],
        &["commit", "--quiet", "--message=start"],
    ] {
        let mut git = std::process::Command::new("git");
        git.current_dir(at).args(author).args(words);
        assert!(git.status().unwrap().success(), "git {words:?}");
    }
}
