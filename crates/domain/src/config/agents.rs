//! Reads the runtimes and the roles.

use std::collections::BTreeMap;

use super::Known;
use super::defaults::latest;
use super::names;
use super::read::Fields;
use super::tree::Node;
use crate::ids::{RoleId, RuntimeId};
use crate::rules::{Driver, Lifecycle, Limits, Role, Runtime, SessionLimits};

/// Names that mean somebody else where a role is expected.
const NO_ROLES: [&str; 3] = ["controller", "person", "external"];

/// Reads `[runtime.ID]`.
pub(super) fn runtime(id: &str, node: &Node, known: &Known<'_>) -> Option<Runtime> {
    let keys = ["driver", "command", "model", "env", "limits", "lifecycle", "session"];
    let fields = Fields::open(node, format!("runtime.{id}"), &keys, known.report)?;
    let driver = fields.word::<Driver>("driver");
    let command = fields.get("command").map_or(Some(Vec::new()), |_| command(&fields));
    let command = driver.zip(command).and_then(|(driver, it)| fit(&fields, driver, it));
    let (env_allow, env_set) = environment(&fields).unwrap_or_default();
    let (limits, lifecycle) = (limits(&fields), lifecycle(&fields, driver));
    let model = fields.filled("model").map(str::to_owned);
    Some(Runtime {
        id: RuntimeId::new(id),
        driver: driver?,
        command: command?,
        model,
        env_allow,
        env_set,
        limits,
        lifecycle: lifecycle?,
        session: session(&fields, lifecycle),
    })
}

fn command(fields: &Fields<'_>) -> Option<Vec<String>> {
    if let Some(line) = fields.get("command")?.as_text() {
        let list = match line.contains(char::is_whitespace) {
            true => format!("[\"sh\", \"-c\", {}]", super::tree::quoted(line)),
            false => format!("[{}]", super::tree::quoted(line)),
        };
        let list = names::shown(&list).replace("\\\"", "\"").replace("\\'", "'");
        fields.bad(
            "command",
            format!("`{}.command` takes a list of words; write `command = {list}`", fields.name),
        );
        return None;
    }
    let words = fields.texts("command", false)?;
    if words.first().is_none_or(|(program, _)| program.trim().is_empty()) {
        let message =
            format!("`{}.command` names no program; write one like `[\"codex\"]`", fields.name);
        fields.bad("command", message);
        return None;
    }
    Some(words.into_iter().map(|(word, _)| word.into()).collect())
}

/// Returns the command where the driver starts one; notes one that is missing or one too many.
fn fit(fields: &Fields<'_>, driver: Driver, command: Vec<String>) -> Option<Vec<String>> {
    match driver {
        Driver::Person | Driver::External => {
            let is_inherited = fields.place("command").layer < fields.place("driver").layer;
            if command.is_empty() || is_inherited {
                return Some(Vec::new());
            }
            let message = format!(
                "the driver `{driver}` starts nothing, so `{}` takes no `command`; take the line out",
                fields.name
            );
            fields.bad("command", message);
            None
        }
        Driver::Exec | Driver::Tmux | Driver::Codex | Driver::Claude | Driver::Acp => {
            fields.need("command", "command = [\"codex\"]");
            (!command.is_empty()).then_some(command)
        }
    }
}

/// Returns how long a session lives; notes one that is to be kept where none can be.
fn lifecycle(fields: &Fields<'_>, driver: Option<Driver>) -> Option<Lifecycle> {
    let lifecycle = fields.word("lifecycle")?;
    let Some(driver) = driver.filter(|it| !it.keeps_sessions()) else { return Some(lifecycle) };
    match lifecycle {
        Lifecycle::PerTicket => Some(lifecycle),
        Lifecycle::Persistent => {
            if fields.place("lifecycle").layer < fields.place("driver").layer {
                return Some(Lifecycle::PerTicket);
            }
            let message = format!(
                "the driver `{driver}` knows of no sessions, so `{}` can keep none from ticket to ticket; take the line out, or use the driver `codex`, `claude` or `acp`",
                fields.name
            );
            fields.bad("lifecycle", message);
            None
        }
    }
}

/// Returns how long a lane keeps a session; notes limits of one that it does not keep.
fn session(fields: &Fields<'_>, lifecycle: Option<Lifecycle>) -> SessionLimits {
    let usual = SessionLimits::default();
    let Some(session) = fields.table("session", &["tickets", "age", "tokens"]) else {
        return usual;
    };
    let is_inherited = fields.place("session").layer < fields.place("lifecycle").layer;
    if lifecycle == Some(Lifecycle::PerTicket) && !is_inherited {
        let message = format!(
            "`{0}.session` limits what is kept from ticket to ticket, and `{0}` keeps nothing; write `lifecycle = \"persistent\"` too, or take it out",
            fields.name
        );
        fields.bad("session", message);
    }
    let tickets = session.get("tickets").and_then(|_| session.whole("tickets", 1, 1_000));
    let tokens = session.get("tokens").and_then(|_| session.whole("tokens", 1, i64::MAX));
    SessionLimits {
        tickets: tickets.and_then(|it| it.try_into().ok()).unwrap_or(usual.tickets),
        age_s: session.duration("age").unwrap_or(usual.age_s),
        tokens: tokens.map_or(usual.tokens, i64::unsigned_abs),
    }
}

