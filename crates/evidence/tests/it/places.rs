//! What is there at one moment: bound to every file, and to what git would obey.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use mission_evidence::place::{Place as Seen, remotes};

use crate::place::{Place, commit_in, git_in, write};

#[tokio::test]
async fn every_change_of_commit_or_file_is_another_place_and_no_change_is_the_same() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let look = || async { Seen::of(&workspace.dir, &place.project()).await.expect("a place") };
    let first = look().await;
    assert_eq!(first, look().await);
    assert_eq!((first.head.clone(), first.obeyed.clone()), (Some(place.main()), vec![]));
    write(&workspace.dir.join("untracked.txt"), "new\n");
    let untracked = look().await;
    assert_ne!(untracked.tree, first.tree);
    write(&workspace.dir.join("b.txt"), "changed\n");
    let changed = look().await;
    assert_ne!(changed.tree, untracked.tree);
    let commit = commit_in(&workspace.dir, "all of it");
    let committed = look().await;
    assert_eq!((committed.head.as_ref(), &committed.tree), (Some(&commit), &changed.tree));
    fs::remove_file(workspace.dir.join("untracked.txt")).expect("removed");
    assert_ne!(look().await.tree, committed.tree);
}

#[tokio::test]
async fn what_git_would_obey_is_named_and_identity_is_harmless() {
    let place = Place::new();
    let workspace = place.workspace().await;
    git_in(&workspace.dir, &["config", "user.name", "somebody"]);
    let seen = Seen::of(&workspace.dir, &place.project()).await.expect("a place");
    assert_eq!(seen.obeyed, Vec::<String>::new());
    let evil = "sh -c 'touch /nonexistent/evil'";
    git_in(&workspace.dir, &["config", "core.sshCommand", evil]);
    git_in(&workspace.dir, &["config", "url.ext::sh.insteadOf", "https://example.org/"]);
    git_in(&workspace.dir, &["config", "remote.origin.url", "https://example.org/elsewhere"]);
    git_in(&workspace.dir, &["config", "include.path", "../more"]);
    let hook = workspace.dir.join(".git/hooks/pre-push");
    write(&hook, "#!/bin/sh\n");
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).expect("executable");
    write(&workspace.dir.join(".git/info/attributes"), "* filter=evil\n");
    let seen = Seen::of(&workspace.dir, &place.project()).await.expect("a place");
    assert_eq!(
        seen.obeyed,
        [
            ".git/info/attributes",
            "the hook pre-push",
            "the setting core.sshcommand",
            "the setting include.path",
            "the setting remote.origin.url",
            "the setting url.ext::sh.insteadof",
        ]
    );
}

#[tokio::test]
async fn the_difference_shows_what_is_committed_and_what_is_not() {
    let place = Place::new();
    let workspace = place.workspace().await;
    write(&workspace.dir.join("committed.txt"), "one line\n");
    commit_in(&workspace.dir, "one");
    write(&workspace.dir.join("untracked.txt"), "another line\n");
    let text = Seen::difference(&workspace.dir, &place.project(), &place.main()).await;
    let text = String::from_utf8(text.expect("a text")).expect("plain text");
    assert!(text.contains("+one line") && text.contains("+another line"), "{text}");
}

#[tokio::test]
async fn the_remotes_are_those_of_the_persons_own_repository() {
    let place = Place::new();
    assert_eq!(remotes(&place.project()).await.expect("none"), []);
    place.git(&["remote", "add", "origin", "https://example.org/it.git"]);
    let all = remotes(&place.project()).await.expect("one");
    assert_eq!(all, [("remote.origin.url".to_owned(), "https://example.org/it.git".to_owned())]);
}
