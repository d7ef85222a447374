//! Tricks with commits and with the clone: empty, swapped, hidden or moved after the check, and git told to run or show
//! something else.

use std::fs;

use mission_domain::ticket::{Command, EndClass, Stage as At, State, VerdictWord};

use crate::stage::{Stage, ada, commit_in, git_in, try_git, write};

#[tokio::test]
async fn an_empty_commit_is_no_work() {
    let stage = Stage::new().await;
    stage.implements(&[]).await;
    stage.refused("implementation", &["changed files (git sees none)"]).await;
}

#[tokio::test]
async fn a_commit_and_its_revert_are_no_work() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n")]);
    git_in(&stage.workspace(), &["revert", "--no-edit", "HEAD"]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("implementation", &["changed files (git sees none)"]).await;
}

#[tokio::test]
async fn a_commit_beside_the_branch_is_not_delivered() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    git_in(&stage.workspace(), &["checkout", "-q", "--detach"]);
    stage.writes(&[("feature.txt", "feature 2\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("implementation", &["a commit on the ticket's branch"]).await;
}

#[tokio::test]
async fn a_branch_without_the_projects_history_is_refused_at_its_delivery() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    git_in(&stage.workspace(), &["checkout", "-q", "--orphan", "elsewhere"]);
    stage.writes(&[("feature.txt", "feature 2\n")]);
    git_in(&stage.workspace(), &["branch", "-M", "elsewhere", "mc/1"]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("implementation", &["shares no history", "git rebase --root --onto main"]).await;
}

#[tokio::test]
async fn a_branch_that_was_deleted_delivers_nothing() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n")]);
    git_in(&stage.workspace(), &["checkout", "-q", "--detach"]);
    git_in(&stage.workspace(), &["branch", "-D", "mc/1"]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("implementation", &["a commit on the ticket's branch"]).await;
}

#[tokio::test]
async fn a_local_main_that_was_moved_makes_no_other_base() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "nothing\n")]);
    git_in(&stage.workspace(), &["branch", "-f", "main", "HEAD"]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["`sh check.sh`", "exit code 1"]).await;
    let head = stage.look().await.head.clone().expect("a head");
    assert_eq!(head.base.as_str(), stage.main());
}

#[tokio::test]
async fn work_that_changes_after_the_review_is_reviewed_again() {
    let stage = Stage::new().await;
    let before = stage.main();
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    write(&stage.workspace().join("feature.txt"), "feature with a back door\n");
    commit_in(&stage.workspace(), "after the review");
    assert!(stage.ada_says(VerdictWord::Pass).await.is_ok());
    stage.refused("qa_review", &["went stale"]).await;
    assert_eq!(stage.main(), before, "nothing landed");
}

#[tokio::test]
async fn a_commit_that_is_amended_after_the_review_is_reviewed_again() {
    let stage = Stage::new().await;
    let before = stage.main();
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    write(&stage.workspace().join("feature.txt"), "feature amended\n");
    git_in(&stage.workspace(), &["commit", "-qa", "--amend", "--no-edit"]);
    let _ = stage.ada_says(VerdictWord::Pass).await;
    stage.refused("qa_review", &["went stale"]).await;
    assert_eq!(stage.main(), before);
}

#[tokio::test]
async fn a_branch_that_is_thrown_back_after_the_review_does_not_land() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    git_in(&stage.workspace(), &["reset", "-q", "--hard", "main"]);
    let _ = stage.ada_says(VerdictWord::Pass).await;
    stage.refused("qa_review", &["went stale"]).await;
    assert!(stage.look().await.landed_as.is_none());
}

#[tokio::test]
async fn a_message_that_is_amended_keeps_the_review_and_the_machine_looks_again() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    let first = stage.gate("first_validation").await.packet.expect("a packet").digest;
    stage.reviews(VerdictWord::Pass, "fine").await;
    git_in(&stage.workspace(), &["commit", "-q", "--amend", "-m", "the same, in other words"]);
    let _ = stage.ada_says(VerdictWord::Pass).await;
    stage.goes_on().await;
    Stage::assert_passed(&stage.gate("qa_review").await);
    let again = stage.gate("first_validation").await.packet.expect("a packet").digest;
    assert_ne!(first, again, "the machine's packet is about the new commit");
}

