//! Records that were edited, emptied, swapped or kept from being written: a gate passes on a positive record, never on the
//! absence of one.

use std::fs;
use std::path::{Path, PathBuf};

use mission_domain::ids::Digest;
use mission_domain::principal::Principal;
use mission_domain::rules::EvidenceKind;
use mission_domain::ticket::{Command, Report, State, VerdictWord};
use mission_evidence::attest::{Envelope, Keys, Statement};

use crate::stage::{Stage, evidence};

/// A ticket that only a person's word keeps from landing.
async fn almost_landed() -> Stage {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    stage
}

async fn file_of(stage: &Stage, gate: &str) -> (PathBuf, PathBuf) {
    let packet = stage.gate(gate).await.packet.expect("a packet");
    let artifacts = stage.control.artifacts();
    let envelope = packet.envelope.expect("it is signed");
    (artifacts.path(&packet.digest), artifacts.path(&envelope))
}

async fn found(stage: &Stage) -> String {
    let report = stage.control.fsck().await.expect("looked at");
    report.findings.iter().map(|it| format!("{}: {}\n", it.kind, it.text)).collect()
}

#[tokio::test]
async fn an_untouched_home_is_clean_so_that_a_finding_means_something() {
    let stage = almost_landed().await;
    assert_eq!(found(&stage).await, "");
    let shown = stage.control.packets(&stage.ticket, None).await.expect("packets");
    assert!(shown.len() >= 4);
    assert!(shown.iter().all(|it| it["signature"]["state"] == "verified"), "{shown:?}");
}

#[tokio::test]
async fn a_change_of_thousands_of_files_is_on_record_and_lands() {
    let rules =
        crate::stage::RULES.replace("[role.coder]", "visual_paths = [\"**/*.css\"]\n[role.coder]");
    let check = ("check.sh", crate::stage::CHECK);
    let stage = Stage::with(&rules, &[check, ("feature.txt", "feature\n")]).await;
    let names: Vec<String> =
        (0..3_000).map(|n| format!("a/folder/with a long name/{n:05}.txt")).collect();
    let mut files: Vec<(&str, &str)> = names.iter().map(|it| (it.as_str(), "x\n")).collect();
    files.push(("z/last.css", "p {}\n"));
    stage.implements(&files).await;
    let head = stage.look().await.head.clone().expect("a head");
    assert_eq!(head.paths.len() + head.left_out as usize, 3_001);
    assert!(
        head.left_out > 0 && head.paths.iter().any(|it| it == "z/last.css"),
        "{}",
        head.left_out
    );
    stage.reviews(VerdictWord::Pass, "fine").await;
    stage.goes_on().await;
    stage.ada_says(VerdictWord::Pass).await.expect("a person may");
    stage.goes_on().await;
    assert_eq!(stage.look().await.state(), State::Done);
}

#[tokio::test]
async fn a_packet_that_was_edited_on_the_disk_is_found_and_lands_nothing() {
    let stage = almost_landed().await;
    let (packet, _) = file_of(&stage, "final_validation").await;
    let text = fs::read_to_string(&packet).expect("a packet");
    fs::write(&packet, text.replace("\"passed\"", "\"failed\"")).expect("written");
    assert!(found(&stage).await.contains("artifact: "), "{}", found(&stage).await);
    let before = stage.main();
    let landed = tokio::spawn({
        let control = stage.control.clone();
        let key = stage.ticket.clone();
        async move {
            let request = mission_control::VerdictRequest {
                verdict: VerdictWord::Pass,
                gate: None,
                reason: String::new(),
                findings: Vec::new(),
                packet: None,
                judged: None,
            };
            control.judge(&key, request, &crate::stage::ada()).await.map(drop)
        }
    });
    let _ = landed.await.expect("no panic");
    stage.goes_on().await;
    assert_eq!(stage.look().await.state(), State::Blocked);
    let told = stage.told().await;
    assert!(told.contains("was altered"), "{told}");
    assert_eq!(stage.main(), before);
}

#[tokio::test]
async fn an_envelope_that_was_edited_on_the_disk_is_not_shown() {
    let stage = almost_landed().await;
    let (_, envelope) = file_of(&stage, "qa_review").await;
    let text = fs::read_to_string(&envelope).expect("an envelope");
    fs::write(&envelope, text.replace("\"sig\":\"", "\"sig\":\"AAAA")).expect("written");
    let told = stage.control.packets(&stage.ticket, Some("qa_review")).await.expect_err("refused");
    assert!(told.to_string().contains("altered"), "{told}");
    assert!(found(&stage).await.contains("packet: qa_review of MC-1"), "{}", found(&stage).await);
}

