//! What is there at one moment: bound to every file, and to what git would obey.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use mission_evidence::place::{Look, remotes, repository_between};

use crate::place::{Place, commit_in, git_in, write};

#[tokio::test]
async fn every_change_of_commit_or_file_is_another_place_and_no_change_is_the_same() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let look = || async { Look::at(&workspace.dir, &place.project()).await.expect("a look").place };
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
    let seen = Look::at(&workspace.dir, &place.project()).await.expect("a look").place;
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
    let seen = Look::at(&workspace.dir, &place.project()).await.expect("a look").place;
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
async fn settings_and_hooks_that_are_links_are_named_and_what_they_lead_to_is_not() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let persons = place.path("persons");
    write(&persons.join("id_of_a_key"), "[secret]\n\tkey = 1\n");
    let dot_git = workspace.dir.join(".git");
    let _ = fs::remove_dir_all(dot_git.join("hooks"));
    fs::remove_file(dot_git.join("config")).expect("removed");
    symlink(&persons, dot_git.join("hooks")).expect("a link");
    symlink(persons.join("id_of_a_key"), dot_git.join("config")).expect("a link");
    let seen = Look::at(&workspace.dir, &place.project()).await.expect("a look").place;
    assert_eq!(seen.obeyed, [".git/config is no plain file", ".git/hooks, which is no folder"]);
}

#[tokio::test]
async fn the_difference_shows_what_is_committed_and_what_is_not() {
    let place = Place::new();
    let workspace = place.workspace().await;
    write(&workspace.dir.join("committed.txt"), "one line\n");
    commit_in(&workspace.dir, "one");
    write(&workspace.dir.join("untracked.txt"), "another line\n");
    let text = difference(&place, &workspace.dir, &[]).await;
    assert!(text.contains("+one line") && text.contains("+another line"), "{text}");
}

async fn difference(place: &Place, dir: &Path, named: &[PathBuf]) -> String {
    let look = Look::at(dir, &place.project()).await.expect("a look");
    let text = look.difference(&place.main(), &[], named).await.expect("a text");
    String::from_utf8(text).expect("plain text")
}

#[tokio::test]
async fn what_git_ignores_is_named_shown_where_the_command_names_it_and_another_place_when_it_changes()
 {
    let place = Place::new();
    let workspace = place.workspace().await;
    let dir = &workspace.dir;
    write(&dir.join(".gitignore"), "out/\n");
    write(&dir.join("out/deploy.yml"), "to: staging\n");
    write(&dir.join("out/other.bin"), "\0\0");
    let mark = || async { Look::at(dir, &place.project()).await.expect("a look").place.aside };
    let first = mark().await;
    assert_eq!(first, mark().await, "to look changes nothing");
    let text = difference(&place, dir, &[]).await;
    assert!(text.contains("2 files that git ignores, 14 bytes"), "{text}");
    assert!(text.contains("out/deploy.yml  12 bytes") && !text.contains("to: staging"), "{text}");
    let text = difference(&place, dir, &[dir.join("out/deploy.yml")]).await;
    assert!(text.contains("out/deploy.yml (ignored by git, named by the command):\nto: staging"));
    let text = difference(&place, dir, &[dir.join("out")]).await;
    assert!(text.contains("to: staging") && text.contains("(no text)"), "{text}");

    // As long as before and with the old time: the file system saw it all the same.
    let file = dir.join("out/deploy.yml");
    let modified = fs::metadata(&file).and_then(|it| it.modified()).expect("a time");
    fs::write(&file, "to: product\n").expect("written");
    fs::File::options()
        .write(true)
        .open(&file)
        .and_then(|it| it.set_modified(modified))
        .expect("set");
    let second = mark().await;
    assert_ne!(first, second);
    write(&dir.join("out/new"), "");
    assert_ne!(second, mark().await);
    write(&dir.join("b.txt"), "changed\n");
    fs::remove_file(dir.join("out/new")).expect("removed");
    assert_eq!(second, mark().await, "what the tree holds is not looked at twice");
}

