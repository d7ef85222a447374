//! Stories of changes: whole or not at all, once, in order.

use std::collections::BTreeSet;
use std::sync::Arc;

use mission_domain::ids::Version;
use serde_json::json;

use super::sample::{
    asked, at, begin, change, event, home, project, projection, take, ticket, write,
};
use crate::{Change, Error, EventFilter, MAX_BODY, ProjectionKind, Store, Stream, TicketFilter};

/// The documents come back equal, floats and all.
pub async fn a_ticket_and_its_events_come_back_as_they_were_written(store: Arc<dyn Store>) {
    let mut first = write(&ticket(1), 0, "filed");
    first.events.push(event("noted"));
    let appended = store.append(change(first.clone())).await.unwrap();
    assert_eq!((appended.first, appended.last), (1, 2));
    let (aggregate, version) = store.load(&Stream::Ticket(ticket(1))).await.unwrap();
    assert_eq!((aggregate, version), (first.snapshot.aggregate, Version(2)));
    let row = first.snapshot.row.unwrap();
    assert_eq!(store.view(&ticket(1)).await.unwrap(), row.view);
    assert_eq!(store.views(&TicketFilter::default()).await.unwrap(), vec![row.view.clone()]);
    let bare = crate::TicketRow { view: String::new(), ..row };
    assert_eq!(store.list(&TicketFilter::default()).await.unwrap(), [bare]);
    assert_eq!(store.events(&EventFilter::default()).await.unwrap(), appended.events);
    assert_eq!(store.replayable(&Stream::Ticket(ticket(1))).await.unwrap(), appended.events);
    let [filed, noted] = appended.events.as_slice() else { panic!("two events") };
    assert_eq!((filed.seq, filed.version, filed.kind.as_str()), (1, Some(Version(1)), "filed"));
    assert_eq!(filed.project.as_deref(), Some("MC"));
    assert_eq!(filed.ticket.as_deref(), Some("MC-1"));
    assert_eq!(filed.prev, crate::chain::GENESIS);
    assert_eq!((&noted.prev, noted.version), (&filed.hash, Some(Version(2))));
    assert_eq!(noted.hash, crate::chain::hash(noted));
}

/// Neither events nor the state of a change that came too late are kept.
pub async fn a_version_that_was_not_seen_is_a_conflict_and_writes_nothing(store: Arc<dyn Store>) {
    begin(&*store, 1).await.unwrap();
    store.append(change(write(&ticket(1), 1, "first"))).await.unwrap();
    let refused = store.append(change(write(&ticket(1), 1, "second"))).await;
    let Err(Error::Conflict { stream, current }) = refused else { panic!("{refused:?}") };
    assert_eq!((stream.as_str(), current), ("MC-1", Version(2)));
    let ahead = store.append(change(write(&ticket(1), 3, "third"))).await;
    assert!(matches!(ahead, Err(Error::Conflict { .. })), "{ahead:?}");
    let (aggregate, _) = store.load(&Stream::Ticket(ticket(1))).await.unwrap();
    assert!(aggregate.contains("first"), "{aggregate}");
    assert_eq!(store.watermark().await.unwrap(), 2);
    store.append(change(home(0, "begun"))).await.unwrap();
    let again = store.append(change(home(0, "begun"))).await;
    assert!(matches!(again, Err(Error::Conflict { .. })), "{again:?}");
}

/// Two that file the next ticket at once: the later one takes the next number.
pub async fn a_new_ticket_whose_key_is_used_is_taken(store: Arc<dyn Store>) {
    begin(&*store, 1).await.unwrap();
    let refused = begin(&*store, 1).await;
    assert!(matches!(&refused, Err(Error::Taken(key)) if key == "MC-1"), "{refused:?}");
    let missing = store.append(change(write(&ticket(2), 4, "noted"))).await;
    assert!(matches!(&missing, Err(Error::Missing(key)) if key == "MC-2"), "{missing:?}");
}

/// Ids that count over the home belong to whoever wrote them first.
pub async fn an_id_of_another_stream_is_taken(store: Arc<dyn Store>) {
    let with_attempt = |number, seen| {
        let key = ticket(number);
        let mut write = write(&key, seen, "claimed");
        write.projections.push(projection(ProjectionKind::Attempt, "A-1", 1, &key));
        change(write)
    };
    store.append(with_attempt(1, 0)).await.unwrap();
    let refused = store.append(with_attempt(2, 0)).await;
    assert!(matches!(&refused, Err(Error::Taken(id)) if id == "A-1"), "{refused:?}");
    store.append(with_attempt(1, 1)).await.unwrap();
    assert_eq!(store.streams().await.unwrap(), [Stream::Ticket(ticket(1))]);
    let mut both = with_attempt(3, 0);
    both.writes[0].projections[0].id = "A-2".into();
    both.writes.push(both.writes[0].clone());
    both.writes[1].stream = Stream::Ticket(ticket(4));
    both.writes[1].snapshot.row = Some(super::sample::row(&ticket(4)));
    assert!(store.append(both).await.is_err(), "one id in two streams of one change");
}

