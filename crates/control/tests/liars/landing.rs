//! The queue of the default branch: landing what was not tested, what nobody signs off any more, or over somebody's work.

use std::fs;
use std::path::PathBuf;

use mission_control::{Error, VerdictRequest};
use mission_domain::ids::{Commit, GateId, TicketKey};
use mission_domain::plan::Action;
use mission_domain::ticket::{State, VerdictWord};
use tokio::task::JoinHandle;

use crate::stage::{CHECK, RULES, Stage, ada, commit_in, git_in, write};

/// Both changes together break what each leaves whole.
const NOT_BOTH: &str = "test -f one && test -f two && { echo 'one and two do not go together'; exit 1; }\n\
                        echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'\n";

/// A project with this check, and tickets that each bring one file and only wait for Ada's word.
async fn lined_up(rules: &str, check: &str, files: &[&str]) -> (Stage, Vec<TicketKey>) {
    let mut stage = Stage::with(rules, &[("check.sh", check), ("feature.txt", "feature\n")]).await;
    let mut keys = Vec::new();
    for (at, file) in files.iter().enumerate() {
        if at > 0 {
            stage.files_another().await;
        }
        let text = if *file == "mission.toml" { STRICTER } else { "work\n" };
        stage.implements(&[(*file, text)]).await;
        stage.reviews(VerdictWord::Pass, "fine").await;
        keys.push(stage.ticket.clone());
    }
    (stage, keys)
}

/// A ticket whose merge was tested on a commit that somebody made after its work began: the work cannot land as it is.
async fn behind(rules: &str) -> (Stage, Vec<TicketKey>) {
    let stage = Stage::with(rules, &[("check.sh", CHECK), ("feature.txt", "feature\n")]).await;
    stage.implements(&[("one", "work\n")]).await;
    write(&stage.repository().join("other"), "x\n");
    commit_in(&stage.repository(), "meanwhile");
    stage.reviews(VerdictWord::Pass, "fine").await;
    let keys = vec![stage.ticket.clone()];
    (stage, keys)
}

/// The rules with a check more, which nothing passes.
const STRICTER: &str = r#"
[project]
key = "MC"
default_branch = "main"
workflow = "quick-fix"
checks = ["sh check.sh", "test -f nowhere"]
[role.coder]
runtimes = ["one"]
[role.qa]
runtimes = ["two"]
"#;

/// Ada signs all of them off, and nothing is done about it yet.
async fn all_signed(stage: &Stage, keys: &[TicketKey]) {
    for key in keys {
        let verdict = VerdictRequest {
            verdict: VerdictWord::Pass,
            gate: None,
            reason: "fine".into(),
            findings: Vec::new(),
            packet: None,
            judged: None,
        };
        stage.control.judge(key, verdict, &ada()).await.expect("a person may");
    }
    let lands = |it: &Action| matches!(it, Action::Land { .. });
    assert_eq!(stage.control.planned().iter().filter(|it| lands(it)).count(), keys.len());
}

/// Returns what landed as what, and the merge that was tested last.
async fn landed(stage: &Stage, key: &TicketKey) -> (Option<String>, serde_json::Value) {
    let ticket = stage.control.ticket(key).await.expect("the ticket").0;
    let packets = stage.control.packets(key, Some("final_validation")).await.expect("packets");
    (ticket.landed_as.as_ref().map(ToString::to_string), packets[0]["merge"].clone())
}

#[tokio::test]
async fn each_is_tested_on_those_before_it_and_lands_as_it_was_tested() {
    let (stage, keys) = lined_up(RULES, CHECK, &["one", "two", "three"]).await;
    all_signed(&stage, &keys).await;
    let mut before = stage.main();
    let land = Action::Land { ticket: keys[0].clone() };
    stage.control.work_off(land).await.expect("it lands");
    for key in &keys {
        let (commit, merge) = landed(&stage, key).await;
        assert_eq!(merge["base"], before.as_str(), "{key} was tested on those before it");
        assert_eq!(merge["commit"].as_str(), commit.as_deref(), "what was tested is what landed");
        before = commit.expect("it landed");
    }
    assert_eq!(stage.main(), before);
}

