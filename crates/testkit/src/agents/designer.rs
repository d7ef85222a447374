//! The designer: gives a direction before the work, and holds the result against it.

use super::lane::Lane;
use super::walk::Preview;
use crate::Result;

/// What the direction asks for and the sign-off looks for: file, text, and what it means.
const WANTED: [(&str, &str, &str); 4] = [
    ("web/index.html", "A berth for tonight", "the headline is the promise"),
    ("web/style.css", "light-dark(", "both colour schemes come from one set of colours"),
    ("web/style.css", ":focus-visible", "the focus can be seen"),
    ("web/style.css", "auto-fill", "the cards flow from one column to four"),
];

/// Hands in a design direction.
pub(super) fn direct(lane: &Lane) -> Result<()> {
    lane.say("looks at the page as it is");
    let mut text = String::from(
        "# Direction\n\nDusk over the harbour: warm sky, deep green water, white sails. One headline, one search, \
         then the harbours as quiet cards. No picture is loaded; everything is drawn.\n\n## Must hold\n\n",
    );
    for (file, _, meaning) in WANTED {
        text.push_str(&format!("- {meaning} (`{file}`)\n"));
    }
    lane.hand_in("direction", &text)?;
    lane.mission(&["report", "done", "--summary", "a direction with four things that must hold"])
}

/// Holds the page against the direction and gives a verdict.
pub(super) fn sign_off(lane: &Lane) -> Result<()> {
    let preview = Preview::start(lane)?;
    lane.mission(&["report", "evidence", "screenshot", &preview.address("/")])?;
    let mut findings = Vec::new();
    for (file, text, meaning) in WANTED {
        let holds = std::fs::read_to_string(lane.path(file)).is_ok_and(|it| it.contains(text));
        lane.say(&format!("{} {meaning}", if holds { "ok " } else { "no " }));
        if !holds {
            findings.push(format!("{file}:1:missing: {meaning}"));
        }
    }
    let mut args = match findings.is_empty() {
        true => vec!["report", "verdict", "pass", "--reason", "it is what the direction asks for"],
        false => {
            vec!["report", "verdict", "changes", "--reason", "the direction does not hold yet"]
        }
    };
    for finding in &findings {
        args.extend(["--finding", finding]);
    }
    lane.mission(&args)
}
