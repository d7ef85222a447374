//! Reads git's unified diff. What it cannot read is left out, and never guessed.

use mission_domain::entry::{self, Entry};

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
    /// Git's mode of it before, like `100644`; none where it was not there, or where git does not say.
    pub old_mode: Option<String>,
    /// Git's mode of it after.
    pub mode: Option<String>,
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

    /// Returns what it was and is, where that is more than a file whose text was changed.
    pub fn told(&self) -> Option<String> {
        let points = |mode: &Option<String>| matches!(mode.as_deref(), Some("120000" | "160000"));
        let target = |mode, kind| if points(mode) { self.target(kind) } else { None };
        let was = target(&self.old_mode, LineKind::Removed);
        let is = target(&self.mode, LineKind::Added);
        let before = self.old_mode.as_deref().map(|mode| Entry { mode, target: was.as_deref() });
        let after = self.mode.as_deref().map(|mode| Entry { mode, target: is.as_deref() });
        entry::told(before, after)
    }

    /// Returns where a link leads, or the commit of a submodule: git writes either as the text of a file.
    fn target(&self, kind: LineKind) -> Option<String> {
        let lines = self.hunks.iter().flat_map(|it| &it.lines).filter(|it| it.kind == kind);
        let text = lines.map(|it| it.text.as_str()).collect::<Vec<_>>().join("\n");
        let text = text.strip_prefix("Subproject commit ").unwrap_or(&text);
        (!text.is_empty()).then(|| text.to_owned())
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
    patch.files = whole(patch.files);
    patch
}

/// Returns `files` with those that became another kind of thing as one: git writes them as gone and new.
fn whole(files: Vec<FileDiff>) -> Vec<FileDiff> {
    let mut whole: Vec<FileDiff> = Vec::with_capacity(files.len());
    for file in files {
        let is_new = file.kind == FileKind::Added;
        match whole.last_mut() {
            Some(gone) if is_new && gone.kind == FileKind::Removed && gone.path == file.path => {
                gone.kind = FileKind::Changed;
                gone.mode = file.mode;
                gone.hunks.extend(file.hunks);
            }
            Some(_) | None => whole.push(file),
        }
    }
    whole
}

/// Reads one line of a hunk.
fn body(line: &str, left: &mut Left) -> Option<Line> {
    let (mark, text) = match line.chars().next() {
        Some(mark @ (' ' | '+' | '-' | '\\')) => (mark, line.get(1..).unwrap_or_default()),
        // An empty line of context may have lost its blank on the way.
        None | Some(_) => (' ', line),
    };
    let text = text.strip_suffix('\r').unwrap_or(text).to_owned();
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
    let mode = |it: &str| Some(it.trim_end().to_owned());
    if let Some(it) = line.strip_prefix("new file mode ") {
        file.kind = FileKind::Added;
        file.mode = mode(it);
    } else if let Some(it) = line.strip_prefix("deleted file mode ") {
        file.kind = FileKind::Removed;
        file.old_mode = mode(it);
    } else if let Some(it) = line.strip_prefix("old mode ") {
        file.old_mode = mode(it);
    } else if let Some(it) = line.strip_prefix("new mode ") {
        file.mode = mode(it);
    } else if let Some((_, it)) = line.strip_prefix("index ").and_then(|it| it.split_once(' ')) {
        (file.old_mode, file.mode) = (mode(it), mode(it));
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
    let rest = rest.trim_end_matches('\r');
    // Both are as long, quoted or not.
    let half = rest.get(rest.len() / 2 + 1..).unwrap_or(rest);
    let path = plain(half);
    path.strip_prefix("b/").map_or_else(|| path.clone(), str::to_owned)
}

/// Returns a path as it is: without the quotes that odd characters get it from git, and without a trailing tab.
fn plain(path: &str) -> String {
    let path = path.trim_end_matches(['\r', '\t']);
    let Some(quoted) = path.strip_prefix('"').and_then(|it| it.strip_suffix('"')) else {
        return path.to_owned();
    };
    let mut out = Vec::with_capacity(quoted.len());
    let mut bytes = quoted.bytes().peekable();
    while let Some(byte) = bytes.next() {
        if byte != b'\\' {
            out.push(byte);
            continue;
        }
        match bytes.next() {
            Some(digit @ b'0'..=b'7') => {
                let mut value = u32::from(digit - b'0');
                for _ in 0..2 {
                    let Some(next) = bytes.next_if(|it| (b'0'..=b'7').contains(it)) else { break };
                    value = value * 8 + u32::from(next - b'0');
                }
                out.push(u8::try_from(value).unwrap_or(b'?'));
            }
            Some(b'a') => out.push(7),
            Some(b'b') => out.push(8),
            Some(b't') => out.push(b'\t'),
            Some(b'n') => out.push(b'\n'),
            Some(b'v') => out.push(11),
            Some(b'f') => out.push(12),
            Some(b'r') => out.push(b'\r'),
            Some(other) => out.push(other),
            None => out.push(b'\\'),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
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
    fn what_is_more_than_a_changed_file_is_told() {
        let text = "diff --git a/vendor b/vendor
index 1111111..2222222 160000
--- a/vendor
+++ b/vendor
@@ -1 +1 @@
-Subproject commit 1111111
+Subproject commit 2222222
diff --git a/config.ini b/config.ini
deleted file mode 100644
index 3333333..0000000
--- a/config.ini
+++ /dev/null
@@ -1 +0,0 @@
-key = 1
diff --git a/config.ini b/config.ini
new file mode 120000
index 0000000..4444444
--- /dev/null
+++ b/config.ini
@@ -0,0 +1 @@
+/etc/passwd
\\ No newline at end of file
diff --git a/run.sh b/run.sh
old mode 100644
new mode 100755
index 5555555..6666666
--- a/run.sh
+++ b/run.sh
@@ -1 +1 @@
-true
+false
diff --git a/new.sh b/new.sh
new file mode 100755
index 0000000..e69de29
diff --git \"a/x\\n\\342\\200\\256.sh\" \"b/x\\n\\342\\200\\256.sh\"
old mode 100755
new mode 100644
";
        let patch = parse(text, false);
        let told: Vec<_> = patch
            .files
            .iter()
            .map(|it| (it.path.as_str(), it.told().unwrap_or_default()))
            .collect();
        assert_eq!(
            told,
            [
                ("vendor", "submodule, 1111111 → 2222222".to_owned()),
                ("config.ini", "was a file, is now a symbolic link to /etc/passwd".to_owned()),
                ("run.sh", "mode 100644 → 100755 (now executable)".to_owned()),
                ("new.sh", "mode 100755 (executable)".to_owned()),
                ("x\n\u{202e}.sh", "mode 100755 → 100644 (no longer executable)".to_owned()),
            ]
        );
        let link = &patch.files[1];
        assert_eq!((link.kind, link.counts()), (FileKind::Changed, (1, 1)));
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
