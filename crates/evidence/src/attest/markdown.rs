//! The evidence of a ticket as one Markdown block for a pull request. It says what was signed and nothing more.

use std::fmt::Write as _;

use mission_domain::ticket::PacketStatus;
use serde_json::Value;

use super::statement::{PACKET_TYPE, SIGN_OFF_TYPE, Statement};
use crate::checks::CheckResult;
use crate::packet::{CommandEvidence, Packet, Screenshot};

/// The most files, findings and pictures that are listed one by one.
const MOST_LINES: usize = 20;

/// Returns the block for the packets and sign-offs among `statements`, in their order; `None` where no packet is
/// among them.
pub fn markdown(statements: &[Statement]) -> Option<String> {
    let mut packets = statements.iter().filter(|it| it.predicate_type == PACKET_TYPE).peekable();
    let first: Packet = serde_json::from_value(packets.peek()?.predicate.clone()).ok()?;
    let mut text = format!("## Evidence for {}\n", first.ticket);
    for statement in packets {
        let packet: Packet = serde_json::from_value(statement.predicate.clone()).ok()?;
        let digest = statement.digests("sha256").next().unwrap_or_default();
        let is_on = |it: &&Statement| {
            it.predicate_type == SIGN_OFF_TYPE && it.digests("sha256").any(|it| it == digest)
        };
        let signed: Vec<&Value> = statements.iter().filter(is_on).map(|it| &it.predicate).collect();
        one(&packet, digest, &signed, &mut text);
    }
    let commit = first.commit.map_or_else(String::new, |it| format!(" --commit {it}"));
    line(&mut text, "");
    line(
        &mut text,
        &format!(
            "<sub>Checked by Mission Control, not taken from an agent's word. `mission packet verify FILE{commit}` proves \
         the signed file.</sub>"
        ),
    );
    Some(text)
}

