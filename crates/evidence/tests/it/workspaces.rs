//! Workspaces: made, looked at without obeying them, brought back, kept, restored.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use mission_domain::ids::Commit;
use mission_evidence::Error;
use mission_evidence::checkout::Checkout;
use mission_evidence::git::Git;
use mission_evidence::snapshot::detached_copy;
use mission_evidence::workspace::Workspace;

use crate::place::{Place, coder, commit_in, git_in, noon, ticket, try_git, write};

#[tokio::test]
async fn a_workspace_is_a_private_clone_on_the_tickets_branch_without_remotes() {
    let place = Place::new();
    let before = place.refs();
    let workspace = place.workspace().await;
    let dir = &workspace.dir;
    assert_eq!(git_in(dir, &["branch", "--show-current"]), "mc/7");
    assert_eq!(git_in(dir, &["remote"]), "");
    assert_eq!(git_in(dir, &["rev-parse", "main"]), place.main().as_str());
    assert_eq!(git_in(dir, &["config", "user.name"]), "coder (codex)");
    assert_eq!(fs::read_dir(dir.join(".git/hooks")).expect("hooks").count(), 0);
    assert_eq!(fs::read_to_string(dir.join("b.txt")).expect("checked out"), "b\n");
    assert_eq!(place.refs(), before);
    let state = workspace.state().await.expect("a state");
    assert_eq!((state.head.clone(), state.branch), (Some(place.main()), Some(place.main())));
    assert!(state.is_on_branch && state.dirty.is_empty(), "{:?}", state.dirty);
    assert_eq!(workspace.head().expect("a head"), state.head);
    let again = workspace.create("main", &place.main(), &place.main(), &coder()).await;
    assert!(matches!(again, Err(Error::Exists { .. })));
    assert!(dir.join("b.txt").exists());
}

#[tokio::test]
async fn a_workspace_of_a_commit_that_is_not_there_leaves_nothing_behind() {
    let place = Place::new();
    let workspace = Workspace::at(place.project(), ticket(), place.path("w"));
    let nowhere = Commit::new("0123456789012345678901234567890123456789");
    let made = workspace.create("main", &place.main(), &nowhere, &coder()).await;
    assert!(matches!(made, Err(Error::NoSuchCommit { .. })), "{made:?}");
    assert!(!workspace.dir.exists());
}

#[tokio::test]
async fn the_lanes_commits_come_back_under_a_ref_of_ours_and_nothing_else_moves() {
    let place = Place::new();
    let before = place.refs();
    let workspace = place.workspace().await;
    write(&workspace.dir.join("new.txt"), "new\n");
    let commit = commit_in(&workspace.dir, "add new");
    git_in(&workspace.dir, &["tag", "sneaky"]);
    assert_eq!(workspace.fetch_back().await.expect("fetched"), Some(commit.clone()));
    let seen = place.seen();
    assert_eq!(seen.ref_at("refs/mission/heads/mc/7").await.expect("a ref"), Some(commit.clone()));
    assert_eq!(place.refs(), before);
    let author = &seen.commits_between(&place.main(), &commit).await.expect("commits")[0].author;
    assert_eq!(author.0, "coder (codex)");
    // What was fetched no longer needs the workspace.
    fs::remove_dir_all(&workspace.dir).expect("removed");
    assert_eq!(place.git(&["show", &format!("{commit}:new.txt")]), "new");
    // An amended branch is fetched again, and refs that were packed are found too.
    let workspace = place.workspace().await;
    let other = commit_in(&workspace.dir, "other history");
    git_in(&workspace.dir, &["pack-refs", "--all"]);
    assert_eq!(workspace.fetch_back().await.expect("fetched"), Some(other.clone()));
    // What it replaced was delivered: no git may ever throw that away.
    let replaced = seen.refs_under("refs/mission/replaced/").await.expect("refs");
    assert_eq!(replaced, [("refs/mission/replaced/mc/7/1".to_owned(), commit.clone())]);
    // What goes on from there replaces nothing, and what is held already is not kept again.
    write(&workspace.dir.join("more.txt"), "more\n");
    commit_in(&workspace.dir, "more");
    workspace.fetch_back().await.expect("fetched");
    for at in [&commit, &other, &commit] {
        git_in(
            &workspace.dir,
            &["fetch", "-q", &place.project().display().to_string(), at.as_str()],
        );
        git_in(&workspace.dir, &["reset", "-q", "--hard", at.as_str()]);
        workspace.fetch_back().await.expect("fetched");
    }
    let replaced = seen.refs_under("refs/mission/replaced/").await.expect("refs");
    assert_eq!(replaced.len(), 2, "{replaced:?}");
}

