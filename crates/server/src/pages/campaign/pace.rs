//! How fast a campaign's gates are settled, and what its attempts used. Nothing is forecast.

use maud::{Markup, html};
use mission_domain::doc::{AttemptDoc, TicketDoc};
use mission_domain::ids::Timestamp;

use crate::pages::svg;
use crate::pages::words;

/// The chart's width and height in its own units.
const WIDE: f64 = 240.0;
const HIGH: f64 = 56.0;

/// Returns the gates settled over time as a line.
pub(super) fn pace(children: &[TicketDoc], now: Timestamp) -> Markup {
    let (settled, required) = super::gates(children);
    let passing = |v: &str| matches!(v, "pass" | "waive");
    let mut moments: Vec<Timestamp> = children
        .iter()
        .flat_map(|t| &t.gates)
        .filter(|g| g.required && super::is_settled(g))
        .filter_map(|g| g.signoff.as_ref().filter(|s| passing(&s.verdict)).map(|s| s.at))
        .collect();
    moments.sort_unstable();
    let Some(first) = moments.first().copied() else {
        return html! { p.mid { "No gate is settled yet" @if required > 0 { ": " (required) " to come" } "." } };
    };
    let span = (now.as_millisecond() - first.as_millisecond()).max(1);
    let x = |at: Timestamp| {
        f64::from(
            i32::try_from((at.as_millisecond() - first.as_millisecond()) * 1000 / span)
                .unwrap_or(0),
        ) * WIDE
            / 1000.0
    };
    let y = |n: usize| HIGH - HIGH * ratio(n, required.max(1));
    let mut path = format!("M0 {}", svg::number(HIGH));
    for (n, at) in moments.iter().enumerate() {
        path.push_str(&format!(" H{} V{}", svg::number(x(*at)), svg::number(y(n + 1))));
    }
    path.push_str(&format!(" H{}", svg::number(WIDE)));
    let told = format!("{settled} of {required} gates settled since {}", first.strftime("%-d %B"));
    html! {
        svg.burn viewBox="-2 -4 244 64" preserveAspectRatio="xMinYMid meet" role="img" aria-label=(told) {
            path.grid d="M0 56.5h240M0 28.5h240M0 .5h240" {}
            path.ln d=(path) {}
        }
        p.dim { b { (settled) } " of " (required) " gates, first " (words::ago(first, now)) }
    }
}

fn ratio(n: usize, of: usize) -> f64 {
    let whole = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX));
    (whole(n) / whole(of)).min(1.0)
}

/// Returns what the attempts of all tickets used until `now`; unknown stays unknown.
pub(super) fn used(attempts: &[AttemptDoc], now: Timestamp) -> Markup {
    let cost: Option<f64> = attempts.iter().filter_map(|a| a.usage.cost_usd).reduce(|a, b| a + b);
    let tokens: Option<u64> = attempts.iter().filter_map(|a| a.usage.tokens).reduce(|a, b| a + b);
    let wall: f64 = attempts.iter().filter_map(|a| a.usage.wall_s).sum();
    // What runs has told no time yet.
    let runs = attempts.iter().filter(|a| a.state != "ended" && a.usage.wall_s.is_none());
    let running: i64 = runs.map(|a| (now.as_second() - a.started_at.as_second()).max(0)).sum();
    let at_work = seconds(wall) + running;
    let deaths = attempts.iter().filter(|a| a.death.is_some()).count();
    html! {
        dl.thirds {
            div { dt { "Cost" } dd { (cost.map_or_else(|| "unknown".into(), |c| format!("${c:.2}"))) } }
            div { dt { "Tokens" } dd { (tokens.map_or_else(|| "unknown".into(), words::tokens)) } }
            div { dt { "At work" } dd { (if at_work < 1 { "none".into() } else { words::lasted(at_work) }) } }
            div { dt { "Attempts" } dd { (attempts.len()) @if deaths > 0 { span.dim { ", " (deaths) " died" } } } }
        }
    }
}

/// Returns whole seconds.
fn seconds(wall: f64) -> i64 {
    format!("{wall:.0}").parse().unwrap_or(0)
}
