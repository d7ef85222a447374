//! What a lane can do with the agent in it. Whether a program at hand really can is seen elsewhere, by asking it.

use crate::rules::{Driver, words};

words!(
    /// Something that a lane can do with its agent beyond handing it turns.
    Ability {
        /// A turn in flight can be interrupted.
        Interrupt = "interrupt",
        /// Words can be put into a turn in flight.
        Steer = "steer",
        /// It asks leave for what it is about to do, and waits for the answer.
        Leave = "leave",
        /// A session goes on in a later attempt.
        Resume = "resume",
        /// It takes the tools of a lane.
        Tools = "tools",
        /// It tells how many tokens it used.
        Tokens = "tokens",
        /// It tells what that cost.
        Cost = "cost",
        /// It has a screen of its own that a person can look at and take over.
        Screen = "screen",
    }
);

impl Driver {
    /// Returns what lanes of this driver are made to do, if the program at hand can.
    pub fn declared(self) -> &'static [Ability] {
        use Ability::{Cost, Interrupt, Leave, Resume, Screen, Steer, Tokens, Tools};
        match self {
            Self::Exec | Self::Person | Self::External => &[],
            Self::Tmux => &[Screen],
            Self::Codex => &[Interrupt, Steer, Leave, Resume, Tools, Tokens, Screen],
            Self::Claude => &[Interrupt, Steer, Leave, Resume, Tools, Tokens, Cost],
            Self::Acp => &[Interrupt, Leave, Resume, Tools, Tokens],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_budget_cannot_count_is_no_declared_ability() {
        for driver in Driver::ALL {
            let is_told = driver.declared().contains(&Ability::Cost);
            assert!(!is_told || driver.untold().is_none(), "{driver}");
        }
    }
}
