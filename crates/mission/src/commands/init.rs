//! `mission init`: looks at the repository, writes its file, asks for trust, and registers it.

use std::path::Path;

use mission_domain::config::{self, Found, Source};
use mission_domain::doc::ProjectDoc;
use mission_domain::rules::Rules;
use serde_json::json;

use super::{Done, asked};
use crate::cli::session::InitArgs;
use crate::context::{Context, note};
use crate::failure::{Exit, Failure};
use crate::output::{Screen, Tone};
use crate::process;
use crate::repository::{self, Repository};

mod look;

pub(crate) use look::{BROWSERS, programs};

/// The file's name.
const FILE: &str = "mission.toml";

/// What was answered beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answers {
    /// Every question with yes.
    pub(crate) yes: bool,
}

/// Registers the repository that somebody stands in.
pub(crate) async fn run(context: &Context, args: &InitArgs) -> Done {
    let dir = std::env::current_dir();
    let dir = dir.map_err(|e| Failure::usage(format!("this folder cannot be read: {e}")))?;
    let repository = repository::to_register(&dir)?;
    let found = look::around(&repository);
    write_file(&repository, &found)?;
    let wants = args.commit || args.yes;
    let may_ask = !wants && is_uncommitted(&repository)?;
    if wants || (may_ask && asked(&format!("commit {FILE}?")) == Some(true)) {
        commit(&repository)?;
    }
    let trust = trust(context, &repository, Answers { yes: args.yes })?;
    let body = json!({"path": repository.root, "trust": trust});
    let answer = context.door().await?.post("/projects", &body).await?;
    context.show(&answer, registered)
}

/// Writes the commented file, unless there is one.
fn write_file(repository: &Repository, found: &Found) -> Done {
    let path = repository.root.join(FILE);
    if std::fs::symlink_metadata(&path).is_ok() {
        note(&format!("{FILE} is there already and stays as it is"));
        return Ok(());
    }
    let text = config::commented_template(&repository.folder_name(), found);
    let mut file = std::fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .open(&path)
        .map_err(|e| Failure::file(&path, &e))?;
    std::io::Write::write_all(&mut file, text.as_bytes()).map_err(|e| Failure::file(&path, &e))?;
    let seen = [found.programs.join(", "), found.checks.join(", ")];
    let [programs, checks] = seen.map(|it| if it.is_empty() { "none".to_owned() } else { it });
    note(&format!("wrote {FILE} (programs found: {programs}; checks found: {checks})"));
    Ok(())
}

fn is_uncommitted(repository: &Repository) -> Result<bool, Failure> {
    let status =
        process::git(&repository.root, &["status", "--porcelain", "--ignored", "--", FILE])?;
    Ok(status.is_ok_and(|it| !it.is_empty()))
}

/// Commits the file and nothing else, whatever else is staged. Nothing to commit is no error.
fn commit(repository: &Repository) -> Done {
    if !is_uncommitted(repository)? {
        note(&format!("{FILE} is committed already"));
        return Ok(());
    }
    let failed = |said: String| {
        let text = format!("{FILE} was written but not committed; git says: {said}");
        Failure::new(Exit::No, "not_committed", text)
            .hint(format!("commit {FILE} yourself, then repeat `mission init`"))
    };
    process::git(&repository.root, &["add", "--", FILE])?.map_err(failed)?;
    let message = "mission: describe this repository's checks and roles";
    process::git(&repository.root, &["commit", "--quiet", "-m", message, "--", FILE])?
        .map_err(failed)?;
    note(&format!("committed {FILE}"));
    Ok(())
}

/// Shows the commands that will be run and asks; without a terminal and without `yes` the answer is no.
pub(crate) fn trust(
    context: &Context,
    repository: &Repository,
    answers: Answers,
) -> Result<bool, Failure> {
    let commands = commands(repository)?;
    let screen = Screen { colour: false, ..context.screen };
    if commands.is_empty() {
        note("this repository's configuration names no commands of its own");
    } else {
        note("Mission Control will run these commands of this repository:");
        let lines: String = commands
            .iter()
            .map(|(what, line)| screen.labelled(what, Tone::Plain, line, 2))
            .collect();
        note(lines.trim_end());
    }
    if answers.yes {
        return Ok(true);
    }
    let answer = asked("run them, now and as they change on the default branch?");
    if answer.is_none() {
        note(
            "there is no terminal to ask on, so the project is registered untrusted: none of its commands will run until `mission init --yes`",
        );
    }
    Ok(answer.unwrap_or(false))
}