#[tokio::test]
async fn those_that_wait_for_their_turn_are_landed_with_whoever_has_it() {
    let held = HeldUp::new();
    let (stage, keys) = lined_up(RULES, &held.check(), &["one", "two", "three"]).await;
    all_signed(&stage, &keys[..1]).await;
    let first = held.lands(&stage, &keys[0]).await;
    // The turn is taken: these are kept busy by waiting for it.
    all_signed(&stage, &keys[1..]).await;
    let land = |at: usize| {
        let (control, ticket) = (stage.control.clone(), keys[at].clone());
        async move { control.work_off(Action::Land { ticket }).await.expect("it lands") }
    };
    let second_then_look = async {
        land(1).await;
        landed(&stage, &keys[2]).await.0
    };
    let go_on = async { held.goes_on() };
    let (with_second, (), ()) = tokio::join!(biased; second_then_look, land(2), go_on);
    first.await.expect("no panic").expect("it lands");
    assert!(with_second.is_some(), "the third landed in the turn of another");
    assert_eq!(with_second, Some(stage.main()));
}

#[tokio::test]
async fn one_that_breaks_those_before_it_goes_back_with_its_log_and_the_next_is_tested_without_it()
{
    let (stage, keys) = lined_up(RULES, NOT_BOTH, &["one", "two", "three"]).await;
    all_signed(&stage, &keys).await;
    stage.goes_on().await;
    let (first, _) = landed(&stage, &keys[0]).await;
    let (third, merge) = landed(&stage, &keys[2]).await;
    assert_eq!(merge["base"].as_str(), first.as_deref(), "the third was tested without the second");
    assert_eq!(Some(stage.main()), third);
    let second = stage.control.ticket(&keys[1]).await.expect("the ticket").0;
    assert_eq!((second.landed_as.clone(), second.state()), (None, State::Todo));
    let told = &second.findings.first().expect("a finding").what.text;
    assert!(told.contains("`sh check.sh`") && told.contains("exit code 1"), "{told}");
    let packets = stage.control.packets(&keys[1], Some("final_validation")).await;
    let log = packets.expect("packets")[0]["commands"][0]["log"].clone();
    let log = log.as_str().expect("a log").parse().expect("a digest");
    let log = stage.control.artifacts().read(&log).expect("it was kept");
    assert!(String::from_utf8_lossy(&log).contains("one and two do not go together"));
}

#[tokio::test]
async fn what_comes_behind_a_change_of_the_rules_is_tested_by_the_new_ones() {
    let (stage, keys) = lined_up(RULES, CHECK, &["mission.toml", "two"]).await;
    all_signed(&stage, &keys).await;
    stage.goes_on().await;
    assert!(landed(&stage, &keys[0]).await.0.is_some(), "the rules take effect after landing");
    assert_eq!(landed(&stage, &keys[1]).await.0, None);
    let second = stage.control.ticket(&keys[1]).await.expect("the ticket").0;
    let told = second.situation().reason;
    assert!(told.contains("`test -f nowhere`"), "{told}");
}

#[tokio::test]
async fn a_crash_after_the_branch_moved_is_told_as_the_landing_that_it_was() {
    for mode in ["merge", "rebase"] {
        let rules = RULES.replace("[project]", &format!("[project]\nland = \"{mode}\""));
        let (stage, keys) = behind(&rules).await;
        let (_, merge) = landed(&stage, &keys[0]).await;
        let tested = merge["commit"].as_str().expect("a commit").to_owned();
        all_signed(&stage, &keys).await;
        // The process moved the branch, and ended before it wrote that down.
        git_in(&stage.repository(), &["merge", "-q", "--ff-only", &tested]);
        write(&stage.repository().join("later"), "x\n");
        let later = commit_in(&stage.repository(), "after the crash");
        stage.goes_on().await;
        let (commit, _) = landed(&stage, &keys[0]).await;
        assert_eq!(commit, Some(tested), "{mode}");
        assert_eq!(stage.main(), later.to_string(), "{mode}: nothing lands twice");
    }
}

