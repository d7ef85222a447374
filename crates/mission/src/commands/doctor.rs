//! `mission doctor`: what this machine and this home have, what is missing, and how to mend it.

use std::path::Path;

use mission_domain::agents::{Agent, not_found, program, version_doc};
use mission_domain::doc::{LaneDoc, ProjectDoc, RuntimeDoc, VersionDoc};
use mission_sandbox::Hold;
use serde::Serialize;
use serde_json::json;

use super::Done;
use super::fleet::{Lanes, Runtimes};
use super::init::BROWSERS;
use crate::context::{Context, print, print_text};
use crate::door::Door;
use crate::failure::Failure;
use crate::output::table::{Fit, Table, cell, text};
use crate::output::{Screen, Tone};
use crate::process;
use crate::project::Projects;
use abilities::{Abilities, Shaken};
use signin::SignIn;
use start::Answer;

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
    /// Of a runtime whose agent speaks a protocol.
    #[serde(skip_serializing_if = "Option::is_none")]
    abilities: Option<Abilities>,
    /// Of a runtime whose program told its version, or one that should have.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<VersionDoc>,
}

impl Look {
    fn new(what: impl Into<String>, health: Health, seen: impl Into<String>) -> Self {
        let (what, seen) = (what.into(), seen.into());
        Self { what, health, seen, fix: None, abilities: None, version: None }
    }

    /// Adds something that is not as it should be, and how to mend it too.
    fn but(self, seen: &str, fix: Option<&str>) -> Self {
        let health = if self.health == Health::Good { Health::Weak } else { self.health };
        let fixes: Vec<&str> = self.fix.as_deref().into_iter().chain(fix).collect();
        let fix = Some(fixes.join("; ")).filter(|it| !it.is_empty());
        Self { health, seen: format!("{}; {seen}", self.seen), fix, ..self }
    }

    fn fix(self, fix: impl Into<String>) -> Self {
        Self { fix: Some(fix.into()), ..self }
    }
}

