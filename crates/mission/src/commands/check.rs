//! `mission check`, `workflow show` and `config explain`: what the configuration says.

use std::path::{Path, PathBuf};

use mission_domain::config::{self, Found, Source};
use mission_domain::rules::Workflow;
use serde_json::{Value, json};

use super::{Done, init};
use crate::cli::fleet::{ConfigCommand, WorkflowCommand};
use crate::context::{Context, print, print_text};
use crate::door::{encoded, forget_notices, with_query};
use crate::failure::{Exit, Failure};
use crate::output::{fleet, words};
use crate::{process, project, repository};

/// Checks a file, or the file of the repository you stand in and the rules in force. Exits 1 when there is a problem.
pub(crate) async fn check(context: &Context, file: Option<&Path>) -> Done {
    let mut problems = Vec::new();
    let here = std::env::current_dir().ok().and_then(|it| repository::around(&it));
    let own = here.as_ref().map(|it| it.root.join("mission.toml")).filter(|it| it.is_file());
    match (file, &own) {
        (Some(file), _) => problems.extend(of_file(context, file)?),
        (None, own) => {
            if let Some(own) = own {
                problems.extend(of_file(context, own)?);
            }
            problems.extend(in_force(context, own.is_some()).await?);
        }
    }
    // What the server says of its rules has one text.
    let is_held = problems.iter().any(|it| it.get("text").is_some());
    let mut told = std::collections::BTreeSet::new();
    problems.retain(|it| told.insert(line(it)));
    let lines: Vec<String> = problems.iter().map(line).collect();
    forget_notices(&lines);
    if context.json {
        print(&format!("{}\n", json!({"problems": problems})));
    } else if problems.is_empty() {
        print("no problems\n");
    } else {
        let count = words::count(problems.len(), "problem");
        let held = if is_held { "; the last good rules stay in force" } else { "" };
        print_text(&format!("{}\n{count}{held}\n", lines.join("\n")));
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::printed_no()) }
}

/// Returns what is wrong in `file`, read together with the home's own configuration.
fn of_file(context: &Context, file: &Path) -> Result<Vec<Value>, Failure> {
    let document = |it: config::Problem| json!({"file": it.file, "line": it.line, "column": it.column, "message": it.message});
    let name = file
        .file_name()
        .map_or_else(|| "mission.toml".into(), |it| it.to_string_lossy().into_owned());
    let bytes = std::fs::read(file).map_err(|e| Failure::file(file, &e))?;
    let text = match config::text(&name, bytes) {
        Ok(text) => text,
        Err(problem) => return Ok(vec![document(problem)]),
    };
    let (home_name, home_text) = home_file(context);
    let home = home_text.as_deref().map(|text| Source { name: &home_name, text });
    let folder = std::path::absolute(file).ok();
    let folder = folder.as_deref().and_then(Path::parent).and_then(Path::file_name);
    let folder = folder.map_or_else(|| "project".into(), |it| it.to_string_lossy().into_owned());
    let project = Source { name: &name, text: &text };
    let found = Found::default();
    let problems = config::rules(&folder, home, Some(project), &found).err().unwrap_or_default();
    Ok(problems.into_iter().map(document).collect())
}