/// A ticket of a project whose check failed before, and whose final validation Ada has waived.
async fn waived() -> Stage {
    let files = [("check.sh", CHECK), ("feature.txt", "broken before\n")];
    let stage = Stage::with(RULES, &files).await;
    let attempt = stage.starts().await;
    stage.writes(&[("one", "work\n")]);
    stage.claims(attempt, "test -f one", 0).await;
    stage.delivers(attempt).await;
    stage.says(&ada(), VerdictWord::Waive, Some("first_validation")).await.expect("she may");
    stage.reviews(VerdictWord::Pass, "fine").await;
    stage.refused("final_validation", &["pre-existing"]).await;
    let waive = VerdictRequest {
        verdict: VerdictWord::Waive,
        gate: Some("final_validation".into()),
        reason: "it was broken before".into(),
        findings: Vec::new(),
        packet: None,
        judged: None,
    };
    stage.control.judge(&stage.ticket, waive, &ada()).await.expect("she may");
    stage
}

#[tokio::test]
async fn a_waiver_lands_on_a_base_that_moved_once_that_was_tested() {
    let stage = waived().await;
    write(&stage.repository().join("other"), "x\n");
    let meanwhile = commit_in(&stage.repository(), "meanwhile").to_string();
    stage.goes_on().await;
    let (commit, merge) = landed(&stage, &stage.ticket).await;
    assert_eq!(merge["base"], meanwhile.as_str(), "the moved base was tested");
    assert_eq!(merge["commit"].as_str(), commit.as_deref());
    assert_eq!(commit, Some(stage.main()));
}

#[tokio::test]
async fn a_waiver_does_not_land_what_contradicts_the_default_branch() {
    let stage = waived().await;
    write(&stage.repository().join("one"), "a person was faster\n");
    let theirs = commit_in(&stage.repository(), "meanwhile").to_string();
    stage.goes_on().await;
    assert_eq!(stage.look().await.landed_as, None);
    let told = stage.told().await;
    assert!(told.contains("the work contradicts main in one"), "{told}");
    assert_eq!(stage.main(), theirs);
}

#[tokio::test]
async fn a_record_that_is_gone_lands_nothing_and_holds_nobody_else_up() {
    let (stage, keys) = lined_up(RULES, CHECK, &["one", "two"]).await;
    all_signed(&stage, &keys).await;
    let first = stage.control.ticket(&keys[0]).await.expect("the ticket").0;
    let packet = first.gate(&GateId::new("final_validation")).and_then(|it| it.packet.clone());
    let packet = packet.expect("a packet").digest;
    fs::remove_file(stage.control.artifacts().path(&packet)).expect("it was there");
    stage.goes_on().await;
    let first = stage.control.ticket(&keys[0]).await.expect("the ticket").0;
    assert_eq!((first.landed_as.clone(), first.state()), (None, State::Blocked));
    assert!(first.situation().reason.contains(packet.as_str()), "{:?}", first.situation());
    assert_eq!(landed(&stage, &keys[1]).await.0, Some(stage.main()));
}

/// What `bad` leaves whole breaks once `meanwhile` is there.
const NOT_MEANWHILE: &str = "test -f meanwhile && ls | grep -q bad && exit 1\n\
                             echo 'test result: ok. 2 passed; 0 failed; 0 ignored; 0 measured'\n";

#[tokio::test]
async fn one_that_cannot_be_looked_at_holds_nobody_up_where_one_is_tested_at_a_time() {
    let (stage, keys) = lined_up(RULES, NOT_MEANWHILE, &["bad1", "bad2", "broken", "good"]).await;
    write(&stage.repository().join("meanwhile"), "x\n");
    commit_in(&stage.repository(), "meanwhile");
    all_signed(&stage, &keys).await;
    let broken = stage.control.paths().workspace(&keys[2]).join(".git/HEAD");
    fs::remove_file(broken).expect("it was there");
    // Two failures halve the window down to one.
    for key in [&keys[0], &keys[1], &keys[3]] {
        let land = Action::Land { ticket: key.clone() };
        stage.control.work_off(land).await.expect("it is looked at");
    }
    assert_eq!(landed(&stage, &keys[3]).await.0, Some(stage.main()));
    stage.goes_on().await;
    let broken = stage.control.ticket(&keys[2]).await.expect("the ticket").0;
    assert_eq!((broken.landed_as.clone(), broken.state()), (None, State::Blocked));
    assert!(broken.situation().reason.contains(".git/HEAD"), "{:?}", broken.situation());
}

