//! How fast the SQLite store is: durable appends and claims per second, lists, opening. Run with
//! `cargo bench -p mission-store`; it prints one JSON line for each measure.

#![expect(clippy::unwrap_used, reason = "a measurement")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mission_store::contract::sample::{change, take, ticket, write};
use mission_store::{Change, EventFilter, Role, Store, TicketFilter, open_sqlite};

const WRITERS: u32 = 64;
const TICKETS: u32 = 10_000;
const PERIOD: Duration = Duration::from_secs(5);

/// Into how many parts the period is cut, each with a rate of its own.
const PARTS: usize = 10;

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    for (name, bytes, with_lease) in [("appends", 300, false), ("claims", 4000, true)] {
        let home = tempfile::tempdir().unwrap();
        let store = open_sqlite(home.path(), Role::Controller).await.unwrap();
        appends(store, name, bytes, with_lease).await;
    }
    let home = tempfile::tempdir().unwrap();
    fill(home.path()).await;
    reads(home.path()).await;
    for role in [Role::Reader, Role::Controller] {
        opening(home.path(), role).await;
    }
}

fn told(name: &str, unit: &str, values: &[f64]) {
    println!("{}", serde_json::json!({ "name": name, "unit": unit, "values": values }));
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

fn padded(number: u32, seen: u64, bytes: usize, with_lease: bool) -> Change {
    let key = ticket(number);
    let mut write = write(&key, seen, "noted");
    write.snapshot.aggregate = format!("{{\"pad\":\"{}\"}}", "x".repeat(bytes));
    if with_lease && seen > 0 {
        write.leases.push(take(&key, seen));
    }
    change(write)
}

/// Lets many writers append for a while; those that wait for the same commit share it.
async fn appends(store: Arc<dyn Store>, name: &str, bytes: usize, with_lease: bool) {
    let begun = Instant::now();
    let writers = (1..=WRITERS).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut done = Vec::new();
            while begun.elapsed() < PERIOD {
                let at = Instant::now();
                let seen = done.len() as u64;
                store.append(padded(number, seen, bytes, with_lease)).await.unwrap();
                done.push((begun.elapsed(), at.elapsed()));
            }
            done
        })
    });
    let writers: Vec<_> = writers.collect();
    let (mut rates, mut waits) = ([0.0; PARTS], Vec::new());
    for writer in writers {
        for (at, waited) in writer.await.unwrap() {
            let part = at.as_secs_f64() / PERIOD.as_secs_f64() * PARTS as f64;
            if let Some(rate) = rates.get_mut(part as usize) {
                *rate += PARTS as f64 / PERIOD.as_secs_f64();
            }
            waits.push(ms(waited));
        }
    }
    waits.sort_by(f64::total_cmp);
    let (p50, p99) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
    told(name, "/s", &rates);
    told(&format!("{name}: wait, p50 and p99"), "ms", &[p50, p99]);
    store.close().await;
}

async fn fill(home: &Path) {
    let store = open_sqlite(home, Role::Controller).await.unwrap();
    let all = (1..=TICKETS).map(|number| store.append(padded(number, 0, 3000, false)));
    futures::future::try_join_all(all).await.unwrap();
    store.close().await;
}

async fn reads(home: &Path) {
    let store = open_sqlite(home, Role::Reader).await.unwrap();
    for _ in 0..2 {
        let at = Instant::now();
        store.list(&TicketFilter::default()).await.unwrap();
        told("list of 10,000", "ms", &[ms(at.elapsed())]);
        let at = Instant::now();
        store.views(&TicketFilter::default()).await.unwrap();
        told("views of 10,000", "ms", &[ms(at.elapsed())]);
        let at = Instant::now();
        store.open_tickets().await.unwrap();
        told("aggregates of 10,000", "ms", &[ms(at.elapsed())]);
        let at = Instant::now();
        let events = EventFilter { after: 9000, limit: Some(500), ..EventFilter::default() };
        store.events(&events).await.unwrap();
        told("500 events", "ms", &[ms(at.elapsed())]);
        let at = Instant::now();
        store.verify().await.unwrap();
        told("verify 10,000 events", "ms", &[ms(at.elapsed())]);
    }
    store.close().await;
}

async fn opening(home: &Path, role: Role) {
    let mut all = Vec::new();
    for _ in 0..20 {
        let at = Instant::now();
        let store = open_sqlite(home, role).await.unwrap();
        store.view(&ticket(7)).await.unwrap();
        all.push(ms(at.elapsed()));
        store.close().await;
    }
    told(&format!("open as {role:?} and read"), "ms", &all);
}
