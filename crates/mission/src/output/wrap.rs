//! Wraps and cuts text by its width on the screen, not by its letters. Control characters never reach the terminal.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

/// Returns `text` without control characters: a title or a message must not steer somebody's terminal.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    let is_bad = |c: char| {
        (c.is_control() && c != '\n')
            || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(is_bad) {
        return Cow::Borrowed(text);
    }
    let shown = |c: char| match c {
        '\t' => Some(' '),
        c if is_bad(c) => None,
        c => Some(c),
    };
    Cow::Owned(text.chars().filter_map(shown).collect())
}

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
        assert_eq!(clean("a\u{61c}\u{200e}\u{200f}\u{2028}\u{2029}\u{2066}b"), "ab");
        assert_eq!(clean("a\u{1b}[2Jb\tc\u{202e}d\r\n"), "a[2Jb cd\n");
    }
}
