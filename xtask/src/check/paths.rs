//! Whether the paths that the documents name exist.

use super::Finding;
use crate::tree::Tree;

/// Where a word starts that is taken for a path of this repository.
const FOLDERS: &[&str] = &["crates/", "docs/", "xtask/", ".ci/", ".config/", ".cargo/"];

/// Finds words in the documents that look like a path of this repository, and relative links, which lead
/// nowhere. The changelog may name what is gone.
pub(super) fn paths(tree: &Tree) -> Vec<Finding> {
    let mut found = Vec::new();
    for (document, text) in tree.files.iter().filter(|(path, _)| is_document(path)) {
        for (number, line) in text.lines().enumerate() {
            for path in words(line).chain(links(document, line)).filter(|path| !tree.has(path)) {
                found.push(Finding::failure(
                    format!("{document}:{}", number + 1),
                    format!("names `{path}`, which does not exist"),
                ));
            }
        }
    }
    found
}

fn is_document(path: &str) -> bool {
    let is_at_the_top = !path.contains('/') && path != "CHANGELOG.md";
    path.ends_with(".md") && (is_at_the_top || path.starts_with("docs/"))
}

fn words(line: &str) -> impl Iterator<Item = String> {
    line.split(|c: char| !(c.is_alphanumeric() || "._-/".contains(c)))
        .map(|word| word.trim_end_matches(['.', '/']))
        .filter(|word| FOLDERS.iter().any(|folder| word.starts_with(folder)))
        .map(str::to_owned)
}

/// The targets of relative Markdown links, as paths from the root.
fn links(document: &str, line: &str) -> impl Iterator<Item = String> {
    let folder: Vec<String> = document.split('/').map(str::to_owned).collect();
    line.split("](").skip(1).filter_map(move |rest| {
        let target = rest.split([')', '#']).next().unwrap_or_default();
        let is_relative = !target.is_empty() && !target.contains(':');
        is_relative.then(|| {
            let mut parts: Vec<&str> =
                folder.iter().map(String::as_str).take(folder.len() - 1).collect();
            for part in target.split('/') {
                match part {
                    "." | "" => {}
                    ".." => drop(parts.pop()),
                    _ => parts.push(part),
                }
            }
            parts.join("/")
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found_in(document: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[
            (document, text),
            ("crates/store/src/lib.rs", ""),
            ("docs/glossary.md", ""),
        ]);
        paths(&tree)
            .into_iter()
            .map(|finding| format!("{} {}", finding.place, finding.text))
            .collect()
    }

    #[test]
    fn a_path_that_exists_is_fine() {
        assert_eq!(
            found_in("README.md", "see `crates/store/` and [words](docs/glossary.md#gate)."),
            [""; 0]
        );
        assert_eq!(found_in("docs/adr/one.md", "[words](../glossary.md)"), [""; 0]);
    }

    #[test]
    fn a_path_that_does_not_exist_fails_with_its_line() {
        assert_eq!(
            found_in("ARCHITECTURE.md", "fine\n`crates/stroe/src/lib.rs`."),
            ["ARCHITECTURE.md:2 names `crates/stroe/src/lib.rs`, which does not exist"]
        );
        assert_eq!(found_in("docs/adr/one.md", "[words](glossary.md)").len(), 1);
    }

    #[test]
    fn the_changelog_and_the_web_are_left_alone() {
        assert_eq!(found_in("CHANGELOG.md", "crates/gone"), [""; 0]);
        assert_eq!(found_in("README.md", "[x](https://example.org/crates/gone)"), [""; 0]);
    }
}