#[tokio::test]
async fn the_commit_that_was_looked_at_is_the_one_that_lands_whatever_is_pushed_meanwhile() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    let seen = stage.gate("final_validation").await.packet.expect("a packet");
    let request = mission_control::VerdictRequest {
        verdict: VerdictWord::Pass,
        gate: None,
        reason: String::new(),
        findings: Vec::new(),
        packet: Some(seen.digest.to_string()),
        judged: None,
    };
    // Somebody lands something else between the look and the word.
    write(&stage.repository().join("other"), "x\n");
    let meanwhile = commit_in(&stage.repository(), "meanwhile");
    stage.control.judge(&stage.ticket, request, &ada()).await.expect("the packet is the one seen");
    stage.goes_on().await;
    let ticket = stage.look().await;
    let landed = ticket.landed_as.clone().expect("it landed on the new base");
    let parents = git_in(&stage.repository(), &["rev-list", "--parents", "-1", landed.as_str()]);
    assert!(parents.contains(meanwhile.as_str()), "nobody's commit is lost: {parents}");
    let merge = stage.control.packets(&stage.ticket, Some("final_validation")).await;
    let merge = merge.expect("packets")[0]["merge"].clone();
    assert_eq!(merge["commit"], landed.as_str(), "what was tested is what landed");
    assert_eq!(merge["base"], meanwhile.as_str());
}

#[tokio::test]
async fn hooks_and_settings_in_the_clone_are_never_run() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    let (clone, mark) = (stage.workspace(), stage.dir.path().join("mark"));
    let evil = stage.dir.path().join("evil.sh");
    write(&evil, &format!("#!/bin/sh\necho $0 >> {}\ncat\n", mark.display()));
    set_executable(&evil);
    stage.writes(&[
        ("feature.txt", "feature 2\n"),
        (".gitattributes", "* filter=evil diff=evil merge=evil\n"),
    ]);
    for hook in
        ["post-checkout", "post-merge", "pre-commit", "reference-transaction", "pre-auto-gc"]
    {
        let path = clone.join(".git/hooks").join(hook);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::copy(&evil, &path).expect("a hook");
        set_executable(&path);
    }
    let evil = evil.display().to_string();
    for (name, value) in [
        ("core.hooksPath", clone.join(".git/hooks").display().to_string()),
        ("core.fsmonitor", evil.clone()),
        ("core.pager", evil.clone()),
        ("core.sshCommand", evil.clone()),
        ("filter.evil.clean", evil.clone()),
        ("filter.evil.smudge", evil.clone()),
        ("diff.evil.textconv", evil.clone()),
        ("diff.external", evil.clone()),
        ("merge.evil.driver", evil.clone()),
        ("gpg.program", evil.clone()),
        ("core.alternateRefsCommand", evil.clone()),
        ("uploadpack.packObjectsHook", evil.clone()),
        ("include.path", "/nonexistent".into()),
    ] {
        git_in(&clone, &["config", name, &value]);
    }
    stage.claims(attempt, "sh check.sh", 0).await;
    let _ = fs::remove_file(&mark);
    stage.delivers(attempt).await;
    Stage::assert_passed(&stage.gate("first_validation").await);
    assert!(!mark.exists(), "ran: {}", fs::read_to_string(&mark).unwrap_or_default());
}

fn set_executable(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("changed");
}

/// The clone is not as it was made: nothing is taken from it, and the ticket says what was found.
async fn is_tampered(stage: &Stage, words: &[&str]) {
    stage.refused("implementation", words).await;
    assert_eq!(stage.look().await.state(), State::Blocked);
    assert_eq!(stage.gate("implementation").await.packet, None);
}

async fn delivered(stage: &Stage) -> mission_domain::ids::AttemptId {
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    attempt
}

