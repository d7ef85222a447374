//! What is gathered from files and commands.

use std::path::PathBuf;

use super::*;

#[test]
fn the_files_of_a_plan_are_the_list_under_their_heading() {
    let text = "# Plan\n- not/this\n## Files\n\n- `web/app.css`: colours\n- src/lib.rs (new)\n* **docs/a.md**: z\n  - ./x.rs: y\n1. `with space.md`\n### more\n- [ ] y/**, all\n- none\n\n## Risks\n- nor/this\n";
    let paths = ["web/app.css", "src/lib.rs", "docs/a.md", "x.rs", "with space.md", "y/**"];
    assert_eq!(plan_paths(text), paths);
    assert!(plan_paths("no list").is_empty());
}

fn lane() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn a_file_is_copied_under_a_safe_name_of_its_own() {
    let (lane, from) = (lane(), lane());
    let path = from.path().join("..shot one.png");
    std::fs::write(&path, "pixels").expect("written");
    let what = EvidenceCommand::File { file: path };
    for name in ["1-shot_one.png", "2-shot_one.png"] {
        let evidence = gather(&what, Some(lane.path())).expect("gathered").evidence;
        assert_eq!(evidence.file.as_deref(), Some(name));
        assert_eq!(std::fs::read(lane.path().join(FOLDER).join(name)).expect("kept"), b"pixels");
    }
}

#[test]
fn a_planted_link_is_neither_followed_nor_written_over() {
    let (lane, other) = (lane(), lane());
    std::fs::create_dir(lane.path().join("evidence")).expect("made");
    let target = other.path().join("target");
    std::os::unix::fs::symlink(&target, lane.path().join("evidence/1-a.md")).expect("linked");
    let from = other.path().join("a.md");
    std::fs::write(&from, "x").expect("written");
    let evidence = gather(&EvidenceCommand::File { file: from.clone() }, Some(lane.path()))
        .expect("gathered")
        .evidence;
    assert_eq!(evidence.file.as_deref(), Some("2-a.md"));
    assert!(!target.exists());
    std::fs::remove_dir_all(lane.path().join("evidence")).expect("removed");
    std::os::unix::fs::symlink(other.path(), lane.path().join("evidence")).expect("linked");
    assert!(gather(&EvidenceCommand::File { file: from }, Some(lane.path())).is_err());
}

#[test]
fn what_is_no_plain_file_is_refused() {
    let lane = lane();
    let folder = gather(&EvidenceCommand::File { file: PathBuf::from("/") }, Some(lane.path()));
    assert!(folder.expect_err("refused").text.contains("not a plain file"));
    let device =
        gather(&EvidenceCommand::Plan { file: PathBuf::from("/dev/zero") }, Some(lane.path()));
    assert!(device.expect_err("refused").text.contains("not a plain file"));
    assert!(
        gather(&EvidenceCommand::File { file: PathBuf::from("gone") }, Some(lane.path())).is_err()
    );
}

#[test]
fn a_command_is_recorded_with_its_exit_code_and_its_output() {
    let lane = lane();
    let command = vec!["echo one; echo two >&2; exit 3".to_owned()];
    let evidence = gather(&EvidenceCommand::Command { command }, Some(lane.path()))
        .expect("gathered")
        .evidence;
    let claim = evidence.command.expect("a claim");
    assert_eq!((claim.exit_code, claim.run.as_str()), (3, "echo one; echo two >&2; exit 3"));
    assert!(claim.duration_ms.is_some());
    let log = std::fs::read_to_string(lane.path().join(FOLDER).join(evidence.file.expect("a log")))
        .expect("kept");
    assert!(log.contains("one\n") && log.contains("two\n"), "{log}");
    let killed =
        gather(&EvidenceCommand::Command { command: vec!["kill -9 $$".into()] }, Some(lane.path()));
    assert_eq!(killed.expect("gathered").evidence.command.expect("a claim").exit_code, 137);
}

#[test]
fn a_log_that_is_too_long_is_cut_and_says_so() {
    let lane = lane();
    let (name, file) = fresh(lane.path(), "x.log").expect("made");
    let mut log = Log { file: Some(file), left: 4 };
    log.add(b"abc");
    log.add(b"def");
    log.add(b"ghi");
    let text = std::fs::read_to_string(lane.path().join(FOLDER).join(name)).expect("kept");
    assert_eq!(text, "abcd\n[the log was cut here]\n");
}
