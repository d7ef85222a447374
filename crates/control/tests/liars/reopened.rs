//! Work that landed and whose ticket a person reopened: what is there already is no new work, and stays a fact.

use mission_domain::ticket::{State, VerdictWord};

use crate::stage::{RULES, Stage, ada, commit_in, git_in, write};

/// A ticket that landed on a default branch that had moved and was reopened; its workspace is gone. Returns what it was
/// delivered as.
async fn reopened(land: &str) -> (Stage, String) {
    let rules = RULES.replace("[project]", &format!("[project]\nland = \"{land}\""));
    let files = [("check.sh", crate::stage::CHECK), ("feature.txt", "feature\n")];
    let stage = Stage::with(&rules, &files).await;
    stage.implements(&[("one.txt", "one\n")]).await;
    let delivered = git_in(&stage.workspace(), &["rev-parse", "HEAD"]);
    write(&stage.repository().join("other.txt"), "x\n");
    commit_in(&stage.repository(), "meanwhile");
    stage.reviews(VerdictWord::Pass, "fine").await;
    stage.ada_says(VerdictWord::Pass).await.expect("it lands");
    assert_eq!(stage.landed().await, stage.main());
    while stage.workspace().exists() {
        tokio::task::yield_now().await;
    }
    stage.control.reopen(&stage.ticket, &ada()).await.expect("a person may");
    assert_eq!(stage.landed().await, stage.main(), "it is still there");
    (stage, delivered)
}

#[tokio::test]
async fn a_reopened_ticket_whose_lane_does_nothing_is_not_done_again() {
    for land in ["merge", "rebase"] {
        let (stage, _) = reopened(land).await;
        let first = stage.main();
        let attempt = stage.starts().await;
        stage.claims(attempt, "sh check.sh", 0).await;
        stage.delivers(attempt).await;
        stage.refused("implementation", &["a commit on the ticket's branch"]).await;
        assert_eq!((stage.landed().await, stage.main()), (first.clone(), first), "{land}");
    }
}

#[tokio::test]
async fn what_landed_is_delivered_again_by_nobody() {
    for land in ["merge", "rebase"] {
        let (stage, delivered) = reopened(land).await;
        let attempt = stage.starts().await;
        git_in(&stage.workspace(), &["reset", "-q", "--hard", &delivered]);
        git_in(&stage.workspace(), &["commit", "-q", "--amend", "-m", "the same, in other words"]);
        stage.claims(attempt, "sh check.sh", 0).await;
        stage.delivers(attempt).await;
        stage.refused("implementation", &["grow from what landed before"]).await;
        assert_eq!(stage.landed().await, stage.main(), "{land}");
    }
}

#[tokio::test]
async fn new_work_on_what_landed_is_shown_alone_and_lands_as_a_fact_of_its_own() {
    for land in ["merge", "rebase"] {
        let (stage, _) = reopened(land).await;
        let first = stage.main();
        stage.implements(&[("two.txt", "two\n")]).await;
        let packets = stage.control.packets(&stage.ticket, Some("implementation")).await;
        let packet = packets.expect("packets")[0].clone();
        assert_eq!(packet["base"], first.as_str());
        assert_eq!(packet["files"].as_array().map(Vec::len), Some(1), "{packet}");
        stage.reviews(VerdictWord::Pass, "fine").await;
        stage.ada_says(VerdictWord::Pass).await.expect("it lands");
        assert_ne!(stage.main(), first);
        assert_eq!(stage.landed().await, stage.main(), "{land}");
    }
}

#[tokio::test]
async fn a_person_who_waives_new_work_ends_it_as_what_it_landed_as() {
    let (stage, _) = reopened("merge").await;
    let first = stage.main();
    write(&stage.repository().join("later.txt"), "x\n");
    commit_in(&stage.repository(), "later");
    let waived = stage.says(&ada(), VerdictWord::Waive, Some("implementation")).await;
    waived.expect("she may");
    stage.reviews(VerdictWord::Pass, "fine").await;
    stage.ada_says(VerdictWord::Pass).await.expect("she may");
    assert_eq!(stage.look().await.state(), State::Done);
    assert_eq!(stage.landed().await, first);
}
