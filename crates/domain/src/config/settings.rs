//! Every setting in force with where it comes from, for whoever shows a whole configuration at once.

use super::problem::{Files, Report};
use super::tree::{Layer, Node, Value};
use super::{Found, Source, merged, tree};

/// One setting in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key, like `runtime.codex.model`; a gate's are found under `workflow.standard.gate.qa_review`.
    pub key: String,
    /// Its value as TOML on one line.
    pub value: String,
    /// File and line, like `mission.toml:14`, or `built-in`.
    pub from: String,
    /// The same of the table that it belongs to, like `[runtime.codex]` or `[workflow.standard]`.
    pub table: String,
}

/// Returns every setting in force, by key. A file that is not TOML is left out.
pub fn settings(
    folder_name: &str,
    home: Option<Source<'_>>,
    project: Option<Source<'_>>,
    found: &Found,
) -> Vec<Setting> {
    let is_toml = |layer| move |source: &Source<'_>| tree::parse(layer, source.text).is_ok();
    let files = Files {
        home: home.filter(is_toml(Layer::Home)),
        project: project.filter(is_toml(Layer::Project)),
    };
    let Ok(root) = merged(folder_name, files, found, &Report::default()) else { return Vec::new() };
    let mut all = Vec::new();
    flatten(&root, "", "built-in", files, &mut all);
    all
}

/// Adds what stands under `node`: tables key by key, a workflow's gates by their names, anything else as a value. Where `table`
/// begins is known above: the one of a part of the configuration or of what is named in it.
fn flatten(node: &Node, key: &str, table: &str, files: Files<'_>, all: &mut Vec<Setting>) {
    const NAMED: usize = 1; // dots in the key of a table that has a name, like `runtime.codex`
    let is_table = matches!(node.value, Value::Table(_)) && key.matches('.').count() <= NAMED;
    let own = is_table.then(|| from(node, files));
    let table = own.as_deref().unwrap_or(table);
    match &node.value {
        Value::Table(entries) if !entries.is_empty() => {
            for (name, inner) in entries {
                let dot = if key.is_empty() { "" } else { "." };
                flatten(inner, &format!("{key}{dot}{name}"), table, files, all);
            }
        }
        Value::List(gates) if key.starts_with("workflow.") && key.ends_with(".gates") => {
            for gate in gates {
                let id = gate.find(&["id"]).and_then(Node::as_text).unwrap_or_default();
                let workflow = key.trim_end_matches(".gates");
                flatten(gate, &format!("{workflow}.gate.{id}"), table, files, all);
            }
        }
        Value::Table(_)
        | Value::List(_)
        | Value::Text(_)
        | Value::Whole(_)
        | Value::Real(_)
        | Value::Flag(_)
        | Value::Other(_) => {
            let (value, from) = (node.render(), from(node, files));
            all.push(Setting { key: key.into(), value, from, table: table.into() });
        }
    }
}

/// Returns the file and line where a node's key stands, or `built-in`.
fn from(node: &Node, files: Files<'_>) -> String {
    match files.line(node.key) {
        Some((file, line)) => format!("{file}:{line}"),
        None => "built-in".into(),
    }
}
