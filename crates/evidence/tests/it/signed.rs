//! Signed packets: what an exported file proves, and every way to get a lie past the check.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use mission_domain::ids::{Commit, Digest};
use mission_evidence::Error;
use mission_evidence::attest::{
    Envelope, Expected, Keys, Refusal, Signature, Signer, Statement, Subject, Trusted, Verdict,
    attributes, markdown, packet_statement, schema, sign_off, summary, test_results, verify,
    verify_file,
};
use mission_evidence::packet::Packet;
use serde_json::{Value, json};

const COMMIT: &str = "c0ffee0000000000000000000000000000000001";
const OTHER: &str = "c0ffee0000000000000000000000000000000002";

/// A packet with something in every field.
fn full() -> Packet {
    let digest = Digest::of(b"x").to_string();
    let json = json!({
        "gate": "implementation", "round": 2, "ticket": "MC-7", "attempt": "A-31", "role": "coder",
        "runtime": "codex", "model": "gpt-5.5", "commit": COMMIT, "tree": "7".repeat(40), "base": OTHER,
        "files": [{"path": "a|b.rs", "old_path": "b.rs", "status": "renamed", "added": 3, "removed": 1, "binary": false}],
        "commands": [
            {"run": "cargo test", "claimed": 0, "result": "verified", "exit_code": 0, "outcome": {"outcome": "passed"},
             "tests": {"executed": 3, "passed": 3, "failed": 0, "skipped": 1}, "duration_ms": 12, "log": digest,
             "base_exit_code": null, "advisory": false, "ran_at": "2026-01-01T00:00:00Z", "cached": true,
             "flaky": {"passed": 2, "failed": 1}, "rewrote": ["a.rs"], "touched": ["b.rs"], "gaps": ["none"],
             "base_tests": null},
            {"run": "lint", "claimed": null, "result": "refuted", "exit_code": 3,
             "outcome": {"outcome": "failed", "exit_code": 3}, "tests": null, "duration_ms": 1, "log": null,
             "base_exit_code": 0, "advisory": true}],
        "screenshots": [{"page": "/", "width": 390, "height": 844, "scheme": "dark", "before": digest,
                         "after": digest, "difference": digest, "difference_percent": 12.35}],
        "findings": [{"file": "a.rs", "line": 3, "text": "off by one", "command": null}],
        "answers": [{"finding": "F-1", "state": "fixed", "text": "mended"}],
        "risk": "none\n# @ada", "ships": {"push": "none", "deploy": "requested", "restart": "approved"},
        "artifacts": [{"digest": digest, "name": "plan.md", "kind": "plan", "bytes": 12}],
        "signoffs": [{"gate": "plan", "verdict": "pass", "principal": "person:ada", "independence": null,
                      "commit": null, "packet": digest, "reason": "", "at": "2026-01-01T00:00:00Z"}],
        "merge": {"base": OTHER, "commit": COMMIT, "tree": "7".repeat(40)},
        "policy": digest, "usage": {"wall_ms": 1200, "tokens": null, "cost_usd": 0.25}
    });
    serde_json::from_value(json).expect("a packet")
}

/// A home's keys, and what they sign.
struct Home {
    dir: tempfile::TempDir,
}

impl Home {
    fn new() -> Self {
        Self { dir: tempfile::tempdir().expect("a folder") }
    }

    fn keys(&self) -> Keys {
        Keys::at(self.dir.path().join("keys"))
    }

    fn private(&self) -> PathBuf {
        self.dir.path().join("keys/signing.pem")
    }

    fn signer(&self) -> Signer {
        self.keys().signer().expect("a key")
    }

    fn trusted(&self) -> Trusted {
        self.keys().trusted().expect("keys")
    }

    fn seals(&self, statement: &Statement) -> Envelope {
        self.signer().seal(&statement.bytes())
    }

    fn sealed(&self, packet: &Packet) -> Envelope {
        self.seals(&packet_statement(packet).expect("a statement"))
    }

