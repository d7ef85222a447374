//! Fills in what nobody wrote: first under the files (keys, branches, runtimes found), then in each table they made.

use std::collections::BTreeSet;

use super::Found;
use super::tree::{Entries, Layer, Node, Place, Value, parse};
use crate::agents::AGENTS;
use crate::ids::ProjectKey;
use crate::rules::{EvidenceKind, MAX_ROUNDS, Permission, SessionLimits};

/// The built-in tables, in the format of `mission.toml`.
const BUILT_IN: &str = include_str!("builtin.toml");

/// The instructions of the built-in roles.
const INSTRUCTIONS: [(&str, &str); 6] = [
    ("planner", include_str!("instructions/planner.md")),
    ("designer", include_str!("instructions/designer.md")),
    ("coder", include_str!("instructions/coder.md")),
    ("qa", include_str!("instructions/qa.md")),
    ("tester", include_str!("instructions/tester.md")),
    ("validator", include_str!("instructions/validator.md")),
];

/// Variables that an agent gets from our own environment unless the file says otherwise.
pub const ENVIRONMENT: [&str; 5] = ["PATH", "HOME", "LANG", "TERM", "TMPDIR"];

fn text(value: impl Into<String>) -> Value {
    Value::Text(value.into())
}

fn texts<'t>(values: impl IntoIterator<Item = &'t str>) -> Value {
    Value::List(values.into_iter().map(|value| Node::built_in(text(value))).collect())
}

/// Returns the agents that `found` names in order of preference; codex and claude where it names none.
pub(super) fn agents(found: &Found) -> Vec<&'static str> {
    let is_found = |agent: &&str| found.programs.iter().any(|program| program == agent);
    let agents: Vec<_> = AGENTS.iter().map(|it| it.program).filter(is_found).collect();
    if agents.is_empty() { vec!["codex", "claude"] } else { agents }
}

/// Returns the lowest layer: the built-in tables and what follows from the folder and from `found`.
pub(super) fn base(folder_name: &str, found: &Found) -> Node {
    let mut root = match parse(Layer::BuiltIn, BUILT_IN) {
        Ok(root) => root,
        Err(errors) => unreachable!("the built-in tables are TOML: {errors:?}"),
    };
    let branch = found.default_branch.as_deref().unwrap_or("main");
    for_table(&mut root, "project", |project| {
        project.fill("key", || text(ProjectKey::from_folder(folder_name).as_str()));
        project.fill("default_branch", || text(branch));
        project.fill("time_zone", || text(crate::day::UTC));
    });
    for (role, instructions) in INSTRUCTIONS {
        for_table(&mut root, "role", |roles| {
            for_table(roles, role, |role| role.fill("instructions", || text(instructions)));
        });
    }
    root
}

/// Completes the merged tree: every table gets the keys that it does not name, every gate its overrides.
pub(super) fn complete(root: &mut Node, found: &Found) {
    let agents = agents(found);
    let branch = root.find(&["project", "default_branch"]).and_then(Node::as_text);
    let protect = [branch.unwrap_or("main").to_owned(), "release/*".to_owned()];
    for_table(root, "project", |project| for_table(project, "preview", complete_preview));
    for_each(root, "runtime", complete_runtime);
    for_each(root, "role", |role| complete_role(role, &agents));
    let default = root.find(&["policy", "default", "guard"]).map(|guard| guard.value.clone());
    for_each(root, "policy", |policy| {
        policy.fill("guard", || default.clone().unwrap_or(Value::List(Vec::new())));
        policy.fill("protect", || texts(protect.iter().map(String::as_str)));
        policy.fill("approval_expires", || text("24h"));
    });
    let zone = root.find(&["project", "time_zone"]).cloned();
    for_each(root, "schedule", |schedule| {
        // One that is none is told where it stands, and not once more for each schedule.
        let zone =
            zone.as_ref().and_then(Node::as_text).filter(|it| crate::day::zone(it).is_some());
        schedule.fill("time_zone", || text(zone.unwrap_or(crate::day::UTC)));
        for_table(schedule, "ticket", |ticket| {
            ticket.fill("body", || text(""));
            ticket.fill("labels", || texts([]));
            ticket.fill("priority", || text("medium"));
        });
    });
    let roles = root.find(&["role"]).cloned();
    for_each(root, "workflow", |workflow| complete_workflow(workflow, roles.as_ref()));
}