/// The second write of a change is refused, so the first one is not there either.
pub async fn one_bad_part_keeps_the_whole_change_out(store: Arc<dyn Store>) {
    begin(&*store, 1).await.unwrap();
    let writes = vec![write(&ticket(2), 0, "filed"), write(&ticket(1), 7, "noted")];
    let refused = store.append(Change { writes, idempotency: None }).await;
    assert!(matches!(refused, Err(Error::Conflict { .. })), "{refused:?}");
    assert!(matches!(store.view(&ticket(2)).await, Err(Error::Missing(_))));
    assert_eq!(store.watermark().await.unwrap(), 1);
}

/// Events of several streams lie together, and each chain goes its own way.
pub async fn a_change_of_several_streams_is_one_piece(store: Arc<dyn Store>) {
    begin(&*store, 1).await.unwrap();
    let other = mission_domain::ids::TicketKey::new(project("WEB"), 1);
    let writes = vec![
        write(&ticket(2), 0, "filed"),
        home(0, "begun"),
        write(&other, 0, "filed"),
        write(&ticket(1), 1, "noted"),
    ];
    let done = store.append(Change { writes, idempotency: None }).await.unwrap();
    assert_eq!((done.first, done.last), (2, 5));
    let projects: Vec<_> = done.events.iter().map(|e| e.project.as_deref()).collect();
    assert_eq!(projects, [Some("MC"), None, Some("WEB"), Some("MC")]);
    assert_eq!(done.events[3].prev, done.events[0].hash);
    assert_eq!(done.events[1].prev, crate::chain::GENESIS);
    assert_eq!(done.events[1].version, Some(Version(1)));
    assert_eq!(store.verify().await.unwrap().findings, []);
}

/// A repeated request gets the first answer, even where its version has long gone by.
pub async fn a_request_that_comes_twice_is_done_once(store: Arc<dyn Store>) {
    begin(&*store, 1).await.unwrap();
    let request = asked(write(&ticket(1), 1, "noted"), "k-1");
    store.append(request.clone()).await.unwrap();
    let again = store.append(request.clone()).await;
    let Err(Error::Replayed { answer }) = again else { panic!("{again:?}") };
    assert_eq!(answer, json!({"done": "k-1"}));
    assert_eq!(store.watermark().await.unwrap(), 2);
    let mut of_another = request.clone();
    of_another.writes[0].seen = Version(2);
    of_another.idempotency.as_mut().unwrap().principal = "person:bob".into();
    store.append(of_another).await.unwrap();
    let many = (0..8).map(|_| store.append(asked(write(&ticket(1), 3, "noted"), "k-2")));
    let outcomes = futures::future::join_all(many).await;
    assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    let replayed = |outcome: &&crate::Result<_>| matches!(outcome, Err(Error::Replayed { .. }));
    assert_eq!(outcomes.iter().filter(replayed).count(), 7);
}

/// Whether they share a commit or not.
pub async fn of_two_writers_that_race_exactly_one_wins(store: Arc<dyn Store>) {
    begin(&*store, 1).await.unwrap();
    for seen in 1..40 {
        let left = store.append(change(write(&ticket(1), seen, "left")));
        let right = store.append(change(write(&ticket(1), seen, "right")));
        let (left, right) = tokio::join!(left, right);
        let lost = match (left, right) {
            (Ok(_), Err(lost)) | (Err(lost), Ok(_)) => lost,
            both => panic!("{both:?}"),
        };
        assert!(matches!(lost, Error::Conflict { .. }), "{lost:?}");
    }
    assert_eq!(store.watermark().await.unwrap(), 40);
}

/// The engine itself refuses one of them; the others are kept all the same.
pub async fn a_bad_change_takes_none_of_its_group_with_it(store: Arc<dyn Store>) {
    let changes = (1..=60).map(|number| {
        let mut write = write(&ticket(number), 0, "filed");
        if number % 20 == 0 {
            write.snapshot.row.as_mut().unwrap().priority = 9;
        }
        store.append(change(write))
    });
    let outcomes = futures::future::join_all(changes).await;
    for (number, outcome) in (1..).zip(&outcomes) {
        match outcome {
            Ok(_) => assert_ne!(number % 20, 0),
            Err(Error::Invalid(_)) => assert_eq!(number % 20, 0),
            Err(other) => panic!("{number}: {other:?}"),
        }
    }
    assert_eq!(store.streams().await.unwrap().len(), 57);
    let verification = store.verify().await.unwrap();
    assert_eq!((verification.events, verification.findings), (57, vec![]));
}

