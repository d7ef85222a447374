//! Reading commits, and refs moved by compare-and-swap.

use globset::{Glob, GlobSetBuilder};
use mission_domain::ids::Commit;
use mission_evidence::Error;
use mission_evidence::git::Git;
use mission_evidence::git::changes::FileStatus;
use mission_evidence::git::refs::Swap;
use mission_evidence::names::{branch_name, directory_name};

use crate::place::Place;

#[tokio::test]
async fn a_repository_without_commits_is_a_clear_error() {
    let place = Place::empty();
    let error = place.seen().head().await.expect_err("no commits");
    assert!(matches!(error, Error::NoCommits { .. }), "{error}");
    assert!(error.to_string().contains("has no commits yet; make a first commit"));
    let error = place.seen().branch("main").await.expect_err("no commits");
    assert!(matches!(error, Error::NoCommits { .. }), "{error}");
    assert_eq!(place.seen().current_branch().await.expect("a name").as_deref(), Some("main"));
}

#[tokio::test]
async fn no_repository_and_no_such_commit_are_told_apart() {
    let place = Place::new();
    let outside = Git::at(place.path("."));
    assert!(matches!(outside.head().await, Err(Error::NotARepository { .. })));
    let missing = Git::at(place.path("missing"));
    assert!(matches!(missing.head().await, Err(Error::NotARepository { .. })));
    assert!(matches!(place.seen().resolve("nope").await, Err(Error::NoSuchCommit { .. })));
    let odd = Commit::new("--output=/tmp/x");
    assert!(matches!(place.seen().tree_of(&odd).await, Err(Error::NoSuchCommit { .. })));
}

#[tokio::test]
async fn a_subdirectory_finds_its_repository_only_when_asked_to() {
    let place = Place::new();
    place.write("sub/c.txt", "c");
    let sub = place.project().join("sub");
    assert!(matches!(Git::at(&sub).head().await, Err(Error::NotARepository { .. })));
    let top = Git::find(&sub).await.expect("found");
    assert_eq!(top.canonicalize().expect("real"), place.project().canonicalize().expect("real"));
}

#[tokio::test]
async fn changed_files_come_from_git_with_counts_renames_and_binaries() {
    let place = Place::new();
    let base = place.main();
    place.write("a.txt", "one\n2\nthree\nfour\n");
    place.git(&["mv", "b.txt", "sp ace.txt"]);
    place.write("new/ü.txt", "x\n");
    std::fs::write(place.project().join("p.bin"), [0_u8, 1, 2]).expect("a file");
    let head = place.commits("second");
    let files = place.seen().changed_files(&base, &head).await.expect("files");
    let seen: Vec<_> =
        files.iter().map(|f| (f.path.as_str(), f.status, f.added, f.removed)).collect();
    assert_eq!(
        seen,
        [
            ("a.txt", FileStatus::Modified, 2, 1),
            ("new/ü.txt", FileStatus::Added, 1, 0),
            ("p.bin", FileStatus::Added, 0, 0),
            ("sp ace.txt", FileStatus::Renamed, 0, 0),
        ]
    );
    assert_eq!(files[3].old_path.as_deref(), Some("b.txt"));
    assert!(files[2].binary && !files[0].binary);
    let diff = place.seen().diff_text(&base, &head, 100).await.expect("a diff");
    assert!(diff.is_cut && diff.text.len() == 100 && diff.text.starts_with("diff --git"));
    assert!(!place.seen().diff_text(&base, &head, 1 << 20).await.expect("a diff").is_cut);
}

