//! Rows are made of events: those that an earlier version wrote are told from damage, and written anew.

use mission_control::Control;
use mission_domain::ids::TicketKey;
use mission_store::{ProjectionFilter, ProjectionKind, Replayed, Snapshot, Stream, TicketFilter};

use crate::stage::Stage;

/// Every kind of row, as the store keeps it.
#[derive(Debug, PartialEq)]
struct Kept {
    aggregates: Vec<String>,
    views: Vec<String>,
    lists: String,
    attempts: Vec<mission_store::Projection>,
}

async fn kept(control: &Control) -> Kept {
    let store = control.store();
    let mut aggregates = Vec::new();
    for stream in store.streams().await.expect("streams") {
        aggregates.push(store.load(&stream).await.expect("a record").0);
    }
    let all = TicketFilter::default();
    let attempts = ProjectionFilter::of(ProjectionKind::Attempt);
    Kept {
        aggregates,
        views: store.views(&all).await.expect("documents"),
        lists: store.rows(&all).await.expect("rows"),
        attempts: store.projections(&attempts).await.expect("attempts"),
    }
}

/// Lets the rows of a ticket be what another program made of the same events: other words, and a field less.
async fn ages(control: &Control, key: &TicketKey) {
    let (store, stream) = (control.store(), Stream::Ticket(key.clone()));
    let (aggregate, seen) = store.load(&stream).await.expect("a record");
    let filter = TicketFilter { keys: vec![key.clone()], ..TicketFilter::default() };
    let mut row = store.list(&filter).await.expect("a row").pop().expect("a row");
    let view = store.view(key).await.expect("a document");
    let mut view: serde_json::Value = serde_json::from_str(&view).expect("a document");
    view["reason"]["text"] = "an older way to say it".into();
    view.as_object_mut().expect("a document").remove("approvals").expect("a field");
    (row.view, row.next) = (view.to_string(), "older".into());
    let attempts = ProjectionFilter::of(ProjectionKind::Attempt).about(key);
    let mut projections = store.projections(&attempts).await.expect("attempts");
    for attempt in &mut projections {
        let mut doc: serde_json::Value = serde_json::from_str(&attempt.doc).expect("a document");
        doc.as_object_mut().expect("a document").remove("usage").expect("a field");
        attempt.doc = doc.to_string();
    }
    let snapshot = Snapshot { aggregate, row: Some(row) };
    let replayed = Replayed { stream, seen, snapshot, projections };
    assert_eq!(store.rebuild(vec![replayed]).await.expect("written"), []);
}

#[tokio::test]
async fn rows_of_an_earlier_version_are_no_damage_and_are_written_anew_from_the_events() {
    let stage = Stage::new().await;
    let attempt = stage.starts().await;
    let (control, key) = (&stage.control, &stage.ticket);
    assert!(stage.look().await.attempt(attempt).is_some());
    let now = kept(control).await;
    assert!(!control.rows_are_older().await.expect("known"), "a new home is of this version");
    assert_eq!(control.fsck().await.expect("looked at").findings, []);

    ages(control, key).await;
    let aged = kept(control).await;
    assert_ne!((&aged.views, &aged.lists, &aged.attempts), (&now.views, &now.lists, &now.attempts));
    let found = control.fsck().await.expect("looked at").findings;
    let found: Vec<_> = found.iter().map(|it| format!("{}: {}", it.kind, it.text)).collect();
    assert_eq!(
        found,
        [
            format!("projection: the document of {key} is not what its events tell"),
            format!("projection: what lists show of {key} is not what its events tell"),
            format!("projection: the rows of {key} are not what its events tell"),
        ],
        "by this version it is damage"
    );
    assert_eq!(control.renew_rows().await.expect("nothing to do"), 0, "damage is not covered up");
    assert_eq!(kept(control).await, aged);

    control.store().keep_shape("an earlier version").await.expect("kept");
    let report = control.fsck().await.expect("looked at");
    assert_eq!((report.findings, report.older_rows), (vec![], 1));
    assert_eq!(control.renew_rows().await.expect("written anew"), 1);
    assert_eq!(kept(control).await, now);
    let report = control.fsck().await.expect("looked at");
    assert_eq!((report.findings, report.older_rows), (vec![], 0));
    assert_eq!(control.renew_rows().await.expect("nothing to do"), 0);
}

#[tokio::test]
async fn what_one_command_wrote_on_an_older_home_does_not_hide_the_rest() {
    let mut stage = Stage::new().await;
    stage.starts().await;
    let first = stage.ticket.clone();
    ages(&stage.control, &first).await;
    stage.control.store().keep_shape("an earlier version").await.expect("kept");
    stage.files_another().await;
    let report = stage.control.fsck().await.expect("looked at");
    assert_eq!((report.findings, report.older_rows), (vec![], 1));
    assert_eq!(stage.control.renew_rows().await.expect("written anew"), 1);
    assert_eq!(stage.control.fsck().await.expect("looked at").older_rows, 0);
}

#[tokio::test]
async fn a_record_of_the_home_from_an_earlier_version_is_written_anew_too() {
    let stage = Stage::new().await;
    let store = stage.control.store();
    let (aggregate, seen) = store.load(&Stream::Home).await.expect("a record");
    let mut older: serde_json::Value = serde_json::from_str(&aggregate).expect("a record");
    older["projects"] = serde_json::json!({});
    let snapshot = Snapshot { aggregate: older.to_string(), row: None };
    let replayed = Replayed { stream: Stream::Home, seen, snapshot, projections: Vec::new() };
    store.rebuild(vec![replayed]).await.expect("written");
    store.keep_shape("an earlier version").await.expect("kept");
    let report = stage.control.fsck().await.expect("looked at");
    assert_eq!((report.findings, report.older_rows), (vec![], 1));
    stage.control.renew_rows().await.expect("written anew");
    assert_eq!(store.load(&Stream::Home).await.expect("a record"), (aggregate, seen));
    assert_eq!(stage.control.home().projects.len(), 1, "the controller knows it again");
}
