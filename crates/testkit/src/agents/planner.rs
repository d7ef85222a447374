//! The planner: looks at what is there and writes a plan with its files, risks and acceptance checks.

use std::fmt::Write as _;

use super::brief::DECIDED;
use super::lane::{Lane, TESTS};
use super::part::Part;
use crate::Result;

/// Hands in a plan. One part ends with a marker alone, since an agent may.
pub(super) fn plan(lane: &Lane, part: Part) -> Result<()> {
    lane.say("reads the repository");
    if part == Part::Flag && lane.decided.is_none() {
        return lane
            .ask("Which flag shall fly over the office in winter: the harbour's or the town's?");
    }
    let known = lane.git(&["ls-files"])?;
    let is_known = |file: &&str| known.lines().any(|line| line == *file);
    let mut text = format!("# Plan: {}\n\n## Steps\n\n", headline(part));
    for (number, step) in steps(part).iter().enumerate() {
        let _ = writeln!(text, "{}. {step}", number + 1);
    }
    if let Some(decided) = &lane.decided {
        let _ = writeln!(text, "\n{DECIDED}{decided}");
    }
    text.push_str("\n## Files\n\n");
    for file in part.files() {
        let _ = writeln!(text, "- {file}");
    }
    let changed = part.files().iter().filter(|file| is_known(file)).count();
    let _ = write!(
        text,
        "\n## Risks\n\nFiles that change: {}, new ones: {}; nothing else in the repository is touched.\n\
         \n## Acceptance checks\n\n- `{TESTS}`\n",
        changed,
        part.files().len() - changed
    );
    lane.hand_in("plan", &text)?;
    let summary = format!("a plan with {} steps", steps(part).len());
    match part {
        Part::Filter => lane.mark_done(&summary),
        Part::Redesign
        | Part::LongStay
        | Part::Hours
        | Part::Leaflet
        | Part::Arrival
        | Part::Flag => lane.mission(&["report", "done", "--summary", &summary]),
    }
}

fn headline(part: Part) -> &'static str {
    match part {
        Part::Redesign => "one clear promise, one search, the harbours as cards",
        Part::Filter => "show the harbours that the guest asked for",
        Part::LongStay => "every seventh night is free",
        Part::Hours => "when the harbour office is open",
        Part::Leaflet => "tell guests of the free nights",
        Part::Arrival => "tell guests how to arrive by night",
        Part::Flag => "the flag over the office in winter",
    }
}

fn steps(part: Part) -> &'static [&'static str] {
    match part {
        Part::Redesign => &[
            "Put the promise and the search into one opening picture, drawn in the page itself.",
            "Show each harbour as a card with its price and what is free tonight.",
            "Draw both colour schemes from one set of colours; keep every field labelled.",
        ],
        Part::Filter => &[
            "Read the wish from the address.",
            "Hide the harbours with other names; say so where none fits.",
        ],
        Part::LongStay => &["Take one night off for every seven.", "Test 6, 7 and 14 nights."],
        Part::Hours => &["Print the hours of a month.", "Refuse a month that does not exist."],
        Part::Leaflet => &["Add the free nights to the leaflet, with two examples."],
        Part::Arrival => &["Write a leaflet: the lights, the depth, whom to call."],
        Part::Flag => &["Write down which flag flies from November to March."],
    }
}