#[tokio::test]
async fn a_landing_on_a_branch_that_a_person_threw_back_is_tested_again() {
    let (stage, keys) = behind(RULES).await;
    all_signed(&stage, &keys).await;
    git_in(&stage.repository(), &["reset", "-q", "--hard", "HEAD~1"]);
    let theirs = stage.main();
    stage.goes_on().await;
    let (commit, merge) = landed(&stage, &keys[0]).await;
    assert_eq!(merge["base"], theirs.as_str());
    assert_eq!(commit, Some(stage.main()));
    assert!(!stage.repository().join("other").exists(), "what a person took back stays away");
}

/// A check that does not end as long as somebody holds it up.
struct HeldUp(tempfile::TempDir);

impl HeldUp {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn mark(&self) -> PathBuf {
        self.0.path().join("wait")
    }

    fn check(&self) -> String {
        let mark = self.mark();
        let wait = "for i in $(seq 600); do test -f $mark || break; sleep 0.1; done";
        format!("mark='{}'\necho started\n{wait}\n{CHECK}", mark.display())
    }

    /// Lets `key` be landed on a base that moved; returns once its merge is being tested.
    async fn lands(&self, stage: &Stage, key: &TicketKey) -> JoinHandle<Result<(), Error>> {
        write(&stage.repository().join("other"), "x\n");
        commit_in(&stage.repository(), "meanwhile");
        write(&self.mark(), "");
        let (control, land) = (stage.control.clone(), Action::Land { ticket: key.clone() });
        let lands = tokio::spawn(async move { control.work_off(land).await });
        let scratch = stage.home().join("workspaces/scratch");
        let has_begun = || {
            let checkouts = fs::read_dir(&scratch).into_iter().flatten().flatten();
            let logs = checkouts.map(|it| it.path().join("tmp/check.log"));
            logs.into_iter().any(|it| fs::metadata(it).is_ok_and(|it| it.len() > 0))
        };
        while !has_begun() {
            assert!(!lands.is_finished(), "it did not wait");
            tokio::task::yield_now().await;
        }
        lands
    }

    fn goes_on(&self) {
        fs::remove_file(self.mark()).expect("it was there");
    }
}

#[tokio::test]
async fn somebody_who_commits_while_the_merge_is_tested_is_not_landed_over() {
    let held = HeldUp::new();
    let (stage, keys) = lined_up(RULES, &held.check(), &["one"]).await;
    all_signed(&stage, &keys).await;
    let lands = held.lands(&stage, &keys[0]).await;
    let before = stage.main();
    write(&stage.workspace().join("one"), "and a back door\n");
    commit_in(&stage.workspace(), "while it was tested");
    held.goes_on();
    lands.await.expect("no panic").expect("it goes on");
    assert_eq!(stage.look().await.landed_as, None);
    assert_eq!(stage.main(), before);
    stage.goes_on().await;
    stage.refused("qa_review", &[]).await;
}

/// A ticket that only waits for Ada's word, on a commit that somebody takes out of the default branch then.
async fn on_lost_ground() -> (Stage, String) {
    let mut stage = Stage::new().await;
    let before = stage.main();
    stage.implements(&[("secret.txt", "key\n")]).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    stage.ada_says(VerdictWord::Pass).await.expect("it lands");
    stage.files_another().await;
    stage.implements(&[("harmless.txt", "ok\n")]).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    git_in(&stage.repository(), &["reset", "-q", "--hard", &before]);
    (stage, before)
}

