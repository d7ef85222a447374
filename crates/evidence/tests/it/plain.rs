//! Files that a lane can replace at any moment: only a plain one beneath the named folder is ever read.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use mission_evidence::plain;
use nix::sys::stat::Mode;

/// A lane's folder, and beside it what is the person's.
fn places() -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(root.path().join("lane/evidence/deep")).expect("folders");
    fs::create_dir(root.path().join("person")).expect("a folder");
    fs::write(root.path().join("person/secret.md"), "secret").expect("a file");
    fs::write(root.path().join("lane/evidence/plan.md"), "a plan").expect("a file");
    fs::write(root.path().join("lane/evidence/deep/plan.md"), "a deep plan").expect("a file");
    root
}

fn read(root: &tempfile::TempDir, inside: &str) -> Option<String> {
    let read = plain::read(&root.path().join("lane"), Path::new(inside), 1 << 20);
    read.expect("it can be looked at").map(|it| String::from_utf8(it).expect("text"))
}

#[test]
fn a_plain_file_is_read_as_far_as_was_asked() {
    let root = places();
    assert_eq!(read(&root, "evidence/plan.md").as_deref(), Some("a plan"));
    assert_eq!(read(&root, "evidence/deep/plan.md").as_deref(), Some("a deep plan"));
    let lane = root.path().join("lane");
    let first = plain::read(&lane, Path::new("evidence/plan.md"), 3).expect("it is there");
    assert_eq!(first.as_deref(), Some(&b"a p"[..]));
    let missing = plain::read(&lane, Path::new("evidence/none.md"), 3).expect_err("nothing");
    assert_eq!(missing.kind(), ErrorKind::NotFound);
}

#[test]
fn neither_a_link_nor_a_path_through_one_is_followed() {
    let root = places();
    let (lane, person) = (root.path().join("lane"), root.path().join("person"));
    symlink(person.join("secret.md"), lane.join("evidence/secret.md")).expect("a link");
    symlink("plan.md", lane.join("evidence/same.md")).expect("a link");
    symlink("nowhere", lane.join("evidence/nowhere.md")).expect("a link");
    symlink(&person, lane.join("evidence/folder")).expect("a link");
    symlink(&person, lane.join("linked")).expect("a link");
    symlink(&lane, root.path().join("top")).expect("a link");
    for inside in [
        "evidence/secret.md",
        "evidence/same.md",
        "evidence/nowhere.md",
        "evidence/folder/secret.md",
        "linked/secret.md",
        "../person/secret.md",
        "evidence/../../person/secret.md",
    ] {
        assert_eq!(read(&root, inside), None, "{inside}");
    }
    let top = root.path().join("top");
    assert!(plain::open(&top, Path::new("evidence/plan.md")).expect("looked at").is_none());
    let absolute = person.join("secret.md");
    assert!(plain::open(&lane, &absolute).expect("looked at").is_none());
}

#[test]
fn what_is_no_file_is_not_read_and_nobody_waits_for_it() {
    let root = places();
    let evidence = root.path().join("lane/evidence");
    nix::unistd::mkfifo(&evidence.join("pipe"), Mode::S_IRWXU).expect("a pipe");
    let _listener = UnixListener::bind(evidence.join("socket")).expect("a socket");
    for inside in ["evidence/pipe", "evidence/socket", "evidence/deep", "evidence"] {
        assert_eq!(read(&root, inside), None, "{inside}");
    }
    // A file is no folder on the way.
    assert_eq!(read(&root, "evidence/plan.md/more"), None);
}