#[tokio::test]
async fn objects_borrowed_from_elsewhere_are_refused() {
    let stage = Stage::new().await;
    let attempt = delivered(&stage).await;
    let alternates = stage.workspace().join(".git/objects/info/alternates");
    let more = format!("{}/elsewhere\n", stage.dir.path().display());
    let text = fs::read_to_string(&alternates).expect("a file") + &more;
    fs::write(&alternates, text).expect("written");
    stage.delivers(attempt).await;
    is_tampered(&stage, &["is refused", "borrows from elsewhere"]).await;
}

#[tokio::test]
async fn a_clone_that_points_at_another_repository_is_refused() {
    let stage = Stage::new().await;
    let attempt = delivered(&stage).await;
    let dot_git = stage.workspace().join(".git");
    let aside = stage.dir.path().join("aside");
    fs::rename(&dot_git, &aside).expect("moved");
    write(&dot_git, &format!("gitdir: {}\n", aside.display()));
    stage.delivers(attempt).await;
    stage.refused("implementation", &[]).await;
    assert_eq!(stage.gate("implementation").await.packet, None);
}

#[tokio::test]
async fn a_folder_of_objects_that_is_a_link_is_refused() {
    let stage = Stage::new().await;
    let attempt = delivered(&stage).await;
    let pack = stage.workspace().join(".git/objects/pack");
    fs::remove_dir_all(&pack).expect("removed");
    std::os::unix::fs::symlink(stage.repository().join(".git/objects/pack"), &pack)
        .expect("a link");
    stage.delivers(attempt).await;
    is_tampered(&stage, &["is refused", "objects/pack"]).await;
}

#[tokio::test]
async fn a_history_that_is_cut_off_is_refused() {
    let stage = Stage::new().await;
    let attempt = delivered(&stage).await;
    let head = git_in(&stage.workspace(), &["rev-parse", "HEAD"]);
    fs::write(stage.workspace().join(".git/shallow"), format!("{head}\n")).expect("written");
    stage.delivers(attempt).await;
    is_tampered(&stage, &["is refused", "shallow"]).await;
}

#[tokio::test]
async fn a_commit_shown_in_anothers_place_is_not_believed() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    let bad = stage.writes(&[("feature.txt", "nothing\n")]);
    let clone = stage.workspace();
    git_in(&clone, &["checkout", "-q", "-b", "nice", "HEAD~1"]);
    let good = stage.writes(&[("feature.txt", "feature nice\n")]);
    git_in(&clone, &["checkout", "-q", "mc/1"]);
    git_in(&clone, &["replace", bad.as_str(), good.as_str()]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["exit code 1"]).await;
}

#[tokio::test]
async fn a_broken_object_does_not_come_in() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    let clone = stage.workspace();
    write(&clone.join("hook"), "evil\n");
    let blob = git_in(&clone, &["hash-object", "-w", "hook"]);
    let inner = tree_with(&clone, &format!("100644 blob {blob}\tconfig\n"));
    let outer = tree_with(&clone, &format!("040000 tree {inner}\t.git\n"));
    let commit = git_in(&clone, &["commit-tree", &outer, "-p", "HEAD", "-m", "evil"]);
    git_in(&clone, &["update-ref", "refs/heads/mc/1", &commit]);
    stage.claims(attempt, "true", 0).await;
    stage.delivers(attempt).await;
    stage.refused("implementation", &[".git"]).await;
    assert_eq!(stage.gate("implementation").await.packet, None);
}

fn tree_with(clone: &std::path::Path, entries: &str) -> String {
    let list = clone.join(".git/list");
    write(&list, entries);
    let line = format!("git mktree --missing < {}", list.display());
    shell(clone, &line)
}

