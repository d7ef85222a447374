//! Tells what somebody typed from what their terminal says by itself: that it has the focus, where its mouse is, what it is.

/// Returns whether `bytes` hold anything that a person typed.
///
/// What is cut in the middle counts as typed: one author too many asks another person, one too few lets somebody judge
/// their own work.
pub(crate) fn are_typed(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        match report(bytes) {
            Some(length) => bytes = &bytes[length..],
            None => return true,
        }
    }
    false
}

/// Returns the length of the terminal's own report that `bytes` begin with.
fn report(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [0x1b, b'[', rest @ ..] => control(rest).map(|it| it + 2),
        // Answers about colours and the like: to the bell, or to ESC and a backslash.
        [0x1b, b']' | b'P' | b'_', rest @ ..] => {
            let bell = rest.iter().position(|it| *it == 0x07).map(|it| it + 1);
            let end = rest.windows(2).position(|it| it == [0x1b, b'\\']).map(|it| it + 2);
            [bell, end].into_iter().flatten().min().map(|it| it + 2)
        }
        _ => None,
    }
}

/// Returns the length of a report after its ESC and bracket.
fn control(rest: &[u8]) -> Option<usize> {
    if let [b'M', _, _, _, ..] = rest {
        return Some(4);
    }
    let at = rest.iter().position(|it| (0x40..=0x7e).contains(it))?;
    let (said, last) = (&rest[..at], rest[at]);
    let is_mouse = matches!(last, b'M' | b'm') && said.first() == Some(&b'<');
    let is_focus = matches!(last, b'I' | b'O') && said.is_empty();
    let is_answer = matches!(last, b'c' | b'n' | b'R' | b't' | b'y') && !said.is_empty();
    (is_mouse || is_focus || is_answer).then_some(at + 1)
}

#[cfg(test)]
mod tests {
    use super::are_typed;

    #[test]
    fn what_a_terminal_says_by_itself_is_not_typed() {
        for said in [
            "",
            "\x1b[I",
            "\x1b[O\x1b[I",
            "\x1b[?62;22c",
            "\x1b[>84;0;0c",
            "\x1b[24;80R",
            "\x1b[<35;10;5M\x1b[<0;10;5m",
            "\x1b[M !!",
            "\x1b]11;rgb:0000/0000/0000\x07",
            "\x1bP>|tmux 3.4\x1b\\",
        ] {
            assert!(!are_typed(said.as_bytes()), "{said:?}");
        }
    }

    #[test]
    fn words_and_keys_are_typed() {
        for keys in [
            "y",
            "\r",
            "\x1b",
            "\x1b[A",
            "\x1bOA",
            "\x1b[Iyes\r",
            "\x1b[200~pasted\x1b[201~",
            "\x03",
        ] {
            assert!(are_typed(keys.as_bytes()), "{keys:?}");
        }
    }
}
