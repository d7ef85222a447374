//! Turns the text of `mission.toml` and of a home's `config.toml` into rules. No file is opened here.
//!
//! Three layers, each laid key by key on the one before: what is built in, the home, the project. Every value
//! remembers where it was written (`tree`), so that a problem has its line and column, and `explain` an answer.

mod agents;
mod check;
mod defaults;
mod home;
mod names;
mod problem;
mod project;
mod quantity;
mod read;
mod settings;
mod template;
#[cfg(test)]
mod tests;
mod tree;
mod workflows;

use std::collections::BTreeSet;

pub use defaults::ENVIRONMENT;
pub use home::{HomeConfig, LISTEN, home};
pub use names::instructions_path;
pub use problem::Problem;
pub use settings::{Setting, settings};
pub use template::commented_template;

use self::problem::{Files, Report};
use self::read::Fields;
use self::tree::{Layer, Node, Place};
use crate::rules::{Decider, Mode, Role, Rules, Workflow};

/// The tables that a home and a project share.
const SHARED: [&str; 7] =
    ["project", "budget", "runtime", "role", "workflow", "policy", "schedule"];

/// Those of them that hold settings themselves; the others hold one table for each name.
const SINGLE: [&str; 2] = ["project", "budget"];

/// A file's text and the name that problems call it by.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// The name, like `mission.toml`, or a path.
    pub name: &'a str,
    /// The whole text.
    pub text: &'a str,
}

/// Facts about the machine and the repository that the caller saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The branch that the repository is on by default; `main` where it is unknown.
    pub default_branch: Option<String>,
    /// Programs that are there, by name; `codex`, `claude`, `opencode`, `gemini` and `hermes` become runtimes.
    pub programs: Vec<String>,
    /// Check commands that the repository's own files suggest. Only the template uses them.
    pub checks: Vec<String>,
}

/// A value in force, and who says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// The value as TOML on one line.
    pub value: String,
    /// File and line, like `mission.toml:14`, or `built-in`.
    pub from: String,
}

/// Returns the rules that hold in a project: built-in, then the home's tables, then the project's, key by key.
///
/// An empty or missing file is fine: the key is then made from `folder_name`.
///
/// # Errors
///
/// Everything that is wrong in both files, in their order. A file that is not TOML hides all other problems.
pub fn rules(
    folder_name: &str,
    home: Option<Source<'_>>,
    project: Option<Source<'_>>,
    found: &Found,
) -> Result<Rules, Vec<Problem>> {
    let files = Files { home, project };
    let report = Report::default();
    let root = merged(folder_name, files, found, &report)?;
    let rules = read_all(&root, &report);
    let problems = report.into_problems(files);
    match rules {
        Some(rules) if problems.is_empty() => Ok(rules),
        None if problems.is_empty() => {
            let message = "these files cannot be used together; take out what was changed last";
            Err(vec![files.problem(Place::BUILT_IN, message.into())])
        }
        Some(_) | None => Err(problems),
    }
}

/// Returns the text of the file that problems call `name`.
///
/// # Errors
///
/// The place of the first byte that is no UTF-8.
pub fn text(name: &str, bytes: Vec<u8>) -> Result<String, Problem> {
    String::from_utf8(bytes).map_err(|error| {
        let offset = error.utf8_error().valid_up_to();
        let byte = error.as_bytes().get(offset).copied().unwrap_or_default();
        let text = String::from_utf8_lossy(error.as_bytes().get(..offset).unwrap_or_default());
        let home = Source { name, text: &text };
        let files = Files { home: Some(home), project: None };
        let message = format!("the byte {byte:#04x} is not UTF-8; save the file as UTF-8");
        files.problem(Place { layer: Layer::Home, offset }, message)
    })
}

/// Returns whether `key` is one that only a home's `config.toml` has, like `listen`.
pub fn is_of_the_home(key: &str) -> bool {
    home::KEYS.contains(&key)
}

