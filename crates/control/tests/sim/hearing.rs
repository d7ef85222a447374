//! Whoever lives is not given up: lanes are heard beside one another, through an outage of the store, and after the server slept.

use std::sync::Arc;
use std::time::Duration;

use mission_control::{Control, HomePaths, TicketRequest};
use mission_domain::ids::{AttemptId, TicketKey, Timestamp};
use mission_domain::plan::Action;
use mission_domain::principal::Principal;
use mission_domain::ticket::{Attempt, EndClass, State};
use mission_runtime::protocol::{FromRunner, ToRunner};
use mission_runtime::{ExitRecord, Record};
use mission_store::{Role, Stream, open_sqlite};
use serde_json::json;

use crate::fault::{FaultyStore, World};
use crate::runner::{Door, Runner};
use crate::stage::{self, StageClock, options};

/// Longer than anything takes on a machine under load.
const PATIENCE: Duration = Duration::from_secs(60);

/// Between two looks at a condition.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// A server at work, its lanes, and what they live in.
struct Scene {
    control: Control,
    clock: Arc<StageClock>,
    world: Arc<World>,
    runner: Runner,
    began: Timestamp,
    lanes: Vec<AttemptId>,
}

impl Scene {
    /// Three tickets, and a lane at each that has begun.
    async fn begin() -> Self {
        // The first home is made on a runtime of its own.
        let home = tokio::task::spawn_blocking(stage::new_home).await.expect("a home");
        let (clock, world) = (Arc::new(StageClock::new()), Arc::new(World::default()));
        let real = open_sqlite(&home, Role::Controller).await.expect("a store");
        let store = Arc::new(FaultyStore { real, world: world.clone() });
        let paths = HomePaths::new(&home);
        let door = Door::open(&paths.runner());
        let control = Control::open(paths, store, clock.clone(), options()).await;
        let control = control.expect("a controller");
        let (runner, started) = tokio::join!(door.admits(), control.start());
        started.expect("the server is up");
        let (began, lanes) = (control.now(), Vec::new());
        let mut scene = Self { control, clock, world, runner, began, lanes };
        for _ in 0..3 {
            scene.files(None).await;
            let attempt = scene.runner.starts().await;
            scene.lanes.push(attempt);
            let (turn, pid, pid_start_time, output) = (1, 4711, 1, Vec::new());
            let started = Record::Started { turn, pid, pid_start_time, output };
            scene.runner.records(attempt, 1, started).await;
            scene.is_acknowledged(attempt, 1).await;
        }
        scene
    }

    /// Somebody files a ticket, which waits until `after` seconds from the beginning.
    async fn files(&self, after: Option<i64>) -> TicketKey {
        let request = TicketRequest {
            title: "Work".into(),
            workflow: Some("advised".into()),
            not_before: after.map(|it| self.began + jiff::SignedDuration::from_secs(it)),
            ..TicketRequest::default()
        };
        let ada = Principal::Person("ada".into());
        let filed = self.control.open_ticket(request, &ada, "cli").await.expect("filed");
        filed.key.parse().expect("a key")
    }

    /// Lets the clock show `seconds` after the beginning.
    fn is_at(&self, seconds: i64) {
        let wanted = self.began + jiff::SignedDuration::from_secs(seconds);
        let by = wanted.duration_since(self.control.now()).as_millis();
        self.clock.moves(i64::try_from(by).expect("milliseconds"));
    }

    async fn is_acknowledged(&mut self, attempt: AttemptId, number: u64) {
        let ack = |order| match order {
            ToRunner::Ack { attempt: of, record } => {
                (of == attempt && record == number).then_some(())
            }
            _ => None,
        };
        self.runner.is_told("that a record is held", ack).await;
    }

    async fn attempt(&self, number: usize) -> Attempt {
        let key = format!("MC-{number}").parse().expect("a key");
        let (ticket, _) = self.control.ticket(&key).await.expect("a ticket");
        ticket.attempt(self.lanes[number - 1]).expect("the attempt").clone()
    }

    /// Waits until what is planned for this moment has been carried out: the last of it is that a new ticket waits no longer. What
    /// is planned for older ones comes before.
    async fn the_server_looks(&self) {
        let now = self.control.now().duration_since(self.began).as_secs();
        let newest = self.files(Some(now + 1)).await;
        self.is_at(now + 1);
        // Time went on without anybody telling: the next word makes it look.
        self.files(Some(100_000)).await;
        wait("the server looks", async || {
            let (ticket, _) = self.control.ticket(&newest).await.expect("a ticket");
            ticket.state() != State::Waiting
        })
        .await;
    }

    /// Waits until the lane is known to live for a while from now on.
    async fn is_known_to_live(&self, number: usize) {
        let now = self.control.now();
        let lane = self.lanes[number - 1];
        wait("a sign of life is taken in", async || {
            let leases = self.control.store().leases().await.expect("leases");
            let soon = now + jiff::SignedDuration::from_secs(45);
            leases.iter().any(|it| it.attempt == lane && it.until > soon)
        })
        .await;
    }