fn for_table(node: &mut Node, key: &str, work: impl FnOnce(&mut Node)) {
    if let Some(table) = node.as_table_mut().and_then(|entries| entries.get_mut(key)) {
        work(table);
    }
}

fn for_each(root: &mut Node, key: &str, mut work: impl FnMut(&mut Node)) {
    for_table(root, key, |tables| {
        let entries = tables.as_table_mut();
        entries.into_iter().flat_map(Entries::values_mut).for_each(&mut work);
    });
}

fn complete_preview(preview: &mut Node) {
    let widths = [1440, 900, 390].map(|width| Node::built_in(Value::Whole(width)));
    preview.fill("pages", || texts(["/"]));
    preview.fill("widths", || Value::List(widths.into()));
    preview.fill("schemes", || texts(["light", "dark"]));
}

fn complete_runtime(runtime: &mut Node) {
    runtime.fill("driver", || text("exec"));
    runtime.fill("lifecycle", || text("per-ticket"));
    if runtime.find(&["lifecycle"]).and_then(Node::as_text) == Some("persistent") {
        runtime.fill("session", || Value::Table(Entries::new()));
        for_table(runtime, "session", |session| {
            session.fill("tickets", || Value::Whole(SessionLimits::TICKETS.into()));
            session.fill("age", || text(format!("{}h", SessionLimits::HOURS)));
            session.fill("tokens", || Value::Whole(SessionLimits::TOKENS.cast_signed()));
        });
    }
    runtime.fill("env", || Value::Table(Entries::new()));
    for_table(runtime, "env", |env| {
        env.fill("allow", || texts(ENVIRONMENT));
        env.fill("set", || Value::Table(Entries::new()));
    });
    let driver = runtime.find(&["driver"]).and_then(Node::as_text);
    // Nobody here sees whether a lane elsewhere still works: a job that died there must not hold its ticket for ever.
    let limits: &[_] = match driver {
        Some("person") => &[],
        Some("external") => &[("wall", "24h")],
        _ => &[("wall", "2h"), ("stall", "20m")],
    };
    runtime.fill("limits", || Value::Table(Entries::new()));
    if !limits.is_empty() {
        let limits = limits.to_vec();
        for_table(runtime, "limits", |table| {
            limits.iter().for_each(|(key, value)| table.fill(key, || text(*value)));
        });
    }
}