fn environment(fields: &Fields<'_>) -> Option<(Vec<String>, BTreeMap<String, String>)> {
    let env = fields.table("env", &["allow", "set"])?;
    let mut allow = Vec::new();
    for (name, place) in env.texts("allow", false).unwrap_or_default() {
        match names::variable_fault(name) {
            None => allow.push(name.to_owned()),
            Some(fault) => env.report.add(place, format!("`{}` {fault}", names::shown(name))),
        }
    }
    let mut set = BTreeMap::new();
    let Some(node) = env.get("set") else { return Some((allow, set)) };
    let names: Vec<&str> =
        node.as_table().into_iter().flatten().map(|(it, _)| it.as_str()).collect();
    let values = Fields::open(node, format!("{}.set", env.name), &names, env.report)?;
    for name in names {
        if let Some(fault) = names::variable_fault(name) {
            let place = values.get(name).map_or(node.key, |value| value.key);
            env.report.add(place, format!("`{}` {fault}", names::shown(name)));
        }
        set.extend(values.text(name).map(|value| (name.to_owned(), value.to_owned())));
    }
    Some((allow, set))
}

fn limits(fields: &Fields<'_>) -> Limits {
    let keys = ["wall", "stall", "memory", "cost_usd", "tokens"];
    let Some(limits) = fields.table("limits", &keys) else { return Limits::default() };
    Limits {
        wall_s: limits.limit("wall"),
        stall_s: limits.limit("stall"),
        memory_bytes: limits.size("memory"),
        cost_micros: limits.money("cost_usd"),
        tokens: limits.whole("tokens", 1, i64::MAX).map(i64::unsigned_abs),
    }
}

/// Reads `[role.ID]`.
pub(super) fn role(id: &str, node: &Node, known: &Known<'_>) -> Option<Role> {
    let keys = ["runtimes", "permission", "tools", "slots", "evidence", "instructions", "mode"];
    if NO_ROLES.contains(&id) {
        let message = format!(
            "`{id}` is not a role's name: it means somebody who is no lane; choose another name"
        );
        known.report.add(node.key, message);
        return None;
    }
    let fields = Fields::open(node, format!("role.{id}"), &keys, known.report)?;
    let runtimes = runtimes(&fields, known);
    let slots = fields.whole("slots", 1, 64);
    let (permission, mode) = (fields.word("permission"), fields.word("mode"));
    let evidence = fields.words("evidence").unwrap_or_default();
    let tools = fields.texts("tools", false).unwrap_or_default();
    let instructions = fields.text("instructions");
    let is_outside = |path: &str| path.starts_with('/') || path.split('/').any(|part| part == "..");
    if let Some(path) = instructions.and_then(names::instructions_path).filter(|it| is_outside(it))
    {
        let message = format!(
            "the instructions `{}` lie outside the repository; name a file on the default branch, like `roles/coder.md`",
            names::shown(path)
        );
        fields.bad("instructions", message);
    }
    Some(Role {
        id: RoleId::new(id),
        runtimes,
        permission: permission?,
        tools: tools.into_iter().map(|(tool, _)| tool.into()).collect(),
        slots: slots.and_then(|slots| slots.try_into().ok())?,
        evidence,
        instructions: instructions?.into(),
        mode: mode?,
    })
}

fn runtimes(fields: &Fields<'_>, known: &Known<'_>) -> Vec<RuntimeId> {
    let named = fields.texts("runtimes", true).unwrap_or_default();
    let is_empty = fields.get("runtimes").and_then(Node::as_list).is_some_and(<[Node]>::is_empty);
    if is_empty {
        let message = format!(
            "`{}.runtimes` is empty, so nothing could do its work; name one, like `[\"codex\"]`",
            fields.name
        );
        fields.bad("runtimes", message);
    }
    let mut runtimes: Vec<RuntimeId> = Vec::new();
    for (name, place) in named {
        let id = RuntimeId::new(name);
        if !known.runtimes.contains(name) {
            let hint = names::hint(name, known.runtimes.iter().map(String::as_str));
            let place = latest([place]);
            known
                .report
                .add(place, format!("there is no runtime `{}`; {hint}", names::shown(name)));
        } else if runtimes.contains(&id) {
            known.report.add(place, format!("the runtime `{name}` is named twice; take one out"));
        } else {
            runtimes.push(id);
        }
    }
    runtimes
}
