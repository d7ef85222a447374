//! The words of the pages: labels of states and gates, ages, sizes and names. Nothing here makes markup.

use mission_domain::doc::{AttemptDoc, NextActionDoc, TicketDoc};
use mission_domain::ids::Timestamp;
pub use mission_domain::told::{gate, plain, principal, short};

/// The ten states in the order of the board.
pub const STATES: [&str; 10] = [
    "todo",
    "waiting",
    "parked",
    "active",
    "in_review",
    "needs_input",
    "blocked",
    "done",
    "cancelled",
    "superseded",
];

/// Returns `text` with a capital at its start.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |c| c.to_uppercase().chain(chars).collect())
}

/// Returns the beginning of `text` on one line, cut between words after at most `most` characters, with `…` where it is cut.
pub fn beginning(text: &str, most: usize) -> String {
    let mut line = String::new();
    for word in text.split_whitespace() {
        if line.chars().count() + word.chars().count() >= most {
            let room = most.saturating_sub(line.chars().count());
            // A word as long as the line is cut itself.
            let part: String = word.chars().take(if line.is_empty() { room } else { 0 }).collect();
            return format!("{}{part}…", line.trim_end_matches([' ', ',', '.']));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// Returns what somebody does, from the words of what they are to do: `deliver plan` is `delivers plan`.
pub fn does(what: &str) -> String {
    const VERBS: [&str; 24] = [
        "add", "answer", "approve", "cancel", "check", "clear", "decide", "deliver", "deny",
        "drop", "finish", "land", "mend", "park", "reopen", "request", "resolve", "retry",
        "review", "run", "sign", "start", "try", "waive",
    ];
    let mut joined = true;
    let words = what.split(' ').map(|word| {
        let plain = word.trim_end_matches(',');
        let is_verb = joined && VERBS.contains(&plain);
        joined = word.ends_with(',') || matches!(word, "and" | "or" | "then");
        if is_verb { word.replacen(plain, &third_person(plain), 1) } else { word.to_owned() }
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Returns a verb with its ending: `retries`, `finishes`, `signs`.
fn third_person(verb: &str) -> String {
    let before_y = |it: &str| !it.ends_with(['a', 'e', 'i', 'o', 'u']);
    match verb.strip_suffix('y') {
        Some(stem) if before_y(stem) => format!("{stem}ies"),
        _ if verb.ends_with(['s', 'x', 'h']) => format!("{verb}es"),
        _ => format!("{verb}s"),
    }
}

/// Returns an evidence kind as people read it.
pub fn evidence(kind: &str) -> String {
    match kind {
        "changed_files" => "Changed files, read from git".into(),
        "commands" => "Test commands with results".into(),
        "risk" => "Remaining risk".into(),
        "screenshots" => "Screenshots, taken by Mission Control".into(),
        "steps" => "Browser steps with results".into(),
        "findings" => "Findings of the review".into(),
        other => sentence(&plain(other)),
    }
}

/// Returns how long ago `from` was: `now`, `38 min`, `2 h 14`, `3 d`.
pub fn age(from: Timestamp, now: Timestamp) -> String {
    match now.as_second().saturating_sub(from.as_second()) {
        ..5 => "now".into(),
        seconds => lasted(seconds),
    }
}

/// Returns how long ago `from` was: `just now`, `38 min ago`.
pub fn ago(from: Timestamp, now: Timestamp) -> String {
    match age(from, now).as_str() {
        "now" => "just now".into(),
        age => format!("{age} ago"),
    }
}

/// Returns a span of seconds in words: `4 s`, `38 min`, `2 h 14`, `3 d`.
pub fn lasted(seconds: i64) -> String {
    let (minutes, hours) = (seconds / 60, seconds / 3600);
    match seconds {
        ..1 => "less than 1 s".into(),
        1..60 => format!("{seconds} s"),
        60..3_600 => format!("{minutes} min"),
        3_600..36_000 if minutes % 60 > 0 => format!("{hours} h {:02}", minutes % 60),
        3_600..36_000 => format!("{hours} h"),
        36_000..172_800 => format!("{hours} h"),
        _ => format!("{} d", hours / 24),
    }
}

/// Returns the way a ticket came in as people read it.
pub fn channel(word: &str) -> &str {
    match word {
        "cli" => "Command line",
        "page" => "Page",
        "api" => "API",
        "schedule" => "Schedule",
        other => other,
    }
}

/// Returns `n` with its word, in the plural where it is not one.
pub fn count(n: usize, one: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {one}s") }
}

/// Returns bytes as people read them: `7.9 GiB`.
pub fn bytes(n: u64) -> String {
    const MIB: u64 = 1 << 20;
    const GIB: u64 = 1 << 30;
    if n >= GIB {
        format!("{}.{} GiB", n / GIB, (n % GIB) * 10 / GIB)
    } else if n >= MIB {
        format!("{} MiB", n / MIB)
    } else {
        format!("{} KiB", n.div_ceil(1024))
    }
}

/// Returns tokens as people read them: `4.1 M`.
pub fn tokens(n: u64) -> String {
    match n {
        1_000_000.. => format!("{}.{} M", n / 1_000_000, n % 1_000_000 / 100_000),
        10_000.. => format!("{} k", n / 1_000),
        _ => n.to_string(),
    }
}

/// Returns whether the next action waits for `person`.
pub fn is_owed(next: Option<&NextActionDoc>, person: &str) -> bool {
    let mine = |n: &NextActionDoc| n.who.name == "anyone" || n.who.name == person;
    next.is_some_and(|n| n.who.kind == "person" && mine(n))
}

/// Returns whether `person` owes what happens next to the ticket. What is set aside on purpose is owed by nobody.
pub fn owes(ticket: &TicketDoc, person: &str) -> bool {
    ticket.state != "parked" && is_owed(ticket.next_action.as_ref(), person)
}

/// Returns whether a ticket has ended.
pub fn has_ended(ticket: &TicketDoc) -> bool {
    matches!(ticket.state.as_str(), "done" | "cancelled" | "superseded")
}

/// Returns the address of a ticket's page.
pub fn ticket_path(key: &str) -> String {
    format!("/tickets/{key}")
}

/// Returns the first instant that is written in `text` as RFC 3339 writes it in UTC, with what stands before and after it.
pub fn first_instant(text: &str) -> Option<(&str, Timestamp, &str)> {
    let is_of_one = |c: char| c.is_ascii_digit() || matches!(c, '-' | ':' | '.' | 'T' | 'Z');
    let mut from = 0;
    loop {
        let start = from + text.get(from..)?.find(|c: char| c.is_ascii_digit())?;
        let word = text.get(start..)?;
        let word = word.get(..word.find(|c| !is_of_one(c)).unwrap_or(word.len()))?;
        let word = word.get(..word.rfind('Z').map_or(0, |it| it + 1))?;
        if let Ok(at) = word.parse() {
            return Some((text.get(..start)?, at, text.get(start + word.len()..)?));
        }
        let rest = text.get(start..)?;
        from = start + rest.find(|c| !is_of_one(c)).unwrap_or(rest.len());
    }
}

/// Returns the address of the terminal of a ticket's attempt, whichever it is.
pub fn terminal_path(attempt: &AttemptDoc) -> String {
    let AttemptDoc { ticket, id, .. } = attempt;
    format!("/tickets/{ticket}?attempt={id}#terminal-{id}")
}

/// Returns the address of the packet of a ticket's gate.
pub fn packet_path(key: &str, gate: &str) -> String {
    format!("/tickets/{key}/packets/{gate}")
}

/// Returns a share of a hundred as people read it; what is more than nothing is never called nothing.
pub fn percent(share: f64) -> String {
    if share > 0.0 && share < 0.1 { "less than 0.1 %".into() } else { format!("{share:.1} %") }
}

/// Returns the address of an artifact.
pub fn artifact(digest: &str) -> String {
    format!("/artifacts/{}", digest.strip_prefix("sha256:").unwrap_or(digest))
}

/// Returns a packet's status as people read it.
pub fn packet_status(word: &str) -> &str {
    match word {
        "partial" => "partly verified",
        "claimed" => "claimed only",
        other => other,
    }
}

/// Returns how far one way of shipping is.
pub fn ships(word: &str) -> &str {
    match word {
        "none" => "not asked for",
        "requested" => "needs approval",
        other => other,
    }
}

/// Returns how long something ran: `180 ms`, `4.2 s`, `2 min`.
pub fn took(ms: u64) -> String {
    match ms {
        ..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        _ => lasted(i64::try_from(ms / 1_000).unwrap_or(i64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_is_a_number_and_an_age_may_be_now() {
        let at = |second| Timestamp::from_second(second).expect("a moment");
        assert_eq!(age(at(100), at(103)), "now");
        assert_eq!(age(at(100), at(110)), "10 s");
        let spans = [0, 3, 59, 90, 3_600, 8_040, 200_000].map(lasted);
        assert_eq!(spans, ["less than 1 s", "3 s", "59 s", "1 min", "1 h", "2 h 14", "2 d"]);
    }

    #[test]
    fn the_first_instant_of_a_text_is_found_and_nothing_that_only_looks_like_one() {
        let at: Timestamp = "2026-11-29T08:15:30Z".parse().expect("an instant");
        let found = first_instant("1 of 2: rests until 2026-11-29T08:15:30Z, \u{e9} says 3");
        assert_eq!(found, Some(("1 of 2: rests until ", at, ", \u{e9} says 3")));
        let fraction = first_instant("2026-11-29T08:15:30.25Z.").map(|it| it.2);
        assert_eq!(fraction, Some("."));
        for none in ["", "at 08:15:30", "MC-12 and 2026-11-29", "7Z", "12:00Z", "\u{e9}1"] {
            assert_eq!(first_instant(none), None, "{none}");
        }
    }

    #[test]
    fn what_somebody_does_is_told_of_them() {
        for (what, told) in [
            ("deliver implementation", "delivers implementation"),
            ("try plan again", "tries plan again"),
            ("finish MC-1, MC-2", "finishes MC-1, MC-2"),
            ("sign off plan, or request changes", "signs off plan, or requests changes"),
            ("retry, park, or cancel", "retries, parks, or cancels"),
            ("clear the way, then land it now", "clears the way, then lands it now"),
            (
                "mend the base and retry, or waive the gate",
                "mends the base and retries, or waives the gate",
            ),
            ("run the checks of plan", "runs the checks of plan"),
            ("unknown words stay", "unknown words stay"),
        ] {
            assert_eq!(does(what), told);
        }
    }

    #[test]
    fn a_beginning_ends_between_words_and_says_that_it_is_cut() {
        assert_eq!(beginning("one two\nthree", 40), "one two three");
        assert_eq!(beginning("one two, three four", 12), "one two…");
        assert_eq!(beginning(&"a".repeat(30), 10), "aaaaaaaaaa…");
        assert_eq!(beginning("", 10), "");
    }
}