/// Looks at everything. Exits 1 when something needed is missing.
pub(crate) async fn run(context: &Context) -> Done {
    let mut looks = vec![git().await, home(context), paths_held(), network_held()];
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
    looks.push(tmux(&runtimes).await);
    looks.push(browser());
    let is_whole = looks.iter().all(|it| it.health != Health::Missing);
    if context.json {
        print(&format!("{}\n", json!({"ok": is_whole, "looks": looks})));
    } else {
        print_text(&table(&looks, &context.screen));
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

/// The first version that merges without a working copy.
const GIT: (u32, u32) = (2, 38);

/// The first version whose control mode takes what the runner says to it.
const TMUX: (u32, u32) = (3, 2);

async fn git() -> Look {
    let install = "install git, for example with `apt-get install git`";
    match process::on_path("git") {
        Some(path) => aged("git", &path, start::ask(&path, "--version").await, GIT, install),
        None => Look::new("git", Health::Missing, "not on the PATH").fix(install),
    }
}

/// A tool that must be at least of version `least`.
fn aged(what: &str, path: &Path, answer: Answer, least: (u32, u32), install: &str) -> Look {
    let (path, least_text) = (path.display(), format!("{}.{}", least.0, least.1));
    match answer {
        Answer::Version(version) => match start::numbers(&version) {
            Some(it) if it >= least => Look::new(what, Health::Good, format!("{version}, {path}")),
            Some(_) => {
                let seen = format!("{version}, {path}: too old, {least_text} or later is needed");
                Look::new(what, Health::Missing, seen).fix(install)
            }
            None => Look::new(what, Health::Weak, format!("{path} says `{version}`: no version")),
        },
        Answer::Nothing | Answer::Forks => {
            Look::new(what, Health::Weak, format!("{path} says no version"))
        }
        Answer::Broken(why) => {
            Look::new(what, Health::Missing, format!("{path} does not work: {why}")).fix(install)
        }
        Answer::TooSlow => {
            Look::new(what, Health::Weak, format!("{path} did not say its version in time"))
        }
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
        Hold::Partly { why } => {
            let text = format!("enforced with a gap, which is discouraged, not prevented: {why}");
            Look::new(what, Health::Weak, text)
        }
        Hold::Discouraged { why } => {
            Look::new(what, Health::Weak, format!("discouraged, not prevented: {why}"))
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

async fn tmux(runtimes: &[RuntimeDoc]) -> Look {
    let needs: Vec<_> =
        runtimes.iter().filter(|it| it.driver == "tmux").map(|it| it.name.as_str()).collect();
    let install = "install tmux, for example with `apt-get install tmux`";
    let look = match process::on_path("tmux") {
        Some(path) => aged("tmux", &path, start::ask(&path, "-V").await, TMUX, install),
        None if needs.is_empty() => {
            Look::new("tmux", Health::Unneeded, "not on the PATH; no runtime here uses it")
        }
        None => Look::new(
            "tmux",
            Health::Missing,
            format!("not on the PATH, needed by {}", needs.join(", ")),
        )
        .fix(install),
    };
    match look.health {
        // What nobody uses is not missed.
        Health::Missing if needs.is_empty() => Look { health: Health::Unneeded, ..look },
        Health::Good | Health::Unneeded | Health::Weak | Health::Missing => look,
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
    // A command line is started for a project whose commands a person agreed to, and from this home alone.
    let mut agreed = Vec::new();
    if context.home.server().is_some() || !door.is_server() {
        for project in projects.iter().filter(|it| it.trusted) {
            let path = format!("/runtimes?project={}", project.key);
            agreed.extend(door.get(&path).await?.read::<Runtimes>()?.runtimes);
        }
    }
    let tried = runtimes.iter().map(|it| tried(it, agreed.contains(it)));
    let tried = futures::future::join_all(tried).await;
    looks.extend(runtimes.iter().zip(&tried).map(|(it, tried)| runtime(it, tried)));
    let broken: Vec<&str> = runtimes
        .iter()
        .zip(&tried)
        .filter(|(_, tried)| {
            matches!(
                tried,
                Tried::Asked(Answer::Broken(_) | Answer::Forks, _)
                    | Tried::Asked(_, Some(Shaken::Forked(_) | Shaken::Failed(_)))
            )
        })
        .map(|(it, _)| it.name.as_str())
        .collect();
    let lanes = door.get("/lanes").await?.read::<Lanes>()?.lanes;
    looks.extend(lanes.iter().filter_map(|it| lane(it, &broken)));
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

/// What trying a runtime came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tried {
    /// Its program was asked for its version, and where it speaks a protocol and said one, for what it can do.
    Asked(Answer, Option<Shaken>),
    /// A line of the shell: to start it would be to start its work.
    ShellLine,
    /// A program of a repository's own, whose commands nobody agreed to.
    NotAgreed,
    /// It needs no program.
    NoProgram,
    /// Its program is not here.
    NotFound,
    /// It is not known whether its program is here.
    Unknown,
}

/// Returns whether a program is an agent that everybody knows, found where all programs are.
fn is_of_everybody(program: &str) -> bool {
    !program.contains('/') && Agent::of_program(program).is_some()
}

/// Starts the runtime's program, where there is one, with its version flag: no model is called. A repository's own program is
/// started only where somebody `agreed` to it, and so is a whole line, to shake hands.
async fn tried(it: &RuntimeDoc, agreed: bool) -> Tried {
    let program = program(&it.command);
    match (it.found, process::on_path(program)) {
        (None, _) => Tried::Unknown,
        (Some(false), _) => Tried::NotFound,
        (Some(true), _) if program.is_empty() => Tried::NoProgram,
        (Some(true), None) => Tried::NotFound,
        (Some(true), Some(_)) if is_shell(program) => Tried::ShellLine,
        (Some(true), Some(_)) if !agreed && !is_of_everybody(program) => Tried::NotAgreed,
        (Some(true), Some(path)) => {
            let answer = start::ask(&path, "--version").await;
            let shaken = match &answer {
                Answer::Version(_) | Answer::Nothing
                    if agreed && it.command.first().is_some_and(|it| it == program) =>
                {
                    abilities::shake(it, &path).await
                }
                Answer::Version(_)
                | Answer::Nothing
                | Answer::Forks
                | Answer::Broken(_)
                | Answer::TooSlow => None,
            };
            Tried::Asked(answer, shaken)
        }
    }
}

/// A runtime that is not here is missed only by a lane that has no other: `lane` says so.
fn runtime(it: &RuntimeDoc, tried: &Tried) -> Look {
    let what = format!("runtime {}", it.name);
    let program = program(&it.command);
    let rename = format!("name another program's path under [runtime.{}]", it.name);
    let look = match tried {
        Tried::NotFound => Look::new(&what, Health::Unneeded, format!("`{program}` was not found"))
            .fix(not_found(&it.name, &it.command, None).fix),
        Tried::Unknown => Look::new(&what, Health::Weak, "unknown whether its program is there"),
        Tried::NoProgram => {
            Look::new(&what, Health::Good, format!("{}; no program is needed", it.driver))
        }
        Tried::ShellLine => {
            let seen = format!("`{program}` is there; its line was not run, so it is not tried");
            Look::new(&what, Health::Good, seen)
        }
        Tried::Asked(Answer::Version(version), shaken) => {
            let told = version_doc(&it.command, version, None);
            let tested = if told.is_tested == Some(true) { ", the tested version" } else { "" };
            let seen = format!("`{program}` starts: {version}{tested}");
            let look = signed_in(&what, &seen, &signin::of(program, |it| std::env::var(it).ok()));
            let look = match shaken {
                Some(shaken) => shaken.told(look, it),
                None => look,
            };
            versioned(look, told)
        }
        Tried::NotAgreed => {
            let seen = format!(
                "`{program}` is there; it was not started: nobody has agreed to the commands of its repository"
            );
            Look::new(&what, Health::Weak, seen).fix(
                "look at them and agree with `mission project add`, as the project's line says",
            )
        }
        Tried::Asked(Answer::Nothing, shaken) => {
            let seen = format!("`{program}` starts and says no version");
            let look = Look::new(&what, Health::Good, seen);
            let look = match shaken {
                Some(shaken) => shaken.told(look, it),
                None => look,
            };
            versioned(look, version_doc(&it.command, "", None))
        }
        Tried::Asked(Answer::Forks, _) => {
            let seen = format!("`{program} --version` says nothing");
            abilities::forks(Look::new(&what, Health::Weak, seen), "something")
        }
        Tried::Asked(Answer::TooSlow, _) => {
            let within = start::LIMIT.as_secs();
            let seen = format!("`{program}` starts and did not say its version within {within} s");
            Look::new(&what, Health::Weak, seen).fix(format!("try `{program} --version` by hand"))
        }
        Tried::Asked(Answer::Broken(why), _) => {
            Look::new(&what, Health::Weak, format!("`{program}` is there and does not work: {why}"))
                .fix(format!("mend it until `{program} --version` answers, or {rename}"))
        }
    };
    if *tried == Tried::NotFound || it.breaker == "closed" {
        return look;
    }
    let why = it.note.clone().unwrap_or_else(|| "no reason is known".into());
    let fix = it.trouble.as_ref().map(|it| it.fix.as_str());
    let fix = fix.filter(|fix| look.fix.as_deref() != Some(*fix));
    look.but(&format!("its breaker is {}: {why}", it.breaker.replace('_', " ")), fix)
}

/// Adds how the version that a program told stands to the one that is tested.
fn versioned(look: Look, version: VersionDoc) -> Look {
    let look = match &version.note {
        Some(note) => look.but(note, version.fix.as_deref()),
        None => look,
    };
    Look { version: Some(version), ..look }
}

/// What is not found is not called good: a lane would wait for its agent only to hear that it is not signed in.
fn signed_in(what: &str, seen: &str, signin: &SignIn) -> Look {
    match signin {
        SignIn::Seen(how) => Look::new(what, Health::Good, format!("{seen}; {how}, not tried")),
        SignIn::NotSeen(fix) => {
            let seen = format!("{seen}; nothing was found that signs it in");
            Look::new(what, Health::Weak, seen).fix(*fix)
        }
        SignIn::Unknown => {
            Look::new(what, Health::Good, format!("{seen}; its sign-in is not tried"))
        }
    }
}

fn is_shell(program: &str) -> bool {
    let name = Path::new(program).file_name().and_then(|it| it.to_str());
    matches!(name, Some("sh" | "bash" | "dash" | "zsh" | "fish" | "env"))
}

/// A lane is worth a line only where it cannot work: none of its runtimes is here, or those that are do not start.
fn lane(it: &LaneDoc, broken: &[&str]) -> Option<Look> {
    let works = |it: &RuntimeDoc| it.found != Some(false) && !broken.contains(&it.name.as_str());
    let can_work = it.state != "no_runtime" && it.runtimes.iter().any(works);
    let names: Vec<_> = it.runtimes.iter().map(|it| it.name.as_str()).collect();
    let is_here = |it: &RuntimeDoc| it.found != Some(false);
    let how = if it.runtimes.iter().any(is_here) { "works" } else { "is here" };
    let look = || {
        Look::new(
            format!("lane {} ({})", it.role, it.project),
            Health::Missing,
            format!("none of its runtimes {how}: {}", names.join(", ")),
        )
        .fix(format!(
            "install or mend one of them, or name another one under [role.{}] in mission.toml",
            it.role
        ))
    };
    (!can_work).then(look)
}

mod abilities;
mod signin;
mod start;
#[cfg(test)]
mod tests;