#[expect(clippy::disallowed_methods, reason = "plays the lane")]
fn shell(dir: &std::path::Path, line: &str) -> String {
    let output = std::process::Command::new("sh").args(["-c", line]).current_dir(dir).output();
    let output = output.expect("a shell");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[tokio::test]
async fn an_index_that_claims_that_nothing_changed_hides_nothing_that_is_kept() {
    let stage = Stage::new().await;
    let attempt = delivered(&stage).await;
    write(&stage.workspace().join("check.sh"), "exit 0\n");
    git_in(&stage.workspace(), &["update-index", "--assume-unchanged", "check.sh"]);
    stage.delivers(attempt).await;
    let project = stage.repository();
    let workspace = mission_evidence::workspace::Workspace::at(
        project,
        stage.ticket.clone(),
        stage.workspace(),
    );
    let dirty = workspace.state().await.expect("a state").dirty;
    assert_eq!(dirty, ["check.sh"]);
}

#[tokio::test]
async fn a_lane_cannot_push_into_the_projects_branches() {
    let stage = Stage::new().await;
    let attempt = delivered(&stage).await;
    let before = stage.main();
    let remotes = git_in(&stage.workspace(), &["remote"]);
    assert_eq!(remotes, "");
    stage.delivers(attempt).await;
    assert_eq!(stage.main(), before);
    let branches =
        git_in(&stage.repository(), &["for-each-ref", "--format=%(refname)", "refs/heads"]);
    assert_eq!(branches, "refs/heads/main", "a fetched head is no branch of the project's");
}

#[tokio::test]
async fn work_that_contradicts_the_default_branch_does_not_land_by_force() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature of the lane\n")]).await;
    write(&stage.repository().join("feature.txt"), "feature of a person\n");
    let theirs = commit_in(&stage.repository(), "a person was faster");
    stage.reviews(VerdictWord::Pass, "fine").await;
    stage.refused("final_validation", &["the work contradicts main in feature.txt"]).await;
    assert_eq!(stage.main(), theirs.to_string());
}

#[tokio::test]
async fn uncommitted_work_of_a_person_is_never_run_over() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    write(&stage.repository().join("feature.txt"), "a person is at it\n");
    stage.ada_says(VerdictWord::Pass).await.expect("a person may");
    let said = stage.told().await;
    assert!(said.contains("uncommitted changes in feature.txt stand in the way"), "{said}");
    let kept = fs::read_to_string(stage.repository().join("feature.txt")).expect("a file");
    assert_eq!(kept, "a person is at it\n");
}

#[tokio::test]
async fn the_name_in_a_commit_makes_nobody_independent() {
    let rules = crate::stage::RULES.replace("runtimes = [\"two\"]", "runtimes = [\"one\"]");
    let files = [("check.sh", crate::stage::CHECK), ("feature.txt", "feature\n")];
    let stage = Stage::with(&rules, &files).await;
    let attempt = stage.starts().await;
    write(&stage.workspace().join("feature.txt"), "feature 2\n");
    let author = "Quentin Assurance <qa@example.com>";
    git_in(&stage.workspace(), &["commit", "-qa", "-m", "by somebody else", "--author", author]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    let gate = stage.gate("qa_review").await;
    assert!(matches!(gate.stage, At::Deciding { .. }), "{gate:?}");
    stage.refused("qa_review", &["no independent runtime is configured"]).await;
    let tried = try_git(&stage.workspace(), &["log", "-1", "--format=%an"]);
    assert_eq!(String::from_utf8_lossy(&tried.stdout).trim(), "Quentin Assurance");
}

#[tokio::test]
async fn a_workspace_whose_work_git_cannot_keep_is_told_and_stays() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    let notes = stage.workspace().join("notes.txt");
    write(&notes, "the only copy\n");
    fs::remove_dir_all(stage.workspace().join(".git")).expect("removed");
    stage.ends(attempt, EndClass::Stopped).await;
    let cancel = Command::Cancel { reason: "enough".into() };
    stage.control.execute(&stage.ticket, cancel, &ada()).await.expect("a person may");
    let plan = stage.control.clean_workspaces(true).await.expect("a plan");
    let done = stage.control.clean_workspaces(false).await.expect("done");
    assert_eq!(plan, done, "the plan is what is done");
    assert!(matches!(&done[..], [it] if !it.removable && it.why.contains("cannot be kept")));
    let swept = stage.control.sweep(false).await.expect("the others are corrected");
    assert!(swept.iter().all(|it| !it.would.contains("is removed")), "{swept:?}");
    let fsck = stage.control.fsck().await.expect("looked at");
    let found: Vec<_> = fsck.findings.iter().map(|it| it.text.as_str()).collect();
    assert!(matches!(&found[..], [it] if it.contains("cannot be kept")), "{found:?}");
    assert!(notes.exists());
}
