//! Stories of leases and secrets: one holder, and nobody after the end.

use std::sync::Arc;

use mission_domain::ids::{AttemptId, Epoch};

use super::sample::{at, begin, change, end, project, take, ticket, write};
use crate::{Error, Lease, LeaseChange, Secret, SecretKind, Store};

async fn with_lease(
    store: &dyn Store,
    number: u32,
    seen: u64,
    lease: LeaseChange,
) -> crate::Result<crate::Appended> {
    let mut write = write(&ticket(number), seen, "leased");
    write.leases.push(lease);
    store.append(change(write)).await
}

fn is_stale(outcome: &crate::Result<crate::Appended>, expected: u64) -> bool {
    matches!(outcome, Err(Error::StaleEpoch { current, .. }) if *current == Epoch(expected))
}

/// Also above those that have ended.
pub async fn a_lease_needs_an_epoch_above_all_before_it(store: Arc<dyn Store>) {
    begin(&*store, 1).await.unwrap();
    let key = ticket(1);
    with_lease(&*store, 1, 1, take(&key, 5)).await.unwrap();
    for epoch in [4, 5] {
        let refused = with_lease(&*store, 1, 2, take(&key, epoch)).await;
        assert!(is_stale(&refused, 5), "{refused:?}");
    }
    with_lease(&*store, 1, 2, end(&key, 5)).await.unwrap();
    let refused = with_lease(&*store, 1, 3, take(&key, 5)).await;
    assert!(is_stale(&refused, 5), "{refused:?}");
    with_lease(&*store, 1, 3, take(&key, 6)).await.unwrap();
    let held = Lease { ticket: key, attempt: AttemptId(6), epoch: Epoch(6), until: at(60) };
    assert_eq!(store.leases().await.unwrap(), [held]);
    let nobody = with_lease(&*store, 1, 4, take(&ticket(9), 1)).await;
    assert!(matches!(nobody, Err(Error::Missing(_))), "{nobody:?}");
}

/// A second end, or the end of a lease that another took over, is stale.
pub async fn a_lease_ends_once(store: Arc<dyn Store>) {
    let key = ticket(1);
    begin(&*store, 1).await.unwrap();
    let never = with_lease(&*store, 1, 1, end(&key, 1)).await;
    assert!(is_stale(&never, 0), "{never:?}");
    with_lease(&*store, 1, 1, take(&key, 1)).await.unwrap();
    with_lease(&*store, 1, 2, end(&key, 1)).await.unwrap();
    let twice = with_lease(&*store, 1, 3, end(&key, 1)).await;
    assert!(is_stale(&twice, 1), "{twice:?}");
    with_lease(&*store, 1, 3, take(&key, 2)).await.unwrap();
    let late = with_lease(&*store, 1, 4, end(&key, 1)).await;
    assert!(is_stale(&late, 2), "{late:?}");
    let mut handover = write(&key, 4, "handed over");
    handover.leases = vec![end(&key, 2), take(&key, 3)];
    store.append(change(handover)).await.unwrap();
    assert_eq!(store.leases().await.unwrap().first().map(|lease| lease.epoch), Some(Epoch(3)));
}

/// Not the one before, and not after the end.
pub async fn only_the_holder_renews(store: Arc<dyn Store>) {
    let key = ticket(1);
    begin(&*store, 1).await.unwrap();
    assert!(!store.renew(&key, Epoch(1), at(90)).await.unwrap());
    with_lease(&*store, 1, 1, take(&key, 1)).await.unwrap();
    with_lease(&*store, 1, 2, take(&key, 2)).await.unwrap();
    assert!(!store.renew(&key, Epoch(1), at(90)).await.unwrap());
    assert!(store.renew(&key, Epoch(2), at(90)).await.unwrap());
    assert_eq!(store.leases().await.unwrap().first().map(|lease| lease.until), Some(at(90)));
    with_lease(&*store, 1, 3, end(&key, 2)).await.unwrap();
    assert!(!store.renew(&key, Epoch(2), at(99)).await.unwrap());
    assert_eq!(store.leases().await.unwrap(), []);
}

/// The change that ends a lost lease writes nothing of what came with it.
pub async fn a_stale_epoch_keeps_its_events_out(store: Arc<dyn Store>) {
    let key = ticket(1);
    begin(&*store, 1).await.unwrap();
    with_lease(&*store, 1, 1, take(&key, 1)).await.unwrap();
    with_lease(&*store, 1, 2, take(&key, 2)).await.unwrap();
    let refused = with_lease(&*store, 1, 3, end(&key, 1)).await;
    assert!(is_stale(&refused, 2), "{refused:?}");
    assert_eq!(store.watermark().await.unwrap(), 3);
    let (_, version) = store.load(&crate::Stream::Ticket(key)).await.unwrap();
    assert_eq!(version.0, 3);
}

/// The claims of many dispatchers for the same tickets.
pub async fn of_many_that_take_one_lease_exactly_one_gets_it(store: Arc<dyn Store>) {
    for number in 1..=5 {
        begin(&*store, number).await.unwrap();
        let all = (0..16).map(|_| with_lease(&*store, number, 1, take(&ticket(number), 1)));
        let outcomes = futures::future::join_all(all).await;
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    }
    assert_eq!(store.leases().await.unwrap().len(), 5);
}

fn secret(kind: SecretKind, hash: &str) -> Secret {
    Secret {
        kind,
        hash: hash.into(),
        principal: "external:ci".into(),
        role: "operator".into(),
        project: Some(project("MC")),
        label: "the build".into(),
        created_at: at(0),
        expires_at: Some(at(60)),
    }
}

/// Kept, listed, replaced, forgotten; one kind does not open the other.
pub async fn a_secret_is_known_by_its_hash_alone(store: Arc<dyn Store>) {
    let token = secret(SecretKind::Token, "aa");
    store.put_secret(&token).await.unwrap();
    assert_eq!(store.secret(SecretKind::Token, "aa").await.unwrap(), Some(token.clone()));
    assert_eq!(store.secret(SecretKind::Session, "aa").await.unwrap(), None);
    let forever = Secret { expires_at: None, project: None, ..token.clone() };
    store.put_secret(&forever).await.unwrap();
    store.put_secret(&secret(SecretKind::Token, "bb")).await.unwrap();
    let tokens = store.secrets(SecretKind::Token).await.unwrap();
    assert_eq!(tokens, [forever.clone(), secret(SecretKind::Token, "bb")]);
    assert_eq!(store.drop_expired_secrets(at(60)).await.unwrap(), 0);
    assert_eq!(store.drop_expired_secrets(at(61)).await.unwrap(), 1);
    assert_eq!(store.secrets(SecretKind::Token).await.unwrap(), [forever]);
    assert!(store.drop_secret(SecretKind::Token, "aa").await.unwrap());
    assert!(!store.drop_secret(SecretKind::Token, "aa").await.unwrap());
}

/// However many click it at once.
pub async fn a_link_that_signs_in_once_does_so_once(store: Arc<dyn Store>) {
    store.put_secret(&secret(SecretKind::SignIn, "cc")).await.unwrap();
    let clicks = (0..16).map(|_| store.take_secret(SecretKind::SignIn, "cc"));
    let taken = futures::future::join_all(clicks).await;
    let taken: Vec<_> = taken.into_iter().filter_map(|secret| secret.unwrap()).collect();
    assert_eq!(taken, [secret(SecretKind::SignIn, "cc")]);
}
