//! `mission init`: looks at the repository, writes its file, asks for trust, and registers it.

use std::path::Path;

use mission_domain::config::{self, Found, Source};
use mission_domain::doc::ProjectDoc;
use mission_domain::rules::{Rules, Runtime};
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
    register(context, &repository, args.yes).await
}

/// Asks for trust and registers `repository`; `yes` is the answer beforehand.
pub(crate) async fn register(context: &Context, repository: &Repository, yes: bool) -> Done {
    show(context, repository)?;
    let question = "run them, now and as they change on the default branch?";
    let trust = if yes { Some(true) } else { asked(question) };
    let body = json!({"path": repository.root, "trust": trust.unwrap_or(false)});
    let answer = context.door().await?.post("/projects", &body).await?;
    let is_trusted = answer.read::<ProjectDoc>()?.trusted;
    match (trust, is_trusted) {
        (Some(true), _) | (Some(false), false) => {}
        (Some(false), true) => note(
            "a person agreed before, so the project stays trusted; `mission project remove` takes it out of the home",
        ),
        (None, true) => note(
            "there is no terminal to ask on; a person agreed before, so the project stays trusted",
        ),
        (None, false) => note(
            "there is no terminal to ask on, so the project is registered untrusted: none of its commands will run until `mission init --yes`",
        ),
    }
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

/// Shows the commands that the configuration names: on the default branch, and in the working copy's file.
fn show(context: &Context, repository: &Repository) -> Done {
    let branch = repository.default_branch().unwrap_or_else(|| "HEAD".into());
    let committed = process::git(&repository.root, &["show", &format!("{branch}:{FILE}")])?.ok();
    let working = std::fs::read_to_string(repository.root.join(FILE)).ok();
    // Git's answer ends without the file's last line break.
    let is_same = committed.as_deref().map(str::trim_end) == working.as_deref().map(str::trim_end);
    let texts = committed.into_iter().chain(working.filter(|_| !is_same));
    let (home_name, home_text) = super::check::home_file(context);
    let home = home_text.as_deref().map(|text| Source { name: &home_name, text });
    let mut commands = Vec::new();
    let mut is_whole = true;
    for text in texts {
        match of_text(&repository.folder_name(), home, &text) {
            Ok(named) => commands.extend(named),
            Err(problem) => {
                is_whole = false;
                note(&format!(
                    "{FILE} has problems; `mission check` lists them all. The first: {problem}"
                ));
            }
        }
    }
    let mut seen = std::collections::BTreeSet::new();
    commands.retain(|it| seen.insert(it.clone()));
    if commands.is_empty() {
        if is_whole {
            note("this repository's configuration names no commands of its own");
        }
        return Ok(());
    }
    let screen = Screen { colour: false, ..context.screen };
    note("Mission Control will run these commands of this repository:");
    let lines: String =
        commands.iter().map(|(what, line)| screen.labelled(what, Tone::Plain, line, 2)).collect();
    note(lines.trim_end());
    Ok(())
}

/// Returns what the configuration `text` would run that the home and Mission Control itself do not name, and with which variables.
fn of_text(
    folder: &str,
    home: Option<Source<'_>>,
    text: &str,
) -> Result<Vec<(&'static str, String)>, String> {
    let read = |project: Option<Source<'_>>| {
        let rules = config::rules(folder, home, project, &Found::default());
        rules.map_err(|problems| problems.first().map(ToString::to_string).unwrap_or_default())
    };
    let rules = read(Some(Source { name: FILE, text }))?;
    Ok(of_rules(&rules, &read(None)?))
}

/// Returns what `rules` would run that `known` does not name, and with which variables.
fn of_rules(rules: &Rules, known: &Rules) -> Vec<(&'static str, String)> {
    let mut commands: Vec<(&'static str, String)> =
        rules.checks.iter().map(|it| ("check", it.run.clone())).collect();
    commands.push(("after create", rules.setup.after_create.clone()));
    commands.push(("before run", rules.setup.before_run.clone()));
    commands.extend(rules.preview.iter().map(|it| ("preview", it.command.clone())));
    for (id, runtime) in &rules.runtimes {
        let known = known.runtimes.get(id);
        if known.is_none_or(|it| it.command != runtime.command) {
            let line: Vec<_> = runtime.command.iter().map(|it| process::quoted(it)).collect();
            commands.push(("runtime", format!("{id}: {}", line.join(" "))));
        }
        let variables = variables(runtime, known);
        if !variables.is_empty() {
            commands.push(("environment", format!("{id}: {}", variables.join(", "))));
        }
    }
    commands.retain(|it| !it.1.trim().is_empty());
    commands
}

/// Returns what `runtime` gets besides what it gets anyway: variables of the person's own by name, others with their value.
fn variables(runtime: &Runtime, known: Option<&Runtime>) -> Vec<String> {
    let is_usual = |name: &str| match known {
        Some(known) => known.env_allow.iter().any(|it| it == name),
        None => config::ENVIRONMENT.contains(&name),
    };
    let yours = runtime.env_allow.iter().filter(|it| !is_usual(it));
    let is_known = |name: &str, value: &str| {
        known.and_then(|it| it.env_set.get(name)).is_some_and(|it| it == value)
    };
    let set = runtime.env_set.iter().filter(|(name, value)| !is_known(name, value));
    let set = set.map(|(name, value)| format!("{name}={}", process::quoted(value)));
    yours.map(|it| format!("your {it}")).chain(set).collect()
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
