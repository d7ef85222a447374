//! Reads the markers of a final message. Pure; any bytes may come in.

use serde::{Deserialize, Serialize};

/// What a marker says. `REVIEW:` reads as [`Marker::Done`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Marker {
    /// `DONE:` or `REVIEW:`.
    Done,
    /// `QUESTION:`.
    Question,
    /// `PASS:`.
    Pass,
    /// `CHANGES:`.
    Changes,
}

/// What a final message says in markers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Markers {
    /// Nothing.
    None,
    /// One kind; of several of one kind, the last.
    One {
        /// The kind.
        marker: Marker,
        /// What follows it, up to the end of that paragraph.
        text: String,
    },
    /// Several kinds: no report.
    Conflict {
        /// Which.
        markers: Vec<Marker>,
    },
    /// The message was not read.
    NotRead {
        /// Why.
        why: String,
    },
}

const WORDS: [(&str, Marker); 5] = [
    ("DONE:", Marker::Done),
    ("REVIEW:", Marker::Done),
    ("QUESTION:", Marker::Question),
    ("PASS:", Marker::Pass),
    ("CHANGES:", Marker::Changes),
];

/// Reads `message`. A marker stands at the very start of a line, in capitals, outside fenced code.
pub fn read(message: &[u8]) -> Markers {
    let text = plain(message);
    let mut found: Vec<(Marker, String)> = Vec::new();
    let mut fence: Option<(char, usize)> = None;
    let mut is_open = false;
    for line in text.lines() {
        if let Some(open) = fence {
            fence = if closes(line, open) { None } else { Some(open) };
            continue;
        }
        fence = opens(line);
        let word = WORDS.iter().find_map(|(word, m)| Some((*m, line.strip_prefix(word)?)));
        if fence.is_some() || line.trim().is_empty() {
            is_open = false;
        } else if let Some((marker, rest)) = word {
            found.push((marker, rest.trim().to_owned()));
            is_open = true;
        } else if let (true, Some((_, text))) = (is_open, found.last_mut()) {
            text.push('\n');
            text.push_str(line.trim_end());
        }
    }
    judge(found)
}

fn judge(found: Vec<(Marker, String)>) -> Markers {
    let mut kinds: Vec<Marker> = found.iter().map(|(marker, _)| *marker).collect();
    kinds.sort();
    kinds.dedup();
    match (kinds.len(), found.into_iter().next_back()) {
        (1, Some((marker, text))) => Markers::One { marker, text: text.trim().to_owned() },
        (0, _) | (_, None) => Markers::None,
        (_, Some(_)) => Markers::Conflict { markers: kinds },
    }
}

/// Returns the fence that `line` opens: its character and length.
fn opens(line: &str) -> Option<(char, usize)> {
    let indent = line.len() - line.trim_start_matches(' ').len();
    let line = line.trim_start_matches(' ');
    let mark = line.chars().next().filter(|c| *c == '`' || *c == '~')?;
    let length = line.chars().take_while(|c| *c == mark).count();
    let is_inline = mark == '`' && line[length..].contains('`');
    (indent <= 3 && length >= 3 && !is_inline).then_some((mark, length))
}

fn closes(line: &str, (mark, length): (char, usize)) -> bool {
    let is_bare = line.trim().chars().all(|c| c == mark);
    is_bare && opens(line).is_some_and(|(m, l)| m == mark && l >= length)
}

