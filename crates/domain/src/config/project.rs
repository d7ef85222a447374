//! Reads `[project]`, `[budget]`, the policies and the schedules.

use super::Known;
use super::names;
use super::quantity;
use super::read::Fields;
use super::tree::{Node, Place};
use crate::ids::{ProjectKey, WorkflowId};
use crate::rules::{
    Allowance, Budget, Check, IgnoredArea, LandMode, Policy, Preview, Priority, Schedule,
    ScheduledTicket, Setup,
};

/// What `[project]` says.
pub(super) struct Project {
    pub(super) key: Option<ProjectKey>,
    pub(super) default_branch: Option<String>,
    pub(super) time_zone: Option<String>,
    pub(super) workflow: Option<WorkflowId>,
    pub(super) visual_paths: Vec<String>,
    pub(super) user_facing_paths: Vec<String>,
    pub(super) checks: Vec<Check>,
    pub(super) network: bool,
    pub(super) land: Option<LandMode>,
    pub(super) setup: Option<Setup>,
    pub(super) preview: Option<Preview>,
}

const KEYS: [&str; 11] = [
    "key",
    "default_branch",
    "time_zone",
    "workflow",
    "visual_paths",
    "user_facing_paths",
    "checks",
    "network",
    "land",
    "setup",
    "preview",
];

/// Reads `[project]`.
pub(super) fn project(node: &Node, known: &Known<'_>) -> Option<Project> {
    let fields = Fields::open(node, "project", &KEYS, known.report)?;
    Some(Project {
        key: key(&fields),
        default_branch: default_branch(&fields),
        time_zone: time_zone(&fields).map(str::to_owned),
        workflow: known.name(&fields, "workflow").map(WorkflowId::new),
        visual_paths: globs(&fields, "visual_paths"),
        user_facing_paths: globs(&fields, "user_facing_paths"),
        checks: checks(&fields),
        network: fields.flag("network").unwrap_or(false),
        land: fields.word("land"),
        setup: setup(&fields),
        preview: preview(&fields),
    })
}

fn key(fields: &Fields<'_>) -> Option<ProjectKey> {
    let text = fields.text("key")?;
    let key = text.parse();
    if key.is_err() {
        let shown = names::shown(text);
        fields.bad(
            "key",
            format!("`{shown}` cannot be a project's key; use 2 to 10 capitals and digits, a capital first, like `MC`"),
        );
    }
    key.ok()
}

fn default_branch(fields: &Fields<'_>) -> Option<String> {
    let text = fields.text("default_branch")?;
    if let Some(fault) = names::branch_fault(text) {
        let shown = names::shown(text);
        fields.bad(
            "default_branch",
            format!(
                "the branch `{shown}` {fault}; name the branch that work lands on, like `main`"
            ),
        );
        return None;
    }
    Some(text.into())
}

/// Returns the time zone that a table names, which must be one.
fn time_zone<'n>(fields: &Fields<'n>) -> Option<&'n str> {
    let name = fields.text("time_zone")?;
    if crate::day::zone(name).is_none() {
        let shown = names::shown(name);
        let message = format!(
            "there is no time zone `{shown}`; write one like `UTC`, `Europe/Berlin` or `America/New_York`"
        );
        fields.bad("time_zone", message);
        return None;
    }
    Some(name)
}

fn globs(fields: &Fields<'_>, key: &str) -> Vec<String> {
    let texts = fields.texts(key, false).unwrap_or_default();
    let good = |(text, place): (&str, Place)| {
        if let Err(error) = globset::Glob::new(text) {
            let shown = names::shown(text);
            let why = error.kind();
            fields.report.add(
                place,
                format!(
                    "`{shown}` is no pattern of paths: {why}; write one like `web/**` or `**/*.css`"
                ),
            );
            return None;
        }
        Some(text.to_owned())
    };
    texts.into_iter().filter_map(good).collect()
}

fn checks(fields: &Fields<'_>) -> Vec<Check> {
    let takes = "a list of commands, like `[\"cargo test\"]`";
    let items = fields.list("checks", takes).unwrap_or_default();
    items.iter().filter_map(|item| check(fields, item)).collect()
}

