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

fn shown(text: &str) -> Vec<String> {
    shown_beside(None, text)
}

fn shown_beside(home: Option<&str>, text: &str) -> Vec<String> {
    let home = home.map(|text| Source { name: "config.toml", text });
    let lines = of_text("x", home, text).expect("rules").into_iter();
    lines.map(|(what, line)| format!("{what}: {line}")).collect()
}

#[test]
fn what_the_home_names_is_not_the_repositorys_and_what_is_changed_of_it_is() {
    let home = "[runtime.mine]\ndriver = \"exec\"\ncommand = [\"agent\"]\n";
    assert_eq!(shown_beside(Some(home), "[project]\nkey = \"AB\"\n"), [""; 0]);
    let text = "[runtime.mine]\nenv = { set = { A = \"b\" } }\n";
    assert_eq!(shown_beside(Some(home), text), ["environment: mine: A=b"]);
    assert!(of_text("x", None, text).is_err());
}

#[test]
fn a_runtime_is_shown_however_its_table_is_written() {
    assert_eq!(shown(""), [""; 0]);
    for text in [
        "[runtime.claude]\ncommand = [\"./evil.sh\"]\n",
        "[ runtime.claude ]\ncommand = [\"./evil.sh\"]\n",
        "[\"runtime\".claude]\ncommand = [\"./evil.sh\"]\n",
        "runtime.claude.command = [\"./evil.sh\"]\n",
        "runtime = { claude = { command = [\"./evil.sh\"] } }\n",
    ] {
        assert_eq!(shown(text), ["runtime: claude: ./evil.sh"], "{text}");
    }
}

#[test]
fn the_variables_that_a_runtime_gets_besides_are_shown() {
    let allow =
        "runtime.claude.env.allow = [\"PATH\", \"ANTHROPIC_API_KEY\", \"AWS_SECRET_ACCESS_KEY\"]\n";
    let set = "runtime.claude.env.set = { LD_PRELOAD = \"./a b.so\" }\n";
    assert_eq!(shown(allow), ["environment: claude: your AWS_SECRET_ACCESS_KEY"]);
    assert_eq!(shown(set), ["environment: claude: LD_PRELOAD='./a b.so'"]);
    let mine = "[runtime.mine]\ndriver = \"exec\"\ncommand = [\"x\"]\nenv = { allow = [\"PATH\", \"OPENAI_API_KEY\"] }\n";
    assert_eq!(shown(mine), ["runtime: mine: x", "environment: mine: your OPENAI_API_KEY"]);
}

#[test]
fn the_commands_that_will_be_run_are_all_shown() {
    let text = "[project]\nkey = \"AB\"\nchecks = [\"make test\", { run = \"make lint\", advisory = true }]\nsetup = { after_create = \"npm ci\" }\n[project.preview]\ncommand = \"serve $PORT\"\nready = \"http://127.0.0.1:$PORT/\"\npages = [\"/\"]\n[runtime.mine]\ndriver = \"exec\"\ncommand = [\"sh\", \"-c\", \"echo hi\"]\n";
    assert_eq!(
        shown(text),
        [
            "check: make test",
            "check: make lint",
            "after create: npm ci",
            "preview: serve $PORT",
            "runtime: mine: sh -c 'echo hi'"
        ]
    );
}
