//! Every story on every engine.

use std::sync::Arc;

use mission_store::contract::postgres_server::PostgresServer;
use mission_store::contract::{appending, fencing, reading};
use mission_store::{Role, Store, open_postgres, open_sqlite};

/// One test per story, each on a new file.
mod sqlite {
    use super::*;

    macro_rules! run {
        ($($module:ident :: $story:ident),* $(,)?) => {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $story() {
                    let home = tempfile::tempdir().unwrap();
                    let store = open_sqlite(home.path(), Role::Controller).await.unwrap();
                    $module::$story(store.clone()).await;
                    store.close().await;
                }
            )*
        };
    }
    mission_store::every_story!(run);
}

/// One test for all, because a server takes longer to start than a story to tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_story_holds_on_postgresql() {
    let server = PostgresServer::start().await;
    let mut failed: Vec<&str> = Vec::new();
    macro_rules! run {
        ($($module:ident :: $story:ident),* $(,)?) => {
            $(
                let store: Arc<dyn Store> =
                    open_postgres(&server.database().await).await.unwrap();
                if tokio::spawn($module::$story(store.clone())).await.is_err() {
                    failed.push(stringify!($story));
                }
                store.close().await;
            )*
        };
    }
    mission_store::every_story!(run);
    assert_eq!(failed, Vec::<&str>::new());
}