    fn looks_at(&self, envelope: &Envelope) -> Result<(), Refusal> {
        self.looks_for(envelope, &Expected::default())
    }

    fn looks_for(&self, envelope: &Envelope, expected: &Expected) -> Result<(), Refusal> {
        let value = serde_json::to_value(envelope).expect("an envelope");
        verify(&value, &self.trusted(), expected).map(drop)
    }

    #[track_caller]
    fn refuses(&self, statement: &Statement) -> Refusal {
        self.looks_at(&self.seals(statement)).expect_err("refused")
    }
}

fn lines(envelopes: &[Envelope]) -> Vec<u8> {
    envelopes.iter().map(|it| it.to_line() + "\n").collect::<String>().into_bytes()
}

/// Everything that is exported of a gate that a reviewer passed.
fn exported(home: &Home) -> Vec<Envelope> {
    let packet = full();
    let first = home.sealed(&packet);
    let digest = packet.digest().expect("a digest");
    let signed = serde_json::from_value(json!({
        "verdict": "pass", "principal": "lane:qa/claude", "decider": 0, "commit": COMMIT, "tree": "7".repeat(40),
        "packet": digest, "policy": digest, "reason": "fine", "independence": "runtime", "round": 2,
        "at": "2026-01-01T00:00:00Z", "fresh": true
    }));
    let signed = home.seals(&sign_off(&packet, &digest, &signed.expect("a sign-off")));
    let inputs = [&first, &signed].map(|it| Digest::of(it.to_line().as_bytes()));
    let at = "2026-01-01T00:00:00Z".parse().expect("a time");
    let verdict =
        Verdict { gate: &packet.gate, is_passed: true, policy: &digest, at, inputs: &inputs };
    let mut all = vec![first];
    all.extend(test_results(&packet, &digest).iter().map(|it| home.seals(it)));
    all.extend(attributes(&packet, &digest).iter().map(|it| home.seals(it)));
    all.push(signed);
    all.push(home.seals(&summary(&packet, &digest, &verdict)));
    all
}

#[test]
fn a_sealed_packet_is_verified_with_nothing_but_the_public_key() {
    let home = Home::new();
    let envelope = home.sealed(&full());
    let file = home.dir.path().join("public.pem");
    std::fs::write(&file, home.signer().public().pem()).expect("written");
    let trusted = Trusted::read(&file).expect("a key");
    let value = serde_json::to_value(&envelope).expect("an envelope");
    let verified = verify(&value, &trusted, &Expected::default()).expect("verified");
    assert_eq!(verified.packet.as_ref(), Some(&full()));
    assert_eq!(verified.digest, full().digest().expect("a digest"));
    let named =
        |algorithm: &str| verified.statement.digests(algorithm).collect::<Vec<_>>().join(" ");
    assert_eq!(named("gitCommit"), COMMIT);
    assert_eq!(named("gitTree"), "7".repeat(40));
    assert_eq!(named("sha256"), verified.digest.hex());
}

#[test]
fn a_whole_export_is_verified_and_says_which_key_signed_each_line() {
    let home = Home::new();
    let all = exported(&home);
    let verified = verify_file(&lines(&all), &home.trusted(), &Expected::default()).expect("holds");
    assert_eq!(verified.len(), all.len());
    assert!(verified.iter().all(|it| it.key == *home.signer().public().id()));
    let pretty = serde_json::to_vec_pretty(&all[0]).expect("one envelope");
    assert!(verify_file(&pretty, &home.trusted(), &Expected::default()).is_ok());
}

#[test]
fn a_forged_signature_under_a_known_keys_name_is_refused() {
    let (home, liar) = (Home::new(), Home::new());
    let mut forged = liar.sealed(&full());
    forged.signatures[0].keyid = home.signer().public().id().to_string();
    assert!(matches!(home.looks_at(&forged), Err(Refusal::Forged(_))));
    forged.signatures[0].sig = STANDARD.encode([0_u8; 64]);
    assert!(matches!(home.looks_at(&forged), Err(Refusal::Forged(_))));
}

