//! What git keeps at a path: a file, one that can be run, a symbolic link, a submodule. Told in words where it is more than a file.

use crate::unseen::on_one_line;

/// One side of a changed path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Git's mode, like `100644`.
    pub mode: &'a str,
    /// Where a symbolic link leads, or the commit that a submodule stands at; nothing where that is not known.
    pub target: Option<&'a str>,
}

/// What a mode says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    File,
    Executable,
    Link,
    Submodule,
    Other,
}

impl Entry<'_> {
    fn kind(self) -> Kind {
        match self.mode {
            "100644" => Kind::File,
            "100755" => Kind::Executable,
            "120000" => Kind::Link,
            "160000" => Kind::Submodule,
            _ => Kind::Other,
        }
    }

    /// Returns the words for it.
    fn words(self, with_article: bool) -> String {
        let (article, word, between) = match self.kind() {
            Kind::File => ("a ", "file".to_owned(), ""),
            Kind::Executable => ("an ", "executable file".to_owned(), ""),
            Kind::Link => ("a ", "symbolic link".to_owned(), " to "),
            Kind::Submodule => ("a ", "submodule".to_owned(), " at commit "),
            Kind::Other => ("an ", format!("entry of mode {}", on_one_line(self.mode)), ""),
        };
        let article = if with_article { article } else { "" };
        let target = self.target.filter(|_| !between.is_empty());
        let target = target.map_or_else(String::new, |it| format!("{between}{}", on_one_line(it)));
        format!("{article}{word}{target}")
    }
}

/// Returns what a path was and is, where that is more than a plain file whose text was changed.
pub fn told(before: Option<Entry<'_>>, after: Option<Entry<'_>>) -> Option<String> {
    let is_plain = |it: &Entry<'_>| it.kind() == Kind::File;
    let words = match (before, after) {
        (None, None) => return None,
        (None, Some(it)) | (Some(it), None) if is_plain(&it) => return None,
        (None, Some(it)) if it.kind() == Kind::Executable => {
            format!("mode {} (executable)", it.mode)
        }
        (None, Some(it)) => it.words(false),
        (Some(it), None) => format!("was {}", it.words(true)),
        (Some(was), Some(is)) => changed(was, is)?,
    };
    Some(words)
}

fn changed(was: Entry<'_>, is: Entry<'_>) -> Option<String> {
    match (was.kind(), is.kind()) {
        (Kind::File, Kind::File) | (Kind::Executable, Kind::Executable) => None,
        (Kind::File, Kind::Executable) => Some("mode 100644 → 100755 (now executable)".into()),
        (Kind::Executable, Kind::File) => {
            Some("mode 100755 → 100644 (no longer executable)".into())
        }
        (before, after) if before == after && was.mode == is.mode => {
            let (word, target) = (Entry { target: None, ..is }.words(false), is.target);
            let part = |it: Option<&str>| on_one_line(it.unwrap_or("unknown")).into_owned();
            let is_moved = target.is_some() && was.target != target;
            let between = if is_moved {
                format!(", {} → {}", part(was.target), part(target))
            } else {
                String::new()
            };
            Some(format!("{word}{between}"))
        }
        (_, _) => Some(format!("was {}, is now {}", was.words(true), is.words(true))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_more_than_a_file_is_told_with_what_it_was() {
        let at = |mode, target| Some(Entry { mode, target });
        let (file, run) = (at("100644", None), at("100755", None));
        let link = at("120000", Some("/etc/passwd"));
        let module = |commit| at("160000", Some(commit));
        let told = |before, after| told(before, after).unwrap_or_default();
        assert_eq!(told(None, file) + &told(file, None) + &told(file, file) + &told(run, run), "");
        assert_eq!(told(None, run), "mode 100755 (executable)");
        assert_eq!(told(file, run), "mode 100644 → 100755 (now executable)");
        assert_eq!(told(run, file), "mode 100755 → 100644 (no longer executable)");
        assert_eq!(told(None, link), "symbolic link to /etc/passwd");
        assert_eq!(told(file, link), "was a file, is now a symbolic link to /etc/passwd");
        assert_eq!(told(link, None), "was a symbolic link to /etc/passwd");
        assert_eq!(
            told(link, at("120000", Some("a\n\u{202e}b"))),
            r"symbolic link, /etc/passwd → a\n\u202eb"
        );
        assert_eq!(told(None, module("aa")), "submodule at commit aa");
        assert_eq!(told(module("aa"), module("bb")), "submodule, aa → bb");
        assert_eq!(told(module("aa"), file), "was a submodule at commit aa, is now a file");
        assert_eq!(told(file, at("100664", None)), "was a file, is now an entry of mode 100664");
    }
}
