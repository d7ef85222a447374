//! The facts beside a ticket: people, timing, dependencies, sign-offs, policy, what it used.

use maud::{Markup, html};
use mission_domain::doc::{AttemptDoc, GateDoc, SignoffDoc, TicketDoc};
use mission_domain::ids::Timestamp;

use crate::pages::approval;
use crate::pages::form;
use crate::pages::glyph::{self, icon, icon_as};
use crate::pages::prose;
use crate::pages::view::{RelatedTicket, TicketView};
use crate::pages::words;

/// Related tickets shown before the rest is folded.
const RELATED: usize = 8;

/// Returns the facts at the side, stable id `side`.
pub fn side(view: &TicketView) -> Markup {
    html! {
        aside.side id="side" aria-label="Ticket facts" {
            (request(view)) (people(view)) (timing(view)) (dependencies(view)) (signoffs(view)) (settled_findings(view)) (commands(view)) (policy(view)) (usage(&view.attempts))
        }
    }
}

/// Returns the request as it was filed.
fn request(view: &TicketView) -> Markup {
    let body = view.ticket.body.trim();
    html! {
        @if !body.is_empty() {
            section id="side-request" { h2 { "Request" }
                @if !is_long(body) { div.prose dir="auto" { (prose::rendered(body)) } }
                @else { p.mid dir="auto" { (words::beginning(body.trim_start_matches(['#', ' ']), 160)) } a.ln href="#request-text" { "Read the request" } }
            }
        }
    }
}

/// Returns whether a request is too long to be read at the side.
fn is_long(body: &str) -> bool {
    body.chars().count() > 400
}

/// Returns a request that is too long for the side, as wide as the page, its stable id `request`. It opens on demand.
pub fn request_in_full(ticket: &TicketDoc) -> Markup {
    let body = ticket.body.trim();
    html! {
        section.request id="request" {
            @if is_long(body) { details {
                summary { (icon("chevron-right")) "Request" span.dim { (words::count(body.split_whitespace().count(), "word")) } }
                div.prose.paper id="request-text" dir="auto" { (prose::rendered(body)) }
            } }
        }
    }
}

/// Returns who works what.
fn people(view: &TicketView) -> Markup {
    let ticket = &view.ticket;
    let mut roles: Vec<(&str, Option<&str>)> = Vec::new();
    let by_a_lane = |g: &&GateDoc| g.state != "not_required" && g.role != "controller";
    for gate in ticket.gates.iter().filter(by_a_lane) {
        match roles.iter_mut().find(|(role, _)| *role == gate.role) {
            Some((_, runtime)) => *runtime = gate.runtime.as_deref().or(*runtime),
            None => roles.push((&gate.role, gate.runtime.as_deref())),
        }
    }
    html! {
        section id="side-people" { h2 { "People" }
            dl.facts {
                dt { "Filed by" } dd { (glyph::who(&ticket.source.principal)) }
                @for (role, runtime) in roles { dt { (role) } dd { @match runtime { Some(r) => { (r) } None => { span.dim { "nobody yet" } } } } }
                dt { "Workflow" } dd { (ticket.workflow) }
                @if let Some(w) = &ticket.workspace { dt { "Workspace" } dd { code { (w.branch) } @if w.dirty { " · uncommitted changes" } @if !w.present { " · removed" } } }
            }
        }
    }
}

/// Returns ages and time at work.
fn timing(view: &TicketView) -> Markup {
    let now = view.shell.now;
    let worked: i64 = view.attempts.iter().map(|a| seconds(a, now)).sum();
    html! {
        section id="side-timing" { h2 { "Timing" }
            dl.thirds {
                div { dt { "Age" } dd { (words::age(view.ticket.created_at, view.ticket.closed_at.unwrap_or(now))) } }
                div { dt { "At work" } dd { (if view.attempts.is_empty() { "none".into() } else { words::lasted(worked) }) } }
                div { dt { "Attempts" } dd { (view.attempts.len()) } }
            }
        }
    }
}

/// Returns how long an attempt has run.
fn seconds(a: &AttemptDoc, now: Timestamp) -> i64 {
    a.ended_at.unwrap_or(now).as_second().saturating_sub(a.started_at.as_second()).max(0)
}

/// Returns the neighbours.
fn dependencies(view: &TicketView) -> Markup {
    html! {
        @if !view.related.is_empty() {
            section id="side-dependencies" { h2 { "Dependencies" }
                ul.deps { @for r in view.related.iter().take(RELATED) { (related(r)) } }
                @if let Some(rest) = view.related.get(RELATED..).filter(|it| !it.is_empty()) {
                    details { summary.mid { (rest.len()) " more" } ul.deps { @for r in rest { (related(r)) } } }
                }
            }
        }
    }
}

