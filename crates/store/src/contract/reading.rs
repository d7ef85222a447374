//! Stories of reads: what is selected, in which order, and what a whole log proves.

use std::sync::Arc;

use mission_domain::ids::{TicketKey, Version};
use serde_json::json;

use super::sample::{at, begin, change, home, project, projection, row, ticket, write};
use crate::{
    Error, EventFilter, Projection, ProjectionFilter, ProjectionKind, Replayed, Snapshot, Store,
    Stream, TicketFilter,
};

async fn keys(store: &dyn Store, filter: TicketFilter) -> Vec<String> {
    let rows = store.list(&filter).await.unwrap();
    assert_eq!(store.views(&filter).await.unwrap().len(), rows.len());
    rows.iter().map(|row| row.key.to_string()).collect()
}

/// Alone and together, in both orders, up to a limit.
pub async fn tickets_are_selected_by_every_field(store: Arc<dyn Store>) {
    let web = TicketKey::new(project("WEB"), 1);
    for (key, state, role) in [
        (ticket(2), "todo", Some("coder")),
        (ticket(10), "active", Some("qa")),
        (ticket(1), "done", None),
        (web, "todo", Some("qa")),
    ] {
        let mut write = write(&key, 0, "filed");
        let row = write.snapshot.row.as_mut().unwrap();
        (row.state, row.role, row.open) = (state.into(), role.map(Into::into), state != "done");
        row.parent = (key == ticket(10)).then(|| ticket(2));
        store.append(change(write)).await.unwrap();
    }
    let all = TicketFilter::default();
    assert_eq!(keys(&*store, all.clone()).await, ["MC-1", "MC-2", "MC-10", "WEB-1"]);
    let newest = TicketFilter { newest_first: true, limit: Some(2), ..all.clone() };
    assert_eq!(keys(&*store, newest).await, ["MC-10", "MC-2"]);
    let of_project = TicketFilter { project: Some(project("WEB")), ..all.clone() };
    assert_eq!(keys(&*store, of_project).await, ["WEB-1"]);
    let states = vec!["todo".into(), "done".into()];
    let in_states = TicketFilter { states, open: Some(true), ..all.clone() };
    assert_eq!(keys(&*store, in_states).await, ["MC-2", "WEB-1"]);
    let ended = TicketFilter { open: Some(false), ..all.clone() };
    assert_eq!(keys(&*store, ended).await, ["MC-1"]);
    let of_role = TicketFilter { role: Some("qa".into()), ..all.clone() };
    assert_eq!(keys(&*store, of_role).await, ["MC-10", "WEB-1"]);
    let children = TicketFilter { parent: Some(ticket(2)), ..all.clone() };
    assert_eq!(keys(&*store, children).await, ["MC-10"]);
    let named = TicketFilter { keys: vec![ticket(1), ticket(99)], ..all.clone() };
    assert_eq!(keys(&*store, named).await, ["MC-1"]);
    let nothing = TicketFilter { states: vec!["'; --".into()], ..all };
    assert_eq!(keys(&*store, nothing).await, Vec::<String>::new());
    assert_eq!(store.last_number(&project("MC")).await.unwrap(), 10);
    assert_eq!(store.last_number(&project("NONE")).await.unwrap(), 0);
}

/// By kind, ticket and state; their numbers count over the home.
pub async fn projections_are_selected_and_counted(store: Arc<dyn Store>) {
    let (first, second) = (ticket(1), ticket(2));
    let mut write_first = write(&first, 0, "filed");
    write_first.projections = vec![
        projection(ProjectionKind::Message, "M-2", 2, &first),
        projection(ProjectionKind::Message, "M-1", 1, &first),
        projection(ProjectionKind::Attempt, "A-1", 1, &first),
    ];
    let mut write_second = write(&second, 0, "filed");
    write_second.projections = vec![projection(ProjectionKind::Message, "M-10", 10, &second)];
    store.append(change(write_first)).await.unwrap();
    store.append(change(write_second)).await.unwrap();
    let mut sent = write(&first, 1, "sent");
    let delivered = projection(ProjectionKind::Message, "M-1", 1, &first);
    let delivered = Projection { state: "delivered".into(), doc: "{}".into(), ..delivered };
    sent.projections = vec![delivered.clone()];
    store.append(change(sent)).await.unwrap();

    let messages = ProjectionFilter::of(ProjectionKind::Message);
    assert_eq!(ids(&*store, messages.clone()).await, ["M-1", "M-2", "M-10"]);
    let newest = ProjectionFilter { newest_first: true, limit: Some(1), ..messages.clone() };
    assert_eq!(ids(&*store, newest).await, ["M-10"]);
    assert_eq!(ids(&*store, messages.clone().about(&first)).await, ["M-1", "M-2"]);
    assert_eq!(ids(&*store, messages.in_states(&["queued"])).await, ["M-2", "M-10"]);
    let one = store.projection(ProjectionKind::Message, "M-1").await.unwrap();
    assert_eq!(one, Some(delivered));
    assert_eq!(store.projection(ProjectionKind::Packet, "M-1").await.unwrap(), None);
    assert_eq!(store.last_ord(ProjectionKind::Message).await.unwrap(), 10);
    assert_eq!(store.last_ord(ProjectionKind::Packet).await.unwrap(), 0);
}

