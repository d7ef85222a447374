//! What the configuration promises: places of problems, precedence, the built-ins, and that no text makes it panic.

mod bad;
mod built_in;
mod layers;
mod settings;
mod template;
mod texts;

use super::{Found, Problem, Source};
use crate::rules::Rules;

/// Returns what `text` alone, as a project's file, makes of the built-ins.
fn project(text: &str) -> Result<Rules, Vec<Problem>> {
    both("", text)
}

/// Returns what a home's and a project's file make of the built-ins.
fn both(home: &str, project: &str) -> Result<Rules, Vec<Problem>> {
    let (home, project) = sources(home, project);
    super::rules("mission-control", Some(home), Some(project), &Found::default())
}

fn sources<'a>(home: &'a str, project: &'a str) -> (Source<'a>, Source<'a>) {
    (Source { name: "config.toml", text: home }, Source { name: "mission.toml", text: project })
}

/// Returns one problem a line, or `accepted`.
fn told<T>(result: Result<T, Vec<Problem>>) -> String {
    match result {
        Ok(_) => "accepted".into(),
        Err(problems) => problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"),
    }
}

/// The names of all programs that have a built-in runtime.
fn found(programs: &[&str]) -> Found {
    Found { programs: programs.iter().map(ToString::to_string).collect(), ..Found::default() }
}
