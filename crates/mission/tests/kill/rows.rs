//! A home with rows of an earlier version: the first server writes them anew, over kills in the middle of it.

use std::os::unix::process::ExitStatusExt as _;

use mission_domain::ids::TicketKey;
use mission_store::{Replayed, Role, Snapshot, Store, Stream, TicketFilter, open_sqlite};

use crate::demo::{Demo, Server};

/// More than are written in one transaction, so that a kill comes between two.
const TICKETS: u64 = 200;

/// A repository's home with tickets that are set aside, whose rows all say something in older words.
fn aged_home() -> Demo {
    let demo = Demo::prepare();
    let mut server = Server::up(&demo);
    for number in 0..TICKETS {
        let (is_good, said) = demo.mission(&[
            "ticket",
            "new",
            &format!("Number {number}"),
            "--park",
            "--project",
            "HB",
        ]);
        assert!(is_good, "{said}");
    }
    server.kill();
    demo.kill_runner();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(async {
        let store = open_sqlite(&demo.home(), Role::Controller).await.expect("the store opens");
        for row in store.list(&TicketFilter::default()).await.expect("rows") {
            ages(&*store, &row.key).await;
        }
        store.keep_shape("an earlier version").await.expect("kept");
        store.close().await;
    });
    demo
}

async fn ages(store: &dyn Store, key: &TicketKey) {
    let stream = Stream::Ticket(key.clone());
    let (aggregate, seen) = store.load(&stream).await.expect("a record");
    let filter = TicketFilter { keys: vec![key.clone()], ..TicketFilter::default() };
    let mut row = store.list(&filter).await.expect("a row").pop().expect("a row");
    let view = store.view(key).await.expect("a document");
    let mut view: serde_json::Value = serde_json::from_str(&view).expect("a document");
    view["reason"]["text"] = "an older way to say it".into();
    (row.view, row.next) = (view.to_string(), "older".into());
    let snapshot = Snapshot { aggregate, row: Some(row) };
    let replayed = Replayed { stream, seen, snapshot, projections: Vec::new() };
    assert_eq!(store.rebuild(vec![replayed]).await.expect("written"), []);
}

/// Returns how many tickets have older rows, in a home of which nothing else is wrong.
fn older_rows(demo: &Demo) -> u64 {
    let (is_good, said) = demo.mission(&["fsck", "--json"]);
    assert!(is_good, "older rows are no damage: {said}");
    let report: serde_json::Value = serde_json::from_str(&said).expect("a report");
    report["older_rows"].as_u64().expect("a number")
}

#[test]
fn rows_of_an_earlier_version_are_written_anew_by_the_next_server_over_kills_in_the_middle() {
    let demo = aged_home();
    assert_eq!(older_rows(&demo), TICKETS);
    let (_, said) = demo.mission(&["fsck"]);
    assert!(said.starts_with("clean: "), "{said}");
    assert!(said.contains("`mission up` writes them anew"), "{said}");
    for (point, left) in [("before_commit", TICKETS), ("after_commit", 72), ("after_commit", 0)] {
        let mut up = demo.command(&["up", "--listen", "127.0.0.1:0"]);
        let ended = up.env("MISSION_CRASH", format!("rebuild.{point}:1")).output();
        assert_eq!(ended.expect("it ran").status.signal(), Some(9), "{point}");
        assert_eq!(older_rows(&demo), left, "{point}");
    }
    let server = Server::up(&demo);
    let (is_good, said) = demo.mission(&["ticket", "list", "--json"]);
    assert!(is_good && !said.contains("older"), "{said}");
    server.stops(&demo);
    assert_eq!(older_rows(&demo), 0);
}

#[test]
fn a_command_without_a_server_shows_what_the_events_tell_and_no_older_row() {
    let demo = aged_home();
    let (is_good, said) = demo.mission(&["ticket", "show", "HB-1", "--json"]);
    assert!(is_good && !said.contains("older"), "{said}");
    let (is_good, said) = demo.mission(&["ticket", "list", "--json"]);
    assert!(is_good && !said.contains("older"), "{said}");
    assert_eq!(older_rows(&demo), 0);
}
