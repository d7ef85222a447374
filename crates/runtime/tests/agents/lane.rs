//! A lane with a real agent program in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use mission_domain::ids::MessageId;
use mission_runtime::LaunchSpec;
use mission_runtime::agent::{AgentState, Permits, SessionSpec};
use mission_runtime::record::Record;
use mission_runtime::shim_protocol::{Reply, Request};
use mission_runtime::spec::Driver;
use mission_testkit::model::Model;
use mission_testkit::programs;

use crate::stage::{Home, Shim, eventually};

/// Which program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agent {
    Codex,
    Claude,
}

/// Both.
pub(crate) const BOTH: [Agent; 2] = [Agent::Codex, Agent::Claude];

/// A home, a model, and lanes one after another.
pub(crate) struct Stage {
    pub(crate) home: Home,
    pub(crate) model: Model,
    pub(crate) agent: Agent,
    env: BTreeMap<String, String>,
}

impl Stage {
    #[track_caller]
    pub(crate) fn with(agent: Agent) -> Self {
        let (home, model) = (Home::new(), Model::start().unwrap());
        // codex refuses helpers in a home under the folder for temporary files, and says so in each journal: that is all.
        let env = programs::settle(&home.path().join("agents-home"), &model).unwrap();
        let git = |words: &[&str]| {
            let done = home.git(words);
            assert!(done.status.success(), "{done:?}");
        };
        git(&["init", "-q", "-b", "main"]);
        git(&["config", "user.name", "lane"]);
        git(&["config", "user.email", "lane@example.invalid"]);
        git(&["commit", "-q", "--allow-empty", "-m", "base"]);
        Self { home, model, agent, env }
    }

    /// Describes attempt `number`, whose brief is `script` between words.
    #[track_caller]
    pub(crate) fn lane(&self, number: u64, script: &str) -> LaunchSpec {
        let brief = self.home.path().join(format!("brief-{number}.md"));
        std::fs::write(&brief, format!("# Brief\n\nDo it.\n\n[[script: {script}]]\n")).unwrap();
        let (driver, program) = match self.agent {
            Agent::Codex => (Driver::Codex, programs::codex()),
            Agent::Claude => (Driver::Claude, programs::claude()),
        };
        let program = program.unwrap_or_else(|e| panic!("{e}"));
        let guard = vec![vec!["git".into(), "push".into()]];
        LaunchSpec {
            driver,
            command: vec![program.display().to_string()],
            brief_file: brief,
            env: self.env.clone(),
            session: SessionSpec {
                permits: Permits { may_write: true, guard },
                ..SessionSpec::default()
            },
            ..self.home.lane(number, "")
        }
    }

    /// As [`Self::lane`], going on with the session of an earlier attempt.
    #[track_caller]
    pub(crate) fn lane_after(&self, number: u64, session: &str, script: &str) -> LaunchSpec {
        let mut spec = self.lane(number, script);
        spec.session.resume = Some(session.to_owned());
        spec
    }

    /// Returns a file of the workspace.
    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("ws").join(name)
    }

    /// Waits until the agent has written its session down as far as the call of a tool.
    #[track_caller]
    pub(crate) fn is_written_down(&self) {
        let home = self.home.path().join("agents-home");
        let is_there = || programs::has_written_down_a_call(&home).then_some(());
        eventually("the agent's own record of its session", is_there);
    }

    /// How many requests came whose script is that of the text with `words` in it, at its first step.
    pub(crate) fn asked(&self, words: &str) -> usize {
        let seen = self.model.seen();
        seen.iter().filter(|it| it.text.contains(words) && it.step == 0 && it.tools > 0).count()
    }
}

impl Home {
    /// Runs git in the workspace.
    #[expect(clippy::disallowed_methods, reason = "tests look at the repository they made")]
    pub(crate) fn git(&self, arguments: &[&str]) -> std::process::Output {
        let mut command = std::process::Command::new("git");
        command.args(arguments).current_dir(self.path().join("ws"));
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap()
    }
}

impl Shim {
    pub(crate) fn state(&self) -> AgentState {
        match self.ask(&Request::Status) {
            Reply::Status { status } => status.stand.unwrap().state,
            other => panic!("no status: {other:?}"),
        }
    }

    #[track_caller]
    pub(crate) fn becomes(&self, state: AgentState) {
        eventually(&format!("{state:?}; journal: {}", self.journal()), || {
            (self.state() == state).then_some(())
        });
    }

    #[track_caller]
    pub(crate) fn turn(&self, number: u64, text: &str) {
        let request = Request::Turn { messages: vec![MessageId(number)], text: text.into() };
        assert!(matches!(self.ask(&request), Reply::Ack { .. }));
    }

    /// The turns that were delivered and that ended, in the order of the records: `+1` and `-1` for the first.
    pub(crate) fn course(records: &[Record]) -> Vec<String> {
        let word = |record: &Record| match record {
            Record::TurnDelivered { turn, .. } => Some(format!("+{turn}")),
            Record::TurnEnded { turn, .. } => Some(format!("-{turn}")),
            Record::Steered { turn, .. } => Some(format!("~{turn}")),
            _ => None,
        };
        records.iter().filter_map(word).collect()
    }
}

/// Returns the scripted ACP agent, which cargo builds with the tests of this package.
pub(crate) fn scripted_acp() -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let profile = own.parent().and_then(Path::parent).unwrap();
    let found = profile.join("examples/scripted-acp");
    assert!(
        found.is_file(),
        "`{}` is not built: test the whole package, without `--test`",
        found.display()
    );
    found
}

/// Returns the program's own id of the session, and what it calls itself.
#[track_caller]
pub(crate) fn session(records: &[Record]) -> (String, String, bool) {
    let found = records.iter().rev().find_map(|it| match it {
        Record::Session { session, program, is_resumed, .. } => {
            Some((session.clone(), program.clone(), *is_resumed))
        }
        _ => None,
    });
    found.unwrap_or_else(|| panic!("no session in {records:?}"))
}