#[tokio::test]
async fn a_deleted_branch_is_none_and_a_detached_head_is_seen() {
    let place = Place::new();
    let workspace = place.workspace().await;
    git_in(&workspace.dir, &["checkout", "-q", "--detach"]);
    git_in(&workspace.dir, &["branch", "-q", "-D", "mc/7"]);
    assert_eq!(workspace.fetch_back().await.expect("nothing"), None);
    let state = workspace.state().await.expect("a state");
    assert_eq!((state.head, state.branch), (Some(place.main()), None));
    assert!(!state.is_on_branch);
}

#[tokio::test]
async fn dirt_is_found_by_content_even_where_the_lanes_index_hides_it() {
    let place = Place::new();
    place.write(".gitignore", "target/\n");
    place.commits("ignore");
    let workspace = place.workspace().await;
    git_in(&workspace.dir, &["update-index", "--assume-unchanged", "a.txt"]);
    git_in(&workspace.dir, &["update-index", "--skip-worktree", "b.txt"]);
    write(&workspace.dir.join("a.txt"), "hidden\n");
    write(&workspace.dir.join("b.txt"), "hidden\n");
    write(&workspace.dir.join("target/big"), "ignored\n");
    write(&workspace.dir.join("ü n.txt"), "untracked\n");
    write(&workspace.dir.join(".git/info/exclude"), "*.txt\n");
    let state = workspace.state().await.expect("a state");
    assert_eq!(state.dirty, ["a.txt", "b.txt", "ü n.txt"]);
}

/// Fills a lane's settings with everything that git would execute, each leaving a file behind.
fn booby_trap(dir: &Path, proof: &Path) {
    let script = dir.join(".git/evil.sh");
    write(&script, &format!("#!/bin/sh\necho \"$0 $@\" >> {}\ncat\n", proof.display()));
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).expect("executable");
    let evil = script.display().to_string();
    for key in [
        "core.fsmonitor",
        "filter.x.clean",
        "filter.x.smudge",
        "filter.x.process",
        "diff.x.textconv",
        "diff.x.command",
        "diff.external",
        "merge.x.driver",
        "core.editor",
        "core.pager",
        "core.sshCommand",
        "core.alternateRefsCommand",
        "gpg.program",
        "uploadpack.packObjectsHook",
        "credential.helper",
        "alias.fetch",
    ] {
        git_in(dir, &["config", key, &evil]);
    }
    git_in(dir, &["config", "extensions.partialClone", "evil"]);
    git_in(dir, &["config", "remote.evil.url", &format!("ext::{evil}")]);
    git_in(dir, &["config", "remote.evil.promisor", "true"]);
    git_in(dir, &["config", "commit.gpgSign", "true"]);
    for hook in
        ["reference-transaction", "post-checkout", "post-index-change", "pre-commit", "post-merge"]
    {
        fs::copy(&script, dir.join(".git/hooks").join(hook)).expect("a hook");
    }
    write(&dir.join(".gitattributes"), "* filter=x diff=x merge=x\n");
    write(&dir.join(".git/info/attributes"), "* filter=x diff=x merge=x\n");
}