fn line(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

fn one(packet: &Packet, digest: &str, signed: &[&Value], text: &mut String) {
    let commit =
        packet.commit.as_ref().map_or("no commit".into(), |it| format!("`{}`", it.short()));
    line(text, "");
    line(
        text,
        &format!(
            "### {} · {} at {commit}",
            plain(&packet.gate.as_str().replace('_', " ")),
            word(packet.status()),
        ),
    );
    let who = match &packet.runtime {
        Some(runtime) => format!("{} through {runtime}", packet.role),
        None => packet.role.to_string(),
    };
    let model = packet.model.as_ref().map_or_else(String::new, |it| format!(" ({it})"));
    line(text, "");
    line(
        text,
        &format!(
            "Round {}, by {}, packet `{}`",
            packet.round,
            plain(&format!("{who}{model}")),
            digest.get(..12).unwrap_or(digest),
        ),
    );
    commands(&packet.commands, text);
    files(packet, text);
    pictures(&packet.screenshots, text);
    for finding in packet.findings.iter().take(MOST_LINES) {
        let place = match (&finding.file, finding.line) {
            (Some(file), Some(at)) => format!("{} ", code(&format!("{file}:{at}"))),
            (Some(file), None) => format!("{} ", code(file)),
            (None, _) => String::new(),
        };
        line(text, &format!("- found: {place}{}", plain(&finding.text)));
    }
    for answer in packet.answers.iter().take(MOST_LINES) {
        line(text, &format!("- {} {}: {}", answer.finding, answer.state, plain(&answer.text)));
    }
    let risk = packet.risk.as_deref().map_or("not stated".into(), plain);
    line(text, "");
    line(text, &format!("Remaining risk: {risk}"));
    for sign_off in signed {
        verdict(sign_off, text);
    }
}

fn commands(commands: &[CommandEvidence], text: &mut String) {
    if commands.is_empty() {
        return;
    }
    line(text, "");
    line(text, "| result | command | claimed | seen | tests |\n| --- | --- | --- | --- | --- |");
    let exit = |code: Option<i32>| code.map_or("".into(), |it| format!("exit {it}"));
    for it in commands {
        let result = match it.result {
            CheckResult::Verified => "verified",
            CheckResult::Refuted => "**refuted**",
            CheckResult::NotRerun => "not run again",
            CheckResult::CouldNotRun => "could not run",
        };
        let tests = match &it.tests {
            Some(tests) if tests.failed > 0 => {
                format!("{}, {} failed", tests.executed, tests.failed)
            }
            Some(tests) => tests.executed.to_string(),
            None => "unknown".into(),
        };
        let (claimed, seen) = (exit(it.claimed), exit(it.exit_code));
        line(text, &format!("| {result} | {} | {claimed} | {seen} | {tests} |", code(&it.run)));
    }
}

fn files(packet: &Packet, text: &mut String) {
    if packet.files.is_empty() {
        return;
    }
    let added: u64 = packet.files.iter().map(|it| it.added).sum();
    let removed: u64 = packet.files.iter().map(|it| it.removed).sum();
    line(text, "");
    let count = packet.files.len();
    line(text, &format!("<details><summary>{count} files, +{added} −{removed}</summary>\n"));
    for file in packet.files.iter().take(MOST_LINES) {
        line(text, &format!("- {} +{} −{}", code(&file.path), file.added, file.removed));
    }
    if count > MOST_LINES {
        line(text, &format!("- and {} more", count - MOST_LINES));
    }
    line(text, "\n</details>");
}

fn pictures(pictures: &[Screenshot], text: &mut String) {
    for it in pictures.iter().take(MOST_LINES) {
        let apart = match it.difference_percent {
            Some(percent) => format!("{percent} % differ{}", beside(it)),
            None => "nothing to compare with".into(),
        };
        let (width, scheme) = (it.width, it.scheme.as_str());
        line(text, &format!("- picture of {} at {width} px, {scheme}: {apart}", code(&it.page)));
    }
}

fn beside(picture: &Screenshot) -> String {
    match picture.not_compared.len() {
        0 => String::new(),
        areas => format!(" ({areas} areas not compared)"),
    }
}

fn verdict(signed: &Value, text: &mut String) {
    let field = |name: &str| signed[name].as_str().unwrap_or_default();
    let mut said = format!("- **{}** by {}", plain(field("verdict")), plain(field("reviewer")));
    if !field("independence").is_empty() {
        // Writing to a string cannot fail.
        let _ =
            write!(said, ", independent by {}", plain(&field("independence").replace('_', " ")));
    }
    if signed["fresh"] == false {
        said.push_str(", **stale**");
    }
    if !field("reason").is_empty() {
        let _ = write!(said, ": {}", plain(field("reason")));
    }
    line(text, &said);
}

fn word(status: PacketStatus) -> &'static str {
    match status {
        PacketStatus::Verified => "verified",
        PacketStatus::Refuted => "**refuted**",
        PacketStatus::Partial => "partly verified",
        PacketStatus::Claimed => "claimed only",
    }
}

/// Makes text of anybody's harmless: no markup, no mention of a person, no link to an issue, one line.
fn plain(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '~' | '!' | '&' => {
                out.push('\\');
                out.push(c);
            }
            // A mention or an issue's number is made of the sign and what follows at once.
            '@' | '#' => out.extend([c, '\u{200b}']),
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// Makes text of anybody's a code span that it cannot leave.
fn code(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let space = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    // A bar ends a table's cell, in a code span too.
    format!("{fence}{space}{}{space}{fence}", text.replace('|', "\\|"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_an_agent_leaves_neither_its_line_nor_its_span() {
        assert_eq!(plain("a\n# b <img> @ada"), "a #\u{200b} b \\<img\\> @\u{200b}ada");
        assert_eq!(code("echo `x` | y"), "``echo `x` \\| y``");
        assert_eq!(code("`"), "`` ` ``");
    }
}
