//! Files that a lane hands in, and that are something else by the time somebody looks: what is the person's is never kept.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use mission_domain::ids::AttemptId;
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::Evidence;
use nix::sys::stat::Mode;

use crate::stage::{Stage, evidence};

/// What nobody but the person may read.
const SECRET: &str = "the person's own words";

/// How often the lane tries. Of three looks in a row one hit where files were looked at by name and then opened by name.
const TRIES: usize = 300;

fn evidence_folder(stage: &Stage, attempt: AttemptId) -> PathBuf {
    stage.control.paths().lane(attempt).join("evidence")
}

fn plan() -> Evidence {
    let mut plan = evidence(EvidenceKind::Plan, "the plan");
    plan.file = Some("plan.md".into());
    plan
}

/// Returns whether anything that is kept in the home holds the secret.
fn is_kept(stage: &Stage) -> bool {
    let artifacts = stage.control.artifacts();
    let all = artifacts.list().expect("the artifacts");
    all.iter().any(|(digest, _)| {
        let bytes = artifacts.read(digest).expect("an artifact");
        String::from_utf8_lossy(&bytes).contains(SECRET)
    })
}

/// Puts something else under the same name, again and again: a plan, a link to the person's file, a pipe.
fn swaps(folder: &Path, secret: &Path, is_over: &AtomicBool) {
    let (name, next) = (folder.join("plan.md"), folder.join("next"));
    while !is_over.load(Ordering::Relaxed) {
        let steps: [&dyn Fn(); 3] = [
            &|| fs::write(&next, "1. do it").expect("a file"),
            &|| symlink(secret, &next).expect("a link"),
            &|| nix::unistd::mkfifo(&next, Mode::S_IRWXU).expect("a pipe"),
        ];
        for step in steps {
            step();
            fs::rename(&next, &name).expect("swapped");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_swapped_for_a_link_or_a_pipe_gives_nothing_of_the_persons_away() {
    let stage = Stage::new().await;
    let secret = stage.dir.path().join("secret");
    fs::write(&secret, SECRET).expect("a file");
    let attempt = stage.starts().await;
    let folder = evidence_folder(&stage, attempt);
    fs::create_dir_all(&folder).expect("a folder");
    let is_over = AtomicBool::new(false);
    let by = stage.look().await.attempt(attempt).expect("the attempt").principal.clone();
    let control = stage.control.clone();
    std::thread::scope(|scope| {
        scope.spawn(|| swaps(&folder, &secret, &is_over));
        let tries = async {
            for _ in 0..TRIES {
                control.evidence(attempt, plan(), &by).await.expect("taken in");
            }
        };
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(tries));
        is_over.store(true, Ordering::Relaxed);
    });
    assert!(!is_kept(&stage), "what is the person's was kept");
    let given = stage.look().await.attempt(attempt).expect("the attempt").evidence.clone();
    assert_eq!(given.len(), TRIES);
    assert!(given.iter().any(|it| it.artifact.is_some()), "no plan was ever there");
}

#[tokio::test]
async fn a_folder_that_is_swapped_for_a_link_gives_nothing_of_the_persons_away() {
    let stage = Stage::new().await;
    let persons = stage.dir.path().join("persons");
    fs::create_dir(&persons).expect("a folder");
    fs::write(persons.join("plan.md"), SECRET).expect("a file");
    let attempt = stage.starts().await;
    let folder = evidence_folder(&stage, attempt);
    fs::create_dir_all(folder.parent().expect("the lane's folder")).expect("a folder");
    symlink(&persons, &folder).expect("a link");
    stage.hands_in(attempt, plan()).await;
    assert!(!is_kept(&stage), "what is the person's was kept");
    let given = stage.look().await.attempt(attempt).expect("the attempt").evidence.clone();
    assert!(matches!(&given[..], [it] if it.artifact.is_none()), "{given:?}");
}