#[tokio::test]
async fn what_was_taken_out_of_the_default_branch_does_not_come_back_with_other_work() {
    let (stage, before) = on_lost_ground().await;
    let lost = stage.look().await.head.clone().expect("a head").base;
    stage.ada_says(VerdictWord::Pass).await.expect("she saw one file");
    assert_eq!(stage.main(), before, "nothing landed");
    let words =
        ["went stale: the default branch no longer holds", "git rebase --onto main", lost.short()];
    stage.refused("implementation", &words).await;
    let stale: Vec<String> = stage
        .look()
        .await
        .gates
        .iter()
        .filter(|it| !it.is_settled())
        .map(|it| it.rule.id.to_string())
        .collect();
    for gate in ["implementation", "first_validation", "qa_review", "final_validation"] {
        assert!(stale.iter().any(|it| it == gate), "{gate} still holds: {stale:?}");
    }
}

#[tokio::test]
async fn a_sweep_calls_stale_what_was_signed_off_on_lost_ground() {
    let (stage, _) = on_lost_ground().await;
    stage.control.sweep(false).await.expect("a sweep");
    stage.refused("qa_review", &["went stale: the default branch no longer holds"]).await;
}

#[tokio::test]
async fn work_that_is_put_on_what_is_left_lands_alone() {
    let (stage, before) = on_lost_ground().await;
    let lost = stage.look().await.head.clone().expect("a head").base;
    stage.ada_says(VerdictWord::Pass).await.expect("a person may");
    let attempt = stage.starts().await;
    git_in(&stage.workspace(), &["rebase", "-q", "--onto", &before, lost.as_str()]);
    stage.answers_all(attempt, "put on main").await;
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    stage.ada_says(VerdictWord::Pass).await.expect("it lands");
    assert_ne!(stage.main(), before);
    assert_eq!(
        git_in(&stage.repository(), &["diff", "--name-only", &before, "main"]),
        "harmless.txt"
    );
}

#[tokio::test]
async fn the_final_packet_counts_the_files_from_the_base_that_it_names() {
    let (stage, _) = on_lost_ground().await;
    stage.ada_says(VerdictWord::Pass).await.expect("a person may");
    // The lane insists on what was taken out: everybody is shown it before it lands.
    let attempt = stage.starts().await;
    stage.answers_all(attempt, "it belongs to it").await;
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    write(&stage.repository().join("other"), "x\n");
    commit_in(&stage.repository(), "meanwhile");
    stage.reviews(VerdictWord::Pass, "fine").await;
    let packet = stage.control.packets(&stage.ticket, Some("final_validation")).await;
    let packet = packet.expect("packets")[0].clone();
    let named = |field: &str| packet[field].as_str().expect("a commit").to_owned();
    let merge = packet["merge"]["commit"].as_str().expect("a commit").to_owned();
    let seen = git_in(&stage.repository(), &["diff", "--name-only", &named("base"), &merge]);
    let files = packet["files"].as_array().expect("files").iter();
    let files: Vec<&str> = files.filter_map(|it| it["path"].as_str()).collect();
    assert_eq!(files, ["harmless.txt", "secret.txt"]);
    assert_eq!(files.join("\n"), seen);
}

#[tokio::test]
async fn the_change_that_a_person_signs_off_is_the_tickets_own_also_where_the_branch_moved() {
    let (stage, _) = behind(RULES).await;
    let packet = stage.control.packets(&stage.ticket, Some("final_validation")).await;
    let packet = packet.expect("packets")[0].clone();
    let named = |field: &str| Commit::new(packet[field].as_str().expect("a commit"));
    let (base, commit) = (named("base"), named("commit"));
    let seen = git_in(&stage.repository(), &["rev-parse", "main"]);
    assert_eq!(base.to_string(), seen, "the branch moved while it was worked");
    let project = stage.ticket.project();
    let patch = stage.control.patch(project, &base, &commit).await.expect("a diff");
    let patch = String::from_utf8(patch).expect("text");
    let touched: Vec<_> = patch.lines().filter(|it| it.starts_with("diff --git")).collect();
    assert_eq!(touched, ["diff --git a/one b/one"]);

    // What became of it since a round that was worked on the same commit is told with its lines.
    let told = stage.control.between_rounds(project, &base, &commit, &commit).await;
    assert!(told.expect("both are there").patch.is_some());
}
