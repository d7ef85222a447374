//! Merge previews and landings.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use mission_domain::ids::Commit;
use mission_evidence::land::{Land, Landing, land};
use mission_evidence::merge::{Merge, MergeMode, Preview, preview};

use crate::place::{Place, commit_in, git_in, noon, ticket, write};

/// A ticket's commit that changes `file`, fetched into the project.
async fn work(place: &Place, file: &str, text: &str) -> Commit {
    let workspace = place.workspace().await;
    write(&workspace.dir.join(file), text);
    let commit = commit_in(&workspace.dir, "ticket's work");
    workspace.fetch_back().await.expect("fetched");
    fs::remove_dir_all(&workspace.dir).expect("removed");
    commit
}

async fn previewed(place: &Place, base: &Commit, head: &Commit, mode: MergeMode) -> Preview {
    previewed_from(place, None, base, head, mode).await
}

async fn previewed_from(
    place: &Place,
    from: Option<&Commit>,
    base: &Commit,
    head: &Commit,
    mode: MergeMode,
) -> Preview {
    let (project, scratch, key) = (place.project(), place.path("."), ticket());
    let merge = Merge {
        project: &project,
        ticket: &key,
        base,
        head,
        from,
        mode,
        message: "MC-7: work",
        at: noon(),
        scratch: &scratch,
    };
    preview(&merge).await.expect("a preview")
}

#[track_caller]
fn ready(preview: Preview) -> Commit {
    match preview {
        Preview::Ready { commit, .. } => commit,
        other => panic!("not ready: {other:?}"),
    }
}

async fn landed(project: &Path, base: &Commit, commit: &Commit) -> Landing {
    let what = Land { project, branch: "main", base, commit, home: None };
    land(&what).await.expect("an answer")
}

#[tokio::test]
async fn what_the_default_branch_lost_is_not_brought_back_with_later_work() {
    let place = Place::new();
    let before = place.main();
    place.write("lost.txt", "taken out\n");
    place.git(&["add", "-A"]);
    place.git(&["commit", "-qm", "lost"]);
    let from = place.main();
    let head = work(&place, "new.txt", "new\n").await;
    place.git(&["reset", "-q", "--hard", before.as_str()]);
    for mode in [MergeMode::Merge, MergeMode::Rebase, MergeMode::FastForward] {
        let said = previewed_from(&place, Some(&from), &before, &head, mode).await;
        let is_refused =
            matches!(&said, Preview::NotPossible { why } if why.contains(from.short()));
        assert!(is_refused, "{mode:?}: {said:?}");
    }
}

#[tokio::test]
async fn a_merge_commit_is_made_without_touching_anybodys_checkout() {
    let place = Place::new();
    let base = place.main();
    let head = work(&place, "new.txt", "new\n").await;
    place.write("dirty.txt", "the user's");
    let before = place.refs();
    let commit = ready(previewed(&place, &base, &head, MergeMode::Merge).await);
    let parents = place.git(&["log", "-1", "--format=%P", commit.as_str()]);
    assert_eq!(parents, format!("{base} {head}"));
    assert_eq!(place.refs(), before);
    assert!(!place.project().join("new.txt").exists());
    // The same inputs give the same commit: a preview that is made twice is one.
    assert_eq!(ready(previewed(&place, &base, &head, MergeMode::Merge).await), commit);
    let again = previewed(&place, &commit, &head, MergeMode::Merge).await;
    assert_eq!(again, Preview::AlreadyThere);
}

#[tokio::test]
async fn a_conflict_names_its_files() {
    let place = Place::new();
    let head = work(&place, "a.txt", "theirs\n").await;
    place.write("a.txt", "ours\n");
    let base = place.commits("main moves");
    for mode in [MergeMode::Merge, MergeMode::Rebase] {
        let conflict = previewed(&place, &base, &head, mode).await;
        assert_eq!(conflict, Preview::Conflict { files: vec!["a.txt".into()] });
    }
}

#[tokio::test]
async fn a_rebase_keeps_author_and_message_and_gives_a_straight_line() {
    let place = Place::new();
    let head = work(&place, "new.txt", "new\n").await;
    place.write("m.txt", "m\n");
    let base = place.commits("main moves");
    let refused = previewed(&place, &base, &head, MergeMode::FastForward).await;
    assert!(matches!(refused, Preview::NotPossible { .. }), "{refused:?}");
    let commit = ready(previewed(&place, &base, &head, MergeMode::Rebase).await);
    let shown = place.git(&["log", "-1", "--format=%P|%an|%s", commit.as_str()]);
    assert_eq!(shown, format!("{base}|coder (codex)|ticket's work"));
    assert_eq!(place.git(&["show", &format!("{commit}:m.txt")]), "m");
    let seen = place.seen();
    let first = seen.merge_base(&base, &head).await.expect("one").expect("one");
    let ids = [seen.patch_id(&first, &head).await, seen.patch_id(&base, &commit).await];
    let [Ok(one), Ok(other)] = ids else { panic!("{ids:?}") };
    assert_eq!(one, other);
}