/// Returns the value of `key`, like `runtime.codex.model`, and where it comes from; nothing where it is not set. A key that
/// only a home has is looked up in `home` alone.
///
/// A gate's keys are found under `workflow.standard.gate.qa_review`. A file that is not TOML is left out.
pub fn explain(
    key: &str,
    folder_name: &str,
    home: Option<Source<'_>>,
    project: Option<Source<'_>>,
    found: &Found,
) -> Option<Explanation> {
    let is_toml = |layer| move |source: &Source<'_>| tree::parse(layer, source.text).is_ok();
    let files = Files {
        home: home.filter(is_toml(Layer::Home)),
        project: project.filter(is_toml(Layer::Project)),
    };
    if is_of_the_home(key) {
        return home::explain(key, files);
    }
    let root = merged(folder_name, files, found, &Report::default()).ok()?;
    let path: Vec<&str> = key.split('.').collect();
    let node = match path.as_slice() {
        ["workflow", workflow, "gate", gate, rest @ ..] => {
            let gates = root.find(&["workflow", workflow, "gates"])?.as_list()?;
            let is_named = |it: &&Node| it.find(&["id"]).and_then(Node::as_text) == Some(gate);
            gates.iter().find(is_named)?.find(rest)?
        }
        path => root.find(path)?,
    };
    let from = match files.line(node.key) {
        Some((file, line)) => format!("{file}:{line}"),
        None => "built-in".into(),
    };
    Some(Explanation { value: node.render(), from })
}

/// Merges all layers and completes the result. Unknown tables are noted and left out.
fn merged(
    folder_name: &str,
    files: Files<'_>,
    found: &Found,
    report: &Report,
) -> Result<Node, Vec<Problem>> {
    let mut root = defaults::base(folder_name, found);
    let mut broken = Vec::new();
    for (layer, source) in [(Layer::Home, files.home), (Layer::Project, files.project)] {
        let Some(source) = source else { continue };
        match tree::parse(layer, source.text) {
            Ok(mut over) => {
                known_tables(&mut over, layer, report);
                root.merge(over);
            }
            Err(errors) => broken.extend(files.syntax(layer, errors)),
        }
    }
    defaults::complete(&mut root, found);
    if broken.is_empty() { Ok(root) } else { Err(broken) }
}

/// Keeps the shared tables of a file and notes what else it holds; the home's own keys are read by `home`.
fn known_tables(root: &mut Node, layer: Layer, report: &Report) {
    let Some(entries) = root.as_table_mut() else { return };
    entries.retain(|key, node| {
        let is_shared = SHARED.contains(&key.as_str());
        let is_homes = home::KEYS.contains(&key.as_str());
        let shown = names::shown(key);
        let is_table = node.as_table().is_some();
        match layer {
            _ if is_shared && is_table => {}
            _ if is_shared => {
                let header = if SINGLE.contains(&key.as_str()) { "" } else { ".NAME" };
                let message = format!("`{shown}` is a table; write `[{shown}{header}]`");
                report.add(node.key, message);
            }
            Layer::Home if is_homes => {}
            Layer::Project if is_homes => {
                let message = format!(
                    "`{shown}` belongs to one machine, not to a repository; move it to the home's `config.toml`"
                );
                report.add(node.key, message);
            }
            Layer::BuiltIn | Layer::Home | Layer::Project => {
                let hint = names::hint(key, SHARED);
                report.add(node.key, format!("there is no table `{shown}`; {hint}"));
            }
        }
        is_shared && is_table
    });
}

/// The names that other tables may refer to.
struct Known<'r> {
    report: &'r Report,
    roles: BTreeSet<String>,
    runtimes: BTreeSet<String>,
    workflows: BTreeSet<String>,
    policies: BTreeSet<String>,
}

