//! The agents that have a built-in runtime: the version of each that this Mission Control is tested with, and how to install it and
//! sign it in. The versions stand here and nowhere else; the tests install the same ones.

use std::path::Path;

use crate::doc::{TroubleDoc, VersionDoc};
use crate::ids::Timestamp;
use crate::ticket::EndClass;

/// What is known of one agent's program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Agent {
    /// Its name on the PATH, which is its built-in runtime's too.
    pub program: &'static str,
    /// The version that Mission Control is tested with.
    pub version: &'static str,
    /// What installs a version of it, up to that version; what follows it.
    install: (&'static str, &'static str),
    /// How to sign it in.
    pub sign_in: &'static str,
}

/// Codex, of OpenAI.
pub const CODEX: Agent = Agent {
    program: "codex",
    version: "0.169.0",
    install: ("npm install -g @openai/codex@", ""),
    sign_in: "run `codex login`",
};

/// Claude Code, of Anthropic.
pub const CLAUDE: Agent = Agent {
    program: "claude",
    version: "2.1.330",
    install: ("npm install -g @anthropic-ai/claude-code@", ""),
    sign_in: "run `claude /login`",
};

/// Opencode.
pub const OPENCODE: Agent = Agent {
    program: "opencode",
    version: "1.18.33",
    install: ("npm install -g opencode-ai@", ""),
    sign_in: "run `opencode auth login`",
};

/// The Gemini CLI, of Google.
pub const GEMINI: Agent = Agent {
    program: "gemini",
    version: "0.61.0",
    install: ("npm install -g @google/gemini-cli@", ""),
    sign_in: "start `gemini` once by hand and choose how to sign in",
};

/// Hermes Agent, of Nous Research.
pub const HERMES: Agent = Agent {
    program: "hermes",
    version: "0.19.0",
    install: ("pip install 'hermes-agent[acp,mcp]==", "'"),
    sign_in: "run `hermes setup`",
};

/// All of them, the most tried first.
pub const AGENTS: [Agent; 5] = [CODEX, CLAUDE, OPENCODE, GEMINI, HERMES];

impl Agent {
    /// Returns the agent whose program has this name, or lies at this path.
    pub fn of_program(program: &str) -> Option<&'static Self> {
        let name = Path::new(program).file_name()?.to_str()?;
        AGENTS.iter().find(|it| it.program == name)
    }

    /// Returns the agent that `command` starts; none where that is somebody else's program.
    pub fn of_command(command: &[String]) -> Option<&'static Self> {
        Self::of_program(program(command))
    }

    /// Returns the command that installs the tested version.
    pub fn install(&self) -> String {
        format!("{}{}{}", self.install.0, self.version, self.install.1)
    }

    /// Returns what is to be said of a program that told this of itself.
    pub fn judge(&self, told: &str) -> Judged {
        match number(told) {
            None => Judged::Unknown,
            Some(number) if number == self.version => Judged::Tested,
            Some(number) => Judged::Other(number.to_owned()),
        }
    }
}

/// How a version stands to the one that is tested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It is that one.
    Tested,
    /// It is this one, older or newer.
    Other(String),
    /// What was told holds no version.
    Unknown,
}

/// Returns the version of what a runtime that starts `command` told of itself, `by` whom and when being where it was heard.
pub fn version_doc(command: &[String], told: &str, by: Option<(String, Timestamp)>) -> VersionDoc {
    let agent = Agent::of_command(command);
    let judged = agent.map(|it| it.judge(told));
    let tested = agent.map(|it| it.version.to_owned());
    let note = agent.zip(judged.as_ref()).and_then(|(agent, judged)| match judged {
        Judged::Tested => None,
        Judged::Other(_) => Some(format!(
            "not tested: Mission Control is tested with {}. A lane works with this one as long as it speaks as that one does; where it does not, an attempt ends as `spawn_failed`, `crashed` or `no_report`",
            agent.version
        )),
        Judged::Unknown => Some(format!(
            "its version is unknown, so it is not known to be the one that Mission Control is tested with, {}",
            agent.version
        )),
    });
    let fix =
        note.as_ref().and(agent).map(|it| format!("`{}` installs the tested one", it.install()));
    let (attempt, at) = by.unzip();
    VersionDoc {
        told: told.to_owned(),
        number: number(told).map(str::to_owned),
        is_tested: judged.map(|it| it == Judged::Tested),
        tested,
        note,
        fix,
        attempt,
        at,
    }
}

/// Returns why a runtime cannot work and how to mend it, for one whose program is not on the machine; `since` when that is known.
pub fn not_found(runtime: &str, command: &[String], since: Option<Timestamp>) -> TroubleDoc {
    let program = program(command);
    let install = match Agent::of_command(command) {
        Some(agent) => format!("`{}` installs it", agent.install()),
        None => "install it".to_owned(),
    };
    TroubleDoc {
        kind: "not_found".into(),
        what: format!("`{program}` is not installed where the server runs"),
        since,
        fix: format!("{install}; or name another program's path under [runtime.{runtime}]"),
    }
}

