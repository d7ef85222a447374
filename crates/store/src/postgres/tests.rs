//! What only the PostgreSQL store has to prove, on real servers.

use std::sync::atomic::{AtomicBool, Ordering};

use futures::future::join_all;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _};

use super::*;
use crate::contract::postgres_server::PostgresServer;
use crate::contract::sample::{asked, begin, change, ticket, write};
use crate::{Stream, TicketFilter};

/// The step that a later version of this program might take.
const NEXT: &str = "ALTER TABLE ticket ADD COLUMN estimate BIGINT; UPDATE ticket SET estimate = 3;";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn statements_prepare_controllers_share_and_older_databases_follow() {
    let server = PostgresServer::start().await;
    every_statement_prepares(&server.database().await).await;
    four_controllers_leave_one_log_without_gaps(&server.database().await).await;
    controllers_that_start_together_migrate_once(&server.database().await).await;
    an_older_database_is_brought_up_to_date(&server.database().await).await;
    a_database_from_before_rows_had_a_shape_keeps_its_rows(&server.database().await).await;
}

async fn every_statement_prepares(url: &str) {
    open_postgres(url).await.unwrap().close().await;
    let mut connection = PgConnection::connect(url).await.unwrap();
    let statements = body::statements();
    assert!(statements.len() > 30, "{}", statements.len());
    for sql in statements {
        let prepared = connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
        assert!(prepared.is_ok(), "{sql}: {:?}", prepared.err());
    }
}

async fn four_controllers_leave_one_log_without_gaps(url: &str) {
    let stores = join_all((0..4).map(|_| open_postgres(url))).await;
    let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
    begin(&*stores[0], 1).await.unwrap();
    let mut wins = 0;
    for seen in 1..30 {
        let race =
            stores.iter().map(|store| store.append(change(write(&ticket(1), seen, "noted"))));
        let outcomes = join_all(race).await;
        let lost = outcomes.iter().filter(|o| matches!(o, Err(Error::Conflict { .. }))).count();
        assert_eq!(lost, 3, "{outcomes:?}");
        wins += outcomes.len() - lost;
    }
    assert_eq!(wins, 29);
    let verification = stores[3].verify().await.unwrap();
    assert_eq!((verification.events, verification.findings), (30, vec![]));
    for store in stores {
        store.close().await;
    }
}

async fn controllers_that_start_together_migrate_once(url: &str) {
    let stores = join_all((0..4).map(|_| open_postgres(url))).await;
    for (number, store) in (1..).zip(stores) {
        let store = store.unwrap();
        begin(&*store, number).await.unwrap();
        store.close().await;
    }
}

async fn an_older_database_is_brought_up_to_date(url: &str) {
    let store = open_postgres(url).await.unwrap();
    begin(&*store, 1).await.unwrap();
    store.close().await;
    let mut connection = PgConnection::connect(url).await.unwrap();
    let steps = [MIGRATIONS, &[NEXT]].concat();
    migrate(&mut connection, &steps).await.unwrap();
    migrate(&mut connection, &steps).await.unwrap();
    let estimate: i64 = sqlx::query_scalar("SELECT estimate FROM ticket WHERE key = 'MC-1'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(estimate, 3);
    let older = open_postgres(url).await.map(|_| ());
    let Err(problem @ Error::Unavailable(_)) = older else { panic!("{older:?}") };
    assert!(problem.to_string().contains("newer `mission`"), "{problem}");
}

async fn a_database_from_before_rows_had_a_shape_keeps_its_rows(url: &str) {
    let store = open_postgres(url).await.unwrap();
    begin(&*store, 1).await.unwrap();
    store.close().await;
    let mut connection = PgConnection::connect(url).await.unwrap();
    let older = "DROP TABLE shape; UPDATE format SET version = 1";
    sqlx::raw_sql(older).execute(&mut connection).await.unwrap();
    let store = open_postgres(url).await.unwrap();
    assert_eq!(store.shape().await.unwrap(), None);
    assert_eq!(store.list(&TicketFilter::default()).await.unwrap().len(), 1);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_loses_nothing_that_was_acknowledged() {
    let mut server = PostgresServer::start().await;
    let url = server.database().await;
    let store = open_postgres(&url).await.unwrap();
    for _ in 0..3 {
        let stop = Arc::new(AtomicBool::new(false));
        let writers: Vec<_> = (1..=4)
            .map(|number| tokio::spawn(write_until(stop.clone(), store.clone(), number)))
            .collect();
        let before = store.watermark().await.unwrap();
        while store.watermark().await.unwrap() < before + 40 {
            assert!(!writers.iter().all(tokio::task::JoinHandle::is_finished), "nobody writes");
            tokio::task::yield_now().await;
        }
        server.kill_and_restart().await;
        stop.store(true, Ordering::SeqCst);
        for writer in writers {
            let (number, last) = writer.await.unwrap();
            // The one whose answer was lost is there or not; asked again, it is there once.
            let again = store
                .append(asked(write(&ticket(number), last, "noted"), &format!("{number}-{last}")));
            let again = again.await;
            let is_done = matches!(again, Ok(_) | Err(Error::Replayed { .. }));
            assert!(is_done, "MC-{number} after {last}: {again:?}");
            let (_, version) = store.load(&Stream::Ticket(ticket(number))).await.unwrap();
            assert_eq!(version.0, last + 1);
        }
        assert_eq!(store.verify().await.unwrap().findings, []);
    }
    assert_eq!(store.list(&TicketFilter::default()).await.unwrap().len(), 4);
}

async fn write_until(stop: Arc<AtomicBool>, store: Arc<dyn Store>, number: u32) -> (u32, u64) {
    let loaded = store.load(&Stream::Ticket(ticket(number))).await;
    let mut seen = loaded.map_or(0, |(_, version)| version.0);
    let request =
        |seen: u64| asked(write(&ticket(number), seen, "noted"), &format!("{number}-{seen}"));
    while !stop.load(Ordering::SeqCst) {
        match store.append(request(seen)).await {
            Ok(_) => seen += 1,
            Err(Error::Unavailable(_)) => break,
            Err(other) => panic!("MC-{number}: {other}"),
        }
    }
    (number, seen)
}
