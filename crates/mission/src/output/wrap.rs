//! Wraps and cuts text by its width on the screen, not by its letters. What steers a terminal never reaches it.

use std::borrow::Cow;

use mission_domain::unseen::{is_unseen, mark, marked};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Returns `text` with every character that steers a terminal, or is not seen on it, as its number; tabs are blanks.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let shown = marked(text);
    if shown.contains('\t') { Cow::Owned(shown.replace('\t', " ")) } else { shown }
}

/// Returns `text` as one sentence of ours: what goes on in another line of it is indented, and so is no line of ours.
pub(crate) fn hung(text: &str) -> String {
    clean(text).trim_end().replace('\n', "\n    ")
}

/// Returns all that is printed for people with what some part of it forgot to clean as numbers; our colours stay.
pub(crate) fn sealed(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unseen(c) && !matches!(c, '\n' | '\t')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for (n, part) in text.split('\u{1b}').enumerate() {
        let end = (n > 0).then(|| part.find('m')).flatten().unwrap_or(0);
        let (colour, rest) = part.split_at(end);
        let is_ours = OURS.contains(&colour);
        match (n, is_ours) {
            (0, _) => out.push_str(&marked(part)),
            (_, true) => {
                out.push('\u{1b}');
                out.push_str(colour);
                out.push_str(&marked(rest));
            }
            (_, false) => {
                out.push_str(&mark('\u{1b}'));
                out.push_str(&marked(part));
            }
        }
    }
    Cow::Owned(out)
}

/// What stands between the escape and the `m` of each colour that a tone has, and of the end of it.
const OURS: [&str; 9] = ["[0", "[1", "[2", "[31", "[32", "[33", "[34", "[35", "[36"];

/// Returns the lines of `text`, each at most `width` columns; its own line ends stay, too long words are broken.
pub(crate) fn wrapped(text: &str, width: usize) -> Vec<String> {
    let text = clean(text);
    let mut lines = Vec::new();
    for line in text.trim_end().split('\n') {
        wrap_line(line, width.max(1), &mut lines);
    }
    lines
}

fn wrap_line(line: &str, width: usize, lines: &mut Vec<String>) {
    let body = line.trim_start();
    let indent = line.get(..line.len() - body.len()).unwrap_or_default();
    let indent = if indent.width() * 2 < width { indent } else { "" };
    let mut current = indent.to_owned();
    let mut is_empty = true;
    for word in body.split_whitespace() {
        let needed = word.width() + usize::from(!is_empty);
        if !is_empty && current.width() + needed > width {
            lines.push(std::mem::replace(&mut current, indent.to_owned()));
            is_empty = true;
        }
        if !is_empty {
            current.push(' ');
        }
        let mut rest = word;
        while current.width() + rest.width() > width {
            let (head, tail) = split_at_width(rest, width.saturating_sub(current.width()).max(1));
            current.push_str(head);
            lines.push(std::mem::replace(&mut current, indent.to_owned()));
            rest = tail;
        }
        current.push_str(rest);
        is_empty = rest.is_empty();
    }
    if !is_empty || body.is_empty() {
        lines.push(if body.is_empty() { String::new() } else { current });
    }
}

/// Returns `text` in lines of `width` columns, with every space where it was: for commands.
pub(crate) fn broken(text: &str, width: usize) -> Vec<String> {
    let text = one_line(text);
    let (mut lines, mut rest) = (Vec::new(), &*text);
    loop {
        let (head, tail) = split_at_width(rest, width.max(1));
        lines.push(head.to_owned());
        if tail.is_empty() {
            return lines;
        }
        rest = tail;
    }
}

/// Splits `text` after at most `width` columns, but after one character at least.
fn split_at_width(text: &str, width: usize) -> (&str, &str) {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += c.width().unwrap_or(0);
        if used > width && at > 0 {
            return text.split_at(at);
        }
    }
    (text, "")
}

/// Returns `text` on one line of at most `width` columns, with an ellipsis where something was cut.
pub(crate) fn cut(text: &str, width: usize) -> Cow<'_, str> {
    let text = one_line(text);
    if text.width() <= width {
        return text;
    }
    let mut out = String::new();
    let mut used = 0;
    for c in text.chars() {
        let wide = c.width().unwrap_or(0);
        if used + wide > width.saturating_sub(1) {
            break;
        }
        used += wide;
        out.push(c);
    }
    let mut out = out.trim_end().to_owned();
    out.push('…');
    Cow::Owned(out)
}

/// Returns `text` with line ends as spaces.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    let text = clean(text);
    if text.contains('\n') { Cow::Owned(text.replace('\n', " ")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_by_width_and_loses_nothing() {
        assert_eq!(wrapped("one two three", 7), ["one two", "three"]);
        assert_eq!(wrapped("a\n\n  - b c d", 6), ["a", "", "  - b", "  c d"]);
        assert_eq!(wrapped("漢字漢字 x", 6), ["漢字漢", "字 x"]);
        assert_eq!(wrapped("", 5), [""]);
        assert_eq!(wrapped("/a/very/long/path", 6), ["/a/ver", "y/long", "/path"]);
    }

    #[test]
    fn a_command_is_broken_anywhere_and_keeps_its_spaces() {
        assert_eq!(broken("rm 'a  b'", 6), ["rm 'a ", " b'"]);
        assert_eq!(broken("", 6), [""]);
    }

    #[test]
    fn cut_text_ends_with_an_ellipsis_within_its_width() {
        assert_eq!(cut("short", 5), "short");
        assert_eq!(cut("a longer one", 8), "a longe…");
        assert_eq!(cut("漢字漢字", 6), "漢字…");
        assert_eq!(cut("a\nb", 9), "a b");
    }

    #[test]
    fn nothing_that_steers_a_terminal_comes_through() {
        assert_eq!(clean("a\u{61c}\u{200e}\u{2028}\u{2066}b"), r"a\u061c\u200e\u2028\u2066b");
        assert_eq!(clean("a\u{1b}[2Jb\tc\u{202e}d\r\n"), "a\\x1b[2Jb c\\u202ed\n");
        assert_eq!(hung("a\nCommands\n"), "a\n    Commands");
    }

    #[test]
    fn the_last_hand_marks_what_was_forgotten_and_leaves_our_colours() {
        let painted = "\u{1b}[1m\u{1b}[35mYou\u{1b}[0m ";
        assert_eq!(sealed(&format!("{painted}ok\n")), format!("{painted}ok\n"));
        let evil = format!("{painted}\u{202e}x\u{1b}[8mhidden\u{1b}]0;t\u{7}\n");
        assert_eq!(sealed(&evil), format!("{painted}\\u202ex\\x1b[8mhidden\\x1b]0;t\\x07\n"));
    }
}
