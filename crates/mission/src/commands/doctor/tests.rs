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
    assert_eq!(lane(&lane_doc(Some(false))).map(|it| it.health), Some(Health::Missing));
    assert!(lane(&lane_doc(Some(true))).is_none());
    assert!(lane(&lane_doc(None)).is_none());
}

#[test]
fn the_program_behind_a_shell_is_the_one_that_is_looked_for() {
    let words = |it: &[&str]| it.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(program(&words(&["sh", "-c", "exec gemini -p \"$(cat)\""])), "gemini");
    assert_eq!(program(&words(&["sh", "-c", "cat; echo done"])), "sh");
    assert_eq!(program(&words(&["codex", "exec"])), "codex");
}

#[test]
fn what_was_not_seen_is_not_called_good() {
    assert_eq!(runtime(&runtime_doc(None, "closed")).health, Health::Weak);
    assert_eq!(runtime(&runtime_doc(Some(true), "open")).health, Health::Weak);
    assert_eq!(runtime(&runtime_doc(Some(true), "closed")).health, Health::Good);
}
