//! The reviewer: reads the diff line by line and knows a few flaws when it sees them.

use super::lane::Lane;
use super::part::Part;
use crate::Result;

/// Text that an added line must not hold, and why.
const FLAWS: [(&str, &str); 3] = [
    ("innerHTML", "what a guest typed becomes markup here; use textContent"),
    ("<<<<<<<", "a merge conflict was committed"),
    ("eval(", "text is run as a program here"),
];

/// An added line of a diff.
#[derive(Debug, PartialEq, Eq)]
struct Added<'d> {
    file: &'d str,
    line: u32,
    text: &'d str,
}

/// Reviews the diff against the base and gives a verdict. One part passes by a marker alone, since an agent may.
pub(super) fn review(lane: &Lane, part: Part) -> Result<()> {
    let diff = lane.git(&["diff", "--unified=0", "--no-color", &base(lane), "HEAD"])?;
    let added = added_lines(&diff);
    lane.say(&format!("reads {} added lines", added.len()));
    let findings: Vec<String> = added.iter().filter_map(finding).collect();
    for finding in &findings {
        lane.say(&format!("finds {finding}"));
    }
    if findings.is_empty() {
        let reason = match lane.findings.as_slice() {
            [] => format!("{} added lines, no flaw found", added.len()),
            answered => format!("{} mended, nothing new found", answered.join(", ")),
        };
        return match part {
            Part::Leaflet => lane.mark_pass(&reason),
            Part::Redesign
            | Part::Filter
            | Part::LongStay
            | Part::Hours
            | Part::Arrival
            | Part::Flag => lane.mission(&["report", "verdict", "pass", "--reason", &reason]),
        };
    }
    let reason = format!("{} of {} added lines must not stay", findings.len(), added.len());
    let mut args = vec!["report", "verdict", "changes", "--reason", &reason];
    for finding in &findings {
        args.extend(["--finding", finding]);
    }
    lane.mission(&args)
}

/// Returns the commit that the work started from: the brief says it, else it is where the work left the default branch. The empty
/// tree where neither is known: then all is read.
fn base(lane: &Lane) -> String {
    if let Some(base) = &lane.base {
        return base.clone();
    }
    let fork = lane.git(&["merge-base", "main", "HEAD"]).map(|it| it.trim().to_owned());
    let empty =
        || lane.git(&["hash-object", "-t", "tree", "/dev/null"]).map(|it| it.trim().to_owned());
    fork.or_else(|_| empty()).unwrap_or_else(|_| "HEAD^".to_owned())
}

/// Returns the lines that `diff`, made with `--unified=0`, adds to code; tests and texts may speak of a flaw.
fn added_lines(diff: &str) -> Vec<Added<'_>> {
    let mut added = Vec::new();
    let (mut file, mut line) = ("", 0);
    for text in diff.lines() {
        if let Some(name) = text.strip_prefix("+++ b/") {
            file = name;
        } else if let Some(range) = text.strip_prefix("@@ ").and_then(|it| it.split('+').nth(1)) {
            let first = range.split([',', ' ']).next().and_then(|it| it.parse().ok());
            line = first.unwrap_or(1);
        } else if let Some(text) = text.strip_prefix('+').filter(|_| !text.starts_with("+++")) {
            added.push(Added { file, line, text });
            line += 1;
        }
    }
    added
}

fn finding(added: &Added<'_>) -> Option<String> {
    let is_code = added.file.starts_with("web/") || added.file.starts_with("bin/");
    let flaw = FLAWS.iter().find(|(flaw, _)| is_code && added.text.contains(flaw));
    flaw.map(|(_, why)| format!("{}:{}:{why}", added.file, added.line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn added_lines_have_their_numbers_in_the_new_file() {
        let diff = "diff --git a/web/app.js b/web/app.js\n--- a/web/app.js\n+++ b/web/app.js\n@@ -1 +1,2 @@\n-old\n+one\n+note.innerHTML = x\n@@ -9,0 +11 @@ f()\n+three\n";
        let line = |line, text| Added { file: "web/app.js", line, text };
        let added = added_lines(diff);
        assert_eq!(added, [line(1, "one"), line(2, "note.innerHTML = x"), line(11, "three")]);
        let found: Vec<_> = added.iter().filter_map(finding).collect();
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("web/app.js:2:what a guest typed"));
    }
}
