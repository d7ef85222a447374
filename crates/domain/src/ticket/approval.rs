//! A person's permission for one guarded command: what was asked for, who answered, and what became of it.

use serde::{Deserialize, Serialize};

use super::{Ticket, VoidCode};
use crate::guard::Effect;
use crate::ids::{ApprovalId, AttemptId, Commit, Digest, GateId, Timestamp, Tree};
use crate::principal::Principal;
use crate::rules::words;
use crate::unseen::{is_unseen, mark};

words!(
    /// Where an approval is.
    ApprovalState {
        /// A person has to answer.
        Requested = "requested",
        /// A person said yes; Mission Control runs it next.
        Approved = "approved",
        /// It runs.
        Running = "running",
        /// It ran, whatever came of it.
        Ran = "run",
        /// A person said no.
        Denied = "denied",
        /// Nobody answered in time.
        Expired = "expired",
        /// What it was asked for is no longer there.
        Void = "void",
    }
);

/// What a lane asks to have run, with what Mission Control itself saw of the place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// The exact words of the command.
    pub argv: Vec<String>,
    /// Where it is to run.
    pub cwd: String,
    /// What was there.
    #[serde(flatten)]
    pub seen: Seen,
    /// The difference to the base and what was uncommitted, as a text for a person.
    #[serde(default)]
    pub diff: Option<Digest>,
    /// Why it cannot even be asked, if so.
    #[serde(default)]
    pub refused: Option<(VoidCode, String)>,
}

/// What is in a place at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The commit that is checked out there.
    pub head: Option<Commit>,
    /// The tree of all that is there, uncommitted changes included, what git ignores not.
    pub tree: Option<Tree>,
    /// A mark of all files that are in no tree: ignored ones, and repositories inside. Requests of earlier versions have none.
    #[serde(default)]
    pub aside: Option<Digest>,
}

/// One request for a person's permission.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// Its id.
    pub id: ApprovalId,
    /// Later requests for the same, which this one stands for.
    #[serde(default)]
    pub also: Vec<ApprovalId>,
    /// The attempt that asked.
    pub attempt: AttemptId,
    /// The gate it worked.
    pub gate: GateId,
    /// Who asked.
    pub by: Principal,
    /// What for.
    pub asked: Asked,
    /// What it does outside, as far as its words tell.
    pub effect: Effect,
    /// When it was asked for.
    pub at: Timestamp,
    /// After this moment nobody can approve it any more.
    pub expires_at: Timestamp,
    /// Where it is.
    pub state: ApprovalState,
    /// Who answered, when, and why.
    pub answer: Option<Answered>,
    /// Why it is void, or what is not known of it.
    pub note: Option<String>,
    /// The reason code of that.
    pub code: Option<VoidCode>,
    /// How it ran.
    pub ran: Option<Ran>,
}

/// A person's answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Who.
    pub by: Principal,
    /// When.
    pub at: Timestamp,
    /// Why; always given with a no.
    pub reason: String,
}

/// What became of a command that was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// The exit code, if it exited.
    pub exit_code: Option<i32>,
    /// How it ended, in words.
    pub ended: String,
    /// What it printed.
    pub output: Option<Digest>,
    /// How long it took, in milliseconds.
    pub wall_ms: u64,
    /// When it ended.
    pub at: Timestamp,
}

impl Approval {
    /// Returns whether a person has to answer.
    pub fn is_open(&self) -> bool {
        self.state == ApprovalState::Requested
    }

    /// Returns whether Mission Control runs it, or is about to.
    pub fn is_under_way(&self) -> bool {
        matches!(self.state, ApprovalState::Approved | ApprovalState::Running)
    }

    /// Returns whether `id` names it: its own, or that of a later request for the same.
    pub fn is_named(&self, id: ApprovalId) -> bool {
        self.id == id || self.also.contains(&id)
    }

    /// Returns the command as one line, quoted as a shell would read it.
    pub fn line(&self) -> String {
        self.asked.argv.iter().map(|it| shown(it)).collect::<Vec<_>>().join(" ")
    }

    /// Returns whether it asks for the same as `asked`, in the same state of the same place.
    pub(super) fn is_for(&self, asked: &Asked) -> bool {
        let mine = &self.asked;
        (&mine.argv, &mine.cwd, &mine.seen) == (&asked.argv, &asked.cwd, &asked.seen)
    }
}

/// Returns `word` so that bash reads it as one, and a person sees every sign of it: none can move the cursor, or hide.
fn shown(word: &str) -> String {
    if !word.chars().any(is_unseen) {
        return quoted(word);
    }
    let seen = |c: char| match c {
        '\'' | '\\' => format!("\\{c}"),
        c if is_unseen(c) => mark(c),
        c => c.to_string(),
    };
    format!("$'{}'", word.chars().map(seen).collect::<String>())
}

/// Returns `word` so that a shell reads it as one.
pub fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

words!(
    /// How far one way of shipping is.
    Shipped {
        /// Nobody asked for it, or it was refused.
        None = "none",
        /// Asked for; a person has not answered.
        Requested = "requested",
        /// A person approved it; it has not run to a good end.
        Approved = "approved",
        /// It ran and exited with 0.
        Done = "done",
    }
);

impl Ticket {
    /// Returns approval `id`.
    pub fn approval(&self, id: ApprovalId) -> Option<&Approval> {
        self.approvals.iter().find(|it| it.is_named(id))
    }

    /// Returns the first approval that waits for a person.
    pub fn open_approval(&self) -> Option<&Approval> {
        self.approvals.iter().find(|it| it.is_open())
    }

    /// Returns the approved command that Mission Control runs, or is about to run.
    pub fn command_under_way(&self) -> Option<&Approval> {
        self.approvals.iter().find(|it| it.is_under_way())
    }

    /// Returns how far the work is shipped by `effect`, and by which approval: the newest one that was not refused.
    pub fn shipped(&self, effect: Effect) -> (Shipped, Option<&Approval>) {
        let of = |it: &&Approval| it.effect == effect;
        let told = self.approvals.iter().rev().filter(of).find_map(|it| {
            let is_good = it.ran.as_ref().is_some_and(|ran| ran.exit_code == Some(0));
            match it.state {
                ApprovalState::Requested => Some((Shipped::Requested, it)),
                ApprovalState::Approved | ApprovalState::Running => Some((Shipped::Approved, it)),
                ApprovalState::Ran if is_good => Some((Shipped::Done, it)),
                ApprovalState::Ran => Some((Shipped::Approved, it)),
                ApprovalState::Denied | ApprovalState::Expired | ApprovalState::Void => None,
            }
        });
        told.map_or((Shipped::None, None), |(shipped, it)| (shipped, Some(it)))
    }
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_person_sees_every_sign_of_a_word() {
        assert_eq!(shown("git"), "git");
        assert_eq!(shown("it's"), r"'it'\''s'");
        assert_eq!(
            shown("x\u{1b}[2K\r$ docker ps \u{202e}'"),
            r"$'x\x1b[2K\x0d$ docker ps \u202e\''"
        );
    }
}
