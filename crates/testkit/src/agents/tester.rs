//! The tester: starts the page and walks through it, one real request after another.

use std::fmt::Write as _;

use super::lane::Lane;
use super::walk::{Preview, get};
use crate::Result;

/// What is asked, the status that must come, the text that the answer must hold, and what that step is.
const STEPS: [(&str, u16, &str, &str); 5] = [
    ("/", 200, "A berth for tonight", "open the page: the promise is there"),
    ("/", 200, "name=\"nights\"", "look for the search: it asks how many nights"),
    ("/style.css", 200, "light-dark(", "the style comes with both schemes"),
    ("/?where=Marstal&nights=2", 200, "Marstal", "search for Marstal: it is listed"),
    ("/no-such-page", 404, "", "open a page that does not exist: it is refused"),
];

/// Walks the steps, hands them in with the page's address for pictures, and gives a verdict.
pub(super) fn test(lane: &Lane) -> Result<()> {
    let preview = Preview::start(lane)?;
    let mut text = String::from("# Steps\n\n");
    let mut failed = Vec::new();
    for (number, (path, wanted, holds, step)) in (1..).zip(STEPS) {
        let (status, body) = get(&preview.address(path))?;
        let is_ok = status == wanted && body.contains(holds);
        let result = if is_ok { "ok" } else { "FAILED" };
        lane.say(&format!("{number}. {step}: {status}, {result}"));
        let _ = writeln!(
            text,
            "{number}. {step}. `GET {path}`: {status}, {} bytes, {result}",
            body.len()
        );
        if !is_ok {
            failed.push(format!("step {number} failed: {step}"));
        }
    }
    lane.hand_in("steps", &text)?;
    lane.mission(&["report", "evidence", "screenshot", &preview.address("/")])?;
    let reason = format!("{} of {} steps hold", STEPS.len() - failed.len(), STEPS.len());
    let verdict = if failed.is_empty() { "pass" } else { "changes" };
    let mut args = vec!["report", "verdict", verdict, "--reason", &reason];
    for finding in &failed {
        args.extend(["--finding", finding]);
    }
    lane.mission(&args)
}
