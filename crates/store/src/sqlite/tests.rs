//! What only the SQLite store has to prove.

use std::os::unix::fs::PermissionsExt as _;

use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use super::*;
use crate::contract::sample::{begin, change, ticket, write};
use crate::{EventFilter, TicketFilter};

async fn controller_of(home: &Path) -> Arc<dyn Store> {
    open_sqlite(home, Role::Controller).await.unwrap()
}

async fn raw(home: &Path, sql: &str) {
    let file = home.join("mission.db");
    let mut connection = SqliteConnection::connect_with(&options(&file)).await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

#[tokio::test]
async fn a_home_has_one_controller_and_any_number_of_readers() {
    let home = tempfile::tempdir().unwrap();
    let store = controller_of(home.path()).await;
    begin(&*store, 1).await.unwrap();
    let second = open_sqlite(home.path(), Role::Controller).await;
    let Err(Error::Locked { by }) = second.map(|_| ()) else { panic!("two controllers") };
    assert_eq!(by, format!("process {}", std::process::id()));
    let reader = open_sqlite(home.path(), Role::Reader).await.unwrap();
    assert_eq!(reader.watermark().await.unwrap(), 1);
    assert!(matches!(begin(&*reader, 2).await, Err(Error::Unavailable(_))));
    begin(&*store, 2).await.unwrap();
    assert_eq!(reader.watermark().await.unwrap(), 2);
    store.close().await;
    assert!(matches!(begin(&*store, 3).await, Err(Error::Unavailable(_))));
    begin(&*controller_of(home.path()).await, 3).await.unwrap();
}

#[tokio::test]
async fn a_new_home_is_for_its_owner_only_and_a_reader_finds_it_empty() {
    let folder = tempfile::tempdir().unwrap();
    let home = folder.path().join("deep/home");
    let reader = open_sqlite(&home, Role::Reader).await.unwrap();
    assert_eq!(reader.list(&TicketFilter::default()).await.unwrap(), []);
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&home), 0o700);
    assert_eq!(mode(&home.join("mission.db")), 0o600);
}

/// The step that a later version of this program might take.
const NEXT: &str =
    "ALTER TABLE ticket ADD COLUMN estimate INTEGER; UPDATE ticket SET estimate = 3;";

#[tokio::test]
async fn an_older_home_is_copied_and_then_brought_up_to_date_with_its_rows() {
    let home = tempfile::tempdir().unwrap();
    let store = controller_of(home.path()).await;
    begin(&*store, 1).await.unwrap();
    store.close().await;
    let file = home.path().join("mission.db");
    let steps = [MIGRATIONS, &[NEXT]].concat();
    let mut connection = SqliteConnection::connect_with(&options(&file)).await.unwrap();
    migrate(&mut connection, &file, &steps).await.unwrap();
    migrate(&mut connection, &file, &steps).await.unwrap();
    let estimate: i64 = sqlx::query_scalar("SELECT estimate FROM ticket WHERE key = 'MC-1'")
        .fetch_one(&mut connection)
        .await
        .unwrap();
    assert_eq!(estimate, 3);
    connection.close().await.unwrap();
    let older = open_sqlite(home.path(), Role::Controller).await.map(|_| ());
    let Err(problem @ Error::Unavailable(_)) = older else { panic!("{older:?}") };
    assert!(problem.to_string().contains("newer `mission`"), "{problem}");
    let copied = tempfile::tempdir().unwrap();
    let before = format!("mission.db.before-{:04}", steps.len());
    std::fs::copy(home.path().join(before), copied.path().join("mission.db")).unwrap();
    let store = controller_of(copied.path()).await;
    assert_eq!(
        store.view(&ticket(1)).await.unwrap(),
        write(&ticket(1), 0, "").snapshot.row.unwrap().view
    );
}

#[tokio::test]
async fn a_home_from_before_rows_had_a_shape_keeps_its_rows_and_says_that_nobody_said_it() {
    let home = tempfile::tempdir().unwrap();
    let store = controller_of(home.path()).await;
    begin(&*store, 1).await.unwrap();
    store.keep_shape("this").await.unwrap();
    store.close().await;
    raw(home.path(), "DROP TABLE shape; PRAGMA user_version = 1").await;
    let store = controller_of(home.path()).await;
    assert_eq!(store.shape().await.unwrap(), None);
    assert_eq!(store.list(&TicketFilter::default()).await.unwrap().len(), 1);
    assert!(home.path().join("mission.db.before-0002").exists());
}