#[tokio::test]
async fn nothing_that_a_lane_put_into_its_clone_is_ever_executed() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let (dir, proof) = (workspace.dir.clone(), place.path("proof"));
    write(&dir.join("a.txt"), "changed\n");
    write(&dir.join(".gitattributes"), "* filter=x diff=x merge=x\n");
    let commit = commit_in(&dir, "change");
    booby_trap(&dir, &proof);
    // The trap is real: the lane's own git falls into it.
    try_git(&dir, &["status"]);
    assert!(proof.exists());
    fs::remove_file(&proof).expect("reset");

    write(&dir.join("b.txt"), "dirty\n");
    let main = place.main();
    workspace.head().expect("a head");
    assert_eq!(workspace.state().await.expect("a state").dirty, ["b.txt"]);
    assert_eq!(workspace.fetch_back().await.expect("fetched"), Some(commit.clone()));
    workspace.refresh_base("main", &main).await.expect("refreshed");
    let seen = place.seen();
    seen.changed_files(&main, &commit).await.expect("files");
    seen.diff_text(&main, &commit, 10_000).await.expect("a diff");
    seen.patch_id(&main, &commit).await.expect("an id");
    Checkout::make(&place.project(), &commit, &place.path(".")).await.expect("a checkout");
    detached_copy(&place.project(), &commit, &place.path("copy")).await.expect("a copy");
    workspace.snapshot(&main, noon()).await.expect("a snapshot");
    workspace.identify(&coder()).await.expect("identified");
    let settings = fs::read_to_string(dir.join(".git/config")).expect("settings");
    assert!(!settings.contains("evil"), "{settings}");
    workspace.remove(&main, noon()).await.expect("removed");
    assert!(!proof.exists(), "executed: {}", fs::read_to_string(&proof).unwrap_or_default());
}

#[tokio::test]
async fn links_and_borrowed_objects_from_elsewhere_are_refused() {
    let place = Place::new();
    let secret = Place::new();
    secret.write("secret.txt", "secret");
    let hidden = secret.commits("secret");
    let theirs = secret.project().join(".git");
    let refused = async |trick: &dyn Fn(&Path)| {
        let workspace = Workspace::at(place.project(), ticket(), place.path("trick/MC-7"));
        workspace.create("main", &place.main(), &place.main(), &coder()).await.expect("made");
        trick(&workspace.dir.join(".git"));
        let state = workspace.state().await;
        let fetched = workspace.fetch_back().await;
        fs::remove_dir_all(place.path("trick")).expect("removed");
        for error in [state.err(), fetched.err()] {
            let is_refused = matches!(error, Some(Error::Tampered { .. } | Error::Git { .. }));
            assert!(is_refused, "{error:?}");
        }
    };
    let replace = |path: &Path, target: &Path| {
        fs::rename(path, path.with_extension("old")).expect("moved away");
        symlink(target, path).expect("a link");
    };
    refused(&|git| replace(git, &theirs)).await;
    refused(&|git| {
        fs::remove_dir_all(git).expect("removed");
        write(git, &format!("gitdir: {}\n", theirs.display()));
    })
    .await;
    refused(&|git| replace(&git.join("refs"), &theirs.join("refs"))).await;
    refused(&|git| replace(&git.join("objects"), &theirs.join("objects"))).await;
    refused(&|git| replace(&git.join("HEAD"), &theirs.join("HEAD"))).await;
    refused(&|git| symlink(theirs.join("objects/pack"), git.join("objects/zz")).expect("a link"))
        .await;
    refused(&|git| write(&git.join("shallow"), place.main().as_str())).await;
    refused(&|git| write(&git.join("commondir"), &theirs.display().to_string())).await;
    refused(&|git| {
        write(&git.join("objects/info/alternates"), &theirs.join("objects").display().to_string());
        write(&git.join("refs/heads/mc/7"), hidden.as_str());
    })
    .await;
    let heads = place.seen().refs_under("refs/mission/heads").await.expect("refs");
    assert_eq!(heads, []);
}