async fn ids(store: &dyn Store, filter: ProjectionFilter) -> Vec<String> {
    store.projections(&filter).await.unwrap().into_iter().map(|found| found.id).collect()
}

/// And from both ends.
pub async fn events_are_selected_by_project_ticket_kind_and_time(store: Arc<dyn Store>) {
    begin(&*store, 1).await.unwrap();
    store.append(change(home(0, "begun"))).await.unwrap();
    begin(&*store, 2).await.unwrap();
    let mut late = write(&ticket(1), 1, "noted");
    late.events[0].at = at(100);
    store.append(change(late)).await.unwrap();
    let all = EventFilter::default();
    assert_eq!(seqs(&*store, all.clone()).await, [1, 2, 3, 4]);
    assert_eq!(seqs(&*store, EventFilter { after: 2, ..all.clone() }).await, [3, 4]);
    let of_project = EventFilter { project: Some(project("MC")), ..all.clone() };
    assert_eq!(seqs(&*store, of_project).await, [1, 3, 4]);
    let of_ticket = EventFilter { ticket: Some(ticket(1)), ..all.clone() };
    assert_eq!(seqs(&*store, of_ticket).await, [1, 4]);
    let of_kind = EventFilter { kinds: vec!["begun".into()], ..all.clone() };
    assert_eq!(seqs(&*store, of_kind).await, [2]);
    let of_kinds = EventFilter { kinds: vec!["begun".into(), "noted".into()], ..all.clone() };
    assert_eq!(seqs(&*store, of_kinds).await, [2, 4]);
    let since = EventFilter { since: Some(at(100)), ..all.clone() };
    assert_eq!(seqs(&*store, since).await, [4]);
    let newest = EventFilter { newest_first: true, limit: Some(2), ..all.clone() };
    assert_eq!(seqs(&*store, newest).await, [4, 3]);
    assert_eq!(seqs(&*store, EventFilter { after: 4, ..all }).await, [0; 0]);
}

async fn seqs(store: &dyn Store, filter: EventFilter) -> Vec<u64> {
    store.events(&filter).await.unwrap().iter().map(|event| event.seq).collect()
}

/// With what the dispatcher needs of them.
pub async fn only_open_tickets_are_loaded_at_the_start(store: Arc<dyn Store>) {
    begin(&*store, 2).await.unwrap();
    begin(&*store, 1).await.unwrap();
    let mut ended = write(&ticket(2), 1, "ended");
    ended.snapshot.row.as_mut().unwrap().open = false;
    store.append(change(ended)).await.unwrap();
    let open = store.open_tickets().await.unwrap();
    let aggregate = write(&ticket(1), 0, "filed").snapshot.aggregate;
    assert_eq!(open, [(ticket(1), aggregate, Version(1))]);
}

/// Every stream's events are there for whoever replays them.
pub async fn a_sound_log_verifies_and_replays(store: Arc<dyn Store>) {
    for number in 1..=3 {
        begin(&*store, number).await.unwrap();
        store.append(change(write(&ticket(number), 1, "noted"))).await.unwrap();
    }
    store.append(change(home(0, "begun"))).await.unwrap();
    let verification = store.verify().await.unwrap();
    assert_eq!((verification.events, verification.findings), (7, vec![]));
    let mut streams = store.streams().await.unwrap();
    streams.sort();
    assert_eq!(streams.len(), 4);
    let mut replayed = 0;
    for stream in &streams {
        let events = store.replayable(stream).await.unwrap();
        let (_, version) = store.load(stream).await.unwrap();
        assert_eq!(events.last().and_then(|event| event.version), Some(version));
        replayed += events.len();
    }
    assert_eq!(replayed, 7);
}