/// Returns why a runtime whose last attempt ended as `class` rests, and how to mend it.
pub fn rests(
    runtime: &str,
    command: &[String],
    (class, why): (EndClass, &str),
    since: Option<Timestamp>,
) -> TroubleDoc {
    let program = program(command);
    let (what, fix) = match class {
        EndClass::Auth => {
            let fix = match Agent::of_command(command) {
                Some(agent) => format!("{}, as the user that the server runs as", agent.sign_in),
                None => format!("sign `{program}` in, as the user that the server runs as"),
            };
            (format!("`{program}` is not signed in, or its sign-in was refused"), fix)
        }
        EndClass::Forked => {
            ("its command goes while the agent runs on".to_owned(), EXEC.to_owned())
        }
        EndClass::Quota => (
            format!("the account of `{program}` is used up or throttled"),
            "wait for the trial, or name another runtime for the role".to_owned(),
        ),
        EndClass::ProviderDown => (
            format!("the service that `{program}` asks does not answer"),
            "wait for the trial, or name another runtime for the role".to_owned(),
        ),
        EndClass::Reported
        | EndClass::Asked
        | EndClass::Stopped
        | EndClass::SpawnFailed
        | EndClass::Crashed
        | EndClass::OomKilled
        | EndClass::Stalled
        | EndClass::BudgetSpent
        | EndClass::TimedOut
        | EndClass::NoReport
        | EndClass::Lost
        | EndClass::Incomplete => {
            (format!("`{program}` fails"), format!("`mission doctor` looks at {runtime}"))
        }
    };
    TroubleDoc { kind: class.as_str().into(), what: format!("{what}: {why}"), since, fix }
}

/// How to mend a script that puts the agent into the background and ends.
pub const EXEC: &str = "put `exec` before the line of the script that starts the agent, and take `&`, `setsid` and `nohup` away from it: the command has to last as long as the agent";

/// Returns the program that a command is about: behind `sh -c 'exec PROGRAM …'` it is not the shell.
pub fn program(command: &[String]) -> &str {
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

/// Returns the first word of `told` that is a version: numbers with dots between them, and what follows those.
pub fn number(told: &str) -> Option<&str> {
    let words = told.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | ',' | '/'));
    let mut numbers = words.map(|it| it.strip_prefix('v').unwrap_or(it));
    numbers.find(|it| {
        let mut parts = it.split('.');
        let is_whole = |it: &str| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit());
        let starts = |it: &str| it.starts_with(|c: char| c.is_ascii_digit());
        parts.next().is_some_and(is_whole) && parts.next().is_some_and(starts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(command: &[&str]) -> Vec<String> {
        command.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn versions_are_read_as_agents_write_them() {
        for (told, read) in [
            ("codex-cli 0.169.0", Some("0.169.0")),
            ("2.1.330 (Claude Code)", Some("2.1.330")),
            ("gemini-cli 0.61.0", Some("0.61.0")),
            ("Hermes Agent v0.19.0 (2026.7.14)", Some("0.19.0")),
            ("codex 0.170.0-alpha.3", Some("0.170.0-alpha.3")),
            ("codex ", None),
            ("version three", None),
            ("built 2026", None),
        ] {
            assert_eq!(number(told), read, "{told}");
        }
    }

    #[test]
    fn another_version_of_an_agent_is_told_with_the_tested_one_and_how_to_get_it() {
        let codex = words(&["/opt/bin/codex"]);
        let of = |told: &str| version_doc(&codex, told, None);
        let tested = of("codex-cli 0.169.0");
        assert_eq!((tested.is_tested, tested.note, tested.fix), (Some(true), None, None));
        for told in ["codex 0.168.9", "codex 0.170.0", "codex 0.169.0-alpha.1"] {
            let other = of(told);
            assert_eq!(other.is_tested, Some(false), "{told}");
            assert!(other.note.is_some_and(|it| it.contains("tested with 0.169.0")), "{told}");
            assert!(other.fix.is_some_and(|it| it.contains("@openai/codex@0.169.0")), "{told}");
        }
        let unread = of("hello");
        assert_eq!((unread.number, unread.is_tested), (None, Some(false)));
        assert!(unread.note.is_some_and(|it| it.contains("unknown")));
    }

    #[test]
    fn of_somebody_elses_program_nothing_is_said_but_what_it_told() {
        let mine = version_doc(&words(&["my-agent"]), "my-agent 3.1", None);
        assert_eq!(mine.number.as_deref(), Some("3.1"));
        assert_eq!((mine.is_tested, mine.tested, mine.note, mine.fix), (None, None, None, None));
    }

    #[test]
    fn the_program_behind_a_shell_is_the_one_that_is_looked_for() {
        assert_eq!(program(&words(&["sh", "-c", "exec gemini -p \"$(cat)\""])), "gemini");
        assert_eq!(program(&words(&["sh", "-c", "cat; echo done"])), "sh");
        assert_eq!(program(&words(&["codex", "exec"])), "codex");
    }

    #[test]
    fn a_runtime_that_rests_is_told_with_the_command_that_mends_it() {
        let codex = words(&["codex"]);
        let refused = rests("codex", &codex, (EndClass::Auth, "401"), None);
        assert!(refused.fix.contains("`codex login`"), "{refused:?}");
        let forked = rests("mine", &words(&["w.sh"]), (EndClass::Forked, "it went"), None);
        assert!(forked.fix.contains("`exec`") && forked.what.contains("it went"), "{forked:?}");
        let missing = not_found("codex", &codex, None);
        assert!(missing.fix.contains("npm install -g @openai/codex@0.169.0"), "{missing:?}");
    }
}
