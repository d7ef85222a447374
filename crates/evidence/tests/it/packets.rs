//! A packet's digest and what its claims came to.

use mission_domain::ids::{Commit, Digest, Tree};
use mission_domain::ticket::PacketStatus;
use mission_evidence::checks::CheckResult;
use mission_evidence::packet::{CommandEvidence, Packet, Screenshot, Ships, two_decimals};
use mission_evidence::screenshot::Scheme;

fn packet() -> Packet {
    let json = r#"{"gate":"implementation","round":1,"ticket":"MC-7","attempt":"A-31","role":"coder",
        "runtime":"codex","model":null,"commit":null,"tree":null,"base":null,"risk":null,"unknown":1}"#;
    serde_json::from_str(json).expect("a packet with only what it must have")
}

fn with_commit() -> Packet {
    let commit = Some(Commit::new("c".repeat(40)));
    Packet { base: commit.clone(), commit, tree: Some(Tree::new("d".repeat(40))), ..packet() }
}

fn command(result: CheckResult) -> CommandEvidence {
    CommandEvidence { result, ..CommandEvidence::claimed("cargo test", 0) }
}

#[test]
fn the_status_follows_from_the_content() {
    use CheckResult::{CouldNotRun, NotRerun, Refuted, Verified};
    let status = |results: &[CheckResult]| {
        let commands = results.iter().copied().map(command).collect();
        Packet { commands, ..with_commit() }.status()
    };
    assert_eq!(packet().status(), PacketStatus::Claimed);
    assert_eq!(status(&[]), PacketStatus::Verified);
    assert_eq!(status(&[NotRerun, NotRerun]), PacketStatus::Claimed);
    assert_eq!(status(&[Verified, NotRerun]), PacketStatus::Partial);
    assert_eq!(status(&[Verified, CouldNotRun]), PacketStatus::Partial);
    assert_eq!(status(&[CouldNotRun]), PacketStatus::Partial);
    assert_eq!(status(&[Verified, Verified]), PacketStatus::Verified);
    for other in [Verified, NotRerun, CouldNotRun] {
        assert_eq!(status(&[other, Refuted]), PacketStatus::Refuted);
    }
    let advisory = CommandEvidence { advisory: true, ..command(Refuted) };
    let commands = vec![command(Verified), advisory];
    assert_eq!(Packet { commands, ..with_commit() }.status(), PacketStatus::Verified);
}

#[test]
fn the_canonical_form_is_sorted_stable_and_changes_with_the_content() {
    let mut one = with_commit();
    one.screenshots.push(Screenshot {
        page: "/\"ü\n".into(),
        width: 390,
        height: 844,
        scheme: Scheme::Dark,
        before: None,
        after: Some(Digest::of(b"png")),
        difference: None,
        difference_percent: Some(two_decimals(12.345_678)),
        difference_area: None,
        not_compared: Vec::new(),
    });
    assert_eq!([0.0, 0.000_1, 0.014].map(two_decimals), [0.0, 0.01, 0.01]);
    one.commands.push(command(CheckResult::Verified));
    let text = one.canonical().expect("canonical");
    assert!(
        text.starts_with(r#"{"answers":[],"artifacts":[],"attempt":"A-31","base":""#),
        "{text}"
    );
    assert!(text.contains(r#""difference_percent":12.35"#) && !text.contains(": "), "{text}");
    let again: Packet = serde_json::from_str(&text).expect("readable");
    assert_eq!(again, one);
    assert_eq!(again.digest().expect("a digest"), one.digest().expect("a digest"));
    let other = Packet { ships: Ships::default(), risk: Some("none".into()), ..one.clone() };
    assert_ne!(other.digest().expect("a digest"), one.digest().expect("a digest"));
    assert!(text.contains(r#""ships":{"deploy":"none","push":"none","restart":"none"}"#), "{text}");
    assert!(text.contains(r#""result":"verified""#), "{text}");
}