/// 64 KiB of JSON, and not one byte more.
pub async fn a_body_above_the_limit_is_refused_and_one_at_the_limit_is_kept(store: Arc<dyn Store>) {
    let of_size = |bytes: usize| {
        let mut write = write(&ticket(1), 0, "filed");
        write.events[0].body = "x".repeat(bytes - 2).into();
        store.append(change(write))
    };
    let refused = of_size(MAX_BODY + 1).await;
    let Err(Error::TooLarge { bytes, .. }) = refused else { panic!("{refused:?}") };
    assert_eq!(bytes, MAX_BODY + 1);
    of_size(MAX_BODY).await.unwrap();
}

/// Not later by one engine, and with the reason.
pub async fn what_no_engine_can_keep_is_refused(store: Arc<dyn Store>) {
    let mut with_nul = write(&ticket(1), 0, "filed");
    with_nul.events[0].principal = "person:a\0da".into();
    let mut without_row = write(&ticket(1), 0, "filed");
    without_row.snapshot.row = None;
    let mut of_another = write(&ticket(1), 0, "filed");
    of_another.snapshot.row = Some(super::sample::row(&ticket(2)));
    let mut without_event = write(&ticket(1), 0, "filed");
    without_event.events.clear();
    let mut too_far = write(&ticket(1), 0, "filed");
    too_far.leases.push(take(&ticket(1), u64::MAX));
    for bad in [with_nul, without_row, of_another, without_event, too_far] {
        let refused = store.append(change(bad)).await;
        assert!(matches!(refused, Err(Error::Invalid(_))), "{refused:?}");
    }
    assert_eq!(store.watermark().await.unwrap(), 0);
}

/// Eight writers, some of whose changes are refused, and a reader that goes by the last `seq` it got.
pub async fn seq_has_no_gaps_and_a_reader_skips_nothing(store: Arc<dyn Store>) {
    const EACH: u64 = 40;
    let writers: Vec<_> =
        (1..=8).map(|number| tokio::spawn(write_many(store.clone(), number, EACH))).collect();
    let reader = tokio::spawn(read_until(store.clone(), 8 * EACH));
    let mut appended = BTreeSet::new();
    for writer in writers {
        appended.extend(writer.await.unwrap());
    }
    let whole: Vec<u64> = (1..=8 * EACH).collect();
    assert_eq!(appended.into_iter().collect::<Vec<_>>(), whole);
    assert_eq!(reader.await.unwrap(), whole);
    assert_eq!(store.verify().await.unwrap().findings, []);
}

async fn write_many(store: Arc<dyn Store>, number: u32, many: u64) -> Vec<u64> {
    let mut seqs = Vec::new();
    for seen in 0..many {
        let done = store.append(change(write(&ticket(number), seen, "noted"))).await.unwrap();
        seqs.push(done.first);
        assert!(store.append(change(write(&ticket(number), seen, "late"))).await.is_err());
    }
    seqs
}

async fn read_until(store: Arc<dyn Store>, last: u64) -> Vec<u64> {
    let mut read = Vec::new();
    while read.last() != Some(&last) {
        let after = read.last().copied().unwrap_or_default();
        let watermark = store.watermark().await.unwrap();
        let filter = EventFilter { after, limit: Some(7), ..EventFilter::default() };
        let events = store.events(&filter).await.unwrap();
        let expected = (watermark - after).min(7);
        assert!(events.len() as u64 >= expected, "events up to the watermark are readable");
        read.extend(events.iter().map(|event| event.seq));
        tokio::task::yield_now().await;
    }
    read
}

/// A client that went away cannot make its change half done.
pub async fn an_append_that_nobody_waits_for_is_done(store: Arc<dyn Store>) {
    let asking = store.clone();
    let asked = tokio::spawn(async move { begin(&*asking, 1).await });
    tokio::task::yield_now().await;
    asked.abort();
    let _ = asked.await;
    let _ = begin(&*store, 1).await;
    assert_eq!(store.watermark().await.unwrap(), 1);
    store.append(change(write(&ticket(1), 1, "noted"))).await.unwrap();
    assert_eq!(
        store
            .events(&EventFilter { since: Some(at(0)), ..EventFilter::default() })
            .await
            .unwrap()
            .len(),
        2
    );
}
