//! Reads git's unified diff. What it cannot read is left out, and never guessed.

/// The change of a whole packet.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Patch {
    /// One entry a file, in git's order.
    pub files: Vec<FileDiff>,
    /// Whether the text was cut because it is too long.
    pub is_cut: bool,
}

/// The change of one file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileDiff {
    /// Its path after the change; before it where it was removed.
    pub path: String,
    /// Its path before, where it was renamed.
    pub was: Option<String>,
    /// What happened to it.
    pub kind: FileKind,
    /// The changed places.
    pub hunks: Vec<Hunk>,
}

/// What happened to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FileKind {
    /// Its text was changed.
    #[default]
    Changed,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It has another name, and perhaps other text.
    Renamed,
    /// It is no text.
    Binary,
}

/// One changed place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Hunk {
    /// Where it is, like `@@ -18,9 +18,14 @@`.
    pub place: String,
    /// The line that git thinks it belongs to, like a function's head; may be empty.
    pub within: String,
    /// Its lines.
    pub lines: Vec<Line>,
}

/// One line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What happened to it.
    pub kind: LineKind,
    /// Its number before, from 1.
    pub old: Option<u32>,
    /// Its number after, from 1.
    pub new: Option<u32>,
    /// Its text, without its end.
    pub text: String,
}

/// What happened to a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LineKind {
    /// It is the same before and after.
    Same,
    /// It is new.
    Added,
    /// It is gone.
    Removed,
}

impl FileDiff {
    /// Returns how many lines were added and removed.
    pub fn counts(&self) -> (u32, u32) {
        let count = |kind| {
            let lines = self.hunks.iter().flat_map(|it| &it.lines).filter(|it| it.kind == kind);
            u32::try_from(lines.count()).unwrap_or(u32::MAX)
        };
        (count(LineKind::Added), count(LineKind::Removed))
    }

    /// Returns how many lines it has to show.
    pub fn len(&self) -> usize {
        self.hunks.iter().map(|it| it.lines.len()).sum()
    }