#[tokio::test]
async fn links_submodules_and_modes_are_in_the_list_and_in_the_patch() {
    let place = Place::new();
    place.git(&["config", "diff.noprefix", "true"]);
    place.git(&["config", "diff.submodule", "log"]);
    let base = place.main();
    let pointer = |commit: &str| {
        let entry = format!("160000,{commit},vendor");
        place.git(&["update-index", "--add", "--cacheinfo", &entry]);
    };
    let (one, two) = ("1".repeat(40), "2".repeat(40));
    place.git(&["rm", "-q", "--cached", "b.txt"]);
    std::fs::remove_file(place.project().join("b.txt")).expect("gone");
    std::os::unix::fs::symlink("/etc/passwd", place.project().join("b.txt")).expect("a link");
    place.git(&["add", "b.txt"]);
    place.git(&["update-index", "--chmod=+x", "a.txt"]);
    pointer(&one);
    place.git(&["commit", "-qm", "second"]);
    let head = Commit::new(place.git(&["rev-parse", "HEAD"]));
    let files = place.seen().changed_files(&base, &head).await.expect("files");
    let seen: Vec<_> = files
        .iter()
        .map(|f| {
            [Some(f.path.as_str()), f.old_mode.as_deref(), f.mode.as_deref(), f.target.as_deref()]
        })
        .collect();
    assert_eq!(
        seen,
        [
            [Some("a.txt"), Some("100644"), Some("100755"), None],
            [Some("b.txt"), Some("100644"), Some("120000"), Some("/etc/passwd")],
            [Some("vendor"), None, Some("160000"), Some(one.as_str())],
        ]
    );
    let patch = place.seen().patch(&base, &head, 3).await.expect("a patch");
    let patch = String::from_utf8(patch).expect("text");
    for line in [
        "old mode 100644\nnew mode 100755\n".to_owned(),
        "new file mode 120000\n".into(),
        "diff --git a/vendor b/vendor\nnew file mode 160000\n".into(),
        format!("+Subproject commit {one}\n"),
    ] {
        assert!(patch.contains(&line), "{line} in {patch}");
    }
    let before = place.seen().patch_id(&base, &head).await.expect("an id");
    pointer(&two);
    place.git(&["commit", "-qm", "another pointer"]);
    let moved = Commit::new(place.git(&["rev-parse", "HEAD"]));
    assert_ne!(place.seen().patch_id(&base, &moved).await.expect("an id"), before);
    let files = place.seen().changed_files(&head, &moved).await.expect("files");
    assert_eq!(
        (files[0].old_target.as_deref(), files[0].target.as_deref()),
        (Some(&*one), Some(&*two))
    );
}

#[tokio::test]
async fn files_of_a_commit_are_read_and_listed_without_a_checkout() {
    let place = Place::new();
    place.write("web/x.css", "p{}");
    place.write("web/x.rs", "");
    let head = place.commits("more");
    let git = place.seen();
    let css = git.show_file(&head, "web/x.css").await.expect("read");
    assert_eq!(css.as_deref(), Some(b"p{}".as_slice()));
    for none in ["web", "missing", "../a.txt", "web/../a.txt", ""] {
        assert_eq!(git.show_file(&head, none).await.expect("read"), None, "{none}");
    }
    let mut globs = GlobSetBuilder::new();
    globs.add(Glob::new("**/*.css").expect("a glob"));
    let globs = globs.build().expect("globs");
    assert_eq!(git.list_files(&head, Some(&globs)).await.expect("files"), ["web/x.css"]);
    assert_eq!(git.list_files(&head, None).await.expect("files").len(), 4);
}

#[tokio::test]
async fn ancestry_commits_and_patch_ids_survive_a_rebase() {
    let place = Place::new();
    let base = place.main();
    place.git(&["checkout", "-q", "-b", "topic"]);
    place.write("t.txt", "t\n");
    let topic = place.commits("topic: add t");
    place.git(&["checkout", "-q", "main"]);
    place.write("m.txt", "m\n");
    let moved = place.commits("main moves");
    place.git(&["checkout", "-q", "-b", "again", "main"]);
    place.git(&["cherry-pick", topic.as_str()]);
    let again = Commit::new(place.git(&["rev-parse", "HEAD"]));
    let git = place.seen();
    assert_eq!(git.merge_base(&topic, &moved).await.expect("one"), Some(base.clone()));
    assert!(git.is_ancestor(&base, &topic).await.expect("answer"));
    assert!(!git.is_ancestor(&moved, &topic).await.expect("answer"));
    let lines = git.commits_between(&base, &topic).await.expect("commits");
    assert_eq!((lines.len(), lines[0].subject.as_str()), (1, "topic: add t"));
    assert_eq!(lines[0].author, ("Ada".into(), "ada@example.com".into()));
    assert!(lines[0].at.is_some() && lines[0].commit == topic);
    let one = git.patch_id(&base, &topic).await.expect("an id");
    assert_eq!(one, git.patch_id(&moved, &again).await.expect("an id"));
    assert!(one.is_some() && one != git.patch_id(&base, &moved).await.expect("an id"));
    assert_eq!(git.patch_id(&base, &base).await.expect("none"), None);
}