fn check(fields: &Fields<'_>, item: &Node) -> Option<Check> {
    let (run, advisory) = match item.as_text() {
        Some(run) => (run, false),
        None => {
            let table = Fields::open(item, "project.checks", &["run", "advisory"], fields.report)?;
            table.need("run", "run = \"cargo test\"");
            (table.text("run")?, table.flag("advisory").unwrap_or(false))
        }
    };
    if run.trim().is_empty() || run.contains('\0') {
        let message = "an empty check would pass whatever happens; write a command or take it out";
        fields.report.add(item.place(), message);
        return None;
    }
    Some(Check { run: run.into(), advisory })
}

fn setup(fields: &Fields<'_>) -> Option<Setup> {
    let setup = fields.table("setup", &["after_create", "before_run", "timeout"])?;
    let (after_create, before_run) = (setup.text("after_create"), setup.text("before_run"));
    let timeout_s = setup.duration("timeout");
    Some(Setup {
        after_create: after_create?.into(),
        before_run: before_run?.into(),
        timeout_s: timeout_s?,
    })
}

fn preview(fields: &Fields<'_>) -> Option<Preview> {
    let known = ["command", "ready", "pages", "widths", "schemes", "ignore", "clock"];
    let preview = fields.table("preview", &known)?;
    preview.need("command", "command = \"npm run preview -- --port $PORT\"");
    preview.need("ready", "ready = \"http://127.0.0.1:$PORT/\"");
    let ready = preview.text("ready").filter(|ready| {
        let is_url = ready.starts_with("http://") || ready.starts_with("https://");
        if !is_url {
            let shown = names::shown(ready);
            preview.bad(
                "ready",
                format!("`{shown}` is no URL; write the one that answers when the page is up, like `http://127.0.0.1:$PORT/`"),
            );
        }
        is_url
    });
    let pages = preview.texts("pages", false).unwrap_or_default();
    for (page, place) in pages.iter().filter(|(page, _)| !page.starts_with('/')) {
        let shown = names::shown(page);
        preview
            .report
            .add(*place, format!("the page `{shown}` must be a path from `/`, like `/settings`"));
    }
    let widths = preview.list("widths", "a list of widths in pixels").unwrap_or_default();
    let width = |node| preview.whole_of(node, "widths", 200, 4000);
    let widths = widths.iter().filter_map(width).filter_map(|it| it.try_into().ok()).collect();
    let schemes = preview.words("schemes").unwrap_or_default();
    let takes = "a list of areas, like `[{ page = \"/\", area = [0, 0, 200, 40] }]`";
    let ignore = preview.list("ignore", takes).unwrap_or_default();
    let ignore = ignore.iter().filter_map(|it| ignored_area(&preview, it)).collect();
    let clock = preview.text("clock").and_then(|text| {
        let clock = text.parse();
        if clock.is_err() {
            let shown = names::shown(text);
            preview.bad(
                "clock",
                format!("`{shown}` is no time; write one like `2026-01-01T12:00:00Z`"),
            );
        }
        clock.ok()
    });
    let command = preview.filled("command");
    Some(Preview {
        command: command?.into(),
        ready: ready?.into(),
        pages: pages.into_iter().map(|(page, _)| page.into()).collect(),
        widths,
        schemes,
        ignore,
        clock,
    })
}

fn ignored_area(preview: &Fields<'_>, item: &Node) -> Option<IgnoredArea> {
    let known = ["page", "at", "area"];
    let fields = Fields::open(item, "project.preview.ignore", &known, preview.report)?;
    fields.need("area", "area = [0, 0, 200, 40]");
    let numbers = fields.list("area", "left, top, width and height in pixels")?;
    let sides = numbers.iter().filter_map(|it| fields.whole_of(it, "area", 0, 20_000));
    let sides: Vec<u32> = sides.filter_map(|it| it.try_into().ok()).collect();
    let area = <[u32; 4]>::try_from(sides);
    if area.is_err() && numbers.len() != 4 {
        fields.bad(
            "area",
            "an area is left, top, width and height in pixels, like `[0, 0, 200, 40]`",
        );
    }
    let at = fields.whole("at", 200, 4000).and_then(|it| it.try_into().ok());
    Some(IgnoredArea { page: fields.text("page").map(Into::into), at, area: area.ok()? })
}