#[test]
fn an_unknown_key_is_refused_by_its_name() {
    let (home, liar) = (Home::new(), Home::new());
    home.signer();
    let refusal = home.looks_at(&liar.sealed(&full())).expect_err("refused");
    let seen = liar.signer().public().id().to_string();
    assert_eq!(refusal, Refusal::UnknownKey { seen, known: 1 });
}

#[test]
fn an_edited_payload_is_refused() {
    let home = Home::new();
    let mut edited = home.sealed(&full());
    let text = String::from_utf8(edited.payload_bytes().expect("base64")).expect("text");
    edited.payload = STANDARD.encode(text.replace("\"refuted\"", "\"verified\""));
    assert!(matches!(home.looks_at(&edited), Err(Refusal::Forged(_))));
    let mut retyped = home.sealed(&full());
    retyped.payload_type = "text/plain".into();
    assert_eq!(home.looks_at(&retyped), Err(Refusal::OtherPayload("text/plain".into())));
}

#[test]
fn a_truncated_file_is_refused_wherever_it_is_cut() {
    let home = Home::new();
    let whole = lines(&[home.sealed(&full())]);
    let look = |bytes: &[u8]| verify_file(bytes, &home.trusted(), &Expected::default());
    assert!(look(&whole).is_ok());
    assert_eq!(look(b""), Err(Refusal::Empty));
    for cut in (1..whole.len() - 1).step_by(97) {
        assert_eq!(look(&whole[..cut]), Err(Refusal::Truncated(cut)), "cut after {cut}");
    }
    let mut short = home.sealed(&full());
    short.payload.truncate(short.payload.len() / 4 * 2 + 1);
    assert_eq!(home.looks_at(&short), Err(Refusal::NotBase64("payload")));
}

#[test]
fn a_packet_replayed_on_another_commit_ticket_or_gate_proves_nothing_there() {
    let home = Home::new();
    let envelope = home.sealed(&full());
    let look = |expected: Expected| home.looks_for(&envelope, &expected);
    let here = Expected {
        commit: Some(Commit::new(COMMIT)),
        ticket: Some("MC-7".parse().expect("a key")),
        gate: Some(full().gate),
    };
    assert_eq!(look(here.clone()), Ok(()));
    let asked = Expected { commit: Some(Commit::new(OTHER)), ..here.clone() };
    let refusal = look(asked).expect_err("refused");
    assert_eq!(
        refusal.to_string(),
        format!(
            "it is evidence about commit {COMMIT}, and {OTHER} was asked about: it proves nothing there"
        )
    );
    let asked = Expected { ticket: Some("MC-8".parse().expect("a key")), ..here.clone() };
    assert!(matches!(look(asked), Err(Refusal::Elsewhere { what: "ticket", .. })));
    let asked = Expected { gate: Some(mission_domain::ids::GateId::new("qa_review")), ..here };
    assert!(matches!(look(asked), Err(Refusal::Elsewhere { what: "gate", .. })));
}

#[test]
fn a_subject_put_in_the_place_of_another_is_refused_though_the_key_is_good() {
    let home = Home::new();
    let good = packet_statement(&full()).expect("a statement");
    let with = |algorithm: &str, digest: &str| {
        let mut statement = good.clone();
        let subject =
            statement.subject.iter_mut().find(|it| it.digest.contains_key(algorithm)).expect("one");
        subject.digest.insert(algorithm.into(), digest.into());
        statement
    };
    let refusal = home.refuses(&with("gitCommit", OTHER));
    assert!(matches!(refusal, Refusal::OtherSubject { what: "commit", .. }), "{refusal}");
    let refusal = home.refuses(&with("gitTree", OTHER));
    assert!(matches!(refusal, Refusal::OtherSubject { what: "tree", .. }), "{refusal}");
    let refusal = home.refuses(&with("sha256", Digest::of(b"y").hex()));
    assert!(matches!(refusal, Refusal::OtherPacket { .. }), "{refusal}");
    let refusal = home.refuses(&with("gitCommit", "main"));
    assert!(matches!(refusal, Refusal::OddSubject { algorithm: "gitCommit", .. }), "{refusal}");
}

