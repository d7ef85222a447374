//! What a repository and its machine show by themselves: branch, checks, programs. Nothing is started.

use std::path::Path;

use mission_domain::config::Found;

use super::holds;
use crate::process;
use crate::repository::Repository;

/// The programs that matter, each under its names.
const PROGRAMS: [(&str, &[&str]); 7] = [
    ("codex", &["codex"]),
    ("claude", &["claude"]),
    ("gemini", &["gemini"]),
    ("opencode", &["opencode"]),
    ("hermes", &["hermes"]),
    ("tmux", &["tmux"]),
    ("chromium", BROWSERS),
];

/// The names that a browser for screenshots goes by.
pub(crate) const BROWSERS: &[&str] =
    &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Returns the programs that are there.
pub(crate) fn programs() -> Vec<String> {
    let is_there = |names: &&[&str]| names.iter().any(|it| process::on_path(it).is_some());
    PROGRAMS.iter().filter(|it| is_there(&it.1)).map(|it| it.0.to_owned()).collect()
}

/// Looks around in `repository` and on the PATH.
pub(crate) fn around(repository: &Repository) -> Found {
    Found {
        default_branch: repository.default_branch(),
        programs: programs(),
        checks: checks(&repository.root),
    }
}

/// Returns the check commands that the repository's own files suggest.
pub(crate) fn checks(root: &Path) -> Vec<String> {
    let mut checks = Vec::new();
    let mut suggest = |is: bool, check: &str| {
        if is {
            checks.push(check.to_owned());
        }
    };
    suggest(root.join("Cargo.toml").is_file(), "cargo test");
    suggest(has_test_script(&root.join("package.json")), "npm test");
    suggest(uses_pytest(root), "pytest");
    suggest(root.join("go.mod").is_file(), "go test ./...");
    checks
}

/// The script that `npm init` writes only fails, so it is none.
fn has_test_script(package: &Path) -> bool {
    let text = std::fs::read_to_string(package).unwrap_or_default();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let script = document.pointer("/scripts/test").and_then(serde_json::Value::as_str);
    script.is_some_and(|it| !it.trim().is_empty() && !it.contains("no test specified"))
}

fn uses_pytest(root: &Path) -> bool {
    root.join("pytest.ini").is_file()
        || root.join("conftest.py").is_file()
        || root.join("tests/conftest.py").is_file()
        || ["pyproject.toml", "setup.cfg", "tox.ini"]
            .iter()
            .any(|it| holds(&root.join(it), "pytest"))
}