#[tokio::test]
async fn an_envelope_that_is_gone_is_missed() {
    let stage = almost_landed().await;
    let (_, envelope) = file_of(&stage, "qa_review").await;
    fs::remove_file(envelope).expect("removed");
    assert!(stage.control.packets(&stage.ticket, Some("qa_review")).await.is_err());
    let found = found(&stage).await;
    assert!(found.contains("packet: qa_review of MC-1"), "{found}");
}

#[tokio::test]
async fn a_public_key_that_is_taken_away_ends_the_belief_in_what_it_signed() {
    let stage = almost_landed().await;
    fs::remove_dir_all(stage.home().join("keys/public")).expect("removed");
    let told = stage.control.packets(&stage.ticket, None).await.expect_err("refused");
    assert!(told.to_string().contains("none of the 0 that are believed here"), "{told}");
}

#[tokio::test]
async fn what_was_exported_proves_nothing_for_another_home() {
    let (one, other) = (almost_landed().await, almost_landed().await);
    let envelopes = one.control.envelopes(&one.ticket, None).await.expect("envelopes");
    let lines: String = envelopes.iter().map(|it| it.to_line() + "\n").collect();
    let look = |stage: &Stage| {
        let trusted = stage.control.keys().trusted().expect("keys");
        mission_evidence::attest::verify_file(lines.as_bytes(), &trusted, &Default::default())
    };
    assert!(look(&one).is_ok(), "{:?}", look(&one).err());
    let refusal = look(&other).expect_err("refused");
    assert!(refusal.to_string().contains("none of the 1 that are believed here"), "{refusal}");
}

#[tokio::test]
async fn an_export_holds_what_was_sealed_and_every_sign_off_on_it() {
    let stage = almost_landed().await;
    stage.ada_says(VerdictWord::Pass).await.expect("a person may");
    let envelopes = stage.control.envelopes(&stage.ticket, Some("final_validation")).await;
    let envelopes = envelopes.expect("envelopes");
    let said = |it: &Envelope| {
        let payload = it.payload_bytes().expect("base64");
        serde_json::from_slice::<Statement>(&payload).expect("a statement")
    };
    let statements: Vec<Statement> = envelopes.iter().map(said).collect();
    let reviewers: Vec<_> =
        statements.iter().filter_map(|it| it.predicate["reviewer"].as_str()).collect();
    assert_eq!(reviewers, ["controller", "person:ada"]);
    let packet = &statements[0].predicate;
    let held: Vec<_> = packet["signoffs"].as_array().expect("a list").iter().collect();
    let gates: Vec<_> = held.iter().map(|it| it["gate"].as_str().unwrap_or_default()).collect();
    assert_eq!(gates, ["implementation", "first_validation", "qa_review"]);
    assert_eq!(statements.last().expect("a summary").predicate["verificationResult"], "PASSED");
}

#[tokio::test]
async fn a_key_that_cannot_sign_keeps_the_gate_shut() {
    let stage = Stage::new().await;
    stage.control.keys().signer().expect("a key");
    fs::write(stage.home().join("keys/signing.pem"), "garbage").expect("written");
    stage.implements(&[("feature.txt", "feature 2\n")]).await;
    stage.refused("implementation", &["signing.pem", "cannot be used"]).await;
    assert_eq!(stage.look().await.state(), State::Blocked);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_keeps_the_gate_shut() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "feature 2\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    let _ = fs::remove_dir_all(stage.home().join("artifacts"));
    fs::write(stage.home().join("artifacts"), "no folder").expect("written");
    stage.delivers(attempt).await;
    stage.refused("implementation", &[]).await;
    assert_eq!(stage.look().await.situation().code, "could_not_run");
}

#[tokio::test]
async fn a_landing_without_a_record_is_refused() {
    let stage = almost_landed().await;
    let commit = mission_domain::ids::Commit::new(stage.main());
    let landing = Command::RecordLanding { commit };
    let told = stage.control.execute(&stage.ticket, landing, &Principal::Controller).await;
    assert!(told.expect_err("refused").to_string().contains("not"), "it is not ready to land");
    assert!(stage.look().await.landed_as.is_none());
}