/// Returns `bytes` as text: escapes, carriage returns and other control characters gone, broken UTF-8 replaced.
pub fn plain(bytes: &[u8]) -> String {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((&byte, after)) = rest.split_first() {
        rest = match byte {
            0x1b => after_escape(after),
            b'\n' | b'\t' | 0x20..=0x7e | 0x80..=0xff => {
                kept.push(byte);
                after
            }
            0x00..=0x08 | 0x0b..=0x1a | 0x1c..=0x1f | 0x7f => after,
        };
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// Returns what follows the escape sequence whose ESC was just read.
fn after_escape(rest: &[u8]) -> &[u8] {
    match rest.split_first() {
        Some((b'[', body)) => {
            let length = body.iter().take_while(|b| matches!(b, 0x20..=0x3f)).count();
            let rest = &body[length..];
            rest.split_first().filter(|(b, _)| matches!(b, 0x40..=0x7e)).map_or(rest, |(_, r)| r)
        }
        Some((b']' | b'P' | b'X' | b'^' | b'_', body)) => after_string(body),
        Some((0x20..=0x2f, _)) => {
            let length = rest.iter().take_while(|b| matches!(b, 0x20..=0x2f)).count();
            let rest = &rest[length..];
            rest.split_first().filter(|(b, _)| matches!(b, 0x30..=0x7e)).map_or(rest, |(_, r)| r)
        }
        Some((0x30..=0x7e, rest)) => rest,
        Some(_) | None => rest,
    }
}

/// Returns what follows a control string: after BEL or `ESC \`, or at a line's end, so that a broken one hides one line only.
fn after_string(body: &[u8]) -> &[u8] {
    let end = body.iter().position(|b| matches!(b, 0x07 | 0x1b | b'\n'));
    let Some(end) = end else { return &[] };
    match (body[end], body.get(end + 1)) {
        (0x1b, Some(b'\\')) => &body[end + 2..],
        (0x07, _) => &body[end + 1..],
        _ => &body[end..],
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(marker: Marker, text: &str) -> Markers {
        Markers::One { marker, text: text.into() }
    }

    #[test]
    fn each_marker_is_read_and_review_means_done() {
        assert_eq!(read(b"DONE: all of it"), one(Marker::Done, "all of it"));
        assert_eq!(read(b"words\nREVIEW: please\n"), one(Marker::Done, "please"));
        assert_eq!(read(b"QUESTION: which?"), one(Marker::Question, "which?"));
        assert_eq!(read(b"PASS: fine"), one(Marker::Pass, "fine"));
        assert_eq!(read(b"CHANGES: no"), one(Marker::Changes, "no"));
        assert_eq!(read(b"DONE:"), one(Marker::Done, ""));
    }

    #[test]
    fn of_one_kind_the_last_counts_and_two_kinds_are_no_report() {
        assert_eq!(read(b"DONE: a\n\nREVIEW: b\nDONE: c"), one(Marker::Done, "c"));
        let both = Markers::Conflict { markers: vec![Marker::Done, Marker::Question] };
        assert_eq!(read(b"QUESTION: x?\nDONE: y"), both);
    }

    #[test]
    fn nothing_but_the_exact_word_at_the_start_of_a_line_counts() {
        let lookalikes: [&[u8]; 9] = [
            b"PASSED: 3",
            b"done: x",
            b"Done: x",
            b" DONE: x",
            b"I am DONE: x",
            b"**DONE:** x",
            b"> DONE: x",
            b"DONE : x",
            b"ALMOST DONE: x",
        ];
        for text in lookalikes {
            assert_eq!(read(text), Markers::None, "{}", String::from_utf8_lossy(text));
        }
    }

    #[test]
    fn the_text_goes_to_the_end_of_the_paragraph() {
        let text = b"DONE: first\nsecond  \n\nnot this";
        assert_eq!(read(text), one(Marker::Done, "first\nsecond"));
        assert_eq!(read(b"DONE:\nbelow\n```\nx\n```\nafter"), one(Marker::Done, "below"));
    }

    #[test]
    fn a_marker_in_fenced_code_is_no_marker() {
        assert_eq!(read(b"```\nDONE: x\n```\n"), Markers::None);
        assert_eq!(read(b"````md\n```\nDONE: x\n```\n````\nPASS: y"), one(Marker::Pass, "y"));
        assert_eq!(read(b"~~~\n```\nDONE: x\n~~~\nPASS: y"), one(Marker::Pass, "y"));
        assert_eq!(read(b"```\nnever closed\nDONE: x"), Markers::None);
        assert_eq!(read(b"```inline``` code\nDONE: x"), one(Marker::Done, "x"));
    }

    #[test]
    fn escapes_carriage_returns_and_broken_utf8_do_not_hide_a_marker() {
        let text = b"\x1b[1;32mDONE:\x1b[0m ok\xff\r\n\x1b]0;title\x07rest\x1b]8;;u\x1b\\link\r\n";
        assert_eq!(read(text), one(Marker::Done, "ok\u{fffd}\nrestlink"));
        assert_eq!(read(b"\x1b(BDONE: x\x1b[?25h"), one(Marker::Done, "x"));
        assert_eq!(read(b"\x1b]0;broken\nDONE: x"), one(Marker::Done, "x"));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic_and_alike_twice(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(read(&bytes), read(&bytes));
            prop_assert_eq!(plain(&bytes).find(char::from(0x1b)), None);
        }

        #[test]
        fn pieces_of_real_messages_never_panic(pieces in proptest::collection::vec(
            prop::sample::select(vec!["DONE:", "PASS:", "\n", "```", "~~~~", "\x1b[", "\x1b]", "\x07", "m", " ", "x", "é", "\r"]), 0..60)) {
            let text = pieces.concat();
            if !text.contains("DONE:") && !text.contains("PASS:") && !text.contains('\x1b') && !text.contains('\r') {
                prop_assert_eq!(read(text.as_bytes()), Markers::None);
            }
        }
    }
}