#[tokio::test]
async fn a_ref_moves_only_from_where_it_was_expected() {
    let place = Place::new();
    let first = place.main();
    place.write("a.txt", "x");
    let second = place.commits("second");
    let git = place.seen();
    let name = "refs/mission/test/one";
    assert_eq!(git.swap_ref(name, &first, None).await.expect("made"), Swap::Done);
    let again = git.swap_ref(name, &second, None).await.expect("answer");
    assert_eq!(again, Swap::Moved { now: Some(first.clone()) });
    assert_eq!(git.swap_ref(name, &second, Some(&first)).await.expect("moved"), Swap::Done);
    let stale = git.swap_ref(name, &first, Some(&first)).await.expect("answer");
    assert_eq!(stale, Swap::Moved { now: Some(second.clone()) });
    assert_eq!(git.refs_under("refs/mission/").await.expect("refs"), [(name.into(), second)]);
    assert!(git.has_branch("main").await.expect("answer"));
    assert!(!git.has_branch("other").await.expect("answer"));
}

#[tokio::test]
async fn a_failure_names_the_command_its_code_and_the_last_lines() {
    let place = Place::new();
    let nowhere = Commit::new("0123456789012345678901234567890123456789");
    let error = place.seen().list_files(&nowhere, None).await.expect_err("no such tree");
    let text = error.to_string();
    assert!(text.contains("git ls-tree") && text.contains("exit code 128"), "{text}");
    assert!(!text.contains("core.hooksPath"), "{text}");
}

#[test]
fn names_that_climb_or_look_like_options_are_refused() {
    for good in ["MC-7", "a", "A-31_x.y"] {
        assert_eq!(directory_name(good).expect("fine"), good);
    }
    for bad in ["", ".", "..", "../x", "a/b", "-x", ".git", "a\0b", "ä", &"x".repeat(101)] {
        assert!(matches!(directory_name(bad), Err(Error::BadName { .. })), "{bad}");
    }
    for good in ["main", "mc/7", "feature/x.y"] {
        assert_eq!(branch_name(good).expect("fine"), good);
    }
    for bad in ["../main", "a/../b", "-d", "a b", "a..b", "a@{1}", "x.lock", "/a", "a//b", "a\n"] {
        assert!(matches!(branch_name(bad), Err(Error::BadName { .. })), "{bad}");
    }
}

#[tokio::test]
async fn a_branch_with_dots_never_reaches_git() {
    let place = Place::new();
    assert!(matches!(place.seen().branch("../../main").await, Err(Error::BadName { .. })));
}

#[tokio::test]
async fn between_two_rounds_each_commit_is_told_by_what_became_of_it_over_a_rebase_too() {
    let place = Place::new();
    place.git(&["checkout", "-q", "-b", "round-1"]);
    let rest = "a line that stays\n".repeat(20);
    place.write("work.txt", &format!("a first try\n{rest}"));
    let old = place.commits("the work");
    place.git(&["checkout", "-q", "main"]);
    place.write("elsewhere.txt", "others' work\n");
    let base = place.commits("of others");
    place.git(&["checkout", "-q", "-b", "round-2"]);
    place.write("work.txt", &format!("a second try\n{rest}"));
    place.commits("the work");
    place.write("test.txt", "a test\n");
    let new = place.commits("its test");
    let told = place.seen().range_diff(&base, &old, &new, 1 << 20).await.expect("a range-diff");
    assert!(!told.is_cut && !told.text.contains("of others"), "{}", told.text);
    let of = |subject: &str| told.text.lines().find(|it| it.ends_with(subject)).unwrap_or_default();
    assert!(of("the work").contains(" ! ") && of("its test").contains(" > "), "{}", told.text);
    assert!(told.text.contains("-+a first try") && told.text.contains("++a second try"));
    let cut = place.seen().range_diff(&base, &old, &new, 20).await.expect("a range-diff");
    assert!(cut.is_cut && cut.text.len() == 20);
}
