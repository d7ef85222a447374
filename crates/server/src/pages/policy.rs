//! The page *Policy*: what needs a person, and by which rule.

use std::collections::BTreeMap;

use maud::{Markup, html};
use mission_domain::day::zone_or_utc;
use mission_domain::doc::ScheduleDoc;
use mission_domain::ids::Timestamp;
use mission_domain::rules::{Allowance, Permission, Policy, Rules};

use super::approval;
use super::glyph::{self, icon};
use super::shell::{Page, document};
use super::view::PolicyView;
use super::words;

/// Returns the page *Policy*.
pub fn page(view: &PolicyView) -> Markup {
    document(
        &view.shell,
        Page {
            name: "policy",
            key: None,
            title: "Policy",
            class: "policy",
            head: html! { h1 { "Policy" } p.lede { "What no lane does without a person, from the default branch of each project." } },
            below_head: html! {},
            body_class: "",
            body: html! {
                @if view.rules.is_empty() { div.empty { (icon("shield-check")) b { "No project yet" } span { "Policies come with a project. Run " code { "mission init" } " in a repository." } } }
                (asked(view))
                @for (key, rules) in &view.rules { (project(key, rules, &view.schedules)) }
            },
            keys: &[(&["esc"], "back")],
        },
    )
}

/// Returns the guarded commands that were asked for last, with what became of each.
fn asked(view: &PolicyView) -> Markup {
    html! {
        @if !view.approvals.is_empty() {
            section.panel id="approvals" aria-labelledby="h-approvals" {
                header { h2 id="h-approvals" { "Guarded commands" } span.end { "the newest first" } }
                ul.signs.pad { @for it in &view.approvals { (approval::life(it, true, view.shell.viewer())) } }
            }
        }
    }
}

/// Returns the rules of one project.
fn project(key: &str, rules: &Rules, schedules: &[ScheduleDoc]) -> Markup {
    html! {
        section.panel.rule-set aria-labelledby={ "h-policy-" (key) } {
            header { h2 id={ "h-policy-" (key) } { (key) } span.dim { "rules " (glyph::hash(&rules.digest().to_string())) } a.end href={ "/settings?part=all&q=policy&project=" (key) } { "where they come from" } }
            div.rule-cols {
                @for policy in rules.policies.values() { (one(policy)) }
                section { h3 { "Who may write" } (permissions(rules)) }
                section { h3 { "Budget" } (budget(rules)) }
                @if !rules.schedules.is_empty() { section { h3 { "Schedules" } ul.rules { @for s in schedules.iter().filter(|it| it.project == key) { li { (icon("calendar-clock")) span { b { (s.name) } " " code { (s.cron) } " (" (s.time_zone) ") files “" bdi { (s.title) } "”" (runs(s)) } } } } } }
                section { h3 { "Landing" } ul.rules {
                    li { (icon("git-commit-horizontal")) span { "Work lands on " code { (rules.default_branch) } " by " (rules.land) ", once every required gate holds a fresh sign-off" } }
                    @for check in &rules.checks { li { (icon("check-check")) span { code { (check.run) } @if check.advisory { " is shown, not required" } @else { " must pass in a clean checkout" } } } }
                } }
            }
        }
    }
}

/// Returns when a schedule is due next, and what became of its last run.
fn runs(s: &ScheduleDoc) -> Markup {
    let on_its_clocks = |at: Timestamp| {
        let local = at.to_zoned_datetime(zone_or_utc(&s.time_zone));
        local.strftime("%Y-%m-%d %H:%M").to_string()
    };
    html! {
        small {
            @match s.next { Some(at) => { "next " (on_its_clocks(at)) } None => { "never due again" } }
            @if let Some(at) = s.last {
                " · last " (on_its_clocks(at))
                @if let Some(why) = &s.skipped { " was skipped: " bdi { (why) } }
                @else { @if let Some(key) = &s.ticket { ": " (glyph::key(key)) } @if s.caught_up { ", caught up for what was missed" } }
            } @else { " · not due yet" }
        }
    }
}

/// Returns one policy.
fn one(policy: &Policy) -> Markup {
    html! {
        section {
            h3 { "Policy " (policy.id) }
            p.dim { "Guarded: each needs one person's approval for that exact command, void after " (words::lasted(seconds(policy.approval_expires_s))) }
            ul.rules { @for argv in &policy.guard { li { (icon("shield-alert")) code { (argv.join(" ")) " …" } } } @if policy.guard.is_empty() { li { "nothing" } } }
            p.dim { "Protected branches, moved by Mission Control alone" }
            ul.rules { @for branch in &policy.protect { li { (icon("lock")) code { (branch) } } } @if policy.protect.is_empty() { li { "none" } } }
        }
    }
}

fn seconds(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// Returns which roles may write.
fn permissions(rules: &Rules) -> Markup {
    let mut by: BTreeMap<Permission, Vec<&str>> = BTreeMap::new();
    for role in rules.roles.values() {
        by.entry(role.permission).or_default().push(role.id.as_str());
    }
    let names =
        |permission| by.get(&permission).map_or_else(|| "nobody".into(), |it| it.join(", "));
    html! {
        ul.rules {
            li { (icon("square-terminal")) span { b { (names(Permission::Write)) } " in the ticket's workspace" } }
            li { (icon("eye")) span { b { (names(Permission::Read)) } " in copies that are thrown away" } }
        }
    }
}

/// Returns what may be used before a person is asked.
fn budget(rules: &Rules) -> Markup {
    html! {
        dl.facts {
            dt { "A ticket" } dd { (allowance(&rules.budget.ticket)) }
            dt { "A lane in a day" } dd { (allowance(&rules.budget.lane)) }
            dt { "A day of " (rules.time_zone) } dd { (allowance(&rules.budget.day)) }
        }
    }
}

fn allowance(a: &Allowance) -> String {
    let cost =
        a.cost_micros.map(|it| format!("${}.{:02}", it / 1_000_000, it % 1_000_000 / 10_000));
    let tokens = a.tokens.map(|it| format!("{} tokens", words::tokens(it)));
    let wall = a.wall_s.map(|it| format!("{} at work", words::lasted(seconds(it))));
    let parts: Vec<String> = [cost, tokens, wall].into_iter().flatten().collect();
    if parts.is_empty() { "no limit".into() } else { parts.join(", ") }
}