/// At the version that was replayed, and at no other.
pub async fn a_snapshot_is_rebuilt_without_an_event(store: Arc<dyn Store>) {
    begin(&*store, 1).await.unwrap();
    let stream = Stream::Ticket(ticket(1));
    let snapshot = Snapshot { aggregate: "{\"new\":1}".into(), row: Some(row(&ticket(1))) };
    let attempt = projection(ProjectionKind::Attempt, "A-1", 1, &ticket(1));
    let projections = vec![attempt.clone()];
    let replayed = Replayed {
        stream: stream.clone(),
        seen: Version(1),
        snapshot: snapshot.clone(),
        projections,
    };
    assert_eq!(store.rebuild(vec![replayed.clone()]).await.unwrap(), []);
    assert_eq!(store.load(&stream).await.unwrap(), ("{\"new\":1}".into(), Version(1)));
    let kept = store.projection(ProjectionKind::Attempt, "A-1").await.unwrap();
    assert_eq!(kept, Some(attempt));
    begin(&*store, 2).await.unwrap();
    let other = Snapshot { row: Some(row(&ticket(2))), ..snapshot };
    let second = Stream::Ticket(ticket(2));
    let of_second = Replayed { stream: second.clone(), snapshot: other, ..replayed.clone() };
    let early = Snapshot { aggregate: "{\"early\":1}".into(), ..replayed.snapshot.clone() };
    let early = Replayed { seen: Version(0), snapshot: early, ..replayed };
    let both = vec![early, Replayed { projections: Vec::new(), ..of_second.clone() }];
    let moved = store.rebuild(both).await.unwrap();
    assert_eq!(moved.iter().collect::<Vec<_>>(), [&stream]);
    assert_eq!(store.load(&stream).await.unwrap().0, "{\"new\":1}");
    assert_eq!(store.load(&second).await.unwrap().0, "{\"new\":1}");
    let stolen = vec![projection(ProjectionKind::Attempt, "A-1", 1, &ticket(2))];
    assert!(store.rebuild(vec![Replayed { projections: stolen, ..of_second }]).await.is_err());
    assert_eq!(store.verify().await.unwrap().findings, []);
}

/// Nothing before anybody said, and then the last that was said.
pub async fn what_rows_were_made_by_is_kept(store: Arc<dyn Store>) {
    assert_eq!(store.shape().await.unwrap(), None);
    for shape in ["one", "two", "two"] {
        store.keep_shape(shape).await.unwrap();
        assert_eq!(store.shape().await.unwrap().as_deref(), Some(shape));
    }
    assert_eq!(store.verify().await.unwrap().findings, []);
}

/// Not empty, and not a failure of the store.
pub async fn what_is_not_there_is_missing(store: Arc<dyn Store>) {
    assert!(matches!(store.view(&ticket(1)).await, Err(Error::Missing(_))));
    assert!(matches!(store.load(&Stream::Home).await, Err(Error::Missing(_))));
    assert_eq!(store.replayable(&Stream::Home).await.unwrap(), []);
    assert_eq!(store.list(&TicketFilter::default()).await.unwrap(), []);
    assert_eq!(store.watermark().await.unwrap(), 0);
    assert_eq!(store.open_tickets().await.unwrap(), []);
    assert_eq!(store.verify().await.unwrap().events, 0);
}

/// Quotes, line ends, emoji, and NUL where JSON can carry it.
pub async fn any_text_survives(store: Arc<dyn Store>) {
    let text = "a'b\"c\\d\n\u{1F980}\u{0}\u{7f},]}";
    let mut write = write(&ticket(1), 0, "filed");
    write.events[0].body = json!({"text": text, text: [text]});
    let row = write.snapshot.row.as_mut().unwrap();
    (row.title, row.labels) = (text.into(), vec![text.into(), "two,\"three".into()]);
    row.view = json!({"title": text}).to_string();
    write.snapshot.aggregate = json!({"title": text}).to_string();
    let expected = write.clone();
    store.append(change(write)).await.unwrap();
    let kept = &store.list(&TicketFilter::default()).await.unwrap()[0];
    let row = expected.snapshot.row.unwrap();
    assert_eq!((&kept.title, &kept.labels), (&row.title, &row.labels));
    assert_eq!(store.view(&ticket(1)).await.unwrap(), row.view);
    let (aggregate, _) = store.load(&Stream::Ticket(ticket(1))).await.unwrap();
    assert_eq!(aggregate, expected.snapshot.aggregate);
    let event = &store.events(&EventFilter::default()).await.unwrap()[0];
    assert_eq!(event.body, expected.events[0].body);
    assert_eq!(store.verify().await.unwrap().findings, []);
}
