//! Lanes of which no runtime works until a person mends one: that waits for a person like any decision.

use mission_domain::doc::NeedsYouDoc;
use mission_domain::home::HomeCommand;
use mission_domain::ids::{RoleId, RuntimeId};
use mission_domain::ticket::EndClass;

use crate::stage::{RULES, Stage, ada};

async fn asked(stage: &Stage) -> Vec<NeedsYouDoc> {
    let asked = stage.control.needs_you().await.expect("decisions");
    let notices = stage.control.notices().await.expect("projects");
    assert_eq!(notices.len(), asked.iter().filter(|it| it.kind == "notice").count());
    asked
}

/// The runtime's breaker opens.
async fn rests(stage: &Stage, runtime: &str, class: EndClass) {
    let (runtime, why) = (RuntimeId::new(runtime), "it was refused".into());
    does(stage, HomeCommand::OpenBreaker { runtime, class, why }).await;
}

async fn does(stage: &Stage, command: HomeCommand) {
    stage.control.execute_home(command, &ada()).await.expect("a person may");
}

#[tokio::test]
async fn a_lane_whose_only_runtime_is_not_signed_in_asks_a_person_who_mends_it() {
    let mut stage = Stage::new().await;
    assert!(asked(&stage).await.is_empty());
    let attempt = stage.starts().await;
    stage.ends(attempt, EndClass::Auth).await;
    stage.files_another().await;
    let notices = asked(&stage).await;
    let [notice] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!((notice.kind.as_str(), notice.holds_up), ("notice", 2));
    assert_eq!(notice.what, "mend `one`: the lane coder of MC stands still");
    assert_eq!(notice.runtimes, ["one"]);
    assert!(notice.detail.contains("To mend it: sign `/bin/cat` in"), "{}", notice.detail);
    assert!(!stage.is_dispatched().await);

    // Whoever paused the lane does not wait for it.
    let (project, role) = (stage.ticket.project().clone(), RoleId::new("coder"));
    does(&stage, HomeCommand::PauseLane { project: project.clone(), role: role.clone() }).await;
    assert!(asked(&stage).await.is_empty());
    does(&stage, HomeCommand::ResumeLane { project, role }).await;
    assert_eq!(asked(&stage).await.len(), 1);

    stage.restarts().await;
    assert_eq!(asked(&stage).await.len(), 1);

    does(&stage, HomeCommand::CloseBreaker { runtime: RuntimeId::new("one") }).await;
    assert!(asked(&stage).await.is_empty());
    assert!(stage.is_dispatched().await);
}

#[tokio::test]
async fn nobody_is_asked_for_what_time_mends_or_another_runtime_does() {
    let two = RULES.replace("runtimes = [\"one\"]", "runtimes = [\"one\", \"three\"]");
    let stage = Stage::with(&two, &[]).await;
    rests(&stage, "one", EndClass::Auth).await;
    assert!(asked(&stage).await.is_empty());
    assert!(stage.is_dispatched().await);
    rests(&stage, "three", EndClass::Quota).await;
    assert!(!stage.is_dispatched().await);
    // The account comes back by itself; the sign-in does not, and it alone is named.
    let notices = asked(&stage).await;
    assert!(matches!(&notices[..], [one] if one.runtimes == ["one"]), "{notices:?}");

    let stage = Stage::new().await;
    rests(&stage, "one", EndClass::Quota).await;
    assert!(!stage.is_dispatched().await);
    assert!(asked(&stage).await.is_empty());
}
