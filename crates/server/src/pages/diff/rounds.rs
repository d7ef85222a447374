//! What became of the work between two rounds: which commit became which, told as `git range-diff` tells it.

use maud::{Markup, html};

use super::super::glyph::icon;
use super::super::words;

/// What became of one commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Same,
    Changed,
    Gone,
    New,
}

/// One commit of either round.
#[derive(Debug, PartialEq, Eq)]
struct Pair<'t> {
    fate: Fate,
    old: Option<&'t str>,
    new: Option<&'t str>,
    subject: &'t str,
    /// How its difference changed: a difference of differences.
    lines: Vec<&'t str>,
}

/// Reads the output of `git range-diff`. What is in no known form is left out.
fn read(text: &str) -> Vec<Pair<'_>> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for line in text.lines() {
        match (head(line), pairs.last_mut()) {
            (Some(pair), _) => pairs.push(pair),
            (None, Some(pair)) => pair.lines.push(line.strip_prefix("    ").unwrap_or(line)),
            (None, None) => {}
        }
    }
    pairs
}

/// Reads a line like `1:  0a1b2c3 ! 2:  4d5e6f7 its subject`.
fn head(line: &str) -> Option<Pair<'_>> {
    if line.starts_with("    ") {
        return None;
    }
    let (old, rest) = side(line)?;
    let (mark, rest) = rest.split_at_checked(1)?;
    let fate = match mark {
        "=" => Fate::Same,
        "!" => Fate::Changed,
        "<" => Fate::Gone,
        ">" => Fate::New,
        _ => return None,
    };
    let (new, subject) = side(rest)?;
    Some(Pair { fate, old, new, subject, lines: Vec::new() })
}

/// Reads `1:  0a1b2c3 ` or `-:  ------- `, and returns the commit with the rest of the line.
fn side(text: &str) -> Option<(Option<&str>, &str)> {
    let (number, rest) = text.trim_start().split_once(':')?;
    let is_number = number == "-" || number.parse::<u32>().is_ok();
    let (commit, rest) = rest.trim_start().split_once(' ').filter(|_| is_number)?;
    Some(((number != "-").then_some(commit), rest))
}

/// Returns the commits of both rounds, each with what became of it.
pub(in super::super) fn commits(text: &str, is_cut: bool) -> Markup {
    let pairs = read(text);
    html! {
        section.panel.rounds aria-labelledby="h-rounds" {
            header { h2 id="h-rounds" { "Commits of both rounds" } span.end { (words::count(pairs.len(), "commit")) } }
            @if pairs.is_empty() { p.pad.mid { "Neither round has a commit of its own on this base." } }
            ul { @for pair in &pairs { li { (commit(pair)) } } }
            @if is_cut { p.pad.mid { "Cut: it is longer than 256 KiB. `git range-diff` shows all of it." } }
        }
    }
}

fn commit(pair: &Pair<'_>) -> Markup {
    let (name, mark, word) = match pair.fate {
        Fate::Same => ("check", "=", "unchanged"),
        Fate::Changed => ("file-diff", "!", "changed"),
        Fate::Gone => ("x", "<", "gone"),
        Fate::New => ("plus", ">", "new"),
    };
    let title = html! {
        span.verdict data-v=(word) title=(mark) { (icon(name)) span { (word) } } " "
        code { (pair.old.unwrap_or("none")) " → " (pair.new.unwrap_or("none")) } " "
        bdi { (pair.subject) }
    };
    html! {
        @if pair.lines.is_empty() { p.round-commit { (title) } }
        @else {
            details.round-commit open {
                summary { (icon("chevron-down")) (title) }
                pre tabindex="0" aria-label={ "How " (pair.subject) " changed" } { @for line in &pair.lines { (dual(line)) } }
            }
        }
    }
}

/// Returns a line of a difference of differences: the first sign says in which round it is, the second what it does.
fn dual(line: &str) -> Markup {
    let class = match line.as_bytes() {
        [b'+', ..] => "add",
        [b'-', ..] => "del",
        _ => "same",
    };
    html! { code.(class) { (line) "\n" } }
}

#[cfg(test)]
mod tests {
    use super::{Fate, read};

    #[test]
    fn each_commit_is_read_with_its_fate_and_its_change() {
        let text = "1:  aaaaaaa = 1:  bbbbbbb same: words\n2:  ccccccc ! 2:  ddddddd changed\n    @@ a.txt\n      context\n    -+old line\n    ++new line\n3:  eeeeeee < -:  ------- gone\n-:  ------- > 3:  fffffff new\n";
        let pairs = read(text);
        let fates: Vec<_> = pairs.iter().map(|it| (it.fate, it.old, it.new, it.subject)).collect();
        assert_eq!(
            fates,
            [
                (Fate::Same, Some("aaaaaaa"), Some("bbbbbbb"), "same: words"),
                (Fate::Changed, Some("ccccccc"), Some("ddddddd"), "changed"),
                (Fate::Gone, Some("eeeeeee"), None, "gone"),
                (Fate::New, None, Some("fffffff"), "new"),
            ]
        );
        assert_eq!(pairs[1].lines, ["@@ a.txt", "  context", "-+old line", "++new line"]);
        assert_eq!(read("nonsense\n"), []);
    }
}