#[tokio::test]
async fn a_step_that_fails_leaves_the_home_as_it_was() {
    let home = tempfile::tempdir().unwrap();
    let store = controller_of(home.path()).await;
    begin(&*store, 1).await.unwrap();
    store.close().await;
    let file = home.path().join("mission.db");
    let broken = "DELETE FROM ticket; SELECT nonsense;";
    let steps = [MIGRATIONS, &[broken]].concat();
    let mut connection = SqliteConnection::connect_with(&options(&file)).await.unwrap();
    assert!(migrate(&mut connection, &file, &steps).await.is_err());
    connection.close().await.unwrap();
    let store = controller_of(home.path()).await;
    assert_eq!(store.list(&TicketFilter::default()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn commands_take_turns_over_one_connection_each_and_find_what_the_others_wrote() {
    let home = tempfile::tempdir().unwrap();
    for turn in 0..3 {
        let store = open_sqlite(home.path(), Role::Command).await.unwrap();
        assert_eq!(store.watermark().await.unwrap(), turn);
        store.append(change(write(&ticket(1), turn, "noted"))).await.unwrap();
        assert_eq!(store.list(&TicketFilter::default()).await.unwrap().len(), 1);
        let second = open_sqlite(home.path(), Role::Command).await.map(|_| ());
        assert!(matches!(second, Err(Error::Locked { .. })), "{second:?}");
    }
    let log = home.path().join("mission.db-wal");
    assert!(std::fs::metadata(log).unwrap().len() > 0, "nobody copied the log");
    let store = controller_of(home.path()).await;
    assert_eq!(store.watermark().await.unwrap(), 3);
    assert_eq!(store.verify().await.unwrap().findings, []);
}

#[tokio::test]
async fn a_full_disk_refuses_the_change_and_keeps_what_was_there() {
    let home = tempfile::tempdir().unwrap();
    let store = controller_of(home.path()).await;
    begin(&*store, 1).await.unwrap();
    store.close().await;
    // A disk without room is a file that may not grow: the engine reports both as SQLITE_FULL.
    let file = home.path().join("mission.db");
    let pool = controller(&file, options(&file)).await.unwrap();
    sqlx::raw_sql("PRAGMA max_page_count = 60").execute(&pool).await.unwrap();
    let keep = Keep { file, lock: Mutex::new(None), brief: None };
    let engine = body::Engine::start(Some(pool.clone()), pool, keep);
    let mut large = write(&ticket(1), 1, "noted");
    large.snapshot.aggregate = "x".repeat(1_000_000);
    let refused = engine.append(change(large.clone())).await;
    assert!(matches!(refused, Err(Error::Full(_))), "{refused:?}");
    let (small, again) = (write(&ticket(1), 1, "noted"), write(&ticket(2), 0, "filed"));
    engine.append(change(small)).await.unwrap();
    engine.append(change(again)).await.unwrap();
    assert_eq!(engine.verify().await.unwrap().findings, []);
    assert_eq!(engine.watermark().await.unwrap(), 3);
}

#[tokio::test]
async fn a_backup_is_a_home_of_its_own_and_never_overwrites() {
    let home = tempfile::tempdir().unwrap();
    let store = controller_of(home.path()).await;
    begin(&*store, 1).await.unwrap();
    let other = tempfile::tempdir().unwrap();
    let to = other.path().join("mission.db");
    store.backup(&to).await.unwrap();
    assert!(matches!(store.backup(&to).await, Err(Error::Taken(_))));
    begin(&*store, 2).await.unwrap();
    let copy = controller_of(other.path()).await;
    assert_eq!(copy.watermark().await.unwrap(), 1);
    assert_eq!(copy.verify().await.unwrap().findings, []);
}

#[tokio::test]
async fn whatever_is_altered_behind_its_back_is_found() {
    let alterations = [
        ("UPDATE event SET body = '{}' WHERE seq = 2", Some(2)),
        ("UPDATE event SET principal = 'person:bob' WHERE seq = 2", Some(2)),
        ("UPDATE event SET at = '2026-01-01T00:00:09.000000000Z' WHERE seq = 2", Some(2)),
        ("UPDATE event SET body = 'torn' WHERE seq = 2", Some(2)),
        ("DELETE FROM event WHERE seq = 2", Some(3)),
        ("DELETE FROM event WHERE seq = 3", None),
        ("UPDATE stream SET version = 9 WHERE stream = 'MC-1'", None),
        ("UPDATE head SET hash = 'f' WHERE name = 'MC'", None),
        ("DELETE FROM head WHERE name = 'MC'", None),
        ("DELETE FROM ticket", None),
    ];
    for (alteration, seq) in alterations {
        let home = tempfile::tempdir().unwrap();
        let store = controller_of(home.path()).await;
        for seen in 0..3 {
            store.append(change(write(&ticket(1), seen, "noted"))).await.unwrap();
        }
        store.close().await;
        raw(home.path(), alteration).await;
        let store = open_sqlite(home.path(), Role::Reader).await.unwrap();
        let findings = store.verify().await.unwrap().findings;
        assert_eq!(findings.first().map(|finding| finding.seq), Some(seq), "{alteration}");
    }
}

#[tokio::test]
async fn a_file_that_is_no_database_is_corrupt() {
    let home = tempfile::tempdir().unwrap();
    std::fs::write(home.path().join("mission.db"), "x".repeat(8192)).unwrap();
    let opened = open_sqlite(home.path(), Role::Controller).await.map(|_| ());
    assert!(matches!(opened, Err(Error::Corrupt(_))), "{opened:?}");
}

#[tokio::test]
async fn the_engine_itself_refuses_a_lower_epoch_a_foreign_id_and_a_lower_head() {
    let home = tempfile::tempdir().unwrap();
    let store = controller_of(home.path()).await;
    begin(&*store, 1).await.unwrap();
    begin(&*store, 2).await.unwrap();
    store.close().await;
    let file = home.path().join("mission.db");
    let mut connection = SqliteConnection::connect_with(&options(&file)).await.unwrap();
    let lease = |epoch| {
        format!(r#"[{{"ticket":"MC-1","attempt":"A-1","epoch":{epoch},"until":"x","live":1}}]"#)
    };
    let attempt = |stream| {
        format!(
            r#"[{{"kind":"attempt","id":"A-1","stream":"{stream}","state":"x","ord":1,"doc":"{{}}"}}]"#
        )
    };
    let head = |seq| format!(r#"[{{"name":"log","seq":{seq},"hash":""}}]"#);
    for (sql, rows, expected) in [
        (dialect::PUT_LEASES, lease(2), 1),
        (dialect::PUT_LEASES, lease(2), 0),
        (dialect::PUT_LEASES, lease(1), 0),
        (dialect::PUT_LEASES, lease(3), 1),
        (dialect::PUT_PROJECTIONS, attempt("MC-1"), 1),
        (dialect::PUT_PROJECTIONS, attempt("MC-2"), 0),
        (dialect::PUT_HEADS, head(2), 0),
    ] {
        let done = sqlx::query(sql).bind(&rows).execute(&mut connection).await.unwrap();
        assert_eq!(done.rows_affected(), expected, "{rows}");
    }
}

#[tokio::test]
async fn every_statement_prepares() {
    let home = tempfile::tempdir().unwrap();
    controller_of(home.path()).await.close().await;
    let file = home.path().join("mission.db");
    let mut connection = SqliteConnection::connect_with(&options(&file)).await.unwrap();
    let statements = body::statements();
    assert!(statements.len() > 30, "{}", statements.len());
    for sql in statements {
        let prepared = connection.prepare(AssertSqlSafe(sql.clone()).into_sql_str()).await;
        assert!(prepared.is_ok(), "{sql}: {:?}", prepared.err());
    }
}

#[tokio::test]
async fn readers_go_on_while_a_write_is_open() {
    let home = tempfile::tempdir().unwrap();
    let store = controller_of(home.path()).await;
    begin(&*store, 1).await.unwrap();
    let file = home.path().join("mission.db");
    let mut other = SqliteConnection::connect_with(&options(&file)).await.unwrap();
    let mut tx = other.begin_with(dialect::BEGIN_WRITE).await.unwrap();
    sqlx::raw_sql("DELETE FROM ticket").execute(&mut *tx).await.unwrap();
    assert_eq!(store.list(&TicketFilter::default()).await.unwrap().len(), 1);
    assert_eq!(store.events(&EventFilter::default()).await.unwrap().len(), 1);
    tx.rollback().await.unwrap();
}

#[tokio::test]
async fn a_store_that_was_closed_is_whole_in_its_one_file_and_a_lost_one_is_not_begun_anew() {
    let home = tempfile::tempdir().unwrap();
    let store = controller_of(home.path()).await;
    let reader = store.watermark().await.unwrap();
    assert_eq!(reader, 0);
    begin(&*store, 1).await.unwrap();
    crate::artifacts::Artifacts::of(home.path()).put(b"evidence").unwrap();
    std::fs::write(home.path().join("credentials"), "a token\n").unwrap();
    assert_eq!(store.watermark().await.unwrap(), 1);
    store.close().await;
    let file = home.path().join("mission.db");
    let copied = tempfile::tempdir().unwrap();
    std::fs::copy(&file, copied.path().join("mission.db")).unwrap();
    assert_eq!(controller_of(copied.path()).await.watermark().await.unwrap(), 1);

    for lost in [None, Some("")] {
        std::fs::remove_file(&file).unwrap();
        lost.into_iter().for_each(|text| std::fs::write(&file, text).unwrap());
        for role in [Role::Controller, Role::Command, Role::Reader] {
            let Err(Error::Corrupt(why)) = open_sqlite(home.path(), role).await.map(|_| ()) else {
                panic!("{role:?} begins anew")
            };
            assert!(why.contains("mission restore"), "{why}");
        }
        std::fs::copy(copied.path().join("mission.db"), &file).unwrap();
    }
    assert_eq!(controller_of(home.path()).await.watermark().await.unwrap(), 1);
}