fn related(r: &RelatedTicket) -> Markup {
    html! { li { span.dim { (r.how) } (glyph::key(&r.key)) (glyph::state(&r.state)) span.trunc dir="auto" title=(r.title) { (r.title) } } }
}

/// Returns the verdicts given, newest first, with the way back from one's own.
fn signoffs(view: &TicketView) -> Markup {
    let given = |g: &GateDoc| g.signoffs.len().max(usize::from(g.signoff.is_some()));
    let any = view.ticket.gates.iter().any(|g| given(g) > 0);
    html! {
        @if any {
            section id="side-signoffs" { h2 { "Sign-offs" }
                ul.signs { @for gate in view.ticket.gates.iter().rev() {
                    @if gate.signoffs.is_empty() { @if let Some(s) = &gate.signoff { (signoff(view, gate, s)) } }
                    @else { @for s in gate.signoffs.iter().rev() { (signoff(view, gate, s)) } }
                } }
            }
        }
    }
}

/// Returns one verdict.
fn signoff(view: &TicketView, gate: &GateDoc, s: &SignoffDoc) -> Markup {
    let can_withdraw = view.withdrawable.iter().any(|it| it.as_str() == gate.id);
    let last = gate.signoff.as_ref() == Some(s);
    // A person has no runtime and no model: nothing of theirs was compared.
    let apart = s.independence.as_deref().filter(|_| !s.principal.starts_with("person:"));
    html! {
        li {
            span { (glyph::verdict(&s.verdict)) " " (words::gate(&gate.id)) }
            @if s.fresh { (s.commit.as_deref().map_or_else(|| html! {}, glyph::hash)) } @else { span.gate data-gate="stale" { (icon("g-stale")) span { "stale" } } }
            small { (glyph::who(&s.principal)) " · " (glyph::age(s.at, view.shell.now)) @if let Some(i) = apart { " · independent by " (words::plain(i)) }
                @if let Some(held) = &s.held { span.reason dir="auto" { (held) } }
                @if !s.reason.is_empty() { span.reason dir="auto" { (s.reason) } } }
            @if can_withdraw && last { (form::withdraw(&view.ticket, gate, view.shell.viewer())) }
        }
    }
}

/// Returns the findings that were fixed; the open ones stand at the gate.
fn settled_findings(view: &TicketView) -> Markup {
    let fixed: Vec<_> = view.ticket.findings.iter().filter(|f| f.state == "fixed").collect();
    html! {
        @if !fixed.is_empty() {
            section id="side-findings" { h2 { "Findings, fixed" } ul.rules { @for f in fixed { li { (icon_as("i okc", "check")) span dir="auto" { (f.id) " " (f.text) } } } } }
        }
    }
}

/// Returns the guarded commands that its lanes asked for, the newest first.
fn commands(view: &TicketView) -> Markup {
    let asked = &view.ticket.approvals;
    html! {
        @if !asked.is_empty() {
            section id="side-commands" { h2 { "Guarded commands" }
                ul.signs { @for it in asked.iter().rev() { (approval::life(it, false, view.shell.viewer())) } }
            }
        }
    }
}

/// Returns the rules it carries.
fn policy(view: &TicketView) -> Markup {
    html! {
        @if !view.policy.is_empty() {
            section id="side-policy" { h2 { "Policy" } ul.rules { @for rule in &view.policy { li { (icon("lock")) span dir="auto" { (rule) } } } } }
        }
    }
}

/// Returns what the attempts used. Unknown stays unknown.
fn usage(attempts: &[AttemptDoc]) -> Markup {
    let cost: Option<f64> = attempts.iter().filter_map(|a| a.usage.cost_usd).reduce(|a, b| a + b);
    let tokens: Option<u64> = attempts.iter().filter_map(|a| a.usage.tokens).reduce(|a, b| a + b);
    html! {
        @if !attempts.is_empty() {
            section id="side-used" { h2 { "Used" }
                dl.thirds {
                    div { dt { "Cost" } dd { (cost.map_or_else(|| "unknown".into(), |c| format!("${c:.2}"))) } }
                    div { dt { "Tokens" } dd { (tokens.map_or_else(|| "unknown".into(), words::tokens)) } }
                    div { dt { "Deaths" } dd { (attempts.iter().filter(|a| a.death.is_some()).count()) } }
                }
            }
        }
    }
}