#[test]
fn a_statement_that_does_not_say_what_it_is_about_is_refused() {
    let home = Home::new();
    let good = packet_statement(&full()).expect("a statement");
    for algorithm in ["gitCommit", "gitTree", "sha256"] {
        let mut without = good.clone();
        without.subject.retain(|it| !it.digest.contains_key(algorithm));
        assert_eq!(home.refuses(&without), Refusal::NoSubject(algorithm));
        let mut twice = good.clone();
        let second =
            twice.subject.iter().find(|it| it.digest.contains_key(algorithm)).expect("one").clone();
        twice.subject.push(second);
        let refusal = home.refuses(&twice);
        assert!(matches!(refusal, Refusal::OddSubject { .. }), "{algorithm}: {refusal}");
    }
}

#[test]
fn what_is_no_statement_of_ours_is_refused_though_the_key_is_good() {
    let home = Home::new();
    let good = packet_statement(&full()).expect("a statement");
    let old = Statement { kind: "https://in-toto.io/Statement/v0.1".into(), ..good.clone() };
    assert!(matches!(home.refuses(&old), Refusal::NotAStatement(_)));
    let other = Statement { predicate_type: "https://example.com/x".into(), ..good.clone() };
    assert_eq!(home.refuses(&other), Refusal::UnknownPredicate("https://example.com/x".into()));
    let sealed = home.signer().seal(b"[]");
    assert!(matches!(home.looks_at(&sealed), Err(Refusal::NotAStatement(_))));
    let predicate = json!({ "gate": "plan" });
    let name = Digest::of(br#"{"gate":"plan"}"#).hex().to_owned();
    let subject = vec![Subject { name: "packet".into(), digest: [("sha256".into(), name)].into() }];
    let empty = Statement { predicate, subject, ..good };
    assert!(matches!(home.refuses(&empty), Refusal::BadPacket(_)));
}

#[test]
fn an_envelope_without_a_signature_is_refused() {
    let home = Home::new();
    let mut envelope = home.sealed(&full());
    envelope.signatures.clear();
    assert_eq!(home.looks_at(&envelope), Err(Refusal::Unsigned));
    let refusal = verify_file(b"{\"a\": 1}", &home.trusted(), &Expected::default());
    assert!(matches!(refusal, Err(Refusal::NotAnEnvelope(_))), "{refusal:?}");
    let refusal = verify_file(b"hello", &home.trusted(), &Expected::default());
    assert!(matches!(refusal, Err(Refusal::NotAnEnvelope(_))), "{refusal:?}");
}

#[test]
fn one_good_signature_among_strangers_is_enough_and_a_bad_one_of_ours_is_not_hidden_by_them() {
    let (home, stranger) = (Home::new(), Home::new());
    let mut both = home.sealed(&full());
    both.signatures.insert(0, stranger.sealed(&full()).signatures.remove(0));
    assert_eq!(home.looks_at(&both), Ok(()));
    let keyid = home.signer().public().id().to_string();
    both.signatures[1] = Signature { keyid, sig: "????".into() };
    assert_eq!(home.looks_at(&both), Err(Refusal::NotBase64("signature")));
}

#[test]
fn a_sign_off_without_its_packet_and_a_summary_with_an_input_taken_out_are_refused() {
    let home = Home::new();
    let all = exported(&home);
    let look = |envelopes: &[Envelope]| {
        verify_file(&lines(envelopes), &home.trusted(), &Expected::default())
    };
    let sign_off = all.len() - 2;
    let refusal = look(&all[sign_off..=sign_off]).expect_err("refused");
    assert!(refusal.to_string().starts_with("it holds a sign-off on packet sha256:"), "{refusal}");
    let mut without = all.clone();
    without.remove(sign_off);
    assert!(matches!(look(&without), Err(Refusal::TakenOut { .. })));
}

#[test]
fn a_packet_without_a_commit_is_about_what_was_handed_in() {
    let home = Home::new();
    let research = Packet { commit: None, tree: None, base: None, ..full() };
    let statement = packet_statement(&research).expect("a statement");
    let names: Vec<&str> = statement.subject.iter().map(|it| it.name.as_str()).collect();
    assert_eq!(names, ["packet", "artifact: plan.md"]);
    assert_eq!(home.looks_at(&home.seals(&statement)), Ok(()));
    let mut dressed_up = statement;
    let digest = [("gitCommit".to_owned(), COMMIT.to_owned())].into();
    dressed_up.subject.push(Subject { name: "commit".into(), digest });
    assert!(matches!(home.refuses(&dressed_up), Refusal::OtherSubject { what: "commit", .. }));
}

#[test]
fn a_new_key_signs_after_a_rotation_and_what_the_old_one_signed_stays_verifiable() {
    let home = Home::new();
    let (before, old) = (home.sealed(&full()), home.signer().public().id().clone());
    let new = home.keys().rotate().expect("rotated");
    assert_ne!(*new.id(), old);
    let after = home.sealed(&full());
    assert_eq!(after.signatures[0].keyid, new.id().as_str());
    assert_eq!(home.trusted().len(), 2);
    assert_eq!((home.looks_at(&before), home.looks_at(&after)), (Ok(()), Ok(())));
    std::fs::remove_file(home.keys().public_dir().join(format!("{old}.pem"))).expect("removed");
    assert!(matches!(home.looks_at(&before), Err(Refusal::UnknownKey { known: 1, .. })));
}

#[test]
fn the_private_key_is_its_owners_alone_and_one_that_others_may_read_signs_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = Home::new();
    home.signer();
    let mode = |path: PathBuf| std::fs::metadata(path).expect("there").permissions().mode() & 0o777;
    assert_eq!(mode(home.private()), 0o600);
    assert_eq!(mode(home.dir.path().join("keys")), 0o700);
    let open = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(home.private(), open).expect("changed");
    let error = home.keys().signer().expect_err("refused");
    assert!(error.to_string().contains("others may read it (mode 644)"), "{error}");
    std::fs::remove_file(home.private()).expect("removed");
    std::fs::write(home.private(), "").expect("written");
    std::fs::set_permissions(home.private(), std::fs::Permissions::from_mode(0o600)).expect("set");
    assert!(matches!(home.keys().signer(), Err(Error::Key { .. })));
}

