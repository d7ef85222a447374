//! What counts as missing.

use super::*;

fn runtime_doc(found: Option<bool>, breaker: &str) -> RuntimeDoc {
    RuntimeDoc {
        name: "mine".into(),
        driver: "exec".into(),
        command: vec!["sh".into()],
        model: None,
        breaker: breaker.into(),
        note: None,
        found,
        from: "built-in".into(),
        untold: None,
        declared: Vec::new(),
        version: None,
        trouble: None,
        trial: None,
    }
}

#[test]
fn a_lane_without_any_runtime_is_what_is_missing() {
    let lane_doc = |found| LaneDoc {
        role: "coder".into(),
        project: "MC".into(),
        state: "idle".into(),
        slots: 2,
        attempts: Vec::new(),
        queued: 0,
        runtimes: vec![runtime_doc(found, "closed")],
        note: None,
    };
    assert_eq!(lane(&lane_doc(Some(false)), &[]).map(|it| it.health), Some(Health::Missing));
    assert!(lane(&lane_doc(Some(true)), &[]).is_none());
    assert!(lane(&lane_doc(None), &["another"]).is_none());
    let look = lane(&lane_doc(Some(true)), &["mine"]).expect("a lane that cannot work");
    assert_eq!(look.health, Health::Missing);
    assert!(look.seen.contains("none of its runtimes works: mine"), "{look:?}");
}

#[test]
fn what_was_not_seen_is_not_called_good() {
    let health = |breaker: &str, tried: &Tried| runtime(&runtime_doc(None, breaker), tried).health;
    let good = Tried::Asked(Answer::Version("mine 1.2".into()), None);
    assert_eq!(health("closed", &good), Health::Good);
    assert_eq!(health("open", &good), Health::Weak);
    assert_eq!(health("closed", &Tried::Unknown), Health::Weak);
    assert_eq!(health("closed", &Tried::NotFound), Health::Unneeded);
    assert_eq!(health("closed", &Tried::Asked(Answer::TooSlow, None)), Health::Weak);
    assert_eq!(health("closed", &Tried::Asked(Answer::Broken("x".into()), None)), Health::Weak);
}

#[test]
fn a_tool_that_is_too_old_is_missing_what_is_needed() {
    let version = |text: &str| Answer::Version(text.into());
    let look = |answer| aged("git", Path::new("/usr/bin/git"), answer, GIT, "install it");
    assert_eq!(look(version("git version 2.39.5")).health, Health::Good);
    let old = look(version("git version 2.30.2"));
    assert_eq!((old.health, old.fix.as_deref()), (Health::Missing, Some("install it")));
    assert!(old.seen.contains("2.38 or later is needed"), "{old:?}");
    assert_eq!(look(Answer::Broken("x".into())).health, Health::Missing);
}

#[tokio::test]
async fn a_shells_line_is_not_run_and_a_program_is_started() {
    let doc = runtime_doc(Some(true), "closed");
    assert_eq!(tried(&doc, true).await, Tried::ShellLine);
    let git = RuntimeDoc { command: vec!["git".into(), "commit".into()], ..doc.clone() };
    let Tried::Asked(Answer::Version(said), None) = tried(&git, true).await else {
        panic!("not asked")
    };
    assert!(said.starts_with("git version "), "{said}");
    let bad = RuntimeDoc { command: vec!["false".into()], ..doc.clone() };
    assert!(matches!(tried(&bad, true).await, Tried::Asked(Answer::Broken(_), None)));
    assert_eq!(tried(&bad, false).await, Tried::NotAgreed);
    let look = runtime(&bad, &Tried::NotAgreed);
    assert_eq!(look.health, Health::Weak);
    assert!(look.seen.contains("nobody has agreed"), "{look:?}");
}

#[tokio::test]
async fn a_program_that_says_no_version_is_not_good_before_it_has_shaken_hands() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("mute");
    std::fs::write(&path, "#!/bin/sh\n[ \"$1\" = --version ] && exit 0\nexit 7\n").expect("a file");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("a program");
    let command = vec![path.display().to_string()];
    let doc = RuntimeDoc { driver: "acp".into(), command, ..runtime_doc(Some(true), "closed") };
    let tried = tried(&doc, true).await;
    assert!(matches!(tried, Tried::Asked(Answer::Nothing, Some(Shaken::Failed(_)))), "{tried:?}");
    assert_eq!(runtime(&doc, &tried).health, Health::Weak);
}
