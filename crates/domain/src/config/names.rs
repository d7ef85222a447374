//! Which names are fit to be used, and what somebody who mistyped one probably meant.

/// Characters of a user's text that a message repeats.
const SHOWN: usize = 60;

/// Returns whether `text` can name a gate, role, runtime, workflow, policy or schedule.
pub(super) fn is_name(text: &str) -> bool {
    let rest = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    text.starts_with(|c: char| c.is_ascii_lowercase()) && text.chars().all(rest) && text.len() <= 64
}

/// Returns what is wrong with a name, in words that also say how a good one looks.
pub(super) fn bad_name(what: &str, text: &str) -> String {
    format!(
        "`{}` cannot name a {what}; use small letters, digits, `_` and `-`, with a letter first",
        shown(text)
    )
}

/// Returns `text` fit for one line of a message.
pub(super) fn shown(text: &str) -> String {
    let escaped = text.escape_debug().to_string();
    match escaped.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", escaped.get(..end).unwrap_or_default()),
        None => escaped,
    }
}

/// Returns the names as a list for a sentence.
pub(super) fn listed<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match names.split_last() {
        None => "none".into(),
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Ends a message about an unknown name: the nearest of `known`, or all of them.
pub(super) fn hint<'n>(text: &str, known: impl IntoIterator<Item = &'n str>) -> String {
    let known: Vec<_> = known.into_iter().collect();
    match closest(text, &known) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("known: {}", listed(known)),
    }
}

fn closest<'n>(text: &str, known: &[&'n str]) -> Option<&'n str> {
    let text: Vec<char> = text.chars().take(64).collect();
    let tolerated = (text.len() / 3).clamp(1, 3);
    let scored = known.iter().map(|name| (distance(&text, name), *name));
    scored.filter(|(score, _)| *score <= tolerated).min().map(|(_, name)| name)
}

/// Counts the letters to add, drop, change or swap with their neighbour to get from `from` to `to`.
fn distance(from: &[char], to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in to.iter().enumerate() {
            let changed = last[j] + usize::from(a != b);
            let mut best = changed.min(last[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == to[j - 1] && from[i - 1] == *b {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[to.len()]
}

/// Returns why git, or we, would not take `text` as a branch's name.
pub(super) fn branch_fault(text: &str) -> Option<&'static str> {
    let forbidden = |c: char| " ~^:?*[\\".contains(c);
    match text {
        "" => Some("is empty"),
        "@" => Some("is no branch's name to git"),
        _ if text.chars().any(char::is_control) => Some("holds a control character"),
        _ if text.contains("..") => {
            Some("holds `..`, which could lead out of the repository's refs")
        }
        _ if text.contains(forbidden) => Some("holds a character that git forbids in a branch"),
        _ if text.starts_with(['-', '/']) => Some("starts with `-` or `/`"),
        _ if text.ends_with(['/', '.']) => Some("ends with `/` or `.`"),
        _ if text.contains("@{") || text.contains("//") => Some("holds `@{` or `//`"),
        _ if text.split('/').any(|part| part.starts_with('.') || part.ends_with(".lock")) => {
            Some("has a part that starts with `.` or ends with `.lock`")
        }
        _ => None,
    }
}

/// Returns why `text` cannot name a variable that an agent is given.
pub(super) fn variable_fault(text: &str) -> Option<&'static str> {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_';
    let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if !text.starts_with(first) || !text.chars().all(rest) {
        return Some("is no variable's name; use letters, digits and `_`");
    }
    text.starts_with("MISSION_").then_some(
        "belongs to Mission Control, which sets its own variables for each attempt; take it out",
    )
}

/// Returns the path, where a role's `instructions` are one rather than the text itself.
///
/// A path is one line without spaces that ends in `.md` or `.txt`, or holds a `/`.
pub fn instructions_path(instructions: &str) -> Option<&str> {
    let is_word = !instructions.is_empty() && !instructions.contains(char::is_whitespace);
    let is_file = instructions.ends_with(".md") || instructions.ends_with(".txt");
    (is_word && (is_file || instructions.contains('/'))).then_some(instructions)
}
