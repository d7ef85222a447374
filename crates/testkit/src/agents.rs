//! Agents without a model: each reads its brief, does real work as its script says, and reports it with the real `mission`.
//!
//! What an agent does comes from the role and gate in its `MISSION_` variables and from the line `Scripted part:` in its
//! brief. `MISSION_DEMO_PACE` is how many milliseconds it lets pass between two steps, so that somebody can follow.

mod brief;
mod coder;
mod designer;
mod die;
mod lane;
mod lie;
mod part;
mod planner;
mod reviewer;
mod screen;
mod tester;
mod walk;

use std::io::{IsTerminal as _, Read as _};
use std::process::ExitCode;

pub use lane::TESTS;
pub use part::Part;

use crate::error::system;
use crate::{Error, Result};
use lane::Lane;
use screen::Screen;

/// Runs the agent called `name` until its work is done, and returns its exit code. Takes no arguments so far.
///
/// With a terminal on standard input it behaves like a small full-screen agent: it shows a prompt, takes pasted turns and
/// stays until it is ended. Else standard input is its one brief.
pub fn run(name: &str, args: &[String]) -> ExitCode {
    let result = match args {
        [] => attend(name),
        [first, ..] => {
            Err(Error::Unexpected(format!("a scripted agent takes no argument `{first}`")))
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn attend(name: &str) -> Result<()> {
    if std::io::stdin().is_terminal() {
        return at_terminal(name);
    }
    let mut brief = Vec::new();
    std::io::stdin().read_to_end(&mut brief).map_err(system("read the brief"))?;
    let brief = String::from_utf8_lossy(&brief);
    println!("{}", banner(name));
    work(&mut Lane::from_env(&brief, false)?)
}

fn at_terminal(name: &str) -> Result<()> {
    let mut screen = Screen::open(&banner(name))?;
    let mut has_worked = false;
    while let Some(turn) = screen.next_turn()? {
        if has_worked && !turn.contains(part::LABEL) {
            println!("  noted: {}", turn.lines().next().unwrap_or_default());
            continue;
        }
        work(&mut Lane::from_env(&turn, true)?)?;
        has_worked = true;
    }
    Ok(())
}

fn banner(name: &str) -> String {
    format!("{name} - scripted agent, no model")
}

/// Does what the lane's role owes at its gate.
fn work(lane: &mut Lane) -> Result<()> {
    let Some(part) = lane.part else {
        return lane.ask(
            "I am a scripted agent and know only the demo's tickets. Who else should do this?",
        );
    };
    lane.say(&format!("{} works {} of {} ({part})", lane.role, lane.gate, lane.ticket));
    match (lane.role.as_str(), lane.gate.as_str()) {
        ("planner", _) => planner::plan(lane, part),
        ("designer", "design_direction") => designer::direct(lane),
        ("designer", _) => designer::sign_off(lane),
        ("coder", _) => coder::code(lane, part),
        ("qa" | "validator", _) => reviewer::review(lane, part),
        ("tester", _) => tester::test(lane),
        (role, gate) => Err(Error::Unexpected(format!("no script for {role} at {gate}"))),
    }
}
