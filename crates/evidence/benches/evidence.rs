//! What Mission Control adds to a check: the clean checkout, the look for an earlier result, and the packet.
//! Run with `cargo bench -p mission-evidence`; it prints one JSON line for each measure.

#![expect(clippy::unwrap_used, reason = "a measurement")]

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;
use std::time::Instant;

use mission_domain::ids::{Commit, Timestamp};
use mission_evidence::attest::{Keys, packet_statement};
use mission_evidence::checkout::Checkout;
use mission_evidence::checks::{CheckEnv, CheckOutcome};
use mission_evidence::git::Git;
use mission_evidence::packet::Packet;
use mission_evidence::past::{PastRun, Pasts, RunKey};
use mission_sandbox::{Limits, Network};

/// How many files the repository has, and how large each is, in bytes.
const FILES: usize = 5_000;
const SIZE: usize = 2_000;

/// How often each is done.
const CHECKOUTS: usize = 10;
const LOOKS: usize = 100;
const PACKETS: usize = 100;

/// When the earlier run was, and when it is looked for.
const NOON: Timestamp = Timestamp::UNIX_EPOCH;

/// A statement as a home signs it, with a command, its result and its log.
const STATEMENT: &[u8] = include_bytes!("../../../fuzz/corpus/packet/statement-12");

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    let place = tempfile::tempdir().unwrap();
    let repository = place.path().join("repository");
    let commit = repository_of(&repository);
    checkouts(&repository, &commit, place.path()).await;
    looks(&repository, &commit, place.path()).await;
    packets(place.path());
}

/// Clean checkouts, proved to be that and nothing else.
async fn checkouts(repository: &Path, commit: &Commit, parent: &Path) {
    let mut times = Vec::new();
    for _ in 0..CHECKOUTS {
        let at = Instant::now();
        let checkout = Checkout::make(repository, commit, parent).await.unwrap();
        times.push(milliseconds(at));
        assert_eq!(fs::read_dir(checkout.dir().join("0")).unwrap().count(), 100);
    }
    told("checkout", &times);
}

/// A check whose result is known: the tree, the key, and the signed record.
async fn looks(repository: &Path, commit: &Commit, place: &Path) {
    let env = CheckEnv {
        env: [("PATH".to_owned(), std::env::var("PATH").unwrap())].into(),
        tmp: "tmp".into(),
        read: Vec::new(),
        write: Vec::new(),
        network: Network::Refused,
    };
    let pasts = Pasts::at(place.join("checks"), Keys::at(place.join("keys")));
    let mut times = Vec::new();
    for turn in 0..=LOOKS {
        let at = Instant::now();
        let tree = Git::at(repository).tree_of(commit).await.unwrap();
        let key = RunKey::of(&tree, "cargo test", &env, Limits::default());
        let past = pasts.read(&key).about(commit);
        match past.stands(NOON) {
            Some(_) => times.push(milliseconds(at)),
            None => drop(pasts.add(&key, passed()).unwrap()),
        }
        assert_eq!(past.runs().len(), usize::from(turn > 0));
    }
    told("known", &times);
}

fn passed() -> PastRun {
    PastRun {
        at: NOON,
        outcome: CheckOutcome::Passed,
        duration_ms: 1,
        tests: None,
        log: None,
        rewrote: Vec::new(),
        touched: Vec::new(),
        gaps: Vec::new(),
        history_of: None,
    }
}

/// A packet from its content to its two files on disk, the key read each time.
fn packets(place: &Path) {
    let statement: serde_json::Value = serde_json::from_slice(STATEMENT).unwrap();
    let packet: Packet = serde_json::from_value(statement["predicate"].clone()).unwrap();
    let keys = Keys::at(place.join("keys"));
    let mut times = Vec::new();
    for turn in 0..PACKETS {
        let at = Instant::now();
        let text = packet.canonical().unwrap();
        let envelope = keys.signer().unwrap().seal(&packet_statement(&packet).unwrap().bytes());
        for (name, bytes) in
            [("packet", text.as_bytes()), ("envelope", envelope.to_line().as_bytes())]
        {
            let mut file = File::create(place.join(format!("{name}-{turn}"))).unwrap();
            file.write_all(bytes).unwrap();
            file.sync_all().unwrap();
        }
        times.push(milliseconds(at));
    }
    told("packet", &times);
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn told(name: &str, values: &[f64]) {
    println!("{}", serde_json::json!({ "name": name, "values": values }));
}

/// A repository with one commit.
fn repository_of(at: &Path) -> Commit {
    for number in 0..FILES {
        let folder = at.join((number / 100).to_string());
        fs::create_dir_all(&folder).unwrap();
        let line = format!("line of file {number}\n");
        fs::write(folder.join(format!("{number}.txt")), line.repeat(SIZE / line.len())).unwrap();
    }
    git(at, &["init", "-q", "-b", "main"]);
    git(at, &["add", "-A"]);
    git(
        at,
        &[
            "-c",
            "user.name=bench",
            "-c",
            "user.email=bench@example.invalid",
            "commit",
            "-qm",
            "first",
        ],
    );
    Commit::new(git(at, &["rev-parse", "HEAD"]))
}

#[expect(clippy::disallowed_methods, reason = "a measurement makes its repository")]
fn git(at: &Path, words: &[&str]) -> String {
    let mut command = std::process::Command::new("git");
    let done = command.args(words).current_dir(at).env("GIT_CONFIG_GLOBAL", "/dev/null").output();
    let done = done.unwrap();
    assert!(done.status.success(), "{done:?}");
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}
