//! What an agent printed, as plain text: escape sequences and other control characters are left out.

/// Returns `bytes` as text that a page may show: lines, tabs, and nothing that steers a terminal.
pub(crate) fn plain(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\u{1b}' => skip_sequence(&mut rest),
            '\n' | '\t' => out.push(next),
            other if other.is_control() => {}
            other => out.push(other),
        }
    }
    out
}

/// Skips one escape sequence: CSI to its final letter, OSC to its end, else one character.
fn skip_sequence(rest: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match rest.next() {
        Some('[') => {
            rest.find(|it| ('@'..='~').contains(it));
        }
        Some(']' | 'P' | '_' | '^') => {
            let mut last = ' ';
            rest.find(|it| {
                let is_end = *it == '\u{7}' || (last == '\u{1b}' && *it == '\\');
                last = *it;
                is_end
            });
        }
        Some('(' | ')' | '#' | '%') => {
            rest.next();
        }
        Some(_) | None => {}
    }
}

#[cfg(test)]
mod tests {
    use super::plain;

    #[test]
    fn what_steers_a_terminal_is_left_out_and_text_stays() {
        let printed = b"\x1b[1;32mok\x1b[0m\r\n\x1b]0;title\x07two\ttabs\x1b(B \xe2\x9c\x93\x00";
        assert_eq!(plain(printed), "ok\ntwo\ttabs \u{2713}");
    }
}