impl Known<'_> {
    /// Returns the name under `key` (`workflow` or `policy`), which must be one that exists.
    fn name<'n>(&self, fields: &Fields<'n>, key: &str) -> Option<&'n str> {
        let name = fields.text(key)?;
        let names = if key == "policy" { &self.policies } else { &self.workflows };
        if !names.contains(name) {
            let hint = names::hint(name, names.iter().map(String::as_str));
            fields.bad(key, format!("there is no {key} `{}`; {hint}", names::shown(name)));
            return None;
        }
        Some(name)
    }
}

fn read_all(root: &Node, report: &Report) -> Option<Rules> {
    let known = Known {
        report,
        roles: defaults::names(root, "role"),
        runtimes: defaults::names(root, "runtime"),
        workflows: defaults::names(root, "workflow"),
        policies: defaults::names(root, "policy"),
    };
    let project = root.find(&["project"]).and_then(|node| project::project(node, &known));
    let budget = root.find(&["budget"]).and_then(|node| project::budget(node, &known));
    let runtimes = each(root, "runtime", &known, agents::runtime);
    let roles = each(root, "role", &known, agents::role);
    let workflows = each(root, "workflow", &known, workflows::workflow);
    let policies = each(root, "policy", &known, project::policy);
    let schedules = each(root, "schedule", &known, project::schedule);
    shadows(root, &roles, &workflows, report);
    let project = project?;
    Some(Rules {
        instructions: std::collections::BTreeMap::new(),
        key: project.key?,
        default_branch: project.default_branch?,
        time_zone: project.time_zone?,
        workflow: project.workflow?,
        visual_paths: project.visual_paths,
        user_facing_paths: project.user_facing_paths,
        checks: project.checks,
        network: project.network,
        land: project.land?,
        setup: project.setup?,
        preview: project.preview,
        workflows: workflows.into_iter().map(|it| (it.id.clone(), it)).collect(),
        roles: roles.into_iter().map(|it| (it.id.clone(), it)).collect(),
        runtimes: runtimes.into_iter().map(|it| (it.id.clone(), it)).collect(),
        policies: policies.into_iter().map(|it| (it.id.clone(), it)).collect(),
        budget: budget.unwrap_or_default(),
        schedules: schedules.into_iter().map(|it| (it.id.clone(), it)).collect(),
    })
}

/// A shadow reviewer decides nothing: a gate that would wait for its word needs somebody else's.
fn shadows(root: &Node, roles: &[Role], workflows: &[Workflow], report: &Report) {
    for role in roles.iter().filter(|it| it.mode == Mode::Shadow) {
        let decides = Decider::Role(role.id.clone());
        let gates = workflows.iter().flat_map(|workflow| {
            let own = workflow.gates.iter().filter(|it| it.decided_by.contains(&decides));
            own.map(|it| format!("`workflow.{}.gate.{}`", workflow.id, it.id))
        });
        let gates: Vec<String> = gates.collect();
        let place = root.find(&["role", role.id.as_str(), "mode"]).map(|it| it.key);
        if let (Some(place), false) = (place, gates.is_empty()) {
            let message = format!(
                "`{}` is a shadow reviewer, and what a shadow says decides nothing: let a person or another role decide {} (`decided_by`), or write `mode = \"binding\"`",
                role.id,
                gates.join(", ")
            );
            report.add(place, message);
        }
    }
}

/// Reads all tables under `key`, whose names must be fit to be used.
fn each<'n, T>(
    root: &'n Node,
    key: &str,
    known: &Known<'n>,
    read: impl Fn(&str, &'n Node, &Known<'n>) -> Option<T>,
) -> Vec<T> {
    let Some(tables) = root.find(&[key]) else { return Vec::new() };
    let Some(entries) = tables.as_table() else { return Vec::new() };
    let is_usable = |name: &str, node: &Node| {
        let usable = names::is_name(name);
        if !usable {
            known.report.add(node.key, names::bad_name(key, name));
        }
        usable
    };
    let usable = entries.iter().filter(|(name, node)| is_usable(name, node));
    usable.filter_map(|(name, node)| read(name, node, known)).collect()
}