#[tokio::test]
async fn a_straight_line_lands_as_it_is_in_every_mode_but_merge() {
    let place = Place::new();
    let base = place.main();
    let head = work(&place, "new.txt", "new\n").await;
    for mode in [MergeMode::Rebase, MergeMode::FastForward] {
        assert_eq!(ready(previewed(&place, &base, &head, mode).await), head);
    }
}

#[tokio::test]
async fn landing_where_the_branch_is_checked_out_updates_the_files_and_leaves_other_work_alone() {
    let place = Place::new();
    let base = place.main();
    let head = work(&place, "a.txt", "landed\n").await;
    place.write("b.txt", "the user's\n");
    place.write("untracked.txt", "the user's\n");
    let hook = place.project().join(".git/hooks/post-merge");
    write(&hook, "#!/bin/sh\ntouch hook-ran\n");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("executable");
    let landing = landed(&place.project(), &base, &head).await;
    assert!(matches!(landing, Landing::Landed { checkout: Some(_) }), "{landing:?}");
    assert_eq!(place.main(), head);
    let text = |name: &str| fs::read_to_string(place.project().join(name)).expect("a file");
    assert_eq!(text("a.txt"), "landed\n");
    assert_eq!(
        (text("b.txt"), text("untracked.txt")),
        ("the user's\n".into(), "the user's\n".into())
    );
    assert!(!place.project().join("hook-ran").exists());
    assert_eq!(landed(&place.project(), &base, &head).await, Landing::AlreadyThere);
}

/// What stands in the way in the project's own working copy.
fn overlaps(place: &Place, files: Vec<String>) -> Landing {
    Landing::Overlaps { checkout: place.project(), files }
}

#[tokio::test]
async fn work_in_the_way_is_named_with_the_working_copy_that_holds_it() {
    let place = Place::new();
    let base = place.main();
    let head = work(&place, "a.txt", "landed\n").await;
    let other = place.path("other");
    place.git(&["checkout", "-q", "--detach"]);
    place.git(&["worktree", "add", "-q", other.to_str().expect("a path"), "main"]);
    write(&other.join("a.txt"), "the user's\n");
    let landing = landed(&place.project(), &base, &head).await;
    let files = vec!["a.txt".into()];
    assert_eq!(landing, Landing::Overlaps { checkout: other, files });
}

#[tokio::test]
async fn overlapping_work_stops_the_landing_and_is_left_alone() {
    let place = Place::new();
    place.write(".gitignore", "*.log\n");
    let base = place.commits("ignore");
    let head = work(&place, "a.txt", "landed\n").await;
    place.write("a.txt", "the user's\n");
    let landing = landed(&place.project(), &base, &head).await;
    assert_eq!(landing, overlaps(&place, vec!["a.txt".into()]));
    place.git(&["checkout", "a.txt"]);
    place.git(&["update-ref", "refs/mission/heads/mc/7", base.as_str()]);
    for (in_the_way, incoming) in
        [("new.txt", "new.txt"), ("dir/x.txt", "dir/x.txt"), ("file", "file/below"), ("an/y", "an")]
    {
        let head = work(&place, incoming, "landed\n").await;
        place.write(in_the_way, "the user's\n");
        let landing = landed(&place.project(), &base, &head).await;
        assert_eq!(landing, overlaps(&place, vec![in_the_way.into()]), "{incoming}");
        let kept = fs::read_to_string(place.project().join(in_the_way)).expect("kept");
        assert_eq!((kept.as_str(), place.main()), ("the user's\n", base.clone()));
        fs::remove_file(place.project().join(in_the_way)).expect("cleaned");
        let _ = fs::remove_dir(place.project().join("an"));
        let _ = fs::remove_dir(place.project().join("dir"));
    }
    let workspace = place.workspace().await;
    write(&workspace.dir.join("x.log"), "landed\n");
    git_in(&workspace.dir, &["add", "-f", "x.log"]);
    let ignored = commit_in(&workspace.dir, "an ignored file");
    workspace.fetch_back().await.expect("fetched");
    place.write("x.log", "the user's\n");
    let landing = landed(&place.project(), &base, &ignored).await;
    assert_eq!(landing, overlaps(&place, vec!["x.log".into()]));
}