#[tokio::test]
async fn a_repository_inside_is_named_and_what_changes_in_it_is_seen() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let dir = &workspace.dir;
    let mark = || async { Look::at(dir, &place.project()).await.expect("a look").place.aside };
    let first = mark().await;
    let inner = dir.join("vendor/thing");
    fs::create_dir_all(&inner).expect("a folder");
    git_in(&inner, &["init", "-q"]);
    let second = mark().await;
    assert_ne!(first, second);
    git_in(&inner, &["config", "remote.origin.url", "https://example.org/elsewhere"]);
    assert_ne!(second, mark().await);
    let text = difference(&place, dir, &[]).await;
    assert!(
        text.contains("Repositories of their own") && text.contains("  vendor/thing\n"),
        "{text}"
    );
    assert_eq!(repository_between(&inner.join("deep/down"), dir), Some(inner));
    assert_eq!(repository_between(&dir.join("vendor"), dir), None);
}

#[tokio::test]
async fn the_remotes_are_those_of_the_persons_own_repository() {
    let place = Place::new();
    assert_eq!(remotes(&place.project()).await.expect("none"), []);
    place.git(&["remote", "add", "origin", "https://example.org/it.git"]);
    let all = remotes(&place.project()).await.expect("one");
    assert_eq!(all, [("remote.origin.url".to_owned(), "https://example.org/it.git".to_owned())]);
}

#[tokio::test]
async fn another_branch_is_named_shown_where_the_command_names_it_and_another_place_when_it_moves()
{
    let place = Place::new();
    let workspace = place.workspace().await;
    let dir = &workspace.dir;
    let look = || async { Look::at(dir, &place.project()).await.expect("a look") };
    git_in(dir, &["checkout", "-q", "-b", "notes"]);
    write(&dir.join("notes.txt"), "first notes\n");
    let notes = commit_in(dir, "notes");
    git_in(dir, &["checkout", "-q", "-"]);
    let first = look().await;
    let told = |look: Look, word: &str| {
        let (base, words) = (place.main(), [word.to_owned()]);
        async move { String::from_utf8(look.difference(&base, &words, &[]).await.expect("a text")) }
    };
    let text = told(look().await, "push").await.expect("text");
    assert!(text.contains("refs/heads/notes") && !text.contains("first notes"), "{text}");
    for word in ["notes", "+notes:topic", "refs/heads/notes:main", "notes~0", notes.as_str()] {
        let text = told(look().await, word).await.expect("text");
        assert!(text.contains("named by the command:") && text.contains("+first notes"), "{text}");
    }
    git_in(dir, &["branch", "-f", "notes", "HEAD"]);
    assert_ne!(first.place.aside, look().await.place.aside, "it moved, and nothing else did");
}

#[tokio::test]
async fn a_link_that_leads_out_is_told_and_what_git_obeys_inside_a_repository_is() {
    let place = Place::new();
    let workspace = place.workspace().await;
    let dir = &workspace.dir;
    std::os::unix::fs::symlink("b.txt", dir.join("inside")).expect("a link");
    std::os::unix::fs::symlink("../gone/away", dir.join("outside")).expect("a link");
    let inner = dir.join("inner");
    fs::create_dir_all(&inner).expect("a folder");
    git_in(&inner, &["init", "-q"]);
    git_in(&inner, &["config", "remote.origin.url", "https://example.org/x"]);
    let look = Look::at(dir, &place.project()).await.expect("a look");
    let parent = dir.parent().expect("a parent");
    assert_eq!(look.outward(), [("outside".into(), parent.join("gone/away"))]);
    assert_eq!(look.repositories().collect::<Vec<_>>(), [Path::new("inner")]);
    assert_eq!(look.place.obeyed, Vec::<String>::new(), "an address harms nobody by itself");
    git_in(&inner, &["config", "remote.origin.receivepack", "sh -c evil"]);
    let look = Look::at(dir, &place.project()).await.expect("a look");
    assert_eq!(look.place.obeyed, ["the setting remote.origin.receivepack in `inner`"]);
}

#[tokio::test]
async fn a_pipe_where_git_reads_its_rules_is_refused_and_not_waited_for() {
    let place = Place::new();
    let workspace = place.workspace().await;
    fs::create_dir(workspace.dir.join("deep")).expect("a folder");
    let pipe = workspace.dir.join("deep/.gitignore");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).expect("a pipe");
    let refused = Look::at(&workspace.dir, &place.project()).await.map(|it| it.place);
    let refused = refused.expect_err("a pipe").to_string();
    assert!(refused.contains("deep/.gitignore` is no plain file"), "{refused}");
}
