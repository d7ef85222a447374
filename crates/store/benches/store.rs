//! How fast the SQLite store is: durable appends and claims per second, lists, opening. Run with
//! `cargo bench -p mission-store`; it prints one line per measure.

#![expect(clippy::unwrap_used, reason = "a measurement")]

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mission_store::contract::sample::{change, take, ticket, write};
use mission_store::{Change, EventFilter, Role, Store, TicketFilter, open_sqlite};

const WRITERS: u32 = 64;
const TICKETS: u32 = 10_000;
const PERIOD: Duration = Duration::from_secs(5);

fn main() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(measure());
}

async fn measure() {
    for (name, bytes, with_lease) in
        [("appends, 0.3 KB aggregate", 300, false), ("claims, 4 KB aggregate", 4000, true)]
    {
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
    println!("memory: {}", resident());
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

async fn appends(store: Arc<dyn Store>, name: &str, bytes: usize, with_lease: bool) {
    let begun = Instant::now();
    let writers = (1..=WRITERS).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut waits = Vec::new();
            while begun.elapsed() < PERIOD {
                let at = Instant::now();
                let seen = waits.len() as u64;
                store.append(padded(number, seen, bytes, with_lease)).await.unwrap();
                waits.push(at.elapsed());
            }
            waits
        })
    });
    let writers: Vec<_> = writers.collect();
    let mut waits = Vec::new();
    for writer in writers {
        waits.extend(writer.await.unwrap());
    }
    let rate = waits.len() as f64 / begun.elapsed().as_secs_f64();
    waits.sort();
    let (p50, p99) = (waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
    println!("{name}: {rate:.0}/s with {WRITERS} writers, p50 {p50:.1?}, p99 {p99:.1?}");
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
        let rows = store.list(&TicketFilter::default()).await.unwrap();
        println!("list of {} rows: {:.1?}", rows.len(), at.elapsed());
        let at = Instant::now();
        let views = store.views(&TicketFilter::default()).await.unwrap();
        println!("{} views: {:.1?}", views.len(), at.elapsed());
        let at = Instant::now();
        let open = store.open_tickets().await.unwrap();
        println!("{} open tickets with 3 KB aggregates: {:.1?}", open.len(), at.elapsed());
        let at = Instant::now();
        let events = EventFilter { after: 9000, limit: Some(500), ..EventFilter::default() };
        let events = store.events(&events).await.unwrap();
        println!("{} events: {:.1?}", events.len(), at.elapsed());
        let at = Instant::now();
        let verification = store.verify().await.unwrap();
        println!("verify of {} events: {:.1?}", verification.events, at.elapsed());
    }
    store.close().await;
}

async fn opening(home: &Path, role: Role) {
    let mut all = Vec::new();
    for _ in 0..20 {
        let at = Instant::now();
        let store = open_sqlite(home, role).await.unwrap();
        let opened = at.elapsed();
        store.view(&ticket(7)).await.unwrap();
        let read = at.elapsed();
        store.close().await;
        all.push((opened, read, at.elapsed()));
    }
    all.sort();
    println!("{role:?}: opened, first read, closed after {:.1?} (p50)", all[10]);
}

fn resident() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("VmHWM"));
    line.map_or_else(
        || "unknown".into(),
        |line| line.split_whitespace().collect::<Vec<_>>().join(" "),
    )
}