#[tokio::test]
async fn a_commit_without_its_objects_is_refused_and_no_ref_is_made() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let gone = "0123456789012345678901234567890123456789\n";
    fs::write(workspace.dir.join(".git/refs/heads/mc/7"), gone).expect("a ref");
    assert!(workspace.fetch_back().await.is_err());
    assert_eq!(place.seen().ref_at(&workspace.fetched_ref()).await.expect("none"), None);
}

#[tokio::test]
async fn writing_through_a_link_into_the_users_repository_is_refused() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let before = place.refs();
    let heads = workspace.dir.join(".git/refs/heads");
    fs::rename(&heads, workspace.dir.join(".git/old")).expect("moved away");
    symlink(place.project().join(".git/refs/heads"), &heads).expect("a link");
    let refreshed = workspace.refresh_base("main", &place.main()).await;
    assert!(matches!(refreshed, Err(Error::Tampered { .. })), "{refreshed:?}");
    let config = workspace.dir.join(".git/config");
    fs::remove_file(&config).expect("removed");
    symlink(place.project().join(".git/config"), &config).expect("a link");
    let theirs = fs::read_to_string(place.project().join(".git/config")).expect("settings");
    workspace.identify(&coder()).await.expect("the link is replaced");
    assert_eq!(fs::read_to_string(place.project().join(".git/config")).expect("same"), theirs);
    assert!(!config.is_symlink());
    assert_eq!(place.refs(), before);
}

#[tokio::test]
async fn before_a_workspace_goes_its_dirty_untracked_and_unmerged_work_is_kept_and_comes_back() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let main = place.main();
    write(&workspace.dir.join("c.txt"), "committed\n");
    let committed = commit_in(&workspace.dir, "work");
    git_in(&workspace.dir, &["checkout", "-q", "-b", "side"]);
    let side = commit_in(&workspace.dir, "side work");
    git_in(&workspace.dir, &["checkout", "-q", "mc/7"]);
    write(&workspace.dir.join("a.txt"), "dirty\n");
    write(&workspace.dir.join("untracked.txt"), "untracked\n");
    fs::remove_file(workspace.dir.join("b.txt")).expect("deleted");
    let index = fs::read(workspace.dir.join(".git/index")).expect("an index");

    let snapshot = workspace.snapshot(&main, noon()).await.expect("a snapshot");
    assert_eq!(snapshot.dirty, ["a.txt", "b.txt", "untracked.txt"]);
    assert_eq!(fs::read(workspace.dir.join(".git/index")).expect("an index"), index);
    let commits: Vec<&Commit> = snapshot.kept.iter().map(|kept| &kept.commit).collect();
    assert_eq!(snapshot.kept[0].name, "refs/mission/kept/mc/7/1");
    assert!(commits.contains(&&side) && snapshot.kept.len() == 2, "{commits:?}");
    // Nothing new: nothing more is kept. Then it may go.
    let removed = workspace.remove(&main, noon()).await.expect("removed");
    assert_eq!(removed.kept, []);
    assert!(!workspace.exists() && !workspace.dir.exists());

    let kept = workspace.kept().await.expect("kept");
    assert_eq!(kept, snapshot.kept);
    let last = kept.last().expect("what was checked out");
    workspace.restore(last, "main", &main, &coder()).await.expect("restored");
    let state = workspace.state().await.expect("a state");
    assert_eq!((state.head, state.is_on_branch), (Some(committed), true));
    assert_eq!(state.dirty, ["a.txt", "b.txt", "untracked.txt"]);
    assert_eq!(
        fs::read_to_string(workspace.dir.join("untracked.txt")).expect("back"),
        "untracked\n"
    );
    assert!(!workspace.dir.join("b.txt").exists());
}