/// Who writes takes the first agent, who judges the second, so that they differ where two are found.
fn complete_role(role: &mut Node, agents: &[&'static str]) {
    role.fill("permission", || text("read"));
    let permission = role.find(&["permission"]).and_then(Node::as_text);
    let writes = permission == Some(Permission::Write.as_str());
    let shift = usize::from(!writes && agents.len() > 1);
    role.fill("runtimes", || texts(agents.iter().copied().cycle().skip(shift).take(agents.len())));
    role.fill("tools", || texts([]));
    role.fill("slots", || Value::Whole(1));
    role.fill("evidence", || texts([]));
    role.fill("instructions", || text(""));
    role.fill("mode", || text("binding"));
}

fn complete_workflow(workflow: &mut Node, roles: Option<&Node>) {
    let overrides = workflow.find(&["gate"]).cloned();
    let mut writers: Vec<String> = Vec::new();
    let mut workers: Vec<String> = Vec::new();
    for_table(workflow, "gates", |gates| {
        let written = gates.at.layer;
        let Value::List(gates) = &mut gates.value else { return };
        for gate in gates {
            let Some(id) = gate.find(&["id"]).and_then(Node::as_text).map(str::to_owned) else {
                continue;
            };
            if let Some(over) = overrides.as_ref().and_then(|all| all.find(&[&id])) {
                lay_over(gate, over, written);
            }
            let role = gate.find(&["role"]).and_then(Node::as_text).unwrap_or_default();
            let rules =
                roles.and_then(|roles| roles.find(&[role])).filter(|_| role != "controller");
            let permission = rules.and_then(|role| role.find(&["permission"])?.as_text());
            if permission == Some(Permission::Write.as_str()) {
                writers.push(id.clone());
            }
            if role != "controller" {
                workers.push(id.clone());
            }
            let otherwise =
                if role == "controller" { workers.last().cloned() } else { judged(gate) };
            let back = writers.last().cloned().or(otherwise).unwrap_or(id);
            complete_gate(gate, rules, back);
        }
    });
}

/// Lays the keys of `[workflow.W.gate.ID]` on a gate, save those from a file that the list of gates overrules.
fn lay_over(gate: &mut Node, over: &Node, written: Layer) {
    let (Some(gate), Some(over)) = (gate.as_table_mut(), over.as_table()) else { return };
    for (key, node) in over {
        if node.key.layer >= written && key != "id" {
            gate.insert(key.clone(), node.clone());
        }
    }
}

/// Returns a role's evidence without what is no evidence, which is noted with the role already.
fn usable(evidence: &Node) -> Option<Node> {
    let is_kind =
        |node: &Node| node.as_text().is_some_and(|it| EvidenceKind::from_word(it).is_some());
    let value = match &evidence.value {
        Value::List(items) => Value::List(items.iter().filter(|it| is_kind(it)).cloned().collect()),
        Value::Text(_) if is_kind(evidence) => evidence.value.clone(),
        Value::Text(_)
        | Value::Whole(_)
        | Value::Real(_)
        | Value::Flag(_)
        | Value::Table(_)
        | Value::Other(_) => return None,
    };
    Some(Node { value, ..evidence.clone() })
}

/// Returns the last gate that this one judges.
fn judged(gate: &Node) -> Option<String> {
    let judges = gate.find(&["judges"])?;
    let last = judges.as_list().map_or(Some(judges), <[Node]>::last)?;
    last.as_text().map(str::to_owned)
}

fn complete_gate(gate: &mut Node, role: Option<&Node>, back: String) {
    let name = gate.find(&["role"]).and_then(Node::as_text).unwrap_or("controller").to_owned();
    let judges = gate.find(&["judges"]).map(|judges| judges.value.clone());
    let is_review = match &judges {
        Some(Value::List(items)) => !items.is_empty(),
        Some(Value::Text(_)) => true,
        None | Some(_) => false,
    };
    let decider = match name.as_str() {
        "controller" => "controller".into(),
        role if is_review => format!("role:{role}"),
        _ => "person".into(),
    };
    gate.fill("decided_by", || text(decider));
    if let Some(evidence) = role.and_then(|role| role.find(&["evidence"])).and_then(usable)
        && let Some(entries) = gate.as_table_mut()
    {
        entries.entry("requires".into()).or_insert(evidence);
    }
    gate.fill("requires", || texts([]));
    gate.fill("judges", || texts([]));
    if is_review {
        gate.fill("independent", || text("runtime"));
    }
    gate.fill("sends_back_to", || text(back));
    gate.fill("stale_on", || text("code"));
    gate.fill("when", || text("always"));
    gate.fill("max_rounds", || Value::Whole(i64::from(MAX_ROUNDS)));
}

/// Returns the names of the tables under `key`.
pub(super) fn names(root: &Node, key: &str) -> BTreeSet<String> {
    let entries = root.find(&[key]).and_then(Node::as_table);
    entries.map(|entries| entries.keys().cloned().collect()).unwrap_or_default()
}

/// Returns the place in the latest layer, the last of several: there somebody can change the matter.
pub(super) fn latest(places: impl IntoIterator<Item = Place>) -> Place {
    places.into_iter().max_by_key(|place| place.layer).unwrap_or(Place::BUILT_IN)
}
