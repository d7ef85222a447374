//! Frozen samples: what this version and the one before wrote must stay readable. Add samples, never change one.

use mission_domain::ids::MessageId;
use mission_runtime::record::{ExitRecord, Numbered, Record, StopCause};
use mission_runtime::shim_protocol::{Greeting, PROTOCOL, Reply, Request};
use serde::de::DeserializeOwned;

#[track_caller]
fn read<T: DeserializeOwned>(sample: &str) -> T {
    serde_json::from_str(sample).unwrap_or_else(|e| panic!("{sample}: {e}"))
}

#[test]
fn the_first_versions_hello_is_read() {
    assert_eq!(read::<Greeting>(r#"{"hello":{"protocol":1}}"#).hello.protocol, 1);
    let more: Greeting = read(r#"{"hello":{"protocol":2,"attempt":"A-1","epoch":3,"later":true}}"#);
    assert!(more.hello.protocol > PROTOCOL);
}

#[test]
fn the_first_versions_requests_are_read() {
    let m = vec![MessageId(2)];
    let samples = [
        (
            r#"{"op":"report","value":{"a":1}}"#,
            Request::Report { value: serde_json::json!({"a":1}) },
        ),
        (r#"{"op":"evidence","value":null}"#, Request::Evidence { value: serde_json::Value::Null }),
        (
            r#"{"op":"input","messages":["M-2"],"text":"t","who":"w"}"#,
            Request::Input { messages: m.clone(), text: "t".into(), who: "w".into() },
        ),
        (
            r#"{"op":"turn","messages":["M-2"],"text":"t"}"#,
            Request::Turn { messages: m, text: "t".into() },
        ),
        (r#"{"op":"stop","grace_ms":5,"by":"b"}"#, Request::Stop { grace_ms: 5, by: "b".into() }),
        (r#"{"op":"status"}"#, Request::Status),
        (r#"{"op":"subscribe","after_record":7}"#, Request::Subscribe { after_record: 7 }),
        (r#"{"op":"tail","offset":9}"#, Request::Tail { offset: 9 }),
        (r#"{"op":"later","x":{}}"#, Request::Unknown),
    ];
    for (sample, wanted) in samples {
        assert_eq!(read::<Request>(sample), wanted);
    }
}

#[test]
fn the_first_versions_replies_are_read() {
    assert_eq!(read::<Reply>(r#"{"reply":"ack","record":5}"#), Reply::Ack { record: 5 });
    let refused = Reply::Refused { code: "busy".into(), text: "t".into() };
    assert_eq!(read::<Reply>(r#"{"reply":"refused","code":"busy","text":"t"}"#), refused);
    let tail = Reply::Tail { offset: 0, next: 1, data: "YQ==".into() };
    assert_eq!(read::<Reply>(r#"{"reply":"tail","offset":0,"next":1,"data":"YQ=="}"#), tail);
    let status = r#"{"reply":"status","status":{"pid":7,"turns":1,"queued":0,"journal_bytes":6,"last_record":2,"cpu_ms":10,"quiet_ms":3,"stopping":false}}"#;
    assert!(matches!(read(status), Reply::Status { status } if status.pid == Some(7)));
    assert_eq!(read::<Reply>(r#"{"reply":"later"}"#), Reply::Unknown);
}

#[test]
fn the_first_versions_records_are_read() {
    let lines = [
        r#"{"number":1,"at":"2026-01-01T00:00:00Z","kind":"started","turn":1,"pid":7,"pid_start_time":99}"#,
        r#"{"number":2,"at":"2026-01-01T00:00:00Z","kind":"turn_delivered","turn":1,"messages":["M-1"]}"#,
        r#"{"number":3,"at":"2026-01-01T00:00:00Z","kind":"report","value":{"summary":"x"}}"#,
        r#"{"number":4,"at":"2026-01-01T00:00:00Z","kind":"evidence","value":[1]}"#,
        r#"{"number":5,"at":"2026-01-01T00:00:00Z","kind":"input","who":"controller","messages":[],"text":"x"}"#,
        r#"{"number":6,"at":"2026-01-01T00:00:00Z","kind":"turn_ended","turn":1,"exit_code":0,"signal":null,"markers":{"kind":"one","marker":"done","text":"x"}}"#,
    ];
    for (number, line) in (1..).zip(lines) {
        let entry: Numbered = read(line);
        assert_eq!(entry.number, number);
        assert_ne!(entry.record, Record::Unknown, "{line}");
    }
}

#[test]
fn the_first_versions_exit_record_is_read() {
    let sample = r#"{"attempt":"A-1","epoch":1,"exit_code":null,"signal":15,"core":false,"max_rss_bytes":4628480,"wall_ms":76,
        "user_ms":2,"system_ms":2,"oom":{"verdict":"no","how":"it did not die by SIGKILL"},"stop_cause":{"kind":"stopped","by":"person:ada"},
        "orphans":[{"pid":8,"comm":"sleep","ended":true}],"turns":1,"undelivered":["M-3"],"last_output":"x",
        "last_tool":{"kind":"unknown","why":"y"},"markers":{"kind":"none"},"journal_bytes":1,"ended_at":"2026-01-01T00:00:00Z"}"#;
    let exit: ExitRecord = read(sample);
    assert_eq!(exit.stop_cause, StopCause::Stopped { by: "person:ada".into() });
    assert_eq!(exit.undelivered, vec![MessageId(3)]);
}