    async fn all_live(&self) {
        for number in 1..=self.lanes.len() {
            let end = self.attempt(number).await.end;
            assert_eq!(end, None, "the lane of MC-{number} was given up");
        }
    }

    async fn ends(mut self) {
        let shutdown = |order| matches!(order, ToRunner::Shutdown { .. }).then_some(());
        let closes = async {
            self.runner.is_told("that it is over", shutdown).await;
            drop(self.runner);
        };
        tokio::join!(self.control.stop(false), closes);
    }
}

/// Waits until `is_so` says yes.
#[track_caller]
fn wait(what: &'static str, is_so: impl AsyncFn() -> bool) -> impl Future<Output = ()> {
    let caller = std::panic::Location::caller();
    async move {
        let came = tokio::time::timeout(PATIENCE, async {
            while !is_so().await {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        });
        assert!(came.await.is_ok(), "never seen: {what}, at {caller}");
    }
}

fn exit(attempt: AttemptId) -> ExitRecord {
    let exit = json!({
        "attempt": attempt, "epoch": 1, "exit_code": 0, "signal": null, "core": false, "max_rss_bytes": 1, "wall_ms": 1,
        "user_ms": 1, "system_ms": 1, "oom": {"verdict": "no", "how": "it ended by itself"},
        "stop_cause": {"kind": "none"}, "orphans": [], "turns": 1, "undelivered": [], "last_output": "",
        "last_tool": {"kind": "unknown", "why": "it does not say"}, "markers": {"kind": "none"}, "journal_bytes": 0,
        "ended_at": Timestamp::UNIX_EPOCH,
    });
    serde_json::from_value(exit).expect("an exit record")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_lane_says_holds_no_other_lane_up_however_long_it_takes() {
    let mut scene = Scene::begin().await;
    let slow = Stream::Ticket("MC-1".parse().expect("a key"));
    scene.world.slows(Some(slow));
    let report = json!({ "says": "done", "summary": "it is done" });
    scene.runner.records(scene.lanes[0], 2, Record::Report { value: report }).await;
    scene.world.is_slow().await;
    scene.is_at(40);
    let others = scene.lanes[1..].to_vec();
    scene.runner.sees_alive(&others).await;
    scene.is_known_to_live(2).await;
    scene.is_known_to_live(3).await;
    // The lane itself says nothing more, and is not given up while nobody takes in what it said.
    // In steps that are too short for a sleep.
    for seconds in [50, 60, 70] {
        scene.is_at(seconds);
        scene.the_server_looks().await;
    }
    scene.all_live().await;
    scene.world.slows(None);
    scene.is_acknowledged(scene.lanes[0], 2).await;
    assert!(scene.attempt(1).await.report.is_some());
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_outage_of_the_store_longer_than_a_lease_costs_no_lane() {
    let mut scene = Scene::begin().await;
    scene.world.goes_away(true);
    scene.is_at(30);
    let lanes = scene.lanes.clone();
    scene.runner.sees_alive(&lanes).await;
    // Less after its last look than what would let it believe that it slept.
    scene.is_at(70);
    let expires = |it: &_| matches!(it, Action::Expire { .. });
    let control = scene.control.clone();
    wait("nobody is to be given up", async || !control.planned().iter().any(expires)).await;
    // One lane comes to its end before the store is back.
    let report = json!({ "says": "done", "summary": "it is done" });
    scene.runner.records(lanes[0], 2, Record::Report { value: report }).await;
    let (attempt, exit) = (lanes[0], Box::new(exit(lanes[0])));
    scene.runner.says(FromRunner::Exited { attempt, exit }).await;
    scene.world.goes_away(false);
    scene.the_server_looks().await;
    scene.is_acknowledged(lanes[0], 2).await;
    wait("the end is taken in", async || scene.attempt(1).await.end.is_some()).await;
    let end = scene.attempt(1).await.end.map(|it| it.class);
    assert_eq!(end, Some(EndClass::Reported));
    for number in [2, 3] {
        assert_eq!(scene.attempt(number).await.end, None, "the lane of MC-{number} was given up");
    }
    scene.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_asleep_waits_for_its_lanes_before_it_gives_one_up() {
    let mut scene = Scene::begin().await;
    scene.is_at(3_600);
    scene.the_server_looks().await;
    scene.all_live().await;
    // Awake again it gives up whoever says nothing. The steps are too short for a sleep.
    let talking = scene.lanes[1..].to_vec();
    for seconds in [3_610, 3_620, 3_630, 3_640, 3_650, 3_660, 3_670] {
        scene.is_at(seconds);
        if seconds == 3_640 {
            scene.runner.sees_alive(&talking).await;
            scene.is_known_to_live(2).await;
            scene.is_known_to_live(3).await;
        }
        scene.the_server_looks().await;
    }
    let end = scene.attempt(1).await.end.map(|it| it.class);
    assert_eq!(end, Some(EndClass::Lost));
    for number in [2, 3] {
        assert_eq!(scene.attempt(number).await.end, None, "the lane of MC-{number} was given up");
    }
    scene.ends().await;
}