#[test]
fn two_that_make_the_first_key_at_once_sign_with_the_same_one() {
    let home = Home::new();
    let ids: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> =
            (0..8).map(|_| scope.spawn(|| home.signer().public().id().to_string())).collect();
        threads.into_iter().map(|it| it.join().expect("a key")).collect()
    });
    assert!(ids.iter().all(|it| *it == ids[0]), "{ids:?}");
    assert_eq!(home.trusted().len(), 1);
}

#[test]
fn a_public_key_under_anothers_name_and_a_private_key_in_its_place_are_refused() {
    let home = Home::new();
    let id = home.signer().public().id().to_string();
    let dir = home.keys().public_dir();
    std::fs::rename(dir.join(format!("{id}.pem")), dir.join("friend.pem")).expect("renamed");
    let error = home.keys().trusted().expect_err("refused");
    assert!(error.to_string().contains("not the id of the key"), "{error}");
    let error = Trusted::read(&home.private()).expect_err("refused");
    assert!(error.to_string().contains("holds a private key"), "{error}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "another program checks the signature")]
fn another_program_reads_the_keys_and_finds_the_signature_good() {
    let home = Home::new();
    let envelope = home.sealed(&full());
    let payload = envelope.payload_bytes().expect("base64");
    let head = format!("DSSEv1 28 application/vnd.in-toto+json {} ", payload.len());
    let at = |name: &str| home.dir.path().join(name);
    std::fs::write(at("message"), [head.as_bytes(), &payload].concat()).expect("written");
    std::fs::write(at("sig"), envelope.signatures[0].bytes().expect("base64")).expect("written");
    let id = home.signer().public().id().to_string();
    let public = home.keys().public_dir().join(format!("{id}.pem"));
    let mut command = std::process::Command::new("openssl");
    command.args(["pkeyutl", "-verify", "-rawin", "-pubin", "-inkey"]).arg(&public);
    command.arg("-sigfile").arg(at("sig")).arg("-in").arg(at("message"));
    let Ok(output) = command.output() else {
        eprintln!("skipped: no openssl here");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut command = std::process::Command::new("openssl");
    command.args(["pkey", "-noout", "-in"]).arg(home.private());
    assert!(command.status().expect("openssl").success(), "the private key is readable elsewhere");
}

/// Where the schema is kept among the documents.
fn schema_file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/packet.schema.json"))
}

#[test]
fn the_schema_among_the_documents_is_the_one_that_the_types_make() {
    let made = serde_json::to_string_pretty(&schema()).expect("a schema") + "\n";
    if std::env::var_os("MISSION_WRITE_DOCS").is_some() {
        std::fs::write(schema_file(), &made).expect("written");
    }
    let kept = std::fs::read_to_string(schema_file()).expect("the document");
    assert_eq!(kept, made, "run this test with MISSION_WRITE_DOCS=1 to write it anew");
}

#[test]
fn real_packets_fit_the_schema_and_wrong_ones_do_not() {
    let validator = jsonschema::validator_for(&schema()).expect("a schema");
    let value = serde_json::to_value(full()).expect("a packet");
    let problems: Vec<String> = validator.iter_errors(&value).map(|it| it.to_string()).collect();
    assert_eq!(problems, Vec::<String>::new());
    let research = Packet { commit: None, tree: None, base: None, ..full() };
    assert!(validator.is_valid(&serde_json::to_value(research).expect("a packet")));
    let wrong = |path: &str, with: Value| {
        let mut value = value.clone();
        *value.pointer_mut(path).expect("a field") = with;
        assert!(!validator.is_valid(&value), "{path}");
    };
    wrong("/commands/0/result", json!("fine"));
    wrong("/round", json!("two"));
    wrong("/signoffs/0/verdict", json!("approve"));
    wrong("/ships/push", json!("pushed"));
    wrong("/screenshots/0/scheme", json!("blue"));
    wrong("/files/0/added", json!(-1));
    let mut short = value.clone();
    short.as_object_mut().expect("an object").remove("gate");
    assert!(!validator.is_valid(&short), "a packet without its gate");
    // A field that the schema does not name would go unseen above.
    let named = schema();
    for field in value.as_object().expect("an object").keys() {
        assert!(named["properties"].get(field).is_some(), "the schema does not name `{field}`");
    }
}

#[test]
fn the_block_for_a_pull_request_tells_what_was_signed() {
    let home = Home::new();
    let all = exported(&home);
    let statements: Vec<Statement> = all
        .iter()
        .map(|it| {
            serde_json::from_slice(&it.payload_bytes().expect("base64")).expect("a statement")
        })
        .collect();
    let text = markdown(&statements).expect("a block");
    for part in [
        "## Evidence for MC-7",
        "### implementation · verified at `c0ffee00`",
        "| verified | `cargo test` | exit 0 | exit 0 | 3 |",
        "| **refuted** | `lint` |  | exit 3 | unknown |",
        "- `a\\|b.rs` +3 −1",
        "12.35 % differ",
        "- found: `a.rs:3` off by one",
        "Remaining risk: none #\u{200b} @\u{200b}ada",
        "- **pass** by lane:qa/claude, independent by runtime: fine",
    ] {
        assert!(text.contains(part), "`{part}` is missing in:\n{text}");
    }
    assert_eq!(markdown(&statements[1..]), None, "no packet, no block");
}