#[tokio::test]
async fn every_stash_is_kept_and_what_was_checked_out_is_what_comes_back() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let stash = |text: &str| {
        write(&workspace.dir.join("a.txt"), text);
        git_in(&workspace.dir, &["stash", "-q"]);
    };
    stash("first thought\n");
    stash("second thought\n");
    write(&workspace.dir.join("new.txt"), "new\n");
    let committed = commit_in(&workspace.dir, "work");
    // What was thrown away cannot be kept, and is no reason to keep nothing.
    let gone = "0123456789012345678901234567890123456789";
    let log = workspace.dir.join(".git/logs/refs/stash");
    let mut text = fs::read_to_string(&log).expect("a log");
    text.insert_str(
        0,
        &format!("{0} {gone} ada <ada@example.com> 1 +0000\tgone\n", "0".repeat(40)),
    );
    fs::write(&log, text).expect("a log");

    let removed = workspace.remove(&place.main(), noon()).await.expect("removed");
    let shown = |at: usize| place.git(&["show", &format!("{}:a.txt", removed.kept[at].name)]);
    assert_eq!(removed.kept.len(), 3, "{:?}", removed.kept);
    assert_eq!((shown(0).as_str(), shown(1).as_str()), ("first thought", "second thought"));
    let kept = workspace.kept().await.expect("kept").pop().expect("the last");
    assert_eq!(kept.commit, committed);
}

#[tokio::test]
async fn work_in_a_repository_inside_the_workspace_is_kept_too() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let nested = workspace.dir.join("nested");
    write(&nested.join("deep/n.txt"), "nested\n");
    git_in(&nested, &["init", "-q"]);
    booby_trap(&nested, &place.path("proof"));
    fs::remove_file(place.path("proof")).unwrap_or_default();
    let snapshot = workspace.remove(&place.main(), noon()).await.expect("removed");
    let kept = &snapshot.kept.first().expect("one").commit;
    assert_eq!(place.git(&["show", &format!("{kept}:nested/deep/n.txt")]), "nested");
    assert!(!place.path("proof").exists());
}

#[tokio::test]
async fn what_landed_or_was_fetched_is_not_kept_a_second_time() {
    let place = Place::new();
    let workspace = place.workspace().await;
    commit_in(&workspace.dir, "work");
    workspace.fetch_back().await.expect("fetched");
    let snapshot = workspace.remove(&place.main(), noon()).await.expect("removed");
    assert_eq!(snapshot.kept, []);
    assert_eq!(place.seen().refs_under("refs/mission/base").await.expect("refs"), []);
}

#[tokio::test]
async fn a_workspace_that_was_tampered_with_is_not_removed() {
    let place = Place::new();
    let workspace = place.workspace().await;
    fs::remove_file(workspace.dir.join(".git/HEAD")).expect("removed");
    let removed = workspace.remove(&place.main(), noon()).await;
    assert!(matches!(removed, Err(Error::Tampered { .. })));
    assert!(workspace.dir.join("a.txt").exists());
}

#[tokio::test]
async fn the_base_moves_for_the_lane_and_its_own_branch_stays() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let mine = commit_in(&workspace.dir, "mine");
    place.write("m.txt", "m");
    let moved = place.commits("main moves");
    workspace.refresh_base("main", &moved).await.expect("refreshed");
    assert_eq!(git_in(&workspace.dir, &["rev-parse", "main"]), moved.as_str());
    assert_eq!(git_in(&workspace.dir, &["rev-parse", "HEAD"]), mine.as_str());
    git_in(&workspace.dir, &["rebase", "-q", "main"]);
    workspace.refresh_base("release/1.x", &moved).await.expect("a branch with a slash");
    assert_eq!(git_in(&workspace.dir, &["rev-parse", "release/1.x"]), moved.as_str());
}