/// Returns what is wrong with the rules that the server reads. Where a file was checked already, no project is needed.
async fn in_force(context: &Context, has_file: bool) -> Result<Vec<Value>, Failure> {
    let door = match context.door().await {
        Ok(door) => door,
        Err(_) if has_file => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    let project = match project::required(context, &door).await {
        Ok(project) => project,
        Err(_) if has_file => return Ok(Vec::new()),
        Err(failure) => return Err(failure),
    };
    let answer = door.get(&with_query("/check", &[("project", Some(&project))])).await?.value()?;
    let problems = answer.get("problems").and_then(Value::as_array).cloned().unwrap_or_default();
    Ok(problems.into_iter().flat_map(one_a_line).collect())
}

/// A project's problem may hold several lines, each a problem of its own.
fn one_a_line(problem: Value) -> Vec<Value> {
    let Some(text) = problem.get("text").and_then(Value::as_str) else { return vec![problem] };
    let with = |line: &str| {
        let mut one = problem.clone();
        one["text"] = json!(line);
        one
    };
    text.lines().map(with).collect()
}

/// Returns a problem as `mission.toml:12:7: …`.
fn line(problem: &Value) -> String {
    let field = |key: &str| fleet::field(problem, key);
    match (problem.as_str(), field("text")) {
        (Some(text), _) => text.to_owned(),
        (None, text) if !text.is_empty() => text,
        (None, _) => {
            format!("{}:{}:{}: {}", field("file"), field("line"), field("column"), field("message"))
        }
    }
}

/// Shows a workflow's gates.
pub(crate) async fn workflow(context: &Context, command: WorkflowCommand) -> Done {
    let WorkflowCommand::Show { name } = command;
    let door = context.door().await?;
    let project = project::chosen(context, &door).await?;
    let path =
        with_query(&format!("/workflows/{}", encoded(&name)), &[("project", project.as_deref())]);
    context.show(&door.get(&path).await?, |it: &Workflow, screen| fleet::workflow(it, screen))
}

/// Tells where a setting comes from: the default branch's file, the home's, or what is built in.
pub(crate) async fn config(context: &Context, command: ConfigCommand) -> Done {
    let ConfigCommand::Explain { key } = command;
    let (home_name, home_text) = home_file(context);
    let home = home_text.as_deref().map(|text| Source { name: &home_name, text });
    let explained = match config::is_of_the_home(&key) {
        true => config::explain(&key, "", home, None, &Found::default()),
        false => of_project(context, &key, home).await?,
    };
    let unset = || {
        let text = format!("`{key}` is not set, and nothing is built in for it");
        Failure::new(Exit::No, "not_found", text)
            .hint("keys are written as in mission.toml, like `role.coder.slots`")
    };
    let explained = explained.ok_or_else(unset)?;
    let document = json!({"key": key, "value": explained.value, "from": explained.from});
    context.say(&document, || format!("{key} = {}\n{}", explained.value, explained.from));
    Ok(())
}

/// Explains a key that a project may set.
async fn of_project(
    context: &Context,
    key: &str,
    home: Option<Source<'_>>,
) -> Result<Option<config::Explanation>, Failure> {
    let door = context.door().await?;
    let name = project::required(context, &door).await?;
    let projects = door.get("/projects").await?.read::<project::Projects>()?.projects;
    let none = || Failure::new(Exit::No, "not_found", format!("there is no project `{name}`"));
    let project = projects.into_iter().find(|it| it.key == name).ok_or_else(none)?;
    let root = PathBuf::from(&project.path);
    let object = format!("{}:mission.toml", project.default_branch);
    let text = process::git(&root, &["show", &object])?.ok();
    let own = text.as_deref().map(|text| Source { name: "mission.toml", text });
    let folder = root.file_name().map_or_else(String::new, |it| it.to_string_lossy().into_owned());
    let found = Found {
        default_branch: Some(project.default_branch),
        programs: init::programs(),
        ..Found::default()
    };
    Ok(config::explain(key, &folder, home, own, &found))
}

/// Returns the name and text of the home's own configuration.
pub(super) fn home_file(context: &Context) -> (String, Option<String>) {
    let path = context.home.dir().join("config.toml");
    (path.display().to_string(), std::fs::read_to_string(&path).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_reads_as_editors_expect_it() {
        let problem = json!({"file": "mission.toml", "line": 12, "column": 7, "message": "there is no role `qaa`"});
        assert_eq!(line(&problem), "mission.toml:12:7: there is no role `qaa`");
        assert_eq!(
            line(&json!({"project": "MC", "text": "mission.toml:1:1: x"})),
            "mission.toml:1:1: x"
        );
    }
}
