//! Numbers for Prometheus, read from rows and from what is held in memory.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use mission_store::{ProjectionFilter, ProjectionKind, TicketFilter};

use crate::app::Site;
use crate::auth::Who;
use crate::problem::Answer;

/// The states of an attempt that has not ended.
const LIVE: [&str; 5] = ["starting", "idle", "busy", "awaiting_approval", "unknown"];

/// Returns the numbers of the whole home as text.
pub(super) async fn metrics(State(site): State<Site>, _: Who) -> Answer<impl IntoResponse> {
    let store = site.control.store();
    let rows = store.list(&TicketFilter::default()).await?;
    let live = ProjectionFilter::of(ProjectionKind::Attempt).in_states(&LIVE);
    let live = store.projections(&live).await?.len();
    let lanes = site.control.lanes(None).await?;
    let home = site.control.home();
    let mut states: BTreeMap<&str, usize> = BTreeMap::new();
    for row in &rows {
        *states.entry(&row.state).or_default() += 1;
    }
    let mut text = String::new();
    family(&mut text, "mission_tickets", "gauge", "Tickets by state.");
    for (state, n) in states {
        let _ = writeln!(text, "mission_tickets{{state=\"{state}\"}} {n}");
    }
    family(&mut text, "mission_queue", "gauge", "Tickets that wait for a lane.");
    for lane in &lanes {
        let (project, role) = (&lane.project, &lane.role);
        let _ = writeln!(
            text,
            "mission_queue{{project=\"{project}\",role=\"{role}\"}} {}",
            lane.queued
        );
    }
    family(&mut text, "mission_breaker_open", "gauge", "Runtimes that rest because they failed.");
    for runtime in home.breakers.keys() {
        let _ = writeln!(text, "mission_breaker_open{{runtime=\"{runtime}\"}} 1");
    }
    let uptime = site.control.now().duration_since(site.started_at).as_secs();
    single(
        &mut text,
        "mission_attempts_live",
        "gauge",
        "Attempts that have not ended.",
        live as u64,
    );
    single(
        &mut text,
        "mission_event_seq",
        "counter",
        "Events in the log.",
        store.watermark().await?,
    );
    single(
        &mut text,
        "mission_uptime_seconds",
        "gauge",
        "Seconds since the start.",
        uptime.unsigned_abs(),
    );
    single(
        &mut text,
        "mission_dispatch_paused",
        "gauge",
        "Whether dispatch rests.",
        u64::from(home.outage.is_some()),
    );
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text))
}

fn family(text: &mut String, name: &str, kind: &str, says: &str) {
    let _ = writeln!(text, "# HELP {name} {says}\n# TYPE {name} {kind}");
}

fn single(text: &mut String, name: &str, kind: &str, says: &str, value: u64) {
    family(text, name, kind, says);
    let _ = writeln!(text, "{name} {value}");
}