#[tokio::test]
async fn a_clean_checkout_is_the_commit_and_goes_when_dropped() {
    let place = Place::new();
    let commit = place.main();
    place.write("a.txt", "the user's own unsaved work\n");
    let checkout = Checkout::make(&place.project(), &commit, &place.path(".")).await.expect("one");
    let dir = checkout.dir();
    assert_eq!(fs::read_to_string(dir.join("a.txt")).expect("a file"), "one\ntwo\nthree\n");
    assert_eq!(Git::at(&dir).head().await.expect("a head"), commit);
    assert_eq!(checkout.tree, place.seen().tree_of(&commit).await.expect("a tree"));
    drop(checkout);
    assert!(!dir.exists());
    let nowhere = Commit::new("0123456789012345678901234567890123456789");
    let none = Checkout::make(&place.project(), &nowhere, &place.path(".")).await;
    assert!(matches!(none, Err(Error::NoSuchCommit { .. })));
}

#[tokio::test]
async fn shallow_and_sha256_repositories_and_linked_working_copies_work_as_projects() {
    let origin = Place::new();
    origin.write("a.txt", "second\n");
    origin.commits("second");
    let shallow = origin.path("shallow");
    let url = format!("file://{}", origin.project().display());
    git_in(&origin.path("."), &["clone", "-q", "--depth=1", &url, &shallow.display().to_string()]);
    let linked = origin.path("linked");
    origin.git(&["worktree", "add", "-q", "-b", "linked", &linked.display().to_string()]);
    let sha256 = origin.path("sha256");
    fs::create_dir(&sha256).expect("a directory");
    git_in(&sha256, &["init", "-q", "-b", "main", "--object-format=sha256"]);
    write(&sha256.join("a.txt"), "one\n");
    commit_in(&sha256, "first");
    for project in [shallow, linked, sha256] {
        let base = Git::at(&project).head().await.expect("a head");
        let dir = origin.path("kinds/MC-7");
        let workspace = Workspace::at(&project, ticket(), &dir);
        workspace.create("main", &base, &base, &coder()).await.expect("a workspace");
        write(&dir.join("new.txt"), "new\n");
        let commit = commit_in(&dir, "work");
        assert_eq!(git_in(&dir, &["rev-list", "--count", "HEAD~1..HEAD"]), "1");
        write(&dir.join("dirty.txt"), "dirty\n");
        assert_eq!(workspace.fetch_back().await.expect("fetched"), Some(commit.clone()));
        Checkout::make(&project, &commit, &origin.path(".")).await.expect("a checkout");
        let kept = workspace.remove(&base, noon()).await.expect("removed").kept;
        assert_eq!(kept.len(), 1, "{}", project.display());
    }
}

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "plays the lane")]
async fn a_commit_whose_tree_would_write_into_a_git_directory_is_refused_on_its_way_in() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let dir = &workspace.dir;
    let blob = git_in(dir, &["hash-object", "-w", "a.txt"]);
    let entry = |kind: &str, hash: &str, name: &str| format!("{kind} {hash}\t{name}\n");
    let tree = |text: String| {
        write(&dir.join("entries"), &text);
        let script = "git mktree < entries";
        let made = std::process::Command::new("sh").args(["-c", script]).current_dir(dir).output();
        String::from_utf8_lossy(&made.expect("sh starts").stdout).trim().to_string()
    };
    let hooks = tree(entry("100755 blob", &blob, "post-checkout"));
    let evil = tree(entry("040000 tree", &hooks, ".git"));
    let commit = git_in(dir, &["commit-tree", &evil, "-p", "HEAD", "-m", "evil"]);
    git_in(dir, &["update-ref", "refs/heads/mc/7", &commit]);
    let refused = workspace.fetch_back().await.expect_err("refused");
    assert!(refused.to_string().contains("hasDotgit"), "{refused}");
    assert_eq!(place.seen().ref_at(&workspace.fetched_ref()).await.expect("none"), None);
}

#[tokio::test]
async fn a_users_branch_is_never_dropped_as_if_it_were_ours() {
    let place = Place::new();
    let dropped = place.seen().drop_mission_ref("refs/heads/main", &place.main()).await;
    assert!(matches!(dropped, Err(Error::BadName { .. })), "{dropped:?}");
}
