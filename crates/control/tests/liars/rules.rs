//! Rules bent to fit the work: on the ticket's branch, in a working copy, in the middle of a round.

use mission_control::TicketRequest;
use mission_domain::ticket::VerdictWord;

use crate::stage::{RULES, Stage, ada, commit_in, git_in, write};

const SOFT: &str =
    "[project]\nkey = \"MC\"\ndefault_branch = \"main\"\nworkflow = \"quick-fix\"\nchecks = []\n";

#[tokio::test]
async fn checks_that_are_dropped_on_the_tickets_branch_are_run_all_the_same() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("mission.toml", SOFT), ("feature.txt", "nothing\n")]);
    stage.claims(attempt, "test -f feature.txt", 0).await;
    stage.delivers(attempt).await;
    stage.refused("first_validation", &["`sh check.sh`", "exit code 1"]).await;
}

#[tokio::test]
async fn rules_in_a_working_copy_are_not_in_force() {
    let stage = Stage::new().await;
    write(&stage.repository().join("mission.toml"), SOFT);
    stage.implements(&[("feature.txt", "nothing\n")]).await;
    stage.refused("first_validation", &["`sh check.sh`", "exit code 1"]).await;
}

#[tokio::test]
async fn a_reviewer_who_is_taken_out_of_the_rules_is_still_asked_in_this_round() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    let without = format!(
        "{RULES}\n[workflow.quick-fix]\ngates = [\n  {{ id = \"implementation\", role = \"coder\", decided_by = \"controller\" }},\n  {{ id = \"final_validation\", role = \"controller\", decided_by = \"controller\" }},\n]\n"
    );
    write(&stage.repository().join("mission.toml"), &without);
    commit_in(&stage.repository(), "no reviewer any more");
    stage.goes_on().await;
    stage.refused("qa_review", &[]).await;
    assert!(stage.look().await.landed_as.is_none());
    stage.reviews(VerdictWord::Pass, "fine").await;
    Stage::assert_passed(&stage.gate("qa_review").await);
}

#[tokio::test]
async fn a_change_of_the_rules_is_shown_to_the_person_who_decides_last() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("mission.toml", SOFT), ("feature.txt", "feature 2\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.delivers(attempt).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    stage
        .refused("final_validation", &["the work touches what decides about it: `mission.toml`"])
        .await;
}

#[tokio::test]
async fn broken_rules_on_the_default_branch_do_not_open_the_gates() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    write(&stage.repository().join("mission.toml"), "[project\nchecks = nothing");
    commit_in(&stage.repository(), "broken");
    stage.reviews(VerdictWord::Pass, "fine").await;
    let ran =
        stage.control.packets(&stage.ticket, Some("final_validation")).await.expect("packets");
    assert_eq!(ran[0]["commands"][0]["run"], "sh check.sh", "the last good rules stay in force");
}

#[tokio::test]
async fn a_label_that_is_taken_off_takes_no_requirement_away() {
    let rules = RULES.replace("workflow = \"quick-fix\"", "workflow = \"seen\"").to_owned()
        + "[role.designer]\nruntimes = [\"two\"]\n[workflow.seen]\ngates = [\n  { id = \"implementation\", role = \"coder\", decided_by = \"controller\" },\n  { id = \"design_signoff\", role = \"designer\", judges = \"implementation\", decided_by = \"role:designer\", when = \"visual\" },\n  { id = \"final_validation\", role = \"controller\", decided_by = \"controller\" },\n]\n";
    let files = [("check.sh", crate::stage::CHECK), ("feature.txt", "feature\n")];
    let stage = Stage::with(&rules, &files).await;
    let label = |labels: Vec<String>| mission_control::EditRequest {
        labels: Some(labels),
        ..mission_control::EditRequest::default()
    };
    let ada = crate::stage::ada();
    let key = &stage.ticket;
    stage.control.edit(key, label(vec!["visual".into()]), &ada).await.expect("labelled");
    stage.control.edit(key, label(vec![]), &ada).await.expect("the label goes");
    assert!(stage.gate("design_signoff").await.required, "a requirement only grows");
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage.refused("design_signoff", &[]).await;
    assert!(stage.look().await.landed_as.is_none());
}

#[tokio::test]
async fn a_default_branch_that_was_renamed_is_named_with_what_to_do() {
    let stage = Stage::new().await;
    git_in(&stage.repository(), &["branch", "-m", "main", "trunk"]);
    let request = TicketRequest { title: "More".into(), ..TicketRequest::default() };
    let no = stage.control.open_ticket(request, &ada(), "cli").await.expect_err("no main");
    assert!(no.is_for_the_repositorys_owner(), "{no:?}");
    let said = no.in_full();
    assert!(said.contains("no branch `main`") && said.contains("default_branch"), "{said}");
}

#[tokio::test]
async fn two_gates_that_both_write_do_not_send_each_other_back_to_work() {
    let rules = RULES.replace("workflow = \"quick-fix\"", "workflow = \"two\"").to_owned()
        + "[role.writer]\nruntimes = [\"three\"]\npermission = \"write\"\nevidence = [\"commit\"]\n[workflow.two]\ngates = [\n  { id = \"implementation\", role = \"coder\", decided_by = \"controller\" },\n  { id = \"docs\", role = \"writer\", decided_by = \"controller\" },\n  { id = \"first_validation\", role = \"controller\", decided_by = \"controller\" },\n  { id = \"final_validation\", role = \"controller\", decided_by = [\"controller\", \"person\"] },\n]\n";
    let files = [("check.sh", crate::stage::CHECK), ("feature.txt", "feature\n")];
    let stage = Stage::with(&rules, &files).await;
    let coder = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n")]);
    stage.claims(coder, "sh check.sh", 0).await;
    stage.claims(coder, "grep -q feature feature.txt", 0).await;
    stage.delivers(coder).await;
    let writer = stage.starts().await;
    assert_eq!(stage.look().await.attempt(writer).expect("it").role.as_str(), "writer");
    stage.writes(&[("README.md", "What it does.\n")]);
    stage.claims(writer, "grep -q does README.md", 0).await;
    stage.delivers(writer).await;
    stage.goes_on().await;
    let ticket = stage.look().await;
    assert_eq!(ticket.attempts.len(), 2, "{:?}", ticket.situation());
    let seen = stage.control.packets(&stage.ticket, Some("first_validation")).await.expect("them");
    let ran: Vec<&str> = seen[0]["commands"]
        .as_array()
        .expect("commands")
        .iter()
        .filter_map(|it| it["run"].as_str())
        .collect();
    for run in ["sh check.sh", "grep -q feature feature.txt", "grep -q does README.md"] {
        assert!(ran.contains(&run), "{ran:?}");
    }
    stage.ada_says(VerdictWord::Pass).await.expect("a person may");
    stage.goes_on().await;
    assert!(stage.look().await.landed_as.is_some());
}

#[tokio::test]
async fn settings_of_the_home_that_cannot_be_read_are_not_taken_for_none() {
    let stage = Stage::new().await;
    let config = stage.home().join("config.toml");
    let mut text = std::fs::read(&config).expect("it is there");
    let known = stage.control.rules(stage.ticket.project()).await.expect("rules");
    text.extend(b"# caf\xe9\n");
    std::fs::write(&config, text).expect("written");
    let project = stage.control.project(stage.ticket.project()).await.expect("the last good ones");
    assert_eq!(project.rules.runtimes, known.runtimes);
    let problem = project.problem.clone().expect("it is said");
    assert!(problem.contains("config.toml cannot be read"), "{problem}");
}
