//! Characters that a terminal or a page obeys or leaves out, made visible. Whoever decides must see all that was written.

use std::borrow::Cow;

/// Returns whether a terminal or a page obeys `c`, or shows nothing for it: controls, marks of direction, tags, and what
/// Unicode calls default-ignorable.
pub fn is_unseen(c: char) -> bool {
    // Nearly all text is this.
    if (' '..='~').contains(&c) {
        return false;
    }
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Returns how `c` is written where it is made visible: as bash reads it within `$''`.
pub fn mark(c: char) -> String {
    match c {
        '\n' => r"\n".into(),
        '\t' => r"\t".into(),
        c if c.is_ascii() => format!("\\x{:02x}", u32::from(c)),
        c if u32::from(c) <= 0xffff => format!("\\u{:04x}", u32::from(c)),
        c => format!("\\U{:08x}", u32::from(c)),
    }
}

/// Returns `text` with every unseen character marked like `\u202e`; line ends and tabs stay, and so does what makes an emoji.
pub fn marked(text: &str) -> Cow<'_, str> {
    with_marks(text, true)
}

/// Returns `text` as [`marked`] does, its line ends and tabs marked too: a name cannot begin a line of its own.
pub fn on_one_line(text: &str) -> Cow<'_, str> {
    with_marks(text, false)
}

fn with_marks(text: &str, keeps_lines: bool) -> Cow<'_, str> {
    let is_kept = |c: char| keeps_lines && matches!(c, '\n' | '\t');
    if !text.chars().any(|c| is_unseen(c) && !is_kept(c)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let after = chars.peek().copied();
        if !is_unseen(c) || is_kept(c) || joins_emoji(before, c, after) {
            out.push(c);
        } else if !(keeps_lines && c == '\r' && after == Some('\n')) {
            out.push_str(&mark(c));
        }
        before = c;
    }
    Cow::Owned(out)
}

/// Returns whether `c` only says how the sign around it is drawn: at most one behind each sign, so that it hides no text.
fn joins_emoji(before: char, c: char, after: Option<char>) -> bool {
    let is_sign = |it: char| {
        matches!(it, '\u{a9}' | '\u{ae}' | '\u{203c}'..='\u{2bff}' | '\u{3030}' | '\u{303d}' | '\u{1f000}'..='\u{1faff}')
            && !is_unseen(it)
    };
    match c {
        '\u{fe0f}' => is_sign(before),
        '\u{200d}' => (is_sign(before) || before == '\u{fe0f}') && after.is_some_and(is_sign),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_page_would_obey_or_leave_out_is_marked() {
        for (written, seen) in [
            ("a\u{202e}b\u{2066}c\u{2069}", r"a\u202eb\u2066c\u2069"),
            ("zero\u{200b}width\u{200d}\u{feff}", r"zero\u200bwidth\u200d\ufeff"),
            ("tag\u{e0061}\u{e007f}", r"tag\U000e0061\U000e007f"),
            ("so\u{ad}ft \u{3164}\u{fe0f}", r"so\u00adft \u3164\ufe0f"),
            ("\u{1b}[8mx\r", r"\x1b[8mx\x0d"),
        ] {
            assert_eq!(marked(written), seen);
        }
        assert_eq!(marked("one\r\n\ttwo\n"), "one\n\ttwo\n");
        assert_eq!(on_one_line("x +1 −0\n\nCommands\t"), r"x +1 −0\n\nCommands\t");
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in
            ["plain", "Grüße, 漢字 עברית العربية", "⚠\u{fe0f} 👩\u{200d}💻 ❤\u{fe0f}\u{200d}🔥"]
        {
            assert_eq!(marked(text), text);
            assert!(matches!(marked(text), Cow::Borrowed(_)) || text.contains('\u{fe0f}'));
        }
    }
}
