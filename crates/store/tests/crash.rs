//! What a process acknowledged is there after SIGKILL, wherever it was killed, on both engines.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use mission_domain::ids::Version;
use mission_store::contract::postgres_server::PostgresServer;
use mission_store::contract::sample::{asked, ticket, write};
use mission_store::{
    CRASHPOINTS, Error, Replayed, Role, Store, Stream, artifacts::Artifacts, crashpoints,
    open_postgres, open_sqlite,
};

/// How often the process is killed.
const KILLS: usize = 50;

/// How many write at once, each to a ticket of its own.
const WRITERS: u32 = 4;

/// How often each writes: a process that nobody kills ends, and so fails its test.
const WRITES: u64 = 1_000;

/// How often the process is killed at each place: those that a process passes again and again at the first, second and third pass.
const TIMES: usize = 3;

/// The places that only a home in SQLite passes: copies of a database are the server's own business.
const OF_SQLITE: [&str; 1] = ["backup.before_rename"];

fn request(number: u32, seen: u64) -> mission_store::Change {
    asked(write(&ticket(number), seen, "noted"), &format!("{number}-{seen}"))
}

async fn version(store: &dyn Store, number: u32) -> u64 {
    match store.load(&Stream::Ticket(ticket(number))).await {
        Ok((_, version)) => version.0,
        Err(Error::Missing(_)) => 0,
        Err(other) => panic!("{other}"),
    }
}

/// Not a test: what the tests below start and kill. It prints each acknowledgement as `ticket version`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "started by the other tests"]
async fn the_process_that_is_killed() {
    if let Ok(url) = std::env::var("STORE_URL") {
        return write_on_all(open_postgres(&url).await.unwrap()).await;
    }
    let home = std::env::var("STORE_HOME").unwrap();
    if std::env::var_os("STORE_ARTIFACT").is_some() {
        Artifacts::of(home.as_ref()).put(b"kept").unwrap();
        return;
    }
    let store = open_sqlite(home.as_ref(), Role::Controller).await.unwrap();
    store.backup(&Path::new(&home).join("copy.db")).await.unwrap();
    write_on_all(store).await;
}

async fn write_on_all(store: Arc<dyn Store>) {
    if std::env::var_os("STORE_REBUILD").is_some() {
        return rebuild_two(&*store).await;
    }
    let writers: Vec<_> = (1..=WRITERS).map(|n| tokio::spawn(write_on(store.clone(), n))).collect();
    for writer in writers {
        writer.await.unwrap();
    }
}

/// Makes two tickets, and replaces what is kept of both at once.
async fn rebuild_two(store: &dyn Store) {
    let mut replayed = Vec::new();
    for number in [1, 2] {
        store.append(request(number, 0)).await.unwrap();
        let write = write(&ticket(number), 0, "rebuilt");
        let (stream, snapshot) = (write.stream, write.snapshot);
        replayed.push(Replayed { stream, seen: Version(1), snapshot, projections: Vec::new() });
    }
    store.rebuild(replayed).await.unwrap();
}

async fn write_on(store: Arc<dyn Store>, number: u32) {
    let first = version(&*store, number).await;
    for seen in first..first + WRITES {
        store.append(request(number, seen)).await.unwrap();
        let line = format!("{number} {}\n", seen + 1);
        std::io::stderr().write_all(line.as_bytes()).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "the process to kill is this test itself")]
