//! Lanes whose start takes a while: the attempt keeps its lease meanwhile, and is started once, whatever becomes of the runner.

use mission_domain::ids::AttemptId;
use mission_domain::ticket::{Command, EndClass};
use mission_runtime::LaunchSpec;
use mission_runtime::protocol::ToRunner;
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::pipe;

use crate::runner::{Life, Runner, read_by_somebody};
use crate::stage::{RULES, Stage, ada};

/// Notes that it ran, and takes as long as the story wants.
const SET_UP: &str = "echo ran >> set-ups; mkfifo turnstile; read line < turnstile";

/// The one attempt of these stories.
const ATTEMPT: AttemptId = AttemptId(1);

async fn with_set_up() -> Stage {
    let set_up = format!("key = \"MC\"\nsetup = {{ before_run = \"{SET_UP}\" }}");
    let rules = RULES.replace("key = \"MC\"", &set_up);
    let gate = "[workflow.quick-fix.gate.implementation]\ntimeout = \"30m\"\n";
    Stage::with(&format!("{rules}{gate}"), &[]).await
}

/// The controller starts and gives the ticket to its lane, whose set-up runs now.
async fn begins(stage: &Stage) -> (Runner, Life, pipe::Sender) {
    let runner = Runner::of(stage);
    let (started, life) = tokio::join!(stage.control.start(), runner.is_reached());
    started.expect("it starts");
    let set_up = read_by_somebody(stage.workspace().join("turnstile")).await;
    (runner, life, set_up)
}

async fn ends(mut set_up: pipe::Sender) {
    set_up.write_all(b"go on\n").await.expect("it reads");
}

async fn is_started(life: &mut Life) -> Box<LaunchSpec> {
    match life.hears().await {
        ToRunner::Start { spec } => spec,
        other => panic!("{other:?}"),
    }
}

/// How many times the set-up ran.
fn set_ups(stage: &Stage) -> usize {
    let ran = std::fs::read_to_string(stage.workspace().join("set-ups")).expect("it ran");
    ran.lines().count()
}

#[tokio::test]
async fn a_set_up_that_takes_longer_than_a_lease_leaves_the_attempt_a_whole_one() {
    let stage = with_set_up().await;
    let (_runner, mut life, set_up) = begins(&stage).await;
    stage.passes(75);
    ends(set_up).await;
    let spec = is_started(&mut life).await;
    // Its time is the gate's, which is less than the runtime's two hours, and begins now.
    assert_eq!((spec.attempt, spec.limits.wall_s), (ATTEMPT, Some(1_800)));
    // The store learns of it as soon as it can.
    let on_record = async {
        loop {
            let leases = stage.control.store().leases().await.expect("leases");
            if leases.iter().all(|it| (it.until - stage.control.now()).as_secs() == 60) {
                return leases.len();
            }
            tokio::task::yield_now().await;
        }
    };
    let on_record = tokio::time::timeout(crate::runner::DEADLINE, on_record).await;
    assert_eq!(on_record, Ok(1));

    // A program that then shows no sign of life is lost as ever.
    stage.passes(61);
    let comment = Command::Comment { text: "is anybody there?".into() };
    stage.control.execute(&stage.ticket, comment, &ada()).await.expect("noted");
    let heard = life.hears().await;
    assert!(
        matches!(&heard, ToRunner::Stop { attempt: ATTEMPT, by, .. } if by == "lost"),
        "{heard:?}"
    );
    stage.control.stop(false).await;
}

#[tokio::test]
async fn an_attempt_that_is_stopped_during_its_set_up_is_never_started() {
    let stage = with_set_up().await;
    let (_runner, mut life, set_up) = begins(&stage).await;
    stage.control.stop_attempt(ATTEMPT, &ada()).await.expect("a person may");
    assert!(matches!(life.hears().await, ToRunner::Stop { attempt: ATTEMPT, .. }));
    ends(set_up).await;
    // The ticket is free again, and its next attempt is set up as the first was, once that one has let go of the turnstile.
    let second = async {
        while set_ups(&stage) < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(crate::runner::DEADLINE, second).await.expect("it is set up");
    let again = read_by_somebody(stage.workspace().join("turnstile")).await;
    assert_eq!(life.is_heard().await, []);
    ends(again).await;
    assert_eq!(is_started(&mut life).await.attempt, AttemptId(2));
    let ended = stage.look().await.attempt(ATTEMPT).and_then(|it| it.end.clone()).expect("its end");
    assert_eq!(ended.class, EndClass::Stopped);
    stage.control.stop(false).await;
}

#[tokio::test]
async fn a_runner_that_comes_back_during_a_launch_or_right_after_it_is_told_of_that_one() {
    let stage = with_set_up().await;
    let (runner, life, set_up) = begins(&stage).await;
    drop(life);
    let mut life = runner.is_reached().await;
    assert_eq!(life.is_heard().await, []);
    ends(set_up).await;
    let first = is_started(&mut life).await;

    // It dies before it has written anything down: the next one is told the same, down to the token.
    drop(life);
    let mut life = runner.is_reached().await;
    assert_eq!(is_started(&mut life).await, first);
    assert_eq!(life.is_heard().await, []);
    assert_eq!(set_ups(&stage), 1);
    let live = stage.look().await.live_attempt().map(|it| it.id);
    assert_eq!(live, Some(ATTEMPT));
    stage.control.stop(false).await;
}