/// Returns the commands that the configuration names: on the default branch, and in the working copy's file.
fn commands(repository: &Repository) -> Result<Vec<(&'static str, String)>, Failure> {
    let branch = repository.default_branch().unwrap_or_else(|| "HEAD".into());
    let committed = process::git(&repository.root, &["show", &format!("{branch}:{FILE}")])?.ok();
    let working = std::fs::read_to_string(repository.root.join(FILE)).ok();
    let mut all = Vec::new();
    // Git's answer ends without the file's last line break.
    let is_same = committed.as_deref().map(str::trim_end) == working.as_deref().map(str::trim_end);
    for text in committed.into_iter().chain(working.filter(|_| !is_same)) {
        match read(repository, &text) {
            Ok(rules) => all.extend(of_rules(&rules, &text)),
            Err(problems) => note(&format!(
                "{FILE} has problems; `mission check` lists them all. The first: {problems}"
            )),
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    all.retain(|it| seen.insert(it.clone()));
    Ok(all)
}

fn read(repository: &Repository, text: &str) -> Result<Rules, String> {
    let source = Source { name: FILE, text };
    let rules = config::rules(&repository.folder_name(), None, Some(source), &Found::default());
    rules.map_err(|problems| problems.first().map(ToString::to_string).unwrap_or_default())
}

/// Returns what `rules` would run that does not come from Mission Control itself.
fn of_rules(rules: &Rules, text: &str) -> Vec<(&'static str, String)> {
    let built_in = config::rules("project", None, None, &Found::default()).ok();
    let mut commands: Vec<(&'static str, String)> =
        rules.checks.iter().map(|it| ("check", it.run.clone())).collect();
    commands.push(("after create", rules.setup.after_create.clone()));
    commands.push(("before run", rules.setup.before_run.clone()));
    commands.extend(rules.preview.iter().map(|it| ("preview", it.command.clone())));
    for (id, runtime) in &rules.runtimes {
        let known = built_in.as_ref().and_then(|it| it.runtimes.get(id));
        if known.is_none_or(|it| it.command != runtime.command) && text.contains("[runtime") {
            let line: Vec<_> = runtime.command.iter().map(|it| process::quoted(it)).collect();
            commands.push(("runtime", format!("{id}: {}", line.join(" "))));
        }
    }
    commands.retain(|it| !it.1.trim().is_empty());
    commands
}

/// Returns what to tell of a project that was registered.
pub(crate) fn registered(project: &ProjectDoc, screen: &Screen) -> String {
    let key = screen.paint(Tone::Strong, &project.key);
    let mut out = format!("{key} is registered: {}\n", project.path);
    out.push_str(&screen.labelled("Branch", Tone::Plain, &project.default_branch, 2));
    out.push_str(&screen.labelled("Workflow", Tone::Plain, &project.workflow, 2));
    let checks =
        if project.checks.is_empty() { "none".to_owned() } else { project.checks.join(", ") };
    out.push_str(&screen.labelled("Checks", Tone::Plain, &checks, 2));
    if !project.trusted {
        let text = "not yet: none of its commands run until you agree with `mission init --yes`";
        out.push_str(&screen.labelled("Trusted", Tone::You, text, 2));
    }
    for (label, text) in [("Problem", &project.config_problem), ("Note", &project.notice)] {
        if let Some(text) = text {
            out.push_str(&screen.labelled(label, Tone::Warn, text, 2));
        }
    }
    out.push_str(&screen.labelled(
        "Next",
        Tone::Plain,
        "mission up, then: mission ticket new 'what you want done'",
        2,
    ));
    out
}

/// Returns whether `path` is a file whose text holds `part`.
fn holds(path: &Path, part: &str) -> bool {
    std::fs::read_to_string(path).is_ok_and(|it| it.contains(part))
}

#[cfg(test)]
mod tests;