fn start(settings: &[(&str, &str)]) -> Child {
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--exact", "the_process_that_is_killed", "--ignored", "--nocapture"]);
    child.envs(settings.iter().copied());
    child.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Returns the last acknowledged version of each ticket, after `many` lines and a kill.
fn kill_after(mut child: Child, many: usize) -> BTreeMap<u32, u64> {
    let lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut acknowledged = BTreeMap::new();
    for (at, line) in (1..).zip(lines) {
        let line = line.unwrap();
        let (number, version) = line.split_once(' ').unwrap();
        acknowledged.insert(number.parse().unwrap(), version.parse().unwrap());
        if at == many {
            child.kill().unwrap();
        }
    }
    assert_eq!(child.wait().unwrap().signal(), Some(9), "it ended by itself");
    acknowledged
}

#[tokio::test]
async fn fifty_kills_lose_nothing_that_was_acknowledged_and_double_nothing() {
    let home = tempfile::tempdir().unwrap();
    let mut unseen = 0;
    for round in 0..KILLS {
        let _ = std::fs::remove_file(home.path().join("copy.db"));
        let child = start(&[("STORE_HOME", home.path().to_str().unwrap())]);
        let acknowledged = kill_after(child, 1 + round * 7 % 60);
        let store = open_sqlite(home.path(), Role::Controller).await.unwrap();
        for (number, last) in acknowledged {
            let kept = version(&*store, number).await;
            assert!(kept == last || kept == last + 1, "MC-{number}: {last} seen, {kept} kept");
            unseen += kept - last;
            // The client that saw no answer asks again, with the same key.
            let again = store.append(request(number, last)).await;
            let is_done = matches!(again, Err(Error::Replayed { .. })) == (kept > last);
            assert!(is_done, "MC-{number}: {again:?}");
            assert_eq!(version(&*store, number).await, last + 1);
        }
        store.close().await;
    }
    let store = open_sqlite(home.path(), Role::Reader).await.unwrap();
    let verification = store.verify().await.unwrap();
    assert_eq!(verification.findings, []);
    assert_eq!(verification.events, store.watermark().await.unwrap());
    eprintln!("{} events, {unseen} kept whose answer was lost", verification.events);
}

/// Returns what names the place at which the process ends in this round.
fn crash(point: &str, round: usize) -> String {
    let is_passed_often = point.starts_with("append.");
    format!("{point}:{}", if is_passed_often { round } else { 1 })
}

#[tokio::test]
async fn every_crash_point_is_reached_and_leaves_a_sound_home() {
    assert_eq!(crashpoints(), CRASHPOINTS);
    for point in CRASHPOINTS {
        for round in 1..=TIMES {
            let home = tempfile::tempdir().unwrap();
            let crash = crash(point, round);
            let mut settings = vec![("MISSION_CRASH", crash.as_str())];
            settings.push(("STORE_HOME", home.path().to_str().unwrap()));
            if point.starts_with("artifact.") {
                settings.push(("STORE_ARTIFACT", "1"));
            }
            if point.starts_with("rebuild.") {
                settings.push(("STORE_REBUILD", "1"));
            }
            let acknowledged = kill_after(start(&settings), usize::MAX);
            let store = open_sqlite(home.path(), Role::Controller).await.unwrap();
            is_sound(&*store, point, acknowledged).await;
            files_are_sound(home.path(), point);
        }
    }
}

#[tokio::test]
async fn every_crash_point_is_reached_and_leaves_a_sound_database_in_postgresql() {
    let server = PostgresServer::start().await;
    // Artifacts are files of the home, whichever engine keeps the rest.
    let passed = |point: &&&str| !OF_SQLITE.contains(*point) && !point.starts_with("artifact.");
    let mut points = 0;
    for point in CRASHPOINTS.iter().filter(passed) {
        points += 1;
        for round in 1..=TIMES {
            let (url, crash) = (server.database().await, crash(point, round));
            let mut settings = vec![("MISSION_CRASH", crash.as_str()), ("STORE_URL", url.as_str())];
            if point.starts_with("rebuild.") {
                settings.push(("STORE_REBUILD", "1"));
            }
            let child = start(&settings);
            let acknowledged = kill_after(child, usize::MAX);
            let store = open_postgres(&url).await.unwrap();
            is_sound(&*store, point, acknowledged).await;
            store.close().await;
        }
    }
    assert_eq!(points, 7);
}

async fn is_sound(store: &dyn Store, point: &str, acknowledged: BTreeMap<u32, u64>) {
    assert_eq!(store.verify().await.unwrap().findings, [], "{point}");
    for (number, last) in acknowledged {
        assert!(version(store, number).await >= last, "{point}: MC-{number}");
    }
    let is_kept = store.watermark().await.unwrap() > 0;
    match point {
        "append.after_commit" => assert!(is_kept, "{point}"),
        "append.before_insert" | "append.before_commit" => {}
        "rebuild.before_commit" | "rebuild.after_commit" => {
            for number in [1, 2] {
                let (kept, _) = store.load(&Stream::Ticket(ticket(number))).await.unwrap();
                let is_rebuilt = kept.contains("rebuilt");
                assert_eq!(is_rebuilt, point == "rebuild.after_commit", "{point}: {kept}");
            }
        }
        _ => assert!(!is_kept, "{point}"),
    }
}

fn files_are_sound(home: &Path, point: &str) {
    let is_after_backup = point.starts_with("append.") || point.starts_with("rebuild.");
    assert!(!home.join("copy.db").exists() || is_after_backup, "{point}");
    let artifacts = Artifacts::of(home);
    for (digest, _) in artifacts.list().unwrap() {
        assert_eq!(artifacts.verify(&digest).unwrap(), None, "{point}");
    }
    let partial = artifacts.remove_partial().unwrap();
    assert_eq!(partial, usize::from(point == "artifact.before_rename"), "{point}");
    assert_eq!(artifacts.list().unwrap().len(), usize::from(point == "artifact.after_rename"));
}
