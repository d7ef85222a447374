//! What `init` finds, shows and asks.

use std::fs;

use super::*;

#[test]
fn checks_are_found_by_the_files_that_name_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let write = |name: &str, text: &str| fs::write(dir.path().join(name), text).expect("written");
    assert!(look::checks(dir.path()).is_empty());
    write("package.json", r#"{"scripts":{"test":"echo \"Error: no test specified\" && exit 1"}}"#);
    write("pyproject.toml", "[project]\n");
    assert!(look::checks(dir.path()).is_empty());
    write("Cargo.toml", "");
    write("package.json", r#"{"scripts":{"test":"node --test"}}"#);
    write("pyproject.toml", "[tool.pytest.ini_options]\n");
    write("go.mod", "module x\n");
    assert_eq!(look::checks(dir.path()), ["cargo test", "npm test", "pytest", "go test ./..."]);
}

#[test]
fn the_commands_that_will_be_run_are_all_shown() {
    let text = "[project]\nkey = \"AB\"\nchecks = [\"make test\", { run = \"make lint\", advisory = true }]\nsetup = { after_create = \"npm ci\" }\n[project.preview]\ncommand = \"serve $PORT\"\nready = \"http://127.0.0.1:$PORT/\"\npages = [\"/\"]\n[runtime.mine]\ndriver = \"exec\"\ncommand = [\"sh\", \"-c\", \"echo hi\"]\n";
    let rules = config::rules("x", None, Some(Source { name: FILE, text }), &Found::default())
        .expect("rules");
    let shown: Vec<_> =
        of_rules(&rules, text).into_iter().map(|(what, line)| format!("{what}: {line}")).collect();
    assert_eq!(
        shown,
        [
            "check: make test",
            "check: make lint",
            "after create: npm ci",
            "preview: serve $PORT",
            "runtime: mine: sh -c 'echo hi'"
        ]
    );
}
