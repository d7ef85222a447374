//! `mission doctor`: what this machine and this home have, what is missing, and how to mend it.

use mission_domain::doc::{LaneDoc, ProjectDoc, RuntimeDoc};
use mission_sandbox::Hold;
use serde::Serialize;
use serde_json::json;

use super::Done;
use super::fleet::{Lanes, Runtimes};
use super::init::BROWSERS;
use crate::context::{Context, print};
use crate::door::Door;
use crate::failure::Failure;
use crate::output::table::{Fit, Table, cell, text};
use crate::output::{Screen, Tone};
use crate::process;
use crate::project::Projects;

/// How a thing stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Health {
    /// There, and as it should be.
    Good,
    /// Not there, and nothing in use needs it.
    Unneeded,
    /// Works, with less than it could.
    Weak,
    /// Needed, and missing.
    Missing,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
struct Look {
    what: String,
    health: Health,
    seen: String,
    fix: Option<String>,
}

impl Look {
    fn new(what: impl Into<String>, health: Health, seen: impl Into<String>) -> Self {
        Self { what: what.into(), health, seen: seen.into(), fix: None }
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// Looks at everything. Exits 1 when something needed is missing.
pub(crate) async fn run(context: &Context) -> Done {
    let mut looks = vec![git(), home(context), paths_held(), network_held()];
    let runtimes = match context.door().await {
        Ok(door) => {
            let (more, runtimes) = of_api(context, &door).await?;
            looks.extend(more);
            runtimes
        }
        Err(failure) => {
            looks.push(closed(&failure));
            Vec::new()
        }
    };
    looks.push(tmux(&runtimes));
    looks.push(browser());
    let is_whole = looks.iter().all(|it| it.health != Health::Missing);
    if context.json {
        print(&format!("{}\n", json!({"ok": is_whole, "looks": looks})));
    } else {
        print(&table(&looks, &context.screen));
    }
    if is_whole { Ok(()) } else { Err(Failure::printed_no()) }
}

fn table(looks: &[Look], screen: &Screen) -> String {
    let mut table = Table::new(&[("", Fit::Keep), ("WHAT", Fit::Keep), ("SEEN", Fit::Wrap)]);
    for look in looks {
        let (glyph, tone) = match look.health {
            Health::Good => ("✓", Tone::Good),
            Health::Unneeded => ("–", Tone::Quiet),
            Health::Weak => ("!", Tone::Warn),
            Health::Missing => ("✗", Tone::Bad),
        };
        let fix = look.fix.as_ref().map_or_else(String::new, |it| format!("\n→ {it}"));
        table.row(vec![
            cell(tone, glyph),
            cell(Tone::Strong, look.what.as_str()),
            text(format!("{}{fix}", look.seen)),
        ]);
    }
    let missing = looks.iter().filter(|it| it.health == Health::Missing).count();
    let end = match missing {
        0 => screen.paint(Tone::Good, "nothing that is needed is missing"),
        1 => screen.paint(Tone::Bad, "1 needed thing is missing"),
        n => screen.paint(Tone::Bad, &format!("{n} needed things are missing")),
    };
    format!("{}\n{end}\n", table.render(screen))
}

fn git() -> Look {
    match process::on_path("git") {
        Some(path) => Look::new("git", Health::Good, path.display().to_string()),
        None => Look::new("git", Health::Missing, "not on the PATH")
            .fix("install git, for example with `apt-get install git`"),
    }
}

fn home(context: &Context) -> Look {
    let dir = context.home.dir();
    let seen = dir.display().to_string();
    // The nearest folder that is there must let us write.
    let nearest = dir.ancestors().find(|it| it.exists());
    let may_write =
        nearest.is_some_and(|it| nix::unistd::access(it, nix::unistd::AccessFlags::W_OK).is_ok());
    if may_write {
        Look::new("home", Health::Good, seen)
    } else {
        Look::new("home", Health::Missing, format!("{seen} cannot be written"))
            .fix("make it yours, or name another one with `--home DIR` or MISSION_HOME")
    }
}

fn closed(failure: &Failure) -> Look {
    let look = Look::new("store", Health::Missing, failure.text.clone());
    failure.hint.clone().map_or_else(|| look.clone(), |it| look.clone().fix(it))
}

fn held(what: &str, hold: &Hold) -> Look {
    match hold {
        Hold::Enforced | Hold::NotAsked => Look::new(what, Health::Good, "enforced by the kernel"),
        Hold::Partly { why } => Look::new(what, Health::Weak, format!("partly enforced: {why}")),
        Hold::Discouraged { why } => {
            Look::new(what, Health::Weak, format!("asked for, not enforced: {why}"))
        }
    }
}

fn with_fixes(look: Look) -> Look {
    let fixes = mission_sandbox::probe().fixes.join("; ");
    if look.health == Health::Weak && !fixes.is_empty() { look.fix(fixes) } else { look }
}

fn paths_held() -> Look {
    with_fixes(held("sandbox: files", &mission_sandbox::probe().filesystem))
}

fn network_held() -> Look {
    with_fixes(held("sandbox: network", &mission_sandbox::probe().network))
}

fn tmux(runtimes: &[RuntimeDoc]) -> Look {
    let needs: Vec<_> =
        runtimes.iter().filter(|it| it.driver == "tmux").map(|it| it.name.as_str()).collect();
    match process::on_path("tmux") {
        Some(path) => Look::new("tmux", Health::Good, path.display().to_string()),
        None if needs.is_empty() => {
            Look::new("tmux", Health::Unneeded, "not on the PATH; no runtime here uses it")
        }
        None => Look::new(
            "tmux",
            Health::Missing,
            format!("not on the PATH, needed by {}", needs.join(", ")),
        )
        .fix("install tmux, for example with `apt-get install tmux`"),
    }
}

fn browser() -> Look {
    match BROWSERS.iter().find_map(|it| process::on_path(it)) {
        Some(path) => Look::new("browser", Health::Good, path.display().to_string()),
        None => Look::new(
            "browser",
            Health::Weak,
            "no Chromium on the PATH: gates that require screenshots cannot run",
        )
        .fix("install it, for example with `apt-get install chromium`"),
    }
}

async fn of_api(context: &Context, door: &Door) -> Result<(Vec<Look>, Vec<RuntimeDoc>), Failure> {
    let server = match context.home.server() {
        Some(card) if door.is_server() => {
            Look::new("server", Health::Good, format!("up at {}", card.url))
        }
        _ if door.is_server() => Look::new("server", Health::Good, "answers at MISSION_URL"),
        _ => Look::new(
            "server",
            Health::Unneeded,
            "not up; commands work on the store, and nothing is dispatched",
        )
        .fix("mission up"),
    };
    let mut looks = vec![server];
    let projects = door.get("/projects").await?.read::<Projects>()?.projects;
    if projects.is_empty() {
        looks.push(
            Look::new("projects", Health::Unneeded, "none yet")
                .fix("go to a repository and type `mission init`"),
        );
        return Ok((looks, Vec::new()));
    }
    looks.extend(projects.iter().map(project));
    let runtimes = door.get("/runtimes").await?.read::<Runtimes>()?.runtimes;
    looks.extend(runtimes.iter().map(runtime));
    let lanes = door.get("/lanes").await?.read::<Lanes>()?.lanes;
    looks.extend(lanes.iter().filter_map(lane));
    Ok((looks, runtimes))
}

fn project(it: &ProjectDoc) -> Look {
    let what = format!("project {}", it.key);
    if !std::path::Path::new(&it.path).join(".git").exists() {
        return Look::new(what, Health::Missing, format!("there is no repository at {}", it.path))
            .fix(format!(
                "put it back, or take the project out with `mission project remove {}`",
                it.key
            ));
    }
    match (&it.config_problem, it.trusted) {
        (Some(problem), _) => {
            Look::new(what, Health::Weak, format!("the last good configuration holds: {problem}"))
                .fix(format!("mend it; `mission check --project {}` lists every problem", it.key))
        }
        (None, false) => {
            Look::new(what, Health::Weak, "untrusted: none of its commands run").fix(format!(
                "look at them and agree with `mission project add {}`",
                process::quoted(&it.path)
            ))
        }
        (None, true) => Look::new(what, Health::Good, it.path.clone()),
    }
}

/// A runtime that is not here is missed only by a lane that has no other: `lane` says so.
fn runtime(it: &RuntimeDoc) -> Look {
    let what = format!("runtime {}", it.name);
    let program = program(&it.command);
    let found = if it.found == Some(true) && !program.is_empty() {
        Some(process::on_path(program).is_some())
    } else {
        it.found
    };
    match (found, it.breaker.as_str()) {
        (Some(false), _) => Look::new(what, Health::Unneeded, format!("`{program}` was not found"))
            .fix(format!("install it, or name its path under [runtime.{}]", it.name)),
        (_, "open" | "half_open") => {
            let why = it.note.clone().unwrap_or_else(|| "no reason is known".into());
            Look::new(
                what,
                Health::Weak,
                format!("its breaker is {}: {why}", it.breaker.replace('_', " ")),
            )
        }
        (Some(true), _) if program.is_empty() => {
            Look::new(what, Health::Good, format!("{}; no program is needed", it.driver))
        }
        (Some(true), _) => Look::new(
            what,
            Health::Good,
            format!("`{program}` is there; it was not started, so its sign-in is unknown"),
        ),
        (None, _) => Look::new(what, Health::Weak, "unknown whether its program is there"),
    }
}

/// Returns the program that a command is about: behind `sh -c 'exec PROGRAM …'` it is not the shell.
fn program(command: &[String]) -> &str {
    match command {
        [shell, flag, line, ..]
            if flag == "-c" && (shell == "sh" || shell.ends_with("/sh") || shell == "bash") =>
        {
            let word = line.strip_prefix("exec ").and_then(|it| it.split_whitespace().next());
            word.unwrap_or(shell)
        }
        [program, ..] => program,
        [] => "",
    }
}

/// A lane is worth a line only where it cannot work.
fn lane(it: &LaneDoc) -> Option<Look> {
    let can_work = it.state != "no_runtime" && it.runtimes.iter().any(|it| it.found != Some(false));
    let names: Vec<_> = it.runtimes.iter().map(|it| it.name.as_str()).collect();
    let look = || {
        Look::new(
            format!("lane {} ({})", it.role, it.project),
            Health::Missing,
            format!("none of its runtimes is here: {}", names.join(", ")),
        )
        .fix(format!(
            "install one of them, or name another one under [role.{}] in mission.toml",
            it.role
        ))
    };
    (!can_work).then(look)
}

#[cfg(test)]
mod tests;
