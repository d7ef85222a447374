//! Inside a lane: which commands an agent may use, and how it reaches its shim.

use std::path::PathBuf;

use crate::failure::{Exit, Failure};

/// The commands that only a person uses, as typed. A command's name stands for everything below it.
pub(crate) const PERSONS: &[&str] = &[
    "init",
    "up",
    "down",
    "service",
    "sign-in",
    "demo",
    "ticket new",
    "ticket edit",
    "ticket park",
    "ticket unpark",
    "ticket cancel",
    "ticket supersede",
    "ticket retry",
    "ticket reopen",
    "ticket comment",
    "gate",
    "answer",
    "say",
    "approve",
    "deny",
    "packet rotate-key",
    "attempt interrupt",
    "attempt stop",
    "attempt attach",
    "lane pause",
    "lane resume",
    "runtime resume",
    "operator sweep",
    "operator undo",
    "workspace clean",
    "workspace restore",
    "project add",
    "project remove",
    "token",
    "fsck",
    "backup",
    "restore",
    "export",
    "gc",
    "runner",
];

/// The commands that are there for everybody; only the tests read this list, so that none is forgotten.
#[cfg(test)]
const EVERYBODYS: &[&str] = &[
    "runtime list",
    "ticket list",
    "ticket show",
    "ticket why",
    "inbox",
    "approval list",
    "approval show",
    "packet show",
    "packet export",
    "packet verify",
    "packet keys",
    "attempt list",
    "attempt show",
    "attempt logs",
    "attempt recording",
    "role",
    "lane list",
    "doctor",
    "needs-you",
    "digest",
    "watch",
    "top",
    "operator log",
    "workspace list",
    "project list",
    "check",
    "workflow",
    "config",
    "mcp",
    "report",
    "generate",
    "lane-shim",
    "lane-guard",
    "runner-local",
    "scripted-agent",
    "serve-static",
];

/// The lane this process runs in.
#[derive(Debug, Clone)]
pub(crate) struct Lane {
    /// The attempt's id.
    pub(crate) attempt: String,
    /// The shim's socket.
    pub(crate) socket: Option<PathBuf>,
    /// The lane's own folder.
    pub(crate) dir: Option<PathBuf>,
}

impl Lane {
    /// Reads the lane from the environment; none outside one.
    pub(crate) fn from_env() -> Option<Self> {
        let path =
            |name: &str| std::env::var_os(name).filter(|it| !it.is_empty()).map(PathBuf::from);
        let attempt = std::env::var_os("MISSION_ATTEMPT").filter(|it| !it.is_empty())?;
        Some(Self {
            attempt: attempt.to_string_lossy().into_owned(),
            socket: path("MISSION_SOCKET"),
            dir: path("MISSION_LANE_DIR"),
        })
    }

    /// Refuses `words` where they name a person's command.
    pub(crate) fn admit(&self, words: &[String]) -> Result<(), Failure> {
        let Some(verb) = persons_verb(words) else { return Ok(()) };
        let text = format!(
            "`mission {verb}` is refused inside a lane (attempt {}): a lane cannot act as a person",
            self.attempt
        );
        let hint = "report what you did with `mission report …`, or ask with `mission report question --summary TEXT`";
        Err(Failure::new(Exit::Refused, "not_a_person", text).hint(hint))
    }
}

/// Returns the person's command that `words` name, if they name one.
fn persons_verb(words: &[String]) -> Option<&'static str> {
    let is_under = |verb: &&&str| {
        verb.split(' ').zip(words).filter(|(a, b)| a == b).count() == verb.split(' ').count()
    };
    PERSONS.iter().find(is_under).copied()
}

/// Returns the words of a command line that are neither flags nor values of the flags that every command has.
pub(crate) fn words(args: &[std::ffi::OsString]) -> Vec<String> {
    let mut words = Vec::new();
    let mut args = args.iter().skip(1).map(|it| it.to_string_lossy());
    while let Some(arg) = args.next() {
        match arg.as_ref() {
            "--" => break,
            "--project" | "--home" => {
                args.next();
            }
            flag if flag.starts_with('-') => {}
            word => words.push(word.to_owned()),
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;
    use crate::cli::Cli;

    fn leaves(command: &clap::Command, path: &[String], found: &mut Vec<Vec<String>>) {
        if command.get_subcommands().next().is_none() {
            found.push(path.to_vec());
        }
        for inner in command.get_subcommands() {
            leaves(inner, &[path, &[inner.get_name().to_owned()]].concat(), found);
        }
    }

    #[test]
    fn every_command_is_either_a_persons_or_everybodys() {
        let mut found = Vec::new();
        leaves(&Cli::command(), &[], &mut found);
        assert!(found.len() > 60);
        for path in found {
            let joined = path.join(" ");
            let is_in = |list: &[&str]| {
                list.iter()
                    .filter(|it| joined == **it || joined.starts_with(&format!("{it} ")))
                    .count()
            };
            assert_eq!(
                is_in(PERSONS) + is_in(EVERYBODYS),
                1,
                "`{joined}` is in no list, or in both"
            );
        }
    }

    #[test]
    fn a_persons_verb_is_refused_wherever_the_flags_stand() {
        let lane = Lane { attempt: "A-3".into(), socket: None, dir: None };
        let admit = |line: &str| {
            let args: Vec<_> = line.split(' ').map(std::ffi::OsString::from).collect();
            lane.admit(&words(&args))
        };
        for line in [
            "mission gate pass MC-1",
            "mission --json --project MC ticket new x",
            "mission ticket --json retry MC-1",
            "mission token",
            "mission restore",
            "mission --home=x down",
        ] {
            let refused = admit(line).expect_err(line);
            assert_eq!(refused.exit, Exit::Refused, "{line}");
            assert_eq!(refused.code, "not_a_person");
        }
        for line in [
            "mission ticket show MC-1",
            "mission report done --summary gate",
            "mission inbox",
            "mission",
        ] {
            assert!(admit(line).is_ok(), "{line}");
        }
    }
}