#[tokio::test]
async fn a_base_that_moved_is_named_and_nothing_lands() {
    let place = Place::new();
    let base = place.main();
    let head = work(&place, "new.txt", "new\n").await;
    let moved = place.commits("main moves");
    let landing = landed(&place.project(), &base, &head).await;
    assert_eq!(landing, Landing::BaseMoved { now: moved.clone() });
    assert_eq!(place.main(), moved);
}

#[tokio::test]
async fn a_branch_that_is_checked_out_nowhere_moves_by_compare_and_swap() {
    let place = Place::new();
    let base = place.main();
    let head = work(&place, "new.txt", "new\n").await;
    place.git(&["checkout", "-q", "-b", "other"]);
    let landing = landed(&place.project(), &base, &head).await;
    assert_eq!(landing, Landing::Landed { checkout: None });
    assert_eq!(place.main(), head);
    assert!(!place.project().join("new.txt").exists());
}

#[tokio::test]
async fn a_bare_repository_and_a_linked_working_copy_land_too() {
    let place = Place::new();
    let base = place.main();
    let head = work(&place, "new.txt", "new\n").await;
    place.git(&["checkout", "-q", "-b", "other"]);
    let linked: PathBuf = place.path("linked");
    place.git(&["worktree", "add", "-q", &linked.display().to_string(), "main"]);
    let bare = place.path("bare.git");
    place.git(&["clone", "-q", "--mirror", ".", &bare.display().to_string()]);
    let landing = landed(&bare, &base, &head).await;
    assert_eq!(landing, Landing::Landed { checkout: None });
    assert_eq!(git_in(&bare, &["rev-parse", "main"]), head.as_str());
    let landing = landed(&place.project(), &base, &head).await;
    assert!(
        matches!(landing, Landing::Landed { checkout: Some(path) } if path.ends_with("linked"))
    );
    assert!(linked.join("new.txt").exists());
}

#[tokio::test]
async fn a_working_copy_in_use_is_busy_and_untouched() {
    let place = Place::new();
    let base = place.main();
    let head = work(&place, "new.txt", "new\n").await;
    place.write(".git/index.lock", "");
    let landing = landed(&place.project(), &base, &head).await;
    assert!(matches!(landing, Landing::Busy { .. }), "{landing:?}");
    assert_eq!(place.main(), base);
}

#[tokio::test]
async fn a_branch_that_somebody_rebases_is_busy_so_that_giving_up_loses_nothing() {
    let place = Place::new();
    let base = place.main();
    let head = work(&place, "new.txt", "new\n").await;
    place.git(&["-c", "sequence.editor=echo break >", "rebase", "-q", "-i", "HEAD"]);
    let landing = landed(&place.project(), &base, &head).await;
    assert!(matches!(&landing, Landing::Busy { why } if why.contains("rebased")), "{landing:?}");
    assert_eq!(place.main(), base);
    place.git(&["rebase", "--abort"]);
    let landing = landed(&place.project(), &base, &head).await;
    assert!(matches!(landing, Landing::Landed { checkout: Some(_) }), "{landing:?}");
    assert_eq!(place.main(), head);
}

#[tokio::test]
async fn what_git_cannot_put_into_the_checkout_is_taken_back_and_told_in_its_words() {
    let place = Place::new();
    place.write(".gitattributes", "*.bin filter=needed\n");
    place.write("kept.txt", "before\n");
    place.commits("attributes");
    for (key, value) in [("clean", "cat"), ("smudge", "false"), ("required", "true")] {
        place.git(&["config", &format!("filter.needed.{key}"), value]);
    }
    let base = place.main();
    let workspace = place.workspace().await;
    for name in ["a-new.txt", "kept.txt", "m.bin", "z-new.txt"] {
        write(&workspace.dir.join(name), "after\n");
    }
    let head = commit_in(&workspace.dir, "work");
    workspace.fetch_back().await.expect("fetched");
    let landing = landed(&place.project(), &base, &head).await;
    let Landing::Refused { why } = landing else { panic!("{landing:?}") };
    assert!(why.contains("needed"), "{why}");
    assert_eq!(place.main(), base);
    assert_eq!(place.git(&["status", "--porcelain"]), "", "nothing of it lies around");
    assert_eq!(
        fs::read_to_string(place.project().join("kept.txt")).unwrap_or_default(),
        "before\n"
    );
}