/// Reads `[budget]`.
pub(super) fn budget(node: &Node, known: &Known<'_>) -> Option<Budget> {
    let fields = Fields::open(node, "budget", &["ticket", "lane", "day"], known.report)?;
    let table = |key| allowance(fields.table(key, &["cost_usd", "tokens", "wall"]));
    Some(Budget { ticket: table("ticket"), lane: table("lane"), day: table("day") })
}

fn allowance(fields: Option<Fields<'_>>) -> Allowance {
    let Some(fields) = fields else { return Allowance::default() };
    Allowance {
        cost_micros: fields.money("cost_usd"),
        tokens: fields.whole("tokens", 1, i64::MAX).map(i64::unsigned_abs),
        wall_s: fields.limit("wall"),
    }
}

/// Reads `[policy.ID]`.
pub(super) fn policy(id: &str, node: &Node, known: &Known<'_>) -> Option<Policy> {
    let name = format!("policy.{id}");
    let fields = Fields::open(node, name, &["guard", "protect", "approval_expires"], known.report)?;
    let takes = "a list of command beginnings, like `[[\"git\", \"push\"]]`";
    let guard = fields.list("guard", takes).unwrap_or_default();
    let protect = fields.texts("protect", false).unwrap_or_default();
    for (branch, place) in &protect {
        let plain = branch.replace(['*', '?'], "x");
        let fault = names::branch_fault(&plain)
            .or_else(|| globset::Glob::new(branch).is_err().then_some("is no pattern"));
        if let Some(fault) = fault {
            let shown = names::shown(branch);
            let message =
                format!("the branch `{shown}` {fault}; write one like `main` or `release/*`");
            fields.report.add(*place, message);
        }
    }
    let approval_expires_s = fields.duration("approval_expires");
    Some(Policy {
        id: id.into(),
        guard: guard.iter().filter_map(|words| guarded(&fields, words)).collect(),
        protect: protect.into_iter().map(|(branch, _)| branch.into()).collect(),
        approval_expires_s: approval_expires_s?,
    })
}

fn guarded(fields: &Fields<'_>, words: &Node) -> Option<Vec<String>> {
    let items = words.as_list().unwrap_or_default();
    let texts: Vec<_> = items.iter().filter_map(Node::as_text).collect();
    let is_command = texts.len() == items.len() && texts.first().is_some_and(|it| !it.is_empty());
    if !is_command {
        let message = format!(
            "`{}.guard` takes lists of words that a command begins with; write `[\"git\", \"push\"]`",
            fields.name
        );
        fields.report.add(words.at, message);
        return None;
    }
    Some(texts.into_iter().map(str::to_owned).collect())
}

/// Reads `[schedule.ID]`.
pub(super) fn schedule(id: &str, node: &Node, known: &Known<'_>) -> Option<Schedule> {
    let name = format!("schedule.{id}");
    let fields = Fields::open(node, name, &["cron", "time_zone", "ticket"], known.report)?;
    fields.need("cron", "cron = \"0 2 * * *\"");
    fields.need("ticket", "ticket = { title = \"Dependency audit\" }");
    let cron = fields.text("cron");
    let fault = |it: &str| quantity::cron_fault(it).or_else(|| crate::schedule::fault(it));
    if let Some(fault) = cron.and_then(fault) {
        fields.bad("cron", format!("the cron line {fault}; write minute, hour, day, month and weekday, like `0 2 * * *`"));
    }
    let zone = time_zone(&fields).map(str::to_owned);
    let keys = ["title", "body", "workflow", "labels", "priority", "policy"];
    let ticket = fields.table("ticket", &keys)?;
    ticket.need("title", "title = \"Dependency audit\"");
    let title = ticket.filled("title");
    let labels = ticket.texts("labels", false).unwrap_or_default();
    let workflow = known.name(&ticket, "workflow").map(WorkflowId::new);
    let policy = known.name(&ticket, "policy").map(str::to_owned);
    let (body, priority) = (ticket.text("body"), ticket.word::<Priority>("priority"));
    Some(Schedule {
        id: id.into(),
        cron: cron?.into(),
        time_zone: zone?,
        ticket: ScheduledTicket {
            title: title?.into(),
            body: body?.into(),
            workflow,
            labels: labels.into_iter().map(|(label, _)| label.into()).collect(),
            priority: priority?,
            policy,
        },
    })
}
