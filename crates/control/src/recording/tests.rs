//! Recordings against the rules of asciicast v2.

use serde_json::Value;

use super::*;

/// A recording, read by the rules: a header object of version 2 with a size, then events in the order of their times.
#[derive(Debug)]
struct Cast {
    header: Value,
    events: Vec<(f64, String, String)>,
}

impl Cast {
    #[track_caller]
    fn read(bytes: &[u8]) -> Self {
        let text = std::str::from_utf8(bytes).expect("UTF-8");
        assert!(text.ends_with('\n'), "a line that is not whole: {text:?}");
        let mut lines = text.lines();
        let header: Value = serde_json::from_str(lines.next().expect("a header")).expect("JSON");
        assert_eq!(header["version"], 2);
        assert!(header["width"].as_u64() > Some(0) && header["height"].as_u64() > Some(0));
        let events: Vec<(f64, String, String)> =
            lines.map(|it| serde_json::from_str(it).expect("an event")).collect();
        for (before, after) in events.iter().zip(events.iter().skip(1)) {
            assert!(before.0 <= after.0, "time goes back: {before:?} {after:?}");
        }
        let known = |kind: &str| matches!(kind, "o" | "r");
        assert!(events.iter().all(|(at, kind, _)| *at >= 0.0 && known(kind)));
        Self { header, events }
    }

    fn told(&self) -> Vec<(f64, &str, &str)> {
        self.events.iter().map(|(at, kind, text)| (*at, kind.as_str(), text.as_str())).collect()
    }
}

fn recorded(journal: &[u8], times: &str, has_terminal: bool) -> Cast {
    let temp = tempfile::tempdir().unwrap();
    let files = LaneFiles::new(temp.path());
    std::fs::write(files.journal(), journal).unwrap();
    std::fs::write(files.times(), times).unwrap();
    let lane = Lane { files, title: "A-1 · coder".into(), has_terminal };
    let mut bytes = Vec::new();
    write_cast(&lane, &mut bytes).unwrap();
    Cast::read(&bytes)
}

#[test]
fn a_terminals_bytes_come_at_their_moments_with_its_sizes() {
    let journal = "\u{1b}[2Jfirst\r\nsecond\r\n".as_bytes();
    let times = "began 1790000000123\n0 0 200x50\n40 0\n900 11\n950 11 90x33\n1200 17\n";
    let cast = recorded(journal, times, true);
    let header = &cast.header;
    assert_eq!((&header["width"], &header["height"]), (&json!(200), &json!(50)));
    assert_eq!(
        (&header["timestamp"], &header["title"]),
        (&json!(1_790_000_000), &json!("A-1 · coder"))
    );
    let expected = [
        (0.04, "o", "\u{1b}[2Jfirst\r\n"),
        (0.95, "r", "90x33"),
        (0.95, "o", "second"),
        (1.2, "o", "\r\n"),
    ];
    assert_eq!(cast.told(), expected);
}

#[test]
fn lines_without_a_terminal_begin_at_the_left_and_no_character_is_torn() {
    let journal = "größer\nund so\r\n".as_bytes();
    // The second moment lies within the `ö`.
    let cast = recorded(journal, "began 1\n5 0\n70 3\n", false);
    assert_eq!(cast.told(), [(0.005, "o", "gr"), (0.07, "o", "ößer\r\nund so\r\n")]);
    assert_eq!(cast.header["width"], PAGE.0);
}

#[test]
fn secrets_are_masked_across_moments_and_what_follows_keeps_its_time() {
    let token = format!("ghp_{}", "a1B2c3D4e5".repeat(4));
    let journal = format!("before {token} after\nand\nlater\n");
    let (within, later) = (15, journal.len() - 6);
    let cast =
        recorded(journal.as_bytes(), &format!("began 1\n0 0\n50 {within}\n4000 {later}\n"), true);
    let whole: String = cast.events.iter().map(|it| it.2.as_str()).collect();
    assert_eq!(whole, "before [masked: GitHub token] after\nand\nlater\n");
    assert_eq!(cast.told().last(), Some(&(4.0, "o", "later\n")));
    assert_eq!(cast.told().first(), Some(&(0.0, "o", "before [masked: GitHub token]")));
}

#[test]
fn a_journal_without_times_or_without_anything_is_a_recording_too() {
    let cast = recorded(b"all at once \xff\n", "", false);
    assert_eq!(cast.told(), [(0.0, "o", "all at once \u{fffd}\r\n")]);
    assert!(recorded(b"", "", true).events.is_empty());
    let broken_off = recorded(b"half \xe2\x9c", "began 1\n3 0\n", true);
    assert_eq!(broken_off.told().last(), Some(&(0.003, "o", "\u{fffd}")));
}

#[test]
fn a_long_journal_is_cut_where_a_line_ends_and_before_a_key_that_goes_on() {
    assert_eq!(cut_of(b"one\ntwo\nthr"), 8);
    assert_eq!(cut_of(b"one\n-----BEGIN PRIVATE KEY-----\nab\ncd"), 4);
    assert_eq!(cut_of(b"-----BEGIN X-----\na\n-----END X-----\nb"), 36);
    assert_eq!(cut_of(b"no end"), 2);
}
