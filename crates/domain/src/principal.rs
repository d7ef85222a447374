//! Who acts, as authenticated at a door, and how far apart two of them are.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::ids::{BadName, RoleId, RuntimeId};
use crate::rules::Independence;
use crate::unseen::on_one_line;

/// Somebody who acted. Made by the door that authenticated them, never from a name in a body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Principal {
    /// A person, signed in.
    Person(String),
    /// The demo's stand-in for a person; only a home that the demo made accepts it.
    Scripted,
    /// A role at work through one runtime, by its attempt's token.
    Lane {
        /// The role.
        role: RoleId,
        /// The runtime.
        runtime: RuntimeId,
    },
    /// Mission Control itself.
    Controller,
    /// A named token that is no person.
    External(String),
}

impl Principal {
    /// Returns whether this is a person, or the demo's stand-in for one.
    pub fn is_person(&self) -> bool {
        match self {
            Self::Person(_) | Self::Scripted => true,
            Self::Lane { .. } | Self::Controller | Self::External(_) => false,
        }
    }
}

/// Words of the product: a name among them would read as the machine, as a role or runtime, or as everybody.
const TAKEN: [&str; 49] = [
    "admin",
    "agent",
    "anonymous",
    "anybody",
    "anyone",
    "campaign",
    "check",
    "claude",
    "codex",
    "coder",
    "controller",
    "demo",
    "designer",
    "dispatcher",
    "everybody",
    "everyone",
    "external",
    "gate",
    "gemini",
    "hermes",
    "home",
    "lane",
    "machine",
    "me",
    "mission",
    "mission-control",
    "mission_control",
    "missioncontrol",
    "nobody",
    "opencode",
    "operator",
    "owner",
    "person",
    "planner",
    "policy",
    "qa",
    "role",
    "root",
    "runtime",
    "scripted",
    "server",
    "somebody",
    "sweep",
    "system",
    "tester",
    "unknown",
    "validator",
    "viewer",
    "you",
];

/// The most letters of a person's name.
const LONGEST_NAME: usize = 40;

/// Returns whether `name` is a word of the product rather than somebody's name.
pub fn is_word_of_ours(name: &str) -> bool {
    let plain = name.trim_end_matches(['-', '_', '.']).to_ascii_lowercase();
    TAKEN.contains(&plain.as_str())
}

/// Refuses what must not name a person: letters that can be taken for others, and words of the product.
///
/// # Errors
/// Why it is no name, and what is one.
pub fn check_person(name: &str) -> Result<(), String> {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || name.chars().count() > LONGEST_NAME || !name.chars().all(is_letter) {
        return Err(format!(
            "`{}` is no name for a person; use up to {LONGEST_NAME} letters from `a` to `z`, digits, `-`, `_` and `.`, a letter or \
             digit first: a letter of another script can look like one of these",
            on_one_line(name)
        ));
    }
    if is_word_of_ours(name) {
        return Err(format!(
            "`{name}` is a word of Mission Control itself, so what `{name}` did would not read as a person's act; choose another name"
        ));
    }
    Ok(())
}

impl fmt::Display for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person(name) => write!(f, "person:{name}"),
            Self::Scripted => f.write_str("scripted"),
            Self::Lane { role, runtime } => write!(f, "lane:{role}/{runtime}"),
            Self::Controller => f.write_str("controller"),
            Self::External(name) => write!(f, "external:{name}"),
        }
    }
}

impl FromStr for Principal {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let bad = || BadName { text: text.into(), what: "a principal (like `person:ada`)" };
        match text.split_once(':') {
            None if text == "controller" => Ok(Self::Controller),
            None if text == "scripted" => Ok(Self::Scripted),
            Some(("person", name)) if !name.is_empty() => Ok(Self::Person(name.into())),
            Some(("external", name)) if !name.is_empty() => Ok(Self::External(name.into())),
            Some(("lane", lane)) => {
                let (role, runtime) = lane.split_once('/').ok_or_else(bad)?;
                Ok(Self::Lane { role: RoleId::new(role), runtime: RuntimeId::new(runtime) })
            }
            None | Some(_) => Err(bad()),
        }
    }
}

impl TryFrom<String> for Principal {
    type Error = BadName;

    fn try_from(text: String) -> Result<Self, BadName> {
        text.parse()
    }
}

impl From<Principal> for String {
    fn from(principal: Principal) -> Self {
        principal.to_string()
    }
}

/// What really runs behind a runtime's name. The name and the driver do not count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The resolved program: its path, or the digest of the script that an interpreter runs. Several stand between ` + `.
    pub program: String,
    /// The model family, where it is known. Unknown equals nothing.
    pub family: Option<String>,
}

impl Identity {
    /// What stands between two programs of one identity.
    const AND: &'static str = " + ";

    /// Returns the identity of all these programs together.
    pub fn of(programs: impl IntoIterator<Item = String>, family: Option<String>) -> Self {
        let programs: Vec<String> = programs.into_iter().collect();
        Self { program: programs.join(Self::AND), family }
    }

    /// Returns whether one program is behind both.
    pub fn shares_a_program(&self, other: &Self) -> bool {
        let theirs: Vec<&str> = other.program.split(Self::AND).collect();
        self.program.split(Self::AND).any(|it| theirs.contains(&it))
    }
}

/// Somebody who had a hand in the work: a commit, or an attempt that delivered it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contributor {
    /// Who.
    pub principal: Principal,
    /// Through what; a person has none.
    pub identity: Option<Identity>,
}

impl Contributor {
    /// Returns the highest level at which the two are independent, or nothing when they are the same principal.
    ///
    /// An unknown family equals no other, and so proves no distance at `model_family` either.
    pub fn distance(&self, other: &Self) -> Option<Independence> {
        if self.principal == other.principal {
            return None;
        }
        let (Some(ours), Some(theirs)) = (&self.identity, &other.identity) else {
            // People are no model at all; what runs behind a token is not known, so nothing is proved about its model.
            let is_unknown = |it: &Self| matches!(it.principal, Principal::External(_));
            let unknown = is_unknown(self) || is_unknown(other);
            return Some(if unknown { Independence::Runtime } else { Independence::ModelFamily });
        };
        let same_family = ours.family.is_some() && ours.family == theirs.family;
        if ours.shares_a_program(theirs) || same_family {
            return Some(Independence::Principal);
        }
        let both_known = ours.family.is_some() && theirs.family.is_some();
        Some(if both_known { Independence::ModelFamily } else { Independence::Runtime })
    }
}

#[cfg(test)]
mod tests {
    use super::check_person;

    #[test]
    fn a_person_is_named_in_letters_that_look_like_no_others_and_not_like_the_machine() {
        for name in ["ada", "Ada.L", "j-1_x", "owner2"] {
            assert_eq!(check_person(name), Ok(()), "{name}");
        }
        for name in ["controller", "Controller", "scripted", "OPERATOR", "qa", "anyone", "system."]
        {
            let why = check_person(name).expect_err(name);
            assert!(why.contains("a word of Mission Control"), "{why}");
        }
        for name in
            ["", "a b", "\u{43e}wner", "ada\u{200b}", "-x", "a:b", "qa/claude", &"a".repeat(41)]
        {
            assert!(check_person(name).is_err_and(|it| it.contains("no name")), "{name}");
        }
    }
}