#[tokio::test]
async fn a_remembered_result_that_somebody_forged_is_run_again() {
    let stage = Stage::new().await;
    stage.implements(&[("feature.txt", "nothing\n")]).await;
    stage.refused("first_validation", &["exit code 1"]).await;
    let records = files(&stage.home().join("checks"));
    assert!(!records.is_empty());
    let liar = tempfile::tempdir().expect("a folder");
    let theirs = Keys::at(liar.path().join("keys"));
    for record in records {
        let text = fs::read_to_string(&record).expect("a record");
        let mut envelope: Envelope = serde_json::from_str(&text).expect("an envelope");
        let payload = envelope.payload_bytes().expect("base64");
        let better = String::from_utf8(payload).expect("text");
        let better =
            better.replace("{\"outcome\":\"failed\",\"exit_code\":1}", "{\"outcome\":\"passed\"}");
        let forged = theirs.signer().expect("a key").seal(better.as_bytes());
        envelope.payload = forged.payload.clone();
        envelope.signatures[0].sig = forged.signatures[0].sig.clone();
        fs::write(&record, envelope.to_line()).expect("written");
    }
    // The same tree again, in other words.
    crate::stage::git_in(&stage.workspace(), &["commit", "-q", "--amend", "-m", "again"]);
    stage.implements(&[]).await;
    stage.refused("first_validation", &["exit code 1"]).await;
    let told = stage.control.packets(&stage.ticket, Some("first_validation")).await;
    let told = told.expect("packets");
    assert_eq!(told[0]["commands"][0]["cached"], false, "{}", told[0]["commands"][0]);
}

#[tokio::test]
async fn the_last_packet_tells_the_risk_of_the_newest_delivery_and_not_of_a_round_that_is_over() {
    let stage = almost_landed().await;
    stage.ada_says(VerdictWord::Changes).await.expect("a person may");
    let attempt = stage.starts().await;
    stage.writes(&[("feature.txt", "another feature\n")]);
    stage.claims(attempt, "sh check.sh", 0).await;
    stage.hands_in(attempt, evidence(EvidenceKind::Risk, "the feature is new")).await;
    let mut answer = evidence(EvidenceKind::Findings, "");
    let text = serde_json::json!({ "finding": "F-1", "state": "fixed", "text": "another one" });
    answer.answer = serde_json::from_value(text).expect("an answer");
    stage.hands_in(attempt, answer).await;
    let done = Report::Done { summary: "done anew".into() };
    stage.reports(attempt, done).await;
    stage.reviews(VerdictWord::Pass, "fine").await;
    let told = stage.control.packets(&stage.ticket, Some("final_validation")).await;
    let told = told.expect("packets");
    assert_eq!((&told[0]["round"], &told[0]["risk"]), (&2.into(), &"the feature is new".into()));
}

#[tokio::test]
async fn an_unchanged_tree_is_told_as_not_run_again() {
    let stage = almost_landed().await;
    // The merge has the tree that was tested before, and says so with the time of that run.
    let told =
        stage.control.packets(&stage.ticket, Some("final_validation")).await.expect("packets");
    let command = &told[0]["commands"][0];
    assert_eq!(command["cached"], true, "{command}");
    let first =
        stage.control.packets(&stage.ticket, Some("first_validation")).await.expect("packets");
    assert_eq!(command["ran_at"], first[0]["commands"][0]["ran_at"]);
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).expect("a folder").flatten() {
        if entry.path().is_dir() {
            found.extend(files(&entry.path()))
        } else {
            found.push(entry.path())
        }
    }
    found
}

#[tokio::test]
async fn a_row_that_was_edited_in_the_database_is_found() {
    let stage = almost_landed().await;
    stage.control.store().close().await;
    let database = stage.home().join("mission.db");
    let bytes = fs::read(&database).expect("the database");
    let edited = replaced(&bytes, b"\"reason\":\"fine\"", b"\"reason\":\"FINE\"");
    assert_ne!(bytes, edited, "the text is in the database");
    fs::write(&database, edited).expect("written");
    let store = mission_store::open_sqlite(&stage.home(), mission_store::Role::Reader).await;
    let verified = store.expect("a store").verify().await.expect("looked at");
    assert!(!verified.findings.is_empty(), "the chain does not hold any more");
    let _ = Digest::of(b"");
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut out = bytes.to_vec();
    let mut at = 0;
    while at + from.len() <= out.len() {
        if out[at..].starts_with(from) {
            out[at..at + from.len()].copy_from_slice(to);
        }
        at += 1;
    }
    out
}

#[tokio::test]
async fn what_is_reported_without_a_process_is_kept_in_its_own_words() {
    let stage = Stage::new().await;
    let attempt = stage.implements(&[("feature.txt", "feature 2\n")]).await;
    let end =
        stage.look().await.attempt(attempt).and_then(|it| it.end.clone()).expect("it is over");
    assert_eq!(end.summary, "all tests pass");
}