    /// Returns whether there is no line to show.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// How many lines of a hunk are still to come, before and after.
#[derive(Default)]
struct Left {
    old: u32,
    new: u32,
    at_old: u32,
    at_new: u32,
}

/// Reads a diff; `is_cut` says that its end is missing.
pub fn parse(text: &str, is_cut: bool) -> Patch {
    let mut patch = Patch { files: Vec::new(), is_cut };
    let mut left = Left::default();
    for line in text.split('\n') {
        if left.old > 0 || left.new > 0 {
            if let Some(hunk) = patch.files.last_mut().and_then(|it| it.hunks.last_mut()) {
                hunk.lines.extend(body(line, &mut left));
            }
            continue;
        }
        if let Some(rest) = line.strip_prefix("diff --git ") {
            patch.files.push(FileDiff { path: of_header(rest), ..FileDiff::default() });
            continue;
        }
        let Some(file) = patch.files.last_mut() else { continue };
        if let Some(rest) = line.strip_prefix("@@ ") {
            if let Some((hunk, counted)) = head(rest) {
                file.hunks.push(hunk);
                left = counted;
            }
        } else {
            note(file, line);
        }
    }
    patch
}

/// Reads one line of a hunk.
fn body(line: &str, left: &mut Left) -> Option<Line> {
    let (mark, text) = match line.chars().next() {
        Some(mark @ (' ' | '+' | '-' | '\\')) => (mark, line.get(1..).unwrap_or_default()),
        // An empty line of context may have lost its blank on the way.
        None | Some(_) => (' ', line),
    };
    let text = text.trim_end_matches('\r').to_owned();
    let mut old = || {
        left.old = left.old.saturating_sub(1);
        left.at_old += 1;
        Some(left.at_old - 1)
    };
    let mut new = || {
        left.new = left.new.saturating_sub(1);
        left.at_new += 1;
        Some(left.at_new - 1)
    };
    Some(match mark {
        '+' => Line { kind: LineKind::Added, old: None, new: new(), text },
        '-' => Line { kind: LineKind::Removed, old: old(), new: None, text },
        '\\' => return None,
        _ => Line { kind: LineKind::Same, old: old(), new: new(), text },
    })
}

/// Reads what follows `@@ `.
fn head(rest: &str) -> Option<(Hunk, Left)> {
    let (place, within) = rest.split_once(" @@")?;
    let (old, new) = place.split_once(' ')?;
    let range = |text: &str| -> Option<(u32, u32)> {
        let text = text.get(1..)?;
        match text.split_once(',') {
            Some((at, count)) => Some((at.parse().ok()?, count.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        }
    };
    let ((at_old, old), (at_new, new)) = (range(old)?, range(new)?);
    let hunk = Hunk {
        place: format!("@@ {place} @@"),
        within: within.trim().to_owned(),
        lines: Vec::new(),
    };
    Some((hunk, Left { old, new, at_old, at_new }))
}

/// Takes what a line between header and hunks says about the file.
fn note(file: &mut FileDiff, line: &str) {
    if line.starts_with("new file mode") {
        file.kind = FileKind::Added;
    } else if line.starts_with("deleted file mode") {
        file.kind = FileKind::Removed;
    } else if let Some(from) = line.strip_prefix("rename from ") {
        file.kind = FileKind::Renamed;
        file.was = Some(plain(from));
    } else if let Some(to) = line.strip_prefix("rename to ") {
        file.path = plain(to);
    } else if line.starts_with("Binary files ") || line.starts_with("GIT binary patch") {
        file.kind = FileKind::Binary;
    } else if let Some(path) = line.strip_prefix("+++ ") {
        let path = plain(path);
        if let Some(path) = path.strip_prefix("b/") {
            file.path = path.into();
        }
    }
}

/// Returns the path in `a/PATH b/PATH`; both are the same unless a later line says otherwise.
fn of_header(rest: &str) -> String {
    let whole = plain(rest);
    let half = whole.len() / 2;
    let path = whole.get(half + 1..).unwrap_or(&whole);
    path.strip_prefix("b/").unwrap_or(path).to_owned()
}

/// Returns a path as git wrote it, without the quotes that odd characters get it, and without a trailing tab.
fn plain(path: &str) -> String {
    let path = path.trim_end_matches(['\r', '\t']);
    let Some(quoted) = path.strip_prefix('"').and_then(|it| it.strip_suffix('"')) else {
        return path.to_owned();
    };
    quoted.replace("\\t", "\t").replace("\\\"", "\"").replace("\\\\", "\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "diff --git a/src/lib.rs b/src/lib.rs
index 1111111..2222222 100644
--- a/src/lib.rs
+++ b/src/lib.rs
@@ -1,4 +1,5 @@ fn head() {
 one
-two
+2
+2b
 three
-diff --git a/no b/no
+@@ -1 +1 @@
\\ No newline at end of file
diff --git a/new.txt b/new.txt
new file mode 100644
--- /dev/null
+++ b/new.txt
@@ -0,0 +1 @@
+hello
diff --git a/old name.txt b/new name.txt
similarity index 100%
rename from old name.txt
rename to new name.txt
diff --git a/boat.png b/boat.png
index 1..2 100644
Binary files a/boat.png and b/boat.png differ
";

    #[test]
    fn lines_are_numbered_on_both_sides_and_text_that_looks_like_a_header_stays_text() {
        let patch = parse(TEXT, false);
        let file = &patch.files[0];
        assert_eq!((file.path.as_str(), file.counts()), ("src/lib.rs", (3, 2)));
        assert_eq!(file.hunks[0].within, "fn head() {");
        let told: Vec<_> =
            file.hunks[0].lines.iter().map(|it| (it.old, it.new, it.text.as_str())).collect();
        assert_eq!(
            told,
            [
                (Some(1), Some(1), "one"),
                (Some(2), None, "two"),
                (None, Some(2), "2"),
                (None, Some(3), "2b"),
                (Some(3), Some(4), "three"),
                (Some(4), None, "diff --git a/no b/no"),
                (None, Some(5), "@@ -1 +1 @@"),
            ]
        );
    }

    #[test]
    fn new_renamed_and_binary_files_are_told_apart() {
        let patch = parse(TEXT, false);
        let told: Vec<_> =
            patch.files.iter().map(|it| (it.path.as_str(), it.kind, it.was.as_deref())).collect();
        assert_eq!(
            told,
            [
                ("src/lib.rs", FileKind::Changed, None),
                ("new.txt", FileKind::Added, None),
                ("new name.txt", FileKind::Renamed, Some("old name.txt")),
                ("boat.png", FileKind::Binary, None),
            ]
        );
    }

    #[test]
    fn no_text_makes_it_panic() {
        for text in [
            "",
            "@@ -x +y @@",
            "diff --git ",
            "diff --git a\n@@ -1,9 +1,9 @@\n+",
            "+++ b/x\n@@",
            "diff --git ä\n--- \n+++ ",
        ] {
            parse(text, true);
        }
        assert!(parse("", true).is_cut);
    }
}
