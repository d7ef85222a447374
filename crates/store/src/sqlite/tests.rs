//! What only the SQLite store has to prove.

use super::*;
use crate::contract::sample::{begin, change, ticket, write};

#[tokio::test]
async fn what_was_appended_is_there_after_reopening() {
    let home = tempfile::tempdir().unwrap();
    let store = open_sqlite(home.path(), Role::Controller).await.unwrap();
    begin(&*store, 1).await.unwrap();
    store.append(change(write(&ticket(1), 1, "noted"))).await.unwrap();
    store.close().await;
    let store = open_sqlite(home.path(), Role::Reader).await.unwrap();
    assert_eq!(store.watermark().await.unwrap(), 2);
    assert_eq!(store.verify().await.unwrap().findings, []);
    assert_eq!(store.list(&crate::TicketFilter::default()).await.unwrap().len(), 1);
}
